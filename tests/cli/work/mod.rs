//! Programs that run only while their node leads: `node --while-leading`.
//!
//! What a program is started with contains a mark of its test. So a test sees whether anything is left of it: a process that has the mark in its
//! command line, or in its environment, is the node, its guard, the program, or what one of them has started.

mod barriers;
mod codes;
mod deaths;
mod frozen_disks;
mod processes;
mod rests;
mod surroundings;
mod trees;
mod turns;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
};

use serde_json::Value;

use super::{
    Node, PATIENCE, ballotbox,
    leaders::ensemble,
    patience::{InTime, code_of, rest_of, soon, until},
    text,
};
use processes::{
    children_of, command_line, guard_if_any, guard_of, left_of, mark, marked, nothing_is_left,
    state_of,
};

/// A program that ends by itself has time for that, however busy the machine is.
const PATIENT: [&str; 4] = ["--lease", "60s", "--stop-within", "50s"];

/// Where whatever a node has started finds the command of its test, and with it the mark.
const COMMAND: &str = "BALLOTBOX_TEST_COMMAND";

/// A node with a program, and what that prints.
struct Working {
    node: Node,
    printed: Receiver<String>,
}

impl Working {
    /// Member `id` of an ensemble, with these options and this command.
    fn start(id: u64, place: &(PathBuf, PathBuf), options: &[&str], command: &[&str]) -> Self {
        Self::spawned(&mut Self::command(id, place, options, command))
    }

    fn command(
        id: u64,
        (votes, data): &(PathBuf, PathBuf),
        options: &[&str],
        command: &[&str],
    ) -> Command {
        let mut node = ballotbox(&["node", "--json", "--id", &id.to_string(), "--votes"]);
        node.arg(votes).arg("--data-dir").arg(data.join(id.to_string()));
        node.arg("--while-leading").args(options).arg("--").args(command);
        node.env(COMMAND, command.join(" ")).stdin(Stdio::null());
        node
    }

    fn spawned(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = lines(child.stderr.take().unwrap(), |line: &str| line.starts_with('{'));
        let printed = lines(child.stdout.take().unwrap(), |_| true);
        Self { node: Node { child, lines: said }, printed }
    }

    /// The next line that the program prints.
    fn prints(&self) -> String {
        self.printed.recv_timeout(PATIENCE).expect("the program prints nothing more")
    }

    /// Waits until the program is in this state, as the node says.
    fn work(&mut self, state: &str) -> Value {
        self.node.until(|event| event["event"] == "work" && event["state"] == state)
    }

    /// The number of its process.
    fn pid(&self) -> u32 {
        self.node.child.id()
    }

    /// Sends it a signal.
    fn signal(&self, signal: &str) {
        kill(signal, self.pid());
    }

    /// How the node has ended.
    fn code(&mut self) -> Option<i32> {
        code_of(&mut self.node.child, "the node")
    }
}

/// Which program of these prints something next, but for one of them, and what.
fn first_to_print(nodes: &[Working], but: Option<usize>) -> (usize, String) {
    let asked = || nodes.iter().enumerate().filter(|(index, _)| Some(*index) != but);
    let printed = || asked().find_map(|(index, node)| Some((index, node.printed.try_recv().ok()?)));
    soon(printed, || "no program prints anything".to_owned())
}

/// These lines of a stream, as long as it is open. The program and its shell write to the same stderr as the node.
fn lines(
    stream: impl std::io::Read + Send + 'static,
    wanted: impl Fn(&str) -> bool + Send + 'static,
) -> Receiver<String> {
    let (line, lines) = mpsc::channel();
    let read = BufReader::new(stream).lines().map_while(Result::ok);
    let mut read = read.filter(move |line| wanted(line));
    std::thread::spawn(move || read.try_for_each(|read| line.send(read)));
    lines
}

/// The same command, started with these signals ignored.
fn ignoring(signals: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' {signals}; exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    within(&mut shell, command);
    shell
}

/// Gives a command that starts another one the directory and the environment that this one is meant to have.
fn within(starter: &mut Command, command: &Command) {
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    starter.current_dir(env!("CARGO_MANIFEST_DIR")).envs(variables);
}

fn kill(signal: &str, pid: u32) {
    let pid = pid.to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

/// A place for an ensemble of one, and a mark that no other test has.
fn alone(name: &str) -> ((PathBuf, PathBuf), String) {
    (ensemble(&format!("work-{name}"), 1), mark(name))
}

/// The process that an event names.
fn pid_in(event: &Value) -> u32 {
    event["pid"].as_u64().unwrap().try_into().unwrap()
}

/// A line for the shell that takes a lock which no two can have, and which each process has that is started behind it. Who does not get it
/// says so.
fn alone_with(lock: &Path) -> String {
    format!("exec 9>>'{}'; flock -n 9 || echo overlap\n", lock.display())
}

/// A program for the shell that says that it has begun, and goes on for ever. A signal that comes while the shell starts something in the
/// foreground may reach neither of the two, so it waits for something in the background.
fn forever(before: &str) -> String {
    format!("{before}\necho began $$\nwhile :; do sleep 1000 & wait; done")
}
