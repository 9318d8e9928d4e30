//! [`Runs`]: when which work ran, by the stamps that it has left.

use std::{collections::BTreeMap, ffi::OsString, fmt, fs, path::Path, time::Duration};

use super::work::STAMP;

/// One run of the work, by one member in one epoch. From its first stamp to its last it was surely there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Run {
    pub(crate) epoch: i64,
    pub(crate) member: usize,
    pub(crate) pid: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The latest end of its lease that it has read: 0 without a lease.
    pub(crate) until: u64,
    /// The longest time by which a stamp came after the end of the lease, as far as it was known by then.
    pub(crate) late: u64,
    /// The longest time between two stamps.
    pub(crate) pause: u64,
}

/// All runs so far, by the names of their files.
#[derive(Debug, Default)]
pub(crate) struct Runs(BTreeMap<OsString, (u64, Run)>);

/// Two works that ran at one instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Overlap {
    pub(crate) older: Run,
    pub(crate) newer: Run,
}

impl Overlap {
    pub(crate) fn length(&self) -> Duration {
        Duration::from_nanos(self.older.last.min(self.newer.last) - self.newer.first)
    }
}

impl Run {
    /// What a file says; `None` if nothing is in it yet.
    fn parse(name: &str, stamps: &[u8]) -> Option<Self> {
        let mut parts = name.split('-');
        let mut next = || parts.next().unwrap();
        let (epoch, member, pid) =
            (next().parse().unwrap(), next().parse().unwrap(), next().parse().unwrap());
        let mut run: Option<Self> = None;
        for stamp in stamps.chunks_exact(STAMP) {
            let [at, until] =
                [&stamp[..8], &stamp[8..]].map(|part| u64::from_be_bytes(part.try_into().unwrap()));
            let run = run.get_or_insert(Self {
                epoch,
                member,
                pid,
                first: at,
                last: at,
                until,
                late: 0,
                pause: 0,
            });
            run.until = run.until.max(until);
            if run.until > 0 {
                run.late = run.late.max(at.saturating_sub(run.until));
            }
            run.pause = run.pause.max(at.saturating_sub(run.last));
            run.last = at;
        }
        run
    }

    /// What was left of its lease when it was there last.
    fn left(&self) -> Option<Duration> {
        (self.until > 0).then(|| Duration::from_nanos(self.until.saturating_sub(self.last)))
    }
}

impl Runs {
    /// Reads what has come since the last time.
    pub(crate) fn read(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (name, length) = (entry.file_name(), entry.metadata().unwrap().len());
            if self.0.get(&name).is_some_and(|(read, _)| *read == length) {
                continue;
            }
            let stamps = fs::read(entry.path()).unwrap();
            if let Some(run) = Run::parse(name.to_str().unwrap(), &stamps) {
                self.0.insert(name, (stamps.len() as u64, run));
            }
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Run> {
        self.0.values().map(|(_, run)| run)
    }

    /// In the order in which they began.
    pub(crate) fn in_order(&self) -> Vec<Run> {
        let mut runs: Vec<_> = self.all().copied().collect();
        runs.sort_by_key(|run| run.first);
        runs
    }

    /// The one that was there last.
    pub(crate) fn newest(&self) -> Option<Run> {
        self.all().copied().max_by_key(|run| run.last)
    }

    /// Each work that ran while another one that had begun before it still did.
    pub(crate) fn overlaps(&self) -> Vec<Overlap> {
        let mut overlaps = Vec::new();
        let mut longest: Option<Run> = None;
        for newer in self.in_order() {
            if let Some(older) = longest.filter(|older| older.last >= newer.first) {
                overlaps.push(Overlap { older, newer });
            }
            longest = longest.into_iter().chain([newer]).max_by_key(|run| run.last);
        }
        overlaps
    }

    /// What there is to say against all of them.
    pub(crate) fn judge(&self) -> Result<(), String> {
        if let Some(overlap) = self.overlaps().first() {
            let Overlap { older, newer } = overlap;
            return Err(format!("{older} still ran for {:.1?} with {newer}", overlap.length()));
        }
        let runs = self.in_order();
        for (one, next) in runs.iter().zip(runs.iter().skip(1)) {
            if next.epoch < one.epoch {
                return Err(format!("{next} ran after {one}"));
            }
            if next.epoch == one.epoch && next.member != one.member {
                return Err(format!("{one} and {next} are of two members"));
            }
        }
        match runs.iter().find(|run| run.late > 0) {
            Some(run) => {
                let late = Duration::from_nanos(run.late);
                Err(format!("{run} still ran {late:.1?} after its lease was over"))
            }
            None => Ok(()),
        }
    }

    /// From the last stamp of a run to the first of the next one, where another epoch had begun.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let runs = self.in_order();
        let pairs = runs.iter().zip(runs.iter().skip(1));
        let of_two = pairs.filter(|(one, next)| one.epoch != next.epoch);
        let gap = |(one, next): (&Run, &Run)| next.first.saturating_sub(one.last);
        sorted(of_two.map(gap).map(Duration::from_nanos))
    }

