//! `ballotbox fence`: runs a program, unless somebody who led later was here before.

use std::{
    ffi::OsString, io, os::unix::process::CommandExt, path::PathBuf, process::Command,
    time::Duration,
};

use async_std::task::block_on;
use ballotbox::{
    ServerId, UntrustedText,
    fence::{FenceError, FenceGuard, FileFence, Token},
};
use ballotbox_actors::kit::clock;
use ballotbox_core::whole_number;
use rustix::io::{FdFlags, fcntl_setfd};
use structopt::StructOpt;

use super::{ExitCode, Failure, duration};

/// Before it is tried again, while a limit says how long to wait for the one that is inside.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs a program, unless a later leader has run one by the same file
///
/// FILE keeps the largest token, and is made if it was never there. With a smaller one CMD is not run: exit 1, and the largest is told on
/// stderr. Otherwise this process becomes CMD, which holds the lock FILE.lock until it and all that it has started have ended: nobody else is
/// admitted meanwhile, and signals are for CMD. Exits with what CMD exits with, or with 126 if it cannot be executed, 127 if it is
/// not there, 2 if FILE is damaged, 3 if it cannot be used now.
#[derive(Debug, StructOpt)]
#[structopt(usage = "ballotbox fence [OPTIONS] <FILE> --token <N> -- <CMD>...")]
pub(super) struct FenceArgs {
    /// The file that keeps the largest token: one for what CMD writes to, in the same place
    #[structopt(value_name = "FILE", empty_values = false, parse(from_os_str))]
    file: PathBuf,
    /// The token: the epoch of the one that leads
    #[structopt(
        long,
        value_name = "N",
        env = "BALLOTBOX_EPOCH",
        hide_env_values = true,
        empty_values = false,
        parse(try_from_str = number)
    )]
    token: u64,
    /// The member that leads: another one with the same token is refused. Left out everywhere, nobody notices such a pair
    #[structopt(
        long,
        value_name = "ID",
        env = "BALLOTBOX_ID",
        hide_env_values = true,
        empty_values = false
    )]
    owner: Option<ServerId>,
    /// Waits at most this long for the one that is inside, as in 5s; left out: as long as that takes
    #[structopt(
        long,
        value_name = "TIME",
        empty_values = false,
        parse(try_from_str = duration::parse)
    )]
    within: Option<Duration>,
    /// The program and its arguments, behind `--`; no shell is asked
    #[structopt(value_name = "CMD", last = true, required = true, parse(from_os_str))]
    command: Vec<OsString>,
}

fn number(text: &str) -> Result<u64, String> {
    let possible = |number: &u64| Token::without_owner(*number).is_possible();
    whole_number(text).filter(possible).ok_or_else(|| {
        let (text, largest) = (UntrustedText::new(text), Token::NUMBER_MAX);
        format!(
            "`{text}` is no token: expected an epoch, which is a whole number from 1 to {largest}"
        )
    })
}

pub(super) fn run(args: &FenceArgs) -> Result<ExitCode, Failure> {
    let token = args
        .owner
        .map_or_else(|| Token::without_owner(args.token), |owner| Token::new(args.token, owner));
    let guard = admitted(args, token)?;
    Err(become_program(&args.command, &guard))
}

fn admitted(args: &FenceArgs, token: Token) -> Result<FenceGuard, FenceError> {
    let mut fence = FileFence::open(&args.file)?;
    let Some(within) = args.within else { return fence.guard(token) };
    let until = clock::now() + within;
    loop {
        match fence.try_guard(token) {
            // The kernel knows no deadline for this.
            Err(FenceError::Held { .. }) if clock::now() < until => {
                block_on(clock::sleep_until(clock::now() + PAUSE));
            }
            outcome => return outcome,
        }
    }
}

/// Becomes this program. It holds the lock itself, so nothing that befalls us lets it go while the program runs.
fn become_program(command: &[OsString], guard: &FenceGuard) -> Failure {
    let (program, args) = command
        .split_first()
        .map_or((OsString::new(), &[][..]), |(program, args)| (program.clone(), args));
    let error = match fcntl_setfd(guard, FdFlags::empty()) {
        Ok(()) => Command::new(&program).args(args).exec(),
        Err(error) => error.into(),
    };
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    Failure::Run { program: UntrustedText::os(&program), cause: error.into(), is_missing }
}
