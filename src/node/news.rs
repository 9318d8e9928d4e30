//! What a node has come to know: [`Status`] is how things stand, [`NodeEvent`]s are how they came to.
//!
//! Whoever wants to know asks: "tell me as soon as you know more than I". The answer holds the present status and the
//! events since the last answer. So nobody is told faster than they can listen, and nothing piles up for a slow reader
//! but the last events, of which a fixed number is kept.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use ballotbox_actors::{
    NetworkEvent,
    kit::{Address, clock, mailbox},
};
use ballotbox_core::ServerId;

use super::MemberListProblem;
use crate::{Decision, Epoch, Round, Standing, Vote, elector::ElectorMsg};

/// At most this many events of either lane are kept for readers that ask late.
const EVENTS_MAX: usize = 512;

/// So many may be waiting for news.
const READERS_MAX: usize = 1024;

/// How things stand with one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Whose status this is.
    pub me: ServerId,
    /// What the node is doing.
    pub state: NodeState,
    /// Its present vote; the elected one's, once an election has ended. `None` while it votes for nobody.
    pub vote: Option<Vote>,
    /// The round of the present or the last election.
    pub round: Round,
    /// How long the last election took, from looking to decided.
    pub election_took: Option<Duration>,
    /// The peers there is a link to.
    pub links: BTreeSet<ServerId>,
    /// Who voted for whom in this round, as far as it was heard.
    pub ballots: BTreeMap<ServerId, Vote>,
}

impl Status {
    /// The one that was elected, once an election has ended. It is the leader as far as an election can tell: two nodes
    /// may believe in different ones for a while.
    pub fn elected(&self) -> Option<ServerId> {
        match self.state {
            NodeState::Decided(_) => self.vote.map(|vote| vote.leader),
            NodeState::Starting | NodeState::Looking => None,
        }
    }

    /// The epoch of the elected one's history.
    pub fn epoch(&self) -> Option<Epoch> {
        self.vote.map(|vote| vote.epoch)
    }
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NodeState {
    /// It does not listen yet.
    Starting,
    /// It is looking for a leader.
    Looking,
    /// It has found one.
    Decided(Standing),
}

/// Something that happened to a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NodeEvent {
    /// It looks for a leader, or has moved on to a newer round.
    Looking {
        /// The round.
        round: Round,
    },
    /// It has cast a vote, or another one.
    Voted {
        /// For whom.
        vote: Vote,
    },
    /// An election has ended.
    Elected {
        /// How.
        decision: Decision,
        /// How long it took, from looking to decided.
        took: Duration,
    },
    /// A peer sent what is no notification. Told the first, second, fourth, eighth … time.
    Malformed {
        /// The peer.
        from: ServerId,
        /// What is wrong with it.
        error: crate::election::DecodeError,
        /// How often this member, or all strangers together, have done that since the node was started.
        times: u64,
    },
    /// A member has another idea of who the members are. Told once for each list it sends.
    MembersDiffer {
        /// The member.
        from: ServerId,
        /// What is different.
        problem: MemberListProblem,
    },
    /// This has happened to its network.
    Network(NetworkEvent),
}

