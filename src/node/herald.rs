//! [`Herald`]: knows what there is to know of a node, and tells all who ask.
//!
//! The elector tells it what has happened, and the new state. Watches ask the herald, never the elector. So however
//! many ask, and however often, an election is not held up: what happened goes before all questions, and the number of
//! answers in any time is limited.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use ballotbox_actors::kit::{Actor, Address, Mailbox, clock, yield_now};
use ballotbox_core::{RateLimit, ServerId};

use super::{
    ElectionStatus, HookCounts, LeadershipStatus, News, NodeEvent, Occurrence, Status,
    journal::Journal,
};
use crate::chronicle::{Chronicle, Note, WhyReport};

/// At most this many readers wait for news.
const READERS_MAX: usize = 1024;

/// At most this many answers in any period of this length.
const ANSWERS_MAX: (usize, Duration) = (128, Duration::from_millis(16));

/// What a [`Herald`] can be told.
#[derive(Debug)]
pub(super) enum HeraldMsg {
    /// By the elector: what has happened since it last said so, the oldest first, and how the election stands after that.
    Election {
        events: Vec<(Instant, NodeEvent)>,
        notes: Vec<(Instant, Note)>,
        status: Arc<ElectionStatus>,
    },
    /// By the driver of leadership: the same, of its part.
    Leadership {
        events: Vec<(Instant, NodeEvent)>,
        notes: Vec<(Instant, Note)>,
        status: Arc<LeadershipStatus>,
    },
    /// By a hook: this has become of its runs since it last said so.
    #[cfg_attr(not(feature = "run"), expect(dead_code, reason = "nothing else runs hooks"))]
    Hook(HookCounts),
    /// By a watch: answer when there are more events than this, or at once.
    Ask { beyond: Option<u64>, reply: Address<News> },
    /// By the same: how did the last leaders come to lead? Times count from the moment in the answer.
    AskWhy { reply: Address<(Instant, WhyReport)> },
}

/// What is left of a herald that has ended: a watch that reads slowly finds in it what it was not told any more.
#[derive(Debug, Default)]
pub(super) struct LastWord(OnceLock<(Status, Journal)>);

impl LastWord {
    /// What happened after the first `known` events; nothing before the end, or if that was all.
    pub(super) fn beyond(&self, known: u64) -> Option<News> {
        let (status, journal) = self.0.get()?;
        (known < journal.known()).then(|| news(status, journal, known))
    }
}

/// The answer for somebody who knows the first `known` events.
fn news(status: &Status, journal: &Journal, known: u64) -> News {
    let (events, missed) = journal.beyond(known);
    News { known: journal.known(), status: status.clone(), events, missed }
}

/// How often who leads has changed from one status to the next: what lies between, the events say.
fn changes_of_leader(before: &Status, events: &[(Instant, NodeEvent)], after: &Status) -> u64 {
    let said = events.iter().filter_map(|(_, event)| event.leader());
    let mut changes = 0;
    let mut leader = before.who_leads();
    for next in said.chain([after.who_leads()]) {
        changes += u64::from(next != leader);
        leader = next;
    }
    changes
}

/// Owns what is told of one node.
#[derive(Debug)]
pub(super) struct Herald {
    started: Instant,
    last_word: Arc<LastWord>,
    status: Status,
    journal: Journal,
    chronicle: Chronicle,
    /// Those who wait for news, and how many events they know. The one that has waited longest knows the fewest.
    readers: VecDeque<(u64, Address<News>)>,
    answers: RateLimit,
}

impl Herald {
    /// The herald of this server, which is started now.
    pub(super) fn new(me: ServerId, with_leadership: bool, last_word: Arc<LastWord>) -> Self {
        let started = clock::now();
        Self {
            chronicle: Chronicle::new(me, with_leadership),
            started,
            last_word,
            status: Status::new(me, started),
            journal: Journal::default(),
            readers: VecDeque::new(),
            answers: RateLimit::new(ANSWERS_MAX.0, ANSWERS_MAX.1),
        }
    }
}

