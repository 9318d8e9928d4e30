//! [`open`] and [`open_in_memory`]: a directory, ready to store.

use std::path::PathBuf;

use ballotbox_actors::kit::off_thread;
use ballotbox_core::{
    ServerId, UntrustedText,
    leadership::{DirectoryId, Incarnation, Record},
};

use super::{
    directory::{EpochDirectory, Forgot, Layout, Seed},
    error::OpenError,
    files::Files,
    memory::MemoryFiles,
    real::RealFiles,
    remark::StoreRemark,
};

/// Where a member keeps its epochs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// The `--data-dir`, or the `dataDir` of a zoo.cfg.
    pub(crate) directory: PathBuf,
    pub(crate) layout: Layout,
}

/// What was found in a directory, which is on disk by now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Opened {
    pub(crate) record: Record,
    pub(crate) directory: DirectoryId,
    pub(crate) incarnation: Incarnation,
    /// The whole path.
    pub(crate) path: UntrustedText,
    pub(crate) remarks: Vec<StoreRemark>,
}

/// Opens the directory of this member, and locks it for as long as the first value lives.
///
/// # Errors
///
/// [`OpenError`].
pub(crate) async fn open(
    place: Place,
    me: ServerId,
    seed: Seed,
) -> Result<(EpochDirectory<RealFiles>, Opened), OpenError> {
    off_thread(move || open_here(&place, me, seed)).await
}

fn open_here(
    place: &Place,
    me: ServerId,
    seed: Seed,
) -> Result<(EpochDirectory<RealFiles>, Opened), OpenError> {
    let files = RealFiles::lock(&place.directory, place.layout)?;
    let directory = EpochDirectory::open(files, place.layout, me, seed)?;
    let mut opened = Opened::of(&directory);
    let folders =
        [place.layout.epochs(), place.layout.own()].map(|name| directory.files().path(name));
    opened.remarks.extend(folders.iter().filter_map(|path| StoreRemark::of_file_system(path)));
    opened.remarks.dedup();
    Ok((directory, opened))
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
