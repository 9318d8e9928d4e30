//! PKCS#12: a store of keys and certificates that a password opens.

use ballotbox_core::UntrustedText;
use futures_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use p12_keystore::{Certificate, CertificateBag, LocalKeyId, Pkcs12Archive, error::Error};

use super::{Password, TlsFileError, TlsFileProblem, file::Source, key_pair};

/// Where a password for a store could be.
const PASSWORD_PLACES: &str = "a password in the zoo.cfg beside its location";

/// What a store has for a member.
pub(super) struct OwnKey {
    /// The certificate of the key, then those above it.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Whether this is PKCS#12, or at least begins so: a sequence, and in it the version 3.
pub(super) fn is_pkcs12(bytes: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = bytes else { return false };
    let more = if *length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    rest.get(more..).is_some_and(|content| content.starts_with(&[2, 1, 3]))
}

/// The key in a store, and its certificates.
pub(super) fn own_key(
    source: &Source<'_>,
    bytes: &[u8],
    password: Option<&Password>,
) -> Result<OwnKey, TlsFileError> {
    let archive = open(source, bytes, password)?;
    let bag = match archive.keys.as_slice() {
        [bag] => bag,
        [] => return Err(source.wrong(lacks(source, "key", &archive))),
        keys => return Err(source.wrong(TlsFileProblem::SeveralKeys { count: keys.len() })),
    };
    if archive.certs.is_empty() {
        return Err(source.wrong(lacks(source, "certificate", &archive)));
    }
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()));
    let of_key = |bag: &&CertificateBag| key_pair::belongs(source, &key, &der(&bag.cert));
    let candidates: Vec<_> = archive.certs.iter().filter(of_key).collect();
    // A key may have several certificates, of which the store marks one as its own.
    let is_marked = |own: &&&CertificateBag| is_of(own, bag.local_key_id.as_ref());
    let marked = candidates.iter().find(is_marked);
    let Some(own) = marked.or_else(|| candidates.first()) else {
        key_pair::usable(source, &key)?;
        let key = UntrustedText::path(source.path);
        return Err(source.wrong(TlsFileProblem::OtherKey { key }));
    };
    Ok(OwnKey { chain: chain(&own.cert, &archive.certs), key })
}

/// The certificates of authorities in a store. Java marks them; in a store that Java did not make, they are those that belong to no key.
pub(super) fn authorities(
    source: &Source<'_>,
    bytes: &[u8],
    password: Option<&Password>,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let archive = open(source, bytes, password)?;
    let is_marked = archive.certs.iter().any(|bag| bag.trusted);
    let is_authority = |bag: &&CertificateBag| {
        if is_marked { bag.trusted } else { bag.local_key_id.is_none() }
    };
    let authorities: Vec<_> =
        archive.certs.iter().filter(is_authority).map(|bag| der(&bag.cert)).collect();
    if authorities.is_empty() {
        return Err(source.wrong(lacks(source, "certificate of an authority", &archive)));
    }
    Ok(authorities)
}

fn open(
    source: &Source<'_>,
    bytes: &[u8],
    password: Option<&Password>,
) -> Result<Pkcs12Archive, TlsFileError> {
    let text = password.map_or("", Password::text);
    Pkcs12Archive::from_pkcs12(bytes, text).map_err(|error| {
        // Where nothing proves the password, what it leads to is no text of a cipher.
        let is_of_password =
            matches!(error, Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_));
        source.wrong(match is_of_password {
            true if text.is_empty() => TlsFileProblem::NoPassword { expected: PASSWORD_PLACES },
            true => TlsFileProblem::WrongPassword,
            false => TlsFileProblem::Unopened { cause: UntrustedText::new(error) },
        })
    })
}

fn is_of(bag: &CertificateBag, key: Option<&LocalKeyId>) -> bool {
    key.is_some_and(|key| bag.local_key_id.as_ref() == Some(&key.0))
}

/// The certificate, then the one that signed it, and so on; without the root, which everybody has to have anyway.
fn chain(own: &Certificate, all: &[CertificateBag]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![der(own)];
    let mut last = own;
    let signed_by = |bag: &&CertificateBag, last: &Certificate| {
        bag.cert.subject() == last.issuer() && bag.cert.subject() != bag.cert.issuer()
    };
    while let Some(bag) = all.iter().find(|bag| signed_by(bag, last)) {
        let next = der(&bag.cert);
        if chain.contains(&next) {
            break;
        }
        chain.push(next);
        last = &bag.cert;
    }
    chain
}

fn der(certificate: &Certificate) -> CertificateDer<'static> {
    certificate.as_der().to_vec().into()
}

fn lacks(source: &Source<'_>, what: &'static str, archive: &Pkcs12Archive) -> TlsFileProblem {
    let found = [
        (archive.keys.len(), "key"),
        (archive.certs.len(), "certificate"),
        (archive.secrets.len(), "secret key"),
    ];
    let found = found.into_iter().filter(|(count, _)| *count > 0);
    let found: Vec<_> = found
        .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        .collect();
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join(" and ") };
    TlsFileProblem::Lacks { wanted: source.wanted, what, found: found.into(), advice: None }
}
