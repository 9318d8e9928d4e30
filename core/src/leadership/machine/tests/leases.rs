//! Leases of two seconds, among three voters.

use std::time::Duration;

use super::{
    super::*,
    leased::{PROMISE, began, led, until, voters, with_lease},
    world::{World, ms, reading, timed},
};
use crate::{
    election::Epoch,
    leadership::{
        HasEnded, Holder, LeaderWord,
        fixtures::{id, record},
    },
    machine::Step,
};

#[test]
fn who_leads_is_told_when_it_holds_a_lease_one_round_trip_after_the_epoch_has_begun() {
    let world = led();
    let established = world.seats[&id(3)].established[0];
    assert_eq!(established, (Epoch(2), Round(1)));
    // Without a lease it is 6 ms; then a ping, the promise of the voter, and its answer take a millisecond each.
    assert_eq!(began(&world, 3, 2), Some(ms(9)));
    assert_eq!(until(&world, 3), Some(reading(2006)), "from the sending of the ping");
    assert_eq!(until(&world, 1), None);
}

#[test]
fn a_lease_is_renewed_by_every_ping() {
    let mut world = led();
    world.run_until(ms(1010));
    assert_eq!(until(&world, 3), Some(reading(3006)));
    world.run_until(ms(3_600_000));
    assert!((1..=3).all(|number| world.lost(number).is_empty()));
}

#[test]
fn nobody_leads_before_the_promises_to_a_dead_leader_are_over() {
    let mut world = led();
    world.run_until(ms(1010));
    // Pinged last at 1006, and so bound from 1007 on.
    world.kill(3);
    world.run_until(ms(1020));
    world.elect(2, 2, &[1, 2]);
    world.run_until(ms(1007 + PROMISE - 1));
    assert_eq!(world.established(1), None);
    world.run_until(ms(4000));
    let began = began(&world, 2, 3).unwrap();
    assert!(began >= ms(1007 + PROMISE) && began < ms(1007 + PROMISE + 10), "{began:?}");
    let told: Vec<_> = world.reports(2).into_iter().filter(|report| {
        matches!(report, Report::Bound { peer, to, .. } if (*peer, *to) == (id(1), Some(id(3))))
    }).collect();
    assert_eq!(told.len(), 1, "it is said for whom one waits");
}

#[test]
fn a_voter_that_is_started_again_is_still_bound() {
    let mut world = led();
    world.run_until(ms(1010));
    world.kill(3);
    for number in [1, 2] {
        world.kill(number);
        with_lease(&mut world, number, 2, 2, record(2));
    }
    world.elect(2, 2, &[1, 2]);
    world.run_until(ms(1007 + PROMISE - 1));
    assert_eq!(began(&world, 2, 3), None);
    world.run_until(ms(1007 + PROMISE + 10));
    assert!(began(&world, 2, 3).is_some());
}

#[test]
fn a_leader_that_stops_in_good_order_frees_all_at_once() {
    let mut world = led();
    world.run_until(ms(1010));
    world.tell(3, Event::Stop { within: Duration::from_secs(1) });
    world.run_until(ms(1012));
    world.elect(2, 2, &[1, 2]);
    world.run_until(ms(1030));
    assert!(began(&world, 2, 3).is_some());
}

#[test]
fn a_leader_whose_work_goes_on_frees_nobody_before_it_has_ended() {
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    world.tell(3, Event::Resign { to: Successor::Any, within: Duration::from_secs(5) });
    assert!(
        world
            .reports(3)
            .contains(&&Report::Retiring { epoch: Epoch(2), cause: LostBecause::Resigned })
    );
    world.run_until(ms(3000));
    assert_eq!(until(&world, 3), Some(reading(5006 - 200)), "it is renewed meanwhile");
    assert_eq!(world.lost(3), []);
    world.tell(3, Event::WorkGoesOn(false));
    assert_eq!(world.lost(3), [(ms(3000), LostBecause::Resigned)]);
    world.run_until(ms(3020));
    assert!(began(&world, 2, 3).is_some());
}

#[test]
fn work_that_does_not_end_when_it_is_told_to_frees_nobody() {
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    world.tell(3, Event::Resign { to: Successor::Any, within: Duration::from_millis(100) });
    world.run_until(ms(1110));
    assert_eq!(world.lost(3), [(ms(1110), LostBecause::Resigned)]);
    assert_eq!(until(&world, 3), None);
    world.elect(2, 2, &[1, 2, 3]);
    world.run_until(ms(1007 + PROMISE - 1));
    assert_eq!(began(&world, 2, 3), None);
}