impl Actor for Herald {
    type Msg = HeraldMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<HeraldMsg>) -> Result<(), Infallible> {
        while let Some(message) = mailbox.next().await {
            match message {
                HeraldMsg::Election { events, notes, status } => {
                    self.chronicle_all(notes);
                    self.note(events, |present| present.election = status);
                    self.answer_all().await;
                }
                HeraldMsg::Leadership { events, notes, status } => {
                    self.chronicle_all(notes);
                    self.note(events, |present| present.leadership = Some(status));
                    self.answer_all().await;
                }
                HeraldMsg::Hook(counts) => {
                    Arc::make_mut(&mut self.status.counters).note_hook(counts);
                    self.status.sequence += 1;
                }
                HeraldMsg::Ask { beyond: Some(known), reply } if known >= self.journal.known() => {
                    self.keep_waiting(known, reply);
                }
                HeraldMsg::Ask { beyond: Some(known), reply } => self.answer(known, &reply).await,
                HeraldMsg::Ask { beyond: None, reply } => {
                    self.answer(self.journal.known(), &reply).await;
                }
                HeraldMsg::AskWhy { reply } => {
                    self.wait_for_turn().await;
                    let _ = reply.tell((self.started, self.chronicle.report()));
                    yield_now().await;
                }
            }
        }
        let Self { last_word, status, journal, .. } = self;
        // Nobody else writes there.
        let _ = last_word.0.set((status, journal));
        Ok(())
    }
}

impl Herald {
    /// Answers all who know less than there is to know now.
    async fn answer_all(&mut self) {
        while let Some((known, reader)) = self.next_due() {
            self.answer(known, &reader).await;
        }
    }

    fn chronicle_all(&mut self, notes: Vec<(Instant, Note)>) {
        for (at, note) in notes {
            self.chronicle.note(at.saturating_duration_since(self.started), note);
        }
    }

    /// This has happened, and how things stand has become another.
    fn note(&mut self, events: Vec<(Instant, NodeEvent)>, change: impl FnOnce(&mut Status)) {
        let before = self.status.clone();
        change(&mut self.status);
        let is_known = self.status.leader().is_some();
        let counters = Arc::make_mut(&mut self.status.counters);
        for (_, event) in &events {
            event.count_in(counters);
        }
        counters.note_leader(is_known, clock::now());
        self.status.leader_sequence += changes_of_leader(&before, &events, &self.status);
        self.status.sequence += u64::from(self.status != before);
        if self.status.gist() != before.gist() {
            self.status.since = clock::now();
        }
        for (at, event) in events {
            let at = at.saturating_duration_since(self.started);
            self.journal.note(Occurrence { at, event });
        }
    }

    fn keep_waiting(&mut self, known: u64, reader: Address<News>) {
        if self.readers.len() >= READERS_MAX {
            self.readers.retain(|(_, reader)| !reader.is_gone());
        }
        if self.readers.len() >= READERS_MAX {
            // The one that has waited longest sees the end of its wait and may ask again.
            self.readers.pop_front();
        }
        self.readers.push_back((known, reader));
    }

    /// Takes out somebody who waits for what is known by now.
    fn next_due(&mut self) -> Option<(u64, Address<News>)> {
        let (known, _) = self.readers.front()?;
        if *known < self.journal.known() { self.readers.pop_front() } else { None }
    }

    async fn wait_for_turn(&mut self) {
        while !self.answers.admit(clock::now() - self.started) {
            clock::sleep_until(self.started + self.answers.next_admitted()).await;
        }
    }