    /// What was left of their leases when they were there last.
    pub(crate) fn lefts(&self) -> Vec<Duration> {
        sorted(self.all().filter_map(Run::left))
    }

    /// The longest time for which each of them has not stamped.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        sorted(self.all().map(|run| Duration::from_nanos(run.pause)))
    }
}

/// The shortest first.
pub(crate) fn sorted(spans: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut spans: Vec<_> = spans.collect();
    spans.sort();
    spans
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, member, pid, first, last, .. } = self;
        write!(f, "the work of {} in epoch {epoch} ({pid}, {first} to {last})", member + 1)
    }
}

/// The shortest, half of, 99 of a hundred of, and the longest of these, which are sorted.
#[derive(Debug)]
pub(crate) struct Spread<'a>(pub(crate) &'a [Duration]);

impl fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, .., last] = self.0 else { return write!(f, "{:.1?}", self.0) };
        let rank = |percent: usize| self.0[(self.0.len() * percent).div_ceil(100) - 1];
        write!(f, "{first:.1?} to {last:.1?}, p50 {:.1?}, p99 {:.1?}", rank(50), rank(99))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(files: &[(&str, &[[u64; 2]])]) -> Runs {
        let mut runs = Runs::default();
        for (name, stamps) in files {
            let bytes: Vec<u8> = stamps.iter().flatten().flat_map(|at| at.to_be_bytes()).collect();
            runs.0.insert(name.into(), (0, Run::parse(name, &bytes).unwrap()));
        }
        runs
    }

    #[test]
    fn works_that_break_a_rule_are_found() {
        for (files, broken) in [
            (&[("1-0-7", &[[1, 9], [4, 9]][..]), ("2-1-8", &[[5, 9]])][..], None),
            (&[("1-0-7", &[[1, 9], [6, 9]]), ("2-1-8", &[[5, 9]])], Some("still ran for 0.0ns")),
            (&[("1-0-7", &[[1, 9], [8, 9]]), ("2-1-8", &[[2, 9], [5, 9]])], Some("for 3.0ns")),
            (&[("1-0-7", &[[1, 9], [8, 9]]), ("1-0-8", &[[2, 9]])], Some("still ran")),
            (&[("2-0-7", &[[1, 9]]), ("1-1-8", &[[2, 9]])], Some("ran after")),
            (&[("1-0-7", &[[1, 9]]), ("1-1-8", &[[2, 9]])], Some("two members")),
            (&[("1-0-7", &[[1, 9], [12, 20]])], None),
            (&[("1-0-7", &[[1, 9], [12, 9]])], Some("3.0ns after its lease")),
            (&[("1-0-7", &[[1, 9], [12, 0]])], Some("3.0ns after its lease")),
            (&[("1-0-7", &[[1, 0], [12, 0]])], None),
        ] {
            let found = runs(files).judge().err();
            let as_expected = match (&found, broken) {
                (Some(found), Some(broken)) => found.contains(broken),
                (found, broken) => found.is_none() && broken.is_none(),
            };
            assert!(as_expected, "{files:?}: {found:?}");
        }
    }

    #[test]
    fn a_long_run_overlaps_with_all_that_begin_before_its_end() {
        let found =
            runs(&[("1-0-7", &[[1, 0], [9, 0]]), ("2-1-8", &[[2, 0]]), ("3-2-9", &[[5, 0]])]);
        assert_eq!(found.overlaps().len(), 2);
        assert_eq!(found.newest().unwrap().epoch, 1);
    }
}
