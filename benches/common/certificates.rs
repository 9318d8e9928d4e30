//! Certificates for a bench: an authority, and one certificate for each member. Keys are of the curve P-256, as most are.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType,
};

/// An authority that lets members in.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a member proves itself with.
#[derive(Debug)]
pub struct Issued {
    pub certificate: Certificate,
    pub key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The certificate of this member, which is on this host.
    pub fn issue(&self, number: u64) -> Issued {
        let uri = format!("ballotbox:{number}").try_into().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            vec![SanType::URI(uri), SanType::IpAddress([127, 0, 0, 1].into())];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate, key }
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.0.as_ref()
    }
}
