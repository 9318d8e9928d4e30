//! [`Text`]: one file as entries, with what is peculiar about its bytes and its syntax.

use std::path::{Path, PathBuf};

use super::{FILE_LEN_MAX, Files, Finding, Findings, Place, Problem, is_member, keys};
use ballotbox_core::{
    UntrustedText,
    membership::{
        properties::{self, Entry, Source},
        slip::Slip,
    },
};

/// A file as entries.
pub(super) struct Text {
    pub(super) file: PathBuf,
    pub(super) entries: Vec<Entry>,
}

impl Text {
    /// The entries of a file that must be there.
    pub(super) fn open(path: &Path, files: Files<'_>, findings: &mut Findings) -> Option<Self> {
        let place = Place::file(path);
        let bytes = match bytes(path, files) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                findings.push(place.error(Problem::NoFile));
                return None;
            }
            Err(finding) => {
                findings.push(finding);
                return None;
            }
        };
        if is_utf16(&bytes) {
            findings.push(place.error(Problem::Utf16));
            return None;
        }
        if bytes.contains(&0) {
            findings.push(place.error_here(Problem::NotText));
            return None;
        }
        let source = Source::decode(&bytes);
        let (entries, errors) = properties::parse(&source.text);
        for error in errors {
            findings.push(Place::line(path, error.line).error(Problem::Syntax(error)));
        }
        for entry in &entries {
            look_at(entry, source.utf8, &Place::line(path, entry.line), findings);
        }
        Some(Self { file: path.to_owned(), entries })
    }
}

/// The bytes of a file that may be missing, within the limit.
pub(super) fn bytes(path: &Path, files: Files<'_>) -> Result<Option<Vec<u8>>, Finding> {
    let problem = match files(path) {
        Ok(Some(bytes)) if bytes.len() > FILE_LEN_MAX => {
            return Err(Place::file(path).error_here(Problem::TooLong));
        }
        Ok(found) => return Ok(found),
        Err(error) => Problem::Unreadable { why: error.into() },
    };
    Err(Place::file(path).error(problem))
}

/// What is peculiar about any entry, whatever its key.
fn look_at(entry: &Entry, utf8: bool, place: &Place, findings: &mut Findings) {
    let Entry { key, value, .. } = entry;
    if key.contains(UntrustedText::is_escaped) {
        let shown = key.as_str().into();
        let problem = if key.starts_with('\u{feff}') {
            Problem::ByteOrderMark { key: shown }
        } else {
            Problem::InvisibleInKey { key: shown }
        };
        let seen: String = key.chars().filter(|c| !UntrustedText::is_escaped(*c)).collect();
        let place = place.clone();
        // A member that is not seen would split the ensemble.
        findings.push(if is_member(&seen) {
            place.error_here(problem)
        } else {
            place.warning(problem)
        });
    } else if utf8 && !entry.ascii && Slip::find(value).is_none() {
        findings.push(place.clone().warning(Problem::NotAscii));
    }
    if entry.backslash {
        let problem = Problem::Backslash { key: key.as_str().into(), value: shown(key, value) };
        findings.push(place.clone().warning(problem));
    }
    if let Some(line) = entry.swallowed {
        let problem = Problem::Swallowed { key: key.as_str().into(), line };
        findings.push(place.clone().warning(problem));
    }
}

/// A value as it may be shown.
pub(super) fn shown(key: &str, value: &str) -> UntrustedText {
    if keys::is_secret(key) { "…".into() } else { value.into() }
}

/// Whether this is UTF-16: by its mark, or because every other byte of its beginning is zero.
fn is_utf16(bytes: &[u8]) -> bool {
    const LOOK_AT: usize = 64;
    let begin = &bytes[..bytes.len().min(LOOK_AT)];
    let zeros = |first: usize| begin.iter().skip(first).step_by(2).all(|byte| *byte == 0);
    let marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    marked || (begin.len() >= 4 && (zeros(0) || zeros(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_told_from_a_stray_zero() {
        for text in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0=\0b\0", b"\0a\0=\0b"] {
            assert!(is_utf16(text), "{text:?}");
        }
        for text in [&b""[..], b"a=b", b"a\0b=c", b"\0"] {
            assert!(!is_utf16(text), "{text:?}");
        }
    }
}
