//! The same work under `etcdctl lock`, beside ours in one run: a comparison, to be run by hand. It needs `etcd` and `etcdctl` (Debian's
//! `etcd-server` and `etcd-client`) and fails without them.
//!
//! On each of three hosts there is a server of etcd, and an `etcdctl lock` that knows all servers, with a time to live as long as our lease. At
//! the one whose work runs the same things are done as to a node of ours, and each lasts for [`HOLD`] or longer. What `etcdctl lock` promises is
//! that it does not *begin* a second program while its lock is held. It does not watch over the program: with its lock lost it goes on
//! waiting for the end of that, and nobody ends the program when it is killed. So works that run at one time are no fault of etcd: they are
//! what its users have to expect.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use ballotbox_actors::kit::clock;
use serde_json::Value;

use super::{
    Manner, RECOVERY_MAX, Team,
    fault::{Fault, Victim},
    fresh_folder, from_env, processes,
    stamps::{Overlap, Run, Runs},
    work::{self, Order, now},
};
use crate::{
    faults::hosts::{Hosts, address},
    patience::InTime,
};

const MEMBERS: usize = 3;

/// Seconds after which a lock is lost that is not kept alive: as long as our lease, and the shortest that its servers grant.
const TIME_TO_LIVE: &str = "2";

/// A fault lasts so long that others have taken over, and it is seen whether the work goes on.
const HOLD: Duration = Duration::from_secs(6);

/// An `etcdctl` takes 8 s by itself to notice that nobody answers, and may have asked the one that is cut off.
const HOLD_OF_SILENCE: Duration = Duration::from_secs(16);

/// From one look at the stamps to the next.
const LOOK: Duration = Duration::from_millis(10);

/// Work that runs counts when it has run for this long.
const STABLE: Duration = Duration::from_millis(300);

/// What is done to the one whose work runs, in the words of both.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Blow {
    FreezeSupervisor,
    KillSupervisor,
    KillProgram,
    KillBoth,
    IsolateHost,
    NoMoreMemory,
    TermSupervisor,
    KillServer,
}

const BLOWS: [Blow; 8] = [
    Blow::FreezeSupervisor,
    Blow::KillSupervisor,
    Blow::KillProgram,
    Blow::KillBoth,
    Blow::IsolateHost,
    Blow::NoMoreMemory,
    Blow::TermSupervisor,
    Blow::KillServer,
];

impl Blow {
    /// The same for a node of ours, whose supervisor is the node.
    fn to_ours(self) -> Fault {
        use Victim::{Guard, Node, Program};
        match self {
            Self::FreezeSupervisor => Fault::Freeze,
            Self::KillSupervisor | Self::KillServer => Fault::Kill(&[Node]),
            Self::KillProgram => Fault::Kill(&[Program]),
            Self::KillBoth => Fault::Kill(&[Node, Guard, Program]),
            Self::IsolateHost => Fault::Isolate,
            Self::NoMoreMemory => Fault::NoMoreMemory,
            Self::TermSupervisor => Fault::Terminate,
        }
    }

    fn hold(self) -> Duration {
        if self == Self::IsolateHost { HOLD_OF_SILENCE } else { HOLD }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::FreezeSupervisor => "SIGSTOP of what runs the work",
            Self::KillSupervisor => "kill -9 of it",
            Self::KillProgram => "kill -9 of the work",
            Self::KillBoth => "kill -9 of both (ours: all three)",
            Self::IsolateHost => "its host is cut off",
            Self::NoMoreMemory => "its memory does not grow",
            Self::TermSupervisor => "SIGTERM to it",
            Self::KillServer => "kill -9 of etcd's leader (ours: node)",
        }
    }
}

/// How often two works ran at one time, and for how long at the most.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    episodes: u64,
    with_two: u64,
    longest: Duration,
}

impl Found {
    /// Of the works that have begun since.
    fn add(&mut self, runs: &Runs, since: u64) {
        let overlaps = runs.overlaps();
        let new = overlaps.iter().filter(|overlap| overlap.newer.first >= since);
        let longest = new.map(Overlap::length).max();
        self.episodes += 1;
        self.with_two += u64::from(longest.is_some());
        self.longest = self.longest.max(longest.unwrap_or_default());
    }
}

