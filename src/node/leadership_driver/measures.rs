//! [`Measures`]: what a driver sees of its own time, and of that of others, as it goes.

use std::{collections::VecDeque, time::Duration};

use ballotbox_core::{
    ServerId,
    leadership::{Event, LeaderWord, LearnerWord, Moment, Reading},
};

use super::{Answers, LeadershipDriver};

/// At most this many pings are remembered that may be answered: those of more than the silence, if there are at least 50 ms between them.
const PINGS_MAX: usize = 32;

/// What a driver measures.
#[derive(Debug, Default)]
pub(super) struct Measures {
    /// When the core was last told of something.
    looked: Option<(Moment, Reading)>,
    /// The numbers of the last pings, and when each was sent.
    pings: VecDeque<(u64, Reading)>,
    answers: Answers,
}

impl Measures {
    /// The answers are noted there.
    pub(super) fn new(answers: Answers) -> Self {
        Self { answers, ..Self::default() }
    }

    /// The core is told of something, and was to look at the clock at `due` at the latest. Returns whether it comes to that so late that the process
    /// was held up, or its machine slept, for longer than `limit`.
    fn was_held_up(
        &mut self,
        at: Moment,
        reading: Reading,
        due: impl FnOnce() -> Option<Moment>,
        limit: Duration,
    ) -> bool {
        let Some((before, then)) = self.looked.replace((at, reading)) else { return false };
        let passed = at.since(before).max(reading.boot.saturating_sub(then.boot));
        // Who leads or follows looks every quarter of the silence; others look when they have to.
        let is_late = |due: Moment| passed.saturating_sub(due.since(before)) > limit / 2;
        passed > limit && due().is_some_and(is_late)
    }

    /// This is said to a learner now.
    pub(super) fn note_said(&mut self, word: &LeaderWord) {
        let (LeaderWord::Ping { number: Some(number), .. } | LeaderWord::Waiting { number, .. }) =
            word
        else {
            return;
        };
        let Some((_, now)) = self.looked else { return };
        match self.pings.back() {
            Some((last, _)) if last == number => return,
            // Another candidacy counts anew.
            Some((last, _)) if last > number => self.pings.clear(),
            Some(_) | None => {}
        }
        if self.pings.len() >= PINGS_MAX {
            self.pings.pop_front();
        }
        self.pings.push_back((*number, now));
    }

    /// This learner has answered this ping.
    fn note_answer(&self, peer: ServerId, number: u64, now: Reading) {
        let sent = self.pings.iter().rev().find(|(sent, _)| *sent == number);
        let round_trip = sent.map(|(_, sent)| now.boot.saturating_sub(sent.boot));
        self.answers.note(peer, now, round_trip);
    }

    /// The leadership is over.
    pub(super) fn forget_answers(&self) {
        self.answers.forget();
    }
}

impl LeadershipDriver {
    /// The core is about to be told of this.
    pub(super) fn measure(&mut self, event: &Event, at: Moment, reading: Reading) {
        let Self { core, measures, timing, .. } = self;
        if measures.was_held_up(at, reading, || core.next_deadline(), timing.silence / 2) {
            self.status.clock_gaps += 1;
        }
        if let Event::LearnerSaid { session, .. } | Event::LeaderSaid { session, .. } = event
            && !self.core.is_current(*session)
        {
            self.status.stale_packets += 1;
        } else if let Event::LearnerSaid { session, word } = event
            && let LearnerWord::Pong { number: Some(number), .. } = word
            && let Some(learner) = self.core.epochs().learner(*session)
        {
            self.measures.note_answer(learner.leader, *number, reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(500);

    fn ms(ms: u64) -> Moment {
        Moment(Duration::from_millis(ms))
    }

    fn shown(ms: u64) -> Reading {
        let shown = Duration::from_millis(ms);
        Reading { boot: shown, raw: shown }
    }

    #[test]
    fn a_process_that_comes_late_was_held_up_and_one_that_had_nothing_to_do_was_not() {
        let mut measures = Measures::default();
        let mut looks =
            |at, due: Option<u64>| measures.was_held_up(ms(at), shown(at), || due.map(ms), LIMIT);
        assert!(!looks(10_000, Some(0)), "nothing is known of the time before");
        assert!(!looks(10_200, Some(10_200)));
        assert!(looks(10_701, Some(10_400)), "301 ms late, after 501 ms");
        assert!(!looks(11_200, Some(10_701)), "499 ms");
        assert!(!looks(20_000, Some(20_000)), "it had nothing to do before");
        assert!(!looks(30_000, None));
        assert!(!looks(40_250, Some(40_000)), "a quarter of the silence late");
        assert!(looks(50_251, Some(50_000)));
    }

    #[test]
    fn a_machine_that_slept_was_held_up_though_one_of_its_clocks_did_not_go_on() {
        let mut measures = Measures::default();
        measures.was_held_up(ms(0), shown(0), || None, LIMIT);
        let mut woken = shown(100);
        woken.boot += Duration::from_secs(60);
        assert!(measures.was_held_up(ms(100), woken, || Some(ms(200)), LIMIT));
    }

    #[test]
    fn an_answer_takes_as_long_as_since_its_own_ping_was_sent() {
        let peer = ServerId::new(1).unwrap();
        let answers = Answers::of([peer]);
        let mut measures = Measures::new(answers.clone());
        let says = |measures: &mut Measures, at, number| {
            measures.was_held_up(ms(at), shown(at), || None, LIMIT);
            let missing = [].into();
            measures.note_said(&LeaderWord::Waiting { number, missing });
        };
        for number in 1..=100 {
            says(&mut measures, 10 * number, number);
            says(&mut measures, 10 * number, number);
        }
        assert_eq!(measures.pings.len(), PINGS_MAX);
        measures.note_answer(peer, 99, shown(1_001));
        assert_eq!(answers.round_trip(peer), Duration::from_millis(11));
        measures.note_answer(peer, 100, shown(1_002));
        assert_eq!(answers.round_trip(peer), Duration::from_millis(2));
        // This one is forgotten: it says when the learner has answered, and no more.
        measures.note_answer(peer, 1, shown(1_005));
        assert_eq!(answers.round_trip(peer), Duration::from_millis(2));
        assert_eq!(answers.age(peer, shown(1_007)), Some(Duration::from_millis(2)));
        // The next candidacy begins with 1 again.
        says(&mut measures, 2_000, 1);
        measures.note_answer(peer, 1, shown(2_004));
        assert_eq!(answers.round_trip(peer), Duration::from_millis(4));
    }
}
