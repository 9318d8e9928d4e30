//! Words that were given, and forgotten with the disk of who gave them.

use super::*;

/// Voter 1 leads epoch 1 with 2 and 3; then 5 proposes epoch 2 to 3 and 4, and 3 gives its word: it is on its disk, and
/// said. 5 does not hear of what comes after.
fn five_voters() -> Table {
    let mut table = Table::of(&[record(0); 5]);
    table.lead(1);
    table.join(2, 1);
    table.join(3, 1);
    table.settle();
    assert_eq!(table.began(1), [Epoch(1)]);
    (table.unnoticed, table.fast_disks) = (true, false);
    table.lead(5);
    table.join(3, 5);
    table.join(4, 5);
    table.settle();
    assert_eq!(table.stage(5), Stage::Synchronising { epoch: Epoch(2) });
    table.land(3);
    table.land(5);
    table.settle();
    table
}

/// What a voter has accepted is on its disk only with its word: a crash may forget it. So those who took note when the
/// word of 3 was asked for say nothing any more about epoch 2 when 3 is wiped, and it is recorded in epoch 1. Its old
/// word must not complete a quorum with one that takes note later.
#[test]
fn a_word_that_was_wiped_begins_no_epoch_with_one_that_took_note_later() {
    let mut table = five_voters();
    table.crash(4);
    table.fast_disks = true;
    table.join(4, 1);
    table.begin_again(3, NEW);
    table.join(3, 1);
    table.settle();
    table.tell(1, EpochsEvent::PingDue);
    table.settle();
    assert!(table.seats[&id(3)].recorded, "4 and 2 have confirmed it");
    table.join(2, 5);
    table.settle();
    table.tell(5, EpochsEvent::PingDue);
    table.settle();
    assert_eq!(table.began(5), [], "3 has given its word, and does not answer any more");
    table.lead(1);
    table.join(3, 1);
    table.join(4, 1);
    table.settle();
    assert_eq!(table.began(1), [Epoch(1), Epoch(2)]);
}

#[test]
fn one_that_takes_note_late_counts_once_the_others_have_answered_a_later_ping() {
    let mut table = five_voters();
    table.fast_disks = true;
    table.join(2, 5);
    table.crash(4);
    table.settle();
    assert_eq!(table.began(5), [], "the word of 3 is older than that 2 has taken note");
    table.tell(5, EpochsEvent::PingDue);
    table.settle();
    assert_eq!(table.began(5), [Epoch(2)]);
}

/// The word of 3 counts no more than above; 1 has given its own before 2 took note.
#[test]
fn of_two_that_take_note_late_the_first_has_to_answer_a_later_ping() {
    let mut table = five_voters();
    table.fast_disks = true;
    table.crash(4);
    for number in [1, 2] {
        table.join(number, 5);
        table.settle();
        assert_eq!(table.began(5), [], "{number}");
    }
    table.tell(5, EpochsEvent::PingDue);
    table.settle();
    assert_eq!(table.began(5), [Epoch(2)]);
}

/// The last one to take note need not answer a ping: NEWLEADER was said to it after all had taken note.
#[test]
fn the_last_one_to_take_note_counts_at_once_beside_the_leader() {
    let mut table = Table::of(&[record(1); 3]);
    table.fast_disks = false;
    table.lead(3);
    table.join(1, 3);
    table.join(2, 3);
    table.settle();
    // The disk of 1 is slow.
    table.land(3);
    table.land(2);
    table.settle();
    assert_eq!(table.began(3), [Epoch(2)]);
}

#[test]
fn one_that_was_told_to_have_no_past_has_its_word_on_disk_though_it_takes_note_late() {
    let told = |number| Identity { new_ensemble: true, ..identity(number) };
    let mut table = Table::of(&[NEW; 3]);
    (1..=3).for_each(|number| table.seat(number, told(number), NEW));
    table.join(1, 3);
    table.join(2, 3);
    table.fast_disks = false;
    table.lead(3);
    table.settle();
    table.land(3);
    table.land(2);
    table.settle();
    assert_eq!(table.began(3), [Epoch(1)]);
    assert!(table.seats[&id(2)].core.record().recorded);
}

