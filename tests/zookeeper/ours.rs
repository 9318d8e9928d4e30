//! [`Ours`]: a node of ours as a process, and what it tells.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::Value;

use super::Zoo;
use crate::common::PATIENCE;

/// A node of ours as a process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Ours {
    process: Child,
    arriving: flume::Receiver<Value>,
    lost: usize,
}

impl Ours {
    /// Starts a member of this ensemble.
    pub fn start(zoo: &Zoo, number: u64) -> Self {
        Self::run(&zoo.zoo_cfg_file(number))
    }

    /// Starts it with this zoo.cfg.
    pub fn run(file: &Path) -> Self {
        let mut process = Self::command(file).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (lines, arriving) = flume::unbounded();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                println!("  {line}");
                if lines.send(serde_json::from_str(&line).unwrap()).is_err() {
                    break;
                }
            }
        });
        Self { process, arriving, lost: 0 }
    }

    /// What starts it with this zoo.cfg.
    pub fn command(file: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
        command.args(["node", "--json", "--config"]).arg(file);
        command
    }

    /// Waits until it tells this.
    pub fn until(&mut self, event: &str) -> Value {
        loop {
            let line = self.arriving.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("it does not tell {event}: {error}"));
            if line["event"] == event {
                return line;
            }
            self.count(&line);
        }
    }

    /// Waits until it warns of this.
    pub fn until_warned(&mut self, of: &str) -> Value {
        loop {
            let warning = self.until("warning");
            if warning["text"].as_str().unwrap().contains(of) {
                return warning;
            }
        }
    }

    /// How often it has lost its leader, beside what was waited for.
    pub fn lost(&mut self) -> usize {
        while let Ok(line) = self.arriving.try_recv() {
            self.count(&line);
        }
        self.lost
    }

    /// Freezes it: its sockets stay, it does nothing.
    pub fn pause(&self) {
        super::process::signal(&self.process, "STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        super::process::signal(&self.process, "CONT");
    }

    fn count(&mut self, line: &Value) {
        self.lost += usize::from(line["event"] == "lost");
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
