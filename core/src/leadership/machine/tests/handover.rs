//! Handing over: who comes next, what is said, and what becomes of it.

use std::time::Duration;

use super::{
    super::*,
    leased::{began, led, voters},
    world::{World, ms},
};
use crate::{
    election::Vote,
    leadership::{
        CannotResign, LeaderWord, Nomination, Successor,
        fixtures::{id, record},
    },
};

const SOON: Duration = Duration::from_secs(5);

fn resign(to: Successor) -> Event {
    Event::Resign { to, within: SOON }
}

fn to(number: u64) -> Successor {
    Successor::To(id(number))
}

fn nominated(world: &World, number: u64) -> Option<(Moment, u64, i64)> {
    let (at, Nomination { vote, round }) = *world.seats[&id(number)].nominated.last()?;
    Some((at, vote.leader.number(), round.0))
}

fn refusal(world: &World, number: u64, to: Successor) -> Option<CannotResign> {
    world.seats[&id(number)].core.cannot_resign(to)
}

/// T6: all are told, and the next epoch begins without a round of votes.
#[test]
fn all_settle_on_the_successor_that_a_leader_names_and_the_next_epoch_begins() {
    for (wanted, next) in [(Successor::Any, 2), (to(1), 1)] {
        let mut world = led();
        world.run_until(ms(1010));
        world.tell(3, resign(wanted));
        assert_eq!(world.lost(3), [(ms(1010), LostBecause::Resigned)]);
        world.run_until(ms(1030));
        let heard = [(1, 1011), (2, 1011), (3, 1010)];
        for (number, at) in heard {
            assert_eq!(nominated(&world, number), Some((ms(at), next, 2)), "{number}");
            assert_eq!(world.established(number), Some((next, 3)), "{number}");
            assert_eq!(world.looks_again(number), None, "{number}");
        }
        // Ten words, stores and promises in series, of a millisecond each.
        assert_eq!(began(&world, next, 3), Some(ms(1020)));
        let report = Report::HandedOver { epoch: Epoch(2), to: id(next) };
        assert!(world.reports(3).contains(&&report));
        assert!(!world.seats[&id(3)].stands, "it does not stand for a while");
        world.run_until(ms(3100));
        assert!(world.seats[&id(3)].stands);
        assert_eq!(world.established(3), Some((next, 3)), "and is led meanwhile");
    }
}

/// T1: nothing is said before the work has ended.
#[test]
fn nobody_is_named_before_the_work_has_ended_and_nobody_at_all_if_it_does_not() {
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    world.tell(3, resign(to(1)));
    world.run_until(ms(3000));
    assert_eq!(nominated(&world, 1), None);
    assert_eq!(world.established(1), Some((3, 2)));
    world.tell(3, Event::WorkGoesOn(false));
    world.run_until(ms(3020));
    assert_eq!(world.established(1), Some((1, 3)), "who was named is not forgotten");
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    world.tell(3, resign(to(1)));
    world.run_until(ms(6020));
    assert_eq!(world.lost(3), [(ms(6010), LostBecause::Resigned)]);
    for number in 1..=3 {
        assert_eq!(nominated(&world, number), None, "{number}");
        assert!(world.looks_again(number).is_some(), "{number}");
    }
}

/// C18: what is not well is ended, and another one leads.
#[test]
fn a_leader_whose_work_is_not_well_says_so_and_names_another_when_it_has_ended() {
    let unhealthy = Event::Unhealthy { within: SOON };
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    world.tell(3, unhealthy.clone());
    let retires = Report::Retiring { epoch: Epoch(2), cause: LostBecause::Unhealthy };
    assert!(world.reports(3).contains(&&retires));
    // What else is asked for does not change why.
    world.tell(3, resign(to(1)));
    world.tell(3, Event::WorkGoesOn(false));
    assert_eq!(world.lost(3), [(ms(1010), LostBecause::Unhealthy)]);
    world.run_until(ms(1030));
    assert_eq!(world.established(3), Some((1, 3)));
    // Who does not lead has nothing to give up.
    world.tell(3, unhealthy);
    assert_eq!(world.established(3), Some((1, 3)));
}

/// T2: giving up is a state that has a deadline from its beginning, and every way out leaves it.
#[test]
fn a_leader_that_gives_up_ends_whatever_else_happens_to_it() {
    type Way = fn(&mut World);
    let ways: [(&str, Way, LostBecause); 5] = [
        ("the work ends", |world| world.tell(3, Event::WorkGoesOn(false)), LostBecause::Resigned),
        ("the deadline", |world| world.run_until(ms(7000)), LostBecause::Resigned),
        ("another result", |world| world.tell(3, Event::Unelected), LostBecause::Superseded),
        (
            "no quorum",
            |world| [1, 2].into_iter().for_each(|one| world.pause(one)),
            LostBecause::LeaseEnded,
        ),
        (
            "it is stopped",
            |world| {
                world.tell(3, Event::Stop { within: SOON });
                world.tell(3, Event::WorkGoesOn(false));
            },
            LostBecause::Stopped,
        ),
    ];
    for (name, way, cause) in ways {
        let mut world = led();
        world.tell(3, Event::WorkGoesOn(true));
        world.run_until(ms(1010));
        world.tell(3, resign(Successor::Any));
        assert!(world.seats[&id(3)].core.is_retiring(), "{name}");
        way(&mut world);
        let now = world.now.plus(Duration::from_secs(6));
        world.run_until(now);
        assert!(!world.seats[&id(3)].core.is_retiring(), "{name}");
        let causes: Vec<_> = world.lost(3).into_iter().map(|(_, cause)| cause).collect();
        assert_eq!(causes, [cause], "{name}");
    }
}

