//! The leadership that follows a decision, and who wants to lead.

use super::*;

fn look_again(core: &mut Election, leader: u64, round: i64) -> Vec<Action> {
    core.actions_on(Event::LookAgain { leader: id(leader), round: Round(round) })
}

/// Server `me` of voters 1 to 3 and observer 4, after 3 has become the leader of epoch 10.
fn led(me: u64) -> Election {
    let mut core = settled(me);
    assert_eq!(establish(&mut core, 10), []);
    core
}

#[test]
fn a_leadership_restates_the_settled_vote_with_its_epoch() {
    for (me, standing) in [(1, Standing::Following), (3, Standing::Leading)] {
        let mut core = settled(me);
        assert_eq!(core.leadership(), None, "an election result is a candidacy");
        assert_eq!(establish(&mut core, 10), [], "a server that looks asks");
        assert_eq!(core.leadership(), Some(Epoch(10)));
        assert_eq!(core.decision(), Some(decision(standing, vote(10, 9, 3), 1)));
        assert_eq!(core.vote(), Some(vote(10, 9, 3)));
        let state = if me == 3 { Leading } else { Following };
        let actions = hear(&mut core, 2, Looking, plain(2), 1);
        assert_eq!(said(&actions), [(2, state, Some(vote(10, 9, 3)), 1)]);
        assert_eq!(hear(&mut core, 2, Following, vote(10, 9, 3), 1), []);
        let actions = hear(&mut core, 4, Looking, None, 1);
        assert_eq!(said(&actions), [(4, state, Some(vote(10, 9, 3)), 1)], "observers as well");
    }
}

#[test]
fn a_member_that_only_follows_keeps_its_own_epoch_for_later_votes() {
    let mut core = led(1);
    assert_eq!(said(&look_again(&mut core, 3, 1))[0], (2, Looking, Some(plain(1)), 2));
}

#[test]
fn the_epoch_on_disk_is_what_later_votes_carry() {
    let mut core = settled(1);
    assert_eq!(core.actions_on(Event::EpochStored(Epoch(10))), []);
    assert_eq!(core.vote(), Some(vote(9, 9, 3)), "the decision is what it was");
    establish(&mut core, 10);
    let actions = look_again(&mut core, 3, 1);
    assert_eq!(said(&actions), [2, 3].map(|to| (to, Looking, Some(vote(10, 0, 1)), 2)));
}

fn nominate(core: &mut Election, successor: Vote, next: i64) -> Vec<Action> {
    let (leader, round, next) = (id(3), Round(1), Round(next));
    core.actions_on(Event::Nominated { leader, round, vote: successor, next })
}

#[test]
fn all_settle_on_the_successor_that_the_leader_has_named_without_a_word() {
    let successor = vote(10, 5, 1);
    for (me, standing) in [
        (1, Standing::Leading),
        (2, Standing::Following),
        (3, Standing::Following),
        (4, Standing::Observing),
    ] {
        let mut core = settled(me);
        establish(&mut core, 10);
        let actions = nominate(&mut core, successor, 2);
        assert_eq!(said(&actions), [], "{me}");
        assert!(actions.contains(&Action::Looking { round: Round(2) }));
        let decided = decision(standing, successor, 2);
        assert!(actions.contains(&Action::Decided(decided)), "{me}: {actions:?}");
        assert_eq!((core.decision(), core.leadership()), (Some(decided), None), "it is a hint");
        // One that looks is told so, as ever, and joins.
        if me != 4 {
            let asked = hear(&mut core, if me == 2 { 1 } else { 2 }, Looking, plain(2), 2);
            let state = if me == 1 { Leading } else { Following };
            let to = if me == 2 { 1 } else { 2 };
            assert_eq!(said(&asked), [(to, state, Some(successor), 2)]);
        }
    }
}

