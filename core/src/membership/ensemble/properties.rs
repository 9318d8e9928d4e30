//! What holds of the quorums of any ensemble, whatever its sizes, weights and groups: on this rests that no epoch begins twice.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Ids of the members; larger ones are strangers.
const MEMBERS_MAX: usize = 12;

/// What a member is, beside its id: a voter, or an observer; its weight, and its group.
type Part = (bool, u64, u64);

/// Small weights often are equal, or none; large ones can only just be added up.
fn any_weight() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..=4_u64, 1 => (u64::MAX / 16)..=(u64::MAX / 12)]
}

fn any_part() -> impl Strategy<Value = Part> {
    (prop::bool::weighted(0.8), any_weight(), 0..=4_u64)
}

fn id(number: usize) -> ServerId {
    ServerId::new(number as u64).unwrap()
}

/// The ensemble of these parts, flat or with weights and groups, if there is one.
fn ensemble(parts: &[Part], flat: bool) -> Option<Ensemble> {
    let members = parts.iter().enumerate().map(|(number, (votes, weight, group))| {
        if !votes {
            return Member::observer(id(number));
        }
        let voter = Member::voter(id(number));
        if flat {
            return voter;
        }
        Member { weight: Some(*weight), group: Some(GroupId(*group)), ..voter }
    });
    Ensemble::new(members.collect::<Vec<_>>()).ok()
}

/// Some of the members, by whether they belong to it, and strangers.
fn some_of(chosen: &[bool]) -> BTreeSet<ServerId> {
    (0..chosen.len()).filter(|number| chosen[*number]).map(id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_two_quorums_share_a_voter_that_weighs_something(
        parts in vec(any_part(), 1..=MEMBERS_MAX),
        flat in any::<bool>(),
        one in vec(prop::bool::weighted(0.7), MEMBERS_MAX + 2),
        other in vec(prop::bool::weighted(0.7), MEMBERS_MAX + 2),
    ) {
        let Some(ensemble) = ensemble(&parts, flat) else { return Ok(()) };
        let (one, other) = (some_of(&one), some_of(&other));
        if ensemble.is_quorum(&one) && ensemble.is_quorum(&other) {
            let shared = one.intersection(&other).any(|both| ensemble.may_lead(*both));
            prop_assert!(shared, "{ensemble:?}");
        }
    }

    #[test]
    fn what_is_left_beside_a_quorum_is_none_and_more_than_a_quorum_is_one(
        parts in vec(any_part(), 1..=MEMBERS_MAX),
        flat in any::<bool>(),
        chosen in vec(any::<bool>(), MEMBERS_MAX + 2),
        more in vec(any::<bool>(), MEMBERS_MAX + 2),
    ) {
        let Some(ensemble) = ensemble(&parts, flat) else { return Ok(()) };
        let some = some_of(&chosen);
        let others = some_of(&chosen.iter().map(|is_in| !is_in).collect::<Vec<_>>());
        let all = some.union(&others).copied().collect();
        prop_assert!(ensemble.is_quorum(&all) && !ensemble.is_quorum(&BTreeSet::new()));
        prop_assert!(!(ensemble.is_quorum(&some) && ensemble.is_quorum(&others)), "{ensemble:?}");
        if ensemble.is_quorum(&some) {
            let with_more = some.union(&some_of(&more)).copied().collect();
            prop_assert!(ensemble.is_quorum(&with_more), "{ensemble:?}");
        }
    }

    #[test]
    fn what_is_told_of_a_quorum_agrees_with_whether_it_is_one(
        parts in vec(any_part(), 1..=MEMBERS_MAX),
        flat in any::<bool>(),
        chosen in vec(any::<bool>(), MEMBERS_MAX + 2),
    ) {
        let Some(ensemble) = ensemble(&parts, flat) else { return Ok(()) };
        let some = some_of(&chosen);
        let QuorumCount { here, voters, groups } = ensemble.count(&some);
        let (reached, all) = groups.unwrap_or((here, voters));
        prop_assert_eq!(reached > all / 2, ensemble.is_quorum(&some));
        prop_assert!(here <= voters && reached <= all);
    }

    #[test]
    fn a_blocking_set_meets_every_quorum_and_another_set_leaves_one_out(
        parts in vec(any_part(), 1..=7_usize),
        flat in any::<bool>(),
        chosen in vec(any::<bool>(), 7),
    ) {
        let Some(ensemble) = ensemble(&parts, flat) else { return Ok(()) };
        let blocking = some_of(&chosen);
        let sets = (0_u32..1 << parts.len()).map(|bits| {
            (0..parts.len()).filter(|number| bits >> number & 1 == 1).map(id).collect()
        });
        let mut quorums = sets.filter(|ids: &BTreeSet<_>| ensemble.is_quorum(ids));
        let is_left_out = quorums.any(|quorum| quorum.is_disjoint(&blocking));
        prop_assert_eq!(ensemble.is_blocking(&blocking), !is_left_out, "{:?}", ensemble);
    }
}
