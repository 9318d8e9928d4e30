//! [`Absence`]: who is missing while a node has no quorum.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ballotbox::{
    Ensemble, QuorumCount, ServerId,
    network::NetworkEvent,
    node::{NodeEvent, NodeState, Occurrence, Status},
};
use ballotbox_core::{RateLimit, shown_of};

use super::event::{Event, Missing, why_unreachable};

/// What is missing has to stay so for this long before it is told: members that start together find each other meanwhile.
const SETTLED: Duration = Duration::from_secs(1);
/// A voter of which nothing is heard, not even that it cannot be reached, is given this much more than a dial takes.
const BEYOND_A_DIAL: Duration = Duration::from_secs(1);
/// At most this many changes are told a minute.
const CHANGES_A_MINUTE: usize = 2;
/// At most this many of the missing are named.
const NAMED_MAX: usize = 8;

/// Finds out which voters a node without a quorum misses, and why, and tells it once and again when it changes.
#[derive(Debug)]
pub(super) struct Absence {
    me: ServerId,
    ensemble: Arc<Ensemble>,
    /// How long a dial may take.
    dial: Duration,
    /// Why a voter could not be reached when that was tried last.
    reasons: BTreeMap<ServerId, String>,
    now: Option<Shortage>,
    /// Since when it is as it is now.
    since: Duration,
    told: Option<Shortage>,
    limit: RateLimit,
}

/// Too few voters for a quorum.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Shortage {
    here: QuorumCount,
    missing: BTreeMap<ServerId, Option<String>>,
}

impl Absence {
    pub(super) const fn new(me: ServerId, ensemble: Arc<Ensemble>, dial: Duration) -> Self {
        Self {
            me,
            ensemble,
            dial,
            reasons: BTreeMap::new(),
            now: None,
            since: Duration::ZERO,
            told: None,
            limit: RateLimit::new(CHANGES_A_MINUTE, Duration::from_secs(60)),
        }
    }

    /// Learns from an event why somebody is missing.
    pub(super) fn hear(&mut self, occurrence: &Occurrence) {
        match &occurrence.event {
            NodeEvent::Network(NetworkEvent::LinkUp { link }) => {
                self.reasons.remove(&link.peer);
            }
            NodeEvent::Network(
                NetworkEvent::Unreachable { peer, error }
                | NetworkEvent::CannotDialBack { peer, error },
            ) => {
                self.reasons.insert(*peer, why_unreachable(error));
            }
            NodeEvent::Network(
                NetworkEvent::Listening { .. }
                | NetworkEvent::Started
                | NetworkEvent::NotHere { .. }
                | NetworkEvent::LoopbackOnly { .. }
                | NetworkEvent::NoDescriptors { .. }
                | NetworkEvent::BindFailed { .. }
                | NetworkEvent::LinkDown { .. }
                | NetworkEvent::Doubted { .. }
                | NetworkEvent::Refused { .. },
            )
            | NodeEvent::Looking { .. }
            | NodeEvent::Voted { .. }
            | NodeEvent::Elected { .. }
            | NodeEvent::Leading { .. }
            | NodeEvent::Following { .. }
            | NodeEvent::Retiring { .. }
            | NodeEvent::Lost { .. }
            | NodeEvent::WaitingFor { .. }
            | NodeEvent::GaveUp { .. }
            | NodeEvent::NotEstablished { .. }
            | NodeEvent::BegunByAll { .. }
            | NodeEvent::LeaderUnreached { .. }
            | NodeEvent::BesideRealServer { .. }
            | NodeEvent::Recorded
            | NodeEvent::Directory { .. }
            | NodeEvent::CannotStore { .. }
            | NodeEvent::WithoutLease { .. }
            | NodeEvent::Bound { .. }
            | NodeEvent::CannotPromise { .. }
            | NodeEvent::LearnerTurnedAway { .. }
            | NodeEvent::MalformedPacket { .. }
            | NodeEvent::Malformed { .. }
            | NodeEvent::Certificate(_)
            | NodeEvent::MembersDiffer { .. } => {}
        }
    }

