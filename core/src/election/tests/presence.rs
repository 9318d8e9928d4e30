//! Who counts as being there: a peer that was heard over its present link, and nobody else.

use super::*;

const GRACE: Duration = Duration::from_millis(500);

fn question(from: u64) -> Event {
    let notification = notification(Looking, None, Round::OF_A_QUESTION.0);
    Event::Heard { from: id(from), notification }
}

fn doubted(core: &mut Election, peer: u64) -> Vec<Action> {
    core.actions_on(Event::Doubted { peer: id(peer) })
}

#[test]
fn silent_links_do_not_keep_a_leader_whose_followers_are_gone() {
    let mut core = settled(3);
    for peer in [1, 2] {
        link_down(&mut core, peer);
        link_up(&mut core, [peer]);
    }
    assert!(looking_in(&fire(&mut core, Timer::Grace), 2));
    let mut core = settled(3);
    for peer in [1, 2] {
        link_down(&mut core, peer);
        unreachable(&mut core, peer);
        link_up(&mut core, [peer]);
    }
    assert_eq!(core.state(), State::Looking, "without any grace: nobody may be there");
}

#[test]
fn a_silent_link_does_not_stand_in_for_the_leader() {
    let mut core = settled(1);
    assert_eq!(armed(&link_down(&mut core, 3), Timer::Grace), Some(GRACE));
    for _ in 0..100 {
        assert!(!cleared(&link_up(&mut core, [3]), Timer::Grace));
        assert!(!cleared(&link_down(&mut core, 3), Timer::Grace));
    }
    link_up(&mut core, [3]);
    assert!(looking_in(&fire(&mut core, Timer::Grace), 2));
}

#[test]
fn a_silent_link_to_a_voter_that_is_gone_makes_nobody_wait() {
    let mut core = begun(2, members(3, 0));
    unreachable(&mut core, 3);
    link_up(&mut core, [3]);
    let actions = hear(&mut core, 1, Looking, plain(2), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Leading, plain(2), 1)));
}

#[test]
fn any_word_shows_that_a_voter_is_there_again() {
    let words: [fn(&mut Election) -> Vec<Action>; 2] =
        [|core| core.actions_on(question(3)), |core| hear(core, 3, Looking, plain(1), 0)];
    for word in words {
        let mut core = begun(2, members(3, 0));
        unreachable(&mut core, 3);
        link_up(&mut core, [3]);
        word(&mut core);
        assert_eq!(decided(&hear(&mut core, 1, Looking, plain(2), 1)), None, "3 may vote, too");
    }
}

#[test]
fn a_word_received_before_its_link_was_lost_shows_nothing() {
    let mut core = settled(1);
    link_down(&mut core, 3);
    assert_eq!(core.actions_on(question(3)).len(), 1, "an answer that nobody will hear");
    assert!(looking_in(&fire(&mut core, Timer::Grace), 2));
}

#[test]
fn a_question_is_answered_with_the_present_state_and_counts_as_nothing_else() {
    let mut looking = begun(2, members(3, 1));
    let mut leading = settled(3);
    let mut following = settled(1);
    for (core, state) in
        [(&mut looking, Looking), (&mut leading, Leading), (&mut following, Following)]
    {
        let me = core.me();
        for from in [1, 2, 3, 4, 1000].into_iter().filter(|from| id(*from) != me) {
            let before = core.clone();
            let actions = core.actions_on(question(from));
            assert_eq!(said(&actions), [(from, state, before.vote(), 1)]);
            assert_eq!(actions.len(), 1);
            assert_eq!(*core, before);
        }
    }
    assert_eq!(core_of(1, members(3, 0)).actions_on(question(2)), [], "it has nothing to say yet");
}

#[test]
fn observers_answer_each_others_questions_and_that_is_the_end_of_it() {
    let mut core = begun(4, members(3, 2));
    let actions = core.actions_on(question(5));
    assert_eq!(said(&actions), [(5, Looking, None, 1)]);
    assert_eq!(hear(&mut core, 5, Looking, None, 1), []);
}

