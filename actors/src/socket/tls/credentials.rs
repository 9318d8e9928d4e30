//! [`Credentials`]: what we show to others, and how we look at what they show.

use std::{fmt, sync::Arc};

use ballotbox_core::UntrustedText;
use futures_rustls::rustls::{
    CipherSuite, ClientConfig, ServerConfig, SupportedProtocolVersion,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{NoServerSessionStorage, ServerSessionMemoryCache},
    version::{TLS12, TLS13},
};

use super::{
    super::{ClientCertificate, TlsVersions},
    certificate::{Certificate, CertificateFault},
    verifier::Verifier,
};

/// At most this many sessions are remembered at each end, to be resumed. An ensemble has a handful of members.
const SESSIONS_MAX: usize = 256;

/// What a member proves itself with, and whom it trusts: the content of its files.
#[derive(Eq, PartialEq)]
pub struct Material {
    /// Its certificate, and those in between up to the authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of its certificate. It is never shown.
    pub key: PrivateKeyDer<'static>,
    /// The certificates of the authorities.
    pub roots: Vec<CertificateDer<'static>>,
}

impl Clone for Material {
    fn clone(&self) -> Self {
        let Self { chain, key, roots } = self;
        Self { chain: chain.clone(), key: key.clone_key(), roots: roots.clone() }
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chain, roots) = (self.chain.len(), self.roots.len());
        f.debug_struct("Material")
            .field("chain", &chain)
            .field("roots", &roots)
            .finish_non_exhaustive()
    }
}

/// What we ask of the other end of a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Terms {
    /// Which versions may be spoken.
    pub versions: TlsVersions,
    /// Which cipher suites, by their numbers, in the order in which they are preferred; `None` for all that rustls has.
    pub suites: Option<Vec<CipherSuite>>,
    /// Whether one who connects has to show a certificate.
    pub client_certificate: ClientCertificate,
}

/// Why there are no credentials.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialsError {
    /// There is no certificate, or one that cannot be read.
    #[error("our own certificate: {0}")]
    Certificate(CertificateFault),
    /// There is no certificate.
    #[error(
        "there is no certificate of our own: expected one, and those in between up to the authority"
    )]
    NoCertificate,
    /// The key is not that of the certificate, or of a kind that cannot be used.
    #[error("the key does not fit our certificate: {text}")]
    Key {
        /// What is wrong with it.
        text: UntrustedText,
    },
    /// An authority cannot be used.
    #[error("the authorities (`ca`): {text}")]
    Roots {
        /// What is wrong with them.
        text: UntrustedText,
    },
    /// None of the cipher suites that were asked for can be spoken.
    #[error(
        "none of the cipher suites can be spoken with the versions of TLS that are allowed: {text}"
    )]
    Suites {
        /// What rustls says.
        text: UntrustedText,
    },
}

/// What we show to others, and how we look at what they show. It is made anew when a file changes.
pub struct Credentials {
    pub(super) client: Arc<ClientConfig>,
    pub(super) server: Arc<ServerConfig>,
    /// For those who come to a port that is for everybody.
    pub(super) public: Arc<ServerConfig>,
    certificate: Certificate,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.certificate).finish()
    }
}

impl Credentials {
    /// From the content of files. Whether the certificate is valid just now does not matter here.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`]: nobody could be shown these.
    pub fn new(material: Material, terms: &Terms) -> Result<Self, CredentialsError> {
        let Material { chain, key, roots } = material;
        let first = chain.first().ok_or(CredentialsError::NoCertificate)?;
        let certificate = Certificate::read(first).map_err(CredentialsError::Certificate)?;
        let provider = Arc::new(provider(terms.suites.as_deref()));
        let is_mandatory = terms.client_certificate == ClientCertificate::Required;
        let verifier = Verifier::new(roots, &provider, is_mandatory);
        let roots = |text: String| CredentialsError::Roots { text: text.into() };
        let verifier = Arc::new(verifier.map_err(roots)?);
        let suites = |error| CredentialsError::Suites { text: UntrustedText::new(error) };
        let unfit = |error| CredentialsError::Key { text: UntrustedText::new(error) };

        let versions = supported(terms.versions);
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let mut client = client
            .with_protocol_versions(versions)
            .map_err(suites)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(unfit)?;
        // What is asked for is a member, and not a host.
        client.enable_sni = false;
        client.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);

        let server = ServerConfig::builder_with_provider(provider);
        let server = server.with_protocol_versions(versions).map_err(suites)?;
        let public = server.clone().with_no_client_auth();
        let public = public.with_single_cert(chain.clone(), key.clone_key()).map_err(unfit)?;
        let server = match terms.client_certificate {
            ClientCertificate::Required | ClientCertificate::Asked => {
                server.with_client_cert_verifier(verifier)
            }
            ClientCertificate::NotAsked => server.with_no_client_auth(),
        };
        let mut server = server.with_single_cert(chain, key).map_err(unfit)?;
        server.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
        server.send_tls13_tickets = 1;
        let (client, server) = (Arc::new(client), Arc::new(server));
        Ok(Self { client, server, public: public_port(public), certificate })
    }

    /// What we show.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// Anybody may come there, so nobody's session is remembered.
fn public_port(mut server: ServerConfig) -> Arc<ServerConfig> {
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(server)
}

pub(super) fn supported(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match versions {
        TlsVersions::Both => &BOTH,
        TlsVersions::Tls12 => &BOTH[1..],
        TlsVersions::Tls13 => &BOTH[..1],
    }
}

/// Several nodes may run in one process, so nothing is set for all of it.
fn provider(suites: Option<&[CipherSuite]>) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if let Some(wanted) = suites {
        let all = std::mem::take(&mut provider.cipher_suites);
        let found = |suite: &CipherSuite| all.iter().find(|one| one.suite() == *suite).copied();
        provider.cipher_suites = wanted.iter().filter_map(found).collect();
    }
    provider
}
