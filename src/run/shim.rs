//! The shim: what a process of the work is before it becomes the program.
//!
//! It asks the kernel to be killed when the guard ends, which a program cannot be asked for from outside; looks whether the guard
//! is still there, as it may have ended before that; looks at the clocks once more; and becomes the program.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use ballotbox_actors::kit::clock;
use ballotbox_core::{
    UntrustedText,
    leadership::{Reading, lease::Clocks as _},
};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// The name that its process goes by.
pub(super) const NAME: &str = "ballotbox-shim";

/// By which a shell tells that a command cannot be executed, and that it was not found.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// The arguments of a shim of this guard: `file` is run with these arguments, of which the first is its name, unless the time is up.
pub(super) fn args(
    guard: Pid,
    before: Reading,
    file: &OsStr,
    arguments: &[OsString],
) -> Vec<OsString> {
    let [boot, raw] = before.to_nanos().map(|nanos| OsString::from(nanos.to_string()));
    let mut args = vec![guard.to_string().into(), boot, raw, file.to_owned()];
    args.extend(arguments.iter().cloned());
    args
}

struct ShimArgs {
    guard: Pid,
    before: Reading,
    file: OsString,
    name: OsString,
    arguments: Vec<OsString>,
}

impl ShimArgs {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let guard = Pid::from_raw(args.next()?.to_str()?.parse().ok()?)?;
        let mut nanos = || args.next()?.to_str()?.parse().ok();
        let before = Reading::from_nanos([nanos()?, nanos()?]);
        let (file, name) = (args.next()?, args.next()?);
        Some(Self { guard, before, file, name, arguments: args.collect() })
    }
}

/// Whether the guard can still be found to end: then we are killed. Its first thread has started us; when that one has ended, and another one
/// not yet, we are a child of that one for a moment.
fn is_there(guard: Pid) -> bool {
    let has_ended = fs::read_to_string(format!("/proc/{guard}/stat")).is_ok_and(|stat| {
        // The name may contain anything, but ends with the last parenthesis; then comes the state of the first thread.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
    });
    getppid() == Some(guard) && !has_ended
}

/// Becomes the program. Returns only if it cannot.
pub(super) fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let failed = |text: String| {
        let _ = writeln!(io::stderr(), "ballotbox: {text}");
    };
    let Some(args) = ShimArgs::parse(args) else {
        failed("this process is for a node that runs a program while it leads".to_owned());
        return ExitCode::FAILURE;
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        failed(format!("cannot bind the work to its guard: {error}"));
        return ExitCode::FAILURE;
    }
    let is_late = clock::reading().left_by_fastest(args.before).is_none();
    if !is_there(args.guard) || is_late {
        failed("it was too late to begin the work".to_owned());
        return ExitCode::FAILURE;
    }
    let error = Command::new(&args.file).arg0(&args.name).args(&args.arguments).exec();
    failed(format!("cannot run {}: {}", UntrustedText::os(&args.file), UntrustedText::new(&error)));
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    ExitCode::from(if is_missing { NOT_FOUND } else { NOT_EXECUTABLE })
}
