//! Nodes that lead with a lease, as processes with data directories.
//!
//! How long something takes is read from what the nodes say, with the clock of this machine, and judged only where the rule of leases
//! gives a bound that no delay of a busy machine can break: nobody leads *before* a promise is over.

use std::{fs, path::Path, time::Duration};

use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

use super::{
    Node,
    leaders::{ensemble, following, leading, start_with},
    patience::code_of,
    run, text,
};

/// With the default pings the shortest is 950 ms.
const LEASE: [&str; 2] = ["--lease", "1500ms"];

fn start(id: u64, place: &(std::path::PathBuf, std::path::PathBuf)) -> Node {
    start_with(id, (&place.0, &place.1), &LEASE)
}

/// Three nodes, of which 3 leads.
fn led(name: &str) -> ((std::path::PathBuf, std::path::PathBuf), [Node; 3]) {
    let place = ensemble(name, 3);
    let mut nodes = [1, 2, 3].map(|id| start(id, &place));
    let leader = nodes[2].until(|event| event["event"] == "leading");
    assert_eq!(leader["lease_ms"], 1500);
    for node in &mut nodes[..2] {
        following(node, 3);
    }
    (place, nodes)
}

fn status(data: &Path) -> Value {
    let output = run(&["status", "--data-dir", data.to_str().unwrap(), "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_killed_leader_is_followed_when_the_promises_to_it_are_over_and_a_stopped_one_at_once() {
    let (place, [mut first, mut second, third]) = led("lease-dies");
    let asked = clock::now();
    let [bound, leader] = [1, 3].map(|id: u64| status(&place.1.join(id.to_string())));
    assert_eq!((&bound["promise"]["to"], &bound["promise"]["epoch"]), (&json!(3), &json!(1)));
    // It may be bound for longer by then, and never for less.
    let bound_for = Duration::from_millis(bound["promise"]["remaining_ms"].as_u64().unwrap());
    assert_eq!(bound["lease"]["remaining_ms"], Value::Null);
    assert_eq!(leader["lease"]["blocking"], true);
    let left = leader["lease"]["remaining_ms"].as_u64().unwrap();
    assert!(left <= 1500, "{left}");
    drop(third);
    let waits = second
        .until(|event| event["text"].as_str().is_some_and(|text| text.contains("bound to 3")));
    assert_eq!(waits["event"], "warning");
    leading(&mut second);
    assert!(asked.elapsed() >= bound_for, "{bound}");
    following(&mut first, 2);

    let mut third = start(3, &place);
    following(&mut third, 2);
    assert_eq!(second.end("-TERM"), Some(0));
    // It names one of the two, which leads at once.
    for node in [&mut first, &mut third] {
        let lost = node.until(|event| event["event"] == "lost");
        assert_eq!(lost["cause"], "leader-lost");
        let next = node.until(|event| {
            let waits = event["text"].as_str().is_some_and(|text| text.contains("bound to"));
            assert!(!waits, "an orderly end frees everybody: {event}");
            event["event"] == "leading" || event["event"] == "following"
        });
        assert_eq!(next["epoch"], 3);
    }
}

#[test]
fn a_leader_that_was_killed_and_started_at_once_frees_those_who_are_bound_to_it() {
    let (place, [mut first, second, third]) = led("lease-restarts");
    // Nobody leads without 3.
    drop(second);
    drop(third);
    first.until(|event| event["event"] == "lost");
    let mut third = start(3, &place);
    assert_eq!(leading(&mut third), 2);
    assert_eq!(following(&mut first, 3), 2);
    let promise = &status(&place.1.join("1"))["promise"];
    assert_eq!((&promise["to"], &promise["epoch"]), (&json!(3), &json!(2)));
}

#[test]
fn after_a_restart_of_the_machine_a_member_is_bound_for_the_longest_promise_and_says_so() {
    let place = ensemble("lease-reboots", 1);
    let mut node = start(1, &place);
    leading(&mut node);
    drop(node);
    let data = place.1.join("1");
    // What another boot has left behind, or a crash of the machine: no promise of this boot.
    for content in [&b""[..], &[0; 72], b"torn"] {
        fs::write(data.join("promise"), content).unwrap();
        let mut node = start(1, &place);
        let says = node.until(|event| event["event"] == "warning");
        assert!(says["text"].as_str().unwrap().contains("is not known any more"), "{says}");
        let leads = node.until(|event| event["event"] == "leading");
        // It was bound when it had started.
        assert!(leads["at_ms"].as_f64().unwrap() > 1500.0, "{leads}");
    }
    // Killed on this boot, it leads at once: nothing of its former life goes on.
    let mut node = start(1, &place);
    let says = node.until(|event| event["event"] == "warning" || event["event"] == "leading");
    assert_eq!(says["event"], "leading");
}

#[test]
fn a_lock_of_work_that_is_removed_ends_the_node_before_anything_more_is_promised() {
    let place = ensemble("lease-work", 1);
    let mut node = start(1, &place);
    leading(&mut node);
    fs::remove_file(place.1.join("1/work.lock")).unwrap();
    let lost = node.until(|event| event["event"] == "lost");
    assert_eq!(lost["epoch"], 1);
    node.until(|event| event["text"].as_str().is_some_and(|text| text.contains("work.lock")));
    assert_eq!(code_of(&mut node.child, "the node"), Some(3));
}

#[test]
fn a_lease_that_cannot_be_meant_is_refused_with_what_was_expected() {
    let place = ensemble("lease-wrong", 1);
    let votes = place.0.to_str().unwrap();
    for (lease, told) in [
        ("2", "`2` is no lease: expected a time, as in 2s or 1500ms, or `off`"),
        ("1.5s", "is no lease"),
        ("500ms", "expected at least 950ms"),
        ("61s", "expected at most 60s"),
    ] {
        let output = run(&["node", "--id", "1", "--votes", votes, "--lease", lease]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{lease}: {said}");
        assert!(said.contains(told), "{lease}: {said}");
    }
    let members = json!([
        { "id": 1, "election": "127.0.0.1:1" },
        { "id": 2, "election": "127.0.0.1:2", "role": "observer" }
    ]);
    let alone = json!({ "members": members, "leadership": false }).to_string();
    let observer = json!({ "members": members }).to_string();
    for (content, id, told) in [
        (alone, "1", "\"leadership\": false"),
        (observer, "2", "2 is an observer, or its vote weighs nothing"),
    ] {
        let votes = super::file("lease-meaningless.json", &content);
        let votes = votes.to_str().unwrap();
        let output = run(&["node", "--id", id, "--votes", votes, "--no-data-dir", "--lease", "2s"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(told), "{said}");
    }
    let wrong = json!({ "members": members, "timing": { "lease_ms": 900 } }).to_string();
    let wrong = super::file("lease-wrong-file.json", &wrong);
    let output = run(&["check", wrong.to_str().unwrap()]);
    let said = [text(&output.stdout), text(&output.stderr)].concat();
    assert!(said.contains("timing.lease_ms: a lease of 900ms is too short"), "{said}");
}

#[test]
fn a_lease_of_the_file_can_be_turned_off_and_one_that_never_leads_needs_none() {
    let place = ensemble("lease-off", 1);
    let mut votes: Value = serde_json::from_slice(&fs::read(&place.0).unwrap()).unwrap();
    votes["timing"] = json!({ "lease_ms": 2000 });
    fs::write(&place.0, votes.to_string()).unwrap();
    let mut node = super::leaders::start(1, &place);
    assert_eq!(node.until(|event| event["event"] == "leading")["lease_ms"], 2000);
    drop(node);
    let mut node = start_with(1, (&place.0, &place.1), &["--lease", "off"]);
    assert_eq!(node.until(|event| event["event"] == "leading")["lease_ms"], 0);
    assert_eq!(status(&place.1.join("1"))["lease"], Value::Null);
}
