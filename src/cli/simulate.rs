//! `ballotbox simulate`: elections in virtual time, one to look at or many to be sure.

mod jobs;
mod many;
mod one;
mod progress;

use std::{
    io::Write,
    num::{NonZeroU64, NonZeroUsize},
    ops::RangeInclusive,
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ballotbox::{
    ServerId, UntrustedText,
    scenario::{
        simulation::{Ending, Recording, Setup, Verb, Violation, with_faults_as_steps},
        vote_file::VoteFile,
    },
};
use serde_json::{Value, json};
use structopt::StructOpt;

use super::{
    ExitCode, Failure,
    diagram::{self, DIAGRAM_LINES_MAX},
    input,
    output_file::OutputFile,
    screen,
};

/// The words of the trace, at the end of `--help`.
static LEGEND: LazyLock<String> = LazyLock::new(|| {
    const MEANING_AT: usize = 17;
    let mut legend = vec!["THE TRACE:".to_owned()];
    for verb in Verb::ALL {
        let mut word = verb.word();
        for line in screen::wrapped(verb.meaning(), LINE_MAX - MEANING_AT) {
            legend.push(format!("    {word:<width$}{line}", width = MEANING_AT - 4));
            word = "";
        }
    }
    legend.join("\n") + LEGEND_END
});

const LEGEND_END: &str = "

    Words in capitals matter most. `-` instead of a member stands for all.
    A link, or an attempt at one, is written peer#generation: after 2#1, the
    next one to member 2 is 2#2.";

/// Help fits this many columns.
const LINE_MAX: usize = 80;

/// Plays a vote file in virtual time: one run with its trace, or many
///
/// The trace has four columns: virtual milliseconds, the member, what happens to it, and details.
#[derive(Debug, StructOpt)]
#[structopt(after_help = LEGEND.as_str())]
pub(super) struct SimulateArgs {
    /// A vote file; its `faults` say what may go wrong beyond its steps
    #[structopt(name = "VOTES.json", parse(from_os_str))]
    file: PathBuf,
    /// Plays once with this seed, and prints what happens; with --seeds, the first of them
    #[structopt(long, value_name = "N", default_value = "0", parse(try_from_str = seed))]
    seed: u64,
    /// Plays with this many seeds, and reports how the elections ended; Ctrl-C reports those played so far
    #[structopt(long, value_name = "N", parse(try_from_str = number_of_seeds))]
    seeds: Option<NonZeroU64>,
    /// With --seeds, plays on this many threads; if left out, on every processor. The report is the same
    #[structopt(long, value_name = "N", requires = "seeds", parse(try_from_str = number_of_jobs))]
    jobs: Option<NonZeroUsize>,
    /// Prints one JSON object instead of the trace and the tables
    #[structopt(long)]
    json: bool,
    /// Tells at the end how each leader came to lead, as `why` does of a node: as the last leader has seen it
    #[structopt(long, conflicts_with = "seeds")]
    why: bool,
    /// Writes the steps of this seed to another vote file, those that its faults add among them: `elect` plays it, too
    #[structopt(long, value_name = "FILE", parse(from_os_str), conflicts_with = "seeds")]
    save: Option<PathBuf>,
    /// Draws what happens with this seed into this file, as SVG
    #[structopt(long, value_name = "FILE.svg", parse(from_os_str), conflicts_with = "seeds")]
    diagram: Option<PathBuf>,
}

pub(super) fn run(args: &SimulateArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let file = input::vote_file(&args.file)?;
    let setup = Arc::new(Setup::new(&file));
    if let Some(count) = args.seeds {
        let jobs = args.jobs.unwrap_or_else(processors);
        let seeds = range(args.seed, count)?;
        let stop = many::stop_on_signal()?;
        if !args.json {
            title(&file, out)?;
            out.flush()?;
        }
        let tally = many::play(&setup, seeds, jobs, &stop)?;
        if args.json {
            writeln!(out, "{}", tally.to_json(&args.file))?;
        } else {
            tally.tell(&args.file, &file.expectations, out)?;
        }
        return Ok(if tally.is_good() { ExitCode::Done } else { ExitCode::No });
    }
    if let Some(path) = &args.save {
        // The file that is played holds what no seed can bring back.
        let saved = OutputFile::open("--save", path, &args.file)?;
        saved.write(&(with_faults_as_steps(&file, args.seed).to_json() + "\n"))?;
    }
    let diagram = args.diagram.as_ref();
    let diagram =
        diagram.map(|path| OutputFile::open("--diagram", path, &args.file)).transpose()?;
    let story = diagram.as_ref().map_or(0, |_| DIAGRAM_LINES_MAX);
    let recording = Recording { trace: !args.json, why: args.why, story };
    if !args.json {
        title(&file, out)?;
    }
    let (trace, run) = one::play(&setup, args.seed, recording);
    if args.json {
        writeln!(out, "{}", one::to_json(&run))?;
    } else {
        one::tell(&trace, &run, out)?;
    }
    if let Some(diagram) = diagram {
        diagram.write(&diagram::diagram(&file, &run.story))?;
    }
    Ok(if run.is_good() { ExitCode::Done } else { ExitCode::No })
}

fn seed(text: &str) -> Result<u64, String> {
    let refused = || {
        let text = UntrustedText::new(text);
        format!("`{text}` is no seed: expected a whole number from 0 to {}", u64::MAX)
    };
    text.parse().map_err(|_| refused())
}

fn number_of_seeds(text: &str) -> Result<NonZeroU64, String> {
    let refused = || {
        let (text, max) = (UntrustedText::new(text), u64::MAX);
        format!("`{text}` is no number of seeds: expected a whole number from 1 to {max}")
    };
    text.parse().map_err(|_| refused())
}

fn number_of_jobs(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().filter(|count: &NonZeroUsize| count.get() <= jobs::JOBS_MAX);
    count.ok_or_else(|| {
        let max = jobs::JOBS_MAX;
        format!("`{text}` is no number of jobs: expected a whole number from 1 to {max}")
    })
}

fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// This many seeds, from the first one on.
fn range(first: u64, count: NonZeroU64) -> Result<RangeInclusive<u64>, Failure> {
    let last = first.checked_add(count.get() - 1).ok_or_else(|| {
        let max = u64::MAX;
        let text = format!("{count} seeds from {first} on: expected none above {max}");
        Failure::Argument(text.into())
    })?;
    Ok(first..=last)
}

fn title(file: &VoteFile, out: &mut dyn Write) -> std::io::Result<()> {
    use screen::BOLD;
    match &file.title {
        Some(title) => writeln!(out, "{BOLD}{title}{BOLD:#}\n"),
        None => Ok(()),
    }
}

/// How a run ended, as in JSON.
const fn word(ending: Ending) -> &'static str {
    match ending.outcome() {
        Some(outcome) => outcome.word(),
        None => "broken",
    }
}

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Leases that ran at one time, in words.
fn overlapping(count: u64) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} overlap{ending} of leases, as clocks were paused")
}