#[test]
fn a_founding_needs_every_voter_at_one_time() {
    let mut table = Table::of(&[NEW; 3]);
    (table.unnoticed, table.fast_disks) = (true, false);
    table.lead(1);
    table.join(2, 1);
    table.join(3, 1);
    table.settle();
    // 2 gives its word and leaves, 3 leaves and has the record on disk: they remember, and begin an epoch without 1.
    table.land(1);
    table.land(2);
    table.settle();
    table.lead(2);
    table.join(3, 2);
    table.land(3);
    table.lead(2);
    table.join(3, 2);
    table.fast_disks = true;
    table.settle();
    assert_eq!(table.began(2), [Epoch(2)]);
    // 3 is wiped and comes back to 1, which has the word of 2 still.
    table.begin_again(3, NEW);
    table.join(3, 1);
    table.settle();
    assert_eq!(table.began(1), []);
    assert!(!table.seats[&id(3)].core.record().recorded, "3 has forgotten epoch 2");
}

/// A voter says the same in answer to UPTODATE and when it is recorded.
#[test]
fn an_amnesiac_is_not_taken_for_recorded_before_it_has_written_that_down() {
    let mut table = Table::of(&[record(1); 3]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    table.begin_again(1, NEW);
    table.fast_disks = false;
    table.join(1, 3);
    let is_begun = |mail: &Mail| matches!(mail, Mail::ToLearner { word: LeaderWord::UpToDate, .. });
    while !table.mail.iter().any(|(_, mail)| is_begun(mail)) {
        assert!(table.go_on());
    }
    // 2 answers a ping before 1 has heard that the epoch has begun.
    table.tell(3, EpochsEvent::PingDue);
    table.mail.make_contiguous().sort_by_key(|(to, _)| *to != id(2));
    table.settle();
    table.crash(2);
    table.tell(3, EpochsEvent::PingDue);
    table.settle();
    let (pings, answered) = table.seats[&id(3)].core.pings();
    assert!(answered < pings, "{answered} of {pings}, and the record of 1 is not on its disk");
    table.land(1);
    table.settle();
    assert_eq!(table.seats[&id(3)].core.pings(), (2, 2));
}

/// A record that was asked for on a session that is over may land before the next one does.
#[test]
fn no_record_takes_back_what_one_on_its_way_says() {
    let known = Record { ensemble: Some(EnsembleId(7)), confirmed: true, ..record(1) };
    let mut table = Table::of(&[Record { confirmed: false, ..known }, known, known]);
    table.fast_disks = false;
    table.lead(2);
    table.join(1, 2);
    table.settle();
    (1..=2).for_each(|number| table.land(number));
    table.settle();
    assert_eq!(table.began(2), [Epoch(2)]);
    // 1 follows, and its ensemble is about to be confirmed on its disk; it goes on to the next leader.
    table.lead(3);
    let leads = Info { accepted: Epoch(2), ..table.seats[&id(1)].core.info() };
    assert!(!leads.block.unwrap().confirmed);
    table.join(1, 3);
    table.settle();
    let written = table.seats.get_mut(&id(1)).unwrap();
    assert_eq!(written.stores.len(), 2);
    table.land(1);
    table.land(1);
    assert!(table.seats[&id(1)].core.record().confirmed);
}

/// Voters with these records, and the last of them has begun an epoch with the others.
fn begun(records: &[Record]) -> Table {
    let (mut table, last) = (Table::of(records), records.len() as u64);
    table.lead(last);
    for number in 1..last {
        table.join(number, last);
    }
    table.settle();
    assert_eq!(table.began(last).len(), 1);
    table
}

#[test]
fn a_leader_says_when_a_quorum_came_without_memory_and_another_has_followed_a_leader() {
    let followed = Record { ensemble: Some(EnsembleId(7)), confirmed: true, ..record(4) };
    for who_remembers in 1..=3 {
        let mut records = [NEW; 3];
        records[who_remembers - 1] = followed;
        let table = begun(&records);
        let forgot = (1..=3).filter(|number| *number != who_remembers as u64).map(id).collect();
        assert_eq!(table.seats[&id(3)].amnesiacs, Some(forgot));
    }
}

#[test]
fn nothing_is_said_of_a_new_ensemble_nor_when_every_quorum_has_one_that_remembers() {
    let never_begun = Record { ensemble: Some(EnsembleId(7)), ..record(1) };
    let followed = Record { confirmed: true, ..never_begun };
    for records in [
        [NEW; 3],
        [never_begun, NEW, NEW],
        [NEW, NEW, never_begun],
        [followed, followed, NEW],
        [NEW, followed, followed],
    ] {
        let table = begun(&records);
        for number in 1..=3 {
            assert_eq!(table.seats[&id(number)].amnesiacs, None, "{records:?}");
        }
    }
}
