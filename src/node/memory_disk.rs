//! [`MemoryDisk`]: where a member keeps its epochs in plays and tests.
//!
//! It is an actor that outlives the node: a member that is started again finds what it has stored, as on a disk. It can be full
//! for a while, lose everything, or fail to sync.

use std::{convert::Infallible, sync::Arc};

use ballotbox_actors::kit::{Actor, Address, Exit, Mailbox, Wake, clock, mailbox, spawn};
use ballotbox_core::{
    ServerId, UntrustedText,
    leadership::{DirectoryId, Incarnation, Promise, Reading, Record},
};

use super::store::{
    Bound, PromiseMsg, PromiseReport, StoreError, StoreMsg, StoreReport, WORK_CHECK, WorkHold,
};
use crate::files::{FileCall, FileCause, FileError};

/// A disk in memory. It is gone when nobody has it any more: neither a clone of this, nor a node.
#[derive(Clone, Debug)]
pub struct MemoryDisk(Address<DiskMsg>);

/// What a member finds when it starts.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Contents {
    pub(in crate::node) directory: DirectoryId,
    pub(in crate::node) incarnation: Incarnation,
    pub(in crate::node) record: Record,
    pub(in crate::node) bound: Bound,
}

#[derive(Debug)]
enum DiskMsg {
    Open { me: ServerId, reply: Address<Contents> },
    Keep { promise: Promise<Reading>, reply: Address<()> },
    HoldWork { reply: Address<Option<WorkHold>> },
    Write { record: Record, reply: Address<Result<(), FileError>> },
    Fill(bool),
    FailSyncAfter(u32),
    Wipe,
}

impl MemoryDisk {
    /// A disk that holds this, in the directory of this number.
    pub fn new(directory: DirectoryId, record: Record) -> Self {
        let (address, orders) = mailbox();
        let (parent, _) = mailbox();
        let disk = Disk {
            directory,
            incarnation: Incarnation(0),
            record,
            promise: None,
            work: Arc::default(),
            is_full: false,
            stores_until_failure: None,
        };
        spawn(disk, orders, parent, |_: Exit<(), Infallible>| ());
        Self(address)
    }

    /// From now on nothing more can be stored, or it can again.
    pub fn fill(&self, is_full: bool) {
        let _ = self.0.tell(DiskMsg::Fill(is_full));
    }

    /// This many more records will be stored, and the sync of the next one fails: it is lost, and so the node ends.
    pub fn fail_sync_after(&self, records: u32) {
        let _ = self.0.tell(DiskMsg::FailSyncAfter(records));
    }

    /// Everything on it is lost: a member that is started on it later is an amnesiac.
    pub fn wipe(&self) {
        let _ = self.0.tell(DiskMsg::Wipe);
    }

    /// What is on it, for a member that is started on it.
    pub(in crate::node) async fn open(&self, me: ServerId) -> Option<Contents> {
        let (reply, mut answer) = mailbox();
        self.0.ask(DiskMsg::Open { me, reply }).ok()?;
        answer.next().await
    }
}

/// The actor that holds what is stored.
#[derive(Debug)]
struct Disk {
    directory: DirectoryId,
    incarnation: Incarnation,
    record: Record,
    promise: Option<Promise<Reading>>,
    /// Who has a clone of it may still work.
    work: Arc<()>,
    is_full: bool,
    /// This many more records are stored before a sync fails, if one is to.
    stores_until_failure: Option<u32>,
}

impl Actor for Disk {
    type Msg = DiskMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<DiskMsg>) -> Result<(), Infallible> {
        while let Some(message) = mailbox.next().await {
            match message {
                DiskMsg::Open { me, reply } => {
                    self.incarnation.0 += 1;
                    let _ = reply.tell(self.contents(me));
                }
                // It takes the place of the one before: there is room for it on a full disk.
                DiskMsg::Keep { promise, reply } => {
                    self.promise = Some(promise);
                    let _ = reply.tell(());
                }
                DiskMsg::HoldWork { reply } => {
                    let _ = reply.tell(self.hold_work());
                }
                DiskMsg::Write { record, reply } => {
                    let _ = reply.tell(self.write(record));
                }
                DiskMsg::Fill(is_full) => self.is_full = is_full,
                DiskMsg::FailSyncAfter(records) => self.stores_until_failure = Some(records),
                DiskMsg::Wipe => {
                    self.directory.0 = self.directory.0.wrapping_add(1);
                    (self.incarnation, self.record) = (Incarnation(0), Record::default());
                    self.promise = None;
                }
            }
        }
        Ok(())
    }
}

