//! TLS among servers: `sslQuorum`, `portUnification`, and all that begins with `ssl.quorum.`
//!
//! Without either switch nothing of it has any effect. With `portUnification` alone the servers speak plain text and take TLS as well: what
//! keeps us from TLS is a warning then, and plain text is all that we take.

use std::path::PathBuf;

use ballotbox_core::{UntrustedText, membership::properties::Entry};

use super::{
    Findings, Place, Problem, Settings, rest,
    settings::{not_a_switch, parse_switch},
};
use crate::tls::{
    CipherSuite, ClientCertificate, KeyFiles, Naming, Password, PasswordFrom, StoreKind,
    TlsSettings, TlsStage, TlsVersions, TrustFiles,
};

const PREFIX: &str = "ssl.quorum.";

const NO_SUPPLIER: &str = "it names a Java class that makes the keys, and ballotbox runs no Java";
const NO_REVOCATION: &str =
    "ballotbox asks nobody whether a certificate was revoked, so it would let in one that was";

/// What the file asks for; `None` for plain text alone.
pub(super) fn read(settings: &mut Settings, findings: &mut Findings) -> Option<TlsSettings> {
    let (speaks, speaks_at) = settings.switch_at("sslQuorum", findings);
    let (takes_both, both_at) = settings.switch_at("portUnification", findings);
    let stage = match (speaks, takes_both) {
        (false, false) => return None,
        (false, true) => TlsStage::Taken,
        (true, true) => TlsStage::Spoken,
        (true, false) => TlsStage::Required,
    };
    let place = if speaks { speaks_at } else { both_at };
    let mut reader = Reader { settings, findings, stage, place: place.clone(), is_hindered: false };
    let read = reader.all();
    if reader.is_hindered && stage == TlsStage::Taken {
        findings.push(place.warning(Problem::PlainTextOnly));
        return None;
    }
    read
}

struct Reader<'a> {
    settings: &'a mut Settings,
    findings: &'a mut Findings,
    stage: TlsStage,
    /// Where TLS is switched on.
    place: Place,
    /// Whether something keeps us from TLS.
    is_hindered: bool,
}

