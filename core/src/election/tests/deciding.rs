//! When an election ends, and how.

use super::*;

#[test]
fn a_single_voter_elects_itself_at_once() {
    let mut core = core_of(1, members(1, 1));
    let actions = begin(&mut core, 7, 2);
    assert_eq!(decided(&actions), Some(decision(Standing::Leading, vote(2, 7, 1), 1)));
    assert!(cleared(&actions, Timer::Resend) && cleared(&actions, Timer::Settle));
    assert_eq!(core.vote(), Some(vote(2, 7, 1)));
}

#[test]
fn when_all_voters_vote_alike_nothing_is_waited_for() {
    let mut core = begun(3, members(3, 1));
    let actions = hear(&mut core, 1, Looking, plain(3), 1);
    assert_eq!(armed(&actions, Timer::Settle), Some(Duration::from_millis(200)));
    let actions = hear(&mut core, 2, Looking, plain(3), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Leading, plain(3), 1)));
    assert!(cleared(&actions, Timer::Resend) && cleared(&actions, Timer::Settle));
}

#[test]
fn nobody_waits_for_a_voter_that_cannot_be_reached() {
    let mut core = begun(2, members(3, 0));
    unreachable(&mut core, 3);
    let actions = hear(&mut core, 1, Looking, plain(2), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Leading, plain(2), 1)));
    assert_eq!(armed(&actions, Timer::Settle), None);
}

#[test]
fn zookeeper_131_nobody_follows_a_candidate_that_cannot_be_reached_though_all_vote_for_it() {
    let mut core = begun(1, members(3, 0));
    link_up(&mut core, [2]);
    unreachable(&mut core, 3);
    let actions = hear(&mut core, 2, Looking, plain(3), 1);
    assert!(decided(&actions).is_none() && armed(&actions, Timer::Settle).is_some());
    assert!(looking_in(&fire(&mut core, Timer::Settle), 2));
    let actions = hear(&mut core, 2, Looking, plain(2), 2);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, plain(2), 2)));
}

#[test]
fn a_candidate_that_is_found_while_settling_is_followed() {
    let mut core = begun(1, members(3, 0));
    link_up(&mut core, [2]);
    unreachable(&mut core, 3);
    hear(&mut core, 2, Looking, plain(3), 1);
    meet(&mut core, [3]);
    let actions = fire(&mut core, Timer::Settle);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, plain(3), 1)));
}

#[test]
fn nobody_leads_those_it_cannot_reach_though_they_voted_for_it() {
    let mut core = begun(3, members(3, 0));
    link_up(&mut core, [1]);
    hear(&mut core, 1, Looking, plain(3), 1);
    assert_eq!(core.state(), State::Settling);
    link_down(&mut core, 1);
    assert!(cleared(&unreachable(&mut core, 1), Timer::Settle));
    assert_eq!(core.state(), State::Looking);
}

#[test]
fn a_leader_that_has_gone_is_not_joined_whatever_it_and_its_followers_said() {
    let mut core = begun(1, members(5, 0));
    hear(&mut core, 5, Leading, plain(5), 1);
    hear(&mut core, 4, Following, plain(5), 1);
    unreachable(&mut core, 5);
    assert_eq!(decided(&hear(&mut core, 3, Following, plain(5), 1)), None);
}

#[test]
fn a_voter_found_unreachable_ends_the_wait_and_one_found_again_does_not_shorten_it() {
    let mut core = begun(2, members(3, 0));
    link_up(&mut core, [1, 3]);
    hear(&mut core, 1, Looking, plain(2), 1);
    assert_eq!(decided(&link_down(&mut core, 3)), None, "it may be back at once");
    assert_eq!(core.state(), State::Settling);
    assert!(decided(&unreachable(&mut core, 3)).is_some());

    let mut core = begun(2, members(3, 0));
    unreachable(&mut core, 3);
    meet(&mut core, [3]);
    assert_eq!(decided(&hear(&mut core, 1, Looking, plain(2), 1)), None);
    assert_eq!(core.state(), State::Settling);
}

