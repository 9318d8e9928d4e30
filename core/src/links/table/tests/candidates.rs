//! What takes the place of a link, and what does not.

use super::*;

fn spoke(table: &mut LinkTable, link: LinkId) -> Vec<Action> {
    table.actions_on(Event::Spoke { link })
}

fn candidate_spoke(table: &mut LinkTable, socket: u64) -> Vec<Action> {
    table.actions_on(Event::CandidateSpoke { socket: SocketId(socket) })
}

fn fire(table: &mut LinkTable, timer: Timer) -> Vec<Action> {
    table.actions_on(Event::TimerFired(timer))
}

fn doubted(actions: &[Action], link: LinkId) -> bool {
    actions.contains(&Action::Notify(Notice::Doubted(link)))
}

fn dropped(actions: &[Action]) -> Vec<u64> {
    let mut dropped = Vec::new();
    for action in actions {
        if let Action::DropSocket(socket) = action {
            dropped.push(socket.0);
        }
    }
    dropped
}

/// A table with a link to 8, generation 2, over which 8 has spoken.
fn in_touch_with_8() -> LinkTable {
    let mut table = linked_to_8();
    spoke(&mut table, link(8, 2));
    table
}

/// A table with a link to 3, generation 2, over which 3 has spoken.
fn in_touch_with_3() -> LinkTable {
    let mut table = linked_to_3();
    spoke(&mut table, link(3, 2));
    table
}

fn answer_of_8() -> Timer {
    Timer::Answer(id(8))
}

#[test]
fn a_second_connection_of_a_higher_id_is_heard_out_and_touches_nothing_before_it_speaks() {
    for mut table in [linked_to_8(), in_touch_with_8()] {
        let actions = greeted(&mut table, 8, 20);
        let timing = LinkTiming::default();
        let timer = Timer::Candidate(SocketId(20));
        let wait = Action::SetTimer { timer, after: timing.candidate };
        assert_eq!(actions, [Action::HearOut(SocketId(20)), wait]);
        assert_eq!(dropped(&fire(&mut table, timer)), [20]);
        assert_eq!(fire(&mut table, timer), []);
        assert_eq!(table.link(id(8)), Some(link(8, 2)));
    }
}

#[test]
fn a_candidate_that_speaks_puts_the_link_in_doubt_once() {
    let mut table = in_touch_with_8();
    for socket in 20..24 {
        greeted(&mut table, 8, socket);
    }
    let actions = candidate_spoke(&mut table, 20);
    assert!(doubted(&actions, link(8, 2)));
    let wait = Action::SetTimer { timer: answer_of_8(), after: 2 * LinkTiming::default().answer };
    assert!(actions.contains(&wait));
    for socket in 21..24 {
        assert_eq!(candidate_spoke(&mut table, socket), []);
    }
}

#[test]
fn a_link_that_answers_keeps_its_place_and_all_that_have_spoken_are_dropped() {
    let mut table = in_touch_with_8();
    for socket in 20..24 {
        greeted(&mut table, 8, socket);
    }
    candidate_spoke(&mut table, 21);
    candidate_spoke(&mut table, 23);
    let actions = spoke(&mut table, link(8, 2));
    assert_eq!(dropped(&actions), [21, 23]);
    // For a moment it is not asked again.
    assert_eq!(dropped(&candidate_spoke(&mut table, 20)), [20]);
    fire(&mut table, answer_of_8());
    assert_eq!(table.link(id(8)), Some(link(8, 2)));
    assert!(doubted(&candidate_spoke(&mut table, 22), link(8, 2)), "then it is");
}

#[test]
fn a_link_that_does_not_answer_gives_way_to_the_first_that_spoke() {
    for mut table in [linked_to_8(), in_touch_with_8()] {
        for socket in [20, 21, 22] {
            greeted(&mut table, 8, socket);
        }
        candidate_spoke(&mut table, 21);
        let actions = fire(&mut table, answer_of_8());
        let closed = Action::CloseLink { link: link(8, 2) };
        let news = [link(8, 2), link(8, 3)];
        assert_eq!(actions.first(), Some(&closed));
        assert!(actions.contains(&Action::Notify(Notice::LinkDown(news[0]))));
        assert!(actions.contains(&Action::Notify(Notice::LinkUp(news[1]))));
        assert!(actions.contains(&Action::OpenLink { link: link(8, 3), socket: SocketId(21) }));
        // The others go on waiting, and may speak against the new one.
        assert!(doubted(&candidate_spoke(&mut table, 22), link(8, 3)));
    }
}

