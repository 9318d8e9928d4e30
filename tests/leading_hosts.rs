//! What the machines of leaders and followers do: their host is gone without a word, or their disk takes no more.
//!
//! Where namespaces or mounts are not allowed, the tests say so and pass; `BALLOTBOX_NETNS=required` makes them fail instead.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use crate::{
    faults::{
        disk::Disk,
        hosts::{Hosts, PORT, address},
    },
    netns::{NamesOf, Process},
    patience::{InTime, Lines, ended},
};
use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

/// A leader and its followers say at the latest this long after the last word that they do not hear each other.
const SILENCE: Duration = Duration::from_secs(1);

/// What a node may need beyond that on a machine that runs it when it is due. How late this machine is, is measured meanwhile.
const SLACK: Duration = Duration::from_millis(500);

const MEMBERS: usize = 3;

/// Three members with a disk each, of which 3 leads at first.
struct Ensemble {
    processes: Vec<Process>,
    disks: Vec<Disk>,
    hosts: Hosts,
    votes: PathBuf,
    epoch: i64,
}

impl Ensemble {
    fn led_by_3(name: &str) -> Option<Self> {
        let hosts = Hosts::new(MEMBERS)?;
        let disks = (1..=MEMBERS).map(|id| Disk::new(&format!("{name}-{id}"))).collect();
        let votes = votes(name);
        let mut ensemble = Self { hosts, processes: vec![], disks, votes, epoch: 0 };
        for id in 1..=MEMBERS {
            let process = ensemble.started(id);
            ensemble.processes.push(process);
        }
        ensemble.epoch = ensemble.leads(3);
        for id in [1, 2] {
            ensemble.follows(id, 3, ensemble.epoch);
        }
        Some(ensemble)
    }

    fn started(&self, id: usize) -> Process {
        let directory = self.disks[id - 1].directory(0);
        let more = ["--data-dir".as_ref(), directory.as_ref()];
        Process::start_with(&self.hosts, id - 1, id as u64, &self.votes, &more)
    }

    fn until(&mut self, id: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        self.processes[id - 1].until(wanted)
    }

    /// Waits until this one leads, and returns in which epoch.
    fn leads(&mut self, id: usize) -> i64 {
        self.until(id, |event| event["event"] == "leading")["epoch"].as_i64().unwrap()
    }

    fn follows(&mut self, id: usize, leader: u64, epoch: i64) {
        let following = |event: &Value| event["event"] == "following" && event["leader"] == leader;
        assert_eq!(self.until(id, following)["epoch"], epoch);
    }

    /// Waits until this one says that its epoch is over, and returns when that was.
    fn loses(&mut self, id: usize, epoch: i64, cause: &str) -> SystemTime {
        let lost = self.until(id, |event| event["event"] == "lost");
        assert_eq!((&lost["epoch"], &lost["cause"]), (&json!(epoch), &json!(cause)));
        humantime::parse_rfc3339(lost["time"].as_str().unwrap()).unwrap()
    }
}

/// Members 1 to 3, each on its host.
fn votes(name: &str) -> PathBuf {
    written(name, &[1, 2, 3].map(|id| format!("{}:{PORT}", address(id - 1))))
}

/// Members at these places.
fn written(name: &str, places: &[String; MEMBERS]) -> PathBuf {
    let member = |(id, place): (usize, &String)| json!({ "id": id, "election": place });
    let members: Vec<_> = (1..).zip(places).map(member).collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = file.join(format!("leading-{name}-{}.json", std::process::id()));
    fs::write(&file, json!({ "members": members }).to_string()).unwrap();
    file
}

