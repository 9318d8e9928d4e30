mod candidates;

use super::*;

const ME: u64 = 5;

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn link(peer: u64, generation: u64) -> LinkId {
    LinkId { peer: id(peer), generation: Generation(generation) }
}

fn frame(text: &str) -> Frame {
    Frame::new(text.as_bytes()).unwrap()
}

/// A table that has started, with a peer below and one above.
fn started() -> LinkTable {
    let mut table = LinkTable::new(id(ME), [id(3), id(8)], LinkTiming::default());
    table.actions_on(Event::Start);
    table
}

/// The same, with a link to the lower peer: generation 2.
fn linked_to_3() -> LinkTable {
    let mut table = started();
    table.actions_on(Event::Dialed { link: link(3, 1), socket: SocketId(1) });
    assert_eq!(table.link(id(3)), Some(link(3, 2)));
    table
}

/// The same, with a link to the higher peer: generation 2.
fn linked_to_8() -> LinkTable {
    let mut table = started();
    table.actions_on(Event::Greeted { from: Some(id(8)), socket: SocketId(1) });
    assert_eq!(table.link(id(8)), Some(link(8, 2)));
    table
}

fn greeted(table: &mut LinkTable, from: u64, socket: u64) -> Vec<Action> {
    table.actions_on(Event::Greeted { from: Some(id(from)), socket: SocketId(socket) })
}

fn redial_after(actions: &[Action], peer: u64) -> Option<Duration> {
    actions.iter().find_map(|action| {
        let Action::SetTimer { timer: Timer::Redial(of), after } = action else { return None };
        (*of == id(peer)).then_some(*after)
    })
}

#[test]
fn the_higher_id_dials_and_the_lower_waits_a_moment_before_it_knocks() {
    let mut table = LinkTable::new(id(ME), [id(3), id(8)], LinkTiming::default());
    let actions = table.actions_on(Event::Start);
    assert_eq!(actions[1], Action::Dial { link: link(3, 1), approach: Approach::Connect });
    assert_eq!(redial_after(&actions, 8), Some(LinkTiming::default().knock));
    let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(8))));
    assert_eq!(actions[1], Action::Dial { link: link(8, 2), approach: Approach::Knock });
}

#[test]
fn a_link_that_was_there_before_the_start_stays() {
    let mut table = LinkTable::new(id(ME), [id(3), id(8)], LinkTiming::default());
    greeted(&mut table, 8, 1);
    greeted(&mut table, 3, 2);
    table.actions_on(Event::Dialed { link: link(3, 2), socket: SocketId(3) });
    let open = table.link(id(8)).unwrap();
    table.actions_on(Event::Spoke { link: open });
    assert_eq!(table.actions_on(Event::Start), []);
    assert!(table.link(id(3)).is_some() && table.link(id(8)).is_some());
}

#[test]
fn a_dialled_connection_becomes_the_link() {
    let mut table = started();
    let actions = table.actions_on(Event::Dialed { link: link(3, 1), socket: SocketId(7) });
    let news = Action::Notify(Notice::LinkUp(link(3, 2)));
    let open = Action::OpenLink { link: link(3, 2), socket: SocketId(7) };
    assert_eq!(actions[1..3], [news, open], "nothing is read before the user knows the link");
}

#[test]
fn a_knock_is_answered_by_dialling_and_its_connection_is_not_kept() {
    let mut table = started();
    table.actions_on(Event::DialFailed { link: link(3, 1) });
    let actions = greeted(&mut table, 3, 9);
    assert_eq!(actions[0], Action::DropSocket(SocketId(9)));
    assert_eq!(
        actions.last(),
        Some(&Action::Dial { link: link(3, 2), approach: Approach::Connect })
    );
}

