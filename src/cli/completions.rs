//! `ballotbox completions`: what a shell needs to complete our commands and options.

use std::io::Write;

use structopt::{StructOpt, clap::Shell};

use super::{Args, ExitCode, Failure};

/// The shells whose scripts are tested.
const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// Prints a script that lets a shell complete commands and options
///
/// For bash: `ballotbox completions bash > /etc/bash_completion.d/ballotbox`; for zsh, into a file `_ballotbox` in a
/// folder of $fpath; for fish, into ~/.config/fish/completions/ballotbox.fish.
#[derive(Debug, StructOpt)]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[structopt(name = "SHELL", possible_values = SHELLS)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    // The generator panics on a writer that fails, so it gets one that cannot.
    let mut script = Vec::new();
    Args::clap().gen_completions_to("ballotbox", args.shell, &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::Done)
}
