//! [`Runner`]: one run of a hook, from the start of its process to its end.
//!
//! Nothing waits for what the hook has left in the background, as only the process itself is waited for, and no pipe.

use std::{
    convert::Infallible,
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus},
    sync::Arc,
};

use ballotbox_actors::kit::{Actor, Mailbox, Raced, off_thread};
use ballotbox_core::UntrustedText;

use super::{
    super::process::{Process, shell},
    queue::RunEnd,
};

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
        let mut shell = shell(&self.command)?;
        shell.envs(self.variables.iter().map(|(k, v)| (k, v)));
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
