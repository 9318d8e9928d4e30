//! [`ZooCfgError`] and [`Warning`]: what is wrong with a zoo.cfg, and where.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use ballotbox_actors::{Endpoint, ServerId, UntrustedText};

use super::FILE_LEN_MAX;
use crate::{
    config_text::{ConfigTextError, ConfigVersion, LineError, SyntaxError},
    ensemble::{EnsembleError, Role},
};

/// Where something was found.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; `None` if it is about the file as a whole.
    pub line: Option<usize>,
}

/// Why a file is not the configuration of a server we could stand in for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ZooCfgError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Box<Problem>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// There is no such file.
    #[error("there is no such file")]
    NoFile,
    /// It cannot be read.
    #[error("it cannot be read: {why}")]
    Unreadable {
        /// What the system said.
        why: UntrustedText,
    },
    /// It is too long.
    #[error("it is longer than {FILE_LEN_MAX} bytes: expected a configuration file")]
    TooLong,
    /// It holds a zero byte.
    #[error("it holds a zero byte: expected a text file in ASCII, UTF-8 or ISO-8859-1")]
    NotText,
    /// It is not in the syntax of properties.
    #[error("`\\u{}` is not a character: expected \\u and four hexadecimal digits", .0.found)]
    Syntax(SyntaxError),
    /// A number is none, or out of range.
    #[error("{key} is `{found}`: expected a number from {min} to {max}")]
    Number {
        /// The key.
        key: UntrustedText,
        /// What was found.
        found: UntrustedText,
        /// The smallest valid number.
        min: i64,
        /// The largest valid number.
        max: i64,
    },
    /// A switch is neither on nor off.
    #[error("{key} is `{found}`: expected true or false")]
    Boolean {
        /// The key.
        key: UntrustedText,
        /// What was found.
        found: UntrustedText,
    },
    /// `peerType` is no role.
    #[error("peerType is `{found}`: expected participant or observer")]
    PeerType {
        /// What was found.
        found: UntrustedText,
    },
    /// A key that is needed is missing or empty.
    #[error("{key} is not set: {why}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What it is needed for.
        why: &'static str,
    },
    /// The shortest wait exceeds the longest.
    #[error(
        "fastleader.minNotificationInterval is {min} ms, more than fastleader.maxNotificationInterval, {max} ms: \
         expected at most as much"
    )]
    Intervals {
        /// The shortest wait, ms.
        min: u128,
        /// The longest wait, ms.
        max: u128,
    },
    /// Something that changes safety or identity, and that we cannot do.
    #[error("{key}={value} is not supported: {why}; expected {expected}")]
    Unsupported {
        /// The key.
        key: UntrustedText,
        /// Its value.
        value: UntrustedText,
        /// Why it cannot be ignored.
        why: &'static str,
        /// What would do.
        expected: &'static str,
    },
    /// A line about a member cannot be read.
    #[error(transparent)]
    Member(#[from] LineError),
    /// A proposed member list cannot be read.
    #[error(transparent)]
    MemberList(#[from] ConfigTextError),
    /// A server has several addresses where it may have one.
    #[error(
        "server {id} has {count} addresses: expected one, or multiAddress.enabled=true in this file"
    )]
    SeveralAddresses {
        /// The server.
        id: ServerId,
        /// How many it has.
        count: usize,
    },
    /// A port is 0.
    #[error("server {id} has port 0: expected a port others can dial, 1 to 65535")]
    PortZero {
        /// The server.
        id: ServerId,
    },
    /// Quorum and election port of an address are the same.
    #[error("server {id} has quorum and election port {port}: expected two different ports")]
    EqualPorts {
        /// The server.
        id: ServerId,
        /// The port.
        port: u16,
    },
    /// An address is taken twice.
    #[error(
        "{endpoint} of server {id} is taken by server {other} already: expected every address once"
    )]
    AddressTaken {
        /// The address.
        endpoint: Endpoint,
        /// Who has it too.
        id: ServerId,
        /// Who has it first.
        other: ServerId,
    },
    /// There is no member.
    #[error("there is no server: expected lines server.N=host:quorumPort:electionPort")]
    NoServer,
    /// Nobody votes.
    #[error("all {count} servers are observers: expected at least one participant")]
    ObserversAlone {
        /// How many there are.
        count: usize,
    },
    /// A single voter would serve alone, and the observers have nothing to observe.
    #[error(
        "server {id} is the only participant, so it would serve alone, without the observers: \
         expected more participants, or standaloneEnabled=false"
    )]
    ObserversBesideOne {
        /// The only voter.
        id: ServerId,
    },
    /// A group names who does not vote.
    #[error(
        "group {group} names server {id}, which is not a participant: expected participants only"
    )]
    GroupOfNonVoter {
        /// The number of the group.
        group: u64,
        /// Whom it names.
        id: ServerId,
    },
    /// Votes and quorums do not come together.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// With a dynamic file, members may not stand in the main one.
    #[error("{key} stands beside dynamicConfigFile: expected it in the dynamic file")]
    BesideDynamicFile {
        /// The key.
        key: UntrustedText,
    },
    /// The dynamic file holds something else than members.
    #[error("{key} stands in the dynamic file: expected only server.N, group.N and weight.N there")]
    InDynamicFile {
        /// The key.
        key: UntrustedText,
    },
    /// The dynamic file holds a version.
    #[error("version stands in the dynamic file: expected it as the suffix of the file's name")]
    VersionInDynamicFile,
    /// Another member list is proposed.
    #[error(
        "a member list of version {proposed} is proposed and not committed, ours is version {ours}: \
         expected the reconfiguration to be finished first"
    )]
    Proposal {
        /// The version proposed.
        proposed: ConfigVersion,
        /// The version in force.
        ours: ConfigVersion,
    },
    /// There is no `myid` file.
    #[error("there is no such file: expected the id of this server in it, one of {known}")]
    MyIdMissing {
        /// The ids of the members.
        known: UntrustedText,
    },
    /// `myid` holds no id.
    #[error("`{found}` is not a server id: expected one of {known}")]
    MyIdNotANumber {
        /// What was found.
        found: UntrustedText,
        /// The ids of the members.
        known: UntrustedText,
    },
    /// `myid` holds the id of nobody.
    #[error("server {id} is not in the member list: expected one of {known}")]
    MyIdUnknown {
        /// What was found.
        id: ServerId,
        /// The ids of the members.
        known: UntrustedText,
    },
}

