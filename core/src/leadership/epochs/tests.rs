//! What ensembles of [`Epochs`] do, in an order that each test chooses.

mod account;
mod answers;
mod disks;
mod ensembles;
mod forgotten;
mod invariants;
mod table;

use self::table::{Mail, NEW, Table};
use super::*;
use crate::leadership::fixtures::{id, identity, record};

#[test]
fn a_quorum_that_remembers_begins_the_next_epoch_and_those_who_come_late_follow() {
    let mut table = Table::of(&[record(4), record(6), record(5)]);
    table.lead(3);
    table.settle();
    assert_eq!(table.stage(3), Stage::Discovering);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.began(3), [Epoch(7)]);
    assert_eq!(table.follows(2), Some((3, 7, true)));
    table.join(1, 3);
    table.settle();
    assert_eq!(table.follows(1), Some((3, 7, true)));
    for number in 1..=3 {
        let on_disk = table.seats[&id(number)].core.record();
        assert_eq!((on_disk.accepted, on_disk.current), (Epoch(7), Epoch(7)), "{number}");
        let id = (on_disk.ensemble, on_disk.confirmed);
        assert_eq!(id, (Some(EnsembleId(103)), true), "{number}");
    }
}

#[test]
fn those_who_came_before_we_were_elected_are_served_at_once() {
    let mut table = Table::of(&[record(0); 3]);
    table.join(1, 3);
    table.join(2, 3);
    table.settle();
    table.lead(3);
    table.settle();
    assert_eq!(table.began(3), [Epoch(1)]);
    assert!(table.follows(1).is_some() && table.follows(2).is_some());
}

#[test]
fn a_lone_voter_begins_by_itself_though_its_directory_is_new() {
    let mut table = Table::of(&[NEW]);
    table.lead(1);
    table.settle();
    assert_eq!(table.began(1), [Epoch(1)]);
    assert!(table.seats[&id(1)].core.record().recorded);
}

#[test]
fn a_new_ensemble_begins_when_all_its_voters_are_there_and_says_who_is_missing() {
    let mut table = Table::of(&[NEW; 3]);
    table.lead(2);
    table.join(1, 2);
    table.settle();
    assert_eq!(table.stage(2), Stage::Discovering);
    assert_eq!(table.seats[&id(2)].core.missing(), [id(3)].into());
    table.join(3, 2);
    table.settle();
    assert_eq!(table.began(2), [Epoch(1)]);
    assert!((1..=3).all(|number| table.seats[&id(number)].core.record().recorded));
}

#[test]
fn a_founding_that_loses_a_voter_half_way_begins_again() {
    let mut table = Table::of(&[NEW; 3]);
    table.fast_disks = false;
    table.lead(2);
    table.join(1, 2);
    table.join(3, 2);
    table.settle();
    // 2 has it on disk and stops: one voter is recorded, two are not.
    table.land(2);
    table.crash(2);
    table.fast_disks = true;
    for number in [1, 3] {
        table.seats.get_mut(&id(number)).unwrap().stores.clear();
        table.crash(number);
    }
    table.lead(3);
    table.join(1, 3);
    table.settle();
    assert_eq!(table.stage(3), Stage::Discovering, "no quorum remembers");
    table.join(2, 3);
    table.settle();
    assert_eq!(table.began(3), [Epoch(2)]);
}

#[test]
fn a_quorum_that_was_told_to_have_no_past_founds_without_the_rest_but_not_beside_memory() {
    let told = |number| Identity { new_ensemble: true, epoch_floor: Epoch(40), ..identity(number) };
    let mut table = Table::of(&[NEW; 3]);
    table.seat(1, told(1), NEW);
    table.seat(2, told(2), NEW);
    table.lead(2);
    table.join(1, 2);
    table.settle();
    assert_eq!(table.began(2), [Epoch(41)], "above the floor");
    assert_eq!(table.follows(1), Some((2, 41, true)));

    let mut table = Table::of(&[record(3), NEW, NEW]);
    table.seat(2, told(2), NEW);
    table.lead(2);
    table.join(1, 2);
    table.settle();
    assert_eq!(table.stage(2), Stage::Discovering, "1 remembers epochs: this ensemble has a past");
}