#[test]
fn a_stranger_that_took_the_place_of_a_silent_link_gives_way_itself_once_it_is_silent() {
    let mut table = in_touch_with_8();
    greeted(&mut table, 8, 20);
    candidate_spoke(&mut table, 20);
    greeted(&mut table, 8, 21);
    candidate_spoke(&mut table, 21);
    let actions = fire(&mut table, answer_of_8());
    assert!(doubted(&actions, link(8, 3)), "one more has spoken");
    let actions = fire(&mut table, answer_of_8());
    assert!(actions.contains(&Action::OpenLink { link: link(8, 4), socket: SocketId(21) }));
}

#[test]
fn a_crowd_of_silent_candidates_pushes_out_none_that_has_spoken() {
    let mut table = in_touch_with_8();
    greeted(&mut table, 8, 20);
    candidate_spoke(&mut table, 20);
    let mut gone = Vec::new();
    for socket in 100..1100 {
        gone.extend(dropped(&greeted(&mut table, 8, socket)));
    }
    let most = CANDIDATES_MAX as u64 - 1;
    assert_eq!(gone, (100..1100 - most).collect::<Vec<_>>(), "the longest silent first");
    let present = table.peers[&id(8)].link.as_ref().unwrap();
    assert_eq!(present.rivals.count(), CANDIDATES_MAX);
    let actions = fire(&mut table, answer_of_8());
    assert!(actions.contains(&Action::OpenLink { link: link(8, 3), socket: SocketId(20) }));
}

#[test]
fn when_as_many_have_spoken_as_may_wait_the_next_one_has_to_go() {
    let mut table = in_touch_with_8();
    for socket in 0..CANDIDATES_MAX as u64 {
        greeted(&mut table, 8, 100 + socket);
        candidate_spoke(&mut table, 100 + socket);
    }
    assert_eq!(greeted(&mut table, 8, 200).last(), Some(&Action::DropSocket(SocketId(200))));
}

#[test]
fn a_candidate_that_ends_takes_nothing_with_it() {
    let mut table = in_touch_with_8();
    greeted(&mut table, 8, 20);
    candidate_spoke(&mut table, 20);
    let ended = Event::CandidateEnded { socket: SocketId(20) };
    assert_eq!(dropped(&table.actions_on(ended.clone())), [20]);
    assert_eq!(table.actions_on(ended), []);
    assert_eq!(fire(&mut table, answer_of_8()), [], "nobody is there to take its place");
    assert_eq!(table.link(id(8)), Some(link(8, 2)));
}

#[test]
fn when_the_link_breaks_the_first_candidate_that_spoke_becomes_the_link_else_the_newest() {
    for (speaks, opened) in [(Some(21), 21), (None, 22)] {
        let mut table = in_touch_with_8();
        for socket in [20, 21, 22] {
            greeted(&mut table, 8, socket);
        }
        if let Some(socket) = speaks {
            candidate_spoke(&mut table, socket);
        }
        let actions = table.actions_on(Event::LinkDown { link: link(8, 2) });
        let open = Action::OpenLink { link: link(8, 3), socket: SocketId(opened) };
        assert!(actions.contains(&open), "{actions:?}");
    }
}

#[test]
fn a_knock_puts_the_link_in_doubt_and_touches_nothing_as_long_as_it_is_answered() {
    let mut table = in_touch_with_3();
    let mut asked = 0;
    for socket in 10..1010 {
        let actions = greeted(&mut table, 3, socket);
        assert_eq!(dropped(&actions), [socket]);
        if doubted(&actions, link(3, 2)) {
            asked += 1;
            assert_eq!(spoke(&mut table, link(3, 2)).len(), 1, "a timer");
        }
    }
    assert_eq!(asked, 1, "at most once between two waits");
    fire(&mut table, Timer::Answer(id(3)));
    assert!(doubted(&greeted(&mut table, 3, 9), link(3, 2)));
    spoke(&mut table, link(3, 2));
    assert_eq!(table.link(id(3)), Some(link(3, 2)));
}

/// Who knocked may have meant to answer to a dial: it is given longer.
#[test]
fn an_answer_is_waited_for_as_long_as_what_raised_the_doubt_needs() {
    let timing = LinkTiming::default();
    let mut table = in_touch_with_3();
    let wait = Action::SetTimer { timer: Timer::Answer(id(3)), after: 2 * timing.answer_to_knock };
    assert!(greeted(&mut table, 3, 10).contains(&wait));
    let mut table = in_touch_with_8();
    greeted(&mut table, 8, 20);
    let wait = Action::SetTimer { timer: answer_of_8(), after: 2 * timing.answer };
    assert!(candidate_spoke(&mut table, 20).contains(&wait));
    assert_ne!(timing.answer, timing.answer_to_knock);
}

#[test]
fn a_lower_id_that_knocks_and_does_not_answer_over_its_link_is_dialled_at_once() {
    let mut table = in_touch_with_3();
    greeted(&mut table, 3, 10);
    let actions = fire(&mut table, Timer::Answer(id(3)));
    assert_eq!(actions[0], Action::CloseLink { link: link(3, 2) });
    let dial = Action::Dial { link: link(3, 3), approach: Approach::Connect };
    assert_eq!(actions.last(), Some(&dial));
}