impl Reader<'_> {
    fn all(&mut self) -> Option<TlsSettings> {
        self.refuse_the_unsupported();
        let (own, trust) = (self.store("keyStore"), self.store("trustStore"));
        let missing = match (&own, &trust) {
            (None, None) => Some("ssl.quorum.keyStore.location and ssl.quorum.trustStore.location"),
            (None, Some(_)) => Some("ssl.quorum.keyStore.location"),
            (Some(_), None) => Some("ssl.quorum.trustStore.location"),
            (Some(_), Some(_)) => None,
        };
        if let Some(keys) = missing {
            self.hinder(self.place.clone(), Problem::NoStore { keys });
        }
        let naming = self.naming();
        let client_certificate = self.client_certificate();
        let versions = self.versions();
        let (versions, suites) = self.suites(versions);
        let _ = self.settings.property("ssl.quorum.handshakeDetectionTimeoutMillis", self.findings);
        let reload = self.settings.switch("sslQuorumReloadCertFiles", true, self.findings);
        let (own, trust) = own.zip(trust)?;
        Some(TlsSettings {
            stage: self.stage,
            own: KeyFiles::Store { path: own.path, kind: own.kind, password: own.password },
            trust,
            naming,
            client_certificate,
            versions,
            suites,
            reload,
        })
    }

    fn take(&mut self, rest: &str) -> Option<(Entry, Place)> {
        let entry = self.settings.take(&format!("{PREFIX}{rest}"))?;
        let place = self.settings.at(&entry);
        Some((entry, place))
    }

    /// A text that is there, looked at for slips.
    fn text(&mut self, rest: &str) -> Option<(String, Place)> {
        let (entry, place) = self.take(rest)?;
        rest::check_text(place.clone(), &entry, self.findings);
        Some((entry.value, place)).filter(|(value, _)| !value.is_empty())
    }

    /// This keeps us from TLS. Where the servers do not rely on TLS yet, it is a warning.
    fn hinder(&mut self, place: Place, problem: Problem) {
        self.is_hindered = true;
        self.findings.push(match self.stage {
            TlsStage::Taken => place.warning(problem),
            TlsStage::Spoken | TlsStage::Required => place.error_here(problem),
        });
    }

    fn refuse_the_unsupported(&mut self) {
        if let Some((value, place)) = self.text("context.supplier.class") {
            let key = "ssl.quorum.context.supplier.class".into();
            let (value, why, expected) = (value.into(), NO_SUPPLIER, "no such line");
            self.hinder(place, Problem::Unsupported { key, value, why, expected });
        }
        for rest in ["crl", "ocsp"] {
            let Some(place) = self.switched(rest, false) else { continue };
            let (key, value) = (format!("{PREFIX}{rest}").into(), "true".into());
            let (why, expected) = (NO_REVOCATION, "false, or no such line");
            self.hinder(place, Problem::Unsupported { key, value, why, expected });
        }
        if let Some(place) = self.switched("allowReverseDnsLookup", false) {
            self.findings.push(place.warning(Problem::ReverseLookup));
        }
    }

    /// The place of a switch that is not as it is without its line.
    fn switched(&mut self, rest: &str, missing: bool) -> Option<Place> {
        let (entry, place) = self.take(rest)?;
        let Some(value) = parse_switch(&entry.value) else {
            // Java takes anything but true for false, and so lets in more than was meant.
            self.hinder(place, not_a_switch(&entry));
            return None;
        };
        (value != missing).then_some(place)
    }

    /// A key store or a trust store, if its location is told.
    fn store(&mut self, store: &str) -> Option<TrustFiles> {
        let location = self.text(&format!("{store}.location"));
        let said = self.kind(store);
        let password = self.password(store);
        let (location, place) = location?;
        let path = PathBuf::from(location);
        let kind = said.or_else(|| StoreKind::by_extension(&path));
        if kind.is_none() {
            let key = format!("{PREFIX}{store}.type").into();
            self.findings.push(place.warning(Problem::KindUntold { key }));
        }
        Some(TrustFiles { path, kind, password })
    }

    fn kind(&mut self, store: &str) -> Option<StoreKind> {
        let (value, place) = self.text(&format!("{store}.type"))?;
        let kind = StoreKind::named(&value);
        if kind.is_none() {
            let key = format!("{PREFIX}{store}.type").into();
            let expected = "PEM or PKCS12";
            self.hinder(place, Problem::Word { key, found: value.into(), expected });
        }
        kind
    }

    /// A file with a password counts more than a password, as in real servers.
    fn password(&mut self, store: &str) -> PasswordFrom {
        let given = self.text(&format!("{store}.password"));
        if let Some((path, _)) = self.text(&format!("{store}.passwordPath")) {
            return PasswordFrom::File(path.into());
        }
        given.map_or(PasswordFrom::Nowhere, |(text, _)| PasswordFrom::Given(Password::new(text)))
    }

    fn naming(&mut self) -> Naming {
        let unchecked = self.switched("hostnameVerification", true);
        let of_clients = self.switched("clientHostnameVerification", true);
        if let Some(place) = unchecked {
            self.findings.push(place.warning(Problem::NamesUnchecked));
            return Naming::Unchecked;
        }
        if let Some(place) = of_clients {
            self.findings.push(place.warning(Problem::ClientNamesUnchecked));
        }
        Naming::Named
    }

    fn client_certificate(&mut self) -> ClientCertificate {
        let Some((value, place)) = self.text("clientAuth") else {
            return ClientCertificate::Required;
        };
        let (certificate, is_safe) = match value.to_ascii_lowercase().as_str() {
            "need" => (ClientCertificate::Required, true),
            "want" => (ClientCertificate::Asked, false),
            "none" => (ClientCertificate::NotAsked, false),
            _ => {
                let (key, found) = ("ssl.quorum.clientAuth".into(), value.into());
                let expected = "need, want or none";
                self.hinder(place, Problem::Word { key, found, expected });
                return ClientCertificate::Required;
            }
        };
        if !is_safe {
            self.findings.push(place.warning(Problem::ClientAuth { found: value.into() }));
        }
        certificate
    }

    /// `enabledProtocols` if it is there, or else `protocol`.
    fn versions(&mut self) -> TlsVersions {
        let protocol = self.text("protocol");
        let (key, (value, place)) = match (self.text("enabledProtocols"), protocol) {
            (Some(list), _) => ("ssl.quorum.enabledProtocols", list),
            (None, Some(one)) => ("ssl.quorum.protocol", one),
            (None, None) => return TlsVersions::Both,
        };
        let (mut has_12, mut has_13) = (false, false);
        let mut others = Vec::new();
        for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "TLS" => (has_12, has_13) = (true, true),
                "TLSv1.2" => has_12 = true,
                "TLSv1.3" => has_13 = true,
                other => others.push(other),
            }
        }
        let left_out = UntrustedText::new(others.join(", "));
        match (has_12, has_13) {
            (false, false) => {
                let expected = "TLSv1.2, TLSv1.3 or both, with a comma between them";
                self.hinder(
                    place,
                    Problem::Word { key: key.into(), found: value.into(), expected },
                );
                return TlsVersions::Both;
            }
            _ if !others.is_empty() => {
                let problem = Problem::VersionsLeftOut { key: key.into(), left_out };
                self.findings.push(place.warning(problem));
            }
            _ => {}
        }
        match (has_12, has_13) {
            (true, false) => TlsVersions::Tls12,
            (false, true) => TlsVersions::Tls13,
            (true, true) | (false, false) => TlsVersions::Both,
        }
    }

    /// The cipher suites that we have of those that are listed, and the versions that are left with them.
    fn suites(&mut self, versions: TlsVersions) -> (TlsVersions, Option<Vec<CipherSuite>>) {
        let Some((value, place)) = self.text("ciphersuites") else { return (versions, None) };
        let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
        let (known, unknown): (Vec<_>, Vec<_>) = words
            .map(|word| (word, CipherSuite::named(word)))
            .partition(|(_, suite)| suite.is_some());
        let fits = |suite: &CipherSuite| match versions {
            TlsVersions::Both => true,
            TlsVersions::Tls12 => !suite.is_of_tls13(),
            TlsVersions::Tls13 => suite.is_of_tls13(),
        };
        let suites: Vec<_> =
            known.into_iter().filter_map(|(_, suite)| suite).filter(fits).collect();
        if suites.is_empty() {
            let known: Vec<_> = CipherSuite::all().filter(fits).map(CipherSuite::name).collect();
            let expected = UntrustedText::shortened(known.join(", "), 512);
            self.hinder(place, Problem::NoSuite { found: value.into(), expected });
            return (versions, None);
        }
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().map(|(word, _)| word).collect();
            let left_out = UntrustedText::shortened(unknown.join(", "), 512);
            self.findings.push(place.warning(Problem::SuitesLeftOut { left_out }));
        }
        let of_13 = suites.iter().filter(|suite| suite.is_of_tls13()).count();
        let versions = match of_13 {
            0 => TlsVersions::Tls12,
            all if all == suites.len() => TlsVersions::Tls13,
            _ => versions,
        };
        (versions, Some(suites))
    }
}
