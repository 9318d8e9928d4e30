//! [`Learner`]: what a leader knows of a learner that it serves.

use std::collections::BTreeMap;

use super::EpochsAction;
use crate::{
    ServerId,
    election::{Epoch, Zxid},
    leadership::{Bond, EnsembleId, HasEnded, Holder, Info, LearnerBlock, SessionId},
};

/// A learner has come. Of two sessions of one member the newer one counts.
pub(super) fn take_in(
    learners: &mut BTreeMap<SessionId, Learner>,
    session: SessionId,
    learner: Learner,
    out: &mut Vec<EpochsAction>,
) {
    let older = learners.iter().find(|(_, one)| one.peer == learner.peer);
    if let Some(session) = older.map(|(session, _)| *session) {
        learners.remove(&session);
        out.push(EpochsAction::Close { session });
    }
    learners.insert(session, learner);
}

/// What a leader knows of a learner, on one session.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Learner {
    pub(super) peer: ServerId,
    /// What it had accepted when it came.
    pub(super) accepted: Epoch,
    pub(super) memory: Memory,
    /// The epoch above which a new ensemble is to begin.
    pub(super) epoch_floor: Epoch,
    pub(super) ensemble: Claim,
    /// Its words count in this epoch: it remembers all it has said, or is known to have said nothing.
    pub(super) remembers: bool,
    /// Its answer to the epoch: whether it counts.
    pub(super) noted: Option<bool>,
    /// It took note of the epoch when NEWLEADER had been said to others already.
    pub(super) late: Option<Late>,
    /// NEWLEADER was said.
    pub(super) synced: Option<Synced>,
    /// The number of the last ping before that.
    pub(super) synced_at: u64,
    /// It has answered NEWLEADER. From the ping after this number on it can be confirmed.
    pub(super) acknowledged: Option<u64>,
    /// It has answered UPTODATE: what it acknowledges after that is that it is recorded.
    pub(super) follows: bool,
    /// The newest ping it has answered.
    pub(super) answered: u64,
    /// The newest ping that it has answered with a promise.
    pub(super) promised: u64,
    /// Whether it stands for election, as it said with its last answer to a ping.
    pub(super) stands: Option<bool>,
    /// What it stands on, as it said when it took note of the epoch.
    pub(super) zxid: Zxid,
    /// What it has promised to another leader, until it is free.
    pub(super) bond: Option<Bond>,
    /// The newest of its own epochs that has ended.
    pub(super) ended: HasEnded,
    /// What it was told since it has answered NEWLEADER.
    pub(super) told: Told,
}

/// What a learner was told last of an epoch that has begun.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Told {
    Nothing,
    /// That it has begun.
    UpToDate,
    /// That it is recorded, which it writes down.
    Recorded,
}

/// What a member remembers of its words.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Memory {
    /// All of them.
    Recorded,
    /// Its operator says that there were none.
    NoPast,
    /// Nobody can tell.
    Amnesiac,
}

/// When a learner took note of the epoch that was late.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Late {
    /// After those with a smaller one.
    pub(super) turn: u64,
    /// After this ping was sent.
    pub(super) ping: u64,
}

/// How NEWLEADER was said.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Synced {
    /// A learner that remembers may give its word.
    Ordinary,
    /// This learner is recorded with it.
    Founding,
}

/// What a member knows of the id of its ensemble. The larger claim is the one to believe: as any two quorums meet, the id of an
/// epoch that has begun is claimed with that epoch, or with a newer one, in every quorum.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Claim {
    pub(super) confirmed: bool,
    current: Epoch,
    pub(super) id: Option<EnsembleId>,
}

impl Claim {
    pub(super) fn of(block: &LearnerBlock) -> Self {
        let current = if block.ensemble.is_some() { block.current } else { Epoch(0) };
        Self { confirmed: block.confirmed, current, id: block.ensemble }
    }
}

impl Memory {
    pub(super) const fn of(recorded: bool, new_ensemble: bool) -> Self {
        match (recorded, new_ensemble) {
            (true, _) => Self::Recorded,
            (false, true) => Self::NoPast,
            (false, false) => Self::Amnesiac,
        }
    }

    /// Whether its words count, as far as an ensemble goes that has no epoch yet, or has one.
    pub(super) const fn counts(self, nothing_yet: bool) -> bool {
        match self {
            Self::Recorded => true,
            // "My directory has no past" is believed only where nobody remembers anything.
            Self::NoPast => nothing_yet,
            Self::Amnesiac => false,
        }
    }
}

impl Learner {
    pub(super) fn new(peer: ServerId, info: &Info) -> Self {
        let block = info.block.as_ref();
        let memory = block.map(|block| Memory::of(block.recorded, block.new_ensemble));
        let memory = memory.unwrap_or(Memory::Amnesiac);
        let (directory, incarnation) =
            block.map(|block| (block.directory, block.incarnation)).unwrap_or_default();
        let holder = Holder { leader: peer, directory, incarnation };
        let epoch = block.map(|block| block.ended).unwrap_or_default();
        Self {
            peer,
            accepted: info.accepted,
            memory,
            epoch_floor: block.map(|block| block.epoch_floor).unwrap_or_default(),
            ensemble: block.map(Claim::of).unwrap_or_default(),
            remembers: memory == Memory::Recorded,
            noted: None,
            late: None,
            synced: None,
            synced_at: 0,
            acknowledged: None,
            follows: false,
            answered: 0,
            promised: 0,
            stands: None,
            zxid: Zxid(0),
            bond: None,
            ended: HasEnded { holder, epoch },
            told: Told::Nothing,
        }
    }

    /// Whether its word counts though it has no memory, as all voters give theirs.
    pub(super) fn is_amnesiac_founder(&self) -> bool {
        self.synced == Some(Synced::Founding) && !self.remembers
    }

    /// Whether its word for the epoch counts towards its beginning.
    pub(super) fn has_given_its_word(&self) -> bool {
        let founding = self.synced == Some(Synced::Founding);
        self.noted == Some(true) && self.acknowledged.is_some() && (self.remembers || founding)
    }

    /// Whether that word was given, or is confirmed by a later answer, after the last one that counts had taken note.
    pub(super) fn has_given_its_word_after(&self, last: Option<Late>) -> bool {
        let confirmed =
            last.is_none_or(|last| self.late == Some(last) || self.answered > last.ping);
        self.has_given_its_word() && self.late <= last && confirmed
    }

    /// Whether it supports the leader of an epoch that has begun: it follows, and remembers no newer epoch.
    pub(super) fn supports(&self, epoch: Epoch) -> bool {
        self.acknowledged.is_some() && self.is_recorded() && self.accepted <= epoch
    }

    fn is_recorded(&self) -> bool {
        self.memory == Memory::Recorded || self.has_given_its_word()
    }

    /// Whether its word does not count, as it may have forgotten others.
    pub(super) fn is_amnesiac(&self) -> bool {
        !self.remembers && !self.is_recorded()
    }
}