#[test]
fn a_link_over_which_nothing_was_ever_said_backs_off_however_often_somebody_knocks() {
    let mut table = linked_to_3();
    let mut waits = Vec::new();
    for socket in 10..20 {
        greeted(&mut table, 3, socket);
        let actions = fire(&mut table, Timer::Answer(id(3)));
        waits.extend(redial_after(&actions, 3));
        let actions = fire(&mut table, Timer::Redial(id(3)));
        let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
        table.actions_on(Event::Dialed { link: *link, socket: SocketId(100 + socket) });
        // It lasts, but that is no success.
        fire(&mut table, Timer::Steady(id(3)));
    }
    let milliseconds: Vec<_> = waits.iter().map(Duration::as_millis).collect();
    assert_eq!(milliseconds, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]);
}

#[test]
fn a_link_over_which_nothing_is_said_is_closed_after_a_while() {
    let mut table = linked_to_8();
    let actions = fire(&mut table, Timer::Silence(id(8)));
    assert_eq!(actions[0], Action::CloseLink { link: link(8, 2) });
    assert!(actions.contains(&Action::Notify(Notice::LinkDown(link(8, 2)))));

    let mut table = linked_to_8();
    let cleared = [Timer::Silence(id(8)), Timer::Redial(id(8))].map(Action::ClearTimer);
    assert_eq!(spoke(&mut table, link(8, 2)), cleared);
    assert_eq!(fire(&mut table, Timer::Silence(id(8))), [], "one that has spoken may be silent");
}

#[test]
fn a_higher_id_is_knocked_at_until_it_has_spoken_though_strangers_come_and_go_in_its_name() {
    let mut table = started();
    let mut waits = Vec::new();
    for round in 0..12 {
        // The first link since the last knock puts the next one off, in case it is genuine; silent links that come and go
        // after it touch neither the wait nor the attempt.
        let came = greeted(&mut table, 8, 100 * round + 1);
        let patience = 2 * LinkTiming::default().answer_to_knock;
        assert!(redial_after(&came, 8).is_some_and(|after| after >= patience));
        let open = table.link(id(8)).unwrap();
        table.actions_on(Event::LinkDown { link: open });
        for socket in [10, 20, 30] {
            let came = greeted(&mut table, 8, 100 * round + socket);
            let open = table.link(id(8)).unwrap();
            let went = table.actions_on(Event::LinkDown { link: open });
            for actions in [came, went] {
                assert_eq!(redial_after(&actions, 8), None);
                assert!(!actions.contains(&Action::ClearTimer(Timer::Redial(id(8)))));
            }
        }
        greeted(&mut table, 8, 100 * round);
        let actions = fire(&mut table, Timer::Redial(id(8)));
        let Some(Action::Dial { link: attempt, approach: Approach::Knock }) = actions.last() else {
            panic!("no knock: {actions:?}")
        };
        waits.extend(redial_after(&table.actions_on(Event::DialFailed { link: *attempt }), 8));
        let open = table.link(id(8)).unwrap();
        fire(&mut table, Timer::Steady(id(8)));
        table.actions_on(Event::LinkDown { link: open });
    }
    assert_eq!(waits.last(), Some(&LinkTiming::default().redial.max), "{waits:?}");
    greeted(&mut table, 8, 9999);
    let open = table.link(id(8)).unwrap();
    assert!(spoke(&mut table, open).contains(&Action::ClearTimer(Timer::Redial(id(8)))));
}

#[test]
fn out_of_reach_is_said_once_until_the_peer_has_spoken() {
    let mut table = started();
    let away = Action::Notify(Notice::Unreachable(id(8)));
    let mut told = Vec::new();
    for speaks in [false, false, true, false] {
        let actions = fire(&mut table, Timer::Redial(id(8)));
        let Some(Action::Dial { link: attempt, .. }) = actions.last() else { panic!("no dial") };
        told.push(table.actions_on(Event::DialFailed { link: *attempt }).contains(&away));
        greeted(&mut table, 8, 1);
        let open = table.link(id(8)).unwrap();
        if speaks {
            spoke(&mut table, open);
        }
        table.actions_on(Event::LinkDown { link: open });
    }
    assert_eq!(told, [true, false, false, true]);
}

#[test]
fn what_an_older_link_says_dispels_no_doubt() {
    let mut table = in_touch_with_8();
    table.actions_on(Event::LinkDown { link: link(8, 2) });
    greeted(&mut table, 8, 20);
    greeted(&mut table, 8, 21);
    candidate_spoke(&mut table, 21);
    assert_eq!(spoke(&mut table, link(8, 2)), []);
    assert!(fire(&mut table, answer_of_8()).contains(&Action::CloseLink { link: link(8, 3) }));
}
