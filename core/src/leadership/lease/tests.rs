use proptest::prelude::*;

use super::*;
use crate::leadership::{DirectoryId, Incarnation, fixtures::id};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Both clocks show the same.
fn at(millis: u64) -> Reading {
    Reading { boot: ms(millis), raw: ms(millis) }
}

fn holder(leader: u64, incarnation: u64) -> Holder {
    let directory = DirectoryId(leader);
    Holder { leader: id(leader), directory, incarnation: Incarnation(incarnation) }
}

/// A leader that has sent ping 1 after 100 ms; leases take a second.
fn leader() -> Lease<Reading> {
    let mut lease = Lease::new(None);
    lease.begin(ms(1000));
    lease.sent(1, at(100));
    lease
}

#[test]
fn a_lease_runs_from_the_sending_of_the_ping_however_late_the_answers_are() {
    let mut lease = leader();
    assert_eq!(lease.until(), None);
    lease.granted(1);
    assert_eq!(lease.until(), Some(at(1100)));
    assert_eq!(lease.left(at(900)), Some(ms(200)));
    assert_eq!(lease.left(at(1100)), None);
}

#[test]
fn the_end_of_a_lease_never_moves_back_whatever_is_answered_in_which_order() {
    let mut lease = leader();
    lease.sent(2, at(300));
    lease.granted(2);
    lease.granted(1);
    assert_eq!(lease.until(), Some(at(1300)));
    lease.granted(0);
    lease.granted(9);
    assert_eq!(lease.until(), Some(at(1300)), "no such ping was sent");
}

#[test]
fn a_ping_before_the_epoch_has_begun_gives_no_lease() {
    let mut lease = Lease::new(None);
    lease.sent(1, at(100));
    lease.begin(ms(1000));
    lease.granted(1);
    assert_eq!(lease.until(), None);
}

#[test]
fn who_may_have_forgotten_a_promise_helps_nobody_while_it_may_last() {
    let mut lease = Lease::new(None);
    lease.bind_to_forgotten(Epoch(4), ms(1000), at(100));
    assert_eq!(lease.withheld_from(holder(3, 1), at(300)), Some(ms(800)));
    assert_eq!(lease.withheld_from(holder(3, 1), at(1100)), None);
    let rest_in = |lease: &Lease<_>, epoch| lease.withheld_in(Some(epoch), holder(3, 1), at(300));
    assert_eq!(rest_in(&lease, Epoch(4)), None, "that founding needs its word");
    assert_eq!(rest_in(&lease, Epoch(5)), Some(ms(800)));
    assert_eq!(rest_in(&Lease::new(lease.promise()), Epoch(4)), Some(ms(800)), "another boot");
    lease.bind(holder(2, 1), Epoch(4), ms(1000), at(200));
    assert_eq!(rest_in(&lease, Epoch(4)), Some(ms(900)), "the founding has begun, and is led by 2");
    lease.bind_to_forgotten(Epoch(5), ms(1000), at(300));
    assert_eq!(lease.promise().and_then(|promise| promise.to), Some(holder(2, 1)));
    lease.bind_to_forgotten(Epoch(5), Duration::ZERO, at(2000));
    assert_eq!(lease.withheld_from(holder(3, 1), at(2000)), None, "nobody has leases");
}

#[test]
fn a_lease_that_was_given_up_does_not_come_back() {
    let mut lease = leader();
    lease.granted(1);
    lease.give_up();
    lease.sent(2, at(300));
    lease.granted(2);
    assert_eq!(lease.until(), None);
}

