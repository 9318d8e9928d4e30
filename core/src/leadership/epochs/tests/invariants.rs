//! That each rule about changes can fail: epochs that were tampered with are found out.

use super::{
    super::invariants::{Change, RULES_OF_CHANGES, first_broken_by},
    *,
};

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
    let session = follower_session(follower);
    let (ticket, epoch) = (Ticket(9), Epoch(3));
    let word_for = |epoch| EpochsAction::Say { session, word: LearnerWord::Ack { epoch } };
    let older = EpochsAction::Store { ticket, record: record(1) };
    let found = [
        broken(follower, &[], |core| core.record.current = Epoch(1)),
        broken(follower, &[older], |_| ()),
        // It has promised, and said so before the disk has it.
        broken(follower, &[word_for(epoch)], |core| core.accepted = epoch),
        broken(
            &Table::of(&[record(1)]).seats[&id(1)].core,
            &[EpochsAction::Began { epoch }],
            |_| (),
        ),
        broken(follower, &[word_for(Epoch(2))], |core| core.work_goes_on = true),
        broken(follower, &[], |core| core.part = leader.part.clone()),
    ];
    assert_eq!(found, RULES_OF_CHANGES.map(|(name, _)| Some(name)));
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
