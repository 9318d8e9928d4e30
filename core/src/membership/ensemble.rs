//! [`Ensemble`]: who takes part, who votes, and what counts as a quorum.
//!
//! A plain majority of the voters is a quorum. With weights and groups (ZooKeeper's hierarchical quorums) it takes
//! more than half of the groups, each with more than half of its weight; groups without any weight are left out.
//! So losing a whole site does not cost the quorum, and a server of weight 0 votes for others but never counts.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{GroupId, Member, Role};
use crate::ServerId;

/// Why some members are no ensemble.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum EnsembleError {
    /// Nobody votes.
    #[error("no member is a voter: expected at least one")]
    NoVoter,
    /// Two members share an id.
    #[error("id {id} is given to more than one member: expected every id once")]
    DuplicateId { id: ServerId },
    /// Some voter is in a group or has a weight, this one is in no group.
    #[error(
        "voter {id} is in no group: as soon as any weight or group is given, every voter needs a group"
    )]
    NoGroup {
        /// The voter without a group.
        id: ServerId,
    },
    /// No voter has any weight.
    #[error(
        "every voter has weight 0, so none could ever lead: expected at least one positive weight"
    )]
    NoWeight,
    /// The weights of a group cannot be added up.
    #[error("the weights of group {group} exceed {}: expected smaller ones", u64::MAX)]
    WeightOverflow {
        /// The number of the group.
        group: u64,
    },
}

impl EnsembleError {
    /// Whether real servers of 3.8 and 3.9 refuse such members as well.
    pub fn refused_by_real_servers(&self) -> bool {
        match self {
            Self::NoVoter | Self::DuplicateId { .. } | Self::NoGroup { .. } => true,
            Self::NoWeight | Self::WeightOverflow { .. } => false,
        }
    }
}

/// The members of an ensemble, checked: at least one voter, ids unique, weights and groups consistent.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Ensemble {
    members: BTreeMap<ServerId, Role>,
    quorums: Quorums,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Quorums {
    Majority {
        voters: usize,
    },
    Hierarchical {
        weights: BTreeMap<ServerId, u64>,
        groups: BTreeMap<ServerId, GroupId>,
        totals: BTreeMap<GroupId, u64>,
    },
}

impl Ensemble {
    /// An ensemble of these members.
    ///
    /// # Errors
    ///
    /// [`EnsembleError`], naming the member that does not fit.
    pub fn new<M: Borrow<Member>>(
        members: impl IntoIterator<Item = M>,
    ) -> Result<Self, EnsembleError> {
        let mut roles = BTreeMap::new();
        let members: Vec<_> = members.into_iter().collect();
        let mut voters = Vec::new();
        for member in members.iter().map(Borrow::borrow) {
            if roles.insert(member.id, member.role).is_some() {
                return Err(EnsembleError::DuplicateId { id: member.id });
            }
            match member.role {
                Role::Voter => voters.push(member),
                Role::Observer => {}
            }
        }
        if voters.is_empty() {
            return Err(EnsembleError::NoVoter);
        }
        let flat = voters.iter().all(|voter| voter.weight.is_none() && voter.group.is_none());
        let quorums =
            if flat { Quorums::Majority { voters: voters.len() } } else { hierarchical(&voters)? };
        Ok(Self { members: roles, quorums })
    }

    /// Whether this id is a member at all.
    pub fn contains(&self, id: ServerId) -> bool {
        self.members.contains_key(&id)
    }

