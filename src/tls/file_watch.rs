//! [`FileWatch`], a core: when files are read again, and when it is told that this failed.
//!
//! | last reading | files | read again | a failure is told |
//! | --- | --- | --- | --- |
//! | went well | as they were | no | |
//! | went well | others | yes | yes |
//! | failed | as they were | yes, as what was wrong may be over | no |
//! | failed | others | yes | yes |
//!
//! A key and its certificate are two files, and nobody can replace both at once. Between the two they do not fit; then reading fails,
//! and what was read before stays in use.

use std::{collections::BTreeMap, fs::Metadata, os::unix::fs::MetadataExt as _, path::PathBuf};

/// What tells one content of a file from another. It is that of the file at the end of all links.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileStamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

/// The stamp of each file; `None` of one that is not there.
pub type FileStamps = BTreeMap<PathBuf, Option<FileStamp>>;

/// Which files were read, and with what result.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileWatch {
    /// How the files were just before they were read last.
    seen: Option<FileStamps>,
    has_failed: bool,
    is_told: bool,
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
            inode: metadata.ino(),
        }
    }
}

impl FileWatch {
    /// Returns whether the files are to be read again. These stamps have to be older than that reading.
    pub fn look(&mut self, now: FileStamps) -> bool {
        if self.seen.as_ref() == Some(&now) {
            return self.has_failed;
        }
        self.seen = Some(now);
        self.is_told = false;
        true
    }

    /// Reading has failed. Returns whether that is to be told.
    pub const fn note_failed(&mut self) -> bool {
        self.has_failed = true;
        let is_news = !self.is_told;
        self.is_told = true;
        is_news
    }

    /// Reading went well. Returns whether it had failed before.
    pub const fn note_read(&mut self) -> bool {
        let had_failed = self.has_failed;
        self.has_failed = false;
        had_failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(key: i64, certificate: Option<i64>) -> FileStamps {
        let stamp = |second| FileStamp { modified: (second, 0), size: 7, inode: 9 };
        [("key".into(), Some(stamp(key))), ("certificate".into(), certificate.map(stamp))].into()
    }

    #[test]
    fn files_are_read_when_they_change_appear_or_vanish_and_not_otherwise() {
        let mut watch = FileWatch::default();
        assert!(watch.look(stamps(1, Some(1))));
        watch.note_read();
        assert!(!watch.look(stamps(1, Some(1))));
        for changed in [stamps(2, Some(1)), stamps(2, Some(2)), stamps(2, None), stamps(2, Some(2))]
        {
            assert!(watch.look(changed.clone()), "{changed:?}");
            watch.note_read();
            assert!(!watch.look(changed));
        }
    }

    #[test]
    fn a_failure_is_told_once_and_again_when_the_files_have_changed_once_more() {
        let mut watch = FileWatch::default();
        assert!(watch.look(stamps(2, Some(1))) && watch.note_failed());
        for _ in 0..3 {
            assert!(watch.look(stamps(2, Some(1))), "it is tried again");
            assert!(!watch.note_failed(), "and not told again");
        }
        assert!(watch.look(stamps(3, Some(1))) && watch.note_failed());
        assert!(watch.look(stamps(3, Some(3))));
        assert!(watch.note_read() && !watch.note_read());
        assert!(!watch.look(stamps(3, Some(3))));
    }
}
