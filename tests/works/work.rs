//! The work: a program that stamps the clock of the machine for as long as it runs.
//!
//! The test program is its own work. [`command`] names what has to be run: the test program once more, with nothing to run but
//! [`a_program_that_stamps_the_clock_while_it_runs`], and with [`FOLDER`] in its environment. Each run has a file of its own there,
//! `EPOCH-MEMBER-PID`, and appends 16 bytes to it about every millisecond: what `CLOCK_BOOTTIME` shows, and until when the lease file lets it
//! run, as it read that just before; 0 if the file says nothing. Both are nanoseconds, big-endian. A machine has one such clock, whatever the
//! namespaces of network.

#![allow(clippy::disallowed_methods, reason = "the work stamps the clock, and sleeps in between")]

use std::{
    env,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio, id},
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use ballotbox::run::{LEASE_FILE_VARIABLE, LeaseFile};
use ballotbox_actors::kit::clock;
use signal_hook::{consts::SIGTERM, flag};

/// Where the stamps go. Whatever has it in its environment was started by a test of this one's process.
pub(crate) const FOLDER: &str = "BALLOTBOX_WORK_FOLDER";
/// Which member runs it.
const MEMBER: &str = "BALLOTBOX_WORK_MEMBER";
/// Whether it goes on when it is asked to end.
const IS_STUBBORN: &str = "BALLOTBOX_WORK_IS_STUBBORN";

/// The length of a stamp in a file.
pub(crate) const STAMP: usize = 16;

/// From one stamp to the next.
const TURN: Duration = Duration::from_millis(1);

/// What the work of one life of a member is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) member: usize,
    pub(crate) is_stubborn: bool,
}

impl Order<'_> {
    /// Puts it into the environment of what will run the work.
    pub(crate) fn give_to(&self, command: &mut Command) {
        command.env(FOLDER, self.folder).env(MEMBER, self.member.to_string());
        if self.is_stubborn {
            command.env(IS_STUBBORN, "yes");
        }
    }
}

/// What has to be run, where this is a test program.
pub(crate) fn command() -> [PathBuf; 3] {
    let test = concat!(module_path!(), "::a_program_that_stamps_the_clock_while_it_runs");
    let (_, test) = test.split_once("::").unwrap();
    [env::current_exe().unwrap(), test.into(), "--exact".into()]
}

#[test]
fn a_program_that_stamps_the_clock_while_it_runs() {
    stamp_if_this_is_work();
}

/// There is nothing to do unless this process was started as work. Otherwise this does not end by itself.
pub(crate) fn stamp_if_this_is_work() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    if env::var_os(IS_STUBBORN).is_some() {
        flag::register(SIGTERM, Arc::new(AtomicBool::new(false))).unwrap();
    }
    // The lock of etcd has a revision, which grows as an epoch does.
    let epoch = env::var("BALLOTBOX_EPOCH").or_else(|_| env::var("ETCD_LOCK_REV"));
    let lease_file = env::var_os(LEASE_FILE_VARIABLE).map(PathBuf::from);
    if lease_file.is_some() {
        start_a_process_that_hides();
    }
    let name = format!("{}-{}-{}", epoch.unwrap(), env::var(MEMBER).unwrap(), id());
    let mut stamps = File::create(Path::new(&folder).join(name)).unwrap();
    loop {
        let held = lease_file.as_ref().and_then(|file| LeaseFile::read(file).ok());
        let until = held.map_or(0, |held| nanos(held.until.boot));
        let stamp = [now().to_be_bytes(), until.to_be_bytes()].concat();
        // Where nothing can be written nothing is shown, and that is found out.
        stamps.write_all(&stamp).unwrap();
        thread::sleep(TURN);
    }
}

/// A process in a session of its own, that must not be left either.
fn start_a_process_that_hides() {
    let mut hidden = Command::new("setsid");
    hidden.args(["sleep", "1000000"]).stdout(Stdio::null()).stderr(Stdio::null());
    // Where there is no memory for it, there is less to end.
    let _ = hidden.spawn();
}

/// What the clock shows by which works go, in nanoseconds.
pub(crate) fn now() -> u64 {
    nanos(clock::reading().boot)
}

fn nanos(shown: Duration) -> u64 {
    u64::try_from(shown.as_nanos()).unwrap()
}
