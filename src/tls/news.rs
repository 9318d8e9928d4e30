//! [`CertificateNews`]: what becomes of the certificate of a member that runs.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use ballotbox_actors::kit::{Rounded, clock};
use ballotbox_core::UntrustedText;

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What has become of the certificate of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertificateNews {
    /// Its files have changed, and new connections use what is in them now.
    Renewed {
        /// What its certificate says.
        certificate: UntrustedText,
        /// Until when it is valid.
        until: SystemTime,
    },
    /// Its files have changed, and cannot be used: what was read before still counts.
    NotRenewed {
        /// What is wrong with them.
        cause: UntrustedText,
    },
    /// Its certificate ends soon. Told 30 days, 7 days and a day before.
    EndsSoon {
        /// When.
        at: SystemTime,
        /// How long it is until then.
        left: Duration,
    },
    /// Its certificate has ended, and other members take no new connection with it.
    Ended {
        /// When.
        at: SystemTime,
    },
}

impl fmt::Display for CertificateNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renewed { certificate, until } => {
                let until = clock::rfc3339(*until);
                write!(f, "new connections use the certificate {certificate}, valid until {until}")
            }
            Self::NotRenewed { cause } => {
                write!(
                    f,
                    "the files of the certificate have changed, and what was read before still counts: {cause}"
                )
            }
            Self::EndsSoon { at, left } => write!(
                f,
                "the certificate of this member ends in {}, at {}: put a new one into its file, which is read again by itself",
                Days(*left),
                clock::rfc3339(*at)
            ),
            Self::Ended { at } => write!(
                f,
                "the certificate of this member has ended at {}, and no member takes a new connection with it: put a new one \
                 into its file, which is read again by itself",
                clock::rfc3339(*at)
            ),
        }
    }
}

/// Whole days, and what is less than two of them in hours.
pub(super) struct Days(pub(super) Duration);

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 2 * DAY {
            return Rounded(self.0).fmt(f);
        }
        write!(f, "{} days", self.0.as_secs() / DAY.as_secs())
    }
}
