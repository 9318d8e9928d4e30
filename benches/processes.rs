//! Three `ballotbox node` processes with one vote file, as an operator has them; times are seen from outside.
//!
//! | what | one sample |
//! | --- | --- |
//! | start to leading | new directories: from the first spawn till one of the three tells that it leads, its epoch on a quorum of disks |
//! | start to all established | from the first spawn till the last of the three has told in which epoch it leads or follows |
//! | kill -9 of the leader | from the signal till one of the others tells that it leads in the next epoch |
//! | it comes back | the killed one, with the highest id, is spawned again: till it tells whom it follows |
//! | lowest follower comes back | the follower with the lowest id is killed, and spawned at once: till it tells whom it follows |
//! | orderly stop of the leader | from SIGTERM till one of the others tells that it leads |
//! | hand-over | `ballotbox resign --to` the lowest: from when the leader tells that its epoch is over till the one named tells that it leads |
//! | leader frozen | from SIGSTOP till one of the others tells that it leads |
//! | lease: kill -9, it comes back at once, orderly stop | the first, the same with the killed one spawned at once, and the third of these, with leases of 2 s |
//! | idle node | of the three with a leader, the one with the most of each, over ten seconds |
//! | two files on disk | what one member writes for an epoch: two files of one byte, each synced and renamed, and their directory |
//!
//! A node tells by a line of `--json` on its stdout. Resident memory is `VmRSS`, with the pages of the program file that
//! were touched; processor time is the sum over its threads of what `/proc/PID/task/TID/schedstat` counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a bench that goes wrong may panic"
)]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use ballotbox_actors::kit::clock;
use common::{Figure, Options, Printer, Unit};
use serde_json::{Value, json};

/// How long leases are, where there are any.
const LEASE: &str = "2s";

/// At most this long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    common::run(std::env::args().skip(1), |options| {
        measure(options);
        Ok(())
    })
}

fn measure(options: Options) {
    let printer = Printer::new(options, "processes", Unit::Millis);
    let [mut led, mut started, mut killed, mut back, mut lowest_back] = [const { Vec::new() }; 5];
    let [mut stopped, mut frozen, mut handed_over] = [const { Vec::new() }; 3];
    for _ in 0..options.amount(30, 3) {
        let mut ensemble = Ensemble::new(None);
        let (leading, all) = ensemble.start_all();
        led.push(leading);
        started.push(all);
        handed_over.push(ensemble.hand_over(3, 1));
        // It has not answered a ping of the new leader yet: that is waited for.
        ensemble.hand_over(1, 3);
        killed.push(ensemble.lose_leader(3, "-KILL"));
        back.push(ensemble.start_again(3));
        ensemble.end(1);
        lowest_back.push(ensemble.start_again(1));
        stopped.push(ensemble.lose_leader(2, "-TERM"));
        ensemble.start_again(2);
        // Who was stopped in good order has named either of the others.
        frozen.push(ensemble.lose_leader(ensemble.leader, "-STOP"));
    }
    printer.figure(&Figure::single("start to leading", 3, led));
    printer.figure(&Figure::single("start to all established", 3, started));
    printer.figure(&Figure::single("kill -9 of the leader", 3, killed));
    printer.figure(&Figure::single("it comes back", 3, back));
    printer.figure(&Figure::single("lowest follower comes back", 3, lowest_back));
    printer.figure(&Figure::single("orderly stop of the leader", 3, stopped));
    printer.figure(&Figure::single("hand-over", 3, handed_over));
    printer.figure(&Figure::single("leader frozen", 3, frozen));
    printer.figure(&Figure::single("two files on disk", 1, disk(options.amount(200, 20))));
    measure_leases(options, &printer);
    let window = Duration::from_secs(if options.quick { 2 } else { 10 });
    for (name, lease) in [("idle node", None), ("idle node with a lease", Some(LEASE))] {
        let mut ensemble = Ensemble::new(lease);
        ensemble.start_all();
        print_idle(options, name, &ensemble.idle(window));
    }
}