    /// All members with their roles, by id.
    pub fn members(&self) -> impl Iterator<Item = (ServerId, Role)> + '_ {
        self.members.iter().map(|(id, role)| (*id, *role))
    }

    /// The voters, by id.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.members().filter(|(_, role)| *role == Role::Voter).map(|(id, _)| id)
    }

    /// Whom this member wants links to: a voter to everybody else, an observer only to the voters, as observers have
    /// nothing to say to each other.
    pub fn peers_of(&self, me: ServerId) -> impl Iterator<Item = ServerId> + '_ {
        let voting = self.is_voter(me);
        let wanted =
            move |(id, role): &(ServerId, Role)| *id != me && (voting || *role == Role::Voter);
        self.members().filter(wanted).map(|(id, _)| id)
    }

    /// What this id is; `None` if it is no member.
    pub fn role(&self, id: ServerId) -> Option<Role> {
        self.members.get(&id).copied()
    }

    /// Whether this id is a voter, of whatever weight.
    pub fn is_voter(&self, id: ServerId) -> bool {
        self.role(id) == Some(Role::Voter)
    }

    /// Whether this id may be elected: a voter whose vote weighs something.
    pub fn may_lead(&self, id: ServerId) -> bool {
        self.is_voter(id) && self.weight(id) > 0
    }

    /// What the vote of this id weighs: 0 for all that are no voters.
    pub fn weight(&self, id: ServerId) -> u64 {
        match &self.quorums {
            Quorums::Majority { .. } => u64::from(self.is_voter(id)),
            Quorums::Hierarchical { weights, .. } => weights.get(&id).copied().unwrap_or(0),
        }
    }

    /// Whether these ids together are a quorum. Ids that are no voters do not count.
    pub fn is_quorum(&self, ids: &BTreeSet<ServerId>) -> bool {
        match &self.quorums {
            Quorums::Majority { voters } => {
                // Both are in order: one walk, not a search for each.
                let mut members = self.members.iter().peekable();
                let is_voter = |id: &&ServerId| {
                    while members.next_if(|(member, _)| *member < *id).is_some() {}
                    let found = members.next_if(|(member, _)| *member == *id);
                    found.is_some_and(|(_, role)| *role == Role::Voter)
                };
                ids.iter().filter(is_voter).count() > voters / 2
            }
            Quorums::Hierarchical { weights, groups, totals } => {
                groups_won(ids, weights, groups, totals) > totals.len() / 2
            }
        }
    }

    /// Whether nobody has a quorum without one of these ids: their complement is none.
    pub fn is_blocking(&self, ids: &BTreeSet<ServerId>) -> bool {
        let others = self.voters().filter(|voter| !ids.contains(voter)).collect();
        !self.is_quorum(&others)
    }

    /// What these ids amount to, and what a quorum takes.
    pub fn count(&self, ids: &BTreeSet<ServerId>) -> QuorumCount {
        let here = ids.iter().filter(|id| self.is_voter(**id)).count();
        let voters = self.voters().count();
        match &self.quorums {
            Quorums::Majority { .. } => QuorumCount { here, voters, groups: None },
            Quorums::Hierarchical { weights, groups, totals } => {
                let won = groups_won(ids, weights, groups, totals);
                QuorumCount { here, voters, groups: Some((won, totals.len())) }
            }
        }
    }
}

/// How far some members are from a quorum. `Display` says it: `1 of 3 voters here, 2 needed`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct QuorumCount {
    /// How many of them are voters.
    pub here: usize,
    /// How many voters there are in all.
    pub voters: usize,
    /// In a hierarchical quorum: how many groups they have more than half of the weight of, and how many groups with any
    /// weight there are.
    pub groups: Option<(usize, usize)>,
}

impl fmt::Display for QuorumCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { here, voters, groups } = self;
        match groups {
            None => write!(f, "{here} of {voters} voters here, {} needed", voters / 2 + 1),
            Some((won, all)) => write!(
                f,
                "{here} of {voters} voters here, more than half of the weight of {won} of {all} groups, {} needed",
                all / 2 + 1
            ),
        }
    }
}

/// In how many groups these ids have more than half of the weight.
fn groups_won(
    ids: &BTreeSet<ServerId>,
    weights: &BTreeMap<ServerId, u64>,
    groups: &BTreeMap<ServerId, GroupId>,
    totals: &BTreeMap<GroupId, u64>,
) -> usize {
    let mut present = BTreeMap::<GroupId, u64>::new();
    for id in ids {
        if let (Some(weight), Some(group)) = (weights.get(id), groups.get(id)) {
            *present.entry(*group).or_default() += weight;
        }
    }
    // More than half, written so that large weights cannot overflow.
    let won = |group: &GroupId, weight: u64| weight > totals[group] - weight;
    present.iter().filter(|(group, weight)| won(group, **weight)).count()
}

