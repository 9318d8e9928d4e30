//! What can be asked of TLS, in plain values: they are there also where TLS is not compiled in, so that files which ask for it can be read.

/// How far an ensemble has come on its way from plain text to TLS, one member after the other, without an outage.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TlsStage {
    /// This member dials in plain text, and takes both: `sslQuorum=false`, `portUnification=true`.
    Taken,
    /// It dials in TLS, and takes both: `sslQuorum=true`, `portUnification=true`.
    Spoken,
    /// It knows nothing but TLS, which is what counts where nothing is said: `sslQuorum=true`, `portUnification=false`.
    #[default]
    Required,
}

/// Whether a member that dials has to show a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ClientCertificate {
    /// It has to: `ssl.quorum.clientAuth=need`.
    #[default]
    Required,
    /// It is asked for one; if it shows none, it may speak as anybody: `want`.
    Asked,
    /// It is not asked, and may speak as anybody: `none`.
    NotAsked,
}

/// The versions of TLS that are spoken. Those before 1.2 are spoken by nobody any more.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum TlsVersions {
    /// TLS 1.3, and 1.2 with those who have nothing newer.
    #[default]
    Both,
    /// TLS 1.2 alone.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

impl TlsStage {
    /// All of them, in the order of a change from plain text to TLS.
    pub const ALL: [Self; 3] = [Self::Taken, Self::Spoken, Self::Required];

    /// The word for it in a vote file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Spoken => "spoken",
            Self::Required => "required",
        }
    }
}
