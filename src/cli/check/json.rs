//! What `check --json` prints: one object about all files.

use std::{collections::BTreeMap, io::Write, path::Path};

use ballotbox::{
    Endpoint, Member, ServerId, UntrustedText,
    scenario::vote_file::TlsFields,
    zoo_cfg::{Finding, Ignored, RealServer, ZooCfg, ZooCfgError},
};
use ballotbox_actors::kit::clock;
use serde::Serialize;

use super::{
    super::{Failure, input, screen},
    Checked, Votes, zoo_cfg,
};

#[derive(Serialize)]
struct Report {
    files: Vec<Verdict>,
}

/// One file: whether it is good, and what it says or what is wrong with it.
#[derive(Serialize)]
struct Verdict {
    file: String,
    kind: &'static str,
    good: bool,
    /// Errors and warnings, by line.
    findings: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    me: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<Listed>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    settings: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<Unused>,
}

#[derive(Serialize)]
struct Found {
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// What a real server does with the file for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    real_server: Option<&'static str>,
    text: String,
}

#[derive(Serialize)]
struct Listed {
    id: u64,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u64>,
    election: Vec<String>,
    quorum: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<ListedTls>,
}

/// TLS of a member of a vote file. Files that the command line is to name are not there.
#[derive(Serialize)]
struct ListedTls {
    stage: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    /// The name in its certificate, if that is not the host of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    strict: bool,
    /// When its certificate ends, if that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

#[derive(Serialize)]
struct Unused {
    key: String,
    line: usize,
}

pub(super) fn print(files: &[(&Path, Checked)], out: &mut dyn Write) -> Result<(), Failure> {
    let report =
        Report { files: files.iter().map(|(path, checked)| file(path, checked)).collect() };
    let text = serde_json::to_string(&report).map_err(std::io::Error::from)?;
    writeln!(out, "{text}")?;
    Ok(())
}

fn file(path: &Path, checked: &Checked) -> Verdict {
    let file = Verdict {
        file: input::name(path).to_string(),
        kind: match checked {
            Checked::Votes(_) => "votes",
            Checked::ZooCfg(_) => "zoo.cfg",
            Checked::Neither(_) => "unknown",
        },
        good: !checked.is_refused(),
        findings: Vec::new(),
        me: None,
        members: Vec::new(),
        settings: BTreeMap::new(),
        ignored: Vec::new(),
    };
    match checked {
        Checked::Votes(Ok(votes)) => Verdict {
            findings: votes.warnings.iter().map(|text| said("warning", text.clone())).collect(),
            members: voting(votes),
            ..file
        },
        Checked::Votes(Err(error)) => Verdict { findings: vec![failed(error.to_string())], ..file },
        Checked::Neither(failure) => {
            Verdict { findings: vec![failed(failure.to_string())], ..file }
        }
        Checked::ZooCfg(Ok(cfg)) => configured(cfg, file),
        Checked::ZooCfg(Err(error)) => Verdict { findings: found(error), ..file },
    }
}

fn failed(text: String) -> Found {
    said("error", text)
}

/// What says itself where it is.
fn said(severity: &'static str, text: String) -> Found {
    Found { severity, file: None, line: None, real_server: None, text }
}

fn configured(cfg: &ZooCfg, file: Verdict) -> Verdict {
    let members = cfg.membership.iter().zip(cfg.config.servers.values());
    let unused = |Ignored { key, line }: &Ignored| Unused { key: key.to_string(), line: *line };
    Verdict {
        findings: cfg.warnings.iter().map(one).collect(),
        me: cfg.me.map(ServerId::number),
        members: members.map(|(member, line)| listed(member, line.client.as_ref())).collect(),
        settings: zoo_cfg::settings(cfg).into_iter().collect(),
        ignored: cfg.ignored.iter().map(unused).collect(),
        ..file
    }
}

fn found(error: &ZooCfgError) -> Vec<Found> {
    error.findings.all().into_iter().map(one).collect()
}

fn one(finding: &Finding) -> Found {
    Found {
        severity: screen::severity_word(finding),
        file: Some(UntrustedText::path(&finding.place.file).to_string()),
        line: finding.place.line,
        real_server: Some(match finding.real_server {
            RealServer::Refuses => "refuses",
            RealServer::Takes => "takes",
        }),
        text: finding.text(),
    }
}

fn listed(member: &Member, client: Option<&Endpoint>) -> Listed {
    let shown = |endpoints: &[Endpoint]| endpoints.iter().map(Endpoint::to_string).collect();
    Listed {
        id: member.id.number(),
        role: member.role.word(),
        weight: member.weight,
        group: member.group.map(|group| group.0),
        election: shown(&member.election),
        quorum: shown(&member.quorum),
        client: client.map(Endpoint::to_string),
        tls: None,
    }
}

fn voting(votes: &Votes) -> Vec<Listed> {
    let members = votes.file.members();
    let with_tls = |member: &Member| Listed { tls: tls(votes, member.id), ..listed(member, None) };
    members.map(|(member, _)| with_tls(member)).collect()
}

fn tls(votes: &Votes, id: ServerId) -> Option<ListedTls> {
    let of_file = votes.file.tls.as_ref()?;
    let TlsFields { cert, key, ca, stage, strict } = of_file.of(id);
    let own = of_file.members.get(&id);
    let shown = |path: Option<String>| path.map(|path| UntrustedText::new(path).to_string());
    Some(ListedTls {
        stage: stage.unwrap_or_default().word(),
        cert: shown(cert),
        key: shown(key),
        ca: shown(ca),
        name: own.and_then(|own| own.name.as_ref()).map(ToString::to_string),
        strict: strict == Some(true),
        until: votes.certificates.get(&id).map(|shown| clock::rfc3339(shown.not_after)),
    })
}
