//! Certificates for tests: an authority, and what it issues.

use std::sync::Arc;

use ballotbox::{
    Membership,
    tls::{Material, NodeTls, TlsSettings, TlsStage},
};
use futures_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

/// An authority that lets members in.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
#[derive(Debug)]
pub struct Issued {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
    root: CertificateDer<'static>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for these names: addresses, URIs or names of hosts.
    pub fn issue(&self, names: &[&str]) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate, key, root: self.0.der().to_vec().into() }
    }

    /// The certificate of one member, and of no other.
    pub fn member(&self, number: u64) -> Issued {
        self.issue(&[&format!("ballotbox:{number}")])
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }
}

impl Issued {
    /// What a member with it is started with. Nothing is read from files.
    pub fn tls(&self, members: &Membership, stage: TlsStage) -> NodeTls {
        NodeTls::new(settings(stage), self.material(), members, []).unwrap()
    }

    /// What one who has it speaks with, and knows no member by its id.
    pub fn tls_without_members(&self) -> NodeTls {
        NodeTls::without_members(settings(TlsStage::Required), self.material()).unwrap()
    }

    /// Its certificate and its key, as PEM.
    pub fn pem(&self) -> (String, String) {
        (self.certificate.pem(), self.key.serialize_pem())
    }

    /// What a program that has it, and is no member, dials with.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client_that_trusts(self)
    }

    /// What a program dials with that trusts the authority of this one, which need not trust it.
    pub fn client_that_trusts(&self, other: &Self) -> Arc<ClientConfig> {
        let chain = vec![self.certificate.der().clone()];
        let client = client(&other.root).with_client_auth_cert(chain, self.private_key());
        Arc::new(client.unwrap())
    }

    /// What one who has no certificate dials with.
    pub fn nameless_client(&self) -> Arc<ClientConfig> {
        Arc::new(client(&self.root).with_no_client_auth())
    }

    /// The same of one that trusts the authority of another one.
    pub fn that_trusts(&self, other: &Self) -> NodeTls {
        let material = Material { roots: vec![other.root.clone()], ..self.material() };
        NodeTls::without_members(settings(TlsStage::Required), material).unwrap()
    }

    fn material(&self) -> Material {
        Material {
            chain: vec![self.certificate.der().clone()],
            key: self.private_key(),
            roots: vec![self.root.clone()],
        }
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

fn settings(stage: TlsStage) -> TlsSettings {
    TlsSettings { stage, reload: false, ..TlsSettings::from_pem("", "", "") }
}

fn client(
    root: &CertificateDer<'static>,
) -> futures_rustls::rustls::ConfigBuilder<
    ClientConfig,
    futures_rustls::rustls::client::WantsClientCert,
> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
}

fn san(name: &str) -> SanType {
    match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if name.contains(':') => SanType::URI(name.try_into().unwrap()),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }
}
