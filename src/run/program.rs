//! [`Program`]: what is run while we lead, found before we compete.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use ballotbox_core::UntrustedText;
use rustix::fs::{Access, access};

/// A program and its arguments. It is executed directly, not by a shell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// The whole path of its file.
    pub(super) file: PathBuf,
    /// The name that it was called by, and its arguments.
    pub(super) arguments: Vec<OsString>,
}

/// Why there is no such program.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProgramError {
    /// Nothing was named.
    #[error("no program is named: expected its name and its arguments after `--`")]
    Unnamed,
    /// There is no such file, or none that can be executed.
    #[error(
        "cannot find the program {0}: expected an executable file, or the name of one in a directory of PATH"
    )]
    NotFound(UntrustedText),
}

impl Program {
    /// The program of this name, with these arguments. A name without a slash is looked for in the directories of `PATH`.
    ///
    /// # Errors
    ///
    /// [`ProgramError`], if it is not there.
    pub fn find(command: &[OsString]) -> Result<Self, ProgramError> {
        let name = command.first().filter(|name| !name.is_empty()).ok_or(ProgramError::Unnamed)?;
        let path = env::var_os("PATH").unwrap_or_default();
        let file = file_of(name, &path).and_then(|file| std::path::absolute(file).ok());
        let not_found = || ProgramError::NotFound(UntrustedText::os(name));
        Ok(Self { file: file.ok_or_else(not_found)?, arguments: command.to_vec() })
    }
}

fn file_of(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    if name.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(name)).filter(|file| is_executable(file));
    }
    // An empty entry is the working directory.
    env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(text: &str) -> OsString {
        text.into()
    }

    #[test]
    fn a_name_is_looked_for_and_a_path_is_taken() {
        let shell = Program::find(&[os("sh"), os("-c"), os("")]).unwrap();
        assert!(shell.file.is_absolute() && shell.file.ends_with("sh"));
        assert_eq!(shell.arguments, [os("sh"), os("-c"), os("")]);
        assert_eq!(Program::find(&[os("/bin/sh")]).unwrap().file, Path::new("/bin/sh"));
        assert_eq!(file_of(OsStr::new("sh"), OsStr::new("/nowhere:/bin")), Some("/bin/sh".into()));
    }

    #[test]
    fn what_is_not_there_or_cannot_be_executed_is_said() {
        assert_eq!(Program::find(&[]), Err(ProgramError::Unnamed));
        assert_eq!(Program::find(&[os("")]), Err(ProgramError::Unnamed));
        for name in ["no such\nprogram", "/proc/self/status", "/bin", "./nothing"] {
            let error = Program::find(&[os(name)]).unwrap_err();
            assert_eq!(error, ProgramError::NotFound(UntrustedText::new(name)), "{name}");
        }
    }
}
