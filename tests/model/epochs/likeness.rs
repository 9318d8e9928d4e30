//! Which states are alike: those that differ only in how voters and sessions are called, or in how many records were stored.

use std::hash::{DefaultHasher, Hash, Hasher};

use ballotbox_core::{
    ServerId,
    leadership::{Renaming, SessionId},
};

use super::{
    sessions::{PER_PAIR, Session},
    state::{State, Voter},
};
use crate::members::{id, place};

/// One print for each way to call the voters.
pub(super) type Prints = Box<[u64]>;

/// Voters called otherwise: the place of each.
#[derive(Debug)]
pub(super) struct Names(Vec<usize>);

impl Names {
    /// Every way to call three voters; more are called by their names.
    pub(super) fn of(voters: usize) -> Vec<Self> {
        if voters != 3 {
            return vec![Self((0..voters).collect())];
        }
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        orders.into_iter().map(|order| Self(order.to_vec())).collect()
    }

    pub(super) fn place(&self, voter: usize) -> usize {
        self.0[voter]
    }

    fn number(&self, number: u64) -> u64 {
        let voters = self.0.len() as u64;
        let (pair, which) = (number / PER_PAIR, number % PER_PAIR);
        let [learner, leader] = [pair / voters, pair % voters];
        let [learner, leader] =
            [learner, leader].map(|one| self.0[usize::try_from(one).unwrap()] as u64);
        (learner * voters + leader) * PER_PAIR + which
    }
}

impl Renaming for Names {
    fn member(&self, member: ServerId) -> ServerId {
        id(self.0[place(member)])
    }

    fn session(&self, session: SessionId) -> SessionId {
        match session {
            SessionId::Accepted(number) => SessionId::Accepted(self.number(number)),
            SessionId::Dialled(number) => SessionId::Dialled(self.number(number)),
        }
    }
}

fn hash(feed: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(&mut hasher);
    hasher.finish()
}

impl Voter {
    fn print(&self, names: &Names) -> u64 {
        hash(|hasher| {
            self.core.hash_likeness(names, hasher);
            (self.disk, self.stores.len(), self.begun_before).hash(hasher);
            for (ticket, record) in &self.stores {
                (self.core.age(*ticket), record).hash(hasher);
            }
            (self.forgetful, self.was_wiped, self.has_failed, self.new_ensemble).hash(hasher);
        })
    }
}

impl Session {
    fn print(&self, number: u64, names: &Names) -> u64 {
        hash(|hasher| {
            names.number(number).hash(hasher);
            if let Some(info) = &self.info {
                (info.accepted, info.block.as_ref().map(|block| (block.recorded, block.current)))
                    .hash(hasher);
            }
            self.info.is_some().hash(hasher);
            (self.recorded, &self.to_leader, &self.to_learner).hash(hasher);
            (self.learner_left, self.leader_left, self.storing, self.is_impostors).hash(hasher);
        })
    }
}

impl State {
    /// The same for all states that are alike.
    pub(super) fn likeness(&self, names: &[Names]) -> u64 {
        let prints = |print: &dyn Fn(&Names) -> u64| names.iter().map(print).collect::<Prints>();
        let mut sums: Vec<u64> = names.iter().map(|names| self.rest(names)).collect();
        let mut add = |prints: &Prints| {
            sums.iter_mut().zip(prints).for_each(|(sum, print)| *sum = sum.wrapping_add(*print));
        };
        for voter in &self.voters {
            add(voter.prints.get_or_init(|| prints(&|names| voter.print(names))));
        }
        for (number, session) in &self.sessions {
            add(session.prints.get_or_init(|| prints(&|names| session.print(*number, names))));
        }
        sums.into_iter().min().unwrap_or_default()
    }

    fn rest(&self, names: &Names) -> u64 {
        hash(|hasher| {
            for (epoch, voter) in &self.history.begun {
                (epoch, names.0[*voter]).hash(hasher);
            }
            (self.left, self.broken).hash(hasher);
        })
    }
}