impl NodeEvent {
    /// Whether others can make this happen without end, members or not, by what they do to our ports. These events are
    /// kept apart from the others, and whoever prints events should print only a limited number of them.
    pub fn is_from_outside(&self) -> bool {
        match self {
            Self::Looking { .. } | Self::Voted { .. } | Self::Elected { .. } => false,
            Self::Malformed { .. } | Self::MembersDiffer { .. } => true,
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

/// The node has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the node has ended")]
pub struct Ended;

/// A view of what a node knows. A clone sees everything for itself, from where this one stood.
#[derive(Clone, Debug)]
pub struct Watch {
    elector: Address<ElectorMsg>,
    known: u64,
}

impl Watch {
    pub(crate) const fn new(elector: Address<ElectorMsg>) -> Self {
        Self { elector, known: 0 }
    }

    /// How things stand now.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has.
    pub async fn status(&self) -> Result<Status, Ended> {
        Ok(self.ask(None).await?.status)
    }

    /// Waits until something happened that this watch has not told yet.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has.
    pub async fn news(&mut self) -> Result<News, Ended> {
        let news = self.ask(Some(self.known)).await?;
        self.known = news.known;
        Ok(news)
    }

    /// Waits until the status is as wished for. It may be so already.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has before that.
    pub async fn until(
        &mut self,
        wished: impl Fn(&Status) -> bool + Send,
    ) -> Result<Status, Ended> {
        let mut status = self.status().await?;
        while !wished(&status) {
            status = self.news().await?.status;
        }
        Ok(status)
    }

    /// Waits until an election has ended, if none has yet.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has before that.
    pub async fn elected(&mut self) -> Result<Status, Ended> {
        self.until(|status| status.elected().is_some()).await
    }

    pub(super) fn look_again(&self) {
        let _ = self.elector.tell(ElectorMsg::LookAgain);
    }

    async fn ask(&self, beyond: Option<u64>) -> Result<News, Ended> {
        let (reply, mut answer) = mailbox();
        self.elector.tell(ElectorMsg::Ask { beyond, reply }).map_err(|_| Ended)?;
        answer.next().await.ok_or(Ended)
    }
}

/// The elector's side of it: the last events, and the readers that wait for the next.
///
/// What others do to our ports has a lane of its own, so that no flood of it can push out an election.
#[derive(Debug)]
pub(crate) struct Journal {
    started: Instant,
    own: Lane,
    outside: Lane,
    /// How many events were noted, which is the number of the last one.
    known: u64,
    readers: VecDeque<(u64, Address<News>)>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            started: clock::now(),
            own: Lane::default(),
            outside: Lane::default(),
            known: 0,
            readers: VecDeque::new(),
        }
    }

    pub(crate) fn note(&mut self, event: NodeEvent) {
        self.known += 1;
        let lane = if event.is_from_outside() { &mut self.outside } else { &mut self.own };
        lane.note(self.known, Occurrence { at: clock::now() - self.started, event });
    }

    /// Someone wants news beyond what it knows, or the present status at once.
    pub(crate) fn ask(&mut self, beyond: Option<u64>, reply: Address<News>, status: Status) {
        match beyond {
            Some(known) if known >= self.known => {
                self.readers.retain(|(_, reader)| !reader.is_gone());
                if self.readers.len() >= READERS_MAX {
                    // The one that has waited longest sees the end of its wait and may ask again.
                    self.readers.pop_front();
                }
                self.readers.push_back((known, reply));
            }
            _ => {
                let _ = reply.tell(self.news_beyond(beyond.unwrap_or(self.known), status));
            }
        }
    }

    /// Whether someone waits for what is known by now.
    pub(crate) fn has_news(&self) -> bool {
        self.readers.front().is_some_and(|(known, _)| *known < self.known)
    }

    /// Answers those who wait.
    pub(crate) fn publish(&mut self, status: &Status) {
        for (known, reader) in std::mem::take(&mut self.readers) {
            let _ = reader.tell(self.news_beyond(known, status.clone()));
        }
    }

    fn news_beyond(&self, known: u64, status: Status) -> News {
        let mut events: Vec<_> = self.own.beyond(known).chain(self.outside.beyond(known)).collect();
        events.sort_by_key(|(number, _)| *number);
        let missed = self.known.saturating_sub(known) - events.len() as u64;
        let events = events.into_iter().map(|(_, occurrence)| occurrence.clone()).collect();
        News { known: self.known, status, events, missed }
    }
}

/// The last events of one kind, each with its number among all.
#[derive(Debug, Default)]
struct Lane(VecDeque<(u64, Occurrence)>);

impl Lane {
    fn note(&mut self, number: u64, occurrence: Occurrence) {
        if self.0.len() >= EVENTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((number, occurrence));
    }

    fn beyond(&self, known: u64) -> impl Iterator<Item = (u64, &Occurrence)> {
        let skip = self.0.partition_point(|(number, _)| *number <= known);
        self.0.iter().skip(skip).map(|(number, occurrence)| (*number, occurrence))
    }
}

#[cfg(test)]
mod tests {
    use async_std::task::block_on;
    use ballotbox_core::links::{Generation, LinkId};

    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn link_up(generation: u64) -> NodeEvent {
        let link = LinkId { peer: id(2), generation: Generation(generation) };
        NodeEvent::Network(NetworkEvent::LinkUp { link })
    }

    fn news(journal: &mut Journal, known: u64) -> News {
        let status = Status {
            me: id(1),
            state: NodeState::Looking,
            vote: None,
            round: Round(1),
            election_took: None,
            links: BTreeSet::new(),
            ballots: BTreeMap::new(),
        };
        let (reply, mut answer) = mailbox();
        journal.ask(Some(known), reply, status);
        block_on(answer.next()).expect("an answer")
    }

    #[test]
    fn a_flood_from_outside_pushes_out_no_election_and_is_counted() {
        let mut journal = Journal::new();
        journal.note(NodeEvent::Looking { round: Round(1) });
        for generation in 0..10_000 {
            journal.note(link_up(generation));
        }
        journal.note(NodeEvent::Looking { round: Round(2) });
        let news = news(&mut journal, 0);
        let first = news.events.first().map(|occurrence| &occurrence.event);
        assert_eq!(first, Some(&NodeEvent::Looking { round: Round(1) }));
        let last = news.events.last().map(|occurrence| &occurrence.event);
        assert_eq!(last, Some(&NodeEvent::Looking { round: Round(2) }));
        assert_eq!((news.events.len(), news.missed), (EVENTS_MAX + 2, 10_000 - EVENTS_MAX as u64));
    }

    #[test]
    fn a_reader_that_asks_in_time_gets_every_event_once_and_in_order() {
        let mut journal = Journal::new();
        let (mut known, mut read) = (0, Vec::new());
        for number in 0..2000 {
            journal.note(if number % 3 == 0 {
                NodeEvent::Looking { round: Round(number) }
            } else {
                link_up(number.unsigned_abs())
            });
            if number % 7 == 0 {
                let news = news(&mut journal, known);
                assert_eq!(news.missed, 0);
                known = news.known;
                read.extend(news.events);
            }
        }
        assert_eq!(read.len(), 1996);
        assert!(read.windows(2).all(|two| two[0].at <= two[1].at));
        let own = read.iter().filter(|occurrence| !occurrence.event.is_from_outside());
        let rounds = (0..1996).step_by(3).map(|round| NodeEvent::Looking { round: Round(round) });
        assert!(own.map(|occurrence| occurrence.event.clone()).eq(rounds));
    }
}
