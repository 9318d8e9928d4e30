//! [`NodeTls`]: TLS as a node speaks it, from settings and files.

use std::{collections::BTreeSet, time::SystemTime};

use ballotbox_actors::socket::tls::{
    Certificate, ClientCertificate as Demanded, Credentials, CredentialsError,
    Material as Presented, Stage, Terms, Tls, Versions,
};
use ballotbox_core::{
    ServerId,
    identity::{Identities, NotProven, Proof},
    membership::Membership,
};
use futures_rustls::rustls;

use super::{
    CertificateDoubt, CertificateName, ClientCertificate, Material, TlsSettings, TlsStage,
    TlsVersions,
};

/// TLS as a node speaks it, and the files that are looked after while it runs.
#[derive(Clone, Debug)]
pub struct NodeTls {
    pub(crate) tls: Tls,
    pub(super) identities: Identities,
    pub(super) settings: TlsSettings,
    pub(super) material: Material,
}

/// What the certificate of a member says of that member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OwnName {
    /// It names the member alone, or names are not looked at.
    Fits,
    /// It names others as well: who has the key of one of them can speak for all.
    Shared(BTreeSet<ServerId>),
    /// Others will not believe it.
    Unfit(Box<NotProven>),
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
        let credentials = credentials(&material, &settings)?;
        let tls = Tls::new(credentials, stage(settings.stage), identities.clone());
        Ok(Self { tls, identities, settings, material })
    }

    /// What secures its connections.
    pub const fn connections(&self) -> &Tls {
        &self.tls
    }

    /// What it shows.
    pub fn certificate(&self) -> Certificate {
        self.tls.certificate()
    }

    /// Whether others will believe that its certificate is the one of member `me`.
    pub fn own_name(&self, me: ServerId) -> OwnName {
        match self.identities.prove(Some(me), &self.tls.certificate().names) {
            Ok(Proof::Sole | Proof::LetIn) => OwnName::Fits,
            Ok(Proof::Shared(others)) => OwnName::Shared(others),
            Err(error) => OwnName::Unfit(error),
        }
    }

    /// What others may hold against its certificate as the one of member `me`.
    pub fn doubt_of_name(&self, me: ServerId) -> Option<CertificateDoubt> {
        match self.own_name(me) {
            OwnName::Fits => None,
            OwnName::Shared(others) => Some(CertificateDoubt::Shared { me, others }),
            OwnName::Unfit(error) => Some(CertificateDoubt::Unfit { me, error }),
        }
    }

    /// What others may hold against the time for which its certificate is valid, at this time of day or soon.
    pub fn doubt_of_time(&self, now: SystemTime) -> Option<CertificateDoubt> {
        CertificateDoubt::of_time(&self.certificate(), now)
    }
}

/// What is shown on connections, of what the files have.
pub(super) fn credentials(
    material: &Material,
    settings: &TlsSettings,
) -> Result<Credentials, CredentialsError> {
    let Material { chain, key, roots, remarks: _ } = material;
    let (chain, roots) = (chain.clone(), roots.clone());
    Credentials::new(Presented { chain, key: key.clone_key(), roots }, &terms(settings))
}

fn terms(settings: &TlsSettings) -> Terms {
    let number = |suite: &super::CipherSuite| rustls::CipherSuite::from(suite.number());
    Terms {
        versions: match settings.versions {
            TlsVersions::Both => Versions::Both,
            TlsVersions::Tls12 => Versions::Only12,
            TlsVersions::Tls13 => Versions::Only13,
        },
        suites: settings.suites.as_ref().map(|suites| suites.iter().map(number).collect()),
        client_certificate: match settings.client_certificate {
            ClientCertificate::Required => Demanded::Required,
            ClientCertificate::Asked => Demanded::Asked,
            ClientCertificate::NotAsked => Demanded::NotAsked,
        },
    }
}

impl From<Stage> for TlsStage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Taken => Self::Taken,
            Stage::Spoken => Self::Spoken,
            Stage::Required => Self::Required,
        }
    }
}

const fn stage(stage: TlsStage) -> Stage {
    match stage {
        TlsStage::Taken => Stage::Taken,
        TlsStage::Spoken => Stage::Spoken,
        TlsStage::Required => Stage::Required,
    }
}