#[test]
fn forged_knocks_cannot_make_us_dial_more_than_twice_between_two_waits() {
    let mut table = started();
    table.actions_on(Event::DialFailed { link: link(3, 1) });
    let mut dials = 0;
    for socket in 0..1000 {
        for action in greeted(&mut table, 3, socket) {
            if let Action::Dial { link, .. } = action {
                dials += 1;
                table.actions_on(Event::DialFailed { link });
            }
        }
    }
    assert_eq!(dials, 1);
    let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
    assert!(actions.iter().any(|action| matches!(action, Action::Dial { .. })));
}

#[test]
fn a_knock_resets_the_back_off() {
    let mut table = started();
    let mut attempt = link(3, 1);
    for _ in 0..20 {
        let actions = table.actions_on(Event::DialFailed { link: attempt });
        assert!(redial_after(&actions, 3).is_some());
        let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
        let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
        attempt = *link;
    }
    let capped = table.actions_on(Event::DialFailed { link: attempt });
    assert_eq!(redial_after(&capped, 3), Some(LinkTiming::default().redial.max));
    let actions = greeted(&mut table, 3, 1);
    let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
    let actions = table.actions_on(Event::DialFailed { link: *link });
    assert_eq!(redial_after(&actions, 3), Some(LinkTiming::default().redial.min));
}

#[test]
fn a_peer_that_knocks_in_vain_again_and_again_does_not_reset_the_back_off_each_time() {
    let mut table = started();
    let mut attempt = link(3, 1);
    let mut waits = Vec::new();
    for socket in 0..20 {
        let actions = table.actions_on(Event::DialFailed { link: attempt });
        waits.extend(redial_after(&actions, 3));
        let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
        let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
        let actions = table.actions_on(Event::DialFailed { link: *link });
        waits.extend(redial_after(&actions, 3));
        let actions = greeted(&mut table, 3, socket);
        let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
        attempt = *link;
    }
    assert_eq!(waits.last(), Some(&LinkTiming::default().redial.max), "{waits:?}");
}

/// A table that has been dialling 3 for long when that one knocks: another attempt begins, generation 2.
fn dialling_3_twice() -> LinkTable {
    let mut table = started();
    greeted(&mut table, 3, 1);
    let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
    let dial = Action::Dial { link: link(3, 2), approach: Approach::Connect };
    assert_eq!(actions.last(), Some(&dial));
    table
}

#[test]
fn a_peer_that_knocks_while_an_attempt_takes_long_gets_another_and_whichever_gets_there_is_kept() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut table = dialling_3_twice();
        let dialed = |generation, socket| Event::Dialed {
            link: link(3, generation),
            socket: SocketId(socket),
        };
        let actions = table.actions_on(dialed(first, 4));
        let open = table.link(id(3)).unwrap();
        assert!(actions.contains(&Action::OpenLink { link: open, socket: SocketId(4) }));
        assert_eq!(table.actions_on(dialed(second, 5)), [Action::DropSocket(SocketId(5))]);
        assert_eq!(table.link(id(3)), Some(open));
    }
}

#[test]
fn another_attempt_needs_a_knock_and_patience_whichever_comes_first() {
    let mut table = started();
    assert_eq!(table.actions_on(Event::TimerFired(Timer::Redial(id(3)))), []);
    let actions = greeted(&mut table, 3, 1);
    let dial = Action::Dial { link: link(3, 2), approach: Approach::Connect };
    assert_eq!(actions.last(), Some(&dial));
    assert_eq!(redial_after(&actions, 3), Some(2 * LinkTiming::default().overdue));
}

#[test]
fn however_often_a_peer_knocks_only_so_many_attempts_are_under_way() {
    let mut table = started();
    let mut dials = 0;
    for socket in 0..1000 {
        greeted(&mut table, 3, socket);
        let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
        dials += actions.iter().filter(|action| matches!(action, Action::Dial { .. })).count();
    }
    assert_eq!(dials, ATTEMPTS_MAX - 1);
}

