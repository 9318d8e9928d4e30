//! [`TlsFileError`]: what is wrong with a file of keys or certificates, and what to do about it.

use std::fmt;

use ballotbox_core::UntrustedText;

use super::StoreKind;

/// Largest file of keys or certificates, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// A file of keys or certificates that cannot be used. The text is one line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct TlsFileError {
    /// The file.
    pub path: UntrustedText,
    /// What is wrong with it.
    pub problem: Box<TlsFileProblem>,
}

/// What a file is read for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// The certificate of this member.
    Certificate,
    /// The key of that certificate.
    Key,
    /// Both, in one file.
    KeyAndCertificate,
    /// The certificates of the authorities.
    Authorities,
    /// A password.
    Password,
}

/// What is wrong with a file of keys or certificates.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum TlsFileProblem {
    /// There is no such file.
    #[error("there is no such file: expected {wanted}{}", where_it_starts(working_directory.as_ref()))]
    Missing {
        wanted: Wanted,
        /// Where a relative path starts; `None` of an absolute one.
        working_directory: Option<UntrustedText>,
    },
    /// The system does not let us read it.
    #[error("{cause}: expected {wanted}, readable by the user of this process")]
    Unreadable {
        wanted: Wanted,
        /// What the system said.
        cause: UntrustedText,
    },
    /// It is a directory, a device, a pipe.
    #[error("this is {found}: expected a file with {wanted}")]
    NotAFile { wanted: Wanted, found: &'static str },
    /// It is too large.
    #[error("more than {FILE_BYTES_MAX} bytes: expected a file with {wanted} and little else")]
    TooLarge { wanted: Wanted },
    /// There is nothing in it.
    #[error("it is empty: expected {wanted}")]
    Empty { wanted: Wanted },
    /// It is text in UTF-16.
    #[error("it is in UTF-16: expected {wanted}; save it in ASCII or UTF-8")]
    Utf16 { wanted: Wanted },
    /// It is a password file that is no text.
    #[error("it is not UTF-8: expected a password, in one line")]
    NotText,
    /// It is a store that only Java reads.
    #[error(
        "this is a key store of the kind {}, which only Java reads: expected PKCS#12 or PEM; `{convert}` makes a PKCS#12 file of it",
        kind.name()
    )]
    OfJava {
        kind: StoreKind,
        /// What to run.
        convert: UntrustedText,
    },
    /// It is DER where PEM is expected.
    #[error("this is DER, {found}: expected {wanted} in PEM; `{convert}` makes that of it")]
    Der {
        wanted: Wanted,
        found: &'static str,
        /// What to run.
        convert: UntrustedText,
    },
    /// It is neither PEM nor a store.
    #[error("there is no -----BEGIN in it: expected {wanted} in PEM, or a PKCS#12 file")]
    Neither { wanted: Wanted },
    /// It is said to be a store, and is something else that cannot be told.
    #[error("this is no PKCS#12 file: expected {wanted}; PEM and PKCS#12 can be read")]
    NoStore { wanted: Wanted },
    /// A section of PEM has no end.
    #[error("the {label} that begins in line {line} has no end: the file is cut short")]
    CutShort { label: UntrustedText, line: usize },
    /// A section of PEM cannot be decoded.
    #[error(
        "the {label} that begins in line {line} is damaged: {cause}; expected it as it was made"
    )]
    Damaged { label: UntrustedText, line: usize, cause: UntrustedText },
    /// It has none of what is wanted.
    #[error("there is no {what} in it, only {found}: expected {wanted}{}", advice.unwrap_or_default())]
    Lacks {
        wanted: Wanted,
        /// What is missing.
        what: &'static str,
        /// What is there.
        found: UntrustedText,
        /// What to do.
        advice: Option<&'static str>,
    },
    /// It has several keys.
    #[error("there are {count} keys in it: expected one, the key of this member's certificate")]
    SeveralKeys { count: usize },
    /// Its key is encrypted, and there is no password.
    #[error(
        "the key in it is encrypted, and there is no password for it: expected a key without one, which `{convert}` makes; or, in a \
         zoo.cfg, ssl.quorum.keyStore.password"
    )]
    Encrypted {
        /// What to run.
        convert: UntrustedText,
    },
    /// Its key is encrypted in a way that is not read here.
    #[error(
        "the key in it is encrypted in a way that is not read here ({how}): expected PBES2 with AES, or a key without a password, which \
         `{convert}` makes"
    )]
    EncryptedOtherwise {
        /// The way.
        how: UntrustedText,
        /// What to run.
        convert: UntrustedText,
    },
    /// The password does not open it.
    #[error("the password does not open it: expected the one with which it was made")]
    WrongPassword,
    /// It does not open without a password.
    #[error("it does not open without a password, and none is given: expected {expected}")]
    NoPassword {
        /// Where one could be.
        expected: &'static str,
    },
    /// It is encrypted in a way we do not know, or damaged.
    #[error(
        "it cannot be opened: {cause}; `openssl pkcs12 -info -in FILE` says what is in it, and `openssl pkcs12 -export` makes it anew"
    )]
    Unopened {
        /// Why.
        cause: UntrustedText,
    },
    /// The key is of a kind that we cannot use.
    #[error(
        "the key in it cannot be used: {cause}; expected one of RSA with 2048 to 8192 bits, ECDSA over P-256 or P-384, or Ed25519"
    )]
    UnusableKey {
        /// Why.
        cause: UntrustedText,
    },
    /// A certificate is none.
    #[error("certificate {number} in it cannot be used: {cause}")]
    BadCertificate {
        /// Which one, from 1.
        number: usize,
        /// Why.
        cause: UntrustedText,
    },
    /// The key is that of another certificate.
    #[error(
        "the first certificate in it has another key than the one in {key}: expected the certificate of that key, then those \
         between it and the authority"
    )]
    OtherKey {
        /// The file of the key.
        key: UntrustedText,
    },
}

impl Wanted {
    const fn phrase(self) -> &'static str {
        match self {
            Self::Certificate => "the certificate of this member",
            Self::Key => "the key of this member's certificate",
            Self::KeyAndCertificate => "the key and the certificate of this member",
            Self::Authorities => "the certificates of the authorities to trust",
            Self::Password => "a password",
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

fn where_it_starts(working_directory: Option<&UntrustedText>) -> String {
    working_directory
        .map(|directory| {
            format!("; the path is relative, and starts in the working directory, {directory}")
        })
        .unwrap_or_default()
}
