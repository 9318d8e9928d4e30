//! Which answers count: a leader and a learner are told words by hand, also such as do not fit.

use super::*;
use crate::{leadership::LeaderBlock, membership::Member};

/// A voter of `voters`, and all that it has asked for.
pub(super) struct One {
    pub(super) core: Epochs,
    pub(super) asked: Vec<EpochsAction>,
}

impl One {
    pub(super) fn of(voters: usize, number: u64, record: Record) -> Self {
        let table = Table::of(&vec![record; voters]);
        Self { core: table.seats[&id(number)].core.clone(), asked: vec![] }
    }

    /// 5 of five is elected.
    pub(super) fn elected() -> Self {
        let mut one = Self::of(5, 5, record(1));
        one.told(EpochsEvent::Elected { leader: id(5) });
        one
    }

    /// What it asks for when this happens.
    pub(super) fn told(&mut self, event: EpochsEvent) -> Vec<EpochsAction> {
        let actions = self.core.actions_on(event);
        self.asked.extend(actions.clone());
        actions
    }

    /// A voter that remembers epoch 1 has come.
    pub(super) fn arrived(&mut self, number: u64) {
        let info = Self::of(5, number, record(1)).core.info();
        self.told(EpochsEvent::Arrived { session: session(number), peer: id(number), info });
    }

    pub(super) fn said(&mut self, number: u64, word: LearnerWord) {
        self.told(EpochsEvent::LearnerSaid { session: session(number), word });
    }

    /// This learner has taken note of the epoch; whether it counts.
    pub(super) fn noted(&mut self, number: u64, counts: bool) {
        let current = counts.then_some(Epoch(1));
        self.said(number, LearnerWord::AckEpoch { current, zxid: Zxid(0), bond: None });
    }

    pub(super) fn stored(&mut self) {
        let ticket = self.core.last_ticket;
        self.told(EpochsEvent::Stored { ticket });
    }

    /// Our leader, which is 3, has said this.
    fn heard(&mut self, word: LeaderWord) -> Vec<EpochsAction> {
        self.told(EpochsEvent::LeaderSaid { session: session(3), word })
    }
}

pub(super) fn session(number: u64) -> SessionId {
    SessionId::Accepted(number)
}

/// 1 of three has heard that 3 leads in this epoch.
fn learner_of(epoch: i64, record: Record) -> One {
    let mut one = One::of(3, 1, record);
    one.told(EpochsEvent::Elected { leader: id(3) });
    one.told(EpochsEvent::Introduced { session: session(3) });
    let block = LeaderBlock {
        directory: DirectoryId(3),
        incarnation: Incarnation(1),
        ensemble: EnsembleId(7),
        ended: Epoch(0),
        lease: None,
    };
    one.heard(LeaderWord::Info { epoch: Epoch(epoch), block: Some(block) });
    one
}

/// The same, and the epoch has begun.
fn follower_of(epoch: i64, record: Record) -> One {
    let mut one = learner_of(epoch, record);
    one.heard(LeaderWord::NewLeader { epoch: Epoch(epoch), founding: false });
    if one.core.store.is_some() {
        one.stored();
    }
    one.heard(LeaderWord::UpToDate);
    one
}

#[test]
fn an_answer_before_the_epoch_is_proposed_is_none() {
    let mut leader = One::elected();
    leader.arrived(1);
    leader.noted(1, true);
    leader.arrived(2);
    leader.noted(2, true);
    assert_eq!(leader.core.stage(), Stage::Announcing { epoch: Epoch(2) });
}

#[test]
fn the_first_answer_to_an_epoch_is_the_one_that_counts() {
    let mut leader = One::elected();
    leader.arrived(1);
    leader.arrived(2);
    leader.noted(1, false);
    leader.noted(1, true);
    assert_eq!(leader.core.stage(), Stage::Announcing { epoch: Epoch(2) }, "2 may be enough");
    leader.noted(2, true);
    // All who are here have answered, and are no quorum.
    let overtaken = EpochsAction::GiveUp(GiveUp::Overtaken { epoch: Epoch(2) });
    assert_eq!(leader.asked.last(), Some(&overtaken));
    assert_eq!(leader.core.stage(), Stage::Looking);
}

#[test]
fn a_word_for_another_epoch_is_none_for_ours() {
    let mut leader = One::elected();
    for number in [1, 2] {
        leader.arrived(number);
    }
    for number in [1, 2] {
        leader.noted(number, true);
    }
    leader.stored();
    for (named, stage) in
        [(1, Stage::Synchronising { epoch: Epoch(2) }), (2, Stage::Leading { epoch: Epoch(2) })]
    {
        for number in [1, 2] {
            leader.said(number, LearnerWord::Ack { epoch: Epoch(named) });
        }
        assert_eq!(leader.core.stage(), stage);
    }
}

#[test]
fn an_answer_to_a_ping_that_was_never_sent_is_none() {
    let mut leader = One::elected();
    for number in [1, 2] {
        leader.arrived(number);
    }
    for number in [1, 2] {
        leader.noted(number, true);
    }
    leader.told(EpochsEvent::PingDue);
    for (answered, newest) in [(2, 0), (1, 1)] {
        for number in [1, 2] {
            leader.said(
                number,
                LearnerWord::Pong { number: Some(answered), promises: false, stands: false },
            );
        }
        assert_eq!(leader.core.pings(), (1, newest));
    }
}

