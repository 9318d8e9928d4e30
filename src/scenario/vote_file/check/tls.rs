//! `tls`: whether what is said for all and for single members makes a whole for each of them.

use std::collections::BTreeMap;

use ballotbox_core::UntrustedText;

use super::super::{
    FileTls, MemberTls, TLS_PATH_BYTES_MAX, TlsFields,
    error::{At, FieldError},
    raw::{Id, Object, RawTls, RawVoteFile},
};

pub(super) fn check(raw: &RawVoteFile) -> Result<Option<FileTls>, At> {
    let all = match &raw.tls {
        Some(Object(raw)) => fields(raw, "tls")?,
        None => TlsFields::default(),
    };
    let mut members = BTreeMap::new();
    for (n, Object(member)) in raw.members.iter().enumerate() {
        let Some(Object(raw)) = &member.tls else { continue };
        let path = format!("members[{n}].tls");
        let fields = fields(&raw.fields(), &path)?;
        let name = raw.name.as_deref().map(str::parse).transpose();
        let name =
            name.map_err(|e| At::new(format!("{path}.name"), FieldError::CertificateName(e)))?;
        members.insert(member.id.0, MemberTls { fields, name });
    }
    if raw.tls.is_none() && members.is_empty() {
        return Ok(None);
    }
    let tls = FileTls { all, members };
    distinct_names(raw, &tls)?;
    all_files_or_none(raw, &tls)?;
    Ok(Some(tls))
}

fn fields(raw: &RawTls, path: &str) -> Result<TlsFields, At> {
    for (given, field) in [(&raw.cert, "cert"), (&raw.key, "key"), (&raw.ca, "ca")] {
        let is_path =
            |text: &String| (1..=TLS_PATH_BYTES_MAX).contains(&text.len()) && !text.contains('\0');
        if given.as_ref().is_some_and(|text| !is_path(text)) {
            return Err(At::new(format!("{path}.{field}"), FieldError::TlsPath));
        }
    }
    Ok(TlsFields {
        cert: raw.cert.clone(),
        key: raw.key.clone(),
        ca: raw.ca.clone(),
        stage: raw.stage.map(Into::into),
        strict: raw.strict,
    })
}

/// Two members of one name could each pass for the other.
fn distinct_names(raw: &RawVoteFile, tls: &FileTls) -> Result<(), At> {
    let mut seen = BTreeMap::new();
    for (n, Object(member)) in raw.members.iter().enumerate() {
        let Id(id) = member.id;
        let Some(name) = tls.members.get(&id).and_then(|member| member.name.as_ref()) else {
            continue;
        };
        if let Some(other) = seen.insert(name, id) {
            let error = FieldError::SharedCertificateName { name: UntrustedText::new(name), other };
            return Err(At::new(format!("members[{n}].tls.name"), error));
        }
    }
    Ok(())
}

fn all_files_or_none(raw: &RawVoteFile, tls: &FileTls) -> Result<(), At> {
    for (n, Object(member)) in raw.members.iter().enumerate() {
        let Id(id) = member.id;
        let Some((missing, given)) = missing_file(&tls.of(id)) else { continue };
        let path =
            if member.tls.is_some() { format!("members[{n}].tls") } else { "tls".to_owned() };
        return Err(At::new(path, FieldError::TlsIncomplete { id, missing, given }));
    }
    Ok(())
}

/// One of the three that is missing, and one that is there.
fn missing_file(fields: &TlsFields) -> Option<(&'static str, &'static str)> {
    let files = [
        ("cert", fields.cert.is_some()),
        ("key", fields.key.is_some()),
        ("ca", fields.ca.is_some()),
    ];
    let (missing, _) = files.into_iter().find(|(_, is_there)| !is_there)?;
    let (given, _) = files.into_iter().find(|(_, is_there)| *is_there)?;
    Some((missing, given))
}
