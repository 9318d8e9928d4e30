//! [`ExitCode`] and [`Failure`]: how a command ended.

use std::io;

use ballotbox::{
    NodeError, elect::ElectError, node::ConfigError, vote_file::VoteFileError, zoo_cfg::ZooCfgError,
};
use structopt::clap;

/// The exit codes of the binary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// Everything was done.
    Done = 0,
    /// It ran, but the answer is no: no leader, an expectation not met.
    No = 1,
    /// Wrong usage, or a bad input file.
    Usage = 2,
    /// The environment failed.
    Environment = 3,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line makes no sense; the text of the argument parser.
    #[error("{0}")]
    Usage(String),
    /// The vote file cannot be used.
    #[error(transparent)]
    VoteFile(#[from] VoteFileError),
    /// The zoo.cfg cannot be used.
    #[error(transparent)]
    ZooCfg(#[from] ZooCfgError),
    /// The vote file could not be played.
    #[error(transparent)]
    Elect(#[from] ElectError),
    /// The picture could not be written.
    #[error("cannot write {path}: {source}")]
    Diagram {
        /// Where to.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file says too little for a node, or does not know it.
    #[error("{file}: {error}")]
    NodeConfig {
        /// The file.
        file: String,
        /// What is missing.
        error: ConfigError,
    },
    /// The node could not start, or had to end.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
    /// There is no thread for a job.
    #[error("cannot start a thread: {0}: expected fewer --jobs, or more threads for this user")]
    Jobs(io::Error),
    /// A file could not be written.
    #[error("cannot write {file}: {source}")]
    Save {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The results could not be written.
    #[error("cannot write to stdout: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// What to tell the user, if anything.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Self::Usage(_)
            | Self::VoteFile(_)
            | Self::ZooCfg(_)
            | Self::Elect(_)
            | Self::Diagram { .. }
            | Self::NodeConfig { .. }
            | Self::Node(_)
            | Self::Signals(_)
            | Self::Jobs(_)
            | Self::Save { .. }
            | Self::Output(_) => Some(self.to_string()),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_)
            | Self::VoteFile(_)
            | Self::ZooCfg(_)
            | Self::NodeConfig { .. }
            | Self::Node(NodeError::Config(_)) => ExitCode::Usage,
            Self::Elect(error) if error.is_the_files_fault() => ExitCode::Usage,
            // Whoever reads our output has seen enough: `ballotbox … | head` is a success.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Done,
            Self::Elect(_)
            | Self::Diagram { .. }
            | Self::Node(_)
            | Self::Signals(_)
            | Self::Jobs(_)
            | Self::Save { .. }
            | Self::Output(_) => ExitCode::Environment,
        }
    }
}

/// The parser's text, without the `error:` in front that ours replaces.
pub(super) fn usage_text(error: &clap::Error) -> String {
    let text = error.message.trim_end();
    text.strip_prefix("error: ").unwrap_or(text).to_owned()
}
