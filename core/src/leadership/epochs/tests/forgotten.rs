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
