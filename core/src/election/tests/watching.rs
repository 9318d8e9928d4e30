//! What ends a decision.

use super::*;

const GRACE: Duration = Duration::from_millis(500);

#[test]
fn a_follower_gives_a_lost_link_to_its_leader_a_grace() {
    let mut core = settled(1);
    let actions = link_down(&mut core, 3);
    assert_eq!(actions, [Action::SetTimer { timer: Timer::Grace, after: GRACE }]);
    assert!(!cleared(&link_up(&mut core, [3]), Timer::Grace), "a link alone is nobody");
    assert!(cleared(&meet(&mut core, [3]), Timer::Grace));
    assert_eq!(fire(&mut core, Timer::Grace), [], "it was cleared");
    link_down(&mut core, 3);
    assert!(looking_in(&fire(&mut core, Timer::Grace), 2));
    assert_eq!(core.vote(), Some(plain(1)), "on the history it has");
}

#[test]
fn a_follower_whose_leader_cannot_be_reached_looks_again_at_once() {
    let mut core = settled(1);
    link_down(&mut core, 3);
    let actions = unreachable(&mut core, 3);
    assert!(cleared(&actions, Timer::Grace) && looking_in(&actions, 2));
    assert_eq!(said(&actions), [2, 3].map(|to| (to, Looking, Some(plain(1)), 2)));
}

#[test]
fn a_follower_does_not_mind_the_links_to_other_followers() {
    let mut core = settled(1);
    assert_eq!(link_down(&mut core, 2), []);
    assert_eq!(unreachable(&mut core, 2), []);
    assert!(core.decision().is_some());
}

#[test]
fn a_leader_that_was_never_linked_gets_a_grace_from_the_decision_on() {
    let mut core = begun(1, members(3, 0));
    link_up(&mut core, [2]);
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = fire(&mut core, Timer::Settle);
    assert_eq!(armed(&actions, Timer::Grace), Some(GRACE));
    assert_eq!(core.decision().unwrap().vote.leader, id(3));
    assert!(cleared(&meet(&mut core, [3]), Timer::Grace));
}

#[test]
fn a_leader_that_looks_in_a_newer_round_is_one_no_more() {
    let mut core = settled(1);
    let actions = hear(&mut core, 3, Looking, plain(3), 2);
    assert!(looking_in(&actions, 2));
    assert_eq!(core.vote(), Some(plain(3)), "what it said is heard, too");
}

#[test]
fn what_the_leader_said_before_it_led_is_old_news() {
    let mut core = settled(1);
    for stale in [vote(9, 9, 3), plain(3)] {
        let actions = hear(&mut core, 3, Looking, stale, 1);
        assert_eq!(said(&actions).len(), actions.len(), "an answer, and nothing else");
    }
    assert!(core.decision().is_some());
}

#[test]
fn a_leader_heard_in_an_older_round_has_a_grace_to_catch_up() {
    for (state, old) in [(Looking, plain(3)), (Following, plain(2))] {
        for (state_now, vote_now) in [(Looking, vote(9, 9, 3)), (Leading, vote(9, 9, 3))] {
            let mut core = settled(1);
            let actions = hear(&mut core, 3, state, old, 0);
            assert_eq!(armed(&actions, Timer::Grace), Some(GRACE));
            let actions = hear(&mut core, 3, state, old, 0);
            assert_eq!(armed(&actions, Timer::Grace), None, "it runs already");
            assert!(cleared(&hear(&mut core, 3, state_now, vote_now, 1), Timer::Grace));
            hear(&mut core, 3, state, old, 0);
            assert!(looking_in(&fire(&mut core, Timer::Grace), 2), "it does not know it leads");
        }
    }
}

#[test]
fn a_leader_heard_to_look_over_a_new_link_has_started_over() {
    let mut core = settled(1);
    link_down(&mut core, 3);
    link_up(&mut core, [3]);
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert!(looking_in(&actions, 2));
}

#[test]
fn a_leader_that_votes_as_before_over_a_new_link_is_about_to_lead() {
    let mut core = settled(1);
    link_up(&mut core, [3]);
    hear(&mut core, 3, Looking, vote(9, 9, 3), 1);
    assert!(core.decision().is_some());
    assert!(looking_in(&hear(&mut core, 3, Looking, plain(3), 1), 2), "this is another life");
}

#[test]
fn a_leader_that_says_over_a_new_link_that_it_leads_in_an_older_round_has_a_grace_to_say_otherwise()
{
    for (says_otherwise, stays) in [(false, false), (true, true)] {
        let mut core = settled(1);
        link_down(&mut core, 3);
        link_up(&mut core, [3]);
        let actions = hear(&mut core, 3, Leading, plain(3), 0);
        assert_eq!(armed(&actions, Timer::Grace), Some(GRACE));
        if says_otherwise {
            hear(&mut core, 3, Leading, plain(3), 1);
        }
        fire(&mut core, Timer::Grace);
        assert_eq!(core.decision().is_some(), stays);
    }
}

