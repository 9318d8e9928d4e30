//! [`Files`]: the few calls that are made to a file system by those who must not forget, and how they fail.
//!
//! | file | what it does |
//! | --- | --- |
//! | `memory` | [`MemoryFiles`]: a file system in memory that loses what was not synced, and fails when told to |
//! | `exposure` | whether others than its owner can read a file |
//! | `real`, `lock` | [`RealFiles`]: a directory on disk, of which this process holds the [`Lock`] |
//! | `text` | how a text file of ours is read: version, lines, checksum |

mod exposure;
mod lock;
#[cfg_attr(not(test), allow(dead_code, reason = "only tests make it fail"))]
mod memory;
mod real;
pub(crate) mod text;

use std::{fmt, io, path::Path};

use ballotbox_core::UntrustedText;
use rustix::io::Errno;

#[cfg(feature = "http")]
pub(crate) use self::exposure::others_can_read;
pub use self::{
    exposure::{FileMode, readable_by_others},
    text::TextError,
};
pub(crate) use self::{
    lock::{Lock, LockError, confirm_in_place},
    memory::MemoryFiles,
    real::{RealFiles, plain, sync_folder},
};

/// At most this many bytes of a file are read; a larger one is none of ours.
pub(crate) const FILE_MAX: usize = 4096;

/// A directory and the folders in it.
///
/// A name is that of a file in the directory itself, or `folder/file`; the directory itself is the folder with the empty name.
pub(crate) trait Files {
    /// What this name looks like to the user: a whole path.
    fn shown(&self, name: &str) -> UntrustedText;
    /// The content of a file; one that is larger than [`FILE_MAX`] is not read.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError>;
    /// Makes a file with this content; the file that has the name already loses its own.
    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), FileError>;
    /// Waits until the content of a file is on disk. Its name may not be there yet.
    fn sync(&mut self, name: &str) -> Result<(), FileError>;
    /// Gives a file another name in its folder, in one step; the file that had that name is gone.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError>;
    /// Waits until the names of a folder are on disk.
    fn sync_folder(&mut self, folder: &str) -> Result<(), FileError>;
    /// The names of the files in a folder.
    fn list(&mut self, folder: &str) -> Result<Vec<String>, FileError>;
    /// Fails when the directory may belong to somebody else by now.
    fn confirm_owned(&mut self) -> Result<(), FileError>;
}

/// A call that failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("cannot {call} {path}: {cause}")]
pub struct FileError {
    /// What was to be done.
    pub call: FileCall,
    /// The file or folder.
    pub path: UntrustedText,
    /// Why it was not done.
    pub cause: FileCause,
}

impl FileError {
    /// Whether the file itself is wrong, and not what surrounds it: the disk, the rights, another process.
    pub const fn is_bad_input(&self) -> bool {
        match self.cause {
            FileCause::Symlink | FileCause::TooLarge => true,
            FileCause::NoSpace
            | FileCause::NoDescriptors
            | FileCause::ReadOnly
            | FileCause::NotFound
            | FileCause::NoFolder
            | FileCause::PermissionDenied
            | FileCause::NotSynced(_)
            | FileCause::NotOwned(_)
            | FileCause::Other(_) => false,
        }
    }

    /// Whether the same may succeed later: space is made, the file system is writable again.
    ///
    /// A failed sync is for ever: the kernel drops the pages that it could not write, and the next sync succeeds without them.
    pub const fn may_pass(&self) -> bool {
        match self.cause {
            FileCause::NoSpace
            | FileCause::NoDescriptors
            | FileCause::ReadOnly
            | FileCause::PermissionDenied => true,
            FileCause::NotFound
            | FileCause::NoFolder
            | FileCause::Symlink
            | FileCause::TooLarge
            | FileCause::NotSynced(_)
            | FileCause::NotOwned(_)
            | FileCause::Other(_) => false,
        }
    }
}

/// A call that failed so.
pub(crate) fn file_error(call: FileCall, path: &Path, error: &io::Error) -> FileError {
    FileError { call, path: UntrustedText::path(path), cause: cause_of(call, error) }
}

