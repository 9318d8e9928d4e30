//! `ballotbox why`: how the last leaders came to lead, as one node has seen it.

use std::io::{self, Write};

use anstyle::Style;
use async_std::task::block_on;
use ballotbox::{
    chronicle::{self, WhyReport},
    http::client,
    node::control::ask_why,
};
use structopt::StructOpt;

use super::{
    ExitCode, Failure,
    place::{NodePlace, Place},
    screen::{BOLD, FAINT},
};

/// Tells how the last leaders came to lead, as one node has seen it
///
/// For each of the last 20 changes: why the leader before ended; the votes, and what each beat or lost to; who was not waited for;
/// who proposed the epoch, and whose words counted; and when each of that was. A node tells what it has seen since it was started.
/// Exits with 0, and with 3 if no node answers.
#[derive(Debug, StructOpt)]
#[structopt(usage = "ballotbox why [OPTIONS] (--data-dir <DIR> | <URL>)")]
pub(super) struct WhyArgs {
    #[structopt(flatten)]
    node: NodePlace,
    /// Prints JSON
    #[structopt(long)]
    json: bool,
}

pub(super) fn run(args: &WhyArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let report = match args.node.get()? {
        Place::Directory(directory) => block_on(ask_why(directory))?,
        Place::Url(url) => block_on(client::ask_why(&url))?,
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report).unwrap_or_default())?;
    } else {
        tell(&report, out)?;
    }
    Ok(ExitCode::Done)
}

/// All changes in words, the oldest first.
pub(super) fn tell(report: &WhyReport, out: &mut dyn Write) -> io::Result<()> {
    let number = report.changes.len();
    let changes = if number == 1 { "change" } else { "changes" };
    let them = if number == 1 { "it" } else { "them" };
    writeln!(out, " {FAINT}{number} {changes}, as {} has seen {them}{FAINT:#}", report.id)?;
    for change in &report.changes {
        writeln!(out)?;
        let text = chronicle::text(change, report.id);
        for (n, line) in text.lines().enumerate() {
            let style = if n == 0 { BOLD } else { Style::new() };
            writeln!(out, " {style}{line}{style:#}")?;
        }
    }
    Ok(())
}
