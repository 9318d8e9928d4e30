//! What a node said of itself, for people and for programs.

use std::{
    io::{self, Write},
    iter,
    time::Duration,
};

use anstyle::Style;
use ballotbox::node::control::{
    LeaseReport, PromiseReport, SafeToRestart, StatusReport, TlsReport, VoterReport, WorkReport,
};
use ballotbox_actors::kit::{Rounded, clock};

use crate::cli::screen::{self, BAD, BOLD, Column, GOOD, PLAIN};

/// One line of JSON.
pub(super) fn json(report: &StatusReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(report)?)
}

/// One line, of a watch.
pub(super) fn line(report: &StatusReport) -> String {
    let mut text = format!("{} {}", report.id, state(report));
    if report.leader.is_none() {
        text = format!("{text}, {}", election(report));
    }
    for part in [epochs(report), links(report), disk(report)] {
        text = format!("{text}; {part}");
    }
    let style = style(report);
    format!("{style}{text}{style:#}")
}

/// At most this many columns are written to, but where a word is longer, as the path of a directory may be.
const COLUMNS: usize = 80;
/// From this number of milliseconds on a time is shown in seconds.
const IN_SECONDS_FROM: u64 = 2_000;
/// The names of what is said of the node take these.
const NAMES: usize = 11;

/// A table of what the node itself is, and one of the members.
pub(super) fn table(report: &StatusReport, out: &mut dyn Write) -> io::Result<()> {
    for (style, name, text) in rows(report) {
        let names = iter::once(name).chain(iter::repeat(""));
        for (name, line) in names.zip(screen::wrapped(&text, COLUMNS - NAMES)) {
            writeln!(out, " {BOLD}{name:<9}{BOLD:#} {style}{line}{style:#}")?;
        }
    }
    writeln!(out)?;
    let columns = [
        Column::right("member"),
        Column::left("role"),
        Column::left("link"),
        Column::left("answered"),
        Column::left("promises"),
        Column::left(""),
    ];
    screen::table(out, &columns, &members(report))
}

/// What the node itself is.
fn rows(report: &StatusReport) -> Vec<(Style, &'static str, String)> {
    let since = millis(report.since_ms);
    let mut rows = vec![
        (PLAIN, "node", format!("{} ({})", report.id, report.role)),
        (style(report), "state", format!("{} for {since}", state(report))),
    ];
    if let Some(leader) = report.leader {
        let start = leader.incarnation.map(|start| format!(", start {start} of its directory"));
        let text = format!("{}, token {}{}", leader.id, leader.token, start.unwrap_or_default());
        rows.push((PLAIN, "leader", text));
    }
    rows.extend([
        (PLAIN, "election", election(report)),
        (PLAIN, "epochs", epochs(report)),
        (disk_style(report), "disk", disk(report)),
    ]);
    if let Some(clock) = report.clock.filter(|clock| clock.gaps > 0) {
        let times = if clock.gaps == 1 { "time" } else { "times" };
        rows.push((BAD, "clock", format!("held up for too long {} {times}", clock.gaps)));
    }
    if let Some(lease) = &report.lease {
        rows.push(lease_row(report, lease));
    }
    if let Some(promise) = &report.promise {
        rows.push((PLAIN, "promise", bound(*promise)));
    }
    if let Some(work) = &report.work {
        rows.push((PLAIN, "program", program(work)));
    }
    if let Some(SafeToRestart { safe, why }) = &report.safe_to_restart {
        let (style, answer) = if *safe { (GOOD, "safe") } else { (BAD, "not safe") };
        let said = format!("{answer}: {why}");
        let names = iter::once("restart").chain(iter::repeat(""));
        rows.extend(names.zip(said.split("; ")).map(|(name, part)| (style, name, part.to_owned())));
    }
    if let Some(tls) = &report.tls {
        rows.push(tls_row(tls));
    }
    rows.push((PLAIN, "version", report.version.clone()));
    if report.beside_real_server {
        let text =
            "met a ZooKeeper server: this node does not lead, and as a voter follows no epoch";
        rows.push((BAD, "beside", text.to_owned()));
    }
    rows
}

