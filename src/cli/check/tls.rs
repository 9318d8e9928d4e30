//! What TLS settings say, for people.

use std::io::Write;

use ballotbox::{
    UntrustedText,
    scenario::vote_file::{FileTls, TlsFields, VoteFile},
    tls::{
        CipherSuite, ClientCertificate, KeyFiles, Naming, TlsSettings, TlsStage, TlsVersions,
        TrustFiles,
    },
};

use super::super::{
    Failure,
    screen::{self, BOLD, Column, PLAIN},
};

/// A stage, in words.
pub(super) const fn stage(stage: TlsStage) -> &'static str {
    match stage {
        TlsStage::Taken => "taken, beside plain text, which is spoken",
        TlsStage::Spoken => "spoken; plain text is taken as well",
        TlsStage::Required => "required",
    }
}

/// The rest of the settings.
pub(super) fn rows(tls: &TlsSettings) -> [(&'static str, String); 7] {
    let suites = tls.suites.as_ref().map(|suites| {
        suites.iter().map(|suite| CipherSuite::name(*suite)).collect::<Vec<_>>().join(", ")
    });
    let TrustFiles { path: authorities, .. } = &tls.trust;
    [
        ("TLS key and certificate", own(&tls.own)),
        ("TLS authorities", UntrustedText::path(authorities).to_string()),
        ("TLS names", naming(tls.naming).to_owned()),
        ("TLS client certificate", client_certificate(tls.client_certificate).to_owned()),
        ("TLS versions", versions(tls.versions).to_owned()),
        ("TLS cipher suites", suites.unwrap_or_else(|| "all".to_owned())),
        (
            "TLS files",
            if tls.reload { "read again when they change" } else { "read once" }.to_owned(),
        ),
    ]
}

/// What a vote file says of TLS.
pub(super) fn of_votes(file: &VoteFile, tls: &FileTls, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "\n{BOLD}TLS{BOLD:#}")?;
    let columns = [
        Column::right("member"),
        Column::left("stage"),
        Column::left("certificate"),
        Column::left("key"),
        Column::left("authority"),
        Column::left("name"),
    ];
    let rows: Vec<_> = file
        .members()
        .map(|(member, _)| {
            let TlsFields { cert, key, ca, stage, strict } = tls.of(member.id);
            let name = tls.members.get(&member.id).and_then(|member| member.name.as_ref());
            let name = name.map_or_else(|| "of its address".to_owned(), ToString::to_string);
            let only = if strict == Some(true) { ", no other" } else { "" };
            let row = vec![
                member.id.to_string(),
                stage.unwrap_or_default().word().to_owned(),
                shown(cert),
                shown(key),
                shown(ca),
                format!("{name}{only}"),
            ];
            (PLAIN, row)
        })
        .collect();
    screen::table(out, &columns, &rows)?;
    Ok(())
}

fn shown(path: Option<String>) -> String {
    path.map_or_else(
        || "by the command line".to_owned(),
        |path| UntrustedText::new(path).to_string(),
    )
}

fn own(files: &KeyFiles) -> String {
    match files {
        KeyFiles::Pem { certificates, key, .. } => {
            format!("{}, {}", UntrustedText::path(key), UntrustedText::path(certificates))
        }
        KeyFiles::Store { path, .. } => UntrustedText::path(path).to_string(),
    }
}

const fn naming(naming: Naming) -> &'static str {
    match naming {
        Naming::Strict => "checked: a certificate names its member and no other",
        Naming::Named => "checked: a certificate names its member",
        Naming::Unchecked => "not checked: any certificate of the authority",
    }
}

const fn client_certificate(certificate: ClientCertificate) -> &'static str {
    match certificate {
        ClientCertificate::Required => "required",
        ClientCertificate::Asked => "asked for, not required",
        ClientCertificate::NotAsked => "not asked for",
    }
}

const fn versions(versions: TlsVersions) -> &'static str {
    match versions {
        TlsVersions::Both => "1.2, 1.3",
        TlsVersions::Tls12 => "1.2",
        TlsVersions::Tls13 => "1.3",
    }
}
