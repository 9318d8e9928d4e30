//! The `ballotbox` binary: parse, run, and turn the result into an exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = ballotbox::run::as_helper(std::env::args_os()) {
        return code;
    }
    let mut out = anstream::stdout();
    let done = cli::run(std::env::args_os(), &mut out);
    match done {
        Ok(code) => code.into(),
        Err(failure) => {
            if let Some(text) = failure.text() {
                anstream::eprintln!("ballotbox: {text}");
            }
            failure.exit_code().into()
        }
    }
}
