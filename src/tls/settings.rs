//! [`TlsSettings`]: what an operator asks for, wherever it was written down.

use std::path::{Path, PathBuf};

use ballotbox_actors::socket::{ClientCertificate, TlsStage, TlsVersions};
use ballotbox_core::identity::Naming;

use super::{CipherSuite, Password};

/// TLS as an operator asks for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsSettings {
    /// Whether TLS is only taken, spoken, or required.
    pub stage: TlsStage,
    /// Where the own key is, and the certificate of it.
    pub own: KeyFiles,
    /// Where the certificates of the authorities are that certificates have to come from.
    pub trust: TrustFiles,
    /// What a certificate has to say of its member.
    pub naming: Naming,
    /// Whether a member that dials has to show a certificate.
    pub client_certificate: ClientCertificate,
    /// Which versions are spoken.
    pub versions: TlsVersions,
    /// Which cipher suites are spoken, the preferred one first; all of them if `None`.
    pub suites: Option<Vec<CipherSuite>>,
    /// Whether files that change are read again.
    pub reload: bool,
}

/// Where a key is, and the certificates that go with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyFiles {
    /// Two files in PEM, or twice the same one that has both.
    Pem {
        /// The certificate of the key, and those between it and the authority.
        certificates: PathBuf,
        /// The key.
        key: PathBuf,
        /// What opens the key, if it is encrypted.
        password: PasswordFrom,
    },
    /// One file that has both.
    Store {
        /// The file.
        path: PathBuf,
        /// What it is said to be, if anything; what is in it has the last word.
        kind: Option<StoreKind>,
        /// What opens it.
        password: PasswordFrom,
    },
}

/// Where the certificates of authorities are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustFiles {
    /// The file.
    pub path: PathBuf,
    /// What it is said to be, if anything; what is in it has the last word.
    pub kind: Option<StoreKind>,
    /// What opens it.
    pub password: PasswordFrom,
}

/// Where a password is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum PasswordFrom {
    /// There is none.
    #[default]
    Nowhere,
    /// It was given.
    Given(Password),
    /// It is in this file, without the end of its last line.
    File(PathBuf),
}

/// The formats in which keys and certificates are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreKind {
    /// PEM: text with `-----BEGIN`.
    Pem,
    /// PKCS#12.
    Pkcs12,
    /// The first format of Java's own, which nothing but Java reads.
    Jks,
    /// The second one.
    Jceks,
    /// The format of Bouncy Castle for machines under FIPS.
    Bcfks,
}

impl TlsSettings {
    /// TLS and nothing else, with all that is not said as it should be.
    pub const fn new(own: KeyFiles, trust: TrustFiles) -> Self {
        Self {
            stage: TlsStage::Required,
            own,
            trust,
            naming: Naming::Named,
            client_certificate: ClientCertificate::Required,
            versions: TlsVersions::Both,
            suites: None,
            reload: true,
        }
    }

    /// The same with three files in PEM: a certificate, its key, and the authority.
    pub fn from_pem(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        authority: impl Into<PathBuf>,
    ) -> Self {
        let own = KeyFiles::Pem {
            certificates: certificates.into(),
            key: key.into(),
            password: PasswordFrom::Nowhere,
        };
        Self::new(own, TrustFiles::pem(authority))
    }

    /// Every file that is read, each once.
    pub fn files(&self) -> Vec<&Path> {
        let mut files = self.own.files();
        files.push(&self.trust.path);
        files.extend(self.trust.password.file());
        files.sort_unstable();
        files.dedup();
        files
    }

    /// The files among them with which somebody could pass for this member: the key, and what opens it.
    pub fn secret_files(&self) -> Vec<&Path> {
        let (file, password) = match &self.own {
            KeyFiles::Pem { key, password, .. } => (key, password),
            KeyFiles::Store { path, password, .. } => (path, password),
        };
        let mut files = vec![file.as_path()];
        files.extend(password.file());
        files
    }
}

impl KeyFiles {
    fn files(&self) -> Vec<&Path> {
        match self {
            Self::Pem { certificates, key, password } => {
                [certificates.as_path(), key].into_iter().chain(password.file()).collect()
            }
            Self::Store { path, password, .. } => {
                [path.as_path()].into_iter().chain(password.file()).collect()
            }
        }
    }
}

impl TrustFiles {
    /// A file in PEM.
    pub fn pem(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), kind: Some(StoreKind::Pem), password: PasswordFrom::Nowhere }
    }
}

impl PasswordFrom {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Nowhere | Self::Given(_) => None,
        }
    }
}

impl StoreKind {
    /// The kind that the end of a file's name stands for, as real servers have it.
    pub fn by_extension(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "pem" => Some(Self::Pem),
            "p12" | "pfx" => Some(Self::Pkcs12),
            "jks" => Some(Self::Jks),
            "jceks" => Some(Self::Jceks),
            "bcfks" => Some(Self::Bcfks),
            _ => None,
        }
    }

    /// The kind that Java calls so.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PEM" => Some(Self::Pem),
            "PKCS12" => Some(Self::Pkcs12),
            "JKS" => Some(Self::Jks),
            "JCEKS" => Some(Self::Jceks),
            "BCFKS" => Some(Self::Bcfks),
            _ => None,
        }
    }

    /// What Java calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pem => "PEM",
            Self::Pkcs12 => "PKCS12",
            Self::Jks => "JKS",
            Self::Jceks => "JCEKS",
            Self::Bcfks => "BCFKS",
        }
    }
}
