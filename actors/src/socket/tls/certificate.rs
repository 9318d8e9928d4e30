//! [`Certificate`]: what a certificate says of whom it is for.

use std::{fmt, net::IpAddr, time::SystemTime};

use ballotbox_core::{UntrustedText, identity::CertificateNames};
use x509_cert::{
    Certificate as Parsed,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::kit::{Rounded, clock};

/// At most this many names of a certificate are looked at.
const NAMES_MAX: usize = 256;

/// What a certificate says, for people and for the look at its names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Whom it is for, by its distinguished name, which proves nothing.
    pub subject: UntrustedText,
    /// Who has issued it.
    pub issuer: UntrustedText,
    /// Whom it is for, by the names that count.
    pub names: CertificateNames,
    /// From when on it is valid.
    pub not_before: SystemTime,
    /// Until when it is valid.
    pub not_after: SystemTime,
}

/// Why a certificate is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateFault {
    /// It was valid.
    #[error("it expired at {}: renew it", clock::rfc3339_seconds(*at))]
    Expired {
        /// Until when.
        at: SystemTime,
    },
    /// It will be valid.
    #[error("it is valid only from {} on: look at the clocks of both machines", clock::rfc3339_seconds(*from))]
    NotYetValid {
        /// From when on.
        from: SystemTime,
    },
    /// Nobody we trust has issued it.
    #[error(
        "none of our authorities has issued it: both ends need certificates of one authority, and its certificate as `ca`"
    )]
    UnknownIssuer,
    /// An authority of ours seems to have issued it, and has not.
    #[error(
        "an authority of the name of ours has issued it, with another key: both ends need the same `ca`"
    )]
    OtherKey,
    /// It may not be used so.
    #[error(
        "it may not be used for this (extendedKeyUsage): one of a member needs both serverAuth and clientAuth, or no such \
         restriction"
    )]
    Purpose,
    /// It is one of an authority.
    #[error(
        "it is one of an authority, and not among ours: each member needs one of its own, which an authority of ours has issued"
    )]
    OfAuthority,
    /// It is of the first version, which has no extensions.
    #[error(
        "it is X.509 version 1, which has no names: expected version 3, as `openssl x509 -req -copy_extensions copy` makes it"
    )]
    Version,
    /// It is none, or one that we cannot read.
    #[error("it cannot be read: {text}")]
    Malformed {
        /// What was found.
        text: UntrustedText,
    },
    /// Anything else that is wrong with it.
    #[error("{text}")]
    Other {
        /// What it is.
        text: UntrustedText,
    },
}

impl Certificate {
    /// What stands in a certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CertificateFault::Malformed`].
    pub fn read(der: &[u8]) -> Result<Self, CertificateFault> {
        let malformed = |text: String| CertificateFault::Malformed { text: text.into() };
        let parsed = Parsed::from_der(der).map_err(|error| malformed(error.to_string()))?;
        let tbs = parsed.tbs_certificate();
        let names = tbs
            .get_extension::<SubjectAltName>()
            .map_err(|error| malformed(error.to_string()))?
            .map_or_else(CertificateNames::default, |(_, names)| names_of(&names));
        Ok(Self {
            subject: UntrustedText::new(tbs.subject()),
            issuer: UntrustedText::new(tbs.issuer()),
            names,
            not_before: tbs.validity().not_before.to_system_time(),
            not_after: tbs.validity().not_after.to_system_time(),
        })
    }

    /// Whether it is valid at this time of day.
    ///
    /// # Errors
    ///
    /// [`CertificateFault::Expired`] or [`CertificateFault::NotYetValid`].
    pub fn check_validity(&self, now: SystemTime) -> Result<(), CertificateFault> {
        if now > self.not_after {
            return Err(CertificateFault::Expired { at: self.not_after });
        }
        if now < self.not_before {
            return Err(CertificateFault::NotYetValid { from: self.not_before });
        }
        Ok(())
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}, issued by {}", self.subject, self.names, self.issuer)?;
        match self.check_validity(clock::time_of_day()) {
            Ok(()) => Ok(()),
            Err(CertificateFault::Expired { at }) => {
                let since = clock::time_of_day().duration_since(at).unwrap_or_default();
                write!(f, ", expired {} ago", Rounded(since))
            }
            Err(_) => write!(f, ", valid from {} on", clock::rfc3339_seconds(self.not_before)),
        }
    }
}

fn names_of(names: &SubjectAltName) -> CertificateNames {
    let mut found = CertificateNames::default();
    for name in names.0.iter().take(NAMES_MAX) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "what else a name may be names no member"
        )]
        match name {
            GeneralName::DnsName(name) => {
                let name = name.as_str().trim_end_matches('.').to_ascii_lowercase();
                found.dns.insert(name);
            }
            GeneralName::UniformResourceIdentifier(uri) => {
                found.uris.insert(uri.as_str().to_owned());
            }
            GeneralName::IpAddress(bytes) => found.addresses.extend(address(bytes.as_bytes())),
            _ => {}
        }
    }
    found
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok();
    v4().or_else(v6)
}
