//! `ballotbox node --status`: what load balancers, monitoring and people are told, and what strangers can do there.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
};

use serde_json::{Value, json};

use super::{
    Node, PATIENCE, file,
    leaders::{ensemble, following, leading, start_with},
    run, text,
};

/// A node with a status port.
pub(super) struct Told {
    pub(super) node: Node,
    port: SocketAddr,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    code: u16,
    head: String,
    pub(super) body: String,
}

impl Told {
    pub(super) fn start(id: u64, (votes, data): &(PathBuf, PathBuf), more: &[&str]) -> Self {
        let mut node =
            start_with(id, (votes, data), &[&["--status", "127.0.0.1:0"], more].concat());
        let listening = node.until(|event| event["event"] == "listening");
        Self { node, port: listening["status"].as_str().unwrap().parse().unwrap() }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.port).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = self.connect();
        say(&mut stream, method, path, &format!("Connection: close\r\n{headers}"));
        hear(stream)
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// The value of this series, if it is there.
    pub(super) fn metric(&self, series: &str) -> Option<f64> {
        let body = self.get("/metrics").body;
        let shown = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        shown.map(|value| value.parse().unwrap())
    }

    /// The same, asked for until it is so.
    fn metric_when(&self, series: &str, is_so: impl Fn(f64) -> bool) -> f64 {
        loop {
            let value = self.metric(series).unwrap_or_else(|| panic!("there is no {series}"));
            if is_so(value) {
                return value;
            }
        }
    }

    /// Asks until the code is this one. Every answer is a code of the contract.
    fn until(&self, path: &str, wanted: u16) {
        loop {
            let code = self.get(path).code;
            if code == wanted {
                return;
            }
            assert!([200, 503].contains(&code), "{path}: {code}");
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.node.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

fn say(stream: &mut TcpStream, method: &str, path: &str, headers: &str) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
}

fn hear(mut stream: TcpStream) -> Answer {
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{all:?}"));
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { code, head: head.to_lowercase(), body: body.to_owned() }
}

/// A stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn of(told: &Told, headers: &str) -> Self {
        let mut stream = told.connect();
        say(&mut stream, "GET", "/events", headers);
        Self(BufReader::new(stream))
    }

    /// The id of the next event, and what it says.
    fn next(&mut self) -> (String, Value) {
        let mut id = None;
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended");
            if let Some(given) = line.strip_prefix("id: ") {
                id = Some(given.trim().to_owned());
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (id.unwrap(), serde_json::from_str(data).unwrap());
            }
        }
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> (String, Value) {
        loop {
            let (id, status) = self.next();
            if wanted(&status) {
                return (id, status);
            }
        }
    }
}

/// A leader, which is the last one, and who follows it.
fn two(name: &str, more: &[&str]) -> (Told, Told) {
    let place = ensemble(name, 2);
    let (mut first, mut second) = (Told::start(1, &place, more), Told::start(2, &place, more));
    leading(&mut second.node);
    following(&mut first.node, 2);
    (first, second)
}

/// Row S2: one path, one question.
#[test]
fn a_balancer_finds_the_leader_and_the_follower_by_their_codes_and_nobody_else() {
    let place = ensemble("codes", 2);
    let mut first = Told::start(1, &place, &[]);
    for (path, code) in
        [("/leader", 503), ("/follower", 503), ("/ready", 503), ("/alive", 200), ("/status", 200)]
    {
        assert_eq!(first.get(path).code, code, "{path} while it looks");
    }
    let mut second = Told::start(2, &place, &[]);
    let epoch = leading(&mut second.node);
    following(&mut first.node, 2);
    for (path, of_first, of_second) in [
        ("/leader", 503, 200),
        ("/primary", 503, 200),
        ("/follower", 200, 503),
        ("/replica", 200, 503),
        ("/ready", 200, 200),
        ("/alive", 200, 200),
        ("/events/", 404, 404),
    ] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let code = |told: &Told| told.ask(method, path, "").code;
            assert_eq!((code(&first), code(&second)), (of_first, of_second), "{method} {path}");
        }
    }
    let status = second.get("/status");
    assert!(status.head.contains("cache-control: no-store"), "{}", status.head);
    let status: Value = serde_json::from_str(&status.body).unwrap();
    assert_eq!(
        status["leader"],
        json!({ "id": 2, "token": epoch, "epoch": epoch, "incarnation": 1 })
    );
    assert_eq!(second.ask("HEAD", "/leader", "").body, "");
    // Who does not ask for the events with GET takes none of the places for streams, and gets an end.
    for _ in 0..40 {
        let head = second.ask("HEAD", "/events", "");
        assert_eq!((head.code, head.body.as_str()), (200, ""));
        assert!(head.head.contains("content-type: text/event-stream"), "{}", head.head);
    }
    let refused = second.ask("DELETE", "/leader", "");
    assert_eq!(refused.code, 405);
    assert!(refused.head.contains("allow: get, head, options"), "{}", refused.head);
}

