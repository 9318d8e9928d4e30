//! Three files in PEM, as most have them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use ballotbox::tls::{KeyFiles, PasswordFrom, TlsRemark, TlsSettings, read_material};

use super::{Folder, given, good, refused, remarks, signed, vector};

fn of_vectors(certificate: &str, key: &str) -> TlsSettings {
    TlsSettings::from_pem(vector(certificate), vector(key), vector("root.pem"))
}

fn with_password(key: &str, password: PasswordFrom) -> TlsSettings {
    let own = KeyFiles::Pem { certificates: vector("member.pem"), key: vector(key), password };
    TlsSettings { own, ..of_vectors("member.pem", key) }
}

#[test]
fn a_certificate_its_key_and_the_authority_are_read() {
    let (folder, signed) = (Folder::new(), signed(|_| {}));
    let certificate = folder.file("cert.pem", signed.certificate.pem());
    let key = folder.file("key.pem", signed.key.serialize_pem());
    let ca = folder.file("ca.pem", signed.authority.pem().repeat(2));
    let material = good(&TlsSettings::from_pem(certificate, key, &ca));
    assert_eq!(material.chain, [signed.certificate.der().clone()]);
    assert_eq!(material.key.secret_der(), signed.key.serialized_der());
    assert_eq!(material.roots, [signed.authority.der().clone(), signed.authority.der().clone()]);
    let both = format!(
        "\u{feff}A comment\r\n{}\r\nanother\r\n{}",
        signed.key.serialize_pem(),
        signed.certificate.pem().replace('\n', "\r\n")
    );
    let both = folder.file("both.pem", both);
    let of_one = good(&TlsSettings::from_pem(&both, &both, ca));
    assert_eq!((of_one.chain, of_one.key), (material.chain, material.key));
}

#[test]
fn what_stands_between_the_certificate_and_the_authority_comes_with_it() {
    assert_eq!(good(&of_vectors("chain.pem", "open.key")).chain.len(), 2);
}

