//! That each invariant can fail: a core that was tampered with is found out.

use super::{
    super::{
        invariants::{RULES, Step, first_broken, first_broken_about},
        machine::watch::{Questions, Reach, Watch},
    },
    *,
};

/// Which rule is broken by a step between these, whatever brought it about.
fn rule_broken(before: &Election, after: &Election) -> Option<&'static str> {
    let event = &Event::TimerFired(Timer::Resend);
    first_broken(Step { before, event, actions: &[], after })
}

/// Which rule is broken by a step to this state of `after`.
fn broken(before: &Election, tamper: impl FnOnce(&mut Election)) -> Option<&'static str> {
    let mut after = before.clone();
    tamper(&mut after);
    rule_broken(before, &after)
}

#[test]
fn every_rule_finds_the_core_that_breaks_it() {
    let looking = begun(2, members(3, 1));
    let settled = settled(1);
    let established = {
        let mut core = settled.clone();
        establish(&mut core, 10);
        core
    };
    let joined = {
        let mut core = begun(1, members(3, 0));
        hear(&mut core, 2, Following, plain(3), 4);
        core
    };
    let decide = |core: &mut Election, decision: Decision| {
        core.state = State::Decided(decision);
        (core.round, core.vote) = (decision.round, Some(decision.vote));
    };
    let found = [
        broken(&looking, |core| core.vote = Some(plain(1))),
        broken(&looking, |core| core.round = Round(0)),
        broken(&looking, |core| decide(core, decision(Standing::Leading, plain(2), 1))),
        broken(&joined, |core| {
            // A quorum says that it follows 3, and 3 itself says so too; but not that it leads.
            hear(core, 3, Following, plain(3), 4);
            decide(core, decision(Standing::Following, plain(3), 4));
        }),
        broken(&looking, |core| core.vote = Some(plain(4))),
        broken(&settled, |core| core.me = id(3)),
        broken(&looking, |core| {
            hear(core, 1, Looking, plain(3), 1);
            unreachable(core, 3);
            decide(core, decision(Standing::Following, plain(3), 1));
        }),
        broken(&looking, |core| {
            core.links.insert(id(1), Reach::Up);
        }),
        broken(&looking, |core| {
            let ballot = core.ballots().next().map(|(_, ballot)| *ballot).unwrap();
            core.tally.record(id(4), ballot);
        }),
        broken(&looking, |core| core.state = State::Settling),
        broken(&settled, |core| core.watch.questions = Some(Questions::default())),
        broken(&looking, |core| (core.withdrawn, core.round) = (true, Round(2))),
        broken(&established, |core| core.watch = Watch::default()),
        broken(&looking, |core| core.watch.leave_to_heartbeats(&mut Vec::new())),
        broken(&looking, |core| core.askers = (1000..2000).map(id).collect()),
    ];
    assert_eq!(found, RULES.map(|(name, _)| Some(name)));
}

#[test]
fn a_timer_that_runs_on_beside_heartbeats_is_found() {
    let mut established = settled(1);
    establish(&mut established, 10);
    let found = broken(&established, |core| core.watch.grace_armed = true);
    assert_eq!(found, Some("beside the heartbeats of a leadership nothing is watched"));
}

#[test]
fn one_that_leads_though_it_has_withdrawn_is_found() {
    let mut settling = begun(2, members(3, 0));
    hear(&mut settling, 1, Looking, plain(2), 1);
    let found = broken(&settling, |core| {
        core.withdrawn = true;
        core.state = State::Decided(decision(Standing::Leading, plain(2), 1));
    });
    assert_eq!(found, Some("nobody votes for itself or leads after it has withdrawn"));
}

#[test]
fn a_leadership_that_changes_its_vote_by_itself_is_found() {
    let mut established = settled(1);
    establish(&mut established, 10);
    let found = broken(&established, |core| {
        core.state = State::Decided(decision(Standing::Following, vote(11, 9, 3), 1));
        core.vote = Some(vote(11, 9, 3));
    });
    assert_eq!(found, Some("a leadership ends by what is heard of it"));
}

#[test]
fn a_quorum_that_names_the_same_leader_for_different_reasons_is_none() {
    let looking = begun(1, members(3, 0));
    let found = broken(&looking, |core| {
        // 2 follows 3 since round 4; 3 leads an older epoch since round 2.
        hear(core, 2, Following, vote(2, 2, 3), 4);
        hear(core, 3, Leading, vote(1, 1, 3), 2);
        core.state = State::Decided(decision(Standing::Following, vote(2, 2, 3), 4));
        (core.round, core.vote) = (Round(4), Some(vote(2, 2, 3)));
    });
    assert_eq!(found, Some("a server that decides holds a quorum for it"));
}

