//! [`Tree`]: all processes of the work, as far as the kernel knows them.
//!
//! The guard is the reaper of its descendants: a process of them that loses its parent becomes its child. So what the work has started is found
//! among its children and theirs, however often it has forked, and whatever group or session it has moved to.
//!
//! No process is signalled that may be another one by now. A child keeps its number until we have waited for it; the
//! process that the work began with is waited for last, as its number is also that of its group. The descendants of
//! others are signalled through a descriptor, after another look at whose child that is.

use std::{collections::BTreeSet, fs, io, process::Child};

use rustix::process::{
    Pid, PidfdFlags, RawPid, Signal as Sig, WaitId, WaitIdOptions, getpid, kill_process,
    kill_process_group, pidfd_open, pidfd_send_signal, waitid,
};

use super::order::{Signal, Status};

/// At most this many generations are gone through in one round; who is further down is found when its ancestors have ended.
const DEPTH_MAX: usize = 64;

/// The processes of the work.
#[derive(Debug)]
pub(super) struct Tree {
    first: Pid,
    /// How it has ended, once that was said. Until nothing is left it is not waited for.
    status: Option<Status>,
}

impl Tree {
    /// Of a child that is the first of its group.
    pub(super) fn of(child: &Child) -> Self {
        Self { first: Pid::from_child(child), status: None }
    }

    /// Sends this to the group of the first process.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(signal) = Sig::from_named_raw(signal.0) {
            // It may have ended just now.
            let _ = kill_process_group(self.first, signal);
        }
    }

    /// How the first process has ended, if it has, and this was not said before.
    pub(super) fn has_exited(&mut self) -> Option<Status> {
        if self.status.is_some() {
            return None;
        }
        self.status = status(self.first);
        self.status
    }

    /// Waits for those of our children that have ended, but for the first.
    pub(super) fn reap(&self) {
        for child in children(getpid()) {
            if child != self.first {
                let _ = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
    }

    /// Kills all that is left of the work, and returns how many processes that is. If that is none, and it was said how the first one has
    /// ended, this is the last that is done with them.
    pub(super) fn kill(&mut self) -> usize {
        let _ = kill_process_group(self.first, Sig::KILL);
        self.reap();
        kill_descendants();
        self.reap();
        let is_alive = |child: &Pid| *child != self.first || self.status.is_none();
        let alive = children(getpid()).iter().filter(|child| is_alive(child)).count();
        if alive == 0 {
            let _ = waitid(WaitId::Pid(self.first), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
        alive
    }
}

/// Kills all that we have started, and what that has, and returns how many of our children are left.
pub(super) fn kill_all() -> usize {
    kill_descendants();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let is_left = |child: &Pid| !matches!(waitid(WaitId::Pid(*child), options), Ok(Some(_)));
    children(getpid()).iter().filter(|child| is_left(child)).count()
}

/// Waits for those of our children that have ended, and had at the last look, too: who has started them waits for them sooner, if they are
/// not orphans that were left to us. Returns those that have ended now.
pub(super) fn reap_orphans(before: &BTreeSet<RawPid>) -> BTreeSet<RawPid> {
    let ended = children(getpid()).into_iter().filter(|child| status(*child).is_some());
    let (old, new): (Vec<_>, Vec<_>) =
        ended.partition(|child| before.contains(&child.as_raw_pid()));
    for child in old {
        let _ = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }
    new.into_iter().map(Pid::as_raw_pid).collect()
}

fn kill_descendants() {
    let us = getpid();
    let mut seen = BTreeSet::new();
    let mut generation = vec![us];
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for parent in generation {
            for child in children(parent) {
                if seen.insert(child.as_raw_pid()) {
                    kill(child, parent, us);
                    next.push(child);
                }
            }
        }
        generation = next;
    }
}

/// How a child of ours has ended, if it has. It can be asked again.
fn status(child: Pid) -> Option<Status> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let ended = waitid(WaitId::Pid(child), options).ok().flatten()?;
    let killed = ended.terminating_signal().map(|number| Status::Killed(Signal(number)));
    killed.or_else(|| ended.exit_status().map(Status::Code))
}

fn kill(process: Pid, parent: Pid, us: Pid) {
    if parent == us {
        let _ = kill_process(process, Sig::KILL);
        return;
    }
    let Ok(descriptor) = pidfd_open(process, PidfdFlags::empty()) else { return };
    // Its number may have been given to another process before we had the descriptor.
    if parent_of(process) == Some(parent) {
        let _ = pidfd_send_signal(descriptor, Sig::KILL);
    }
}

/// The children of a process. Where the kernel does not list them, all processes are asked for their parents.
fn children(parent: Pid) -> Vec<Pid> {
    listed_children(parent).unwrap_or_else(|_| children_among_all(parent))
}

fn listed_children(parent: Pid) -> io::Result<Vec<Pid>> {
    let mut children = Vec::new();
    let threads = match fs::read_dir(format!("/proc/{parent}/task")) {
        Ok(threads) => threads,
        // It has ended.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(children),
        Err(error) => return Err(error),
    };
    for thread in threads.flatten() {
        match fs::read_to_string(thread.path().join("children")) {
            Ok(text) => children.extend(text.split_ascii_whitespace().filter_map(pid)),
            // The thread has ended, or no kernel of this machine lists children.
            Err(_) if thread.path().join("stat").exists() => {
                return Err(io::ErrorKind::Unsupported.into());
            }
            Err(_) => {}
        }
    }
    Ok(children)
}

fn children_among_all(parent: Pid) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let names = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let pids = names.filter_map(|name| pid(&name));
    pids.filter(|process| parent_of(*process) == Some(parent)).collect()
}

fn parent_of(process: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may contain anything, but ends with the last parenthesis; then come the state and the parent.
    let (_, rest) = stat.rsplit_once(')')?;
    pid(rest.split_ascii_whitespace().nth(1)?)
}

fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn children_are_found_in_both_ways() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let number = Pid::from_child(&child);
        let us = getpid();
        assert!(children(us).contains(&number));
        assert!(children_among_all(us).contains(&number));
        assert_eq!(parent_of(number), Some(us));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!children(us).contains(&number));
        assert_eq!(listed_children(number).unwrap(), []);
    }

    #[test]
    fn a_child_that_nobody_waits_for_is_waited_for_at_the_second_look() {
        let mut child = Command::new("true").spawn().unwrap();
        let number = Pid::from_child(&child);
        while status(number).is_none() {
            std::thread::yield_now();
        }
        let ended = reap_orphans(&BTreeSet::new());
        assert!(ended.contains(&number.as_raw_pid()));
        assert!(status(number).is_some(), "it is somebody's");
        assert!(
            !reap_orphans(&BTreeSet::from([number.as_raw_pid()])).contains(&number.as_raw_pid())
        );
        assert!(child.wait().is_err(), "it was waited for");
    }
}
