//! [`Settings`]: the keys of one file, taken out one by one; what is left at the end has no effect here.

use std::{
    collections::{BTreeMap, btree_map},
    mem,
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};

use super::{Findings, Place, Problem, Role, is_member, text::Text};
use ballotbox_core::{
    UntrustedText,
    membership::{java, properties::Entry, slip::Slip},
};

/// The smallest and the largest `int` of Java.
pub(super) const INT: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

/// Attempts to bind the election port, if the file does not say (ZooKeeper's default).
const BIND_RETRY: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");

/// The keys of one file that nobody has asked for yet.
pub(super) struct Settings {
    pub(super) file: PathBuf,
    pub(super) left: BTreeMap<String, Entry>,
}

impl Settings {
    /// Of a key that is set twice the last one counts, as in Java.
    pub(super) fn new(text: Text, findings: &mut Findings) -> Self {
        let Text { file, entries } = text;
        let mut left = BTreeMap::new();
        for entry in entries {
            match left.entry(entry.key.clone()) {
                btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(entry);
                }
                btree_map::Entry::Occupied(mut occupied) => {
                    let key = entry.key.as_str().into();
                    let problem = Problem::Repeated { key, earlier: occupied.get().line };
                    findings.push(Place::line(&file, entry.line).warning(problem));
                    occupied.insert(entry);
                }
            }
        }
        Self { file, left }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        self.left.remove(key)
    }

    pub(super) fn at(&self, entry: &Entry) -> Place {
        Place::line(&self.file, entry.line)
    }

    /// A switch that a real server reads with the file.
    pub(super) fn switch(&mut self, key: &str, missing: bool, findings: &mut Findings) -> bool {
        let Some(entry) = self.take(key) else {
            return missing;
        };
        parse_switch(&entry.value).unwrap_or_else(|| {
            findings.push(self.at(&entry).error(not_a_switch(&entry)));
            missing
        })
    }

    /// A switch that is off if it is not there, and its place.
    pub(super) fn switch_at(&mut self, key: &str, findings: &mut Findings) -> (bool, Place) {
        let line = self.left.get(key).map(|entry| entry.line);
        let place = Place { file: self.file.clone(), line };
        (self.switch(key, false, findings), place)
    }

    /// A switch that a real server reads as a property of Java: off unless it is on.
    pub(super) fn flag(&mut self, key: &str, findings: &mut Findings) -> bool {
        let Some(entry) = self.take(key) else {
            return false;
        };
        let found = parse_switch(&entry.value);
        if found.is_none() {
            findings.push(self.at(&entry).warning(not_a_flag(&entry)));
        }
        found.unwrap_or(false)
    }

    /// A number that a real server reads with the file, from 1. It takes negative ones, though no good comes of them.
    pub(super) fn positive(&mut self, key: &str, findings: &mut Findings) -> Option<u32> {
        let entry = self.take(key)?;
        let place = self.at(&entry);
        let Some(number) = int(&entry.value) else {
            findings.push(place.error(not_a_number(&entry, INT.1)));
            return None;
        };
        if !java::is_plain(&entry.value) {
            findings.push(place.clone().warning(odd_number(&entry, number)));
        }
        let (min, max) = (1, INT.1);
        let problem = Problem::Range { key: entry.key.into(), found: number, min, max };
        match u32::try_from(number) {
            Ok(0) => findings.push(place.error(problem)),
            Err(_) => findings.push(place.error_here(problem)),
            Ok(number) => return Some(number),
        }
        None
    }

    /// A number that a real server reads as a property of Java: with a default instead of what is none.
    pub(super) fn property(&mut self, key: &str, findings: &mut Findings) -> Option<(i64, Place)> {
        let entry = self.take(key)?;
        let place = self.at(&entry);
        let Some(number) = java::decoded(&entry.value).filter(|number| is_int(*number)) else {
            findings.push(place.warning(default_counts(&entry)));
            return None;
        };
        if !java::is_plain(&entry.value) {
            findings.push(place.clone().warning(odd_number(&entry, number)));
        }
        Some((number, place))
    }

    /// A wait in milliseconds, more than none, that a real server reads as a property.
    fn wait(&mut self, key: &str, missing: u64, findings: &mut Findings) -> Duration {
        let found = self.property(key, findings);
        let millis = found.and_then(|(found, place)| positive_wait(key, found, place, findings));
        Duration::from_millis(millis.unwrap_or(missing))
    }

    /// `cnxTimeout`, which a real server reads only when it needs it.
    pub(super) fn cnx_timeout(&mut self, findings: &mut Findings) -> Duration {
        const KEY: &str = "cnxTimeout";
        let found = self.take(KEY).and_then(|entry| {
            let place = self.at(&entry);
            let Some(number) = int(&entry.value) else {
                findings.push(place.warning(late_number(&entry)));
                return None;
            };
            positive_wait(KEY, number, place, findings)
        });
        Duration::from_millis(found.unwrap_or(5000))
    }

    /// `quorumCnxnTimeoutMs`, which is not set if it is 0 or negative.
    pub(super) fn quorum_cnxn_timeout(&mut self, findings: &mut Findings) -> Option<Duration> {
        let (found, _) = self.property("quorumCnxnTimeoutMs", findings)?;
        let set = u64::try_from(found).ok().filter(|found| *found > 0);
        set.map(Duration::from_millis)
    }

    /// The shortest and the longest silence.
    pub(super) fn intervals(&mut self, findings: &mut Findings) -> (Duration, Duration) {
        const MIN: &str = "fastleader.minNotificationInterval";
        const MAX: &str = "fastleader.maxNotificationInterval";
        let line = self.left.get(MIN).or_else(|| self.left.get(MAX)).map(|entry| entry.line);
        let min = self.wait(MIN, 200, findings);
        let max = self.wait(MAX, 60_000, findings);
        if min > max {
            let problem = Problem::Intervals { min: min.as_millis(), max: max.as_millis() };
            findings.push(Place { file: self.file.clone(), line }.error_here(problem));
        }
        (min, max)
    }

    /// How often to try to bind the election port; for ever if `None`.
    pub(super) fn bind_retry(&mut self, findings: &mut Findings) -> Option<NonZeroU32> {
        let Some((found, place)) = self.property("electionPortBindRetry", findings) else {
            return Some(BIND_RETRY);
        };
        let Ok(attempts) = u32::try_from(found) else {
            findings.push(place.warning(Problem::NegativeBindRetry { found }));
            return Some(BIND_RETRY);
        };
        NonZeroU32::new(attempts)
    }

    /// The role of this server by `peerType`, and where that is said.
    pub(super) fn peer_type(&mut self, findings: &mut Findings) -> Option<(Role, Place)> {
        let entry = self.take("peerType")?;
        let place = self.at(&entry);
        if entry.value.eq_ignore_ascii_case("participant") {
            Some((Role::Voter, place))
        } else if entry.value.eq_ignore_ascii_case("observer") {
            Some((Role::Observer, place))
        } else {
            let slip = Slip::find(&entry.value);
            let problem = Problem::PeerType { found: entry.value.into(), slip };
            // The server line counts for us, as it would there.
            findings.push(place.error_there(problem));
            None
        }
    }

    /// The lines about members, in the order of the file.
    pub(super) fn take_members(&mut self) -> Vec<Entry> {
        let (taken, left) = mem::take(&mut self.left)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(key, _)| is_member(key) || key == "version");
        self.left = left;
        let mut entries: Vec<Entry> = taken.into_values().collect();
        entries.sort_by_key(|entry| entry.line);
        entries
    }
}