#[test]
#[ignore = "a comparison that needs etcd, and takes minutes"]
fn how_often_and_for_how_long_two_works_run_here_and_with_etcdctl_lock() {
    let rounds = from_env("BALLOTBOX_ROUNDS").unwrap_or(3);
    let hosts = Hosts::new(MEMBERS).expect("namespaces");
    let theirs = of_etcd(&hosts, rounds);
    let ours = of_ours(&hosts, rounds);
    println!(
        "{:<38} {:>14} {:>14}   two at one time, at the longest",
        "", "etcdctl lock", "ballotbox"
    );
    for blow in BLOWS {
        let cell = |found: &BTreeMap<Blow, Found>| {
            let Found { episodes, with_two, longest } = found[&blow];
            format!("{with_two}/{episodes} {longest:.1?}")
        };
        println!("{:<38} {:>14} {:>14}", blow.name(), cell(&theirs), cell(&ours));
    }
}

fn of_ours(hosts: &Hosts, rounds: u64) -> BTreeMap<Blow, Found> {
    let mut team = Team::start(hosts, MEMBERS, Manner::Plain, fastrand::Rng::new());
    let mut found = BTreeMap::<_, Found>::new();
    for _ in 0..rounds {
        for blow in BLOWS {
            team.until_worked();
            let (began, worker) = (now(), team.worker().unwrap());
            team.begin(blow.to_ours(), worker.member);
            team.watch_for(blow.hold());
            team.heal();
            team.until_worked();
            found.entry(blow).or_default().add(&team.runs, began);
            team.judge();
        }
    }
    team.stop();
    found
}

fn of_etcd(hosts: &Hosts, rounds: u64) -> BTreeMap<Blow, Found> {
    let mut etcd = Etcd::start(hosts);
    let mut found = BTreeMap::<_, Found>::new();
    for _ in 0..rounds {
        for blow in BLOWS {
            let worker = etcd.until_worked();
            let began = now();
            etcd.begin(blow, worker);
            etcd.watch_for(blow.hold());
            etcd.heal();
            etcd.until_worked();
            found.entry(blow).or_default().add(&etcd.runs, began);
        }
    }
    found
}

/// Three servers, and an `etcdctl lock` beside each.
#[derive(Debug)]
struct Etcd<'a> {
    hosts: &'a Hosts,
    servers: Vec<Child>,
    locks: Vec<Child>,
    data: PathBuf,
    folder: PathBuf,
    runs: Runs,
}

impl<'a> Etcd<'a> {
    fn start(hosts: &'a Hosts) -> Self {
        let (data, folder) = (fresh_folder("etcd"), fresh_folder("etcd-works"));
        let (servers, locks) = (Vec::new(), Vec::new());
        let mut etcd = Self { hosts, servers, locks, data, folder, runs: Runs::default() };
        etcd.servers = (0..MEMBERS).map(|member| etcd.server(member)).collect();
        etcd.locks = (0..MEMBERS).map(|member| etcd.lock(member)).collect();
        etcd
    }

    fn inside(&self, member: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.hosts.namespace(Some(member)), program]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn server(&self, member: usize) -> Child {
        let peer = |member| format!("http://{}:2380", address(member));
        let clients = format!("http://{}:2379", address(member));
        let all: Vec<_> = (0..MEMBERS).map(|one| format!("m{one}={}", peer(one))).collect();
        let mut server = self.inside(member, "etcd");
        server.args(["--name", &format!("m{member}"), "--initial-cluster", &all.join(",")]);
        server.arg("--data-dir").arg(self.data.join(member.to_string()));
        server.args(["--listen-peer-urls", &peer(member)]);
        server.args(["--initial-advertise-peer-urls", &peer(member)]);
        server.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        server.spawn().expect("etcd: apt-get install etcd-server")
    }

    fn endpoints() -> String {
        let of = |member| format!("http://{}:2379", address(member));
        format!("--endpoints={}", (0..MEMBERS).map(of).collect::<Vec<_>>().join(","))
    }