/// Rows S1 and S4: the others stop, and the leader says from the end of its lease on that it does not lead; it is alive all the same.
#[test]
fn a_leader_that_is_cut_off_says_so_to_a_balancer_and_is_alive() {
    let (first, second) = two("cut-off", &["--lease", "1s"]);
    assert_eq!(second.get("/leader").code, 200);
    first.signal("-STOP");
    second.until("/leader", 503);
    second.until("/ready", 503);
    assert_eq!(second.get("/leader").code, 503);
    assert_eq!(second.get("/alive").code, 200);
    first.signal("-CONT");
    second.until("/ready", 200);
}

/// Row S1: the leader itself is stopped, and has a question to answer when it goes on. By then another one leads.
#[test]
fn a_leader_that_was_stopped_for_long_answers_what_is_true_when_it_goes_on() {
    for lease in ["off", "1s"] {
        let place = ensemble(&format!("was-stopped-{lease}"), 3);
        let more = ["--lease", lease];
        let mut all: Vec<_> = (1..=3).map(|id| Told::start(id, &place, &more)).collect();
        leading(&mut all[2].node);
        all[2].signal("-STOP");
        let mut stream = all[2].connect();
        say(&mut stream, "GET", "/leader", "Connection: close\r\n");
        leading(&mut all[1].node);
        all[2].signal("-CONT");
        let answer = hear(stream);
        assert_eq!(answer.code, 503, "lease {lease}: {}", answer.body);
    }
}

#[test]
fn a_stream_of_events_tells_of_each_change_and_goes_on_where_it_was_left() {
    let (mut first, second) = two("events", &[]);
    let mut events = Events::of(&first, "");
    let (_, status) = events.next();
    assert_eq!(status["leader"]["id"], 2);
    assert_eq!(second.ask("POST", "/resign?to=1", "").code, 202);
    let (id, status) = events.until(|status| status["leading"] == true);
    assert_eq!(status["state"], "leading");
    leading(&mut first.node);
    let mut again = Events::of(&first, &format!("Last-Event-ID: {id}\r\n"));
    // Nothing that is older.
    let (_, later) = again.next();
    assert!(later["seq"].as_u64() >= status["seq"].as_u64(), "{later} after {status}");
    // The ids of another process mean nothing to this one.
    let (_, other) = Events::of(&second, "Last-Event-ID: 1.1\r\n").next();
    assert_eq!(other["id"], 2);
}

#[test]
fn an_order_to_resign_is_taken_from_this_machine_and_from_no_page_of_somebody_else() {
    let (mut first, second) = two("orders", &[]);
    let refused = first.ask("POST", "/resign", "");
    assert_eq!(refused.code, 409);
    assert!(refused.body.contains("2 does, in epoch"), "{}", refused.body);
    for (code, path, headers) in [
        (403, "/resign", "Origin: http://evil.example\r\n"),
        (403, "/resign", "X-Forwarded-For: 10.0.0.7\r\n"),
        (400, "/resign?to=nobody", ""),
        (409, "/resign?to=7", ""),
    ] {
        let refused = second.ask("POST", path, headers);
        assert_eq!(refused.code, code, "{path} {headers}: {}", refused.body);
        let why: Value = serde_json::from_str(&refused.body).unwrap();
        assert!(why["reason"].is_string(), "{why}");
    }
    assert_eq!(second.ask("GET", "/resign", "").code, 405);
    assert_eq!(second.get("/leader").code, 200, "nothing has come of all that");
    let taken = second.ask("POST", "/resign?to=1", "Origin: http://localhost\r\n");
    assert_eq!(taken.code, 202, "{}", taken.body);
    leading(&mut first.node);
    first.until("/leader", 200);
}

