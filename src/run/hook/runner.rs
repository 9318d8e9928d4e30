//! [`Runner`]: one run of a hook, from the start of its process to its end.
//!
//! The process leads a group of its own. It is reaped here and nowhere else, and signalled only before that: so a
//! number that the system has given to another process by then is never used. Nothing waits for what the hook has left in
//! the background, as only the process itself is waited for, and no pipe.

use std::{
    convert::Infallible,
    ffi::OsString,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
};

use async_io::Async;
use ballotbox_actors::kit::{Actor, Mailbox, Raced, off_thread};
use ballotbox_core::UntrustedText;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::queue::RunEnd;

/// What a [`Runner`] is told.
#[derive(Debug)]
pub(super) enum RunnerMsg {
    /// End the process, and all of its group.
    Kill,
}

/// One run.
#[derive(Debug)]
pub(super) struct Runner {
    command: Arc<OsString>,
    variables: [(&'static str, String); 9],
}

impl Runner {
    pub(super) const fn new(
        command: Arc<OsString>,
        variables: [(&'static str, String); 9],
    ) -> Self {
        Self { command, variables }
    }

    fn shell(&self) -> io::Result<Command> {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(&*self.command).envs(self.variables.iter().map(|(k, v)| (k, v)));
        // Stdout may be what a program reads.
        let stdout = io::stderr().as_fd().try_clone_to_owned()?;
        shell.stdin(Stdio::null()).stdout(Stdio::from(stdout)).process_group(0);
        Ok(shell)
    }
}

impl Actor for Runner {
    type Msg = RunnerMsg;
    /// Nothing, if nobody waits for its end any more.
    type Output = Option<RunEnd>;
    type Error = Infallible;

    async fn run(self, mut mailbox: Mailbox<RunnerMsg>) -> Result<Option<RunEnd>, Infallible> {
        // To start a program may wait for a disk.
        let started = off_thread(move || self.shell().and_then(Process::start));
        let mut process = match started.await {
            Ok(process) => process,
            Err(error) => return Ok(Some(RunEnd::NotStarted(UntrustedText::new(error)))),
        };
        loop {
            match mailbox.race(process.ended()).await {
                Raced::Done(status) => return Ok(Some(status.map_or_else(lost, end_of))),
                Raced::Woken(Some(RunnerMsg::Kill)) => process.kill_group(),
                Raced::Woken(None) => return Ok(None),
            }
        }
    }
}

fn end_of(status: ExitStatus) -> RunEnd {
    let signalled = || RunEnd::Signalled(status.signal().unwrap_or_default());
    status.code().map_or_else(signalled, RunEnd::Exited)
}

fn lost(error: io::Error) -> RunEnd {
    RunEnd::Unknown(UntrustedText::new(error))
}

/// A process that was not reaped, and the descriptor that tells of its end.
#[derive(Debug)]
struct Process {
    child: Child,
    end: Option<Async<OwnedFd>>,
}

impl Process {
    fn start(mut command: Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let end = end_of_process(&child);
        Ok(Self { child, end })
    }

    /// Kills it, and whatever it has started that is still of its group.
    fn kill_group(&self) {
        // It was not reaped, so its number is its own; the group has had it from the start.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    /// Waits until it has ended, and reaps it.
    async fn ended(&mut self) -> io::Result<ExitStatus> {
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
