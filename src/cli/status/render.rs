//! What a node said of itself, for people and for programs.

use std::{
    io::{self, Write},
    time::Duration,
};

use anstyle::Style;
use ballotbox::node::control::StatusReport;
use ballotbox_actors::kit::Rounded;

use crate::cli::screen::{self, BAD, BOLD, Column, FAINT, GOOD, PLAIN};

/// One line of JSON.
pub(super) fn json(report: &StatusReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(report)?)
}

/// One line, of a watch.
pub(super) fn line(report: &StatusReport, at: Duration, out: &mut dyn Write) -> io::Result<()> {
    let at = screen::at(at);
    let mut text = format!("{} {}", report.id, state(report));
    if report.leader.is_none() {
        text = format!("{text}, {}", election(report));
    }
    for part in [epochs(report), links(report), disk(report)] {
        text = format!("{text}; {part}");
    }
    let style = style(report);
    writeln!(out, " {FAINT}{at}{FAINT:#}  {style}{text}{style:#}")
}

/// A table of what there is to say, and one of the voters.
pub(super) fn table(report: &StatusReport, out: &mut dyn Write) -> io::Result<()> {
    let since = Rounded(Duration::from_millis(report.since_ms));
    let mut rows = vec![
        (PLAIN, "node", format!("{} ({})", report.id, report.role)),
        (style(report), "state", format!("{} for {since}", state(report))),
        (PLAIN, "election", election(report)),
        (PLAIN, "epochs", epochs(report)),
        (disk_style(report), "disk", disk(report)),
        (PLAIN, "version", report.version.clone()),
    ];
    if report.beside_real_server {
        let text =
            "met a ZooKeeper server: this node does not lead, and as a voter follows no epoch";
        rows.push((BAD, "beside", text.to_owned()));
    }
    for (style, name, text) in rows {
        writeln!(out, " {BOLD}{name:<9}{BOLD:#} {style}{text}{style:#}")?;
    }
    writeln!(out)?;
    let row = |voter: &ballotbox::node::control::VoterReport| {
        let leads = report.leader.is_some_and(|leader| leader.id == voter.id);
        let (style, link) = match voter.link {
            None => (PLAIN, "itself"),
            Some(true) => (PLAIN, "up"),
            Some(false) => (BAD, "down"),
        };
        let leads = if leads { "leads" } else { "" };
        (style, vec![voter.id.to_string(), link.to_owned(), leads.to_owned()])
    };
    let rows: Vec<_> = report.voters.iter().map(row).collect();
    screen::table(out, &[Column::right("voter"), Column::left("link"), Column::left("")], &rows)
}

fn style(report: &StatusReport) -> Style {
    if report.leader.is_some() { GOOD } else { BAD }
}

fn state(report: &StatusReport) -> String {
    let state = &report.state;
    match report.leader {
        Some(leader) if report.leading => format!("{state} in epoch {}", leader.epoch),
        Some(leader) => format!("{state} {} in epoch {}", leader.id, leader.epoch),
        None => state.clone(),
    }
}

fn election(report: &StatusReport) -> String {
    match report.elected {
        Some(elected) => format!("{elected} elected in round {}", report.round),
        None => format!("nobody elected in round {}", report.round),
    }
}

fn epochs(report: &StatusReport) -> String {
    let Some(epoch) = report.epoch else { return "none kept".to_owned() };
    let recorded = match report.recorded {
        Some(true) => "recorded",
        Some(false) | None => "not recorded yet: the word of this node does not count",
    };
    format!("{} accepted, {} current, {recorded}", epoch.accepted, epoch.current)
}

fn links(report: &StatusReport) -> String {
    let peers = report.voters.iter().filter_map(|voter| voter.link);
    let up = peers.clone().filter(|up| *up).count();
    format!("linked to {up} of {} voters", peers.count())
}

fn disk(report: &StatusReport) -> String {
    let Some(disk) = &report.disk else { return "none used".to_owned() };
    let directory = disk.directory.as_deref().unwrap_or("in memory");
    match &disk.error {
        Some(error) => format!("{directory} is {}: {error}", disk.state),
        None => format!("{directory} is {}", disk.state),
    }
}

fn disk_style(report: &StatusReport) -> Style {
    let fails = report.disk.as_ref().is_some_and(|disk| disk.error.is_some());
    if fails { BAD } else { PLAIN }
}
