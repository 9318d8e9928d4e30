//! One program after the other, with the next leadership of the same node or of another one: never two at one time.
//!
//! Each program takes a lock that no two can have (`flock`), and that each of its processes has as long as it is there. Who does not get it
//! says `overlap`.

use super::*;

/// A program that takes the lock of this test, and then does this.
fn alone_with_a_lock(place: &(PathBuf, PathBuf), then: &str) -> String {
    let lock = place.0.with_extension("lock");
    alone_with(&lock) + then
}

/// It says when it is asked to end, and takes the time until a file is there, and then some more.
fn reluctant(place: &(PathBuf, PathBuf), mark: &str) -> (String, PathBuf) {
    let may_end = place.0.with_extension("may-end");
    let _ = fs::remove_file(&may_end);
    // What has left its group and ignores the request has the lock as well.
    let script = format!(
        "setsid sh -c 'trap \"\" TERM; sleep {mark}' &
         trap 'echo asked; until [ -e \"{}\" ]; do sleep 0.01; done; sleep 0.5; echo ends; exit 0' TERM
         echo began $BALLOTBOX_ID $BALLOTBOX_EPOCH
         while :; do sleep 1000 & wait; done",
        may_end.display()
    );
    (alone_with_a_lock(place, &script), may_end)
}

/// A node that was suspended has lost its leadership, by the clock of its guard, and gets the next one while its program still ends.
#[test]
fn a_node_that_leads_again_begins_its_program_when_nothing_is_left_of_the_one_before() {
    let (place, mark) = alone("again");
    let (script, may_end) = reluctant(&place, &mark);
    let options = ["--lease", "60s", "--stop-within", "57s"];
    let mut node = Working::start(1, &place, &options, &["sh", "-c", &script, &mark]);
    assert_eq!(node.prints(), "began 1 1");
    node.signal("-STOP");
    assert_eq!(node.prints(), "asked");
    node.signal("-CONT");
    node.work("ending");
    fs::write(may_end, "").unwrap();
    assert_eq!(node.prints(), "ends");
    assert_eq!(node.work("ended")["code"], 0);
    assert_eq!(node.prints(), "began 1 2");
    node.signal("-TERM");
    assert_eq!(node.prints(), "asked");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

/// The lease is so long that nobody leads by waiting for its end.
#[test]
fn a_leadership_is_handed_over_when_nothing_is_left_of_the_program_and_then_at_once() {
    for by in ["signal", "resign"] {
        let (place, mark) = (ensemble(&format!("work-handed-{by}"), 3), mark(by));
        let (script, may_end) = reluctant(&place, &mark);
        let mut nodes: Vec<_> = (1..=3)
            .map(|id| Working::start(id, &place, &PATIENT, &["sh", "-c", &script, &mark]))
            .collect();
        let (first, said) = first_to_print(&nodes, None);
        assert_eq!(said, format!("began {} 1", first + 1));
        let resign = if by == "signal" {
            nodes[first].signal("-TERM");
            None
        } else {
            let directory = place.1.join((first + 1).to_string());
            let mut resign = ballotbox(&["resign", "--within", "50s", "--data-dir"]);
            Some(resign.arg(directory).stdout(Stdio::null()).spawn().unwrap())
        };
        assert_eq!(nodes[first].prints(), "asked");
        fs::write(&may_end, "").unwrap();
        assert_eq!(nodes[first].prints(), "ends");
        let (next, said) = first_to_print(&nodes, None);
        assert_eq!(said, format!("began {} 2", next + 1));
        assert_ne!(next, first);
        if let Some(mut resign) = resign {
            assert_eq!(code_of(&mut resign, "ballotbox resign"), Some(0));
        }
        for node in &nodes {
            node.signal("-TERM");
        }
        for node in &mut nodes {
            assert_eq!(node.code(), Some(0));
        }
        nothing_is_left(&mark);
    }
}

/// How many threads and descriptors a process has, and children that nobody waits for.
fn held_by(pid: u32) -> (usize, usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    (count("task"), count("fd"), children_of(pid).len())
}

#[test]
fn of_nodes_that_have_lost_and_had_the_leadership_twenty_times_none_has_grown() {
    let (place, mark) = (ensemble("work-often", 2), mark("often"));
    let script =
        alone_with_a_lock(&place, "echo began $BALLOTBOX_ID; while :; do sleep 1000; done");
    let nodes =
        [1, 2].map(|id| Working::start(id, &place, &PATIENT, &["sh", "-c", &script, &mark]));
    let (mut worker, _) = first_to_print(&nodes, None);
    let guards = [0, 1].map(|index: usize| guard_of(nodes[index].pid()));
    let mut turn = || {
        let directory = place.1.join((worker + 1).to_string());
        let mut resign = ballotbox(&["resign", "--data-dir"]);
        let output = resign.arg(directory).output_in_time();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        worker = 1 - worker;
        assert_eq!(first_to_print(&nodes, None), (worker, format!("began {}", worker + 1)));
    };
    let all = || [nodes[0].pid(), nodes[1].pid(), guards[0], guards[1]].map(held_by);
    (0..4).for_each(|_| turn());
    let before = all();
    (0..40).for_each(|_| turn());
    let at_most = |now: [(usize, usize, usize); 4]| {
        now.iter()
            .zip(&before)
            .all(|(now, before)| now.0 <= before.0 && now.1 <= before.1 && now.2 <= before.2)
    };
    until(|| at_most(all()), || format!("{before:?} became {:?}", all()));
    for mut node in nodes {
        node.signal("-TERM");
        assert_eq!(node.code(), Some(0));
    }
    nothing_is_left(&mark);
}
