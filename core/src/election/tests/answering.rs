//! Who is answered, and who is told unasked.

use super::*;

#[test]
fn one_who_looks_hears_the_decision_with_its_round() {
    let mut core = settled(1);
    let winner = vote(9, 9, 3);
    for round in [0, 1, 7] {
        let actions = hear(&mut core, 2, Looking, plain(2), round);
        assert_eq!(said(&actions), [(2, Following, Some(winner), 1)]);
    }
    assert_eq!(core.round(), Round(1));
}

#[test]
fn the_leader_answers_that_it_leads() {
    let mut core = settled(3);
    let actions = hear(&mut core, 1, Looking, plain(1), 0);
    assert_eq!(said(&actions), [(1, Leading, Some(vote(9, 9, 3)), 1)]);
}

#[test]
fn one_who_looks_is_answered_even_if_its_vote_is_void() {
    let mut core = settled(1);
    for void in [None, Some(vote(9, 9, 77)), Some(vote(9, -1, 2))] {
        assert_eq!(said(&hear(&mut core, 2, Looking, void, 5)).len(), 1);
    }
}

#[test]
fn settled_servers_are_silent_to_each_other() {
    let mut core = settled(1);
    for state in [Following, Leading, Observing] {
        assert_eq!(hear(&mut core, 2, state, vote(9, 9, 3), 1), []);
    }
}

#[test]
fn a_server_without_a_vote_is_answered_at_once_whatever_it_says() {
    for (mut core, state, vote) in [
        (begun(1, members(3, 1)), Looking, plain(1)),
        (settled(1), Following, vote(9, 9, 3)),
        (settled(3), Leading, vote(9, 9, 3)),
    ] {
        for (from, says) in [(4, Looking), (1000, Looking), (1001, Leading), (1002, Observing)] {
            let actions = hear(&mut core, from, says, None, 99);
            assert_eq!(actions.len(), 1);
            assert_eq!(said(&actions), [(from, state, Some(vote), 1)]);
        }
    }
}

#[test]
fn a_server_without_a_vote_that_asked_is_told_how_the_election_ends() {
    let mut core = begun(1, members(3, 2));
    for asker in [4, 5, 1000] {
        hear(&mut core, asker, Looking, None, 1);
    }
    link_down(&mut core, 5);
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    let expected = [4, 1000].map(|to| (to, Following, Some(plain(3)), 1));
    assert_eq!(said(&actions), expected, "5 will hear it over its next link");
}

#[test]
fn a_server_without_a_vote_that_asked_is_told_the_end_though_the_voter_had_to_begin_anew() {
    let mut core = begun(1, members(3, 1));
    link_up(&mut core, [2, 4]);
    unreachable(&mut core, 3);
    hear(&mut core, 2, Looking, plain(3), 1);
    assert!(looking_in(&fire(&mut core, Timer::Settle), 2));
    let actions = hear(&mut core, 2, Looking, plain(2), 2);
    assert!(said(&actions).contains(&(4, Following, Some(plain(2)), 2)), "{actions:?}");
}

#[test]
fn only_so_many_strangers_are_remembered_but_all_are_answered() {
    let mut core = begun(1, members(3, 1));
    for stranger in 1000..2000 {
        assert_eq!(said(&hear(&mut core, stranger, Looking, None, 1)).len(), 1);
    }
    hear(&mut core, 4, Looking, None, 1);
    hear(&mut core, 2, Looking, plain(3), 1);
    let told = said(&hear(&mut core, 3, Looking, plain(3), 1));
    assert!(told.iter().any(|(to, ..)| *to == 4), "our observer always is");
    assert_eq!(told.len(), 257);
}

