//! Processes as the system shows them below `/proc`: what was started by a test, and by whom.

use std::{fs, path::Path};

use super::{COMMAND, until};

/// A mark that no other test has. It is a number of seconds, so that `sleep` takes it.
pub(crate) fn mark(name: &str) -> String {
    let number =
        name.bytes().fold(7, |sum: u64, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007);
    format!("{}.{number}", 1_000_000 + std::process::id())
}

/// The processes that have this mark in their command lines.
pub(crate) fn marked(mark: &str) -> Vec<u32> {
    others(|pid| command_line(pid).contains(mark))
}

/// The processes that have this mark, or were started by one of those.
pub(crate) fn left_of(mark: &str) -> Vec<u32> {
    others(|pid| command_line(pid).contains(mark) || is_started_with(pid, mark))
}

/// Waits until no process is left that has this mark, or was started by one that has it.
pub(crate) fn nothing_is_left(mark: &str) {
    until(|| left_of(mark).is_empty(), || format!("{:?} are left", left_of(mark)));
}

/// The guard of a node.
pub(crate) fn guard_of(node: u32) -> u32 {
    guard_if_any(node).unwrap()
}

/// The same; `None` before it is there under its name.
pub(crate) fn guard_if_any(node: u32) -> Option<u32> {
    children_of(node).into_iter().find(|pid| command_line(*pid).starts_with("ballotbox-guard"))
}

/// What a process has started and not waited for.
pub(crate) fn children_of(pid: u32) -> Vec<u32> {
    let threads = numbers_in(Path::new(&format!("/proc/{pid}/task")));
    threads.into_iter().flat_map(|thread| children_of_thread(pid, thread)).collect()
}

/// What this thread of it has: the first one has the number of the process.
pub(crate) fn children_of_thread(pid: u32, thread: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
    children.unwrap_or_default().split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

pub(crate) fn command_line(pid: u32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).into()
}

/// As the system tells it: `D` is a wait that no signal ends, `T` is stopped.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether the environment of a process has the command of the test with this mark.
fn is_started_with(pid: u32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    variables.any(|one| one.starts_with(COMMAND) && one.contains(mark))
}

/// All processes but this one of which this is true.
fn others(is: impl Fn(u32) -> bool) -> Vec<u32> {
    let pids = numbers_in(Path::new("/proc")).into_iter();
    pids.filter(|pid| *pid != std::process::id() && is(*pid)).collect()
}

/// What in this folder has a number for a name.
fn numbers_in(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
