//! Which member this server is: the file `myid`.

use std::path::Path;

use super::{Findings, Place, Problem};
use ballotbox_core::{
    ServerId, UntrustedText,
    membership::{java, slip::Slip},
};

/// The id in these bytes, if they say one.
pub(super) fn parse(
    path: &Path,
    bytes: &[u8],
    known: UntrustedText,
    findings: &mut Findings,
) -> Option<ServerId> {
    let place = Place::line(path, 1);
    let text = String::from_utf8_lossy(bytes);
    let found = text.split(['\n', '\r']).next().unwrap_or_default();
    let trimmed = java::trim(found);
    let number = java::number(trimmed);
    let id = number.and_then(|number| u64::try_from(number).ok()).and_then(ServerId::new);
    let Some(id) = id else {
        let slip = Slip::find(found);
        let problem = Problem::MyIdNotANumber { found: found.into(), known, slip };
        // Java has an id for every long but -1, which is none.
        let taken = number.is_some_and(|number| number != -1) && trimmed.len() == found.len();
        findings.push(if taken { place.error_here(problem) } else { place.error(problem) });
        return None;
    };
    if trimmed.len() < found.len() {
        findings.push(place.error_there(Problem::MyIdBlank { found: found.into() }));
    } else if !java::is_plain(found) {
        let read = number.unwrap_or_default();
        let problem = Problem::OddNumber { key: "myid".into(), found: found.into(), read };
        findings.push(place.warning(problem));
    }
    Some(id)
}
