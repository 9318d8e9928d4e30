use std::{fs, os::unix::fs::symlink, sync::mpsc};

use rustix::{
    fs::{FlockOperation, flock},
    io::{FdFlags, fcntl_getfd},
};

use super::*;
use crate::{ServerId, fence::Refused, files::FileCause, scratch::Scratch};

struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn open(&self) -> FileFence {
        FileFence::open(self.path("fence")).unwrap()
    }

    fn refusal(&self) -> FenceError {
        FileFence::open(self.path("fence")).unwrap_err()
    }
}

fn token(number: u64) -> Token {
    Token::new(number, ServerId::new(3).unwrap())
}

fn is_stale(error: &FenceError) -> bool {
    matches!(error, FenceError::Refused { refused: Refused::Stale { .. }, .. })
}

#[test]
fn what_one_process_was_admitted_with_another_knows() {
    let folder = Folder::new();
    let (mut one, mut other) = (folder.open(), folder.open());
    assert_eq!(one.highest(), Ok(None));
    assert_eq!(one.admit(token(4)), Ok(Admitted::Newer));
    assert_eq!(other.admit(token(4)), Ok(Admitted::Again));
    assert_eq!(other.admit(token(6)), Ok(Admitted::Newer));
    let error = one.admit(token(5)).unwrap_err();
    assert!(is_stale(&error), "{error}");
    assert_eq!((one.highest(), folder.open().highest()), (Ok(Some(token(6))), Ok(Some(token(6)))));
    let mut names: Vec<_> =
        fs::read_dir(&*folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["fence", "fence.lock"]);
}

#[test]
fn nobody_is_admitted_while_somebody_acts() {
    let folder = Folder::new();
    let (mut one, mut other) = (folder.open(), folder.open());
    let guard = one.guard(token(4)).unwrap();
    assert_eq!(guard.admitted(), Admitted::Newer);
    let error = other.try_guard(token(5)).unwrap_err();
    assert_eq!(error, FenceError::Held { path: one.shown(), pid: Some(std::process::id()) });
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())));
    let (done, told) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let guard = other.guard(token(5)).unwrap();
        done.send("the successor acts").unwrap();
        drop(guard);
        other
    });
    // Whichever comes first, the one that acts has it to itself.
    assert!(told.try_recv().is_err());
    drop(guard);
    assert_eq!(told.recv(), Ok("the successor acts"));
    let mut other = waiter.join().unwrap();
    assert!(is_stale(&one.guard(token(4)).unwrap_err()));
    drop(other.try_guard(token(5)).unwrap());
}

#[test]
fn to_open_it_while_somebody_acts_waits_for_nobody() {
    let folder = Folder::new();
    let guard = folder.open().guard(token(4)).unwrap();
    let mut other = folder.open();
    drop(guard);
    assert_eq!(other.highest(), Ok(Some(token(4))));
}

#[test]
fn programs_that_are_started_inherit_the_lock_only_if_they_are_given_it() {
    let folder = Folder::new();
    let mut fence = folder.open();
    let guard = fence.guard(token(4)).unwrap();
    assert_eq!(fcntl_getfd(guard.as_fd()), Ok(FdFlags::CLOEXEC));
    let kept = guard.as_fd().try_clone_to_owned().unwrap();
    drop(guard);
    assert!(matches!(fence.try_guard(token(4)), Err(FenceError::Held { .. })));
    flock(&kept, FlockOperation::Unlock).unwrap();
    drop(fence.try_guard(token(4)).unwrap());
}

#[test]
fn a_symbolic_link_in_the_place_of_the_file_or_its_lock_is_refused() {
    for name in ["fence", "fence.lock"] {
        let folder = Folder::new();
        fs::write(folder.path("elsewhere"), "mine").unwrap();
        symlink("elsewhere", folder.path(name)).unwrap();
        let error = folder.refusal();
        assert!(matches!(&error, FenceError::File(e) if e.cause == FileCause::Symlink), "{error}");
        assert_eq!(fs::read(folder.path("elsewhere")).unwrap(), b"mine");
    }
}