fn positive_wait(key: &str, found: i64, place: Place, findings: &mut Findings) -> Option<u64> {
    match u64::try_from(found) {
        Ok(millis) if millis > 0 => Some(millis),
        _ => {
            let (min, max) = (1, INT.1);
            findings.push(place.error_here(Problem::Range { key: key.into(), found, min, max }));
            None
        }
    }
}

/// A number as `Integer.parseInt` reads it.
pub(super) fn int(text: &str) -> Option<i64> {
    java::number(text).filter(|number| is_int(*number))
}

pub(super) fn is_int(number: i64) -> bool {
    (INT.0..=INT.1).contains(&number)
}

pub(super) fn parse_switch(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        text.eq_ignore_ascii_case("false").then_some(false)
    }
}

pub(super) fn not_a_number(entry: &Entry, max: i64) -> Problem {
    let (key, found, slip) = told(entry);
    Problem::Number { key, found, max, slip }
}

pub(super) fn not_a_switch(entry: &Entry) -> Problem {
    let (key, found, slip) = told(entry);
    Problem::Boolean { key, found, slip }
}

pub(super) fn not_a_flag(entry: &Entry) -> Problem {
    let (key, found, _) = told(entry);
    Problem::Flag { key, found }
}

pub(super) fn default_counts(entry: &Entry) -> Problem {
    let (key, found, slip) = told(entry);
    Problem::DefaultCounts { key, found, slip }
}

pub(super) fn late_number(entry: &Entry) -> Problem {
    let (key, found, slip) = told(entry);
    Problem::LateNumber { key, found, slip }
}

fn odd_number(entry: &Entry, read: i64) -> Problem {
    let (key, found, _) = told(entry);
    Problem::OddNumber { key, found, read }
}

fn told(entry: &Entry) -> (UntrustedText, UntrustedText, Option<Slip>) {
    (entry.key.as_str().into(), entry.value.as_str().into(), Slip::find(&entry.value))
}
