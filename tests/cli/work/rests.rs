//! Programs that fail, and rest: their nodes do not lead meanwhile, and another one does.

use super::*;

const RESIGN: [&str; 2] = ["--when-it-ends", "resign"];

/// Whether the node leads or follows, after this epoch. What the program does is told by another way, and may come first.
fn is_later(event: &Value, epoch: u64) -> bool {
    let is_one = event["event"] == "leading" || event["event"] == "following";
    is_one && event["epoch"].as_u64() > Some(epoch)
}

/// How long it took from one event to the next. A limit from below holds on a busy machine, too.
fn passed(from: &Value, to: &Value) -> f64 {
    to["at_ms"].as_f64().unwrap() - from["at_ms"].as_f64().unwrap()
}

#[test]
fn a_node_that_is_alone_does_not_lead_while_its_program_rests_and_then_does() {
    let unprepared = &["--before-leading", "exit 1"];
    for (options, state) in [(&RESIGN, "ended"), (unprepared, "unprepared")] {
        let (place, mark) = alone(&format!("rests-{state}"));
        let mut node = Working::start(1, &place, options, &["sh", "-c", "exit 1", &mark]);
        // It rests for one second, and then for two.
        for (epoch, half) in [(1, 500.0), (2, 1000.0)] {
            let ended = node.work(state);
            let leading = node.node.until(|event| is_later(event, epoch));
            assert!(passed(&ended, &leading) > half, "{ended} {leading}");
        }
        node.signal("-KILL");
        nothing_is_left(&mark);
    }
}

#[test]
fn another_node_runs_its_program_while_that_of_one_rests() {
    let place = ensemble("work-rests", 3);
    let mark = mark("rests-of-three");
    let (failing, going) = ("echo $BALLOTBOX_EPOCH; exit 1", forever(""));
    let start =
        |id, command| Working::start(id, &place, &RESIGN, &["sh", "-c", command, mark.as_str()]);
    let mut others = [1, 2].map(|id| start(id, going.as_str()));
    let mut node = start(3, failing);
    // However slowly they were started: the one that fails is to lead.
    let first = node.node.until(|event| is_later(event, 0));
    if let Some(leader) = first["leader"].as_u64() {
        hand_over(&place, leader, 3);
    }
    let failed_in = node.prints().parse().unwrap();
    let ended = node.work("ended");
    assert_eq!(ended["code"], 1);
    let next = node.node.until(|event| is_later(event, failed_in));
    let leader = next["leader"].as_u64().expect("it leads again, and its program rests");
    let other = &mut others[usize::from(leader == 2)];
    let epoch = next["epoch"].as_u64().unwrap();
    other.node.until(|event| event["event"] == "leading" && event["epoch"] == epoch);
    other.work("running");
    // When it has rested it is named, and leads.
    hand_over(&place, leader, 3);
    let again = node.node.until(|event| is_later(event, epoch));
    assert_eq!(again["event"], "leading");
    assert!(passed(&ended, &again) > 500.0, "{ended} {again}");
    assert_eq!(node.prints(), again["epoch"].to_string());
    for one in others.iter().chain([&node]) {
        one.signal("-KILL");
    }
    nothing_is_left(&mark);
}

/// Has a leader hand over to another member as soon as that one can lead.
fn hand_over((_, data): &(PathBuf, PathBuf), leader: u64, to: u64) {
    let directory = data.join(leader.to_string());
    let (directory, to) = (directory.to_str().unwrap(), to.to_string());
    until(
        || crate::run(&["resign", "--data-dir", directory, "--to", &to]).status.success(),
        || format!("{leader} does not hand over to {to}"),
    );
}

#[test]
fn a_node_tells_all_who_ask_what_its_program_does() {
    let (place, mark) = alone("asked");
    let failed = place.1.with_extension("failed");
    let _ = fs::remove_file(&failed);
    let before = format!("test -e {0} || {{ touch {0}; exit 3; }}", failed.display());
    let script = forever(&before);
    let options = ["--when-it-ends", "restart"];
    let mut node = Working::start(1, &place, &options, &["sh", "-c", &script, &mark]);
    assert_eq!(node.work("ended")["code"], 3);
    let running = node.work("running");
    let directory = place.1.join("1");
    let ask = |more: &[&str]| {
        let directory = directory.to_str().unwrap();
        let output = crate::run(&[&["status", "--data-dir", directory], more].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let expected = serde_json::json!({
        "state": "running", "pid": running["pid"], "starts": 2, "kills": 0, "last_exit": 3,
    });
    let work =
        || serde_json::from_str::<Value>(&ask(&["--json"])).unwrap_or_default()["work"].take();
    until(|| work() == expected, || format!("{} is told, expected {expected}", work()));
    let line =
        format!("program   running, process {}, 2 starts, last exit code 3\n", running["pid"]);
    assert!(ask(&[]).contains(&line), "{}", ask(&[]));
    node.signal("-KILL");
    nothing_is_left(&mark);
}
