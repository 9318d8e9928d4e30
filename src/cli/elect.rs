//! `ballotbox elect`: a whole ensemble in this process, over real sockets.

mod json;

use std::{collections::BTreeMap, io::Write, path::PathBuf, time::Duration};

use anstyle::Style;
use async_std::task::block_on;
use ballotbox::{
    ServerId, UntrustedText,
    scenario::{
        live::{self, MemberReport, PlayReport, StoryLine, What},
        vote_file::{Faults, MemberState, Outcome, VoteFile},
    },
    tls::NodeTls,
};
use ballotbox_actors::kit::Rounded;
use structopt::StructOpt;

use super::{
    ExitCode, Failure, descriptors,
    diagram::{self, DIAGRAM_LINES_MAX},
    duration, input,
    output_file::OutputFile,
    screen::{self, BAD, BOLD, Column, FAINT, GOOD, PLAIN},
    tls_files::{self, Speaker},
    why,
};

/// Without `--deadline`, this much more than the file itself takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Plays a vote file: starts all its members in this process, over real sockets
#[derive(Debug, StructOpt)]
pub(super) struct ElectArgs {
    /// A vote file
    #[structopt(name = "VOTES.json", parse(from_os_str))]
    file: PathBuf,
    /// Prints one JSON object at the end instead of the story and the table
    #[structopt(long)]
    json: bool,
    /// Gives up after this time, as in 500ms, 30s or 2m; if left out, 30s after the last time in the file
    #[structopt(long, value_name = "TIME", parse(try_from_str = duration::parse))]
    deadline: Option<Duration>,
    /// Tells at the end how each leader came to lead, as `why` does of a node: as the last leader has seen it
    #[structopt(long)]
    why: bool,
    /// Draws what happened into this file, as SVG
    #[structopt(long, value_name = "FILE.svg", parse(from_os_str))]
    diagram: Option<PathBuf>,
}

pub(super) fn run(args: &ElectArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let file = input::vote_file(&args.file)?;
    if file.faults.as_ref().is_some_and(Faults::matter) {
        let path = input::name(&args.file);
        screen::warn(
            &format!("{path}, faults: left out, as they are for simulate only"),
            args.json,
        );
    }
    live::PlayError::of_steps(&file).map_err(|error| {
        let path = input::name(&args.file);
        Failure::Argument(UntrustedText::shortened(format_args!("{path}, {error}"), usize::MAX))
    })?;
    let keys = read_keys(&file, args)?;
    descriptors::require(live::descriptors_needed(&file))?;
    let diagram = args.diagram.as_ref();
    let diagram =
        diagram.map(|path| OutputFile::open("--diagram", path, &args.file)).transpose()?;
    let deadline = args.deadline.unwrap_or_else(|| last_time(&file) + DEADLINE);
    let mut story = Vec::new();
    let mut told = Ok(());
    if !args.json {
        title(&file, out)?;
    }
    let mut tell = |event: &StoryLine| {
        if !args.json && told.is_ok() {
            // A story is followed while it happens, also through a pipe.
            told = line(event, out).and_then(|()| out.flush());
        }
        if diagram.is_some() && story.len() < DIAGRAM_LINES_MAX {
            story.push(event.clone());
        }
    };
    let report = block_on(live::play_over_tls(&file, keys, deadline, &mut tell))?;
    told?;
    if args.json {
        writeln!(out, "{}", json::to_json(&report, args.why))?;
    } else {
        writeln!(out)?;
        members(&report, out)?;
        writeln!(out, "\n{}", summary(&report))?;
        if let Some(report) = report.why.as_ref().filter(|_| args.why) {
            writeln!(out)?;
            why::tell(report, out)?;
        }
    }
    if let Some(diagram) = diagram {
        // What a busy machine has told late stands in its place.
        story.sort_by_key(|line| line.at);
        diagram.write(&diagram::diagram(&file, &story))?;
    }
    Ok(if report.is_good() { ExitCode::Done } else { ExitCode::No })
}

