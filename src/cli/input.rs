//! What a command reads: a vote file, or stdin in its place.

use std::{io, path::Path};

use ballotbox::scenario::vote_file::{VoteFile, VoteFileError};

/// What stands for stdin where a file is named.
const STDIN: &str = "-";

/// Whether this is stdin.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// Reads a vote file, from stdin if that is named.
pub(super) fn vote_file(path: &Path) -> Result<VoteFile, VoteFileError> {
    if is_stdin(path) { VoteFile::read_from("stdin", io::stdin()) } else { VoteFile::read(path) }
}
