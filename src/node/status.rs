//! [`Status`]: how things stand with one node, as a value.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ballotbox_core::ServerId;

use crate::{Epoch, Round, Standing, Vote};

/// How things stand with one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Whose status this is.
    pub me: ServerId,
    /// Grows with every change: of two, the one with the larger number is the later one.
    pub sequence: u64,
    /// What its elections have come to.
    pub election: Arc<ElectionStatus>,
}

/// The part of a [`Status`] that an election decides.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ElectionStatus {
    /// What the node is doing.
    pub state: NodeState,
    /// Its present vote; the elected one's, once an election has ended. `None` while it votes for nobody.
    pub vote: Option<Vote>,
    /// The round of the present or the last election.
    pub round: Round,
    /// How long the last election took, from looking to decided.
    pub took: Option<Duration>,
    /// The peers there is a link to.
    pub links: BTreeSet<ServerId>,
    /// Who voted for whom in this round, as far as it was heard.
    pub ballots: BTreeMap<ServerId, Vote>,
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum NodeState {
    /// It does not listen yet.
    #[default]
    Starting,
    /// It is looking for a leader.
    Looking,
    /// It has found one.
    Decided(Standing),
}

impl Status {
    /// A node of which nothing is known yet.
    pub(super) fn new(me: ServerId) -> Self {
        Self { me, sequence: 0, election: Arc::default() }
    }

    /// What the node is doing.
    pub fn state(&self) -> NodeState {
        self.election.state
    }

    /// The one that was elected, once an election has ended. It is the leader as far as an election can tell: two nodes
    /// may believe in different ones for a while.
    pub fn elected(&self) -> Option<ServerId> {
        self.election.elected()
    }

    /// The epoch of the elected one's history.
    pub fn epoch(&self) -> Option<Epoch> {
        self.election.vote.map(|vote| vote.epoch)
    }
}

impl ElectionStatus {
    fn elected(&self) -> Option<ServerId> {
        match self.state {
            NodeState::Decided(_) => self.vote.map(|vote| vote.leader),
            NodeState::Starting | NodeState::Looking => None,
        }
    }
}
