//! What a real server would say of the keys that have no effect here: it checks them all, and so do we.

use super::{
    Findings, Ignored, MemberProblem, Place, Problem, Settings,
    keys::{self, Kind},
    settings::{
        default_counts, int, late_number, not_a_flag, not_a_number, not_a_switch, parse_switch,
    },
    text::shown,
};
use crate::membership::config_text::{ServerLine, may_be_a_name};
use ballotbox_core::{
    UntrustedText,
    membership::{
        java,
        properties::Entry,
        slip::{Slip, is_left_in},
    },
};

/// Waits below this are looked at: nobody waits less than a tenth of a second, but many write seconds.
const SHORT_MS: i64 = 100;

/// Looks at every key, also those that concern us: for waits that look like seconds, and sessions that depend on ticks.
pub(super) fn check_waits(settings: &Settings, findings: &mut Findings) {
    let waits = settings.left.values().filter(|entry| keys::is_wait(&entry.key));
    for entry in waits {
        if let Some(found) = int(&entry.value).filter(|found| (1..SHORT_MS).contains(found)) {
            let problem = Problem::Short { key: entry.key.as_str().into(), found };
            findings.push(settings.at(entry).warning(problem));
        }
    }
    check_sessions(settings, findings);
}

/// The shortest session may not exceed the longest; both come from the tick if they are not set, in Java's 32 bits.
fn check_sessions(settings: &Settings, findings: &mut Findings) {
    /// What stands for "not set".
    const UNSET: i32 = -1;
    let entry = |key: &str| settings.left.get(key);
    let number = |key: &str, missing: i32| match entry(key) {
        Some(entry) => int(&entry.value).and_then(|number| i32::try_from(number).ok()),
        None => Some(missing),
    };
    let ticks = [number("tickTime", 3000), number("minSessionTimeout", UNSET)];
    let ([Some(tick), Some(min)], Some(max)) = (ticks, number("maxSessionTimeout", UNSET)) else {
        return;
    };
    let min = if min == UNSET { tick.wrapping_mul(2) } else { min };
    let max = if max == UNSET { tick.wrapping_mul(20) } else { max };
    if min > max {
        let keys = ["minSessionTimeout", "maxSessionTimeout", "tickTime"];
        let line = keys.into_iter().find_map(entry).map(|entry| entry.line);
        let place = Place { file: settings.file.clone(), line };
        findings.push(place.error_there(Problem::Sessions { min, max }));
    }
}

/// The text of a setting that was taken, without what gets into values by mistake.
pub(super) fn check_text(place: Place, entry: &Entry, findings: &mut Findings) {
    let Entry { key, value, .. } = entry;
    let slip = if keys::is_secret(key) {
        // Anything may stand in a password, but it is seldom a variable as a whole.
        Slip::find(value).filter(|_| is_left_in(value))
    } else {
        Slip::find(value)
    };
    if let Some(slip) = slip {
        let value = shown(key, value);
        findings.push(place.warning(Problem::Slip { key: key.as_str().into(), value, slip }));
    }
}

/// A directory: a real server dies of a short relative one.
pub(super) fn check_dir(place: Place, entry: &Entry, findings: &mut Findings) {
    const ENOUGH: usize = 2;
    // As `java.io.File` has it: without a slash at the end, and without doubled ones.
    let path = entry.value.trim_end_matches('/');
    if !entry.value.starts_with('/') && path.encode_utf16().count() < ENOUGH {
        let (key, found) = (entry.key.as_str().into(), entry.value.as_str().into());
        findings.push(place.clone().error_there(Problem::ShortPath { key, found }));
    }
    check_text(place, entry, findings);
}

/// What is left, by line. Nobody asked for it, so it has no effect.
pub(super) fn check(settings: &Settings, findings: &mut Findings) -> Vec<Ignored> {
    let mut ignored = Vec::new();
    for entry in settings.left.values() {
        check_one(settings.at(entry), entry, findings);
        ignored.push(Ignored { key: entry.key.as_str().into(), line: entry.line });
    }
    ignored.sort_by_key(|ignored| ignored.line);
    ignored
}

