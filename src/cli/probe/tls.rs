//! TLS of a probe: with the certificate of a member, and speaking as none.

use std::path::PathBuf;

use ballotbox::{
    Membership,
    scenario::vote_file::TlsFiles,
    tls::{NodeTls, TlsSettings, TlsStage},
};
use structopt::StructOpt;

use crate::cli::{Failure, tls_files};

// What the command line says about TLS. The help would show more than this as that of the probe.
#[derive(Debug, StructOpt)]
#[allow(clippy::struct_field_names, reason = "the options are named after the fields")]
pub(super) struct TlsArgs {
    /// Speaks TLS: the certificate of a member, in PEM; needs --tls-key and --tls-ca as well
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    tls_key: Option<PathBuf>,
    /// The authority of all members, in PEM
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    tls_ca: Option<PathBuf>,
}

impl TlsArgs {
    /// Among the members of a zoo.cfg that asks for this; each has to prove that it is the one that stands there. Adds what should be
    /// looked at to the warnings.
    pub(super) fn among(
        &self,
        members: &Membership,
        settings: Option<TlsSettings>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<NodeTls>, Failure> {
        let settings = tls_files::instead_of_stores(self.files()?, settings)?;
        // Where plain text is spoken, the files may not even be there yet.
        let Some(settings) = settings.filter(|settings| settings.stage != TlsStage::Taken) else {
            return Ok(None);
        };
        let material = tls_files::material(&settings, warnings)?;
        Ok(Some(NodeTls::new(settings, material, members, [])?))
    }

    /// Of servers of which nothing but the addresses is known.
    pub(super) fn of_anybody(
        &self,
        warnings: &mut Vec<String>,
    ) -> Result<Option<NodeTls>, Failure> {
        let Some(files) = self.files()? else { return Ok(None) };
        let settings = TlsSettings::from_pem(files.cert, files.key, files.ca);
        let material = tls_files::material(&settings, warnings)?;
        Ok(Some(NodeTls::without_members(settings, material)?))
    }

    fn files(&self) -> Result<Option<TlsFiles>, Failure> {
        tls_files::all_or_none(self.tls_cert.as_ref(), self.tls_key.as_ref(), self.tls_ca.as_ref())
    }
}
