//! `ballotbox simulate`: elections in virtual time, one to look at or many to be sure.

mod many;
mod one;

use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

use ballotbox::{
    simulation::{Ending, Setup, written_down},
    vote_file::VoteFile,
};
use structopt::StructOpt;

use super::{ExitCode, Failure};

/// Plays a vote file in virtual time: one run with its trace, or many
///
/// The trace has four columns: virtual milliseconds, the member, what happens to it, and details.
#[derive(Debug, StructOpt)]
pub(super) struct SimulateArgs {
    /// A vote file; its `faults` say what may go wrong beyond its steps
    #[structopt(name = "VOTES.json", parse(from_os_str))]
    file: PathBuf,
    /// Plays once, with this seed, and prints what happens [default: 0]
    #[structopt(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Plays so many times, with the seeds from 0 on, and reports how the elections ended
    #[structopt(long, value_name = "N")]
    seeds: Option<std::num::NonZeroU64>,
    /// Prints one JSON object instead of the trace and the tables
    #[structopt(long)]
    json: bool,
    /// Writes the steps of this seed to a vote file, those that its faults add among them: `elect` plays it, too
    #[structopt(long, value_name = "FILE", parse(from_os_str), conflicts_with = "seeds")]
    save: Option<PathBuf>,
}

pub(super) fn run(args: &SimulateArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let file = VoteFile::read(&args.file)?;
    let setup = Arc::new(Setup::new(&file));
    if let Some(seeds) = args.seeds {
        let tally = many::play(&setup, seeds.get());
        if args.json {
            writeln!(out, "{}", tally.to_json(&args.file))?;
        } else {
            title(&file, out)?;
            tally.tell(&args.file, out)?;
        }
        return Ok(if tally.is_good() { ExitCode::Done } else { ExitCode::No });
    }
    let seed = args.seed.unwrap_or(0);
    if let Some(path) = &args.save {
        save(&written_down(&file, seed), path)?;
    }
    let good = if args.json {
        one::play_silently(&setup, seed, out)?
    } else {
        title(&file, out)?;
        one::play(&setup, seed, out)?
    };
    Ok(if good { ExitCode::Done } else { ExitCode::No })
}

fn title(file: &VoteFile, out: &mut dyn Write) -> std::io::Result<()> {
    use super::screen::BOLD;
    match &file.title {
        Some(title) => writeln!(out, "{BOLD}{title}{BOLD:#}\n"),
        None => Ok(()),
    }
}

fn save(file: &VoteFile, path: &std::path::Path) -> Result<(), Failure> {
    let text = file.to_json() + "\n";
    std::fs::write(path, text)
        .map_err(|source| Failure::Save { file: path.display().to_string(), source })
}

/// How a run ended, as in JSON.
const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Elected => "elected",
        Ending::NoLeader => "no-leader",
        Ending::Unmet => "unmet",
        Ending::Broken => "broken",
    }
}

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
