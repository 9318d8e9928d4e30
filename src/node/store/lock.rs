//! [`Lock`]: one process in a directory at a time.

#[cfg(feature = "run")]
use std::os::fd::{AsFd as _, BorrowedFd};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};

/// At most this many files are locked of which each was replaced meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// At most this many bytes of the number of the process that holds it.
const PID_MAX: u64 = 20;

/// A locked file. Programs that we start do not inherit it, and the kernel lets it go when this process has ended, however that was.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// Why it cannot be locked.
#[derive(Debug)]
pub(super) enum LockError {
    /// A process has it, which has this number where it runs.
    Held {
        pid: Option<u32>,
    },
    /// Somebody replaces it again and again.
    Replaced,
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Lock {
    /// Locks this file, if nobody has.
    #[cfg(feature = "run")]
    pub(crate) fn take_if_free(path: &Path) -> Option<Self> {
        Self::take(path).ok()
    }

    /// Locks this file, and writes the number of our process into it.
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let mut file = options.custom_flags(flags.bits().cast_signed()).open(path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(LockError::Held { pid: pid_in(&mut file) }),
                Err(error) => return Err(LockError::Io(error.into())),
            }
            let mut lock = Self { file, path: path.to_owned() };
            // Somebody may have put another file in its place before we had it.
            if lock.is_in_place().unwrap_or(false) {
                lock.sign()?;
                return Ok(lock);
            }
        }
        Err(LockError::Replaced)
    }

    fn sign(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())
    }

    /// Whether the path still leads to the file that is locked. Another process can lock any other file.
    pub(super) fn is_in_place(&self) -> io::Result<bool> {
        let (there, ours) = (fs::symlink_metadata(&self.path)?, self.file.metadata()?);
        Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What has to stay open somewhere for it to be held.
    #[cfg(feature = "run")]
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_MAX).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}
