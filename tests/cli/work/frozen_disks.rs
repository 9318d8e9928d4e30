//! Disks that hang: who writes there waits in the kernel, and no signal wakes it, not even SIGKILL.
//!
//! Such a disk is a file system in a file that was frozen (`fsfreeze`). Where this user may not mount one, the tests say so and pass;
//! `BALLOTBOX_NETNS=required` makes them fail instead.

use std::{
    cell::Cell,
    os::unix::{fs::symlink, process::CommandExt},
};

use ballotbox::run::LeaseFile;
use ballotbox_actors::kit::clock;

use super::*;

/// A file system that nobody else uses. It is thawed and unmounted when this is dropped, and when this process is gone in any other way: a
/// shell does it, which is told by the end of its stdin.
struct Disk {
    path: PathBuf,
    undoer: Child,
}

/// What the shell does. A process that ends may still have a file open.
const UNDO: &str = "trap '' INT TERM HUP QUIT; read line; fsfreeze -u \"$0\"; umount -l \"$0\"; \
                    rm -f \"$1\"; rmdir \"$0\"";

impl Disk {
    fn new(name: &str) -> Option<Self> {
        let name = format!("frozen-{}-{name}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let image = path.with_extension("image");
        fs::create_dir_all(&path).unwrap();
        fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
        let mut undoer = Command::new("sh");
        undoer.args(["-c", UNDO]).arg(&path).arg(&image).stdin(Stdio::piped());
        let undoer = undoer.stderr(Stdio::null()).process_group(0).spawn().unwrap();
        let disk = Self { path, undoer };
        let made = told(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image)).and_then(|()| {
            told(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&disk.path))
        });
        match made {
            Ok(()) => Some(disk),
            Err(why) => {
                let required = std::env::var("BALLOTBOX_NETNS").as_deref() == Ok("required");
                assert!(!required, "BALLOTBOX_NETNS=required, but no disk can hang: {why}");
                eprintln!("left out: no disk can hang: {why}");
                None
            }
        }
    }

    fn freeze(&self) {
        told(Command::new("fsfreeze").arg("-f").arg(&self.path)).unwrap();
    }

    fn thaw(&self) {
        told(Command::new("fsfreeze").arg("-u").arg(&self.path)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.undoer.stdin.take());
        let _ = self.undoer.wait();
    }
}

/// Waits for a command. If it fails, its words say why.
fn told(command: &mut Command) -> Result<(), String> {
    let output = command.run_within(PATIENCE);
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    output.status.success().then_some(()).ok_or_else(said)
}

/// Three nodes with a program, and the disks that they or their programs use. Those are thawed first, as who hangs cannot be waited for.
struct Team {
    disks: Vec<Disk>,
    nodes: Vec<Working>,
    place: (PathBuf, PathBuf),
    mark: String,
}

impl Team {
    fn start(name: &str, options: &[&str], script: &str) -> Self {
        let (place, mark) = (ensemble(&format!("work-{name}"), 3), mark(name));
        let mut team = Self { disks: Vec::new(), nodes: Vec::new(), place, mark };
        team.nodes = (1..=3).map(|id| team.started(id, options, script)).collect();
        team
    }

    fn started(&self, id: u64, options: &[&str], script: &str) -> Working {
        Working::start(id, &self.place, options, &["sh", "-c", script, &self.mark])
    }

    fn lease_file(&self, index: usize) -> PathBuf {
        self.place.1.join((index + 1).to_string()).join("lease")
    }

    /// Ends all of them. Nothing is left then.
    fn end(mut self) {
        for node in &self.nodes {
            node.signal("-TERM");
        }
        for node in &mut self.nodes {
            let code = node.code();
            assert!(matches!(code, Some(0 | 1)), "{code:?}");
        }
        nothing_is_left(&self.mark);
    }
}

fn warns(event: &Value, part: &str) -> bool {
    event["event"] == "warning" && event["text"].as_str().is_some_and(|text| text.contains(part))
}