#[test]
fn a_nomination_that_comes_late_is_ignored_and_one_that_cannot_be_is_an_end() {
    let mut core = led(1);
    nominate(&mut core, vote(10, 5, 2), 2);
    let before = core.clone();
    for next in [2, 3] {
        assert_eq!(nominate(&mut core, vote(10, 5, 2), next), [], "it was heard already");
    }
    assert_eq!(core, before);
    let mut core = led(1);
    let (leader, vote_for_2) = (id(2), vote(10, 5, 2));
    for round in [Round(0), Round(1)] {
        let of_another = Event::Nominated { leader, round, vote: vote_for_2, next: Round(2) };
        assert_eq!(core.actions_on(of_another), []);
    }
    // Of no newer round, for one that may not lead, or is gone.
    let mut looks = vec![(led(1), vote_for_2, 1), (led(1), vote(10, 5, 4), 2)];
    let mut alone = led(1);
    unreachable(&mut alone, 2);
    looks.push((alone, vote_for_2, 2));
    for (mut core, vote, next) in looks {
        assert!(looking_in(&nominate(&mut core, vote, next), 2), "{vote} {next}");
        assert_eq!(core.decision(), None);
    }
}

#[test]
fn a_successor_that_does_not_want_to_lead_goes_on_to_the_round_after_that() {
    let mut core = led(1);
    core.actions_on(Event::Withdraw);
    let actions = nominate(&mut core, vote(10, 5, 1), 2);
    assert!(looking_in(&actions, 3));
    // So those who have settled on it leave it.
    let mut follower = led(2);
    nominate(&mut follower, vote(10, 5, 1), 2);
    let actions = hear(&mut follower, 1, Looking, Vote::of_no_candidate(id(1)), 3);
    assert!(looking_in(&actions, 3));
}

#[test]
fn an_epoch_that_is_stored_while_we_look_makes_our_vote_better_at_once() {
    let mut core = begun(1, members(3, 0));
    hear(&mut core, 2, Looking, vote(3, 3, 2), 1);
    assert_eq!(core.actions_on(Event::EpochStored(Epoch(2))), [], "2 is better still");
    let actions = core.actions_on(Event::EpochStored(Epoch(4)));
    assert_eq!(said(&actions), [2, 3].map(|to| (to, Looking, Some(vote(4, 0, 1)), 1)));
    assert_eq!(core.actions_on(Event::EpochStored(Epoch(4))), [], "that is known");
}

#[test]
fn what_comes_too_late_for_its_decision_is_ignored() {
    let mut core = settled(1);
    for (leader, round) in [(3, 0), (3, 2), (2, 1)] {
        let before = core.clone();
        let (leader, round) = (id(leader), Round(round));
        let established = Event::Established { leader, round, epoch: Epoch(10) };
        assert_eq!(core.actions_on(established), []);
        assert_eq!(core.actions_on(Event::LookAgain { leader, round }), []);
        assert_eq!(core, before);
    }
}

#[test]
fn a_server_that_looks_or_settles_is_told_nothing_by_the_end_of_an_older_leadership() {
    let mut core = led(3);
    assert!(looking_in(&look_again(&mut core, 3, 1), 2));
    for state in [State::Looking, State::Settling] {
        assert_eq!(core.state(), state);
        for round in [1, 2] {
            let before = core.clone();
            assert_eq!(look_again(&mut core, 3, round), []);
            let (leader, round) = (id(3), Round(round));
            let established = Event::Established { leader, round, epoch: Epoch(10) };
            assert_eq!(core.actions_on(established), []);
            assert_eq!(core, before);
        }
        hear(&mut core, 1, Looking, plain(3), 2);
    }
}

#[test]
fn links_make_no_difference_to_a_leadership() {
    for me in [1, 3] {
        let mut core = led(me);
        let decision = core.decision();
        for peer in [2, 4 - me] {
            assert_eq!(link_down(&mut core, peer), []);
            assert_eq!(unreachable(&mut core, peer), []);
            let (actions, state) =
                (link_up(&mut core, [peer]), if me == 3 { Leading } else { Following });
            assert_eq!((said(&actions).len(), asked(&actions), actions.len()), (1, vec![peer], 2));
            assert_eq!(said(&actions)[0].1, state);
            assert_eq!(said(&meet(&mut core, [peer])).len(), 2, "the question is answered");
            assert_eq!(link_down(&mut core, peer), []);
        }
        assert_eq!(fire(&mut core, Timer::Grace), []);
        assert_eq!(core.decision(), decision);
    }
}

