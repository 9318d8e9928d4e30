//! [`Lock`]: one process in a directory at a time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use ballotbox_core::UntrustedText;
use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::{Errno, retry_on_intr},
};

use super::{FileCall, FileCause, FileError, cause_of, file_error};

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
pub(crate) enum LockError {
    /// A process has it, which has this number where it runs.
    Held { pid: Option<u32> },
    /// The file cannot be opened, or somebody replaces it again and again.
    File(FileError),
}

impl Lock {
    /// Locks this file, and writes the number of our process into it.
    pub(crate) fn take(path: &Path) -> Result<Self, LockError> {
        let lock = Self::unsigned(path, FlockOperation::NonBlockingLockExclusive)?;
        lock.sign()?;
        Ok(lock)
    }

    /// The same, but who has it is waited for, for as long as that takes.
    pub(crate) fn unsigned_waiting(path: &Path) -> Result<Self, LockError> {
        Self::unsigned(path, FlockOperation::LockExclusive)
    }

    /// Locks this file, if nobody else has it, and writes nothing.
    pub(crate) fn unsigned_now(path: &Path) -> Result<Self, LockError> {
        Self::unsigned(path, FlockOperation::NonBlockingLockExclusive)
    }

    fn unsigned(path: &Path, operation: FlockOperation) -> Result<Self, LockError> {
        let failed = |error: io::Error| LockError::File(file_error(FileCall::Lock, path, &error));
        for _ in 0..ATTEMPTS_MAX {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
            let mut file = opened.map_err(failed)?;
            match retry_on_intr(|| flock(&file, operation)) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(LockError::Held { pid: pid_in(&mut file) }),
                Err(error) => return Err(failed(error.into())),
            }
            let lock = Self { file, path: path.to_owned() };
            // Somebody may have put another file in its place before we had it.
            if lock.is_in_place().unwrap_or(false) {
                return Ok(lock);
            }
        }
        let cause = FileCause::NotOwned("it was replaced again and again".into());
        let path = UntrustedText::path(path);
        Err(LockError::File(FileError { call: FileCall::Lock, path, cause }))
    }

    /// Whether a process that had it before has signed it.
    pub(crate) fn is_signed(&self) -> Result<bool, LockError> {
        let found = self.file.metadata();
        found.map(|found| found.len() > 0).map_err(|error| self.failed(&error))
    }

    /// Writes the number of our process into it, for those who find it held.
    pub(crate) fn sign(&self) -> Result<(), LockError> {
        let mut file = &self.file;
        let emptied = file.set_len(0).and_then(|()| file.rewind());
        let signed = emptied.and_then(|()| writeln!(file, "{}", std::process::id()));
        signed.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> LockError {
        LockError::File(file_error(FileCall::Lock, &self.path, error))
    }

    /// Whether the path still leads to the file that is locked. Another process can lock any other file.
    pub(crate) fn is_in_place(&self) -> io::Result<bool> {
        let (there, ours) = (fs::symlink_metadata(&self.path)?, self.file.metadata()?);
        Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Fails when another process can take this lock by now.
pub(crate) fn confirm_in_place(lock: &Lock) -> Result<(), FileError> {
    let cause = match lock.is_in_place() {
        Ok(true) => return Ok(()),
        Ok(false) => FileCause::NotOwned("another file has taken its place".into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            FileCause::NotOwned("it was removed".into())
        }
        Err(error) => cause_of(FileCall::Hold, &error),
    };
    Err(FileError { call: FileCall::Hold, path: UntrustedText::path(&lock.path), cause })
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_MAX).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}
