//! [`Expectation`]: what should be true, and whether it is.

use std::{collections::BTreeMap, fmt, time::Duration};

use ballotbox_core::{
    ServerId,
    election::{Epoch, Standing},
};

use super::join;

/// What should be true by some time, and stay so until the next step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expectation {
    /// By when, since the beginning.
    pub by: Duration,
    /// Who leads, if that matters.
    pub leader: Option<ExpectedLeader>,
    /// The epoch in which it leads, and all who are named follow and watch it.
    pub epoch: Option<Epoch>,
    /// Voters that follow the leader.
    pub following: Vec<ServerId>,
    /// Observers that watch the leader.
    pub observing: Vec<ServerId>,
    /// Members that have found no leader.
    pub looking: Vec<ServerId>,
}

/// Who should lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExpectedLeader {
    /// This member, and no other.
    Member(ServerId),
    /// Nobody, and nobody believes in one.
    Nobody,
}

/// What a member is, seen from outside. Where the election is played alone there are no epochs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum MemberState {
    /// It does not run.
    Down,
    /// It runs and knows no leader.
    Looking,
    /// It follows this leader.
    Following { leader: ServerId, epoch: Option<Epoch> },
    /// It leads, or without leadership was elected.
    Leading { epoch: Option<Epoch> },
    /// It has no vote, and watches this leader.
    Observing { leader: ServerId, epoch: Option<Epoch> },
}

impl MemberState {
    /// What a member is that stands so under this leader.
    pub const fn under(leader: ServerId, standing: Standing, epoch: Option<Epoch>) -> Self {
        match standing {
            Standing::Leading => Self::Leading { epoch },
            Standing::Following => Self::Following { leader, epoch },
            Standing::Observing => Self::Observing { leader, epoch },
        }
    }

    /// The leader the member `id` believes in, when this is its state.
    pub const fn leader_of(self, id: ServerId) -> Option<ServerId> {
        match self {
            Self::Leading { .. } => Some(id),
            Self::Following { leader, .. } | Self::Observing { leader, .. } => Some(leader),
            Self::Looking | Self::Down => None,
        }
    }

    /// The epoch that it leads in, follows or watches.
    pub const fn epoch(self) -> Option<Epoch> {
        match self {
            Self::Leading { epoch }
            | Self::Following { epoch, .. }
            | Self::Observing { epoch, .. } => epoch,
            Self::Looking | Self::Down => None,
        }
    }

    /// Whether it leads, in whichever epoch.
    pub const fn leads(self) -> bool {
        matches!(self, Self::Leading { .. })
    }

    /// The state in one word, as in JSON output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Looking => "looking",
            Self::Following { .. } => Standing::Following.word(),
            Self::Leading { .. } => Standing::Leading.word(),
            Self::Observing { .. } => Standing::Observing.word(),
        }
    }
}

impl Expectation {
    /// Whether it is true of these states; a member that is missing is down.
    pub fn holds(&self, states: &BTreeMap<ServerId, MemberState>) -> bool {
        let state = |id: &ServerId| states.get(id).copied().unwrap_or(MemberState::Down);
        let leader = match self.leader {
            None => None,
            Some(ExpectedLeader::Nobody) => {
                if states.iter().any(|(id, state)| state.leader_of(*id).is_some()) {
                    return false;
                }
                None
            }
            Some(ExpectedLeader::Member(leader)) => {
                let leads = |(id, state): (&ServerId, &MemberState)| state.leads().then_some(*id);
                if !states.iter().filter_map(leads).eq([leader]) {
                    return false;
                }
                Some(leader)
            }
        };
        let right_epoch = |found| self.epoch.is_none_or(|epoch| found == Some(epoch));
        if self.epoch.is_some()
            && !states.values().any(|state| state.leads() && right_epoch(state.epoch()))
        {
            return false;
        }
        let right = |found: ServerId, epoch| {
            leader.is_none_or(|leader| leader == found) && right_epoch(epoch)
        };
        let follows = |id| matches!(state(id), MemberState::Following { leader, epoch } if right(leader, epoch));
        let observes = |id| matches!(state(id), MemberState::Observing { leader, epoch } if right(leader, epoch));
        self.following.iter().all(follows)
            && self.observing.iter().all(observes)
            && self.looking.iter().all(|id| state(id) == MemberState::Looking)
    }

    /// Whether it speaks of something that stays away, so that only waiting can show it: nobody leads, or
    /// somebody is still looking.
    pub fn needs_patience(&self) -> bool {
        self.leader == Some(ExpectedLeader::Nobody) || !self.looking.is_empty()
    }
}

