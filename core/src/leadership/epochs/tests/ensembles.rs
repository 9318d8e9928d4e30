//! Which ensemble a directory belongs to.

use super::*;

#[test]
fn members_of_two_ensembles_do_not_mix() {
    let of = |ensemble, epoch| Record {
        ensemble: Some(EnsembleId(ensemble)),
        confirmed: true,
        ..record(epoch)
    };
    let mut table = Table::of(&[of(7, 2), of(8, 3), of(8, 3)]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.began(3), [Epoch(4)]);
    table.join(1, 3);
    table.settle();
    let other = GiveUp::OtherEnsemble { theirs: EnsembleId(8), ours: EnsembleId(7) };
    assert_eq!(table.seats[&id(1)].gave_up, [other]);
}

#[test]
fn the_id_of_a_leader_that_never_began_gives_way_to_that_of_one_that_has() {
    let of_another = Record { ensemble: Some(EnsembleId(777)), ..record(1) };
    let mut table = Table::of(&[of_another, record(0), record(0)]);
    table.lead(3);
    table.join(2, 3);
    table.settle();
    assert_eq!(table.began(3), [Epoch(1)]);
    // It has put the same epoch on disk for another leader, and does not count for this one.
    table.join(1, 3);
    table.settle();
    let on_disk = table.seats[&id(1)].core.record();
    assert_eq!((on_disk.ensemble, on_disk.confirmed), (Some(EnsembleId(103)), true));
}
