//! [`read_material`]: the keys and certificates themselves, as the files have them now.

use std::{fmt, path::Path};

use ballotbox_actors::socket::{Trust, tls::Material};
use ballotbox_core::UntrustedText;
use futures_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{
    KeyFiles, Password, StoreKind, TlsFileError, TlsFileProblem, TlsSettings, TrustFiles, Wanted,
    file::{self, Source},
    key_pair, pem, pkcs12,
};
use crate::files::{FileMode, readable_by_others};

/// Something that should be looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum TlsRemark {
    /// Others than its owner can read a file with a key or a password.
    Exposed { path: UntrustedText, mode: FileMode },
    /// A file is not what it is said to be.
    OtherKind {
        path: UntrustedText,
        /// What its type or the end of its name says.
        said: StoreKind,
        /// What it is.
        found: StoreKind,
    },
}

impl fmt::Display for TlsRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed { path, mode } => write!(
                f,
                "others than its owner can read {path} ({mode}), and so pass for this member: `chmod 600` ends that"
            ),
            Self::OtherKind { path, said, found } => write!(
                f,
                "{path} is said to be {}, and is {}: it is read as that, and real servers refuse it",
                said.name(),
                found.name()
            ),
        }
    }
}

/// Reads all files that the settings name, and says what should be looked at, though they can be used: the key belongs to the first
/// certificate, and there is at least one authority. Whether certificates are valid today, and whom they name, is not looked at here. It
/// blocks, as disks do.
///
/// # Errors
///
/// [`TlsFileError`], for the first file that cannot be used.
pub fn read_material(settings: &TlsSettings) -> Result<(Material, Vec<TlsRemark>), TlsFileError> {
    let mut remarks = Vec::new();
    let (chain, key) = read_own(&settings.own, &mut remarks)?;
    let roots = read_authorities(&settings.trust, &mut remarks)?;
    let exposed = settings.secret_files().into_iter().filter_map(|path| {
        let (path, mode) = (UntrustedText::path(path), readable_by_others(path)?);
        Some(TlsRemark::Exposed { path, mode })
    });
    remarks.extend(exposed);
    Ok((Material { chain, key, roots }, remarks))
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_own(files: &KeyFiles, remarks: &mut Vec<TlsRemark>) -> Result<Own, TlsFileError> {
    match files {
        KeyFiles::Pem { certificates, key, password } => {
            let password = file::password(password)?;
            read_pem(certificates, key, password.as_ref())
        }
        KeyFiles::Store { path, kind, password } => {
            let password = file::password(password)?;
            let source = Source { path, wanted: Wanted::KeyAndCertificate };
            let bytes = source.read()?;
            match found(&source, &bytes, *kind, remarks)? {
                Readable::Pem => own_of_pem(&source, &bytes, &source, &bytes, password.as_ref()),
                Readable::Pkcs12 => {
                    let own = pkcs12::own_key(&source, &bytes, password.as_ref())?;
                    Ok((own.chain, own.key))
                }
            }
        }
    }
}

fn read_pem(
    certificates: &Path,
    key: &Path,
    password: Option<&Password>,
) -> Result<Own, TlsFileError> {
    if certificates == key {
        let source = Source { path: key, wanted: Wanted::KeyAndCertificate };
        let bytes = source.read()?;
        require_pem(&source, &bytes)?;
        return own_of_pem(&source, &bytes, &source, &bytes, password);
    }
    let of_certificates = Source { path: certificates, wanted: Wanted::Certificate };
    let certificate_bytes = of_certificates.read()?;
    require_pem(&of_certificates, &certificate_bytes)?;
    let of_key = Source { path: key, wanted: Wanted::Key };
    let key_bytes = of_key.read()?;
    require_pem(&of_key, &key_bytes)?;
    own_of_pem(&of_certificates, &certificate_bytes, &of_key, &key_bytes, password)
}

fn own_of_pem(
    of_certificates: &Source<'_>,
    certificates: &[u8],
    of_key: &Source<'_>,
    key: &[u8],
    password: Option<&Password>,
) -> Result<Own, TlsFileError> {
    let chain = pem::certificates(of_certificates, certificates)?;
    let key = pem::key(of_key, key, password)?;
    key_pair::check(of_certificates, &chain, &key, of_key)?;
    Ok((chain, key))
}

/// Reads the authorities by which one who is no member recognises a node. It blocks, as disks do.
///
/// # Errors
///
/// [`TlsFileError`], when the file cannot be used.
pub fn read_trust(files: &TrustFiles) -> Result<Trust, TlsFileError> {
    let roots = read_authorities(files, &mut Vec::new())?;
    let number = roots.len();
    Trust::new(roots).map_err(|error| {
        let source = Source { path: &files.path, wanted: Wanted::Authorities };
        let cause = UntrustedText::new(error);
        source.wrong(TlsFileProblem::BadCertificate { number, cause })
    })
}

fn read_authorities(
    trust: &TrustFiles,
    remarks: &mut Vec<TlsRemark>,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let password = file::password(&trust.password)?;
    let source = Source { path: &trust.path, wanted: Wanted::Authorities };
    let bytes = source.read()?;
    let roots = match found(&source, &bytes, trust.kind, remarks)? {
        Readable::Pem => pem::certificates(&source, &bytes)?,
        Readable::Pkcs12 => pkcs12::authorities(&source, &bytes, password.as_ref())?,
    };
    key_pair::check_authorities(&source, &roots)?;
    Ok(roots)
}

/// The formats that we read.
#[derive(Clone, Copy)]
enum Readable {
    Pem,
    Pkcs12,
}

fn require_pem(source: &Source<'_>, bytes: &[u8]) -> Result<(), TlsFileError> {
    match recognized(source, bytes, StoreKind::Pem)? {
        Readable::Pem => Ok(()),
        Readable::Pkcs12 => Err(source.wrong(TlsFileProblem::Der {
            wanted: source.wanted,
            found: "a PKCS#12 file",
            convert: command(source, "openssl pkcs12 -nodes -in FILE -out FILE.pem"),
        })),
    }
}

/// What the file is, with a word if it is said to be something else.
fn found(
    source: &Source<'_>,
    bytes: &[u8],
    said: Option<StoreKind>,
    remarks: &mut Vec<TlsRemark>,
) -> Result<Readable, TlsFileError> {
    let readable = recognized(source, bytes, said.unwrap_or(StoreKind::Pem))?;
    let found = match readable {
        Readable::Pem => StoreKind::Pem,
        Readable::Pkcs12 => StoreKind::Pkcs12,
    };
    // Java itself writes PKCS#12 under this name, and reads it.
    let is_of_java = |said| (found, said) == (StoreKind::Pkcs12, StoreKind::Jks);
    if let Some(said) = said.filter(|said| *said != found && !is_of_java(*said)) {
        remarks.push(TlsRemark::OtherKind { path: UntrustedText::path(source.path), said, found });
    }
    Ok(readable)
}

/// What these bytes are, by how they begin.
fn recognized(
    source: &Source<'_>,
    bytes: &[u8],
    said: StoreKind,
) -> Result<Readable, TlsFileError> {
    let wanted = source.wanted;
    if pem::is_pem(bytes) {
        return Ok(Readable::Pem);
    }
    if pkcs12::is_pkcs12(bytes) {
        return Ok(Readable::Pkcs12);
    }
    Err(source.wrong(match (bytes, said) {
        ([0xfe, 0xed, 0xfe, 0xed, ..], _) => of_java(source, StoreKind::Jks),
        ([0xce, 0xce, 0xce, 0xce, ..], _) => of_java(source, StoreKind::Jceks),
        ([0x30, ..], StoreKind::Bcfks) => of_java(source, StoreKind::Bcfks),
        ([0xff, 0xfe, ..] | [0xfe, 0xff, ..], _) => TlsFileProblem::Utf16 { wanted },
        ([0x30, ..], StoreKind::Pem) => der(source, bytes),
        (_, StoreKind::Pem) => TlsFileProblem::Neither { wanted },
        (_, StoreKind::Pkcs12 | StoreKind::Jks | StoreKind::Jceks | StoreKind::Bcfks) => {
            TlsFileProblem::NoStore { wanted }
        }
    }))
}

/// The refusal of a store that only Java reads.
pub(super) fn of_java(source: &Source<'_>, kind: StoreKind) -> TlsFileProblem {
    let convert = command(
        source,
        match kind {
            StoreKind::Jceks => {
                "keytool -importkeystore -srckeystore FILE -srcstoretype JCEKS -destkeystore FILE.p12 -deststoretype PKCS12"
            }
            StoreKind::Bcfks => {
                "keytool -importkeystore -srckeystore FILE -srcstoretype BCFKS -destkeystore FILE.p12 -deststoretype PKCS12 \
                 -providerclass org.bouncycastle.jcajce.provider.BouncyCastleFipsProvider -providerpath bc-fips.jar"
            }
            StoreKind::Jks | StoreKind::Pkcs12 | StoreKind::Pem => {
                "keytool -importkeystore -srckeystore FILE -srcstoretype JKS -destkeystore FILE.p12 -deststoretype PKCS12"
            }
        },
    );
    TlsFileProblem::OfJava { kind, convert }
}

/// The refusal of DER: a certificate begins with a sequence in a sequence, a key with a number in one.
fn der(source: &Source<'_>, bytes: &[u8]) -> TlsFileProblem {
    let length = bytes.get(1).copied().unwrap_or(0);
    let more = if length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    let (found, convert) = match bytes.get(2 + more) {
        Some(2) => ("rather a key", "openssl pkey -inform der -in FILE -out FILE.pem"),
        _ => ("rather a certificate", "openssl x509 -inform der -in FILE -out FILE.pem"),
    };
    TlsFileProblem::Der { wanted: source.wanted, found, convert: command(source, convert) }
}

/// A command about this file, as it could be typed.
fn command(source: &Source<'_>, command: &str) -> UntrustedText {
    let file = UntrustedText::path(source.path).to_string();
    let text = command.replace("FILE", &file);
    UntrustedText::shortened(text, 3 * UntrustedText::PATH_SHOWN_MAX)
}
