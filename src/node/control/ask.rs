//! [`ask_status()`], [`ask_why()`] and [`ask_to_resign()`]: what asks the node that runs in a directory.

use std::{
    io,
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use async_io::Async;
use ballotbox_actors::kit::clock;
use ballotbox_core::{UntrustedText, leadership::Successor};
use futures::{AsyncReadExt, AsyncWriteExt};
use serde::de::DeserializeOwned;
use socket2::{Domain, Socket, Type};

use super::{
    report::StatusReport,
    request::{Refusal, Request, line},
    resignation::Resignation,
};
use crate::{
    chronicle::WhyReport,
    node::{
        control_socket::{ControlSocket, Nearby},
        store::Layout,
    },
};

/// A node answers at once; who has seen the status already is answered within 10 s.
const ANSWER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(13));

/// A node answers an order within the time that was said. This much later nobody waits for it.
const BEYOND: Duration = Duration::from_millis(500);

/// What the system says of a connection that the other end has closed.
const HANGS_UP: [io::ErrorKind; 2] = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];

/// Where there is no room, tries again after this.
const PAUSE: Duration = Duration::from_millis(10);

/// At most this many bytes of an answer.
const ANSWER_MAX: usize = 1 << 20;

/// A data directory may be one of a node alone, or the `dataDir` of a zoo.cfg.
const LAYOUTS: [Layout; 2] = [Layout::Plain, Layout::ZooKeeper];

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum ControlError {
    /// There is no such directory.
    #[error(
        "there is no directory {path}: expected the --data-dir of a node that runs (ballotbox-data/ID where it was started, \
         unless it was given), or the dataDir of its zoo.cfg. An observer keeps nothing, and cannot be asked"
    )]
    NoDirectory { path: UntrustedText },
    /// There is no socket in it.
    #[error(
        "no node runs in {path}: there is no socket `control`. An observer, and a node that holds elections alone, keep nothing \
         and have none"
    )]
    NobodyRuns { path: UntrustedText },
    /// What is there has not been made by a node.
    #[error(
        "what is called `control` in {path} is no socket, so a node that runs there cannot be asked: move it away, and start the node \
         again"
    )]
    NoSocket { path: UntrustedText },
    /// Nobody listens at the socket.
    #[error("no node runs in {path} any more")]
    HasEnded { path: UntrustedText },
    /// It may not be used.
    #[error("{path} may be used only by the user that the node runs as: {error}")]
    NotAllowed { path: UntrustedText, error: UntrustedText },
    /// The node does not answer in time.
    #[error("the node in {path} does not answer within {within:?}")]
    Silent {
        path: UntrustedText,
        /// How long was waited.
        within: Duration,
    },
    /// It has hung up.
    #[error("the node in {path} has closed the connection without an answer")]
    Closed { path: UntrustedText },
    /// It says something else.
    #[error("the node in {path} answers: {answer}")]
    Answers { path: UntrustedText, answer: UntrustedText },
    /// The system has failed.
    #[error("cannot reach the node in {path}: {error}")]
    Io { path: UntrustedText, error: UntrustedText },
}

/// Asks the node that runs in this data directory how things stand. With the `seq` of a report that was seen, the answer comes as soon
/// as there is another one, or within ten seconds.
///
/// # Errors
///
/// [`ControlError`], when no node answers.
pub async fn ask_status(directory: &Path, seen: Option<u64>) -> Result<StatusReport, ControlError> {
    // Who waits for news comes back by itself.
    let (within, insists) = if seen.is_some() { (ANSWER.1, false) } else { (ANSWER.0, true) };
    question(directory, &Request::Status { seen }, within, insists).await
}

/// Asks the node that runs in this data directory how the last leaders came to lead.
///
/// # Errors
///
/// [`ControlError`], when no node answers.
pub async fn ask_why(directory: &Path) -> Result<WhyReport, ControlError> {
    question(directory, &Request::Why {}, ANSWER.0, true).await
}

/// Asks something that may be asked again.
async fn question<A: DeserializeOwned>(
    directory: &Path,
    request: &Request,
    within: Duration,
    insists: bool,
) -> Result<A, ControlError> {
    let path = UntrustedText::path(directory);
    let folder = folder(directory)?;
    let asked = async {
        loop {
            let answer = ask(&folder, request).await;
            // The place was given to another caller, or the node has just ended, which the next attempt says.
            if !insists || !has_hung_up(&answer) {
                return answer;
            }
            clock::sleep_until(clock::now() + PAUSE).await;
        }
    };
    let answer = match clock::within(within, asked).await {
        Ok(answer) => answer.map_err(|error| failure(path.clone(), &error))?,
        Err(clock::Late(within)) => return Err(ControlError::Silent { path, within }),
    };
    understood(&answer, path)
}

