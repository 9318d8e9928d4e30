//! Records that cannot be written, or come too late to the disk.

use super::*;

/// Its epoch has begun: what cannot be written is only that its ensemble is confirmed by that.
#[test]
fn a_leader_that_cannot_confirm_its_ensemble_leads_on_and_tries_again() {
    let mut table = Table::of(&[record(1); 3]);
    table.fast_disks = false;
    table.lead(3);
    table.join(2, 3);
    table.settle();
    for number in [2, 3] {
        table.land(number);
    }
    table.settle();
    assert_eq!(table.began(3), [Epoch(2)]);
    fail(&mut table, 3);
    assert_eq!(table.stage(3), Stage::Leading { epoch: Epoch(2) });
    assert!(table.seats[&id(3)].core.is_unable_to_store());
    table.tell(3, EpochsEvent::StoreAgain);
    table.land(3);
    assert!(table.seats[&id(3)].core.record().confirmed);
    assert_eq!(table.seats[&id(3)].gave_up, []);
}

/// The oldest record that waits at this member could not be written.
fn fail(table: &mut Table, number: u64) {
    let ticket = table.seats.get_mut(&id(number)).unwrap().stores.pop_front().unwrap();
    table.tell(number, EpochsEvent::StoreFailed { ticket });
}

#[test]
fn a_record_that_could_not_be_written_is_not_wanted_once_its_session_is_over() {
    type Over = fn(&mut Table);
    let ways: [(&str, Over); 3] = [
        ("it ended", |table| {
            let session = *table.sessions.keys().next().unwrap();
            table.tell(2, EpochsEvent::Ended { session });
        }),
        ("the election goes on", |table| table.tell(2, EpochsEvent::Unelected)),
        ("another has begun", |table| table.introduce(2, 3)),
    ];
    for (way, over) in ways {
        let mut table = Table::of(&[record(1); 3]);
        table.fast_disks = false;
        table.lead(3);
        table.join(2, 3);
        table.settle();
        fail(&mut table, 2);
        assert!(table.seats[&id(2)].core.is_unable_to_store(), "{way}");
        over(&mut table);
        assert!(!table.seats[&id(2)].core.is_unable_to_store(), "{way}");
        table.tell(2, EpochsEvent::StoreAgain);
        assert!(table.seats[&id(2)].stores.is_empty(), "{way}");
    }
}

/// Its word waits for the newer record: the older one may be for another epoch.
#[test]
fn the_landing_of_a_record_that_was_overtaken_means_nothing() {
    let mut table = Table::of(&[record(1); 3]);
    table.fast_disks = false;
    table.lead(3);
    table.join(1, 3);
    table.settle();
    table.lead(2);
    table.join(1, 2);
    table.settle();
    assert_eq!(table.seats[&id(1)].stores.len(), 2);
    table.land(1);
    table.settle();
    assert_eq!(table.seats[&id(1)].core.record(), record(1));
    table.land(2);
    table.settle();
    assert_eq!(table.began(2), [], "1 has not given its word");
    table.land(1);
    table.settle();
    assert_eq!(table.began(2), [Epoch(3)]);
}
