//! A status port over TLS, and those who ask there.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, TcpStream},
    path::PathBuf,
    process::Output,
};

use rcgen::SanType;
use serde_json::Value;

use super::{
    Node, PATIENCE,
    leaders::{ensemble, leading, start_with},
    run,
    status_tls::Files,
    text,
};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A node that leads alone, with a certificate for these names, and where it tells over TLS how it is.
struct Secured {
    node: Node,
    files: Files,
    place: (PathBuf, PathBuf),
    url: String,
}

impl Secured {
    fn start(name: &str, names: Vec<SanType>) -> Self {
        let place = ensemble(name, 1);
        let files = Files::new(place.1.with_extension("tls"));
        files.issue(2090, names);
        let options = files.options();
        let mut options: Vec<_> = options.iter().map(String::as_str).collect();
        options.extend(["--status", "https://127.0.0.1:0"]);
        let mut node = start_with(1, (&place.0, &place.1), &options);
        let listening = node.until(|event| event["event"] == "listening");
        let url = listening["status"].as_str().unwrap().to_owned();
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        Self { node, files, place, url }
    }

    fn ask(&self, args: &[&str]) -> Output {
        run(&[args, &[&self.url, "--tls-ca", &self.files.authority()]].concat())
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.trim_start_matches("https://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// What was said to one who got no answer.
fn unanswered(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    text(&output.stderr)
}

#[test]
fn one_who_trusts_the_authority_asks_over_tls_as_in_the_directory_and_gives_orders() {
    let mut secured = Secured::start("https", vec![SanType::IpAddress(LOOPBACK)]);
    leading(&mut secured.node);
    let data = secured.place.1.join("1");
    let here = run(&["status", "--json", "--data-dir", data.to_str().unwrap()]);
    let here: Value = serde_json::from_slice(&here.stdout).unwrap();
    let there = secured.ask(&["status", "--json"]);
    let there: Value = serde_json::from_slice(&there.stdout).unwrap();
    for fact in ["id", "leading", "leader", "tls", "voters"] {
        let of = |report: &Value| report[fact].to_string().replace(char::is_numeric, "");
        assert_eq!(of(&here), of(&there), "{fact}");
    }
    assert_eq!(secured.ask(&["why"]).status.code(), Some(0));
    let resigned = secured.ask(&["resign"]);
    assert_eq!(resigned.status.code(), Some(1), "{resigned:?}");
    let told = text(&resigned.stdout);
    assert!(told.starts_with("not handed over: "), "it was asked, and has nobody else: {told}");
}

#[test]
fn a_node_that_cannot_be_recognised_is_not_believed_and_it_is_said_why() {
    let secured = Secured::start("https-names", vec![SanType::IpAddress(LOOPBACK)]);
    let by_name = secured.url.replace("127.0.0.1", "localhost");
    let other = run(&["status", &by_name, "--tls-ca", &secured.files.authority()]);
    let told = unanswered(&other);
    let why = "its certificate does not name localhost, where it was asked: ";
    assert!(told.contains(why) && told.contains("ballotbox:1, 127.0.0.1"), "{told}");
    let stranger = Files::new(secured.place.1.with_extension("other"));
    let other = run(&["status", &secured.url, "--tls-ca", &stranger.authority()]);
    let told = unanswered(&other);
    assert!(told.contains("there is no TLS with what listens at"), "{told}");

    for (args, expected) in [
        (vec!["status", &secured.url], "needs --tls-ca: expected the authority that has issued"),
        (
            vec!["status", "http://127.0.0.1:1", "--tls-ca", "x.pem"],
            "--tls-ca has no meaning for http://127.0.0.1:1: expected https:// there",
        ),
        (vec!["why", &secured.url, "--tls-ca", "no.pem"], "no.pem: there is no such file"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}

#[test]
fn plain_text_and_tls_are_told_apart_at_either_end() {
    let secured = Secured::start("https-plain", vec![SanType::IpAddress(LOOPBACK)]);
    let plainly = run(&["status", &secured.url.replace("https", "http")]);
    let told = unanswered(&plainly);
    assert!(
        told.contains("answers with code 400: this port speaks TLS: ask at https://"),
        "{told}"
    );

    let place = ensemble("https-to-plain", 1);
    let mut plain = start_with(1, (&place.0, &place.1), &["--status", "http://127.0.0.1:0"]);
    let listening = plain.until(|event| event["event"] == "listening");
    let url = format!("https://{}", listening["status"].as_str().unwrap());
    let told = run(&["status", &url, "--tls-ca", &secured.files.authority()]);
    let told = unanswered(&told);
    assert!(told.contains("what it says is no TLS: it seems to speak plain text only"), "{told}");
}

#[test]
fn those_who_begin_a_handshake_and_go_on_no_more_keep_nobody_out() {
    let mut secured = Secured::start("https-half", vec![SanType::IpAddress(LOOPBACK)]);
    leading(&mut secured.node);
    let half_open: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = secured.connect();
            // One that has made room already may not take it.
            let _ = stream.write_all(&[0x16, 3, 1, 0, 200, 1]);
            stream
        })
        .collect();
    let told = secured.ask(&["status"]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    drop(half_open);
    let mut garbage = secured.connect();
    garbage.write_all(&[0x16, 3, 1, 0, 4, 9, 9, 9, 9]).unwrap();
    let mut answer = Vec::new();
    let end = garbage.read_to_end(&mut answer).map_err(|error| error.kind());
    assert!(matches!(end, Ok(_) | Err(io::ErrorKind::ConnectionReset)), "{end:?}");
    assert!(answer.first().is_none_or(|first| *first == 0x15), "an alert, if anything: {answer:?}");
}

#[test]
fn without_a_certificate_there_is_no_such_port() {
    let place = ensemble("https-no-certificate", 1);
    let (votes, data) = (place.0.to_str().unwrap(), place.1.to_str().unwrap());
    let node = ["node", "--id", "1", "--votes", votes, "--data-dir", data];
    let told = run(&[&node[..], &["--status", "https://127.0.0.1:0"]].concat());
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    let told = text(&told.stderr);
    assert!(
        told.contains("--status https://127.0.0.1:0 needs a certificate of this member"),
        "{told}"
    );
}