#[test]
fn a_leader_that_is_cut_off_keeps_its_lease_until_its_work_has_ended_or_it_is_over() {
    for work_ends in [None, Some(500)] {
        let mut world = led();
        world.tell(3, Event::WorkGoesOn(true));
        world.run_until(ms(1010));
        let until_then = until(&world, 3).unwrap();
        world.wires.iter_mut().for_each(|wire| wire.cut = true);
        world.run_until(ms(2300));
        let cause = LostBecause::LeaseEnded;
        let retires = Report::Retiring { epoch: Epoch(2), cause };
        assert!(world.reports(3).contains(&&retires), "{:?}", world.reports(3));
        assert!(world.seats[&id(3)].core.is_retiring());
        assert_eq!(until(&world, 3), Some(until_then), "it is not renewed");
        assert_eq!(world.established(3), Some((3, 2)));
        let pings = |world: &World| world.seats[&id(3)].core.pings();
        assert_eq!(pings(&world), (0, 0), "its epoch is given up");
        if let Some(after) = work_ends {
            world.run_until(ms(2300 + after));
            world.tell(3, Event::WorkGoesOn(false));
            assert_eq!(world.lost(3), [(ms(2300 + after), cause)]);
        } else {
            world.run_until(ms(3500));
            assert_eq!(world.lost(3), [(ms(3006), cause)]);
        }
        assert_eq!(until(&world, 3), None);
    }
}

#[test]
fn a_leader_that_was_restarted_at_once_says_that_its_epoch_has_ended_and_the_word_is_passed_on() {
    let mut world = led();
    world.run_until(ms(1010));
    world.kill(3);
    world.run_until(ms(1012));
    // It holds its locks, and its promise is of this boot: nothing of its former life goes on.
    with_lease(&mut world, 3, 2, 2, record(2));
    world.elect(2, 2, &[1, 2, 3]);
    world.run_until(ms(1040));
    assert!(began(&world, 2, 3).is_some());
    // Elected itself, it says the same.
    let mut world = led();
    world.kill(3);
    world.run_until(ms(22));
    with_lease(&mut world, 3, 2, 2, record(2));
    world.elect(3, 2, &[1, 2, 3]);
    world.run_until(ms(50));
    assert!(began(&world, 3, 3).is_some());
}

#[test]
fn a_leader_that_cannot_tell_what_became_of_its_former_life_frees_nobody_not_even_itself() {
    let mut world = led();
    world.run_until(ms(1010));
    world.kill(3);
    world.run_until(ms(1012));
    with_lease(&mut world, 3, 2, 0, record(2));
    world.elect(3, 2, &[1, 2, 3]);
    world.run_until(ms(1006 + PROMISE - 1));
    assert_eq!(began(&world, 3, 3), None);
    world.run_until(ms(1006 + PROMISE + 20));
    assert!(began(&world, 3, 3).is_some());
}

#[test]
fn a_leader_that_slept_has_lost_its_lease_by_the_clock_that_went_on() {
    let mut world = led();
    let seat = world.seats.get_mut(&id(3)).unwrap();
    let boot = Duration::from_secs(20);
    let slept = Timed {
        at: ms(30),
        reading: Reading { boot, raw: Duration::from_millis(30) },
        event: Event::Tick,
    };
    let actions = seat.core.actions_on(slept);
    let lost = Report::Lost { epoch: Epoch(2), cause: LostBecause::LeaseEnded };
    assert_eq!(actions[0], Action::Report(lost));
    assert_eq!(seat.core.leads(), None);
}

#[test]
fn a_voter_that_slept_is_bound_by_the_clock_that_stood_still() {
    let mut world = led();
    let seat = world.seats.get_mut(&id(1)).unwrap();
    let boot = Duration::from_secs(20);
    let reading = Reading { boot, raw: Duration::from_millis(30) };
    seat.core.handle(Timed { at: ms(30), reading, event: Event::Tick }, &mut Vec::new());
    let holder = Holder { leader: id(2), ..seat.core.promise().unwrap().to.unwrap() };
    assert!(seat.core.lease.withheld_from(holder, reading).is_some());
}