#[test]
fn a_certificate_that_is_over_is_read_as_its_validity_is_nothing_of_a_file() {
    let folder = Folder::new();
    let signed = signed(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let certificate = folder.file("cert.pem", signed.certificate.pem());
    let key = folder.file("key.pem", signed.key.serialize_pem());
    let ca = folder.file("ca.pem", signed.authority.pem());
    assert_eq!(good(&TlsSettings::from_pem(certificate, key, ca)).chain.len(), 1);
}

#[test]
fn what_is_no_certificate_of_this_member_is_refused_with_what_it_is() {
    for (certificate, expected) in [
        ("request.pem", "there is no certificate in it, only CERTIFICATE REQUEST"),
        ("request.pem", "a request becomes a certificate when an authority signs it"),
        ("open.key", "there is no certificate in it, only PRIVATE KEY"),
        ("root.pem", "has another key than the one in "),
        (
            "version-1.pem",
            "certificate 1 in it cannot be used: it is X.509 version 1, which has no",
        ),
        (
            "member.der",
            "this is DER, rather a certificate: expected the certificate of this member",
        ),
        ("member.der", "`openssl x509 -inform der -in "),
        (
            "member.p12",
            "this is DER, a PKCS#12 file: expected the certificate of this member in PEM",
        ),
        ("member.jks", "a key store of the kind JKS, which only Java reads"),
        ("README.md", "there is no -----BEGIN in it: expected the certificate of this member"),
    ] {
        let error = refused(&of_vectors(certificate, "open.key"));
        assert!(error.contains(expected), "{certificate}: {error}");
    }
}

#[test]
fn what_is_no_key_is_refused_with_what_it_is() {
    for (key, expected) in [
        ("public.pem", "there is no key in it, only PUBLIC KEY: expected the key of this member"),
        ("public.pem", "only the half of a key that everybody may know"),
        ("member.pem", "there is no key in it, only CERTIFICATE"),
        ("key.der", "this is DER, rather a key: expected the key of this member's certificate"),
        ("key.der", "`openssl pkey -inform der -in "),
    ] {
        let error = refused(&of_vectors("member.pem", key));
        assert!(error.contains(expected), "{key}: {error}");
    }
    let folder = Folder::new();
    let key = fs::read_to_string(vector("open.key")).unwrap();
    let twice = folder.file("twice.pem", key.repeat(2));
    let settings = TlsSettings::from_pem(vector("member.pem"), twice, vector("root.pem"));
    assert!(refused(&settings).starts_with("there are 2 keys in it: expected one"));
}

#[test]
fn a_key_with_a_password_is_opened_where_there_is_one_and_the_way_out_is_told_where_not() {
    let open = good(&of_vectors("member.pem", "open.key"));
    assert_eq!(good(&with_password("aes.key", given("changeit"))).key, open.key);
    assert_eq!(good(&with_password("open.key", given("of no use"))).key, open.key);
    for (key, password, expected) in [
        ("aes.key", PasswordFrom::Nowhere, "the key in it is encrypted, and there is no password"),
        ("aes.key", PasswordFrom::Nowhere, "`openssl pkcs8 -topk8 -nocrypt -in "),
        ("aes.key", given("wrong"), "the password does not open it"),
        ("des.key", given("changeit"), "encrypted in a way that is not read here (PKCS#5"),
        ("traditional.key", given("changeit"), "(Proc-Type: 4,ENCRYPTED): expected PBES2"),
    ] {
        let error = refused(&with_password(key, password));
        assert!(error.contains(expected), "{key}: {error}");
    }
}

#[test]
fn a_password_may_be_in_a_file_of_its_own() {
    let folder = Folder::new();
    let password = |content: &[u8]| PasswordFrom::File(folder.file("password", content));
    assert_eq!(good(&with_password("aes.key", password(b"changeit\r\n"))).chain.len(), 1);
    let settings = with_password("aes.key", password(b"change\nit"));
    assert!(refused(&settings).contains("the password does not open it"));
    let settings = with_password("aes.key", password(b"\n"));
    assert_eq!(refused(&settings), "it is empty: expected a password");
    let settings = with_password("aes.key", password(b"\xff"));
    assert!(refused(&settings).starts_with("it is not UTF-8"));
}

#[test]
fn a_file_that_is_cut_short_or_damaged_is_told_with_the_line() {
    let folder = Folder::new();
    let whole = fs::read_to_string(vector("chain.pem")).unwrap();
    for (content, expected) in [
        (&whole[..whole.len() - 40], "the CERTIFICATE that begins in line 11 has no end"),
        (&whole.replacen("-----END CERTIFICATE-----\n", "", 1), "begins in line 1 has no end"),
        (&whole.replacen("MII", "M?I", 1), "the CERTIFICATE that begins in line 1 is damaged"),
        (&whole.replacen("MII", "AII", 1), "certificate 1 in it cannot be used"),
        ("", "it is empty: expected the certificate of this member"),
        (" \n", "it is empty"),
    ] {
        let path = folder.file("cert.pem", content);
        let settings = TlsSettings::from_pem(path, vector("open.key"), vector("root.pem"));
        let error = refused(&settings);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let path = folder.file("cert.pem", [b"\xff\xfe".to_vec(), utf16].concat());
    let settings = TlsSettings::from_pem(path, vector("open.key"), vector("root.pem"));
    assert!(refused(&settings).starts_with("it is in UTF-16"));
}

#[test]
fn the_authority_has_to_be_one_or_more_certificates() {
    let trusting = |path: PathBuf| {
        refused(&TlsSettings::from_pem(vector("member.pem"), vector("open.key"), path))
    };
    assert!(trusting(vector("open.key")).contains("expected the certificates of the authorities"));
    let folder = Folder::new();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let root = fs::read_to_string(vector("root.pem")).unwrap();
    let error = trusting(folder.file("ca.pem", root + damaged));
    assert!(
        error.starts_with("certificate 2 in it cannot be used: it cannot be read: it is"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_there_or_is_none_is_told_with_where_it_was_looked_for() {
    let missing =
        |path: &str| refused(&TlsSettings::from_pem(path, vector("open.key"), vector("root.pem")));
    let absolute = missing("/nowhere/cert.pem");
    assert_eq!(absolute, "there is no such file: expected the certificate of this member");
    let here = std::env::current_dir().unwrap();
    let relative = format!("starts in the working directory, {}", here.display());
    assert!(missing("nowhere/cert.pem").ends_with(&relative), "{}", missing("nowhere/cert.pem"));
    assert!(missing("/").starts_with("this is a directory: expected a file with the certificate"));
    assert!(missing("/dev/zero").starts_with("this is no regular file"));
    let folder = Folder::new();
    let large = folder.file("large.pem", vec![b'x'; (1 << 20) + 1]);
    assert!(missing(large.to_str().unwrap()).starts_with("more than 1048576 bytes"));
}

#[test]
fn a_key_that_others_can_read_is_told_and_a_certificate_may_be_read_by_all() {
    let folder = Folder::new();
    let copy = |name: &str, mode| {
        let path = folder.file(name, fs::read(vector(name)).unwrap());
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    };
    let certificate = copy("member.pem", 0o644);
    let of = |key: PathBuf| remarks(&TlsSettings::from_pem(&certificate, key, vector("root.pem")));
    assert_eq!(of(copy("open.key", 0o600)), []);
    let found = of(copy("open.key", 0o644));
    let [remark @ TlsRemark::Exposed { .. }] = found.as_slice() else { panic!("{found:?}") };
    let told = remark.to_string();
    assert!(told.contains("open.key (mode 644), and so pass for this member"), "{told}");
}

#[test]
fn no_damage_of_a_file_is_more_than_an_error() {
    let folder = Folder::new();
    let whole = fs::read(vector("chain.pem")).unwrap();
    for end in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[end] ^= 0x15;
        for content in [&whole[..end], &bytes] {
            let path = folder.file("cert.pem", content);
            let settings = TlsSettings::from_pem(&path, vector("open.key"), &path);
            let _ = read_material(&settings);
        }
    }
}