    async fn answer(&mut self, known: u64, reader: &Address<News>) {
        self.wait_for_turn().await;
        let _ = reader.tell(news(&self.status, &self.journal, known));
        // Nobody is to wait for more than one answer.
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use async_std::task::block_on;
    use ballotbox_actors::kit::{Exit, Inlet, mailbox, mailbox_with_inlet, spawn};
    use ballotbox_core::leadership::LostBecause;
    use futures::poll;

    use super::*;
    use crate::{
        Epoch, Round,
        node::{Ended, Leader, LeaderStatus, NodeState, Watch},
    };

    const LOST: NodeEvent = NodeEvent::Lost { epoch: Epoch(0), cause: LostBecause::LeaderLost };

    fn leads(epoch: i64) -> NodeEvent {
        NodeEvent::Leading { epoch: Epoch(epoch), took: Duration::ZERO, lease: None }
    }

    fn follows(leader: u64, epoch: i64) -> NodeEvent {
        let leader = ServerId::new(leader).unwrap();
        NodeEvent::Following { leader, epoch: Epoch(epoch), counts: true, took: Duration::ZERO }
    }

    struct Fixture {
        elector: Address<HeraldMsg>,
        inlet: Inlet<HeraldMsg>,
        last_word: Arc<LastWord>,
        end: Mailbox<Exit<(), Infallible>>,
    }

    impl Fixture {
        fn start() -> Self {
            let (elector, inlet, orders) = mailbox_with_inlet(4);
            let (parent, end) = mailbox();
            let me = ServerId::new(1).unwrap();
            let last_word = Arc::<LastWord>::default();
            spawn(Herald::new(me, true, Arc::clone(&last_word)), orders, parent, |exit| exit);
            Self { elector, inlet, last_word, end }
        }

        fn watch(&self) -> Watch {
            Watch::new(self.inlet.clone(), Arc::clone(&self.last_word))
        }

        /// The elector says that it looks in this round, with or without an event about it.
        fn look(&self, round: i64, with_event: bool) {
            let round = Round(round);
            let event = with_event.then(|| (clock::now(), NodeEvent::Looking { round }));
            let status = ElectionStatus { state: NodeState::Looking, round, ..Default::default() };
            let (events, status) = (event.into_iter().collect(), Arc::new(status));
            self.elector.tell(HeraldMsg::Election { events, notes: Vec::new(), status }).unwrap();
        }

        /// The driver of leadership says all of this at once. What it was last is how things stand.
        fn lead(&self, events: impl IntoIterator<Item = NodeEvent>) {
            let events: Vec<_> = events.into_iter().map(|event| (clock::now(), event)).collect();
            let last = events.last().and_then(|(_, event)| event.leader());
            let established = last.and_then(|leader| leader.in_epoch(ServerId::new(1).unwrap()));
            let status = LeadershipStatus { established, ..LeadershipStatus::default() };
            let status = Arc::new(status);
            self.elector.tell(HeraldMsg::Leadership { events, notes: Vec::new(), status }).unwrap();
        }
    }

    #[test]
    fn news_come_with_a_status_that_is_no_older() {
        block_on(async {
            let herald = Fixture::start();
            let mut watch = herald.watch();
            for round in 1..100 {
                herald.look(round, true);
                herald.look(round, true);
                let mut newest = 0;
                while newest < 2 * round.unsigned_abs() {
                    let news = watch.news().await.unwrap();
                    newest = news.known;
                    for occurrence in news.events {
                        let NodeEvent::Looking { round } = occurrence.event else { panic!() };
                        assert!(round <= news.status.election.round);
                    }
                }
            }
        });
    }

    #[test]
    fn a_change_without_an_event_is_seen_by_those_who_ask_and_numbered() {
        block_on(async {
            let herald = Fixture::start();
            let watch = herald.watch();
            let before = watch.status().await.unwrap();
            assert_eq!((before.state(), before.sequence), (NodeState::Starting, 0));
            herald.look(1, false);
            herald.look(1, false);
            let after = watch.status().await.unwrap();
            assert_eq!((after.election.round, after.sequence), (Round(1), 1));
        });
    }

    #[test]
    fn a_reader_that_slept_sees_that_epoch_5_became_7_and_that_it_was_lost_between() {
        block_on(async {
            let herald = Fixture::start();
            let mut watch = herald.watch();
            let nobody = LeaderStatus { sequence: 0, leader: Leader::Nobody };
            assert_eq!(watch.leader_change().await, Ok(nobody));
            herald.lead([leads(5)]);
            let leads_in = |token| Leader::Leads { token, retiring: false };
            let first = LeaderStatus { sequence: 1, leader: leads_in(5) };
            assert_eq!(watch.leader_change().await, Ok(first));
            // All of that is one message to the herald.
            herald.lead([LOST, leads(6), LOST, leads(7)]);
            let second = LeaderStatus { sequence: 5, leader: leads_in(7) };
            assert_eq!(watch.leader_change().await, Ok(second));
            // The same leader in the same epoch, and yet it was lost.
            herald.lead([LOST, follows(2, 8)]);
            herald.lead([LOST, follows(2, 8)]);
            let follows = Leader::Follows { id: ServerId::new(2).unwrap(), token: 8 };
            let last = herald.watch().leader().await.unwrap();
            assert_eq!(last, LeaderStatus { sequence: 9, leader: follows });
            let third = watch.leader_change().await.unwrap();
            assert!(third == last || third.sequence == 7, "{third:?}");
        });
    }

    #[test]
    fn that_nobody_leads_is_a_state_and_what_is_no_change_wakes_nobody() {
        block_on(async {
            let herald = Fixture::start();
            let mut watch = herald.watch();
            herald.lead([leads(5)]);
            assert_eq!(herald.watch().leader_change().await.unwrap().leader.token(), Some(5));
            watch.leader_change().await.unwrap();
            let mut waits = pin!(watch.leader_change());
            assert!(poll!(waits.as_mut()).is_pending());
            herald.look(1, true);
            // The herald has answered the news of the election before it reads this.
            herald.watch().status().await.unwrap();
            assert!(poll!(waits.as_mut()).is_pending());
            herald.lead([LOST]);
            let nobody = LeaderStatus { sequence: 2, leader: Leader::Nobody };
            assert_eq!(waits.await, Ok(nobody));
        });
    }

    #[test]
    fn the_last_leader_is_returned_after_the_end_and_then_the_end() {
        block_on(async {
            let mut herald = Fixture::start();
            let mut watch = herald.watch();
            herald.lead([leads(5)]);
            assert_eq!(watch.leader_change().await.unwrap().sequence, 1);
            herald.lead([LOST]);
            let mut late = herald.watch();
            let Fixture { elector, ref mut end, .. } = herald;
            drop(elector);
            assert_eq!(end.next().await, Some(Exit::Done(())));
            for watch in [&mut watch, &mut late] {
                let nobody = LeaderStatus { sequence: 2, leader: Leader::Nobody };
                assert_eq!(watch.leader_change().await, Ok(nobody));
                assert_eq!(watch.leader_change().await, Err(Ended));
            }
        });
    }

    #[test]
    fn nobody_waits_for_a_watch_that_never_reads_and_what_is_kept_for_it_is_limited() {
        block_on(async {
            let herald = Fixture::start();
            let mut watch = herald.watch();
            for token in 1..=10_000 {
                herald.lead([leads(token), LOST]);
            }
            // It is read when all of these were.
            let now = herald.watch().leader().await.unwrap();
            assert_eq!(now, LeaderStatus { sequence: 20_000, leader: Leader::Nobody });
            let news = watch.news().await.unwrap();
            assert_eq!(news.events.len() as u64 + news.missed, 20_000);
            assert!(news.events.len() <= 1_024, "{}", news.events.len());
            assert_eq!(watch.leader_change().await, Ok(now));
        });
    }

    #[test]
    fn all_who_wait_are_answered_and_too_many_are_told_to_ask_again() {
        block_on(async {
            let herald = Fixture::start();
            let mut answers = Vec::new();
            for number in 0..=READERS_MAX {
                let (reply, answer) = mailbox();
                herald.inlet.send(HeraldMsg::Ask { beyond: Some(0), reply }).await.unwrap();
                answers.push((number, answer));
            }
            // All of them are read before this one, which is answered at once.
            herald.watch().status().await.unwrap();
            herald.look(1, true);
            for (number, mut answer) in answers {
                let news = answer.next().await;
                assert_eq!(news.is_some(), number > 0, "reader {number}");
            }
        });
    }

    #[test]
    fn what_was_told_before_the_end_is_answered_and_then_everybody_learns_of_the_end() {
        block_on(async {
            let mut herald = Fixture::start();
            let mut watch = herald.watch();
            herald.look(7, true);
            let news = watch.news().await.unwrap();
            assert_eq!(news.status.election.round, Round(7));
            // Nobody waits for this, and nobody can ask for it any more when the herald has ended.
            herald.look(8, true);
            let mut late = watch.clone();
            let Fixture { elector, ref mut end, .. } = herald;
            drop(elector);
            assert_eq!(end.next().await, Some(Exit::Done(())));
            for watch in [&mut watch, &mut late] {
                let news = watch.news().await.unwrap();
                assert_eq!((news.status.election.round, news.events.len()), (Round(8), 1));
                assert_eq!(watch.news().await, Err(Ended));
                assert_eq!(watch.status().await, Err(Ended));
            }
        });
    }
}
