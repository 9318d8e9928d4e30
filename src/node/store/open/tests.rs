use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    os::unix::fs::symlink,
    path::Path,
};

use async_std::task::block_on;
use ballotbox_core::{election::Epoch, leadership::EnsembleId};

use super::*;
use crate::{files::FileCause, node::store::StoreError, scratch::Scratch};

struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// All files in there.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.0.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

type Found = Result<(EpochDirectory<RealFiles>, Opened), OpenError>;

fn me() -> ServerId {
    ServerId::new(3).unwrap()
}

fn record(accepted: i64, current: i64, recorded: bool) -> Record {
    let ensemble = recorded.then_some(EnsembleId(9));
    let (accepted, current) = (Epoch(accepted), Epoch(current));
    let longest_promise = Duration::ZERO;
    Record { accepted, current, recorded, ensemble, confirmed: recorded, longest_promise }
}

fn open_as(me: ServerId, directory: &Path, layout: Layout) -> Found {
    let place = Place { directory: directory.to_owned(), layout };
    let seed = Seed { directory: DirectoryId(7), record: record(2, 2, false) };
    block_on(open(place, me, seed)).map(|(directory, _, opened)| (directory, opened))
}

fn open_plain(directory: &Path) -> Found {
    open_as(me(), directory, Layout::Plain)
}

fn refusal(directory: &Path) -> OpenError {
    open_plain(directory).unwrap_err()
}

#[test]
fn a_directory_is_made_and_found_again() {
    let scratch = Folder::new();
    let path = scratch.path("data/of/3");
    let (mut directory, opened) = open_plain(&path).unwrap();
    assert_eq!((opened.record, opened.directory), (record(2, 2, false), DirectoryId(7)));
    assert_eq!(opened.incarnation, Incarnation(1));
    assert_eq!(opened.path, UntrustedText::path(&path));
    directory.store(record(5, 4, true)).unwrap();
    drop(directory);

    assert_eq!(fs::read(path.join("acceptedEpoch")).unwrap(), b"5");
    assert_eq!(fs::read(path.join("currentEpoch")).unwrap(), b"4");
    let files: Vec<_> = scratch.files().into_keys().collect();
    let expected = ["acceptedEpoch", "currentEpoch", "identity", "lock", "promise", "work.lock"];
    let expected = expected.map(|file| path.join(file));
    assert_eq!(files, expected);
    let (_, opened) = open_plain(&path).unwrap();
    assert_eq!((opened.record, opened.incarnation), (record(5, 4, true), Incarnation(2)));
}

#[test]
fn beside_a_zoo_cfg_the_epochs_are_where_a_real_server_has_them() {
    let scratch = Folder::new();
    fs::create_dir(scratch.path("version-2")).unwrap();
    fs::write(scratch.path("version-2/acceptedEpoch"), "8\n").unwrap();
    fs::write(scratch.path("version-2/currentEpoch"), "8\n").unwrap();
    let (directory, opened) = open_as(me(), &scratch.0, Layout::ZooKeeper).unwrap();
    assert_eq!(opened.record, record(8, 8, false));
    drop(directory);
    let files: Vec<_> = scratch.files().into_keys().collect();
    let expected = [
        "ballotbox/identity",
        "ballotbox/lock",
        "ballotbox/promise",
        "ballotbox/work.lock",
        "version-2/acceptedEpoch",
        "version-2/currentEpoch",
    ];
    assert_eq!(files, expected.map(|file| scratch.path(file)));
}

#[test]
fn the_directory_of_another_member_is_refused_and_left_as_it_was() {
    let scratch = Folder::new();
    drop(open_plain(&scratch.0).unwrap());
    let before = scratch.files();
    let error = open_as(ServerId::new(4).unwrap(), &scratch.0, Layout::Plain).unwrap_err();
    let path = scratch.path("identity");
    assert_eq!(
        error.to_string(),
        format!(
            "{} belongs to member 3, and this is member 4: expected a directory for each member; name another one with \
             --data-dir, or as dataDir in its zoo.cfg",
            path.display()
        )
    );
    assert_eq!(scratch.files(), before);
}

#[test]
fn a_second_process_is_refused_and_told_which_one_is_there() {
    let scratch = Folder::new();
    let first = open_plain(&scratch.0).unwrap();
    let error = refusal(&scratch.0);
    assert!(!error.is_bad_input());
    let pid = std::process::id();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is in use by process {pid} (if it runs in a container, that is its number there): expected a directory for \
             each node; stop that process, or name another directory with --data-dir, or as dataDir \
             in its zoo.cfg",
            scratch.0.display()
        )
    );
    drop(first);
    assert_eq!(open_plain(&scratch.0).unwrap().1.incarnation, Incarnation(2));
}

