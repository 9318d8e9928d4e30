//! [`LastElection`]: how long the election of the present leader took.
//!
//! It begins with the first voter that looked, and ends with the last one that decided. A voter takes part if it looked
//! at the same time as the one that was elected, and decided before the next step of the file: a member that a later step
//! starts or heals only finds out who leads.

use std::{collections::BTreeMap, time::Duration};

use ballotbox_core::ServerId;

/// From looking to decided, since the first step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) looked: Duration,
    pub(super) decided: Duration,
}

/// Takes in the decisions of the voters, in any order between them, and keeps at most two for each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct LastElection {
    elected: Option<(ServerId, Span)>,
    voters: BTreeMap<ServerId, Spans>,
}

/// What is kept of one voter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Spans {
    /// Its part in the election of the present leader.
    counted: Option<Span>,
    /// The newest: it may belong to an election whose leader has not told yet that it was elected.
    newest: Span,
}

impl Span {
    fn overlaps(self, other: Self) -> bool {
        self.looked <= other.decided && other.looked <= self.decided
    }
}

impl LastElection {
    /// A voter has decided; whether it was elected.
    pub(super) fn note(&mut self, voter: ServerId, span: Span, was_elected: bool) {
        let spans = self.voters.entry(voter).or_insert(Spans { counted: None, newest: span });
        spans.newest = span;
        if was_elected {
            self.elected = Some((voter, span));
        }
        let Some((_, elected)) = self.elected else { return };
        for spans in self.voters.values_mut() {
            let parts = [Some(spans.newest), spans.counted];
            spans.counted = parts.into_iter().flatten().find(|part| part.overlaps(elected));
        }
    }

    /// Whether this is the one that was elected last, as far as is known.
    pub(super) fn is_of(&self, leader: ServerId) -> bool {
        self.elected.is_some_and(|(elected, _)| elected == leader)
    }

    /// How long it took. `next_step` gives the time of the first step after a moment: what is decided from then on is
    /// not part of it.
    pub(super) fn took(
        &self,
        next_step: impl FnOnce(Duration) -> Option<Duration>,
    ) -> Option<Duration> {
        let (_, elected) = self.elected?;
        let over = next_step(elected.decided).unwrap_or(Duration::MAX);
        let parts = self.voters.values().filter_map(|spans| spans.counted);
        let (looked, decided) = parts
            .filter(|part| part.decided < over)
            .fold((elected.looked, elected.decided), |(looked, decided), part| {
                (looked.min(part.looked), decided.max(part.decided))
            });
        Some(decided.saturating_sub(looked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Each voter with the milliseconds from which it looked and at which it decided; the first was elected.
    fn election(spans: &[(u64, u64, u64)]) -> LastElection {
        let mut election = LastElection::default();
        for (n, (voter, looked, decided)) in spans.iter().enumerate() {
            let span = Span { looked: ms(*looked), decided: ms(*decided) };
            election.note(id(*voter), span, n == 0);
        }
        election
    }

    #[test]
    fn it_takes_from_the_first_that_looks_to_the_last_that_decides() {
        let mut election = election(&[(3, 20, 50), (1, 10, 60)]);
        assert_eq!(election.took(|_| None), Some(ms(50)));
        election.note(id(2), Span { looked: ms(25), decided: ms(70) }, false);
        assert_eq!(election.took(|_| None), Some(ms(60)));
        assert!(election.is_of(id(3)) && !election.is_of(id(1)));
        assert_eq!(LastElection::default().took(|_| None), None);
    }

    #[test]
    fn a_voter_that_is_started_or_healed_later_only_finds_out() {
        let mut election = election(&[(3, 20, 50), (1, 20, 60), (2, 20, 900)]);
        let next_step = |moment: Duration| (moment < ms(800)).then_some(ms(800));
        assert_eq!(election.took(next_step), Some(ms(40)));
        // However often it comes and goes, its part in the election counts.
        for n in 1..5 {
            let span = Span { looked: ms(1000 * n), decided: ms(1000 * n + 5) };
            election.note(id(1), span, false);
        }
        assert_eq!(election.took(next_step), Some(ms(40)));
    }

    #[test]
    fn a_follower_may_tell_of_the_next_election_before_its_leader_does() {
        let mut election = election(&[(3, 20, 50), (1, 20, 60), (2, 20, 55)]);
        election.note(id(1), Span { looked: ms(500), decided: ms(540) }, false);
        assert_eq!(election.took(|_| None), Some(ms(40)));
        election.note(id(2), Span { looked: ms(510), decided: ms(530) }, true);
        assert_eq!(election.took(|_| None), Some(ms(40)));
        assert!(election.is_of(id(2)));
    }
}