#[test]
fn work_that_was_handed_out_as_the_lease_ran_out_frees_nobody_before_it_has_ended() {
    let mut world = led();
    let core = &mut world.seats.get_mut(&id(3)).unwrap().core;
    let actions = core.actions_on(timed(ms(5000), Event::WorkGoesOn(true)));
    let lost = |action: &Action| matches!(action, Action::Report(Report::Lost { .. }));
    assert!(actions.iter().any(lost), "{actions:?}");
    assert_eq!(core.epochs.has_ended().epoch, Epoch(0));
    core.actions_on(timed(ms(5001), Event::WorkGoesOn(false)));
    assert_eq!(core.epochs.has_ended().epoch, Epoch(2));
}

#[test]
fn who_would_have_to_stop_at_once_is_not_told_that_it_leads() {
    let mut world = voters(3);
    world.seats.get_mut(&id(3)).unwrap().core.timing.stop_within =
        Some(Duration::from_millis(1500));
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(8));
    assert_eq!(began(&world, 3, 2), None);
    let leads_when_answered_at = |millis| {
        let mut core = world.seats[&id(3)].core.clone();
        let (pings, _) = core.pings();
        for session in [1, 2].map(SessionId::Accepted) {
            let answer = LearnerWord::Pong { number: Some(pings), promises: true, stands: false };
            let event = Event::LearnerSaid { session, word: answer };
            core.actions_on(timed(ms(millis), event));
        }
        core.leads_in()
    };
    // The ping was sent after 6 ms, and the lease runs until 2006.
    assert_eq!(leads_when_answered_at(505), Some(Epoch(2)));
    assert_eq!(leads_when_answered_at(506), None);
}

#[test]
fn without_promises_a_leader_is_established_and_does_not_lead_and_says_who_is_missing() {
    let mut world = voters(3);
    for number in [1, 2] {
        world.seats.get_mut(&id(number)).unwrap().disk_works = true;
    }
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(5));
    // Their records are written, and no promise is.
    for number in [1, 2] {
        world.seats.get_mut(&id(number)).unwrap().disk_works = false;
    }
    world.run_until(ms(5000));
    assert_eq!(world.established(1), Some((3, 2)));
    assert_eq!(world.established(3), None);
    assert_eq!((world.lost(3), world.seats[&id(3)].core.leads()), (vec![], None));
    let missing = [id(1), id(2)].into();
    let lacks = Report::WithoutLease { epoch: Epoch(2), missing };
    let reports = world.reports(3);
    assert_eq!(reports.iter().filter(|report| ***report == lacks).count(), 1, "{reports:?}");
    // With one more it is enough.
    world.seats.get_mut(&id(2)).unwrap().disk_works = true;
    world.run_until(ms(5300));
    assert_eq!(world.established(3), Some((3, 2)));
}

#[test]
fn a_leader_whose_own_disk_takes_no_promise_loses_its_lease_while_a_quorum_answers() {
    let mut world = led();
    world.run_until(ms(1010));
    world.seats.get_mut(&id(3)).unwrap().disk_works = false;
    world.run_until(ms(2100));
    assert_eq!(world.lost(3), [(ms(2006), LostBecause::Disk)], "a second before it is over");
    assert_eq!(world.established(1), None);
}

#[test]
fn a_voter_that_cannot_write_its_promise_goes_on_answering() {
    let mut world = led();
    world.seats.get_mut(&id(1)).unwrap().disk_works = false;
    world.run_until(ms(5000));
    assert_eq!(world.lost(3), [], "2 still promises");
    assert_eq!(world.wires.len(), 2, "1 still answers");
    assert_eq!(world.seats[&id(3)].core.promising(), Some([id(2), id(3)].into()));
}

#[test]
fn with_one_voter_the_lease_is_its_own() {
    let mut world = World::of(&[record(1)]);
    with_lease(&mut world, 1, 1, 0, record(1));
    world.elect(1, 1, &[1]);
    world.run_until(ms(10_000));
    assert_eq!(world.lost(1), []);
    assert!(until(&world, 1).is_some_and(|until| until.boot > Duration::from_secs(11)));
}

#[test]
fn the_largest_promise_is_on_disk_before_the_first_one() {
    let mut world = led();
    world.run_until(ms(1000));
    for number in 1..=3 {
        let (record, _) = world.seats[&id(number)].core.promises();
        let longest = Duration::from_nanos(2_040_404_041);
        assert_eq!(record.longest_promise, longest);
    }
    assert!(world.seats[&id(1)].promises.iter().all(|promise| promise.epoch == Epoch(2)));
}

