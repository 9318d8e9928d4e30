//! The built binary: help, exit codes, what goes to which stream, the shape of its JSON, and signals.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "cli/by_url.rs"]
mod by_url;
#[path = "cli/changes.rs"]
mod changes;
#[path = "cli/directories.rs"]
mod directories;
#[path = "cli/early_settle.rs"]
mod early_settle;
#[path = "cli/environment.rs"]
mod environment;
#[path = "cli/fence.rs"]
mod fence;
#[path = "cli/frozen.rs"]
mod frozen;
#[path = "cli/holds.rs"]
mod holds;
#[path = "cli/hooks.rs"]
mod hooks;
#[path = "cli/kubernetes.rs"]
mod kubernetes;
#[path = "cli/late_leaders.rs"]
mod late_leaders;
#[path = "cli/leaders.rs"]
mod leaders;
#[path = "cli/leases.rs"]
mod leases;
#[path = "cli/left_overs.rs"]
mod left_overs;
#[path = "cli/lost_disks.rs"]
mod lost_disks;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/outside_text.rs"]
mod outside_text;
#[path = "common/patience.rs"]
mod patience;
#[path = "cli/resign.rs"]
mod resign;
#[path = "cli/simulate.rs"]
mod simulate;
#[path = "cli/status.rs"]
mod status;
#[path = "cli/status_https.rs"]
mod status_https;
#[path = "cli/status_port.rs"]
mod status_port;
#[path = "cli/status_tls.rs"]
mod status_tls;
#[path = "cli/status_watch.rs"]
mod status_watch;
#[path = "cli/systemd.rs"]
mod systemd;
#[path = "cli/tls.rs"]
mod tls;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/why.rs"]
mod why;
#[path = "cli/work/mod.rs"]
mod work;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
};

use patience::{InTime, PATIENCE, code_of, rest_of};
use serde_json::{Value, json};

