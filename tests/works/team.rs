//! [`Team`]: nodes that run the work while they lead, what is done to them, and what is left of them.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

use ballotbox_actors::kit::clock;
use serde_json::json;

use super::{
    fault::{Fault, Victim},
    processes::{self, kill},
    stamps::{Run, Runs},
    work::{self, Order, now},
};
use crate::faults::{
    disk::Disk,
    hosts::{Hosts, PORT, address},
    process::{Process, Said, Voice},
};

/// How long a lease is: others look for a new leader long before it is over, so that nothing but their promises keeps them from one.
const LEASE: &str = "1s";
const PING_MS: u64 = 50;
const SILENCE_MS: u64 = 300;

/// At most this many lines of history are shown when something is wrong.
const HISTORY_LINES: usize = 400;

/// Work that runs counts when it has run for this long.
const STABLE: Duration = Duration::from_millis(300);

/// From one look at the stamps to the next.
const LOOK: Duration = Duration::from_millis(20);

/// How the nodes are started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// With leases that are as short as they may be; works differ, and end as it comes.
    Hurried,
    /// With the lease that they have by themselves; each work ends when it is asked to.
    Plain,
}

#[derive(Debug)]
struct Member {
    process: Option<Process>,
    life: u64,
    frozen: bool,
    /// The last one of its lives without memory.
    limited: Option<u64>,
    /// Something was done to it since all was well.
    is_struck: bool,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Team<'a> {
    hosts: &'a Hosts,
    manner: Manner,
    rng: fastrand::Rng,
    members: Vec<Member>,
    disks: Vec<Disk>,
    votes: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) runs: Runs,
    heard: Receiver<Said>,
    say: Sender<Said>,
    history: VecDeque<String>,
}

impl<'a> Team<'a> {
    pub(crate) fn start(
        hosts: &'a Hosts,
        count: usize,
        manner: Manner,
        rng: fastrand::Rng,
    ) -> Self {
        let (say, heard) = channel();
        let member =
            |_| Member { process: None, life: 0, frozen: false, limited: None, is_struck: false };
        let folder = super::fresh_folder(&format!("works-of-{count}"));
        let mut team = Self {
            hosts,
            manner,
            rng,
            members: (0..count).map(member).collect(),
            disks: (0..count).map(|member| Disk::new(&format!("works-{member}"))).collect(),
            votes: folder.with_extension("json"),
            folder,
            runs: Runs::default(),
            heard,
            say,
            history: VecDeque::new(),
        };
        let members = (0..count).map(
            |member| json!({ "id": member + 1, "election": format!("{}:{PORT}", address(member)) }),
        );
        let mut votes = json!({ "members": members.collect::<Vec<_>>() });
        if manner == Manner::Hurried {
            votes["timing"] = json!({ "ping_ms": PING_MS, "silence_ms": SILENCE_MS });
        }
        fs::write(&team.votes, votes.to_string()).unwrap();
        for member in 0..count {
            team.start_member(member, None);
        }
        team
    }

    fn start_member(&mut self, index: usize, memory: Option<u32>) {
        let host = self.hosts.namespace(Some(index));
        let mut node = Command::new("ip");
        node.args(["netns", "exec", &host]);
        if let Some(kib) = memory {
            node.args(["sh", "-c", &format!("ulimit -v {kib}; exec \"$@\""), "sh"]);
        }
        node.args([env!("CARGO_BIN_EXE_ballotbox"), "node", "--json"]);
        node.args(["--id", &(index + 1).to_string(), "--votes"]).arg(&self.votes);
        node.arg("--data-dir").arg(self.disks[index].directory(0)).arg("--while-leading");
        let mut order = Order { folder: &self.folder, member: index, is_stubborn: false };
        if self.manner == Manner::Hurried {
            let when_it_ends = ["stop", "restart", "resign"][self.rng.usize(0..3)];
            node.args(["--lease", LEASE, "--when-it-ends", when_it_ends]);
            order.is_stubborn = self.rng.u8(0..3) == 0;
        }
        node.arg("--").args(work::command());
        order.give_to(&mut node);
        let member = &mut self.members[index];
        member.life += 1;
        member.frozen = false;
        if memory.is_some() {
            member.limited = Some(member.life);
        }
        let life = (index, member.life);
        member.process = Some(Process::start(node, Voice::Stderr, life, self.say.clone()));
    }

