//! What a node that speaks TLS says of it and of its certificate.

use std::{fs, path::PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd,
};
use serde_json::{Value, json};

use super::{
    leaders::{ensemble, leading},
    run,
    status_port::Told,
    text,
};

const EXPIRY: &str = "ballotbox_certificate_expiry_timestamp_seconds";

/// The files of member 1, in a place of their own.
pub(super) struct Files {
    authority: CertifiedIssuer<'static, KeyPair>,
    place: PathBuf,
}

impl Files {
    pub(super) fn new(place: PathBuf) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("ca"), authority.pem()).unwrap();
        Self { authority, place }
    }

    /// Issues a certificate that is valid to the beginning of this year.
    fn renew(&self, year: i32) {
        self.issue(year, vec![]);
    }

    /// The same, with these names beside that of the member.
    pub(super) fn issue(&self, year: i32, names: Vec<SanType>) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI("ballotbox:1".try_into().unwrap())];
        params.subject_alt_names.extend(names);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        // As tools do it: nobody sees half a file, and both come at once.
        let both = key.serialize_pem() + &certificate.pem();
        fs::write(self.place.join("new"), both).unwrap();
        fs::rename(self.place.join("new"), self.place.join("pair")).unwrap();
    }

    pub(super) fn authority(&self) -> String {
        self.file("ca")
    }

    fn file(&self, name: &str) -> String {
        self.place.join(name).to_str().unwrap().to_owned()
    }

    pub(super) fn options(&self) -> Vec<String> {
        let options = [("--tls-cert", "pair"), ("--tls-key", "pair"), ("--tls-ca", "ca")];
        options
            .into_iter()
            .flat_map(|(option, name)| [option.to_owned(), self.file(name)])
            .collect()
    }
}

#[test]
fn how_tls_is_spoken_and_until_when_the_certificate_is_valid_is_told_and_after_it_was_renewed() {
    let place = ensemble("status-tls", 1);
    let files = Files::new(place.1.with_extension("tls"));
    files.renew(2090);
    let options = files.options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let mut told = Told::start(1, &place, &options);
    leading(&mut told.node);
    let data = place.1.join("1");
    let data = data.to_str().unwrap();
    let expected = json!({ "stage": "required", "certificate_until": "2090-01-01T00:00:00Z" });
    let report: Value = serde_json::from_str(&told.get("/status").body).unwrap();
    assert_eq!(report["tls"], expected);
    let report = run(&["status", "--json", "--data-dir", data]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["tls"], expected);
    for (stage, is) in [("taken", 0.0), ("spoken", 0.0), ("required", 1.0)] {
        let series = format!("ballotbox_tls_stage{{stage=\"{stage}\"}}");
        assert_eq!(told.metric(&series), Some(is), "{series}");
    }
    assert_eq!(told.metric(EXPIRY), Some(3_786_912_000.0));
    let row = " tls       required; the certificate is valid until 2090-01-01T00:00:00Z\n";
    let table = run(&["status", "--data-dir", data]);
    assert!(text(&table.stdout).contains(row), "{}", text(&table.stdout));

    files.renew(2091);
    let uses = "new connections use the certificate ";
    told.node.until(|event| event["text"].as_str().is_some_and(|text| text.starts_with(uses)));
    assert_eq!(told.metric(EXPIRY), Some(3_818_448_000.0));
}

#[test]
fn without_tls_there_is_no_end_of_a_certificate() {
    let told = Told::start(1, &ensemble("status-no-tls", 1), &[]);
    assert_eq!(told.metric(EXPIRY), None);
    assert!(!told.get("/metrics").body.contains("tls"), "{}", told.get("/metrics").body);
    let report: Value = serde_json::from_str(&told.get("/status").body).unwrap();
    assert_eq!(report["tls"], Value::Null);
}
