use ballotbox_core::leadership::EnsembleId;
use proptest::prelude::*;

use super::*;
use crate::{
    files::{FileCause, MemoryFiles, TextError},
    node::store::EpochTextError,
};

type Directory = EpochDirectory<MemoryFiles>;

const LAYOUTS: [Layout; 2] = [Layout::Plain, Layout::ZooKeeper];

fn me() -> ServerId {
    ServerId::new(3).unwrap()
}

fn record(accepted: i64, current: i64, recorded: bool) -> Record {
    let ensemble = recorded.then_some(EnsembleId(9));
    Record {
        accepted: Epoch(accepted),
        current: Epoch(current),
        recorded,
        ensemble,
        confirmed: recorded,
        longest_promise: std::time::Duration::ZERO,
    }
}

fn seed(record: Record) -> Seed {
    Seed { directory: DirectoryId(7), record }
}

fn open(files: MemoryFiles, layout: Layout) -> Directory {
    Directory::open(files, layout, me(), seed(record(2, 2, false))).unwrap()
}

fn refusal(mut files: MemoryFiles, layout: Layout) -> OpenError {
    let before = files.clone();
    let seed = seed(record(2, 2, false));
    let error = EpochDirectory::open(&mut files, layout, me(), seed).unwrap_err();
    assert_eq!(files, before, "a refused directory is left as it was");
    error
}

type Disk<'a> = &'a [(&'a str, &'a [u8])];

fn disk(files: Disk<'_>) -> MemoryFiles {
    MemoryFiles::with(files.iter().copied())
}

#[test]
fn a_new_directory_begins_with_the_seed_and_counts_its_starts() {
    for layout in LAYOUTS {
        let new = open(MemoryFiles::default(), layout);
        assert_eq!((new.record(), new.directory()), (record(2, 2, false), DirectoryId(7)));
        assert_eq!(new.incarnation(), Incarnation(1));
        let mut files = new.files().clone();
        files.crash();
        let other_seed = Seed { directory: DirectoryId(8), record: record(5, 5, false) };
        let again = Directory::open(files, layout, me(), other_seed).unwrap();
        assert_eq!((again.record(), again.directory()), (record(2, 2, false), DirectoryId(7)));
        assert_eq!(again.incarnation(), Incarnation(2));
    }
}

#[test]
fn the_epochs_are_where_and_what_a_real_server_has() {
    let mut zookeeper = open(MemoryFiles::default(), Layout::ZooKeeper);
    zookeeper.store(record(5, 4, true)).unwrap();
    let content = |name| zookeeper.files().content(name);
    assert_eq!(content("version-2/acceptedEpoch"), Some(&b"5"[..]));
    assert_eq!(content("version-2/currentEpoch"), Some(&b"4"[..]));
    assert!(content("ballotbox/identity").is_some());
    let plain = open(MemoryFiles::default(), Layout::Plain);
    let mut names = plain.files().clone().list("").unwrap();
    names.sort();
    assert_eq!(names, ["acceptedEpoch", "currentEpoch", "identity"]);
}

#[test]
fn what_was_stored_is_read_after_a_crash_of_the_machine() {
    for layout in LAYOUTS {
        let mut directory = open(MemoryFiles::default(), layout);
        for stored in
            [record(3, 2, false), record(3, 3, true), record(7, 3, true), record(7, 7, true)]
        {
            directory.store(stored).unwrap();
            let mut files = directory.files().clone();
            files.crash();
            assert_eq!(read_record(&mut files, layout, me()), Ok(Some(stored)));
            assert_eq!(open(files, layout).record(), stored);
        }
    }
    assert_eq!(read_record(&mut MemoryFiles::default(), Layout::Plain, me()), Ok(None));
}

/// What may lie on the disk when the machine is up again: for each number of changes of names that made it in time.
fn after_crash(files: &MemoryFiles) -> Vec<MemoryFiles> {
    let changes = files.clone().crash_keeping(0);
    let crashed = |kept| {
        let mut files = files.clone();
        files.crash_keeping(kept);
        files
    };
    let mut found: Vec<_> = (0..=changes).map(crashed).collect();
    // The process was killed, and the machine did not crash.
    let mut restarted = files.clone();
    restarted.restart();
    found.push(restarted);
    found
}