impl fmt::Display for Expectation {
    /// As a phrase: `by 400 ms: 2 leads, 1, 3 following, 4 observing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {} ms: ", self.by.as_millis())?;
        let mut parts = Vec::new();
        match self.leader {
            None => {}
            Some(ExpectedLeader::Member(leader)) => parts.push(format!("{leader} leads")),
            Some(ExpectedLeader::Nobody) => parts.push("nobody leads".to_owned()),
        }
        parts.extend(self.epoch.map(|epoch| format!("epoch {epoch}")));
        for (ids, word) in [
            (&self.following, "following"),
            (&self.observing, "observing"),
            (&self.looking, "looking"),
        ] {
            if !ids.is_empty() {
                parts.push(format!("{} {word}", join(ids.iter())));
            }
        }
        f.write_str(&parts.join("; "))
    }
}

/// The states of the members: `1 following 2, 2 leading, 3 down`, or with epochs `1 following 2 in epoch 4`.
pub(crate) struct Found<'a>(pub(crate) &'a BTreeMap<ServerId, MemberState>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.0.iter().map(|(id, state)| {
            let word = state.word();
            let leader = match state {
                MemberState::Following { leader, .. } | MemberState::Observing { leader, .. } => {
                    format!(" {leader}")
                }
                MemberState::Leading { .. } | MemberState::Looking | MemberState::Down => {
                    String::new()
                }
            };
            let epoch = state.epoch().map(|epoch| format!(" in epoch {epoch}")).unwrap_or_default();
            format!("{id} {word}{leader}{epoch}")
        });
        f.write_str(&join(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn states(states: &[(u64, MemberState)]) -> BTreeMap<ServerId, MemberState> {
        states.iter().map(|(n, state)| (id(*n), *state)).collect()
    }

    /// As without leadership.
    const LEADING: MemberState = MemberState::Leading { epoch: None };

    fn following(leader: u64) -> MemberState {
        MemberState::Following { leader: id(leader), epoch: None }
    }

    fn expecting(leader: Option<ExpectedLeader>) -> Expectation {
        Expectation {
            by: Duration::from_millis(1),
            leader,
            epoch: None,
            following: Vec::new(),
            observing: Vec::new(),
            looking: Vec::new(),
        }
    }

    #[test]
    fn a_leader_is_one_that_leads_alone_and_is_followed_by_those_named() {
        let mut expected = expecting(Some(ExpectedLeader::Member(id(2))));
        expected.following = vec![id(1)];
        let looking = MemberState::Looking;
        assert!(expected.holds(&states(&[(1, following(2)), (2, LEADING), (3, looking)])));
        assert!(!expected.holds(&states(&[(1, following(3)), (2, LEADING)])));
        assert!(!expected.holds(&states(&[(1, following(2)), (2, LEADING), (3, LEADING)])));
        assert!(!expected.holds(&states(&[(1, following(2))])));
    }

    #[test]
    fn an_epoch_is_that_of_the_leader_and_of_all_who_are_named() {
        let mut expected = expecting(Some(ExpectedLeader::Member(id(2))));
        (expected.epoch, expected.following) = (Some(Epoch(4)), vec![id(1)]);
        assert_eq!(expected.to_string(), "by 1 ms: 2 leads; epoch 4; 1 following");
        let leading = |epoch| (2, MemberState::Leading { epoch: Some(Epoch(epoch)) });
        let following =
            |epoch| (1, MemberState::Following { leader: id(2), epoch: Some(Epoch(epoch)) });
        assert!(expected.holds(&states(&[following(4), leading(4)])));
        assert!(!expected.holds(&states(&[following(3), leading(4)])));
        assert!(!expected.holds(&states(&[following(4), leading(5)])));
        assert!(!expected.holds(&states(&[(1, self::following(2)), (2, LEADING)])));
        let found = states(&[following(3), leading(4)]);
        assert_eq!(Found(&found).to_string(), "1 following 2 in epoch 3, 2 leading in epoch 4");
    }

    #[test]
    fn nobody_leads_only_if_nobody_believes_in_a_leader() {
        use MemberState::{Down, Looking, Observing};
        let nobody = expecting(Some(ExpectedLeader::Nobody));
        assert!(nobody.holds(&states(&[(1, Looking), (2, Down)])));
        let observing = Observing { leader: id(2), epoch: None };
        assert!(!nobody.holds(&states(&[(1, observing), (2, Down)])));
        assert!(nobody.needs_patience());
    }

    #[test]
    fn a_member_that_is_down_is_not_looking() {
        let mut expected = expecting(None);
        expected.looking = vec![id(1)];
        assert!(!expected.holds(&states(&[])));
        assert!(expected.holds(&states(&[(1, MemberState::Looking)])));
    }
}
