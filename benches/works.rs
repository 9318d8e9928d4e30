//! From the end of a work to the next one: three `ballotbox node --while-leading`, beside three `etcdctl lock` with three servers of etcd.
//!
//! | what | one sample |
//! | --- | --- |
//! | orderly stop | from the last stamp of a work that was asked to end to the first of the next one, on the clock of the machine |
//!
//! The work is this bench itself, which stamps the clock about every millisecond (`tests/works/work.rs`). Of ours the node is asked to stop by SIGTERM.
//! `etcdctl lock` gives its lock up when the program has ended, and at no signal of its own; so there the work gets the signal. Both
//! have what comes by itself, but the lock of etcd lives for 2 s, as our lease does. Without `etcd` and `etcdctl` theirs is left out.

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
#[path = "../tests/works/stamps.rs"]
mod stamps;
#[path = "../tests/works/work.rs"]
mod work;

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use ballotbox_actors::kit::clock;
use common::{Figure, Options, Percentiles, Printer, Unit, note};
use serde_json::json;
use stamps::{Run, Runs};
use work::{Order, now};

const MEMBERS: usize = 3;

/// How long a lock of etcd lives that is not kept alive, in seconds.
const TIME_TO_LIVE: &str = "2";

/// From one look at the stamps to the next.
const LOOK: Duration = Duration::from_millis(10);

/// Work that runs counts when it has run for this long.
const STABLE: Duration = Duration::from_millis(300);

/// At most this long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    work::stamp_if_this_is_work();
    common::run(env::args().skip(1), |options| {
        measure(options);
        Ok(())
    })
}

fn measure(options: Options) {
    let printer = Printer::new(options, "works", Unit::Millis);
    let times = options.amount(100, 5);
    let theirs = (is_there("etcd") && is_there("etcdctl")).then(|| {
        let mut ensemble = Ensemble::start(Whose::Etcd);
        Percentiles::of((0..times).map(|_| ensemble.hand_over()).collect())
    });
    let mut ensemble = Ensemble::start(Whose::Ours);
    let ours = Percentiles::of((0..times).map(|_| ensemble.hand_over()).collect());
    if theirs.is_none() {
        note("left out: etcdctl lock (apt-get install etcd-server etcd-client)");
    }
    let figure = |subject, of: Percentiles, ratio| Figure {
        what: "orderly stop to the next work",
        nodes: MEMBERS,
        subject,
        repetitions: vec![of],
        samples: times,
        ratio,
    };
    let ratio = theirs.map(|theirs| ours.p50 / theirs.p50);
    printer.figure(&figure("ballotbox", ours, ratio));
    if let Some(theirs) = theirs {
        printer.figure(&figure("etcdctl lock", theirs, None));
    }
}

fn is_there(program: &str) -> bool {
    silent(program).arg("--version").spawn().is_ok_and(|mut child| child.wait().is_ok())
}

