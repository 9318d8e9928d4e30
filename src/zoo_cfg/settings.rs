//! [`Settings`]: the keys of one file, taken out one by one; what is left at the end was ignored.

use std::{
    collections::{BTreeMap, btree_map},
    io, mem,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Caveat, Ignored, Place, Problem, Warning, ZooCfgError, open_some};
use crate::{
    ensemble::Role,
    properties::{self, Entry, Source},
};

/// The largest number Java reads where it reads an `int`.
const INT_MAX: i64 = i32::MAX as i64;

/// Attempts to bind the election port, if the file does not say (ZooKeeper's default).
const BIND_RETRY: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");

/// Refused if true, and why. Each of them changes who is believed, or who can be talked to.
const REFUSED_IF_TRUE: [(&str, &str); 5] = [
    ("sslQuorum", NO_TLS),
    ("portUnification", NO_TLS),
    ("quorum.auth.enableSasl", NO_SASL),
    ("quorum.auth.serverRequireSasl", NO_SASL),
    ("quorum.auth.learnerRequireSasl", NO_SASL),
];
const NO_TLS: &str = "the servers would use TLS among themselves, and ballotbox has none";
const NO_SASL: &str = "the servers would authenticate each other, and ballotbox cannot";

/// Refused if set at all, and why.
const REFUSED_IF_SET: [(&str, &str); 2] = [
    ("oraclePath", "an oracle could make a leader without a quorum"),
    ("ssl.quorum.context.supplier.class", "it is a Java class that decides whom to trust"),
];

/// Switches without effect here; ZooKeeper would refuse anything but true and false all the same.
const IDLE_SWITCHES: [&str; 8] = [
    "jvm.pause.monitor",
    "kerberos.canonicalizeHostNames",
    "localSessionsEnabled",
    "localSessionsUpgradingEnabled",
    "multiAddress.reachabilityCheckEnabled",
    "sslQuorumReloadCertFiles",
    "syncEnabled",
    "learner.asyncSending",
];

/// A file as entries, with what was peculiar about it.
pub(super) struct Text {
    file: PathBuf,
    entries: Vec<Entry>,
    pub(super) warnings: Vec<Warning>,
}

impl Text {
    pub(super) fn open(
        path: &Path,
        open: &impl Fn(&Path) -> io::Result<Option<Vec<u8>>>,
    ) -> Result<Self, ZooCfgError> {
        let whole = Place::file(path);
        let Some(bytes) = open_some(path, open)? else {
            return Err(whole.error(Problem::NoFile));
        };
        if bytes.contains(&0) {
            return Err(whole.error(Problem::NotText));
        }
        let source = Source::decode(&bytes);
        let entries = properties::parse(&source.text)
            .map_err(|error| Place::line(path, error.line).error(Problem::Syntax(error)))?;
        let mut warnings = Vec::new();
        if source.byte_order_mark {
            warnings.push(Place::line(path, 1).warn(Caveat::ByteOrderMark));
        }
        if source.utf8 {
            let odd = entries.iter().filter(|entry| !entry.ascii);
            warnings.extend(odd.map(|entry| Place::line(path, entry.line).warn(Caveat::NotAscii)));
        }
        Ok(Self { file: path.to_owned(), entries, warnings })
    }
}

/// The keys of one file that nobody has asked for yet.
pub(super) struct Settings {
    file: PathBuf,
    left: BTreeMap<String, Entry>,
}

