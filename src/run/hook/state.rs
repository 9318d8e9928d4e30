//! [`State`]: what a hook is told of, and [`Changes`], which reads it from the news of a node.

use ballotbox_core::ServerId;

use crate::{
    Decision, Epoch, NodeConfig, Standing,
    leadership::LostBecause,
    node::{Leader, News, NodeEvent, NodeState, Status},
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
        if self.elections_alone {
            return Self::read_election(event).map(|state| Change { state, cause: None });
        }
        if let NodeEvent::Lost { cause, .. } = event {
            // It looks no more when it was stopped.
            let stops = *cause == LostBecause::Stopped;
            let state = if stops { State::Stopped } else { State::Looking };
            return Some(Change { state, cause: Some(*cause) });
        }
        let leader = event.leader()?;
        if matches!(leader, Leader::Leads { retiring: true, .. }) {
            return None;
        }
        let (leader, epoch) = leader.in_epoch(self.me)?;
        let state = self.led(leader, epoch);
        Some(Change { state, cause: None })
    }

    /// What comes of elections alone.
    fn read_election(event: &NodeEvent) -> Option<State> {
        if let NodeEvent::Elected { decision, .. } = event {
            return Some(decided(*decision));
        }
        matches!(event, NodeEvent::Looking { .. }).then_some(State::Looking)
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