/// The voters, and the node itself.
fn members(report: &StatusReport) -> Vec<(Style, Vec<String>)> {
    let mut rows: Vec<_> = report.voters.iter().map(|voter| member(report, voter)).collect();
    if report.voters.iter().all(|voter| voter.id != report.id) {
        let itself = [&report.id.to_string(), &report.role, "itself", "", "", ""];
        rows.push((PLAIN, itself.map(str::to_owned).into()));
    }
    rows
}

fn member(report: &StatusReport, voter: &VoterReport) -> (Style, Vec<String>) {
    let (style, link) = match voter.link {
        None => (PLAIN, "itself"),
        Some(true) => (PLAIN, "up"),
        Some(false) => (BAD, "down"),
    };
    let leads = report.leader.is_some_and(|leader| leader.id == voter.id);
    let role = if leads { "leader" } else { "voter" };
    let answered = voter.answered_ms.map(|ago| format!("{} ago", millis(ago)));
    let promises = match voter.keeps_promises {
        Some(true) => "kept",
        Some(false) => "none",
        None => "",
    };
    let amnesia = if voter.amnesiac == Some(true) { "does not count yet" } else { "" };
    let cells =
        [&voter.id.to_string(), role, link, &answered.unwrap_or_default(), promises, amnesia];
    (style, cells.map(str::to_owned).into())
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

/// What a leader with a lease holds; of another, what it would lead with.
fn lease_row(report: &StatusReport, lease: &LeaseReport) -> (Style, &'static str, String) {
    let length = millis(lease.length_ms);
    if !report.leading && lease.promises.is_empty() {
        return (PLAIN, "lease", format!("{length}, when it leads"));
    }
    let voters: Vec<_> = lease.promises.iter().map(u64::to_string).collect();
    let voters = if voters.is_empty() { "nobody".to_owned() } else { voters.join(", ") };
    let enough = if lease.blocking { "" } else { ", which is too few" };
    match lease.remaining_ms {
        Some(left) => {
            let left = millis(left);
            (GOOD, "lease", format!("{left} left of {length}, promised by {voters}{enough}"))
        }
        None => (BAD, "lease", format!("none held, promised by {voters}{enough}")),
    }
}

fn tls_row(TlsReport { stage, certificate_until }: &TlsReport) -> (Style, &'static str, String) {
    let until = clock::rfc3339_seconds(*certificate_until);
    if *certificate_until < clock::time_of_day() {
        return (BAD, "tls", format!("{stage}; the certificate expired at {until}: renew it"));
    }
    (PLAIN, "tls", format!("{stage}; the certificate is valid until {until}"))
}

fn program(work: &WorkReport) -> String {
    let pid = work.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let exit = work.last_exit.map(|code| format!(", last exit code {code}")).unwrap_or_default();
    let starts = if work.starts == 1 { "start" } else { "starts" };
    format!("{}{pid}, {} {starts}{exit}", work.state, work.starts)
}

fn bound(promise: PromiseReport) -> String {
    let to = promise.to.map_or_else(|| "a leader".to_owned(), |to| to.to_string());
    format!("bound to {to} for {}", millis(promise.remaining_ms))
}

/// A time that the node tells in whole milliseconds.
fn millis(millis: u64) -> String {
    if millis < IN_SECONDS_FROM {
        return format!("{millis} ms");
    }
    Rounded(Duration::from_millis(millis)).to_string()
}

fn disk(report: &StatusReport) -> String {
    let Some(disk) = &report.disk else { return "none used".to_owned() };
    let directory = disk.directory.as_deref().unwrap_or("in memory");
    let last = disk.last_write_ms.map(|took| format!(", last write in {}", millis(took)));
    match &disk.error {
        Some(error) => format!("{directory} is {}: {error}", disk.state),
        None => format!("{directory} is {}{}", disk.state, last.unwrap_or_default()),
    }
}

fn disk_style(report: &StatusReport) -> Style {
    let fails = report.disk.as_ref().is_some_and(|disk| disk.error.is_some());
    if fails { BAD } else { PLAIN }
}