    /// Compares how things stand with how they stood.
    pub(super) fn look(&mut self, status: &Status, at: Duration) {
        let now = self.shortage(status);
        if now.is_none() {
            // The next time it is news again.
            self.told = None;
        }
        if now != self.now {
            self.now = now;
            self.since = at;
        }
    }

    fn shortage(&self, status: &Status) -> Option<Shortage> {
        match status.state() {
            NodeState::Looking => {}
            NodeState::Starting | NodeState::Decided(_) => return None,
        }
        let here: BTreeSet<_> = status.election.links.iter().copied().chain([self.me]).collect();
        if self.ensemble.is_quorum(&here) {
            return None;
        }
        // A voter without weight could not help.
        let helps = |id: &ServerId| self.ensemble.weight(*id) > 0 && !here.contains(id);
        let missing = self.ensemble.voters().filter(helps);
        let missing = missing.map(|id| (id, self.reasons.get(&id).cloned())).collect();
        Some(Shortage { here: self.ensemble.count(&here), missing })
    }

    /// When there will be something to tell, if nothing changes.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let now = self.now.as_ref().filter(|now| self.told.as_ref() != Some(*now))?;
        let fair = if now.missing.values().all(Option::is_some) {
            SETTLED
        } else {
            self.dial + BEYOND_A_DIAL
        };
        Some(self.limit.next_admitted().max(self.since + fair))
    }

    /// What is to be told now.
    pub(super) fn tell_due(&mut self, at: Duration) -> Option<Event> {
        if self.next_due().is_none_or(|due| due > at) || !self.limit.admit(at) {
            return None;
        }
        self.told.clone_from(&self.now);
        self.told.as_ref().map(Shortage::warning)
    }
}

impl Shortage {
    /// `1 of 3 voters here, 2 needed; no answer from 2 (connection refused), 3 (name not found)`.
    fn warning(&self) -> Event {
        let silent = || "it opens no connection to us".to_owned();
        let missing: Vec<_> = self
            .missing
            .iter()
            .map(|(id, reason)| Missing {
                id: id.number(),
                reason: reason.clone().unwrap_or_else(silent),
            })
            .collect();
        let shown = shown_of(missing.len(), NAMED_MAX);
        let named = missing.iter().take(shown).map(|m| format!("{} ({})", m.id, m.reason));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = match missing.len() - shown {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("{}; no answer from {named}{more}", self.here);
        Event::Warning { text, missing }
    }
}

#[cfg(test)]
mod tests {
    use ballotbox::{Member, Round, network::DialError, node::ElectionStatus};
    use ballotbox_actors::kit::clock;
    use ballotbox_core::links::{Generation, LinkId};

    use super::*;

    const DIAL: Duration = Duration::from_secs(5);

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Member 1 of `count` voters.
    fn absence(voters: u64) -> Absence {
        let members = (1..=voters).map(|n| Member::voter(id(n)));
        Absence::new(id(1), Arc::new(Ensemble::new(members).unwrap()), DIAL)
    }

    fn looking(links: &[u64]) -> Status {
        let election = ElectionStatus {
            state: NodeState::Looking,
            round: Round(1),
            took: None,
            links: links.iter().map(|n| id(*n)).collect(),
            ..ElectionStatus::default()
        };
        Status {
            me: id(1),
            sequence: 1,
            leader_sequence: 0,
            since: clock::now(),
            election: Arc::new(election),
            leadership: None,
            counters: Arc::default(),
        }
    }

    fn network(event: NetworkEvent) -> Occurrence {
        Occurrence { at: Duration::ZERO, event: NodeEvent::Network(event) }
    }

    fn unreachable(peer: u64) -> Occurrence {
        network(NetworkEvent::Unreachable {
            peer: id(peer),
            error: DialError::Panicked { message: "why not".into() },
        })
    }

