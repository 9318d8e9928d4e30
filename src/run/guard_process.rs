//! [`GuardProcess`]: the guard, as its node sees it.

use std::{
    fs::{self, FileType},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{fs::FileTypeExt, process::CommandExt},
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_io::Async;
use ballotbox_actors::kit::{
    clock::{self, Late},
    off_thread,
};
use ballotbox_core::UntrustedText;
use rustix::{
    net::{Shutdown, shutdown},
    process::{getpid, set_child_subreaper},
};

use super::{
    config::RunConfig,
    guard::{self, GuardArgs, OURSELVES},
    lease_file::NoLease,
    order::{Order, Report},
    socket,
    watchdog::Terms,
};

/// A guard that has nothing to guard any more ends at once. It is not waited for longer than this.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// It has this long to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no guard.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GuardError {
    /// The process cannot be started.
    #[error("cannot start the guard of the work: {0}")]
    Start(UntrustedText),
    /// The lease file cannot be written.
    #[error("cannot write {file}: {error}: expected a data directory that the node can write to")]
    LeaseFile {
        /// Which it is.
        file: UntrustedText,
        /// What the system said.
        error: UntrustedText,
    },
    /// Something else lies in the place of the lease file.
    #[error(
        "{file} is {found}: expected a plain file, or none. Remove it, and the node makes the file anew; or choose another data directory"
    )]
    NoPlainFile {
        /// Which it is.
        file: UntrustedText,
        /// What lies there.
        found: &'static str,
    },
    /// It has ended before it had anything to do, or does not answer.
    #[error(
        "the guard of the work does not answer: it was killed or stopped as soon as it was started"
    )]
    Silent,
}

/// The process that guards the work.
#[derive(Debug)]
pub struct GuardProcess {
    pub(super) socket: Arc<Async<OwnedFd>>,
    child: Child,
}

impl GuardProcess {
    /// Starts it. This comes before everything else that a node does: later there may be no memory, and no such binary any more.
    ///
    /// # Errors
    ///
    /// [`GuardError::Start`].
    pub fn start(config: &RunConfig) -> Result<Self, GuardError> {
        let failed = |error: io::Error| GuardError::Start(UntrustedText::new(error));
        let (near, far) = socket::pair().map_err(failed)?;
        // What is left of the work when the guard is killed becomes ours.
        set_child_subreaper(Some(getpid())).map_err(|error| failed(error.into()))?;
        let terms = Terms { has_lease: config.lease.is_some(), stop_within: config.stop_within };
        let args = GuardArgs {
            terms,
            lease_file: config.lease_file(),
            prelude: config.before_leading.clone(),
            program: config.program.file.clone(),
            arguments: config.program.arguments.clone(),
        };
        let mut command = Command::new(OURSELVES);
        command.arg0(guard::NAME).args(args.to_args()).process_group(0).stdin(Stdio::from(far));
        command.envs(config.variables());
        let child = command.spawn().map_err(failed)?;
        let socket = Arc::new(Async::new_nonblocking(near).map_err(failed)?);
        Ok(Self { socket, child })
    }

    /// Tells it that the data directory is ours, and waits until it is ready.
    pub(super) async fn prepare(&self, file: &Path) -> Result<(), GuardError> {
        self.order(Order::Prepare, &[]);
        match clock::within(READY_WITHIN, next_report(&self.socket)).await {
            Ok(Some(Report::Ready)) => Ok(()),
            Ok(Some(Report::NotReady { error })) => Err(not_ready(file, error)),
            Ok(
                Some(
                    Report::Started { .. }
                    | Report::NotStarted { .. }
                    | Report::ToldToEnd
                    | Report::Exited { .. }
                    | Report::Lingers { .. }
                    | Report::Ended { .. },
                )
                | None,
            )
            | Err(Late(_)) => Err(GuardError::Silent),
        }
    }

    /// Gives an order. A guard that takes none has ended, or is stopped; then the end of its socket says so, or the deadline that it has.
    pub(super) fn order(&self, order: Order, descriptors: &[BorrowedFd<'_>]) {
        let _ = socket::send(self.socket.get_ref(), order.to_bytes(), descriptors);
    }

    /// Lets it go, and waits until it has ended.
    pub(super) async fn end(self) {
        let Self { socket, mut child } = self;
        // Who listens to it has this end, too.
        let _ = shutdown(socket.get_ref(), Shutdown::Both);
        let _ = clock::within(END_PATIENCE, off_thread(move || child.wait())).await;
    }
}

/// Why the guard cannot write this file, with the number of the error that it got.
fn not_ready(path: &Path, error: i32) -> GuardError {
    let file = UntrustedText::path(path);
    let found = fs::symlink_metadata(path).ok().and_then(|found| kind(found.file_type()));
    if let Some(found) = found {
        return GuardError::NoPlainFile { file, found };
    }
    let error = match error {
        // The system has not failed: it does not tell enough.
        0 => UntrustedText::new(NoLease::UnknownBoot),
        error => UntrustedText::new(io::Error::from_raw_os_error(error)),
    };
    GuardError::LeaseFile { file, error }
}

/// What something is that is no plain file.
fn kind(found: FileType) -> Option<&'static str> {
    let kinds = [
        (found.is_symlink(), "a symbolic link"),
        (found.is_dir(), "a directory"),
        (found.is_fifo(), "a named pipe"),
        (found.is_socket(), "a socket"),
        (found.is_char_device() || found.is_block_device(), "a device"),
    ];
    kinds.into_iter().find_map(|(is_one, name)| is_one.then_some(name))
}

/// The next report; `None` when the guard has ended.
pub(super) async fn next_report(socket: &Async<OwnedFd>) -> Option<Report> {
    loop {
        let arrived = socket.read_with(|socket| socket::receive(socket.as_fd())).await;
        match arrived {
            Ok(Some(arrived)) => {
                if let Some(report) = Report::parse(&arrived.message) {
                    return Some(report);
                }
            }
            Ok(None) | Err(_) => return None,
        }
    }
}
