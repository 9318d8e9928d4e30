//! What a node has come to know: [`Status`] is how things stand, [`NodeEvent`]s are how they came to.
//!
//! Whoever wants to know asks: "tell me as soon as you know more than I". The answer holds the present status and the
//! events since the last answer. So nobody is told faster than they can listen, and nothing piles up for a slow reader
//! but the last events, of which a fixed number is kept.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use ballotbox_actors::{
    Report, ServerId,
    kit::{Address, Wake, clock, mailbox},
};

use super::MemberListProblem;
use crate::{Decision, Epoch, Round, Standing, Vote, elector::ElectorMsg};

/// So many events are kept for those who ask late.
const EVENTS_MAX: usize = 1024;

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
    /// It listens for its peers.
    Listening {
        /// Where.
        election: SocketAddr,
    },
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
        /// How often this peer has done that.
        times: u64,
    },
    /// A member has another idea of who the members are. Told once for each list it sends.
    MembersDiffer {
        /// The member.
        from: ServerId,
        /// What is different.
        problem: MemberListProblem,
    },
    /// The network reported this.
    Network(Report),
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
        match answer.next().await {
            Wake::Told(news) => Ok(news),
            Wake::Due | Wake::Closed => Err(Ended),
        }
    }
}

/// The elector's side of it: the last events, and those who wait for the next.
#[derive(Debug)]
pub(crate) struct Journal {
    started: Instant,
    events: VecDeque<Occurrence>,
    known: u64,
    readers: VecDeque<(u64, Address<News>)>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { started: clock::now(), events: VecDeque::new(), known: 0, readers: VecDeque::new() }
    }

    pub(crate) fn note(&mut self, event: NodeEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Occurrence { at: clock::now() - self.started, event });
        self.known += 1;
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
        let kept_from = self.known - self.events.len() as u64;
        let missed = kept_from.saturating_sub(known);
        let skip = usize::try_from(known.saturating_sub(kept_from)).unwrap_or(usize::MAX);
        let events = self.events.iter().skip(skip).cloned().collect();
        News { known: self.known, status, events, missed }
    }
}
