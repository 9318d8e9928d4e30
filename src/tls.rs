//! TLS on all ports: what an operator asks for, and the files with keys and certificates that it takes.
//!
//! Members let in only members. Each has a certificate of an authority that all of them trust, and the certificate names the member.
//! This module says which certificates, and reads them; what is done with them on a socket is not here.
//!
//! | | what it is |
//! | --- | --- |
//! | [`TlsSettings`] | what a vote file, a zoo.cfg or the command line asks for |
//! | [`CertificateName`] | the name by which a certificate means a member |
//! | [`Password`] | never shown, and wiped from memory after use |
//! | `Material`, `read_material` | the keys and certificates themselves, with the feature `tls` |
//! | `read_trust` | the authorities by which one who is no member recognises a node |
//! | `CertificateDoubt` | what others may hold against a certificate, with the feature `tls` |
//! | [`NodeTls`] | what a node speaks TLS with, with the feature `tls` |
//! | `KeyKeeper` with its core `FileWatch` | reads the files again when they change, with the feature `tls` |
//! | [`CertificateNews`] | what it tells |

mod name;
mod news;
mod password;
mod settings;
mod suite;

#[cfg(feature = "tls")]
mod doubt;
#[cfg(feature = "tls")]
mod end_watch;
#[cfg(feature = "tls")]
mod error;
#[cfg(feature = "tls")]
mod file;
#[cfg(feature = "tls")]
mod file_watch;
#[cfg(feature = "tls")]
mod key_keeper;
#[cfg(feature = "tls")]
mod key_pair;
#[cfg(feature = "tls")]
mod material;
#[cfg(feature = "tls")]
mod node_tls;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod pkcs12;

#[cfg(feature = "tls")]
pub(crate) use self::key_keeper::KeyKeeper;
#[cfg(feature = "tls")]
pub use self::{
    doubt::CertificateDoubt,
    error::{FILE_BYTES_MAX, TlsFileError, TlsFileProblem, Wanted},
    file_watch::{FileStamp, FileStamps, FileWatch},
    key_keeper::LOOK_EVERY,
    material::{TlsRemark, read_material, read_trust},
    node_tls::NodeTls,
};
pub use self::{
    name::{CertificateName, CertificateNameError},
    news::CertificateNews,
    password::Password,
    settings::{KeyFiles, PasswordFrom, StoreKind, TlsSettings, TrustFiles},
    suite::CipherSuite,
};
pub use crate::files::{FileMode, readable_by_others};
#[cfg(feature = "tls")]
pub use ballotbox_actors::socket::tls::{
    Certificate, CertificateFault, CredentialsError, Material,
};
pub use ballotbox_actors::socket::{ClientCertificate, TlsStage, TlsVersions};
pub use ballotbox_core::identity::Naming;