/// Asks the node that runs in this data directory to give its leadership up, in favour of this successor. Its work may take so long to
/// end, and so long the answer.
///
/// # Errors
///
/// [`ControlError`], when no node answers.
pub async fn ask_to_resign(
    directory: &Path,
    to: Successor,
    within: Duration,
) -> Result<Resignation, ControlError> {
    let path = UntrustedText::path(directory);
    let folder = folder(directory)?;
    let request = Request::Resign { to, within };
    let longest = within.saturating_add(BEYOND);
    // It is asked once: whether an order was heard whose answer is missing, nobody knows.
    let answer = match clock::within(longest, ask(&folder, &request)).await {
        Ok(answer) => answer.map_err(|error| failure(path.clone(), &error))?,
        Err(clock::Late(_)) => return Err(ControlError::Silent { path, within }),
    };
    understood(&answer, path)
}

/// What this answer says.
fn understood<A: DeserializeOwned>(answer: &[u8], path: UntrustedText) -> Result<A, ControlError> {
    if !answer.ends_with(b"\n") {
        return Err(ControlError::Closed { path });
    }
    serde_json::from_slice(answer).map_err(|error| {
        let refusal = serde_json::from_slice::<Refusal>(answer);
        let text = refusal.map_or_else(|_| error.to_string(), |refusal| refusal.error);
        ControlError::Answers { path, answer: UntrustedText::new(text) }
    })
}

/// The report in an answer, and the answer in which a node gives that report. The fuzzer calls this.
///
/// # Errors
///
/// [`ControlError`], when there is no report in it.
#[doc(hidden)]
pub fn answer_read(answer: &[u8]) -> Result<(StatusReport, Vec<u8>), ControlError> {
    let report: StatusReport = understood(answer, UntrustedText::default())?;
    let written = line(&report);
    Ok((report, written))
}

fn folder(directory: &Path) -> Result<PathBuf, ControlError> {
    let path = UntrustedText::path(directory);
    let mut candidates = LAYOUTS.iter().map(|layout| directory.join(layout.own()));
    let there = candidates.find_map(|folder| {
        let there = ControlSocket::path(&folder).symlink_metadata().ok()?;
        Some((folder, there.file_type().is_socket()))
    });
    if let Some((folder, is_socket)) = there {
        return if is_socket { Ok(folder) } else { Err(ControlError::NoSocket { path }) };
    }
    match directory.read_dir() {
        Ok(_) => Err(ControlError::NobodyRuns { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ControlError::NoDirectory { path })
        }
        Err(error) => Err(failure(path, &error)),
    }
}

fn failure(path: UntrustedText, error: &io::Error) -> ControlError {
    let kind = error.kind();
    if kind == io::ErrorKind::ConnectionRefused {
        ControlError::HasEnded { path }
    } else if HANGS_UP.contains(&kind) {
        ControlError::Closed { path }
    } else if kind == io::ErrorKind::NotFound {
        ControlError::NobodyRuns { path }
    } else if kind == io::ErrorKind::PermissionDenied {
        ControlError::NotAllowed { path, error: UntrustedText::new(error) }
    } else {
        ControlError::Io { path, error: UntrustedText::new(error) }
    }
}

/// Whether the node has closed the connection without a word.
fn has_hung_up(answer: &io::Result<Vec<u8>>) -> bool {
    match answer {
        Ok(bytes) => bytes.is_empty(),
        Err(error) => HANGS_UP.contains(&error.kind()),
    }
}

async fn ask(folder: &Path, request: &Request) -> io::Result<Vec<u8>> {
    let mut stream = connect(folder).await?;
    stream.write_all(&line(request)).await?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(b"\n") && answer.len() < ANSWER_MAX {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(answer)
}

async fn connect(folder: &Path) -> io::Result<Async<UnixStream>> {
    let nearby = Nearby::of(folder)?;
    let address = nearby.address()?;
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address) {
            Ok(()) => return Async::new(UnixStream::from(socket)),
            // Too many wait there already.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                clock::sleep_until(clock::now() + PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}
