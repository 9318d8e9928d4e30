//! [`Identities`]: whose certificate a certificate is.
//!
//! An authority that all members trust says that somebody is a member; the names in the certificate say which one. A member
//! has a certificate of its own, and with it can speak for nobody else. Whether a certificate is genuine and valid is not
//! decided here: by then it is.
//!
//! # What names a member
//!
//! | in the certificate | names |
//! | --- | --- |
//! | the URI `ballotbox:3` | member 3, and nobody else, whatever other names stand beside it |
//! | the name that the list of members gives for it (`members[].tls.name`) | that member |
//! | a host of its addresses, as the list of members has it: a DNS name, or an address | that member, unless the list gives it a name |
//!
//! Hosts are compared as they are written, without a look-up: what a name service says is no proof. A `*` as the first label
//! of a DNS name stands for one label.
//!
//! # A name that several members share
//!
//! Where all members are on one host, or have one certificate for `*.example.org`, a certificate proves that somebody is a
//! member, and not which: [`Proof::Shared`]. [`Naming::Strict`] does not accept that.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use crate::{Endpoint, ServerId, UntrustedText, membership::Membership};

/// The scheme of a URI that names a member by its id.
const SCHEME: &str = "ballotbox:";

/// At most this many names of a certificate are shown.
const SHOWN_MAX: usize = 4;

/// How exactly a certificate has to name a member.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Naming {
    /// It names that member, and no other.
    Strict,
    /// It names that member, and may name others, which then can speak for it.
    #[default]
    Named,
    /// Any certificate of the authority will do, as with `ssl.quorum.hostnameVerification=false` of real servers.
    Unchecked,
}

/// The names in a certificate (its subject alternative names).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct CertificateNames {
    /// DNS names, in small letters.
    pub dns: BTreeSet<String>,
    /// Addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// URIs.
    pub uris: BTreeSet<String>,
}

/// By which names the members are known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identities {
    naming: Naming,
    members: BTreeMap<ServerId, MemberNames>,
}

/// By which names one member is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MemberNames {
    /// The one that the list of members gives it.
    Given(String),
    /// The hosts of its addresses.
    Hosts(BTreeSet<String>),
}

/// What a certificate proves of who presented it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Proof {
    /// It is this member, and no other.
    Sole,
    /// It is this member or one of these.
    Shared(BTreeSet<ServerId>),
    /// Somebody the authority has let in. That is all there is to prove where nobody claims to be a member, or where names are not
    /// looked at.
    LetIn,
}

/// Why a certificate does not prove that it is the one of a member.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotProven {
    /// It names others, or nobody.
    #[error(
        "its certificate is for {presented}{}, and not for member {claimed}: expected one for {expected} or {SCHEME}{claimed}",
        of(named)
    )]
    Another {
        /// Who it has to be.
        claimed: ServerId,
        /// What names it.
        expected: MemberNames,
        /// What the certificate is for.
        presented: CertificateNames,
        /// Which members the certificate names.
        named: BTreeSet<ServerId>,
    },
    /// It names others as well, which is not enough.
    #[error(
        "its certificate is for {presented}, which names member {claimed} and also {}: with `strict` each member needs one \
         that names it alone, as the URI {SCHEME}{claimed} does",
        listed(others)
    )]
    Ambiguous {
        /// Who it has to be.
        claimed: ServerId,
        /// What the certificate is for.
        presented: CertificateNames,
        /// Whom it names as well.
        others: BTreeSet<ServerId>,
    },
}

impl Identities {
    /// The members of this list, known by their hosts.
    pub fn new(members: &Membership, naming: Naming) -> Self {
        let hosts = members.iter().map(|member| {
            let endpoints = member.election.iter().chain(&member.quorum);
            (member.id, MemberNames::of_hosts(endpoints))
        });
        Self { naming, members: hosts.collect() }
    }

    /// The same, where this member is known by that name, and by its hosts no more.
    #[must_use]
    pub fn known_as(mut self, id: ServerId, name: &str) -> Self {
        self.members.insert(id, MemberNames::Given(name.to_ascii_lowercase()));
        self
    }

