//! The hook of `--on-change`, run by real nodes.
//!
//! What a hook says comes through a named pipe, and where it is to wait it reads another one. So nothing here waits for time to pass.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
};

use serde_json::{Value, json};

use super::{
    Node, PATIENCE, ballotbox, file,
    leaders::{ensemble, leading},
    patience::{InTime, code_of, ended},
    run, text, votes,
};

/// Says what it was told: number, state, state before, leader, epoch, token, cause, how many were skipped.
const SAY: &str = r#"echo "$BALLOTBOX_SEQ $BALLOTBOX_STATE/$BALLOTBOX_PREVIOUS $BALLOTBOX_LEADER/$BALLOTBOX_EPOCH/$BALLOTBOX_TOKEN $BALLOTBOX_CAUSE/$BALLOTBOX_SKIPPED" > "$HOOK/told""#;

const SIGPIPE: u32 = 13;

/// Waits until it may go on.
const WAIT: &str = r#"read -r line < "$HOOK/go""#;

/// Where a hook and its test meet.
struct Meeting {
    place: PathBuf,
    told: Receiver<String>,
    /// Both ends: so nobody waits to open one.
    tell: File,
    go: File,
}

impl Meeting {
    fn at(name: &str) -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hook-{name}"));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        let (told, go) = (pipe(&place, "told"), pipe(&place, "go"));
        let tell = told.try_clone().unwrap();
        let (line, lines) = mpsc::channel();
        // It ends with the process of the test.
        std::thread::spawn(move || {
            BufReader::new(told).lines().try_for_each(|read| line.send(read.unwrap()))
        });
        Self { place, told: lines, tell, go }
    }

    /// A node with this hook.
    fn start(&self, id: u64, place: &(PathBuf, PathBuf), hook: &str, more: &[&str]) -> Node {
        Node::spawned(&mut self.command(id, place, hook, more))
    }

    fn command(
        &self,
        id: u64,
        (votes, data): &(PathBuf, PathBuf),
        hook: &str,
        more: &[&str],
    ) -> Command {
        let id = id.to_string();
        let mut command = ballotbox(&["node", "--json", "--id", &id, "--on-change", hook]);
        command.arg("--votes").arg(votes).arg("--data-dir").arg(data.join(id)).args(more);
        command.env("HOOK", &self.place);
        command
    }

    fn next(&self) -> String {
        self.told.recv_timeout(PATIENCE).expect("the hook says nothing more")
    }

    fn let_go(&mut self) {
        self.go.write_all(b"go\n").unwrap();
    }

    /// What hooks have said and was not read yet. No hook may run any more.
    fn rest(&mut self) -> Vec<String> {
        self.tell.write_all(b"end\n").unwrap();
        std::iter::repeat_with(|| self.next()).take_while(|line| line != "end").collect()
    }
}