fn silent(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whose {
    Ours,
    Etcd,
}

/// Three members that compete for the work.
struct Ensemble {
    whose: Whose,
    place: PathBuf,
    folder: PathBuf,
    /// Those of etcd.
    servers: Vec<Child>,
    /// Nodes, or locks of etcd.
    members: Vec<Child>,
    addresses: Vec<String>,
    runs: Runs,
}

impl Ensemble {
    fn start(whose: Whose) -> Self {
        let name = format!("works-{whose:?}-{}", std::process::id());
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let folder = place.join("stamps");
        fs::create_dir_all(&folder).unwrap();
        // All are held until all are known, so that they differ. No connection that somebody makes meanwhile begins at one of these.
        let from = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
        let bound = (from..).filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
        let ports: Vec<_> = bound.take(2 * MEMBERS).collect();
        let addresses = ports.iter().map(|port| port.local_addr().unwrap().to_string()).collect();
        drop(ports);
        let (servers, members, runs) = (Vec::new(), Vec::new(), Runs::default());
        let mut ensemble = Self { whose, place, folder, servers, members, addresses, runs };
        if whose == Whose::Etcd {
            ensemble.servers = (0..MEMBERS).map(|member| ensemble.server(member)).collect();
        }
        ensemble.members = (0..MEMBERS).map(|member| ensemble.member(member)).collect();
        ensemble
    }

    fn server(&self, member: usize) -> Child {
        let peer = |one: usize| format!("http://{}", self.addresses[MEMBERS + one]);
        let clients = format!("http://{}", self.addresses[member]);
        let all: Vec<_> = (0..MEMBERS).map(|one| format!("m{one}={}", peer(one))).collect();
        let mut server = silent("etcd");
        server.args(["--name", &format!("m{member}"), "--initial-cluster", &all.join(",")]);
        server.arg("--data-dir").arg(self.place.join(member.to_string()));
        server.args(["--listen-peer-urls", &peer(member)]);
        server.args(["--initial-advertise-peer-urls", &peer(member)]);
        server.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        server.spawn().unwrap()
    }

    fn member(&self, member: usize) -> Child {
        let mut command = match self.whose {
            Whose::Etcd => {
                let mut lock = silent("etcdctl");
                let endpoints = self.addresses[..MEMBERS].join(",");
                lock.args(["--endpoints", &endpoints, "lock", "--ttl", TIME_TO_LIVE]);
                lock.args(["--", "works"]);
                lock
            }
            Whose::Ours => {
                let votes = self.place.join("votes.json");
                let members = self.addresses[..MEMBERS].iter().zip(1..);
                let members: Vec<_> =
                    members.map(|(at, id)| json!({ "id": id, "election": at })).collect();
                fs::write(&votes, json!({ "members": members }).to_string()).unwrap();
                let mut node = silent(env!("CARGO_BIN_EXE_ballotbox"));
                node.args(["node", "--id", &(member + 1).to_string(), "--votes"]).arg(votes);
                node.arg("--data-dir").arg(self.place.join(member.to_string()));
                node.args(["--while-leading", "--"]);
                node
            }
        };
        Order { folder: &self.folder, member, is_stubborn: false }.give_to(&mut command);
        command.arg(env::current_exe().unwrap()).spawn().unwrap()
    }

    /// How long it takes from the end of the work that runs to the next one. Then all three compete again.
    fn hand_over(&mut self) -> Duration {
        let (began, stable) = (now(), u64::try_from(STABLE.as_nanos()).unwrap());
        let is_stable = |run: &Run| run.last > run.first.max(began) + stable;
        let worker = self.until(|runs| runs.newest().filter(is_stable));
        let asked = match self.whose {
            Whose::Ours => self.members[worker.member].id(),
            Whose::Etcd => worker.pid,
        };
        signal("-TERM", asked);
        let next = self.until(|runs| {
            let in_order = runs.in_order();
            let at = in_order.iter().position(|run| run.pid == worker.pid)?;
            let gap = in_order.get(at + 1)?.first.saturating_sub(in_order[at].last);
            Some(Duration::from_nanos(gap))
        });
        self.members[worker.member].wait().unwrap();
        self.members[worker.member] = self.member(worker.member);
        next
    }

    fn until<T>(&mut self, found: impl Fn(&Runs) -> Option<T>) -> T {
        let give_up = clock::now() + PATIENCE;
        loop {
            self.runs.read(&self.folder);
            if let Some(found) = found(&self.runs) {
                return found;
            }
            assert!(clock::now() < give_up, "no work runs");
            thread::park_timeout(LOOK);
        }
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        // Ours end with their node; that of a lock of etcd has to be ended.
        for process in self.members.iter_mut().chain(&mut self.servers) {
            let _ = process.kill();
            let _ = process.wait();
        }
        self.runs.read(&self.folder);
        if let Some(run) = self.runs.newest().filter(|_| self.whose == Whose::Etcd) {
            signal("-KILL", run.pid);
        }
        let _ = fs::remove_dir_all(&self.place);
    }
}

fn signal(signal: &str, pid: u32) {
    let _ = Command::new("kill").args([signal, &pid.to_string()]).status();
}