#[test]
fn a_leader_believes_the_faster_clock_and_a_voter_the_slower_one() {
    let mut lease = leader();
    lease.granted(1);
    let promise = lease.bind(holder(1, 1), Epoch(1), ms(1100), at(100));
    assert_eq!(promise.until, at(1200));
    let other = holder(2, 1);
    // The machine has slept: one of its clocks stood still.
    let slept = Reading { boot: ms(10_000), raw: ms(200) };
    assert_eq!(lease.left(slept), None);
    assert_eq!(lease.withheld_from(other, slept), Some(ms(1000)));
    // One is slewed.
    let slewed = Reading { boot: ms(600), raw: ms(700) };
    assert_eq!(lease.left(slewed), Some(ms(400)));
    assert_eq!(lease.withheld_from(other, slewed), Some(ms(600)));
    assert_eq!(lease.withheld_from(other, at(1200)), None);
}

#[test]
fn who_is_bound_gives_its_word_only_to_the_same_leader_in_the_same_life() {
    let mut lease = Lease::new(None);
    assert_eq!(lease.withheld_from(holder(2, 1), at(0)), None);
    lease.bind(holder(1, 5), Epoch(3), ms(1000), at(0));
    assert_eq!(lease.withheld_from(holder(1, 5), at(10)), None);
    for other in [
        holder(2, 5),
        holder(1, 6),
        holder(1, 4),
        Holder { directory: DirectoryId(9), ..holder(1, 5) },
    ] {
        assert_eq!(lease.withheld_from(other, at(10)), Some(ms(990)), "{other:?}");
    }
}

#[test]
fn who_does_not_know_any_more_to_whom_it_is_bound_gives_nobody_its_word_until_that_is_over() {
    let promise = Promise { to: None, epoch: Epoch(0), until: at(500) };
    let mut lease = Lease::new(Some(promise));
    lease.hear(HasEnded { holder: holder(1, 9), epoch: Epoch(9) });
    assert_eq!(lease.withheld_from(holder(1, 9), at(100)), Some(ms(400)));
    assert_eq!(lease.withheld_from(holder(1, 9), at(500)), None);
}

#[test]
fn a_promise_to_the_same_leader_never_gets_shorter_and_names_the_newest_epoch() {
    let mut lease = Lease::new(None);
    lease.bind(holder(1, 5), Epoch(6), ms(8000), at(0));
    // Epoch 8 has shorter leases. What ends epoch 6 must not end what covers 8.
    let promise = lease.bind(holder(1, 5), Epoch(8), ms(2000), at(100));
    assert_eq!((promise.epoch, promise.until), (Epoch(8), at(8000)));
    lease.hear(HasEnded { holder: holder(1, 5), epoch: Epoch(6) });
    assert_eq!(lease.bound_for(at(1000)), Some(ms(7000)));
    lease.hear(HasEnded { holder: holder(1, 5), epoch: Epoch(8) });
    assert_eq!(lease.bound_for(at(1000)), None);
    // To another one it begins anew.
    lease.bind(holder(2, 1), Epoch(9), ms(2000), at(100));
    assert_eq!(lease.promise().map(|promise| promise.until), Some(at(2100)));
}

#[test]
fn only_the_leader_itself_frees_in_this_life_or_a_later_one_and_for_the_epoch_or_a_later_one() {
    let ended = |holder, epoch| HasEnded { holder, epoch: Epoch(epoch) };
    for (ended, frees) in [
        (ended(holder(1, 5), 3), true),
        (ended(holder(1, 6), 3), true),
        (ended(holder(1, 5), 4), true),
        (ended(holder(1, 4), 3), false),
        (ended(holder(1, 5), 2), false),
        (ended(holder(2, 5), 3), false),
        (ended(Holder { directory: DirectoryId(9), ..holder(1, 5) }, 3), false),
    ] {
        let mut lease = Lease::new(None);
        lease.bind(holder(1, 5), Epoch(3), ms(1000), at(0));
        lease.hear(ended);
        assert_eq!(lease.bound_for(at(0)).is_none(), frees, "{ended:?}");
    }
}

