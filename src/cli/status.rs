//! `ballotbox status`: how things stand with a node.

mod render;
mod source;

use std::{
    io::Write,
    pin::pin,
    time::{Duration, Instant},
};

use async_std::task::block_on;
use ballotbox::node::control::StatusReport;
use ballotbox_actors::kit::clock;
use futures::{
    StreamExt,
    future::{Either, select},
};
use structopt::StructOpt;

use self::source::Source;
use super::{
    ExitCode, Failure,
    place::NodePlace,
    screen::{self, FAINT},
    watching,
};

/// What changes without news, as the times of a table do, is seen after this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Asks a node how things stand
///
/// In its directory only the user that it runs as may ask it, and at its status port everybody. Exits with 0 if the node knows who leads, with 1 if not, and with 3 if no
/// node answers.
#[derive(Debug, StructOpt)]
#[structopt(usage = "ballotbox status [OPTIONS] (--data-dir <DIR> | <URL>)")]
pub(super) struct StatusArgs {
    #[structopt(flatten)]
    node: NodePlace,
    /// Prints JSON
    #[structopt(long)]
    json: bool,
    /// Shows the table anew at each change, and every second; to a pipe or a file, prints a line for each change. Until
    /// SIGINT, or until the node ends
    #[structopt(long)]
    watch: bool,
}

pub(super) fn run(args: &StatusArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let report = if args.watch {
        watch(args, out)?
    } else {
        let report = block_on(Source::of(args.node.get()?).now())?;
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
    let mut teller = Teller::new(args, out);
    let mut source = Source::of(args.node.get()?);
    block_on(async {
        let mut known = source.now().await?;
        teller.tell(&known)?;
        loop {
            let look_after = teller.is_screen.then_some(LOOK_EVERY);
            let answer = pin!(next(&mut source, known.seq, look_after));
            let report = match select(signals.next(), answer).await {
                Either::Left(_) => return Ok(known),
                Either::Right((report, _)) => report?,
            };
            if teller.is_screen || !is_same(&known, &report) {
                teller.tell(&report)?;
            }
            known = report;
        }
    })
}

/// How the node is when that has changed, or after this time.
async fn next(
    source: &mut Source<'_>,
    seen: u64,
    look_after: Option<Duration>,
) -> Result<StatusReport, Failure> {
    let Some(wait) = look_after else { return source.change(seen).await };
    match clock::within(wait, Box::pin(source.change(seen))).await {
        Ok(report) => report,
        Err(clock::Late(_)) => source.present().await,
    }
}

/// Tells a watcher how the node is.
struct Teller<'a> {
    json: bool,
    /// The table is shown in its place, and not a line after another.
    is_screen: bool,
    began: Instant,
    /// The last line for people: another one that says the same would be no news.
    line: String,
    out: &'a mut dyn Write,
}

impl<'a> Teller<'a> {
    fn new(args: &StatusArgs, out: &'a mut dyn Write) -> Self {
        let is_screen = !args.json && screen::can_be_redrawn();
        Self { json: args.json, is_screen, began: clock::now(), line: String::new(), out }
    }

    fn tell(&mut self, report: &StatusReport) -> Result<(), Failure> {
        let mut text = Vec::new();
        if self.json {
            render::json(report, &mut text)?;
        } else if self.is_screen {
            text.extend(screen::FROM_THE_TOP);
            render::table(report, &mut text)?;
        } else {
            let line = render::line(report);
            if line == self.line {
                return Ok(());
            }
            writeln!(text, " {FAINT}{}{FAINT:#}  {line}", screen::at(clock::now() - self.began))?;
            self.line = line;
        }
        self.out.write_all(&text)?;
        // Someone may be waiting for it at the other end of a pipe.
        Ok(self.out.flush()?)
    }
}

/// Whether there is nothing to tell. That time has gone by is no news.
fn is_same(known: &StatusReport, report: &StatusReport) -> bool {
    let mut at_that_time = report.clone();
    (at_that_time.seq, at_that_time.since_ms) = (known.seq, known.since_ms);
    for (voter, before) in at_that_time.voters.iter_mut().zip(&known.voters) {
        voter.answered_ms = before.answered_ms;
    }
    if let (Some(lease), Some(before)) = (&mut at_that_time.lease, &known.lease)
        && lease.remaining_ms.is_some() == before.remaining_ms.is_some()
    {
        lease.remaining_ms = before.remaining_ms;
    }
    if let (Some(promise), Some(before)) = (&mut at_that_time.promise, known.promise) {
        promise.remaining_ms = before.remaining_ms;
    }
    at_that_time == *known
}
