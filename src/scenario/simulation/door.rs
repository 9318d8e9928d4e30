//! [`Door`]: who is believed to be whom, before any word reaches a core.
//!
//! Without TLS, everybody is who he says he is. With it, each member has a certificate that names it by its id, and what that
//! proves is what it proves to nodes: [`Identities::prove`].

use std::collections::BTreeMap;

use ballotbox_core::{
    ServerId,
    identity::{CertificateNames, Identities, Naming},
};

use super::network::Side;
use crate::{scenario::vote_file::VoteFile, tls::TlsStage};

/// The doors of all members.
#[derive(Clone, Debug)]
pub(super) struct Door {
    identities: Identities,
    /// How far those members have come on the way from plain text to TLS that have begun.
    stages: BTreeMap<ServerId, TlsStage>,
}

impl Door {
    pub(super) fn of(file: &VoteFile) -> Self {
        let identities = Identities::new(&file.membership, Naming::Strict);
        let members = file.members().map(|(member, _)| member.id);
        let stage = |id: ServerId| {
            let stage = file.tls.as_ref()?.of(id).stage;
            Some((id, stage.unwrap_or_default()))
        };
        Self { identities, stages: members.filter_map(stage).collect() }
    }

    /// Whether a member takes one that has the certificate of this other member, or none, for the one that it says it is. `side` is
    /// the end that the member has of their connection.
    pub(super) fn believes(
        &self,
        (member, side): (ServerId, Side),
        claims: ServerId,
        certificate: Option<ServerId>,
    ) -> bool {
        let proves = |owner| self.identities.prove(Some(claims), &names_of(owner)).is_ok();
        !self.insists(member, side) || certificate.is_some_and(proves)
    }

    /// Whether no connection is made in plain text here.
    fn insists(&self, member: ServerId, side: Side) -> bool {
        match (self.stages.get(&member), side) {
            (Some(TlsStage::Required), _) | (Some(TlsStage::Spoken), Side::Dialer) => true,
            (Some(TlsStage::Spoken), Side::Acceptor) | (Some(TlsStage::Taken) | None, _) => false,
        }
    }
}

/// What stands in the certificate of a member.
fn names_of(member: ServerId) -> CertificateNames {
    let uris = [format!("ballotbox:{member}")].into();
    CertificateNames { uris, ..CertificateNames::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is taken for 3 by a member of this file that dials, and by one that is dialled: a stranger, 2, and 3 itself.
    fn taken_for_3(tls: &str) -> [[bool; 3]; 2] {
        let text =
            format!(r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}, {{ "id": 3 }}] {tls} }}"#);
        let door = Door::of(&VoteFile::parse("test", &text).unwrap());
        let id = |number| ServerId::new(number).unwrap();
        let believes = |side, certificate| door.believes((id(1), side), id(3), certificate);
        [Side::Dialer, Side::Acceptor].map(|side| {
            [None, Some(id(2)), Some(id(3))].map(|certificate| believes(side, certificate))
        })
    }

    #[test]
    fn without_tls_all_are_believed_and_with_it_only_who_proves_it() {
        let everybody = [true; 3];
        let itself = [false, false, true];
        let files = r#""cert": "no.pem", "key": "no.pem", "ca": "no.pem""#;
        assert_eq!(taken_for_3(""), [everybody, everybody]);
        assert_eq!(taken_for_3(&format!(r#", "tls": {{ {files} }}"#)), [itself, itself]);
        // On the way to TLS, who comes in plain text is let in.
        for (stage, taken) in [
            ("taken", [everybody, everybody]),
            ("spoken", [itself, everybody]),
            ("required", [itself, itself]),
        ] {
            let tls = format!(r#", "tls": {{ {files}, "stage": "{stage}" }}"#);
            assert_eq!(taken_for_3(&tls), taken, "{stage}");
        }
    }
}