    pub(crate) fn note(&mut self, what: String) {
        if self.history.len() >= HISTORY_LINES {
            self.history.pop_front();
        }
        self.history.push_back(what);
    }

    /// Whose work was there last.
    pub(crate) fn worker(&mut self) -> Option<Run> {
        self.runs.read(&self.folder);
        self.runs.newest()
    }

    pub(crate) fn begin(&mut self, fault: Fault, index: usize) {
        self.note(format!("{:.3} s: {fault:?} at {}", seconds(now()), index + 1));
        self.members[index].is_struck = true;
        match fault {
            Fault::Freeze => {
                if let Some(process) = &self.members[index].process {
                    process.signal("STOP");
                    self.members[index].frozen = true;
                }
            }
            Fault::Kill(victims) => self.kill(index, victims),
            Fault::Restart => {
                self.kill(index, &[Victim::Node]);
                self.start_member(index, None);
            }
            Fault::Isolate => self.hosts.isolate(index),
            Fault::NoMoreMemory => self.limit(index),
            Fault::LittleMemory(kib) => {
                self.kill(index, &[Victim::Node]);
                self.start_member(index, Some(kib));
            }
            Fault::FillDisk => self.disks[index].fill(),
            Fault::Terminate => self.terminate(index),
        }
    }

    /// With one call for all of them.
    fn kill(&mut self, index: usize, victims: &[Victim]) {
        let Some(node) = self.members[index].process.as_ref().map(Process::pid) else { return };
        let guard = guard_of(node);
        let pids = victims.iter().filter_map(|victim| match victim {
            Victim::Node => Some(node),
            Victim::Guard => guard,
            // A shim that is no program yet counts.
            Victim::Program => processes::children(guard?).first().copied(),
        });
        kill("-KILL", &pids.collect::<Vec<_>>());
        if victims.contains(&Victim::Node)
            && let Some(process) = self.members[index].process.take()
        {
            process.kill();
        }
    }

    /// The address space of these two does not grow any more.
    fn limit(&mut self, index: usize) {
        let Some(node) = self.members[index].process.as_ref().map(Process::pid) else { return };
        for pid in guard_of(node).into_iter().chain([node]) {
            processes::limit_memory(pid);
        }
        let member = &mut self.members[index];
        member.limited = Some(member.life);
    }

    /// It is waited for until it has ended.
    fn terminate(&mut self, index: usize) {
        let member = &mut self.members[index];
        let Some(mut process) = member.process.take() else { return };
        if member.frozen {
            process.signal("CONT");
            member.frozen = false;
        }
        let give_up = clock::now() + super::RECOVERY_MAX;
        if process.has_ended().is_none() {
            process.signal("TERM");
        }
        while process.has_ended().is_none() {
            if clock::now() > give_up {
                self.fail(&format!("member {} does not stop", index + 1));
            }
            self.watch_for(LOOK);
        }
    }

    pub(crate) fn heal(&mut self) {
        self.note(format!("{:.3} s: healed", seconds(now())));
        for index in 0..self.members.len() {
            self.hosts.heal(index);
            self.disks[index].empty();
            let member = &mut self.members[index];
            if member.frozen
                && let Some(process) = &member.process
            {
                process.signal("CONT");
                member.frozen = false;
            }
            if member.limited == Some(member.life) {
                // With little memory it may be there and be of no use.
                self.kill(index, &[Victim::Node]);
            }
        }
    }

