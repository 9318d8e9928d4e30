//! The files that TLS settings name, for every command that speaks as a member.

use ballotbox::{
    Membership, ServerId,
    tls::{CertificateName, NodeTls, OwnName, TlsSettings, TlsStage, read_material},
};

use super::Failure;

/// The member that is to speak TLS, and how certificates name it and the others.
pub(super) struct Speaker<'a> {
    pub(super) me: ServerId,
    pub(super) members: &'a Membership,
    pub(super) names: Vec<(ServerId, &'a CertificateName)>,
}

/// Reads the files that the settings name. Adds what should be looked at to the warnings.
pub(super) fn read(
    settings: TlsSettings,
    speaker: &Speaker<'_>,
    warnings: &mut Vec<String>,
) -> Result<NodeTls, Failure> {
    let material = read_material(&settings)?;
    warnings.extend(material.remarks.iter().map(ToString::to_string));
    let names = speaker.names.iter().copied();
    let tls = NodeTls::new(settings, material, speaker.members, names)?;
    let me = speaker.me;
    match tls.own_name(me) {
        OwnName::Fits => {}
        OwnName::Shared(others) => {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            let others = others.join(", ");
            warnings.push(format!(
                "the certificate of member {me} is as good for {others}: who has the key of one of them can speak for all; a \
                 certificate with the URI ballotbox:{me} is that of one alone, and `strict` takes no other"
            ));
        }
        OwnName::Unfit(error) => {
            warnings.push(format!("the other members will not believe member {me}: {error}"));
        }
    }
    Ok(tls)
}

/// The same for a zoo.cfg: a real server that speaks plain text opens its stores only when somebody comes with TLS. So files that cannot be
/// used are a warning there, and plain text alone is taken.
pub(super) fn read_of_zoo_cfg(
    settings: TlsSettings,
    speaker: &Speaker<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<NodeTls>, Failure> {
    let stage = settings.stage;
    match read(settings, speaker, warnings) {
        Err(Failure::TlsFile(error)) if stage == TlsStage::Taken => {
            warnings
                .push(format!("{error}; until that is mended, this member takes plain text only"));
            Ok(None)
        }
        read => read.map(Some),
    }
}
