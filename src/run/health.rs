//! [`Health`]: whether the work, and the disk under it, still answer.
//!
//! A program that hangs keeps its leadership, and a disk that hangs holds up the program and not the heartbeats. So both are asked from time
//! to time, and a leader that fails [three times](FAILURES_MAX) in a row gives its leadership up.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ballotbox_actors::kit::{Actor, Address, Mailbox, Wake, clock, off_thread};

use super::process::{Process, shell};
use crate::Epoch;

/// From one look to the next.
pub(super) const EVERY: Duration = Duration::from_secs(2);
/// A look may take this long.
pub(super) const LIMIT: Duration = Duration::from_secs(2);
/// This many looks in a row that fail are enough.
const FAILURES_MAX: u32 = 3;

/// What is looked at, for whom.
#[derive(Clone, Debug)]
pub(super) struct HealthConfig {
    /// A command for the shell that exits with 0 if the work is well.
    pub(super) command: Option<Arc<OsString>>,
    /// Where something is written, and synced.
    pub(super) probe: PathBuf,
    /// What the command is told in its environment.
    pub(super) variables: Vec<(&'static str, OsString)>,
}

/// Looks at the work of one epoch until its mailbox is closed, or until it has failed too often.
#[derive(Debug)]
pub(super) struct Health<P> {
    pub(super) config: HealthConfig,
    pub(super) epoch: Epoch,
    /// Is told once, when it has.
    pub(super) user: Address<P>,
    pub(super) report: fn(Epoch) -> P,
}

impl<P: Send + 'static> Actor for Health<P> {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(self, mut mailbox: Mailbox<Infallible>) -> Result<(), Infallible> {
        let mut failures = 0;
        let mut next = clock::now() + EVERY;
        loop {
            match mailbox.next_until(Some(next)).await {
                Wake::Due => {}
                Wake::Told(never) => match never {},
                Wake::Closed => return Ok(()),
            }
            next = clock::now() + EVERY;
            if self.is_well().await {
                failures = 0;
                continue;
            }
            failures += 1;
            if failures == FAILURES_MAX {
                let _ = self.user.tell((self.report)(self.epoch));
                return Ok(());
            }
        }
    }
}

impl<P> Health<P> {
    async fn is_well(&self) -> bool {
        let path = self.config.probe.clone();
        let disk = clock::within(LIMIT, off_thread(move || sync(&path)));
        let (disk, work) = futures::join!(disk, self.work_is_well());
        // A disk that is full answers, and so does one that may not be written to.
        disk.is_ok() && work
    }

    async fn work_is_well(&self) -> bool {
        let Some(command) = &self.config.command else { return true };
        let started = shell(command).and_then(|mut shell| {
            shell.env("BALLOTBOX_EPOCH", self.epoch.0.to_string());
            shell.envs(self.config.variables.iter().map(|(name, value)| (name, value)));
            Process::start(shell)
        });
        let Ok(mut process) = started else { return false };
        if let Ok(Ok(status)) = clock::within(LIMIT, process.ended()).await {
            return status.success();
        }
        process.kill_group();
        // What was killed ends soon, or is held up by a disk.
        let _ = clock::within(LIMIT, process.ended()).await;
        false
    }
}

/// Writes something, and waits until it is on the disk.
fn sync(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(b"probe")?;
    file.sync_all()
}