/// Reads the files with keys and certificates of every member.
fn read_keys(file: &VoteFile, args: &ElectArgs) -> Result<BTreeMap<ServerId, NodeTls>, Failure> {
    let (mut keys, mut warnings) = (BTreeMap::new(), Vec::new());
    for (member, _) in file.members() {
        let settings = file.tls_settings(member.id, &args.file, None).map_err(|error| {
            Failure::Argument(format!("{}: {error}", input::name(&args.file)).into())
        })?;
        if let Some(settings) = settings {
            let names = file.tls_names().collect();
            let speaker = Speaker { me: member.id, members: &file.membership, names };
            keys.insert(member.id, tls_files::read(settings, &speaker, &mut warnings)?);
        }
    }
    warnings.sort_unstable();
    warnings.dedup();
    for warning in warnings {
        screen::warn(&warning, args.json);
    }
    Ok(keys)
}

fn last_time(file: &VoteFile) -> Duration {
    let steps = file.steps.iter().map(|step| step.at);
    let expectations = file.expectations.iter().map(|expectation| expectation.by);
    steps.chain(expectations).max().unwrap_or_default()
}

fn title(file: &VoteFile, out: &mut dyn Write) -> std::io::Result<()> {
    match &file.title {
        Some(title) => writeln!(out, "{BOLD}{title}{BOLD:#}\n"),
        None => Ok(()),
    }
}

fn line(event: &StoryLine, out: &mut dyn Write) -> std::io::Result<()> {
    let style = style_of(&event.what);
    let at = screen::at(event.at);
    writeln!(out, " {FAINT}{at}{FAINT:#}  {style}{}{style:#}", event.what)
}

fn style_of(what: &What) -> Style {
    match what {
        What::Played(_) => BOLD,
        What::Looking { .. }
        | What::Voted { .. }
        | What::Follows { .. }
        | What::Lost { .. }
        | What::LeaseOver { .. }
        | What::Befalls { .. }
        | What::WaitsFor { .. } => PLAIN,
        What::Leads { .. } => GOOD,
        What::Decided { won, .. } => {
            if won.is_some() {
                GOOD
            } else {
                PLAIN
            }
        }
        What::Judged { verdict, .. } => {
            if *verdict == live::Verdict::Met {
                FAINT
            } else {
                BAD
            }
        }
    }
}

fn members(report: &PlayReport, out: &mut dyn Write) -> std::io::Result<()> {
    let columns = [
        Column::right("member"),
        Column::left("state"),
        Column::right("leader"),
        Column::right("epoch"),
        Column::right("round"),
        Column::left("vote (epoch, zxid)"),
        Column::right("decided"),
        Column::right("in epoch"),
    ];
    let rows: Vec<_> =
        report.members.iter().map(|member| (row_style(member), row(member))).collect();
    screen::table(out, &columns, &rows)
}

fn row(member: &MemberReport) -> Vec<String> {
    fn or_empty(value: Option<impl ToString>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    vec![
        member.id.to_string(),
        member.state.word().to_owned(),
        or_empty(member.state.leader_of(member.id)),
        or_empty(member.state.epoch()),
        or_empty(member.round),
        or_empty(
            member.vote.map(|vote| format!("{} ({}, {})", vote.leader, vote.epoch, vote.zxid)),
        ),
        or_empty(member.decided.map(in_a_cell)),
        or_empty(member.established.map(in_a_cell)),
    ]
}

/// A time that leaves the table within 80 columns: from a second on, in seconds.
fn in_a_cell(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return Rounded(time).to_string();
    }
    format!("{:.1} s", time.as_secs_f64())
}

fn row_style(member: &MemberReport) -> Style {
    match member.state {
        MemberState::Leading { .. } => GOOD,
        MemberState::Down => FAINT,
        MemberState::Looking | MemberState::Following { .. } | MemberState::Observing { .. } => {
            PLAIN
        }
    }
}

fn summary(report: &PlayReport) -> String {
    let style = if report.is_good() { GOOD } else { BAD };
    let outcome = match (report.outcome, report.leader) {
        (Outcome::Elected, Some((leader, round))) => {
            let took = report.election;
            let took = took.map_or_else(String::new, |took| format!(" in {}", Rounded(took)));
            format!("{leader} was elected in round {round}{took}")
        }
        (Outcome::Elected | Outcome::NoLeader, _) => "Nobody was elected".to_owned(),
        (Outcome::Unmet, _) => "Not everything went as expected".to_owned(),
    };
    let met = report.expectations.iter().filter(|expectation| expectation.met()).count();
    let expectations = match report.expectations.len() {
        0 => String::new(),
        all => format!("; {met} of {all} expectations came true"),
    };
    let elapsed = Rounded(report.elapsed);
    format!("{style}{outcome}{style:#}; the play took {elapsed}{expectations}.")
}