#[test]
fn the_settle_timer_ends_the_wait_for_a_voter_not_yet_heard() {
    let mut core = begun(2, members(3, 0));
    hear(&mut core, 1, Looking, plain(2), 1);
    let actions = fire(&mut core, Timer::Settle);
    assert_eq!(decided(&actions), Some(decision(Standing::Leading, plain(2), 1)));
}

#[test]
fn a_vote_that_is_not_better_does_not_prolong_the_wait() {
    let mut core = begun(5, members(5, 0));
    hear(&mut core, 1, Looking, plain(5), 1);
    let actions = hear(&mut core, 2, Looking, plain(5), 1);
    assert!(armed(&actions, Timer::Settle).is_some());
    for again in [(1, plain(5)), (3, plain(3)), (2, plain(5))] {
        let actions = hear(&mut core, again.0, Looking, again.1, 1);
        assert_eq!(armed(&actions, Timer::Settle), None);
        assert!(!cleared(&actions, Timer::Settle));
    }
}

#[test]
fn zookeeper_3109_a_better_vote_while_settling_is_taken_and_nothing_heard_meanwhile_is_lost() {
    let mut core = begun(2, members(5, 0));
    hear(&mut core, 1, Looking, plain(2), 1);
    hear(&mut core, 3, Looking, plain(2), 1);
    assert_eq!(core.state(), State::Settling);
    // 4 votes for 5 before 5 itself is heard; 1 and 3 have turned to 5 as well.
    let actions = hear(&mut core, 4, Looking, plain(5), 1);
    assert!(cleared(&actions, Timer::Settle));
    assert_eq!(said(&actions).len(), 4);
    assert_eq!((core.state(), core.vote()), (State::Looking, Some(plain(5))));
    assert_eq!(fire(&mut core, Timer::Settle), [], "it was cleared");
    hear(&mut core, 1, Looking, plain(5), 1);
    assert_eq!(core.state(), State::Settling, "4 was kept: that makes three");
}

#[test]
fn a_newer_round_while_settling_goes_back_to_looking() {
    let mut core = begun(2, members(3, 0));
    hear(&mut core, 1, Looking, plain(2), 1);
    let actions = hear(&mut core, 3, Looking, plain(1), 2);
    assert!(cleared(&actions, Timer::Settle) && looking_in(&actions, 2));
    assert_eq!((core.state(), core.vote()), (State::Looking, Some(plain(2))));
}

#[test]
fn a_quorum_that_falls_apart_while_settling_is_none() {
    let mut core = begun(2, members(3, 0));
    hear(&mut core, 1, Looking, plain(2), 1);
    assert_eq!(core.state(), State::Settling);
    // 1 has started over, in an older round.
    let actions = hear(&mut core, 1, Looking, plain(1), 0);
    assert!(cleared(&actions, Timer::Settle));
    assert_eq!(core.state(), State::Looking);
}

#[test]
fn a_voter_without_weight_that_votes_for_nobody_delays_no_longer_than_the_settle_timer() {
    let mut core = begun(2, one_group_with_weight());
    for silent in [5, 6, 7, 8] {
        unreachable(&mut core, silent);
    }
    for voter in [0, 1, 3] {
        hear(&mut core, voter, Looking, plain(2), 1);
    }
    hear(&mut core, 4, Looking, None, 1);
    assert_eq!(core.state(), State::Settling);
    assert!(decided(&fire(&mut core, Timer::Settle)).is_some());
}

#[test]
fn zookeeper_498_with_weightless_groups_the_one_that_weighs_decides() {
    let mut core = begun(1, one_group_with_weight());
    for voter in 3..9 {
        hear(&mut core, voter, Looking, plain(1), 1);
    }
    assert_eq!(core.state(), State::Looking, "six votes that weigh nothing");
    hear(&mut core, 0, Looking, plain(1), 1);
    assert_eq!(core.state(), State::Settling);
}

