//! [`PromiseFile`]: where a promise is kept that has to outlive the process, and the lock that work holds.

#[cfg(feature = "run")]
use std::os::fd::{AsFd as _, BorrowedFd};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use ballotbox_core::leadership::{Promise, Reading};

use super::{
    boot::Boot,
    error::OpenError,
    holders::HeldBy,
    promise::{self, LEN},
};
use crate::files::{FileCall, FileError, Lock, LockError, confirm_in_place, file_error, plain};

/// That work of this directory may go on: it is held by the node, and by each leadership that is out. Who starts another node here sees that it is.
#[derive(Clone, Debug)]
pub(crate) enum WorkHold {
    /// The file `work.lock`.
    Locked(
        #[cfg_attr(not(feature = "run"), expect(dead_code, reason = "it is held, not looked at"))]
        Arc<Lock>,
    ),
    /// The same of a disk in memory.
    InMemory(#[allow(dead_code, reason = "it is held, not looked at")] Arc<()>),
}

#[cfg(feature = "run")]
impl WorkHold {
    /// What a program inherits that is the work. It holds it then, too.
    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Locked(lock) => Some(lock.as_fd()),
            Self::InMemory(_) => None,
        }
    }
}

/// The files `promise` and `work.lock` of a directory.
#[derive(Debug)]
pub(crate) struct PromiseFile {
    file: File,
    path: PathBuf,
    boot: Option<Boot>,
    lock: Arc<Lock>,
    work_path: PathBuf,
    work: Option<Arc<Lock>>,
}

/// What was found in them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FoundPromise {
    /// What was promised on this boot, if that is what lies there.
    pub(crate) promise: Option<Promise<Reading>>,
    /// That no work goes on here which an earlier node has begun.
    pub(crate) work: Option<WorkHold>,
    /// If some goes on: who holds it.
    pub(crate) held_by: Option<HeldBy>,
}

impl PromiseFile {
    /// Opens them in this folder of a directory that is locked. There is room for a promise from now on, however full the disk gets.
    pub(super) fn open(folder: &Path, lock: Arc<Lock>) -> Result<(Self, FoundPromise), OpenError> {
        let path = folder.join("promise");
        let failed = |call, error: &io::Error| OpenError::from(file_error(call, &path, error));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = plain(&mut options, &path).map_err(|error| failed(FileCall::Write, &error))?;
        let mut bytes = vec![0; LEN + 1];
        let length = file.read_at(&mut bytes, 0).map_err(|error| failed(FileCall::Read, &error))?;
        let boot = Boot::this();
        let promise = boot.and_then(|boot| promise::parse(boot, &bytes[..length]));
        if promise.is_none() {
            let written = file.write_all_at(&[0; LEN], 0).and_then(|()| file.set_len(LEN as u64));
            written.map_err(|error| failed(FileCall::Write, &error))?;
        }
        let work_path = folder.join("work.lock");
        let mut this = Self { file, path, boot, lock, work_path, work: None };
        let held_by = this.find_work()?;
        let work = this.work.clone().map(WorkHold::Locked);
        Ok((this, FoundPromise { promise, work, held_by }))
    }

    /// The same, and who has it if that is somebody else.
    fn find_work(&mut self) -> Result<Option<HeldBy>, OpenError> {
        // One that has ended since we found it locked is not seen any more: so in that case the second look counts.
        for is_last in [false, true] {
            let pid = match self.hold_work() {
                Ok(_) => return Ok(None),
                Err(LockError::Held { pid }) => pid,
                Err(LockError::File(error)) => return Err(error.into()),
            };
            let held_by = HeldBy::of(&self.work_path, pid);
            if is_last || !matches!(held_by, HeldBy::Unseen { .. }) {
                return Ok(Some(held_by));
            }
        }
        Ok(None)
    }

    /// Takes hold of what work of this directory holds, unless some goes on.
    fn hold_work(&mut self) -> Result<WorkHold, LockError> {
        let work = match self.work.take() {
            Some(work) => work,
            None => Arc::new(Lock::take(&self.work_path)?),
        };
        self.work = Some(Arc::clone(&work));
        Ok(WorkHold::Locked(work))
    }

    /// The same for those who only want to know whether they have it.
    pub(crate) fn work_has_ended(&mut self) -> Option<WorkHold> {
        self.hold_work().ok()
    }

    /// Writes a promise down. It outlives the process when this returns.
    pub(crate) fn keep(&mut self, promise: &Promise<Reading>) -> Result<(), FileError> {
        confirm_in_place(&self.lock)?;
        self.work.as_deref().map_or(Ok(()), confirm_in_place)?;
        let bytes = self.boot.and_then(|boot| promise::bytes(boot, promise));
        let Some(bytes) = bytes else { return Ok(()) };
        let written = self.file.write_all_at(&bytes, 0);
        written.map_err(|error| file_error(FileCall::Write, &self.path, &error))
    }
}

#[cfg(test)]
mod tests;
