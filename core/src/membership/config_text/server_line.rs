//! [`ServerLine`]: the right side of a `server.N=…` line, and how it is written.

mod reader;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

pub use self::reader::may_be_a_name;
pub(super) use self::reader::number;
use super::Oddity;
use crate::{Endpoint, UntrustedText, membership::Role};

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
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum ServerLineError {
    /// There is no port at all.
    #[error("`{address}` has no ports: expected host:quorumPort:electionPort")]
    NoPorts { address: UntrustedText },
    /// There is only one port.
    #[error("`{address}` has no election port: expected host:quorumPort:electionPort")]
    NoElectionPort { address: UntrustedText },
    /// There are too many colons.
    #[error(
        "`{address}` has too many parts: expected host:quorumPort:electionPort[:role], an IPv6 address in brackets"
    )]
    TooManyParts { address: UntrustedText },
    /// It ends as the lists of Bitnami's image do.
    #[error(
        "`{address}` ends in an id, as in ZOO_SERVERS of Bitnami's image: in this file the id belongs into the key, \
         server.{id}=host:quorumPort:electionPort"
    )]
    IdBehind { address: UntrustedText, id: UntrustedText },
    /// There is more than one server in it.
    #[error(
        "`{text}` holds several servers: expected one line for each, as server.N=host:quorumPort:electionPort"
    )]
    SeveralServers { text: UntrustedText },
    /// A bracket is opened and not closed.
    #[error("`{address}` has no closing bracket: expected [address]:quorumPort:electionPort")]
    OpenBracket { address: UntrustedText },
    /// A host holds what no host can hold, and what cannot even be shown, or is too long.
    #[error(
        "`{host}` is not a host: expected a name, an IPv4 address, or an IPv6 address in brackets"
    )]
    Host { host: UntrustedText },
    /// A port is none.
    #[error("`{port}` in `{text}` is not a port: expected a number from 0 to 65535")]
    Port {
        /// What should have been the port.
        port: UntrustedText,
        /// Where it was found.
        text: UntrustedText,
    },
    /// Quorum and election port are the same.
    #[error("`{address}` has quorum and election port {port}: expected two different ports")]
    EqualPorts { address: UntrustedText, port: u16 },
    /// The role is none.
    #[error("`{found}` is not a role: expected participant or observer")]
    Role { found: UntrustedText },
    /// There are too many addresses.
    #[error("more than {ADDRESSES_MAX} addresses: expected at most {ADDRESSES_MAX}")]
    TooManyAddresses,
    /// Two addresses come with different roles.
    #[error("its addresses have different roles: expected the same role for all of them")]
    MixedRoles,
    /// There is not even an address.
    #[error("there is no address: expected host:quorumPort:electionPort")]
    NoAddress,
    /// More than two semicolons.
    #[error(
        "`{text}` has too many parts behind a semicolon: expected at most ;clientPort;securePort"
    )]
    TooManyClientParts { text: UntrustedText },
}

impl ServerLineError {
    /// Whether real servers refuse it as well. They take a host for a name whatever it holds, and a bar for no address.
    pub fn refused_by_real_servers(&self) -> bool {
        !matches!(self, Self::Host { .. } | Self::NoAddress | Self::TooManyAddresses)
    }
}

impl ServerLine {
    /// Whether this server votes.
    pub fn is_voter(&self) -> bool {
        self.role == Role::Voter
    }

    /// Reads a line as a real server does, and says what is odd about it.
    ///
    /// # Errors
    ///
    /// [`ServerLineError`], with the part that is wrong.
    pub fn read(text: &str) -> Result<(Self, Vec<Oddity>), ServerLineError> {
        reader::read(text, EqualPorts::Refused)
    }

    /// The same for a line that a member has sent: one of ours may have both ports at one address.
    pub(super) fn read_sent(text: &str) -> Result<(Self, Vec<Oddity>), ServerLineError> {
        reader::read(text, EqualPorts::Taken)
    }

    /// The address this host is, if it is a literal. An IPv4 address inside an IPv6 one is that IPv4 address, as in
    /// Java.
    pub fn literal(host: &str) -> Option<IpAddr> {
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Some(IpAddr::V4(address));
        }
        let address = host.parse::<Ipv6Addr>().ok()?;
        Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
    }
}

/// What becomes of a line whose two ports are one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum EqualPorts {
    Taken,
    /// As real servers do.
    Refused,
}

impl FromStr for ServerLine {
    type Err = ServerLineError;

    fn from_str(text: &str) -> Result<Self, ServerLineError> {
        Self::read(text).map(|(line, _)| line)
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
}
