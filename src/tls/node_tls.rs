//! [`NodeTls`]: TLS as a node speaks it, from settings and files.

use std::time::SystemTime;

use ballotbox_actors::socket::tls::{
    Certificate, Credentials, CredentialsError, Material, Terms, Tls,
};
use ballotbox_core::{
    ServerId,
    identity::{Identities, Proof},
    membership::Membership,
};
use futures_rustls::rustls;

use super::{CertificateDoubt, CertificateName, CipherSuite, TlsSettings};

/// TLS as a node speaks it, and the files that are looked after while it runs.
#[derive(Clone, Debug)]
pub struct NodeTls {
    pub(crate) tls: Tls,
    pub(super) settings: TlsSettings,
    pub(super) material: Material,
}

impl NodeTls {
    /// By these settings, with what was read of their files, among these members; some of which certificates name otherwise than by the
    /// hosts of their addresses.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`], when nobody could be shown this certificate.
    pub fn new<'n>(
        settings: TlsSettings,
        material: Material,
        members: &Membership,
        names: impl IntoIterator<Item = (ServerId, &'n CertificateName)>,
    ) -> Result<Self, CredentialsError> {
        let known_as = |identities: Identities, (id, name): (ServerId, &CertificateName)| {
            identities.known_as(id, name.as_str())
        };
        let identities =
            names.into_iter().fold(Identities::new(members, settings.naming), known_as);
        Self::with(settings, material, identities)
    }

    /// The same for one who knows no member by its id, such as a probe that was given addresses: every certificate of the authority will do.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`], when nobody could be shown this certificate.
    pub fn without_members(
        settings: TlsSettings,
        material: Material,
    ) -> Result<Self, CredentialsError> {
        Self::with(settings, material, Identities::default())
    }

    fn with(
        settings: TlsSettings,
        material: Material,
        identities: Identities,
    ) -> Result<Self, CredentialsError> {
        let credentials = credentials(material.clone(), &settings)?;
        let tls = Tls::new(credentials, settings.stage, identities);
        Ok(Self { tls, settings, material })
    }

    /// What secures its connections.
    pub const fn connections(&self) -> &Tls {
        &self.tls
    }

    /// What it shows.
    pub fn certificate(&self) -> Certificate {
        self.tls.certificate()
    }

    /// What others may hold against its certificate as the one of member `me`.
    pub fn doubt_of_name(&self, me: ServerId) -> Option<CertificateDoubt> {
        match self.tls.own_proof(me) {
            Ok(Proof::Sole | Proof::LetIn) => None,
            Ok(Proof::Shared(others)) => Some(CertificateDoubt::Shared { me, others }),
            Err(error) => Some(CertificateDoubt::Unfit { me, error }),
        }
    }

    /// What others may hold against the time for which its certificate is valid, at this time of day or soon.
    pub fn doubt_of_time(&self, now: SystemTime) -> Option<CertificateDoubt> {
        CertificateDoubt::of_time(&self.certificate(), now)
    }
}

/// What is shown on connections, of what the files have.
pub(super) fn credentials(
    material: Material,
    settings: &TlsSettings,
) -> Result<Credentials, CredentialsError> {
    let number = |suite: &CipherSuite| rustls::CipherSuite::from(suite.number());
    let suites = settings.suites.as_ref().map(|suites| suites.iter().map(number).collect());
    let TlsSettings { versions, client_certificate, .. } = *settings;
    Credentials::new(material, &Terms { versions, suites, client_certificate })
}
