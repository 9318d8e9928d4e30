//! Weakened rules, forged by the environment: the production core has no switch for them.

use std::{collections::VecDeque, sync::OnceLock};

use ballotbox_core::{
    election::{Epoch, Zxid},
    leadership::{LeaderWord, LearnerWord, Record, Stage},
};

use super::{sessions::Session, state::State};

#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) enum Weakness {
    #[default]
    None,
    /// A voter that was wiped counts at once: its empty disk says that it is recorded.
    NoAmnesia,
    /// An amnesiac is recorded as soon as it follows, without a quorum that confirms it.
    FollowedIsRecorded,
    /// Where all have introduced themselves once, the words of a quorum found an ensemble: what the others would say is forged.
    IntroductionOfAll,
    /// A quorum founds an ensemble: the introductions of the others are forged as well.
    QuorumFounds,
    /// An impostor speaks as a voter, and is believed.
    Impostor,
    /// Who has accepted an epoch before counts when it is proposed once more.
    EqualCounts,
}

/// What is on a disk that was wiped.
pub(super) fn wiped(weakness: Weakness) -> Record {
    Record { recorded: weakness == Weakness::NoAmnesia, ..Record::default() }
}

/// This voter follows, and counts or not.
pub(super) fn follows(state: &mut State, voter: usize, epoch: Epoch, counts: bool) {
    if state.weakness != Weakness::FollowedIsRecorded || counts {
        return;
    }
    let session = state.session_of(voter);
    if let Some(session) = session.and_then(|number| state.session(number)) {
        session.to_learner.push_front(LeaderWord::Recorded { epoch });
    }
}

/// The learner of this session has answered an epoch that it had accepted before.
pub(super) fn answers_equal_epoch(state: &mut State, number: u64) {
    if state.weakness != Weakness::EqualCounts {
        return;
    }
    if let Some(session) = state.session(number)
        && let Some(LearnerWord::AckEpoch { current, .. }) = session.to_leader.back_mut()
    {
        current.get_or_insert_default();
    }
}

/// Whether what comes to this leader may be the introduction of a voter that is not there.
pub(super) fn may_arrive(state: &State, leader: usize, peer: usize) -> bool {
    let heard = || state.heard_by(leader);
    let is_enough = heard().filter(|session| !session.learner_left).count() + 1 >= state.quorum();
    let is_forged = state.weakness == Weakness::QuorumFounds && is_enough;
    (is_forged || state.weakness == Weakness::Impostor)
        && state.stage(leader) == Stage::Discovering
        && leader != peer
        && heard().all(|session| session.learner != peer)
        && state.free_number(peer, leader).is_some()
}

/// The session of a voter that is not there, and remembers nothing; or that of an impostor, which says that it remembers.
pub(super) fn introduction(state: &State, leader: usize, peer: usize) -> Session {
    let is_impostors = state.weakness == Weakness::Impostor;
    let mut info = state.voters[peer].core.info();
    info.accepted = Epoch(0);
    if let Some(block) = &mut info.block {
        block.recorded = is_impostors;
    }
    Session {
        learner: peer,
        leader,
        info: Some(info),
        recorded: is_impostors,
        to_leader: VecDeque::new(),
        to_learner: VecDeque::new(),
        learner_left: true,
        leader_left: false,
        storing: false,
        is_impostors,
        prints: OnceLock::new(),
    }
}

/// What a learner that has left is taken to say to this word, if its leader founds and a quorum is there; or what an impostor says.
pub(super) fn answer(state: &State, session: &Session, word: &LeaderWord) -> Option<LearnerWord> {
    let founds = match state.weakness {
        Weakness::IntroductionOfAll | Weakness::QuorumFounds => true,
        Weakness::None
        | Weakness::NoAmnesia
        | Weakness::FollowedIsRecorded
        | Weakness::Impostor
        | Weakness::EqualCounts => false,
    };
    let heard = || state.heard_by(session.leader);
    let present = heard().filter(|session| !session.learner_left).count() + 1;
    let recorded = heard().filter(|session| session.recorded).count()
        + usize::from(state.voters[session.leader].disk.recorded);
    let is_forged = founds && session.learner_left && present >= state.quorum();
    let is_made_up = is_forged && recorded < state.quorum();
    if !is_made_up && !session.is_impostors {
        return None;
    }
    if let LeaderWord::NewLeader { epoch, .. } = word {
        return Some(LearnerWord::Ack { epoch: *epoch });
    }
    let is_info = matches!(word, LeaderWord::Info { .. });
    is_info.then_some(LearnerWord::AckEpoch { current: Some(Epoch(0)), zxid: Zxid(0), bond: None })
}
