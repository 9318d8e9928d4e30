//! That each rule about changes can fail: epochs that were tampered with are found out.

use super::{
    super::invariants::{Change, RULES_OF_CHANGES, first_broken, first_broken_by},
    *,
};
use crate::Step;

/// 3 leads 1 and 2 in epoch 2.
fn led() -> Table {
    let mut table = Table::of(&[record(1); 3]);
    table.lead(3);
    for number in [1, 2] {
        table.join(number, 3);
    }
    table.settle();
    assert_eq!(table.began(3), [Epoch(2)]);
    table
}

/// Which rule is broken by a change that asks for this, and to this state.
fn broken(
    before: &Epochs,
    actions: &[EpochsAction],
    tamper: impl FnOnce(&mut Epochs),
) -> Option<&'static str> {
    let mut after = before.clone();
    tamper(&mut after);
    first_broken_by(Change { before, actions, after: &after, is_told: false })
}

#[test]
fn every_rule_about_changes_finds_the_epochs_that_break_it() {
    let table = led();
    let [follower, leader] = [1, 3].map(|number| &table.seats[&id(number)].core);
    let looking = &Table::of(&[record(1)]).seats[&id(1)].core;
    let session = follower_session(follower);
    let (ticket, epoch) = (Ticket(9), Epoch(3));
    let word_for = |epoch| EpochsAction::Say { session, word: LearnerWord::Ack { epoch } };
    let older = EpochsAction::Store { ticket, record: record(1) };
    let found = [
        broken(follower, &[], |core| core.record.current = Epoch(1)),
        broken(follower, &[older], |_| ()),
        // It has promised, and said so before the disk has it.
        broken(follower, &[word_for(epoch)], |core| core.accepted = epoch),
        broken(looking, &[EpochsAction::Began { epoch }], |_| ()),
        broken(looking, &[word_for(Epoch(2))], |core| core.work_goes_on = true),
        broken(follower, &[], |core| core.part = leader.part.clone()),
    ];
    assert_eq!(found, RULES_OF_CHANGES.map(|(name, _)| Some(name)));
}

/// That these break the rule of this place, each by itself.
fn all_break(place: usize, found: &[Option<&str>]) {
    let (rule, _) = RULES_OF_CHANGES[place];
    assert_eq!(found, vec![Some(rule); found.len()]);
}

#[test]
fn whatever_falls_in_a_record_is_found() {
    let table = led();
    let follower = &table.seats[&id(1)].core;
    assert!(follower.record.confirmed);
    let tampered: [fn(&mut Epochs); 7] = [
        |core| core.accepted = Epoch(1),
        |core| core.record.accepted = Epoch(1),
        |core| core.record.recorded = false,
        |core| core.record.confirmed = false,
        |core| core.record.ensemble = Some(EnsembleId(1)),
        |core| core.record.current = Epoch(3),
        |core| core.record.accepted = Epoch(3),
    ];
    all_break(0, &tampered.map(|tamper| broken(follower, &[], tamper)));
    assert_eq!(broken(follower, &[], |core| core.accepted = Epoch(3)), None);
}

#[test]
fn whatever_is_older_in_a_record_to_store_is_found() {
    let table = led();
    let follower = &table.seats[&id(1)].core;
    let on_disk = follower.record;
    let tampered: [fn(&mut Record); 5] = [
        |record| record.recorded = false,
        |record| record.accepted = Epoch(1),
        |record| record.current = Epoch(1),
        |record| record.current = Epoch(3),
        |record| record.accepted = Epoch(3),
    ];
    let store = |record| EpochsAction::Store { ticket: Ticket(9), record };
    all_break(
        1,
        &tampered.map(|tamper| {
            let mut record = on_disk;
            tamper(&mut record);
            broken(follower, &[store(record)], |_| ())
        }),
    );
    assert_eq!(broken(follower, &[store(on_disk)], |_| ()), None);
}

#[test]
fn a_word_that_counts_is_found_if_it_is_no_promise_or_not_on_disk_and_the_answer_to_a_beginning_is_none()
 {
    let table = led();
    let follower = &table.seats[&id(1)].core;
    let session = follower_session(follower);
    let counts = LearnerWord::AckEpoch {
        current: Some(follower.record.current),
        zxid: follower.zxid,
        bond: None,
    };
    let counts = EpochsAction::Say { session, word: counts };
    all_break(2, &[broken(follower, &[counts], |_| ())]);
    let word = EpochsAction::Say { session, word: LearnerWord::Ack { epoch: Epoch(3) } };
    let mut after = follower.clone();
    after.accepted = Epoch(3);
    let change = Change { before: follower, actions: &[word], after: &after, is_told: true };
    assert_eq!(first_broken_by(change), None);
}

#[test]
fn every_rule_about_steps_finds_the_one_that_breaks_it() {
    let table = led();
    let follower = &table.seats[&id(1)].core;
    let open = follower_session(follower);
    let event = &EpochsEvent::StoreAgain;
    let first = |actions: &[EpochsAction]| {
        first_broken(Step { before: follower, event, actions, after: follower })
    };
    let say = |session| EpochsAction::Say { session, word: LearnerWord::Other };
    let follows = EpochsAction::Follows { leader: id(3), epoch: Epoch(2), counts: true };
    let other = SessionId::Accepted(99);
    assert_eq!(first(&[follows]), Some("a member that follows was told that the epoch has begun"));
    let not_open = Some("nothing is said on a session that is not open");
    assert_eq!(first(&[say(other)]), not_open);
    let tell = EpochsAction::Tell { session: other, word: LeaderWord::UpToDate };
    assert_eq!(first(&[tell]), not_open);
    assert_eq!(first(&[say(open)]), None);
    assert_eq!(first(&[say(other), EpochsAction::Close { session: other }]), None);
}

#[test]
fn what_several_steps_do_breaks_no_rule_either() {
    let table = Table::of(&[record(1); 3]);
    let (before, after) = (&table.seats, &led().seats);
    for number in 1..=3 {
        let [before, after] = [before, after].map(|seats| &seats[&id(number)].core);
        let began = (number == 3).then_some(EpochsAction::Began { epoch: Epoch(2) });
        let actions = began.as_slice();
        let change = Change { before, actions, after, is_told: false };
        assert_eq!(first_broken_by(change), None, "{number}");
    }
}

fn follower_session(core: &Epochs) -> SessionId {
    let Part::Learner(learning) = &core.part else { panic!("{:?}", core.part) };
    learning.session().unwrap()
}
