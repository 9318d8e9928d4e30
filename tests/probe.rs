//! Asking who leads: nodes of ours, real servers, and programs that are neither.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use crate::common::{
    Lab, PATIENCE, elects, id,
    patience::{InTime, Lines, code_of},
};
use crate::zookeeper::Zoo;
use async_std::task::block_on;
use ballotbox::{
    Endpoint, Epoch, Node, Round, Vote, Zxid,
    election::{Format, Notification, PeerState},
    probe::{Inquirer, NoAnswer, PROBE_ID, ProbeReport, Target, ask, ask_all},
};
use ballotbox_core::wire::{Frame, Greeting, GreetingForm};
use serde_json::Value;

const LIST: &str = "server.1=127.0.0.1:1:2:participant\nversion=0";

#[test]
fn nodes_of_ours_are_asked_and_do_not_mind() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let nodes = [lab.start(1).await, lab.start(2).await, lab.start(3).await];
        for node in &nodes {
            elects(&mut node.watch(), 3).await;
        }
        let targets: Vec<_> = (1..=3).map(|number| target(&lab.address(number).into())).collect();
        for _ in 0..20 {
            let answers = ask_all(&targets, None, PATIENCE).await;
            let report = ProbeReport::new(&targets, answers, None);
            assert_eq!((report.leader, report.agreement), (Some(id(3)), true), "{report:?}");
        }
        for node in &nodes {
            let status = node.watch().status().await.unwrap();
            assert_eq!((status.elected(), status.election.round), (Some(id(3)), Round(1)));
            assert!(!status.election.ballots.contains_key(&PROBE_ID));
        }
    });
}

#[test]
fn of_a_server_that_was_asked_before_the_fresh_answer_counts() {
    let address = serve(|mut socket| {
        let mut greeting = [0; 8];
        socket.read_exact(&mut greeting).unwrap();
        let expected = Greeting { from: Some(PROBE_ID), form: GreetingForm::Bare };
        assert_eq!(expected.encode(), greeting);
        say(&mut socket, PeerState::Following, 9, "");
        // It was said before; now there are two questions, and two answers.
        for _ in 0..2 {
            hear(&mut socket);
            say(&mut socket, PeerState::Leading, 2, "");
        }
        end_of(&mut socket);
    });
    let answer = block_on(ask(&target(&address), None, PATIENCE)).unwrap();
    assert_eq!(answer.notification.state, PeerState::Leading);
    assert_eq!(answer.notification.vote.unwrap().leader, id(2));
}

#[test]
fn asking_again_uses_the_connection_and_brings_the_servers_own_list_back() {
    let address = serve(|mut socket| {
        socket.read_exact(&mut [0; 8]).unwrap();
        for leader in [8, 9] {
            hear(&mut socket);
            say(&mut socket, PeerState::Following, leader, LIST);
        }
        let mut frame = vec![0; 48 + LIST.len()];
        if socket.read_exact(&mut frame).is_err() {
            return;
        }
        assert_eq!(Notification::decode(&frame[4..]).unwrap().format.config(), Some(LIST));
        say(&mut socket, PeerState::Following, 10, LIST);
    });
    let mut inquirer = Inquirer::new(target(&address), None);
    // It has closed after the second time: the third is over a new connection.
    for leader in [9, 10, 9] {
        let answer = block_on(inquirer.ask(PATIENCE)).unwrap();
        assert_eq!(answer.notification.vote.unwrap().leader, id(leader));
    }
}

