//! That each rule can fail: a leadership that was tampered with is found out.

use super::{
    super::invariants::{RULES, first_broken},
    *,
};
use crate::{
    Step,
    election::Vote,
    leadership::{Nomination, epochs_invariants::RULES_OF_CHANGES},
};

/// The rule that is broken by a step to what this makes of both ends of it.
fn broken(
    before: &Leadership,
    actions: &[Action],
    tamper: impl Fn(&mut Leadership),
    tamper_after: impl Fn(&mut Leadership),
) -> Option<&'static str> {
    let mut before = before.clone();
    tamper(&mut before);
    let mut after = before.clone();
    tamper_after(&mut after);
    let event = &timed(before.now, Event::Tick);
    first_broken(Step { before: &before, event, actions, after: &after })
}

#[test]
fn every_rule_finds_the_leadership_that_breaks_it() {
    let world = World::with_a_leader();
    let [follower, leader] = [1, 3].map(|number| &world.seats[&id(number)].core);
    let given_up = &{
        let mut epochs = leader.epochs.clone();
        epochs.actions_on(EpochsEvent::Release { nomination: None });
        epochs
    };
    let nothing = |_: &mut Leadership| ();
    let epoch = Epoch(2);
    let session = SessionId::Accepted(1);
    let told =
        |nomination| Action::Tell { session, word: LeaderWord::Released { epoch, nomination } };
    let vote = Vote { epoch, zxid: Zxid(0), leader: id(1) };
    let nominates = told(Some(Nomination { vote, round: Round(2) }));
    let lost = Action::Report(Report::Lost { epoch, cause: LostBecause::Resigned });
    let found = [
        broken(follower, &[], nothing, |core| core.reign = Reign::None),
        broken(leader, &[told(None)], nothing, nothing),
        broken(
            follower,
            &[],
            |core| core.reign = Reign::Leading { epoch: Epoch(2), retiring: None },
            nothing,
        ),
        broken(follower, &[], nothing, |core| core.newest_reported = Epoch(1)),
        broken(
            leader,
            &[Action::Report(Report::Leading { epoch })],
            |core| (core.reign, core.epochs) = (Reign::None, given_up.clone()),
            |core| (core.reign, core.epochs) = (leader.reign, leader.epochs.clone()),
        ),
        // It says who comes next, and its work goes on.
        broken(leader, &[lost, nominates], nothing, |core| core.reign = Reign::None),
        broken(leader, &[], nothing, |core| core.now = core.next_deadline().unwrap()),
        broken(follower, &[], nothing, |core| core.result = None),
        broken(leader, &[], nothing, |core| core.standing.unwilling = true),
    ];
    assert_eq!(found, RULES.map(|(name, _)| Some(name)));
    for core in [follower, leader] {
        assert_eq!(broken(core, &[], nothing, nothing), None);
    }
}

#[test]
fn what_is_reported_must_fit_what_was_reported_before() {
    let world = World::with_a_leader();
    let follower = &world.seats[&id(1)].core;
    let (leader, epoch, counts) = (id(3), Epoch(2), true);
    let again = Report::Following { leader, epoch, counts };
    let twice = Report::Leading { epoch };
    let other = Report::Lost { epoch: Epoch(1), cause: LostBecause::Silence };
    for report in [again, twice, other] {
        let found = broken(follower, &[Action::Report(report)], |_| (), |_| ());
        assert_eq!(found, Some("each beginning is reported once, and its end once"));
    }
}

#[test]
fn the_rules_about_epochs_are_looked_at_as_well() {
    let world = World::with_a_leader();
    let follower = &world.seats[&id(1)].core;
    let session = SessionId::Dialled(1);
    let older = Action::Store { ticket: Ticket(9), record: record(1) };
    let found = broken(follower, &[older], |_| (), |_| ());
    assert_eq!(found, Some(RULES_OF_CHANGES[1].0));
    let counts = LearnerWord::AckEpoch { current: Some(Epoch(2)), zxid: Zxid(0), bond: None };
    let found = broken(follower, &[Action::Say { session, word: counts }], |_| (), |_| ());
    assert_eq!(found, Some(RULES_OF_CHANGES[2].0));
}
