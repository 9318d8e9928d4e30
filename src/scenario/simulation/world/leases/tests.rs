//! That each rule about leases can fail.

use ballotbox_core::leadership::{DirectoryId, HasEnded, LostBecause};

use super::*;
use crate::ServerId;

const SESSION: SessionId = SessionId::Dialled(1);
const SPAN: Duration = Duration::from_secs(1);

/// A member in one of its lives.
fn holder(leader: u64, incarnation: u64) -> Holder {
    let id = ServerId::new(leader).unwrap();
    Holder { leader: id, directory: DirectoryId(leader), incarnation: Incarnation(incarnation) }
}

fn at(boot: u64, raw: u64) -> Reading {
    Reading { boot: Duration::from_millis(boot), raw: Duration::from_millis(raw) }
}

/// A voter, at place 0, that has promised 3 something at a ping of epoch 5 that came when its clocks showed 100 ms.
fn promised() -> Leases {
    let mut leases = Leases::new(2);
    leases.is_led_by(0, SESSION, holder(3, 1), Epoch(5));
    leases.hears(0, SESSION, &LeaderWord::Ping { epoch: Epoch(5), number: Some(7) }, at(100, 100));
    let pong = LearnerWord::Pong { number: Some(7), promises: true, stands: false };
    assert_eq!(leases.says(voter(at(150, 150)), SESSION, &pong, SPAN), None);
    leases
}

fn voter(now: Reading) -> Speaker {
    Speaker { member: 0, holder: holder(1, 1), now }
}

/// The rule that it breaks to acknowledge this leader then.
fn acknowledges(leases: &mut Leases, to: Holder, now: Reading) -> Option<&'static str> {
    let session = SessionId::Dialled(2);
    leases.is_led_by(0, session, to, Epoch(6));
    let ack = LearnerWord::Ack { epoch: Epoch(6) };
    leases.says(voter(now), session, &ack, SPAN).map(|(rule, _)| rule)
}

#[test]
fn a_promise_binds_until_the_slower_clock_shows_its_end_counted_from_the_ping() {
    let mut leases = promised();
    assert_eq!(acknowledges(&mut leases, holder(3, 1), at(200, 200)), None);
    let broken = Some(PROMISES_BIND);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(200, 200)), broken);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(1099, 1100)), broken);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(1100, 1099)), broken);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(1100, 1100)), None);
    assert_eq!(acknowledges(&mut leases, holder(3, 2), at(200, 200)), broken, "another life");
}

#[test]
fn a_promise_outlives_process_and_machine_and_not_the_disk() {
    let broken = Some(PROMISES_BIND);
    let mut leases = promised();
    leases.life_ends(0);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(1099, 1099)), broken);
    leases.reboots(0, at(1000, 600));
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(499, 499)), broken);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(500, 500)), None);
    let mut leases = promised();
    leases.is_wiped(0);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(200, 200)), None);
}

#[test]
fn a_promise_is_over_when_its_holder_has_said_that_the_epoch_has_ended() {
    let speaker = |leader, incarnation| {
        let holder = holder(leader, incarnation);
        Speaker { member: 1, holder, now: at(0, 0) }
    };
    let tells = |speaker: Speaker, of: Holder, epoch| {
        let word = LeaderWord::HasEnded(HasEnded { holder: of, epoch: Epoch(epoch) });
        let mut leases = promised();
        assert_eq!(leases.tells(speaker, &word), None);
        acknowledges(&mut leases, holder(2, 1), at(200, 200))
    };
    let broken = Some(PROMISES_BIND);
    assert_eq!(tells(speaker(3, 1), holder(3, 1), 5), None);
    assert_eq!(tells(speaker(3, 2), holder(3, 2), 5), None, "a later life");
    assert_eq!(tells(speaker(3, 1), holder(3, 1), 4), broken, "an older epoch");
    assert_eq!(tells(speaker(2, 1), holder(3, 1), 5), broken, "by somebody else");
    assert_eq!(tells(speaker(3, 0), holder(3, 0), 5), broken, "an earlier life");
    let mut leases = promised();
    let said = LearnerWord::HasEnded { epoch: Epoch(5) };
    assert_eq!(leases.says(speaker(3, 1), SESSION, &said, SPAN), None);
    assert_eq!(acknowledges(&mut leases, holder(2, 1), at(200, 200)), None);
}

#[test]
fn a_ping_that_is_answered_without_a_promise_or_that_never_came_binds_nobody() {
    for (number, promises) in [(7, false), (8, true)] {
        let mut leases = Leases::new(1);
        leases.is_led_by(0, SESSION, holder(3, 1), Epoch(5));
        let asked = LeaderWord::Ping { epoch: Epoch(5), number: Some(7) };
        leases.hears(0, SESSION, &asked, at(100, 100));
        let answer = LearnerWord::Pong { number: Some(number), promises, stands: false };
        assert_eq!(leases.says(voter(at(100, 100)), SESSION, &answer, SPAN), None);
        assert_eq!(acknowledges(&mut leases, holder(2, 1), at(100, 100)), None);
    }
}

#[test]
fn the_end_of_a_lease_never_moves_back_in_one_epoch() {
    let mut leases = Leases::new(1);
    let mut holds = |epoch, until| {
        let held = leases.holds(0, Some((Epoch(epoch), until)), at(7, 7));
        held.map_err(|(rule, _)| rule)
    };
    assert_eq!(holds(1, at(10, 10)), Ok(true));
    assert_eq!(holds(1, at(10, 10)), Ok(false));
    assert_eq!(holds(1, at(12, 11)), Ok(true));
    assert_eq!(holds(1, at(12, 10)), Err(LEASE_GROWS));
    assert_eq!(holds(2, at(9, 9)), Ok(true));
    assert_eq!(holds(2, at(8, 9)), Err(LEASE_GROWS));
    assert_eq!(leases.holds(0, None, at(7, 7)), Ok(false));
}

