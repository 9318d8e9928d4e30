//! What an election says of itself for people.

use super::*;
use crate::election::{Grounds, NotWaitedFor, Verdict};

fn verdict(
    core: &Election,
    from: u64,
    state: PeerState,
    vote: Option<Vote>,
    round: i64,
) -> Option<Verdict> {
    core.weighs(id(from), &notification(state, vote, round)).map(|weighed| weighed.verdict)
}

#[test]
fn a_vote_that_is_heard_is_weighed_as_it_will_be_counted() {
    let ensemble = Ensemble::new((1..=5).map(|number| Member {
        weight: Some(u64::from(number != 5)),
        group: Some(GroupId(1)),
        ..Member::voter(id(number))
    }));
    let mut core = begun(2, ensemble.unwrap());
    begin(&mut core, 5, 1);
    let round = core.round().0;
    for (vote, found) in [
        (Some(vote(1, 5, 2)), Verdict::Equals),
        (Some(vote(1, 5, 3)), Verdict::Beats),
        (Some(vote(1, 6, 1)), Verdict::Beats),
        (Some(vote(2, 0, 1)), Verdict::Beats),
        (Some(vote(1, 5, 1)), Verdict::Loses),
        (Some(vote(0, 9, 3)), Verdict::Loses),
        (Some(vote(9, 9, 5)), Verdict::NotCounted),
        (Some(vote(9, 9, 7)), Verdict::NotCounted),
        (Some(vote(9, -1, 3)), Verdict::NotCounted),
        (Some(Vote::of_no_candidate(id(3))), Verdict::ForNobody),
        (None, Verdict::ForNobody),
    ] {
        assert_eq!(verdict(&core, 3, Looking, vote, round), Some(found), "{vote:?}");
        // And so it is.
        let mut after = core.clone();
        hear(&mut after, 3, Looking, vote, round);
        assert_eq!(after.vote() != core.vote(), found == Verdict::Beats, "{vote:?}");
    }
    let better = Some(vote(2, 0, 1));
    assert_eq!(verdict(&core, 3, Looking, better, round - 1), Some(Verdict::OlderRound));
    assert_eq!(verdict(&core, 3, Leading, Some(plain(3)), round), Some(Verdict::Settled));
    assert_eq!(verdict(&core, 3, Observing, better, round), None);
    assert_eq!(verdict(&core, 2, Looking, better, round), None, "that is us");
    assert_eq!(verdict(&core, 9, Looking, better, round), None, "a stranger");
    assert_eq!(verdict(&core, 3, Looking, better, Round::OF_A_QUESTION.0), None);
    assert_eq!(verdict(&settled(1), 3, Looking, better, 1), None, "nothing is weighed any more");
}

#[test]
fn a_vote_of_a_newer_round_is_weighed_beside_what_we_begin_that_round_with() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 3, Looking, plain(3), 1);
    let weighed = core.weighs(id(2), &notification(Looking, plain(2), 2)).unwrap();
    assert_eq!((weighed.ours, weighed.newer_round), (Some(plain(1)), true));
    assert_eq!(weighed.verdict, Verdict::Beats);
}

#[test]
fn what_was_heard_before_we_looked_is_weighed_when_we_do() {
    let mut core = settled(1);
    hear(&mut core, 2, Looking, plain(2), 2);
    unreachable(&mut core, 3);
    let ballots: Vec<_> = core.weighed_ballots().collect();
    assert_eq!(ballots.len(), 1);
    let (from, weighed) = ballots[0];
    assert_eq!((from, weighed.vote, weighed.ours), (id(2), Some(plain(2)), Some(plain(1))));
    assert_eq!(weighed.verdict, Verdict::Beats);
}

#[test]
fn a_decision_says_what_it_rests_on() {
    assert_eq!(begun(1, members(3, 0)).grounds(), None);
    assert_eq!(settled(1).grounds(), Some(Grounds::Votes));
    let mut joins = begun(1, members(3, 0));
    hear(&mut joins, 2, Following, plain(3), 7);
    hear(&mut joins, 3, Leading, plain(3), 7);
    assert_eq!(joins.grounds(), Some(Grounds::Followers));
    let mut named = settled(1);
    let (leader, round, next) = (id(3), Round(1), Round(2));
    named.actions_on(Event::Nominated { leader, round, vote: plain(2), next });
    assert_eq!(named.decision().map(|decision| decision.vote.leader), Some(id(2)));
    assert_eq!(named.grounds(), Some(Grounds::Nomination));
    assert_eq!(named.not_waited_for().count(), 0);
}

#[test]
fn who_was_not_waited_for_is_named_with_the_reason() {
    let mut core = begun(3, members(7, 0));
    meet(&mut core, [1, 2, 4, 5, 6]);
    for from in [1, 2] {
        hear(&mut core, from, Looking, plain(4), 1);
    }
    unreachable(&mut core, 5);
    link_down(&mut core, 6);
    hear(&mut core, 4, Looking, plain(4), 1);
    assert_eq!(core.not_waited_for().count(), 0, "nothing is decided");
    let actions = fire(&mut core, Timer::Settle);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, plain(4), 1)));
    let absent: Vec<_> = core.not_waited_for().map(|(id, why)| (id.number(), why)).collect();
    let expected =
        [(5, NotWaitedFor::OutOfReach), (6, NotWaitedFor::LinkLost), (7, NotWaitedFor::NeverHeard)];
    assert_eq!(absent, expected);
}

#[test]
fn who_is_there_and_silent_or_votes_otherwise_is_named_too() {
    let mut core = begun(5, members(5, 0));
    meet(&mut core, [1, 2, 3, 4]);
    for from in [1, 2] {
        hear(&mut core, from, Looking, plain(5), 1);
    }
    hear(&mut core, 3, Looking, plain(3), 1);
    fire(&mut core, Timer::Settle);
    let absent: Vec<_> = core.not_waited_for().map(|(id, why)| (id.number(), why)).collect();
    assert_eq!(absent, [(3, NotWaitedFor::VotesFor(id(3))), (4, NotWaitedFor::Silent)]);
}
