//! Voters that do not want to lead.

use super::*;

/// Voter `me` of voters 1 to 3, withdrawn before it began.
fn withdrawn(me: u64) -> Election {
    let mut core = core_of(me, members(3, 0));
    assert_eq!(core.actions_on(Event::Withdraw), []);
    begin(&mut core, 9, 9);
    core
}

/// What it says until it votes for somebody.
fn stand_in(voter: u64) -> Vote {
    vote(-1, 0, voter)
}

#[test]
fn it_begins_with_a_vote_for_nobody_and_says_what_loses_against_every_vote() {
    let mut core = core_of(3, members(3, 0));
    core.actions_on(Event::Withdraw);
    let actions = begin(&mut core, 9, 9);
    assert_eq!(said(&actions), [1, 2].map(|to| (to, Looking, Some(stand_in(3)), 1)));
    assert_eq!((core.vote(), core.ballots().count()), (None, 0));
    assert!(stand_in(3) < vote(0, i64::MIN, 0));
}

#[test]
fn it_votes_for_the_best_of_the_others_and_counts() {
    let mut core = withdrawn(3);
    let actions = hear(&mut core, 1, Looking, plain(1), 1);
    assert_eq!(said(&actions), [1, 2].map(|to| (to, Looking, Some(plain(1)), 1)));
    hear(&mut core, 2, Looking, plain(2), 1);
    let actions = hear(&mut core, 1, Looking, plain(2), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, plain(2), 1)));
}

#[test]
fn nobody_takes_up_the_vote_of_one_who_has_withdrawn_but_all_hear_of_its_round() {
    let mut core = begun(1, members(3, 0));
    assert_eq!(hear(&mut core, 3, Looking, stand_in(3), 1).len(), 1, "the wait begins anew");
    let actions = hear(&mut core, 3, Looking, stand_in(3), 7);
    assert_eq!(said(&actions), [2, 3].map(|to| (to, Looking, Some(plain(1)), 7)));

    // Nor does one who has no vote.
    let mut core = withdrawn(2);
    hear(&mut core, 3, Looking, stand_in(3), 1);
    hear(&mut core, 3, Looking, stand_in(3), 2);
    assert_eq!((core.vote(), core.round()), (None, Round(2)));

    // Nor one who was settled when it heard that.
    let mut core = settled(1);
    core.actions_on(Event::Withdraw);
    hear(&mut core, 2, Looking, stand_in(2), 2);
    core.actions_on(Event::LookAgain { leader: id(3), round: Round(1) });
    assert_eq!((core.vote(), core.round()), (None, Round(2)));
}

#[test]
fn one_whose_round_is_behind_is_told_the_round_by_one_who_has_withdrawn() {
    let mut core = withdrawn(3);
    begin(&mut core, 9, 9);
    let actions = hear(&mut core, 1, Looking, plain(1), 1);
    assert_eq!(said(&actions), [(1, Looking, Some(stand_in(3)), 2)]);
    assert_eq!(core.vote(), None, "it is asked for its vote in this round");
}

#[test]
fn it_joins_a_newer_round_without_a_vote_for_itself() {
    let mut core = withdrawn(3);
    hear(&mut core, 1, Looking, plain(1), 6);
    assert_eq!((core.vote(), core.round()), (Some(plain(1)), Round(6)));
}

#[test]
fn votes_for_one_that_has_withdrawn_make_it_go_on_to_the_next_round() {
    for round in [1, 5] {
        let mut core = withdrawn(3);
        hear(&mut core, 2, Looking, plain(2), 1);
        let actions = hear(&mut core, 1, Looking, vote(9, 9, 3), round);
        let expected = [1, 2].map(|to| (to, Looking, Some(stand_in(3)), round + 1));
        assert_eq!((said(&actions), core.vote()), (expected.to_vec(), None));
    }
    let mut core = withdrawn(3);
    begin(&mut core, 9, 9);
    let actions = hear(&mut core, 1, Looking, vote(9, 9, 3), 1);
    assert_eq!(said(&actions), [(1, Looking, Some(stand_in(3)), 2)], "of an older one it tells");
}

#[test]
fn one_that_withdraws_while_it_looks_takes_a_vote_for_itself_back_by_a_new_round() {
    let mut core = begun(3, members(3, 0));
    let mut settling = core.clone();
    hear(&mut settling, 1, Looking, plain(3), 1);
    assert_eq!(settling.state(), State::Settling);
    for mut core in [core.clone(), settling] {
        let actions = core.actions_on(Event::Withdraw);
        assert!(looking_in(&actions, 2));
        assert_eq!(said(&actions), [1, 2].map(|to| (to, Looking, Some(stand_in(3)), 2)));
        assert_eq!((core.state(), core.vote()), (State::Looking, None));
    }
    hear(&mut core, 1, Looking, vote(9, 9, 1), 1);
    assert_eq!(core.actions_on(Event::Withdraw), [], "it votes for another");
}

