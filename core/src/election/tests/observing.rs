//! An observer asks its leader whether it leads: nobody else would tell it that it does not.

use super::*;

const ASK_MIN: Duration = Duration::from_millis(200);
const ASK_MAX: Duration = Duration::from_secs(60);

/// Observer 4 of voters 1 to 3, linked to all, that has decided on 3 by the votes of round 1.
fn observer() -> Election {
    let mut core = begun(4, members(3, 1));
    link_up(&mut core, 1..=3);
    hear(&mut core, 1, Looking, plain(3), 1);
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Observing, plain(3), 1)));
    assert_eq!(armed(&actions, Timer::Confirm), Some(ASK_MIN));
    core
}

/// Asks, and tells how long the wait for the next time is.
fn ask_again(core: &mut Election) -> Option<Duration> {
    let actions = fire(core, Timer::Confirm);
    assert_eq!((asked(&actions), actions.len()), (vec![3], 2));
    armed(&actions, Timer::Confirm)
}

#[test]
fn an_observer_asks_until_its_leader_says_that_it_leads() {
    let mut core = observer();
    let mut wait = ASK_MIN;
    for _ in 0..20 {
        wait = (2 * wait).min(ASK_MAX);
        assert_eq!(ask_again(&mut core), Some(wait));
    }
    let still = Some(ASK_MIN);
    assert_eq!(armed(&hear(&mut core, 3, Looking, plain(3), 1), Timer::Confirm), still);
    assert_eq!(ask_again(&mut core), Some(2 * ASK_MIN));
    assert_eq!(hear(&mut core, 3, Looking, plain(3), 1), [], "it goes on electing itself");
    let actions = hear(&mut core, 3, Leading, plain(3), 1);
    assert_eq!(actions, [Action::SetTimer { timer: Timer::Confirm, after: ASK_MAX }]);
    assert_eq!(hear(&mut core, 3, Leading, plain(3), 1), [], "the timer runs");
    assert_eq!(ask_again(&mut core), Some(ASK_MAX), "it may be replaced, and nobody tells");
}

#[test]
fn an_observer_that_real_servers_told_their_last_decision_finds_out_who_leads() {
    // 1 and 2 look in a round in which they will elect 2, and call their last leader their vote.
    let mut core = observer();
    ask_again(&mut core);
    let actions = hear(&mut core, 3, Following, plain(2), 1);
    assert!(looking_in(&actions, 2) && cleared(&actions, Timer::Confirm));
    let actions = hear(&mut core, 2, Leading, plain(2), 1);
    assert_eq!(decided(&actions), Some(decision(Standing::Observing, plain(2), 1)));
    assert_eq!(armed(&actions, Timer::Confirm), Some(ASK_MAX), "2 has said that it leads");
}

#[test]
fn an_observer_of_settled_voters_has_heard_its_leader() {
    let mut core = begun(4, members(3, 1));
    link_up(&mut core, 1..=3);
    hear(&mut core, 3, Leading, plain(3), 7);
    let actions = hear(&mut core, 1, Following, plain(3), 7);
    assert_eq!(decided(&actions), Some(decision(Standing::Observing, plain(3), 7)));
    assert_eq!(armed(&actions, Timer::Confirm), Some(ASK_MAX));
}

#[test]
fn that_a_leader_led_in_an_older_round_says_nothing_of_this_one() {
    // Frozen while 1 and 2 look, 3 still calls itself the leader that it was.
    let mut core = begun(4, members(3, 1));
    link_up(&mut core, 1..=3);
    hear(&mut core, 3, Leading, plain(3), 0);
    hear(&mut core, 1, Looking, plain(3), 1);
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = fire(&mut core, Timer::Settle);
    assert!(decided(&actions).is_some());
    assert_eq!(armed(&actions, Timer::Confirm), Some(ASK_MIN));
    for wait in [2 * ASK_MIN, 4 * ASK_MIN] {
        assert_eq!(hear(&mut core, 3, Leading, plain(3), 0), []);
        assert_eq!(ask_again(&mut core), Some(wait));
    }
}

#[test]
fn over_a_new_link_the_leader_has_to_say_again_that_it_leads() {
    let mut core = observer();
    hear(&mut core, 3, Leading, plain(3), 1);
    link_down(&mut core, 3);
    let actions = link_up(&mut core, [3]);
    assert_eq!((asked(&actions), armed(&actions, Timer::Confirm)), (vec![3], Some(ASK_MIN)));
    // Started over, it elects itself as it did before.
    hear(&mut core, 3, Looking, plain(3), 1);
    assert_eq!(ask_again(&mut core), Some(2 * ASK_MIN));
    let actions = hear(&mut core, 3, Leading, plain(3), 1);
    assert_eq!(armed(&actions, Timer::Confirm), Some(ASK_MAX));
    assert_eq!(armed(&link_up(&mut core, [1]), Timer::Confirm), None, "1 is not its leader");
}

#[test]
fn a_server_that_looks_again_asks_no_leader() {
    let mut core = observer();
    link_down(&mut core, 3);
    let actions = fire(&mut core.clone(), Timer::Grace);
    assert!(looking_in(&actions, 2) && cleared(&actions, Timer::Confirm));
    assert!(cleared(&unreachable(&mut core, 3), Timer::Confirm));
    assert_eq!(fire(&mut core, Timer::Confirm), [], "it was cleared");
}

#[test]
fn voters_need_not_ask_as_they_are_told() {
    let mut core = core_of(1, members(3, 0));
    link_up(&mut core, [2, 3]);
    begin(&mut core, 0, 0);
    hear(&mut core, 2, Looking, plain(3), 1);
    let actions = hear(&mut core, 3, Looking, plain(3), 1);
    assert!(decided(&actions).is_some());
    assert_eq!(armed(&actions, Timer::Confirm), None);
    link_down(&mut core, 3);
    assert_eq!(armed(&link_up(&mut core, [3]), Timer::Confirm), None);
}
