//! [`Verifier`]: whether a certificate is of our authorities and valid now. Whose it is, is looked at later.
//!
//! Both ends are verified in one way, but for the use that the certificate has to be issued for. A certificate that is itself
//! among the authorities is believed as it is, as Java does: many ensembles have one store with the self-signed certificates
//! of all members.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use ballotbox_core::UntrustedText;
use futures_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::certificate::{Certificate, CertificateFault};

/// Looks at the certificates of both kinds of ends.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: Arc<RootCertStore>,
    /// The authorities as they are, to recognise one that shows itself.
    own: BTreeSet<Vec<u8>>,
    clients: Arc<dyn ClientCertVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
    /// Whether one who connects has to show a certificate.
    is_mandatory: bool,
}

/// Why a certificate is not believed, on its way through rustls.
#[derive(Clone, Debug)]
pub(super) struct Unbelieved {
    pub(super) fault: CertificateFault,
    /// What it says, if it can be read.
    pub(super) certificate: Option<Box<Certificate>>,
}

impl fmt::Display for Unbelieved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for Unbelieved {}

impl Verifier {
    /// With these authorities, of which there is at least one.
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        provider: &Arc<futures_rustls::rustls::crypto::CryptoProvider>,
        is_mandatory: bool,
    ) -> Result<Self, String> {
        let own = roots.iter().map(|root| root.to_vec()).collect();
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).map_err(|error| error.to_string())?;
        }
        let roots = Arc::new(store);
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
                .build()
                .map_err(|error| error.to_string())?;
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { roots, own, clients, algorithms, is_mandatory })
    }

    /// What the rest of the look comes to, with the certificate itself if it is not believed.
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        now: UnixTime,
        by_authority: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let certificate = Certificate::read(end_entity);
        let certificate = certificate.map_err(|fault| unbelieved(fault, None))?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
        if let Err(fault) = certificate.check_validity(time) {
            return Err(unbelieved(fault, Some(certificate)));
        }
        if self.own.contains(end_entity.as_ref()) {
            return Ok(());
        }
        by_authority().map_err(|error| unbelieved(CertificateFault::of(&error), Some(certificate)))
    }
}

fn unbelieved(fault: CertificateFault, certificate: Option<Certificate>) -> Error {
    let certificate = certificate.map(Box::new);
    let error = Unbelieved { fault, certificate };
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
}

impl CertificateFault {
    /// What rustls has against a certificate, in our words.
    pub fn of(error: &Error) -> Self {
        let other = || Self::Other { text: UntrustedText::new(error) };
        let Error::InvalidCertificate(error) = error else { return other() };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the others are said in rustls' own words"
        )]
        match error {
            CertificateError::BadEncoding => Self::Malformed { text: "it is not X.509".into() },
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::BadSignature => Self::OtherKey,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::Purpose
            }
            // An authority in between.
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired {
                at: SystemTime::UNIX_EPOCH + Duration::from_secs(not_after.as_secs()),
            },
            // rustls hands these on as it got them, and their names are all that can be seen of them.
            CertificateError::Other(error) => match error.0.to_string().as_str() {
                "CaUsedAsEndEntity" => Self::OfAuthority,
                "UnsupportedCertVersion" => Self::Version,
                name => Self::Other { text: format!("it cannot be used ({name})").into() },
            },
            _ => other(),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, now, || {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                &self.roots,
                intermediates,
                now,
                self.algorithms.all,
            )
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.clients.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, now, || {
            self.clients.verify_client_cert(end_entity, intermediates, now).map(|_| ())
        })?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
