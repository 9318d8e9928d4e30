//! A chronicle is told what cores say, in scripts, and its text is read.

use std::sync::Arc;

use ballotbox_core::{
    election::{
        Action, ElectionTiming, Event, Format, History, Notification, PeerState, Timer, Zxid,
    },
    leadership::NotCounted as NoWord,
    leadership::{GiveUp, WordGiven},
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
        let actions = self.ballots.elect(&mut self.election, event, &mut notes);
        for note in notes {
            self.chronicle.note(self.now, note);
        }
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

    fn told_in_one_line(&self) -> String {
        self.told().split_whitespace().collect::<Vec<_>>().join(" ")
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
    let expected = "Change 1, at 5.0 ms: 5 leads in epoch 2, elected in round 1
   votes          0.0 ms  4 votes for itself (epoch 1, zxid 0x100000002)
                  2.0 ms  3 votes for itself (epoch 1, zxid 0x100000001): loses
                          to 4 (epoch 1, zxid 0x100000002)
                  3.0 ms  5 votes for itself (epoch 1, zxid 0x100000005): beats
                          4 (epoch 1, zxid 0x100000002)
                  4.0 ms  1 votes for 5 (epoch 1, zxid 0x100000005): the same
                          as ours
                  6.0 ms  2 votes for 5 (epoch 1, zxid 0x100000005) in round 0:
                          an older round
                  8.0 ms  3 votes for 5 (epoch 1, zxid 0x100000005): the same
                          as ours
                          then no better one came in time
   not awaited 2 is there, and said nothing in this round in time
               6 cannot be reached
               7 was never heard
   epoch       2, proposed by 5
   times       looking 0.0, elected 9.0, epoch proposed 10.0, following 11.0 ms
";
    assert_eq!(script.told(), expected);
    assert!(script.told().lines().all(|line| line.chars().count() < 80));
}

#[test]
fn a_leader_tells_whose_words_counted_and_why_the_others_did_not() {
    let mut script = Scripted::new(1, 3, true);
    script.linked([2]);
    script.begin(3, 0);
    script.looks(2, vote(3, 0, 1), 1);
    script.on(Event::TimerFired(Timer::Settle));
    script.report(Report::Bound { peer: id(2), to: Some(id(3)), rest: ms(1200) });
    script.report(Report::WithoutLease { epoch: Epoch(4), missing: [id(3)].into() });
    script.note(Note::Proposed { by: id(1), epoch: Epoch(4) });
    script.note(Note::Noted);
    let bound = NoWord::Bound { to: None, rest: ms(3) };
    let words = [
        (1, None),
        (7, Some(NoWord::Observer)),
        (2, Some(NoWord::PromisedBefore)),
        (3, Some(NoWord::Amnesiac)),
        (4, Some(NoWord::NotOnDisk)),
        (5, Some(bound)),
        (6, Some(NoWord::WeightZero)),
        (8, Some(NoWord::NotNoted)),
        (9, Some(NoWord::Withheld)),
    ];
    let words = words.map(|(peer, not_counted)| WordGiven { peer: id(peer), not_counted });
    script.note(Note::Words(words.to_vec()));
    script.note(Note::Begun);
    script.report(leads(4));
    let expected = "Change 1, at 2.0 ms: 1 leads in epoch 4, elected in round 1
   votes          0.0 ms  1 votes for itself (epoch 3)
                  2.0 ms  2 votes for 1 (epoch 3): the same as ours
                          then no better one came in time
   not awaited 3 was never heard
   held up by  2, bound to 3 for 1200.0 ms
               3, which does not promise what a lease needs
   epoch       4, proposed by 1 (itself)
   counted     1 (itself)
   not counted 2: -1: it had promised to this epoch or a newer one before
               3: its directory is new or was wiped, an amnesiac
               4: it did not have the epoch on disk by then
               5: bound to an earlier leader for 3.0 ms
               6: its vote weighs 0
               7: an observer has none to give
               8: it had not answered by then
               9: work of an earlier epoch, or a promise, holds it back
   times       looking 0.0, elected 3.0, epoch proposed 6.0,
               noted by a quorum 7.0, on their disks 9.0, leading 10.0 ms
";
    assert_eq!(script.told(), expected);
}

#[test]
fn a_change_says_how_the_leader_before_ended_and_whether_the_next_one_was_named() {
    let mut script = Scripted::new(1, 3, true);
    script.linked([2, 3]);
    script.begin(0, 0);
    script.looks(3, vote(0, 0, 3), 1);
    script.looks(2, vote(0, 0, 3), 1);
    script.report(follows(3, 1));
    script.report(lost(1, LostBecause::LeaderLost));
    let (leader, round, next) = (id(3), Round(1), Round(2));
    script.on(Event::Nominated { leader, round, vote: vote(1, 0, 2), next });
    script.report(follows(2, 2));
    script.report(lost(2, LostBecause::Silence));
    let changes = script.changes();
    assert_eq!(changes.len(), 3);
    assert_eq!((changes[0].by, changes[1].by), (Some(By::Election), Some(By::Nomination)));
    let ended = |n: usize| changes[n].ended.clone().map(|end| (end.leader, end.epoch, end.cause));
    assert_eq!(ended(0), None);
    assert_eq!(ended(1), Some((Some(3), Some(1), Cause::LeaderLost)));
    assert_eq!(ended(2), Some((Some(2), Some(2), Cause::Silence)));
    assert_eq!((changes[2].leader, changes[2].by), (None, None));
    let expected = "Change 2, at 8.0 ms: 2 leads in epoch 2, nominated in round 2
   before      3 led in epoch 1: it has given that up
   votes       none: the leader before has said who comes next
   epoch       2, proposed by 2
   times       lost 0.0, looking 1.0, elected 1.0, following 2.0 ms
Change 3, at 11.0 ms: a leader is looked for
   before      2 led in epoch 2: nothing was heard of the leader
   times       lost 0.0 ms
";
    assert!(script.told().ends_with(expected), "{}", script.told());
}

#[test]
fn a_leader_that_gives_up_says_when_it_began_to() {
    let mut script = Scripted::new(1, 1, true);
    script.begin(0, 0);
    script.report(leads(1));
    script.report(Report::Retiring { epoch: Epoch(1), cause: LostBecause::Resigned });
    script.report(lost(1, LostBecause::Resigned));
    let last = &script.changes()[1];
    let steps: Vec<_> = last.steps.iter().map(|step| step.what).collect();
    assert_eq!(steps, [Stage::Retiring, Stage::Lost]);
    assert!(script.told().contains("before      1 (itself) led in epoch 1: it has resigned\n"));
}

#[test]
fn elections_that_come_to_nothing_are_one_change_with_the_reason_of_the_last() {
    let mut script = Scripted::new(1, 3, true);
    script.linked([2, 3]);
    script.begin(0, 0);
    for round in 1..=50 {
        script.looks(3, vote(0, 0, 3), round);
        script.looks(2, vote(0, 0, 3), round);
        script.note(Note::Proposed { by: id(3), epoch: Epoch(7) });
        let why = GiveUp::OldLeader { epoch: Epoch(7), ours: Epoch(8) };
        script.report(Report::GaveUp { leader: id(3), why });
        script.on(Event::LookAgain { leader: id(3), round: Round(round) });
    }
    let changes = script.changes();
    assert_eq!((changes.len(), changes[0].fruitless, changes[0].votes.len()), (1, 50, 1));
    assert_eq!((changes[0].elected, &changes[0].epoch), (None, &None));
    let told = "50 elections came to nothing; the last one: 3 proposed epoch 7, and epoch 8 was";
    assert!(script.told_in_one_line().contains(told), "{}", script.told());
    // The next one comes to nothing for another reason, which no leadership says.
    script.looks(3, vote(0, 0, 3), 51);
    script.looks(2, vote(0, 0, 3), 51);
    script.on(Event::Unreachable { peer: id(3) });
    let told =
        "51 elections came to nothing; the last one: 3 was elected, and then left: it cannot";
    assert!(script.told_in_one_line().contains(told), "{}", script.told());
    // Where nobody has said why, the election does.
    let mut script = Scripted::new(1, 3, true);
    script.linked([2, 3]);
    script.begin(0, 0);
    script.looks(3, vote(0, 0, 3), 1);
    script.looks(2, vote(0, 0, 3), 1);
    script.on(Event::Unreachable { peer: id(3) });
    let told = "in vain an election came to nothing: 3 was elected, and then left: it cannot be";
    assert!(script.told_in_one_line().contains(told), "{}", script.told());
}

#[test]
fn where_elections_are_held_alone_a_change_is_an_election_and_says_why_the_one_before_is_void() {
    let mut script = Scripted::new(1, 3, false);
    script.linked([2, 3]);
    script.begin(0, 0);
    script.looks(3, vote(0, 0, 3), 1);
    script.looks(2, vote(0, 0, 3), 1);
    // 2 has noticed before we do.
    script.looks(2, vote(0, 0, 2), 2);
    script.on(Event::Unreachable { peer: id(3) });
    let expected = "Change 2, at 8.0 ms: 2 is elected in round 2
   before      3 was elected: it cannot be reached
   votes          0.0 ms  2 votes for itself (epoch 0): beats 1 (epoch 0)
   not awaited 3 cannot be reached
   times       looking 0.0, elected 0.0 ms
";
    assert!(script.told().ends_with(expected), "{}", script.told());
}

#[test]
fn what_the_election_says_late_of_a_leader_that_leads_already_belongs_to_its_change() {
    let mut script = Scripted::new(1, 3, true);
    script.linked([2, 3]);
    script.begin(0, 0);
    script.looks(3, vote(0, 0, 3), 1);
    script.looks(2, vote(0, 0, 3), 1);
    script.report(follows(3, 1));
    let at = |millis: u64, note| (ms(100 + millis), note);
    let looking = Note::Looking { round: Round(2), own: None, cause: None };
    let (vote, round) = (vote(1, 0, 2), Round(2));
    let decision = Decision { standing: crate::Standing::Following, vote, round };
    let (grounds, waited, not_waited_for) = (Grounds::Nomination, false, vec![]);
    let decided = Note::Decided { decision, grounds, waited, not_waited_for };
    let ordered = [
        at(1, Note::Report(lost(1, LostBecause::LeaderLost))),
        at(2, looking),
        at(3, decided),
        at(4, Note::Report(follows(2, 2))),
    ];
    // The two halves of a member are heard in any order, each in its own.
    for order in [[0, 1, 2, 3], [0, 3, 1, 2], [1, 0, 2, 3], [1, 2, 0, 3], [0, 1, 3, 2]] {
        let mut chronicle = script.chronicle.clone();
        for place in order {
            let (at, note) = ordered[place].clone();
            chronicle.note(at, note);
        }
        let changes = chronicle.report().changes;
        assert_eq!(changes.len(), 2, "{order:?}: {changes:#?}");
        let last = &changes[1];
        assert_eq!((last.leader, last.by, last.round), (Some(2), Some(By::Nomination), Some(2)));
        assert_eq!(last.ended.as_ref().and_then(|end| end.leader), Some(3), "{order:?}");
        let steps: Vec<_> = last.steps.iter().map(|step| step.what).collect();
        assert_eq!(steps, [Stage::Lost, Stage::Looking, Stage::Elected, Stage::Following]);
        // The next end is of the next change, though it comes at the same moment.
        chronicle.note(ms(104), Note::Report(lost(2, LostBecause::Silence)));
        assert_eq!(chronicle.report().changes.len(), 3);
    }
    // Also where the election has not said a word by then.
    let mut chronicle = script.chronicle.clone();
    for place in [0, 3] {
        let (at, note) = ordered[place].clone();
        chronicle.note(at, note);
    }
    chronicle.note(ms(104), Note::Report(lost(2, LostBecause::Silence)));
    let changes = chronicle.report().changes;
    assert_eq!((changes.len(), changes[1].leader, changes[2].leader), (3, Some(2), None));
}

#[test]
fn what_is_kept_is_limited_and_what_is_left_out_is_counted() {
    let mut script = Scripted::new(1, 3, true);
    for epoch in 1..=1000 {
        script.report(lost(epoch - 1, LostBecause::Silence));
        script.report(follows(2, epoch));
    }
    let changes = script.changes();
    assert_eq!(changes.len(), CHANGES_MAX);
    assert_eq!(changes.last().map(|last| last.number), Some(1000));
    // A voter that never says the same twice.
    let mut script = Scripted::new(1, 3, true);
    script.linked([2, 3]);
    script.begin(0, 0);
    for zxid in 1..=10_000 {
        script.looks(3, vote(0, zxid, 3), 1);
    }
    let zxid = 10_000;
    script.looks(2, vote(0, zxid, 3), 1);
    let last = script.changes().pop().unwrap();
    assert_eq!(last.votes.len(), VOTES_MAX);
    assert_eq!(last.votes.len() as u64 + last.votes_left_out, 10_002);
    assert!(script.told().contains("and 9938 more\n"), "{}", script.told());
    let words = (0..1000).map(|peer| WordGiven { peer: id(peer), not_counted: None }).collect();
    script.note(Note::Proposed { by: id(3), epoch: Epoch(1) });
    script.note(Note::Words(words));
    let last = script.changes().pop().unwrap();
    let counted = last.epoch.map(|proposal| proposal.counted.len() as u64).unwrap();
    assert_eq!((counted, counted + last.members_left_out), (MEMBERS_MAX as u64, 1000));
}

#[test]
fn what_is_read_from_json_says_the_same_and_shows_nothing_hidden() {
    let mut script = Scripted::new(1, 3, true);
    script.linked([2]);
    script.begin(0, -0x10);
    script.looks(2, vote(0, 5, 2), 1);
    script.on(Event::TimerFired(Timer::Settle));
    let reason = ballotbox_core::UntrustedText::new("no\u{1b}[2Jway");
    script.report(Report::GaveUp { leader: id(2), why: GiveUp::Refused { reason } });
    let mut report = script.chronicle.report();
    report.set_times(Some(std::time::SystemTime::UNIX_EPOCH));
    let written = serde_json::to_string(&report).unwrap();
    let read: WhyReport = serde_json::from_str(&written).unwrap();
    assert_eq!(read, report);
    assert!(
        !written.contains('\u{1b}') && written.contains("\"time\":\"1970-01-01T00:00:00.002Z\"")
    );
    let forged = written.replace("1970-01-01T00:00:00.002Z", "\\u001b[2J\\u202e");
    let read: WhyReport = serde_json::from_str(&forged).unwrap();
    let told = text(&read.changes[0], read.id);
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
    for (right, wrong) in [
        ("\"at_ms\":2.0", "\"at_ms\":-1.0"),
        ("\"at_ms\":2.0", "\"at_ms\":1e300"),
        ("\"zxid\":\"0x5\"", "\"zxid\":\"5\""),
        ("\"by\":\"election\"", "\"by\":\"magic\""),
    ] {
        assert!(written.contains(right), "{right}: {written}");
        let forged = written.replace(right, wrong);
        assert!(serde_json::from_str::<WhyReport>(&forged).is_err(), "{wrong}");
    }
}
