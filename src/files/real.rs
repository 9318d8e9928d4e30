//! [`RealFiles`]: files on disk, of which this process holds the lock.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use ballotbox_core::UntrustedText;
use rustix::fs::OFlags;

use super::{FILE_MAX, FileCall, FileCause, FileError, Files, Lock, confirm_in_place, file_error};

/// A directory that this process has locked. What it leads to must be plain files: a symbolic link is refused.
#[derive(Debug)]
pub(crate) struct RealFiles {
    root: PathBuf,
    lock: Arc<Lock>,
    /// Written and not synced: it is the file that was written which has to be synced, as it is the one that knows of errors.
    written: BTreeMap<String, File>,
}

impl RealFiles {
    /// The files of this directory, whose whole path this is, as long as the lock is ours.
    pub(crate) const fn new(root: PathBuf, lock: Arc<Lock>) -> Self {
        Self { root, lock, written: BTreeMap::new() }
    }

    /// The lock, for others that write here.
    pub(crate) fn shared_lock(&self) -> Arc<Lock> {
        Arc::clone(&self.lock)
    }

    /// The path of one of its folders.
    pub(crate) fn path(&self, folder: &str) -> PathBuf {
        join(&self.root, folder)
    }
}

impl Files for RealFiles {
    fn shown(&self, name: &str) -> UntrustedText {
        UntrustedText::path(&join(&self.root, name))
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        let path = join(&self.root, name);
        let content =
            read_plain(&path).map_err(|error| file_error(FileCall::Read, &path, &error))?;
        if content.len() > FILE_MAX {
            let path = UntrustedText::path(&path);
            return Err(FileError { call: FileCall::Read, path, cause: FileCause::TooLarge });
        }
        Ok(content)
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), FileError> {
        let path = join(&self.root, name);
        let written = write_plain(&path, content);
        let file = written.map_err(|error| file_error(FileCall::Write, &path, &error))?;
        self.written.insert(name.to_owned(), file);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), FileError> {
        let path = join(&self.root, name);
        let file = self.written.remove(name).map_or_else(|| open_plain(&path), Ok);
        let file = file.map_err(|error| file_error(FileCall::Read, &path, &error))?;
        file.sync_all().map_err(|error| not_synced(&path, error))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        let (from, to) = (join(&self.root, from), join(&self.root, to));
        fs::rename(&from, &to).map_err(|error| file_error(FileCall::Rename, &from, &error))
    }

    fn sync_folder(&mut self, folder: &str) -> Result<(), FileError> {
        sync_folder(&join(&self.root, folder))
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, FileError> {
        let path = join(&self.root, folder);
        let names = fs::read_dir(&path).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        });
        names.map_err(|error| file_error(FileCall::List, &path, &error))
    }

    fn confirm_owned(&mut self) -> Result<(), FileError> {
        confirm_in_place(&self.lock)
    }
}

/// The directory itself for an empty name.
fn join(root: &Path, name: &str) -> PathBuf {
    if name.is_empty() { root.to_owned() } else { root.join(name) }
}

fn open_plain(path: &Path) -> io::Result<File> {
    plain(OpenOptions::new().read(true), path)
}

fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let limit = FILE_MAX as u64 + 1;
    open_plain(path)?.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

fn write_plain(path: &Path, content: &[u8]) -> io::Result<File> {
    let mut file = plain(OpenOptions::new().write(true).create(true).truncate(true), path)?;
    file.write_all(content)?;
    Ok(file)
}

/// Opens a file that is neither a link, nor anything that one waits for.
pub(crate) fn plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file")) }
}

pub(crate) fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = File::open(path).map_err(|error| file_error(FileCall::Read, path, &error))?;
    folder.sync_all().map_err(|error| not_synced(path, error))
}

fn not_synced(path: &Path, error: io::Error) -> FileError {
    let cause = FileCause::NotSynced(error.into());
    FileError { call: FileCall::Sync, path: UntrustedText::path(path), cause }
}
