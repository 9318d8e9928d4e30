//! Leaders that are stopped between their look and their act, past their leases, and go on: what they write, and what a fence refuses.
//!
//! The leaders are real: members of an ensemble in processes of their own, with leases. The test program is each of them: it starts itself once
//! more, with nothing to run but [`a_program_that_leads_looks_and_writes`], and with [`VARIABLE`], which says which member it is. It speaks on stderr, which the
//! harness leaves alone.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    time::Duration,
};

use ballotbox::{
    Node, NodeConfig,
    fence::{FenceError, FileFence, Token},
};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use serde_json::{Value, json};

use super::{PATIENCE, leaders::ensemble};

/// In it a process is told which member it is, and where.
const VARIABLE: &str = "BALLOTBOX_LATE_LEADER";

const PROGRAM: &str = "late_leaders::a_program_that_leads_looks_and_writes";

/// How long a lease is.
const LEASE: Duration = Duration::from_secs(1);

/// A program of a member: whenever it leads, it writes its token behind what is there already. The first one of all that leads is stopped before.
#[test]
fn a_program_that_leads_looks_and_writes() {
    let Ok(order) = env::var(VARIABLE) else { return };
    let order: Value = serde_json::from_str(&order).unwrap();
    let place = Path::new(order["place"].as_str().unwrap());
    let members = order["members"].as_array().unwrap().iter().map(|m| m.as_str().unwrap());
    let id = order["id"].as_u64().unwrap();
    let config = NodeConfig::parse(id, members).unwrap().data_dir(place.join(id.to_string()));
    let node = Node::start_blocking(config.lease(LEASE)).unwrap();
    loop {
        let mut leadership = node.lead_blocking().unwrap();
        let token = leadership.fencing_token();
        // It looks.
        assert!(leadership.is_valid());
        if fs::File::create_new(place.join("first")).is_ok() {
            eprintln!("{}", json!({ "looked": token.number() }));
            kill_process(getpid(), Signal::STOP).unwrap();
            // Another thread may be the one that is stopped first: this one goes no further before it is told to.
            io::stdin().read_line(&mut String::new()).unwrap();
        }
        // It acts.
        let is_written = write(place, token, order["fenced"].as_bool().unwrap());
        eprintln!("{}", json!({ "acted": token.number(), "written": is_written }));
        leadership.lost_blocking();
    }
}

/// Writes the token behind what is there already, unless the fence refuses it.
fn write(place: &Path, token: Token, fenced: bool) -> bool {
    let mut fence = FileFence::open(place.join("fence")).unwrap();
    let guard = match fenced.then(|| fence.guard(token)).transpose() {
        Ok(guard) => guard,
        Err(FenceError::Refused { .. }) => return false,
        Err(error) => panic!("{error}"),
    };
    let mut file =
        fs::OpenOptions::new().create(true).append(true).open(place.join("written")).unwrap();
    writeln!(file, "{}", token.number()).unwrap();
    drop(guard);
    true
}

/// Three of these programs, and what they say, with who says it.
struct Leaders {
    children: Vec<Child>,
    told: Receiver<(usize, Value)>,
    place: PathBuf,
}

impl Leaders {
    fn start(name: &str, fenced: bool) -> Self {
        let (votes, place) = ensemble(name, 3);
        fs::create_dir_all(&place).unwrap();
        let votes: Value = serde_json::from_slice(&fs::read(votes).unwrap()).unwrap();
        let members: Vec<_> = votes["members"].as_array().unwrap().iter().map(member).collect();
        let (teller, told) = mpsc::channel();
        let start = |which: usize| {
            let order =
                json!({ "id": which + 1, "place": place, "members": members, "fenced": fenced });
            let mut command = Command::new(env::current_exe().unwrap());
            command.args([PROGRAM, "--exact", "--nocapture"]).env(VARIABLE, order.to_string());
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let printed = BufReader::new(child.stderr.take().unwrap());
            let teller = teller.clone();
            std::thread::spawn(move || pass_on(printed, which, &teller));
            child
        };
        let children = (0..3).map(start).collect();
        Self { children, told, place }
    }

    /// Waits until one of them says this of a token.
    fn until(&self, what: &str) -> (usize, Value) {
        loop {
            let (which, line) = self.told.recv_timeout(PATIENCE).expect("nobody says anything");
            if line[what].is_number() {
                return (which, line);
            }
        }
    }

    /// Who is stopped goes on.
    fn go_on(&mut self, which: usize) {
        kill_process(self.pid(which), Signal::CONT).unwrap();
        self.children[which].stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    fn pid(&self, which: usize) -> Pid {
        Pid::from_child(&self.children[which])
    }
}

impl Drop for Leaders {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn member(member: &Value) -> String {
    format!("{}={}", member["id"], member["election"].as_str().unwrap())
}

fn pass_on(printed: impl BufRead, which: usize, teller: &Sender<(usize, Value)>) {
    for line in printed.lines().map_while(Result::ok) {
        if let Ok(value) = serde_json::from_str(&line) {
            let _ = teller.send((which, value));
        }
    }
}

/// What was written, in order, when a leader was stopped past its lease, and went on when its successor had written.
fn written_by_a_late_leader(name: &str, fenced: bool) -> Vec<u64> {
    let mut leaders = Leaders::start(name, fenced);
    let (late, looked) = leaders.until("looked");
    let status = waitpid(Some(leaders.pid(late)), WaitOptions::UNTRACED).unwrap();
    assert!(status.is_some_and(|(_, status)| status.stopped()), "{status:?}");
    let (successor, acted) = leaders.until("acted");
    assert!(successor != late && acted["acted"].as_u64() > looked["looked"].as_u64());
    assert_eq!(acted["written"], true);
    leaders.go_on(late);
    let (which, acted) = leaders.until("acted");
    assert_eq!((which, &acted["acted"]), (late, &looked["looked"]));
    assert_eq!(acted["written"], !fenced);
    let written = fs::read_to_string(leaders.place.join("written")).unwrap();
    written.lines().map(|line| line.parse().unwrap()).collect()
}

/// How many came behind a larger one.
fn stale(written: &[u64]) -> usize {
    let is_stale = |at: &usize| written[..*at].iter().any(|before| *before > written[*at]);
    (0..written.len()).filter(is_stale).count()
}

/// F1: without the one, the other proves nothing.
#[test]
fn a_leader_that_goes_on_after_its_lease_overwrites_its_successor_and_a_fence_keeps_it_from_that() {
    let unfenced = written_by_a_late_leader("late-unfenced", false);
    assert_eq!(stale(&unfenced), 1, "{unfenced:?}");
    let fenced = written_by_a_late_leader("late-fenced", true);
    assert_eq!(stale(&fenced), 0, "{fenced:?}");
}
