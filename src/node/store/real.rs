//! [`RealFiles`]: a directory that this process has locked.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use ballotbox_core::UntrustedText;
use rustix::{fs::OFlags, io::Errno};

use super::{
    directory::Layout,
    error::OpenError,
    files::{FILE_MAX, FileCall, FileCause, FileError, Files},
    lock::{Lock, LockError},
};

/// A directory that this process has locked. What it leads to must be plain files: a symbolic link is refused.
#[derive(Debug)]
pub(crate) struct RealFiles {
    root: PathBuf,
    lock: Arc<Lock>,
    /// Written and not synced: it is the file that was written which has to be synced, as it is the one that knows of errors.
    written: BTreeMap<String, File>,
}

impl RealFiles {
    /// Makes the directory and its folders, if they are not there, and locks it.
    pub(super) fn lock(root: &Path, layout: Layout) -> Result<Self, OpenError> {
        let failed = |error: &io::Error| FileError {
            call: FileCall::Create,
            path: UntrustedText::path(root),
            cause: cause_of(error),
        };
        let root = std::path::absolute(root).map_err(|error| failed(&error))?;
        create_with_parents(&root)?;
        for folder in [layout.epochs(), layout.own()] {
            if !folder.is_empty() {
                create_folder(&root.join(folder))?;
            }
        }
        let path = root.join(layout.own()).join("lock");
        let lock = Lock::take(&path).map_err(|error| match error {
            LockError::Held { pid } => OpenError::Locked { path: UntrustedText::path(&root), pid },
            LockError::Replaced => {
                let cause = FileCause::NotOwned("it was replaced again and again".into());
                FileError { call: FileCall::Lock, path: UntrustedText::path(&path), cause }.into()
            }
            LockError::Io(error) => file_error(FileCall::Lock, &path, &error).into(),
        })?;
        Ok(Self { root, lock: Arc::new(lock), written: BTreeMap::new() })
    }

    /// The lock, for others that write here.
    pub(super) fn shared_lock(&self) -> Arc<Lock> {
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

/// Fails when another process can take this lock by now.
pub(super) fn confirm_in_place(lock: &Lock) -> Result<(), FileError> {
    let cause = match lock.is_in_place() {
        Ok(true) => return Ok(()),
        Ok(false) => FileCause::NotOwned("another file has taken its place".into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            FileCause::NotOwned("it was removed".into())
        }
        Err(error) => cause_of(&error),
    };
    Err(FileError { call: FileCall::Hold, path: UntrustedText::path(lock.path()), cause })
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

/// Makes a directory and those above it, so that they are there after a crash.
///
/// The name of one that is there already is not synced: on the file systems that keep the order of renames, it comes to the disk
/// no later than what is synced in it.
fn create_with_parents(path: &Path) -> Result<(), FileError> {
    let Err(error) = fs::metadata(path) else { return Ok(()) };
    if error.kind() != io::ErrorKind::NotFound {
        return Err(file_error(FileCall::Create, path, &error));
    }
    let Some(parent) = path.parent() else { return Ok(()) };
    create_with_parents(parent)?;
    create(path)
}

/// Makes a folder of the directory, unless it is there.
fn create_folder(path: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            let path = UntrustedText::path(path);
            Err(FileError { call: FileCall::Create, path, cause: FileCause::Symlink })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(file_error(FileCall::Create, path, &error)),
    }
}

/// Makes one directory, and syncs its name: also if another process has just made it, and may not have synced it yet.
fn create(path: &Path) -> Result<(), FileError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(file_error(FileCall::Create, path, &error))
        }
        Ok(()) | Err(_) => path.parent().map_or(Ok(()), sync_folder),
    }
}

fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = File::open(path).map_err(|error| file_error(FileCall::Read, path, &error))?;
    folder.sync_all().map_err(|error| not_synced(path, error))
}

fn not_synced(path: &Path, error: io::Error) -> FileError {
    let cause = FileCause::NotSynced(error.into());
    FileError { call: FileCall::Sync, path: UntrustedText::path(path), cause }
}

pub(super) fn file_error(call: FileCall, path: &Path, error: &io::Error) -> FileError {
    FileError { call, path: UntrustedText::path(path), cause: cause_of(error) }
}

fn cause_of(error: &io::Error) -> FileCause {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => FileCause::NoSpace,
        Some(Errno::MFILE | Errno::NFILE) => FileCause::NoDescriptors,
        Some(Errno::ROFS) => FileCause::ReadOnly,
        Some(Errno::NOENT) => FileCause::NotFound,
        Some(Errno::ACCESS | Errno::PERM) => FileCause::PermissionDenied,
        Some(Errno::LOOP) => FileCause::Symlink,
        Some(_) | None => FileCause::Other(UntrustedText::new(error)),
    }
}