/// Something to look at, though it is no error.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {caveat}")]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What.
    pub caveat: Caveat,
}

/// What to look at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Caveat {
    /// The file begins with a byte order mark.
    #[error("it begins with a byte order mark, which ZooKeeper takes for a part of the first line")]
    ByteOrderMark,
    /// A line holds UTF-8.
    #[error("it is read as UTF-8, ZooKeeper reads ISO-8859-1")]
    NotAscii,
    /// A key is there twice.
    #[error("{key} was set in line {earlier} already: the last one counts")]
    Repeated {
        /// The key.
        key: UntrustedText,
        /// The line that does not count.
        earlier: usize,
    },
    /// A key looks like a server line and is none.
    #[error("`{key}` looks like a server and is ignored: a server is server.N")]
    LooksLikeServer {
        /// The key.
        key: UntrustedText,
    },
    /// The number of attempts to bind is negative.
    #[error("electionPortBindRetry is {found}: using 3, as ZooKeeper does; 0 means without end")]
    NegativeBindRetry {
        /// What was found.
        found: i64,
    },
    /// An even number of voters.
    #[error("{voters} participants outlive no more failures than {} would", voters - 1)]
    EvenVoters {
        /// How many.
        voters: usize,
    },
    /// Two voters.
    #[error("with two participants no failure is tolerated: at least three are needed")]
    TwoVoters,
    /// A single voter.
    #[error(
        "server {id} is the only participant: a ZooKeeper server would serve alone, here it is a quorum of one"
    )]
    OneVoter {
        /// The voter.
        id: ServerId,
    },
    /// A weight for who does not vote.
    #[error("the weight of server {id} has no effect: it is not a participant")]
    WeightOfNonVoter {
        /// Who does not vote.
        id: ServerId,
    },
    /// Two roles for this server.
    #[error("peerType says {}, the line of server {id} says {}: the line counts", word(*peer_type), word(*line))]
    PeerType {
        /// This server.
        id: ServerId,
        /// Its role by `peerType`.
        peer_type: Role,
        /// Its role by its line.
        line: Role,
    },
    /// Members may change at run time.
    #[error("reconfigEnabled=true: member lists changed at run time are reported, not adopted")]
    ReconfigEnabled,
}

impl Place {
    /// A file as a whole.
    pub fn file(file: &Path) -> Self {
        Self { file: file.to_owned(), line: None }
    }

    /// A line of a file.
    pub fn line(file: &Path, line: usize) -> Self {
        Self { file: file.to_owned(), line: Some(line) }
    }

    pub(super) fn error(self, problem: impl Into<Problem>) -> ZooCfgError {
        ZooCfgError { place: self, problem: Box::new(problem.into()) }
    }

    pub(super) fn warn(self, caveat: Caveat) -> Warning {
        Warning { place: self, caveat }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = UntrustedText::path(&self.file);
        match self.line {
            Some(line) => write!(f, "{file}:{line}"),
            None => file.fmt(f),
        }
    }
}

const fn word(role: Role) -> &'static str {
    match role {
        Role::Voter => "participant",
        Role::Observer => "observer",
    }
}