/// T4: whatever it does, a member answers at once.
#[test]
fn who_does_not_lead_says_so_at_once() {
    let mut world = World::of(&[record(1); 3]);
    let nobody = Some(CannotResign::NobodyLeads);
    assert_eq!(refusal(&world, 3, Successor::Any), nobody, "it looks");
    world.elect(3, 1, &[1, 2, 3]);
    for number in 1..=3 {
        assert_eq!(refusal(&world, number, Successor::Any), nobody, "nothing has begun");
        assert_eq!(refusal(&world, number, to(2)), nobody);
    }
    world.run_until(ms(20));
    let (leader, epoch) = (id(3), Epoch(2));
    let another = Some(CannotResign::AnotherLeads { leader, epoch });
    assert_eq!(refusal(&world, 1, Successor::Any), another);
    assert_eq!(refusal(&world, 1, to(2)), another);
    assert_eq!(refusal(&world, 3, Successor::Any), None);
    // An order that cannot be carried out changes nothing.
    world.tell(1, resign(Successor::Any));
    world.tell(3, resign(to(9)));
    assert_eq!([1, 3].map(|number| world.established(number)), [Some((3, 2)); 2]);
    assert!(!world.seats[&id(3)].core.is_retiring());
    // While it gives up, and when it has: it may name somebody else until then.
    world.tell(3, Event::WorkGoesOn(true));
    world.tell(3, resign(Successor::Any));
    assert_eq!(refusal(&world, 3, to(1)), None);
    world.tell(3, Event::WorkGoesOn(false));
    assert_eq!(refusal(&world, 3, Successor::Any), nobody);
    // One that has lost its epoch, and whose lease runs on.
    let mut world = led();
    world.tell(3, Event::WorkGoesOn(true));
    world.tell(3, Event::Unelected);
    assert_eq!(refusal(&world, 3, to(2)), Some(CannotResign::HasLost { epoch }));
    // One that has ended.
    world.kill(1);
    world.tell(2, Event::Stop { within: Duration::ZERO });
    assert_eq!(refusal(&world, 2, Successor::Any), nobody);
}

/// T5: only who can lead at once comes next.
#[test]
fn only_a_voter_that_counts_answers_and_stands_may_come_next() {
    let mut world = led();
    world.run_until(ms(1010));
    for (wanted, why) in [
        (3, CannotResign::Itself { id: id(3) }),
        (9, CannotResign::Observer { id: id(9) }),
        (7, CannotResign::Unknown { id: id(7) }),
    ] {
        assert_eq!(refusal(&world, 3, to(wanted)), Some(why));
    }
    world.pause(1);
    world.run_until(ms(1410));
    assert_eq!(refusal(&world, 3, to(1)), Some(CannotResign::Silent { id: id(1) }));
    assert_eq!(refusal(&world, 3, to(2)), None);
    world.kill(1);
    world.run_until(ms(1420));
    assert_eq!(refusal(&world, 3, to(1)), Some(CannotResign::NotHere { id: id(1) }));
    // Where promises are not kept, and where there is no will to lead.
    let mut world = led();
    world.seats.get_mut(&id(1)).unwrap().promises_hang = true;
    world.run_until(ms(1010));
    assert_eq!(refusal(&world, 3, to(1)), Some(CannotResign::DoesNotPromise { id: id(1) }));
    let mut world = led();
    world.tell(2, Event::WorkGoesOn(true));
    world.run_until(ms(1010));
    assert_eq!(refusal(&world, 3, to(2)), Some(CannotResign::DoesNotStand { id: id(2) }));
    world.tell(3, resign(Successor::Any));
    world.run_until(ms(1020));
    assert_eq!(nominated(&world, 1).map(|(_, next, _)| next), Some(1), "not the better vote");
}

#[test]
fn who_is_not_recorded_does_not_come_next() {
    let mut world = World::of(&[Record::default(), record(1), record(1)]);
    world.elect(3, 1, &[2, 3]);
    world.run_until(ms(20));
    world.elect(3, 1, &[1]);
    world.run_until(ms(27));
    assert_eq!(refusal(&world, 3, to(1)), Some(CannotResign::DoesNotCount { id: id(1) }));
    world.run_until(ms(1010));
    assert_eq!(refusal(&world, 3, to(1)), None, "it is recorded by now");
}

