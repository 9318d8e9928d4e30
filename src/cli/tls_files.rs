//! The files that TLS settings name, for every command that speaks as a member.

use std::path::PathBuf;

use ballotbox::{
    Membership, ServerId,
    scenario::vote_file::TlsFiles,
    tls::{CertificateName, Material, NodeTls, TlsSettings, TlsStage, read_material},
};

use super::Failure;

/// The files that the command line names: all three, or none.
pub(super) fn all_or_none(
    cert: Option<&PathBuf>,
    key: Option<&PathBuf>,
    ca: Option<&PathBuf>,
) -> Result<Option<TlsFiles>, Failure> {
    match (cert, key, ca) {
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

/// What a zoo.cfg and the command line ask for together: files given there take the place of its stores, which may be for Java alone.
pub(super) fn instead_of_stores(
    files: Option<TlsFiles>,
    settings: Option<TlsSettings>,
) -> Result<Option<TlsSettings>, Failure> {
    let Some(files) = files else { return Ok(settings) };
    let Some(settings) = settings else {
        let text = "--tls-cert, --tls-key and --tls-ca have no meaning here: by the zoo.cfg the servers speak plain text. Expected \
                    sslQuorum=true in it, with a key store and a trust store, or no such options";
        return Err(Failure::Argument(text.into()));
    };
    let TlsSettings { own, trust, .. } = TlsSettings::from_pem(files.cert, files.key, files.ca);
    Ok(Some(TlsSettings { own, trust, ..settings }))
}

/// The member that is to speak TLS, and how certificates name it and the others.
pub(super) struct Speaker<'a> {
    pub(super) me: ServerId,
    pub(super) members: &'a Membership,
    pub(super) names: Vec<(ServerId, &'a CertificateName)>,
}

/// Reads the files that the settings name. Adds what should be looked at to the warnings.
pub(super) fn material(
    settings: &TlsSettings,
    warnings: &mut Vec<String>,
) -> Result<Material, Failure> {
    let (material, remarks) = read_material(settings)?;
    warnings.extend(remarks.iter().map(ToString::to_string));
    Ok(material)
}

/// The same for a member, with what others may hold against the name in its certificate.
pub(super) fn read(
    settings: TlsSettings,
    speaker: &Speaker<'_>,
    warnings: &mut Vec<String>,
) -> Result<NodeTls, Failure> {
    let material = material(&settings, warnings)?;
    let names = speaker.names.iter().copied();
    let tls = NodeTls::new(settings, material, speaker.members, names)?;
    warnings.extend(tls.doubt_of_name(speaker.me).map(|doubt| doubt.to_string()));
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
