//! Many runs: how they ended, and how to see the ones that went wrong.

use std::{
    collections::BTreeMap,
    io::Write,
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ballotbox::{
    UntrustedText,
    scenario::{
        simulation::{Run, Setup},
        vote_file::Expectation,
    },
};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{
    add_broken, by_and_at, impostors, jobs::Jobs, millis, overlapping, progress,
    progress::Progress, word,
};
use crate::cli::{
    Failure,
    screen::{self, BAD, Column, GOOD, PLAIN},
};

/// At most this many failures are in the JSON report; they tend to be alike.
const FAILURES_MAX: usize = 20;
/// How often it looks for a signal while no run ends, and shows that time passes.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// What came of many runs.
///
/// In JSON: `runs` were played of those `asked` for, from `first_seed` on; fewer only if a signal came. Each ended `well`,
/// as expected, or `failed`. In `elected` of them a member leads at the end: fewer than ended well, where none is
/// expected to lead. Of the failures, the first are in `failures`, and `failures_listed` says how many those are.
pub(super) struct Tally {
    seeds: RangeInclusive<u64>,
    well: u64,
    elected: u64,
    failed: u64,
    groups: BTreeMap<What, Group>,
    /// The first failures.
    failures: Vec<Run>,
    took: Vec<Duration>,
    messages: Vec<u64>,
    healed: Vec<Duration>,
    overlaps: u64,
    impostors_believed: u64,
    impostors_unmasked: u64,
}

/// What failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum What {
    /// This rule was broken.
    Rule(&'static str),
    /// This expectation, by its place in the file, was the first that did not come true.
    Expectation(usize),
    /// Nothing was expected, and no member leads.
    NoLeader,
}

/// Runs that failed in the same way.
struct Group {
    count: u64,
    /// The one with the lowest seed.
    first: Run,
}

/// Plays with these seeds, until `stop` is set: then the report is of the runs so far. On a terminal, stderr shows how far
/// it is.
pub(super) fn play(
    setup: &Arc<Setup>,
    seeds: RangeInclusive<u64>,
    jobs: NonZeroUsize,
    stop: &AtomicBool,
) -> Result<Tally, Failure> {
    let mut jobs = Jobs::start(setup, &seeds, jobs).map_err(|error| Failure::Jobs(error.into()))?;
    let mut tally = Tally::new(seeds);
    let mut progress = Progress::new();
    while !tally.is_complete() && !stop.load(Ordering::Relaxed) {
        if let Some(run) = jobs.next(LOOKS_EVERY) {
            tally.add(run);
        }
        progress
            .tell(|elapsed| progress::of_many(tally.runs(), tally.asked(), tally.failed, elapsed));
    }
    tally.took.sort_unstable();
    tally.messages.sort_unstable();
    tally.healed.sort_unstable();
    Ok(tally)
}

/// Set by the first SIGINT or SIGTERM; the second does what it does to any process.
pub(super) fn stop_on_signal() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::Signals(error.into()))?;
    }
    Ok(stop)
}

impl Tally {
    const fn new(seeds: RangeInclusive<u64>) -> Self {
        Self {
            seeds,
            well: 0,
            elected: 0,
            failed: 0,
            groups: BTreeMap::new(),
            failures: Vec::new(),
            took: Vec::new(),
            messages: Vec::new(),
            healed: Vec::new(),
            overlaps: 0,
            impostors_believed: 0,
            impostors_unmasked: 0,
        }
    }