/// Impostors in words, and what keeps them out; `None` if none spoke.
fn impostors(believed: u64, unmasked: u64) -> Option<String> {
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    if believed > 0 {
        return Some(format!(
            "Impostors were believed {}: in plain text nothing tells them from voters.\n\
             They can make two lead. With `tls` in the file, members turn them away",
            times(believed)
        ));
    }
    let unmasked_so =
        format!("Impostors were turned away {}, as TLS unmasks them", times(unmasked));
    (unmasked > 0).then_some(unmasked_so)
}

/// A broken rule in words, where no trace shows it: `broken by 3 at 12.5 ms: …`.
fn broken(violation: &Violation) -> String {
    let (rule, details) = (violation.rule, &violation.details);
    let details = if details.is_empty() { String::new() } else { format!(" ({details})") };
    format!("broken{}: {rule}{details}", by_and_at(violation))
}

/// By whom and when a rule was broken: ` by 3 at 12.5 ms`.
fn by_and_at(violation: &Violation) -> String {
    let by = violation.member.map_or_else(String::new, |member| format!(" by {member}"));
    format!("{by} at {} ms", millis(violation.at))
}

/// Adds the rule that was broken to an object; every field is null if none was.
fn add_broken(object: &mut Value, violation: Option<&Violation>) {
    let by = violation.and_then(|violation| violation.member);
    object["broken_rule"] = json!(violation.map(|violation| violation.rule));
    object["broken_by"] = json!(by.map(ServerId::number));
    object["broken_at_ms"] = json!(violation.map(|violation| millis(violation.at)));
    object["broken_details"] = json!(violation.map(|violation| &violation.details));
}