    fn told(absence: &mut Absence, at: f64) -> Option<String> {
        let event = absence.tell_due(seconds(at))?;
        let Event::Warning { text, .. } = event else { panic!("{event:?}") };
        Some(text)
    }

    #[test]
    fn the_missing_are_named_once_and_again_when_it_changes() {
        let mut absence = absence(5);
        for peer in 2..=5 {
            absence.hear(&unreachable(peer));
        }
        absence.look(&looking(&[]), seconds(0.1));
        assert_eq!(told(&mut absence, 1.0), None, "they may be starting just now");
        assert_eq!(absence.next_due(), Some(seconds(1.1)));
        let text = told(&mut absence, 1.1).unwrap();
        assert!(text.starts_with("1 of 5 voters here, 3 needed; no answer from 2 ("), "{text}");
        assert_eq!((told(&mut absence, 100.0), absence.next_due()), (None, None));
        absence.look(&looking(&[2]), seconds(100.0));
        let text = told(&mut absence, 101.0).unwrap();
        assert!(text.starts_with("2 of 5 voters here, 3 needed; no answer from 3 ("), "{text}");
    }

    #[test]
    fn a_quorum_ends_it_and_its_loss_is_news_again() {
        let mut absence = absence(3);
        (2..=3).for_each(|peer| absence.hear(&unreachable(peer)));
        absence.look(&looking(&[]), seconds(0.0));
        assert!(told(&mut absence, 1.0).is_some());
        absence.look(&looking(&[2]), seconds(2.0));
        assert_eq!(absence.next_due(), None);
        absence.look(&looking(&[]), seconds(3.0));
        assert!(told(&mut absence, 4.0).is_some());
    }

    #[test]
    fn a_voter_that_was_not_tried_to_the_end_is_waited_for() {
        let mut absence = absence(3);
        absence.hear(&unreachable(2));
        absence.look(&looking(&[]), seconds(0.0));
        assert_eq!(absence.next_due(), Some(DIAL + BEYOND_A_DIAL));
        let text = told(&mut absence, 6.0).unwrap();
        assert!(text.ends_with("3 (it opens no connection to us)"), "{text}");
    }

    #[test]
    fn a_reason_is_forgotten_when_there_is_a_link() {
        let mut absence = absence(5);
        absence.hear(&unreachable(2));
        let link = LinkId { peer: id(2), generation: Generation(1) };
        absence.hear(&network(NetworkEvent::LinkUp { link }));
        absence.hear(&network(NetworkEvent::LinkDown { link, cause: "it ended".into() }));
        absence.look(&looking(&[]), seconds(0.0));
        let text = told(&mut absence, 6.0).unwrap();
        assert!(text.contains("from 2 (it opens no connection to us)"), "{text}");
    }

    #[test]
    fn a_link_that_flaps_makes_no_flood_of_it() {
        let mut absence = absence(5);
        (2..=5).for_each(|peer| absence.hear(&unreachable(peer)));
        let mut told_times = 0;
        for second in 0..3600 {
            let links: &[u64] = if second % 4 < 2 { &[] } else { &[5] };
            absence.look(&looking(links), seconds(f64::from(second)));
            absence.hear(&unreachable(5));
            told_times += usize::from(told(&mut absence, f64::from(second) + 0.999).is_some());
            told_times += usize::from(told(&mut absence, f64::from(second) + 1.0).is_some());
        }
        assert!(told_times > 60 && told_times <= 60 * CHANGES_A_MINUTE, "{told_times} times");
    }

    #[test]
    fn of_many_missing_some_are_named() {
        for (voters, end) in [(10, "10 (unknown)"), (21, "9 (unknown) and 12 more")] {
            let mut absence = absence(voters);
            (2..=voters).for_each(|peer| absence.hear(&unreachable(peer)));
            absence.look(&looking(&[]), seconds(0.0));
            let text = told(&mut absence, 1.0).unwrap();
            assert!(text.ends_with(end), "{text}");
        }
    }
}
