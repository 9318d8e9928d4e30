//! Weakened rules, forged by the environment: the production core has no switch for them.

use ballotbox_core::{
    election::{Epoch, Round, Zxid},
    leadership::{LeaderWord, LearnerWord, Nomination},
};

use super::{judge, state::State};

#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) enum Weakness {
    #[default]
    None,
    /// An epoch is released when its work was told to end, not when it has.
    ReleasedWhenTold,
    /// Who has introduced itself to an elected voter is taken to have given it every word and promise.
    SuccessorNeedsNobody,
    /// How an epoch has ended is said without its number: who hears it takes it for the end of the one in which it follows.
    NominationOfAnyEpoch,
}

impl Weakness {
    /// The rule that does not hold then.
    pub(super) const fn breaks(self) -> &'static str {
        match self {
            Self::None => "",
            Self::ReleasedWhenTold | Self::SuccessorNeedsNobody => judge::ONE_WORK,
            Self::NominationOfAnyEpoch => judge::NO_OTHER_NOMINATION,
        }
    }
}

/// What a learner is taken to say to this word, whatever it says.
pub(super) fn answer(weakness: Weakness, word: &LeaderWord) -> Option<LearnerWord> {
    if weakness != Weakness::SuccessorNeedsNobody {
        return None;
    }
    match word {
        LeaderWord::Info { .. } => {
            let (current, zxid) = (Some(Epoch(0)), Zxid(0));
            Some(LearnerWord::AckEpoch { current, zxid, bond: None })
        }
        LeaderWord::NewLeader { epoch, .. } => Some(LearnerWord::Ack { epoch: *epoch }),
        LeaderWord::Ping { number, .. } => {
            Some(LearnerWord::Pong { number: *number, promises: true, stands: true })
        }
        LeaderWord::Sync { .. }
        | LeaderWord::UpToDate
        | LeaderWord::Recorded { .. }
        | LeaderWord::Waiting { .. }
        | LeaderWord::HasEnded(_)
        | LeaderWord::Released { .. }
        | LeaderWord::Refused { .. }
        | LeaderWord::Other => None,
    }
}

/// What this voter takes the end of this epoch for, when it hears of it once more.
pub(super) fn repeated(
    state: &State,
    voter: usize,
    epoch: Epoch,
    nomination: Option<Nomination>,
) -> (Epoch, Option<Nomination>) {
    let believed = state.book.believes(voter).map(|(_, epoch)| epoch);
    match believed.filter(|_| state.weakness == Weakness::NominationOfAnyEpoch) {
        Some(believed) => {
            let round = Round(state.voters[voter].round + 1);
            (believed, nomination.map(|one| Nomination { round, ..one }))
        }
        None => (epoch, nomination),
    }
}
