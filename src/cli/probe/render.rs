//! What a probe found, for people and for programs.

use std::{
    io::{self, Write},
    time::Duration,
};

use anstyle::Style;
use ballotbox::{
    Endpoint, ServerId,
    election::PeerState,
    probe::{NoAnswer, ProbeReport, Reading},
};
use ballotbox_actors::kit::{Rounded, tenths_of_ms};
use ballotbox_core::shown_of;
use serde::Serialize;

use crate::cli::screen::{self, BAD, BOLD, Column, GOOD, PLAIN};

/// The object that `--json` prints.
#[derive(Debug, Serialize)]
struct ReportLine {
    leader: Option<u64>,
    agreement: bool,
    servers: Vec<ServerLine>,
}

/// One server of it. What is not known is null; the last three are there only if there is something to say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ServerLine {
    address: String,
    reachable: bool,
    id: Option<u64>,
    state: Option<&'static str>,
    leader: Option<u64>,
    round: Option<i64>,
    epoch: Option<i64>,
    zxid: Option<String>,
    config_version: Option<String>,
    pub(super) answered_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_list: Option<String>,
}

impl ReportLine {
    fn new(report: &ProbeReport) -> Self {
        Self {
            leader: report.leader.map(ServerId::number),
            agreement: report.agreement,
            servers: report.servers.iter().map(ServerLine::new).collect(),
        }
    }
}

impl ServerLine {
    pub(super) fn new(reading: &Reading) -> Self {
        let said = reading.answer.as_ref().ok().map(|answer| &answer.notification);
        let vote = said.and_then(|said| said.vote);
        let error = reading.answer.as_ref().err();
        Self {
            address: address(reading),
            reachable: said.is_some(),
            id: reading.id.map(ServerId::number),
            state: said.map(|said| state_word(said.state)),
            leader: vote.map(|vote| vote.leader.number()),
            round: said.map(|said| said.round.0),
            epoch: vote.map(|vote| vote.epoch.0),
            zxid: vote.map(|vote| vote.zxid.to_string()),
            config_version: reading.config_version.map(|version| format!("{:#x}", version.0)),
            answered_ms: reading.answer.as_ref().ok().map(|answer| tenths_of_ms(answer.took)),
            problem: error.map(NoAnswer::kind),
            reason: error.map(ToString::to_string),
            member_list: reading.difference.as_ref().map(ToString::to_string),
        }
    }

    /// The same in one line.
    pub(super) fn in_words(&self) -> String {
        let id = self.id.map_or_else(String::new, |id| format!(" (server {id})"));
        let what = match (&self.state, &self.reason) {
            (Some(state), _) => {
                let leader = self.leader.map_or_else(|| "nobody".to_owned(), |id| id.to_string());
                let relation = if *state == "looking" { "votes for" } else { "leader" };
                let epoch = self.epoch.unwrap_or_default();
                let round = self.round.unwrap_or_default();
                format!("{state}, {relation} {leader}, epoch {epoch}, round {round}")
            }
            (None, reason) => reason.clone().unwrap_or_default(),
        };
        let list = self.member_list.as_ref();
        let list =
            list.map_or_else(String::new, |list| format!("; its member list differs: {list}"));
        format!("{}{id}: {what}{list}", self.address)
    }

    /// What is good or bad about it, next to who leads.
    fn style(&self, leads: Option<u64>) -> Style {
        match self.state {
            _ if self.member_list.is_some() => BAD,
            Some("leading") if self.leader == leads => GOOD,
            Some("following" | "observing") if self.leader == leads => PLAIN,
            _ => BAD,
        }
    }
}

/// One line of JSON.
pub(super) fn json(report: &ProbeReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(&ReportLine::new(report))?)
}

