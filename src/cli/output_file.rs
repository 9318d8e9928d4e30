//! [`OutputFile`]: a file that a command writes at its end, made sure of at its beginning.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use ballotbox_core::UntrustedText;

use super::Failure;

/// At most this many bytes of a message that names a file.
const MESSAGE_SHOWN_MAX: usize = 2 * UntrustedText::PATH_SHOWN_MAX;

/// A file that can be written. If nothing is written and the file was not there before, it is removed again.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    file: File,
    is_superfluous: bool,
}

impl OutputFile {
    /// Opens the file that this option names, and leaves it as it is.
    ///
    /// # Errors
    ///
    /// [`Failure::Argument`] if it is the input file, by whatever path, as the input is not to be lost;
    /// [`Failure::Save`] if it cannot be written.
    pub(super) fn open(option: &str, path: &Path, input: &Path) -> Result<Self, Failure> {
        not_onto(option, path, input)?;
        let is_new = fs::symlink_metadata(path).is_err();
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|source| cannot_write(path, source))?;
        Ok(Self { path: path.to_owned(), file, is_superfluous: is_new })
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// [`Failure::Save`].
    pub(super) fn write(mut self, text: &str) -> Result<(), Failure> {
        self.is_superfluous = false;
        self.overwrite(text).map_err(|source| cannot_write(&self.path, source))
    }

    fn overwrite(&mut self, text: &str) -> io::Result<()> {
        // A pipe or a terminal has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.is_superfluous {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Refuses a path to write to that leads to the input: the same name, a link of either kind, any way round.
fn not_onto(option: &str, path: &Path, input: &Path) -> Result<(), Failure> {
    let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    if identity(path).is_some_and(|output| Some(output) == identity(input)) {
        let path = UntrustedText::path(path);
        let text = format!("{option} {path}: that is the file to play: expected another one");
        return Err(Failure::Argument(UntrustedText::shortened(text, MESSAGE_SHOWN_MAX)));
    }
    Ok(())
}

fn cannot_write(path: &Path, source: io::Error) -> Failure {
    Failure::Save { file: UntrustedText::path(path), cause: source.into() }
}
