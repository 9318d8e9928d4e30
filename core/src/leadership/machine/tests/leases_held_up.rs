//! Leases when something takes its time: disks that hang, promises of another length, successors that die.

use std::time::Duration;

use super::{
    super::*,
    leased::{PROMISE, began, leased, led, until, voters, with_lease},
    world::{World, ms, reading},
};
use crate::{
    election::Epoch,
    leadership::{
        Holder, LeaseTerms,
        fixtures::{id, identity, record},
    },
};

#[test]
fn a_leader_whose_promises_hang_on_its_disk_gives_its_lease_up_in_time() {
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    world.seats.get_mut(&id(3)).unwrap().promises_hang = true;
    world.run_until(ms(2100));
    let retires = Report::Retiring { epoch: Epoch(2), cause: LostBecause::LeaseEnded };
    assert!(world.reports(3).contains(&&retires));
    assert_eq!(until(&world, 3), Some(reading(3006)), "a second is left for the work");
    world.tell(3, Event::WorkGoesOn(false));
    assert_eq!(world.lost(3).len(), 1);
}

#[test]
fn a_voter_whose_promises_hang_on_its_disk_answers_without_them() {
    let mut world = led();
    world.seats.get_mut(&id(1)).unwrap().promises_hang = true;
    world.run_until(ms(10_000));
    assert_eq!((world.lost(3), world.lost(1)), (vec![], vec![]));
    assert_eq!(world.wires.len(), 2);
    assert_eq!(world.seats[&id(3)].core.promising(), Some([id(2), id(3)].into()));
}

/// 3 leads with leases of eight seconds; 1 and 2 would with leases of two.
fn led_for_longer() -> World {
    let mut world = voters(3);
    let length = Duration::from_secs(8);
    let lease = Some(LeaseTerms { length, drift_ppm: LeaseTerms::DRIFT_PPM });
    let timing = LeadershipTiming { lease, ..leased() };
    world.seat_with(3, Identity { lease, ..identity(3) }, record(1), timing);
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(20));
    world
}

#[test]
fn a_voter_is_bound_for_what_it_was_told_and_nobody_elects_in_circles_meanwhile() {
    let mut world = led_for_longer();
    let promise = Duration::from_nanos(8_161_616_162);
    let (record, _) = world.seats[&id(1)].core.promises();
    assert_eq!(record.longest_promise, promise);
    world.kill(3);
    world.run_until(ms(30));
    world.elect(2, 2, &[1, 2]);
    world.run_until(ms(8_160));
    assert_eq!((began(&world, 2, 3), &world.seats[&id(2)].look_again[1..]), (None, &[][..]));
    world.run_until(ms(8_300));
    assert!(began(&world, 2, 3).is_some());
    assert!(!world.reports(2).iter().any(|one| matches!(one, Report::NotEstablished { .. })));
}

#[test]
fn a_leader_that_gave_its_epoch_up_to_one_that_dies_leads_again_only_in_a_newer_one() {
    let mut world = led();
    world.run_until(ms(1000));
    world.tell(3, Event::Resign { to: Successor::Any, within: Duration::from_secs(1) });
    assert_eq!(until(&world, 3), None, "the lease is given up before anybody is told");
    world.run_until(ms(1002));
    world.elect(2, 2, &[1, 2, 3]);
    world.run_until(ms(1004));
    world.kill(2);
    world.run_until(ms(1010));
    world.elect(3, 3, &[1, 3]);
    world.run_until(ms(1100));
    assert_eq!(began(&world, 3, 2).map(|at| at < ms(1000)), Some(true));
    let (epoch, _) = world.seats[&id(3)].core.leads().unwrap();
    assert!(epoch > Epoch(2), "{epoch}");
}

