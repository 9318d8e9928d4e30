//! [`Trust`]: whom we believe, without being a member.

use std::sync::Arc;

use ballotbox_core::{Endpoint, UntrustedText};
use futures_rustls::{
    TlsConnector, TlsStream,
    rustls::{
        ClientConfig,
        client::Resumption,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};

use super::{
    super::TlsVersions,
    credentials::{CredentialsError, supported},
    error::TlsError,
    secured::{Raw, Secured},
    verifier::Verifier,
};

/// The authorities by which one who is no member recognises a server that is for everybody: its certificate is of one of them, and
/// names the host that was asked for.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

/// Copies are equal, and nothing else is.
impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trust {}

impl Trust {
    /// In these authorities.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Roots`]: one of them cannot be used.
    pub fn new(roots: Vec<CertificateDer<'static>>) -> Result<Self, CredentialsError> {
        let provider = Arc::new(ring::default_provider());
        let unusable = |text: String| CredentialsError::Roots { text: text.into() };
        let verifier = Verifier::new(roots, &provider, false).map_err(unusable)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(supported(TlsVersions::Both))
            .map_err(|error| CredentialsError::Suites { text: UntrustedText::new(error) })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut client = client.with_no_client_auth();
        client.resumption = Resumption::disabled();
        Ok(Self(Arc::new(client)))
    }

    /// The handshake of one who has dialled this host.
    pub(in crate::socket) async fn dial(
        &self,
        socket: Raw,
        to: &Endpoint,
    ) -> Result<Secured, TlsError> {
        let name = ServerName::try_from(to.host.clone());
        let name = name.map_err(|error| TlsError::Handshake { text: UntrustedText::new(error) })?;
        let stream = TlsConnector::from(Arc::clone(&self.0)).connect(name, socket).await;
        let secured = Secured::new(stream.map(TlsStream::from), None)?;
        match secured.certificate() {
            Some(certificate) if !certificate.names.has(&to.host) => Err(TlsError::OtherHost {
                host: UntrustedText::new(&to.host),
                certificate: Box::new(certificate.clone()),
            }),
            Some(_) => Ok(secured),
            None => Err(TlsError::Handshake { text: "it shows no certificate".into() }),
        }
    }
}
