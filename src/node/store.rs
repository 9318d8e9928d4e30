//! What a member keeps on disk: the epochs it has given its word for, and which directory this is.
//!
//! ```text
//! DIR/                      dataDir/                   with a zoo.cfg
//!   acceptedEpoch             version-2/acceptedEpoch
//!   currentEpoch              version-2/currentEpoch
//!   identity                  ballotbox/identity
//!   promise                   ballotbox/promise
//!   work.lock                 ballotbox/work.lock
//! ```
//!
//! The epochs are ZooKeeper's own files, so a real server can take the place of ours, and ours the place of one without data.
//! Everything else is in `identity`. A word is said after its epoch was stored, and an [`EpochDirectory`] has stored it when no
//! crash of the machine can take it back: new files, each synced, renamed to their names, and the directory synced. The renames
//! of one directory reach the disk in their order, as ext4, xfs, btrfs and zfs have it: accepted, current, identity.
//! [`Files`] are the calls to a file system.
//!
//! | file | what it does |
//! | --- | --- |
//! | `epoch_text`, `identity` | the text of the files |
//! | `directory` | [`EpochDirectory`]: opens, and stores a [`Record`](ballotbox_core::leadership::Record) |
//! | `locked` | [`lock_directory`]: a directory that this process has locked |
//! | `holders` | [`HeldBy`]: which processes hold a lock |
//! | `open` | [`open`]: makes all of that, for a node |
//! | `remark` | what to tell the user of a directory that can be used |
//! | `epoch_store` | [`EpochStore`]: the actor that waits for the disk |
//! | `promise`, `promise_file` | what a member has promised a leader, which outlives the process and not the machine; and the lock of work |
//! | `promise_keeper` | [`PromiseKeeper`]: the actor that writes promises down |
//! | `boot` | [`Boot`]: on which run of which machine a promise or a lease was written down |
//! | `error` | why a directory cannot be used |

mod boot;
mod directory;
mod epoch_store;
mod epoch_text;
mod error;
mod holders;
mod identity;
mod locked;
mod open;
mod promise;
mod promise_file;
mod promise_keeper;
mod remark;

#[cfg(feature = "run")]
pub(crate) use self::{
    boot::Boot,
    holders::{LockFile, process},
};
pub(crate) use self::{
    directory::{EpochDirectory, Layout, Seed},
    epoch_store::{END_PATIENCE, EpochStore, StoreMsg, StoreReport},
    open::{Bound, Opened, Place, open},
    promise_file::{PromiseFile, WorkHold},
    promise_keeper::{PromiseKeeper, PromiseMsg, PromiseReport, WORK_CHECK},
};
pub use self::{
    epoch_text::EpochTextError,
    error::{OpenError, StoreError},
    holders::{HeldBy, WorkHolder},
    open::reopened,
    remark::StoreRemark,
};
