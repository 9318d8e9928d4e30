//! Processes as the system shows them below `/proc`: what was started by a test, and by whom.

use std::{fs, os::unix::ffi::OsStrExt, path::Path, process::Command};

use super::work::FOLDER;
use crate::patience::{InTime, PATIENCE};

/// Sends a signal to all of these with one call. Those that have ended meanwhile are not missed.
pub(crate) fn kill(signal: &str, pids: &[u32]) {
    if !pids.is_empty() {
        let pids = pids.iter().map(ToString::to_string);
        let _ = Command::new("kill").arg(signal).args(pids).run_within(PATIENCE);
    }
}

/// The address space of this process may be as large as it is, and no larger.
pub(crate) fn limit_memory(pid: u32) {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return };
    let Some(size) = status.lines().find_map(|line| line.strip_prefix("VmSize:")) else { return };
    let kib: u64 = size.trim().trim_end_matches("kB").trim().parse().unwrap();
    let mut limit = Command::new("prlimit");
    limit.args(["--pid", &pid.to_string(), &format!("--as={}", kib * 1024)]);
    let _ = limit.run_within(PATIENCE);
}

/// What this process has started, in the order in which it was.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let of_one = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children"));
    let children: String =
        threads.flatten().map(|thread| of_one(thread).unwrap_or_default()).collect();
    children.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The name that it goes by.
pub(crate) fn name(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let name = line.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// What was started with this folder, and is neither one of these nor started by one of these.
pub(crate) fn of_folder(folder: &Path, but: &[u32]) -> Vec<(u32, String)> {
    let mark = [FOLDER.as_bytes(), b"=", folder.as_os_str().as_bytes(), b"\0"].concat();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|part| part == mark)
    };
    let marked = pids.filter(is_marked);
    marked.filter(|pid| !descends_from(*pid, but)).map(|pid| (pid, name(pid))).collect()
}

pub(crate) fn end_all_of(folder: &Path) {
    let pids: Vec<_> = of_folder(folder, &[]).into_iter().map(|(pid, _)| pid).collect();
    kill("-KILL", &pids);
}

fn descends_from(pid: u32, ancestors: &[u32]) -> bool {
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|pid| *pid > 1) {
        if ancestors.contains(&pid) {
            return true;
        }
        next = parent(pid);
    }
    false
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
