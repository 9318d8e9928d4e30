//! [`ServerLine`]: the right side of a `server.N=…` line.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ballotbox_actors::{Endpoint, EndpointError, UntrustedText};

use crate::ensemble::Role;

/// At most this many addresses of one server: no machine has more networks that others would try.
pub(super) const ADDRESSES_MAX: usize = 64;

/// What a member list says of one server:
/// `host:quorumPort:electionPort[:role][;[clientHost:]clientPort[;[host:]securePort]]`, where several addresses of one
/// server are joined by a vertical bar.
///
/// `Display` writes it as a real server does: addresses sorted by host, IPv6 literals in their long form, always
/// with the role, and with the client address only if it stood in the line.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ServerLine {
    /// Where it serves learners once it leads; one endpoint per address.
    pub quorum: Vec<Endpoint>,
    /// Where it takes part in elections; one endpoint per address.
    pub election: Vec<Endpoint>,
    /// Whether it votes; it does unless the line says otherwise.
    pub role: Role,
    /// Where it serves clients, if the line says so.
    pub client: Option<Endpoint>,
    /// Where it serves clients over TLS, if the line says so. Never told to others.
    pub secure_client: Option<Endpoint>,
}

/// Why a text is no [`ServerLine`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerLineError {
    /// There is no port at all.
    #[error("`{address}` has no ports: expected host:quorumPort:electionPort")]
    NoPorts {
        /// What was found.
        address: UntrustedText,
    },
    /// There is only one port.
    #[error("`{address}` has no election port: expected host:quorumPort:electionPort")]
    NoElectionPort {
        /// What was found.
        address: UntrustedText,
    },
    /// There are too many colons.
    #[error(
        "`{address}` has too many parts: expected host:quorumPort:electionPort[:role], an IPv6 address in brackets"
    )]
    TooManyParts {
        /// What was found.
        address: UntrustedText,
    },
    /// A bracket is opened and not closed.
    #[error("`{address}` has no closing bracket: expected [address]:quorumPort:electionPort")]
    OpenBracket {
        /// What was found.
        address: UntrustedText,
    },
    /// A host or a port is none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The role is none.
    #[error("`{found}` is not a role: expected participant or observer")]
    Role {
        /// What was found.
        found: UntrustedText,
    },
    /// There are too many addresses.
    #[error("more than {ADDRESSES_MAX} addresses: expected at most {ADDRESSES_MAX}")]
    TooManyAddresses,
    /// Two addresses come with different roles.
    #[error("its addresses have different roles: expected the same role for all of them")]
    MixedRoles,
    /// More than two semicolons.
    #[error(
        "`{text}` has too many parts behind a semicolon: expected at most ;clientPort;securePort"
    )]
    TooManyClientParts {
        /// What was found.
        text: UntrustedText,
    },
}

impl ServerLine {
    /// Whether this server votes.
    pub fn is_voter(&self) -> bool {
        self.role == Role::Voter
    }

    /// The address this host is, if it is a literal. An IPv4 address inside an IPv6 one is that IPv4 address, as in
    /// Java.
    pub(crate) fn literal(host: &str) -> Option<IpAddr> {
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Some(IpAddr::V4(address));
        }
        let address = host.parse::<Ipv6Addr>().ok()?;
        Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
    }
}

impl FromStr for ServerLine {
    type Err = ServerLineError;

    fn from_str(text: &str) -> Result<Self, ServerLineError> {
        let mut parts = text.trim().split(';');
        let addresses = parts.next().unwrap_or_default();
        let client = client_endpoint(parts.next())?;
        let secure_client = client_endpoint(parts.next())?;
        if parts.next().is_some() {
            return Err(ServerLineError::TooManyClientParts { text: text.into() });
        }
        let (mut quorum, mut election, mut said) = (Vec::new(), Vec::new(), None);
        for address in addresses.split('|') {
            if election.len() == ADDRESSES_MAX {
                return Err(ServerLineError::TooManyAddresses);
            }
            let (quorum_endpoint, election_endpoint, role) = parse_address(address.trim())?;
            quorum.push(quorum_endpoint);
            election.push(election_endpoint);
            if let Some(role) = role
                && *said.get_or_insert(role) != role
            {
                return Err(ServerLineError::MixedRoles);
            }
        }
        Ok(Self { quorum, election, role: said.unwrap_or_default(), client, secure_client })
    }
}

impl fmt::Display for ServerLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorted = |endpoints: &[Endpoint]| {
            let mut told: Vec<_> = endpoints
                .iter()
                .map(|endpoint| (told_host(&endpoint.host), endpoint.port))
                .collect();
            told.sort_by(|(one, _), (other, _)| one.cmp(other));
            told
        };
        let (quorum, election) = (sorted(&self.quorum), sorted(&self.election));
        for (index, ((host, quorum), (_, election))) in quorum.iter().zip(election).enumerate() {
            let bar = if index > 0 { "|" } else { "" };
            write!(f, "{bar}{}:{quorum}:{election}", bracketed(host))?;
        }
        f.write_str(match self.role {
            Role::Voter => ":participant",
            Role::Observer => ":observer",
        })?;
        match &self.client {
            Some(client) => {
                let host = told_host(&client.host);
                write!(f, ";{}:{}", bracketed(&host), client.port)
            }
            None => Ok(()),
        }
    }
}