#[test]
fn a_settled_stranger_cannot_draw_one_who_looks_into_endless_answers() {
    let mut core = begun(1, members(3, 1));
    assert_eq!(said(&hear(&mut core, 4, Observing, plain(3), 1)).len(), 1);
    assert_eq!(said(&hear(&mut core, 4, Observing, plain(3), 1)), []);
    assert_eq!(said(&hear(&mut core, 4, Looking, None, 1)).len(), 1, "it asks");
}

#[test]
fn zookeeper_1807_observers_are_silent_to_each_other_but_answer_strangers() {
    let mut core = begun(4, members(3, 2));
    assert_eq!(link_up(&mut core, [5]), []);
    assert_eq!(hear(&mut core, 5, Looking, None, 1), []);
    assert_eq!(said(&hear(&mut core, 1000, Looking, None, 1)).len(), 1);
    let asks = said(&fire(&mut core, Timer::Resend));
    assert_eq!(asks.iter().map(|(to, ..)| *to).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn an_observer_asks_and_never_answers_a_voter() {
    let mut core = begun(4, members(3, 1));
    hear(&mut core, 1, Looking, plain(1), 7);
    assert_eq!(said(&hear(&mut core, 2, Looking, plain(2), 6)), [], "2 would answer the answer");
    hear(&mut core, 1, Following, plain(3), 7);
    hear(&mut core, 3, Leading, plain(3), 7);
    assert_eq!(core.decision().unwrap().standing, Standing::Observing);
    assert_eq!(said(&hear(&mut core, 2, Looking, plain(2), 6)), []);
}

#[test]
fn over_a_new_link_the_present_state_is_said() {
    let mut looking = begun(1, members(3, 1));
    for member in [2, 3, 4] {
        let actions = link_up(&mut looking, [member]);
        assert_eq!(said(&actions), [(member, Looking, Some(plain(1)), 1)]);
    }
    let mut core = settled(1);
    for member in [2, 3, 4] {
        let actions = link_up(&mut core, [member]);
        assert_eq!(said(&actions), [(member, Following, Some(vote(9, 9, 3)), 1)]);
    }
    assert_eq!(link_up(&mut core, [1000]), [], "a stranger has to ask");
}

#[test]
fn of_those_linked_while_we_look_only_observers_are_told_the_outcome_as_voters_hear_it_anyway() {
    let mut core = begun(1, members(3, 1));
    link_up(&mut core, [2, 4]);
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert!(decided(&actions).is_some());
    let settled: Vec<_> = said(&actions).into_iter().filter(|said| said.1 == Following).collect();
    assert_eq!(settled, [(4, Following, Some(plain(3)), 1)]);
}

#[test]
fn who_was_settled_until_now_is_told_our_better_vote_again_and_no_vote_that_is_its_own() {
    for (vote_of_1, answers) in [(plain(1), 1), (plain(2), 0)] {
        let mut core = begun(2, members(3, 0));
        hear(&mut core, 1, Following, plain(3), 1);
        assert_eq!(said(&hear(&mut core, 1, Looking, vote_of_1, 1)).len(), answers);
        assert_eq!(said(&hear(&mut core, 1, Looking, vote_of_1, 1)), [], "it has heard it");
    }
}

#[test]
fn before_it_begins_it_says_nothing_to_anybody() {
    let mut core = core_of(1, members(3, 1));
    assert_eq!(link_up(&mut core, [2, 3, 4]), []);
    assert_eq!(hear(&mut core, 2, Looking, plain(2), 1), []);
    assert_eq!(hear(&mut core, 3, Leading, plain(3), 1), []);
    assert_eq!(hear(&mut core, 4, Looking, None, 1), []);
    assert_eq!(link_down(&mut core, 2), []);
    assert_eq!(unreachable(&mut core, 2), []);
    assert_eq!(core.actions_on(Event::Doubted { peer: id(2) }), []);
    for timer in [Timer::Resend, Timer::Settle, Timer::Grace] {
        assert_eq!(fire(&mut core, timer), []);
    }
    assert_eq!((core.state(), core.round()), (State::Idle, Round(0)));
}
