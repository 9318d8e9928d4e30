//! `ballotbox status`, and the control socket of a node, well and badly used.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use super::{
    Node, PATIENCE, ballotbox, file,
    leaders::{ensemble, following, leading, start, start_with},
    patience::{Lines, ended},
    run, text,
};

fn status(data: &Path, more: &[&str]) -> Output {
    run(&[&["status", "--data-dir", data.to_str().unwrap()], more].concat())
}

fn report(data: &Path) -> Value {
    let output = status(data, &["--json"]);
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A node that is its whole ensemble, leads, and has its data in the second.
pub(super) fn alone(name: &str) -> (Node, PathBuf) {
    let place = ensemble(name, 1);
    let mut node = start(1, &place);
    leading(&mut node);
    (node, place.1.join("1"))
}

/// A connection to the control socket, for a test that speaks itself.
struct Caller(BufReader<UnixStream>);

impl Caller {
    fn new(data: &Path) -> Self {
        let stream = UnixStream::connect(data.join("control")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, bytes: &[u8]) {
        // The node may have hung up already.
        let _ = self.0.get_mut().write_all(bytes);
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn has_ended(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn a_leader_and_a_follower_say_who_leads_in_which_epoch() {
    let place = ensemble("status", 2);
    let mut first = start(1, &place);
    first.until(|event| event["event"] == "listening");
    let (one, two) = (place.1.join("1"), place.1.join("2"));
    let looking = status(&one, &["--json"]);
    assert_eq!(looking.status.code(), Some(1), "{}", text(&looking.stderr));
    let looking: Value = serde_json::from_slice(&looking.stdout).unwrap();
    assert_eq!((&looking["state"], &looking["leader"]), (&json!("looking"), &Value::Null));
    let mut second = start(2, &place);
    let epoch = leading(&mut second);
    following(&mut first, 2);

    let mut said = report(&one);
    assert!(said["since_ms"].is_u64() && said["seq"].is_u64(), "{said}");
    for time in ["since_ms", "seq"] {
        said[time] = json!(0);
    }
    // How long the disk took, and how busy this machine was.
    assert!(said["disk"]["last_write_ms"].take().is_u64(), "{said}");
    assert!(said["clock"]["gaps"].take().is_u64(), "{said}");
    let directory = fs::canonicalize(&one).unwrap();
    let expected = json!({
        "id": 1, "role": "voter", "state": "following", "seq": 0, "since_ms": 0,
        "leader": { "id": 2, "token": epoch, "epoch": epoch, "incarnation": 1 },
        "leading": false, "retiring": false,
        "elected": 2, "round": said["round"].as_i64().unwrap(),
        "epoch": { "accepted": epoch, "current": epoch }, "recorded": true,
        "beside_real_server": false, "lease": null, "promise": null, "work": null,
        "voters": [
            { "id": 1, "link": null, "answered_ms": null, "keeps_promises": null, "amnesiac": null },
            { "id": 2, "link": true, "answered_ms": null, "keeps_promises": null, "amnesiac": null },
        ],
        "safe_to_restart": {
            "safe": false, "why": "the others are no quorum: 1 of 2 voters here, 2 needed",
        },
        "disk": {
            "state": "ok", "last_write_ms": null, "error": null, "directory": directory,
        },
        "clock": { "gaps": null, "r": 10_000 }, "tls": null,
        "version": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(said, expected);
    let leads = report(&two);
    assert_eq!((&leads["state"], &leads["leading"]), (&json!("leading"), &json!(true)));
    assert_eq!(leads["leader"], expected["leader"]);

    let told = status(&one, &[]);
    assert_eq!(told.status.code(), Some(0));
    for part in [
        "node      1 (voter)",
        &format!("following 2 in epoch {epoch} for "),
        &format!("leader    2, token {epoch}, start 1 of its directory"),
        "restart   not safe: the others are no quorum",
        "\n member  role    link\n",
        "\n      1  voter   itself\n",
        "\n      2  leader  up\n",
    ] {
        assert!(text(&told.stdout).contains(part), "{part}: {}", text(&told.stdout));
    }
    fits(&told, &directory);
}

/// Nothing but the path of the directory is wider than a terminal may be, and no line ends with spaces.
fn fits(told: &Output, directory: &Path) {
    for line in text(&told.stdout).lines() {
        let is_path = line.contains(directory.to_str().unwrap());
        assert!(is_path || line.chars().count() <= 80, "{line}");
        assert!(!line.ends_with(' '), "{line}");
    }
}

/// Asks until it says so of the first voter.
fn of_first(data: &Path, is_so: impl Fn(&Value) -> bool) -> Value {
    loop {
        let said = report(data);
        if is_so(&said["voters"][0]) {
            return said;
        }
    }
}

#[test]
fn a_leader_says_who_has_answered_lately_whose_promises_it_has_and_whose_word_does_not_count() {
    let place = ensemble("leaders-view", 2);
    let more = ["--lease", "2s"];
    let mut nodes = [1, 2].map(|id| start_with(id, (&place.0, &place.1), &more));
    leading(&mut nodes[1]);
    following(&mut nodes[0], 2);
    let [one, two] = ["1", "2"].map(|id| place.1.join(id));
    let said =
        of_first(&two, |voter| voter["answered_ms"].is_u64() && voter["keeps_promises"] == true);
    let of = |id: u64, link| json!({ "id": id, "link": link, "answered_ms": null, "keeps_promises": true, "amnesiac": false });
    let mut first = said["voters"][0].clone();
    first["answered_ms"] = Value::Null;
    assert_eq!(first, of(1, json!(true)));
    assert_eq!(said["voters"][1], of(2, Value::Null));
    let told = status(&two, &[]);
    for part in [" member  role    link    answered", " ago", "  kept", "      2  leader  itself"] {
        assert!(text(&told.stdout).contains(part), "{part}: {}", text(&told.stdout));
    }
    fits(&told, &fs::canonicalize(&two).unwrap());
    // What a follower does not know.
    let unknown = ["answered_ms", "keeps_promises", "amnesiac"];
    let said = report(&one);
    assert!(unknown.iter().all(|name| said["voters"][1][name].is_null()), "{said}");
    // One that is gone has answered once, and nothing else is known of it while the lease runs on.
    let [first, _second] = nodes;
    assert_eq!(first.end("-TERM"), Some(0));
    of_first(&two, |voter| voter["amnesiac"].is_null() && voter["keeps_promises"].is_null());
}

#[test]
fn where_nobody_runs_it_says_so_and_what_was_expected() {
    let place = ensemble("nobody", 1);
    for (data, part) in [
        (PathBuf::from("/no/such/directory"), "there is no directory /no/such/directory"),
        (place.0.parent().unwrap().join("nobody.empty"), "no node runs in"),
    ] {
        if part.starts_with("no node") {
            fs::create_dir_all(&data).unwrap();
        }
        let output = status(&data, &[]);
        assert_eq!(output.status.code(), Some(3));
        assert!(output.stdout.is_empty());
        let told = text(&output.stderr);
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.starts_with("ballotbox: ") && told.contains(part), "{told}");
    }
    assert_eq!(run(&["status"]).status.code(), Some(2));
    assert_eq!(run(&["status", "--data-dir", "x", "--jsn"]).status.code(), Some(2));
}

#[test]
fn the_socket_is_for_its_user_goes_with_the_node_and_that_of_a_dead_one_is_replaced() {
    let place = ensemble("socket", 1);
    let data = place.1.join("1");
    let socket = data.join("control");
    let mut killed = start(1, &place);
    leading(&mut killed);
    let there = fs::symlink_metadata(&socket).unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.permissions().mode() & 0o777, 0o600);
    drop(killed);
    assert!(socket.exists(), "nobody removes it for a process that was killed");
    let output = status(&data, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("any more"), "{}", text(&output.stderr));

    let mut next = start(1, &place);
    leading(&mut next);
    assert_eq!(report(&data)["state"], "leading");
    assert_eq!(next.end("-TERM"), Some(0));
    assert!(!socket.exists());
}

#[test]
fn what_is_no_socket_stays_and_the_node_runs_without_one() {
    let place = ensemble("no-socket", 1);
    let data = place.1.join("1");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("control"), "mine").unwrap();
    let mut node = start(1, &place);
    let told = node.until(|event| event["event"] == "warning");
    assert!(told["text"].as_str().unwrap().contains("is no socket"), "{told}");
    leading(&mut node);
    let output = status(&data, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("is no socket"), "{}", text(&output.stderr));
    assert_eq!(node.end("-TERM"), Some(0));
    assert_eq!(fs::read_to_string(data.join("control")).unwrap(), "mine");
}

#[test]
fn a_path_may_be_longer_than_an_address_of_a_socket() {
    let place = ensemble("long-path", 1);
    let long = place.1.join("x".repeat(120));
    let mut node = start(1, &(place.0, long.clone()));
    leading(&mut node);
    assert_eq!(report(&long.join("1"))["state"], "leading");
    assert_eq!(node.end("-TERM"), Some(0));
    assert!(!long.join("1/control").exists());
}

#[test]
fn a_zoo_cfg_has_it_beside_the_epochs() {
    let free = [0; 2].map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).unwrap());
    let [port, other] = free.each_ref().map(|free| free.local_addr().unwrap().port());
    drop(free);
    let data = file("status-zoo.cfg", "").with_extension("data");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("myid"), "1").unwrap();
    let shown = data.to_str().unwrap();
    let config = file(
        "status-zoo.cfg",
        &format!(
            "dataDir={shown}\ntickTime=100\ninitLimit=20\nsyncLimit=20\nstandaloneEnabled=false\n\
             server.1=127.0.0.1:{port}:{other};127.0.0.1:2181\n"
        ),
    );
    let mut child = ballotbox(&["node", "--json", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Lines::of(child.stdout.take().unwrap());
    let leads = lines.any(|line| line.contains("\"event\":\"leading\""));
    let said = leads.then(|| report(&data));
    let there = data.join("ballotbox/control").exists();
    child.kill().unwrap();
    ended(&mut child, "the node that was killed");
    assert!(there);
    assert_eq!(said.unwrap()["state"], "leading");
}

#[test]
fn garbage_and_unknown_requests_are_answered_with_an_error_and_the_end() {
    let (node, data) = alone("garbage");
    let long = [b'x'; 5000];
    for said in [
        &b"\n"[..],
        b"status\n",
        b"{\"request\":\"resign-all\"}\n",
        b"{\"request\":\"status\",\"more\":1}\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\xff\xfe\x00\n",
        &long,
    ] {
        let mut caller = Caller::new(&data);
        caller.say(said);
        let answer = caller.hear();
        assert!(answer["error"].as_str().unwrap().contains("expected"), "{answer}");
        assert!(caller.has_ended(), "{answer}");
    }
    let mut silent = Caller::new(&data);
    silent.say(b"{\"request\":");
    assert!(silent.hear()["error"].as_str().unwrap().contains("within 1s"));
    assert!(silent.has_ended());
    assert_eq!(node.end("-TERM"), Some(0));
}

#[test]
fn one_connection_takes_many_requests_and_waits_for_what_was_not_seen() {
    let (node, data) = alone("many");
    let mut caller = Caller::new(&data);
    for _ in 0..3 {
        caller.say(b"{\"request\":\"status\"}\n");
        assert_eq!(caller.hear()["state"], "leading");
    }
    // Two at once: neither is lost.
    caller.say(b"{\"request\":\"status\"}\n{\"request\":\"status\"}\n");
    let seen = [caller.hear(), caller.hear()].map(|answer| answer["seq"].as_u64().unwrap());
    assert!(seen[0] <= seen[1]);
    // A caller that waits, which may take 10 s, is answered at once when there is more to do.
    let wait = Some(std::time::Duration::from_secs(8));
    caller.0.get_ref().set_read_timeout(wait).unwrap();
    caller.say(format!("{{\"request\":\"status\",\"seen\":{}}}\n", seen[1]).as_bytes());
    caller.say(b"{\"request\":\"status\"}\n");
    for _ in 0..2 {
        assert!(caller.hear()["seq"].as_u64() >= Some(seen[1]));
    }
    assert_eq!(node.end("-TERM"), Some(0));
}

#[test]
fn a_crowd_that_floods_is_silent_or_does_not_read_holds_nobody_up() {
    let place = ensemble("crowd", 2);
    // The crowd is not to be blamed for a machine that is busy with other tests.
    let votes = fs::read_to_string(&place.0).unwrap();
    let patient = votes.replacen('{', r#"{"timing":{"silence_ms":10000},"#, 1);
    fs::write(&place.0, patient).unwrap();
    let mut first = start(1, &place);
    let mut second = start(2, &place);
    leading(&mut second);
    let epoch = following(&mut first, 2);
    let data = place.1.join("2");
    let socket = data.join("control");
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", second.child.id())).unwrap().count();
    let before = descriptors();
    let mut crowd = Vec::new();
    for number in 0..1000 {
        let mut stream = UnixStream::connect(&socket).unwrap();
        match number % 4 {
            0 => {}
            1 => stream.write_all(b"{\"request\"").unwrap_or(()),
            2 => stream.write_all(&[b'x'; 900]).unwrap_or(()),
            // Asks as much as there is room for, and never reads.
            _ => {
                stream.set_nonblocking(true).unwrap();
                while stream.write(b"{\"request\":\"status\"}\n").is_ok() {}
            }
        }
        assert!(descriptors() <= before + 20, "{number}");
        crowd.push(stream);
        if number % 100 == 0 {
            assert_eq!(report(&data)["leader"]["epoch"], epoch);
        }
    }
    assert_eq!(report(&data)["leader"]["epoch"], epoch, "it has led all the time");
    drop(crowd);
    // The leader ends while others are connected.
    let _silent = Caller::new(&data);
    assert_eq!(second.end("-TERM"), Some(0));
    let lost = first.until(|event| event["event"] == "lost");
    assert_eq!((&lost["cause"], &lost["epoch"]), (&json!("leader-lost"), &json!(epoch)));
}

#[test]
fn a_socket_of_something_else_is_told_as_such() {
    let data = file("other-socket", "").with_extension("data");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).unwrap();
    let listener = UnixListener::bind(data.join("control")).unwrap();
    let report = |state: &str, directory: &str| {
        let report = json!({
            "id": 1, "role": "voter", "state": state, "seq": 1, "since_ms": 1, "leading": false, "retiring": false, "round": 1,
            "beside_real_server": false, "voters": [], "version": "7",
            "disk": { "state": "ok", "directory": directory },
        });
        format!("{report}\n")
    };
    let answers = [
        "{\"error\":\"a later \\u001b version\"}\n".to_owned(),
        "\n".to_owned(),
        "half".to_owned(),
        report("\u{1b}[2Jleading", "/"),
        report("leading", "/\u{202e}/"),
        report("leading", &"/".repeat(2000)),
    ];
    let other = std::thread::spawn(move || {
        for answer in answers {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 100]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let not_shown =
        "answers: a text that is not to be shown: expected at most 1088 bytes, and no hidden";
    for part in [
        "answers: a later \\u{1b} version",
        "answers: ",
        "without an answer",
        not_shown,
        not_shown,
        not_shown,
    ] {
        let output = status(&data, &[]);
        assert_eq!(output.status.code(), Some(3));
        assert!(output.stdout.is_empty());
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
    other.join().unwrap();
}

#[test]
fn a_question_that_had_to_make_room_for_others_is_asked_again() {
    let data = file("made-room.json", "").with_extension("data");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir(&data).unwrap();
    let listener = UnixListener::bind(data.join("control")).unwrap();
    let node = std::thread::spawn(move || {
        // The first is closed before it has asked, the second one after that.
        drop(listener.accept().unwrap());
        let _ = listener.accept().unwrap().0.read(&mut [0; 100]).unwrap();
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 100]).unwrap();
        stream.write_all(b"{\"error\":\"the third time\"}\n").unwrap();
    });
    let output = status(&data, &[]);
    assert!(text(&output.stderr).contains("answers: the third time"), "{}", text(&output.stderr));
    node.join().unwrap();
}
