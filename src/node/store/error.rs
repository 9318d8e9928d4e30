//! [`OpenError`] and [`StoreError`]: why a directory cannot be used, and what the user can do.

use ballotbox_core::{ServerId, UntrustedText, election::Epoch};

use super::epoch_text::EpochTextError;
use crate::files::{FileError, TextError};

/// Why a member's directory cannot be opened. The epochs and the identity in it are as they were found; at most its folders
/// and its lock were made, and the lock signed. With [`OpenError::File`] the start may have come further: it writes everything
/// anew, which takes back nothing that was found.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum OpenError {
    /// It is the directory of another member.
    #[error(
        "{path} belongs to member {found}, and this is member {expected}: \
         expected a directory for each member; name another one with --data-dir, or as dataDir in its zoo.cfg"
    )]
    OtherMember { path: UntrustedText, found: ServerId, expected: ServerId },
    /// The file `identity` cannot be read.
    #[error(
        "{path} cannot be used: {error}. If a copy is not at hand, make way for a new directory: the member then counts \
         once the others have recorded it"
    )]
    Identity { path: UntrustedText, error: TextError },
    /// A file does not hold an epoch.
    #[error("{path} holds no epoch: {error}")]
    Epoch { path: UntrustedText, error: EpochTextError },
    /// The epochs contradict each other.
    #[error(
        "{path} holds {accepted}, and currentEpoch beside it {current}: expected at least {current}, as a member follows \
         nobody it has not accepted. If nobody has edited these files, write {current} into it"
    )]
    AcceptedBelowCurrent { path: UntrustedText, accepted: Epoch, current: Epoch },
    /// The member was here before, and its epochs are gone.
    #[error(
        "{path} is missing, though {beside} is there: expected both; restore the file, or make way for a new directory: \
         the member then counts once the others have recorded it"
    )]
    EpochMissing { path: UntrustedText, beside: UntrustedText },
    /// It holds the data of a real server.
    #[error(
        "{path} is data of a ZooKeeper server: a voter of ballotbox has no history and must not take its place; expected \
         a directory without snapshots and logs, or the role of an observer"
    )]
    RealServersData { path: UntrustedText },
    /// Another process runs in it.
    #[error(
        "{path} is in use by {}: expected a directory for each node; stop that process, or name another directory with \
         --data-dir, or as dataDir in its zoo.cfg", holder(*pid)
    )]
    Locked { path: UntrustedText, pid: Option<u32> },
    /// A call to the file system has failed.
    #[error("{0}; another directory can be named with --data-dir, or as dataDir in its zoo.cfg")]
    File(#[from] FileError),
}

impl OpenError {
    /// Whether the directory itself is wrong, and not what surrounds it: the disk, the rights, another process.
    pub const fn is_bad_input(&self) -> bool {
        match self {
            Self::OtherMember { .. }
            | Self::Identity { .. }
            | Self::Epoch { .. }
            | Self::AcceptedBelowCurrent { .. }
            | Self::EpochMissing { .. }
            | Self::RealServersData { .. } => true,
            Self::Locked { .. } => false,
            Self::File(error) => error.is_bad_input(),
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    // In a container processes have other numbers.
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid} (if it runs in a container, that is its number there)"),
    )
}

/// Why a record was not stored.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum StoreError {
    /// A call to the file system has failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record contradicts itself: a bug.
    #[error("cannot store accepted {accepted}, current {current}: this is a bug, please report it")]
    Impossible { accepted: Epoch, current: Epoch },
}

#[cfg(test)]
impl StoreError {
    /// Whether the same may succeed later.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::File(error) => error.may_pass(),
            Self::Impossible { .. } => false,
        }
    }
}
