//! Ensembles with leases, for the tests about them.

use std::time::Duration;

use super::{
    super::*,
    world::{World, ms},
};
use crate::{
    election::Epoch,
    leadership::{
        Incarnation, LeaseTerms,
        fixtures::{id, identity, record},
    },
};

/// How long a promise of a lease of two seconds is, rounded up to a millisecond.
pub(super) const PROMISE: u64 = 2041;

pub(super) fn leased() -> LeadershipTiming {
    let lease = LeaseTerms { length: Duration::from_secs(2), drift_ppm: LeaseTerms::DRIFT_PPM };
    LeadershipTiming { lease: Some(lease), ..LeadershipTiming::default() }
}

pub(super) fn with_lease(
    world: &mut World,
    number: u64,
    incarnation: u64,
    ended: i64,
    record: Record,
) {
    let timing = leased();
    let identity = Identity {
        incarnation: Incarnation(incarnation),
        ended: Epoch(ended),
        lease: timing.lease,
        ..identity(number)
    };
    let kept = world.seats.get(&id(number)).and_then(|seat| seat.kept);
    world.seat_with(number, identity, record, timing);
    if let Some(seat) = world.seats.get_mut(&id(number)) {
        // Its own promises are no more than its own epochs, which have ended if that is said.
        let kept =
            kept.filter(|kept| ended == 0 || kept.to.is_none_or(|to| to.leader != id(number)));
        seat.core.lease = Lease::new(kept);
        seat.kept = kept;
    }
}

/// These voters, and nobody is elected.
pub(super) fn voters(count: u64) -> World {
    let mut world = World::of(&vec![record(1); usize::try_from(count).unwrap()]);
    for number in 1..=count {
        with_lease(&mut world, number, 1, 0, record(1));
    }
    world
}

/// 3 leads 1 and 2 in epoch 2, and holds a lease.
pub(super) fn led() -> World {
    let mut world = voters(3);
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(20));
    assert_eq!([1, 2, 3].map(|number| world.established(number)), [Some((3, 2)); 3]);
    world
}

/// When this member has begun to lead in this epoch.
pub(super) fn began(world: &World, number: u64, epoch: i64) -> Option<Moment> {
    let reports = world.seats[&id(number)].reports.iter();
    let mut began =
        reports.filter(|(_, report)| *report == Report::Leading { epoch: Epoch(epoch) });
    began.next().map(|(at, _)| *at)
}

pub(super) fn until(world: &World, number: u64) -> Option<Reading> {
    world.seats[&id(number)].core.leads().map(|(_, until)| until)
}
