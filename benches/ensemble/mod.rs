//! Three `ballotbox node` processes with one vote file, as an operator has them, and what they use.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

use crate::common::{self, Options, certificates::Authority};

/// At most this long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Three members, and the processes of those that run.
pub struct Ensemble {
    votes: PathBuf,
    data: PathBuf,
    /// What all of them are started with.
    options: Vec<&'static str>,
    /// Where they tell over HTTP how they are, if they do.
    status: BTreeMap<u64, SocketAddr>,
    /// The newest epoch that was told.
    epoch: i64,
    /// Who leads in it.
    pub leader: u64,
    nodes: BTreeMap<u64, Child>,
    said: (Sender<Said>, Receiver<Said>),
}

/// A node has told that it leads, or whom it follows.
#[derive(Clone, Copy, Debug)]
struct Said {
    process: u32,
    leads: bool,
    /// It does so no more.
    lost: bool,
    epoch: i64,
    at: Instant,
}

impl Ensemble {
    /// Three that are started with these options, and speak plain text.
    pub fn new(options: &[&'static str]) -> Self {
        Self::whose_votes(options, |_, votes| votes)
    }

    /// The same three with certificates, which speak nothing but TLS.
    pub fn secured(options: &[&'static str]) -> Self {
        Self::whose_votes(options, |folder, mut votes| {
            let authority = Authority::new();
            fs::create_dir_all(folder).unwrap();
            let file = |name: &str, text: String| {
                fs::write(folder.join(name), text).unwrap();
                folder.join(name)
            };
            for member in votes["members"].as_array_mut().unwrap() {
                let id = member["id"].as_u64().unwrap();
                let issued = authority.issue(id);
                let cert = file(&format!("{id}.pem"), issued.certificate.pem());
                let key = file(&format!("{id}.key"), issued.key.serialize_pem());
                member["tls"] = json!({ "cert": cert, "key": key });
            }
            let ca = file("ca.pem", authority.certificate().pem());
            votes["tls"] = json!({ "ca": ca, "stage": "required", "strict": true });
            votes
        })
    }

    /// What is said of three members may be changed before it is written; there is a folder for more files.
    fn whose_votes(options: &[&'static str], change: impl FnOnce(&Path, Value) -> Value) -> Self {
        let name = format!("three-processes-{}.json", std::process::id());
        let votes = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let data = votes.with_extension("data");
        let _ = fs::remove_dir_all(&data);
        // All three are held until all are known, so that they differ.
        let ports: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
        let members: Vec<_> = (1..)
            .zip(&ports)
            .map(|(id, port): (u64, _)| json!({ "id": id, "election": address(port) }))
            .collect();
        let text = change(&data.join("tls"), json!({ "members": members })).to_string();
        fs::write(&votes, text).unwrap();
        let (options, status, nodes) = (options.to_vec(), BTreeMap::new(), BTreeMap::new());
        Self { votes, data, options, status, epoch: 0, leader: 0, nodes, said: channel() }
    }

    /// The same with status ports.
    pub fn with_status(options: &[&'static str]) -> Self {
        let mut ensemble = Self::new(options);
        let ports: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = ports.iter().map(|port| port.local_addr().unwrap());
        ensemble.status = (1..).zip(addresses).collect();
        ensemble
    }

    /// The status port of each.
    pub fn status_ports(&self) -> impl Iterator<Item = (u64, SocketAddr)> {
        self.status.iter().map(|(id, port)| (*id, *port))
    }

    /// How long it takes till one leads, and till all are established.
    pub fn start_all(&mut self) -> (Duration, Duration) {
        let begun = clock::now();
        for id in 1..=3 {
            self.start(id);
        }
        let mut leads = None;
        let mut missing: Vec<_> = self.nodes.values().map(Child::id).collect();
        loop {
            let said = self.next();
            missing.retain(|process| *process != said.process);
            if said.leads {
                leads = Some(said.at);
            }
            if let (true, Some(leads)) = (missing.is_empty(), leads) {
                return (leads - begun, said.at - begun);
            }
        }
    }

    /// How long it takes from this signal to the leader till another one leads. It is gone then.
    pub fn lose_leader(&mut self, leader: u64, signal: &str) -> Duration {
        let (last, mut process) = (self.epoch, self.nodes.remove(&leader).unwrap());
        let begun = clock::now();
        let pid = process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let leads = self.next_leader(last);
        process.kill().unwrap();
        process.wait().unwrap();
        leads - begun
    }

    /// How long the others take to lead from when this leader has told that its epoch is over.
    pub fn hand_over(&mut self, leader: u64, to: u64) -> Duration {
        let (last, directory) = (self.epoch, self.data.join(leader.to_string()));
        let resign = || {
            let order = Command::new(env!("CARGO_BIN_EXE_ballotbox"))
                .args(["resign", "--to", &to.to_string(), "--data-dir"])
                .arg(&directory)
                .stdout(Stdio::null())
                .status();
            order.unwrap().success()
        };
        // The one named may not have answered yet.
        while !resign() {
            thread::park_timeout(Duration::from_millis(20));
        }
        let (mut over, mut leads) = (None, None);
        loop {
            let said = self.next();
            if said.lost && said.process == self.nodes[&leader].id() && said.epoch == last {
                over = Some(said.at);
            } else if said.leads && said.epoch > last {
                leads = Some(said.at);
            }
            if let (Some(over), Some(leads)) = (over, leads) {
                return leads.saturating_duration_since(over);
            }
        }
    }

    /// When one leads in a newer epoch than this.
    fn next_leader(&mut self, last: i64) -> Instant {
        loop {
            let said = self.next();
            if said.leads && said.epoch > last {
                return said.at;
            }
        }
    }

    /// How long it takes till one leads when the leader is killed and spawned at once.
    pub fn replace_leader(&mut self, leader: u64) -> Duration {
        let (last, begun) = (self.epoch, clock::now());
        self.end(leader);
        self.start(leader);
        self.next_leader(last) - begun
    }

    /// Kills one.
    pub fn end(&mut self, id: u64) {
        let mut process = self.nodes.remove(&id).unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// How long it takes till one that is started again tells whom it follows.
    pub fn start_again(&mut self, id: u64) -> Duration {
        let begun = clock::now();
        self.start(id);
        let process = self.nodes[&id].id();
        loop {
            let said = self.next();
            if said.process == process && !said.lost {
                return said.at - begun;
            }
        }
    }

    fn next(&mut self) -> Said {
        let said = self.said.1.recv_timeout(PATIENCE).expect("a leader");
        self.epoch = self.epoch.max(said.epoch);
        let says = |(id, process): (&u64, &Child)| (process.id() == said.process).then_some(*id);
        if said.leads && said.epoch == self.epoch {
            self.leader = self.nodes.iter().find_map(says).unwrap_or(self.leader);
        }
        said
    }

    fn start(&mut self, id: u64) {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ballotbox"))
            .args(["node", "--json", "--id", &id.to_string(), "--votes"])
            .arg(&self.votes)
            .arg("--data-dir")
            .arg(self.data.join(id.to_string()))
            .args(&self.options)
            .args(self.status.get(&id).map(|port| format!("--status={port}")))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (number, said) = (process.id(), self.said.0.clone());
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let at = clock::now();
                let line: Value = serde_json::from_str(&line).unwrap();
                let (leads, lost) = (line["event"] == "leading", line["event"] == "lost");
                if leads || lost || line["event"] == "following" {
                    let epoch = line["epoch"].as_i64().unwrap();
                    let _ = said.send(Said { process: number, leads, lost, epoch, at });
                }
            }
        });
        self.nodes.insert(id, process);
    }

    /// The most that one of them uses while nothing happens.
    pub fn idle(&self, window: Duration) -> Idle {
        let pids: Vec<_> = self.nodes.values().map(Child::id).collect();
        // The links become steady a second after they came up; what follows is idleness.
        thread::park_timeout(Duration::from_secs(2));
        let before: Vec<_> = pids.iter().map(|pid| processor_time(*pid)).collect();
        let begun = clock::now();
        while let Some(left) = window.checked_sub(clock::now() - begun) {
            thread::park_timeout(left);
        }
        let seconds = (clock::now() - begun).as_secs_f64();
        let used = pids
            .iter()
            .zip(before)
            .map(|(pid, before)| processor_time(*pid).saturating_sub(before));
        let most = used.max().unwrap_or_default();
        let largest = |field| pids.iter().map(|pid| status(*pid, field)).max().unwrap_or_default();
        Idle {
            resident_kib: largest("VmRSS:"),
            own_kib: largest("RssAnon:"),
            threads: largest("Threads:"),
            processor_ms_per_s: most.as_secs_f64() * 1e3 / seconds,
        }
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for process in self.nodes.values_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// What a node uses that has nothing to do.
#[derive(Debug)]
pub struct Idle {
    resident_kib: u64,
    own_kib: u64,
    threads: u64,
    processor_ms_per_s: f64,
}

/// Tells that of a bench.
pub fn print_idle(options: Options, bench: &str, name: &str, idle: &Idle) {
    let mib = |kib| f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0;
    let (resident, own) = (mib(idle.resident_kib), mib(idle.own_kib));
    let Idle { threads, processor_ms_per_s, .. } = idle;
    if options.json {
        let line = json!({
            "bench": bench,
            "what": name,
            "resident_mib": resident,
            "anonymous_mib": own,
            "threads": threads,
            "processor_ms_per_s": processor_ms_per_s,
        });
        return common::println(&line.to_string());
    }
    common::println(&format!("{name}: {resident:.1} MiB resident, {own:.1} of it its own data"));
    common::println(&format!("{name}: {threads} threads"));
    common::println(&format!("{name}: {processor_ms_per_s:.3} ms of processor time a second"));
}

/// A number of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// What all threads of a process have used so far.
fn processor_time(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_one = |path: PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let nanos = threads.filter_map(|thread| of_one(thread.ok()?.path())).sum();
    Duration::from_nanos(nanos)
}
