//! What becomes of promises on the file systems of containers: one in memory, and the layers of a container.
//!
//! A promise is never synced. What keeps it when a process is killed is the page cache, which these file systems are no exception to:
//! a node that is started again at once is bound as before. A container that is made anew is another matter: its member has lost its
//! identity as well, so its word counts nowhere until the others have recorded it.
//!
//! Where mounts are not allowed, the tests say so and pass; `BALLOTBOX_NETNS=required` makes them fail instead.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

use crate::{
    faults::hosts::{Hosts, PORT, address, leave_out, run},
    netns::Process,
    patience::{InTime, PATIENCE, ended},
};

const LEASE: Duration = Duration::from_secs(3);

/// What is told in milliseconds may be that much less.
const ROUNDED: Duration = Duration::from_millis(1);

/// Where a container keeps what it writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FileSystem {
    /// In memory.
    Tmpfs,
    /// In its own layer above those of its image.
    Overlay,
}

/// What a container has mounted, until this is dropped.
struct Container {
    kind: FileSystem,
    path: PathBuf,
}

impl Container {
    fn new(kind: FileSystem, name: &str) -> Option<Self> {
        let path = format!("container-{}-{name}", std::process::id());
        let container = Self { kind, path: Path::new(env!("CARGO_TARGET_TMPDIR")).join(path) };
        fs::create_dir_all(&container.path).unwrap();
        match container.mount() {
            Ok(()) => Some(container),
            Err(why) => {
                leave_out(&format!("no container: {why}"));
                None
            }
        }
    }

    fn mount(&self) -> Result<(), String> {
        let mut tmpfs = Command::new("mount");
        run(tmpfs.args(["-t", "tmpfs", "tmpfs"]).arg(&self.path))?;
        if self.kind == FileSystem::Tmpfs {
            return Ok(());
        }
        let layers = ["image", "upper", "work", "all"].map(|layer| self.path.join(layer));
        for layer in &layers {
            fs::create_dir(layer).unwrap();
        }
        let [image, upper, work, all] = layers.map(|layer| layer.display().to_string());
        let layers = format!("lowerdir={image},upperdir={upper},workdir={work}");
        run(Command::new("mount").args(["-t", "overlay", "-o", &layers, "overlay", &all]))
    }

    fn unmount(&self) {
        // Lazily, as a process that ends may still have a file open.
        if self.kind == FileSystem::Overlay {
            let _ = run(Command::new("umount").arg("-l").arg(self.path.join("all")));
        }
        let _ = run(Command::new("umount").arg("-l").arg(&self.path));
    }

    /// Another one of the same image, without anything that was written.
    fn make_anew(&self) {
        self.unmount();
        self.mount().unwrap();
    }

