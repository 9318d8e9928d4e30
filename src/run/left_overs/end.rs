//! Ends processes by descriptors, which no other process gets.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::Read,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    time::{Duration, Instant},
};

use ballotbox_actors::kit::clock;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use super::{super::lease_file::LEASE_FILE_VARIABLE, Fate, LeftOver};
use crate::node::{LockFile, WorkHolder, process};

/// What is killed is waited for, all in all, for at most this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest environment of a process, in bytes: the kernel starts none with more.
const ENVIRONMENT_MAX: u64 = 6 * 1024 * 1024;

/// At most this many threads of a process are looked at.
const THREADS_MAX: usize = 64;

/// One that was killed.
struct Killed {
    holder: WorkHolder,
    process: OwnedFd,
}

/// Ends those that are ours, round after round, as they may start others meanwhile.
pub(super) fn all(file: &LockFile, lease_file: &Path) -> Vec<LeftOver> {
    let until = clock::now() + PATIENCE;
    let mut left_overs = Vec::new();
    let mut hopeless = BTreeSet::new();
    loop {
        let holders = file.holders().into_iter();
        let (ours, others): (Vec<_>, Vec<_>) = holders
            .filter(|holder| !hopeless.contains(&holder.pid))
            .partition(|holder| is_ours(holder.pid, lease_file));
        if ours.is_empty() || clock::now() >= until {
            left_overs.extend(ours.into_iter().map(|holder| LeftOver::new(holder, Fate::GoesOn)));
            left_overs
                .extend(others.into_iter().map(|holder| LeftOver::new(holder, Fate::NotOurs)));
            return left_overs;
        }
        // All are killed before one is waited for: none of them has time to start many others.
        let is_still = |pid| file.is_held_by(&process(pid)) && is_ours(pid, lease_file);
        let killed: Vec<_> = ours.into_iter().map(|holder| kill(holder, is_still)).collect();
        for killed in killed {
            let left_over = match killed {
                Ok(Killed { holder, process }) if ends(&process, until) => {
                    LeftOver::new(holder, Fate::Ended)
                }
                Ok(Killed { holder, .. }) | Err(Some(holder)) => {
                    hopeless.insert(holder.pid);
                    LeftOver::new(holder, Fate::GoesOn)
                }
                Err(None) => continue,
            };
            left_overs.push(left_over);
        }
    }
}

/// Kills this process, if it still is what it was when it is held. What cannot be killed is returned; one that has ended by itself is not.
fn kill(
    holder: WorkHolder,
    is_still: impl FnOnce(u32) -> bool,
) -> Result<Killed, Option<WorkHolder>> {
    let number = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    let Some(number) = number else { return Err(Some(holder)) };
    let process = match pidfd_open(number, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Err(None),
        Err(_) => return Err(Some(holder)),
    };
    if !is_still(holder.pid) {
        return Err(None);
    }
    if !leads_to(&process, holder.pid) {
        return Err(Some(holder));
    }
    match pidfd_send_signal(&process, Signal::KILL) {
        Ok(()) => Ok(Killed { holder, process }),
        Err(Errno::SRCH) => Err(None),
        Err(_) => Err(Some(holder)),
    }
}

/// Whether the descriptor is one of the process that has this number below `/proc`. A container may have the `/proc` of its machine, in which
/// numbers are others.
fn leads_to(process: &OwnedFd, pid: u32) -> bool {
    let description = format!("/proc/self/fdinfo/{}", process.as_raw_fd());
    let text = fs::read_to_string(description).unwrap_or_default();
    let mut numbers = text.lines().filter_map(|line| line.strip_prefix("Pid:"));
    numbers.next().is_some_and(|number| number.trim().parse() == Ok(pid))
}

/// Waits until a process is gone: its descriptor is readable then. Returns whether it is.
fn ends(process: &OwnedFd, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(clock::now());
        let left = Timespec::try_from(left).unwrap_or_default();
        let mut waits = [PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN)];
        match poll(&mut waits, Some(&left)) {
            Ok(ready) => return ready > 0,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Whether it was started with this lease file in its environment.
fn is_ours(pid: u32, lease_file: &Path) -> bool {
    let mut wanted = OsString::from(LEASE_FILE_VARIABLE);
    wanted.push("=");
    wanted.push(lease_file);
    let has_it = |folder: &Path| {
        let mut environment = Vec::new();
        let file = File::open(folder.join("environ"));
        let read = file.and_then(|file| file.take(ENVIRONMENT_MAX).read_to_end(&mut environment));
        let mut variables = environment.split(|byte| *byte == 0);
        read.is_ok() && variables.any(|variable| variable == wanted.as_bytes())
    };
    // A thread that has ended shows none, and the first one may have ended before the others.
    let process = process(pid);
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    has_it(&process) || threads.take(THREADS_MAX).any(|thread| has_it(&thread.path()))
}

#[cfg(test)]
mod tests;
