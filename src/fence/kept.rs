//! [`Kept`]: the largest token in a file, which no crash takes back.
//!
//! ```text
//! ballotbox fence 1
//! token 42
//! owner 3
//! checksum 1f5c8a0e22b14d90
//! ```
//!
//! `token` is `no` until one was admitted, and `owner` if it names none. The file is made anew under another name, synced, and renamed; so it is
//! whole at any time, and one that is not was damaged by something else.

use ballotbox_core::{ServerId, UntrustedText, whole_number};

use super::{Admitted, Fence, FenceError, Token};
use crate::files::{
    FileCause, FileError, Files, TextError, read_if_there, replace,
    text::{Lines, write_checksum},
};

const VERSION_LINE: &str = "ballotbox fence 1";

/// The largest token in the file of this name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Kept<F> {
    files: F,
    name: String,
    fence: Fence,
}

impl<F: Files> Kept<F> {
    /// Reads the file, or makes it if it was never there.
    ///
    /// What was read may be nowhere but in memory, if the last process was killed while it stored it. So it comes to the disk before
    /// anybody is admitted by it, unless this process knows that it is there: `on_disk`.
    pub(super) fn open(
        mut files: F,
        name: &str,
        was_there: bool,
        on_disk: Option<Token>,
    ) -> Result<Self, FenceError> {
        let name = name.to_owned();
        let found = read_if_there(&mut files, &name)?;
        let Some(bytes) = found else {
            let path = files.shown(&name);
            if was_there {
                return Err(FenceError::Missing { path });
            }
            let mut this = Self { files, name, fence: Fence::default() };
            this.store(Fence::default())?;
            return Ok(this);
        };
        let highest = parse(&bytes);
        let highest =
            highest.map_err(|error| FenceError::Text { path: files.shown(&name), error })?;
        if on_disk.is_none() || highest != on_disk {
            files.sync(&name)?;
            files.sync_folder("")?;
        }
        Ok(Self { files, name, fence: Fence::new(highest) })
    }

    pub(super) const fn highest(&self) -> Option<Token> {
        self.fence.highest()
    }

    /// Admits this token. It is on disk when this returns.
    pub(super) fn admit(&mut self, token: Token) -> Result<Admitted, FenceError> {
        let mut next = self.fence;
        let admitted = next.admit(token);
        let refused = |refused| FenceError::Refused { path: self.files.shown(&self.name), refused };
        let admitted = admitted.map_err(refused)?;
        match admitted {
            Admitted::Newer => self.store(next)?,
            // Another process can take a lock that is not in its place, and so be admitted at the same time.
            Admitted::Again => self.files.confirm_owned()?,
        }
        Ok(admitted)
    }

    fn store(&mut self, next: Fence) -> Result<(), FileError> {
        replace(&mut self.files, &[(self.name.clone(), text(next.highest()))])?;
        self.fence = next;
        Ok(())
    }
}

/// Whether what is on disk is unknown after this, for as long as this process runs.
pub(super) const fn loses_track(error: &FenceError) -> bool {
    matches!(error, FenceError::File(FileError { cause: FileCause::NotSynced(_), .. }))
}

fn text(highest: Option<Token>) -> Vec<u8> {
    let or_no = |number: Option<u64>| number.map_or_else(|| "no".to_owned(), |n| n.to_string());
    let number = or_no(highest.map(Token::number));
    let owner = or_no(highest.and_then(Token::owner).map(ServerId::number));
    let mut text = format!("{VERSION_LINE}\ntoken {number}\nowner {owner}\n");
    write_checksum(&mut text);
    text.into_bytes()
}

fn parse(bytes: &[u8]) -> Result<Option<Token>, TextError> {
    let mut lines = Lines::begin(bytes, VERSION_LINE)?;
    let possible = |text: &str| {
        whole_number(text).filter(|number| Token::without_owner(*number).is_possible())
    };
    let number = lines.value_or_no("token", possible)?;
    let owner = lines.value_or_no("owner", |text| text.parse::<ServerId>().ok())?;
    lines.checksum()?;
    Ok(number.map(|number| Token::from_parts(number, owner)))
}

/// The token in a file of these bytes, and the bytes in which a fence keeps it. The fuzzer calls this.
///
/// # Errors
///
/// [`FenceError`], when no fence has written that.
#[doc(hidden)]
pub fn token_read(bytes: &[u8]) -> Result<(Option<Token>, Vec<u8>), FenceError> {
    let path = UntrustedText::default();
    let token = parse(bytes).map_err(|error| FenceError::Text { path, error })?;
    Ok((token, text(token)))
}

#[cfg(test)]
mod tests;