/// What may be found after a crash while `new` was being stored over `old`.
fn assert_between(old: Record, new: Record, found: Record) {
    assert!([old.accepted, new.accepted].contains(&found.accepted), "{found:?}");
    assert!([old.current, new.current].contains(&found.current), "{found:?}");
    assert!(found.accepted >= found.current, "{found:?}");
    // Accepting is a word that is not given yet: to have given it is always safe. Having acknowledged comes after having accepted, and
    // being recorded after both.
    assert!(found.current == old.current || found.accepted == new.accepted, "{found:?}");
    assert!(found.recorded == old.recorded || found == new, "{found:?}");
}

/// Stores `new` over `old`, with a crash before each call; returns how many calls there were.
fn crash_at_every_call(layout: Layout, old: Record, new: Record) -> u32 {
    let mut before = Directory::open(MemoryFiles::default(), layout, me(), seed(old)).unwrap();
    assert_eq!(before.record(), old);
    for calls in 0.. {
        let mut directory = before.clone();
        directory.files_mut().stop_after(calls);
        let stored = directory.store(new);
        for disk in after_crash(directory.files()) {
            let again = open(disk, layout);
            assert_between(old, new, again.record());
            if stored.is_ok() {
                assert_eq!(again.record(), new, "a word was given for it");
            }
            assert!(again.incarnation() > before.incarnation());
            // What was found after a restart is said: so it must survive the next crash.
            let mut files = again.files().clone();
            files.crash();
            assert_eq!(open(files, layout).record(), again.record());
        }
        if stored.is_ok() {
            before = directory;
            assert_eq!(before.record(), new);
            return calls;
        }
    }
    unreachable!("at some time there are enough calls");
}

#[test]
fn a_crash_at_any_call_forgets_no_word() {
    for layout in LAYOUTS {
        let calls = crash_at_every_call(layout, record(2, 2, false), record(3, 3, true));
        // Three files written, synced and renamed, and their folders synced.
        let folders = if layout == Layout::Plain { 1 } else { 2 };
        assert_eq!(calls, 9 + folders);
        // The identity has nothing new to say.
        assert_eq!(crash_at_every_call(layout, record(3, 3, true), record(4, 4, true)), 7);
        assert_eq!(crash_at_every_call(layout, record(3, 3, true), record(4, 3, true)), 4);
        assert_eq!(crash_at_every_call(layout, record(4, 4, true), record(4, 4, true)), 0);
    }
}

proptest! {
    #[test]
    fn a_crash_anywhere_in_a_life_forgets_no_word(
        is_plain: bool,
        life in prop::collection::vec((0_i64..4, 0_i64..4, any::<bool>(), 0_u32..20, 0_usize..9), 1..12),
    ) {
        let layout = if is_plain { Layout::Plain } else { Layout::ZooKeeper };
        let mut directory = open(MemoryFiles::default(), layout);
        for (accepted, behind, recorded, calls, kept) in life {
            let old = directory.record();
            let accepted = old.accepted.0 + accepted;
            let current = (accepted - behind).max(old.current.0);
            let new = record(accepted, current, old.recorded || recorded);
            directory.files_mut().stop_after(calls);
            let stored = directory.store(new);
            let mut files = directory.files().clone();
            if kept == 8 { files.restart() } else { let _ = files.crash_keeping(kept); }
            directory = open(files, layout);
            assert_between(old, new, directory.record());
            if stored.is_ok() {
                prop_assert_eq!(directory.record(), new);
            }
        }
    }
}

