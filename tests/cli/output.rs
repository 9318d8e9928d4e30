//! What becomes of a node when its output is full, gone or broken, and what signals do then.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use serde_json::Value;

use super::{
    Node, PATIENCE, ballotbox, file,
    patience::{InTime, ended, soon},
    text, votes,
};

/// Runs a program that heeds hang-ups, though these tests may have been started by one that ignores them, as `nohup` does.
const HEED_HANG_UPS: &str = "exec env --default-signal=HUP";

/// What a pipe holds on Linux, if nobody changes that.
const PIPE: usize = 65_536;

/// A `ballotbox node` that is killed when this goes.
struct Running(Child);

impl Running {
    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Two signals that it finds together.
    fn signal_twice(&self, first: &str, second: &str) {
        for signal in ["-STOP", first, second, "-CONT"] {
            self.signal(signal);
        }
    }

    /// Waits until it has ended, of itself.
    fn end(mut self) -> ExitStatus {
        let status = ended(&mut self.0, "what was asked to end");
        assert_ne!(status.signal(), Some(9), "it was killed");
        status
    }

    fn stderr(&mut self) -> String {
        let mut told = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        told
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn node(id: u64, votes: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("{HEED_HANG_UPS} \"$0\" \"$@\""),
        env!("CARGO_BIN_EXE_ballotbox"),
    ]);
    command.args(["node", "--id", &id.to_string(), "--votes"]).arg(votes).args(options);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn spawn(command: &mut Command) -> Running {
    Running(command.spawn().unwrap())
}

/// A pipe in which nothing has room.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(&vec![b'\n'; PIPE]).unwrap();
    (reader, writer)
}

/// Where a member listens.
fn address(votes: &Path, id: u64) -> SocketAddr {
    let file: Value = serde_json::from_slice(&std::fs::read(votes).unwrap()).unwrap();
    let members = file["members"].as_array().unwrap();
    let member = members.iter().find(|member| member["id"] == id).unwrap();
    member["election"].as_str().unwrap().parse().unwrap()
}

/// Connects as soon as somebody listens there.
fn connect(address: SocketAddr) -> TcpStream {
    soon(|| TcpStream::connect(address).ok(), || format!("nobody listens on {address}"))
}

/// Reads lines until one has this in it; the rest can still be read.
fn read_until(lines: &mut impl BufRead, wanted: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "`{wanted}` was not told");
        if line.contains(wanted) {
            return line;
        }
    }
}

/// Is linked for a moment as this id, and says that it follows 4.
fn flap(address: SocketAddr, id: i64) {
    let mut socket = TcpStream::connect(address).unwrap();
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend(40_i32.to_be_bytes());
    bytes.extend(1_i32.to_be_bytes());
    for number in [4_i64, 0, 1, 0] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(1_i32.to_be_bytes());
    socket.write_all(&bytes).unwrap();
    // It is heard, and answered with a vote: so there was a link. If it makes room for the next, that counts as well.
    let _ = socket.read(&mut [0]);
}

