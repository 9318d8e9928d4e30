//! [`Difference`]: in what two member lists do not mean the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{ConfigText, ConfigVersion, ServerLine};
use crate::{
    Endpoint, ServerId, UntrustedText,
    membership::{GroupId, Role},
};

/// At most this many bytes are written out; the disagreements that do not fit are counted.
const SHOWN_MAX: usize = 400;

/// At most this many bytes are shown of what a list says of one server.
const SIDE_SHOWN_MAX: usize = 80;

/// In what two member lists do not mean the same, ours and that of somebody else. Never empty, and never large, whatever
/// the lists hold.
///
/// Two differences are equal if they say the same, so their reporter can stay silent until something changes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Difference {
    shown: Vec<Disagreement>,
    more: usize,
}

/// One point in which two member lists do not mean the same.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Disagreement {
    /// The versions differ.
    Version { ours: ConfigVersion, theirs: ConfigVersion },
    /// Only we know this server.
    OnlyOurs { id: ServerId },
    /// Only they know this server.
    OnlyTheirs {
        id: ServerId,
        /// What they say of it.
        line: UntrustedText,
    },
    /// The role of a server differs.
    Role { id: ServerId, ours: Role, theirs: Role },
    /// The addresses of a server differ.
    Addresses {
        id: ServerId,
        /// Which of its ports.
        port: PortKind,
        ours: UntrustedText,
        theirs: UntrustedText,
    },
    /// The group of a voter differs.
    Group { id: ServerId, ours: Option<GroupId>, theirs: Option<GroupId> },
    /// The weight of a voter differs.
    Weight { id: ServerId, ours: u64, theirs: u64 },
}

/// The two ports servers use among themselves.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PortKind {
    /// Where elections take place.
    Election,
    /// Where a leader serves its learners.
    Quorum,
}

impl Difference {
    pub(super) fn between(ours: &ConfigText, theirs: &ConfigText) -> Option<Self> {
        let mut found = Vec::new();
        if ours.version != theirs.version {
            found.push(Disagreement::Version { ours: ours.version, theirs: theirs.version });
        }
        let ids: BTreeSet<ServerId> =
            ours.servers.keys().chain(theirs.servers.keys()).copied().collect();
        for id in ids {
            match (ours.servers.get(&id), theirs.servers.get(&id)) {
                (Some(our_line), Some(their_line)) => {
                    compare_lines(id, our_line, their_line, &mut found);
                    if our_line.is_voter() && their_line.is_voter() {
                        compare_shares(id, ours, theirs, &mut found);
                    }
                }
                (_, None) => found.push(Disagreement::OnlyOurs { id }),
                (None, Some(line)) => {
                    let line = UntrustedText::shortened(line, SIDE_SHOWN_MAX);
                    found.push(Disagreement::OnlyTheirs { id, line });
                }
            }
        }
        (!found.is_empty()).then(|| Self::shortened(found))
    }

    /// Keeps the first of these: at least one, and as many as may be shown.
    fn shortened(mut found: Vec<Disagreement>) -> Self {
        let mut len = 0;
        let fitting = found.iter().take_while(|disagreement| {
            len += disagreement.to_string().len();
            len <= SHOWN_MAX
        });
        let shown = fitting.count().max(1);
        let more = found.len().saturating_sub(shown);
        found.truncate(shown);
        found.shrink_to_fit();
        Self { shown: found, more }
    }

    /// The points of disagreement that are shown: the version first, then by server.
    pub fn shown(&self) -> &[Disagreement] {
        &self.shown
    }

    /// How many points of disagreement there are.
    pub const fn count(&self) -> usize {
        self.shown.len() + self.more
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, disagreement) in self.shown.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{disagreement}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { ours, theirs } => {
                write!(f, "version: ours {ours}, theirs {theirs}")
            }
            Self::OnlyOurs { id } => write!(f, "server {id}: only in ours"),
            Self::OnlyTheirs { id, line } => write!(f, "server {id}: only in theirs ({line})"),
            Self::Role { id, ours, theirs } => {
                let (ours, theirs) = (role_word(*ours), role_word(*theirs));
                write!(f, "server {id}: ours {ours}, theirs {theirs}")
            }
            Self::Addresses { id, port, ours, theirs } => {
                let port = match port {
                    PortKind::Election => "election",
                    PortKind::Quorum => "quorum",
                };
                write!(f, "server {id} {port} address: ours {ours}, theirs {theirs}")
            }
            Self::Group { id, ours, theirs } => {
                let name = |group: &Option<GroupId>| {
                    group.map_or_else(|| "none".to_owned(), |GroupId(group)| group.to_string())
                };
                write!(f, "server {id} group: ours {}, theirs {}", name(ours), name(theirs))
            }
            Self::Weight { id, ours, theirs } => {
                write!(f, "server {id} weight: ours {ours}, theirs {theirs}")
            }
        }
    }
}

