use async_std::task::block_on;
use ballotbox_actors::kit::{Exit, mailbox, spawn};
use ballotbox_core::{
    ServerId, UntrustedText,
    election::Epoch,
    leadership::{DirectoryId, EnsembleId},
};

use super::*;
use crate::{
    files::{FileCall, FileCause, MemoryFiles},
    node::store::{Layout, Seed, open::open_in_memory},
};

/// Files on which each call that changes something waits until the test lets it go, or fail.
#[derive(Debug)]
struct Stepped {
    files: MemoryFiles,
    waits: bool,
    /// The same for looks at who owns the directory.
    waits_for_checks: bool,
    begun: flume::Sender<FileCall>,
    go: flume::Receiver<Option<FileCause>>,
}

impl Stepped {
    fn step(&mut self, call: FileCall) {
        if self.waits && self.begun.send(call).is_ok() {
            // A test that has ended lets all go.
            if let Ok(Some(cause)) = self.go.recv() {
                self.files.fail_after(0, cause);
            }
        }
    }
}

impl Files for Stepped {
    fn shown(&self, name: &str) -> UntrustedText {
        self.files.shown(name)
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        self.files.read(name)
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), FileError> {
        self.step(FileCall::Write);
        self.files.write(name, content)
    }

    fn sync(&mut self, name: &str) -> Result<(), FileError> {
        self.step(FileCall::Sync);
        self.files.sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        self.step(FileCall::Rename);
        self.files.rename(from, to)
    }

    fn sync_folder(&mut self, folder: &str) -> Result<(), FileError> {
        self.step(FileCall::Sync);
        self.files.sync_folder(folder)
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, FileError> {
        self.files.list(folder)
    }

    fn confirm_owned(&mut self) -> Result<(), FileError> {
        if self.waits_for_checks
            && self.begun.send(FileCall::Hold).is_ok()
            && let Ok(Some(cause)) = self.go.recv()
        {
            return Err(FileError { call: FileCall::Hold, path: self.shown("lock"), cause });
        }
        Ok(())
    }
}

/// The calls of one store that changes all three files, in a plain directory.
const CALLS: [FileCall; 10] = [
    FileCall::Write,
    FileCall::Write,
    FileCall::Write,
    FileCall::Sync,
    FileCall::Sync,
    FileCall::Sync,
    FileCall::Rename,
    FileCall::Rename,
    FileCall::Rename,
    FileCall::Sync,
];

fn me() -> ServerId {
    ServerId::new(3).unwrap()
}

fn seed() -> Seed {
    Seed { directory: DirectoryId(7), record: Record::default() }
}

fn record(epoch: i64) -> Record {
    Record {
        accepted: Epoch(epoch),
        current: Epoch(epoch),
        recorded: true,
        ensemble: Some(EnsembleId(u64::try_from(epoch).unwrap())),
        confirmed: true,
        longest_promise: Duration::ZERO,
    }
}

struct Fixture {
    store: Address<StoreMsg>,
    reports: Mailbox<StoreReport>,
    end: Mailbox<Exit<(), StoreError>>,
    begun: flume::Receiver<FileCall>,
    go: flume::Sender<Option<FileCause>>,
}

impl Fixture {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// With a look at who owns the directory every millisecond, and each waits.
    fn checking() -> Self {
        Self::start_with(|store| {
            store.directory.files_mut().waits_for_checks = true;
            store.check_every = Duration::from_millis(1);
        })
    }

    fn start_with(change: impl FnOnce(&mut EpochStore<Stepped, StoreReport>)) -> Self {
        let (begun, calls) = flume::unbounded();
        let (go, steps) = flume::unbounded();
        let files = MemoryFiles::default();
        let files = Stepped { files, waits: false, waits_for_checks: false, begun, go: steps };
        let mut directory = EpochDirectory::open(files, Layout::Plain, me(), seed()).unwrap();
        directory.files_mut().waits = true;
        let (user, reports) = mailbox();
        let (store, orders) = mailbox();
        let (parent, end) = mailbox();
        let mut actor = EpochStore::new(directory, user);
        change(&mut actor);
        spawn(actor, orders, parent, |exit| exit);
        Self { store, reports, end, begun: calls, go }
    }

    fn store(&self, ticket: u64, epoch: i64) {
        let order = StoreMsg::Store { ticket: Ticket(ticket), record: record(epoch) };
        self.store.tell(order).unwrap();
    }

    /// Waits until the disk is asked for this.
    async fn until_asked(&self, call: FileCall) {
        assert_eq!(self.begun.recv_async().await, Ok(call));
    }

    fn let_go(&self) {
        self.go.send(None).unwrap();
    }

    async fn let_all_go(&self) {
        for call in CALLS {
            self.until_asked(call).await;
            self.let_go();
        }
    }

