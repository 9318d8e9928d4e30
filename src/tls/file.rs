//! Files as they are read here: regular ones, at most [`FILE_BYTES_MAX`] long, wiped from memory after use.

use std::{
    env,
    fs::{File, Metadata},
    io::{self, Read as _},
    path::Path,
};

use ballotbox_core::UntrustedText;
use zeroize::Zeroizing;

use super::{FILE_BYTES_MAX, Password, PasswordFrom, TlsFileError, TlsFileProblem, Wanted};

/// What a password file may end with, as in real servers.
const LINE_ENDS: [char; 2] = ['\r', '\n'];

/// A file that was read, for messages about it.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) wanted: Wanted,
}

impl Source<'_> {
    pub(super) fn wrong(&self, problem: TlsFileProblem) -> TlsFileError {
        TlsFileError { path: UntrustedText::path(self.path), problem: Box::new(problem) }
    }

    /// All bytes of the file.
    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, TlsFileError> {
        let wanted = self.wanted;
        // A pipe would make us wait for its other end, so it is looked at before it is opened.
        let found = self.path.metadata().map_err(|error| self.unreadable(&error))?;
        if !found.is_file() {
            let found = if found.is_dir() { "a directory" } else { "no regular file" };
            return Err(self.wrong(TlsFileProblem::NotAFile { wanted, found }));
        }
        let file = File::open(self.path).map_err(|error| self.unreadable(&error))?;
        // Of one length from the beginning: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity(&found)));
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| self.unreadable(&error))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
            return Err(self.wrong(TlsFileProblem::TooLarge { wanted }));
        }
        if bytes.trim_ascii().is_empty() {
            return Err(self.wrong(TlsFileProblem::Empty { wanted }));
        }
        Ok(bytes)
    }

    fn unreadable(&self, error: &io::Error) -> TlsFileError {
        let wanted = self.wanted;
        self.wrong(if error.kind() == io::ErrorKind::NotFound {
            TlsFileProblem::Missing { wanted, working_directory: self.working_directory() }
        } else {
            TlsFileProblem::Unreadable { wanted, cause: UntrustedText::new(error) }
        })
    }

    fn working_directory(&self) -> Option<UntrustedText> {
        let directory = self.path.is_relative().then(env::current_dir)?.ok()?;
        Some(UntrustedText::path(&directory))
    }
}

/// Room for the file and for the attempt to read behind its end.
fn capacity(found: &Metadata) -> usize {
    usize::try_from(found.len().min(FILE_BYTES_MAX)).unwrap_or(0).saturating_add(64)
}

/// The password, from where it is.
pub(super) fn password(from: &PasswordFrom) -> Result<Option<Password>, TlsFileError> {
    let path = match from {
        PasswordFrom::Nowhere => return Ok(None),
        PasswordFrom::Given(password) => return Ok(Some(password.clone())),
        PasswordFrom::File(path) => path,
    };
    let source = Source { path, wanted: Wanted::Password };
    let bytes = source.read()?;
    let text = str::from_utf8(&bytes).map_err(|_| source.wrong(TlsFileProblem::NotText))?;
    Ok(Some(Password::new(text.trim_end_matches(LINE_ENDS))))
}
