//! [`lock_directory`]: the directory of a member, which is made if it is not there, and belongs to this process from then on.

use std::{fs, io, path::Path, sync::Arc};

use ballotbox_core::UntrustedText;

use super::{directory::Layout, error::OpenError};
use crate::files::{
    FileCall, FileCause, FileError, Lock, LockError, RealFiles, file_error, sync_folder,
};

/// Makes the directory and its folders, if they are not there, and locks it.
pub(super) fn lock_directory(root: &Path, layout: Layout) -> Result<RealFiles, OpenError> {
    let root =
        std::path::absolute(root).map_err(|error| file_error(FileCall::Create, root, &error))?;
    create_with_parents(&root)?;
    for folder in [layout.epochs(), layout.own()] {
        if !folder.is_empty() {
            create_folder(&root.join(folder))?;
        }
    }
    let path = root.join(layout.own()).join("lock");
    let lock = Lock::take(&path).map_err(|error| match error {
        LockError::Held { pid } => OpenError::Locked { path: UntrustedText::path(&root), pid },
        LockError::File(error) => error.into(),
    })?;
    Ok(RealFiles::new(root, Arc::new(lock)))
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
