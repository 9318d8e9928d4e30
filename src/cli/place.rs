//! [`NodePlace`]: which node is meant, of those that run.

use std::path::{Path, PathBuf};

use ballotbox::http::{StatusUrl, StatusUrlError};
use structopt::StructOpt;

use super::Failure;

// Which node is meant: the one that runs in a directory, or the one that answers at an address. The help would show more than this as that of
// the command.
#[derive(Debug, StructOpt)]
pub(super) struct NodePlace {
    /// Where the node keeps its epochs: what it was given as --data-dir (ballotbox-data/ID, if nothing), or the dataDir of its
    /// zoo.cfg
    #[structopt(
        long,
        value_name = "DIR",
        empty_values = false,
        parse(from_os_str),
        required_unless = "URL"
    )]
    data_dir: Option<PathBuf>,
    /// Or where it tells how it is, if it was given --status: http://HOST:PORT
    #[structopt(name = "URL", conflicts_with = "data-dir", parse(try_from_str = url))]
    url: Option<StatusUrl>,
}

fn url(text: &str) -> Result<StatusUrl, String> {
    text.parse()
        .map_err(|error: StatusUrlError| format!("{error}; a directory goes with --data-dir"))
}

/// The same, as what was said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    Directory(&'a Path),
    Url(&'a StatusUrl),
}

impl NodePlace {
    pub(super) fn get(&self) -> Result<Place<'_>, Failure> {
        match (&self.data_dir, &self.url) {
            (Some(directory), _) => Ok(Place::Directory(directory)),
            (None, Some(url)) => Ok(Place::Url(url)),
            // The parser lets nobody come here.
            (None, None) => Err(Failure::Argument("expected --data-dir, or a URL".into())),
        }
    }
}