#[test]
fn before_it_is_a_leadership_a_decision_is_watched_and_a_grace_that_runs_ends_with_that() {
    let mut core = settled(1);
    assert!(armed(&link_down(&mut core, 3), Timer::Grace).is_some());
    assert_eq!(establish(&mut core, 10), [Action::ClearTimer(Timer::Grace)]);
    assert_eq!(establish(&mut core, 10), [], "once is enough");
    assert_eq!(fire(&mut core, Timer::Grace), []);
}

#[test]
fn what_voters_say_makes_no_difference_to_a_leadership_and_is_kept_for_the_next_election() {
    // A follower hears its leader look, and follow another; a leader is deserted by all.
    for (me, words) in [(1, [(3, 2), (2, 2)]), (3, [(1, 2), (2, 2)])] {
        let mut core = led(me);
        for (from, round) in words {
            let actions = hear(&mut core, from, Looking, vote(10, 0, from), round);
            assert_eq!((said(&actions).len(), actions.len()), (1, 1), "an answer");
        }
        let actions = look_again(&mut core, 3, 1);
        assert!(looking_in(&actions, 2));
        assert_eq!(core.ballots().count(), 3);
        assert_eq!(core.vote(), words.iter().map(|(from, _)| vote(10, 0, *from)).max());

        let mut core = led(me);
        for (from, _) in words {
            assert_eq!(hear(&mut core, from, Following, plain(2), 1), []);
        }
        assert!(core.decision().is_some());
    }
}

#[test]
fn a_leader_that_looks_again_says_so_to_observers() {
    for told in [&[1, 2, 4][..], &[1, 2]] {
        let mut core = led(3);
        if told.contains(&4) {
            link_up(&mut core, [4]);
        }
        let expected: Vec<_> = told.iter().map(|to| (*to, Looking, Some(plain(3)), 2)).collect();
        assert_eq!(said(&look_again(&mut core, 3, 1)), expected, "once, and to those who hear");
    }
}

#[test]
fn an_observer_of_a_leadership_asks_no_more() {
    let mut core = core_of(4, members(3, 1));
    link_up(&mut core, [1, 2, 3]);
    begin(&mut core, 0, 0);
    for peer in [1, 2, 3] {
        hear(&mut core, peer, Looking, vote(9, 9, 3), 1);
    }
    assert_eq!(establish(&mut core, 10), [Action::ClearTimer(Timer::Confirm)]);
    assert_eq!(core.decision(), Some(decision(Standing::Observing, vote(10, 9, 3), 1)));
    assert_eq!(hear(&mut core, 3, Leading, vote(10, 9, 3), 1), []);
    assert_eq!(fire(&mut core, Timer::Confirm), []);
    link_down(&mut core, 3);
    assert_eq!(armed(&link_up(&mut core, [3]), Timer::Confirm), None);
    let actions = look_again(&mut core, 3, 1);
    assert_eq!(said(&actions), [1, 2, 3].map(|to| (to, Looking, None, 2)));
}

/// All orders of three things.
fn orders<T: Copy>([a, b, c]: [T; 3]) -> [[T; 3]; 6] {
    [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]]
}

/// The settled vote for 5, as elected and as restated.
const FORMS: [fn() -> Vote; 2] = [|| vote(9, 9, 5), || vote(10, 9, 5)];