fn cause_of(call: FileCall, error: &io::Error) -> FileCause {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => FileCause::NoSpace,
        Some(Errno::MFILE | Errno::NFILE) => FileCause::NoDescriptors,
        Some(Errno::ROFS) => FileCause::ReadOnly,
        // A lock file is made if it is not there.
        Some(Errno::NOENT) if call == FileCall::Lock => FileCause::NoFolder,
        Some(Errno::NOTDIR) => FileCause::NoFolder,
        Some(Errno::NOENT) => FileCause::NotFound,
        Some(Errno::ACCESS | Errno::PERM) => FileCause::PermissionDenied,
        Some(Errno::LOOP) => FileCause::Symlink,
        Some(_) | None => FileCause::Other(UntrustedText::new(error)),
    }
}

/// What is done to a file or folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileCall {
    Read,
    Write,
    Sync,
    Rename,
    List,
    Create,
    Lock,
    Hold,
}

impl fmt::Display for FileCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::List => "list",
            Self::Create => "create",
            Self::Lock => "lock",
            Self::Hold => "hold",
        })
    }
}

/// Why a call failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FileCause {
    /// The disk, or the quota, is used up.
    #[error("no space is left: free some")]
    NoSpace,
    /// This process has too many files and sockets open.
    #[error("no file descriptor is free: allow more (ulimit -n)")]
    NoDescriptors,
    /// The file system takes no writes.
    #[error("the file system is read-only: make it writable")]
    ReadOnly,
    /// There is no such file.
    #[error("it is not there")]
    NotFound,
    /// What stands before its name is no directory.
    #[error("there is no directory to put it in")]
    NoFolder,
    /// This user may not do that.
    #[error("this user may not: expected a directory that it may read and write")]
    PermissionDenied,
    /// The name leads elsewhere.
    #[error(
        "it is a symbolic link: expected a plain file, as what it leads to may have another life"
    )]
    Symlink,
    /// It is larger than any file of ours.
    #[error("it is larger than {FILE_MAX} bytes: this is no file of ours")]
    TooLarge,
    /// What was written may be lost, and nothing tells which part of it.
    #[error("{0}: what was written may be lost, and so this process relies on it no more")]
    NotSynced(UntrustedText),
    /// Another process may use the directory.
    #[error("{0}: another process may use the directory by now")]
    NotOwned(UntrustedText),
    /// Anything else, as the system says it.
    #[error("{0}")]
    Other(UntrustedText),
}

/// Gives these files this content. All that needs space is done before the first name changes.
pub(crate) fn replace(
    files: &mut impl Files,
    changes: &[(String, Vec<u8>)],
) -> Result<(), FileError> {
    files.confirm_owned()?;
    for (name, content) in changes {
        files.write(&temporary(name), content)?;
    }
    for (name, _) in changes {
        files.sync(&temporary(name))?;
    }
    files.confirm_owned()?;
    for in_one_folder in changes.chunk_by(|(a, _), (b, _)| folder_of(a) == folder_of(b)) {
        let mut folder = "";
        for (name, _) in in_one_folder {
            files.rename(&temporary(name), name)?;
            folder = folder_of(name);
        }
        files.sync_folder(folder)?;
    }
    Ok(())
}

/// The content of a file, unless there is none of this name.
pub(crate) fn read_if_there(
    files: &mut impl Files,
    name: &str,
) -> Result<Option<Vec<u8>>, FileError> {
    match files.read(name) {
        Ok(content) => Ok(Some(content)),
        Err(FileError { cause: FileCause::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Where the content of a file is until it is on disk: ZooKeeper's name for it.
fn temporary(name: &str) -> String {
    format!("{name}.tmp")
}

/// For those who keep the files and look at them afterwards.
#[cfg(test)]
impl<F: Files> Files for &mut F {
    fn shown(&self, name: &str) -> UntrustedText {
        (**self).shown(name)
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        (**self).read(name)
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), FileError> {
        (**self).write(name, content)
    }

    fn sync(&mut self, name: &str) -> Result<(), FileError> {
        (**self).sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        (**self).rename(from, to)
    }

    fn sync_folder(&mut self, folder: &str) -> Result<(), FileError> {
        (**self).sync_folder(folder)
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, FileError> {
        (**self).list(folder)
    }

    fn confirm_owned(&mut self) -> Result<(), FileError> {
        (**self).confirm_owned()
    }
}