fn compare_lines(
    id: ServerId,
    ours: &ServerLine,
    theirs: &ServerLine,
    found: &mut Vec<Disagreement>,
) {
    if ours.role != theirs.role {
        found.push(Disagreement::Role { id, ours: ours.role, theirs: theirs.role });
    }
    let kinds = [
        (PortKind::Election, &ours.election, &theirs.election),
        (PortKind::Quorum, &ours.quorum, &theirs.quorum),
    ];
    for (port, ours, theirs) in kinds {
        if !may_be_the_same(ours, theirs) {
            found.push(Disagreement::Addresses {
                id,
                port,
                ours: joined(ours),
                theirs: joined(theirs),
            });
        }
    }
}

fn compare_shares(
    id: ServerId,
    ours: &ConfigText,
    theirs: &ConfigText,
    found: &mut Vec<Disagreement>,
) {
    let (our_group, their_group) = (ours.groups.get(&id), theirs.groups.get(&id));
    if our_group != their_group {
        found.push(Disagreement::Group {
            id,
            ours: our_group.copied(),
            theirs: their_group.copied(),
        });
    }
    let weight = |config: &ConfigText| config.weights.get(&id).copied().unwrap_or(1);
    if weight(ours) != weight(theirs) {
        found.push(Disagreement::Weight { id, ours: weight(ours), theirs: weight(theirs) });
    }
}

/// Whether two sets of endpoints can be paired off: same ports, and hosts that are equal or not comparable.
fn may_be_the_same(ours: &[Endpoint], theirs: &[Endpoint]) -> bool {
    let (ours, theirs) = (by_port(ours), by_port(theirs));
    ours.keys().eq(theirs.keys())
        && ours.iter().all(|(port, ours)| {
            let theirs = &theirs[port];
            // Equal addresses pair off; each address left over needs a name on the other side.
            let left_over =
                |some: &Hosts, other: &Hosts| some.literals.difference(&other.literals).count();
            ours.count() == theirs.count()
                && left_over(ours, theirs) <= theirs.names
                && left_over(theirs, ours) <= ours.names
        })
}

/// The hosts that stand with one port.
#[derive(Default)]
struct Hosts {
    literals: BTreeSet<std::net::IpAddr>,
    /// How many are names, or wildcards: they may be any address.
    names: usize,
}

impl Hosts {
    fn count(&self) -> usize {
        self.literals.len() + self.names
    }
}

fn by_port(endpoints: &[Endpoint]) -> BTreeMap<u16, Hosts> {
    let mut hosts = BTreeMap::<u16, Hosts>::new();
    for endpoint in endpoints {
        let hosts = hosts.entry(endpoint.port).or_default();
        match ServerLine::literal(&endpoint.host) {
            Some(address) if !address.is_unspecified() => {
                hosts.literals.insert(address);
            }
            _ => hosts.names += 1,
        }
    }
    hosts
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Voter => "participant",
        Role::Observer => "observer",
    }
}

