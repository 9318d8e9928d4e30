//! What comes from outside, in files, arguments, names and what peers send, on the streams of the binary: nothing of it
//! moves the cursor, hides, forges a line, or decides how much is printed or kept.

#![cfg(unix)]

use std::{
    ffi::OsStr,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::ffi::OsStrExt,
    process::{Command, Output, Stdio},
    thread,
};

use ballotbox::{
    Epoch, Round, ServerId, Vote, Zxid,
    election::{Format, Notification, PeerState},
};
use ballotbox_core::wire::{Frame, Greeting, GreetingForm};
use serde_json::{Value, json};

use super::{
    ballotbox, file,
    patience::{InTime, ended},
    run,
};

/// A text that does all of that: it sets the title of the window, clears the screen, writes a line as if we had, hides
/// what follows, turns it round, and breaks the line in Unicode's way.
const HOSTILE: &str = "\x1b]0;pwned\x07\x1b[2J\nballotbox: forged\n\x1b[8m\u{9b}2J\u{202e}\u{2066}\u{2028}\u{200b}\u{feff}\u{e0041}";

/// The same as a JSON string or a value of properties may spell it.
const SPELT: &str = r"\u001b]0;pwned\u0007\u001b[2J\u000aballotbox: forged\u000a\u001b[8m\u009b2J\u202e\u2066\u2028\u200b\ufeff";

/// Fails if a stream holds what a terminal would obey, draw nowhere, or take for a line of ours.
fn assert_harmless(what: &str, stream: &[u8]) {
    let shown = String::from_utf8(stream.to_vec()).unwrap_or_else(|error| {
        panic!("{what}: not UTF-8: {}", String::from_utf8_lossy(error.as_bytes()).escape_debug())
    });
    let hostile: Vec<char> =
        HOSTILE.chars().filter(|c| *c != '\n' && !(' '..='~').contains(c)).collect();
    for line in shown.split('\n') {
        assert!(
            !line.contains(|c: char| c.is_control() || hostile.contains(&c)),
            "{what}: {line:?}"
        );
        assert!(!line.starts_with("ballotbox: forged"), "{what}: {shown}");
    }
    assert!(shown.len() < 16 * 1024, "{what}: {} bytes", shown.len());
}

fn assert_output_harmless(what: &str, output: &Output) {
    assert_harmless(what, &output.stdout);
    assert_harmless(what, &output.stderr);
    let told = output.stdout.len() + output.stderr.len();
    assert!(told > 0, "{what}: nothing was said");
}

#[test]
fn no_argument_reaches_the_terminal_as_it_is() {
    let long = "A".repeat(100_000);
    let option = format!("--{HOSTILE}");
    let valued = format!("--{HOSTILE}={HOSTILE}");
    let address = format!("{HOSTILE}:1");
    let port = format!("h:{HOSTILE}");
    for hostile in [HOSTILE, &long, "\x1b[2J", "\nballotbox: forged", "\u{202e}"] {
        for args in [
            &[hostile][..],
            &[&option],
            &[&valued],
            &["elect", &option],
            &["elect", "a.json", hostile],
            &["elect", "a.json", "--deadline", hostile],
            &["elect", hostile],
            &["elect", "examples/two-voters.json", "--diagram", &format!("/nowhere/{hostile}")],
            &["simulate", hostile],
            &["simulate", "a.json", "--seed", hostile],
            &["simulate", "a.json", "--seeds", hostile],
            &["simulate", "examples/two-voters.json", "--save", &format!("/nowhere/{hostile}")],
            &["node", "--id", hostile, "--votes", "a.json"],
            &["node", "--id", "1", "--votes", hostile],
            &["node", "--config", hostile],
            &["node", hostile],
            &["probe", hostile],
            &["probe", &address],
            &["probe", &port],
            &["probe", "--config", hostile],
            &["probe", "h:1", "--deadline", hostile],
            &["check", hostile],
            &["completions", hostile],
        ] {
            let output = run(args);
            let code = output.status.code();
            assert!(code == Some(2) || code == Some(3), "{args:?}: {code:?}");
            assert_output_harmless(&format!("{args:?}"), &output);
        }
    }
}

#[test]
fn no_variable_of_the_environment_does() {
    for name in ["ID", "VOTES", "CONFIG"] {
        let mut command = ballotbox(&["node"]);
        command.env(format!("BALLOTBOX_NODE_{name}"), HOSTILE);
        assert_output_harmless(name, &command.output_in_time());
    }
}

#[test]
fn no_bytes_that_are_no_text_do() {
    for bytes in [&b"\xff\xfe\x1b[2J"[..], b"--\xff", b"\x80.json", b"\xc3"] {
        for command in [&["check"][..], &["elect"], &["node", "--id"], &["node", "--config"], &[]] {
            let output = ballotbox(command).arg(OsStr::from_bytes(bytes)).output_in_time();
            assert_eq!(output.status.code(), Some(2), "{command:?} {bytes:?}");
            assert_output_harmless(&format!("{command:?} {bytes:?}"), &output);
        }
    }
}

