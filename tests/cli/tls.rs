//! TLS as it is asked for: by vote files, by a zoo.cfg, by options and the environment.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, process::Output};

use serde_json::Value;

use super::{ballotbox, file, patience::InTime, run, text};

/// A file that `tests/vectors/tls/make.sh` made.
fn vector(name: &str) -> String {
    format!("{}/tests/vectors/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A vote file of one voter with this text for `tls`, if any.
fn votes(name: &str, tls: &str) -> String {
    let path = file(name, &format!(r#"{{{tls}"members":[{{"id":1,"election":"127.0.0.1:1"}}]}}"#));
    path.to_str().unwrap().to_owned()
}

fn node(votes: &str, options: &[&str]) -> Output {
    run(&[&["node", "--id", "1", "--no-data-dir", "--votes", votes], options].concat())
}

/// The whole of stderr of a node that does not even start.
fn refused(output: &Output) -> &str {
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(output.stdout.is_empty() && told.lines().count() == 1, "{told}");
    told
}

#[test]
fn three_files_are_named_or_none() {
    let votes = votes("tls-options.json", "");
    let told = node(&votes, &["--tls-cert", "c.pem"]);
    let told = refused(&told);
    assert!(told.contains("--tls-key and --tls-ca missing: expected --tls-cert, --tls-key and"));
    let mut command = ballotbox(&["node", "--id", "1", "--no-data-dir", "--votes", &votes]);
    command.env("BALLOTBOX_NODE_TLS_KEY", "k.pem").env("BALLOTBOX_NODE_TLS_CA", "a.pem");
    assert!(refused(&command.output_in_time()).contains("--tls-cert missing: "));
}

#[test]
fn files_that_cannot_be_used_are_told_before_the_node_starts() {
    let plain = votes("tls-plain.json", "");
    let with = |certificate: &str, key: &str| {
        let files = [vector(certificate), vector(key), vector("root.pem")];
        let [certificate, key, ca] = &files;
        let told = node(&plain, &["--tls-cert", certificate, "--tls-key", key, "--tls-ca", ca]);
        refused(&told).to_owned()
    };
    assert!(with("member.pem", "aes.key").contains("aes.key: the key in it is encrypted, and"));
    assert!(
        with("root.pem", "open.key").contains("root.pem: the first certificate in it has another")
    );
    let tls = r#""tls":{"cert":"no/cert.pem","key":"no/key.pem","ca":"no/ca.pem"},"#;
    let told = node(&votes("tls-missing.json", tls), &[]);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no/cert.pem");
    assert!(refused(&told).contains(&format!("{}: there is no such file", path.display())));
}

#[test]
fn a_vote_file_that_asks_for_tls_without_files_is_never_played_in_plain_text() {
    let told = node(&votes("tls-no-files.json", r#""tls":{},"#), &[]);
    assert!(refused(&told).contains("it asks for TLS, and names no files for member 1: expected"));
}

/// A zoo.cfg of three servers, of which this is the first, with these lines more.
fn zoo_cfg(name: &str, lines: &str) -> String {
    let servers = "server.1=zk1:2888:3888\nserver.2=zk2:2888:3888\nserver.3=zk3:2888:3888\n";
    let head = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/nowhere\n";
    let path = file(name, &format!("{head}{servers}{lines}"));
    path.to_str().unwrap().to_owned()
}

#[test]
fn check_tells_what_a_zoo_cfg_asks_for_and_what_is_wrong_with_its_files() {
    let stores = |store: &str, password: &str| {
        format!(
            "sslQuorum=true\nportUnification=true\nssl.quorum.keyStore.location={}\nssl.quorum.keyStore.password={password}\n\
             ssl.quorum.trustStore.location={}\n",
            vector(store),
            vector("root.pem")
        )
    };
    let good = zoo_cfg("tls-good.cfg", &stores("member.p12", "changeit"));
    let told = run(&["check", &good]);
    let out = text(&told.stdout);
    assert_eq!(told.status.code(), Some(0), "{out}");
    for expected in ["spoken; plain text is taken as well", "member.p12", "1.2, 1.3"] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    let told = run(&["check", "--json", &good]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let settings = &told["files"][0]["settings"];
    assert_eq!(settings["TLS client certificate"], "required");
    assert!(!told.to_string().contains("changeit"));

    let wrong = zoo_cfg("tls-wrong.cfg", &stores("member.p12", "open sesame"));
    let told = run(&["check", "--strict", &wrong]);
    assert_eq!(told.status.code(), Some(1));
    let out = text(&told.stdout);
    assert!(out.contains("member.p12: the password does not open it"), "{out}");
    assert!(!out.contains("sesame"), "{out}");
    let java = zoo_cfg("tls-java.cfg", &stores("member.jks", "changeit"));
    let told = run(&["check", &java]);
    assert!(text(&told.stdout).contains("`keytool -importkeystore -srckeystore "), "{told:?}");
    let told = run(&["node", "--config", &java, "--id", "1"]);
    assert!(refused(&told).contains("`keytool -importkeystore -srckeystore "));
}

#[test]
fn options_are_no_tls_where_the_zoo_cfg_has_none() {
    let plain = zoo_cfg("tls-plain.cfg", "");
    let options = ["--tls-cert", "c", "--tls-key", "k", "--tls-ca", "a"];
    let told = run(&[&["node", "--config", &plain, "--id", "1"], &options[..]].concat());
    assert!(refused(&told).contains("by the zoo.cfg the servers speak plain text"));
}

#[test]
fn check_tells_what_a_vote_file_asks_of_each_member() {
    let path = file(
        "tls-check.json",
        r#"{"tls":{"ca":"ca.pem","cert":"cert.pem","key":"key.pem","stage":"taken"},
            "members":[{"id":1,"tls":{"name":"zk1.example.com","strict":true}},{"id":2}]}"#,
    );
    let told = run(&["check", path.to_str().unwrap()]);
    let out = text(&told.stdout);
    assert_eq!(told.status.code(), Some(0), "{out}");
    for expected in ["taken", "cert.pem", "zk1.example.com, no other", "of its address"] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
}

#[test]
fn check_reads_the_files_of_each_member_of_a_vote_file() {
    let [cert, key, ca] = ["member.pem", "open.key", "root.pem"].map(vector);
    // A key that others can read would be another warning, and git does not keep that they cannot.
    let key = file("tls-check-files.key", &std::fs::read_to_string(key).unwrap());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let key = key.display();
    let path = file(
        "tls-check-files.json",
        &format!(
            r#"{{"tls":{{"ca":"{ca}","cert":"{cert}","key":"{key}"}},
                "members":[{{"id":1,"tls":{{"name":"zk1"}}}},{{"id":2,"election":"zk2:3888"}},
                           {{"id":3,"tls":{{"cert":"no/cert.pem"}}}}]}}"#
        ),
    );
    let told = run(&["check", "--strict", path.to_str().unwrap()]);
    let out = text(&told.stdout);
    assert_eq!(told.status.code(), Some(1), "{out}");
    for expected in [
        "the other members will not believe member 2: its certificate is for zk1 (that is member 1), and not for member 2",
        "no/cert.pem: there is no such file",
    ] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    assert!(!out.contains("believe member 1"), "{out}");
    let told = run(&["check", "--json", path.to_str().unwrap()]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let told = &told["files"][0];
    let findings = told["findings"].as_array().unwrap();
    assert!(findings.len() == 2 && findings.iter().all(|found| found["severity"] == "warning"));
    let of = |member: usize| &told["members"][member]["tls"];
    assert_eq!((&of(0)["stage"], &of(0)["name"]), (&"required".into(), &"zk1".into()));
    assert_eq!(of(0)["until"], "2126-11-05T11:52:37.000Z");
    assert_eq!((&of(2)["cert"], &of(2)["until"]), (&"no/cert.pem".into(), &Value::Null));
}

#[test]
fn check_doubts_the_name_in_the_certificate_of_a_zoo_cfg_whose_member_is_known() {
    let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tls-named");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("myid"), "2\n").unwrap();
    let stores = format!(
        "dataDir={}\nsslQuorum=true\nssl.quorum.keyStore.location={}\nssl.quorum.keyStore.password=changeit\n\
         ssl.quorum.trustStore.location={}\n",
        data.display(),
        vector("member.p12"),
        vector("root.pem")
    );
    let told = run(&["check", &zoo_cfg("tls-named.cfg", &stores)]);
    let out = text(&told.stdout);
    assert!(out.contains("the other members will not believe member 2: "), "{out}");
}

#[test]
fn a_probe_takes_three_files_or_none_and_refuses_them_where_plain_text_is_spoken() {
    let told = run(&["probe", "127.0.0.1:1", "--tls-cert", "c"]);
    assert!(refused(&told).contains("--tls-key and --tls-ca missing: expected --tls-cert"));
    let options = ["--tls-cert", "c", "--tls-key", "k", "--tls-ca", "a"];
    let told = run(&[&["probe", "127.0.0.1:1"], &options[..]].concat());
    assert!(refused(&told).contains("c: there is no such file"));
    let plain = zoo_cfg("tls-probe.cfg", "");
    let told = run(&[&["probe", "--config", &plain], &options[..]].concat());
    assert!(refused(&told).contains("by the zoo.cfg the servers speak plain text"));
}
