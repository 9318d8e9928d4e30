//! For whom a server votes, and whose votes it counts.

use proptest::prelude::*;

use super::*;

const MAX: i64 = i64::MAX;

#[test]
fn it_begins_in_the_next_round_with_a_vote_for_itself() {
    let mut core = core_of(2, members(3, 1));
    assert_eq!(core.state(), State::Idle);
    let own = vote(1, 5, 2);
    // An empty member list stops real servers: without one, the older form is spoken.
    let format = Format::WithoutConfig { version: 1 };
    let say = |to| Action::Say {
        to: id(to),
        notification: Notification {
            state: Looking,
            vote: Some(own),
            round: Round(1),
            format: format.clone(),
        },
    };
    let after = Duration::from_millis(200);
    let expected = [
        Action::SetTimer { timer: Timer::Startup, after },
        Action::Looking { round: Round(1) },
        say(1),
        say(3),
        Action::SetTimer { timer: Timer::Resend, after },
    ];
    assert_eq!(begin(&mut core, 5, 1), expected);
    assert_eq!((core.state(), core.round(), core.vote()), (State::Looking, Round(1), Some(own)));
    let ballots: Vec<_> = core.ballots().map(|(id, ballot)| (id.number(), ballot.vote)).collect();
    assert_eq!(ballots, [(2, own)]);
}

#[test]
fn a_better_vote_of_the_same_round_is_adopted_and_said_to_all() {
    let mut core = begun(1, members(3, 0));
    let actions = hear(&mut core, 2, Looking, plain(2), 1);
    assert_eq!(said(&actions), [(2, Looking, Some(plain(2)), 1), (3, Looking, Some(plain(2)), 1)]);
}

#[test]
fn a_worse_vote_of_the_same_round_is_counted_in_silence() {
    let mut core = begun(2, members(3, 0));
    let actions = hear(&mut core, 1, Looking, plain(1), 1);
    assert_eq!(said(&actions), []);
    assert_eq!(core.ballots().count(), 2);
}

#[test]
fn one_that_was_settled_when_it_heard_the_vote_is_told_it_again_when_it_looks() {
    let mut core = begun(2, members(3, 0));
    hear(&mut core, 1, Following, plain(3), 0);
    let actions = hear(&mut core, 1, Looking, plain(1), 1);
    assert_eq!(said(&actions), [(1, Looking, Some(plain(2)), 1)]);
    assert_eq!(said(&hear(&mut core, 1, Looking, plain(1), 1)), [], "once");
}

#[test]
fn zookeeper_275_a_vote_of_a_newer_round_is_taken_over_with_its_round_and_the_old_ones_dropped() {
    let mut core = begun(1, members(5, 0));
    hear(&mut core, 2, Looking, plain(2), 1);
    let better = vote(0, 5, 3);
    let actions = hear(&mut core, 3, Looking, better, 2);
    assert!(looking_in(&actions, 2));
    let expected = [2, 3, 4, 5].map(|to| (to, Looking, Some(better), 2));
    assert_eq!(said(&actions), expected);
    let counted: Vec<_> = core.ballots().map(|(id, _)| id.number()).collect();
    assert_eq!(counted, [1, 3], "the vote of 2 belongs to the old round");
}

#[test]
fn in_a_newer_round_it_begins_anew_with_its_own_vote_not_with_what_it_had_adopted() {
    let mut core = core_of(3, members(5, 0));
    begin(&mut core, 5, 0);
    hear(&mut core, 4, Looking, vote(0, 9, 4), 1);
    hear(&mut core, 1, Looking, vote(0, 1, 1), 2);
    assert_eq!(core.vote(), Some(vote(0, 5, 3)), "4 may be gone since");
}

#[test]
fn an_older_round_is_answered_and_not_counted() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 2, Looking, plain(2), 7);
    let actions = hear(&mut core, 3, Looking, vote(9, 9, 3), 6);
    assert_eq!(said(&actions), [(3, Looking, Some(plain(2)), 7)]);
    assert!(core.ballots().all(|(voter, _)| voter != id(3)));
}

#[test]
fn the_newest_word_of_a_voter_replaces_what_it_said_before() {
    let mut core = begun(5, members(5, 0));
    hear(&mut core, 1, Looking, plain(1), 1);
    hear(&mut core, 1, Looking, plain(2), 1);
    let of_1: Vec<_> = core.ballots().filter(|(voter, _)| *voter == id(1)).collect();
    assert_eq!(of_1.len(), 1);
    assert_eq!(of_1[0].1.vote, plain(2));
    // It has started over: what it said in its former life is void.
    hear(&mut core, 1, Looking, plain(1), 0);
    assert!(core.ballots().all(|(voter, _)| voter != id(1)));
}

