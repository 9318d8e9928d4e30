//! `ballotbox status`: how things stand with the node that runs in a directory.

mod render;

use std::{io::Write, path::PathBuf, time::Duration};

use async_std::task::block_on;
use ballotbox::node::control::{ControlError, StatusReport, ask_status};
use ballotbox_actors::kit::clock;
use futures::{
    StreamExt,
    future::{Either, select},
};
use structopt::StructOpt;

use super::{ExitCode, Failure, watching};

/// Before a watcher that the node has sent away asks again.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks the node that runs in a data directory how things stand
///
/// Only the user that the node runs as may ask it. Exits with 0 if the node knows who leads, with 1 if not, and with 3 if no
/// node answers.
#[derive(Debug, StructOpt)]
pub(super) struct StatusArgs {
    /// Where the node keeps its epochs: what it was given as --data-dir (ballotbox-data/ID, if nothing), or the dataDir of its
    /// zoo.cfg
    #[structopt(long, value_name = "DIR", empty_values = false, parse(from_os_str))]
    data_dir: PathBuf,
    /// Prints JSON
    #[structopt(long)]
    json: bool,
    /// Prints a line for each change, until SIGINT, or until the node ends
    #[structopt(long)]
    watch: bool,
}

pub(super) fn run(args: &StatusArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let report = if args.watch {
        watch(args, out)?
    } else {
        let report = block_on(ask_status(&args.data_dir, None))?;
        if args.json {
            render::json(&report, out)?;
        } else {
            render::table(&report, out)?;
        }
        report
    };
    Ok(if report.leader.is_some() { ExitCode::Done } else { ExitCode::No })
}

/// Watches until a signal comes, and returns what the node said last.
fn watch(args: &StatusArgs, out: &mut dyn Write) -> Result<StatusReport, Failure> {
    let mut signals = watching::signals().map_err(|error| Failure::Signals(error.into()))?;
    block_on(async {
        let began = clock::now();
        let mut known = ask_status(&args.data_dir, None).await?;
        say(args, &known, began, out)?;
        loop {
            let answer = std::pin::pin!(ask_again(args, known.seq));
            let report = match select(signals.next(), answer).await {
                Either::Left(_) => return Ok(known),
                Either::Right((report, _)) => report?,
            };
            if !is_same(&known, &report) {
                say(args, &report, began, out)?;
            }
            known = report;
        }
    })
}

async fn ask_again(args: &StatusArgs, seen: u64) -> Result<StatusReport, ControlError> {
    loop {
        match ask_status(&args.data_dir, Some(seen)).await {
            // The node has given the place to another caller, or has just ended. At once we would take it from the next one.
            Err(ControlError::Closed { .. }) => clock::sleep_until(clock::now() + PAUSE).await,
            // It was there a moment ago.
            Err(ControlError::NobodyRuns { path }) => return Err(ControlError::HasEnded { path }),
            answer => return answer,
        }
    }
}

fn say(
    args: &StatusArgs,
    report: &StatusReport,
    began: std::time::Instant,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if args.json {
        render::json(report, out)?;
    } else {
        render::line(report, clock::now() - began, out)?;
    }
    // Someone may be waiting for it at the other end of a pipe.
    Ok(out.flush()?)
}

/// Whether there is nothing to tell. That time has gone by is no news.
fn is_same(known: &StatusReport, report: &StatusReport) -> bool {
    let mut at_that_time = report.clone();
    (at_that_time.seq, at_that_time.since_ms) = (known.seq, known.since_ms);
    at_that_time == *known
}
