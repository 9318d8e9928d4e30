//! Waiting for processes, and for what no event tells. Everything is waited for with a deadline: then the test fails, and says what has
//! not happened.

use std::{
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use ballotbox_actors::kit::clock;

/// Far beyond what any event takes; only a hang gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a process has ended, which has this name in a message.
pub(crate) fn ended(child: &mut Child, name: &str) -> ExitStatus {
    let pid = child.id();
    soon(|| child.try_wait().unwrap(), || format!("{name}, process {pid}, does not end"))
}

/// The code that it has ended with.
pub(crate) fn code_of(child: &mut Child, name: &str) -> Option<i32> {
    ended(child, name).code()
}

/// What a process still prints, and how it ends. It is killed if it does not.
pub(crate) fn rest_of(child: Child, name: &str) -> Output {
    rest_within(child, name, PATIENCE)
}

fn rest_within(child: Child, name: &str, patience: Duration) -> Output {
    let pid = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let output = ended.recv_timeout(patience).unwrap_or_else(|_| {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        panic!("{name} does not end");
    });
    output.unwrap()
}

/// A command that ends by itself.
pub(crate) trait InTime {
    /// What it prints, and how it ends; or why it cannot be run. Its stdin is empty.
    fn run_within(&mut self, patience: Duration) -> io::Result<Output>;

    /// The same for one that can be run.
    fn output_in_time(&mut self) -> Output {
        self.run_within(PATIENCE).unwrap()
    }
}

impl InTime for Command {
    fn run_within(&mut self, patience: Duration) -> io::Result<Output> {
        self.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.spawn()?;
        Ok(rest_within(child, &format!("{self:?}"), patience))
    }
}

/// The lines that a process prints, each waited for with a deadline.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    pub(crate) fn of(printed: impl Read + Send + 'static) -> Self {
        let (line, lines) = mpsc::channel();
        let printed = BufReader::new(printed).lines().map_while(Result::ok);
        std::thread::spawn(move || printed.map(|read| line.send(read)).all(|sent| sent.is_ok()));
        Self(lines)
    }
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing more is printed, and nothing ends"),
        }
    }
}

/// Waits until something that no event tells has happened.
pub(crate) fn until(mut has_happened: impl FnMut() -> bool, otherwise: impl Fn() -> String) {
    soon(|| has_happened().then_some(()), otherwise);
}

/// Looks until there is something.
pub(crate) fn soon<T>(mut look: impl FnMut() -> Option<T>, otherwise: impl Fn() -> String) -> T {
    let give_up = clock::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock::now() < give_up, "{}", otherwise());
        std::thread::yield_now();
    }
}