#[test]
fn one_liar_decides_nothing_and_is_named_whatever_it_sends() {
    // The addresses are not known before all listen, so each server sends the list that it is given then.
    let lists: [Arc<OnceLock<String>>; 4] = std::array::from_fn(|_| Arc::default());
    let tell = |state, leader, list: &Arc<OnceLock<String>>| {
        let list = Arc::clone(list);
        serve(move |mut socket| {
            if socket.read_exact(&mut [0; 8]).is_err() {
                return;
            }
            for _ in 0..2 {
                hear(&mut socket);
                say(&mut socket, state, leader, list.get().unwrap());
            }
            end_of(&mut socket);
        })
    };
    let addresses = [
        tell(PeerState::Following, 3, &lists[0]),
        tell(PeerState::Following, 3, &lists[1]),
        tell(PeerState::Leading, 3, &lists[2]),
        tell(PeerState::Leading, 1, &lists[3]),
    ];
    let line = |n: usize| format!("server.{}=127.0.0.1:{}:{}\n", n + 1, n + 1, addresses[n].port);
    let honest = [line(0), line(1), line(2)].concat() + "version=0";
    let alone = format!("{}version=ffff", line(0));
    for list in &lists[..3] {
        list.set(honest.clone()).unwrap();
    }
    lists[3].set(alone).unwrap();
    let asked = |which: &[usize]| {
        which.iter().map(|n| addresses[*n].to_string()).collect::<Vec<_>>().join(",")
    };

    let (code, report) = probe(&[&asked(&[0, 1, 2, 3]), "--json"]);
    assert_eq!((code, &report["leader"], &report["agreement"]), (0, &3.into(), &false.into()));
    assert!(report["servers"][0]["member_list"].is_null(), "{report}");
    assert!(report["servers"][3]["member_list"].is_string(), "{report}");
    let told = ballotbox(&["probe", &asked(&[0, 1, 2, 3])]).output_in_time();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains(&format!("but {} names 1", addresses[3])), "{told}");

    let (code, report) = probe(&[&asked(&[1, 2, 3]), "--json"]);
    assert_eq!((code, &report["leader"]), (0, &3.into()), "{report}");
    let (code, report) = probe(&[&asked(&[1, 3]), "--json"]);
    assert_eq!((code, &report["leader"]), (1, &Value::Null), "{report}");
}

#[test]
fn a_real_server_that_is_asked_again_and_again_has_nothing_to_log() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    let mut server = zoo.serve(3);
    server.until_looking();
    let mut inquirer = Inquirer::new(target(&zoo.election(3)), None);
    for _ in 0..50 {
        let answer = block_on(inquirer.ask(PATIENCE)).unwrap();
        assert_eq!(answer.notification.state, PeerState::Looking);
    }
    drop(inquirer);
    server.until_logged("Send worker leaving thread");
    let logged = |text| server.log().iter().filter(|line| line.contains(text)).count();
    assert_eq!(["Received connection request", "(36 bits)"].map(logged), [1, 2]);
}

#[test]
fn what_is_no_election_port_gets_a_verdict() {
    let verdict =
        |address: &Endpoint, limit| block_on(ask(&target(address), None, limit)).unwrap_err();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().into();
    assert_eq!(verdict(&free, PATIENCE).kind(), "refused");
    let silent = serve(|mut socket| end_of(&mut socket));
    let soon = Duration::from_millis(500);
    assert_eq!(verdict(&silent, soon), NoAnswer::Silent { limit: soon });
    let shy = serve(drop);
    assert_eq!(verdict(&shy, PATIENCE), NoAnswer::Closed);
    let web = serve(|mut socket| {
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        end_of(&mut socket);
    });
    assert_eq!(verdict(&web, PATIENCE).kind(), "another-program");
    let nonsense = serve(|mut socket| {
        socket.write_all(b"\0\0\0\x05hello").unwrap();
        hear_greeting_and_question(&mut socket);
    });
    assert_eq!(verdict(&nonsense, PATIENCE).kind(), "malformed");
    let tls = serve(|mut socket| {
        let mut head = [0; 3];
        socket.read_exact(&mut head).unwrap();
        // As real servers do: no word for what is no TLS, an alert for a hello that they do not like.
        if head == [0x16, 3, 1] {
            socket.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).unwrap();
            end_of(&mut socket);
        }
    });
    assert_eq!(verdict(&tls, PATIENCE), NoAnswer::WantsTls);
    let nowhere = Endpoint { host: "no-such-host.invalid".to_owned(), port: 3888 };
    assert_eq!(verdict(&nowhere, PATIENCE).kind(), "unresolved");
}