#[test]
fn a_leader_that_says_over_a_new_link_that_it_leads_is_trusted_as_before() {
    let mut core = settled(1);
    link_up(&mut core, [3]);
    hear(&mut core, 3, Leading, vote(9, 9, 3), 1);
    hear(&mut core, 3, Looking, vote(9, 9, 3), 1);
    assert!(core.decision().is_some());
}

#[test]
fn a_leader_whose_link_was_lost_before_it_was_elected_and_that_votes_otherwise_since_has_started_over()
 {
    let mut core = begun(2, members(3, 0));
    link_up(&mut core, [1, 3]);
    hear(&mut core, 1, Looking, vote(2, 5, 1), 1);
    assert_eq!(core.state(), State::Settling);
    link_down(&mut core, 1);
    fire(&mut core, Timer::Settle);
    assert_eq!(core.decision().unwrap().vote.leader, id(1));
    link_up(&mut core, [1]);
    assert!(looking_in(&hear(&mut core, 1, Looking, plain(3), 1), 2));
}

#[test]
fn the_first_link_to_a_leader_proves_nothing_against_it() {
    let mut core = begun(1, members(3, 0));
    link_up(&mut core, [2]);
    hear(&mut core, 2, Looking, plain(3), 1);
    fire(&mut core, Timer::Settle);
    link_up(&mut core, [3]);
    hear(&mut core, 3, Looking, plain(3), 1);
    assert!(core.decision().is_some(), "it is still settling");
}

#[test]
fn zookeeper_3109_a_leader_that_turned_to_a_better_candidate_is_not_followed() {
    let mut core = settled_among(1, 5, 4);
    let better = vote(9, 9, 5);
    let actions = hear(&mut core, 4, Looking, better, 1);
    assert!(looking_in(&actions, 1), "the election goes on");
    assert_eq!((core.state(), core.vote()), (State::Looking, Some(better)));

    let mut core = settled_among(1, 5, 4);
    assert!(looking_in(&hear(&mut core, 4, Following, better, 1), 2));
}

#[test]
fn a_leader_gives_a_lost_quorum_a_grace_and_asks_for_it_once() {
    let mut core = settled_among(5, 5, 5);
    assert_eq!(link_down(&mut core, 1), []);
    assert_eq!(link_down(&mut core, 2), []);
    let actions = link_down(&mut core, 3);
    assert_eq!(actions, [Action::SetTimer { timer: Timer::Grace, after: GRACE }]);
    assert_eq!(link_down(&mut core, 4), []);
    meet(&mut core, [1]);
    assert!(!cleared(&link_up(&mut core, [2]), Timer::Grace), "a link alone is nobody");
    assert!(cleared(&meet(&mut core, [2]), Timer::Grace));
    link_down(&mut core, 2);
    assert!(looking_in(&fire(&mut core, Timer::Grace), 2));
}

#[test]
fn a_leader_whose_quorum_cannot_be_reached_looks_again_at_once() {
    let mut core = settled_among(5, 5, 5);
    for peer in [1, 2, 3] {
        link_down(&mut core, peer);
    }
    unreachable(&mut core, 1);
    unreachable(&mut core, 2);
    assert!(core.decision().is_some(), "3 may be back in time");
    let actions = unreachable(&mut core, 3);
    assert!(looking_in(&actions, 2) && cleared(&actions, Timer::Grace));
}

#[test]
fn zookeeper_769_observers_do_not_keep_a_leader() {
    let mut core = settled(3);
    link_up(&mut core, [4]);
    link_down(&mut core, 1);
    unreachable(&mut core, 1);
    link_down(&mut core, 2);
    let actions = unreachable(&mut core, 2);
    assert!(looking_in(&actions, 2));
    assert!(said(&actions).contains(&(4, Looking, Some(plain(3)), 2)), "its observer hears of it");
}

#[test]
fn zookeeper_3109_a_leader_deserted_by_its_quorum_looks_again_though_all_links_stand() {
    let mut core = core_of(2, members(3, 0));
    link_up(&mut core, [1, 3]);
    begin(&mut core, 0, 0);
    hear(&mut core, 1, Looking, plain(2), 1);
    fire(&mut core, Timer::Settle);
    assert_eq!(core.decision().unwrap().standing, Standing::Leading);
    // 3 shows up and takes 1, which changes its mind.
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert_eq!(said(&actions), [(3, Leading, Some(plain(2)), 1)]);
    let actions = hear(&mut core, 1, Looking, plain(3), 1);
    assert!(looking_in(&actions, 1));
    assert_eq!(said(&actions)[0], (1, Looking, Some(plain(3)), 1));
}

