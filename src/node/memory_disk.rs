//! [`MemoryDisk`]: where a member keeps its epochs in plays and tests.
//!
//! It is an actor that outlives the node: a member that is started again finds what it has stored, as on a disk. It can be full
//! for a while, lose everything, or fail to sync.

use std::convert::Infallible;

use ballotbox_actors::kit::{Actor, Address, Exit, Mailbox, mailbox, spawn};
use ballotbox_core::{
    UntrustedText,
    leadership::{DirectoryId, Incarnation, Record},
};

use super::store::{FileCall, FileCause, FileError, StoreError, StoreMsg, StoreReport};

/// A disk in memory. It is gone when nobody has it any more: neither a clone of this, nor a node.
#[derive(Clone, Debug)]
pub struct MemoryDisk(Address<DiskMsg>);

/// What a disk holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::node) struct Contents {
    pub(in crate::node) directory: DirectoryId,
    pub(in crate::node) incarnation: Incarnation,
    pub(in crate::node) record: Record,
}

#[derive(Debug)]
enum DiskMsg {
    Open { reply: Address<Contents> },
    Write { record: Record, reply: Address<Result<(), FileError>> },
    Fill(bool),
    FailSyncAfter(u32),
    Wipe,
}

impl MemoryDisk {
    /// A disk that holds this, in the directory of this number.
    pub fn new(directory: DirectoryId, record: Record) -> Self {
        let (address, orders) = mailbox();
        let contents = Contents { directory, incarnation: Incarnation(0), record };
        let (parent, _) = mailbox();
        let disk = Disk { contents, is_full: false, stores_until_failure: None };
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
    pub(in crate::node) async fn open(&self) -> Option<Contents> {
        let (reply, mut answer) = mailbox();
        self.0.ask(DiskMsg::Open { reply }).ok()?;
        answer.next().await
    }
}

/// The actor that holds what is stored.
#[derive(Debug)]
struct Disk {
    contents: Contents,
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
                DiskMsg::Open { reply } => {
                    self.contents.incarnation.0 += 1;
                    let _ = reply.tell(self.contents);
                }
                DiskMsg::Write { record, reply } => {
                    let _ = reply.tell(self.write(record));
                }
                DiskMsg::Fill(is_full) => self.is_full = is_full,
                DiskMsg::FailSyncAfter(records) => self.stores_until_failure = Some(records),
                DiskMsg::Wipe => {
                    let directory = DirectoryId(self.contents.directory.0.wrapping_add(1));
                    let record = Record::default();
                    self.contents = Contents { directory, incarnation: Incarnation(0), record };
                }
            }
        }
        Ok(())
    }
}

impl Disk {
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
        self.contents.record = record;
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
            let (reply, mut answer) = mailbox();
            if self.disk.0.ask(DiskMsg::Write { record, reply }).is_err() {
                return Ok(());
            }
            let report = match answer.next().await {
                Some(Ok(())) => StoreReport::Stored { ticket },
                Some(Err(error)) if error.may_pass() => StoreReport::Failed { ticket, error },
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            };
            let _ = self.user.tell(report.into());
        }
        Ok(())
    }
}
