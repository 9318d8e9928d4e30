//! [`Process`]: a command of the node's own, such as a hook, from its start to its end.
//!
//! The process leads a group of its own. It is reaped here and nowhere else, and signalled only before that: so a
//! number that the system has given to another process by then is never used.

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, ExitStatus, Stdio},
};

use async_io::Async;
use ballotbox_actors::kit::off_thread;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// A command for the shell, in a group of its own, without anything to read. What it prints goes to our stderr.
pub(super) fn shell(command: &OsStr) -> io::Result<Command> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    // Stdout may be what a program reads.
    let stdout = io::stderr().as_fd().try_clone_to_owned()?;
    shell.stdin(Stdio::null()).stdout(Stdio::from(stdout)).process_group(0);
    Ok(shell)
}

/// A process that was not reaped, and the descriptor that tells of its end.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    end: Option<Async<OwnedFd>>,
}

impl Process {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let end = end_of_process(&child);
        Ok(Self { child, end })
    }

    /// Kills it, and whatever it has started that is still of its group.
    pub(super) fn kill_group(&self) {
        // It was not reaped, so its number is its own; the group has had it from the start.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    /// Waits until it has ended, and reaps it.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            match &self.end {
                Some(end) => end.readable().await?,
                None => self.exited_off_thread().await?,
            }
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
        }
    }

    /// The same by a thread that waits and does not reap, where there is no descriptor for it.
    async fn exited_off_thread(&self) -> io::Result<()> {
        let pid = Pid::from_child(&self.child);
        off_thread(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(error) = waitid(WaitId::Pid(pid), options) {
                if error != rustix::io::Errno::INTR {
                    return Err(error.into());
                }
            }
            Ok(())
        })
        .await
    }
}

#[cfg(target_os = "linux")]
fn end_of_process(child: &Child) -> Option<Async<OwnedFd>> {
    use rustix::process::{PidfdFlags, pidfd_open};

    let end = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()?;
    Async::new_nonblocking(end).ok()
}

/// Other systems have no such descriptor.
#[cfg(not(target_os = "linux"))]
const fn end_of_process(_: &Child) -> Option<Async<OwnedFd>> {
    None
}
