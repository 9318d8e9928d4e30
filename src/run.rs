//! A program that runs only while its node leads.
//!
//! ```text
//!   node ── Runner ── Work decides: who is told what, and when
//!             │ orders, reports: a socket pair
//!   guard ── Watchdog decides: told to end, killed, gone
//!             │
//!   shim ── becomes the program
//! ```
//!
//! Three processes of one binary. The node takes part in the ensemble. The guard has the deadline of the lease on its own clocks, and ends the work
//! in time when the node is stopped, hangs or is killed. The shim binds the program to the guard, and becomes it. What
//! the program starts is ended with it, wherever it hides: the guard is the reaper of all its descendants.
//!
//! | who is killed, or hangs | what ends the work |
//! | --- | --- |
//! | the node is killed | the guard: its socket is closed |
//! | the node is stopped, or hangs | the guard: its deadline has passed |
//! | the guard is killed | the kernel: the program has asked for that as the shim; then the node, which ends what is left |
//! | both are killed | the kernel ends the program; what else is left holds `work.lock`, and is ended by the next node on that directory |
//! | the disk of the data directory | the guard: it waits for no disk. The lease file is written by a thread of its own |
//! | the machine is frozen with its clocks | nothing: only a fence at the resource helps |
//!
//! A [`Hook`] is a command that is run at every change, and guards nothing.
//!
//! Work has ended when no process of it is left. Only then is the leadership given up.

mod config;
mod guard;
mod guard_process;
mod health;
mod hook;
mod lease_file;
mod lease_writer;
mod left_overs;
mod order;
mod process;
mod program;
mod reaper;
mod runner;
mod shim;
mod signals;
mod socket;
mod tree;
mod watchdog;
mod work;

use std::{ffi::OsString, os::unix::ffi::OsStrExt, path::Path, process::ExitCode};

pub use self::{
    config::RunConfig,
    guard_process::{GuardError, GuardProcess},
    hook::{Hook, HookReport},
    lease_file::{
        Damage, HeldLease, LEASE_FILE_VARIABLE, LEASE_LENGTH_VARIABLE, LeaseFile, NoLease,
    },
    left_overs::{Fate, LeftOver, end_left_overs},
    program::{Program, ProgramError},
    runner::{RunError, RunnerReport, RunningWork, run_work},
    signals::{PASSED_ON, is_ignored},
    work::{Outcome, WhenItEnds, WorkState},
};

/// Whether this process was started to be a guard or a shim, by its name: then it is that, until it ends. To be called first of all.
pub fn as_helper(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let name = args.next()?;
    let name = Path::new(&name).file_name()?.as_bytes();
    if name == shim::NAME.as_bytes() {
        return Some(shim::main(args));
    }
    if name != guard::NAME.as_bytes() {
        return None;
    }
    Some(guard::GuardArgs::parse(args).map_or(ExitCode::FAILURE, guard::main))
}
