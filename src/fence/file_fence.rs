//! [`FileFence`]: the largest token in a file, and a lock to hold while one acts.

use std::{
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use ballotbox_core::UntrustedText;

use super::{
    Admitted, FenceError, Token,
    kept::{Kept, loses_track},
};
use crate::files::{FileCall, Lock, LockError, RealFiles, file_error};

/// A fence that outlives its process, and that several processes share: a file with the largest token, and beside it a lock, `FILE.lock`.
///
/// Keep it where what it guards is kept, on the same file system: then nobody has one without the other. Every call reads the file, as
/// other processes write it, and every call waits for the disk and for the one that holds the lock: in a program with futures, call it on a thread of its own.
///
/// What is damaged, missing or replaced is an error, and admits nobody. A symbolic link in the place of the file is refused.
///
/// ```
/// use ballotbox::{ServerId, fence::{FenceError, FileFence, Token}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("ballotbox-doc-fence-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let me = ServerId::new(3).ok_or("not an id")?;
/// // From a leadership: `leadership.fencing_token()`.
/// let token = Token::new(42, me);
/// let mut fence = FileFence::open(directory.join("accounts.fence"))?;
/// let guard = fence.guard(token)?;
/// std::fs::write(directory.join("accounts"), "what only one may write")?;
/// drop(guard);
/// assert!(matches!(fence.guard(Token::new(41, me)), Err(FenceError::Refused { .. })));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileFence {
    folder: PathBuf,
    name: String,
    lock_path: PathBuf,
    /// The largest token in the file when it was read or written last, which is on disk.
    seen: Option<Token>,
    /// A sync has failed: what is on disk is not known any more.
    lost_track: Option<FenceError>,
}

/// A token was admitted, and nobody else is until this is dropped: act now.
///
/// It holds the lock of the file. Programs that are started do not inherit the lock, unless they are given its descriptor; one that has it holds the
/// lock as well, until it and all that inherited it from there have ended.
#[derive(Debug)]
pub struct FenceGuard {
    admitted: Admitted,
    lock: Arc<Lock>,
}

impl FileFence {
    /// The fence in this file, which is made if it was never there. Its directory is not. Nobody is waited for.
    ///
    /// # Errors
    ///
    /// [`FenceError`], when it cannot be used.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FenceError> {
        let given = path.as_ref();
        let no_name = || FenceError::NoName { path: UntrustedText::path(given) };
        let name = given.file_name().and_then(|name| name.to_str()).ok_or_else(no_name)?;
        let path = std::path::absolute(given);
        let path = path.map_err(|error| file_error(FileCall::Create, given, &error))?;
        let folder = path.parent().ok_or_else(no_name)?;
        let mut this = Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            lock_path: folder.join(format!("{name}.lock")),
            seen: None,
            lost_track: None,
        };
        match this.with_lock(Lock::unsigned_now, |_| Ok(())) {
            // Then it is there, or about to be.
            Ok(_) | Err(FenceError::Held { .. }) => Ok(this),
            Err(error) => Err(error),
        }
    }

    /// The largest token that was admitted, by whatever process.
    ///
    /// # Errors
    ///
    /// [`FenceError`], when the file cannot be used.
    pub fn highest(&mut self) -> Result<Option<Token>, FenceError> {
        self.with_lock(Lock::unsigned_waiting, |_| Ok(()))?;
        Ok(self.seen)
    }

    /// Admits this token: from now on smaller ones are refused. That is on disk when this returns. Who wants to act needs [`guard`](Self::guard).
    ///
    /// # Errors
    ///
    /// [`FenceError`]: it was not admitted, or it is not known that this is on disk.
    pub fn admit(&mut self, token: Token) -> Result<Admitted, FenceError> {
        Ok(self.guard(token)?.admitted)
    }

    /// The same, and nobody else is admitted before the guard is dropped. Who holds one is waited for, for as long as that takes.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit).
    pub fn guard(&mut self, token: Token) -> Result<FenceGuard, FenceError> {
        let (admitted, lock) = self.with_lock(Lock::unsigned_waiting, |kept| kept.admit(token))?;
        Ok(FenceGuard { admitted, lock })
    }

    /// The same, but nobody is waited for.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit), and [`FenceError::Held`] when somebody holds a guard.
    pub fn try_guard(&mut self, token: Token) -> Result<FenceGuard, FenceError> {
        let (admitted, lock) = self.with_lock(Lock::unsigned_now, |kept| kept.admit(token))?;
        Ok(FenceGuard { admitted, lock })
    }

    /// Does this with the file as it is, and returns the lock with what came of it.
    fn with_lock<T>(
        &mut self,
        take: impl FnOnce(&Path) -> Result<Lock, LockError>,
        act: impl FnOnce(&mut Kept<RealFiles>) -> Result<T, FenceError>,
    ) -> Result<(T, Arc<Lock>), FenceError> {
        if let Some(error) = &self.lost_track {
            return Err(error.clone());
        }
        let done = self.locked(take, act);
        if let Err(error) = &done
            && loses_track(error)
        {
            self.lost_track = Some(error.clone());
        }
        done
    }

    fn locked<T>(
        &mut self,
        take: impl FnOnce(&Path) -> Result<Lock, LockError>,
        act: impl FnOnce(&mut Kept<RealFiles>) -> Result<T, FenceError>,
    ) -> Result<(T, Arc<Lock>), FenceError> {
        let not_ours = |error| self.not_ours(error);
        let lock = Arc::new(take(&self.lock_path).map_err(not_ours)?);
        // It is signed only once the file is there.
        let was_there = self.seen.is_some() || lock.is_signed().map_err(not_ours)?;
        let files = RealFiles::new(self.folder.clone(), Arc::clone(&lock));
        let mut kept = Kept::open(files, &self.name, was_there, self.seen)?;
        lock.sign().map_err(not_ours)?;
        self.remember(kept.highest())?;
        let done = act(&mut kept);
        self.seen = kept.highest();
        drop(kept);
        Ok((done?, lock))
    }

    /// The file never goes back, not even to what was admitted long ago.
    fn remember(&mut self, found: Option<Token>) -> Result<(), FenceError> {
        match self.seen {
            Some(seen)
                if found.is_none_or(|found| found != seen && found.number() <= seen.number()) =>
            {
                Err(FenceError::WentBack { path: self.shown(), found, seen })
            }
            Some(_) | None => {
                self.seen = found;
                Ok(())
            }
        }
    }

    fn not_ours(&self, error: LockError) -> FenceError {
        match error {
            LockError::Held { pid } => FenceError::Held { path: self.shown(), pid },
            LockError::File(error) => error.into(),
        }
    }

    fn shown(&self) -> UntrustedText {
        UntrustedText::path(&self.folder.join(&self.name))
    }
}

impl FenceGuard {
    /// Whether the token was the largest already.
    pub const fn admitted(&self) -> Admitted {
        self.admitted
    }
}

/// The descriptor that is locked, for a program that is to hold the lock after us.
impl AsFd for FenceGuard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }
}

#[cfg(test)]
mod tests;