#[test]
fn a_leader_deserted_for_a_newer_round_looks_again() {
    let mut core = settled(3);
    assert_eq!(hear(&mut core, 1, Looking, plain(1), 2).len(), 1);
    let actions = hear(&mut core, 2, Looking, plain(2), 2);
    assert!(looking_in(&actions, 2));
    assert_eq!(core.vote(), Some(plain(3)));
}

#[test]
fn a_leader_stays_while_others_join_one_after_the_other() {
    let mut core = settled_among(5, 5, 5);
    for joiner in [1, 2, 3, 4, 1, 2] {
        let actions = hear(&mut core, joiner, Looking, vote(99, 99, joiner), 40);
        assert_eq!(said(&actions).len(), 1);
        assert_eq!(hear(&mut core, joiner, Following, vote(9, 9, 5), 1), []);
    }
    assert_eq!(core.decision().unwrap().round, Round(1));
}

#[test]
fn a_leader_without_enough_settled_followers_for_a_joiner_to_join_looks_again() {
    let mut core = settled(3);
    link_down(&mut core, 1);
    unreachable(&mut core, 1);
    link_down(&mut core, 2);
    link_up(&mut core, [2]);
    let actions = hear(&mut core, 2, Looking, plain(2), 1);
    assert!(looking_in(&actions, 2), "2 has started over, and would wait for ever");
}

#[test]
fn a_leader_that_looks_again_forgets_what_it_knew_of_its_followers() {
    let mut core = settled(3);
    hear(&mut core, 1, Looking, plain(1), 7);
    begin(&mut core, 0, 0);
    for peer in [1, 2] {
        hear(&mut core, peer, Looking, plain(3), 8);
    }
    assert_eq!(hear(&mut core, 2, Looking, plain(2), 9).len(), 1, "1 is with us again");
    assert!(core.decision().is_some());
}

#[test]
fn timers_that_do_not_fit_the_state_are_ignored() {
    let mut core = settled(1);
    for timer in [Timer::Startup, Timer::Resend, Timer::Settle, Timer::Grace, Timer::Confirm] {
        assert_eq!(fire(&mut core, timer), []);
    }
    let mut core = begun(1, members(3, 0));
    for timer in [Timer::Settle, Timer::Grace, Timer::Confirm] {
        assert_eq!(fire(&mut core, timer), []);
    }
}

#[test]
fn links_of_strangers_leave_no_trace() {
    let mut core = settled(1);
    let before = core.clone();
    for stranger in 1000..1100 {
        link_up(&mut core, [stranger]);
        link_down(&mut core, stranger);
        unreachable(&mut core, stranger);
    }
    assert_eq!(core, before);
}

#[test]
fn a_leader_of_another_round_than_was_decided_is_asked_again() {
    let mut core = settled(1);
    let actions = hear(&mut core, 3, Leading, vote(9, 9, 3), 2);
    assert!(looking_in(&actions, 2));
}

#[test]
fn a_leader_that_says_it_leads_but_names_an_earlier_vote_is_not_doubted() {
    for earlier in [vote(9, 9, 3), plain(2)] {
        let mut core = settled(1);
        assert_eq!(hear(&mut core, 3, Leading, earlier, 0), []);
        assert!(core.decision().is_some());
    }
}

#[test]
fn a_leader_heard_to_look_in_an_older_round_that_leads_again_in_it_has_caught_up() {
    let mut core = settled_among(1, 3, 3);
    begin(&mut core, 0, 0);
    for peer in [2, 3] {
        hear(&mut core, peer, Looking, plain(3), 2);
    }
    assert_eq!(core.decision(), Some(decision(Standing::Following, plain(3), 2)));
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert!(armed(&actions, Timer::Grace).is_some());
    assert!(cleared(&hear(&mut core, 3, Leading, plain(3), 1), Timer::Grace));
}

#[test]
fn the_leaders_word_does_not_stand_in_for_its_link() {
    let mut core = settled(1);
    link_down(&mut core, 3);
    assert_eq!(hear(&mut core, 3, Leading, vote(9, 9, 3), 1), [], "said before the link was lost");
    assert!(looking_in(&fire(&mut core, Timer::Grace), 2));
}

