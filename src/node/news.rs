//! What has happened to a node: [`NodeEvent`]s, and the [`News`] made of them.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use ballotbox_actors::{DialError, NetworkEvent};
use ballotbox_core::{
    ServerId, UntrustedText,
    leadership::{GiveUp, LostBecause, Refusal, WordError},
};

use super::{Counters, MemberListProblem, Status, StoreRemark, leader::Leader};
use crate::{Decision, Epoch, Round, Vote, tls::CertificateNews};

/// Something that happened to a node.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum NodeEvent {
    /// It looks for a leader, or has moved on to a newer round.
    Looking { round: Round },
    /// It has cast a vote, or another one.
    Voted {
        /// For whom.
        vote: Vote,
    },
    /// An election has ended.
    Elected {
        decision: Decision,
        /// How long it took, from looking to decided.
        took: Duration,
    },
    /// It leads.
    Leading {
        /// In which epoch: a quorum has it on disk.
        epoch: Epoch,
        /// How long it took, from looking.
        took: Duration,
        /// How long the lease is that it holds, and renews; `None` without one.
        lease: Option<Duration>,
    },
    /// It follows an established leader.
    Following {
        leader: ServerId,
        epoch: Epoch,
        /// Whether its word counts for the leader.
        counts: bool,
        /// How long it took, from looking.
        took: Duration,
    },
    /// It leads, and has begun to give that up.
    Retiring { epoch: Epoch, cause: LostBecause },
    /// It leads or follows no more. Told once for each `Leading` and each `Following`.
    Lost { epoch: Epoch, cause: LostBecause },
    /// A new ensemble begins when these voters were seen once.
    WaitingFor {
        /// Who will lead.
        leader: ServerId,
        /// Who is missing.
        missing: BTreeSet<ServerId>,
    },
    /// Nothing has come of the election of this leader.
    GaveUp { leader: ServerId, why: GiveUp },
    /// The elected one has not led in time.
    NotEstablished { leader: ServerId },
    /// The elected one was not reached at its quorum port. Told the first, second, fourth, eighth … time.
    LeaderUnreached { leader: ServerId, error: DialError, times: u64 },
    /// A member is a real server: until a review finds none, this node does not lead, and as a voter follows no epoch.
    BesideRealServer { peer: ServerId },
    /// All voters have begun its epoch, and these, a quorum, came without memory while others had followed a leader before: they
    /// are new, or their disks were lost.
    BegunByAll { epoch: Epoch, amnesiacs: BTreeSet<ServerId> },
    /// Its epoch has begun, and it does not lead in it yet: these voters do not promise what a lease needs.
    WithoutLease { epoch: Epoch, missing: BTreeSet<ServerId> },
    /// It leads as soon as this voter is bound to another leader no more, which takes at most so long.
    Bound {
        peer: ServerId,
        /// Which leader that is, if it is known any more.
        to: Option<ServerId>,
        rest: Duration,
    },
    /// Its promises cannot be written. Told when the reason changes.
    CannotPromise { error: UntrustedText },
    /// Its directory counts from now on.
    Recorded,
    /// There is something to know about its data directory, though it can be used.
    Directory { remark: StoreRemark },
    /// Its record cannot be written. Told when the reason changes.
    CannotStore { error: UntrustedText },
    /// A learner was turned away. Told the first, second, fourth, eighth … time for each kind of reason.
    LearnerTurnedAway {
        /// Who it says that it is.
        peer: Option<ServerId>,
        /// Where it came from.
        from: Option<SocketAddr>,
        refusal: Refusal,
        times: u64,
    },
    /// A session of the quorum port brought what nobody says there. Told the first, second, fourth, eighth … time.
    MalformedPacket {
        /// Whether the leader said it, or a learner.
        from_leader: bool,
        error: WordError,
        times: u64,
    },
    /// A peer sent what is no notification. Told the first, second, fourth, eighth … time.
    Malformed {
        from: ServerId,
        /// What is wrong with it.
        error: crate::election::DecodeError,
        /// How often this member, or all strangers together, have done that since the node was started.
        times: u64,
    },
    /// A member has another idea of who the members are. Told once for each list it sends.
    MembersDiffer {
        from: ServerId,
        /// What is different.
        problem: MemberListProblem,
    },
    /// This has become of its certificate.
    Certificate(CertificateNews),
    /// This has happened to its network.
    Network(NetworkEvent),
}