#[test]
fn metrics_are_all_there_from_the_first_scrape_and_count_what_happens() {
    let (first, second) = two("metrics", &["--lease", "2s"]);
    // It leads by its own promise, and the other one follows a moment later.
    second.metric_when("ballotbox_promises", |promises| (promises - 2.0).abs() < f64::EPSILON);
    let scraped = second.get("/metrics");
    assert!(scraped.head.contains("content-type: text/plain; version=0.0.4"), "{}", scraped.head);
    for line in [
        "ballotbox_leading 1.0",
        "ballotbox_leader_known 1.0",
        "ballotbox_state{state=\"leading\"} 1.0",
        "ballotbox_state{state=\"following\"} 0.0",
        "ballotbox_link_up{peer=\"1\"} 1.0",
        "ballotbox_leaderships_total 1",
        "ballotbox_leaderships_ended_total{cause=\"resigned\"} 0",
        "ballotbox_establish_seconds_count 1",
        "ballotbox_hook_runs_total{result=\"succeeded\"} 0",
        "ballotbox_hook_runs_total{result=\"failed\"} 0",
        "ballotbox_hook_runs_total{result=\"killed\"} 0",
        "ballotbox_hook_skipped_total 0",
    ] {
        assert!(scraped.body.lines().any(|shown| shown == line), "{line}: {}", scraped.body);
    }
    let names = |told: &Told| {
        let body = told.get("/metrics").body;
        let series = body.lines().filter(|line| !line.starts_with('#'));
        let name = |line: &str| line.rsplit_once(' ').unwrap().0.to_owned();
        series.map(name).filter(|name| !name.contains("peer=")).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), names(&second), "one series for each fact, on every node");
    for counter in ["ballotbox_clock_gaps_total", "ballotbox_stale_packets_total"] {
        assert!(first.metric(counter).is_some() && second.metric(counter).is_some(), "{counter}");
    }
    let ping = |peer: u64| format!("ballotbox_ping_seconds{{peer=\"{peer}\"}}");
    let took = second.metric_when(&ping(1), |took| took > 0.0);
    assert!(took < PATIENCE.as_secs_f64(), "{took}");
    assert_eq!((first.metric(&ping(2)), second.metric(&ping(2))), (Some(0.0), None));
    assert!(second.metric("ballotbox_epoch_write_seconds") > Some(0.0));
    let families = scraped.body.lines().filter(|line| line.starts_with("# TYPE")).count();
    let helped = scraped.body.lines().filter(|line| line.starts_with("# HELP")).count();
    assert_eq!(families, helped);
    assert_eq!(second.ask("POST", "/resign?to=1", "").code, 202);
    first.until("/leader", 200);
    let ended = "ballotbox_leaderships_ended_total{cause=\"resigned\"} 1";
    assert!(second.get("/metrics").body.contains(ended));
}

#[test]
fn series_are_there_without_leadership_and_0() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let members = json!([{ "id": 1, "election": free.to_string() }]);
    let votes = json!({ "leadership": false, "members": members }).to_string();
    let votes = file("no-leadership.json", &votes);
    let mut node = Node::start_with(1, &votes, &["--status", "127.0.0.1:0"]);
    let listening = node.until(|event| event["event"] == "listening");
    let told = Told { port: listening["status"].as_str().unwrap().parse().unwrap(), node };
    for series in [
        "ballotbox_epoch_write_seconds",
        "ballotbox_clock_gaps_total",
        "ballotbox_stale_packets_total",
        "ballotbox_hook_skipped_total",
        "ballotbox_hook_runs_total{result=\"failed\"}",
    ] {
        assert_eq!(told.metric(series), Some(0.0), "{series}");
    }
    let status: Value = serde_json::from_str(&told.get("/status").body).unwrap();
    assert_eq!(status["clock"], Value::Null);
}

#[test]
fn runs_of_a_hook_are_counted_by_how_they_end() {
    for (name, hook, more) in [
        ("succeeded", "true", &[][..]),
        ("failed", "exit 3", &[]),
        ("killed", "sleep 600", &["--hook-timeout", "50ms"]),
    ] {
        let place = ensemble(&format!("hook-{name}"), 1);
        let told = Told::start(1, &place, &[&["--on-change", hook], more].concat());
        let series = |result| format!("ballotbox_hook_runs_total{{result=\"{result}\"}}");
        told.metric_when(&series(name), |runs| runs >= 1.0);
        for other in ["succeeded", "failed", "killed"].into_iter().filter(|other| *other != name) {
            assert_eq!(told.metric(&series(other)), Some(0.0), "{other} with `{hook}`");
        }
    }
}

#[test]
fn a_process_that_was_stopped_knows_that_it_was() {
    let (mut first, second) = two("held-up", &[]);
    second.signal("-STOP");
    // The follower leaves a leader that is silent for longer than a process may be held up.
    first.node.until(|event| event["event"] == "lost");
    second.signal("-CONT");
    second.metric_when("ballotbox_clock_gaps_total", |gaps| gaps >= 1.0);
    let status: Value = serde_json::from_str(&second.get("/status").body).unwrap();
    assert!(status["clock"]["gaps"].as_u64() >= Some(1), "{status}");
}

