//! What only a real network does, with one network namespace a node: links that a firewall forgot, and peers that
//! moved.
//!
//! Where namespaces are not allowed, the tests say so and pass; `BALLOTBOX_NETNS=required` makes them fail instead.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

use crate::{
    faults::hosts::{Hosts, address},
    patience::{InTime, PATIENCE},
};
use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

#[test]
fn zookeeper_1748_an_idle_link_that_a_firewall_forgot_is_noticed_and_replaced() {
    let Some(hosts) = Hosts::new(2) else { return };
    let votes = votes("idle", &[0, 1].map(|host| address(host).to_string()));
    let mut one = Process::start(&hosts, 0, 1, &votes);
    let mut two = Process::start(&hosts, 1, 2, &votes);
    for process in [&mut one, &mut two] {
        process.until(|event| event["event"] == "elected" && event["leader"] == 2);
    }
    // The larger id has dialled. Only this connection dies; a new one finds its way.
    let port = dialled_from(&hosts, 1);
    for host in [0, 1] {
        let rule = format!("add rule inet faults input tcp sport {port} drop");
        inside(&hosts, host, &["nft", &rule]);
        let rule = format!("add rule inet faults input tcp dport {port} drop");
        inside(&hosts, host, &["nft", &rule]);
    }
    for (process, peer) in [(&mut one, 2), (&mut two, 1)] {
        process.until(|event| *event == link(peer, false, event));
        process.until(|event| *event == link(peer, true, event));
    }
    assert_ne!(dialled_from(&hosts, 1), port);
}

#[test]
fn zookeeper_1506_a_peer_that_moved_to_another_address_behind_its_name_is_found() {
    let Some(hosts) = Hosts::new(3) else { return };
    let names = NamesOf::new(&hosts, 3);
    names.say(&[("one.test", 0), ("two.test", 1)]);
    let votes = votes("moved", &["one.test".to_owned(), "two.test".to_owned()]);
    let mut one = Process::start(&hosts, 0, 1, &votes);
    let mut two = Process::start(&hosts, 1, 2, &votes);
    for process in [&mut one, &mut two] {
        process.until(|event| event["event"] == "elected" && event["leader"] == 2);
    }
    drop(one);
    two.until(|event| event["event"] == "looking");
    // 2 has the larger id, so it is 2 that has to find 1, which now lives on the third host.
    names.say(&[("one.test", 2), ("two.test", 1)]);
    let mut one = Process::start(&hosts, 2, 1, &votes);
    for process in [&mut one, &mut two] {
        process.until(|event| event["event"] == "elected" && event["leader"] == 2);
    }
}

#[test]
fn zookeeper_3991_a_name_that_is_known_only_later_is_looked_up_again_to_listen() {
    let Some(hosts) = Hosts::new(2) else { return };
    let names = NamesOf::new(&hosts, 2);
    names.say(&[("two.test", 1)]);
    let votes = votes("later", &["one.test".to_owned(), "two.test".to_owned()]);
    let mut one = Process::start(&hosts, 0, 1, &votes);
    one.until(|event| {
        let text = event["text"].as_str();
        text.is_some_and(|text| text.contains("cannot listen on one.test:3888"))
    });
    names.say(&[("one.test", 0), ("two.test", 1)]);
    one.until(|event| event["event"] == "listening");
    let mut two = Process::start(&hosts, 1, 2, &votes);
    for process in [&mut one, &mut two] {
        process.until(|event| event["event"] == "elected" && event["leader"] == 2);
    }
}

