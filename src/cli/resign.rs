//! `ballotbox resign`: hands the leadership of a node over.

use std::{io::Write, path::PathBuf, time::Duration};

use async_std::task::block_on;
use ballotbox::{
    ServerId, UntrustedText,
    leadership::Successor,
    node::control::{RESIGN_WITHIN_MAX, Resignation, ask_to_resign},
};
use structopt::StructOpt;

use super::{ExitCode, Failure, duration};

/// Asks the node that runs in a data directory to hand its leadership over
///
/// Its work is told to end, and as soon as it has ended the successor leads, without an election if it can. Exits with 0 when
/// another member leads, with 1 and the reason if not, and with 3 if no node answers.
#[derive(Debug, StructOpt)]
pub(super) struct ResignArgs {
    /// Where the node keeps its epochs: what it was given as --data-dir (ballotbox-data/ID, if nothing), or the dataDir of its
    /// zoo.cfg
    #[structopt(
        long,
        value_name = "DIR",
        empty_values = false,
        parse(from_os_str),
        required_unless = "url"
    )]
    data_dir: Option<PathBuf>,
    /// Not yet: nodes do not answer over HTTP
    #[structopt(value_name = "URL", conflicts_with = "data-dir", hidden = true)]
    url: Option<String>,
    /// Who is to lead next; whoever can, if it is not given
    #[structopt(long, value_name = "ID", empty_values = false)]
    to: Option<ServerId>,
    /// So long the work may take to end, and so long the command waits at most
    #[structopt(long, value_name = "TIME", default_value = "5s", parse(try_from_str = duration::parse))]
    within: Duration,
    /// Prints JSON
    #[structopt(long)]
    json: bool,
}

pub(super) fn run(args: &ResignArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let Some(directory) = &args.data_dir else {
        let url = UntrustedText::new(args.url.as_deref().unwrap_or_default());
        let text = format!(
            "{url}: a node does not answer over HTTP yet: expected --data-dir, on its own machine"
        );
        return Err(Failure::Argument(UntrustedText::new(text)));
    };
    if args.within > RESIGN_WITHIN_MAX {
        let text = "--within: expected at most 1h";
        return Err(Failure::Argument(UntrustedText::new(text)));
    }
    let to = args.to.map_or(Successor::Any, Successor::To);
    let answer = block_on(ask_to_resign(directory, to, args.within))?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&answer).unwrap_or_default())?;
    } else {
        writeln!(out, "{}", sentence(&answer, args.to))?;
    }
    Ok(if answer.resigned { ExitCode::Done } else { ExitCode::No })
}

fn sentence(answer: &Resignation, asked_for: Option<ServerId>) -> String {
    match (&answer.leader, &answer.reason) {
        (Some(leader), None) => {
            let other = asked_for.filter(|asked| asked.number() != leader.id);
            let instead = other.map(|asked| format!(", though {asked} was asked for"));
            format!(
                "{} leads in epoch {}, after {} ms{}",
                leader.id,
                leader.epoch,
                answer.elapsed_ms,
                instead.unwrap_or_default()
            )
        }
        (_, Some(reason)) => format!("not handed over: {reason}"),
        (None, None) => "not handed over".to_owned(),
    }
}