#[test]
fn who_leads_on_when_one_of_its_clocks_shows_the_end_of_its_lease_is_found() {
    let mut leases = Leases::new(1);
    let mut holds = |now| {
        let held = leases.holds(0, Some((Epoch(1), at(10, 10))), now);
        held.map_err(|(rule, _)| rule)
    };
    assert_eq!(holds(at(9, 9)), Ok(true));
    assert_eq!((holds(at(10, 9)), holds(at(9, 10))), (Err(LEASE_RUNS), Err(LEASE_RUNS)));
}

#[test]
fn who_has_lost_an_epoch_neither_leads_nor_pings_in_it_any_more() {
    let lost = |epoch| Report::Lost { epoch: Epoch(epoch), cause: LostBecause::Resigned };
    let leads = |epoch| Report::Leading { epoch: Epoch(epoch) };
    let ping = |epoch| LeaderWord::Ping { epoch: Epoch(epoch), number: None };
    let mut leases = Leases::new(1);
    let rule = |broken: Option<Broken>| broken.map(|(rule, _)| rule);
    let mut takes = |report: Report| rule(leases.reports(0, &report));
    assert_eq!((takes(leads(3)), takes(lost(2)), takes(lost(3))), (None, None, None));
    assert_eq!((takes(leads(3)), takes(leads(4))), (Some(LOST_IS_OVER), None));
    let mut tells = |word: LeaderWord| rule(leases.tells(voter(at(0, 0)), &word));
    assert_eq!((tells(ping(3)), tells(ping(4))), (Some(LOST_IS_OVER), None));
    // Another life knows nothing of it; that an epoch begins once is another rule.
    leases.life_ends(0);
    assert_eq!(rule(leases.tells(voter(at(0, 0)), &ping(3))), None);
}

#[test]
fn nobody_says_that_an_epoch_has_ended_while_its_work_goes_on() {
    let mut leases = Leases::new(2);
    let ended = |leases: &mut Leases, epoch| {
        leases.ends(0, holder(1, 1), Epoch(epoch)).map(|(rule, _)| rule)
    };
    leases.work_begins(0, Epoch(4));
    assert_eq!(ended(&mut leases, 3), None);
    assert_eq!(ended(&mut leases, 4), Some(WORK_ENDS_FIRST));
    let tells = |leases: &mut Leases| {
        let word = LeaderWord::HasEnded(HasEnded { holder: holder(1, 1), epoch: Epoch(4) });
        leases.tells(voter(at(0, 0)), &word).map(|(rule, _)| rule)
    };
    assert_eq!(tells(&mut leases), Some(WORK_ENDS_FIRST));
    assert!(!leases.work_is_told(0, Epoch(3)) && leases.work_is_told(0, Epoch(4)));
    assert!(!leases.work_is_told(0, Epoch(4)), "once");
    leases.work_ends(0);
    assert_eq!((ended(&mut leases, 4), tells(&mut leases)), (None, None));
}

#[test]
fn work_that_is_left_behind_goes_on_until_it_ends_or_its_machine_starts_anew() {
    let mut leases = Leases::new(2);
    let ended = |leases: &mut Leases, epoch| {
        leases.ends(0, holder(1, 2), Epoch(epoch)).map(|(rule, _)| rule)
    };
    assert_eq!(leases.leaves_behind(0), None);
    let lease = Some((Epoch(4), at(10, 10)));
    let reboots: fn(&mut Leases, usize) = |leases, member| leases.reboots(member, at(0, 0));
    for end in [Leases::work_ends, Leases::is_wiped, reboots] {
        leases.work_begins(0, Epoch(4));
        assert_eq!(leases.work_under_lease(0, at(0, 0)), None, "it knows of none");
        assert_eq!(leases.holds(0, lease, at(0, 0)).map_err(|(rule, _)| rule), Ok(true));
        assert_eq!(leases.work_that_ends(0), None, "it was not told");
        assert_eq!(leases.leaves_behind(0), Some(Epoch(4)));
        leases.life_ends(0);
        assert_eq!(
            (leases.left_behind(0), leases.work_that_ends(0)),
            (Some(Epoch(4)), Some(Epoch(4)))
        );
        assert_eq!(leases.work_under_lease(0, at(9, 9)), Some(Epoch(4)));
        assert_eq!(leases.work_under_lease(0, at(9, 10)), None);
        assert_eq!((ended(&mut leases, 3), ended(&mut leases, 4)), (None, Some(WORK_ENDS_FIRST)));
        end(&mut leases, 0);
        assert_eq!((leases.left_behind(0), ended(&mut leases, 4)), (None, None));
    }
}

#[test]
fn leases_overlap_once_whichever_of_them_is_looked_at() {
    let mut leases = Leases::new(2);
    assert!(leases.overlap(Epoch(2), Epoch(1)));
    assert!(!leases.overlap(Epoch(1), Epoch(2)));
    assert!(leases.overlap(Epoch(1), Epoch(3)));
    assert_eq!(leases.overlaps(), 2);
}

#[test]
fn a_lease_runs_until_the_faster_clock_shows_its_end() {
    assert!(runs(at(9, 9), at(10, 10)));
    assert!(!runs(at(10, 9), at(10, 10)) && !runs(at(9, 10), at(10, 10)));
}

#[test]
fn a_ping_binds_for_longer_than_any_lease_runs_whose_clock_is_slow() {
    let terms = LeaseTerms { length: SPAN, drift_ppm: 10_000 };
    assert_eq!(promise_span(terms), Duration::from_nanos(1_020_202_021));
    assert_eq!(promise_span(terms), terms.promise());
}