#[test]
fn a_crash_while_opening_forgets_nothing_and_no_incarnation_comes_twice() {
    for layout in LAYOUTS {
        let mut directory = open(MemoryFiles::default(), layout);
        directory.store(record(5, 4, true)).unwrap();
        for calls in 0.. {
            let mut files = directory.files().clone();
            files.stop_after(calls);
            let opened = EpochDirectory::open(&mut files, layout, me(), seed(record(2, 2, false)));
            let incarnation = opened.map(|opened| opened.incarnation());
            for disk in after_crash(&files) {
                let again = open(disk, layout);
                assert_eq!(again.record(), record(5, 4, true));
                assert!(
                    again.incarnation()
                        > incarnation.clone().unwrap_or_else(|_| directory.incarnation())
                );
            }
            if incarnation.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_crash_while_a_directory_is_made_leaves_one_that_can_be_opened() {
    for layout in LAYOUTS {
        for calls in 0.. {
            let mut files = MemoryFiles::default();
            files.stop_after(calls);
            let seed = seed(record(2, 2, false));
            let is_open = EpochDirectory::open(&mut files, layout, me(), seed).is_ok();
            for disk in after_crash(&files) {
                assert_eq!(open(disk, layout).record(), record(2, 2, false), "{calls} calls");
            }
            if is_open {
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_loses_nothing_and_is_written_when_there_is_space() {
    for layout in LAYOUTS {
        let mut directory = open(MemoryFiles::default(), layout);
        directory.store(record(4, 4, true)).unwrap();
        directory.files_mut().set_full(true);
        let error = directory.store(record(5, 5, true)).unwrap_err();
        assert!(error.may_pass(), "{error}");
        for disk in after_crash(directory.files()) {
            assert_eq!(open(disk, layout).record(), record(4, 4, true));
        }
        directory.files_mut().set_full(false);
        directory.store(record(5, 5, true)).unwrap();
        directory.files_mut().crash();
        assert_eq!(open(directory.files().clone(), layout).record(), record(5, 5, true));
    }
}

#[test]
fn after_any_failed_call_the_next_attempt_stores_all_of_it() {
    for cause in [FileCause::NoSpace, FileCause::ReadOnly, FileCause::PermissionDenied] {
        for calls in 0.. {
            let mut directory = open(MemoryFiles::default(), Layout::ZooKeeper);
            directory.files_mut().fail_after(calls, cause.clone());
            let failed = directory.store(record(5, 4, true));
            if directory.files().is_still_to_fail() {
                break;
            }
            if failed.is_err_and(|error| !error.may_pass()) {
                continue;
            }
            directory.store(record(5, 4, true)).unwrap();
            let mut files = directory.files().clone();
            files.crash();
            assert_eq!(open(files, Layout::ZooKeeper).record(), record(5, 4, true), "{calls}");
        }
    }
}

#[test]
fn every_failed_sync_is_for_ever() {
    let syncs = (0..11).filter(|calls| {
        let mut directory = open(MemoryFiles::default(), Layout::ZooKeeper);
        directory.files_mut().fail_after(*calls, FileCause::NoSpace);
        let error = directory.store(record(5, 4, true)).unwrap_err();
        !error.may_pass()
    });
    assert_eq!(syncs.count(), 5, "three files and two folders");
}

#[test]
fn what_contradicts_itself_or_does_not_fit_is_a_bug() {
    let mut directory = open(MemoryFiles::default(), Layout::Plain);
    directory.store(record(5, 4, true)).unwrap();
    let before = directory.clone();
    let too_large = i64::from(i32::MAX);
    for (accepted, current) in [(5, 6), (too_large, 5), (5, -1)] {
        let error = directory.store(record(accepted, current, true)).unwrap_err();
        assert!(matches!(error, StoreError::Impossible { .. }) && !error.may_pass());
        assert_eq!(directory, before);
    }
}

#[test]
fn no_epoch_falls_though_an_older_record_comes_after_a_newer_one() {
    let mut directory = open(MemoryFiles::default(), Layout::Plain);
    directory.store(record(5, 5, false)).unwrap();
    directory.store(record(4, 4, true)).unwrap();
    assert_eq!(directory.record(), record(5, 5, true));
    directory.files_mut().crash();
    assert_eq!(open(directory.files().clone(), Layout::Plain).record(), record(5, 5, true));
}

#[test]
fn the_files_of_a_real_server_are_taken_over_unrecorded() {
    let files = disk(&[("version-2/acceptedEpoch", b"+7\n"), ("version-2/currentEpoch", b"6")]);
    assert_eq!(open(files, Layout::ZooKeeper).record(), record(7, 6, false));
    let files = disk(&[("version-2/acceptedEpoch", b"7")]);
    assert_eq!(open(files, Layout::ZooKeeper).record(), record(7, 2, false));
    let files = disk(&[("version-2/acceptedEpoch", b"1")]);
    assert_eq!(open(files, Layout::ZooKeeper).record(), record(1, 1, false));
}

#[test]
fn a_directory_that_has_forgotten_its_epochs_is_not_recorded_any_more() {
    let mut directory = open(MemoryFiles::default(), Layout::ZooKeeper);
    directory.store(record(5, 5, true)).unwrap();
    let identity = directory.files().content("ballotbox/identity").unwrap();
    let files = disk(&[
        ("version-2/acceptedEpoch", b"4"),
        ("version-2/currentEpoch", b"4"),
        ("ballotbox/identity", identity),
    ]);
    let rolled_back = open(files, Layout::ZooKeeper);
    let forgetful = Record { recorded: false, ..record(4, 4, true) };
    assert_eq!(rolled_back.record(), forgetful);
    assert_eq!(rolled_back.forgot(), Some(Forgot { recorded: Epoch(5), current: Epoch(4) }));
    let again = open(rolled_back.files().clone(), Layout::ZooKeeper);
    assert_eq!((again.record(), again.forgot()), (forgetful, None));
}

#[test]
fn a_wiped_directory_is_a_new_one_and_a_copied_one_is_not() {
    let mut directory = open(MemoryFiles::default(), Layout::Plain);
    directory.store(record(5, 5, true)).unwrap();
    let copy = open(directory.files().clone(), Layout::Plain);
    assert_eq!((copy.record(), copy.directory()), (record(5, 5, true), DirectoryId(7)));
    let new = Seed { directory: DirectoryId(8), record: record(2, 2, false) };
    let wiped = Directory::open(MemoryFiles::default(), Layout::Plain, me(), new).unwrap();
    assert_eq!((wiped.record(), wiped.directory()), (record(2, 2, false), DirectoryId(8)));
}

#[test]
fn every_directory_that_cannot_be_right_is_refused_and_left_alone() {
    let made = open(MemoryFiles::default(), Layout::Plain);
    let identity = made.files().content("identity").unwrap();
    let others = String::from_utf8(identity.to_vec()).unwrap().replace("member 3", "member 4");
    let cases: [(Disk<'_>, &str); 9] = [
        (
            &[("acceptedEpoch", b"3"), ("currentEpoch", b"4")],
            "acceptedEpoch holds 3, and currentEpoch beside it 4: expected at least 4, as a member follows nobody it has \
             not accepted. If nobody has edited these files, write 4 into it",
        ),
        (
            &[("currentEpoch", b"4")],
            "acceptedEpoch is missing, though currentEpoch is there: expected both; restore the file, or make way for a \
             new directory: the member then counts once the others have recorded it",
        ),
        (
            &[("acceptedEpoch", b"3"), ("identity", identity)],
            "currentEpoch is missing, though identity is there: expected both; restore the file, or make way for a new \
             directory: the member then counts once the others have recorded it",
        ),
        (
            &[("identity", identity)],
            "acceptedEpoch is missing, though identity is there: expected both; restore the file, or make way for a new \
             directory: the member then counts once the others have recorded it",
        ),
        (
            &[("acceptedEpoch", b""), ("currentEpoch", b"4")],
            "acceptedEpoch holds no epoch: its first line is empty: expected a whole number from 0 to 2147483646",
        ),
        (
            &[("acceptedEpoch", b"4"), ("currentEpoch", b"-1")],
            "currentEpoch holds no epoch: -1 is not from 0 to 2147483646",
        ),
        (
            &[("snapshot.100000000", b"")],
            "snapshot.100000000 is data of a ZooKeeper server: a voter of ballotbox has no history and must not take its \
             place; expected a directory without snapshots and logs, or the role of an observer",
        ),
        (
            &[("acceptedEpoch", b"2"), ("currentEpoch", b"2"), ("identity", &identity[..40])],
            "identity cannot be used: it is torn: the line \"directory\" is missing. If a copy is not at hand, make way \
             for a new directory: the member then counts once the others have recorded it",
        ),
        (
            &[("acceptedEpoch", &[b'1'; 5000])],
            "cannot read acceptedEpoch: it is larger than 4096 bytes: this is no file of ours; another directory can \
             be named with --data-dir, or as dataDir in its zoo.cfg",
        ),
    ];
    for (files, message) in cases {
        let error = refusal(disk(files), Layout::Plain);
        assert_eq!(error.to_string(), message);
        assert!(error.is_bad_input());
    }
    let changed = refusal(disk(&[("identity", others.as_bytes())]), Layout::Plain);
    assert!(matches!(changed, OpenError::Identity { error: TextError::Checksum { .. }, .. }));
    let files = disk(&[("version-2/log.1", b"")]);
    let error = refusal(files, Layout::ZooKeeper);
    assert!(matches!(error, OpenError::RealServersData { .. }));
}

#[test]
fn the_directory_of_another_member_is_refused_and_left_alone() {
    let four = ServerId::new(4).unwrap();
    let others =
        Directory::open(MemoryFiles::default(), Layout::Plain, four, seed(Record::default()));
    let error = refusal(others.unwrap().files().clone(), Layout::Plain);
    assert_eq!(
        error.to_string(),
        "identity belongs to member 4, and this is member 3: expected a directory for each member; name another one with \
         --data-dir, or as dataDir in its zoo.cfg"
    );
    assert!(error.is_bad_input());
}

#[test]
fn a_disk_that_cannot_be_written_is_no_fault_of_the_directory() {
    let mut files = MemoryFiles::default();
    files.set_read_only(true);
    let error = refusal(files, Layout::Plain);
    assert!(!error.is_bad_input());
    assert_eq!(
        error.to_string(),
        "cannot write acceptedEpoch.tmp: the file system is read-only: make it writable; another directory can be named \
         with --data-dir, or as dataDir in its zoo.cfg"
    );
}

#[test]
fn a_record_that_was_not_stored_binds_nobody() {
    let mut directory = open(MemoryFiles::default(), Layout::Plain);
    directory.files_mut().fail_after(8, FileCause::PermissionDenied);
    directory.store(record(5, 5, true)).unwrap_err();
    // Half of it is there by now.
    assert_eq!(directory.files().content("acceptedEpoch"), Some(&b"5"[..]));
    directory.store(record(4, 4, true)).unwrap();
    directory.files_mut().crash();
    assert_eq!(open(directory.files().clone(), Layout::Plain).record(), record(4, 4, true));
}

#[test]
fn a_disk_that_lies_forgets_words_and_the_tests_would_see_it() {
    let mut directory = open(MemoryFiles::default(), Layout::Plain);
    directory.files_mut().set_lying();
    directory.store(record(5, 5, true)).unwrap();
    let mut outcomes = Vec::new();
    for kept in 0..=6 {
        let mut files = directory.files().clone();
        files.crash_keeping(kept);
        let seed = seed(record(2, 2, false));
        outcomes
            .push(Directory::open(files, Layout::Plain, me(), seed).map(|found| found.record()));
    }
    assert_eq!(outcomes[0], Ok(record(2, 2, false)), "no name came to the disk");
    let is_empty = |outcome: &Result<Record, OpenError>| {
        matches!(outcome, Err(OpenError::Epoch { error: EpochTextError::Empty, .. }))
    };
    assert!(is_empty(&outcomes[4]), "the names did, and the content did not: {outcomes:?}");
}
