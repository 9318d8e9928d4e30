//! [`CertificateDoubt`]: what others may hold against a certificate that can be read and used.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, SystemTime},
};

use ballotbox_actors::{kit::clock, socket::tls::Certificate};
use ballotbox_core::{
    ServerId,
    identity::{CertificateNames, NotProven},
};

use super::{end_watch::ENDS_SOON, news::Days};

/// What others may hold against a certificate that can be read and used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum CertificateDoubt {
    /// It names other members as well.
    Shared { me: ServerId, others: BTreeSet<ServerId> },
    /// It does not name its member.
    Unfit { me: ServerId, error: Box<NotProven> },
    /// It is not valid yet.
    NotYet { names: CertificateNames, from: SystemTime },
    /// It ends within 30 days.
    EndsSoon {
        names: CertificateNames,
        at: SystemTime,
        /// How long it is until then.
        left: Duration,
    },
    /// It has ended.
    Ended { names: CertificateNames, at: SystemTime },
}

impl CertificateDoubt {
    /// What there is to say of the time for which it is valid.
    pub(super) fn of_time(certificate: &Certificate, now: SystemTime) -> Option<Self> {
        let Certificate { names, not_before, not_after, .. } = certificate;
        let (names, from, at) = (names.clone(), *not_before, *not_after);
        match at.duration_since(now) {
            Err(_) => Some(Self::Ended { names, at }),
            Ok(_) if now < from => Some(Self::NotYet { names, from }),
            Ok(left) if left <= ENDS_SOON => Some(Self::EndsSoon { names, at, left }),
            Ok(_) => None,
        }
    }
}

impl fmt::Display for CertificateDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared { me, others } => {
                let others: Vec<_> = others.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "the certificate of member {me} is as good for {}: who has the key of one of them can speak for all; a \
                     certificate with the URI ballotbox:{me} is that of one alone, and `strict` takes no other",
                    others.join(", ")
                )
            }
            Self::Unfit { me, error } => {
                write!(f, "the other members will not believe member {me}: {error}")
            }
            Self::NotYet { names, from } => write!(
                f,
                "the certificate for {names} is valid only from {} on: look at the clock of this machine, and at that of its authority",
                clock::rfc3339(*from)
            ),
            Self::EndsSoon { names, at, left } => {
                let at = clock::rfc3339(*at);
                write!(f, "the certificate for {names} ends in {}, at {at}: renew it", Days(*left))
            }
            Self::Ended { names, at } => write!(
                f,
                "the certificate for {names} has ended at {}, and no member takes a new connection with it: renew it",
                clock::rfc3339(*at)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::news::DAY, *};

    #[test]
    fn the_time_of_a_certificate_is_doubted_before_it_begins_and_from_thirty_days_before_its_end() {
        let (from, at) = (SystemTime::UNIX_EPOCH + DAY * 1000, SystemTime::UNIX_EPOCH + DAY * 1400);
        let names = CertificateNames { dns: ["zk1".to_owned()].into(), ..Default::default() };
        let certificate = Certificate {
            subject: "CN=zk1".into(),
            issuer: "CN=test".into(),
            names,
            not_before: from,
            not_after: at,
        };
        let told =
            |now| CertificateDoubt::of_time(&certificate, now).map(|doubt| doubt.to_string());
        let second = Duration::from_secs(1);
        for (now, expected) in [
            (
                from - second,
                "the certificate for zk1 is valid only from 1972-09-27T00:00:00.000Z on: ",
            ),
            (
                at - 30 * DAY,
                "the certificate for zk1 ends in 30 days, at 1973-11-01T00:00:00.000Z: ",
            ),
            (at - 2 * DAY - second, "the certificate for zk1 ends in 2 days, at "),
            (at - DAY, "the certificate for zk1 ends in 24 h, at "),
            (at + second, "the certificate for zk1 has ended at 1973-11-01T00:00:00.000Z, and "),
        ] {
            let told = told(now).unwrap();
            assert!(told.starts_with(expected), "{told}");
        }
        assert_eq!([told(from), told(at - 30 * DAY - second)], [None, None]);
    }
}