fn hierarchical(voters: &[&Member]) -> Result<Quorums, EnsembleError> {
    let mut weights = BTreeMap::new();
    let mut groups = BTreeMap::new();
    let mut totals = BTreeMap::<GroupId, u64>::new();
    for voter in voters {
        let group = voter.group.ok_or(EnsembleError::NoGroup { id: voter.id })?;
        let weight = voter.weight.unwrap_or(1);
        weights.insert(voter.id, weight);
        groups.insert(voter.id, group);
        let total = totals.entry(group).or_default();
        *total =
            total.checked_add(weight).ok_or(EnsembleError::WeightOverflow { group: group.0 })?;
    }
    totals.retain(|_, total| *total > 0);
    if totals.is_empty() {
        return Err(EnsembleError::NoWeight);
    }
    // A group without weight wins nothing: its members count for nothing.
    groups.retain(|_, group| totals.contains_key(group));
    Ok(Quorums::Hierarchical { weights, groups, totals })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn ids(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<ServerId> {
        numbers.into_iter().map(id).collect()
    }

    fn grouped(number: u64, group: u64, weight: u64) -> Member {
        Member { weight: Some(weight), group: Some(GroupId(group)), ..Member::voter(id(number)) }
    }

    #[test]
    fn a_majority_of_the_voters_is_a_quorum_and_observers_do_not_count() {
        let members = (1..=5).map(|n| Member::voter(id(n))).chain([Member::observer(id(6))]);
        let ensemble = Ensemble::new(members).unwrap();
        assert!(!ensemble.is_quorum(&ids([1, 2, 6, 7])));
        assert!(ensemble.is_quorum(&ids([1, 2, 5])));
        assert!(!ensemble.may_lead(id(6)));
    }

    #[test]
    fn half_is_not_a_majority() {
        let ensemble = Ensemble::new((1..=4).map(|n| Member::voter(id(n)))).unwrap();
        assert!(!ensemble.is_quorum(&ids([1, 2])));
        assert!(ensemble.is_quorum(&ids([1, 2, 3])));
    }

    #[test]
    fn groups_are_won_by_weight_and_the_ensemble_by_groups() {
        // Three sites of three; the third has no weight at all.
        let members = (0..9).map(|n| grouped(n, n / 3, u64::from(n < 6)));
        let ensemble = Ensemble::new(members).unwrap();
        assert!(!ensemble.is_quorum(&ids([0, 1, 2, 3])), "one group of two is not more than half");
        assert!(ensemble.is_quorum(&ids([0, 1, 3, 4])));
        assert!(!ensemble.is_quorum(&ids([0, 1, 6, 7, 8])));
        assert!(ensemble.may_lead(id(5)) && !ensemble.may_lead(id(6)));
    }

    #[test]
    fn what_is_missing_to_a_quorum_is_said_in_voters_or_in_groups() {
        let flat = Ensemble::new((1..=4).map(|n| Member::voter(id(n)))).unwrap();
        assert_eq!(flat.count(&ids([1, 9])).to_string(), "1 of 4 voters here, 3 needed");
        let members = (0..9).map(|n| grouped(n, n / 3, u64::from(n < 6)));
        let grouped = Ensemble::new(members).unwrap();
        let told = "4 of 9 voters here, more than half of the weight of 1 of 2 groups, 2 needed";
        assert_eq!(grouped.count(&ids([0, 1, 3, 8])).to_string(), told);
    }

    #[test]
    fn weights_near_the_limit_do_not_overflow() {
        let ensemble = Ensemble::new([grouped(1, 1, u64::MAX - 1), grouped(2, 1, 1)]).unwrap();
        assert!(ensemble.is_quorum(&ids([1])) && !ensemble.is_quorum(&ids([2])));
        let error = Ensemble::new([grouped(1, 1, u64::MAX), grouped(2, 1, 1)]).unwrap_err();
        assert_eq!(error, EnsembleError::WeightOverflow { group: 1 });
    }

    #[test]
    fn what_is_no_ensemble_is_refused() {
        let refused = |members: &[Member]| Ensemble::new(members).unwrap_err();
        assert_eq!(refused(&[Member::observer(id(1))]), EnsembleError::NoVoter);
        let twice = [Member::voter(id(1)), Member::observer(id(1))];
        assert_eq!(refused(&twice), EnsembleError::DuplicateId { id: id(1) });
        let lone = [Member::voter(id(1)), grouped(2, 1, 1)];
        assert_eq!(refused(&lone), EnsembleError::NoGroup { id: id(1) });
        assert_eq!(refused(&[grouped(1, 1, 0)]), EnsembleError::NoWeight);
    }
}