#[test]
fn only_a_voter_that_was_told_to_have_no_past_says_above_which_epoch_to_begin() {
    let told = |number, new_ensemble, floor| Identity {
        new_ensemble,
        epoch_floor: Epoch(floor),
        ..identity(number)
    };
    for (told_so, begins) in [([true, false, true], 41), ([false, true, true], 61)] {
        let mut table = Table::of(&[NEW; 3]);
        for ((number, told_so), floor) in (1..).zip(told_so).zip([40, 60, 0]) {
            table.seat(number, told(number, told_so, floor), NEW);
        }
        table.lead(2);
        table.join(1, 2);
        table.join(3, 2);
        table.settle();
        assert_eq!(table.began(2), [Epoch(begins)]);
    }
}

#[test]
fn who_was_told_to_have_no_past_is_an_amnesiac_where_there_is_one() {
    let mut table = Table::of(&[record(3), record(3), NEW]);
    table.seat(3, Identity { new_ensemble: true, ..identity(3) }, NEW);
    table.lead(1);
    table.join(2, 1);
    table.settle();
    table.join(3, 1);
    table.settle();
    assert_eq!(table.follows(3), Some((1, 4, false)));
    assert!(!table.seats[&id(3)].core.record().recorded);
}

#[test]
fn a_wiped_voter_counts_only_after_a_quorum_has_answered_a_later_ping() {
    let mut table = Table::of(&[record(1); 3]);
    table.lead(3);
    table.join(2, 3);
    table.join(1, 3);
    table.settle();
    table.begin_again(1, NEW);
    table.join(1, 3);
    table.settle();
    assert_eq!(table.follows(1), Some((3, 2, false)));
    assert!(!table.seats[&id(1)].core.record().recorded);
    table.tell(3, EpochsEvent::PingDue);
    table.settle();
    assert!(table.seats[&id(1)].recorded);
    let on_disk = table.seats[&id(1)].core.record();
    assert_eq!((on_disk.accepted, on_disk.current), (Epoch(2), Epoch(2)));
    // From now on it counts: with it alone the leader has a quorum.
    table.crash(2);
    table.tell(3, EpochsEvent::PingDue);
    table.settle();
    let (pings, answered) = table.seats[&id(3)].core.pings();
    assert_eq!(pings, answered);
}

#[test]
fn an_amnesiac_supports_nobody_and_a_leader_does_not_hear_a_quorum_from_it() {
    let mut table = Table::of(&[record(1); 3]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    table.begin_again(1, NEW);
    table.join(1, 3);
    table.settle();
    table.crash(2);
    for _ in 0..3 {
        table.tell(3, EpochsEvent::PingDue);
        table.settle();
    }
    let (pings, answered) = table.seats[&id(3)].core.pings();
    assert!(answered < pings, "{answered} of {pings}");
    assert!(!table.seats[&id(1)].core.record().recorded);
}

#[test]
fn a_voter_that_has_promised_past_the_leader_follows_without_counting() {
    // Its last word may even be for the epoch that it follows.
    for current in [2, 9] {
        let above = Record { accepted: Epoch(9), ..record(current) };
        let mut table = Table::of(&[record(1), record(1), above]);
        table.lead(1);
        table.join(2, 1);
        table.settle();
        assert_eq!(table.began(1), [Epoch(2)]);
        table.join(3, 1);
        table.settle();
        // Epoch 9 may have begun, as far as 3 knows. Once a quorum has answered a ping it has not.
        assert_eq!(table.follows(3), None);
        table.tell(1, EpochsEvent::PingDue);
        table.settle();
        assert_eq!(table.follows(3), Some((1, 2, false)));
        assert_eq!(table.seats[&id(3)].core.accepted(), Epoch(9));
        table.crash(2);
        table.tell(1, EpochsEvent::PingDue);
        table.settle();
        let (pings, answered) = table.seats[&id(1)].core.pings();
        assert!(answered < pings);
    }
}

#[test]
fn one_epoch_gets_the_word_of_a_voter_once_whoever_else_proposes_it() {
    let mut table = Table::of(&[record(1); 3]);
    table.fast_disks = false;
    table.lead(1);
    table.join(3, 1);
    table.settle();
    // 3 has accepted 2 from 1, and leaves it for 2, which proposes 3, as 3 says what it has accepted.
    table.lead(2);
    table.join(3, 2);
    table.fast_disks = true;
    table.settle();
    assert_eq!(table.began(1), []);
    assert_eq!(table.began(2), [Epoch(3)]);
}

#[test]
fn a_link_that_breaks_and_returns_costs_a_leader_nothing() {
    let mut table = Table::of(&[record(1); 3]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    let session = *table.sessions.keys().next().unwrap();
    table.sessions.remove(&session);
    table.tell(2, EpochsEvent::Ended { session });
    assert_eq!(table.stage(2), Stage::Joining { leader: id(3) });
    table.introduce(2, 3);
    table.settle();
    assert_eq!(table.follows(2), Some((3, 2, true)));
    table.tell(3, EpochsEvent::PingDue);
    table.settle();
    assert_eq!(table.seats[&id(3)].core.pings(), (1, 1));
    assert_eq!(table.began(3), [Epoch(2)]);
}

#[test]
fn no_epoch_begins_while_work_of_an_earlier_one_goes_on() {
    let mut table = Table::of(&[record(1); 3]);
    table.tell(3, EpochsEvent::WorkGoesOn(true));
    table.lead(3);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.stage(3), Stage::Synchronising { epoch: Epoch(2) });
    table.tell(3, EpochsEvent::WorkGoesOn(false));
    table.settle();
    assert_eq!(table.began(3), [Epoch(2)]);
}

#[test]
fn a_voter_whose_work_goes_on_takes_note_of_the_next_epoch_and_gives_its_word_when_the_work_has_ended()
 {
    let mut table = Table::of(&[record(1); 3]);
    table.tell(2, EpochsEvent::WorkGoesOn(true));
    table.lead(3);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.stage(3), Stage::Synchronising { epoch: Epoch(2) });
    assert_eq!(table.seats[&id(2)].core.accepted(), Epoch(2));
    assert_eq!(table.seats[&id(2)].core.record(), record(1));
    table.tell(3, EpochsEvent::PingDue);
    table.settle();
    assert_eq!(table.seats[&id(3)].core.pings(), (1, 1), "it is alive");
    assert_eq!(table.began(3), []);
    table.tell(2, EpochsEvent::WorkGoesOn(false));
    table.settle();
    assert_eq!(table.began(3), [Epoch(2)]);
    assert_eq!(table.follows(2), Some((3, 2, true)));
}

