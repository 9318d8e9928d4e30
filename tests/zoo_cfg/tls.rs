//! TLS among servers.

use std::path::Path;

use ballotbox::tls::{
    CipherSuite, ClientCertificate, KeyFiles, Naming, PasswordFrom, StoreKind, TlsSettings,
    TlsStage, TlsVersions,
};

use super::{accepted, refused_with, warnings, with};

/// Everything that TLS needs; the first line of it is line 10.
const STORES: &str = "sslQuorum=true\nssl.quorum.keyStore.location=keys/zk1.p12\n\
                      ssl.quorum.keyStore.password=changeit\nssl.quorum.trustStore.location=keys/ca.pem\n";

/// The settings, with these lines more, the first of them line 14.
fn tls(lines: &str) -> TlsSettings {
    with(&format!("{STORES}{lines}")).tls.expect("TLS is switched on")
}

fn warned(lines: &str) -> String {
    warnings(&with(&format!("{STORES}{lines}"))).join("\n")
}

fn refused(lines: &str) -> String {
    refused_with(&format!("{STORES}{lines}"))
}

#[test]
fn a_key_store_and_a_trust_store_are_all_it_takes() {
    let settings = tls("");
    let KeyFiles::Store { path, kind, password } = &settings.own else { panic!("{settings:?}") };
    assert_eq!((path.as_path(), *kind), (Path::new("keys/zk1.p12"), Some(StoreKind::Pkcs12)));
    assert!(matches!(password, PasswordFrom::Given(_)));
    assert_eq!(settings.trust.path, Path::new("keys/ca.pem"));
    assert_eq!(
        (settings.trust.kind, &settings.trust.password),
        (Some(StoreKind::Pem), &PasswordFrom::Nowhere)
    );
    assert_eq!((settings.stage, settings.naming), (TlsStage::Required, Naming::Named));
    assert_eq!(settings.client_certificate, ClientCertificate::Required);
    assert_eq!((settings.versions, &settings.suites), (TlsVersions::Both, &None));
    assert!(settings.reload && warned("").is_empty());
    assert!(!format!("{settings:?}").contains("changeit"));
}

#[test]
fn the_two_switches_are_three_stages_and_plain_text() {
    assert_eq!(tls("portUnification=true").stage, TlsStage::Spoken);
    let plain = STORES.replace("sslQuorum=true", "sslQuorum=false");
    assert_eq!(with(&plain).tls, None);
    let cfg = with(&format!("{plain}portUnification=true"));
    assert_eq!(cfg.tls.as_ref().map(|tls| tls.stage), Some(TlsStage::Taken));
    assert!(cfg.warnings.is_empty(), "{:?}", cfg.warnings);
}

#[test]
fn the_first_step_without_all_that_tls_needs_is_taken_with_plain_text_alone() {
    let first_step =
        "sslQuorum=false\nportUnification=true\nssl.quorum.keyStore.location=keys.jks\n";
    let cfg = with(first_step);
    assert_eq!(cfg.tls, None);
    let told = warnings(&cfg);
    assert!(
        told.iter().any(|told| told.contains("needs ssl.quorum.trustStore.location")),
        "{told:?}"
    );
    assert!(told.iter().any(|told| told.contains("ballotbox takes plain text only")), "{told:?}");
    let supplier = "portUnification=true\nssl.quorum.context.supplier.class=com.example.Supplier\n";
    assert_eq!(with(supplier).tls, None);
}

#[test]
fn tls_without_files_is_refused_at_the_line_that_asks_for_it() {
    let both = refused_with("sslQuorum=true\n");
    let expected = "zoo.cfg:10: TLS among the servers needs ssl.quorum.keyStore.location and ssl.quorum.trustStore.location: ";
    assert!(both.starts_with(expected), "{both}");
    let one = refused_with("sslQuorum=true\nssl.quorum.keyStore.location=k.pem\n");
    assert!(
        one.starts_with("zoo.cfg:10: TLS among the servers needs ssl.quorum.trustStore.location: ")
    );
}

