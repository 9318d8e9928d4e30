//! What a vote file says of TLS: for all members, and for single ones.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ballotbox_core::ServerId;

use super::VoteFile;
use crate::tls::{CertificateName, Naming, TlsSettings, TlsStage};

/// What a vote file says of TLS. That it is there at all means: no member is met in plain text, unless its stage allows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileTls {
    /// For all members.
    pub all: TlsFields,
    /// For one member, instead of what is said for all.
    pub members: BTreeMap<ServerId, MemberTls>,
}

/// What a vote file says of the TLS of one member.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MemberTls {
    /// Instead of what is said for all.
    pub fields: TlsFields,
    /// How the certificate of this member names it. If it is not given, by the hosts of its addresses.
    pub name: Option<CertificateName>,
}

/// The fields of `tls`, as they stand there. Of `cert`, `key` and `ca` a member has all three or none, wherever they are said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsFields {
    /// The certificate, and those between it and the authority, in PEM.
    pub cert: Option<String>,
    /// Its key, in PEM.
    pub key: Option<String>,
    /// The certificates of the authorities, in PEM.
    pub ca: Option<String>,
    /// How far the ensemble has come.
    pub stage: Option<TlsStage>,
    /// Whether a certificate has to name its member and no other.
    pub strict: Option<bool>,
}

/// The three files of a member, in PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The certificate, and those between it and the authority.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The certificates of the authorities.
    pub ca: PathBuf,
}

/// A vote file asks for TLS, and says of a member not with which files.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "it asks for TLS, and names no files for member {id}: expected cert, key and ca in its tls, or in the tls of all, or \
     --tls-cert, --tls-key and --tls-ca beside it"
)]
pub struct NoTlsFiles {
    /// The member.
    pub id: ServerId,
}

impl VoteFile {
    /// What this file asks of the TLS of member `id`; `None` for plain text. Paths in it start where the file `vote_file` is.
    ///
    /// Files that were `given` take the place of those in the vote file, and ask for TLS where the vote file does not.
    ///
    /// # Errors
    ///
    /// [`NoTlsFiles`], if there is TLS and there are no files for it.
    pub fn tls_settings(
        &self,
        id: ServerId,
        vote_file: &Path,
        given: Option<TlsFiles>,
    ) -> Result<Option<TlsSettings>, NoTlsFiles> {
        let fields = self.tls.as_ref().map(|tls| tls.of(id));
        let Some(files) =
            given.or_else(|| fields.as_ref().and_then(|fields| fields.files(vote_file)))
        else {
            return if fields.is_some() { Err(NoTlsFiles { id }) } else { Ok(None) };
        };
        let fields = fields.unwrap_or_default();
        Ok(Some(TlsSettings {
            stage: fields.stage.unwrap_or_default(),
            naming: if fields.strict == Some(true) { Naming::Strict } else { Naming::Named },
            ..TlsSettings::from_pem(files.cert, files.key, files.ca)
        }))
    }

    /// How certificates name the members, where the file says so. The others are named by the hosts of their addresses.
    pub fn tls_names(&self) -> impl Iterator<Item = (ServerId, &CertificateName)> {
        let members = self.tls.iter().flat_map(|tls| &tls.members);
        members.filter_map(|(id, member)| Some((*id, member.name.as_ref()?)))
    }
}

impl FileTls {
    /// What counts for this member.
    pub fn of(&self, id: ServerId) -> TlsFields {
        let all = self.all.clone();
        let Some(MemberTls { fields, .. }) = self.members.get(&id) else { return all };
        TlsFields {
            cert: fields.cert.clone().or(all.cert),
            key: fields.key.clone().or(all.key),
            ca: fields.ca.clone().or(all.ca),
            stage: fields.stage.or(all.stage),
            strict: fields.strict.or(all.strict),
        }
    }
}

impl TlsFields {
    fn files(&self, vote_file: &Path) -> Option<TlsFiles> {
        let directory = vote_file.parent().unwrap_or_else(|| Path::new(""));
        let path = |text: &Option<String>| text.as_ref().map(|text| directory.join(text));
        Some(TlsFiles { cert: path(&self.cert)?, key: path(&self.key)?, ca: path(&self.ca)? })
    }
}
