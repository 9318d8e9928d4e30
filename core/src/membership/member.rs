//! [`Member`]: one server of an ensemble, and where it is.

use crate::{Endpoint, ServerId};

/// A group of voters in a hierarchical quorum, `group.N` of a zoo.cfg.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GroupId(pub u64);

/// What a member may do.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Role {
    /// Votes, and may lead.
    #[default]
    Voter,
    /// Learns who leads, and has no say in it.
    Observer,
}

impl Role {
    /// The role in one word, as in vote files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Observer => "observer",
        }
    }

    /// What a member in this role is called within a sentence.
    pub(crate) const fn phrase(self) -> &'static str {
        match self {
            Self::Voter => "a voter",
            Self::Observer => "an observer",
        }
    }
}

/// One member, and where it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Member {
    /// Its id.
    pub id: ServerId,
    /// Whether it votes.
    pub role: Role,
    /// What its vote weighs, if that was said; 1 otherwise. A voter of weight 0 never leads.
    pub weight: Option<u64>,
    /// Its group, if there are groups.
    pub group: Option<GroupId>,
    /// Where it takes part in elections: all its addresses.
    pub election: Vec<Endpoint>,
    /// Where it serves learners once it leads, if that is elsewhere; see [`followed_at`](Self::followed_at).
    pub quorum: Vec<Endpoint>,
}

impl Member {
    /// A voter in an ensemble without weights and groups, of which nobody knows yet where it is.
    pub const fn voter(id: ServerId) -> Self {
        Self::new(id, Role::Voter)
    }

    /// An observer, of which nobody knows yet where it is.
    pub const fn observer(id: ServerId) -> Self {
        Self::new(id, Role::Observer)
    }

    const fn new(id: ServerId, role: Role) -> Self {
        Self { id, role, weight: None, group: None, election: Vec::new(), quorum: Vec::new() }
    }

    /// Where it serves learners once it leads: at its quorum addresses, or, if it has none, where it takes part in elections.
    pub fn followed_at(&self) -> &[Endpoint] {
        if self.quorum.is_empty() { &self.election } else { &self.quorum }
    }

    /// The same member, which takes part in elections at this address as well.
    #[must_use]
    pub fn at(mut self, election: impl Into<Endpoint>) -> Self {
        self.election.push(election.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_a_word() {
        assert_eq!([Role::Voter, Role::Observer].map(Role::word), ["voter", "observer"]);
    }

    #[test]
    fn a_member_is_followed_at_its_quorum_addresses_if_it_has_any() {
        let endpoint = |text: &str| text.parse::<Endpoint>().unwrap();
        let mut member = Member::voter(ServerId::new(1).unwrap()).at(endpoint("h:3888"));
        assert_eq!(member.followed_at(), [endpoint("h:3888")]);
        member.quorum.push(endpoint("h:2888"));
        assert_eq!(member.followed_at(), [endpoint("h:2888")]);
    }
}