#[test]
fn an_observer_watches_whom_a_quorum_of_voters_elects() {
    let mut core = begun(4, members(3, 1));
    hear(&mut core, 1, Looking, plain(3), 1);
    assert_eq!(core.state(), State::Looking, "its own vote does not count");
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Observing, plain(3), 1)));
}

#[test]
fn zookeeper_157_a_late_joiner_follows_whom_a_quorum_follows_in_their_round() {
    let mut core = begun(2, members(5, 0));
    let winner = vote(3, 8, 4);
    for follower in [1, 3] {
        assert_eq!(decided(&hear(&mut core, follower, Following, winner, 7)), None);
    }
    let actions = hear(&mut core, 4, Leading, winner, 7);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, winner, 7)));
    assert_eq!(core.round(), Round(7));
    let expected = [1, 3, 4, 5].map(|to| (to, Following, Some(winner), 7));
    assert_eq!(said(&actions), expected, "it had said otherwise before");
}

#[test]
fn a_joiner_with_a_newer_round_and_a_better_vote_goes_back_to_the_round_of_the_settled() {
    let mut core = core_of(3, members(3, 0));
    begin(&mut core, 99, 9);
    hear(&mut core, 1, Looking, plain(1), 12);
    hear(&mut core, 1, Following, plain(2), 4);
    let actions = hear(&mut core, 2, Leading, plain(2), 4);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, plain(2), 4)));
    assert_eq!(core.ballots().count(), 0, "the votes of its own round decided nothing");
}

#[test]
fn zookeeper_480_nobody_is_followed_without_its_own_word_that_it_leads() {
    let mut core = begun(5, members(5, 0));
    let winner = vote(1, 1, 4);
    for (round, speaks) in [(1, false), (6, false), (6, true)] {
        for follower in [1, 2, 3] {
            hear(&mut core, follower, Following, winner, round);
        }
        assert_eq!(core.state(), State::Looking, "4 did not say so");
        if speaks {
            // That it follows itself is not the word.
            hear(&mut core, 4, Following, winner, round);
            assert_eq!(core.state(), State::Looking);
            let actions = hear(&mut core, 4, Leading, winner, round);
            assert_eq!(decided(&actions), Some(decision(Standing::Following, winner, 6)));
        }
    }
}

#[test]
fn one_that_claims_to_lead_needs_a_quorum_that_follows() {
    let mut core = begun(1, members(5, 0));
    hear(&mut core, 5, Leading, plain(5), 3);
    hear(&mut core, 4, Following, plain(5), 3);
    assert_eq!(core.state(), State::Looking, "two of five");
}

#[test]
fn zookeeper_3537_the_settled_of_our_own_round_suffice_together_with_the_votes_of_that_round() {
    let mut core = begun(1, members(5, 0));
    let winner = vote(1, 1, 5);
    hear(&mut core, 2, Looking, winner, 1);
    hear(&mut core, 3, Looking, vote(0, 0, 3), 1);
    // Our own vote, that of 2, and the leader's word make three; only one of them is settled.
    let actions = hear(&mut core, 5, Leading, winner, 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, winner, 1)));
}

#[test]
fn zookeeper_1514_an_older_rounds_followers_do_not_make_a_leader() {
    let mut core = begun(1, members(3, 0));
    begin(&mut core, 0, 0);
    for follower in [2, 3] {
        hear(&mut core, follower, Following, plain(1), 1);
    }
    assert_eq!((core.state(), core.round()), (State::Looking, Round(2)));
    // In its own round they do, its own vote counted.
    let actions = hear(&mut core, 3, Following, plain(1), 2);
    assert_eq!(decided(&actions), Some(decision(Standing::Leading, plain(1), 2)));
}

#[test]
fn zookeeper_1732_the_settled_may_remember_different_zxids_and_rounds_for_their_leader() {
    let mut core = begun(1, members(5, 0));
    hear(&mut core, 2, Following, vote(4, 7, 5), 3);
    hear(&mut core, 3, Following, vote(4, 9, 5), 8);
    let actions = hear(&mut core, 5, Leading, vote(4, 8, 5), 6);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, vote(4, 8, 5), 6)));
}