fn joined(endpoints: &[Endpoint]) -> UntrustedText {
    let texts: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    UntrustedText::shortened(texts.join("|"), SIDE_SHOWN_MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::server_line::ADDRESSES_MAX, *};

    fn difference(ours: &str, theirs: &str) -> Option<String> {
        let parse = |text: &str| ConfigText::parse(text).unwrap();
        let (ours, theirs) = (parse(ours), parse(theirs));
        let told = ours.difference(&theirs);
        // Both sides see the same points.
        let turned = theirs.difference(&ours);
        let points = |side: &Option<Difference>| side.as_ref().map(Difference::count);
        assert_eq!(points(&told), points(&turned));
        told.map(|difference| difference.to_string())
    }

    #[test]
    fn the_order_of_lines_and_addresses_makes_no_difference() {
        let ours = "server.1=10.0.0.1:1:2|10.0.0.2:3:4\nserver.2=h:1:2\nversion=0";
        let theirs = "version=0\nserver.2=h:1:2:participant\nserver.1=10.0.0.2:3:4|10.0.0.1:1:2";
        assert_eq!(difference(ours, theirs), None);
    }

    #[test]
    fn ports_that_java_paired_wrongly_make_no_difference() {
        let ours = "server.1=127.0.0.1:23101:23201|127.0.0.1:23151:23251";
        let theirs = "server.1=127.0.0.1:23151:23201|127.0.0.1:23101:23251:participant";
        assert_eq!(difference(ours, theirs), None);
    }

    #[test]
    fn a_name_may_be_any_address_but_two_addresses_differ() {
        assert_eq!(difference("server.1=h:1:2", "server.1=10.0.0.1:1:2"), None);
        assert_eq!(difference("server.1=h:1:2", "server.1=H.example:1:2"), None);
        assert_eq!(difference("server.1=0.0.0.0:1:2", "server.1=10.0.0.1:1:2"), None);
        assert_eq!(difference("server.1=[::1]:1:2", "server.1=[0:0:0:0:0:0:0:1]:1:2"), None);
        assert_eq!(
            difference("server.1=10.0.0.1:1:2", "server.1=10.0.0.9:1:2").unwrap(),
            "server 1 election address: ours 10.0.0.1:2, theirs 10.0.0.9:2; \
             server 1 quorum address: ours 10.0.0.1:1, theirs 10.0.0.9:1"
        );
        // The name can stand for one address only.
        let ours = "server.1=h:1:2|10.0.0.1:1:2";
        assert_eq!(difference(ours, "server.1=10.0.0.2:1:2|10.0.0.1:1:2"), None);
        assert!(difference(ours, "server.1=10.0.0.2:1:2|10.0.0.3:1:2").is_some());
        assert!(difference(ours, "server.1=10.0.0.1:1:2").is_some());
        assert!(difference(ours, "server.1=h:1:2|g:1:2|10.0.0.1:1:2").is_some());
    }

    #[test]
    fn the_weight_of_a_member_that_is_an_observer_on_one_side_is_no_difference_of_its_own() {
        let list = "server.1=h:1:2\nserver.2=h:3:4\ngroup.1=1:2\nweight.1=1\nweight.2=5";
        let theirs = "server.1=h:1:2\nserver.2=h:3:4:observer\ngroup.1=1\nweight.1=1";
        let told = difference(list, theirs).unwrap();
        assert_eq!(told, "server 2: ours participant, theirs observer");
    }

    #[test]
    fn ids_roles_ports_and_versions_are_named_with_both_sides() {
        let ours = "server.1=h1:1:2\nserver.2=h2:1:2\nserver.3=h3:1:2";
        let theirs =
            "server.1=h1:1:3\nserver.2=h2:1:2:observer\nserver.4=h4:1:2\nversion=100000005";
        assert_eq!(
            difference(ours, theirs).unwrap(),
            "version: ours 0, theirs 100000005; \
             server 1 election address: ours h1:2, theirs h1:3; \
             server 2: ours participant, theirs observer; \
             server 3: only in ours; \
             server 4: only in theirs (h4:1:2:participant)"
        );
    }

    #[test]
    fn groups_and_weights_differ_by_what_they_come_to() {
        let ours = "server.1=h1:1:2\nserver.2=h2:1:2\ngroup.1=1:2";
        assert_eq!(difference(ours, &format!("{ours}\nweight.1=1\nweight.2=1")), None);
        assert_eq!(
            difference(ours, "server.1=h1:1:2\nserver.2=h2:1:2\ngroup.1=1\ngroup.2=2\nweight.2=3")
                .unwrap(),
            "server 2 group: ours 1, theirs 2; server 2 weight: ours 1, theirs 3"
        );
        assert_eq!(
            difference(ours, "server.1=h1:1:2\nserver.2=h2:1:2").unwrap(),
            "server 1 group: ours 1, theirs none; server 2 group: ours 1, theirs none"
        );
    }

    #[test]
    fn all_points_are_counted_and_a_host_more_is_one() {
        let list = |text: &str| ConfigText::parse(text).unwrap();
        let ours = list("server.1=h:1:1\nserver.2=h:2:2\nversion=0");
        let found = ours.difference(&list("server.1=h:1:1\nversion=1")).unwrap();
        assert_eq!((found.shown().len(), found.count()), (2, 2));
        let one = "server.1=a:1:2\nversion=0";
        let two = "server.1=a:1:2|b:1:2\nversion=0";
        assert!(difference(one, two).is_some() && difference(two, two).is_none());
    }

    #[test]
    fn a_long_difference_is_cut() {
        let theirs: Vec<String> = (1..=12).map(|n| format!("server.{n}=h:1:2")).collect();
        let told = difference("server.1=h:1:2", &theirs.join("\n")).unwrap();
        assert!(told.ends_with("; and 2 more"), "{told}");
    }

    #[test]
    fn no_list_makes_a_difference_large() {
        let name = "n".repeat(255);
        let addresses = |n: usize| vec![format!("{name}:{n}:{}", n + 1); ADDRESSES_MAX].join("|");
        let theirs: Vec<String> =
            (1..=255).map(|n| format!("server.{n}={}", addresses(n))).collect();
        for ours in ["server.1=10.0.0.1:1:2".to_owned(), format!("server.1={}", addresses(7))] {
            let told = difference(&ours, &theirs.join("\n")).unwrap();
            assert!(told.len() < 800, "{} bytes", told.len());
            assert!(told.contains("more bytes") && told.ends_with(" more"), "{told}");
        }
    }
}
