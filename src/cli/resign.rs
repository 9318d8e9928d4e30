//! `ballotbox resign`: hands the leadership of a node over.

use std::{io::Write, path::PathBuf, time::Duration};

use async_std::task::block_on;
use ballotbox::{
    ServerId, UntrustedText,
    http::{AdminToken, client},
    leadership::Successor,
    node::control::{RESIGN_WITHIN_MAX, Resignation, ask_to_resign},
};
use structopt::StructOpt;

use super::{
    ExitCode, Failure, duration, input,
    place::{NodePlace, Place},
    screen,
};

/// Asks a node to hand its leadership over
///
/// Its work is told to end, and as soon as it has ended the successor leads, without an election if it can. Exits with 0 when
/// another member leads, with 1 and the reason if not, and with 3 if no node answers.
#[derive(Debug, StructOpt)]
#[structopt(usage = "ballotbox resign [OPTIONS] (--data-dir <DIR> | <URL>)")]
pub(super) struct ResignArgs {
    #[structopt(flatten)]
    node: NodePlace,
    /// Who is to lead next; any member that can, if it is not given
    #[structopt(long, value_name = "ID", empty_values = false)]
    to: Option<ServerId>,
    /// The work has at most this long to end, and the command waits no longer
    #[structopt(long, value_name = "TIME", default_value = "5s", parse(try_from_str = duration::parse))]
    within: Duration,
    /// With a URL of another machine: what this file holds allows it, as at that node
    #[structopt(
        long,
        value_name = "FILE",
        empty_values = false,
        parse(from_os_str),
        conflicts_with = "data-dir"
    )]
    admin_token_file: Option<PathBuf>,
    /// Prints JSON
    #[structopt(long)]
    json: bool,
}

impl ResignArgs {
    fn token(&self) -> Result<Option<AdminToken>, Failure> {
        let Some(path) = &self.admin_token_file else { return Ok(None) };
        let (token, warning) = input::admin_token(path)?;
        if let Some(warning) = warning {
            screen::warn(&warning, self.json);
        }
        Ok(Some(token))
    }
}

pub(super) fn run(args: &ResignArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    if args.within > RESIGN_WITHIN_MAX {
        let text = "--within: expected at most 1h";
        return Err(Failure::Argument(UntrustedText::new(text)));
    }
    let to = args.to.map_or(Successor::Any, Successor::To);
    let answer = match args.node.get()? {
        Place::Directory(directory) => block_on(ask_to_resign(directory, to, args.within))?,
        Place::Url(url) => {
            let token = args.token()?;
            block_on(client::ask_to_resign(&url, to, args.within, token.as_ref()))?
        }
    };
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
