//! What README says about changing members, moving one, and beginning a new ensemble, done with processes.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};

use super::{
    Node, ballotbox,
    leaders::{ensemble, following, leading, start, start_with},
    patience::Lines,
};

/// All are stopped in good order, one after the other.
fn stop_all(nodes: impl IntoIterator<Item = Node>) {
    for node in nodes {
        assert_eq!(node.end("-TERM"), Some(0));
    }
}

/// Waits until the node that runs in this directory says that it is recorded.
fn recorded(directory: &Path) {
    let mut watch = ballotbox(&["status", "--watch", "--json", "--data-dir"])
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Lines::of(watch.stdout.take().unwrap());
    let is_recorded = lines.any(|line| {
        let status: Value = serde_json::from_str(&line).unwrap();
        status["recorded"] == true
    });
    let _ = watch.kill();
    let _ = watch.wait();
    assert!(is_recorded);
}

/// What stands behind this word in the identity of a directory.
fn identity(directory: &Path, word: &str) -> String {
    let text = fs::read_to_string(directory.join("identity")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("{word}: {text}")).trim().to_owned()
}

fn members(votes: &Path) -> Value {
    serde_json::from_slice(&fs::read(votes).unwrap()).unwrap()
}

#[test]
fn a_fourth_voter_comes_and_counts_once_the_others_have_recorded_it() {
    let place = ensemble("grows", 4);
    let four = members(&place.0);
    let mut three = four.clone();
    three["members"].as_array_mut().unwrap().pop();
    fs::write(&place.0, three.to_string()).unwrap();
    let mut nodes = [1, 2, 3].map(|id| start(id, &place));
    let epoch = leading(&mut nodes[2]);
    for node in &mut nodes[..2] {
        assert_eq!(following(node, 3), epoch);
    }
    stop_all(nodes);

    fs::write(&place.0, four.to_string()).unwrap();
    let [mut first, mut second, mut third, mut fourth] = [1, 2, 3, 4].map(|id| start(id, &place));
    let next = leading(&mut third);
    assert!(next > epoch);
    for node in [&mut first, &mut second, &mut fourth] {
        assert_eq!(following(node, 3), next);
    }
    recorded(&place.1.join("4"));
    // Three of the four are needed now, so its word counts. 3 may be elected again before the others have noticed that it was gone.
    drop((first, third));
    let mut third = start(3, &place);
    let is_new = |event: &Value| event["epoch"].as_i64().is_some_and(|epoch| epoch > next);
    let follows = second.until(|event| event["event"] == "following" && is_new(event));
    for (id, node) in [(3, &mut third), (4, &mut fourth)] {
        let part = if follows["leader"] == id { "leading" } else { "following" };
        node.until(|event| event["event"] == part && event["epoch"] == follows["epoch"]);
    }
}

#[test]
fn a_member_moves_with_its_directory_and_counts_at_once() {
    let place = ensemble("moves", 3);
    let mut nodes = [1, 2, 3].map(|id| start(id, &place));
    let epoch = leading(&mut nodes[2]);
    for node in &mut nodes[..2] {
        assert_eq!(following(node, 3), epoch);
    }
    stop_all(nodes);

    let (old, new) = (place.1.join("1"), place.1.with_extension("moved"));
    let _ = fs::remove_dir_all(&new);
    let directory = identity(&old, "directory");
    fs::create_dir_all(&new).unwrap();
    fs::rename(&old, new.join("1")).unwrap();
    let mut all = members(&place.0);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    all["members"][0]["election"] = json!(port.to_string());
    fs::write(&place.0, all.to_string()).unwrap();

    let mut first = start(1, &(place.0.clone(), new.clone()));
    let (mut second, mut third) = (start(2, &place), start(3, &place));
    let next = leading(&mut third);
    assert!(next > epoch);
    assert_eq!((following(&mut first, 3), following(&mut second, 3)), (next, next));
    assert_eq!(identity(&new.join("1"), "directory"), directory);
    // Without the word of 1 nobody could lead now.
    drop((second, third));
    let mut third = start(3, &place);
    let last = leading(&mut third);
    assert!(last > next);
    assert_eq!(following(&mut first, 3), last);
}

/// Two of three disks are lost for good. The third one belongs to an ensemble that is over.
#[test]
fn a_member_of_an_ensemble_that_was_given_up_is_refused_by_the_new_one_with_the_ids_of_both() {
    let (votes, old) = ensemble("given-up", 3);
    let place = (votes.clone(), old.clone());
    let mut nodes = [1, 2, 3].map(|id| start(id, &place));
    let epoch = leading(&mut nodes[2]);
    for node in &mut nodes[..2] {
        assert_eq!(following(node, 3), epoch);
    }
    stop_all(nodes);
    assert_eq!(identity(&old.join("1"), "confirmed"), "yes");

    let new: PathBuf = old.with_extension("new");
    let _ = fs::remove_dir_all(&new);
    let told = ["--new-ensemble", "--epoch-floor", "100"];
    let [mut first, mut second, mut third] =
        [1, 2, 3].map(|id| start_with(id, (&votes, &new), &told));
    assert_eq!(leading(&mut third), 101);
    assert_eq!((following(&mut first, 3), following(&mut second, 3)), (101, 101));
    assert_eq!(first.end("-TERM"), Some(0));

    let mut first = start(1, &place);
    let (theirs, ours) =
        (identity(&old.join("1"), "ensemble"), identity(&new.join("3"), "ensemble"));
    let text =
        format!("its data directory belongs to ensemble {theirs}, and this is ensemble {ours}");
    let says_so = |event: &Value| {
        assert!(event["event"] != "lost" && event["event"] != "following", "{event}");
        event["text"].as_str().is_some_and(|told| told.contains(&text))
    };
    first.until(says_so);
    third.until(says_so);
    assert_ne!(theirs, ours);
}

#[test]
fn a_leader_warns_when_a_quorum_has_come_without_its_disks_beside_one_that_remembers() {
    let place = ensemble("quorum-wiped", 3);
    let mut nodes = [1, 2, 3].map(|id| start(id, &place));
    let epoch = leading(&mut nodes[2]);
    for node in &mut nodes[..2] {
        assert_eq!(following(node, 3), epoch);
    }
    stop_all(nodes);
    assert_eq!(identity(&place.1.join("3"), "confirmed"), "yes");

    for lost in ["1", "2"] {
        fs::remove_dir_all(place.1.join(lost)).unwrap();
    }
    let [_first, _second, mut third] = [1, 2, 3].map(|id| start(id, &place));
    let next = leading(&mut third);
    assert!(next > epoch);
    let told = format!("epoch {next} is begun by all voters together, as 1, 2 came without memory");
    third.until(|event| event["text"].as_str().is_some_and(|text| text.contains(&told)));
}
