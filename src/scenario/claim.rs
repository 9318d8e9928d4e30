//! [`Claim`]: who says it leads, and who believes it. Whatever asks for a leader asks here.
//!
//! | question | the claim |
//! | --- | --- |
//! | who leads | that most members [believe](foremost) |
//! | who is established | that [a quorum](Claim::has_quorum) believes: no two of them exist |
//! | do some members agree | that [all of them](Claim::is_shared_by) believe |

use std::collections::{BTreeMap, BTreeSet};

use ballotbox_core::{ServerId, election::Epoch};

use super::vote_file::MemberState;
use crate::Ensemble;

/// What the members are; one that is missing is down.
pub(super) type States = BTreeMap<ServerId, MemberState>;

/// The word of a member that it leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Claim {
    /// The member.
    pub(super) leader: ServerId,
    /// The epoch it leads in; `None` where the election is played alone.
    pub(super) epoch: Option<Epoch>,
    /// The members that believe it, itself among them.
    pub(super) believers: BTreeSet<ServerId>,
}

/// All claims there are at present.
pub(super) fn claims(states: &States) -> impl Iterator<Item = Claim> {
    let leading = states.iter().filter(|(_, state)| state.leads());
    leading.map(|(leader, state)| {
        let epoch = state.epoch();
        let believes = |(id, state): (&ServerId, &MemberState)| {
            (state.leader_of(*id) == Some(*leader) && state.epoch() == epoch).then_some(*id)
        };
        Claim { leader: *leader, epoch, believers: states.iter().filter_map(believes).collect() }
    })
}

/// The claim that most members believe; of several such, that of the highest id.
pub(super) fn foremost(states: &States) -> Option<Claim> {
    claims(states).max_by_key(|claim| (claim.believers.len(), claim.leader))
}

impl Claim {
    /// Whether its believers are a quorum.
    pub(super) fn has_quorum(&self, ensemble: &Ensemble) -> bool {
        ensemble.is_quorum(&self.believers)
    }

    /// Whether all of these members believe it.
    pub(super) fn is_shared_by(&self, mut members: impl Iterator<Item = ServerId>) -> bool {
        members.all(|member| self.believers.contains(&member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Member;

    const DOWN: MemberState = MemberState::Down;
    const LOOKING: MemberState = MemberState::Looking;
    const LEADING: MemberState = MemberState::Leading { epoch: None };

    fn following(leader: u64) -> MemberState {
        MemberState::Following { leader: id(leader), epoch: None }
    }

    fn observing(leader: u64) -> MemberState {
        MemberState::Observing { leader: id(leader), epoch: None }
    }

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn states(states: &[(u64, MemberState)]) -> States {
        states.iter().map(|(number, state)| (id(*number), *state)).collect()
    }

    #[test]
    fn of_two_that_claim_to_lead_the_one_that_is_followed_counts() {
        let leader = |members: &[(u64, MemberState)]| {
            foremost(&states(members)).map(|claim| claim.leader.number())
        };
        assert_eq!(leader(&[(1, LEADING), (2, LEADING), (3, following(1))]), Some(1));
        assert_eq!(leader(&[(1, LEADING), (2, LEADING)]), Some(2));
        assert_eq!(leader(&[(1, following(2)), (2, LOOKING), (4, observing(2))]), None);
    }

    #[test]
    fn a_leader_is_established_by_the_voters_that_believe_it_itself_among_them() {
        let voters = [1, 2, 3].map(|number| Member::voter(id(number)));
        let ensemble = Ensemble::new(voters.into_iter().chain([Member::observer(id(4))])).unwrap();
        let established = |members: &[(u64, MemberState)]| {
            claims(&states(members)).any(|claim| claim.has_quorum(&ensemble))
        };
        assert!(established(&[(1, following(2)), (2, LEADING), (3, DOWN)]));
        assert!(!established(&[(1, LOOKING), (2, LEADING), (4, observing(2))]));
        assert!(!established(&[(1, following(2)), (2, LOOKING), (3, following(2))]));
    }

    #[test]
    fn members_agree_if_all_of_them_believe_one_claim() {
        let states = states(&[(1, following(2)), (2, LEADING), (3, LOOKING)]);
        let claim = foremost(&states).unwrap();
        assert!(claim.is_shared_by([1, 2].map(id).into_iter()));
        assert!(!claim.is_shared_by(states.keys().copied()));
    }

    #[test]
    fn who_follows_in_another_epoch_believes_another_claim() {
        let leading = MemberState::Leading { epoch: Some(Epoch(3)) };
        let behind = MemberState::Following { leader: id(2), epoch: Some(Epoch(2)) };
        let claim = foremost(&states(&[(1, behind), (2, leading)])).unwrap();
        assert_eq!((claim.epoch, claim.believers), (Some(Epoch(3)), [id(2)].into()));
    }
}