#[test]
fn real_servers_answer_and_hold_no_election_for_it() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        let mut three = zoo.serve(3);
        three.until_looking();
        let addresses = [1, 2, 3].map(|number| zoo.election(number).to_string()).join(",");
        let (code, report) = probe(&[&addresses, "--json"]);
        assert_eq!(
            (code, &report["leader"], &report["agreement"]),
            (1, &Value::Null, &false.into())
        );
        let looking = &report["servers"][2];
        // One of three does not say for all who is who.
        assert_eq!((&looking["state"], &looking["id"]), (&"looking".into(), &Value::Null));

        let node = zoo.node(1).await;
        let mut two = zoo.serve(2);
        let outcome = three.outcome_with(3);
        two.outcome_with(3);
        elects(&mut node.watch(), 3).await;
        let file = zoo.zoo_cfg_file(1);
        for arguments in [[addresses.as_str(), "--json"], [&config(&file), "--json"]] {
            for _ in 0..10 {
                let (code, report) = probe(&arguments);
                assert_eq!((code, &report["leader"]), (0, &3.into()), "{report}");
                assert_eq!(report["agreement"], true);
                for (index, state) in ["following", "following", "leading"].into_iter().enumerate()
                {
                    let server = &report["servers"][index];
                    assert_eq!(
                        (&server["id"], &server["state"]),
                        (&(index + 1).into(), &state.into())
                    );
                    assert_eq!(
                        (&server["leader"], &server["round"]),
                        (&3.into(), &outcome.round.into())
                    );
                    assert_eq!(
                        (&server["reachable"], &server["config_version"]),
                        (&true.into(), &"0x0".into())
                    );
                }
            }
        }
        assert_eq!((two.elections(), three.elections()), (1, 1));

        // What it said last to a probe names the old leader; that is not what it says now.
        drop(three);
        two.outcome_with(2);
        elects(&mut node.watch(), 2).await;
        let (code, report) = probe(&[&addresses, "--json"]);
        assert_eq!(
            (code, &report["leader"], &report["agreement"]),
            (0, &2.into(), &true.into()),
            "{report}"
        );
        assert_eq!(report["servers"][2]["problem"], "refused");
        assert_eq!(two.elections(), 2, "one for the leader that was lost");
    });
}

#[test]
fn a_paused_server_is_called_silent_and_holds_up_nobody() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
        two.outcome_with(3);
        three.outcome_with(3);
        two.pause();
        let addresses = [2, 3].map(|number| zoo.election(number).to_string()).join(",");
        let (code, report) = probe(&[&addresses, "--json", "--deadline", "1s"]);
        assert_eq!((code, &report["servers"][0]["problem"]), (1, &"silent".into()));
        assert_eq!(report["servers"][1]["state"], "leading");
    });
}

#[test]
fn watching_tells_what_changes_until_it_is_told_to_stop() {
    block_on(async {
        let mut lab = Lab::voters(3);
        lab.absent(3);
        let nodes = [lab.start(1).await, lab.start(2).await];
        for node in &nodes {
            elects(&mut node.watch(), 2).await;
        }
        let addresses = [1, 2].map(|number| lab.address(number).to_string()).join(",");
        let mut command = ballotbox(&["probe", &addresses, "--json", "--watch", "--every", "10ms"]);
        let mut watching = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = Lines::of(watching.stdout.take().unwrap());
        let mut until = |wanted: &dyn Fn(&Value) -> bool| loop {
            let line = lines.next().unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            if wanted(&line) {
                return line;
            }
        };
        let found = until(&|line| line["event"] == "leader");
        assert_eq!((&found["leader"], &found["agreement"]), (&2.into(), &true.into()));
        let [one, two] = nodes;
        two.stop().await.unwrap();
        let gone = until(&|line| line["event"] == "server" && line["reachable"] == false);
        assert_eq!(gone["address"], lab.address(2).to_string());
        until(&|line| line["event"] == "leader" && line["leader"].is_null());
        let pid = watching.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
        assert_eq!(code_of(&mut watching, "the probe"), Some(1));
        one.stop().await.unwrap();
    });
}

