//! What the machines of leaders and followers do: their host is gone without a word, or their disk takes no more.
//!
//! Where namespaces or mounts are not allowed, the tests say so and pass; `BALLOTBOX_NETNS=required` makes them fail instead.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    faults::{
        disk::Disk,
        hosts::{Hosts, PORT, address},
    },
    netns::Process,
};
use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

/// A leader and its followers notice within this time that they do not hear each other: `silence` is 1 s, and the rest is an
/// election and room for a slow machine.
const NOTICED_MAX: Duration = Duration::from_secs(8);

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

    fn loses(&mut self, id: usize, epoch: i64, cause: &str) {
        let lost = self.until(id, |event| event["event"] == "lost");
        assert_eq!((&lost["epoch"], &lost["cause"]), (&json!(epoch), &json!(cause)));
    }
}

/// Members 1 to 3, each on its host.
fn votes(name: &str) -> PathBuf {
    let member = |id: usize| {
        let election = format!("{}:{PORT}", address(id - 1));
        json!({ "id": id, "election": election })
    };
    let members: Vec<_> = (1..=MEMBERS).map(member).collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = file.join(format!("leading-{name}-{}.json", std::process::id()));
    fs::write(&file, json!({ "members": members }).to_string()).unwrap();
    file
}

fn tell(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Neither side is told by a socket that the other one is gone.
fn a_leader_that_is_gone_without_a_word(name: &str, go: fn(&Hosts), come_back: fn(&Hosts)) {
    let Some(mut ensemble) = Ensemble::led_by_3(name) else { return };
    let before = ensemble.epoch;
    go(&ensemble.hosts);
    let gone = clock::now();
    for id in [1, 2] {
        ensemble.loses(id, before, "silence");
    }
    let next = ensemble.leads(2);
    assert!(next > before);
    ensemble.follows(1, 2, next);
    ensemble.loses(3, before, "quorum-lost");
    let took = clock::now() - gone;
    assert!(took < NOTICED_MAX, "{took:?}");
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
    let votes = votes("start");
    let start = |disk: &Disk| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
        command.args(["node", "--id", "1", "--votes"]).arg(&votes).arg("--data-dir");
        let output = command.arg(disk.directory(0)).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    disk.fill();
    let (code, told) = start(&disk);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("no space is left") && told.contains("--data-dir"), "{told}");
    disk.empty();
    let path = disk.path().to_str().unwrap();
    tell(&["mount", "-o", "remount,ro", path]);
    let (code, told) = start(&disk);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("read-only") && told.contains("--data-dir"), "{told}");
}
