//! `ballotbox status URL` and `ballotbox resign URL`: the same by the status port of a node as in its directory.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use ballotbox::http::STREAMS_MAX;
use serde_json::Value;

use super::{
    Node, PATIENCE, file,
    leaders::{ensemble, following, leading, start_with},
    run, text,
};

/// A node, and where it tells how it is.
pub(super) fn told(id: u64, place: &(PathBuf, PathBuf)) -> (Node, String) {
    let mut node = start_with(id, (&place.0, &place.1), &["--status", "127.0.0.1:0"]);
    let listening = node.until(|event| event["event"] == "listening");
    let url = format!("http://{}", listening["status"].as_str().unwrap());
    (node, url)
}

fn report(args: &[&str]) -> Value {
    let output = run(args);
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_status_port_tells_the_same_status_as_the_control_socket() {
    let place = ensemble("status-url", 1);
    let (mut node, url) = told(1, &place);
    leading(&mut node);
    let data = place.1.join("1");
    let mut here = report(&["status", "--data-dir", data.to_str().unwrap(), "--json"]);
    let mut there = report(&["status", &url, "--json"]);
    for report in [&mut here, &mut there] {
        assert_eq!((&report["id"], &report["leading"]), (&Value::from(1), &Value::from(true)));
        // The second answer may come after another write.
        for passing in ["since_ms", "seq"] {
            report[passing] = Value::Null;
        }
        report["disk"]["last_write_ms"] = Value::Null;
    }
    assert_eq!(here, there);
    let output = run(&["status", &url]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("leading in epoch 1"), "{}", text(&output.stdout));
}

#[test]
fn a_leader_hands_over_by_url_and_who_does_not_lead_says_so() {
    let place = ensemble("resign-url", 2);
    let (mut first, follower) = told(1, &place);
    let (mut second, leader) = told(2, &place);
    let epoch = leading(&mut second);
    following(&mut first, 2);
    let output = run(&["resign", &follower]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("not handed over: this node does not lead: 2 does"), "{said}");
    let answer = loop {
        let output = run(&["resign", &leader, "--to", "1", "--json"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(answer["resigned"] == false)), "{answer}");
        // Its first answer to a ping may be on its way.
        if !answer["reason"].as_str().unwrap_or_default().contains("has not answered") {
            break answer;
        }
    };
    assert_eq!((&answer["resigned"], &answer["epoch"]), (&Value::from(true), &Value::from(epoch)));
    assert_eq!(answer["leader"]["id"], 1);
    assert_eq!(leading(&mut first), epoch + 1);
}

#[test]
fn what_becomes_of_an_order_is_known_also_where_others_have_all_streams_of_events() {
    let place = ensemble("resign-url-full", 1);
    let (mut node, url) = told(1, &place);
    leading(&mut node);
    let port = url.strip_prefix("http://").unwrap();
    let readers = (0..STREAMS_MAX + 4).map(|_| {
        let mut reader = TcpStream::connect(port).unwrap();
        reader.set_read_timeout(Some(PATIENCE)).unwrap();
        reader.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        // It has been answered, with a stream or without.
        reader.read_exact(&mut [0]).unwrap();
        reader
    });
    let _readers: Vec<_> = readers.collect();
    let output = run(&["status", "--watch", &url]);
    assert!(text(&output.stderr).contains("503"), "{}", text(&output.stderr));
    let output = run(&["resign", &url, "--within", "30s"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(said.contains("1 leads again"), "{said}");
}

#[test]
fn where_the_same_one_leads_again_it_is_no_hand_over() {
    let place = ensemble("alone-url", 1);
    let (mut node, url) = told(1, &place);
    let epoch = leading(&mut node);
    let output = run(&["resign", &url, "--within", "30s", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["reason"].as_str().unwrap().contains("1 leads again"), "{answer}");
    assert_eq!(answer["leader"]["epoch"], epoch + 1);
}

#[test]
fn a_token_that_others_can_read_is_told_before_it_is_used() {
    let token = file("exposed-at-resign.token", "correct-horse-battery\n");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}");
    for (mode, is_told) in [(0o644, true), (0o600, false)] {
        fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
        let output = run(&["resign", &nobody, "--admin-token-file", token.to_str().unwrap()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert_eq!(said.contains("exposed-at-resign.token, and so give orders"), is_told, "{said}");
    }
}

#[test]
fn what_cannot_be_done_by_url_is_said_in_one_line() {
    let token = file("wrong-place.token", "correct-horse-battery\n");
    let token = token.to_str().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}");
    for (args, code, part) in [
        (vec!["status"], 2, "--data-dir"),
        (vec!["resign"], 2, "--data-dir"),
        (vec!["status", "127.0.0.1:8080"], 2, "as in http://127.0.0.1:8080"),
        (vec!["resign", "ftp://127.0.0.1:8080"], 2, "as in http://127.0.0.1:8080"),
        (vec!["resign", "https://127.0.0.1:8080"], 2, "needs --tls-ca"),
        (vec!["status", &nobody, "--data-dir", "."], 2, "cannot be used with"),
        (vec!["resign", "--data-dir", ".", "--admin-token-file", token], 2, "cannot be used with"),
        (vec!["resign", &nobody, "--admin-token-file", "/no/token"], 2, "cannot read /no/token"),
        (vec!["status", &nobody], 3, "no node answers at http://127.0.0.1:"),
        (vec!["status", "--watch", &nobody], 3, "no node answers at http://127.0.0.1:"),
        (vec!["resign", &nobody], 3, "no node answers at http://127.0.0.1:"),
    ] {
        let output = run(&args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
