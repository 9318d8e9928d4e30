//! [`MemberProblem`]: what can be wrong with the members of a zoo.cfg, in words.

use ballotbox_core::{Endpoint, ServerId, UntrustedText};

use crate::{
    EnsembleError, Role,
    membership::config_text::{LineError, Oddity},
};

/// What is wrong with the members, or should be looked at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum MemberProblem {
    /// A line about a member cannot be read.
    #[error(transparent)]
    Member(#[from] LineError),
    /// A line about a member can be read, and is odd.
    #[error("{key}: {oddity}")]
    Odd {
        key: UntrustedText,
        /// What is odd.
        oddity: Oddity,
    },
    /// A server has several addresses, and the switch for that is off.
    #[error(
        "server {id} has {count} addresses: expected one, or multiAddress.enabled=true in this file"
    )]
    SeveralAddresses {
        id: ServerId,
        /// How many it has.
        count: usize,
    },
    /// A server has several addresses, and the switch for that is on where it is not looked for.
    #[error(
        "server {id} has {count} addresses: 3.8 and 3.9 take them only with -Dzookeeper.multiAddress.enabled=true in their \
         Java options; in this file alone the switch comes too late"
    )]
    SeveralAddressesHere {
        id: ServerId,
        /// How many it has.
        count: usize,
    },
    /// Two servers have the same election address.
    #[error(
        "the election address {endpoint} of server {id} is that of server {other} as well: only one of them can listen \
         there"
    )]
    ElectionAddressTaken {
        endpoint: Endpoint,
        /// Who has it too.
        id: ServerId,
        /// Who has it first.
        other: ServerId,
    },
    /// Two servers have the same quorum address.
    #[error(
        "the quorum address {endpoint} of server {id} is that of server {other} as well: it works, as only the leader \
         listens there, until one is asked while the other leads"
    )]
    QuorumAddressShared {
        endpoint: Endpoint,
        /// Who has it too.
        id: ServerId,
        /// Who has it first.
        other: ServerId,
    },
    /// A quorum address is the election address of another server.
    #[error(
        "the quorum address {endpoint} of server {id} is the election address of server {other}: it cannot lead while \
         that one runs"
    )]
    QuorumAddressTaken {
        endpoint: Endpoint,
        /// Whose quorum address it is.
        id: ServerId,
        /// Whose election address it is.
        other: ServerId,
    },
    /// There is no member.
    #[error(
        "there is no server: expected lines server.N=host:quorumPort:electionPort{}",
        looking_like_servers(lines)
    )]
    NoServer {
        /// Lines that look like servers.
        lines: Vec<usize>,
    },
    /// A key looks like a server line and is none.
    #[error("`{key}` looks like a server and is ignored: a server is server.N")]
    LooksLikeServer { key: UntrustedText },
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
    OneVoter { id: ServerId },
    /// A weight for who does not vote.
    #[error("the weight of server {id} has no effect: it is not a participant")]
    WeightOfNonVoter {
        /// Who does not vote.
        id: ServerId,
    },
    /// Two roles for this server.
    #[error("peerType says {}, the line of server {id} says {}: the line counts", word(*peer_type), word(*line))]
    TwoRoles {
        /// This server.
        id: ServerId,
        /// Its role by `peerType`.
        peer_type: Role,
        /// Its role by its line.
        line: Role,
    },
}

/// Which lines to look at, at most a handful.
fn looking_like_servers(lines: &[usize]) -> String {
    const SHOWN_MAX: usize = 10;
    if lines.is_empty() {
        return String::new();
    }
    let shown: Vec<_> = lines.iter().take(SHOWN_MAX).map(usize::to_string).collect();
    let more = if lines.len() > SHOWN_MAX { ", …" } else { "" };
    let word = if lines.len() == 1 { "line" } else { "lines" };
    let these = shown.join(", ");
    format!(
        "; {word} {these}{more} look like servers and are ignored, so a real server would start alone"
    )
}

const fn word(role: Role) -> &'static str {
    match role {
        Role::Voter => "participant",
        Role::Observer => "observer",
    }
}
