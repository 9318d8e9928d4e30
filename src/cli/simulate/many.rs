//! Many runs: how they ended, and how to see the ones that went wrong.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    ops::RangeInclusive,
    path::Path,
    sync::Arc,
    time::Duration,
};

use ballotbox::simulation::{Ending, Run, Setup, play as play_once};
use serde_json::{Value, json};

use super::{add_broken, broken, millis, word};
use crate::cli::screen::{self, BAD, Column, GOOD, PLAIN};

/// So many failures are listed; they tend to be alike.
const FAILURES_MAX: usize = 20;
/// Progress is told so many times.
const TOLD: u64 = 200;

/// What came of many runs.
///
/// In JSON: `runs` were played, from `first_seed` on; each ended `well`, as expected, or `failed`. In `elected` of them
/// somebody leads at the end: fewer than ended well, where nobody is expected to lead. Of the failures, the first are in
/// `failures`, and `failures_listed` says how many those are.
pub(super) struct Tally {
    seeds: RangeInclusive<u64>,
    well: u64,
    elected: u64,
    failed: u64,
    /// How many runs failed in each way.
    kinds: BTreeMap<Kind, u64>,
    /// The first of them.
    failures: Vec<Run>,
    took: Vec<Duration>,
    messages: Vec<u64>,
    healed: Vec<Duration>,
}

/// A way to fail: how the run ended, and which rule was broken, if one was.
type Kind = (&'static str, Option<&'static str>);