#[test]
fn who_is_to_stop_while_its_lease_runs_out_waits_for_its_work_no_longer_than_was_said() {
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    world.wires.iter_mut().for_each(|wire| wire.cut = true);
    world.run_until(ms(2100));
    assert!(world.seats[&id(3)].core.is_retiring());
    world.tell(3, Event::Stop { within: Duration::from_millis(300) });
    world.run_until(ms(2399));
    assert!(!world.seats[&id(3)].stopped);
    world.run_until(ms(2400));
    assert_eq!(world.lost(3).len(), 1);
    assert!(world.seats[&id(3)].stopped);
}

#[test]
fn an_elected_voter_that_is_bound_to_nobody_that_it_knows_waits_before_it_gives_itself_its_word() {
    let mut world = voters(3);
    let unknown = Promise { to: None, epoch: Epoch(1), until: reading(PROMISE) };
    for number in 1..=3 {
        world.seats.get_mut(&id(number)).unwrap().core.lease = Lease::new(Some(unknown));
    }
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(PROMISE - 1));
    assert_eq!(world.established(1), None);
    world.run_until(ms(PROMISE + 20));
    assert!(began(&world, 3, 2).is_some());
}

#[test]
fn of_two_voters_the_one_that_is_left_ends_by_the_silence_and_not_by_its_lease() {
    let mut world = voters(2);
    world.elect(2, 1, &[1, 2]);
    world.run_until(ms(1010));
    assert!(began(&world, 2, 2).is_some());
    world.tell(2, Event::WorkGoesOn(true));
    world.kill(1);
    world.run_until(ms(2100));
    let retires = Report::Retiring { epoch: Epoch(2), cause: LostBecause::QuorumLost };
    assert!(world.reports(2).contains(&&retires), "{:?}", world.reports(2));
}

#[test]
fn a_leader_that_was_elected_again_in_the_same_life_is_not_kept_waiting() {
    let mut world = led();
    world.run_until(ms(1000));
    // The election is held again, and nobody was killed.
    for number in 1..=3 {
        world.tell(number, Event::Unelected);
    }
    world.elect(3, 2, &[1, 2, 3]);
    world.run_until(ms(1030));
    assert!(began(&world, 3, 3).is_some());
    let holder = world.seats[&id(1)].core.promise().unwrap().to;
    assert_eq!(holder.map(|Holder { leader, .. }| leader), Some(id(3)));
}

#[test]
fn a_member_without_leases_promises_to_one_that_has_them() {
    let mut world = voters(3);
    world.seat(1, identity(1), record(1));
    with_lease(&mut world, 2, 1, 0, record(1));
    world.elect(3, 1, &[1, 3]);
    world.run_until(ms(50));
    assert_eq!(world.established(3), Some((3, 2)));
    assert_eq!(world.seats[&id(3)].core.promising(), Some([id(1), id(3)].into()));
}

/// 1 and 2 are wiped while 3 holds a lease, and are recorded by a founding that waits for 3, whose work goes on.
#[test]
fn who_is_recorded_by_a_founding_that_does_not_begin_helps_nobody_while_a_forgotten_lease_may_run()
{
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1000));
    for number in [1, 2] {
        world.kill(number);
        world.seats.get_mut(&id(number)).unwrap().kept = None;
        with_lease(&mut world, number, 1, 0, Record::default());
    }
    world.tell(3, Event::Resign { to: Successor::Any, within: Duration::from_secs(9) });
    world.elect(2, 2, &[1, 2, 3]);
    world.run_until(ms(1100));
    let is_recorded = |number| world.seats[&id(number)].core.promises().0.recorded;
    assert!(is_recorded(1) && is_recorded(2), "the founding has their words");
    assert_eq!((began(&world, 2, 3), until(&world, 3).is_some()), (None, true));
    world.elect(2, 3, &[1, 2]);
    world.run_until(ms(1000 + PROMISE));
    assert!(!world.reports(2).iter().any(|one| matches!(one, Report::Leading { .. })));
    world.run_until(ms(1100 + PROMISE));
    assert!(began(&world, 2, 4).is_some());
}