#[test]
fn who_did_not_elect_the_leader_is_no_follower_until_it_says_so() {
    // 1 and 2 elect 3 of five; 4 and 5 vote for themselves, and are heard to.
    let mut core = core_of(3, members(5, 0));
    link_up(&mut core, [1, 2, 4, 5]);
    begin(&mut core, 9, 9);
    for voter in [4, 5, 1, 2] {
        let choice = if voter < 4 { vote(9, 9, 3) } else { plain(voter) };
        hear(&mut core, voter, Looking, choice, 1);
    }
    fire(&mut core, Timer::Settle);
    assert_eq!(core.decision().unwrap().standing, Standing::Leading);
    let mut lonely = core.clone();
    link_down(&mut lonely, 1);
    assert!(looking_in(&unreachable(&mut lonely, 1), 2));
    hear(&mut core, 4, Following, vote(9, 9, 3), 1);
    link_down(&mut core, 1);
    assert!(!looking_in(&unreachable(&mut core, 1), 2), "4 took its place");
}

#[test]
fn what_voters_say_to_one_who_settled_is_its_tally_when_it_goes_on() {
    let mut core = core_of(4, members(5, 0));
    link_up(&mut core, [1, 2, 3, 5]);
    begin(&mut core, 0, 0);
    for voter in [1, 2, 3] {
        hear(&mut core, voter, Looking, plain(4), 1);
    }
    fire(&mut core, Timer::Settle);
    for voter in [1, 2] {
        assert!(!looking_in(&hear(&mut core, voter, Looking, plain(5), 1), 1));
    }
    let actions = hear(&mut core, 3, Looking, plain(5), 1);
    assert!(looking_in(&actions, 1));
    assert_eq!(core.state(), State::Settling, "with 1, 2 and 3 for 5");
    // Whatever else comes, their old votes elect nobody.
    assert_eq!(decided(&hear(&mut core, 1, Following, plain(4), 1)), None);
}

#[test]
fn an_election_does_not_go_on_in_its_round_when_others_look_in_a_newer_one() {
    let mut core = settled_among(1, 5, 4);
    assert_eq!(said(&hear(&mut core, 2, Looking, plain(2), 2)).len(), 1);
    let actions = hear(&mut core, 4, Looking, vote(9, 9, 5), 1);
    assert!(looking_in(&actions, 2) && !looking_in(&actions, 1));
    assert_eq!((core.vote(), core.ballots().count()), (Some(plain(2)), 2), "2 said it only once");
    assert!(said(&actions).ends_with(&[(4, Looking, Some(plain(2)), 2)]), "4 will join that round");
}

#[test]
fn observers_hear_how_an_election_ends_of_which_they_heard_that_it_began() {
    let mut core = settled(3);
    link_up(&mut core, [4]);
    begin(&mut core, 0, 0);
    hear(&mut core, 1, Looking, vote(5, 5, 2), 2);
    let actions = hear(&mut core, 2, Looking, vote(5, 5, 2), 2);
    assert!(said(&actions).contains(&(4, Following, Some(vote(5, 5, 2)), 2)));

    let mut core = begun(1, members(3, 1));
    assert_eq!(said(&link_up(&mut core, [4])).len(), 1);
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert_eq!(said(&actions), [(4, Following, Some(plain(3)), 1)]);
}

#[test]
fn a_vote_of_one_who_looked_earlier_counts_when_we_have_to_look_as_well() {
    let mut core = settled(1);
    hear(&mut core, 2, Looking, plain(2), 2);
    link_down(&mut core, 3);
    let actions = unreachable(&mut core, 3);
    // With 3 out of reach, 2 was the only one to wait for: no silence, no second saying.
    assert!(looking_in(&actions, 2));
    assert_eq!(core.decision().unwrap().vote, plain(2));
}

#[test]
fn of_those_who_looked_earlier_the_newest_round_is_taken_over() {
    let mut core = settled(1);
    hear(&mut core, 2, Looking, plain(2), 5);
    link_down(&mut core, 3);
    unreachable(&mut core, 3);
    assert_eq!((core.round(), core.vote()), (Round(5), Some(plain(2))));
}

#[test]
fn what_was_said_earlier_over_a_link_since_lost_does_not_count() {
    let mut core = settled(1);
    hear(&mut core, 2, Looking, plain(2), 5);
    link_down(&mut core, 2);
    link_down(&mut core, 3);
    unreachable(&mut core, 3);
    assert_eq!((core.round(), core.vote()), (Round(2), Some(plain(1))));
}

#[test]
fn an_election_that_the_votes_heard_while_settled_decide_ends_once() {
    let mut core = settled(1);
    unreachable(&mut core, 2);
    let actions = hear(&mut core, 3, Looking, plain(3), 2);
    let decided = actions.iter().filter(|action| matches!(action, Action::Decided(_))).count();
    assert_eq!((decided, core.decision().unwrap().round), (1, Round(2)));
}
