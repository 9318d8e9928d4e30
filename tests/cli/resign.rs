//! `ballotbox resign`, well and badly used.

use std::{path::Path, process::Output};

use serde_json::{Value, json};

use super::{
    Node, file,
    leaders::{ensemble, following, leading, next_leader, start},
    run, text,
};

fn resign(data: &Path, more: &[&str]) -> Output {
    run(&[&["resign", "--data-dir", data.to_str().unwrap()], more].concat())
}

fn report(output: &Output) -> Value {
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Three nodes of which 3 leads, in an epoch that all know, and where their data is.
fn led(name: &str) -> (Vec<Node>, std::path::PathBuf, i64) {
    let place = ensemble(name, 3);
    let mut nodes: Vec<_> = (1..=3).map(|id| start(id, &place)).collect();
    let epoch = leading(&mut nodes[2]);
    for node in &mut nodes[..2] {
        assert_eq!(following(node, 3), epoch);
    }
    (nodes, place.1, epoch)
}

/// Asks until the one named can come next: it has to have answered a ping of this leader.
fn hands_over(data: &Path, more: &[&str]) -> Value {
    loop {
        let output = resign(data, &[more, &["--json"]].concat());
        let answer = report(&output);
        // Its first answer to a ping may be on its way.
        let too_early = ["has not answered the last pings", "does not follow"];
        let reason = answer["reason"].as_str().unwrap_or_default();
        if !too_early.iter().any(|early| reason.contains(early)) {
            assert_eq!(output.status.code(), Some(i32::from(answer["resigned"] == false)));
            return answer;
        }
    }
}

#[test]
fn a_leader_hands_over_to_the_one_named_and_back_to_whoever_can() {
    let (mut nodes, data, epoch) = led("resign-to");
    let answer = hands_over(&data.join("3"), &["--to", "1"]);
    assert_eq!(answer["resigned"], true, "{answer}");
    let next = epoch + 1;
    let leader = json!({ "id": 1, "token": next, "epoch": next, "incarnation": 1 });
    assert_eq!(answer["leader"], leader);
    assert_eq!((&answer["epoch"], &answer["reason"]), (&json!(epoch), &Value::Null));
    let lost = nodes[2].until(|event| event["event"] == "lost");
    assert_eq!((&lost["epoch"], &lost["cause"]), (&json!(epoch), &json!("resigned")));
    assert_eq!(following(&mut nodes[2], 1), next);
    assert_eq!(leading(&mut nodes[0]), next);
    // 3 has resigned a moment ago, so it is not chosen, and may not be.
    let output = loop {
        let output = resign(&data.join("1"), &["--to", "3"]);
        assert_eq!(output.status.code(), Some(1));
        // Its first answer to the new leader may be on its way.
        if !text(&output.stdout).contains("3 has not answered the last pings") {
            break output;
        }
    };
    let said = text(&output.stdout);
    assert!(said.starts_with("not handed over: 3 does not stand for election now"), "{said}");
    let output = resign(&data.join("1"), &[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with(&format!("2 leads in epoch {}, after ", next + 1)), "{said}");
    assert!(output.stderr.is_empty());
}

#[test]
fn who_cannot_resign_says_why_and_goes_on() {
    let (mut nodes, data, epoch) = led("resign-not");
    let refused = |id: &str, more: &[&str], why: &str| {
        let answer = report(&resign(&data.join(id), &[more, &["--json"]].concat()));
        assert_eq!(answer["resigned"], false);
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains(why), "{reason}");
        let output = resign(&data.join(id), more);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stdout).contains(why), "{}", text(&output.stdout));
    };
    refused("1", &[], "this node does not lead: 3 does, in epoch");
    refused("3", &["--to", "3"], "3 is this node");
    refused("3", &["--to", "7"], "7 is no member");
    drop(nodes.remove(0));
    nodes[1].until(|event| event["event"] == "link" && event["up"] == false);
    refused("3", &["--to", "1"], "1 does not follow this node now");
    let status = run(&["status", "--data-dir", data.join("3").to_str().unwrap(), "--json"]);
    assert_eq!(report(&status)["leader"]["epoch"], epoch);
}

#[test]
fn where_nobody_else_can_lead_the_same_one_leads_again_and_that_is_no_hand_over() {
    let place = ensemble("resign-alone", 1);
    let mut node = start(1, &place);
    let epoch = leading(&mut node);
    let output = resign(&place.1.join("1"), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = report(&output);
    assert!(answer["reason"].as_str().unwrap().contains("1 leads again"), "{answer}");
    assert_eq!(answer["leader"]["epoch"], epoch + 1);
}

#[test]
fn a_node_that_is_stopped_in_good_order_hands_over() {
    let (mut nodes, _, epoch) = led("resign-stop");
    assert_eq!(nodes.pop().unwrap().end("-TERM"), Some(0));
    let (_, next) = next_leader(&mut nodes, epoch);
    assert_eq!(next, epoch + 1);
}

#[test]
fn what_makes_no_sense_is_refused_and_who_does_not_run_cannot_be_asked() {
    let nowhere = file("resign-nowhere", "").with_extension("none");
    for (args, code, why) in [
        (vec!["resign"], 2, "--data-dir"),
        (vec!["resign", "--data-dir", ".", "--to", "x"], 2, "x"),
        (vec!["resign", "--data-dir", ".", "--within", "2h"], 2, "expected at most 1h"),
        (vec!["resign", "--data-dir", ".", "--within", "0s"], 2, "is no time"),
        (vec!["resign", "--data-dir", nowhere.to_str().unwrap()], 3, "there is no directory"),
    ] {
        let output = run(&args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(why), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
