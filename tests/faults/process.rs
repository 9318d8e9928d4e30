//! [`Process`]: one life of a member, and what it says.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::Sender,
    thread,
};

use crate::patience::ended;

/// One line that one life of one member has printed; `None` when its output has ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) member: usize,
    pub(crate) life: u64,
    pub(crate) line: Option<String>,
}

/// On which of its streams a process speaks. The other one is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Voice {
    Stdout,
    Stderr,
}

/// A process that runs, or is stopped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts this life of a member. What it says is passed on, line by line.
    pub(crate) fn start(
        mut command: Command,
        voice: Voice,
        (member, life): (usize, u64),
        say: Sender<Said>,
    ) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match voice {
            Voice::Stdout => command.stdout(Stdio::piped()),
            Voice::Stderr => command.stderr(Stdio::piped()),
        };
        let mut child = command.spawn().unwrap();
        let output: Box<dyn Read + Send> = match voice {
            Voice::Stdout => Box::new(child.stdout.take().unwrap()),
            Voice::Stderr => Box::new(child.stderr.take().unwrap()),
        };
        let lines = BufReader::new(output).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok).map(Some).chain([None]) {
                let _ = say.send(Said { member, life, line });
            }
        });
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How it has ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([format!("-{signal}"), self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> ExitStatus {
        ended(&mut self.0, "a member")
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        ended(&mut self.0, "a member that was killed");
    }
}