/// What it writes last may still land then, and only a fence keeps that out.
#[test]
fn nobody_leads_before_the_promise_is_over_when_a_program_hangs_in_the_kernel() {
    let Some(disk) = Disk::new("program") else { return };
    let file = disk.path.join("written").display().to_string();
    // Only the first one writes.
    let script = format!(
        "[ -e '{file}' ] && echo later && exec sleep 1000; : > '{file}'; echo began; \
         while :; do echo >> '{file}'; sleep 0.01; done"
    );
    let mut team = Team::start("hangs", &[], &script);
    team.disks.push(disk);
    let (first, _) = first_to_print(&team.nodes, None);
    let pid = pid_in(&team.nodes[first].work("running"));
    team.disks[0].freeze();
    until(|| state_of(pid) == Some('D'), || format!("{pid} is {:?}", state_of(pid)));
    let held = LeaseFile::read(&team.lease_file(first)).unwrap();
    team.nodes[first].signal("-TERM");
    let (next, said) = first_to_print(&team.nodes, Some(first));
    assert_eq!(said, "later");
    assert_eq!(held.left(clock::reading()), None, "{} was released by {}", next + 1, first + 1);
    team.nodes[first].node.until(|event| warns(event, "was killed and does not end"));
    assert_eq!(team.nodes[first].code(), Some(1), "it had to be killed");
    assert_eq!(state_of(pid), Some('D'), "it was killed, and is there");
    // Another life of that node does not lead beside it, and says who is there.
    let id = u64::try_from(first).unwrap() + 1;
    team.nodes[first] = team.started(id, &[], &script);
    let goes_on = format!("process {pid} (sh) cannot be killed, and goes on");
    team.nodes[first].node.until(|event| warns(event, &goes_on));
    team.disks[0].thaw();
    until(|| state_of(pid).is_none(), || format!("{pid} is {:?}", state_of(pid)));
    let follows = |event: &Value| event["event"] == "following" && event["counts"] != false;
    team.nodes[first].node.until(follows);
    team.end();
}

/// Its program takes a lock that no two can have, as long as any process of it is there, and does not end when it is asked to.
fn program(name: &str) -> String {
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("work-{name}.lock"));
    forever(&(alone_with(&lock) + "trap '' TERM"))
}

/// Three nodes with a disk each. That of the one whose program runs is frozen.
fn with_a_frozen_disk(name: &str, options: &[&str]) -> Option<(Team, usize)> {
    let disks = (1..=3).map(|id| Disk::new(&format!("{name}-{id}")));
    let disks = disks.collect::<Option<Vec<_>>>()?;
    let (place, mark) = (ensemble(&format!("work-{name}"), 3), mark(name));
    fs::create_dir_all(&place.1).unwrap();
    for (id, disk) in (1..).zip(&disks) {
        let folder = disk.path.join("data");
        fs::create_dir(&folder).unwrap();
        symlink(folder, place.1.join(id.to_string())).unwrap();
    }
    let mut team = Team { disks, nodes: Vec::new(), place, mark };
    team.nodes = (1..=3).map(|id| team.started(id, options, &program(name))).collect();
    let (worker, said) = first_to_print(&team.nodes, None);
    assert!(said.starts_with("began"), "{said}");
    team.disks[worker].freeze();
    Some((team, worker))
}

#[test]
fn a_leader_whose_disk_hangs_ends_its_program_in_time_and_another_one_leads() {
    let Some((mut team, worker)) = with_a_frozen_disk("disk-hangs", &[]) else { return };
    let (_, said) = first_to_print(&team.nodes, Some(worker));
    assert!(said.starts_with("began"), "{said}");
    // It says what is wrong, before its program has ended or after that.
    let is_named = Cell::new(false);
    let names = |event: &Value| {
        is_named.set(is_named.get() || warns(event, "the disk hangs"));
        is_named.get()
    };
    let ended = team.nodes[worker].node.until(|event| {
        names(event);
        event["event"] == "work" && event["state"] == "ended"
    });
    assert_eq!(ended["code"], 137);
    if !is_named.get() {
        team.nodes[worker].node.until(names);
    }
    team.disks[worker].thaw();
    team.nodes[worker].node.until(|event| event["event"] == "following");
    team.end();
}

#[test]
fn without_a_lease_a_leader_notices_by_itself_that_its_disk_hangs_and_can_be_stopped() {
    let options = ["--lease", "off"];
    let Some((mut team, worker)) = with_a_frozen_disk("disk-noticed", &options) else { return };
    team.nodes[worker].work("unwell");
    assert_eq!(team.nodes[worker].work("ended")["code"], 137);
    let (_, said) = first_to_print(&team.nodes, Some(worker));
    assert!(said.starts_with("began"), "{said}");
    team.nodes[worker].signal("-TERM");
    team.nodes[worker].node.until(|event| event["event"] == "stopped");
    // The kernel keeps a process until none of its threads waits for the disk any more.
    team.disks[worker].thaw();
    assert_eq!(team.nodes.remove(worker).code(), Some(0));
    team.end();
}