/// The same ends of a leader, with leases. The promises to one that is killed last a fiftieth longer than its lease.
fn measure_leases(options: Options, printer: &Printer) {
    let [mut killed, mut back, mut stopped, mut handed_over] = [const { Vec::new() }; 4];
    for _ in 0..options.amount(20, 2) {
        let mut ensemble = Ensemble::new(Some(LEASE));
        ensemble.start_all();
        handed_over.push(ensemble.hand_over(3, 1));
        ensemble.hand_over(1, 3);
        killed.push(ensemble.lose_leader(3, "-KILL"));
        ensemble.start_again(3);
        stopped.push(ensemble.lose_leader(2, "-TERM"));
        ensemble.start_again(2);
        back.push(ensemble.replace_leader(ensemble.leader));
    }
    printer.figure(&Figure::single("lease: kill -9 of the leader", 3, killed));
    printer.figure(&Figure::single("lease: it comes back at once", 3, back));
    printer.figure(&Figure::single("lease: orderly stop of the leader", 3, stopped));
    printer.figure(&Figure::single("lease: hand-over", 3, handed_over));
}

/// Three members, and the processes of those that run.
struct Ensemble {
    votes: PathBuf,
    data: PathBuf,
    lease: Option<&'static str>,
    /// The newest epoch that was told.
    epoch: i64,
    /// Who leads in it.
    leader: u64,
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
    fn new(lease: Option<&'static str>) -> Self {
        let votes = Path::new(env!("CARGO_TARGET_TMPDIR")).join("three-processes.json");
        let data = votes.with_extension("data");
        let _ = fs::remove_dir_all(&data);
        // All three are held until all are known, so that they differ.
        let ports: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
        let members: Vec<_> = (1..)
            .zip(&ports)
            .map(|(id, port): (u64, _)| json!({ "id": id, "election": address(port) }))
            .collect();
        fs::write(&votes, json!({ "members": members }).to_string()).unwrap();
        Self { votes, data, lease, epoch: 0, leader: 0, nodes: BTreeMap::new(), said: channel() }
    }

    /// How long it takes till one leads, and till all are established.
    fn start_all(&mut self) -> (Duration, Duration) {
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
    fn lose_leader(&mut self, leader: u64, signal: &str) -> Duration {
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
    fn hand_over(&mut self, leader: u64, to: u64) -> Duration {
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
    fn replace_leader(&mut self, leader: u64) -> Duration {
        let (last, begun) = (self.epoch, clock::now());
        self.end(leader);
        self.start(leader);
        self.next_leader(last) - begun
    }

    fn end(&mut self, id: u64) {
        let mut process = self.nodes.remove(&id).unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn start_again(&mut self, id: u64) -> Duration {
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
            .args(self.lease.map(|lease| ["--lease", lease]).into_iter().flatten())
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
    fn idle(&self, window: Duration) -> Idle {
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

/// How long the disk takes for what a member writes for an epoch.
fn disk(times: usize) -> Vec<Duration> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("two-files");
    let _ = fs::create_dir_all(&place);
    let once = |number: usize| {
        let begun = clock::now();
        for name in ["accepted", "current"] {
            let new = place.join(format!("{name}.tmp"));
            fs::write(&new, number.to_string()).unwrap();
            fs::File::open(&new).unwrap().sync_all().unwrap();
        }
        for name in ["accepted", "current"] {
            fs::rename(place.join(format!("{name}.tmp")), place.join(name)).unwrap();
        }
        fs::File::open(&place).unwrap().sync_all().unwrap();
        clock::now() - begun
    };
    (0..times).map(once).collect()
}

/// What a node uses that has nothing to do.
#[derive(Debug)]
struct Idle {
    resident_kib: u64,
    own_kib: u64,
    threads: u64,
    processor_ms_per_s: f64,
}

fn print_idle(options: Options, name: &str, idle: &Idle) {
    let mib = |kib| f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0;
    let (resident, own) = (mib(idle.resident_kib), mib(idle.own_kib));
    let Idle { threads, processor_ms_per_s, .. } = idle;
    if options.json {
        let line = json!({
            "bench": "processes",
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