#[test]
fn a_program_that_we_start_does_not_hold_the_lock() {
    let scratch = Folder::new();
    let first = open_plain(&scratch.0).unwrap();
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // It may be about to close what it does not inherit; when it answers, it has.
    child.stdin.as_mut().unwrap().write_all(b"?").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    drop(first);
    assert!(open_plain(&scratch.0).is_ok());
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn a_lock_that_was_removed_or_replaced_ends_all_storing() {
    for is_replaced in [false, true] {
        let scratch = Folder::new();
        let (mut directory, _) = open_plain(&scratch.0).unwrap();
        directory.store(record(3, 3, true)).unwrap();
        fs::remove_file(scratch.path("lock")).unwrap();
        let second = is_replaced.then(|| open_plain(&scratch.0).unwrap());
        let before = scratch.files();
        let StoreError::File(error) = directory.store(record(4, 4, true)).unwrap_err() else {
            panic!("this is no bug");
        };
        assert!(matches!(error.cause, FileCause::NotOwned(_)) && !error.may_pass());
        let what = if is_replaced { "another file has taken its place" } else { "it was removed" };
        assert_eq!(
            error.to_string(),
            format!(
                "cannot hold {}: {what}: another process may use the directory by now",
                scratch.path("lock").display()
            )
        );
        assert_eq!(scratch.files(), before);
        drop(second);
    }
}

#[test]
fn what_is_no_plain_file_is_refused() {
    for name in ["acceptedEpoch", "currentEpoch", "identity", "lock", "acceptedEpoch.tmp"] {
        let scratch = Folder::new();
        fs::write(scratch.path("elsewhere"), "1").unwrap();
        let directory = scratch.path("data");
        fs::create_dir(&directory).unwrap();
        symlink(scratch.path("elsewhere"), directory.join(name)).unwrap();
        let error = refusal(&directory);
        assert!(error.is_bad_input(), "{name}: {error}");
        let expected = "it is a symbolic link: expected a plain file, as what it leads to may have another life";
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert_eq!(fs::read(scratch.path("elsewhere")).unwrap(), b"1");

        fs::remove_file(directory.join(name)).unwrap();
        fs::create_dir(directory.join(name)).unwrap();
        assert!(!refusal(&directory).is_bad_input(), "{name}");
    }
}

#[test]
fn a_link_to_the_directory_is_followed_and_one_within_is_not() {
    let scratch = Folder::new();
    let (real, link) = (scratch.path("real"), scratch.path("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    drop(open_plain(&link).unwrap());
    assert!(real.join("identity").exists());

    let data_dir = scratch.path("data");
    fs::create_dir(&data_dir).unwrap();
    symlink(&real, data_dir.join("ballotbox")).unwrap();
    let error = open_as(me(), &data_dir, Layout::ZooKeeper).unwrap_err();
    assert!(error.to_string().contains("it is a symbolic link"), "{error}");
}

#[test]
fn what_cannot_be_a_directory_is_told_with_its_path() {
    let scratch = Folder::new();
    fs::write(scratch.path("file"), "").unwrap();
    for path in [scratch.path("file"), scratch.path("file/below")] {
        let error = refusal(&path);
        assert!(!error.is_bad_input());
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.to_string().contains("no directory to put it in"), "{error}");
    }
}

#[test]
fn a_copy_goes_on_as_the_original_and_an_old_one_is_noticed() {
    let scratch = Folder::new();
    let (original, copy) = (scratch.path("original"), scratch.path("copy"));
    let (mut directory, _) = open_plain(&original).unwrap();
    directory.store(record(5, 5, true)).unwrap();
    fs::create_dir(&copy).unwrap();
    for name in ["acceptedEpoch", "currentEpoch", "identity", "lock"] {
        fs::copy(original.join(name), copy.join(name)).unwrap();
    }
    let (_, copied) = open_plain(&copy).unwrap();
    assert_eq!((copied.record, copied.directory), (record(5, 5, true), DirectoryId(7)));

    fs::write(copy.join("currentEpoch"), "4").unwrap();
    let (_, opened) = open_plain(&copy).unwrap();
    assert!(!opened.record.recorded);
    let remark = opened.remarks.first().unwrap().to_string();
    let expected = "was recorded with epoch 5, and its currentEpoch is 4: an old copy was put back, or the file edited";
    assert!(remark.contains(expected), "{remark}");
}

#[test]
fn a_directory_in_memory_is_remarked_on() {
    let shared_memory = Path::new("/dev/shm");
    if !shared_memory.is_dir() {
        println!("left out: there is no /dev/shm");
        return;
    }
    let path = shared_memory.join(format!("ballotbox-store-{}", std::process::id()));
    let opened = open_plain(&path);
    fs::remove_dir_all(&path).unwrap();
    let (_, opened) = opened.unwrap();
    let remarks: Vec<_> = opened.remarks.iter().map(ToString::to_string).collect();
    assert_eq!(
        remarks,
        [format!(
            "{} is on tmpfs, in memory: a restart of the machine takes it, and the member then counts only once the others \
             have recorded it; expected a disk",
            path.display()
        )]
    );
}