#[test]
fn a_file_that_is_missing_admits_nobody_unless_its_lock_is_missing_as_well() {
    let folder = Folder::new();
    let mut fence = folder.open();
    fence.admit(token(4)).unwrap();
    fs::remove_file(folder.path("fence")).unwrap();
    let missing = FenceError::Missing { path: fence.shown() };
    assert_eq!(folder.refusal(), missing);
    assert_eq!(fence.admit(token(9)), Err(missing.clone()));
    assert!(missing.to_string().contains("fence.lock says so"));
    fs::remove_file(folder.path("fence.lock")).unwrap();
    assert_eq!(folder.open().highest(), Ok(None));
    // Who has been there knows better.
    let error = fence.admit(token(9)).unwrap_err();
    let seen = token(4);
    assert_eq!(error, FenceError::WentBack { path: fence.shown(), found: None, seen });
}

#[test]
fn an_older_copy_in_its_place_is_noticed_by_who_has_seen_it() {
    let folder = Folder::new();
    let mut fence = folder.open();
    fence.admit(token(4)).unwrap();
    fs::copy(folder.path("fence"), folder.path("copy")).unwrap();
    fence.admit(token(7)).unwrap();
    fs::rename(folder.path("copy"), folder.path("fence")).unwrap();
    let (found, seen) = (Some(token(4)), token(7));
    let error = fence.admit(token(9)).unwrap_err();
    assert_eq!(error, FenceError::WentBack { path: fence.shown(), found, seen });
    let told = error.to_string();
    assert!(told.contains("4 of member 3 is in it") && told.contains("has seen 7"), "{told}");
}

#[test]
fn a_lock_that_was_removed_meanwhile_is_noticed_before_anybody_is_admitted() {
    for number in [4, 5] {
        let folder = Folder::new();
        let mut fence = folder.open();
        fence.admit(token(4)).unwrap();
        let before = fs::read(folder.path("fence")).unwrap();
        let with_lock = fence.with_lock(Lock::unsigned_waiting, |kept| {
            fs::remove_file(folder.path("fence.lock")).unwrap();
            kept.admit(token(number))
        });
        let error = with_lock.unwrap_err();
        let is_noticed =
            matches!(&error, FenceError::File(e) if matches!(e.cause, FileCause::NotOwned(_)));
        assert!(is_noticed, "{number}: {error}");
        assert_eq!(fs::read(folder.path("fence")).unwrap(), before);
    }
}

#[test]
fn after_a_failed_sync_this_process_admits_nobody_any_more() {
    let folder = Folder::new();
    let mut fence = folder.open();
    let cause = FileCause::NotSynced("Input/output error".into());
    let failed = crate::files::FileError { call: FileCall::Sync, path: fence.shown(), cause };
    let error = FenceError::File(failed);
    let with_lock: Result<((), _), _> =
        fence.with_lock(Lock::unsigned_waiting, |_| Err(error.clone()));
    assert_eq!(with_lock.unwrap_err(), error);
    assert_eq!(fence.admit(token(4)), Err(error));
    assert_eq!(folder.open().admit(token(4)), Ok(Admitted::Newer));
}

#[test]
fn what_is_no_file_in_a_directory_that_is_there_is_refused() {
    let folder = Folder::new();
    let no_name = |path: &str| matches!(FileFence::open(path), Err(FenceError::NoName { .. }));
    assert!(no_name("/") && no_name("..") && no_name(""));
    let nowhere = FileFence::open(folder.path("nowhere/fence")).unwrap_err();
    assert!(matches!(&nowhere, FenceError::File(e) if e.cause == FileCause::NoFolder), "{nowhere}");
    let directory = FileFence::open(&*folder.0).unwrap_err();
    assert!(directory.to_string().contains("no plain file"), "{directory}");
    fs::remove_file(format!("{}.lock", folder.0.display())).unwrap_or_default();
}