    async fn stored(&mut self) -> Ticket {
        match self.reports.next().await.unwrap() {
            StoreReport::Stored { ticket, .. } => ticket,
            StoreReport::Failed { error, .. } => panic!("{error}"),
        }
    }
}

#[test]
fn nothing_is_said_before_the_last_sync_has_ended() {
    block_on(async {
        let mut fixture = Fixture::start();
        fixture.store(1, 5);
        for call in CALLS {
            fixture.until_asked(call).await;
            assert!(fixture.reports.is_empty(), "said before {call}");
            fixture.let_go();
        }
        assert_eq!(fixture.stored().await, Ticket(1));
    });
}

#[test]
fn a_failed_sync_ends_the_store_without_a_word() {
    for failing in [3, 4, 5, 9] {
        block_on(async {
            let mut fixture = Fixture::start();
            fixture.store(1, 5);
            fixture.store(2, 6);
            for call in &CALLS[..failing] {
                fixture.until_asked(*call).await;
                fixture.let_go();
            }
            fixture.until_asked(FileCall::Sync).await;
            fixture.go.send(Some(FileCause::Other("Input/output error".into()))).unwrap();
            let Some(Exit::Failed(error)) = fixture.end.next().await else { panic!("it goes on") };
            assert!(
                error.to_string().contains(
                    "Input/output error: what was written may be lost, and so this process relies on it no more"
                ),
                "{error}"
            );
            assert_eq!(fixture.reports.next().await, None);
        });
    }
}

#[test]
fn a_full_disk_is_reported_and_the_next_attempt_may_succeed() {
    block_on(async {
        let mut fixture = Fixture::start();
        for ticket in [1, 2] {
            fixture.store(ticket, 5);
            fixture.until_asked(FileCall::Write).await;
            fixture.go.send(Some(FileCause::NoSpace)).unwrap();
            let Some(StoreReport::Failed { ticket: failed, error }) = fixture.reports.next().await
            else {
                panic!("there was no space");
            };
            assert_eq!((failed, error.cause), (Ticket(ticket), FileCause::NoSpace));
        }
        fixture.store(3, 5);
        fixture.let_all_go().await;
        assert_eq!(fixture.stored().await, Ticket(3));
    });
}

#[test]
fn of_those_that_wait_only_the_newest_is_stored() {
    block_on(async {
        let mut fixture = Fixture::start();
        fixture.store(1, 5);
        fixture.until_asked(FileCall::Write).await;
        fixture.store(2, 6);
        fixture.store(3, 7);
        fixture.let_go();
        for call in &CALLS[1..] {
            fixture.until_asked(*call).await;
            fixture.let_go();
        }
        fixture.let_all_go().await;
        assert_eq!(fixture.stored().await, Ticket(1));
        assert_eq!(fixture.stored().await, Ticket(3));
        drop(fixture.store);
        assert_eq!(fixture.end.next().await, Some(Exit::Done(())));
        assert_eq!(fixture.reports.next().await, None);
    });
}

#[test]
fn an_end_waits_for_the_disk_but_not_for_one_that_hangs() {
    block_on(async {
        let mut fixture = Fixture::start();
        fixture.store(1, 5);
        fixture.until_asked(FileCall::Write).await;
        fixture.store.tell(StoreMsg::Stop).unwrap();
        fixture.let_go();
        for call in &CALLS[1..] {
            fixture.until_asked(*call).await;
            fixture.let_go();
        }
        assert_eq!(fixture.end.next().await, Some(Exit::Done(())));

        let mut fixture = Fixture::start();
        fixture.store(1, 5);
        fixture.until_asked(FileCall::Write).await;
        fixture.store.tell(StoreMsg::Stop).unwrap();
        assert_eq!(fixture.end.next().await, Some(Exit::Done(())));
    });
}

#[test]
fn what_is_a_bug_is_refused_and_ends_the_store() {
    block_on(async {
        let (directory, opened) = open_in_memory(MemoryFiles::default(), me(), seed()).unwrap();
        assert_eq!((opened.record, opened.directory), (Record::default(), DirectoryId(7)));
        let (user, mut reports) = mailbox();
        let (store, orders) = mailbox();
        let (parent, mut end) = mailbox();
        spawn(EpochStore::new(directory, user), orders, parent, |exit| exit);
        let tell = |ticket, record| {
            store.tell(StoreMsg::Store { ticket: Ticket(ticket), record }).unwrap();
        };
        tell(1, record(5));
        let report: Option<StoreReport> = reports.next().await;
        assert!(
            matches!(report, Some(StoreReport::Stored { ticket: Ticket(1), .. })),
            "{report:?}"
        );
        tell(2, Record { accepted: Epoch(6), current: Epoch(7), ..record(5) });
        let Some(Exit::Failed(error)) = end.next().await else { panic!("it was stored") };
        let text = "cannot store accepted 6, current 7: this is a bug, please report it";
        assert_eq!(error.to_string(), text);
        assert_eq!(reports.next().await, None);
    });
}

#[test]
fn a_store_with_nothing_to_do_notices_that_the_directory_was_taken_away() {
    block_on(async {
        let mut fixture = Fixture::checking();
        for cause in [None, Some(FileCause::PermissionDenied), None] {
            fixture.until_asked(FileCall::Hold).await;
            fixture.go.send(cause).unwrap();
        }
        fixture.until_asked(FileCall::Hold).await;
        fixture.go.send(Some(FileCause::NotOwned("it was removed".into()))).unwrap();
        let Some(Exit::Failed(error)) = fixture.end.next().await else { panic!("it goes on") };
        assert_eq!(
            error.to_string(),
            "cannot hold lock: it was removed: another process may use the directory by now"
        );
        assert_eq!(fixture.reports.next().await, None);
    });
}

#[test]
fn what_is_to_be_stored_during_a_look_is_stored_after_it() {
    block_on(async {
        let mut fixture = Fixture::checking();
        fixture.until_asked(FileCall::Hold).await;
        fixture.store(1, 5);
        fixture.let_go();
        // A store looks twice itself.
        fixture.until_asked(FileCall::Hold).await;
        fixture.let_go();
        for call in &CALLS[..6] {
            fixture.until_asked(*call).await;
            fixture.let_go();
        }
        fixture.until_asked(FileCall::Hold).await;
        fixture.let_go();
        for call in &CALLS[6..] {
            fixture.until_asked(*call).await;
            fixture.let_go();
        }
        assert_eq!(fixture.stored().await, Ticket(1));
    });
}
