//! [`Oddity`]: what can be read in a line about a member, and should be looked at all the same.

use crate::{Endpoint, UntrustedText, membership::slip::Slip};

/// Something in a line about a member that can be read, but seldom means what its author wanted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Oddity {
    /// Blanks around a number.
    #[error(
        "`{found}` has a blank beside it, and servers later than 3.4 do not trim what stands in lines about members: take \
         it out"
    )]
    Blank {
        /// The number with its blanks.
        found: UntrustedText,
    },
    /// A number with a plus or zeros in front.
    #[error("`{found}` is read as {read}")]
    Number {
        /// As written.
        found: UntrustedText,
        /// As read.
        read: i64,
    },
    /// Separators at the end with nothing behind them.
    #[error("`{found}` ends in a separator with nothing behind it, which is dropped")]
    EmptyEnd {
        /// The part with the separator.
        found: UntrustedText,
    },
    /// A client port for TLS, of newer versions only.
    #[error(
        "a second client port, for TLS, can stand in a server line only from ZooKeeper 3.10 on"
    )]
    SecureClient,
    /// A host that is neither an address nor can be a name.
    #[error(
        "`{host}` is neither an address nor can it be a name, so it will be looked up in vain{}", because(slip.as_ref())
    )]
    NotAHost {
        host: UntrustedText,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// No host at all.
    #[error(
        "there is no host, which Java takes for this very machine: write localhost if that is meant"
    )]
    NoHost,
    /// Brackets around what is no IPv6 address.
    #[error("`[{host}]` is taken for {host}: only IPv6 addresses need brackets")]
    Brackets {
        /// What stands in the brackets.
        host: UntrustedText,
    },
    /// Something else than a colon behind a bracket.
    #[error("`{found}` behind the bracket is dropped: expected a colon there")]
    Dropped {
        /// What stands there.
        found: UntrustedText,
    },
    /// Port 0.
    #[error("port 0 is no port that anybody could dial: expected 1 to 65535")]
    PortZero,
    /// The same address again.
    #[error("{endpoint} stands there twice")]
    Twice { endpoint: Endpoint },
    /// A key that begins like one about groups or weights.
    #[error("it is taken for {kind}.{number}: write it so")]
    Key {
        /// `group` or `weight`.
        kind: &'static str,
        number: i64,
    },
}

impl Oddity {
    /// Whether real servers of 3.8 and 3.9 refuse a file for this.
    pub fn refused_by_real_servers(&self) -> bool {
        matches!(self, Self::Blank { .. } | Self::SecureClient)
    }
}

fn because(slip: Option<&Slip>) -> String {
    slip.map_or_else(String::new, |slip| format!("; {slip}"))
}