/// A Java server dials the first address of a name only, IPv4 first; `localhost` has both families on Debian.
#[test]
fn a_node_listens_at_every_address_of_its_name_whatever_the_families() {
    let Some(hosts) = Hosts::new(1) else { return };
    let names = NamesOf::new(&hosts, 1);
    for (addresses, bound) in [
        (&["127.0.0.1", "::1"][..], &["127.0.0.1:3888", "[::1]:3888"][..]),
        (&["127.0.0.1"], &["127.0.0.1:3888"]),
        (&["::1"], &["[::1]:3888"]),
        // One that this machine does not have is left out.
        (&["192.0.2.1", "::1"], &["[::1]:3888"]),
    ] {
        let lines: Vec<_> =
            addresses.iter().map(|address| format!("{address} own.test\n")).collect();
        names.write(&lines.concat());
        let votes = votes("families", &["own.test".to_owned(), "192.0.2.2".to_owned()]);
        let mut one = Process::start(&hosts, 0, 1, &votes);
        one.until(|event| event["event"] == "looking");
        let listening: Vec<_> = one
            .heard
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|event: &Value| event["event"] == "listening")
            .map(|event| event["election"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(listening, bound);
    }
}

#[test]
fn a_wildcard_is_reached_over_every_family_the_system_has_whatever_its_defaults() {
    let Some(hosts) = Hosts::new(1) else { return };
    let is_reached = |address: &str| {
        let connect = format!("exec 3<>/dev/tcp/{address}/3888");
        let mut ip = Command::new("ip");
        ip.args(["netns", "exec", &hosts.namespace(Some(0)), "bash", "-c", &connect]);
        ip.stderr(Stdio::null()).status().unwrap().success()
    };
    for (setting, has_ipv6) in
        [("net.ipv6.bindv6only=1", true), ("net.ipv6.conf.all.disable_ipv6=1", false)]
    {
        inside(&hosts, 0, &["sysctl", "-qw", setting]);
        for wildcard in ["0.0.0.0", "[::]"] {
            let votes = votes("wildcard", &[wildcard.to_owned(), "192.0.2.2".to_owned()]);
            let mut one = Process::start(&hosts, 0, 1, &votes);
            one.until(|event| event["event"] == "looking");
            let reached = (is_reached("127.0.0.1"), is_reached("::1"));
            assert_eq!(reached, (true, has_ipv6), "{wildcard} with {setting}");
        }
    }
}

/// A vote file: members 1 and 2, on these hosts.
fn votes(name: &str, hosts: &[String; 2]) -> PathBuf {
    let member =
        |(id, host): (i32, &String)| json!({ "id": id, "election": format!("{host}:3888") });
    let members: Vec<_> = (1..).zip(hosts).map(member).collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = file.join(format!("netns-{name}-{}.json", std::process::id()));
    fs::write(&file, json!({ "members": members, "leadership": false }).to_string()).unwrap();
    file
}

/// The event of a link, as it would be at the time of that event.
fn link(peer: u64, up: bool, event: &Value) -> Value {
    let (id, at_ms, time) = (&event["id"], &event["at_ms"], &event["time"]);
    json!({ "event": "link", "id": id, "at_ms": at_ms, "time": time, "peer": peer, "up": up })
}

/// The port from which the node on this host has dialled the other one.
fn dialled_from(hosts: &Hosts, host: usize) -> u16 {
    let output =
        inside(hosts, host, &["ss", "-Htn", "state", "established", "dport", "=", ":3888"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut columns = text.split_whitespace().filter(|column| column.contains(':'));
    let (_, port) =
        columns.next().unwrap_or_else(|| panic!("no link: {text}")).rsplit_once(':').unwrap();
    port.parse().unwrap()
}

fn inside(hosts: &Hosts, host: usize, command: &[&str]) -> Output {
    let mut ip = Command::new("ip");
    ip.args(["netns", "exec", &hosts.namespace(Some(host))]).args(command);
    let output = ip.output_in_time();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A hosts file for each namespace, which `ip netns exec` puts over the one of the machine.
pub(crate) struct NamesOf(Vec<PathBuf>);

impl NamesOf {
    pub(crate) fn new(hosts: &Hosts, count: usize) -> Self {
        let dir = |host| Path::new("/etc/netns").join(hosts.namespace(Some(host)));
        let dirs: Vec<_> = (0..count).map(dir).collect();
        for dir in &dirs {
            fs::create_dir_all(dir).unwrap();
        }
        Self(dirs)
    }

    /// From now on, these names stand for the addresses of these hosts, everywhere.
    pub(crate) fn say(&self, names: &[(&str, usize)]) {
        let lines = names.iter().map(|(name, host)| format!("{} {name}\n", address(*host)));
        self.write(&lines.collect::<String>());
    }

    /// From now on, everywhere, these are the lines of the hosts file beside `localhost`.
    fn write(&self, lines: &str) {
        let text = "127.0.0.1 localhost\n".to_owned() + lines;
        for dir in &self.0 {
            // Written in place: a running process keeps seeing this very file.
            fs::write(dir.join("hosts"), &text).unwrap();
        }
    }
}

impl Drop for NamesOf {
    fn drop(&mut self) {
        for dir in &self.0 {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

/// A node in a process of its own. It is killed when this is dropped.
pub(crate) struct Process {
    id: u64,
    pub(crate) child: Child,
    events: flume::Receiver<String>,
    heard: Vec<String>,
}

impl Process {
    fn start(hosts: &Hosts, host: usize, id: u64, votes: &Path) -> Self {
        Self::start_with(hosts, host, id, votes, &[])
    }

    pub(crate) fn start_with(
        hosts: &Hosts,
        host: usize,
        id: u64,
        votes: &Path,
        more: &[&OsStr],
    ) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &hosts.namespace(Some(host))]);
        command.args([env!("CARGO_BIN_EXE_ballotbox"), "node", "--json", "--id", &id.to_string()]);
        let command = command.arg("--votes").arg(votes).args(more).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let events = lines_of(child.stdout.take().unwrap());
        Self { id, child, events, heard: Vec::new() }
    }

    /// Waits for an event like this, behind those waited for before.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = clock::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let Ok(line) = self.events.recv_timeout(left) else {
                panic!("node {} has not got there:\n{}", self.id, self.heard.join("\n"));
            };
            let event: Value = serde_json::from_str(&line).unwrap();
            self.heard.push(line);
            if wanted(&event) {
                return event;
            }
        }
    }
}

fn lines_of(output: impl Read + Send + 'static) -> flume::Receiver<String> {
    let (say, lines) = flume::unbounded();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = say.send(line);
        }
    });
    lines
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
