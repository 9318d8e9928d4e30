//! [`MemoryFiles`]: a file system in memory, as hard on its user as a real one may be.
//!
//! What was written is seen at once, and is lost when the machine crashes, unless it was synced: the content with its file, the
//! name with its folder. Names reach the disk in the order in which they were changed, so a crash keeps the first few of the
//! changes that were not synced, or none. A name that came to the disk before its content belongs to an empty file.
//!
//! It is a plain value: a clone is a copied directory, and a default one is a wiped one.

use std::collections::BTreeMap;

use ballotbox_core::UntrustedText;

use super::{FILE_MAX, FileCall, FileCause, FileError, Files};

/// A directory in memory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct MemoryFiles {
    /// What a reader finds under each name.
    names: BTreeMap<String, FileId>,
    /// The names that are on disk.
    synced: BTreeMap<String, FileId>,
    /// What has become of the names since then.
    unsynced: Vec<NameChange>,
    contents: BTreeMap<FileId, Content>,
    faults: Faults,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct FileId(u64);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Content {
    seen: Vec<u8>,
    synced: Vec<u8>,
    /// A sync has failed: the next one will say that all is well, and write nothing.
    is_lost: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum NameChange {
    Created(String, FileId),
    Renamed(String, String),
}

/// What is wrong with the disk.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Faults {
    /// Every call that would change something fails for this reason.
    refuses: Option<FileCause>,
    /// Syncs succeed, and nothing comes to the disk.
    lies: bool,
    /// After this many more calls one fails for this reason, or all of them.
    next: Option<NextFault>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct NextFault {
    calls_before: u32,
    cause: FileCause,
    is_lasting: bool,
}

impl MemoryFiles {
    /// These files, on disk.
    pub(crate) fn with<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut this = Self::default();
        for (number, (name, content)) in (0..).zip(files) {
            let (seen, synced) = (content.to_vec(), content.to_vec());
            this.contents.insert(FileId(number), Content { seen, synced, is_lost: false });
            this.names.insert(name.to_owned(), FileId(number));
        }
        this.tidy();
        this
    }

    /// From now on there is no space for new content, or there is again.
    pub(crate) fn set_full(&mut self, is_full: bool) {
        self.faults.refuses = is_full.then_some(FileCause::NoSpace);
    }

    /// From now on nothing can be changed, or it can again.
    pub(crate) fn set_read_only(&mut self, is_read_only: bool) {
        self.faults.refuses = is_read_only.then_some(FileCause::ReadOnly);
    }

    /// From now on every sync says that all is on disk, and nothing is.
    pub(crate) fn set_lying(&mut self) {
        self.faults.lies = true;
    }

    /// This many calls will succeed, and the next one fail.
    pub(crate) fn fail_after(&mut self, calls: u32, cause: FileCause) {
        self.faults.next = Some(NextFault { calls_before: calls, cause, is_lasting: false });
    }

    /// This many calls will succeed, and none after them: the process has come to its end, or the machine.
    pub(crate) fn stop_after(&mut self, calls: u32) {
        let cause = FileCause::Other(UntrustedText::new("everything has stopped"));
        self.faults.next = Some(NextFault { calls_before: calls, cause, is_lasting: true });
    }

    /// Whether the one call that was to fail has not come yet.
    pub(crate) fn is_still_to_fail(&self) -> bool {
        self.faults.next.is_some()
    }

    /// The process has ended, and another one looks at the same disk: nothing is lost, and nothing fails any more.
    pub(crate) fn restart(&mut self) {
        self.faults = Faults::default();
    }

    /// The machine has crashed, and is up again: what was not synced is gone.
    pub(crate) fn crash(&mut self) {
        self.crash_keeping(0);
    }

    /// The same, but the first few changes of names have come to the disk in time. Returns how many there were to keep.
    pub(crate) fn crash_keeping(&mut self, changes: usize) -> usize {
        let unsynced = std::mem::take(&mut self.unsynced);
        for change in unsynced.iter().take(changes) {
            change.apply(&mut self.synced);
        }
        self.names.clone_from(&self.synced);
        for content in self.contents.values_mut() {
            *content = Content { seen: content.synced.clone(), ..content.clone() };
            content.is_lost = false;
        }
        self.restart();
        self.tidy();
        unsynced.len()
    }

    /// What a reader finds in a file.
    pub(crate) fn content(&self, name: &str) -> Option<&[u8]> {
        let id = self.names.get(name)?;
        self.contents.get(id).map(|content| content.seen.as_slice())
    }

    /// Forgets the files that have no name any more, and numbers the others by their names, so that equal disks are equal.
    fn tidy(&mut self) {
        if !self.unsynced.is_empty() {
            return;
        }
        let old = std::mem::take(&mut self.contents);
        for (number, id) in (0..).zip(self.names.values_mut()) {
            self.contents.insert(FileId(number), old.get(id).cloned().unwrap_or_default());
            *id = FileId(number);
        }
        self.synced.clone_from(&self.names);
    }

    fn new_id(&self) -> FileId {
        FileId(self.contents.last_key_value().map_or(0, |(FileId(last), _)| last + 1))
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }

    fn begin(&mut self, call: FileCall, name: &str) -> Result<(), FileError> {
        match self.next_fault(call) {
            Some(cause) => Err(error(call, name, cause)),
            None => Ok(()),
        }
    }

    fn next_fault(&mut self, call: FileCall) -> Option<FileCause> {
        if let Some(next) = &mut self.faults.next {
            if let Some(calls_before) = next.calls_before.checked_sub(1) {
                next.calls_before = calls_before;
            } else {
                let cause = next.cause.clone();
                if !next.is_lasting {
                    self.faults.next = None;
                }
                return Some(cause);
            }
        }
        let refuses = self.faults.refuses.as_ref();
        refuses.filter(|cause| is_refused(call, cause)).cloned()
    }

    fn id(&self, call: FileCall, name: &str) -> Result<FileId, FileError> {
        self.names.get(name).copied().ok_or_else(|| error(call, name, FileCause::NotFound))
    }
}

