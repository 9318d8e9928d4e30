//! [`Server`]: a real server, and what it logs.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use ballotbox_actors::kit::clock;

use super::log::{self, Heard, Outcome};
use crate::common::{PATIENCE, patience::ended};

/// A running server. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    pub number: u64,
    process: Child,
    log_file: PathBuf,
    arriving: flume::Receiver<String>,
    lines: Vec<String>,
    /// Lines before this one were waited for already.
    mark: usize,
}

impl Server {
    pub(super) fn start(number: u64, java: &mut Command, log_file: &Path) -> Self {
        let mut copy = File::options().create(true).append(true).open(log_file).unwrap();
        let java = java.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = java.stderr(copy.try_clone().unwrap()).spawn().unwrap();
        let output = process.stdout.take().unwrap();
        let (lines, arriving) = flume::unbounded();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = writeln!(copy, "{line}");
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let log_file = log_file.to_owned();
        Self { number, process, log_file, arriving, lines: Vec::new(), mark: 0 }
    }

    /// Waits for a line of the log for which `wanted` has an answer, behind those waited for before.
    pub fn until<T>(&mut self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = clock::now() + PATIENCE;
        loop {
            while let Some(line) = self.lines.get(self.mark) {
                self.mark += 1;
                if let Some(found) = wanted(line) {
                    return found;
                }
            }
            let left = deadline.saturating_duration_since(clock::now());
            match self.arriving.recv_timeout(left) {
                Ok(line) => self.lines.push(line),
                Err(error) => panic!("server {} does not log {what}: {error}", self.number),
            }
        }
    }

    /// Waits for a line of the log with this text in it.
    pub fn until_logged(&mut self, text: &str) {
        self.until(text, |line| line.contains(text).then_some(()));
    }

    /// Waits until the server is there and looks for a leader.
    pub fn until_looking(&mut self) {
        self.until_logged("New election");
    }

    /// Waits until an election ends for this server, and says how.
    pub fn outcome(&mut self) -> Outcome {
        let (leader, zxid, state) = self.until("the end of an election", log::left);
        let (me, lines) = (self.number, &self.lines[..self.mark]);
        let start = lines.iter().rposition(|line| line.contains("New election")).unwrap_or(0);
        let heard_since = |from: usize| {
            let heard = lines[from..].iter().filter_map(|line| Heard::parse(line));
            heard.filter(|heard| heard.leader == leader).rev()
        };
        // A server that joins takes the round over from the leader; else it is that of the own vote. What came before the server has begun to
        // look waits for it, and was logged before that.
        let by_leader = |from| heard_since(from).find(|h| h.from == leader && h.state == "LEADING");
        let own = || heard_since(start).find(|heard| heard.from == me);
        let vote = by_leader(start).or_else(own).or_else(|| by_leader(0)).unwrap_or_else(|| {
            panic!("server {me} settled on {leader}, but heard nobody vote for it")
        });
        Outcome { leader, zxid, state, round: vote.round, epoch: vote.epoch }
    }

    /// Waits until an election ends for this server with this leader.
    pub fn outcome_with(&mut self, leader: u64) -> Outcome {
        loop {
            let outcome = self.outcome();
            if outcome.leader == leader {
                return outcome;
            }
        }
    }

    /// Waits until this server leads with followers, or follows a leader that serves it, and returns who leads.
    pub fn until_in_service(&mut self) -> u64 {
        let signs = ["Have quorum of supporters", "Getting a diff", "Getting a snapshot"];
        let serves = |line: &str| signs.iter().any(|sign| line.contains(sign)).then_some(());
        self.until("that it serves", serves);
        let mut settled = self.lines[..self.mark].iter().rev().filter_map(|line| log::left(line));
        let (leader, ..) = settled.next().unwrap();
        leader
    }

    /// Leaves out of later waits what was logged so far.
    pub fn pass_over(&mut self) {
        self.mark = self.log().len();
    }

    /// Everything logged so far.
    pub fn log(&mut self) -> &[String] {
        self.lines.extend(self.arriving.try_iter());
        &self.lines
    }

    /// How many elections this server has begun so far.
    pub fn elections(&mut self) -> usize {
        self.log().iter().filter(|line| line.contains("New election")).count()
    }

    /// Freezes the server: its sockets stay, it does nothing.
    pub fn pause(&self) {
        signal(&self.process, "STOP");
    }

    /// Lets a frozen server go on.
    pub fn resume(&self) {
        signal(&self.process, "CONT");
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        ended(&mut self.process, "the server that was killed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the log of server {}: {}", self.number, self.log_file.display());
            let number = self.number;
            let lines: Vec<_> = self.log().iter().filter(|line| log::is_telling(line)).collect();
            for line in &lines[lines.len().saturating_sub(40)..] {
                eprintln!("  [{number}] {line}");
            }
        }
    }
}

/// Sends a signal to a process.
pub(super) fn signal(process: &Child, name: &str) {
    let pid = process.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
    assert!(sent.success(), "cannot send SIG{name} to process {pid}");
}