#[test]
fn who_has_not_answered_the_epoch_is_not_pinged_before_it_has() {
    let mut leader = One::elected();
    for number in [1, 2] {
        leader.arrived(number);
    }
    leader.noted(1, true);
    let pinged: Vec<_> = leader.told(EpochsEvent::PingDue);
    let word = LeaderWord::Ping { epoch: Epoch(2), number: Some(1) };
    assert_eq!(pinged, [EpochsAction::Tell { session: session(1), word }]);
}

#[test]
fn who_has_left_before_an_epoch_is_proposed_is_missing_again() {
    let mut leader = One::of(3, 2, NEW);
    leader.told(EpochsEvent::Elected { leader: id(2) });
    let info = One::of(3, 1, NEW).core.info();
    leader.told(EpochsEvent::Arrived { session: session(1), peer: id(1), info });
    assert_eq!(leader.core.missing(), [id(3)].into());
    leader.told(EpochsEvent::Ended { session: session(1) });
    assert_eq!(leader.core.missing(), [id(1), id(3)].into());
}

#[test]
fn a_learner_leaves_a_leader_that_gives_up_what_it_has_taken_note_of() {
    for (released, leaves) in [(1, false), (2, true)] {
        let mut learner = learner_of(2, record(1));
        let epoch = Epoch(released);
        let asked = learner.heard(LeaderWord::Released { epoch, nomination: None });
        let gives_up = EpochsAction::GiveUp(GiveUp::Released { epoch, nomination: None });
        assert_eq!(asked.contains(&gives_up), leaves, "{released}");
    }
}

#[test]
fn only_a_voter_that_has_promised_no_newer_epoch_is_recorded_and_only_in_the_epoch_it_follows() {
    let asks = |one: &mut One, epoch| {
        let asked = one.heard(LeaderWord::Recorded { epoch: Epoch(epoch) });
        asked.iter().any(|action| matches!(action, EpochsAction::Store { .. }))
    };
    let mut amnesiac = follower_of(2, NEW);
    assert!(!asks(&mut amnesiac, 3) && !asks(&mut amnesiac, 1));
    assert!(asks(&mut amnesiac, 2));
    let mut promised = follower_of(2, Record { accepted: Epoch(9), ..NEW });
    assert!(!asks(&mut promised, 2), "epoch 9 may have begun");
    let mut observer = follower_of(2, NEW);
    let voters = [2, 3].map(|number| Member::voter(id(number)));
    let members = voters.into_iter().chain([Member::observer(id(1))]);
    observer.core.ensemble = Arc::new(Ensemble::new(members).unwrap());
    assert!(!asks(&mut observer, 2), "it has nothing to promise");
}

/// Its word is on its disk already: there is nothing to write when it comes back.
#[test]
fn who_comes_back_in_the_same_epoch_says_its_word_at_once() {
    let mut table = Table::of(&[record(1); 3]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    table.fast_disks = false;
    let session = *table.sessions.keys().next().unwrap();
    table.sessions.remove(&session);
    table.tell(2, EpochsEvent::Ended { session });
    table.introduce(2, 3);
    table.settle();
    assert!(table.seats[&id(2)].stores.is_empty());
    assert_eq!(table.follows(2), Some((3, 2, true)));
}

#[test]
fn a_follower_goes_back_to_no_leader_of_an_epoch_before_the_one_it_followed() {
    let mut follower = follower_of(5, record(1));
    follower.told(EpochsEvent::Unelected);
    follower.told(EpochsEvent::Elected { leader: id(2) });
    follower.told(EpochsEvent::Introduced { session: session(3) });
    let block = LeaderBlock {
        directory: DirectoryId(2),
        incarnation: Incarnation(1),
        ensemble: EnsembleId(7),
        ended: Epoch(0),
        lease: None,
    };
    let asked = follower.heard(LeaderWord::Info { epoch: Epoch(4), block: Some(block) });
    let older = GiveUp::OldLeader { epoch: Epoch(4), ours: Epoch(5) };
    assert_eq!(asked.last(), Some(&EpochsAction::GiveUp(older)));
}

#[test]
fn what_a_leader_says_on_a_session_that_another_has_replaced_is_not_heard() {
    let mut learner = learner_of(2, record(1));
    learner.told(EpochsEvent::Introduced { session: session(4) });
    let before = learner.core.clone();
    let number = 1;
    let missing = [id(2)].into();
    for word in [
        LeaderWord::Waiting { number, missing },
        LeaderWord::Info { epoch: Epoch(2), block: None },
        LeaderWord::Refused { reason: "no".into() },
    ] {
        assert_eq!(learner.heard(word), []);
    }
    assert_eq!(learner.core, before);
}

/// Anybody can be an observer, and it has promised nothing to anybody.
#[test]
fn what_an_observer_has_accepted_makes_no_epoch_larger() {
    let mut leader = One::elected();
    let members = (1..=5).map(|number| Member::voter(id(number)));
    let members = members.chain([Member::observer(id(6))]);
    leader.core.ensemble = Arc::new(Ensemble::new(members).unwrap());
    let info = Info { role: Role::Observer, accepted: Epoch(50), ..leader.core.info() };
    leader.told(EpochsEvent::Arrived { session: session(6), peer: id(6), info });
    for number in [1, 2] {
        leader.arrived(number);
    }
    assert_eq!(leader.core.stage(), Stage::Announcing { epoch: Epoch(2) });
}
