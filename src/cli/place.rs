//! [`NodePlace`]: which node is meant, of those that run.

use std::path::{Path, PathBuf};

use ballotbox::{
    http::{StatusUrl, StatusUrlError},
    tls::{TrustFiles, read_trust},
};
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
    /// The authority that has issued the certificate of the node, in PEM, if the URL begins with https
    #[structopt(
        long,
        value_name = "FILE",
        empty_values = false,
        parse(from_os_str),
        requires = "URL"
    )]
    tls_ca: Option<PathBuf>,
    /// Or where it tells how it is, if it was given --status: http://HOST:PORT, or https://HOST:PORT
    #[structopt(name = "URL", conflicts_with = "data-dir", parse(try_from_str = url))]
    url: Option<StatusUrl>,
}

fn url(text: &str) -> Result<StatusUrl, String> {
    text.parse()
        .map_err(|error: StatusUrlError| format!("{error}; a directory goes with --data-dir"))
}

/// The same, as what was said.
#[derive(Clone, Debug)]
pub(super) enum Place<'a> {
    Directory(&'a Path),
    Url(StatusUrl),
}

impl NodePlace {
    pub(super) fn get(&self) -> Result<Place<'_>, Failure> {
        match (&self.data_dir, &self.url) {
            (Some(directory), _) => Ok(Place::Directory(directory)),
            (None, Some(url)) => Ok(Place::Url(self.trusted(url.clone())?)),
            // The parser lets nobody come here.
            (None, None) => Err(Failure::Argument("expected --data-dir, or a URL".into())),
        }
    }

    fn trusted(&self, url: StatusUrl) -> Result<StatusUrl, Failure> {
        match &self.tls_ca {
            Some(path) if url.is_secured() => Ok(url.trusting(read_trust(&TrustFiles::pem(path))?)),
            Some(_) => {
                let text = format!("--tls-ca has no meaning for {url}: expected https:// there");
                Err(Failure::Argument(text.into()))
            }
            None if url.is_secured() => {
                let text = format!(
                    "{url} needs --tls-ca: expected the authority that has issued the certificate of the node, in PEM"
                );
                Err(Failure::Argument(text.into()))
            }
            None => Ok(url),
        }
    }
}