impl NodeEvent {
    /// What it says of who leads; `None` if it is about something else.
    pub(crate) const fn leader(&self) -> Option<Leader> {
        match self {
            Self::Leading { epoch, .. } => {
                Some(Leader::Leads { token: epoch.0.cast_unsigned(), retiring: false })
            }
            Self::Following { leader, epoch, .. } => {
                Some(Leader::Follows { id: *leader, token: epoch.0.cast_unsigned() })
            }
            Self::Retiring { epoch, .. } => {
                Some(Leader::Leads { token: epoch.0.cast_unsigned(), retiring: true })
            }
            Self::Lost { .. } => Some(Leader::Nobody),
            Self::Looking { .. }
            | Self::Voted { .. }
            | Self::Elected { .. }
            | Self::WaitingFor { .. }
            | Self::GaveUp { .. }
            | Self::NotEstablished { .. }
            | Self::LeaderUnreached { .. }
            | Self::BesideRealServer { .. }
            | Self::BegunByAll { .. }
            | Self::WithoutLease { .. }
            | Self::Bound { .. }
            | Self::CannotPromise { .. }
            | Self::Recorded
            | Self::Directory { .. }
            | Self::CannotStore { .. }
            | Self::LearnerTurnedAway { .. }
            | Self::MalformedPacket { .. }
            | Self::Malformed { .. }
            | Self::MembersDiffer { .. }
            | Self::Certificate(_)
            | Self::Network(_) => None,
        }
    }

    /// Counts it, if it is counted.
    pub(super) fn count_in(&self, counters: &mut Counters) {
        match self {
            Self::Elected { .. } => counters.elected(),
            Self::Leading { took, .. } => counters.established(true, *took),
            Self::Following { took, .. } => counters.established(false, *took),
            Self::Lost { cause, .. } => counters.lost(*cause),
            Self::Looking { .. }
            | Self::Voted { .. }
            | Self::Retiring { .. }
            | Self::WaitingFor { .. }
            | Self::GaveUp { .. }
            | Self::NotEstablished { .. }
            | Self::LeaderUnreached { .. }
            | Self::BesideRealServer { .. }
            | Self::BegunByAll { .. }
            | Self::WithoutLease { .. }
            | Self::Bound { .. }
            | Self::CannotPromise { .. }
            | Self::Recorded
            | Self::Directory { .. }
            | Self::CannotStore { .. }
            | Self::LearnerTurnedAway { .. }
            | Self::MalformedPacket { .. }
            | Self::Malformed { .. }
            | Self::MembersDiffer { .. }
            | Self::Certificate(_)
            | Self::Network(_) => {}
        }
    }

    /// Whether others can make this happen without end, members or not, by what they do to our ports. These events are
    /// kept apart from the others, and a program that prints events should print only a limited number of them.
    pub fn is_from_outside(&self) -> bool {
        match self {
            Self::Looking { .. }
            | Self::Voted { .. }
            | Self::Elected { .. }
            | Self::Leading { .. }
            | Self::Following { .. }
            | Self::Retiring { .. }
            | Self::Lost { .. }
            | Self::WaitingFor { .. }
            | Self::GaveUp { .. }
            | Self::NotEstablished { .. }
            | Self::BegunByAll { .. }
            | Self::BesideRealServer { .. }
            | Self::Recorded
            | Self::Directory { .. }
            | Self::WithoutLease { .. }
            | Self::CannotPromise { .. }
            | Self::Certificate(_)
            | Self::CannotStore { .. } => false,
            Self::Bound { .. }
            | Self::Malformed { .. }
            | Self::MembersDiffer { .. }
            | Self::LeaderUnreached { .. }
            | Self::LearnerTurnedAway { .. }
            | Self::MalformedPacket { .. } => true,
            Self::Network(event) => match event {
                NetworkEvent::Listening { .. }
                | NetworkEvent::Started
                | NetworkEvent::BindFailed { .. }
                | NetworkEvent::NotHere { .. }
                | NetworkEvent::LoopbackOnly { .. } => false,
                NetworkEvent::NoDescriptors { .. }
                | NetworkEvent::LinkUp { .. }
                | NetworkEvent::LinkDown { .. }
                | NetworkEvent::Doubted { .. }
                | NetworkEvent::Unreachable { .. }
                | NetworkEvent::CannotDialBack { .. }
                | NetworkEvent::Refused { .. } => true,
            },
        }
    }
}

