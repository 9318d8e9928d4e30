//! [`Claim`]: who says it leads, and who believes it. Whatever asks for a leader asks here.
//!
//! | question | the claim |
//! | --- | --- |
//! | who leads | that most members [believe](foremost) |
//! | who is established | that [a quorum](Claim::has_quorum) believes: no two of them exist |
//! | do some members agree | that [all of them](Claim::is_shared_by) believe |

use std::collections::{BTreeMap, BTreeSet};

use ballotbox_core::ServerId;

use super::vote_file::MemberState;
use crate::Ensemble;

/// What the members are; one that is missing is down.
pub(super) type States = BTreeMap<ServerId, MemberState>;

/// The word of a member that it leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Claim {
    /// The member.
    pub(super) leader: ServerId,
    /// The members that believe it, itself among them.
    pub(super) believers: BTreeSet<ServerId>,
}

/// All claims there are at present.
pub(super) fn claims(states: &States) -> impl Iterator<Item = Claim> {
    let leading = states.iter().filter(|(_, state)| **state == MemberState::Leading);
    leading.map(|(leader, _)| {
        let believes = |(id, state): (&ServerId, &MemberState)| {
            (state.leader_of(*id) == Some(*leader)).then_some(*id)
        };
        Claim { leader: *leader, believers: states.iter().filter_map(believes).collect() }
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
    use MemberState::{Down, Following, Leading, Looking, Observing};

    use super::*;
    use crate::Member;

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
        assert_eq!(leader(&[(1, Leading), (2, Leading), (3, Following(id(1)))]), Some(1));
        assert_eq!(leader(&[(1, Leading), (2, Leading)]), Some(2));
        assert_eq!(leader(&[(1, Following(id(2))), (2, Looking), (4, Observing(id(2)))]), None);
    }

    #[test]
    fn a_leader_is_established_by_the_voters_that_believe_it_itself_among_them() {
        let voters = [1, 2, 3].map(|number| Member::voter(id(number)));
        let ensemble = Ensemble::new(voters.into_iter().chain([Member::observer(id(4))])).unwrap();
        let established = |members: &[(u64, MemberState)]| {
            claims(&states(members)).any(|claim| claim.has_quorum(&ensemble))
        };
        assert!(established(&[(1, Following(id(2))), (2, Leading), (3, Down)]));
        assert!(!established(&[(1, Looking), (2, Leading), (4, Observing(id(2)))]));
        assert!(!established(&[(1, Following(id(2))), (2, Looking), (3, Following(id(2)))]));
    }

    #[test]
    fn members_agree_if_all_of_them_believe_one_claim() {
        let states = states(&[(1, Following(id(2))), (2, Leading), (3, Looking)]);
        let claim = foremost(&states).unwrap();
        assert!(claim.is_shared_by([1, 2].map(id).into_iter()));
        assert!(!claim.is_shared_by(states.keys().copied()));
    }
}