#[test]
fn in_doubt_the_present_state_is_said_again_and_a_sign_of_life_asked_for() {
    let mut core = settled(1);
    let actions = doubted(&mut core, 3);
    assert_eq!(said(&actions), [(3, Following, Some(vote(9, 9, 3)), 1)]);
    assert_eq!((asked(&actions), actions.len()), (vec![3], 2));
    let mut core = begun(1, members(3, 0));
    let actions = doubted(&mut core, 3);
    assert_eq!((asked(&actions), said(&actions).len(), actions.len()), (vec![3], 1, 2));
    assert_eq!(doubted(&mut core, 1000), [], "strangers are not missed");
    assert_eq!(doubted(&mut core, 1), [], "nor are we ourselves");
}

#[test]
fn however_often_a_link_is_doubted_the_wait_in_silence_goes_on() {
    let mut core = begun(1, members(3, 0));
    for _ in 0..100 {
        assert_eq!(armed(&doubted(&mut core, 3), Timer::Resend), None);
    }
}

#[test]
fn over_a_new_link_a_settled_server_asks_as_a_settled_peer_would_be_silent() {
    let mut core = settled(1);
    link_down(&mut core, 3);
    assert_eq!(asked(&link_up(&mut core, [3])), [3]);
    let mut core = begun(1, members(3, 0));
    assert!(asked(&link_up(&mut core, [3])).is_empty(), "its vote is a question already");
}

#[test]
fn voters_that_start_within_the_settle_time_of_each_other_are_waited_for() {
    let mut core = core_of(2, members(3, 0));
    let actions = begin(&mut core, 0, 0);
    assert_eq!(armed(&actions, Timer::Startup), Some(ElectionTiming::default().settle));
    unreachable(&mut core, 3);
    assert_eq!(decided(&hear(&mut core, 1, Looking, plain(2), 1)), None, "3 may be starting");
    let mut alone = core.clone();
    assert!(decided(&fire(&mut alone, Timer::Startup)).is_some());
    meet(&mut core, [3]);
    let best = vote(1, 1, 3);
    hear(&mut core, 3, Looking, best, 1);
    let actions = hear(&mut core, 1, Looking, best, 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Following, best, 1)));
    assert!(cleared(&actions, Timer::Startup));
}

#[test]
fn a_voter_that_was_met_and_lost_is_not_waited_for_though_we_have_only_started() {
    let mut core = core_of(2, members(3, 0));
    begin(&mut core, 0, 0);
    meet(&mut core, [1, 3]);
    link_down(&mut core, 3);
    unreachable(&mut core, 3);
    let actions = hear(&mut core, 1, Looking, plain(2), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Leading, plain(2), 1)));
}

#[test]
fn a_joiner_that_has_only_started_follows_an_established_leader_at_once() {
    let mut core = core_of(1, members(3, 0));
    begin(&mut core, 0, 0);
    hear(&mut core, 3, Leading, plain(3), 7);
    assert!(decided(&hear(&mut core, 2, Following, plain(3), 7)).is_some());
}

#[test]
fn an_election_after_the_first_does_not_wait_for_those_who_never_came() {
    let mut core = core_of(2, members(5, 0));
    begin(&mut core, 0, 0);
    meet(&mut core, [1, 3, 4]);
    unreachable(&mut core, 5);
    for peer in [1, 3, 4] {
        hear(&mut core, peer, Looking, plain(4), 1);
    }
    fire(&mut core, Timer::Startup);
    assert!(core.decision().is_some());
    link_down(&mut core, 4);
    unreachable(&mut core, 4);
    hear(&mut core, 1, Looking, plain(3), 2);
    assert!(decided(&hear(&mut core, 3, Looking, plain(3), 2)).is_some());
}