#[test]
fn zookeeper_491_a_server_that_weighs_nothing_is_never_voted_for() {
    let mut core = begun(0, one_group_with_weight());
    hear(&mut core, 8, Looking, vote(9, 9, 8), 1);
    assert_eq!(core.vote(), Some(plain(0)));
    hear(&mut core, 8, Looking, vote(9, 9, 8), 2);
    assert_eq!((core.vote(), core.round()), (Some(plain(0)), Round(2)), "its round counts");
}

#[test]
fn zookeeper_491_nor_is_it_by_one_that_heard_so_while_it_was_settled() {
    let mut core = begun(0, one_group_with_weight());
    for voter in [1, 2] {
        hear(&mut core, voter, Looking, plain(2), 1);
    }
    fire(&mut core, Timer::Settle);
    hear(&mut core, 8, Looking, vote(9, 9, 8), 2);
    begin(&mut core, 0, 0);
    assert_eq!((core.vote(), core.round()), (Some(plain(0)), Round(2)));
}

#[test]
fn a_voter_without_weight_votes_for_nobody_and_then_with_the_others() {
    let mut core = core_of(8, one_group_with_weight());
    let actions = begin(&mut core, 9, 9);
    assert_eq!(said(&actions).len(), 8);
    assert!(said(&actions).iter().all(|(_, _, vote, _)| vote.is_none()));
    hear(&mut core, 1, Looking, plain(1), 1);
    assert_eq!(core.vote(), Some(plain(1)));
}

#[test]
fn a_voter_that_votes_for_nobody_is_not_counted_but_answered_in_an_older_round() {
    let mut core = begun(0, one_group_with_weight());
    assert_eq!(said(&hear(&mut core, 8, Looking, None, 1)), []);
    assert_eq!(said(&hear(&mut core, 8, Looking, None, 5)), []);
    assert_eq!(said(&hear(&mut core, 8, Looking, None, 0)), [(8, Looking, Some(plain(0)), 1)]);
    assert_eq!((core.round(), core.ballots().count()), (Round(1), 1));
}

#[test]
fn zookeeper_764_an_observer_votes_for_nobody_asks_the_voters_and_adopts_their_vote() {
    let mut core = core_of(4, members(3, 2));
    let actions = begin(&mut core, 9, 9);
    assert_eq!(said(&actions), [1, 2, 3].map(|to| (to, Looking, None, 1)));
    hear(&mut core, 1, Looking, plain(3), 1);
    assert_eq!(core.vote(), Some(plain(3)));
    let counted: Vec<_> = core.ballots().map(|(id, _)| id.number()).collect();
    assert_eq!(counted, [1], "its own vote does not count");
}

#[test]
fn zookeeper_975_votes_of_those_who_have_none_are_never_counted() {
    let mut core = begun(1, members(3, 2));
    for stranger in [4, 5, 77] {
        for state in [Looking, Following, Leading, Observing] {
            hear(&mut core, stranger, state, plain(3), 1);
            hear(&mut core, stranger, state, vote(9, 9, 3), 9);
        }
    }
    assert_eq!((core.round(), core.vote()), (Round(1), Some(plain(1))));
    assert_eq!((core.ballots().count(), core.established().count()), (1, 0));
}

#[test]
fn zookeeper_2988_votes_for_those_who_are_no_voters_are_ignored() {
    let mut core = begun(1, members(3, 1));
    for nobody in [4, 77] {
        for state in [Looking, Following, Leading] {
            assert_eq!(said(&hear(&mut core, 2, state, vote(9, 9, nobody), 1)), []);
            assert_eq!(said(&hear(&mut core, 3, state, vote(9, 9, nobody), 2)), []);
        }
    }
    assert_eq!((core.round(), core.vote()), (Round(1), Some(plain(1))));
    assert_eq!((core.ballots().count(), core.established().count()), (1, 0));
}

#[test]
fn zookeeper_261_a_vote_on_an_erased_history_is_ignored() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 2, Looking, vote(9, -1, 2), 1);
    hear(&mut core, 3, Looking, vote(9, -1, 3), 8);
    assert_eq!((core.round(), core.vote()), (Round(1), Some(plain(1))));
    assert_eq!(core.ballots().count(), 1);
}

#[test]
fn zookeeper_261_an_erased_server_does_not_help_to_elect_but_joins_who_was_elected() {
    let mut core = core_of(3, members(3, 0));
    begin(&mut core, -1, 0);
    hear(&mut core, 1, Looking, plain(1), 1);
    hear(&mut core, 2, Looking, plain(1), 1);
    assert_eq!((core.state(), core.ballots().count()), (State::Looking, 0));
    hear(&mut core, 2, Following, plain(1), 1);
    let actions = hear(&mut core, 1, Leading, plain(1), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, plain(1), 1)));
}

