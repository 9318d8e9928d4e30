//! TLS on both ports: what an operator asks for, and the files with keys and certificates that it takes.
//!
//! Members let in only members. Each has a certificate of an authority that all of them trust, and the certificate names the member.
//! This module says which certificates, and reads them; what is done with them on a socket is not here.
//!
//! | | what it is |
//! | --- | --- |
//! | [`TlsSettings`] | what a vote file, a zoo.cfg or the command line asks for |
//! | [`CertificateName`] | the name by which a certificate means a member |
//! | [`Password`] | never shown, and wiped from memory after use |

mod name;
mod password;
mod settings;
mod suite;

pub use self::{
    name::{CertificateName, CertificateNameError},
    password::Password,
    settings::{
        ClientCertificate, KeyFiles, Naming, PasswordFrom, StoreKind, TlsSettings, TlsStage,
        TlsVersions, TrustFiles,
    },
    suite::CipherSuite,
};
