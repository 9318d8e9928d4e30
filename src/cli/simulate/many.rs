//! Many runs: how they ended, and how to see the ones that went wrong.

use std::{
    io::{IsTerminal, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use ballotbox::simulation::{Ending, Run, Setup, play as play_once};
use serde_json::{Value, json};

use super::{millis, word};
use crate::cli::screen::{self, BAD, Column, GOOD, PLAIN};

/// So many failures are listed; they tend to be alike.
const FAILURES_MAX: usize = 20;
/// Progress is told so many times.
const TOLD: u64 = 200;

/// What came of many runs.
pub(super) struct Tally {
    runs: u64,
    elected: u64,
    failed: u64,
    failures: Vec<Run>,
    took: Vec<Duration>,
    messages: Vec<u64>,
    healed: Vec<Duration>,
}

/// Plays with the seeds from 0 on. On a terminal, stderr shows how far it is.
pub(super) fn play(setup: &Arc<Setup>, seeds: u64) -> Tally {
    let mut tally = Tally {
        runs: seeds,
        elected: 0,
        failed: 0,
        failures: Vec::new(),
        took: Vec::new(),
        messages: Vec::new(),
        healed: Vec::new(),
    };
    let shows = std::io::stderr().is_terminal();
    let often = (seeds / TOLD).max(1);
    for seed in 0..seeds {
        tally.add(play_once(setup, seed));
        if shows && (seed + 1).is_multiple_of(often) {
            eprint!("\r{} of {seeds} runs, {} failed", seed + 1, tally.failed);
        }
    }
    if shows {
        eprint!("\r\x1b[K");
    }
    tally.took.sort_unstable();
    tally.messages.sort_unstable();
    tally.healed.sort_unstable();
    tally
}

impl Tally {
    fn add(&mut self, run: Run) {
        self.took.extend(run.elections.iter().map(|election| election.took));
        self.messages.extend(run.elections.iter().map(|election| election.messages));
        self.healed.extend(run.healed_after);
        if run.ending == Ending::Elected {
            self.elected += 1;
        } else {
            self.failed += 1;
            if self.failures.len() < FAILURES_MAX {
                self.failures.push(run);
            }
        }
    }

    pub(super) const fn is_good(&self) -> bool {
        self.failed == 0
    }

    /// Tables for people.
    pub(super) fn tell(&self, file: &Path, out: &mut dyn Write) -> std::io::Result<()> {
        let columns =
            [Column::left(""), Column::right("p50"), Column::right("p99"), Column::right("max")];
        let row = |name: &str, values: Option<[String; 3]>| {
            values.map(|[p50, p99, max]| (PLAIN, vec![name.to_owned(), p50, p99, max]))
        };
        let times = |sorted: &[Duration]| {
            spread(sorted).map(|spread| spread.map(|time| format!("{:.3}", millis(time))))
        };
        let counts = spread(&self.messages).map(|spread| spread.map(|count| count.to_string()));
        let rows: Vec<_> = [
            row("ms without a leader", times(&self.took)),
            row("messages meanwhile", counts),
            row("ms from healing to agreement", times(&self.healed)),
        ]
        .into_iter()
        .flatten()
        .collect();
        screen::table(out, &columns, &rows)?;
        writeln!(out)?;
        for run in &self.failures {
            let why = run.violation.as_ref().map_or("", |violation| violation.rule);
            let separator = if why.is_empty() { "" } else { ": " };
            let (word, command) = (word(run.ending), replay(file, run.seed));
            writeln!(out, " {BAD}{word}{BAD:#}{separator}{why}\n   {command}")?;
        }
        let (runs, elections) = (self.runs, self.took.len());
        if self.is_good() {
            writeln!(out, "{GOOD}All {runs} runs ended well{GOOD:#}, with {elections} elections.")
        } else {
            let failed = self.failed;
            writeln!(out, "{BAD}{failed} of {runs} runs failed{BAD:#}.")
        }
    }

    pub(super) fn to_json(&self, file: &Path) -> Value {
        let failure = |run: &Run| {
            json!({
                "seed": run.seed,
                "outcome": word(run.ending),
                "broken_rule": run.violation.as_ref().map(|violation| violation.rule),
                "replay": replay(file, run.seed),
            })
        };
        let times = |sorted: &[Duration]| {
            spread(sorted).map(|[p50, p99, max]| {
                json!({ "p50": millis(p50), "p99": millis(p99), "max": millis(max) })
            })
        };
        let counts = spread(&self.messages);
        json!({
            "runs": self.runs,
            "elected": self.elected,
            "failed": self.failed,
            "elections": self.took.len(),
            "election_ms": times(&self.took),
            "messages": counts.map(|[p50, p99, max]| json!({ "p50": p50, "p99": p99, "max": max })),
            "healed_ms": times(&self.healed),
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
        })
    }
}

/// The command that shows what happened.
fn replay(file: &Path, seed: u64) -> String {
    let file = file.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=,@%:".contains(c);
    let file =
        if file.chars().all(plain) { file } else { format!("'{}'", file.replace('\'', r"'\''")) };
    format!("ballotbox simulate {file} --seed {seed}")
}

/// Median, 99th percentile and maximum of what is sorted.
fn spread<T: Copy>(sorted: &[T]) -> Option<[T; 3]> {
    let last = sorted.len().checked_sub(1)?;
    let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)];
    Some([at(50), at(99), sorted[last]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<_> = (1..=200).collect();
        assert_eq!(spread(&sorted), Some([100, 198, 200]));
        assert_eq!(spread(&[7]), Some([7, 7, 7]));
        assert_eq!(spread::<u8>(&[]), None);
    }

    #[test]
    fn the_command_to_replay_can_be_pasted_whatever_the_file_is_called() {
        assert_eq!(replay(Path::new("a/b.json"), 3), "ballotbox simulate a/b.json --seed 3");
        assert_eq!(
            replay(Path::new("it's one.json"), 3),
            r"ballotbox simulate 'it'\''s one.json' --seed 3"
        );
    }
}