/// Who would settle on a successor has to be a quorum, and one that is stopped is not there then.
#[test]
fn nobody_is_named_where_those_who_are_here_are_no_quorum() {
    let mut world = led();
    world.kill(1);
    world.run_until(ms(1010));
    assert_eq!(refusal(&world, 3, to(2)), None);
    world.tell(3, Event::Stop { within: Duration::ZERO });
    world.run_until(ms(1020));
    assert_eq!((nominated(&world, 2), world.looks_again(2).is_some()), (None, true));
    let mut world = voters(1);
    world.elect(1, 1, &[1]);
    world.run_until(ms(1010));
    world.tell(1, resign(Successor::Any));
    assert_eq!(nominated(&world, 1), None);
    // T8: nobody else can be elected.
    assert!(world.seats[&id(1)].stands);
    assert!(world.looks_again(1).is_some());
}

/// T7: what is repeated, late, of another epoch or from another session, names nobody.
#[test]
fn a_nomination_that_is_not_of_the_epoch_and_session_that_is_followed_is_none() {
    let vote = Vote { epoch: Epoch(2), zxid: Zxid(0), leader: id(2) };
    let released = |epoch, round| LeaderWord::Released {
        epoch: Epoch(epoch),
        nomination: Some(Nomination { vote, round: Round(round) }),
    };
    let followed = World::with_a_leader;
    // Of an older epoch, or on a session that is not the present one: nothing happens.
    let mut world = followed();
    let (own, other) = (session_of(&world), SessionId::Dialled(99));
    for (session, word) in [(own, released(1, 2)), (other, released(2, 2))] {
        world.tell(1, Event::LeaderSaid { session, word });
        assert_eq!(world.established(1), Some((3, 2)));
    }
    // Of a newer epoch, of a round that is not newer, or for the leader itself, or for nobody who may lead: it is over, and nobody is named.
    let of_leader = Vote { leader: id(3), ..vote };
    let of_observer = Vote { leader: id(9), ..vote };
    let with = |vote| LeaderWord::Released {
        epoch: Epoch(2),
        nomination: Some(Nomination { vote, round: Round(2) }),
    };
    for word in [released(3, 2), released(2, 1), with(of_leader), with(of_observer)] {
        let mut world = followed();
        let session = session_of(&world);
        world.tell(1, Event::LeaderSaid { session, word: word.clone() });
        assert_eq!(nominated(&world, 1), None, "{word:?}");
        assert_eq!(world.looks_again(1), Some((ms(20), 1, None)), "{word:?}");
    }
    // Before its epoch has begun.
    let mut world = World::of(&[record(1); 3]);
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(5));
    let session = session_of(&world);
    world.tell(1, Event::LeaderSaid { session, word: released(2, 2) });
    assert_eq!(nominated(&world, 1), None);
    // The same once more, and late.
    let mut world = followed();
    let session = session_of(&world);
    for _ in 0..2 {
        world.tell(1, Event::LeaderSaid { session, word: released(2, 2) });
        assert_eq!(world.seats[&id(1)].nominated.len(), 1);
    }
    world.run_until(ms(25));
    world.tell(1, Event::LeaderSaid { session, word: released(2, 2) });
    assert_eq!(world.seats[&id(1)].nominated.len(), 1);
}

fn session_of(world: &World) -> SessionId {
    let wire = world.wires.iter().find(|wire| wire.learner.0 == id(1)).unwrap();
    wire.learner.1
}

/// T9: a successor that dies leaves nobody waiting for more than a second.
#[test]
fn a_successor_that_dies_or_hangs_at_any_step_is_left_within_a_second() {
    for hangs in [false, true] {
        for step in 0..12 {
            let mut world = led();
            world.run_until(ms(1010));
            world.tell(3, resign(to(2)));
            world.run_until(ms(1010 + step));
            if hangs {
                world.pause(2);
            } else {
                world.kill(2);
            }
            world.run_until(ms(2025));
            for number in [1, 3] {
                let looks = world.looks_again(number);
                assert!(looks.is_some_and(|(at, ..)| at <= ms(2020)), "{hangs} {step} {looks:?}");
                assert_eq!(world.established(number), None);
            }
            // L7: nobody has a lease, and the old epoch does not come back.
            assert_eq!(world.seats[&id(3)].core.leads(), None);
            world.elect(1, 3, &[1, 3]);
            world.run_until(ms(5000));
            let (leader, epoch) = world.established(3).unwrap();
            assert!(leader == 1 && epoch >= 3, "{hangs} {step}");
        }
    }
}

/// W7: a leader whose links break, and that finds a successor when they are back, follows.
#[test]
fn a_leader_that_comes_back_after_a_succession_follows_in_the_newer_epoch() {
    let mut world = World::with_a_leader();
    for wire in &mut world.wires {
        wire.cut = true;
    }
    world.run_until(ms(1500));
    assert_eq!(world.lost(3).len(), 1);
    world.elect(2, 2, &[1, 2]);
    world.run_until(ms(1520));
    world.elect(2, 2, &[3]);
    world.run_until(ms(1540));
    assert_eq!([1, 2, 3].map(|number| world.established(number)), [Some((2, 3)); 3]);
}