impl Settings {
    /// Of a key that is set twice the last one counts, as in Java.
    pub(super) fn new(text: Text, warnings: &mut Vec<Warning>) -> Self {
        let Text { file, entries, .. } = text;
        let mut left = BTreeMap::new();
        for entry in entries {
            match left.entry(entry.key.clone()) {
                btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(entry);
                }
                btree_map::Entry::Occupied(mut occupied) => {
                    let caveat = Caveat::Repeated {
                        key: entry.key.as_str().into(),
                        earlier: occupied.get().line,
                    };
                    warnings.push(Place::line(&file, entry.line).warn(caveat));
                    occupied.insert(entry);
                }
            }
        }
        Self { file, left }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        self.left.remove(key)
    }

    /// A key that must be there, and not be empty.
    pub(super) fn required(
        &mut self,
        key: &'static str,
        why: &'static str,
    ) -> Result<Entry, ZooCfgError> {
        match self.take(key) {
            Some(entry) if !entry.value.is_empty() => Ok(entry),
            Some(entry) => Err(self.at(&entry).error(Problem::Missing { key, why })),
            None => Err(Place::file(&self.file).error(Problem::Missing { key, why })),
        }
    }

    pub(super) fn boolean(&mut self, key: &str) -> Result<Option<bool>, ZooCfgError> {
        let entry = self.take(key);
        entry.map(|entry| self.parse_boolean(&entry)).transpose()
    }

    /// A wait in milliseconds, more than none.
    pub(super) fn millis(&mut self, key: &str, missing: u64) -> Result<Duration, ZooCfgError> {
        let found = self.number(key, 1, INT_MAX)?;
        Ok(Duration::from_millis(found.map_or(missing, i64::unsigned_abs)))
    }

    /// A wait in milliseconds that is not set if it is 0 or negative.
    pub(super) fn optional_millis(&mut self, key: &str) -> Result<Option<Duration>, ZooCfgError> {
        let found = self.number(key, i64::from(i32::MIN), INT_MAX)?;
        let set = found.and_then(|found| u64::try_from(found).ok()).filter(|found| *found > 0);
        Ok(set.map(Duration::from_millis))
    }

    /// A number of ticks, more than none.
    pub(super) fn ticks(
        &mut self,
        key: &'static str,
        needed: bool,
        missing: u32,
    ) -> Result<u32, ZooCfgError> {
        let why = "two servers or more need it, a number of ticks";
        match self.number(key, 1, INT_MAX)? {
            Some(found) => Ok(u32::try_from(found).unwrap_or(missing)),
            None if needed => Err(Place::file(&self.file).error(Problem::Missing { key, why })),
            None => Ok(missing),
        }
    }

    /// The shortest and the longest silence.
    pub(super) fn intervals(&mut self) -> Result<(Duration, Duration), ZooCfgError> {
        const MIN: &str = "fastleader.minNotificationInterval";
        let place = self.left.get(MIN).map(|entry| self.at(entry));
        let min = self.millis(MIN, 200)?;
        let max = self.millis("fastleader.maxNotificationInterval", 60_000)?;
        if min <= max {
            return Ok((min, max));
        }
        let (min, max) = (min.as_millis(), max.as_millis());
        let place = place.unwrap_or_else(|| Place::file(&self.file));
        Err(place.error(Problem::Intervals { min, max }))
    }

    pub(super) fn bind_retry(
        &mut self,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<NonZeroU32>, ZooCfgError> {
        const KEY: &str = "electionPortBindRetry";
        let place = self.left.get(KEY).map(|entry| self.at(entry));
        let (Some(found), Some(place)) = (self.number(KEY, i64::from(i32::MIN), INT_MAX)?, place)
        else {
            return Ok(Some(BIND_RETRY));
        };
        let Ok(attempts) = u32::try_from(found) else {
            warnings.push(place.warn(Caveat::NegativeBindRetry { found }));
            return Ok(Some(BIND_RETRY));
        };
        Ok(NonZeroU32::new(attempts))
    }

    /// The role of this server by `peerType`, and where that is said.
    pub(super) fn peer_type(&mut self) -> Result<(Option<Role>, Place), ZooCfgError> {
        let Some(entry) = self.take("peerType") else {
            return Ok((None, Place::file(&self.file)));
        };
        let place = self.at(&entry);
        if entry.value.eq_ignore_ascii_case("participant") {
            Ok((Some(Role::Voter), place))
        } else if entry.value.eq_ignore_ascii_case("observer") {
            Ok((Some(Role::Observer), place))
        } else {
            let found = entry.value.into();
            Err(place.error(Problem::PeerType { found }))
        }
    }

    /// Ends with whatever changes safety or identity and is not supported.
    pub(super) fn refuse_unsupported(&mut self) -> Result<(), ZooCfgError> {
        for (key, why) in REFUSED_IF_TRUE {
            let Some(entry) = self.take(key) else {
                continue;
            };
            if self.parse_boolean(&entry)? {
                return Err(self.unsupported(&entry, why, "false, or no such line"));
            }
        }
        for (key, why) in REFUSED_IF_SET {
            if let Some(entry) = self.take(key) {
                return Err(self.unsupported(&entry, why, "no such line"));
            }
        }
        match self.take("electionAlg") {
            Some(entry) if entry.value != "3" => Err(self.unsupported(
                &entry,
                "the other algorithms are gone from ZooKeeper too",
                "3, FastLeaderElection, or no such line",
            )),
            _ => Ok(()),
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

    /// Ends with lines about members: they belong into the dynamic file.
    pub(super) fn refuse_members(&self) -> Result<(), ZooCfgError> {
        match self.first(is_member) {
            None => Ok(()),
            Some(entry) => Err(self
                .at(entry)
                .error(Problem::BesideDynamicFile { key: entry.key.as_str().into() })),
        }
    }

    /// Ends with any line at all: only those about members belong into a dynamic file.
    pub(super) fn refuse_rest(&self) -> Result<(), ZooCfgError> {
        match self.first(|_| true) {
            None => Ok(()),
            Some(entry) => {
                Err(self.at(entry).error(Problem::InDynamicFile { key: entry.key.as_str().into() }))
            }
        }
    }

    /// What is left, by line. Nobody asked for it, so it has no effect.
    pub(super) fn into_ignored(
        self,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<Ignored>, ZooCfgError> {
        for key in IDLE_SWITCHES {
            if let Some(entry) = self.left.get(key) {
                self.parse_boolean(entry)?;
            }
        }
        let mut ignored = Vec::new();
        for (key, entry) in self.left {
            let place = Place::line(&self.file, entry.line);
            if looks_like_server(&key) {
                let key = key.as_str().into();
                warnings.push(place.warn(Caveat::LooksLikeServer { key }));
            }
            ignored.push(Ignored { key: key.into(), line: entry.line });
        }
        ignored.sort_by_key(|ignored| ignored.line);
        Ok(ignored)
    }

    fn number(&mut self, key: &str, min: i64, max: i64) -> Result<Option<i64>, ZooCfgError> {
        let Some(entry) = self.take(key) else {
            return Ok(None);
        };
        match entry.value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(self.at(&entry).error(Problem::Number {
                found: entry.value.as_str().into(),
                key: entry.key.as_str().into(),
                min,
                max,
            })),
        }
    }

    fn parse_boolean(&self, entry: &Entry) -> Result<bool, ZooCfgError> {
        if entry.value.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if entry.value.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err(self.at(entry).error(Problem::Boolean {
                key: entry.key.as_str().into(),
                found: entry.value.as_str().into(),
            }))
        }
    }

    fn unsupported(&self, entry: &Entry, why: &'static str, expected: &'static str) -> ZooCfgError {
        self.at(entry).error(Problem::Unsupported {
            key: entry.key.as_str().into(),
            value: entry.value.as_str().into(),
            why,
            expected,
        })
    }

    /// The first line whose key is so.
    fn first(&self, wanted: impl Fn(&str) -> bool) -> Option<&Entry> {
        let entries = self.left.values().filter(|entry| wanted(&entry.key));
        entries.min_by_key(|entry| entry.line)
    }

    fn at(&self, entry: &Entry) -> Place {
        Place::line(&self.file, entry.line)
    }
}

/// Whether ZooKeeper takes this key for one about members.
fn is_member(key: &str) -> bool {
    key.starts_with("server.") || key.starts_with("group") || key.starts_with("weight")
}

/// `server1`, `Server.1` and the like.
fn looks_like_server(key: &str) -> bool {
    let Some((word, rest)) = key.split_at_checked("server".len()) else {
        return false;
    };
    word.eq_ignore_ascii_case("server")
        && rest.starts_with(|c: char| c == '.' || c.is_ascii_digit())
}
