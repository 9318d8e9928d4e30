//! TLS of a node: what the command line says of it, and the files that it takes.

use std::path::{Path, PathBuf};

use ballotbox::{
    ServerId,
    scenario::vote_file::{TlsFiles, VoteFile},
    tls::TlsSettings,
};
use structopt::StructOpt;

use crate::cli::{Failure, input, tls_files};

// What the command line says about TLS. The help would show more than this as that of the node.
#[derive(Debug, StructOpt)]
#[allow(clippy::struct_field_names, reason = "the options are named after the fields")]
pub(super) struct TlsArgs {
    /// Lets in only members, over TLS: the certificate of this one, in PEM; needs --tls-key and --tls-ca as well
    #[structopt(
        long,
        value_name = "FILE",
        env = "BALLOTBOX_NODE_TLS_CERT",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str)
    )]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM
    #[structopt(
        long,
        value_name = "FILE",
        env = "BALLOTBOX_NODE_TLS_KEY",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str)
    )]
    tls_key: Option<PathBuf>,
    /// The authority of all members, in PEM
    #[structopt(
        long,
        value_name = "FILE",
        env = "BALLOTBOX_NODE_TLS_CA",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str)
    )]
    tls_ca: Option<PathBuf>,
}

impl TlsArgs {
    /// What a vote file and the command line ask for together.
    pub(super) fn beside_votes(
        &self,
        file: &VoteFile,
        id: ServerId,
        path: &Path,
    ) -> Result<Option<TlsSettings>, Failure> {
        file.tls_settings(id, path, self.files()?)
            .map_err(|error| Failure::Argument(format!("{}: {error}", input::name(path)).into()))
    }

    /// What a zoo.cfg and the command line ask for together.
    pub(super) fn beside_zoo_cfg(
        &self,
        settings: Option<TlsSettings>,
    ) -> Result<Option<TlsSettings>, Failure> {
        tls_files::instead_of_stores(self.files()?, settings)
    }

    /// All three files, or none.
    fn files(&self) -> Result<Option<TlsFiles>, Failure> {
        tls_files::all_or_none(self.tls_cert.as_ref(), self.tls_key.as_ref(), self.tls_ca.as_ref())
    }
}
