//! [`SafeToRestart`]: whether a node may be restarted now without the ensemble losing its quorum.
//!
//! It may if somebody leads, and the voters that the node is linked to are a quorum without it; weights and groups count. A member that counts in no
//! quorum may be restarted at any time. This is what one node sees: after a restart wait until it is safe again, by its own word, before the next one.

use std::{collections::BTreeSet, fmt};

use ballotbox_core::{ServerId, membership::Ensemble};
use serde::{Deserialize, Serialize};

use super::shown::shown;
use crate::node::Status;

/// Whether a node may be restarted now without the ensemble losing its quorum.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SafeToRestart {
    /// Whether it may be.
    pub safe: bool,
    /// Why, or why not, in words.
    #[serde(deserialize_with = "shown")]
    pub why: String,
}

impl SafeToRestart {
    pub(super) fn of(status: &Status, ensemble: &Ensemble) -> Self {
        let yes = |why: &dyn fmt::Display| Self { safe: true, why: why.to_string() };
        let no = |why: &dyn fmt::Display| Self { safe: false, why: why.to_string() };
        let me = status.me;
        if ensemble.weight(me) == 0 {
            return yes(&"it counts in no quorum");
        }
        let leadership = status.leadership.as_deref();
        if leadership.is_some_and(|leadership| leadership.retiring) {
            return no(&"it gives its leadership up: wait until another one leads");
        }
        let Some(leader) = leader(status) else {
            return no(&"nobody leads, as far as this node knows");
        };
        let others: BTreeSet<_> =
            status.election.links.iter().copied().filter(|peer| *peer != me).collect();
        let count = ensemble.count(&others);
        if !ensemble.is_quorum(&others) {
            return no(&format_args!("the others are no quorum: {count}"));
        }
        let handover = "; it leads: `ballotbox resign` first makes the change smooth";
        let handover = if leader == me { handover } else { "" };
        yes(&format_args!("the others are a quorum: {count}{handover}"))
    }
}

/// Who leads, or was elected where there is no leadership of ours.
fn leader(status: &Status) -> Option<ServerId> {
    let is_without =
        status.leadership.as_ref().is_none_or(|leadership| leadership.beside_real_server);
    let elected = status.elected().filter(|_| is_without);
    status.leader().map(|(leader, _)| leader).or(elected)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ballotbox_actors::kit::clock;
    use ballotbox_core::membership::{GroupId, Member};

    use super::*;
    use crate::{
        Epoch, Standing, Vote,
        node::{ElectionStatus, LeadershipStatus, NodeState},
    };

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn voters(count: u64) -> Ensemble {
        Ensemble::new((1..=count).map(|number| Member::voter(id(number)))).unwrap()
    }

    /// A node with links to these peers, under this leader.
    fn node(me: u64, links: &[u64], leader: Option<u64>) -> Status {
        let links = links.iter().map(|peer| id(*peer)).collect();
        Status {
            election: Arc::new(ElectionStatus { links, ..ElectionStatus::default() }),
            leadership: Some(Arc::new(LeadershipStatus {
                established: leader.map(|leader| (id(leader), Epoch(7))),
                ..LeadershipStatus::default()
            })),
            ..Status::new(id(me), clock::now())
        }
    }

    fn judged(status: &Status, ensemble: &Ensemble) -> (bool, String) {
        let SafeToRestart { safe, why } = SafeToRestart::of(status, ensemble);
        (safe, why)
    }

    #[test]
    fn a_follower_may_go_if_the_linked_voters_are_a_quorum_without_it() {
        let ensemble = voters(3);
        let (safe, why) = judged(&node(1, &[2, 3], Some(3)), &ensemble);
        let expected = "the others are a quorum: 2 of 3 voters here, 2 needed";
        assert_eq!((safe, why.as_str()), (true, expected));
        let (safe, why) = judged(&node(1, &[3], Some(3)), &ensemble);
        let expected = "the others are no quorum: 1 of 3 voters here, 2 needed";
        assert_eq!((safe, why.as_str()), (false, expected));
        // It does not count itself, whatever it is told.
        assert!(!judged(&node(1, &[1, 3], Some(3)), &ensemble).0);
        assert!(!judged(&node(1, &[2, 3], Some(3)), &voters(4)).0, "half is no majority");
    }

    #[test]
    fn a_leader_may_go_as_well_and_is_told_to_resign_first() {
        let (safe, why) = judged(&node(3, &[1, 2], Some(3)), &voters(3));
        assert!(safe && why.contains("resign"), "{why}");
        assert!(!judged(&node(1, &[], Some(1)), &voters(1)).0, "it is the whole ensemble");
    }

    #[test]
    fn nobody_goes_while_nobody_leads_or_the_leadership_moves() {
        let (safe, why) = judged(&node(1, &[2, 3], None), &voters(3));
        assert!(!safe && why.starts_with("nobody leads"), "{why}");
        let mut retires = node(3, &[1, 2], Some(3));
        Arc::make_mut(retires.leadership.as_mut().unwrap()).retiring = true;
        let (safe, why) = judged(&retires, &voters(3));
        assert!(!safe && why.contains("gives its leadership up"), "{why}");
    }

    #[test]
    fn weights_and_groups_count() {
        let member = |number: u64, group, weight| Member {
            weight: Some(weight),
            group: Some(GroupId(group)),
            ..Member::voter(id(number))
        };
        let members = [
            member(1, 1, 1),
            member(2, 1, 1),
            member(3, 2, 1),
            member(4, 3, 5),
            member(5, 3, 1),
            member(6, 3, 0),
        ];
        let ensemble = Ensemble::new(members).unwrap();
        // 4 is more than half of group 3 by itself, and 1 is half of group 1.
        assert!(judged(&node(5, &[3, 4], Some(4)), &ensemble).0);
        assert!(!judged(&node(4, &[3, 5, 6], Some(3)), &ensemble).0);
        assert!(!judged(&node(2, &[1, 4, 5], Some(4)), &ensemble).0);
    }

    #[test]
    fn a_member_without_a_vote_may_always_go() {
        let members = [Member::voter(id(1)), Member::observer(id(2))];
        let ensemble = Ensemble::new(members).unwrap();
        let expected = (true, "it counts in no quorum".to_owned());
        assert_eq!(judged(&node(2, &[], None), &ensemble), expected);
    }

    #[test]
    fn where_elections_are_held_alone_who_was_elected_leads() {
        let mut status = node(1, &[2, 3], None);
        status.leadership = None;
        assert!(!judged(&status, &voters(3)).0);
        let vote = Vote::of_no_candidate(id(2));
        let election = Arc::make_mut(&mut status.election);
        (election.vote, election.state) = (Some(vote), NodeState::Decided(Standing::Following));
        assert!(judged(&status, &voters(3)).0);
    }
}