/// The table, and what it amounts to.
pub(super) fn table(report: &ProbeReport, out: &mut dyn Write) -> io::Result<()> {
    let columns = [
        Column::left("address"),
        Column::right("id"),
        Column::left("state"),
        Column::right("leader"),
        Column::right("zxid"),
        Column::right("epoch"),
        Column::right("round"),
        Column::right("config"),
        Column::right("answered"),
    ];
    let leader = report.leader.map(ServerId::number);
    let lines: Vec<_> = report.servers.iter().map(ServerLine::new).collect();
    // A list that was never changed has version 0: a column of it would only be wide.
    let is_changed = |line: &ServerLine| line.config_version.as_ref().is_some_and(|it| it != "0x0");
    let shows_config = lines.iter().any(is_changed);
    let row = |line: &ServerLine| (line.style(leader), cells(line, shows_config));
    let rows: Vec<_> = lines.iter().map(row).collect();
    screen::table(out, &columns, &rows)?;
    writeln!(out)?;
    for line in &lines {
        if let Some(reason) = &line.reason {
            writeln!(out, " {BAD}{}: {reason}{BAD:#}", line.address)?;
        }
        if let Some(list) = &line.member_list {
            writeln!(out, " {BAD}{}: its member list differs: {list}{BAD:#}", line.address)?;
        }
    }
    let style = if leader.is_some() && report.agreement { BOLD } else { BAD };
    writeln!(out, " {style}{}{style:#}", verdict(report))
}

/// What it amounts to, in a sentence.
pub(super) fn verdict(report: &ProbeReport) -> String {
    let (support, voters) = report.support;
    match (report.leader, report.agreement) {
        (Some(leader), true) => format!("{leader} leads: {support} of {voters} voters say so"),
        (Some(leader), false) => {
            let others = dissenters(report);
            format!("{leader} leads: {support} of {voters} voters say so, but {others}")
        }
        (None, _) if report.servers.iter().all(|reading| reading.answer.is_err()) => {
            "no leader: no server answered".to_owned()
        }
        (None, _) if support > voters / 2 => {
            format!("no leader: {support} of {voters} voters name one that does not say it leads")
        }
        (None, _) => format!("no leader: at most {support} of {voters} voters name the same one"),
    }
}

/// At most this many servers are named as those who do not agree.
const DISSENTERS_SHOWN_MAX: usize = 4;

/// Who does not agree, and with what.
fn dissenters(report: &ProbeReport) -> String {
    let said = |reading: &Reading| {
        let word = match reading.settled_on() {
            Some(other) => format!("names {other}"),
            None => "is looking".to_owned(),
        };
        format!("{} {word}", address(reading))
    };
    let count = report.dissenters().count();
    let shown = shown_of(count, DISSENTERS_SHOWN_MAX);
    let named: Vec<_> = report.dissenters().take(shown).map(said).collect();
    match count - shown {
        0 => named.join(", "),
        more => format!("{}, and {more} more do not agree", named.join(", ")),
    }
}

fn cells(line: &ServerLine, shows_config: bool) -> Vec<String> {
    let text = |text: Option<String>| text.unwrap_or_default();
    vec![
        line.address.clone(),
        text(line.id.map(|id| id.to_string())),
        line.state.unwrap_or("unreachable").to_owned(),
        text(line.leader.map(|id| id.to_string())),
        text(line.zxid.clone()),
        text(line.epoch.map(|epoch| epoch.to_string())),
        text(line.round.map(|round| round.to_string())),
        text(line.config_version.clone().filter(|_| shows_config)),
        text(line.answered_ms.map(|ms| Rounded(Duration::from_secs_f64(ms / 1000.0)).to_string())),
    ]
}

fn address(reading: &Reading) -> String {
    let endpoints: Vec<_> = reading.target.endpoints.iter().map(Endpoint::to_string).collect();
    endpoints.join("|")
}

fn state_word(state: PeerState) -> &'static str {
    match state {
        PeerState::Looking => "looking",
        PeerState::Following => "following",
        PeerState::Leading => "leading",
        PeerState::Observing => "observing",
    }
}
