//! [`Answers`]: when the learners of a leader have answered its pings, for many to read and one to note.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ballotbox_core::{ServerId, leadership::Reading};

/// When each of the others has last answered a ping of this node, and how long that took. The driver of leadership notes it; others read it
/// without asking anybody, so that a ping is no news.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers(Arc<BTreeMap<ServerId, Answer>>);

/// In nanoseconds; 0 when there is none.
#[derive(Debug, Default)]
struct Answer {
    /// By the clock that goes on while the machine sleeps.
    at: AtomicU64,
    round_trip: AtomicU64,
}

impl Answers {
    /// Those of these, of whom there is none yet.
    pub(super) fn of(peers: impl IntoIterator<Item = ServerId>) -> Self {
        Self(Arc::new(peers.into_iter().map(|peer| (peer, Answer::default())).collect()))
    }

    /// This one has answered now, and the newest ping that it has answered was sent so long ago, if that is known.
    pub(super) fn note(&self, peer: ServerId, now: Reading, round_trip: Option<Duration>) {
        let Some(answer) = self.0.get(&peer) else { return };
        if let Some(round_trip) = round_trip {
            answer.round_trip.store(nanos(round_trip), Ordering::Relaxed);
        }
        answer.at.store(nanos(now.boot), Ordering::Release);
    }

    /// Nobody is asked any more.
    pub(super) fn forget(&self) {
        for answer in self.0.values() {
            answer.at.store(0, Ordering::Release);
            answer.round_trip.store(0, Ordering::Release);
        }
    }

    /// How long ago this one has answered; `None` if it has not since this node leads.
    pub(crate) fn age(&self, peer: ServerId, now: Reading) -> Option<Duration> {
        let at = self.0.get(&peer)?.at.load(Ordering::Acquire);
        (at > 0).then(|| now.boot.saturating_sub(Duration::from_nanos(at)))
    }

    /// How long it took from the last ping that this one has answered to its answer; nothing if there was none.
    #[cfg(any(feature = "http", test))]
    pub(crate) fn round_trip(&self, peer: ServerId) -> Duration {
        let answer = self.0.get(&peer);
        let nanos = answer.map_or(0, |answer| answer.round_trip.load(Ordering::Acquire));
        Duration::from_nanos(nanos)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Two are equal if they are one: what is noted is no part of it.
impl PartialEq for Answers {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Answers {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Reading {
        Reading { boot: Duration::from_millis(ms), ..Reading::default() }
    }

    #[test]
    fn an_answer_grows_old_and_is_forgotten_and_one_of_somebody_else_is_none() {
        let [one, two] = [1, 2].map(|id| ServerId::new(id).unwrap());
        let answers = Answers::of([one]);
        assert_eq!((answers.age(one, at(5)), answers.round_trip(one)), (None, Duration::ZERO));
        let took = Duration::from_millis(3);
        let same = answers.clone();
        answers.note(one, at(5), Some(took));
        assert_eq!(same.age(one, at(5)), Some(Duration::ZERO));
        // Of a ping that is not remembered it is not known how long it took.
        answers.note(one, at(8), None);
        assert_eq!(same.age(one, at(10)), Some(Duration::from_millis(2)));
        assert_eq!(same.round_trip(one), took);
        answers.note(two, at(9), Some(took));
        assert_eq!((same.age(two, at(10)), same.round_trip(two)), (None, Duration::ZERO));
        answers.forget();
        assert_eq!((same.age(one, at(10)), same.round_trip(one)), (None, Duration::ZERO));
        assert_eq!(answers, same);
        assert_ne!(answers, Answers::of([one]));
    }
}
