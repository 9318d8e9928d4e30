//! The files that TLS settings name, for every command that speaks as a member.

use ballotbox::tls::{Material, TlsSettings, TlsStage, read_material};

use super::Failure;

/// Reads the files that the settings name. Adds what should be looked at to the warnings.
pub(super) fn material(
    settings: &TlsSettings,
    warnings: &mut Vec<String>,
) -> Result<Material, Failure> {
    let material = read_material(settings)?;
    warnings.extend(material.remarks.iter().map(ToString::to_string));
    refuse_what_nobody_speaks(settings.stage, warnings)?;
    Ok(material)
}

/// The same for a zoo.cfg: a real server that speaks plain text opens its stores only when somebody comes with TLS. So files that cannot be
/// used are a warning there, and plain text alone is taken.
pub(super) fn material_of_zoo_cfg(
    settings: &TlsSettings,
    warnings: &mut Vec<String>,
) -> Result<Option<Material>, Failure> {
    match material(settings, warnings) {
        Err(Failure::TlsFile(error)) if settings.stage == TlsStage::Taken => {
            warnings
                .push(format!("{error}; until that is mended, this member takes plain text only"));
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// Makes sure that nobody who asks for TLS gets plain text instead: the network of this version has no TLS.
fn refuse_what_nobody_speaks(stage: TlsStage, warnings: &mut Vec<String>) -> Result<(), Failure> {
    match stage {
        TlsStage::Taken => {
            warnings.push("this version takes no TLS yet, only plain text".to_owned());
            Ok(())
        }
        TlsStage::Spoken | TlsStage::Required => {
            let text = "TLS is asked for, and its files are good; but this version speaks none yet. Expected plain text, or the stage \
                        `taken`, in which the members still speak it";
            Err(Failure::Argument(text.into()))
        }
    }
}