    /// What a certificate with these names proves of one who says that it is `claimed`. Who says that it is no member has no
    /// say, and has nothing to prove.
    ///
    /// # Errors
    ///
    /// [`NotProven`]: the one that presented it is not to be believed.
    pub fn prove(
        &self,
        claimed: Option<ServerId>,
        presented: &CertificateNames,
    ) -> Result<Proof, Box<NotProven>> {
        let known = claimed.and_then(|claimed| Some((claimed, self.members.get(&claimed)?)));
        let Some((claimed, expected)) = known else { return Ok(Proof::LetIn) };
        if self.naming == Naming::Unchecked {
            return Ok(Proof::LetIn);
        }
        let mut named = self.named_by(presented);
        if !named.remove(&claimed) {
            let (expected, presented) = (expected.clone(), presented.clone());
            return Err(Box::new(NotProven::Another { claimed, expected, presented, named }));
        }
        if named.is_empty() {
            return Ok(Proof::Sole);
        }
        match self.naming {
            Naming::Strict => {
                let presented = presented.clone();
                Err(Box::new(NotProven::Ambiguous { claimed, presented, others: named }))
            }
            Naming::Named | Naming::Unchecked => Ok(Proof::Shared(named)),
        }
    }

    /// The members that these names name.
    pub fn named_by(&self, presented: &CertificateNames) -> BTreeSet<ServerId> {
        let by_id: BTreeSet<_> = presented.ids().collect();
        if !by_id.is_empty() {
            return by_id;
        }
        let named = self.members.iter().filter(|(_, member)| member.is_named_by(presented));
        named.map(|(id, _)| *id).collect()
    }
}

impl MemberNames {
    fn of_hosts<'e>(endpoints: impl Iterator<Item = &'e Endpoint>) -> Self {
        Self::Hosts(endpoints.map(|endpoint| endpoint.host.to_ascii_lowercase()).collect())
    }

    fn is_named_by(&self, names: &CertificateNames) -> bool {
        match self {
            Self::Given(name) => names.has(name) || names.uris.contains(name),
            Self::Hosts(hosts) => hosts.iter().any(|host| names.has(host)),
        }
    }
}

impl CertificateNames {
    /// Whether this host is among them. No name is looked up for that.
    pub fn has(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        // `*` stands for the first label alone, and never for the last but one.
        let wildcard = host.split_once('.').filter(|(_, domain)| domain.contains('.'));
        self.dns.contains(&host)
            || wildcard.is_some_and(|(_, domain)| self.dns.contains(&format!("*.{domain}")))
    }

    fn ids(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.uris.iter().filter_map(|uri| uri.strip_prefix(SCHEME)?.parse().ok())
    }
}

impl fmt::Display for CertificateNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            self.uris.iter().chain(&self.dns).map(|name| UntrustedText::new(name).to_string());
        let names: Vec<_> = names.chain(self.addresses.iter().map(IpAddr::to_string)).collect();
        let shown = &names[..names.len().min(SHOWN_MAX)];
        match names.len() - shown.len() {
            _ if names.is_empty() => {
                f.write_str("no name at all (it has no subject alternative name)")
            }
            0 => f.write_str(&shown.join(", ")),
            more => write!(f, "{} and {more} more", shown.join(", ")),
        }
    }
}

impl fmt::Display for MemberNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(name) => UntrustedText::new(name).fmt(f),
            Self::Hosts(hosts) => {
                let hosts: Vec<_> = hosts.iter().map(UntrustedText::new).collect();
                f.write_str(&hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "))
            }
        }
    }
}

/// Whose certificate it is, if it is anybody's.
fn of(named: &BTreeSet<ServerId>) -> String {
    if named.is_empty() { String::new() } else { format!(" (that is {})", listed(named)) }
}

fn listed(ids: &BTreeSet<ServerId>) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let members = if ids.len() == 1 { "member" } else { "members" };
    format!("{members} {}", ids.join(", "))
}

#[cfg(test)]
mod tests;