/// An event and when it happened, since the node was started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Occurrence {
    /// When.
    pub at: Duration,
    /// What.
    pub event: NodeEvent,
}

/// An answer to someone who wanted to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct News {
    /// How much the node knows: ask for more than this next time.
    pub known: u64,
    /// How things stand.
    pub status: Status,
    /// What happened since, the oldest first.
    pub events: Vec<Occurrence>,
    /// How many events the reader was too slow for.
    pub missed: u64,
}

/// How far somebody has read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    pub(super) known: u64,
    /// That of the newest status.
    pub(super) sequence: u64,
}

/// Something that holds of every answer to somebody who has read so far.
type Rule = (&'static str, fn(&News, Position) -> bool);

/// What a reader may rely on. Debug builds evaluate it for every answer to a watch.
const RULES: [Rule; 3] = [
    ("what happened is told, or counted as missed", is_whole),
    ("a later answer is no older", is_no_older),
    ("the status is not older than the events", is_up_to_date),
];

impl News {
    /// How far its reader has read with it.
    pub(super) const fn position(&self) -> Position {
        Position { known: self.known, sequence: self.status.sequence }
    }

    /// The name of the first rule that this answer breaks.
    pub(super) fn first_broken(&self, read: Position) -> Option<&'static str> {
        RULES.iter().find(|(_, keeps)| !keeps(self, read)).map(|(name, _)| *name)
    }
}

fn is_whole(news: &News, read: Position) -> bool {
    read.known + news.events.len() as u64 + news.missed == news.known
}

fn is_no_older(news: &News, read: Position) -> bool {
    news.known >= read.known && news.status.sequence >= read.sequence
}

fn is_up_to_date(news: &News, _: Position) -> bool {
    let said = news.events.iter().rev().find_map(|occurrence| occurrence.event.leader());
    let leader = said.map(|leader| leader.in_epoch(news.status.me));
    leader.is_none_or(|leader| leader == news.status.leader())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ballotbox_actors::kit::clock;

    use super::*;
    use crate::node::LeadershipStatus;

    #[test]
    fn an_answer_that_hides_something_or_is_older_is_found() {
        let me = ServerId::new(1).unwrap();
        let leads = NodeEvent::Leading { epoch: Epoch(3), took: Duration::ZERO, lease: None };
        let established = Some((me, Epoch(3)));
        let leadership = LeadershipStatus { established, ..LeadershipStatus::default() };
        let mut status = Status::new(me, clock::now());
        (status.sequence, status.leadership) = (4, Some(Arc::new(leadership)));
        let events = vec![Occurrence { at: Duration::ZERO, event: leads }];
        let whole = News { known: 7, status, events, missed: 2 };
        let found = |change: fn(&mut News), known, sequence| {
            let mut news = whole.clone();
            change(&mut news);
            news.first_broken(Position { known, sequence })
        };
        assert_eq!(found(|_| {}, 4, 4), None);
        assert_eq!(found(|news| news.missed = 1, 4, 4), Some(RULES[0].0));
        assert_eq!(found(|_| {}, 3, 4), Some(RULES[0].0));
        assert_eq!(found(|_| {}, 4, 5), Some(RULES[1].0));
        assert_eq!(found(|news| news.status.leadership = None, 4, 4), Some(RULES[2].0));
    }
}
