//! [`PlayError`]: why a vote file could not be played, and the limits that it tells.

use std::time::Duration;

use ballotbox_actors::{kit::Rounded, socket::LookupError};
use ballotbox_core::{ServerId, UntrustedText};

use crate::{
    NodeError,
    scenario::vote_file::{Operation, Step, VoteFile},
};

/// At most this many cables are made: twenty members that are all paused or isolated at some time. Each takes a port and a
/// few descriptors.
pub(super) const CABLES_MAX: usize = 400;

/// A node stops within this, or has a bug.
pub(super) const STOP_MAX: Duration = Duration::from_secs(10);

/// Why a file could not be played.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum PlayError {
    /// A member's address cannot be used.
    #[error("cannot listen on {address} for member {member}: {cause}")]
    Bind {
        member: ServerId,
        address: UntrustedText,
        /// What the system said.
        cause: UntrustedText,
    },
    /// A member's address is a name that leads nowhere.
    #[error("cannot listen for member {member}: {error}")]
    Lookup { member: ServerId, error: LookupError },
    /// There is no port for a cable between two members.
    #[error("cannot reserve a loopback port for a cable: {cause}")]
    Cable {
        /// What the system said.
        cause: UntrustedText,
    },
    /// A member is to hang. All members share this process, and none of them can hang alone.
    #[error(
        "{path}: all members run in this process, and none can hang alone: expected no such step, or \"ballotbox simulate\""
    )]
    SimulatedOnly {
        /// The field, as in `steps[1].hang`.
        path: UntrustedText,
    },
    /// Too many pairs of members can be parted.
    #[error(
        "the steps that cut, isolate, block or pause need {found} cables: expected at most {CABLES_MAX}, so name fewer members"
    )]
    TooManyCables {
        /// How many are needed.
        found: usize,
    },
    /// A cable broke that should not have.
    #[error("{0}")]
    CableEnded(UntrustedText),
    /// A node failed.
    #[error("member {member} failed: {error}")]
    Node { member: ServerId, error: NodeError },
    /// A node does not stop.
    #[error("member {member} did not stop within {}; please report this", Rounded(STOP_MAX))]
    Stuck { member: ServerId },
}

impl PlayError {
    /// Whether all steps of this file can happen to members that share a process.
    ///
    /// # Errors
    ///
    /// [`PlayError::SimulatedOnly`] for the first step that cannot.
    pub fn of_steps(file: &VoteFile) -> Result<(), Self> {
        let hangs = |step: &Step| matches!(step.operation, Operation::Hang(_));
        match file.steps.iter().position(hangs) {
            Some(n) => Err(Self::SimulatedOnly { path: format!("steps[{n}].hang").into() }),
            None => Ok(()),
        }
    }

    /// Whether the file asks for too much, rather than the environment giving too little.
    pub fn is_usage_error(&self) -> bool {
        match self {
            Self::SimulatedOnly { .. } | Self::TooManyCables { .. } => true,
            Self::Bind { .. }
            | Self::Lookup { .. }
            | Self::Cable { .. }
            | Self::CableEnded(_)
            | Self::Node { .. }
            | Self::Stuck { .. } => false,
        }
    }
}