#[test]
fn one_that_is_followed_by_what_it_said_before_it_withdrew_goes_on_to_the_next_round() {
    let mut core = core_of(3, members(3, 0));
    core.actions_on(Event::Withdraw);
    begin(&mut core, 0, 0);
    assert_eq!(said(&hear(&mut core, 1, Following, plain(3), 1)), []);
    let actions = hear(&mut core, 2, Following, plain(3), 1);
    assert_eq!(said(&actions), [1, 2].map(|to| (to, Looking, Some(stand_in(3)), 2)), "once");
    for voter in [1, 2] {
        assert_eq!(said(&hear(&mut core, voter, Following, plain(3), 1)), []);
    }
    assert_eq!((core.state(), core.round()), (State::Looking, Round(2)));
}

#[test]
fn a_follower_of_one_that_goes_on_looks_again() {
    let mut core = settled(1);
    let actions = hear(&mut core, 3, Looking, stand_in(3), 2);
    assert!(looking_in(&actions, 2));
    assert_eq!(core.vote(), Some(plain(1)));
}

#[test]
fn one_that_follows_and_has_withdrawn_goes_on_when_its_leader_turns_to_it() {
    let mut core = settled(1);
    core.actions_on(Event::Withdraw);
    let actions = hear(&mut core, 3, Looking, vote(9, 10, 1), 1);
    assert!(looking_in(&actions, 2));
    let last = [2, 3].map(|to| (to, Looking, Some(stand_in(1)), 2));
    assert!(said(&actions).ends_with(&last));
}

#[test]
fn a_decision_stands_when_one_withdraws_and_the_next_round_is_without_it() {
    let mut core = settled(3);
    assert_eq!(core.actions_on(Event::Withdraw), []);
    assert_eq!(core.decision().unwrap().standing, Standing::Leading);
    let again = Event::LookAgain { leader: id(3), round: Round(1) };
    assert!(looking_in(&core.clone().actions_on(again.clone()), 2));
    // 1 looks already, and votes for it.
    hear(&mut core, 1, Looking, vote(9, 9, 3), 2);
    let mut later = core.clone();
    assert!(looking_in(&core.actions_on(again), 3));
    assert_eq!((core.vote(), core.ballots().count()), (None, 0));
    // What 1 says counts no more where 2 looks in a newer round still.
    assert!(looking_in(&hear(&mut later, 2, Looking, plain(2), 5), 5));
    assert_eq!(later.vote(), Some(plain(2)));
}

#[test]
fn one_that_stands_again_proposes_itself_at_once_if_it_is_the_best() {
    let mut core = withdrawn(3);
    hear(&mut core, 1, Looking, plain(1), 1);
    let actions = core.actions_on(Event::Stand);
    assert_eq!(said(&actions), [1, 2].map(|to| (to, Looking, Some(vote(9, 9, 3)), 1)));

    let mut core = withdrawn(3);
    hear(&mut core, 1, Looking, vote(10, 0, 1), 1);
    assert_eq!(core.actions_on(Event::Stand), []);
    assert_eq!(core.vote(), Some(vote(10, 0, 1)));

    let mut core = settled(3);
    core.actions_on(Event::Withdraw);
    assert_eq!(core.actions_on(Event::Stand), []);
    let again = Event::LookAgain { leader: id(3), round: Round(1) };
    core.actions_on(again);
    assert_eq!(core.vote(), Some(plain(3)));
}

#[test]
fn where_all_have_withdrawn_nobody_is_elected() {
    let mut core = withdrawn(3);
    for voter in [1, 2] {
        hear(&mut core, voter, Looking, stand_in(voter), 1);
    }
    assert_eq!((core.state(), core.vote()), (State::Looking, None));
    let mut alone = core_of(1, members(1, 0));
    alone.actions_on(Event::Withdraw);
    assert_eq!(decided(&begin(&mut alone, 0, 0)), None);
    assert_eq!(
        decided(&alone.actions_on(Event::Stand)),
        Some(decision(Standing::Leading, plain(1), 1))
    );
}

#[test]
fn in_the_largest_round_there_is_one_that_has_withdrawn_stays_and_may_stand_again() {
    let mut core = begun(3, members(3, 0));
    hear(&mut core, 1, Looking, plain(1), i64::MAX);
    core.actions_on(Event::Withdraw);
    for voter in [1, 2] {
        hear(&mut core, voter, Looking, plain(3), i64::MAX);
    }
    assert_eq!(core.state(), State::Looking);
    assert!(core.actions_on(Event::Stand).contains(&Action::Decided(decision(
        Standing::Leading,
        plain(3),
        i64::MAX
    ))));
}

#[test]
fn to_withdraw_makes_no_difference_to_those_who_could_not_lead() {
    let mut observer = core_of(4, members(3, 1));
    observer.actions_on(Event::Withdraw);
    assert!(said(&begin(&mut observer, 0, 0)).iter().all(|(_, _, vote, _)| vote.is_none()));
    let mut weightless = core_of(8, one_group_with_weight());
    weightless.actions_on(Event::Withdraw);
    assert!(said(&begin(&mut weightless, 0, 0)).iter().all(|(_, _, vote, _)| vote.is_none()));
    assert_eq!(weightless.actions_on(Event::Stand), []);
}
