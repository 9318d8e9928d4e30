//! TLS of a node: what the command line says of it, and the files that it takes.

use std::path::{Path, PathBuf};

use ballotbox::{
    ServerId,
    scenario::vote_file::{TlsFiles, VoteFile},
    tls::TlsSettings,
};
use structopt::StructOpt;

use crate::cli::{Failure, input};

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

    /// What a zoo.cfg and the command line ask for together: files given here take the place of its stores, which may be for Java alone.
    pub(super) fn beside_zoo_cfg(
        &self,
        settings: Option<TlsSettings>,
    ) -> Result<Option<TlsSettings>, Failure> {
        let Some(files) = self.files()? else { return Ok(settings) };
        let Some(settings) = settings else {
            let text = "--tls-cert, --tls-key and --tls-ca have no meaning here: by the zoo.cfg the servers speak plain text. Expected \
                        sslQuorum=true in it, with a key store and a trust store, or no such options";
            return Err(Failure::Argument(text.into()));
        };
        let TlsSettings { own, trust, .. } = TlsSettings::from_pem(files.cert, files.key, files.ca);
        Ok(Some(TlsSettings { own, trust, ..settings }))
    }

    /// All three files, or none.
    fn files(&self) -> Result<Option<TlsFiles>, Failure> {
        match (&self.tls_cert, &self.tls_key, &self.tls_ca) {
            (None, None, None) => Ok(None),
            (Some(cert), Some(key), Some(ca)) => {
                Ok(Some(TlsFiles { cert: cert.clone(), key: key.clone(), ca: ca.clone() }))
            }
            (cert, key, ca) => {
                let options = [("--tls-cert", cert), ("--tls-key", key), ("--tls-ca", ca)];
                let missing = options.iter().filter(|(_, given)| given.is_none());
                let missing: Vec<_> = missing.map(|(option, _)| *option).collect();
                let text = format!(
                    "{} missing: expected --tls-cert, --tls-key and --tls-ca, or none of them",
                    missing.join(" and ")
                );
                Err(Failure::Argument(text.into()))
            }
        }
    }
}