    /// Starts those again that have ended. Only those may have to which something was done.
    fn start_those_that_ended(&mut self) {
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            if let Some(process) = &mut member.process {
                let Some(status) = process.has_ended() else { continue };
                if !member.is_struck {
                    self.fail(&format!(
                        "member {} ended, and nothing was done to it: {status}",
                        index + 1
                    ));
                }
            }
            self.start_member(index, None);
        }
    }

    /// Listens to everybody for this long.
    pub(crate) fn watch_for(&mut self, time: Duration) {
        let end = clock::now() + time;
        while let Some(left) = end.checked_duration_since(clock::now()) {
            match self.heard.recv_timeout(left) {
                Ok(said) => self.take_in(said),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take_in(&mut self, Said { member, life, line }: Said) {
        let line = line.unwrap_or_else(|| "(ended)".to_owned());
        let is_limited = self.members[member].limited == Some(life);
        self.note(format!("{:.3} s: {}.{life}: {line}", seconds(now()), member + 1));
        // Without memory the standard library may say so in these words.
        if line.contains("panicked") && !is_limited {
            self.fail("a node panicked");
        }
    }

    /// Waits until a work runs that has done so for a while, after all was healed. Says how long it took till its first stamp since.
    pub(crate) fn until_worked(&mut self) -> Duration {
        let (began, give_up) = (now(), clock::now() + super::RECOVERY_MAX);
        let stable = u64::try_from(STABLE.as_nanos()).unwrap();
        loop {
            self.start_those_that_ended();
            self.watch_for(LOOK);
            if let Some(run) = self.worker() {
                let from = run.first.max(began);
                if run.last > from + stable {
                    return Duration::from_nanos(from - began);
                }
            }
            if clock::now() > give_up {
                self.fail("no work runs again");
            }
        }
    }

    /// What an episode must not have done. All is well from now on.
    pub(crate) fn judge(&mut self) {
        self.runs.read(&self.folder);
        if let Err(broken) = self.runs.judge() {
            self.fail(&broken);
        }
        let nodes: Vec<_> =
            self.members.iter().filter_map(|member| Some(member.process.as_ref()?.pid())).collect();
        self.until_nothing_is_left_but(&nodes);
        for member in &mut self.members {
            member.is_struck = false;
        }
    }

    /// Nodes that have just ended, and what a new one has found, may take a moment.
    fn until_nothing_is_left_but(&mut self, nodes: &[u32]) {
        let give_up = clock::now() + super::RECOVERY_MAX;
        loop {
            let left = processes::of_folder(&self.folder, nodes);
            if left.is_empty() {
                return;
            }
            if clock::now() > give_up {
                self.fail(&format!("something is left: {left:?}"));
            }
            self.watch_for(LOOK);
        }
    }

    /// Ends all in good order. Nothing is left then. Returns what ran.
    pub(crate) fn stop(mut self) -> Runs {
        for index in 0..self.members.len() {
            self.terminate(index);
        }
        self.judge();
        std::mem::take(&mut self.runs)
    }

    fn fail(&mut self, what: &str) -> ! {
        while let Ok(Said { member, life, line }) = self.heard.try_recv() {
            self.history.push_back(format!("late: {}.{life}: {line:?}", member + 1));
        }
        for line in &self.history {
            println!("{line}");
        }
        panic!("{what}");
    }
}

impl Drop for Team<'_> {
    fn drop(&mut self) {
        for process in self.members.iter_mut().filter_map(|member| member.process.take()) {
            process.kill();
        }
        processes::end_all_of(&self.folder);
        remove(&self.folder, &self.votes);
    }
}

fn remove(folder: &Path, votes: &Path) {
    let _ = fs::remove_dir_all(folder);
    let _ = fs::remove_file(votes);
}

fn guard_of(node: u32) -> Option<u32> {
    processes::children(node)
        .into_iter()
        .find(|pid| processes::name(*pid).ends_with("ballotbox-guard"))
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}