#[test]
fn when_one_of_two_attempts_fails_the_other_is_waited_for() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut table = dialling_3_twice();
        let unreachable = Action::Notify(Notice::Unreachable(id(3)));
        let actions = table.actions_on(Event::DialFailed { link: link(3, first) });
        assert_eq!(actions, [unreachable, Action::Notify(Notice::CannotDialBack(id(3)))]);
        let actions = table.actions_on(Event::DialFailed { link: link(3, second) });
        assert!(redial_after(&actions, 3).is_some(), "{actions:?}");
    }
}

#[test]
fn of_many_frames_the_newest_waits_and_the_others_are_counted() {
    let mut table = linked_to_3();
    let send = |text| Event::Send { to: id(3), frame: frame(text) };
    let write = |text| Action::Write { link: link(3, 2), frame: frame(text) };
    assert_eq!(table.actions_on(send("first")), [write("first")]);
    for text in ["second", "third", "fourth"] {
        assert_eq!(table.actions_on(send(text)), []);
    }
    assert_eq!(table.unsent(), 2);
    assert_eq!(table.actions_on(Event::Written { link: link(3, 2) }), [write("fourth")]);
    assert_eq!(table.actions_on(Event::Written { link: link(3, 2) }), []);
    assert_eq!(table.actions_on(send("fifth")), [write("fifth")]);
}

#[test]
fn a_question_takes_the_place_of_no_word_and_no_word_takes_its_place() {
    let mut table = linked_to_3();
    let send = |text| Event::Send { to: id(3), frame: frame(text) };
    let ask = || Event::Ask { to: id(3), frame: frame("are you there?") };
    let write = |text| Action::Write { link: link(3, 2), frame: frame(text) };
    let written = || Event::Written { link: link(3, 2) };
    assert_eq!(table.actions_on(ask()), [write("are you there?")]);
    for event in [send("old"), ask(), ask(), send("new")] {
        assert_eq!(table.actions_on(event), []);
    }
    assert_eq!(table.actions_on(written()), [write("new")]);
    assert_eq!(table.actions_on(written()), [write("are you there?")]);
    assert_eq!(table.actions_on(written()), []);
    assert_eq!(
        table.actions_on(Event::Ask { to: id(8), frame: frame("?") }),
        [],
        "there is no link"
    );
}

#[test]
fn without_a_link_nothing_is_kept_so_nothing_stale_is_ever_sent() {
    let mut table = started();
    for to in [3, 8, 77] {
        assert_eq!(table.actions_on(Event::Send { to: id(to), frame: frame("stale") }), []);
    }
    assert_eq!(table.unsent(), 3);
    let actions = greeted(&mut table, 8, 1);
    assert!(!actions.iter().any(|action| matches!(action, Action::Write { .. })));
}

#[test]
fn reports_about_an_older_link_are_ignored() {
    let mut table = linked_to_3();
    assert_eq!(table.actions_on(Event::LinkDown { link: link(3, 1) }), []);
    assert_eq!(table.actions_on(Event::Written { link: link(3, 1) }), []);
    assert_eq!(table.actions_on(Event::DialFailed { link: link(3, 1) }), []);
    assert_eq!(table.actions_on(Event::Knocked { link: link(3, 1) }), []);
    let late = table.actions_on(Event::Dialed { link: link(3, 1), socket: SocketId(9) });
    assert_eq!(late, [Action::DropSocket(SocketId(9))]);
    assert_eq!(table.link(id(3)), Some(link(3, 2)));
}

#[test]
fn a_link_that_does_not_last_counts_as_a_failure() {
    let mut table = started();
    let mut attempt = link(3, 1);
    let mut waits = Vec::new();
    for socket in 0..4 {
        table.actions_on(Event::Dialed { link: attempt, socket: SocketId(socket) });
        let open = table.link(id(3)).unwrap();
        let actions = table.actions_on(Event::LinkDown { link: open });
        waits.push(redial_after(&actions, 3).unwrap().as_millis());
        let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
        let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
        attempt = *link;
    }
    assert_eq!(waits, [5, 10, 20, 40]);
    table.actions_on(Event::Dialed { link: attempt, socket: SocketId(9) });
    let open = table.link(id(3)).unwrap();
    table.actions_on(Event::Spoke { link: open });
    table.actions_on(Event::TimerFired(Timer::Steady(id(3))));
    let actions = table.actions_on(Event::LinkDown { link: open });
    assert_eq!(redial_after(&actions, 3), Some(Duration::from_millis(5)));
}

