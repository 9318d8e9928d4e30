//! [`TlsError`]: why a connection is not secured, in words for those who have to mend it.

use std::io;

use ballotbox_core::{UntrustedText, identity::NotProven};
use futures_rustls::rustls::{self, AlertDescription};

use super::{
    certificate::{Certificate, CertificateFault},
    verifier::Unbelieved,
};

/// Why a connection is not secured.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TlsError {
    /// The certificate of the other end is not believed.
    #[error("its certificate is not believed: {fault} ({certificate})")]
    Unbelieved {
        /// What is wrong with it.
        fault: CertificateFault,
        /// What it says.
        certificate: Box<Certificate>,
    },
    /// What the other end has shown as its certificate cannot be read.
    #[error("what it shows as its certificate is none: {0}")]
    Unreadable(CertificateFault),
    /// The certificate is one of somebody else.
    #[error("{0}")]
    NotTheirs(Box<NotProven>),
    /// The certificate is one of another server.
    #[error(
        "its certificate does not name {host}, where it was asked: {certificate}; expected {host} in it (subjectAltName), or one of the \
         hosts in it as the one to ask"
    )]
    OtherHost {
        /// Which host was asked for.
        host: UntrustedText,
        /// What the certificate says.
        certificate: Box<Certificate>,
    },
    /// It has shown no certificate.
    #[error(
        "it shows no certificate, and everybody who connects needs one (the `ssl.quorum.keyStore` of a real server)"
    )]
    NoCertificate,
    /// The other end does not want us.
    #[error("it refuses us ({alert}): {}{}", meaning(alert), shown(ours.as_deref()))]
    Refused {
        /// What it has said.
        alert: UntrustedText,
        /// What we have shown, if anything.
        ours: Option<Box<Certificate>>,
    },
    /// The other end has closed the connection within the handshake.
    #[error(
        "it ended the connection in the middle of the TLS handshake: it may speak plain text only, be about to stop, or have no room for \
         more connections"
    )]
    CutOff,
    /// What it says is no TLS.
    #[error("what it says is no TLS: it seems to speak plain text only")]
    NotTls,
    /// We have no version or cipher suite in common.
    #[error(
        "it has no TLS in common with us ({text}): expected version 1.2 or 1.3, as far as both ends allow it, and a suite of both"
    )]
    Incompatible {
        /// What rustls says.
        text: UntrustedText,
    },
    /// It does not keep to the protocol.
    #[error("the TLS handshake fails: {text}")]
    Handshake {
        /// What rustls says.
        text: UntrustedText,
    },
}

impl From<Box<NotProven>> for TlsError {
    fn from(error: Box<NotProven>) -> Self {
        Self::NotTheirs(error)
    }
}

impl TlsError {
    /// Why a handshake or a read has failed, with `ours` as what we have shown, if anything.
    pub(super) fn of(error: &io::Error, ours: Option<&Certificate>) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let Some(error) = inner else {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others are not an end")]
            return match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted => Self::CutOff,
                _ => Self::Handshake { text: UntrustedText::new(error) },
            };
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the others are said in rustls' own words"
        )]
        match error {
            rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => {
                match other.0.downcast_ref::<Unbelieved>() {
                    Some(Unbelieved { fault, certificate: Some(certificate) }) => {
                        Self::Unbelieved { fault: fault.clone(), certificate: certificate.clone() }
                    }
                    Some(Unbelieved { fault, certificate: None }) => {
                        Self::Unreadable(fault.clone())
                    }
                    None => Self::Handshake { text: UntrustedText::new(error) },
                }
            }
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::AlertReceived(alert) => Self::Refused {
                alert: UntrustedText::new(format_args!("{alert:?}")),
                ours: ours.cloned().map(Box::new),
            },
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::PeerIncompatible(why) => {
                Self::Incompatible { text: UntrustedText::new(format_args!("{why:?}")) }
            }
            _ => Self::Handshake { text: UntrustedText::new(error) },
        }
    }
}

impl TlsError {
    /// What it is counted by, in a few words. Strangers who have no certificate of ours hide none of those who have one.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no certificate",
            Self::Unbelieved {
                fault: CertificateFault::Expired { .. } | CertificateFault::NotYetValid { .. },
                ..
            } => "out of time",
            Self::Unbelieved { .. } | Self::Unreadable(_) => "not believed",
            Self::NotTheirs(_) | Self::OtherHost { .. } => "another certificate",
            Self::Refused { .. } => "refused",
            Self::CutOff | Self::NotTls | Self::Incompatible { .. } | Self::Handshake { .. } => {
                "no handshake"
            }
        }
    }
}

/// What we have shown, behind a refusal.
fn shown(ours: Option<&Certificate>) -> String {
    ours.map_or_else(String::new, |ours| format!("; ours is {ours}"))
}

/// What an alert asks for.
fn meaning(alert: &UntrustedText) -> &'static str {
    let is = |one: AlertDescription| alert.to_string() == format!("{one:?}");
    if is(AlertDescription::CertificateRequired) {
        "it wants a certificate, and none of ours is of an authority that it names"
    } else if is(AlertDescription::ProtocolVersion) || is(AlertDescription::HandshakeFailure) {
        "it has no TLS version or cipher suite in common with us, or wants a certificate"
    } else {
        "it does not believe our certificate, and its own log says why"
    }
}