#[test]
fn a_server_that_means_another_ensemble_stands_out() {
    block_on(async {
        let mut lab = Lab::voters(2);
        let list = |host: &str| {
            let line = |number| {
                let port = lab.address(number).port();
                format!("server.{number}={host}:{number}:{port}:participant\n")
            };
            line(1) + &line(2) + "version=0"
        };
        let lists = [list("127.0.0.1"), list("127.0.0.1").replace("127.0.0.1:2:", "127.0.0.1:3:")];
        let mut nodes = Vec::new();
        for (number, list) in (1..).zip(lists) {
            let mut config = lab.config(number);
            config.config_text = list.into();
            nodes.push(Node::start(config).await.unwrap());
        }
        for node in &nodes {
            elects(&mut node.watch(), 2).await;
        }
        let addresses = [1, 2].map(|number| lab.address(number).to_string()).join(",");
        let (code, report) = probe(&[&addresses, "--json"]);
        assert_eq!((code, &report["leader"]), (0, &2.into()));
        let servers = report["servers"].as_array().unwrap().iter();
        let differing = servers.filter(|server| server["member_list"].is_string()).count();
        assert_eq!(differing, 1, "{report}");
        let table = String::from_utf8(run(&["probe", &addresses]).stdout).unwrap();
        assert!(table.contains("its member list differs: server 2 quorum address"), "{table}");
    });
}

#[test]
fn the_table_says_what_is_wrong_and_usage_errors_say_what_was_expected() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = run(&["probe", &refused]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for text in ["unreachable", "connection refused", "no leader: no server answered"] {
        assert!(table.contains(text), "{table}");
    }
    for wrong in [
        &["probe"][..],
        &["probe", "localhost"],
        &["probe", "h:1,,h:2"],
        &["probe", "h:1", "--config", "x"],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty());
    }
    let missing = run(&["probe", "--config", "no-such-file.cfg"]);
    assert_eq!(missing.status.code(), Some(2));
}

fn target(endpoint: &Endpoint) -> Target {
    Target { id: None, endpoints: vec![endpoint.clone()] }
}

fn config(file: &Path) -> String {
    format!("--config={}", file.display())
}

fn ballotbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    ballotbox(arguments).output_in_time()
}

/// Exit code and object of `ballotbox probe … --json`.
fn probe(arguments: &[&str]) -> (i32, Value) {
    let output = ballotbox(&["probe"]).args(arguments).output_in_time();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), report)
}

/// A server that treats every connection like this.
fn serve(treat: impl Fn(TcpStream) + Send + 'static) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(treat));
    address.into()
}

fn say(socket: &mut TcpStream, state: PeerState, leader: u64, list: &str) {
    let vote = Vote { epoch: Epoch(1), zxid: Zxid(0), leader: id(leader) };
    let format = match list {
        "" => Format::WithoutConfig { version: 1 },
        list => Format::Current { version: 2, config: list.into() },
    };
    let notification = Notification { state, vote: Some(vote), round: Round(1), format };
    let frame = Frame::new(&notification.encode()).unwrap();
    // A client that has heard enough may be gone.
    let _ = socket.write_all(frame.as_bytes());
}

/// Reads one question: it votes for nobody, and brings no member list.
fn hear(socket: &mut TcpStream) {
    let mut frame = [0; 44];
    if socket.read_exact(&mut frame).is_err() {
        return;
    }
    let question = Notification::decode(&frame[4..]).unwrap();
    assert_eq!((question.state, question.vote), (PeerState::Looking, None));
    assert_eq!(question.format.config(), None);
}

fn hear_greeting_and_question(socket: &mut TcpStream) {
    socket.read_exact(&mut [0; 52]).unwrap();
}

/// Waits until the other end goes.
fn end_of(socket: &mut TcpStream) {
    let _ = socket.read_to_end(&mut Vec::new());
}
