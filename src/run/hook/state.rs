//! [`State`]: what a hook is told of, and [`Changes`], which reads it from the news of a node.

use ballotbox_core::ServerId;

use crate::{
    Decision, Epoch, NodeConfig, Standing,
    leadership::LostBecause,
    node::{News, NodeEvent, NodeState, Status},
};

/// What a node is, as far as a hook is concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Looking,
    /// Without an epoch this, and the next two, are the word of an election alone.
    Leading {
        epoch: Option<Epoch>,
    },
    Following {
        leader: ServerId,
        epoch: Option<Epoch>,
    },
    Observing {
        leader: ServerId,
        epoch: Option<Epoch>,
    },
    Stopped,
}

/// It has become this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Change {
    pub(super) state: State,
    /// Why it is not what it was before, if a leadership is over.
    pub(super) cause: Option<LostBecause>,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Looking => "looking",
            Self::Leading { .. } => "leading",
            Self::Following { .. } => "following",
            Self::Observing { .. } => "observing",
            Self::Stopped => "stopped",
        }
    }

    pub(super) const fn leader(self, me: ServerId) -> Option<ServerId> {
        match self {
            Self::Leading { .. } => Some(me),
            Self::Following { leader, .. } | Self::Observing { leader, .. } => Some(leader),
            Self::Looking | Self::Stopped => None,
        }
    }

    pub(super) const fn epoch(self) -> Option<Epoch> {
        match self {
            Self::Leading { epoch }
            | Self::Following { epoch, .. }
            | Self::Observing { epoch, .. } => epoch,
            Self::Looking | Self::Stopped => None,
        }
    }
}

/// Reads from its news what a node becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes {
    me: ServerId,
    is_observer: bool,
    /// It holds elections, and nothing comes of them.
    elections_alone: bool,
}

impl Changes {
    pub(super) fn of(config: &NodeConfig) -> Self {
        Self {
            me: config.me,
            is_observer: !config.ensemble().is_voter(config.me),
            elections_alone: config.leadership.is_none(),
        }
    }

    pub(super) const fn me(&self) -> ServerId {
        self.me
    }

    /// What it became, the oldest first; the last one is what it is. Some may be what it was already.
    pub(super) fn read(&self, news: &News) -> Vec<Change> {
        let events = news.events.iter().filter_map(|occurrence| self.read_event(&occurrence.event));
        let present = self.present(&news.status).map(|state| Change { state, cause: None });
        events.chain(present).collect()
    }

    fn read_event(&self, event: &NodeEvent) -> Option<Change> {
        let (state, cause) = match event {
            NodeEvent::Looking { .. } if self.elections_alone => (State::Looking, None),
            NodeEvent::Elected { decision, .. } if self.elections_alone => {
                (decided(*decision), None)
            }
            NodeEvent::Leading { epoch, .. } => (State::Leading { epoch: Some(*epoch) }, None),
            NodeEvent::Following { leader, epoch, .. } => (self.led(*leader, *epoch), None),
            // It looks no more.
            NodeEvent::Lost { cause: cause @ LostBecause::Stopped, .. } => {
                (State::Stopped, Some(*cause))
            }
            NodeEvent::Lost { cause, .. } => (State::Looking, Some(*cause)),
            NodeEvent::Looking { .. }
            | NodeEvent::Elected { .. }
            | NodeEvent::Voted { .. }
            | NodeEvent::Retiring { .. }
            | NodeEvent::WaitingFor { .. }
            | NodeEvent::GaveUp { .. }
            | NodeEvent::NotEstablished { .. }
            | NodeEvent::LeaderUnreached { .. }
            | NodeEvent::BesideRealServer { .. }
            | NodeEvent::BegunByAll { .. }
            | NodeEvent::WithoutLease { .. }
            | NodeEvent::Bound { .. }
            | NodeEvent::CannotPromise { .. }
            | NodeEvent::Recorded
            | NodeEvent::Directory { .. }
            | NodeEvent::CannotStore { .. }
            | NodeEvent::LearnerTurnedAway { .. }
            | NodeEvent::MalformedPacket { .. }
            | NodeEvent::Malformed { .. }
            | NodeEvent::MembersDiffer { .. }
            | NodeEvent::Network(_) => return None,
        };
        Some(Change { state, cause })
    }

    /// What it is. With leadership an election alone makes it nothing.
    fn present(&self, status: &Status) -> Option<State> {
        if !self.elections_alone {
            let led = status.leader().map(|(leader, epoch)| self.led(leader, epoch));
            return Some(led.unwrap_or(State::Looking));
        }
        match (status.state(), status.election.vote) {
            (NodeState::Starting, _) | (NodeState::Decided(_), None) => None,
            (NodeState::Looking, _) => Some(State::Looking),
            (NodeState::Decided(standing), Some(vote)) => {
                Some(decided(Decision { standing, vote, round: status.election.round }))
            }
        }
    }

    fn led(&self, leader: ServerId, epoch: Epoch) -> State {
        let epoch = Some(epoch);
        if leader == self.me {
            State::Leading { epoch }
        } else if self.is_observer {
            State::Observing { leader, epoch }
        } else {
            State::Following { leader, epoch }
        }
    }
}

fn decided(Decision { standing, vote, .. }: Decision) -> State {
    let (leader, epoch) = (vote.leader, None);
    match standing {
        Standing::Leading => State::Leading { epoch },
        Standing::Following => State::Following { leader, epoch },
        Standing::Observing => State::Observing { leader, epoch },
    }
}
