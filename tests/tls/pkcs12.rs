//! Stores with a password, as those who come from Java have them.

use std::fs;

use ballotbox::tls::{
    KeyFiles, PasswordFrom, StoreKind, TlsRemark, TlsSettings, TrustFiles, read_material,
};

use super::{Folder, given, good, refused, remarks, store, vector};

const PKCS12: Option<StoreKind> = Some(StoreKind::Pkcs12);

fn trusting(name: &str, password: PasswordFrom) -> TlsSettings {
    let path = vector(name);
    let kind = StoreKind::by_extension(&path);
    let trust = TrustFiles { path, kind, password };
    TlsSettings { trust, ..store(vector("member.p12"), PKCS12, given("changeit")) }
}

#[test]
fn a_key_comes_with_its_certificate_first_and_without_the_root() {
    let pem = TlsSettings::from_pem(vector("chain.pem"), vector("open.key"), vector("root.pem"));
    let pem = good(&pem);
    for name in ["member.p12", "legacy.p12", "java.p12"] {
        let material = good(&store(vector(name), PKCS12, given("changeit")));
        assert_eq!(material.chain, pem.chain, "{name}");
        assert_eq!(material.roots, pem.roots, "{name}");
    }
}

#[test]
fn a_password_that_does_not_open_a_store_is_told_and_so_is_a_missing_one() {
    for name in ["member.p12", "legacy.p12", "java.p12"] {
        let wrong = refused(&store(vector(name), PKCS12, given("wrong")));
        assert!(wrong.starts_with("the password does not open it"), "{name}: {wrong}");
        let none = refused(&store(vector(name), PKCS12, PasswordFrom::Nowhere));
        assert!(none.starts_with("it does not open without a password"), "{name}: {none}");
    }
}

#[test]
fn a_store_with_two_keys_or_none_is_refused() {
    let two = refused(&store(vector("two-keys.p12"), PKCS12, given("changeit")));
    assert!(two.starts_with("there are 2 keys in it"), "{two}");
    let none = refused(&store(vector("trust.p12"), PKCS12, given("changeit")));
    assert!(none.starts_with("there is no key in it, only 1 certificate: expected"), "{none}");
}

#[test]
fn authorities_may_be_in_a_store_of_java_or_of_openssl() {
    let root = good(&store(vector("member.p12"), PKCS12, given("changeit"))).roots;
    assert_eq!(good(&trusting("trust.p12", given("changeit"))).roots, root);
    // Who gives the store of the key as that of the authorities means those that come with the key.
    assert!(good(&trusting("member.p12", given("changeit"))).roots.contains(&root[0]));
}

#[test]
fn stores_that_only_java_reads_are_refused_with_the_line_that_converts_them() {
    for (name, kind) in [("member.jks", "JKS"), ("member.jceks", "JCEKS")] {
        let path = vector(name);
        let shown = path.display();
        let convert = format!(
            "`keytool -importkeystore -srckeystore {shown} -srcstoretype {kind} -destkeystore {shown}.p12 -deststoretype PKCS12`"
        );
        for said in [StoreKind::by_extension(&path), None, Some(StoreKind::Pem)] {
            let error = refused(&store(&path, said, given("changeit")));
            assert!(error.contains(&convert), "{name}, {said:?}: {error}");
        }
    }
    // It cannot be told from other DER by its content.
    let error = refused(&store(vector("member.der"), Some(StoreKind::Bcfks), given("changeit")));
    assert!(error.contains("-srcstoretype BCFKS") && error.contains("bc-fips.jar"), "{error}");
}

#[test]
fn what_is_in_a_file_counts_more_than_its_name_and_the_difference_is_told() {
    let folder = Folder::new();
    let copy = |from: &str, to: &str| folder.file(to, fs::read(vector(from)).unwrap());
    // Java writes PKCS#12 into files of any name, and reads it from there.
    let path = copy("java.p12", "keys.jks");
    let of_java = remarks(&store(&path, StoreKind::by_extension(&path), given("changeit")));
    let is_other_kind = |remark: &TlsRemark| matches!(remark, TlsRemark::OtherKind { .. });
    assert!(!of_java.iter().any(is_other_kind), "{of_java:?}");
    let path = copy("java.p12", "keys.pem");
    let found = remarks(&store(&path, StoreKind::by_extension(&path), given("changeit")));
    let told: Vec<_> = found.iter().filter(|one| is_other_kind(one)).collect();
    let [told] = told.as_slice() else { panic!("{found:?}") };
    assert!(told.to_string().contains("is said to be PEM, and is PKCS12"), "{told}");
    let both = [fs::read(vector("open.key")).unwrap(), fs::read(vector("chain.pem")).unwrap()];
    let path = folder.file("keys", both.concat());
    assert_eq!(good(&store(&path, None, PasswordFrom::Nowhere)).chain.len(), 2);
}

#[test]
fn no_damage_of_a_store_is_more_than_an_error() {
    let folder = Folder::new();
    let whole = fs::read(vector("java.p12")).unwrap();
    for at in (0..whole.len()).step_by(31) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        for content in [&whole[..at], &bytes] {
            let path = folder.file("keys.p12", content);
            let own =
                KeyFiles::Store { path: path.clone(), kind: PKCS12, password: given("changeit") };
            let trust = TrustFiles { path, kind: PKCS12, password: given("changeit") };
            let _ = read_material(&TlsSettings::new(own, trust));
        }
    }
}
