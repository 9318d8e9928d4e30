//! `ballotbox why`, and the same text of a play.

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::Path,
    process::Output,
    thread,
};

use serde_json::{Value, json};

use super::{
    Node, PATIENCE,
    leaders::{ensemble, following, leading, start, start_with},
    run, text,
};

fn why(data: &Path, more: &[&str]) -> Output {
    run(&[&["why", "--data-dir", data.to_str().unwrap()], more].concat())
}

fn report(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn last(data: &Path) -> Value {
    let mut report = report(&why(data, &["--json"]));
    report["changes"].as_array_mut().unwrap().pop().unwrap()
}

/// Waits until the chronicle of this node has this change whole: what is printed may be known a moment before.
fn whole(data: &Path, number: u64) -> Value {
    loop {
        let change = last(data);
        if change["number"] == number && !change["leader"].is_null() && !change["by"].is_null() {
            return change;
        }
    }
}

fn steps(change: &Value) -> Vec<&str> {
    let steps = change["steps"].as_array().unwrap();
    let at = |step: &Value| step["at_ms"].as_f64().unwrap();
    assert!(steps.windows(2).all(|two| at(&two[0]) <= at(&two[1])), "{change}");
    steps.iter().map(|step| step["what"].as_str().unwrap()).collect()
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

#[test]
fn after_the_death_of_a_leader_the_next_one_says_why_who_voted_and_whose_words_counted() {
    let (mut nodes, data, epoch) = led("why-dies");
    let first = whole(&data.join("3"), 1);
    assert_eq!((&first["ended"], &first["by"]), (&Value::Null, &json!("election")));
    assert_eq!((&first["leader"], &first["epoch"]["value"]), (&json!(3), &json!(epoch)));
    drop(nodes.pop());
    let next = leading(&mut nodes[1]);
    assert_eq!(following(&mut nodes[0], 2), next);

    let change = whole(&data.join("2"), 2);
    let ended = json!({ "leader": 3, "epoch": epoch, "cause": "leader-lost" });
    assert_eq!((&change["ended"], &change["by"]), (&ended, &json!("election")));
    let votes = change["votes"].as_array().unwrap();
    let of = |from: u64, result: &str| {
        votes.iter().any(|vote| {
            (&vote["from"], &vote["result"], &vote["vote"]["leader"])
                == (&json!(from), &json!(result), &json!(2))
        })
    };
    assert!(of(1, "equals"), "{change}");
    assert_eq!(
        change["not_waited_for"],
        json!([{ "id": 3, "why": "out-of-reach", "votes_for": null }])
    );
    let proposal = json!({
        "proposed_by": 2, "value": next, "counted": [1, 2], "not_counted": [],
    });
    assert_eq!((&change["epoch"], &change["leader"]), (&proposal, &json!(2)));
    let expected = ["lost", "looking", "elected", "proposed", "noted", "begun", "leading"];
    assert_eq!(steps(&change), expected);

    let change = whole(&data.join("1"), 2);
    assert_eq!((&change["ended"], &change["leader"]), (&ended, &json!(2)));
    assert_eq!(steps(&change), ["lost", "looking", "elected", "proposed", "following"]);

    let output = why(&data.join("2"), &[]);
    let told = text(&output.stdout);
    for part in [
        " 2 changes, as 2 has seen them\n",
        &format!(": 2 leads in epoch {next}, elected in round "),
        &format!("\n    before      3 led in epoch {epoch}: the leader is gone\n"),
        "\n    not awaited 3 cannot be reached\n",
        &format!(
            "\n    epoch       {next}, proposed by 2 (itself)\n    counted     1, 2 (itself)\n"
        ),
        "\n    times       lost 0.0, looking ",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.lines().all(|line| line.chars().count() <= 80 && !line.ends_with(' ')), "{told}");
}

#[test]
fn a_hand_over_is_told_as_a_nomination_by_the_old_leader_and_by_the_new_one() {
    let (mut nodes, data, epoch) = led("why-resigns");
    loop {
        let resign = run(&["resign", "--data-dir", data.join("3").to_str().unwrap(), "--to", "1"]);
        // Its first answer to a ping may be on its way.
        if resign.status.code() == Some(0) {
            break;
        }
    }
    assert_eq!(leading(&mut nodes[0]), epoch + 1);
    for (member, cause) in [("1", "leader-lost"), ("3", "resigned")] {
        let change = whole(&data.join(member), 2);
        assert_eq!(change["by"], "nomination", "{change}");
        assert_eq!(change["votes"], json!([]), "{change}");
        assert_eq!(
            change["ended"],
            json!({ "leader": 3, "epoch": epoch, "cause": cause }),
            "{change}"
        );
        assert_eq!((&change["leader"], &change["epoch"]["proposed_by"]), (&json!(1), &json!(1)));
    }
    let told = why(&data.join("3"), &[]);
    let told = text(&told.stdout);
    for part in [
        &format!(": 1 leads in epoch {}, nominated in round ", epoch + 1),
        "before      3 (itself) led in epoch",
        ": it has resigned\n",
        "votes       none: the leader before has said who comes next\n",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_status_port_tells_the_same_as_the_control_socket() {
    let place = ensemble("why-port", 1);
    let mut node = start_with(1, (&place.0, &place.1), &["--status", "127.0.0.1:0"]);
    let listening = node.until(|event| event["event"] == "listening");
    let url = format!("http://{}", listening["status"].as_str().unwrap());
    leading(&mut node);
    let data = place.1.join("1");
    let mut here = whole(&data, 1);
    let mut there = report(&run(&["why", &url, "--json"]))["changes"][0].take();
    for change in [&mut here, &mut there] {
        // It is reckoned anew from the clock of the machine.
        assert!(change["time"].as_str().unwrap().ends_with('Z'), "{change}");
        change["time"] = Value::Null;
    }
    assert_eq!(here, there);
    let output = run(&["why", &url]);
    let told = text(&output.stdout);
    assert!(told.starts_with(" 1 change, as 1 has seen it\n\n Change 1, 2"), "{told}");
}

#[test]
fn the_control_socket_refuses_what_is_no_such_question_and_goes_on() {
    let place = ensemble("why-socket", 1);
    let mut node = start(1, &place);
    leading(&mut node);
    let data = place.1.join("1");
    for wrong in
        [r#"{"request":"why","changes":2}"#, r#"{"request":"why"} x"#, r#"{"request":"WHY"}"#]
    {
        let mut stream = UnixStream::connect(data.join("control")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(stream, "{wrong}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains("expected {\"request\":\"status\"}, {\"request\":\"why\"}"),
            "{error}"
        );
    }
    assert_eq!(whole(&data, 1)["leader"], 1);
}

#[test]
fn where_no_node_answers_it_says_so_in_one_line_and_shows_nothing_hidden() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    let answers = [
        ("", "has closed the connection"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n{}", "has closed the connection"),
        ("SSH-2.0-\u{1b}[2J\r\n\r\n", "is no status port of a node"),
        ("HTTP/1.0 404 Not Found\r\n\r\nno \u{1b}[2J here", "answers with code 404: no "),
        ("HTTP/1.0 200 OK\r\n\r\n{\"id\":\"\u{1b}[2J\"}", "answers something else than a node"),
        ("HTTP/1.0 200 OK\r\n\r\n{\"id\":1,\"changes\":[{}]}", "answers something else"),
    ];
    let server = thread::spawn(move || {
        for (answer, _) in answers {
            let (mut stream, _) = port.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            assert!(request.starts_with(b"GET /why HTTP/1.0\r\nHost: 127.0.0.1:"), "{request:?}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    for (answer, part) in answers {
        let output = run(&["why", &url]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{answer:?}: {told}");
        assert!(told.starts_with("ballotbox: ") && told.contains(part), "{answer:?}: {told}");
        assert!(!told.contains('\u{1b}') && told.lines().count() == 1, "{told}");
    }
    server.join().unwrap();
    let output = run(&["why", &url]);
    assert_eq!(output.status.code(), Some(3));
    let told = text(&output.stderr);
    assert!(told.contains("no node answers at http://127.0.0.1:"), "{told}");
    let nowhere = why(Path::new("/no/such/directory"), &[]);
    assert_eq!(nowhere.status.code(), Some(3));
    for wrong in [
        &["why"][..],
        &["why", "http://127.0.0.1:1", "--data-dir", "x"],
        &["why", "https://127.0.0.1:1"],
        &["why", "127.0.0.1:1"],
    ] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_simulation_tells_the_same_text_for_the_same_seed_and_only_if_it_is_asked_to() {
    let play = |seed: &str, more: &[&str]| {
        let args = [&["simulate", "examples/leader-dies.json", "--seed", seed], more].concat();
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let told = |text: &str| text.split_once(" has seen them\n").unwrap().1.to_owned();
    let first = told(&play("7", &["--why"]));
    assert_eq!(first, told(&play("7", &["--why"])));
    assert_ne!(first, told(&play("8", &["--why"])));
    for part in
        ["Change 2, at ", "before      2 led in epoch ", "not awaited 2 cannot be reached\n"]
    {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(first.lines().all(|line| line.chars().count() <= 80), "{first}");
    assert!(!play("7", &[]).contains("has seen them"));
    let with: Value = serde_json::from_str(&play("7", &["--why", "--json"])).unwrap();
    let without: Value = serde_json::from_str(&play("7", &["--json"])).unwrap();
    assert_eq!(with["why"]["changes"][1]["ended"]["leader"], 2);
    assert_eq!((&with["why"]["changes"][1]["time"], without.get("why")), (&Value::Null, None));
    let many = run(&["simulate", "examples/leader-dies.json", "--seeds", "2", "--why"]);
    assert_eq!(many.status.code(), Some(2));
}

#[test]
fn a_play_over_sockets_tells_how_its_leaders_came_to_lead() {
    let output = run(&["elect", "examples/leader-dies.json", "--why"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for part in [" 2 changes, as 3 has seen them\n", "before      2 led in epoch ", "Change 2, at "]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let output = run(&["elect", "examples/leader-dies.json", "--why", "--json"]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["why"]["id"], object["leader"]);
    let changes = object["why"]["changes"].as_array().unwrap();
    assert_eq!(changes.last().unwrap()["leader"], object["leader"]);
    let output = run(&["elect", "examples/two-voters.json", "--json"]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object.get("why"), None);
}