#[test]
fn no_vote_file_brings_it_through() {
    let members = r#""members":[{"id":1,"election":"127.0.0.1:1"}]"#;
    let long = "A".repeat(500_000);
    for text in [SPELT, HOSTILE, &long] {
        for (n, content) in [
            format!(r#"{{"{text}":1,{members}}}"#),
            format!(r#"{{"title":{},{members}}}"#, json!(text.replace('\\', ""))),
            format!(r#"{{"title":"{text}",{members}}}"#),
            format!(r#"{{"members":[{{"id":"{text}"}}]}}"#),
            format!(r#"{{"members":[{{"id":1,"role":"{text}"}}]}}"#),
            format!(r#"{{"members":[{{"id":1,"election":"{text}:1"}}]}}"#),
            format!(r#"{{"members":[{{"id":1,"vote":{{"zxid":"{text}"}}}}]}}"#),
            format!(r#"{{"members":[{{"id":1}}],"steps":[{{"at_ms":0,"{text}":[1]}}]}}"#),
            format!(r#"{{"members":[{{"id":1}}],"expect":[{{"by_ms":0,"leader":"{text}"}}]}}"#),
            text.to_owned(),
        ]
        .iter()
        .enumerate()
        {
            let path = file(&format!("hostile-{n}.json"), content);
            let path = path.to_str().unwrap();
            for args in
                [&["check", path][..], &["elect", path], &["node", "--id", "9", "--votes", path]]
            {
                assert_output_harmless(&format!("{args:?} {n}"), &run(args));
            }
        }
    }
}

#[test]
fn a_title_is_shown_escaped_in_stories_traces_and_pictures() {
    let content = "{\"title\":\"turned \u{202e}round\u{2028}and \u{200b}hidden\",\"members\":[{\"id\":1},{\"id\":2}]}";
    let path = file("title.json", content);
    let (path, picture) = (path.to_str().unwrap(), file("title.svg", ""));
    for args in [
        &["check", path][..],
        &["elect", path, "--diagram", picture.to_str().unwrap()],
        &["simulate", path],
        &["simulate", path, "--seeds", "2"],
    ] {
        let output = run(args);
        assert_output_harmless(&format!("{args:?}"), &output);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(r"turned \u{202e}round\u{2028}and \u{200b}hidden"), "{told}");
    }
    assert_harmless("the picture", &std::fs::read(picture).unwrap());
}

#[test]
fn no_zoo_cfg_brings_it_through() {
    let good = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/nowhere\nserver.1=127.0.0.1:1:2\n\
                server.2=127.0.0.2:1:2\nserver.3=127.0.0.3:1:2\n";
    let long = "A".repeat(500_000);
    let spelt = SPELT.replace(": ", r"\:\ ").replace('[', r"\[");
    for (m, text) in [spelt.as_str(), &HOSTILE.replace('\n', " "), &long].into_iter().enumerate() {
        for (n, line) in [
            format!("{text}=1"),
            format!("dataDir={text}"),
            format!("dynamicConfigFile={text}"),
            format!("tickTime={text}"),
            format!("initLimit={text}"),
            format!("peerType={text}"),
            format!("standaloneEnabled={text}"),
            format!("sslQuorum={text}"),
            format!("electionAlg={text}"),
            format!("oraclePath={text}"),
            format!("server.4={text}"),
            format!("server.4={text}:1:2"),
            format!("server.4=h:{text}:2"),
            format!("server.4=h:1:2:{text}"),
            format!("server.4=h:1:2;{text}"),
            format!("server.{text}=h:1:2"),
            format!("server{text}=h:1:2"),
            format!("group.1={text}"),
            format!("group.{text}=1"),
            format!("weight.1={text}"),
            format!("weight.{text}=1"),
            format!("{text}=1\n{text}=2"),
            format!("x=\\u{text}"),
        ]
        .iter()
        .enumerate()
        {
            let path = file(&format!("hostile-{m}-{n}.cfg"), &format!("{good}{line}\n"));
            let path = path.to_str().unwrap();
            for args in [&["check", path][..], &["node", "--config", path, "--id", "9"]] {
                assert_output_harmless(
                    &format!("{args:?}: {}", &line[..20.min(line.len())].escape_debug()),
                    &run(args),
                );
            }
        }
    }
}

#[test]
fn a_file_that_is_neither_json_nor_properties_is_told_so() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, content) in [
        ("prose.txt", &b"Dear all,\nthe servers are 1, 2 and 3.\n"[..]),
        ("no-extension", b"members:\n  - id: 1\n"),
        ("utf-16.txt", b"\xff\xfet\0i\0c\0k\0=\x001\0"),
        ("binary.bin", b"\x7fELF\x02\x01\x01\0\0\0"),
        ("empty.txt", b""),
    ] {
        let path = dir.join(name);
        std::fs::write(&path, content).unwrap();
        let output = run(&["check", path.to_str().unwrap()]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(name) && told.contains("neither JSON nor properties"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let path = dir.join("utf-16.json");
    std::fs::write(&path, b"\xfe\xff\0{\0}").unwrap();
    let output = run(&["check", path.to_str().unwrap()]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("this is UTF-16"));
}

/// A member that is not there, and whose place the test takes: what it sends reaches what is printed about members.
#[derive(Debug)]
struct Impostor(TcpStream);

impl Impostor {
    fn of(claim: u64, port: u16) -> Self {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let form = GreetingForm::V1("127.0.0.1:1".parse().unwrap());
        socket.write_all(&Greeting { from: ServerId::new(claim), form }.encode()).unwrap();
        let mut reader = socket.try_clone().unwrap();
        // The node speaks too, and would wait for a reader.
        thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        Self(socket)
    }

    fn send(&mut self, body: &[u8]) {
        self.0.write_all(Frame::new(body).unwrap().as_bytes()).unwrap();
    }

    /// A vote with this member list.
    fn say(&mut self, config: &str) {
        let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: ServerId::new(3).unwrap() };
        let format = Format::Current { version: Notification::VERSION, config: config.into() };
        let state = PeerState::Looking;
        self.send(&Notification { state, vote: Some(vote), round: Round(1), format }.encode());
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A number of `/proc/PID/status`, in KiB.
#[cfg(target_os = "linux")]
fn memory_kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Member lists that differ, each in another way, and each with what a terminal must not see.
fn hostile_lists() -> Vec<String> {
    let mut lists = Vec::new();
    for text in [SPELT.replace(' ', r"\ ").replace(':', r"\:"), HOSTILE.replace('\n', "\\\n")] {
        lists.extend([
            format!("server.x{text}=1\nversion=0"),
            format!("server.1={text}\nversion=0"),
            format!("server.1={text}:1:2\nversion=0"),
            format!("server.1=h:1:2:{text}\nversion=0"),
            format!("server.1=h:1:2;{text}\nversion=0"),
            format!("server.1=h:1:2\ngroup.1={text}\nversion=0"),
            format!("server.1=h:1:2\nweight.1={text}\nversion=0"),
            format!("server.1=h:1:2\nversion={text}"),
            format!("k=\\u{text}"),
        ]);
    }
    lists
}

#[cfg(target_os = "linux")]
#[test]
fn no_peer_decides_what_a_node_prints_or_how_much_it_keeps() {
    let members: Vec<_> = (1..=3)
        .map(|id| {
            let (election, quorum) = (free_port(), free_port());
            json!({ "id": id, "election": format!("127.0.0.1:{election}"), "quorum": format!("127.0.0.1:{quorum}") })
        })
        .collect();
    let address = members[0]["election"].as_str().unwrap().to_owned();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let votes = file(
        "no-peer-decides.json",
        &json!({ "members": members, "leadership": false }).to_string(),
    );
    for as_json in [false, true] {
        let mut command: Command =
            ballotbox(&["node", "--id", "1", "--votes", votes.to_str().unwrap()]);
        if as_json {
            command.arg("--json");
        }
        let mut node = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = node.stdout.take().unwrap();
        // It listens when it has said so.
        let mut told = vec![0; 1];
        stdout.read_exact(&mut told).unwrap();
        let stderr = collect(node.stderr.take().unwrap());
        let stdout = collect(stdout);

        let mut impostor = Impostor::of(3, port);
        for list in hostile_lists() {
            impostor.say(&list);
        }
        impostor.send(b"no notification");
        let long = "A".repeat(500_000);
        for n in 0..20 {
            impostor.say(&format!("server.{n}x{long}=1"));
        }
        answered(port);
        let before = memory_kib(node.id(), "VmRSS:");
        for n in 0..100 {
            impostor.say(&format!("server.{n}x{long}=1"));
            impostor.say(&format!("server.{n}=h:1:2:{long}"));
            impostor.say(&format!("server.1=127.0.0.{}:1:2\n# {long}", n % 250));
        }
        answered(port);
        let after = memory_kib(node.id(), "VmRSS:");
        assert!(
            after < before + 48 * 1024,
            "{before} KiB before 300 lists of half a MiB, {after} KiB after"
        );

        Command::new("kill").arg(node.id().to_string()).status().unwrap();
        assert!(ended(&mut node, "the node").success());
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        let what = if as_json { "node --json" } else { "node" };
        for line in stdout.split(|byte| *byte == b'\n').chain(stderr.split(|byte| *byte == b'\n')) {
            assert_harmless(what, line);
            assert!(line.len() < 2048, "{what}: a line of {} bytes", line.len());
        }
        if as_json {
            for line in
                String::from_utf8(stderr).unwrap().lines().filter(|line| line.starts_with('{'))
            {
                serde_json::from_str::<Value>(line).unwrap();
            }
        }
    }
}

/// Reads a stream to its end, in a thread of its own.
fn collect(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// Returns when the node has answered a stranger: it has read what came before the question, but for what fits into sockets.
fn answered(port: u16) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket
        .write_all(&Greeting { from: ServerId::new(77), form: GreetingForm::Bare }.encode())
        .unwrap();
    let question = Notification {
        state: PeerState::Looking,
        vote: None,
        round: Round(0),
        format: Format::WithoutConfig { version: 1 },
    };
    socket.write_all(Frame::new(&question.encode()).unwrap().as_bytes()).unwrap();
    socket.read_exact(&mut [0; 8]).unwrap();
}
