//! A real HAProxy that sends every request to the leader, as the status ports tell it; and what Prometheus says of our metrics.
//!
//! It needs Debian's `haproxy`, `prometheus` and `python3`, and so is run by hand: `cargo test --test real balancer -- --ignored`. `.ci/long`
//! does that. Each of three nodes runs a small web server while it leads, which writes down every request that it answers.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

use crate::common::{PATIENCE, patience::rest_of};

/// What the nodes run: it answers with its epoch, and has written down by then which request that was.
const SERVER: &str = "
import http.server, os, sys
log = open(sys.argv[2], 'a')
epoch = os.environ['BALLOTBOX_EPOCH']
class Only(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        log.write(f'{self.path} {epoch}\\n')
        log.flush()
        self.send_response(200)
        self.send_header('Content-Length', str(len(epoch)))
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(epoch.encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Only).serve_forever()
";

/// Addresses that were free a moment ago.
fn free(count: usize) -> Vec<SocketAddr> {
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

/// A process that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Three nodes, and the balancer before their programs.
struct Site {
    folder: PathBuf,
    nodes: Vec<Option<Running>>,
    status: Vec<SocketAddr>,
    front: SocketAddr,
    _balancer: Running,
}

impl Site {
    fn start(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let (elections, status, programs) = (free(3), free(3), free(3));
        let front = free(1)[0];
        let members = elections.iter().zip(1..).map(|(at, id)| json!({ "id": id, "election": at }));
        let votes = json!({ "members": members.collect::<Vec<_>>() });
        fs::write(folder.join("votes.json"), votes.to_string()).unwrap();
        let servers = status.iter().zip(&programs).zip(1..).map(|((status, program), id)| {
            format!("  server node{id} {program} check port {} inter 50ms\n", status.port())
        });
        let config = format!(
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n  timeout check 1s\n\
             frontend all\n  bind {front}\n  default_backend leader\n\
             backend leader\n  option httpchk GET /leader\n  http-check expect status 200\n  \
             default-server fall 1 rise 1 on-marked-down shutdown-sessions\n{}",
            servers.collect::<String>(),
        );
        fs::write(folder.join("haproxy.cfg"), config).unwrap();
        let mut balancer = Command::new("haproxy");
        balancer.args(["-db", "-q", "-f"]).arg(folder.join("haproxy.cfg"));
        let balancer = Running(balancer.spawn().expect("haproxy: expected Debian's package"));
        let mut nodes = Vec::new();
        for (id, (port, program)) in (1..).zip(status.iter().zip(&programs)) {
            let mut node = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
            node.args(["node", "--json", "--id", &id.to_string(), "--votes", "votes.json"]);
            node.args(["--data-dir", &format!("data-{id}"), "--status", &port.to_string()]);
            node.args(["--while-leading", "--", "python3", "-c", SERVER]);
            node.args([&program.port().to_string(), &format!("answered-{id}")]);
            node.current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null());
            nodes.push(Some(Running(node.spawn().unwrap())));
        }
        Self { folder, nodes, status, front, _balancer: balancer }
    }

    /// Asks the balancer once. The epoch of the program that has answered.
    fn ask(&self, number: usize) -> Option<i64> {
        let (code, body) = get(self.front, &format!("/{number}"))?;
        (code == 200).then(|| body.parse().unwrap())
    }

    /// Asks until one answers under a newer epoch than this. Every answer on the way is of an epoch that is no older than the last.
    fn until_newer(&self, last: &mut i64, number: &mut usize) {
        let (before, give_up) = (*last, clock::now() + PATIENCE);
        while *last == before {
            *number += 1;
            if let Some(epoch) = self.ask(*number) {
                assert!(epoch >= *last, "{epoch} answers after {last}");
                *last = epoch;
            }
            assert!(clock::now() < give_up, "nobody answers");
        }
    }

    /// Which of them says that it leads.
    fn leader(&self) -> usize {
        let give_up = clock::now() + PATIENCE;
        loop {
            let leads = |port: &SocketAddr| matches!(get(*port, "/leader"), Some((200, _)));
            if let Some(leader) = self.status.iter().position(leads) {
                return leader;
            }
            assert!(clock::now() < give_up, "nobody leads");
        }
    }

    /// Who has answered which request, under which epochs.
    fn answered(&self) -> BTreeMap<usize, Vec<i64>> {
        let mut answered = BTreeMap::<usize, Vec<i64>>::new();
        for id in 1..=3 {
            let Ok(log) = fs::File::open(self.folder.join(format!("answered-{id}"))) else {
                continue;
            };
            for line in BufReader::new(log).lines() {
                let line = line.unwrap();
                let (number, epoch) = line[1..].split_once(' ').unwrap();
                answered.entry(number.parse().unwrap()).or_default().push(epoch.parse().unwrap());
            }
        }
        answered
    }
}

fn get(at: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
#[ignore = "needs HAProxy"]
fn haproxy_finds_the_leader_through_every_kind_of_end_and_no_request_is_answered_by_two() {
    let mut site = Site::start("balanced");
    let (mut epoch, mut number) = (0, 0);
    site.until_newer(&mut epoch, &mut number);
    for _ in 0..100 {
        number += 1;
        assert_eq!(site.ask(number), Some(epoch));
    }
    // Killed, with all that it had; then handed over.
    let leader = site.leader();
    drop(site.nodes[leader].take());
    site.until_newer(&mut epoch, &mut number);
    let leader = site.leader();
    let mut order = TcpStream::connect(site.status[leader]).unwrap();
    order.write_all(b"POST /resign HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
    site.until_newer(&mut epoch, &mut number);
    let answered = site.answered();
    let twice: Vec<_> = answered.iter().filter(|(_, epochs)| epochs.len() > 1).collect();
    assert!(twice.is_empty(), "answered twice: {twice:?}");
    let epochs: Vec<_> = answered.values().flatten().collect();
    assert!(epochs.is_sorted(), "an older epoch has answered after a newer one: {epochs:?}");
}

#[test]
#[ignore = "needs promtool"]
fn promtool_has_nothing_to_say_against_the_metrics() {
    let site = Site::start("scraped");
    let leader = site.leader();
    let (_, status) = get(site.status[leader], "/status").unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["leading"], true);
    for port in &site.status {
        let (_, metrics) = get(*port, "/metrics").unwrap();
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool: expected Debian's package prometheus");
        promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
        let output = rest_of(promtool, "promtool");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{said}\n{metrics}");
    }
}