#[test]
fn a_promise_is_longer_than_a_lease_by_what_both_clocks_are_off() {
    let terms = |drift_ppm| LeaseTerms { length: ms(2000), drift_ppm };
    assert_eq!(terms(0).promise(), ms(2000));
    assert_eq!(terms(10_000).promise(), Duration::from_nanos(2_040_404_041), "rounded up");
    assert_eq!(terms(10_000).with_drift_of_at_least(100_000), terms(100_000));
    assert_eq!(terms(10_000).with_drift_of_at_least(500), terms(10_000));
    // Absurd numbers from outside neither overflow nor divide by zero.
    let absurd = LeaseTerms { length: Duration::MAX, drift_ppm: u32::MAX };
    assert_eq!(absurd.promise(), Duration::from_nanos(u64::MAX));
}

proptest! {
    /// The rule, with true time: clocks of both go wrong by as much as is allowed, each in its way.
    #[test]
    fn at_the_end_of_a_lease_the_voter_is_still_bound(
        length in 1_u64..10_000,
        drift in 0_u32..=LeaseTerms::DRIFT_PPM_MAX,
        leader_is_slow in any::<bool>(),
        on_its_way in 0_u64..5_000,
    ) {
        let terms = LeaseTerms { length: ms(length), drift_ppm: drift };
        let million = 1_000_000_u128;
        let drift = u128::from(drift);
        let [slow, fast] = [million - drift, million + drift];
        let (of_leader, of_voter) = if leader_is_slow { (slow, fast) } else { (fast, slow) };
        // True nanoseconds from the sending until the clock of the leader shows the end, rounded up.
        let ends = (terms.length.as_nanos() * million).div_ceil(of_leader);
        // The voter receives the ping, and its clock goes on until then.
        let passed = ends.saturating_sub(ms(on_its_way).as_nanos());
        let shown = passed * of_voter / million;
        prop_assert!(shown <= terms.promise().as_nanos(), "{shown} of {:?}", terms.promise());
    }
}

/// Member 3 starts again, after it has promised this.
fn restart(promise: Option<Promise<Reading>>, work_goes_on: bool) -> Bound<Reading> {
    let restart = Restart {
        me: id(3),
        directory: DirectoryId(3),
        current: Epoch(5),
        longest_promise: ms(700),
        promise,
        work_goes_on,
    };
    restart.bound(at(100))
}

#[test]
fn who_starts_again_is_bound_by_what_it_has_promised_another_one() {
    let promise = Promise { to: Some(holder(2, 1)), epoch: Epoch(5), until: at(400) };
    let ended = Epoch(5);
    assert_eq!(restart(Some(promise), false), Bound { promise: Some(promise), ended });
    let ended = Epoch(0);
    assert_eq!(restart(Some(promise), true), Bound { promise: Some(promise), ended });
}

#[test]
fn who_starts_again_is_bound_by_what_it_has_promised_itself_while_its_work_goes_on() {
    let own = Promise { to: Some(holder(3, 1)), epoch: Epoch(5), until: at(400) };
    assert_eq!(restart(Some(own), false), Bound { promise: None, ended: Epoch(5) });
    assert_eq!(restart(Some(own), true), Bound { promise: Some(own), ended: Epoch(0) });
    // It was wiped since, or its directory is another one's.
    let elsewhere = Holder { directory: DirectoryId(4), ..holder(3, 1) };
    let promise = Promise { to: Some(elsewhere), ..own };
    assert_eq!(restart(Some(promise), false), Bound { promise: Some(promise), ended: Epoch(5) });
}

#[test]
fn who_starts_again_and_does_not_know_its_last_promise_is_bound_for_the_longest_one() {
    let unknown = Promise { to: None, epoch: Epoch(5), until: at(800) };
    for work_goes_on in [false, true] {
        let bound = restart(None, work_goes_on);
        assert_eq!(bound, Bound { promise: Some(unknown), ended: Epoch(0) });
    }
    let none = Restart {
        me: id(3),
        directory: DirectoryId(3),
        current: Epoch(5),
        longest_promise: Duration::ZERO,
        promise: None,
        work_goes_on: false,
    };
    assert_eq!(none.bound(at(100)), Bound { promise: None, ended: Epoch(0) });
}