#[test]
fn a_reader_that_pauses_learns_how_much_it_missed_and_then_how_things_stand() {
    let votes = votes("pauses.json", 5);
    let mut fourth = Node::start(4, &votes);
    let _third = Node::start(3, &votes);
    let mut second = Node::start(2, &votes);
    let (reader, writer) = full_pipe();
    let first = spawn(node(1, &votes, &["--json"]).stdout(writer));
    fourth.until(|event| event["event"] == "link" && event["peer"] == 1);
    second.elected(4);
    let listens = address(&votes, 1);
    for _ in 0..700 {
        flap(listens, 5);
    }
    fourth.child.kill().unwrap();
    second.elected(3);
    let asked = listens.to_string();
    let follows = |leader: u64| {
        let probe = ballotbox(&["probe", "--json", &asked]).output_in_time();
        let report: Value = serde_json::from_slice(&probe.stdout).unwrap();
        report["servers"][0]["state"] == "following" && report["servers"][0]["leader"] == leader
    };
    while !follows(3) {}

    let mut lines = BufReader::new(reader);
    let missed = read_until(&mut lines, r#""event":"missed""#);
    let missed: Value = serde_json::from_str(&missed).unwrap();
    assert!(missed["events"].as_u64() > Some(500), "{missed}");
    let present = read_until(&mut lines, r#""again":true"#);
    let present: Value = serde_json::from_str(&present).unwrap();
    assert_eq!((&present["event"], &present["leader"]), (&"elected".into(), &3.into()));
    first.signal("-TERM");
    read_until(&mut lines, r#""event":"stopped""#);
    assert_eq!(first.end().code(), Some(0));
}

#[test]
fn a_signal_ends_a_node_whose_output_nobody_takes() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        for (out, err, options) in [
            (true, false, &["--json"][..]),
            (false, true, &[]),
            (true, true, &[]),
            (true, true, &["--json"]),
        ] {
            let votes = votes(&format!("full{signal}.json"), 3);
            let (_out_reader, out_writer) = full_pipe();
            let (_err_reader, err_writer) = full_pipe();
            let mut command = node(1, &votes, options);
            command.stdout(if out { out_writer.into() } else { Stdio::null() });
            command.stderr(if err { err_writer.into() } else { Stdio::null() });
            let node = spawn(&mut command);
            // It listens, and so it has something to say.
            connect(address(&votes, 1));
            node.signal(signal);
            assert_eq!(node.end().code(), Some(0), "{signal}, full: {out} and {err}");
        }
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let votes = votes("second-signal.json", 1);
    let ended_by_signal = || {
        let (_reader, writer) = full_pipe();
        let node = spawn(node(1, &votes, &["--json"]).stdout(writer));
        connect(address(&votes, 1));
        node.signal_twice("-TERM", "-INT");
        let status = node.end();
        assert!(matches!(status.signal(), Some(2 | 15) | None), "{status}");
        status.signal().is_some()
    };
    // Two threads may take one signal each at the very same time: then both of them are the first.
    assert!((0..5).any(|_| ended_by_signal()));
}

#[test]
fn a_signal_ends_a_node_that_waits_for_its_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let members = format!(
        r#"{{"leadership":false,"members":[{{"id":1,"election":"{}"}}]}}"#,
        taken.local_addr().unwrap()
    );
    let votes = file("waits-for-its-port.json", &members);
    let mut node = spawn(node(1, &votes, &["--json"]).stdout(Stdio::piped()));
    let mut lines = BufReader::new(node.0.stdout.take().unwrap());
    let warning: Value = serde_json::from_str(&read_until(&mut lines, "cannot listen")).unwrap();
    assert_eq!((&warning["event"], &warning["id"]), (&"warning".into(), &1.into()));
    node.signal("-TERM");
    read_until(&mut lines, r#""event":"stopped""#);
    assert_eq!(node.end().code(), Some(0));
}

#[test]
fn a_hang_up_that_is_ignored_at_the_start_stays_ignored() {
    let votes = votes("nohup.json", 1);
    for (prelude, signals) in [
        ("trap '' HUP; exec", &["-HUP", "-TERM"][..]),
        // It ends by the hang-up alone.
        (HEED_HANG_UPS, &["-HUP"]),
    ] {
        let script = format!("{prelude} \"$0\" node --json --id 1 --votes \"$1\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_ballotbox")]).arg(&votes);
        let mut node = spawn(command.stdout(Stdio::piped()));
        let mut lines = BufReader::new(node.0.stdout.take().unwrap());
        read_until(&mut lines, r#""event":"elected""#);
        for signal in signals {
            node.signal(signal);
        }
        // A second one that is heeded ends the process at once, and not in good order.
        assert_eq!(node.end().code(), Some(0), "{prelude}");
    }
}

#[test]
fn a_node_whose_reader_goes_stops_in_good_order_and_exits_with_3() {
    let votes = votes("reader-goes.json", 1);
    for options in [&[][..], &["--json"]] {
        let mut node =
            spawn(node(1, &votes, options).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut lines = BufReader::new(node.0.stdout.take().unwrap());
        read_until(&mut lines, "elected");
        // Nothing more will happen to it: it has to notice by itself.
        drop(lines);
        let told = node.stderr();
        assert!(told.contains("nobody reads our output any more"), "{told}");
        assert_eq!(node.end().code(), Some(3));
    }
}

#[test]
fn a_node_whose_disk_is_full_stops_in_good_order_and_exits_with_3() {
    let votes = votes("disk-full.json", 1);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut node = spawn(node(1, &votes, &["--json"]).stdout(full).stderr(Stdio::piped()));
    let told = node.stderr();
    assert!(told.contains("cannot write to stdout: No space left on device"), "{told}");
    assert_eq!(node.end().code(), Some(3));
}

#[test]
fn a_node_whose_file_may_not_grow_stops_in_good_order_and_exits_with_3() {
    let votes = votes("file-limit.json", 1);
    let out = file("file-limit.out", "");
    let script = "ulimit -f 0; exec \"$0\" node --id 1 --votes \"$1\" > \"$2\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_ballotbox")]).arg(&votes).arg(&out);
    let mut node = spawn(command.stderr(Stdio::piped()));
    let told = node.stderr();
    assert!(told.contains("cannot write to stdout: File too large"), "{told}");
    assert_eq!(node.end().code(), Some(3));
}