impl Disk {
    fn contents(&self, me: ServerId) -> Contents {
        let (directory, record, now) = (self.directory, self.record, clock::reading());
        // Its machine is this process, which has not started anew.
        let work = self.hold_work();
        let bound = match self.promise {
            Some(promise) => Bound::of(me, directory, record, Some(promise), work, now),
            None => Bound { work, ..Bound::default() },
        };
        Contents { directory, incarnation: self.incarnation, record, bound }
    }

    fn hold_work(&self) -> Option<WorkHold> {
        let is_free = Arc::strong_count(&self.work) == 1;
        is_free.then(|| WorkHold::InMemory(Arc::clone(&self.work)))
    }

    fn write(&mut self, record: Record) -> Result<(), FileError> {
        let path = UntrustedText::from("memory");
        if self.is_full {
            return Err(FileError { call: FileCall::Write, path, cause: FileCause::NoSpace });
        }
        self.stores_until_failure = match self.stores_until_failure {
            Some(0) => {
                self.stores_until_failure = None;
                let cause = FileCause::NotSynced("it was told to fail".into());
                return Err(FileError { call: FileCall::Sync, path, cause });
            }
            Some(stores) => Some(stores - 1),
            None => None,
        };
        self.record = record;
        Ok(())
    }
}

/// Stores the records of one node on such a disk.
#[derive(Debug)]
pub(in crate::node) struct MemoryStore<U> {
    pub(in crate::node) disk: MemoryDisk,
    pub(in crate::node) user: Address<U>,
}

impl<U: From<StoreReport> + Send + 'static> Actor for MemoryStore<U> {
    type Msg = StoreMsg;
    type Output = ();
    type Error = StoreError;

    async fn run(self, mut orders: Mailbox<StoreMsg>) -> Result<(), StoreError> {
        while let Some(StoreMsg::Store { ticket, record }) = orders.next().await {
            let (began, (reply, mut answer)) = (clock::now(), mailbox());
            if self.disk.0.ask(DiskMsg::Write { record, reply }).is_err() {
                return Ok(());
            }
            let report = match answer.next().await {
                Some(Ok(())) => StoreReport::Stored { ticket, took: clock::now() - began },
                Some(Err(error)) if error.may_pass() => StoreReport::Failed { ticket, error },
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            };
            let _ = self.user.tell(report.into());
        }
        Ok(())
    }
}

/// Keeps the promises of one node on such a disk.
#[derive(Debug)]
pub(in crate::node) struct MemoryPromises<U> {
    pub(in crate::node) disk: MemoryDisk,
    /// Work of an earlier node goes on.
    pub(in crate::node) waits_for_work: bool,
    pub(in crate::node) user: Address<U>,
}

impl<U: From<PromiseReport> + Send + 'static> Actor for MemoryPromises<U> {
    type Msg = PromiseMsg;
    type Output = ();
    type Error = StoreError;

    async fn run(mut self, mut orders: Mailbox<PromiseMsg>) -> Result<(), StoreError> {
        loop {
            let look_at = self.waits_for_work.then(|| clock::now() + WORK_CHECK);
            match orders.next_until(look_at).await {
                Wake::Told(PromiseMsg::Keep { ticket, promise }) => {
                    let (reply, mut answer) = mailbox();
                    let asked = self.disk.0.ask(DiskMsg::Keep { promise, reply });
                    if asked.is_err() || answer.next().await.is_none() {
                        return Ok(());
                    }
                    let _ = self.user.tell(PromiseReport::Kept { ticket }.into());
                }
                Wake::Told(PromiseMsg::Stop) | Wake::Closed => return Ok(()),
                Wake::Due => {
                    let (reply, mut answer) = mailbox();
                    let asked = self.disk.0.ask(DiskMsg::HoldWork { reply });
                    let hold = if asked.is_ok() { answer.next().await } else { None };
                    if let Some(Some(hold)) = hold {
                        self.waits_for_work = false;
                        let _ = self.user.tell(PromiseReport::WorkHasEnded(hold).into());
                    }
                }
            }
        }
    }
}
