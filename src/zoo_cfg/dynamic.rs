//! The dynamic file, which holds the members, and what may lie beside it: a list that is proposed.

use std::path::{Path, PathBuf};

use super::{
    Files, Findings, Place, Problem, Settings, is_member,
    members::Members,
    text::{self, Text},
};
use crate::membership::config_text::{ConfigText, ConfigVersion};
use ballotbox_core::membership::java;

/// The members in a file of their own, and the proposal beside the main one.
pub(super) fn members(
    main: &Path,
    path: &Path,
    files: Files<'_>,
    findings: &mut Findings,
) -> Option<Members> {
    let text = Text::open(path, files, findings)?;
    let mut settings = Settings::new(text, findings);
    if let Some(entry) = settings.take("version") {
        findings.push(settings.at(&entry).error(Problem::VersionInDynamicFile));
    }
    let entries = settings.take_members();
    for entry in settings.left.values() {
        let problem = Problem::InDynamicFile { key: entry.key.as_str().into() };
        findings.push(settings.at(entry).error(problem));
    }
    let mut members = Members::new(path, entries, findings);
    members.config.version = version(path, findings);
    check_proposal(main, members.config.version, files, findings);
    Some(members)
}

/// Lines about members in the main file, which belong into the dynamic one.
pub(super) fn refuse_members(settings: &Settings, findings: &mut Findings) {
    for entry in settings.left.values().filter(|entry| is_member(&entry.key)) {
        let problem = Problem::BesideDynamicFile { key: entry.key.as_str().into() };
        findings.push(settings.at(entry).error(problem));
    }
}

/// The version that the suffix of a file's name says; 0 if it says none.
fn version(path: &Path, findings: &mut Findings) -> ConfigVersion {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let suffix = name.as_deref().and_then(|name| name.rsplit_once('.'));
    let number = suffix.and_then(|(_, digits)| java::hexadecimal(digits)).unwrap_or_default();
    if number < 0 {
        findings.push(Place::file(path).error(Problem::NegativeVersion));
    }
    ConfigVersion(number.max(0))
}

/// A member list that is proposed and not committed needs quorums of both lists. We know only one.
fn check_proposal(main: &Path, ours: ConfigVersion, files: Files<'_>, findings: &mut Findings) {
    let mut path = main.as_os_str().to_owned();
    path.push(".dynamic.next");
    let path = PathBuf::from(path);
    let bytes = match text::bytes(&path, files) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return,
        Err(finding) => return findings.push(finding),
    };
    let place = Place::file(&path);
    match ConfigText::parse(&String::from_utf8_lossy(&bytes)) {
        Ok(proposed) if proposed.version <= ours => {}
        Ok(proposed) => {
            let proposed = proposed.version;
            findings.push(place.warning(Problem::Proposal { proposed, ours }));
        }
        Err(error) => findings.push(place.error_there(Problem::ProposalUnreadable(error))),
    }
}