    fn data_dir(&self) -> PathBuf {
        match self.kind {
            FileSystem::Tmpfs => self.path.join("data"),
            FileSystem::Overlay => self.path.join("all").join("data"),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.unmount();
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Three members with a container each, of which 3 leads with a lease.
struct Ensemble {
    processes: Vec<Process>,
    containers: Vec<Container>,
    hosts: Hosts,
    votes: PathBuf,
}

impl Ensemble {
    fn led_by_3(kind: FileSystem) -> Option<Self> {
        let hosts = Hosts::new(3)?;
        let containers = (1..=3).map(|id| Container::new(kind, &format!("{kind:?}-{id}")));
        let containers = containers.collect::<Option<Vec<_>>>()?;
        let votes = votes(kind);
        let mut ensemble = Self { processes: vec![], containers, hosts, votes };
        for id in 1..=3 {
            let process = ensemble.started(id);
            ensemble.processes.push(process);
        }
        ensemble.until(3, is("leading"));
        for id in [1, 2] {
            ensemble.until(id, is("following"));
            ensemble.asks(id, |status| status["recorded"] == true);
        }
        Some(ensemble)
    }

    fn started(&self, id: usize) -> Process {
        let directory = self.containers[id - 1].data_dir();
        let more = ["--data-dir".as_ref(), directory.as_ref()];
        Process::start_with(&self.hosts, id - 1, id as u64, &self.votes, &more)
    }

    fn kill(&mut self, id: usize) {
        let child = &mut self.processes[id - 1].child;
        child.kill().unwrap();
        ended(child, "the node that was killed");
    }

    fn start(&mut self, id: usize) {
        self.processes[id - 1] = self.started(id);
    }

    fn until(&mut self, id: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        self.processes[id - 1].until(wanted)
    }

    /// Asks a node how things stand, until that is so.
    fn asks(&self, id: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = clock::now() + PATIENCE;
        loop {
            let status = self.status(id);
            if wanted(&status) {
                return status;
            }
            assert!(clock::now() < deadline, "{id} has not got there: {status}");
        }
    }

    fn status(&self, id: usize) -> Value {
        let directory = self.containers[id - 1].data_dir();
        let mut status = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
        status.args(["status", "--json", "--data-dir"]).arg(directory);
        serde_json::from_slice(&status.output_in_time().stdout).unwrap()
    }
}

fn votes(kind: FileSystem) -> PathBuf {
    let member = |id: usize| json!({ "id": id, "election": format!("{}:{PORT}", address(id - 1)) });
    let members: Vec<_> = (1..=3).map(member).collect();
    let timing = json!({ "lease_ms": LEASE.as_millis() });
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = file.join(format!("containers-{kind:?}-{}.json", std::process::id()));
    fs::write(&file, json!({ "members": members, "timing": timing }).to_string()).unwrap();
    file
}

fn is(name: &str) -> impl Fn(&Value) -> bool {
    move |event| event["event"] == name
}

fn says(text: &str) -> impl Fn(&Value) -> bool {
    move |event| event["text"].as_str().is_some_and(|told| told.contains(text))
}

/// All are killed, and those that had promised are started again at once. Nothing but their files says that they are bound.
fn a_voter_that_is_started_again_at_once_is_bound_as_before(kind: FileSystem) {
    let Some(mut ensemble) = Ensemble::led_by_3(kind) else { return };
    for id in [1, 2, 3] {
        ensemble.kill(id);
    }
    let mut free = clock::time_of_day();
    for id in [1, 2] {
        ensemble.start(id);
    }
    for id in [1, 2] {
        ensemble.until(id, is("listening"));
        let asked = clock::time_of_day();
        let status = ensemble.asks(id, |status| status["promise"]["to"] == 3);
        let rest = status["promise"]["remaining_ms"].as_u64().unwrap();
        free = free.max(asked + Duration::from_millis(rest));
    }
    let leading = time_of(&ensemble.until(2, is("leading")));
    let early = free.duration_since(leading).unwrap_or_default();
    assert!(early <= ROUNDED, "somebody leads {early:?} before what was promised is over");
}

#[test]
fn a_voter_on_a_file_system_in_memory_that_is_killed_and_started_again_is_bound_as_before() {
    a_voter_that_is_started_again_at_once_is_bound_as_before(FileSystem::Tmpfs);
}

#[test]
fn a_voter_inside_a_container_that_is_killed_and_started_again_is_bound_as_before() {
    a_voter_that_is_started_again_at_once_is_bound_as_before(FileSystem::Overlay);
}

/// What it had promised is gone, and so is what it was: until the leader returns nobody can lead.
fn a_voter_whose_container_is_made_anew_counts_nowhere(kind: FileSystem, told: &str) {
    let Some(mut ensemble) = Ensemble::led_by_3(kind) else { return };
    for id in [2, 3] {
        ensemble.kill(id);
    }
    ensemble.containers[1].make_anew();
    ensemble.start(2);
    ensemble.until(2, says(told));
    for id in [1, 2] {
        let nobody_leads = |event: &Value| {
            assert_ne!(
                event["event"], "leading",
                "a voter that may have promised has forgotten it"
            );
            says("as soon as 3 was seen once")(event)
        };
        ensemble.until(id, nobody_leads);
    }
    ensemble.start(3);
    ensemble.until(3, |event| event["event"] == "leading" || event["event"] == "following");
    ensemble.asks(2, |status| status["recorded"] == true);
}

#[test]
fn a_voter_on_a_file_system_in_memory_that_was_lost_counts_nowhere() {
    a_voter_whose_container_is_made_anew_counts_nowhere(
        FileSystem::Tmpfs,
        "is on tmpfs, in memory",
    );
}

#[test]
fn a_voter_whose_container_is_made_anew_is_another_one_and_counts_nowhere() {
    let told = "is inside the container";
    a_voter_whose_container_is_made_anew_counts_nowhere(FileSystem::Overlay, told);
}

fn time_of(event: &Value) -> SystemTime {
    humantime::parse_rfc3339(event["time"].as_str().unwrap()).unwrap()
}
