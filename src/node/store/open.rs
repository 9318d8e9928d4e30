//! [`open`] and [`open_in_memory`]: a directory, ready to store.

use std::{path::PathBuf, time::Duration};

use ballotbox_actors::kit::{clock, off_thread};
use ballotbox_core::{
    ServerId, UntrustedText,
    election::Epoch,
    leadership::{
        DirectoryId, Incarnation, Promise, Reading, Record,
        lease::{self, Clocks as _, Restart},
    },
};

use super::{
    directory::{EpochDirectory, Forgot, Layout, Seed},
    error::OpenError,
    locked::lock_directory,
    promise_file::{FoundPromise, PromiseFile, WorkHold},
    remark::StoreRemark,
};
use crate::files::{Files, MemoryFiles, RealFiles};

/// Where a member keeps its epochs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// The `--data-dir`, or the `dataDir` of a zoo.cfg.
    pub(crate) directory: PathBuf,
    pub(crate) layout: Layout,
}

/// What was found in a directory, which is on disk by now.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// What binds it, and what nobody is bound by any more.
    pub(crate) bound: Bound,
    pub(crate) record: Record,
    pub(crate) directory: DirectoryId,
    pub(crate) incarnation: Incarnation,
    /// The whole path.
    pub(crate) path: UntrustedText,
    pub(crate) remarks: Vec<StoreRemark>,
}

/// What an earlier life has left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bound {
    /// What the member is bound by.
    pub(crate) promise: Option<Promise<Reading>>,
    /// The newest epoch of its own that has surely ended.
    pub(crate) ended: Epoch,
    /// That no work of an earlier life goes on. `None` if some does.
    pub(crate) work: Option<WorkHold>,
}

impl Bound {
    /// What is so of a member with these on disk, now. No process of this boot holds a lock here if there is a hold of its work; locks do
    /// not reach a process that is left on another machine.
    pub(crate) fn of(
        me: ServerId,
        directory: DirectoryId,
        record: Record,
        promise: Option<Promise<Reading>>,
        work: Option<WorkHold>,
        now: Reading,
    ) -> Self {
        let Record { current, longest_promise, .. } = record;
        let work_goes_on = work.is_none();
        let restart = Restart { me, directory, current, longest_promise, promise, work_goes_on };
        let lease::Bound { promise, ended } = restart.bound(now);
        Self { promise, ended, work }
    }

    /// For how long it is not known to whom it is bound.
    fn unknown_for(&self, now: Reading) -> Option<Duration> {
        let promise = self.promise.filter(|promise| promise.to.is_none())?;
        now.left_by_slowest(promise.until)
    }
}

/// A directory that is open: where its epochs are kept, and where its promises are.
pub(crate) type Open = (EpochDirectory<RealFiles>, PromiseFile, Opened);

/// Opens the directory of this member, and locks it for as long as the first value lives.
///
/// # Errors
///
/// [`OpenError`].
pub(crate) async fn open(place: Place, me: ServerId, seed: Seed) -> Result<Open, OpenError> {
    off_thread(move || open_here(&place, me, seed)).await
}

fn open_here(place: &Place, me: ServerId, seed: Seed) -> Result<Open, OpenError> {
    let files = lock_directory(&place.directory, place.layout)?;
    let lock = files.shared_lock();
    let directory = EpochDirectory::open(files, place.layout, me, seed)?;
    let mut opened = Opened::of(&directory);
    let folder = directory.files().path(place.layout.own());
    let (promises, found) = PromiseFile::open(&folder, lock)?;
    let FoundPromise { promise, work, held_by } = found;
    let path = UntrustedText::path(&folder.join("work.lock"));
    opened.remarks.extend(held_by.map(|by| StoreRemark::WorkGoesOn { path, by }));
    let now = clock::reading();
    opened.bound = Bound::of(me, opened.directory, opened.record, promise, work, now);
    let rest = opened.bound.unknown_for(now);
    opened.remarks.extend(rest.map(|rest| StoreRemark::BoundSinceRestart { rest }));
    let folders =
        [place.layout.epochs(), place.layout.own()].map(|name| directory.files().path(name));
    opened.remarks.extend(folders.iter().filter_map(|path| StoreRemark::of_file_system(path)));
    opened.remarks.dedup();
    Ok((directory, promises, opened))
}

/// Opens a directory in memory.
///
/// # Errors
///
/// [`OpenError`], unless it is a new one.
pub(crate) fn open_in_memory(
    files: MemoryFiles,
    me: ServerId,
    seed: Seed,
) -> Result<(EpochDirectory<MemoryFiles>, Opened), OpenError> {
    let directory = EpochDirectory::open(files, Layout::Plain, me, seed)?;
    let opened = Opened::of(&directory);
    Ok((directory, opened))
}

/// What member 3 makes of a directory with these files: all that lies there when it has opened it. The fuzzer calls this.
///
/// # Errors
///
/// [`OpenError`].
#[doc(hidden)]
pub fn reopened<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<(String, Vec<u8>)>, OpenError> {
    let seed = Seed { directory: DirectoryId(0), record: Record::default() };
    let me = ServerId::new(3).unwrap_or(ServerId::MAX);
    let (directory, _) = open_in_memory(MemoryFiles::with(files), me, seed)?;
    let mut files = directory.files().clone();
    let names = files.list("")?;
    let read = |name: String| Ok((name.clone(), files.read(&name)?));
    names.into_iter().map(read).collect()
}

impl Opened {
    fn of<F: Files>(directory: &EpochDirectory<F>) -> Self {
        let path = directory.files().shown("");
        let forgot = directory.forgot().map(|Forgot { recorded, current }| {
            let path = path.clone();
            StoreRemark::Forgot { path, recorded, current }
        });
        Self {
            bound: Bound::default(),
            record: directory.record(),
            directory: directory.directory(),
            incarnation: directory.incarnation(),
            path,
            remarks: forgot.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