#[test]
fn what_ballotbox_cannot_do_is_refused_by_name_with_the_reason() {
    for (line, expected) in [
        ("ssl.quorum.context.supplier.class=com.example.Supplier", "ballotbox runs no Java"),
        (
            "ssl.quorum.crl=true",
            "ssl.quorum.crl=true is not supported: ballotbox asks nobody whether",
        ),
        ("ssl.quorum.ocsp=TRUE", "ssl.quorum.ocsp=true is not supported"),
        (
            "ssl.quorum.clientAuth=maybe",
            "ssl.quorum.clientAuth is `maybe`: expected need, want or none",
        ),
        (
            "ssl.quorum.keyStore.type=KEYCHAIN",
            "keyStore.type is `KEYCHAIN`: expected PEM or PKCS12",
        ),
        (
            "ssl.quorum.enabledProtocols=TLSv1,TLSv1.1",
            "`TLSv1,TLSv1.1`: expected TLSv1.2, TLSv1.3 or both",
        ),
        ("ssl.quorum.protocol=SSLv3", "ssl.quorum.protocol is `SSLv3`"),
        (
            "ssl.quorum.ciphersuites=TLS_RSA_WITH_AES_128_CBC_SHA",
            "expected at least one of TLS_AES_256_GCM_SHA384",
        ),
        // Java would take this for false.
        ("ssl.quorum.hostnameVerification=yes", "Verification is `yes`: expected true or false"),
        (
            "sslQuorumReloadCertFiles=yes",
            "sslQuorumReloadCertFiles is `yes`: expected true or false",
        ),
    ] {
        let error = refused(line);
        assert!(error.starts_with("zoo.cfg:14: ") && error.contains(expected), "{line}: {error}");
    }
    let off = "ssl.quorum.crl=false\nssl.quorum.ocsp=false\nssl.quorum.allowReverseDnsLookup=false\n\
               ssl.quorum.handshakeDetectionTimeoutMillis=5000\n";
    assert_eq!(warned(off), "");
}

#[test]
fn what_weakens_tls_is_taken_and_told() {
    let lines = "ssl.quorum.hostnameVerification=false\n";
    assert_eq!(tls(lines).naming, Naming::Unchecked);
    assert!(warned(lines).contains("one server can pass for every other one"));
    let lines = "ssl.quorum.clientHostnameVerification=false\n";
    assert_eq!(tls(lines).naming, Naming::Named);
    assert!(warned(lines).contains("checks the name of a server that dials all the same"));
    for (word, certificate) in
        [("want", ClientCertificate::Asked), ("NONE", ClientCertificate::NotAsked)]
    {
        let lines = format!("ssl.quorum.clientAuth={word}");
        assert_eq!(tls(&lines).client_certificate, certificate);
        assert!(warned(&lines).contains("can then vote under the id of a server"), "{word}");
    }
    assert_eq!(warned("ssl.quorum.clientAuth=Need\nssl.quorum.hostnameVerification=true"), "");
    assert!(warned("ssl.quorum.allowReverseDnsLookup=true").contains("never does this"));
}

#[test]
fn versions_and_suites_are_those_that_both_sides_know() {
    for (lines, versions) in [
        ("ssl.quorum.protocol=TLSv1.2", TlsVersions::Tls12),
        ("ssl.quorum.protocol=TLS", TlsVersions::Both),
        ("ssl.quorum.protocol=TLSv1.2\nssl.quorum.enabledProtocols=TLSv1.3", TlsVersions::Tls13),
        ("ssl.quorum.enabledProtocols=TLSv1.1, TLSv1.2 ,TLSv1.3", TlsVersions::Both),
    ] {
        assert_eq!(tls(lines).versions, versions, "{lines}");
    }
    assert!(warned("ssl.quorum.enabledProtocols=TLSv1.1,TLSv1.2").contains("lists TLSv1.1, which"));
    let lines = "ssl.quorum.ciphersuites=TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,\
                 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\n";
    let settings = tls(lines);
    let suites = [CipherSuite::EcdheRsaAes128GcmSha256, CipherSuite::EcdheEcdsaAes128GcmSha256];
    assert_eq!((settings.versions, settings.suites), (TlsVersions::Tls12, Some(suites.to_vec())));
    assert!(warned(lines).contains("lists TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, which ballotbox"));
    let lines = format!("{lines}ssl.quorum.enabledProtocols=TLSv1.3\n");
    assert!(refused(&lines).contains("none for the versions of TLS in use"));
}

#[test]
fn a_password_file_counts_more_than_a_password_and_the_type_more_than_the_name() {
    let settings =
        tls("ssl.quorum.keyStore.passwordPath=/run/secrets/p\nssl.quorum.keyStore.type=pem\n");
    let KeyFiles::Store { kind, password, .. } = &settings.own else { panic!("{settings:?}") };
    assert_eq!(*kind, Some(StoreKind::Pem));
    assert_eq!(*password, PasswordFrom::File("/run/secrets/p".into()));
    let files = settings.files();
    assert!(files.contains(&Path::new("/run/secrets/p")) && files.len() == 3, "{files:?}");
    let untold = STORES.replace("zk1.p12", "zk1");
    let told = warnings(&with(&untold)).join("\n");
    assert!(told.contains("real servers want ssl.quorum.keyStore.type then"), "{told}");
}

#[test]
fn slips_in_what_is_taken_are_told_and_a_password_is_not_shown() {
    let lines = "ssl.quorum.trustStore.password=${PASSWORD}\n";
    let told = warned(lines);
    assert!(told.contains("ssl.quorum.trustStore.password is `…`"), "{told}");
    let cfg = accepted(&format!("{}{STORES}", super::PLAIN));
    assert!(cfg.ignored.iter().all(|ignored| !ignored.key.to_string().starts_with("ssl")));
}
