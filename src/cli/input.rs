//! What a command reads: a vote file, or stdin in its place.

use std::{io, path::Path};

use ballotbox::{
    UntrustedText,
    http::AdminToken,
    scenario::vote_file::{VoteFile, VoteFileError},
};

use super::Failure;

/// What stands for stdin where a file is named.
const STDIN: &str = "-";

/// What stdin is called.
const NAME_OF_STDIN: &str = "stdin";

/// Whether this is stdin.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// What messages call it.
pub(super) fn name(path: &Path) -> UntrustedText {
    if is_stdin(path) { NAME_OF_STDIN.into() } else { UntrustedText::path(path) }
}

/// Reads the token that allows orders from other machines. Returns also what seems wrong with that file.
pub(super) fn admin_token(path: &Path) -> Result<(AdminToken, Option<String>), Failure> {
    let (token, others_can_read) = AdminToken::read(path)
        .map_err(|error| Failure::Argument(format!("--admin-token-file: {error}").into()))?;
    let path = UntrustedText::path(path);
    let warning = format!(
        "others than its owner can read {path}, and so give orders to the node that takes it: `chmod 600` ends that"
    );
    Ok((token, others_can_read.then_some(warning)))
}

/// Reads a vote file, from stdin if that is named.
pub(super) fn vote_file(path: &Path) -> Result<VoteFile, VoteFileError> {
    if is_stdin(path) {
        VoteFile::read_from(NAME_OF_STDIN, io::stdin())
    } else {
        VoteFile::read(path)
    }
}
