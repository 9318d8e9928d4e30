use std::{
    fs,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    time::Duration,
};

use ballotbox_actors::kit::clock;
use ballotbox_core::leadership::lease::Clocks;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::scratch::Scratch;

/// Far beyond what a write takes; only a hang gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A disk that takes each write when it is told to, and says what is written.
struct SlowDisk {
    taken: Receiver<Shown>,
    goes_on: Sender<io::Result<()>>,
}

impl SlowDisk {
    fn new() -> (Self, LeaseWriter) {
        let (begun, taken) = channel();
        let (goes_on, may_go_on) = channel();
        let writer = LeaseWriter::writing(move |shown| {
            begun.send(shown).unwrap();
            may_go_on.recv_timeout(PATIENCE).unwrap_or_else(|error| Err(io::Error::other(error)))
        });
        (Self { taken, goes_on }, writer.unwrap())
    }

    /// What is being written now.
    fn writes(&self) -> Shown {
        self.taken.recv_timeout(PATIENCE).expect("nothing is written")
    }

    /// The write is done, and the guard has heard of it. Returns what that has heard.
    fn ends(&self, how: io::Result<()>, writer: &mut LeaseWriter) -> bool {
        self.goes_on.send(how).unwrap();
        hear(writer)
    }
}

/// Waits until there is something to hear.
fn hear(writer: &mut LeaseWriter) -> bool {
    let left = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    let mut ready = [PollFd::new(writer, PollFlags::IN)];
    assert_eq!(poll(&mut ready, Some(&left)), Ok(1), "nothing is heard");
    writer.hear()
}

fn led(epoch: i64) -> (Epoch, Reading) {
    let shown = Duration::from_secs(epoch.unsigned_abs());
    (Epoch(epoch), Reading { boot: shown, raw: shown })
}

#[test]
fn while_a_disk_is_slow_nobody_waits_for_it_and_of_what_came_meanwhile_the_newest_is_written() {
    let (disk, mut writer) = SlowDisk::new();
    for epoch in 1..=100 {
        writer.show(Some(led(epoch)));
    }
    assert!(!writer.hear(), "nothing is written yet");
    assert_eq!(disk.writes(), Some(led(1)));
    assert!(!disk.ends(Ok(()), &mut writer));
    assert_eq!(disk.writes(), Some(led(100)));
    assert!(!disk.ends(Ok(()), &mut writer));
    drop(writer);
    assert_eq!(disk.taken.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn the_file_is_hidden_when_it_has_been_emptied_and_nothing_newer_is_to_be_shown() {
    let (disk, mut writer) = SlowDisk::new();
    writer.show(Some(led(1)));
    writer.show(None);
    assert_eq!(disk.writes(), Some(led(1)));
    assert!(!disk.ends(Ok(()), &mut writer), "a lease is shown");
    assert_eq!(disk.writes(), None);
    writer.show(Some(led(2)));
    assert!(!disk.ends(Ok(()), &mut writer), "another one is to be shown");
    assert_eq!(disk.writes(), Some(led(2)));
    writer.show(None);
    assert!(!disk.ends(Ok(()), &mut writer), "it is shown");
    assert_eq!(disk.writes(), None);
    assert!(!disk.ends(Err(io::ErrorKind::StorageFull.into()), &mut writer), "it is shown still");
    writer.show(None);
    assert_eq!(disk.writes(), None);
    assert!(disk.ends(Ok(()), &mut writer));
}

#[test]
fn what_is_shown_stands_in_the_file_and_in_the_end_nothing_does() {
    let folder = Scratch::new();
    let path = folder.join("lease");
    let mut writer = LeaseWriter::start(LeaseFile::create(&path).unwrap()).unwrap();
    let until = clock::reading().plus(PATIENCE);
    writer.show(Some((Epoch(7), until)));
    assert!(!hear(&mut writer));
    let held = LeaseFile::read(&path).unwrap();
    assert_eq!((held.epoch, held.until), (Epoch(7), until));
    writer.show(None);
    assert!(hear(&mut writer));
    assert_eq!(fs::read(&path).unwrap(), b"");
}