fn parse_address(text: &str) -> Result<(Endpoint, Endpoint, Option<Role>), ServerLineError> {
    let address = || UntrustedText::new(text);
    let host_end = if text.starts_with('[') {
        let bracket = text.find(']');
        bracket.ok_or_else(|| ServerLineError::OpenBracket { address: address() })? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(host_end);
    let Some(rest) = rest.strip_prefix(':') else {
        return Err(ServerLineError::NoPorts { address: address() });
    };
    let parts: Vec<&str> = rest.splitn(4, ':').collect();
    let (quorum, election, role) = match *parts.as_slice() {
        [quorum, election] => (quorum, election, None),
        [quorum, election, role] => (quorum, election, Some(parse_role(role)?)),
        [_, _, _, _] => return Err(ServerLineError::TooManyParts { address: address() }),
        _ => return Err(ServerLineError::NoElectionPort { address: address() }),
    };
    let endpoint = |port: &str| format!("{host}:{port}").parse::<Endpoint>();
    Ok((endpoint(quorum)?, endpoint(election)?, role))
}

fn parse_role(text: &str) -> Result<Role, ServerLineError> {
    let word = text.trim();
    if word.eq_ignore_ascii_case("participant") {
        Ok(Role::Voter)
    } else if word.eq_ignore_ascii_case("observer") {
        Ok(Role::Observer)
    } else {
        Err(ServerLineError::Role { found: text.into() })
    }
}

/// `port` or `host:port`; nothing at all where Java too reads nothing.
fn client_endpoint(text: Option<&str>) -> Result<Option<Endpoint>, EndpointError> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(port) if !port.contains(':') => format!("0.0.0.0:{port}").parse().map(Some),
        Some(address) => address.parse().map(Some),
    }
}

/// A host as Java tells it: literals normalised, IPv6 ones in eight groups.
fn told_host(host: &str) -> String {
    match ServerLine::literal(host) {
        None => host.to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let groups = address.segments().map(|group| format!("{group:x}"));
            groups.join(":")
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        text.parse::<ServerLine>().unwrap().to_string()
    }

    #[test]
    fn lines_are_told_as_a_real_server_tells_them() {
        // Left what was configured, right what ZooKeeper 3.8.0 made of it.
        for (configured, expected) in [
            ("[::1]:2888:3888", "[0:0:0:0:0:0:0:1]:2888:3888:participant"),
            (
                "[2001:db8::0a:0]:2888:3888:observer;2181",
                "[2001:db8:0:0:0:0:a:0]:2888:3888:observer;0.0.0.0:2181",
            ),
            (
                "Host.Example:2888:3888:Participant;[::]:2181",
                "Host.Example:2888:3888:participant;[0:0:0:0:0:0:0:0]:2181",
            ),
            (
                "zz:2888:3888|aa:2889:3889|10.0.0.1:1:2",
                "10.0.0.1:1:2|aa:2889:3889|zz:2888:3888:participant",
            ),
            ("[::ffff:1.2.3.4]:1:2", "1.2.3.4:1:2:participant"),
            ("[fe80::1%lo]:1:2", "[fe80::1%lo]:1:2:participant"),
            ("h:1:2;localhost:2181", "h:1:2:participant;localhost:2181"),
            ("h:1:2;", "h:1:2:participant"),
        ] {
            assert_eq!(told(configured), expected);
        }
    }

    #[test]
    fn a_secure_client_port_is_read_and_kept_to_ourselves() {
        let line: ServerLine = "h:1:2;2181;[::1]:2281".parse().unwrap();
        assert_eq!(line.secure_client, Some("[::1]:2281".parse().unwrap()));
        assert_eq!(line.to_string(), "h:1:2:participant;0.0.0.0:2181");
    }

    #[test]
    fn what_is_no_server_line_is_refused_with_the_part_that_is_wrong() {
        let refused = |text: &str| text.parse::<ServerLine>().unwrap_err().to_string();
        for text in ["", "h", "[::1]", "[::1]2888:3888", "h:1:2|"] {
            assert!(refused(text).contains("has no ports"), "{text}");
        }
        for text in ["h:2888", "[::1]:2888"] {
            assert!(refused(text).contains("has no election port"), "{text}");
        }
        for text in ["::1:2888:3888", "fe80::1:2888:3888", "h:1:2:observer:x"] {
            assert!(refused(text).contains("IPv6 address in brackets"), "{text}");
        }
        assert!(refused("[::1:2888:3888").contains("no closing bracket"));
        for text in [":1:2", "[h]:1:2", "a b:1:2", "h:1:2;[::1:2181"] {
            assert!(refused(text).contains("is not a host"), "{text}");
        }
        for text in ["h:x:2", "h:1:70000", "h:1:-2", "h:1:2;x", "h:1:2;a:b", "h:1:2;1;x"] {
            assert!(refused(text).contains("is not a port"), "{text}");
        }
        for text in ["h:1:2:leader", "h:1:2:"] {
            assert!(refused(text).contains("is not a role"), "{text}");
        }
        assert!(refused("a:1:2:observer|b:1:2:participant").contains("different roles"));
        assert!(refused("h:1:2;1;2;3").contains("too many parts behind a semicolon"));
        let addresses = |count| vec!["h:1:2"; count].join("|");
        assert!(refused(&addresses(ADDRESSES_MAX + 1)).contains("at most 64"));
        assert_eq!(addresses(ADDRESSES_MAX).parse::<ServerLine>().unwrap().election.len(), 64);
    }
}
