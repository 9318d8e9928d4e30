//! The command line: what can be typed, and what becomes of it.
//!
//! Results go to stdout, everything else to stderr. The exit code says how it ended:
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | it ran, but the answer is no |
//! | 2 | wrong usage, or a bad input file |
//! | 3 | the environment failed: cannot bind, cannot write |
//! | 126, 127 | `fence`: the program cannot be executed, or is not there |

mod check;
mod completions;
mod descriptors;
mod diagram;
mod duration;
mod elect;
mod exit;
mod fence;
mod holds;
mod input;
mod node;
mod output_file;
mod place;
mod probe;
mod resign;
mod screen;
mod simulate;
mod status;
mod tls_files;
mod watching;
mod why;

use std::{ffi::OsString, io::Write};

use async_global_executor::GlobalExecutorConfig;
use structopt::{
    StructOpt,
    clap::{self, AppSettings},
};

pub(crate) use exit::{ExitCode, Failure};

/// The width of the help, whatever the terminal: the same text everywhere.
const HELP_COLUMNS: usize = 80;

/// Elects a leader among a handful of processes, with nothing else to run.
#[derive(Debug, StructOpt)]
#[structopt(
    name = "ballotbox",
    global_settings = &[
        AppSettings::VersionlessSubcommands,
        AppSettings::UnifiedHelpMessage,
        AppSettings::DeriveDisplayOrder,
        // So that what is wrong with a number is said of it, and it is taken for no option.
        AppSettings::AllowNegativeNumbers,
    ],
    settings = &[AppSettings::SubcommandRequired],
    set_term_width = HELP_COLUMNS,
)]
struct Args {
    #[structopt(subcommand)]
    command: Command,
}

#[derive(Debug, StructOpt)]
enum Command {
    Elect(elect::ElectArgs),
    Simulate(simulate::SimulateArgs),
    Node(Box<node::NodeArgs>),
    Status(status::StatusArgs),
    Why(why::WhyArgs),
    Resign(resign::ResignArgs),
    Holds(holds::HoldsArgs),
    Fence(fence::FenceArgs),
    Probe(probe::ProbeArgs),
    Check(check::CheckArgs),
    Completions(completions::CompletionsArgs),
}

/// Does what the arguments say, and writes results to `out`.
///
/// # Errors
///
/// [`Failure`], which knows what to tell the user and which exit code that is.
pub(crate) fn run(
    args: impl Iterator<Item = OsString>,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let given: Vec<OsString> = args.collect();
    let args = match parse(&given) {
        Ok(args) => args,
        Err(error) if asked_for(&error) => {
            writeln!(out, "{}", error.message)?;
            return Ok(ExitCode::Done);
        }
        Err(error) => return Err(exit::UsageError::new(&error, &given, objection).into()),
    };
    if !matches!(args.command, Command::Node(_) | Command::Holds(_) | Command::Fence(_)) {
        one_runtime_thread();
    }
    let code = match args.command {
        Command::Elect(args) => elect::run(&args, out)?,
        Command::Simulate(args) => simulate::run(&args, out)?,
        // It has its own way to stdout, which may be full: nothing here may wait for that.
        Command::Node(args) => return node::run(&args),
        Command::Status(args) => status::run(&args, out)?,
        Command::Why(args) => why::run(&args, out)?,
        Command::Holds(args) => holds::run(&args)?,
        // It becomes another program.
        Command::Fence(args) => return fence::run(&args),
        Command::Resign(args) => resign::run(&args, out)?,
        Command::Probe(args) => probe::run(&args, out)?,
        Command::Check(args) => check::run(&args, out)?,
        Command::Completions(args) => completions::run(&args, out)?,
    };
    out.flush()?;
    Ok(code)
}

/// Reads the arguments. The parser panics on an option whose name is not UTF-8; its escaped form the parser refuses.
fn parse(given: &[OsString]) -> Result<Args, clap::Error> {
    let has_no_name = |arg: &OsString| {
        let name = arg.as_encoded_bytes().split(|byte| *byte == b'=').next().unwrap_or_default();
        name.starts_with(b"-") && std::str::from_utf8(name).is_err()
    };
    // What follows is for another program.
    let mut ours = given.iter().take_while(|arg| *arg != "--");
    if ours.any(has_no_name) {
        return Args::from_iter_safe(exit::shown(given));
    }
    Args::from_iter_safe(given)
}

/// What the parser has against these arguments.
fn objection(args: Vec<String>) -> Option<clap::Error> {
    Args::from_iter_safe(args).err().filter(|error| !asked_for(error))
}

/// Whether the "error" is the help or the version the user asked for.
fn asked_for(error: &clap::Error) -> bool {
    matches!(error.kind, clap::ErrorKind::HelpDisplayed | clap::ErrorKind::VersionDisplayed)
}

/// An election is a few small messages: handing them from thread to thread costs more than it brings. This has to come
/// before anything touches the runtime. A node needs not even this one: it runs on the main thread. `holds` waits
/// for nothing, and is called in loops.
fn one_runtime_thread() {
    let one = GlobalExecutorConfig::default().with_min_threads(1).with_max_threads(1);
    async_global_executor::init_with_config(one);
}
