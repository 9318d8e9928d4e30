use std::{fs, time::Duration};

use ballotbox_core::{
    ServerId,
    election::Epoch,
    leadership::{DirectoryId, Holder, Incarnation},
};

use super::*;
use crate::{files::FileCause, scratch::Scratch};

struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn lock(&self) -> Arc<Lock> {
        Arc::new(Lock::take(&self.0.join("lock")).unwrap())
    }

    fn open(&self) -> Result<(PromiseFile, FoundPromise), OpenError> {
        PromiseFile::open(&self.0, self.lock())
    }
}

fn promise(epoch: i64) -> Promise<Reading> {
    let to = Holder {
        leader: ServerId::new(1).unwrap(),
        directory: DirectoryId(1),
        incarnation: Incarnation(1),
    };
    let shown = Duration::from_secs(5);
    Promise { to: Some(to), epoch: Epoch(epoch), until: Reading { boot: shown, raw: shown } }
}

#[test]
fn a_promise_is_found_by_the_next_process_of_this_boot() {
    let folder = Folder::new();
    let (mut file, found) = folder.open().unwrap();
    assert_eq!(found.promise, None);
    for epoch in [3, 4] {
        file.keep(&promise(epoch)).unwrap();
    }
    drop((file, found));
    assert_eq!(folder.open().unwrap().1.promise, Some(promise(4)));
    assert_eq!(fs::metadata(folder.0.join("promise")).unwrap().len(), LEN as u64);
}

#[test]
fn what_is_no_promise_of_this_boot_makes_room_for_one() {
    let folder = Folder::new();
    for content in [&b""[..], b"torn", &[7; LEN], &[7; 500]] {
        fs::write(folder.0.join("promise"), content).unwrap();
        let (mut file, found) = folder.open().unwrap();
        assert_eq!(found.promise, None);
        file.keep(&promise(5)).unwrap();
        drop((file, found));
        assert_eq!(folder.open().unwrap().1.promise, Some(promise(5)));
    }
}

#[test]
fn what_a_promise_leads_to_is_a_plain_file_in_the_same_directory() {
    let folder = Folder::new();
    let elsewhere = folder.0.join("elsewhere");
    fs::write(&elsewhere, b"").unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.0.join("promise")).unwrap();
    let Err(OpenError::File(FileError { cause: FileCause::Symlink, .. })) = folder.open() else {
        panic!("it was followed");
    };
}

#[test]
fn work_that_goes_on_is_found_and_its_end_is() {
    let folder = Folder::new();
    let (file, found) = folder.open().unwrap();
    let work = found.work.unwrap();
    // The node ends, and its work does not.
    drop(file);
    let (mut file, found) = folder.open().unwrap();
    assert!(found.work.is_none());
    assert_eq!(found.held_by, Some(HeldBy::ThisProcess));
    assert!(file.work_has_ended().is_none());
    file.keep(&promise(1)).unwrap();
    drop(work);
    assert!(file.work_has_ended().is_some());
}

#[test]
fn nothing_is_promised_when_another_process_can_take_one_of_the_locks() {
    for name in ["lock", "work.lock"] {
        let folder = Folder::new();
        let (mut file, _found) = folder.open().unwrap();
        file.keep(&promise(1)).unwrap();
        fs::remove_file(folder.0.join(name)).unwrap();
        let removed = file.keep(&promise(2)).unwrap_err();
        assert!(matches!(removed.cause, FileCause::NotOwned(_)), "{removed}");
        fs::write(folder.0.join(name), b"").unwrap();
        let replaced = file.keep(&promise(2)).unwrap_err();
        assert!(matches!(replaced.cause, FileCause::NotOwned(_)), "{replaced}");
    }
}