fn tell(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output_in_time();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Measures how late this machine runs what is due, as long as it lives.
struct Lateness {
    enough: mpsc::Sender<()>,
    worst: JoinHandle<Duration>,
}

impl Lateness {
    fn measured() -> Self {
        const TURN: Duration = Duration::from_millis(5);
        let (enough, asked) = mpsc::channel();
        let worst = thread::spawn(move || {
            let mut worst = Duration::ZERO;
            loop {
                let began = clock::now();
                if asked.recv_timeout(TURN) != Err(RecvTimeoutError::Timeout) {
                    return worst;
                }
                worst = worst.max((clock::now() - began).saturating_sub(TURN));
            }
        });
        Self { enough, worst }
    }

    fn worst(self) -> Duration {
        drop(self.enough);
        self.worst.join().unwrap()
    }
}

/// Neither side is told by a socket that the other one is gone. Each says so in time, counted from the moment at which it certainly
/// was: what a slow machine needs to bring it about is not counted.
fn a_leader_that_is_gone_without_a_word(name: &str, go: fn(&Hosts), come_back: fn(&Hosts)) {
    let Some(mut ensemble) = Ensemble::led_by_3(name) else { return };
    let before = ensemble.epoch;
    let lateness = Lateness::measured();
    go(&ensemble.hosts);
    let gone = clock::time_of_day();
    let mut lost = vec![];
    for id in [1, 2] {
        lost.push(ensemble.loses(id, before, "silence"));
    }
    let next = ensemble.leads(2);
    assert!(next > before);
    ensemble.follows(1, 2, next);
    lost.push(ensemble.loses(3, before, "quorum-lost"));
    let in_time = SILENCE + SLACK + lateness.worst();
    for (id, lost) in (1..).zip(lost) {
        // One that had not heard anything for a moment before is earlier.
        let took = lost.duration_since(gone).unwrap_or_default();
        assert!(took <= in_time, "{id} has noticed after {took:?}, and not within {in_time:?}");
    }
    come_back(&ensemble.hosts);
    ensemble.follows(3, 2, next);
}

#[test]
fn a_leader_whose_cable_is_pulled_out_is_replaced_and_gives_up_by_itself() {
    a_leader_that_is_gone_without_a_word(
        "cable",
        |hosts| hosts.plug(2, false),
        |hosts| hosts.plug(2, true),
    );
}

#[test]
fn a_leader_whose_packets_vanish_is_replaced_and_gives_up_by_itself() {
    a_leader_that_is_gone_without_a_word("vanish", |hosts| hosts.isolate(2), |hosts| hosts.heal(2));
}

/// 3 leads, and its disk takes nothing more. When it has lost its epoch it follows nobody in the next one, as it could not keep
/// its word; once the disk takes something again it does, and counts, in the same life.
fn a_disk_that_takes_nothing_for_a_while(
    name: &str,
    told: &str,
    fail: impl FnOnce(&mut Ensemble),
    work_again: impl FnOnce(&mut Ensemble),
) {
    let Some(mut ensemble) = Ensemble::led_by_3(name) else { return };
    if !ensemble.disks[2].is_small() {
        return;
    }
    fail(&mut ensemble);
    ensemble.hosts.isolate(2);
    let next = ensemble.leads(2);
    ensemble.follows(1, 2, next);
    ensemble.loses(3, ensemble.epoch, "quorum-lost");
    ensemble.hosts.heal(2);
    let cannot = |event: &Value| {
        assert_ne!(event["event"], "following", "it gives a word that it cannot keep");
        let text = event["text"].as_str();
        text.is_some_and(|text| text.contains("cannot write the epochs") && text.contains(told))
    };
    ensemble.until(3, cannot);
    work_again(&mut ensemble);
    ensemble.follows(3, 2, next);
    // Without its word nobody could lead now.
    ensemble.processes[1].child.kill().unwrap();
    let last = ensemble.leads(3);
    assert!(last > next);
    ensemble.follows(1, 3, last);
}

#[test]
fn a_voter_with_a_full_disk_gives_no_word_and_counts_again_when_there_is_space() {
    a_disk_that_takes_nothing_for_a_while(
        "full",
        "no space is left",
        |ensemble| ensemble.disks[2].fill(),
        |ensemble| ensemble.disks[2].empty(),
    );
}

#[test]
fn a_voter_whose_disk_becomes_read_only_gives_no_word_and_counts_again_when_it_is_writable() {
    // Seen by the process alone: the same directory once more, and there it is read-only.
    let mount = |ensemble: &Ensemble, how: &[&str]| {
        let pid = ensemble.processes[2].child.id().to_string();
        tell(&[&["nsenter", "-m", "-t", &pid], how].concat());
    };
    a_disk_that_takes_nothing_for_a_while(
        "read-only",
        "read-only",
        |ensemble| {
            let path = ensemble.disks[2].path().to_str().unwrap();
            mount(ensemble, &["mount", "--bind", path, path]);
            mount(ensemble, &["mount", "-o", "remount,bind,ro", path]);
        },
        |ensemble| mount(ensemble, &["umount", ensemble.disks[2].path().to_str().unwrap()]),
    );
}

#[test]
fn a_directory_that_is_read_only_or_full_at_the_start_ends_the_node_with_the_reason() {
    let mut disk = Disk::new("start");
    if !disk.is_small() {
        return;
    }
    let free = [(); MEMBERS].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let votes = written("start", &free.map(|port| port.local_addr().unwrap().to_string()));
    let command = |directory: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
        command.args(["node", "--id", "1", "--votes"]).arg(&votes).arg("--data-dir").arg(directory);
        command
    };
    let refused = |directory: &Path, reason: &str| {
        let output = command(directory).output_in_time();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains(reason) && told.contains("--data-dir"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    };
    let (used, new) = (disk.directory(0), disk.directory(1));
    let mut once = command(&used);
    let mut once = once.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = Lines::of(once.stdout.take().unwrap());
    assert!(lines.any(|line| line.contains("listening")));
    once.kill().unwrap();
    ended(&mut once, "the node that was killed");
    let content = || {
        ["acceptedEpoch", "currentEpoch", "identity"].map(|name| fs::read(used.join(name)).unwrap())
    };
    let before = content();
    disk.fill();
    refused(&used, "no space is left");
    refused(&new, "no space is left");
    assert_eq!(content(), before);
    disk.empty();
    let path = disk.path().to_str().unwrap();
    tell(&["mount", "-o", "remount,ro", path]);
    refused(&used, "read-only");
    refused(&new, "read-only");
    assert_eq!(content(), before);
}

/// Member 1 moves: its name leads to another host from now on, on which a copy of its directory is used. But the first process lives
/// on, and so does its connection to the leader.
#[test]
fn of_two_processes_on_copies_of_one_directory_the_older_one_is_refused_with_the_addresses_of_both()
{
    let Some(hosts) = Hosts::new(4) else { return };
    let (here, there) = (address(0).to_string(), address(3).to_string());
    let names = NamesOf::new(&hosts, 4);
    names.say(&[("one.test", 0)]);
    let mut places = [1, 2, 3].map(|id| format!("{}:{PORT}", address(id - 1)));
    places[0] = format!("one.test:{PORT}");
    let votes = written("copied", &places);
    let disks = [1, 2, 3, 4].map(|number| Disk::new(&format!("copied-{number}")));
    let start = |host: usize, id: u64| {
        let directory = disks[host].directory(0);
        let more = ["--data-dir".as_ref(), directory.as_ref()];
        Process::start_with(&hosts, host, id, &votes, &more)
    };
    let [mut first, mut second, mut third] = [1, 2, 3].map(|id| start(id - 1, id as u64));
    third.until(|event| event["event"] == "leading");
    for process in [&mut first, &mut second] {
        process.until(|event| event["event"] == "following" && event["leader"] == 3);
    }
    let (from, to) = (disks[0].directory(0), disks[3].directory(0));
    fs::create_dir(&to).unwrap();
    for file in ["acceptedEpoch", "currentEpoch", "identity"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    names.say(&[("one.test", 3)]);
    hosts.close_port(0);
    let mut copy = start(3, 1);
    let told_of_both = |event: &Value| {
        let text = event["text"].as_str().unwrap_or_default();
        let both = ["two processes run on one directory", &here, &there];
        both.iter().all(|part| text.contains(part))
    };
    first.until(told_of_both);
    third.until(|event| {
        assert_ne!(event["event"], "lost", "the leader is not disturbed by that");
        told_of_both(event)
    });
    copy.until(|event| event["event"] == "following" && event["leader"] == 3);
}
