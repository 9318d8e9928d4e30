//! PEM: text of sections, each with a label, of which we look for certificates and one key.

use ballotbox_core::UntrustedText;
use futures_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject,
};
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument, pkcs5};

use super::{Password, TlsFileError, TlsFileProblem, Wanted, file::Source};

/// The label of a key that needs a password.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Labels of keys, in the three forms that are read.
const KEYS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/// A line that stands in a section which is encrypted in the old way.
const OLD_ENCRYPTION: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// A section, from its first line to its last.
struct Section<'a> {
    label: &'a str,
    text: &'a [u8],
    /// Its first line, from 1.
    line: usize,
}

/// Whether this is PEM: whether a line begins a section.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    bytes.starts_with(b"-----BEGIN ") || bytes.windows(12).any(|part| part == b"\n-----BEGIN ")
}

/// The certificates of a file.
pub(super) fn certificates(
    source: &Source<'_>,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let sections = sections(source, bytes)?;
    let certificates = sections.iter().filter(|section| section.label == "CERTIFICATE");
    let certificates: Vec<_> =
        certificates.map(|section| section.decode(source)).collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(source.wrong(lacks(source.wanted, "certificate", &sections)));
    }
    Ok(certificates)
}

/// The key of a file.
pub(super) fn key(
    source: &Source<'_>,
    bytes: &[u8],
    password: Option<&Password>,
) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let sections = sections(source, bytes)?;
    let is_key =
        |section: &&Section<'_>| KEYS.contains(&section.label) || section.label == ENCRYPTED;
    let keys: Vec<_> = sections.iter().filter(is_key).collect();
    match keys.as_slice() {
        [] => Err(source.wrong(lacks(source.wanted, "key", &sections))),
        [key] if key.label == ENCRYPTED => key.decrypt(source, password),
        [key] if key.text.windows(OLD_ENCRYPTION.len()).any(|part| part == OLD_ENCRYPTION) => {
            Err(source.wrong(encrypted_otherwise(source, "Proc-Type: 4,ENCRYPTED")))
        }
        [key] => key.decode(source),
        keys => Err(source.wrong(TlsFileProblem::SeveralKeys { count: keys.len() })),
    }
}

/// The sections, in their order.
fn sections<'a>(source: &Source<'_>, bytes: &'a [u8]) -> Result<Vec<Section<'a>>, TlsFileError> {
    let mut sections = Vec::new();
    let mut open: Option<(&str, usize, usize)> = None;
    let mut at = 0;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let (start, number) = (at, index + 1);
        at = (at + line.len() + 1).min(bytes.len());
        if let Some(label) = marked(line, b"-----BEGIN ") {
            if let Some((label, line, _)) = open {
                return Err(source.wrong(cut_short(label, line)));
            }
            open = Some((label, number, start));
        } else if let Some((label, line, start)) =
            open.filter(|(label, ..)| marked(line, b"-----END ") == Some(label))
        {
            sections.push(Section { label, text: &bytes[start..at], line });
            open = None;
        }
    }
    match open {
        Some((label, line, _)) => Err(source.wrong(cut_short(label, line))),
        None => Ok(sections),
    }
}

fn cut_short(label: &str, line: usize) -> TlsFileProblem {
    TlsFileProblem::CutShort { label: label.into(), line }
}

/// The label in a line that begins or ends a section.
fn marked<'a>(line: &'a [u8], mark: &[u8]) -> Option<&'a str> {
    let label = line.trim_ascii_end().strip_prefix(mark)?.strip_suffix(b"-----")?;
    str::from_utf8(label).ok()
}

impl Section<'_> {
    fn decode<T: PemObject>(&self, source: &Source<'_>) -> Result<T, TlsFileError> {
        T::from_pem_slice(self.text).map_err(|error| self.damaged(source, error))
    }

    fn damaged(&self, source: &Source<'_>, cause: impl std::fmt::Display) -> TlsFileError {
        let (label, cause) = (self.label.into(), UntrustedText::new(cause));
        source.wrong(TlsFileProblem::Damaged { label, line: self.line, cause })
    }

    /// A key in PKCS#8 that a password opens, as real servers take it.
    fn decrypt(
        &self,
        source: &Source<'_>,
        password: Option<&Password>,
    ) -> Result<PrivateKeyDer<'static>, TlsFileError> {
        let Some(password) = password.filter(|password| !password.is_empty()) else {
            let convert = without_password(source);
            return Err(source.wrong(TlsFileProblem::Encrypted { convert }));
        };
        let text = str::from_utf8(self.text).map_err(|error| self.damaged(source, error))?;
        let (_, der) =
            SecretDocument::from_pem(text).map_err(|error| self.damaged(source, error))?;
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes())
            .map_err(|error| self.damaged(source, error))?;
        match encrypted.decrypt(password.text()) {
            Ok(opened) => Ok(PrivatePkcs8KeyDer::from(opened.as_bytes().to_vec()).into()),
            // What a wrong password leads to is rarely a key by chance, and then no DER.
            Err(
                pkcs8::Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed)
                | pkcs8::Error::Asn1(_),
            ) => Err(source.wrong(TlsFileProblem::WrongPassword)),
            Err(error) => Err(source.wrong(encrypted_otherwise(source, error))),
        }
    }
}

fn encrypted_otherwise(source: &Source<'_>, how: impl std::fmt::Display) -> TlsFileProblem {
    let (how, convert) = (UntrustedText::new(how), without_password(source));
    TlsFileProblem::EncryptedOtherwise { how, convert }
}

/// The command that takes the password off a key.
fn without_password(source: &Source<'_>) -> UntrustedText {
    let file = UntrustedText::path(source.path);
    let text = format_args!("openssl pkcs8 -topk8 -nocrypt -in {file} -out {file}.open");
    UntrustedText::shortened(text, 3 * UntrustedText::PATH_SHOWN_MAX)
}

/// What to say of a file that has sections, and not the right ones.
fn lacks(wanted: Wanted, what: &'static str, sections: &[Section<'_>]) -> TlsFileProblem {
    let has = |part: &str| sections.iter().any(|section| section.label.contains(part));
    let advice = if has("CERTIFICATE REQUEST") {
        Some("; a request becomes a certificate when an authority signs it")
    } else if has("PUBLIC KEY") {
        Some("; a public key is only the half of a key that everybody may know")
    } else if has("OPENSSH") {
        Some("; keys of SSH are another format")
    } else {
        None
    };
    let mut labels: Vec<_> = sections.iter().map(|section| section.label).collect();
    labels.sort_unstable();
    labels.dedup();
    TlsFileProblem::Lacks { wanted, what, found: labels.join(", ").into(), advice }
}