#[test]
fn the_round_may_go_back_to_join_and_the_vote_may_fall_with_a_new_election() {
    let mut core = core_of(3, members(3, 0));
    begin(&mut core, 9, 9);
    hear(&mut core, 1, Looking, plain(1), 5);
    let before = core.clone();
    for (peer, state) in [(1, Following), (2, Leading)] {
        hear(&mut core, peer, state, plain(2), 1);
    }
    assert_eq!((core.round(), rule_broken(&before, &core)), (Round(1), None));
    let before = core.clone();
    begin(&mut core, 0, 0);
    assert_eq!(rule_broken(&before, &core), None);
}

/// Of a step that is about one server, most rules need not look at the others.
#[test]
fn what_is_about_one_server_is_found_as_well_and_nothing_that_breaks_no_rule() {
    let event = &Event::TimerFired(Timer::Resend);
    let about = |before: &Election, after: &Election, server| {
        first_broken_about(Step { before, event, actions: &[], after }, id(server))
    };
    let mut settling = begun(2, members(3, 0));
    hear(&mut settling, 1, Looking, plain(2), 1);
    assert_eq!(settling.state(), State::Settling);
    // An excerpt for 3 lacks the word of 1, on which this stands.
    assert_eq!(about(&settling, &settling, 3), None);
    let looking = begun(2, members(3, 1));
    let mut tampered = looking.clone();
    tampered.links.insert(id(1), Reach::Up);
    let rule = rule_broken(&looking, &tampered);
    assert!(rule.is_some());
    assert_eq!(about(&looking, &tampered, 1), rule);
    // Where the state changes, everything is looked at, whatever it is about.
    tampered = settling.clone();
    tampered.links.insert(id(1), Reach::Up);
    let mut before = tampered.clone();
    before.state = State::Looking;
    assert_eq!(about(&before, &tampered, 3), rule);
}

#[test]
fn an_event_is_about_the_server_of_which_something_happened() {
    let peer = id(2);
    let heard = Event::Heard { from: peer, notification: notification(Looking, plain(2), 1) };
    let up = Event::LinkUp { peer };
    let (doubted, gone) = (Event::Doubted { peer }, Event::Unreachable { peer });
    for event in [heard, up, Event::LinkDown { peer }, doubted, gone] {
        assert_eq!(event.about(), Some(peer), "{event:?}");
    }
    assert_eq!(Event::TimerFired(Timer::Resend).about(), None);
}

#[test]
fn an_excerpt_holds_all_that_is_known_of_the_server_it_is_about() {
    let mut core = begun(1, members(3, 0));
    link_up(&mut core, [2, 3]);
    hear(&mut core, 2, Looking, plain(3), 1);
    hear(&mut core, 3, Following, plain(2), 7);
    let excerpt = core.excerpt(id(2));
    assert_eq!(excerpt.tally.get(id(2)), core.tally.get(id(2)));
    assert!(excerpt.tally.get(id(2)).is_some() && excerpt.linked.contains(&id(2)));
    assert_eq!(excerpt.established.get(id(3)), None);
    let excerpt = core.excerpt(id(3));
    assert_eq!(excerpt.established.get(id(3)), core.established.get(id(3)));
    assert!(excerpt.established.get(id(3)).is_some());
}

#[test]
fn who_is_there_has_a_link_and_was_heard() {
    let looking = begun(2, members(3, 1));
    let tampered: [fn(&mut Election); 2] = [
        |core| {
            core.met.insert(id(1));
        },
        |core| {
            core.linked.insert(id(1));
        },
    ];
    for tamper in tampered {
        let found = broken(&looking, |core| {
            core.links.insert(id(1), Reach::Up);
            tamper(core);
        });
        assert_eq!(found, Some("a link alone is nobody"));
    }
}

#[test]
fn a_quorum_for_another_leader_or_followers_of_an_older_round_make_no_leader() {
    let looking = begun(1, members(3, 0));
    let found = broken(&looking, |core| {
        // 2 and 3 have settled on 2.
        hear(core, 3, Following, plain(2), 4);
        core.tally.record(id(2), core.established.get(id(3)).copied().unwrap());
        core.established.record(id(2), core.established.get(id(3)).copied().unwrap());
        core.state = State::Decided(decision(Standing::Following, plain(3), 4));
        (core.round, core.vote) = (Round(4), Some(plain(3)));
    });
    assert_eq!(found, Some("a server that decides holds a quorum for it"));
    let mut looking = begun(1, members(3, 0));
    looking.round = Round(5);
    let found = broken(&looking, |core| {
        for voter in [2, 3] {
            hear(core, voter, Following, plain(1), 4);
        }
        core.state = State::Decided(decision(Standing::Leading, plain(1), 4));
        (core.round, core.vote) = (Round(4), Some(plain(1)));
    });
    assert_eq!(found, Some("a server that joins has heard the leader say that it leads"));
}