#[test]
fn a_joiner_follows_a_leader_of_whose_quorum_some_have_restated_their_votes() {
    for forms in 0..8 {
        let form = |bit: usize| FORMS[(forms >> bit) & 1]();
        let words = [(5, Leading, form(0)), (4, Following, form(1)), (3, Following, form(2))];
        for order in orders(words) {
            let mut core = begun(1, members(5, 0));
            let [first, second, third] =
                order.map(|(from, state, vote)| hear(&mut core, from, state, vote, 4));
            assert_eq!((decided(&first), decided(&second)), (None, None));
            let expected = Some(decision(Standing::Following, form(0), 4));
            assert_eq!(decided(&third), expected, "the leader's own word is taken over");
        }
    }
}

#[test]
fn a_voter_of_the_same_round_follows_as_soon_as_its_vote_and_restated_ones_are_a_quorum() {
    for forms in 0..4 {
        let form = |bit: usize| FORMS[(forms >> bit) & 1]();
        let words = [(5, Leading, form(0)), (4, Following, form(1))];
        for order in [words, [words[1], words[0]]] {
            let mut core = begun(1, members(5, 0));
            hear(&mut core, 2, Looking, vote(9, 9, 5), 1);
            hear(&mut core, 2, Looking, vote(8, 8, 2), 0);
            let [first, second] =
                order.map(|(from, state, vote)| hear(&mut core, from, state, vote, 1));
            let expected = Some(decision(Standing::Following, form(0), 1));
            assert_eq!((decided(&first), decided(&second)), (None, expected));
        }
    }
}

#[test]
fn those_who_agree_with_the_leader_count_though_they_do_not_agree_with_each_other() {
    // 4 has joined by the word of a server that remembers another round; 3 has not restated its vote.
    let words = [
        (5, Leading, vote(10, 9, 5), 4),
        (4, Following, vote(10, 9, 5), 2),
        (3, Following, vote(9, 9, 5), 4),
    ];
    for order in orders(words) {
        let mut core = begun(1, members(5, 0));
        let [.., third] =
            order.map(|(from, state, vote, round)| hear(&mut core, from, state, vote, round));
        let expected = Some(decision(Standing::Following, vote(10, 9, 5), 4));
        assert_eq!(decided(&third), expected);
    }
}

#[test]
fn one_that_decided_on_the_vote_as_elected_follows_on_when_the_others_restate_it() {
    let mut core = settled(1);
    assert_eq!(hear(&mut core, 3, Leading, vote(10, 9, 3), 1), []);
    assert_eq!(hear(&mut core, 2, Following, vote(10, 9, 3), 1), []);
    assert_eq!(core.decision(), Some(decision(Standing::Following, vote(9, 9, 3), 1)));
    // Nor does its leader mind, before its own leadership stands.
    let mut core = settled(3);
    for follower in [1, 2] {
        assert_eq!(hear(&mut core, follower, Following, vote(10, 9, 3), 1), []);
    }
    assert!(core.decision().is_some());
}

#[test]
fn an_observer_takes_a_restated_vote_for_the_word_that_its_leader_leads() {
    let mut core = core_of(4, members(3, 1));
    link_up(&mut core, [1, 2, 3]);
    begin(&mut core, 0, 0);
    for peer in [1, 2, 3] {
        hear(&mut core, peer, Looking, vote(9, 9, 3), 1);
    }
    let actions = hear(&mut core, 3, Leading, vote(10, 9, 3), 1);
    assert_eq!(armed(&actions, Timer::Confirm), Some(ElectionTiming::default().resend_max));
    assert!(core.decision().is_some());
}

#[test]
fn one_that_joined_by_a_restated_vote_finds_out_when_its_leader_starts_over() {
    let mut core = begun(1, members(3, 0));
    link_up(&mut core, [2, 3]);
    hear(&mut core, 3, Leading, vote(10, 9, 3), 1);
    hear(&mut core, 2, Following, vote(9, 9, 3), 1);
    assert_eq!(core.vote(), Some(vote(10, 9, 3)));
    link_up(&mut core, [3]);
    assert!(looking_in(&hear(&mut core, 3, Looking, vote(9, 9, 3), 1), 2));
}