#[test]
fn observers_and_those_who_do_not_count_promise_nothing() {
    let mut world = voters(3);
    let newer = Record { accepted: Epoch(9), ..record(1) };
    with_lease(&mut world, 1, 1, 0, newer);
    world.elect(3, 1, &[2, 3]);
    world.run_until(ms(20));
    world.elect(3, 1, &[1]);
    world.run_until(ms(1000));
    assert_eq!(world.established(1), Some((3, 2)), "it follows without counting");
    assert_eq!(world.seats[&id(1)].promises, []);
    assert!(!world.seats[&id(2)].promises.is_empty());
}

#[test]
fn a_recorded_amnesiac_is_bound_at_once() {
    let mut world = led();
    world.kill(1);
    world.run_until(ms(30));
    with_lease(&mut world, 1, 1, 0, Record::default());
    world.seats.get_mut(&id(1)).unwrap().kept = None;
    world.elect(3, 1, &[1]);
    world.run_until(ms(600));
    assert!(world.reports(1).contains(&&Report::Recorded));
    let first = world.seats[&id(1)].promises[0];
    assert_eq!((first.to.map(|to| to.leader), first.epoch), (Some(id(3)), Epoch(2)));
}

#[test]
fn a_slow_disk_for_promises_costs_no_heartbeat() {
    let mut world = led();
    let core = &mut world.seats.get_mut(&id(1)).unwrap().core;
    let session = core.dial.session.unwrap();
    let ping = |number| Event::LeaderSaid {
        session,
        word: LeaderWord::Ping { epoch: Epoch(2), number: Some(number) },
    };
    let first = core.actions_on(timed(ms(100), ping(50)));
    assert!(matches!(first[..], [Action::Promise { .. }]), "{first:?}");
    let second = core.actions_on(timed(ms(300), ping(51)));
    let plain = LearnerWord::Pong { number: Some(51), promises: false, stands: true };
    assert_eq!(second, [Action::Say { session, word: plain }]);
}

#[test]
fn every_rule_about_leases_finds_the_step_that_breaks_it() {
    let ensemble = led();
    let [follower, leader] = [1, 3].map(|number| &ensemble.seats[&id(number)].core);
    let tick = timed(ms(30), Event::Tick);
    let broken = |before: &Leadership, event: &Timed, actions: &[Action], after: &Leadership| {
        invariants::first_broken(Step { before, event, actions, after })
    };
    assert_eq!(broken(leader, &tick, &[], leader), None);
    let mut shorter = leader.clone();
    shorter.lease = Lease::new(None);
    shorter.lease.begin(Duration::from_millis(1900));
    shorter.lease.sent(1, reading(0));
    shorter.lease.granted(1);
    assert_eq!(
        broken(leader, &tick, &[], &shorter),
        Some("the end of a lease never moves back while its leader leads")
    );
    let mut without = leader.clone();
    without.lease.give_up();
    assert_eq!(
        broken(leader, &tick, &[], &without),
        Some("who leads with a lease holds one that runs")
    );
    let session = follower.dial.session.unwrap();
    let said = LearnerWord::Pong { number: Some(1), promises: true, stands: false };
    assert_eq!(
        broken(follower, &tick, &[Action::Say { session, word: said }], follower),
        Some("a promise is told when it outlives us, and not before")
    );
    let mut bound = leader.clone();
    let other = Holder { leader: id(2), ..leader.epochs.holder() };
    bound.lease.bind(other, Epoch(2), Duration::from_secs(9), reading(30));
    let began = Action::Established { leader: id(3), epoch: Epoch(2), round: Round(3) };
    assert_eq!(
        broken(&bound, &tick, &[began], &bound),
        Some("who is bound to another leader gives no word and begins no epoch")
    );
    let session = SessionId::Accepted(1);
    let ended = HasEnded { holder: leader.epochs.holder(), epoch: Epoch(2) };
    let told = LeaderWord::HasEnded(ended);
    assert_eq!(
        broken(leader, &tick, &[Action::Tell { session, word: told }], leader),
        Some(
            "nobody says that an epoch of its own has ended whose lease runs, or whose work goes on"
        )
    );
}