    fn lock(&self, member: usize) -> Child {
        let mut lock = self.inside(member, "etcdctl");
        lock.args([&Self::endpoints(), "lock", "--ttl", TIME_TO_LIVE, "--", "works"]);
        Order { folder: &self.folder, member, is_stubborn: false }.give_to(&mut lock);
        lock.args(work::command()).spawn().expect("etcdctl: apt-get install etcd-client")
    }

    fn begin(&mut self, blow: Blow, worker: Run) {
        let lock = self.locks[worker.member].id();
        match blow {
            Blow::FreezeSupervisor => processes::kill("-STOP", &[lock]),
            Blow::KillSupervisor => processes::kill("-KILL", &[lock]),
            Blow::KillProgram => processes::kill("-KILL", &[worker.pid]),
            Blow::KillBoth => processes::kill("-KILL", &[lock, worker.pid]),
            Blow::IsolateHost => self.hosts.isolate(worker.member),
            Blow::NoMoreMemory => processes::limit_memory(lock),
            Blow::TermSupervisor => processes::kill("-TERM", &[lock]),
            Blow::KillServer => {
                let leader = self.leader();
                self.servers[leader].kill().unwrap();
            }
        }
    }

    /// Which server leads the others.
    fn leader(&self) -> usize {
        let mut status = self.inside(0, "etcdctl");
        status.args([&Self::endpoints(), "endpoint", "status", "--write-out", "json"]);
        let output = status.output_in_time();
        let all: Value = serde_json::from_slice(&output.stdout).unwrap();
        let leads =
            |entry: &&Value| entry["Status"]["leader"] == entry["Status"]["header"]["member_id"];
        let leader = all.as_array().unwrap().iter().find(leads).expect("a leader of etcd");
        let endpoint = leader["Endpoint"].as_str().unwrap();
        (0..MEMBERS).find(|member| endpoint.contains(&format!("{}:", address(*member)))).unwrap()
    }

    /// All is well again with hosts and processes, and of several works the newest goes on.
    fn heal(&mut self) {
        let began = now();
        self.runs.read(&self.folder);
        for member in 0..MEMBERS {
            self.hosts.heal(member);
            processes::kill("-CONT", &[self.locks[member].id()]);
        }
        self.watch_for(STABLE);
        let running: Vec<_> = self.runs.all().filter(|run| run.last >= began).copied().collect();
        let newest = running.iter().map(|run| run.epoch).max();
        for run in running.iter().filter(|run| Some(run.epoch) != newest) {
            processes::kill("-KILL", &[run.pid]);
        }
        self.start_those_that_ended();
    }

    fn start_those_that_ended(&mut self) {
        for member in 0..MEMBERS {
            if self.servers[member].try_wait().unwrap().is_some() {
                self.servers[member] = self.server(member);
            }
            if self.locks[member].try_wait().unwrap().is_some() {
                self.locks[member] = self.lock(member);
            }
        }
    }

    fn watch_for(&mut self, time: Duration) {
        let end = clock::now() + time;
        while clock::now() < end {
            std::thread::park_timeout(LOOK);
        }
        self.runs.read(&self.folder);
    }

    /// The work that runs, when it has for a while and is the only one.
    fn until_worked(&mut self) -> Run {
        let (began, give_up) = (now(), clock::now() + RECOVERY_MAX);
        let stable = u64::try_from(STABLE.as_nanos()).unwrap();
        loop {
            self.start_those_that_ended();
            self.watch_for(LOOK);
            if let Some(run) = self.runs.newest()
                && run.last > run.first.max(began) + stable
            {
                return run;
            }
            assert!(clock::now() < give_up, "no work runs under etcdctl lock");
        }
    }
}

impl Drop for Etcd<'_> {
    fn drop(&mut self) {
        for process in self.locks.iter_mut().chain(&mut self.servers) {
            let _ = process.kill();
            let _ = process.wait();
        }
        processes::end_all_of(&self.folder);
        for folder in [&self.data, &self.folder] {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