    fn add(&mut self, run: Run) {
        self.took.extend(run.elections.iter().map(|election| election.took));
        self.messages.extend(run.elections.iter().map(|election| election.messages));
        self.healed.extend(run.healed_after);
        self.overlaps += run.overlapping_leases;
        self.impostors_believed += run.impostors_believed;
        self.impostors_unmasked += run.impostors_unmasked;
        self.elected += u64::from(run.leader.is_some());
        let Some(what) = What::failed(&run) else {
            self.well += 1;
            return;
        };
        self.failed += 1;
        let group =
            self.groups.entry(what).or_insert_with(|| Group { count: 0, first: run.clone() });
        group.count += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(run);
        }
    }

    const fn runs(&self) -> u64 {
        self.well + self.failed
    }

    /// How many runs were asked for. All seeds there are would be one more than can be asked for.
    const fn asked(&self) -> u64 {
        (*self.seeds.end() - *self.seeds.start()).saturating_add(1)
    }

    const fn is_complete(&self) -> bool {
        self.runs() == self.asked()
    }

    /// Whether all were played, and ended well.
    pub(super) const fn is_good(&self) -> bool {
        self.failed == 0 && self.is_complete()
    }

    /// Tables for people.
    pub(super) fn tell(
        &self,
        file: &Path,
        expectations: &[Expectation],
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        self.figures(out)?;
        writeln!(out)?;
        self.list_failures(file, expectations, out)?;
        if self.overlaps > 0 {
            writeln!(out, "{}.", overlapping(self.overlaps))?;
        }
        if let Some(impostors) = impostors(self.impostors_believed, self.impostors_unmasked) {
            writeln!(out, "{impostors}.")?;
        }
        let (runs, failed) = (self.runs(), self.failed);
        let which = match (self.seeds.start(), self.seeds.end()) {
            (0, _) => String::new(),
            (first, last) => format!(", seeds {first} to {last},"),
        };
        let elections = format!("with {} elections", self.took.len());
        if !self.is_complete() {
            let asked = self.asked();
            writeln!(
                out,
                "{BAD}Stopped after {runs} of {asked} runs{which}{BAD:#} {elections}: {failed} failed."
            )
        } else if failed == 0 {
            writeln!(out, "{GOOD}All {runs} runs{which} ended well{GOOD:#}, {elections}.")
        } else {
            writeln!(out, "{BAD}{failed} of {runs} runs{which} failed{BAD:#}.")
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

    /// What failed, how often, and how to see it: in the order of the first seeds.
    fn list_failures(
        &self,
        file: &Path,
        expectations: &[Expectation],
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, group)| group.first.seed);
        for (what, Group { count, first }) in groups {
            let what = what.in_words(first, expectations);
            writeln!(out, " {count:>6}  {BAD}{what}{BAD:#}")?;
            writeln!(out, "         {}", replay(file, first.seed))?;
        }
        if self.groups.is_empty() { Ok(()) } else { writeln!(out) }
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
            "asked": self.asked(),
            "runs": self.runs(),
            "well": self.well,
            "elected": self.elected,
            "failed": self.failed,
            "elections": self.took.len(),
            "election_ms": times(&self.took),
            "messages": counts.map(|[p50, p99, max]| json!({ "p50": p50, "p99": p99, "max": max })),
            "healed_ms": times(&self.healed),
            "overlapping_leases": self.overlaps,
            "impostors_believed": self.impostors_believed,
            "impostors_unmasked": self.impostors_unmasked,
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
            "failures_listed": self.listed(),
        })
    }
}

impl What {
    /// What failed in this run, if anything did.
    fn failed(run: &Run) -> Option<Self> {
        if run.is_good() {
            return None;
        }
        if let Some(violation) = &run.violation {
            return Some(Self::Rule(violation.rule));
        }
        let unmet = run.expectations.iter().position(|(_, met)| !met);
        Some(unmet.map_or(Self::NoLeader, Self::Expectation))
    }

    fn in_words(self, first: &Run, expectations: &[Expectation]) -> String {
        let ending = word(first.ending);
        match self {
            Self::Rule(rule) => {
                let first = first.violation.as_ref().map(by_and_at).unwrap_or_default();
                format!("{ending}: {rule}, first{first}")
            }
            Self::Expectation(n) => match expectations.get(n) {
                Some(expectation) => format!("{ending} {expectation}"),
                None => ending.to_owned(),
            },
            Self::NoLeader => ending.to_owned(),
        }
    }
}

