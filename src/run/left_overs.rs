//! [`end_left_overs`]: ends what an earlier node of a directory has left behind, before the next one begins.
//!
//! Work inherits the lock `work.lock`, so that what goes on after its node was killed is found, and nobody leads beside it. It is ours to
//! end if it was started by us for this directory: then the lease file of the directory stands in the environment with which it was
//! started. Whatever else holds the lock is only told.
//!
//! A process may end at any time, and its number go to another one. So it is held by a descriptor first, then looked at once more, and
//! killed through that descriptor: what has taken its number meanwhile is not hit.

#[cfg(target_os = "linux")]
mod end;

use std::{fmt, path::Path};

use ballotbox_core::UntrustedText;

use crate::{
    files::Lock,
    node::{LockFile, WorkHolder},
};

/// A process that goes on after the node that has started it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeftOver {
    /// Its number here.
    pub pid: u32,
    /// What it runs, as it says itself.
    pub name: UntrustedText,
    /// What has come of it.
    pub fate: Fate,
}

/// What has come of a process that was left behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It was killed, and is gone.
    Ended,
    /// We have not started it for this directory, or it hides that. It goes on.
    NotOurs,
    /// It cannot be killed, or does not die. It goes on.
    GoesOn,
}

/// Kills the processes that hold `work.lock` and that a node has started for the directory with this lease file, and waits until they are
/// gone, for 5 s at most. Returns them, and those that hold it and are not ours to end.
///
/// Nothing is ended while another node runs in that directory, which has its `lock` beside `work.lock`: so this comes before the start of
/// our node, as that has the lock from then on. A process of another container is not seen, nor one of another user, unless we may look
/// at everything. It blocks: for a few milliseconds if there is nothing to end.
pub fn end_left_overs(work_lock: &Path, lease_file: &Path) -> Vec<LeftOver> {
    let Ok(file) = LockFile::at(work_lock) else { return Vec::new() };
    // No node begins here before we are done, and none has.
    let Ok(_lock) = Lock::take(&work_lock.with_file_name("lock")) else {
        return Vec::new();
    };
    if Lock::take(work_lock).is_ok() {
        return Vec::new();
    }
    end(&file, lease_file)
}

#[cfg(target_os = "linux")]
fn end(file: &LockFile, lease_file: &Path) -> Vec<LeftOver> {
    end::all(file, lease_file)
}

/// Other systems have nothing by which a process can be held.
#[cfg(not(target_os = "linux"))]
fn end(file: &LockFile, _lease_file: &Path) -> Vec<LeftOver> {
    let not_ours = |WorkHolder { pid, name }| LeftOver { pid, name, fate: Fate::NotOurs };
    file.holders().into_iter().map(not_ours).collect()
}

impl LeftOver {
    fn new(WorkHolder { pid, name }: WorkHolder, fate: Fate) -> Self {
        Self { pid, name, fate }
    }
}

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, name, fate } = self;
        let fate = match fate {
            Fate::Ended => "was killed",
            Fate::NotOurs => "was not started by us for this directory, and goes on",
            Fate::GoesOn => "cannot be killed, and goes on",
        };
        write!(f, "process {pid} ({name}) {fate}")
    }
}

#[cfg(test)]
mod tests;