impl Files for MemoryFiles {
    fn shown(&self, name: &str) -> UntrustedText {
        UntrustedText::new(name)
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        self.begin(FileCall::Read, name)?;
        let id = self.id(FileCall::Read, name)?;
        let content = self.contents.get(&id).map(|content| content.seen.clone());
        let content = content.unwrap_or_default();
        if content.len() > FILE_MAX {
            return Err(error(FileCall::Read, name, FileCause::TooLarge));
        }
        Ok(content)
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), FileError> {
        let begun = self.begin(FileCall::Write, name);
        // A write that fails for want of space leaves half a file.
        let has_half = begun.as_ref().is_err_and(|error| error.cause == FileCause::NoSpace);
        if begun.is_ok() || has_half {
            if !self.names.contains_key(name) {
                self.change_name(NameChange::Created(name.to_owned(), self.new_id()));
            }
            let length = if has_half { content.len() / 2 } else { content.len() };
            let id = self.id(FileCall::Write, name)?;
            self.contents.entry(id).or_default().seen = content[..length].to_vec();
        }
        begun
    }

    fn sync(&mut self, name: &str) -> Result<(), FileError> {
        let id = self.id(FileCall::Sync, name)?;
        let begun = self.begin(FileCall::Sync, name);
        // A process that has stopped has made no call, and so none has failed.
        let has_stopped = begun.is_err() && self.faults.next.is_some();
        if let Some(content) =
            self.contents.get_mut(&id).filter(|_| !has_stopped && !self.faults.lies)
        {
            content.is_lost |= begun.is_err();
            if !content.is_lost {
                content.synced.clone_from(&content.seen);
            }
        }
        begun
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        self.begin(FileCall::Rename, from)?;
        self.id(FileCall::Rename, from)?;
        self.change_name(NameChange::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn sync_folder(&mut self, folder: &str) -> Result<(), FileError> {
        self.begin(FileCall::Sync, folder)?;
        if self.faults.lies {
            return Ok(());
        }
        let (synced, rest) =
            self.unsynced.drain(..).partition(|change| change.is_in_folder(folder));
        self.unsynced = rest;
        let synced: Vec<NameChange> = synced;
        for change in synced {
            change.apply(&mut self.synced);
        }
        self.tidy();
        Ok(())
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, FileError> {
        self.begin(FileCall::List, folder)?;
        let split = self.names.keys().map(|name| name.rsplit_once('/').unwrap_or(("", name)));
        let found = split.filter(|(of, _)| *of == folder).map(|(_, file)| file.to_owned());
        Ok(found.collect())
    }

    fn confirm_owned(&mut self) -> Result<(), FileError> {
        Ok(())
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, FileId>) {
        match self {
            Self::Created(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Renamed(from, to) => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
        }
    }

    fn is_in_folder(&self, folder: &str) -> bool {
        let (Self::Created(name, _) | Self::Renamed(name, _)) = self;
        name.rsplit_once('/').map_or("", |(folder, _)| folder) == folder
    }
}

/// Whether a disk that refuses changes for this reason refuses this call.
fn is_refused(call: FileCall, cause: &FileCause) -> bool {
    match call {
        FileCall::Read | FileCall::List | FileCall::Sync => false,
        FileCall::Write | FileCall::Create => true,
        FileCall::Rename | FileCall::Lock | FileCall::Hold => *cause != FileCause::NoSpace,
    }
}

fn error(call: FileCall, name: &str, cause: FileCause) -> FileError {
    let cause = match (call, cause) {
        (FileCall::Sync, FileCause::Other(text)) => FileCause::NotSynced(text),
        (FileCall::Sync, cause) => FileCause::NotSynced(UntrustedText::new(cause)),
        (_, cause) => cause,
    };
    FileError { call, path: UntrustedText::new(name), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(files: &mut MemoryFiles, name: &str, content: &[u8]) {
        files.write(name, content).unwrap();
        files.sync(name).unwrap();
    }

    #[test]
    fn a_crash_takes_what_was_not_synced() {
        let mut files = MemoryFiles::default();
        put(&mut files, "a", b"1");
        files.sync_folder("").unwrap();
        let before = files.clone();

        files.write("a", b"2").unwrap();
        put(&mut files, "new", b"3");
        assert_eq!(files.content("a"), Some(&b"2"[..]));
        files.crash();
        assert_eq!(files, before);

        put(&mut files, "a.tmp", b"2");
        files.rename("a.tmp", "a").unwrap();
        let mut renamed = files.clone();
        files.crash();
        assert_eq!(files, before);
        renamed.sync_folder("elsewhere").unwrap();
        renamed.sync_folder("").unwrap();
        renamed.crash();
        assert_eq!(renamed.content("a"), Some(&b"2"[..]));
        assert_eq!(renamed.list(""), Ok(vec!["a".to_owned()]));
    }

    #[test]
    fn a_name_may_come_to_the_disk_before_its_content() {
        let mut files = MemoryFiles::default();
        put(&mut files, "a", b"1");
        files.sync_folder("").unwrap();
        files.write("a.tmp", b"2").unwrap();
        files.rename("a.tmp", "a").unwrap();
        assert_eq!(files.crash_keeping(2), 2);
        assert_eq!(files.content("a"), Some(&b""[..]));
    }

    #[test]
    fn a_sync_that_failed_succeeds_the_next_time_and_the_content_is_gone() {
        let mut files = MemoryFiles::default();
        put(&mut files, "a", b"1");
        files.sync_folder("").unwrap();
        files.write("a", b"2").unwrap();
        files.fail_after(0, FileCause::Other("Input/output error".into()));
        let error = files.sync("a").unwrap_err();
        assert_eq!(error.cause, FileCause::NotSynced("Input/output error".into()));
        assert!(!error.may_pass());
        files.sync("a").unwrap();
        files.crash();
        assert_eq!(files.content("a"), Some(&b"1"[..]));
    }

    #[test]
    fn a_full_disk_keeps_half_a_file_and_a_read_only_one_nothing() {
        let mut files = MemoryFiles::default();
        files.set_read_only(true);
        assert_eq!(files.write("a", b"12").unwrap_err().cause, FileCause::ReadOnly);
        assert_eq!(files.content("a"), None);
        files.set_full(true);
        let error = files.write("a", b"12").unwrap_err();
        assert_eq!(files.content("a"), Some(&b"1"[..]));
        assert!(error.may_pass());
        assert_eq!(error.to_string(), "cannot write a: no space is left: free some");
        files.set_full(false);
        files.write("a", b"12").unwrap();
        assert_eq!(files.content("a"), Some(&b"12"[..]));
    }

    #[test]
    fn equal_disks_are_equal_however_they_came_about() {
        let mut one = MemoryFiles::default();
        put(&mut one, "a", b"1");
        put(&mut one, "b", b"2");
        one.sync_folder("").unwrap();
        let mut other = MemoryFiles::default();
        for content in [b"0", b"2"] {
            put(&mut other, "b.tmp", content);
            other.rename("b.tmp", "b").unwrap();
        }
        put(&mut other, "a", b"1");
        assert_ne!(one, other);
        other.sync_folder("").unwrap();
        assert_eq!(one, other);
    }
}
