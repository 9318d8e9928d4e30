//! [`LeadershipConfig`]: what a node needs to know to lead and to follow.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::PathBuf,
    sync::Arc,
};

use ballotbox_actors::kit::{Address, Exit, mailbox, off_thread, spawn};
use ballotbox_core::{
    UntrustedText,
    leadership::{DirectoryId, EnsembleId, Identity, LeadershipTiming, LeaseTerms, Record},
};

use super::NodeConfig;
use crate::{
    Epoch,
    files::RealFiles,
    node::{
        control_socket::ControlSocket,
        memory_disk::{Contents, MemoryDisk, MemoryPromises, MemoryStore},
        store::{
            self, EpochDirectory, EpochStore, Layout, OpenError, Opened, Place, PromiseFile,
            PromiseKeeper, PromiseMsg, PromiseReport, Seed, StoreError, StoreMsg, StoreRemark,
            StoreReport,
        },
    },
};

/// How a node leads and follows.
#[derive(Clone, Debug)]
pub struct LeadershipConfig {
    /// Where its epochs are kept.
    pub keep: Keep,
    /// The waits.
    pub timing: LeadershipTiming,
    /// The directory has no past, says its operator: a quorum of such members begins a new ensemble without the others.
    pub new_ensemble: bool,
    /// The epoch above which a new ensemble begins; 0 for none.
    pub epoch_floor: Epoch,
    /// A name that all members of the ensemble share; empty for none.
    pub ensemble_name: Arc<str>,
    /// By how much clocks may be off, in parts per million: how much longer promises are than leases, of whichever leader.
    pub drift_ppm: u32,
}

/// Where a member keeps its epochs.
#[derive(Clone, Debug)]
pub enum Keep {
    /// In this directory, which is made if there is none. An epoch that was promised outlives the process and the machine.
    InDirectory(PathBuf),
    /// In the `dataDir` of a zoo.cfg: the epochs where a real server has them.
    InZooKeepersDirectory(PathBuf),
    /// In memory, for plays and tests.
    InMemory(MemoryDisk),
    /// Nowhere yet: a lease was asked for before a directory was named. A node does not start so.
    Nowhere,
}

impl LeadershipConfig {
    /// With default waits.
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            timing: LeadershipTiming::default(),
            new_ensemble: false,
            epoch_floor: Epoch::default(),
            ensemble_name: Arc::from(""),
            drift_ppm: LeaseTerms::DRIFT_PPM,
        }
    }

    /// Opens what the epochs are kept in.
    pub(in crate::node) async fn open(&self, config: &NodeConfig) -> Result<Kept, OpenError> {
        let epoch = config.history.epoch;
        let new = Record { accepted: epoch, current: epoch, ..Record::default() };
        let (directory, layout) = match &self.keep {
            Keep::InMemory(disk) => {
                let contents = disk.open(config.me).await.unwrap_or_default();
                return Ok(Kept::in_memory(disk.clone(), contents));
            }
            Keep::Nowhere => {
                let disk = MemoryDisk::new(DirectoryId(drawn()), new);
                return Ok(Kept::in_memory(disk, Contents::default()));
            }
            Keep::InDirectory(path) => (path.clone(), Layout::Plain),
            Keep::InZooKeepersDirectory(path) => (path.clone(), Layout::ZooKeeper),
        };
        let seed = Seed { directory: DirectoryId(drawn()), record: new };
        let place = Place { directory, layout };
        let (directory, promises, opened) = store::open(place, config.me, seed).await?;
        let Opened { record, directory: number, incarnation, path, mut remarks, bound } = opened;
        if self.new_ensemble && record.accepted > Epoch(0) {
            let (path, accepted) = (path.clone(), record.accepted);
            remarks.push(StoreRemark::HasPast { path, accepted });
        }
        let control = listen(directory.files().path(layout.own())).await;
        let control = control.map_err(|remark| remarks.push(remark)).ok();
        let contents = Contents { directory: number, incarnation, record, bound };
        let directory = Directory::OnDisk(Box::new((directory, promises)));
        Ok(Kept { directory, contents, path: Some(path), remarks, control })
    }

    /// Who the node is at the quorum port.
    pub(in crate::node) fn identity(&self, config: &NodeConfig, contents: &Contents) -> Identity {
        Identity {
            directory: contents.directory,
            incarnation: contents.incarnation,
            new_ensemble: self.new_ensemble,
            epoch_floor: self.epoch_floor,
            ensemble_name: Arc::clone(&self.ensemble_name),
            members: Arc::clone(&config.config_text),
            drawn: EnsembleId(drawn()),
            ended: contents.bound.ended,
            lease: self.timing.lease,
            drift_ppm: self.drift_ppm,
        }
    }
}

/// Listens at the control socket in this folder.
async fn listen(folder: PathBuf) -> Result<ControlSocket, StoreRemark> {
    let path = UntrustedText::path(&ControlSocket::path(&folder));
    let bound = off_thread(move || ControlSocket::bind(&folder)).await;
    bound.map_err(|error| StoreRemark::NoControl { path, error: UntrustedText::new(error) })
}

/// A number that nobody else draws: its source is the operating system's.
fn drawn() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What the epochs are kept in, opened.
#[derive(Debug)]
pub(in crate::node) struct Kept {
    directory: Directory,
    pub(in crate::node) contents: Contents,
    /// Where it is, if it is on disk.
    pub(in crate::node) path: Option<UntrustedText>,
    /// What is to be said about that.
    pub(in crate::node) remarks: Vec<StoreRemark>,
    /// Where its node is asked, if it can be.
    pub(in crate::node) control: Option<ControlSocket>,
}

#[derive(Debug)]
enum Directory {
    OnDisk(Box<(EpochDirectory<RealFiles>, PromiseFile)>),
    InMemory(MemoryDisk),
}

impl Kept {
    fn in_memory(disk: MemoryDisk, contents: Contents) -> Self {
        let (directory, remarks) = (Directory::InMemory(disk), Vec::new());
        Self { directory, contents, path: None, remarks, control: None }
    }

    /// Starts the two actors that keep in it what must not be forgotten: records, and promises.
    pub(in crate::node) fn start<U, P>(
        self,
        user: Address<U>,
        parent: Address<P>,
        store_ended: impl FnOnce(Exit<(), StoreError>) -> P + Send + 'static,
        promises_ended: impl FnOnce(Exit<(), StoreError>) -> P + Send + 'static,
    ) -> (Address<StoreMsg>, Address<PromiseMsg>)
    where
        U: From<StoreReport> + From<PromiseReport> + Send + 'static,
        P: Send + 'static,
    {
        let waits_for_work = self.contents.bound.work.is_none();
        let ((store, records), (promises, orders)) = (mailbox(), mailbox());
        match self.directory {
            Directory::OnDisk(on_disk) => {
                let (directory, file) = *on_disk;
                let keeper = PromiseKeeper::new(file, waits_for_work, user.clone());
                spawn(EpochStore::new(directory, user), records, parent.clone(), store_ended);
                spawn(keeper, orders, parent, promises_ended);
            }
            Directory::InMemory(disk) => {
                let keeper =
                    MemoryPromises { disk: disk.clone(), waits_for_work, user: user.clone() };
                spawn(MemoryStore { disk, user }, records, parent.clone(), store_ended);
                spawn(keeper, orders, parent, promises_ended);
            }
        }
        (store, promises)
    }
}