/// Plays with these seeds. On a terminal, stderr shows how far it is.
pub(super) fn play(setup: &Arc<Setup>, seeds: RangeInclusive<u64>) -> Tally {
    let mut tally = Tally::new(seeds.clone());
    let shows = std::io::stderr().is_terminal();
    let count = (seeds.end() - seeds.start()).saturating_add(1);
    let often = (count / TOLD).max(1);
    for seed in seeds {
        tally.add(play_once(setup, seed));
        let runs = tally.runs();
        if shows && runs.is_multiple_of(often) {
            eprint!("\r{runs} of {count} runs, {} failed", tally.failed);
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
    const fn new(seeds: RangeInclusive<u64>) -> Self {
        Self {
            seeds,
            well: 0,
            elected: 0,
            failed: 0,
            kinds: BTreeMap::new(),
            failures: Vec::new(),
            took: Vec::new(),
            messages: Vec::new(),
            healed: Vec::new(),
        }
    }

    fn add(&mut self, run: Run) {
        self.took.extend(run.elections.iter().map(|election| election.took));
        self.messages.extend(run.elections.iter().map(|election| election.messages));
        self.healed.extend(run.healed_after);
        self.elected += u64::from(run.leader.is_some());
        if run.ending == Ending::Elected {
            self.well += 1;
            return;
        }
        self.failed += 1;
        let rule = run.violation.as_ref().map(|violation| violation.rule);
        *self.kinds.entry((word(run.ending), rule)).or_default() += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(run);
        }
    }

    const fn runs(&self) -> u64 {
        self.well + self.failed
    }

    pub(super) const fn is_good(&self) -> bool {
        self.failed == 0
    }

    /// Tables for people.
    pub(super) fn tell(&self, file: &Path, out: &mut dyn Write) -> std::io::Result<()> {
        self.figures(out)?;
        writeln!(out)?;
        self.list_failures(file, out)?;
        let (runs, elections) = (self.runs(), self.took.len());
        let which = match (self.seeds.start(), self.seeds.end()) {
            (0, _) => String::new(),
            (first, last) => format!(", seeds {first} to {last},"),
        };
        if self.is_good() {
            let elections = format!("with {elections} elections");
            writeln!(out, "{GOOD}All {runs} runs{which} ended well{GOOD:#}, {elections}.")
        } else {
            writeln!(out, "{BAD}{} of {runs} runs{which} failed{BAD:#}.", self.failed)
        }
    }

    fn figures(&self, out: &mut dyn Write) -> std::io::Result<()> {
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
            row("messages per election", counts),
            row("ms from healing to agreement", times(&self.healed)),
        ]
        .into_iter()
        .flatten()
        .collect();
        screen::table(out, &columns, &rows)
    }

    fn list_failures(&self, file: &Path, out: &mut dyn Write) -> std::io::Result<()> {
        if self.kinds.len() > 1 {
            for ((word, rule), count) in &self.kinds {
                let rule = rule.map_or_else(String::new, |rule| format!(": {rule}"));
                writeln!(out, " {count:>6}  {BAD}{word}{BAD:#}{rule}")?;
            }
            writeln!(out)?;
        }
        for run in &self.failures {
            let violation = run.violation.as_ref();
            let what = violation.map_or_else(|| word(run.ending).to_owned(), broken);
            writeln!(out, " {BAD}{what}{BAD:#}\n   {}", replay(file, run.seed))?;
        }
        match self.failed - self.listed() {
            0 => Ok(()),
            more => writeln!(out, " and {more} more\n"),
        }
    }

    /// How many failures are listed.
    fn listed(&self) -> u64 {
        u64::try_from(self.failures.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn to_json(&self, file: &Path) -> Value {
        let failure = |run: &Run| {
            let replay = replay(file, run.seed);
            let mut object =
                json!({ "seed": run.seed, "outcome": word(run.ending), "replay": replay });
            add_broken(&mut object, run.violation.as_ref());
            object
        };
        let times = |sorted: &[Duration]| {
            spread(sorted).map(|[p50, p99, max]| {
                json!({ "p50": millis(p50), "p99": millis(p99), "max": millis(max) })
            })
        };
        let counts = spread(&self.messages);
        json!({
            "first_seed": self.seeds.start(),
            "runs": self.runs(),
            "well": self.well,
            "elected": self.elected,
            "failed": self.failed,
            "elections": self.took.len(),
            "election_ms": times(&self.took),
            "messages": counts.map(|[p50, p99, max]| json!({ "p50": p50, "p99": p99, "max": max })),
            "healed_ms": times(&self.healed),
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
            "failures_listed": self.listed(),
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
    use ballotbox::{ServerId, simulation::Violation};

    use super::*;

    fn run(seed: u64, ending: Ending, rule: Option<&'static str>) -> Run {
        let at = Duration::from_micros(12_500);
        let broken =
            |rule| Violation { rule, member: ServerId::new(3), at, details: String::new() };
        Run {
            seed,
            ending,
            violation: rule.map(broken),
            leader: None,
            elections: Vec::new(),
            messages: 0,
            time: at,
            healed_after: None,
            expectations: Vec::new(),
            members: BTreeMap::new(),
        }
    }

    fn told(tally: &Tally) -> String {
        let mut out = Vec::new();
        tally.tell(Path::new("votes.json"), &mut out).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn a_failure_names_the_rule_the_member_and_the_time() {
        let mut tally = Tally::new(7..=7);
        tally.add(run(7, Ending::Broken, Some("all is well")));
        let listed =
            " broken by 3 at 12.5 ms: all is well\n   ballotbox simulate votes.json --seed 7\n";
        let told = told(&tally);
        assert!(told.contains(listed), "{told}");
        assert!(!told.contains("      1  broken"), "one kind needs no count:\n{told}");
        let failure = &tally.to_json(Path::new("votes.json"))["failures"][0];
        assert_eq!(
            (&failure["broken_rule"], &failure["broken_by"]),
            (&json!("all is well"), &json!(3))
        );
        assert_eq!(
            (&failure["broken_at_ms"], &failure["broken_details"]),
            (&json!(12.5), &json!(""))
        );
    }

    #[test]
    fn a_list_of_failures_that_is_cut_says_so_and_counts_every_kind() {
        let mut tally = Tally::new(0..=29);
        for seed in 0..25 {
            tally.add(run(seed, Ending::Unmet, None));
        }
        for seed in 25..30 {
            tally.add(run(seed, Ending::Broken, Some("all is well")));
        }
        let told = told(&tally);
        for part in
            ["      5  broken: all is well\n", "     25  unmet\n", " and 10 more\n", "30 of 30"]
        {
            assert!(told.contains(part), "`{part}` is missing:\n{told}");
        }
        assert_eq!(told.matches("--seed").count(), FAILURES_MAX);
        let object = tally.to_json(Path::new("votes.json"));
        assert_eq!((&object["failed"], &object["failures_listed"]), (&json!(30), &json!(20)));
    }

    #[test]
    fn whoever_is_elected_is_counted_apart_from_what_ended_well() {
        let mut tally = Tally::new(5..=7);
        tally.add(run(5, Ending::Elected, None));
        tally.add(Run { leader: ServerId::new(3), ..run(6, Ending::Elected, None) });
        tally.add(run(7, Ending::NoLeader, None));
        let object = tally.to_json(Path::new("votes.json"));
        assert_eq!((&object["runs"], &object["first_seed"]), (&json!(3), &json!(5)));
        assert_eq!((&object["well"], &object["elected"]), (&json!(2), &json!(1)));
        let told = told(&tally);
        assert!(told.contains("1 of 3 runs, seeds 5 to 7, failed."), "{told}");
    }

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