fn check_one(place: Place, entry: &Entry, findings: &mut Findings) {
    let value = entry.value.as_str();
    let Some(kind) = keys::kind(&entry.key) else {
        return check_unknown(place, entry, findings);
    };
    match kind {
        Kind::Int if int(value).is_none() => {
            findings.push(place.error_there(not_a_number(entry, i32::MAX.into())));
        }
        Kind::Long if java::number(value).is_none() => {
            findings.push(place.error_there(not_a_number(entry, i64::MAX)));
        }
        Kind::Port if port(value).is_none() => {
            findings.push(place.error_there(not_a_number(entry, u16::MAX.into())));
        }
        Kind::Switch if parse_switch(value).is_none() => {
            findings.push(place.error_there(not_a_switch(entry)));
        }
        Kind::Property if java::decoded(value).is_none() => {
            findings.push(place.warning(default_counts(entry)));
        }
        Kind::LateInt if int(value).is_none() => findings.push(place.warning(late_number(entry))),
        Kind::Flag if parse_switch(value).is_none() => {
            findings.push(place.warning(not_a_flag(entry)));
        }
        Kind::Class if !is_class(value) => {
            let (key, found) = (entry.key.as_str().into(), value.into());
            findings.push(place.error_there(Problem::Class { key, found }));
        }
        Kind::Dir => check_dir(place, entry, findings),
        Kind::Text => check_text(place, entry, findings),
        // The address is looked at together with its port.
        Kind::Address
        | Kind::Int
        | Kind::Long
        | Kind::Port
        | Kind::Switch
        | Kind::Property
        | Kind::LateInt
        | Kind::Flag
        | Kind::Class => {}
    }
}

fn check_unknown(place: Place, entry: &Entry, findings: &mut Findings) {
    let key = || entry.key.as_str().into();
    if entry.key.contains(UntrustedText::is_escaped) {
        // It was told already that this is not the key it seems to be.
        return;
    }
    if looks_like_server(entry) {
        findings.push(place.warning(MemberProblem::LooksLikeServer { key: key() }));
    } else if matches!(Slip::find(&entry.key), Some(Slip::LeftIn { .. })) {
        findings.push(place.warning(Problem::LeftInKey { key: key() }));
    } else if let Some(meant) = known_inside(&entry.value).or_else(|| keys::meant(&entry.key)) {
        findings.push(place.warning(Problem::UnknownKey { key: key(), meant }));
    } else {
        check_text(place, entry, findings);
    }
}

/// The known key in `export clientPort=2181`, of which the first word was taken for the key.
fn known_inside(value: &str) -> Option<String> {
    let (key, _) = value.split_once('=')?;
    let key = key.trim_end();
    keys::kind(key).map(|_| key.to_owned())
}

/// `server1`, `Server.1`, `zookeeper.server.1`, `servers` and the like; and any key with a number whose value is what a
/// server line says.
pub(super) fn looks_like_server(entry: &Entry) -> bool {
    let key = entry.key.to_ascii_lowercase();
    let word = key.strip_prefix("zookeeper.").unwrap_or(&key);
    let rest = word.strip_prefix("server");
    let named = rest.is_some_and(|rest| {
        rest.trim_start_matches(['.', '-', '_', '[', '(']).starts_with(|c: char| c.is_ascii_digit())
    });
    let numbered = key.contains(|c: char| c.is_ascii_digit()) || word.starts_with("server");
    let first = entry.value.split([',', ' ']).next().unwrap_or_default();
    named || (numbered && first.parse::<ServerLine>().is_ok_and(|line| has_a_host(&line)))
}

/// Whether the host is one: `1:2:3` is rather a group than a server.
fn has_a_host(line: &ServerLine) -> bool {
    let is_host = |host: &str| ServerLine::literal(host).is_some() || may_be_a_name(host);
    line.election.iter().all(|endpoint| is_host(&endpoint.host))
}

/// A port as Java takes it for an address.
pub(super) fn port(text: &str) -> Option<u16> {
    int(text).and_then(|number| u16::try_from(number).ok())
}

/// Whether this could be the name of a class in Java.
fn is_class(text: &str) -> bool {
    text.split('.').all(|part| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    })
}