#[test]
fn a_node_goes_on_when_nobody_reads_its_stderr() {
    let votes = votes("stderr-gone.json", 3);
    let (gone, writer) = io::pipe().unwrap();
    drop(gone);
    let mut first = spawn(node(1, &votes, &[]).stdout(Stdio::piped()).stderr(writer));
    let mut lines = BufReader::new(first.0.stdout.take().unwrap());
    read_until(&mut lines, "looking for a leader");
    // It has been told by now that 2 and 3 are out of reach, or it will be before it is linked to 2.
    let _second = Node::start(2, &votes);
    read_until(&mut lines, "elected 2, round ");
    first.signal("-TERM");
    read_until(&mut lines, "stopped");
    assert_eq!(first.end().code(), Some(0));
}

#[test]
fn a_stdout_that_others_made_non_blocking_is_waited_for() {
    let votes = votes("non-blocking.json", 1);
    let (mut reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    while (&writer).write(&vec![b'\n'; PIPE]).is_ok() {}
    let out = std::os::fd::OwnedFd::from(writer);
    let node = spawn(node(1, &votes, &["--json"]).stdout(out));
    connect(address(&votes, 1));
    reader.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(&mut reader);
    read_until(&mut lines, r#""event":"elected""#);
    node.signal("-TERM");
    read_until(&mut lines, r#""event":"stopped""#);
    assert_eq!(node.end().code(), Some(0));
}

#[test]
fn every_line_has_its_time() {
    let votes = votes("times.json", 2);
    let mut node =
        spawn(node(1, &votes, &["--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = BufReader::new(node.0.stdout.take().unwrap());
    let missing = read_until(&mut lines, "voters here");
    node.signal("-TERM");
    let mut told = missing;
    lines.read_to_string(&mut told).unwrap();
    for line in told.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(
            event["event"].is_string() && event["id"] == 1 && event["at_ms"].is_f64(),
            "{line}"
        );
        let time = event["time"].as_str().unwrap();
        assert!(has_form(time, "0000-00-00T00:00:00.000Z"), "{time}");
    }
    assert_eq!(node.stderr(), "");
    assert_eq!(node.end().code(), Some(0));
}

#[test]
fn lines_for_people_begin_with_the_clock() {
    let votes = votes("clock.json", 2);
    let mut node = spawn(node(1, &votes, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut warnings = BufReader::new(node.0.stderr.take().unwrap());
    let missing = read_until(&mut warnings, "voters here");
    let expected = "warning: 1 of 2 voters here, 2 needed; no answer from 2 (connection refused)\n";
    assert_eq!(missing.get(15..), Some(expected));
    node.signal("-TERM");
    let mut told = missing;
    node.0.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.ends_with("stopped\n"), "{told}");
    for line in told.lines() {
        assert!(line.get(..15).is_some_and(|clock| has_form(clock, "00:00:00.000Z  ")), "{line}");
    }
    assert_eq!(node.end().code(), Some(0));
}

/// Whether a text is as the form, with any digits for its zeros.
fn has_form(text: &str, form: &str) -> bool {
    let alike = |(c, f): (char, char)| c == f || f == '0' && c.is_ascii_digit();
    text.len() == form.len() && text.chars().zip(form.chars()).all(alike)
}

#[test]
fn a_node_without_a_quorum_says_who_is_missing_once_and_when_it_changes() {
    let votes = votes("missing.json", 5);
    let mut first = Node::start(1, &votes);
    let missing = |event: &Value| event["missing"].is_array();
    let warning = first.until(missing);
    let said = warning["text"].as_str().unwrap();
    let expected = "1 of 5 voters here, 3 needed; no answer from 2 (connection refused), 3 (";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(warning["missing"][3]["id"], 5);
    let _second = Node::start(2, &votes);
    let warning = first.until(missing);
    let said = warning["text"].as_str().unwrap();
    let expected = "2 of 5 voters here, 3 needed; no answer from 3 (connection refused), 4 (";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(first.end("-TERM"), Some(0));
}

#[test]
fn floods_of_strangers_cost_a_few_lines_and_hide_no_election() {
    let votes = votes("floods.json", 3);
    let _second = Node::start(2, &votes);
    let mut first =
        spawn(node(1, &votes, &["--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = BufReader::new(first.0.stdout.take().unwrap());
    read_until(&mut lines, r#""event":"elected""#);
    let listens = address(&votes, 1);
    let flood = |times| {
        for number in 0..times {
            // As a member that is down, and as strangers that send what is no notification.
            flap(listens, 3);
            let mut stranger = TcpStream::connect(listens).unwrap();
            let id = 1000_i64 + number;
            let _ = stranger.write_all(&[&id.to_be_bytes()[..], &[0, 0, 0, 1, 0]].concat());
            // It hangs up at once, and it greets nobody.
            let _ = TcpStream::connect(listens).unwrap().write_all(b"GET / HTTP/1.0\r\n\r\n");
        }
    };
    flood(200);
    let before = resident_kb(&first);
    flood(1000);
    let grown = resident_kb(&first).saturating_sub(before);
    assert!(grown < 2048, "{grown} kB more");
    let third = Node::start(3, &votes);
    let mut told = read_until(&mut lines, r#""peer":3,"up":true"#);
    drop(third);
    first.signal("-TERM");
    lines.read_to_string(&mut told).unwrap();
    let told = told.len() + first.stderr().len();
    assert!(told < 4096, "{told} bytes");
    assert_eq!(first.end().code(), Some(0));
}

fn resident_kb(node: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn the_reader_of_a_whole_run_has_seen_it_from_listening_to_stopped() {
    let votes = votes("whole-run.json", 1);
    let mut node = spawn(node(1, &votes, &[]).stdout(Stdio::piped()));
    let mut lines = BufReader::new(node.0.stdout.take().unwrap());
    let mut told = String::new();
    while !told.contains("elected") {
        lines.read_line(&mut told).unwrap();
    }
    node.signal("-TERM");
    lines.read_to_string(&mut told).unwrap();
    let words: Vec<_> = told.lines().filter_map(|line| line.get(15..)?.split(' ').next()).collect();
    assert_eq!(words, ["listening", "looking", "elected,", "stopped"], "{}", text(told.as_bytes()));
    assert_eq!(node.end().code(), Some(0));
}