/// The command that shows what happened.
fn replay(file: &Path, seed: u64) -> String {
    let file = UntrustedText::path(file).to_string();
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
    use ballotbox::{
        ServerId,
        scenario::{
            simulation::{Ending, Violation},
            vote_file::VoteFile,
        },
    };

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
            overlapping_leases: 0,
            impostors_believed: 0,
            impostors_unmasked: 0,
            members: BTreeMap::new(),
            why: None,
            story: Vec::new(),
        }
    }

    fn told(tally: &Tally) -> String {
        let text = r#"{ "members": [{ "id": 1 }], "expect": [{ "by_ms": 90, "leader": 1 }] }"#;
        let file = VoteFile::parse("votes.json", text).unwrap();
        let mut out = Vec::new();
        tally.tell(Path::new("votes.json"), &file.expectations, &mut out).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    /// A run that did not meet its only expectation.
    fn unmet(seed: u64) -> Run {
        let expectations = vec![(Duration::from_millis(90), false)];
        Run { expectations, ..run(seed, Ending::Unmet, None) }
    }

    #[test]
    fn a_failure_names_the_rule_the_member_and_the_time() {
        let mut tally = Tally::new(7..=7);
        tally.add(run(7, Ending::Broken, Some("all is well")));
        let listed = "      1  broken: all is well, first by 3 at 12.5 ms\n         \
                      ballotbox simulate votes.json --seed 7\n";
        let told = told(&tally);
        assert!(told.contains(listed), "{told}");
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
    fn failures_are_grouped_by_what_failed_each_with_its_lowest_seed() {
        let mut tally = Tally::new(0..=30);
        tally.add(run(0, Ending::NoLeader, None));
        (1..25).for_each(|seed| tally.add(unmet(seed)));
        (25..30).for_each(|seed| tally.add(run(seed, Ending::Broken, Some("all is well"))));
        tally.add(run(30, Ending::Broken, Some("all agree")));
        let told = told(&tally);
        let listed: Vec<_> = told.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let groups = [
            "1  no-leader",
            "ballotbox simulate votes.json --seed 0",
            "24  unmet by 90 ms: 1 leads",
            "ballotbox simulate votes.json --seed 1",
            "5  broken: all is well, first by 3 at 12.5 ms",
            "ballotbox simulate votes.json --seed 25",
            "1  broken: all agree, first by 3 at 12.5 ms",
            "ballotbox simulate votes.json --seed 30",
            "31 of 31 runs failed.",
        ];
        assert!(listed.ends_with(&groups), "{told}");
        let object = tally.to_json(Path::new("votes.json"));
        assert_eq!((&object["failed"], &object["failures_listed"]), (&json!(31), &json!(20)));
    }

    #[test]
    fn runs_with_a_leader_are_counted_apart_from_those_that_ended_well() {
        let mut tally = Tally::new(5..=7);
        let nobody = vec![(Duration::from_millis(90), true)];
        tally.add(Run { expectations: nobody, ..run(5, Ending::NoLeader, None) });
        tally.add(Run { leader: ServerId::new(3), ..run(6, Ending::Elected, None) });
        tally.add(run(7, Ending::NoLeader, None));
        let object = tally.to_json(Path::new("votes.json"));
        assert_eq!((&object["runs"], &object["first_seed"]), (&json!(3), &json!(5)));
        assert_eq!((&object["well"], &object["elected"]), (&json!(2), &json!(1)));
        let told = told(&tally);
        assert!(told.contains("1 of 3 runs, seeds 5 to 7, failed."), "{told}");
    }

    #[test]
    fn overlaps_of_leases_are_added_up_and_are_no_failure() {
        let mut tally = Tally::new(0..=1);
        tally.add(run(0, Ending::Elected, None));
        assert!(!told(&tally).contains("overlap"));
        tally.add(Run { overlapping_leases: 3, ..run(1, Ending::Elected, None) });
        let told = told(&tally);
        assert!(
            told.contains("3 overlaps of leases, as clocks were paused.\nAll 2 runs"),
            "{told}"
        );
        assert_eq!(tally.to_json(Path::new("votes.json"))["overlapping_leases"], 3);
    }

    #[test]
    fn who_believed_impostors_is_told_that_tls_keeps_them_out() {
        let mut tally = Tally::new(0..=1);
        tally.add(run(0, Ending::Elected, None));
        assert!(!told(&tally).contains("mpostor"));
        tally.add(Run { impostors_unmasked: 3, ..run(1, Ending::Elected, None) });
        let unmasked = "Impostors were turned away 3 times, as TLS unmasks them.\nAll 2 runs";
        assert!(told(&tally).contains(unmasked), "{}", told(&tally));
        tally.add(Run { impostors_believed: 1, ..run(2, Ending::Broken, Some("all is well")) });
        let told = told(&tally);
        let believed = "Impostors were believed once: in plain text nothing tells them";
        assert!(told.contains(believed) && told.contains("With `tls` in the file"), "{told}");
        let object = tally.to_json(Path::new("votes.json"));
        let counts = (&object["impostors_believed"], &object["impostors_unmasked"]);
        assert_eq!(counts, (&json!(1), &json!(3)));
    }

    #[test]
    fn fewer_runs_than_asked_for_are_said_and_are_no_success() {
        let mut tally = Tally::new(0..=9);
        tally.add(run(0, Ending::Elected, None));
        assert!(!tally.is_good());
        let stopped = "Stopped after 1 of 10 runs with 0 elections: 0 failed.";
        assert!(told(&tally).contains(stopped), "{}", told(&tally));
        let object = tally.to_json(Path::new("votes.json"));
        assert_eq!((&object["runs"], &object["asked"]), (&json!(1), &json!(10)));
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