#[test]
fn half_a_request_and_an_idle_connection_are_closed_and_too_long_a_request_is_refused() {
    let (first, _second) = two("half", &[]);
    let mut half = first.connect();
    half.write_all(b"GET /status HT").unwrap();
    let mut idle = first.connect();
    let mut long = first.connect();
    let head = format!("GET /{} HTTP/1.1\r\n", "x".repeat(100_000));
    // It may hang up before all of it is said.
    let _ = long.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = long.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    let mut many = first.connect();
    let headers = "X: y\r\n".repeat(200);
    say(&mut many, "GET", "/status", &headers);
    let mut answer = Vec::new();
    let _ = many.read_to_end(&mut answer);
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 431"));
    for stream in [&mut half, &mut idle] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.starts_with(b"HTTP/1.1 2"), "it has ended, and not with an answer");
    }
    assert_eq!(first.get("/alive").code, 200);
}

#[test]
fn a_thousand_idle_connections_and_too_many_streams_leave_room_for_a_question() {
    let (first, _second) = two("crowd", &[]);
    let mut streams: Vec<_> = (0..32).map(|_| Events::of(&first, "")).collect();
    for stream in &mut streams {
        stream.next();
    }
    let refused = first.get("/events");
    assert_eq!(refused.code, 503);
    assert!(refused.head.contains("retry-after: 10"), "{}", refused.head);
    let mut crowd = Vec::new();
    for number in 0..1000 {
        crowd.push(first.connect());
        if number % 100 == 0 {
            assert_eq!(first.get("/ready").code, 200);
        }
    }
    assert_eq!(first.get("/ready").code, 200);
    // Nobody has pushed out who listens.
    for stream in &mut streams {
        stream.next();
    }
    drop(streams);
    let mut fresh = loop {
        let mut stream = first.connect();
        say(&mut stream, "GET", "/events", "");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        // One that has to make room for others is closed.
        if reader.read_line(&mut line).is_ok() && line.starts_with("HTTP/1.1 200") {
            break Events(reader);
        }
    };
    fresh.next();
}

#[test]
fn who_asks_and_never_reads_is_hung_up_on() {
    let (first, _second) = two("unread", &[]);
    let mut stream = first.connect();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    // Its answers fill all buffers, then it reads no more of ours; and then it hangs up.
    let error = loop {
        if let Err(error) = stream.write_all(&request) {
            break error;
        }
    };
    let hung_up = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(hung_up.contains(&error.kind()), "{error}");
    assert_eq!(first.get("/alive").code, 200);
}

#[test]
fn a_status_port_that_cannot_be_had_and_a_token_that_is_none_are_told_before_the_node_starts() {
    let (votes, data) = ensemble("port-in-use", 1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let short = file("short.token", "secret\n");
    let node = |more: &[&str]| {
        let (votes, data) = (votes.to_str().unwrap(), data.to_str().unwrap());
        run(&[&["node", "--id", "1", "--votes", votes, "--data-dir", data], more].concat())
    };
    let short = short.to_str().unwrap();
    for (code, more, part) in [
        (3, &["--status", &taken][..], "in use"),
        (2, &["--status", "8080"], "expected an address and a port"),
        (2, &["--status", "::1:8080"], "[::1]:8080"),
        (2, &["--status", "localhost:http"], "expected an address and a port"),
        (2, &["--admin-token-file", short], "--status"),
        (2, &["--status", "127.0.0.1:0", "--admin-token-file", short], "16 to 1024"),
        (
            2,
            &["--status", "127.0.0.1:0", "--admin-token-file", "/no/token"],
            "cannot read /no/token",
        ),
    ] {
        let output = node(more);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {told}");
        assert!(told.contains(part), "{more:?}: {told}");
        assert!(!told.contains("secret"), "{told}");
    }
}

#[test]
fn a_token_that_others_can_read_is_told_and_never_shown() {
    let place = ensemble("token", 1);
    let token = file("open.token", "correct-horse-battery\n");
    for (mode, told) in [(0o644, true), (0o600, false)] {
        fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
        let more = ["--status", "127.0.0.1:0", "--admin-token-file", token.to_str().unwrap()];
        let mut node = start_with(1, (&place.0, &place.1), &more);
        let first = node.next();
        assert_eq!(first["event"] == "warning", told, "{first}");
        assert!(!first.to_string().contains("correct-horse"), "{first}");
    }
}