/// A named pipe, open at both ends.
fn pipe(place: &Path, name: &str) -> File {
    let path = place.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

fn signal(node: &Node, signal: &str) {
    let pid = node.child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

fn warns(event: &Value, told: &str) -> bool {
    event["event"] == "warning" && event["text"].as_str().unwrap().contains(told)
}

/// The number of a run, and how many were skipped before it.
fn numbers(line: &str) -> (u64, u64) {
    let sequence = line.split(' ').next().unwrap();
    let skipped = line.rsplit('/').next().unwrap();
    (sequence.parse().unwrap(), skipped.parse().unwrap())
}

#[test]
fn a_hook_runs_when_its_node_is_settled_and_when_it_has_stopped_and_each_change_has_one_run() {
    let place = ensemble("hook-alone", 1);
    let mut meeting = Meeting::at("alone");
    let node = meeting.start(1, &place, SAY, &[]);
    assert_eq!(meeting.next(), "1 leading/ 1/1/1 /0");
    assert_eq!(node.end("-TERM"), Some(0));
    assert_eq!(meeting.rest(), ["2 stopped/leading // stopped/0"]);
    // A new life begins to count anew.
    let node = meeting.start(1, &place, SAY, &[]);
    assert_eq!(meeting.next(), "1 leading/ 1/2/2 /0");
    assert_eq!(node.end("-INT"), Some(0));
}

#[test]
fn a_run_waits_for_the_one_before_and_is_about_what_is_true_by_then_and_the_node_waits_for_neither()
{
    let place = ensemble("hook-waits", 3);
    let mut meeting = Meeting::at("waits");
    let mut first = meeting.start(1, &place, &format!("{SAY}; {WAIT}"), &[]);
    let mut others = [2, 3].map(|id| super::leaders::start(id, &place));
    // With equal histories 1 is elected by nobody while others are there.
    let led = first.until(|event| event["event"] == "following");
    let (leader, epoch) = (led["leader"].as_u64().unwrap(), led["epoch"].as_i64().unwrap());
    assert_eq!(meeting.next(), format!("1 following/ {leader}/{epoch}/{epoch} /0"));
    for node in &mut others {
        node.until(|event| event["epoch"] == epoch);
    }
    // The hook runs, and the node follows the next leader.
    let mut others = Vec::from(others);
    drop(others.remove(usize::from(leader == 3)));
    first.until(|event| event["event"] == "lost");
    let led = first.until(|event| event["event"] == "following" || event["event"] == "leading");
    meeting.let_go();
    let told = meeting.next();
    let (sequence, skipped) = numbers(&told);
    assert_eq!(sequence, skipped + 2, "{told}");
    let (state, epoch) = (led["event"].as_str().unwrap(), led["epoch"].as_i64().unwrap());
    let leader = led["leader"].as_u64().unwrap_or(1);
    let what = format!("{sequence} {state}/following {leader}/{epoch}/{epoch} ");
    assert!(told.starts_with(&what) && !told.contains(" /"), "{what}: {told}");
    signal(&first, "-TERM");
    first.until(|event| event["event"] == "lost");
    meeting.let_go();
    let told = meeting.next();
    assert!(told.contains(&format!(" stopped/{state} // ")), "{told}");
    meeting.let_go();
    first.until(|event| event["event"] == "stopped");
    assert_eq!(code_of(&mut first.child, "the node"), Some(0));
    assert!(meeting.rest().is_empty());
}

#[test]
fn hooks_that_hang_delay_no_heartbeat_and_are_killed_by_their_time_out() {
    let place = ensemble("hook-hangs", 2);
    let mut votes: Value = serde_json::from_slice(&fs::read(&place.0).unwrap()).unwrap();
    votes["timing"] = json!({ "silence_ms": 2000 });
    fs::write(&place.0, votes.to_string()).unwrap();
    let meeting = Meeting::at("hangs");
    let hook = format!("trap '' TERM; {WAIT}");
    // Without heartbeats both would be lost long before that.
    let mut nodes = [1, 2].map(|id| meeting.start(id, &place, &hook, &["--hook-timeout", "5s"]));
    for node in &mut nodes {
        node.until(|event| event["event"] == "leading" || event["event"] == "following");
    }
    for node in &mut nodes {
        node.until(|event| {
            assert_ne!(event["event"], "lost", "{event}");
            warns(event, "had not ended 5s after change 1 (")
        });
    }
}

#[test]
fn a_newer_change_kills_no_run_and_the_time_out_kills_all_of_its_group() {
    let place = ensemble("hook-group", 2);
    let meeting = Meeting::at("group");
    let held = meeting.place.join("held");
    assert!(Command::new("mkfifo").arg(&held).status().unwrap().success());
    // Shell and child keep the pipe open, and neither ends when it is asked to.
    let hook = format!(
        r#"trap '' TERM HUP INT; {SAY}; if [ "$BALLOTBOX_SEQ" = 1 ]; then exec 7> "$HOOK/held"; sleep 600 & wait; fi"#
    );
    let mut first = meeting.start(1, &place, &hook, &["--hook-timeout", "3s"]);
    let second = super::leaders::start(2, &place);
    let epoch = first.until(|event| event["event"] == "following")["epoch"].clone();
    assert_eq!(meeting.next(), format!("1 following/ 2/{epoch}/{epoch} /0"));
    // Waits until the hook has opened it.
    let mut held = File::open(held).unwrap();
    drop(second);
    first.until(|event| event["event"] == "lost");
    first.until(|event| warns(event, "was killed with its process group"));
    // All that had it open is gone.
    assert_eq!(held.read_to_end(&mut Vec::new()).unwrap(), 0);
    let told = meeting.next();
    assert!(told.starts_with("2 looking/following // "), "{told}");
}

#[test]
fn of_many_changes_the_last_run_is_about_the_last_and_the_skipped_ones_sum_up() {
    const TIMES: u64 = 6;
    let place = ensemble("hook-many", 2);
    let mut meeting = Meeting::at("many");
    let mut first = meeting.start(1, &place, &format!("{SAY}; {WAIT}"), &[]);
    let mut runs = Vec::new();
    let mut epoch = 0;
    for time in 0..TIMES {
        let mut second = super::leaders::start(2, &place);
        let led = first.until(|event| event["event"] == "following" || event["event"] == "leading");
        epoch = led["epoch"].as_i64().unwrap();
        if time == 2 {
            runs.push(meeting.next());
            meeting.let_go();
            runs.push(meeting.next());
        }
        second.until(|event| event["epoch"] == epoch);
        drop(second);
        first.until(|event| event["event"] == "lost");
    }
    signal(&first, "-TERM");
    for _ in 0..2 * TIMES {
        meeting.let_go();
    }
    first.until(|event| event["event"] == "stopped");
    assert_eq!(code_of(&mut first.child, "the node"), Some(0));
    runs.extend(meeting.rest());
    assert!(epoch >= TIMES.cast_signed(), "{epoch}");
    let last = runs.last().unwrap();
    assert!(last.contains(" stopped/"), "{runs:?}");
    let skipped: u64 = runs.iter().map(|line| numbers(line).1).sum();
    // Each time it was led and lost that; in the end it stopped.
    let (changes, _) = numbers(last);
    assert_eq!(changes, runs.len() as u64 + skipped, "{runs:?}");
    assert!(changes > 2 * TIMES, "{runs:?}");
    assert!(runs.len() < 6, "most were skipped: {runs:?}");
}

#[test]
fn without_epochs_a_hook_is_told_the_word_of_an_election_and_no_token() {
    let votes = votes("hook-elections.json", 1);
    let mut meeting = Meeting::at("elections");
    let mut command = ballotbox(&["node", "--json", "--id", "1", "--on-change", SAY, "--votes"]);
    let node = Node::spawned(command.arg(votes).env("HOOK", &meeting.place));
    assert_eq!(meeting.next(), "1 leading/ 1// /0");
    assert_eq!(node.end("-TERM"), Some(0));
    assert_eq!(meeting.rest(), ["2 stopped/leading // /0"]);
}

#[test]
fn an_observer_observes_and_keeps_no_directory() {
    let place = ensemble("hook-observer", 2);
    let mut all: Value = serde_json::from_slice(&fs::read(&place.0).unwrap()).unwrap();
    all["members"][1]["role"] = json!("observer");
    fs::write(&place.0, all.to_string()).unwrap();
    let mut meeting = Meeting::at("observer");
    let mut command = ballotbox(&["node", "--json", "--id", "2", "--no-data-dir", "--votes"]);
    command.arg(&place.0).args(["--on-change", SAY]).env("HOOK", &meeting.place);
    let mut observer = Node::spawned(&mut command);
    let mut leader = super::leaders::start(1, &place);
    let epoch = leading(&mut leader);
    assert_eq!(meeting.next(), format!("1 observing/ 1/{epoch}/{epoch} /0"));
    drop(leader);
    observer.until(|event| event["event"] == "lost");
    assert_eq!(meeting.next(), "2 looking/observing // leader-lost/0");
    assert_eq!(observer.end("-TERM"), Some(0));
    assert_eq!(meeting.rest(), ["3 stopped/looking // /0"]);
}

#[test]
fn a_hook_inherits_no_descriptor_and_no_signal_that_is_ignored_or_blocked() {
    let place = ensemble("hook-inherits", 1);
    let meeting = Meeting::at("inherits");
    let look = r#"{ ls /proc/self/fd; readlink /proc/self/fd/0; grep -E "Sig(Blk|Ign)|SigQ" /proc/self/status; } | grep -v SigQ | tr '\n\t' '  ' > "$HOOK/seen"; echo seen > "$HOOK/told""#;
    let mut direct = Command::new("/bin/sh");
    direct.args(["-c", look]).env("HOOK", &meeting.place).stdin(Stdio::null());
    assert!(direct.status().unwrap().success());
    assert_eq!(meeting.next(), "seen");
    let expected = fs::read_to_string(meeting.place.join("seen")).unwrap();
    let mut command = meeting.command(1, &place, look, &["--lease", "2s"]);
    // The node has locks, sockets and a leadership by then.
    let node = Node::spawned(&mut command);
    assert_eq!(meeting.next(), "seen");
    let seen = fs::read_to_string(meeting.place.join("seen")).unwrap();
    assert_eq!(seen, expected);
    assert!(seen.contains("/dev/null"), "{seen}");
    // What this process was started with may be ignored, but not what it ignores itself.
    let ignored = seen.split_whitespace().last().unwrap();
    assert_eq!(u64::from_str_radix(ignored, 16).unwrap() & (1 << (SIGPIPE - 1)), 0, "{seen}");
    drop(node);
}

#[test]
fn what_a_hook_prints_goes_to_stderr_and_what_it_does_wrong_is_a_warning_in_json() {
    let place = ensemble("hook-prints", 1);
    let meeting = Meeting::at("prints");
    let stderr = meeting.place.join("stderr");
    let hook = r#"echo "printed by $BALLOTBOX_STATE"; echo "and on stderr" >&2; exit 3"#;
    let mut command = meeting.command(1, &place, hook, &[]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(File::create(&stderr).unwrap()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut events = std::iter::from_fn(|| lines.next())
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let told = "the hook failed at change 1 (leading): exit code 3 (failure 1)";
    assert!(events.any(|event| event["text"] == told));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let told = "the hook failed at change 2 (stopped): exit code 3 (failure 2)";
    let rest: Vec<_> = events.collect();
    assert_eq!(rest.iter().filter(|event| event["text"] == told).count(), 1, "{rest:?}");
    assert_eq!(rest.last().unwrap()["event"], "stopped");
    assert_eq!(code_of(&mut child, "the node"), Some(0));
    let printed = fs::read_to_string(stderr).unwrap();
    let expected = "printed by leading\nand on stderr\nprinted by stopped\nand on stderr\n";
    assert_eq!(printed, expected);
}

#[test]
fn a_hook_that_floods_a_stderr_that_nobody_reads_is_killed_and_holds_up_neither_the_node_nor_its_end()
 {
    let place = ensemble("hook-floods", 1);
    let meeting = Meeting::at("floods");
    let hook = format!("{SAY}; exec yes");
    let mut command = meeting.command(1, &place, &hook, &["--hook-timeout", "200ms"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut events = std::iter::from_fn(|| lines.next())
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert_eq!(meeting.next(), "1 leading/ 1/1/1 /0");
    assert!(events.any(|event| warns(&event, "(leading), and was killed")));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let rest: Vec<_> = events.collect();
    assert!(rest.iter().any(|event| warns(event, "(stopped), and was killed")), "{rest:?}");
    assert_eq!(rest.last().unwrap()["event"], "stopped");
    assert_eq!(code_of(&mut child, "the node"), Some(0));
}

#[test]
fn a_hook_that_leaves_something_in_the_background_has_ended_and_that_goes_on() {
    let place = ensemble("hook-background", 1);
    let mut meeting = Meeting::at("background");
    // It has our stderr open.
    let hook = format!(
        r#"{SAY}; [ "$BALLOTBOX_SEQ" = 2 ] || ( {WAIT}; echo "goes on" > "$HOOK/told" ) &"#
    );
    let node = meeting.start(1, &place, &hook, &["--hook-timeout", "60s"]);
    assert_eq!(meeting.next(), "1 leading/ 1/1/1 /0");
    assert_eq!(node.end("-TERM"), Some(0));
    assert_eq!(meeting.next(), "2 stopped/leading // stopped/0");
    meeting.let_go();
    assert_eq!(meeting.next(), "goes on");
}

#[test]
fn a_second_signal_ends_a_node_that_waits_for_its_hook_and_a_kill_leaves_the_hook_alone() {
    let place = ensemble("hook-signals", 1);
    let mut meeting = Meeting::at("signals");
    let hook = format!(r#"{SAY}; {WAIT}; echo "goes on" > "$HOOK/told""#);
    let mut node = meeting.start(1, &place, &hook, &[]);
    assert_eq!(meeting.next(), "1 leading/ 1/1/1 /0");
    signal(&node, "-TERM");
    node.until(|event| event["event"] == "lost");
    signal(&node, "-TERM");
    assert_eq!(ended(&mut node.child, "the node").signal(), Some(15));
    assert_eq!(node.lines.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    meeting.let_go();
    assert_eq!(meeting.next(), "goes on");

    let node = meeting.start(1, &place, &hook, &[]);
    assert_eq!(meeting.next(), "1 leading/ 1/2/2 /0");
    // By SIGKILL.
    drop(node);
    meeting.let_go();
    assert_eq!(meeting.next(), "goes on");
}

#[test]
fn a_command_that_is_not_there_is_told_with_what_sh_says() {
    let place = ensemble("hook-missing", 1);
    let meeting = Meeting::at("missing");
    let mut node = meeting.start(1, &place, "/nowhere/hook.sh", &[]);
    node.until(|event| warns(event, "exit code 127, which sh gives when it finds no such command"));
    assert_eq!(node.end("-TERM"), Some(0));
}

#[test]
fn the_options_of_a_hook_can_come_from_the_environment() {
    let place = ensemble("hook-environment", 1);
    let meeting = Meeting::at("environment");
    let mut command = ballotbox(&["node", "--json", "--id", "1", "--votes"]);
    command.arg(&place.0).arg("--data-dir").arg(place.1.join("1"));
    command.env("HOOK", &meeting.place).env("BALLOTBOX_NODE_ON_CHANGE", format!("{SAY}; {WAIT}"));
    let mut node = Node::spawned(command.env("BALLOTBOX_NODE_HOOK_TIMEOUT", "150ms"));
    assert_eq!(meeting.next(), "1 leading/ 1/1/1 /0");
    node.until(|event| warns(event, "had not ended 150ms after change 1"));
}

#[test]
fn a_hook_that_cannot_be_meant_is_refused_with_what_was_expected() {
    for (more, told) in [
        (&["--on-change", ""][..], "--on-change <CMD>"),
        (&["--on-change", " \t "], "there is no command: expected one as for a shell"),
        (&["--on-change", "x", "--hook-timeout", "0s"], "`0s` is no time from 1ms to 24h"),
        (&["--on-change", "x", "--hook-timeout", "30"], "`30` is no time"),
        (&["--hook-timeout", "30s"], "--on-change <CMD>"),
    ] {
        let votes = file("hook-wrong.json", r#"{"members":[{"id":1,"election":"127.0.0.1:1"}]}"#);
        let mut args = vec!["node", "--id", "1", "--votes", votes.to_str().unwrap()];
        args.extend(more);
        let output = run(&args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {said}");
        assert!(said.contains(told), "{more:?}: {said}");
    }
}

/// The recipe of README. The hook of a leader of yesterday may come last.
#[test]
fn the_recipe_writes_who_leads_and_no_smaller_token_after_that() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hooks/announce-leader.sh");
    let place = ensemble("hook-recipe", 1);
    let mut meeting = Meeting::at("recipe");
    let announced = meeting.place.join("leader");
    let hook = format!(r#"{script} "$HOOK/leader"; {SAY}"#);
    for epoch in 1..=2 {
        let node = meeting.start(1, &place, &hook, &[]);
        assert_eq!(meeting.next(), format!("1 leading/ 1/{epoch}/{epoch} /0"));
        assert_eq!(fs::read_to_string(&announced).unwrap(), format!("1 {epoch}\n"));
        assert_eq!(node.end("-TERM"), Some(0));
        assert_eq!(meeting.rest(), ["2 stopped/leading // stopped/0"]);
    }
    let late = |id: &str, token: &str| {
        let mut late = Command::new(script);
        late.arg(&announced).env("BALLOTBOX_STATE", "leading");
        late.env("BALLOTBOX_ID", id).env("BALLOTBOX_TOKEN", token).output_in_time()
    };
    for token in ["1", "2"] {
        let output = late("3", token);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("has 2"), "{output:?}");
        assert_eq!(fs::read_to_string(&announced).unwrap(), "1 2\n");
    }
    assert_eq!(late("3", "10").status.code(), Some(0));
    assert_eq!(fs::read_to_string(&announced).unwrap(), "3 10\n");
}
