//! A chronicle is told what cores say, in scripts, and its text is read.

use std::sync::Arc;

use ballotbox_core::{
    Core,
    election::{
        Action, ElectionTiming, Event, Format, History, Notification, PeerState, Timer, Zxid,
    },
    leadership::NotCounted as NoWord,
    membership::{Ensemble, Member},
};

use super::*;
use crate::Election;

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn vote(epoch: i64, zxid: i64, leader: u64) -> Vote {
    Vote::new(History { epoch: Epoch(epoch), zxid: Zxid(zxid) }, id(leader))
}

/// The election of one of some voters, and its chronicle.
struct Scripted {
    election: Election,
    ballots: BallotLog,
    chronicle: Chronicle,
    now: Duration,
}

impl Scripted {
    fn new(me: u64, voters: u64, with_leadership: bool) -> Self {
        let ensemble = Ensemble::new((1..=voters).map(|number| Member::voter(id(number))));
        let (ensemble, timing) = (Arc::new(ensemble.unwrap()), ElectionTiming::default());
        Self {
            election: Election::new(id(me), ensemble, timing, "".into()),
            ballots: BallotLog::default(),
            chronicle: Chronicle::new(id(me), with_leadership),
            now: Duration::ZERO,
        }
    }

    /// This happens a millisecond later.
    fn on(&mut self, event: Event) -> Vec<Action> {
        self.now += ms(1);
        let mut notes = Vec::new();
        let before = self.ballots.before(&self.election, &event, &mut notes);
        let actions = self.election.actions_on(event);
        self.ballots.after(before, &self.election, &actions, &mut notes);
        notes.into_iter().for_each(|note| self.chronicle.note(self.now, note));
        actions
    }

    fn begin(&mut self, epoch: i64, zxid: i64) {
        let history = History { epoch: Epoch(epoch), zxid: Zxid(zxid) };
        self.on(Event::Begin { history });
        self.on(Event::TimerFired(Timer::Startup));
    }

    fn hear(&mut self, from: u64, state: PeerState, vote: Vote, round: i64) {
        let format = Format::Current { version: 2, config: "".into() };
        let notification = Notification { state, vote: Some(vote), round: Round(round), format };
        self.on(Event::Heard { from: id(from), notification });
    }

    fn looks(&mut self, from: u64, vote: Vote, round: i64) {
        self.hear(from, PeerState::Looking, vote, round);
    }

    fn linked(&mut self, peers: impl IntoIterator<Item = u64>) {
        for peer in peers {
            self.on(Event::LinkUp { peer: id(peer) });
        }
    }

    /// This was said for it a millisecond later.
    fn note(&mut self, note: Note) {
        self.now += ms(1);
        self.chronicle.note(self.now, note);
    }

    fn report(&mut self, report: Report) {
        self.note(Note::Report(report));
    }

    fn changes(&self) -> Vec<Change> {
        self.chronicle.report().changes
    }

    fn told(&self) -> String {
        let report = self.chronicle.report();
        report.changes.iter().map(|change| text(change, report.id)).collect()
    }
}

fn lost(epoch: i64, cause: LostBecause) -> Report {
    Report::Lost { epoch: Epoch(epoch), cause }
}

fn follows(leader: u64, epoch: i64) -> Report {
    Report::Following { leader: id(leader), epoch: Epoch(epoch), counts: true }
}

fn leads(epoch: i64) -> Report {
    Report::Leading { epoch: Epoch(epoch) }
}

#[test]
fn the_text_of_an_election_says_who_voted_for_whom_what_beat_what_and_who_was_not_waited_for() {
    let mut script = Scripted::new(4, 7, true);
    script.linked([1, 2, 3, 5]);
    script.begin(1, 0x1_0000_0002);
    script.looks(3, vote(1, 0x1_0000_0001, 3), 1);
    script.looks(5, vote(1, 0x1_0000_0005, 5), 1);
    script.looks(1, vote(1, 0x1_0000_0005, 5), 1);
    // Said again, it is no news.
    script.looks(1, vote(1, 0x1_0000_0005, 5), 1);
    script.looks(2, vote(1, 0x1_0000_0005, 5), 0);
    script.on(Event::Unreachable { peer: id(6) });
    script.looks(3, vote(1, 0x1_0000_0005, 5), 1);
    script.on(Event::TimerFired(Timer::Settle));
    script.note(Note::Proposed { by: id(5), epoch: Epoch(2) });
    script.report(follows(5, 2));
    let expected = "   Change 1, at 5.0 ms: 5 leads in epoch 2, elected in round 1
   votes          0.0 ms  4 votes for itself (epoch 1, zxid 0x100000002)
                  2.0 ms  3 votes for itself (epoch 1, zxid 0x100000001): loses
                          to 4 (epoch 1, zxid 0x100000002)
                  3.0 ms  5 votes for itself (epoch 1, zxid 0x100000005): beats
                          4 (epoch 1, zxid 0x100000002)
                  4.0 ms  1 votes for 5 (epoch 1, zxid 0x100000005): the same as
                          ours
                  6.0 ms  2 votes for 5 (epoch 1, zxid 0x100000005) in round 0:
                          an older round
                  8.0 ms  3 votes for 5 (epoch 1, zxid 0x100000005): the same as
                          ours
                          then no better one came in time
   not awaited 2 is there, and said nothing in this round in time
               6 cannot be reached
               7 was never heard
   epoch       2, proposed by 5
   times       looking 0.0, elected 9.0, epoch proposed 10.0, following 11.0 ms
";
    assert_eq!(script.told(), expected.strip_prefix("   ").unwrap());
    assert!(script.told().lines().all(|line| line.chars().count() < 80));
}