#[test]
fn an_erased_server_does_not_even_elect_itself_alone() {
    let mut core = core_of(1, members(1, 0));
    assert_eq!(decided(&begin(&mut core, -1, 0)), None);
}

#[test]
fn its_own_words_coming_back_mean_nothing() {
    let mut core = begun(1, members(3, 0));
    assert_eq!(hear(&mut core, 1, Looking, vote(9, 9, 3), 5), []);
    assert_eq!(core.round(), Round(1));
}

#[test]
fn the_largest_round_there_is_stays_the_largest() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 2, Looking, plain(2), MAX);
    assert_eq!(core.round(), Round(MAX));
    let actions = begin(&mut core, 0, 0);
    assert!(looking_in(&actions, MAX));
    assert_eq!(core.vote(), Some(plain(1)));
}

#[test]
fn rounds_below_zero_are_merely_old() {
    let mut core = begun(1, members(3, 0));
    let actions = hear(&mut core, 2, Looking, vote(9, 9, 2), i64::MIN);
    assert_eq!(said(&actions), [(2, Looking, Some(plain(1)), 1)]);
}

#[test]
fn in_silence_the_vote_is_said_again_after_a_wait_that_doubles_up_to_a_limit() {
    let mut core = begun(1, members(3, 0));
    let mut waits = Vec::new();
    for _ in 0..10 {
        let actions = fire(&mut core, Timer::Resend);
        assert_eq!(said(&actions).len(), 2);
        assert!(actions.contains(&Action::Reconnect), "nobody is linked");
        waits.push(armed(&actions, Timer::Resend).unwrap().as_millis());
    }
    assert_eq!(waits, [400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
}

#[test]
fn with_every_voter_heard_over_its_link_nothing_is_to_be_reconnected() {
    let mut core = begun(1, members(3, 1));
    meet(&mut core, [2]);
    link_up(&mut core, [3]);
    assert!(fire(&mut core, Timer::Resend).contains(&Action::Reconnect));
    meet(&mut core, [3]);
    assert!(!fire(&mut core, Timer::Resend).contains(&Action::Reconnect));
}

#[test]
fn zookeeper_3218_any_word_of_a_voter_restarts_the_wait_and_a_new_link_shortens_it() {
    let mut core = begun(1, members(3, 1));
    fire(&mut core, Timer::Resend);
    fire(&mut core, Timer::Resend);
    let actions = hear(&mut core, 3, Looking, plain(1), 1);
    assert_eq!(armed(&actions, Timer::Resend), Some(Duration::from_millis(800)));
    let actions = link_up(&mut core, [2]);
    assert_eq!(armed(&actions, Timer::Resend), Some(Duration::from_millis(200)));
    assert_eq!(said(&actions), [(2, Looking, Some(plain(1)), 1)]);
}

fn any_vote() -> impl Strategy<Value = Vote> {
    // Few values, so that they often meet; and the ends of the range.
    let field = || prop_oneof![-2..3_i64, Just(i64::MIN), Just(MAX)];
    (field(), field(), 0..4_u64).prop_map(|(epoch, zxid, leader)| vote(epoch, zxid, leader))
}

proptest! {
    #[test]
    fn zookeeper_1082_votes_are_compared_by_epoch_then_zxid_then_id(a in any_vote(), b in any_vote()) {
        let better = a.epoch > b.epoch
            || a.epoch == b.epoch && a.zxid > b.zxid
            || a.epoch == b.epoch && a.zxid == b.zxid && a.leader > b.leader;
        prop_assert_eq!(a > b, better);
    }

    #[test]
    fn zookeeper_1419_the_order_of_votes_is_total_and_transitive(
        a in any_vote(),
        b in any_vote(),
        c in any_vote(),
    ) {
        let ways = [a < b, a == b, a > b];
        prop_assert_eq!(ways.iter().filter(|way| **way).count(), 1);
        prop_assert!(!(a < b && b < c) || a < c);
    }

    #[test]
    fn whatever_is_heard_the_vote_never_falls_within_a_round(
        words in proptest::collection::vec((2..5_u64, any_vote(), 0..4_i64), 1..30),
    ) {
        let mut core = begun(1, members(4, 0));
        for (from, vote, round) in words {
            let before = (core.round(), core.vote());
            hear(&mut core, from, Looking, vote, round);
            prop_assert!((core.round(), core.vote()) >= before);
        }
    }
}
