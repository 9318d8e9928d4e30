//! `ballotbox probe --watch`: asks again and again, and tells what is new.

use std::{
    io::{self, Write},
    time::Duration,
};

use async_std::task::block_on;
use ballotbox::{
    ServerId,
    probe::{Inquirer, ProbeReport, Target},
};
use ballotbox_actors::kit::{clock, tenths_of_ms};
use futures::{StreamExt, future::join_all};
use serde::Serialize;

use super::{
    Ensemble, ProbeArgs,
    render::{self, ServerLine},
};
use crate::cli::{
    Failure,
    screen::{self, BOLD, FAINT},
    watching,
};

/// A line with `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    /// A server is new, or says something new.
    Server {
        at_ms: f64,
        #[serde(flatten)]
        server: &'a ServerLine,
    },
    /// Another one leads, or the servers began or ceased to agree.
    Leader { at_ms: f64, leader: Option<u64>, agreement: bool },
}

/// Watches until a signal comes, and returns what was found last.
pub(super) fn run(
    ensemble: &Ensemble,
    args: &ProbeArgs,
    out: &mut dyn Write,
) -> Result<ProbeReport, Failure> {
    let mut signals = watching::signals().map_err(|error| Failure::Signals(error.into()))?;
    block_on(async {
        let began = clock::now();
        let inquirer = |target: &Target| Inquirer::new(target.clone(), ensemble.tls.clone());
        let mut inquirers: Vec<_> = ensemble.targets.iter().map(inquirer).collect();
        let mut known = Vec::new();
        let mut verdict = None;
        loop {
            let asked = inquirers.iter_mut().map(|inquirer| inquirer.ask(args.deadline));
            let report = ensemble.judge(join_all(asked).await);
            let at = clock::now() - began;
            for (index, reading) in report.servers.iter().enumerate() {
                let line = ServerLine::new(reading);
                // The time it took is no news.
                let mut news = line.clone();
                news.answered_ms = None;
                if known.get(index) == Some(&news) {
                    continue;
                }
                match known.get_mut(index) {
                    Some(old) => *old = news,
                    None => known.push(news),
                }
                say_server(args.json, at, &line, out)?;
            }
            let now = (report.leader, report.agreement);
            if verdict != Some(now) {
                verdict = Some(now);
                say_leader(args.json, at, &report, out)?;
            }
            // Someone may be waiting for it at the other end of a pipe.
            out.flush()?;
            if clock::within(args.every, signals.next()).await.is_ok() {
                return Ok(report);
            }
        }
    })
}

fn say_server(
    json: bool,
    at: Duration,
    server: &ServerLine,
    out: &mut dyn Write,
) -> io::Result<()> {
    if json {
        let line = Line::Server { at_ms: tenths_of_ms(at), server };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        writeln!(out, " {FAINT}{}{FAINT:#}  {}", screen::at(at), server.in_words())?;
    }
    Ok(())
}

fn say_leader(
    json: bool,
    at: Duration,
    report: &ProbeReport,
    out: &mut dyn Write,
) -> io::Result<()> {
    if json {
        let leader = report.leader.map(ServerId::number);
        let at_ms = tenths_of_ms(at);
        let line = Line::Leader { at_ms, leader, agreement: report.agreement };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        let verdict = render::verdict(report);
        writeln!(out, " {FAINT}{}{FAINT:#}  {BOLD}{verdict}{BOLD:#}", screen::at(at))?;
    }
    Ok(())
}
