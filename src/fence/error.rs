//! [`FenceError`]: why a file lets nobody in, and what the user can do.

use ballotbox_core::UntrustedText;

use super::{Refused, named};
use crate::{
    fence::Token,
    files::{FileError, TextError},
};

/// Why a [`FileFence`](super::FileFence) has not admitted a token. Nobody may act then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum FenceError {
    /// The file is as it should be, and the token is not.
    #[error("{path}: {refused}")]
    Refused { path: UntrustedText, refused: Refused },
    /// Somebody acts under it, whose process has this number.
    #[error("{path} is in use by {}: expected it to be free by now; see what that does", holder(*pid))]
    Held { path: UntrustedText, pid: Option<u32> },
    /// The file holds no token, or another one than was written.
    #[error(
        "{path} cannot be used: {error}. Nobody is admitted until it is repaired: restore it, or see in what it guards which token \
         was the last, remove it with {path}.lock, and admit that token first"
    )]
    Text { path: UntrustedText, error: TextError },
    /// It was there.
    #[error(
        "{path} is missing, though it was there before: {path}.lock says so. Nobody is admitted until it is restored; \
         to begin anew, without what was admitted before, remove {path}.lock as well"
    )]
    Missing { path: UntrustedText },
    /// Another file has taken its place, or an older copy of it.
    #[error(
        "{path} was replaced: {}, and this process has seen {} in it. Nobody is admitted until it is restored",
        found.map_or_else(|| "no token is in it".to_owned(), |found| format!("{} is in it", named(found))), named(*seen)
    )]
    WentBack { path: UntrustedText, found: Option<Token>, seen: Token },
    /// It is no name of a file.
    #[error("{path} cannot be a fence: expected the name of a file, in letters that are UTF-8")]
    NoName { path: UntrustedText },
    /// A call to the file system has failed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl FenceError {
    /// Whether the file itself is wrong, and not what surrounds it, nor the token.
    pub const fn is_bad_input(&self) -> bool {
        match self {
            Self::Text { .. }
            | Self::Missing { .. }
            | Self::WentBack { .. }
            | Self::NoName { .. } => true,
            Self::Refused { .. } | Self::Held { .. } => false,
            Self::File(error) => error.is_bad_input(),
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
