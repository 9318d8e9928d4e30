//! [`ExitCode`] and [`Failure`]: how a command ended.

use std::{ffi::OsString, io};

use ballotbox::{
    NodeError, UntrustedText,
    fence::FenceError,
    http::AskError,
    node::{ConfigError, control::ControlError},
    run::GuardError,
    scenario::{live::PlayError, vote_file::VoteFileError},
    tls::{CredentialsError, TlsFileError},
    zoo_cfg::ZooCfgError,
};
use structopt::clap;

use super::screen;

/// The exit codes of the binary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ExitCode {
    /// Everything was done.
    Done,
    /// It ran, but the answer is no: no leader, an expectation not met.
    No,
    /// Wrong usage, or a bad input file.
    Usage,
    /// The environment failed.
    Environment,
    /// The program that was named cannot be executed.
    NotExecutable,
    /// There is no such program.
    NotFound,
    /// The one of a program that was run.
    Of(u8),
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(match code {
            ExitCode::Done => 0,
            ExitCode::No => 1,
            ExitCode::Usage => 2,
            ExitCode::Environment => 3,
            ExitCode::NotExecutable => 126,
            ExitCode::NotFound => 127,
            ExitCode::Of(code) => code,
        })
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// An argument cannot be used.
    #[error("{0}")]
    Argument(UntrustedText),
    /// The vote file cannot be used.
    #[error(transparent)]
    VoteFile(#[from] VoteFileError),
    /// The zoo.cfg cannot be used.
    #[error(transparent)]
    ZooCfg(#[from] ZooCfgError),
    /// A file of keys or certificates cannot be used.
    #[error(transparent)]
    TlsFile(#[from] TlsFileError),
    /// The files with keys and certificates are good, and cannot be used together.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The vote file could not be played.
    #[error(transparent)]
    Elect(#[from] PlayError),
    /// The file says too little for a node, or does not know it.
    #[error("{file}: {error}")]
    NodeConfig {
        file: UntrustedText,
        /// What is missing.
        error: ConfigError,
    },
    /// The node could not start, or had to end.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// No node answers.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// No status port answers.
    #[error(transparent)]
    StatusUrl(#[from] AskError),
    /// The work of a node cannot be guarded.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// A token was not admitted, or it cannot be known whether it is to be.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// A program cannot be run.
    #[error("cannot run {program}: {cause}")]
    Run {
        program: UntrustedText,
        /// What the system said.
        cause: UntrustedText,
        /// There is no such program.
        is_missing: bool,
    },
    /// Nothing can be told at the status port.
    #[error(
        "--status {address}: cannot listen there: {cause}. Expected an address of this machine, and a port that is free"
    )]
    StatusPort {
        address: UntrustedText,
        /// What the system said.
        cause: UntrustedText,
    },
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(UntrustedText),
    /// There is no thread for a job.
    #[error("cannot start a thread: {0}: expected fewer --jobs, or more threads for this user")]
    Jobs(UntrustedText),
    /// A file could not be written.
    #[error("cannot write {file}: {cause}")]
    Save {
        file: UntrustedText,
        /// What the system said.
        cause: UntrustedText,
    },
    /// The system lets us open too little.
    #[error(
        "this needs {needed} open files and sockets, and at most {allowed} are allowed: raise the limit \
         (ulimit -n {needed}; for a systemd service LimitNOFILE={needed})"
    )]
    Descriptors {
        /// At least this many.
        needed: u64,
        /// The hard limit.
        allowed: u64,
    },
    /// The results could not be written.
    #[error("cannot write to stdout: {}", UntrustedText::new(.0))]
    Output(#[from] io::Error),
}

impl Failure {
    /// What to tell the user, if anything.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Self::ZooCfg(error) => Some(every_finding(error)),
            Self::Usage(_)
            | Self::Argument(_)
            | Self::VoteFile(_)
            | Self::TlsFile(_)
            | Self::Credentials(_)
            | Self::Elect(_)
            | Self::NodeConfig { .. }
            | Self::Node(_)
            | Self::Control(_)
            | Self::StatusUrl(_)
            | Self::Guard(_)
            | Self::Fence(_)
            | Self::Run { .. }
            | Self::StatusPort { .. }
            | Self::Signals(_)
            | Self::Jobs(_)
            | Self::Save { .. }
            | Self::Descriptors { .. }
            | Self::Output(_) => Some(self.to_string()),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_)
            | Self::Argument(_)
            | Self::VoteFile(_)
            | Self::ZooCfg(_)
            | Self::TlsFile(_)
            | Self::Credentials(_)
            | Self::NodeConfig { .. }
            | Self::Node(NodeError::Config(_)) => ExitCode::Usage,
            Self::Node(NodeError::Open(error)) if error.is_bad_input() => ExitCode::Usage,
            Self::Elect(error) if error.is_usage_error() => ExitCode::Usage,
            Self::Fence(FenceError::Refused { .. }) => ExitCode::No,
            Self::Fence(error) if error.is_bad_input() => ExitCode::Usage,
            Self::Run { is_missing: true, .. } => ExitCode::NotFound,
            Self::Run { is_missing: false, .. } => ExitCode::NotExecutable,
            // The reader of our output has seen enough: `ballotbox … | head` is a success.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Done,
            Self::Elect(_)
            | Self::Node(_)
            | Self::Control(_)
            | Self::StatusUrl(_)
            | Self::Guard(_)
            | Self::Fence(_)
            | Self::StatusPort { .. }
            | Self::Signals(_)
            | Self::Jobs(_)
            | Self::Save { .. }
            | Self::Descriptors { .. }
            | Self::Output(_) => ExitCode::Environment,
        }
    }
}

/// What the parser of the arguments has to say. It has several lines, and quotes arguments only as they may be shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(String);

impl UsageError {
    /// The words for what `parse` found wrong with these arguments.
    ///
    /// A parser quotes arguments as they are, in the midst of lines of its own. So it is asked again, about arguments
    /// that look like these.
    pub(super) fn new(
        error: &clap::Error,
        args: &[OsString],
        parse: impl Fn(Vec<String>) -> Option<clap::Error>,
    ) -> Self {
        let text = match parse(shown(args)) {
            Some(again) => again.message,
            // It has no objection to those: then what it said of the others is told in one line.
            None => UntrustedText::new(&error.message).to_string(),
        };
        let text = without_wrong_advice(text.trim_end());
        // Ours stands in front instead.
        Self(text.strip_prefix("error: ").unwrap_or(&text).replace('\t', "    "))
    }
}

/// The text without the paragraph that recommends `ballotbox -- WORD`, where a word is no command: that is none either.
fn without_wrong_advice(text: &str) -> String {
    let advice =
        |part: &&str| !part.starts_with("If you believe you received this message in error");
    text.split("\n\n").filter(advice).collect::<Vec<_>>().join("\n\n")
}

/// What these arguments look like.
pub(super) fn shown(args: &[OsString]) -> Vec<String> {
    args.iter().map(|arg| UntrustedText::os(arg).to_string()).collect()
}

/// One line for each finding, all but the first with the beginning that the first one gets.
pub(super) fn every_finding(error: &ZooCfgError) -> String {
    let lines: Vec<_> = error.findings.all().into_iter().map(screen::finding).collect();
    lines.join("\nballotbox: ")
}
