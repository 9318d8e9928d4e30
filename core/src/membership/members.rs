//! [`Membership`]: who the members are, where they are, and what counts as a quorum of them.

use std::{collections::BTreeMap, sync::Arc};

use super::{Ensemble, EnsembleError, Member};
use crate::{Endpoint, ServerId};

/// The members of an ensemble and where they are, checked as an [`Ensemble`] is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Membership {
    members: BTreeMap<ServerId, Member>,
    /// What follows for quorums.
    ensemble: Arc<Ensemble>,
}

impl Membership {
    /// These members.
    ///
    /// # Errors
    ///
    /// [`EnsembleError`], naming the member that does not fit.
    pub fn new(members: impl IntoIterator<Item = Member>) -> Result<Self, EnsembleError> {
        let members: Vec<_> = members.into_iter().collect();
        let ensemble = Arc::new(Ensemble::new(&members)?);
        let members = members.into_iter().map(|member| (member.id, member)).collect();
        Ok(Self { members, ensemble })
    }

    /// Who votes, and what counts as a quorum.
    pub const fn ensemble(&self) -> &Arc<Ensemble> {
        &self.ensemble
    }

    /// The member with this id.
    pub fn get(&self, id: ServerId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// All members, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Where this member takes part in elections; nowhere, if it is none.
    pub fn election(&self, id: ServerId) -> &[Endpoint] {
        self.get(id).map_or(&[], |member| &member.election)
    }

    /// Says anew where a member takes part in elections. Who is no member stays none.
    pub fn set_election(&mut self, id: ServerId, election: Vec<Endpoint>) {
        if let Some(member) = self.members.get_mut(&id) {
            member.election = election;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    #[test]
    fn members_are_found_by_id_whatever_order_they_came_in() {
        let members = [Member::observer(id(3)), Member::voter(id(1)).at(endpoint("h:1"))];
        let membership = Membership::new(members).unwrap();
        let ids: Vec<_> = membership.iter().map(|member| member.id).collect();
        assert_eq!(ids, [id(1), id(3)]);
        assert_eq!(membership.election(id(1)), [endpoint("h:1")]);
        assert!(membership.election(id(2)).is_empty() && membership.election(id(3)).is_empty());
        assert!(membership.ensemble().is_voter(id(1)) && !membership.ensemble().is_voter(id(3)));
    }

    #[test]
    fn an_id_that_is_given_twice_is_refused() {
        let twice = Membership::new([1, 1].map(|number| Member::voter(id(number))));
        assert_eq!(twice, Err(EnsembleError::DuplicateId { id: id(1) }));
    }

    #[test]
    fn who_moves_is_a_member_before_and_after() {
        let mut membership = Membership::new([Member::voter(id(1))]).unwrap();
        membership.set_election(id(1), vec![endpoint("h:1")]);
        membership.set_election(id(2), vec![endpoint("h:2")]);
        assert_eq!(membership.election(id(1)), [endpoint("h:1")]);
        assert_eq!(membership.get(id(2)), None);
    }
}
