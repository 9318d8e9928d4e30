//! Keys and certificates as they are read from files: what is taken, what is refused, and in which words.

mod pem;
mod pkcs12;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use ballotbox::tls::{
    KeyFiles, Material, Password, PasswordFrom, StoreKind, TlsRemark, TlsSettings, TrustFiles,
    read_material,
};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};

/// A folder for one test, removed with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ballotbox-tls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An authority, and one certificate that it has signed.
struct Signed {
    authority: Certificate,
    certificate: Certificate,
    key: KeyPair,
}

fn signed(change: impl FnOnce(&mut CertificateParams)) -> Signed {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["zk1".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    Signed { authority, certificate, key }
}

/// A file that `tests/vectors/tls/make.sh` made.
fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/tls").join(name)
}

fn given(text: &str) -> PasswordFrom {
    PasswordFrom::Given(Password::new(text))
}

/// One file with key and certificate, and another one with the authority.
fn store(path: impl Into<PathBuf>, kind: Option<StoreKind>, password: PasswordFrom) -> TlsSettings {
    let own = KeyFiles::Store { path: path.into(), kind, password };
    TlsSettings::new(own, TrustFiles::pem(vector("root.pem")))
}

fn good(settings: &TlsSettings) -> Material {
    read_well(settings).0
}

fn remarks(settings: &TlsSettings) -> Vec<TlsRemark> {
    read_well(settings).1
}

fn read_well(settings: &TlsSettings) -> (Material, Vec<TlsRemark>) {
    read_material(settings).unwrap_or_else(|error| panic!("{error}"))
}

/// The error as a user sees it, without the path that it begins with; always one line.
fn refused(settings: &TlsSettings) -> String {
    let error = read_material(settings).expect_err("it should be refused");
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.starts_with(&format!("{}: ", error.path)), "{text}");
    error.problem.to_string()
}