#[test]
fn out_of_reach_is_said_once_until_the_link_is_back() {
    let mut table = started();
    let away = Action::Notify(Notice::Unreachable(id(3)));
    assert!(table.actions_on(Event::DialFailed { link: link(3, 1) }).contains(&away));
    let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
    let Some(Action::Dial { link: attempt, .. }) = actions.last() else { panic!("no dial") };
    assert!(!table.actions_on(Event::DialFailed { link: *attempt }).contains(&away));
}

#[test]
fn a_peer_that_knocks_but_cannot_be_dialled_back_is_reported() {
    let mut table = started();
    table.actions_on(Event::DialFailed { link: link(3, 1) });
    let actions = greeted(&mut table, 3, 1);
    let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
    let actions = table.actions_on(Event::DialFailed { link: *link });
    assert!(actions.contains(&Action::Notify(Notice::CannotDialBack(id(3)))));
}

#[test]
fn a_peer_that_knocks_in_vain_for_hours_is_reported_a_handful_of_times() {
    let mut table = started();
    table.actions_on(Event::DialFailed { link: link(3, 1) });
    let mut told = 0;
    for socket in 0..1000 {
        let actions = greeted(&mut table, 3, socket);
        let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
        let actions = table.actions_on(Event::DialFailed { link: *link });
        told += usize::from(actions.contains(&Action::Notify(Notice::CannotDialBack(id(3)))));
        let actions = table.actions_on(Event::TimerFired(Timer::Redial(id(3))));
        let Some(Action::Dial { link, .. }) = actions.last() else { panic!("no dial") };
        table.actions_on(Event::DialFailed { link: *link });
    }
    assert_eq!(told, 10);
}

#[test]
fn our_own_id_and_no_id_are_refused() {
    let mut table = started();
    let refused = |refusal| {
        let socket = SocketId(4);
        [Action::Notify(Notice::Refused { socket, refusal }), Action::DropSocket(socket)]
    };
    assert_eq!(greeted(&mut table, ME, 4), refused(Refusal::OwnId));
    let nameless = Event::Greeted { from: None, socket: SocketId(4) };
    assert_eq!(table.actions_on(nameless), refused(Refusal::NoId));
}

#[test]
fn ten_thousand_strangers_leave_no_more_than_a_few_guests() {
    let mut table = started();
    let (mut opened, mut closed) = (0, 0);
    for stranger in 100..10_100 {
        for action in greeted(&mut table, stranger, stranger) {
            opened += usize::from(matches!(action, Action::OpenLink { .. }));
            closed += usize::from(matches!(action, Action::CloseLink { .. }));
        }
        assert!(table.guests() <= GUESTS_MAX);
    }
    assert_eq!((opened, closed), (10_000, 10_000 - GUESTS_MAX));
    assert_eq!(table.guests(), GUESTS_MAX);
}

#[test]
fn a_report_about_another_link_than_its_own_concerns_no_guest() {
    let mut table = started();
    greeted(&mut table, 77, 1);
    greeted(&mut table, 78, 2);
    for other in [link(77, 3), link(78, 2), link(79, 2)] {
        assert_eq!(table.actions_on(Event::LinkDown { link: other }), []);
    }
    assert_eq!(table.guests(), 2);
    table.actions_on(Event::LinkDown { link: link(78, 3) });
    assert_eq!(table.guests(), 1);
}