fn ballotbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(args: &[&str]) -> Output {
    ballotbox(args).output_in_time()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A file of this content, with a name that no other test has.
fn file(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn help_and_version_go_to_stdout_and_are_a_success() {
    for args in [&["--help"][..], &["elect", "--help"], &["node", "--help"], &["check", "--help"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(text(&output.stdout).contains("USAGE:"), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }
    let version = run(&["--version"]);
    assert_eq!(text(&version.stdout).trim(), concat!("ballotbox ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_told_on_stderr_and_exits_with_2() {
    let wrong: [(&[&str], &str); 12] = [
        (&[], "subcommand"),
        (&["vote"], "'vote'"),
        (&["elect"], "<VOTES.json>"),
        (&["elect", "--jsno", "x"], "'--jsno'"),
        (&["elect", "--deadline", "30", "x"], "`30` is no time"),
        (&["node", "--votes", "x"], "--id"),
        (&["node", "--id", "1"], "--votes"),
        (&["node", "--id", "-1", "--votes", "x"], "`-1` is no server id"),
        (&["simulate", "x", "--seed", "-1"], "`-1`"),
        (&["status", "ballotbox-data/1"], "a directory goes with --data-dir"),
        (&["elect", "Cargo.toml"], r#"expected an object, as in {"members": [{"id": 1}]}"#),
        (&["node", "--id", "1", "--votes", "x", "--config", "y"], "--votes"),
    ];
    for (args, named) in wrong {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let told = text(&output.stderr);
        assert!(told.starts_with("ballotbox: ") && told.contains(named), "{args:?}: {told}");
    }
}

#[test]
fn a_bad_vote_file_exits_with_2_and_one_line_that_names_file_and_field() {
    let unknown =
        file("unknown.json", r#"{"members":[{"id":1}],"steps":[{"at_ms":0,"kill":[7]}]}"#);
    let broken = file("broken.json", "{\"members\": [");
    for (path, parts) in [
        (unknown, &["unknown.json", "steps[0].kill[0]", "id 7"][..]),
        (broken, &["broken.json", "line 1", "JSON"]),
        ("/nowhere/votes.json".into(), &["/nowhere/votes.json", "No such file"]),
    ] {
        let path = path.to_str().unwrap();
        for args in
            [&["check", path][..], &["elect", path], &["node", "--id", "1", "--votes", path]]
        {
            let output = run(args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            let told = text(&output.stderr);
            assert_eq!(told.lines().count(), 1, "{told}");
            assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        }
    }
}

#[test]
fn check_says_what_a_file_means() {
    let output = run(&["check", "examples/partition.json"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    for part in ["A quorum is 3 of 5 voters", "cut 4-1, 4-2", "heal", "3 leads; 1, 2 following"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn faults_are_told_by_check_and_left_out_by_elect_which_says_so() {
    let path = file(
        "with-faults.json",
        r#"{"members":[{"id":1}],
            "faults":{"until_ms":900,"kills":1,"one_way_cuts":2,"wipe_percent":20,"drift_ppm":7}}"#,
    );
    let path = path.to_str().unwrap();
    let checked = run(&["check", path]);
    let told = " 1 kill, 2 one-way cuts, until 900 ms; 20% of restarts without history; \
                frames take 0.050 to 0.250 ms; clocks drift by up to 7 ppm\n";
    assert!(text(&checked.stdout).ends_with(told), "{}", text(&checked.stdout));
    let elected = run(&["elect", path]);
    assert_eq!(elected.status.code(), Some(0));
    let told = text(&elected.stderr);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("with-faults.json, faults: left out"), "{told}");
    let elected = run(&["elect", "--json", path]);
    let warning: Value = serde_json::from_slice(&elected.stderr).unwrap();
    assert_eq!(warning["event"], "warning");
    assert!(warning["text"].as_str().unwrap().contains("with-faults.json, faults: left out"));
    assert!(run(&["elect", "examples/two-voters.json"]).stderr.is_empty());
}

#[test]
fn elect_refuses_a_file_in_which_a_member_hangs_and_simulate_plays_it() {
    let hanging = file(
        "hanging.json",
        r#"{"members":[{"id":1}],"steps":[{"at_ms":0,"start":[1]},{"at_ms":100,"hang":[1]},
            {"at_ms":200,"wake":[1]}]}"#,
    );
    let path = hanging.to_str().unwrap();
    let output = run(&["elect", path]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    let told = text(&output.stderr);
    assert!(told.contains("hanging.json, steps[1].hang: ") && told.contains("simulate"), "{told}");
    for command in [&["check", path][..], &["simulate", path]] {
        assert_eq!(run(command).status.code(), Some(0), "{command:?}");
    }
}

#[test]
fn elect_tells_people_who_voted_for_whom_and_why_the_leader_won() {
    let output = run(&["elect", "examples/three-voters.json"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    for part in [
        "Three voters: the newest history wins",
        "1 votes for itself (epoch 1, zxid 0x100000002)",
        "2 is elected in round 1 by",
        "its history is the newest (zxid 0x100000005)",
        "2 leads in epoch 2",
        "3 follows 2 in epoch 2",
        "as expected by 2000 ms: 2 leads; 1, 3 following",
        "member  state      leader  epoch  round",
        "2 was elected in round 1 in ",
        " ms; the play took ",
        " ms; 1 of 1 expectations came true",
    ] {
        assert!(told.contains(part), "`{part}` is missing:\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "colours are for terminals");
}

#[test]
fn elect_prints_one_json_object_of_the_documented_shape() {
    let output = run(&["elect", "--json", "examples/three-voters.json"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    assert_eq!(told.lines().count(), 1, "{told}");
    let mut report: Value = serde_json::from_str(told).unwrap();
    assert!(report["elapsed_ms"].as_f64().is_some_and(|elapsed| elapsed > 0.0));
    for member in report["members"].as_array_mut().unwrap() {
        assert!(member["decided_ms"].is_f64());
        member["decided_ms"] = json!(0.0);
        assert!(member["established_ms"].is_f64());
        member["established_ms"] = json!(0.0);
        // A follower may say its vote once more with the new epoch, or not yet.
        let said = member["vote_epoch"].as_i64().unwrap();
        assert!((1..=2).contains(&said), "{said}");
        member["vote_epoch"] = json!(1);
    }
    let (election, play) = (&report["election_ms"], &report["elapsed_ms"]);
    let took = |time: &Value| time.as_f64().unwrap();
    assert!(0.0 < took(election) && took(election) <= took(play), "{report}");
    (report["election_ms"], report["elapsed_ms"]) = (json!(0.0), json!(0.0));
    let member = |id: u64, state: &str| {
        json!({
            "id": id, "role": "voter", "state": state, "leader": 2, "epoch": 2, "round": 1,
            "zxid": "0x100000005", "vote_epoch": 1, "decided_ms": 0.0, "established_ms": 0.0,
        })
    };
    let expected = json!({
        "outcome": "elected", "leader": 2, "epoch": 2, "round": 1, "election_ms": 0.0,
        "elapsed_ms": 0.0,
        "members": [member(1, "following"), member(2, "leading"), member(3, "following")],
        "expectations": [{ "by_ms": 2000, "met": true }],
    });
    assert_eq!(report, expected);
}

#[test]
fn elect_exits_with_1_when_an_expectation_is_not_met_and_says_what_was_found() {
    let path = file(
        "unmet.json",
        r#"{"members":[{"id":1},{"id":2}],"steps":[{"at_ms":0,"start":[1]}],
            "expect":[{"by_ms":50,"leader":1}]}"#,
    );
    let path = path.to_str().unwrap();
    let output = run(&["elect", path]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(told.contains("not as expected by 50 ms: 1 leads; found: 1 looking, 2 down"), "{told}");
    let output = run(&["elect", "--json", path]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["outcome"], "unmet");
    assert_eq!((&report["leader"], &report["election_ms"]), (&Value::Null, &Value::Null));
    assert_eq!(report["expectations"], json!([{ "by_ms": 50, "met": false }]));
}

#[test]
fn elect_draws_what_happened() {
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("story.svg");
    let path = picture.to_str().unwrap();
    let output = run(&["elect", "--json", "--diagram", path, "examples/three-voters.json"]);
    assert_eq!(output.status.code(), Some(0));
    let drawn = std::fs::read_to_string(&picture).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    assert!(drawn.contains("2 is elected in round 1"), "{drawn}");
    let output = run(&["elect", "--diagram", "/nowhere/x.svg", "examples/three-voters.json"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("/nowhere/x.svg"));
}

#[test]
fn elect_ends_when_all_running_voters_agree_if_nothing_is_expected() {
    let path = file(
        "agree.json",
        r#"{"members":[{"id":1},{"id":2},{"id":3}],"steps":[{"at_ms":0,"start":[1,2]}]}"#,
    );
    let output = run(&["elect", "--json", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["outcome"], &report["leader"]), (&json!("elected"), &json!(2)));
    assert_eq!(report["members"][0]["state"], "following");
    assert_eq!(report["expectations"], json!([]));
}

#[test]
fn elect_exits_with_1_when_the_deadline_passes_without_a_leader() {
    let path = file(
        "hopeless.json",
        r#"{"members":[{"id":1},{"id":2}],"steps":[{"at_ms":0,"start":[2]}]}"#,
    );
    let output = run(&["elect", "--json", "--deadline", "100ms", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["outcome"], "no-leader");
    let states: Vec<_> =
        report["members"].as_array().unwrap().iter().map(|m| &m["state"]).collect();
    assert_eq!(states, ["down", "looking"]);
}

#[test]
fn a_port_in_use_exits_with_3_and_names_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let votes =
        file("taken.json", &format!(r#"{{"members":[{{"id":1,"election":"{address}"}}]}}"#));
    let votes = votes.to_str().unwrap();
    for args in [&["elect", votes][..], &["node", "--id", "1", "--votes", votes]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(3), "{args:?}");
        let told = text(&output.stderr);
        assert!(told.contains(&address) && told.contains("in use"), "{told}");
    }
}

#[test]
fn a_node_wants_to_be_a_member_and_to_know_where_the_others_are() {
    let path = file("nowhere.json", r#"{"members":[{"id":1,"election":"127.0.0.1:1"},{"id":2}]}"#);
    let path = path.to_str().unwrap();
    for (id, part) in [("1", "member 2 has no election address"), ("3", "id 3 is not a member")] {
        let output = run(&["node", "--id", id, "--votes", path]);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains("nowhere.json") && told.contains(part), "{told}");
    }
}

#[test]
fn a_reader_that_reads_no_further_has_seen_enough() {
    let mut child = ballotbox(&["elect", "examples/leader-dies.json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Reads one byte and hangs up, as `head` would.
    child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    let output = rest_of(child, "elect");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

/// A `ballotbox node --json` that runs.
struct Node {
    child: Child,
    lines: Receiver<String>,
}

impl Node {
    fn start(id: u64, votes: &Path) -> Self {
        Self::start_with(id, votes, &[])
    }

    fn start_with(id: u64, votes: &Path, more: &[&str]) -> Self {
        let id = id.to_string();
        let mut command = ballotbox(&["node", "--json", "--id", &id, "--votes"]);
        Self::spawned(command.arg(votes).args(more))
    }

    fn spawned(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = mpsc::channel();
        std::thread::spawn(move || printed.lines().try_for_each(|read| line.send(read.unwrap())));
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("the node says nothing more");
        serde_json::from_str(&line).unwrap()
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next();
            if wanted(&event) {
                return event;
            }
        }
    }

    fn elected(&mut self, leader: u64) -> Value {
        self.until(|event| event["event"] == "elected" && event["leader"] == leader)
    }

    /// Sends a signal, and gives the exit code; the last line says that the node has stopped.
    fn end(mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        self.until(|event| event["event"] == "stopped");
        assert_eq!(self.lines.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
        code_of(&mut self.child, "the node")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A vote file of members 1 to `count`, on ports that were free a moment ago.
fn votes(name: &str, count: u64) -> PathBuf {
    let free: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let members: Vec<_> = (1..=count)
        .zip(&free)
        .map(|(id, port)| json!({ "id": id, "election": port.local_addr().unwrap().to_string() }))
        .collect();
    file(name, &json!({ "members": members, "leadership": false }).to_string())
}

#[test]
fn three_nodes_and_one_vote_file_form_an_ensemble_and_signals_end_them_cleanly() {
    let votes = votes("three.json", 3);
    // 1 comes last: a member that starts together with 3 may for a moment elect another without it.
    let mut third = Node::start(3, &votes);
    let listening = third.next();
    assert_eq!((&listening["event"], &listening["id"]), (&json!("listening"), &json!(3)));
    assert!(listening["at_ms"].is_f64() && listening["election"].is_string(), "{listening}");
    let looking = third.next();
    assert_eq!((&looking["event"], &looking["round"]), (&json!("looking"), &json!(1)));
    let mut second = Node::start(2, &votes);
    let elected = second.elected(3);
    assert_eq!(elected["state"], "following");
    assert!(elected["elapsed_ms"].is_f64() && elected["round"].is_u64(), "{elected}");
    assert_eq!(third.elected(3)["state"], "leading");
    let mut first = Node::start(1, &votes);
    assert_eq!(first.elected(3)["state"], "following");

    third.child.kill().unwrap();
    for node in [&mut first, &mut second] {
        node.until(|event| event["peer"] == 3 && event["up"] == false);
    }
    assert_eq!(second.elected(2)["state"], "leading");
    assert_eq!(first.elected(2)["state"], "following");
    for (node, signal) in [(first, "-INT"), (second, "-TERM")] {
        assert_eq!(node.end(signal), Some(0));
    }
}

#[test]
fn a_node_survives_garbage_and_stops_while_someone_is_connected() {
    let votes = votes("alone.json", 1);
    let mut node = Node::start(1, &votes);
    let listening = node.until(|event| event["event"] == "listening");
    assert_eq!(node.elected(1)["state"], "leading");
    let address = listening["election"].as_str().unwrap();
    let mut stranger = std::net::TcpStream::connect(address).unwrap();
    stranger.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let _silent = std::net::TcpStream::connect(address).unwrap();
    let hung_up = stranger.read(&mut [0]);
    assert!(matches!(hung_up, Ok(0) | Err(_)), "{hung_up:?}");
    assert_eq!(node.end("-TERM"), Some(0));
}
