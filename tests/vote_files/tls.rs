//! `tls` of vote files.

use std::path::{Path, PathBuf};

use ballotbox::{
    scenario::vote_file::{NoTlsFiles, TlsFiles},
    tls::{KeyFiles, Naming, TlsSettings, TlsStage},
};

use super::{id, read, refused_with};

const FILE: &str = r#"{
  "tls": { "cert": "tls/cert.pem", "key": "tls/key.pem", "ca": "/etc/ca.pem", "stage": "spoken" },
  "members": [
    { "id": 1, "tls": { "name": "ZK1.example.com" } },
    { "id": 2, "tls": { "cert": "two.pem", "key": "two.pem", "strict": true, "stage": "required" } },
    { "id": 3 }
  ]
}"#;

fn pem(settings: &TlsSettings) -> [PathBuf; 3] {
    let KeyFiles::Pem { certificates, key, .. } = &settings.own else { panic!("{settings:?}") };
    [certificates.clone(), key.clone(), settings.trust.path.clone()]
}

#[test]
fn a_member_has_what_is_said_for_all_except_for_what_is_said_for_it() {
    let file = read(FILE);
    let settings = |number| file.tls_settings(id(number), Path::new("dir/votes.json"), None);
    let one = settings(1).unwrap().unwrap();
    assert_eq!(
        pem(&one),
        ["dir/tls/cert.pem", "dir/tls/key.pem", "/etc/ca.pem"].map(PathBuf::from)
    );
    assert_eq!((one.stage, one.naming), (TlsStage::Spoken, Naming::Named));
    let two = settings(2).unwrap().unwrap();
    assert_eq!(pem(&two), ["dir/two.pem", "dir/two.pem", "/etc/ca.pem"].map(PathBuf::from));
    assert_eq!((two.stage, two.naming), (TlsStage::Required, Naming::Strict));
    assert_eq!(settings(3), settings(1));
    let names: Vec<_> = file.tls_names().map(|(id, name)| (id, name.to_string())).collect();
    assert_eq!(names, [(id(1), "zk1.example.com".to_owned())]);
    assert_eq!(read(&file.to_json()), file, "{}", file.to_json());
}

#[test]
fn a_file_without_tls_asks_for_plain_text_unless_files_are_given() {
    let file = read(r#"{"members":[{"id":1}]}"#);
    assert_eq!(file.tls_settings(id(1), Path::new("votes.json"), None), Ok(None));
    let given = TlsFiles { cert: "c".into(), key: "k".into(), ca: "a".into() };
    let settings = file.tls_settings(id(1), Path::new("dir/votes.json"), Some(given.clone()));
    assert_eq!(settings, Ok(Some(TlsSettings::from_pem("c", "k", "a"))));
    let settings = read(FILE).tls_settings(id(2), Path::new("dir/votes.json"), Some(given));
    let settings = settings.unwrap().unwrap();
    assert_eq!(pem(&settings), ["c", "k", "a"].map(PathBuf::from));
    assert_eq!(settings.naming, Naming::Strict);
}

#[test]
fn tls_without_files_is_never_plain_text() {
    for text in [
        r#"{"tls":{},"members":[{"id":1}]}"#,
        r#"{"tls":{"stage":"taken"},"members":[{"id":1}]}"#,
        r#"{"members":[{"id":1,"tls":{"name":"zk1"}},{"id":2}]}"#,
    ] {
        let file = read(text);
        let settings = file.tls_settings(id(1), Path::new("votes.json"), None);
        assert_eq!(settings, Err(NoTlsFiles { id: id(1) }), "{text}");
        assert_eq!(read(&file.to_json()), file);
    }
}

#[test]
fn what_makes_no_whole_is_refused() {
    let all = |tls: &str| format!(r#"{{"tls":{tls},"members":[{{"id":1}}]}}"#);
    let one = |tls: &str| format!(r#"{{"members":[{{"id":1,"tls":{tls}}},{{"id":2}}]}}"#);
    refused_with(&all(r#"{"cert":"c","key":"k"}"#), &[", tls: member 1 has cert and no ca:"]);
    refused_with(&one(r#"{"ca":"a"}"#), &["members[0].tls: member 1 has ca and no cert: expected"]);
    refused_with(&all(r#"{"cert":""}"#), &["tls.cert: expected the path of a PEM file"]);
    refused_with(&one(r#"{"key":"a\u0000"}"#), &["members[0].tls.key: expected the path"]);
    refused_with(&all(r#"{"stage":"on"}"#), &["tls.stage", "taken", "spoken", "required"]);
    refused_with(&all(r#"{"name":"zk1"}"#), &["tls.name", "unknown field"]);
    refused_with(&all(r#"{"strict":"yes"}"#), &["tls.strict", "boolean"]);
    refused_with(&all("[]"), &["tls", "an object"]);
    refused_with(&one(r#"{"name":"zk1:3888"}"#), &["members[0].tls.name: `zk1:3888` is no name"]);
    refused_with(
        r#"{"members":[{"id":1,"tls":{"name":"zk"}},{"id":2,"tls":{"name":"ZK"}}]}"#,
        &["members[1].tls.name: zk is also the name of 1"],
    );
}