#[test]
fn a_guest_is_answered_and_has_to_leave() {
    let mut table = started();
    greeted(&mut table, 77, 1);
    let guest = link(77, 2);
    let answer = table.actions_on(Event::Send { to: id(77), frame: frame("it is 8") });
    assert_eq!(answer, [Action::Write { link: guest, frame: frame("it is 8") }]);
    let actions = table.actions_on(Event::TimerFired(Timer::Guest(guest)));
    assert!(actions.contains(&Action::CloseLink { link: guest }));
    assert_eq!(table.guests(), 0);
    assert_eq!(table.actions_on(Event::LinkDown { link: guest }), []);
}

#[test]
fn reconnecting_hurries_all_that_wait_and_leaves_the_others_alone() {
    let mut table = linked_to_3();
    table.actions_on(Event::TimerFired(Timer::Redial(id(8))));
    table.actions_on(Event::DialFailed { link: link(8, 3) });
    let actions = table.actions_on(Event::Reconnect);
    let dials: Vec<_> =
        actions.iter().filter(|action| matches!(action, Action::Dial { .. })).collect();
    assert_eq!(dials, [&Action::Dial { link: link(8, 4), approach: Approach::Knock }]);
    assert_eq!(table.actions_on(Event::Reconnect), []);
}

#[test]
fn a_knock_is_answered_at_once_however_often_we_tried_ourselves_in_vain() {
    let mut table = started();
    table.actions_on(Event::DialFailed { link: link(3, 1) });
    for generation in [2, 3, 4] {
        let dialed = Action::Dial { link: link(3, generation), approach: Approach::Connect };
        assert!(table.actions_on(Event::Reconnect).contains(&dialed), "{generation}");
        table.actions_on(Event::DialFailed { link: link(3, generation) });
    }
    let dialed = Action::Dial { link: link(3, 5), approach: Approach::Connect };
    assert!(greeted(&mut table, 3, 9).contains(&dialed));
    // The next knock may be forged, and waits.
    table.actions_on(Event::DialFailed { link: link(3, 5) });
    assert_eq!(greeted(&mut table, 3, 10), [Action::DropSocket(SocketId(10))]);
}

#[test]
fn timers_that_were_cleared_change_nothing() {
    let mut table = linked_to_3();
    let before = table.clone();
    assert_eq!(table.actions_on(Event::TimerFired(Timer::Redial(id(3)))), []);
    assert_eq!(table.actions_on(Event::TimerFired(Timer::Guest(link(77, 1)))), []);
    assert_eq!(table.actions_on(Event::TimerFired(Timer::Redial(id(99)))), []);
    assert_eq!(table, before);
}

#[test]
fn a_peer_that_was_knocked_at_is_given_time_to_dial_back() {
    let mut table = LinkTable::new(id(ME), [id(8)], LinkTiming::default());
    table.actions_on(Event::Start);
    table.actions_on(Event::TimerFired(Timer::Redial(id(8))));
    let actions = table.actions_on(Event::Knocked { link: link(8, 1) });
    assert_eq!(redial_after(&actions, 8), Some(LinkTiming::default().dial_back));
}

#[test]
fn among_many_peers_knocks_come_later() {
    let first_knock = |peers: u64| {
        let mut table = LinkTable::new(id(0), (1..=peers).map(id), LinkTiming::default());
        redial_after(&table.actions_on(Event::Start), 1).unwrap()
    };
    let LinkTiming { knock, redial, .. } = LinkTiming::default();
    assert_eq!(first_knock(6), knock);
    assert_eq!(first_knock(10), 4 * knock);
    assert_eq!(first_knock(1000), redial.max);
}

#[test]
fn reconnecting_does_not_hurry_the_first_knock() {
    let mut table = LinkTable::new(id(ME), [id(8)], LinkTiming::default());
    table.actions_on(Event::Start);
    assert_eq!(table.actions_on(Event::Reconnect), []);
    table.actions_on(Event::TimerFired(Timer::Redial(id(8))));
    table.actions_on(Event::DialFailed { link: link(8, 1) });
    let knock = Action::Dial { link: link(8, 2), approach: Approach::Knock };
    assert!(table.actions_on(Event::Reconnect).contains(&knock));
}