#[test]
fn zookeeper_1732_different_epochs_are_different_leaderships_unless_one_side_has_no_version() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 2, Following, vote(3, 7, 3), 3);
    hear(&mut core, 3, Leading, vote(4, 7, 3), 4);
    assert_eq!(core.state(), State::Looking);
    let mut old = notification(Following, vote(3, 7, 3), 3);
    old.format = Format::WithoutConfig { version: 1 };
    let actions = core.actions_on(Event::Heard { from: id(2), notification: old });
    assert_eq!(decided(&actions), Some(decision(Standing::Following, vote(4, 7, 3), 4)));
}

#[test]
fn zookeeper_1732_one_without_a_version_brings_those_together_that_do_not_agree_with_the_leader() {
    let mut core = begun(1, members(5, 0));
    hear(&mut core, 5, Leading, vote(4, 7, 5), 4);
    hear(&mut core, 3, Following, vote(3, 7, 5), 3);
    let mut old = notification(Following, vote(3, 7, 5), 3);
    old.format = Format::WithoutConfig { version: 1 };
    let actions = core.actions_on(Event::Heard { from: id(2), notification: old });
    assert_eq!(decided(&actions), Some(decision(Standing::Following, vote(4, 7, 5), 4)));
}

#[test]
fn the_leaders_own_word_on_vote_and_round_is_taken_over() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 3, Leading, vote(4, 8, 3), 6);
    let actions = hear(&mut core, 2, Following, vote(4, 7, 3), 5);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, vote(4, 8, 3), 6)));
}

#[test]
fn one_that_settled_and_looks_again_no_longer_speaks_for_its_leader() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 2, Following, plain(3), 4);
    hear(&mut core, 2, Looking, plain(2), 0);
    hear(&mut core, 3, Leading, plain(3), 4);
    assert_eq!(core.state(), State::Looking);
}

#[test]
fn what_was_said_over_a_lost_link_no_longer_proves_a_leader() {
    let mut core = begun(1, members(3, 0));
    link_up(&mut core, [2, 3]);
    hear(&mut core, 3, Leading, plain(3), 4);
    link_down(&mut core, 3);
    hear(&mut core, 2, Following, plain(3), 4);
    assert_eq!(core.state(), State::Looking);
    hear(&mut core, 3, Leading, plain(3), 4);
    assert_eq!(core.decision().unwrap().standing, Standing::Following);
}

#[test]
fn a_server_that_weighs_nothing_is_not_followed_even_if_a_quorum_says_so() {
    let mut core = begun(0, one_group_with_weight());
    for voter in [1, 2] {
        hear(&mut core, voter, Following, plain(8), 3);
    }
    hear(&mut core, 8, Leading, plain(8), 3);
    assert_eq!(core.state(), State::Looking);
}

#[test]
fn what_the_last_election_knew_of_the_settled_is_forgotten_in_the_next() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 3, Leading, plain(3), 4);
    begin(&mut core, 0, 0);
    hear(&mut core, 2, Following, plain(3), 4);
    assert_eq!(core.state(), State::Looking);
}

#[test]
fn a_candidate_that_follows_another_is_not_elected_though_others_still_vote_for_it() {
    let mut core = begun(1, members(5, 0));
    hear(&mut core, 4, Following, plain(5), 9);
    for voter in [2, 3, 5] {
        assert_eq!(decided(&hear(&mut core, voter, Looking, plain(4), 1)), None);
    }
    assert_eq!(core.state(), State::Looking);
    hear(&mut core, 4, Looking, plain(4), 1);
    assert!(core.decision().is_some(), "it looks again, and votes with the others");
}

#[test]
fn a_leader_takes_the_word_of_followers_that_remember_different_histories_of_it() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 2, Following, vote(0, 1, 1), 1);
    let actions = hear(&mut core, 3, Following, vote(0, 2, 1), 1);
    let standing = decided(&actions).map(|decision| decision.standing);
    assert_eq!(standing, Some(Standing::Leading));
}