#[test]
fn the_work_of_a_voter_that_has_left_its_leader_meanwhile_ends_without_a_word() {
    let mut table = Table::of(&[record(1); 3]);
    table.tell(2, EpochsEvent::WorkGoesOn(true));
    table.lead(3);
    table.join(2, 3);
    table.settle();
    table.tell(2, EpochsEvent::Unelected);
    table.tell(2, EpochsEvent::WorkGoesOn(false));
    table.settle();
    assert_eq!(table.began(3), []);
    assert_eq!(table.seats[&id(2)].core.record(), record(1));
}

#[test]
fn a_candidate_that_cannot_write_gives_up_and_a_learner_tries_again() {
    let mut table = Table::of(&[record(1); 3]);
    table.fast_disks = false;
    table.lead(3);
    table.join(2, 3);
    table.settle();
    let failed = |table: &mut Table, number| {
        let ticket = table.seats.get_mut(&id(number)).unwrap().stores.pop_front().unwrap();
        table.tell(number, EpochsEvent::StoreFailed { ticket });
    };
    failed(&mut table, 2);
    table.settle();
    assert!(table.seats[&id(2)].core.is_unable_to_store());
    table.tell(2, EpochsEvent::StoreAgain);
    table.fast_disks = true;
    table.settle();
    assert_eq!(table.began(3), [Epoch(2)]);

    table.fast_disks = false;
    table.tell(3, EpochsEvent::Unelected);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    failed(&mut table, 3);
    assert_eq!(table.seats[&id(3)].gave_up, [GiveUp::Disk]);
    assert_eq!(table.stage(3), Stage::Looking);
}

#[test]
fn the_last_epoch_there_can_be_is_followed_by_none() {
    let mut table = Table::of(&[record(EPOCH_MAX.0); 3]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.seats[&id(3)].gave_up, [GiveUp::NoEpochLeft]);

    let mut table = Table::of(&[record(EPOCH_MAX.0 - 1); 3]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.began(3), [EPOCH_MAX]);
}

#[test]
fn who_expects_the_wrong_one_to_lead_is_sent_away() {
    let mut table = Table::of(&[record(1); 3]);
    table.join(1, 2);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.sessions.len(), 1, "the session of 1 with 2 is over");
    table.introduce(1, 2);
    assert_eq!(table.sessions.len(), 1);
}

#[test]
fn who_comes_back_supports_its_leader_from_its_word_on() {
    let mut table = Table::of(&[record(1); 3]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    for _ in 0..3 {
        table.tell(3, EpochsEvent::PingDue);
    }
    table.crash(2);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.seats[&id(3)].core.pings(), (3, 3));
}
