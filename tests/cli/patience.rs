//! Waiting for what no event tells. Everything is waited for with a deadline: then the test fails, and says what has not happened.

use std::{
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
};

use ballotbox_actors::kit::clock;

use super::PATIENCE;

/// How a process has ended, which has this name in a message.
pub(super) fn ended(child: &mut Child, name: &str) -> ExitStatus {
    let pid = child.id();
    soon(|| child.try_wait().unwrap(), || format!("{name}, process {pid}, does not end"))
}

/// The code that it has ended with.
pub(super) fn code_of(child: &mut Child, name: &str) -> Option<i32> {
    ended(child, name).code()
}

/// What a command prints that ends by itself, and how it ends.
pub(super) fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let output = ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        panic!("{command:?} does not end");
    });
    output.unwrap()
}

/// Waits until something that no event tells has happened.
pub(super) fn until(mut has_happened: impl FnMut() -> bool, otherwise: impl Fn() -> String) {
    soon(|| has_happened().then_some(()), otherwise);
}

/// Looks until there is something.
pub(super) fn soon<T>(mut look: impl FnMut() -> Option<T>, otherwise: impl Fn() -> String) -> T {
    let give_up = clock::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock::now() < give_up, "{}", otherwise());
        std::thread::yield_now();
    }
}
