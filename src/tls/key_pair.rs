//! Whether a key can be used, and whether it belongs to a certificate.

use ballotbox_core::UntrustedText;
use futures_rustls::rustls::{
    Error, InconsistentKeys, RootCertStore,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};

use super::{CertificateFault, TlsFileError, TlsFileProblem, file::Source};

/// Refuses a key that nothing here can sign with.
pub(super) fn usable(
    source: &Source<'_>,
    key: &PrivateKeyDer<'static>,
) -> Result<(), TlsFileError> {
    any_supported_type(key).map(drop).map_err(|error| {
        source.wrong(TlsFileProblem::UnusableKey { cause: UntrustedText::new(error) })
    })
}

/// Refuses a chain whose first certificate has another key.
pub(super) fn check(
    certificates: &Source<'_>,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    of_key: &Source<'_>,
) -> Result<(), TlsFileError> {
    let signing = any_supported_type(key).map_err(|error| {
        of_key.wrong(TlsFileProblem::UnusableKey { cause: UntrustedText::new(error) })
    })?;
    match CertifiedKey::new(chain.to_vec(), signing).keys_match() {
        // The provider knows the public half of every key; were it not to, the handshake would tell.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(Error::InconsistentKeys(_)) => {
            let key = UntrustedText::path(of_key.path);
            Err(certificates.wrong(TlsFileProblem::OtherKey { key }))
        }
        Err(error) => {
            let cause = UntrustedText::new(CertificateFault::of(&error));
            Err(certificates.wrong(TlsFileProblem::BadCertificate { number: 1, cause }))
        }
    }
}

/// Whether the certificate is one of this key.
pub(super) fn belongs(
    source: &Source<'_>,
    key: &PrivateKeyDer<'static>,
    certificate: &CertificateDer<'static>,
) -> bool {
    check(source, std::slice::from_ref(certificate), key, source).is_ok()
}

/// Refuses what is no certificate of an authority.
pub(super) fn check_authorities(
    source: &Source<'_>,
    roots: &[CertificateDer<'static>],
) -> Result<(), TlsFileError> {
    let mut store = RootCertStore::empty();
    for (index, root) in roots.iter().enumerate() {
        store.add(root.clone()).map_err(|error| {
            let cause = UntrustedText::new(CertificateFault::of(&error));
            let number = index + 1;
            source.wrong(TlsFileProblem::BadCertificate { number, cause })
        })?;
    }
    Ok(())
}
