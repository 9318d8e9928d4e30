//! The rules of an election, one sentence each; then whole ensembles of cores.

mod account;
mod agreement;
mod answering;
mod deciding;
mod invariants;
mod leadership;
mod observing;
mod presence;
mod voting;
mod watching;
mod withdrawing;
mod world;

use std::{sync::Arc, time::Duration};

use super::{
    Action, Decision, Election, Epoch, Event, Format, History, Notification, PeerState, Round,
    Standing, State, Timer, Vote, Zxid,
};
use crate::{
    Core, ServerId,
    election::ElectionTiming,
    membership::{Ensemble, GroupId, Member},
};

use PeerState::{Following, Leading, Looking, Observing};

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn history(epoch: i64, zxid: i64) -> History {
    History { epoch: Epoch(epoch), zxid: Zxid(zxid) }
}

fn vote(epoch: i64, zxid: i64, leader: u64) -> Vote {
    Vote::new(history(epoch, zxid), id(leader))
}

/// A vote for a server without history.
fn plain(leader: u64) -> Vote {
    vote(0, 0, leader)
}

/// Voters 1 to `voters`, observers after them.
fn members(voters: u64, observers: u64) -> Ensemble {
    let voting = (1..=voters).map(|number| Member::voter(id(number)));
    let watching = (voters + 1..=voters + observers).map(|number| Member::observer(id(number)));
    Ensemble::new(voting.chain(watching)).unwrap()
}

/// Nine servers in three groups of which only the first, 0 to 2, has any weight.
fn one_group_with_weight() -> Ensemble {
    Ensemble::new((0..9).map(|number| Member {
        weight: Some(u64::from(number < 3)),
        group: Some(GroupId(number / 3)),
        ..Member::voter(id(number))
    }))
    .unwrap()
}

fn notification(state: PeerState, vote: impl Into<Option<Vote>>, round: i64) -> Notification {
    let format = Format::Current { version: 2, config: "".into() };
    Notification { state, vote: vote.into(), round: Round(round), format }
}

fn core_of(me: u64, ensemble: Ensemble) -> Election {
    Election::new(id(me), Arc::new(ensemble), ElectionTiming::default(), "".into())
}

/// A core that has begun, standing on nothing, and that looks for longer than it takes to start.
fn begun(me: u64, ensemble: Ensemble) -> Election {
    let mut core = core_of(me, ensemble);
    begin(&mut core, 0, 0);
    fire(&mut core, Timer::Startup);
    core
}

fn begin(core: &mut Election, zxid: i64, epoch: i64) -> Vec<Action> {
    core.actions_on(Event::Begin { history: history(epoch, zxid) })
}

fn hear(
    core: &mut Election,
    from: u64,
    state: PeerState,
    vote: impl Into<Option<Vote>>,
    round: i64,
) -> Vec<Action> {
    let notification = notification(state, vote, round);
    core.actions_on(Event::Heard { from: id(from), notification })
}

fn link_up(core: &mut Election, peers: impl IntoIterator<Item = u64>) -> Vec<Action> {
    let up = peers.into_iter().flat_map(|peer| core.actions_on(Event::LinkUp { peer: id(peer) }));
    up.collect()
}

/// New links to these, over which each asks for a sign of life: so they are there.
fn meet(core: &mut Election, peers: impl IntoIterator<Item = u64>) -> Vec<Action> {
    let question = notification(Looking, None, Round::OF_A_QUESTION.0);
    let mut actions = Vec::new();
    for peer in peers {
        actions.extend(link_up(core, [peer]));
        let heard = Event::Heard { from: id(peer), notification: question.clone() };
        actions.extend(core.actions_on(heard));
    }
    actions
}

fn link_down(core: &mut Election, peer: u64) -> Vec<Action> {
    core.actions_on(Event::LinkDown { peer: id(peer) })
}

fn unreachable(core: &mut Election, peer: u64) -> Vec<Action> {
    core.actions_on(Event::Unreachable { peer: id(peer) })
}

fn fire(core: &mut Election, timer: Timer) -> Vec<Action> {
    core.actions_on(Event::TimerFired(timer))
}

/// Server `me` of voters 1 to 3, linked to the others, after all three elected the third in round 1.
fn settled(me: u64) -> Election {
    settled_among(me, 3, 3)
}

/// Server `me` of `count` voters, linked to the others, after all elected `leader` in round 1.
fn settled_among(me: u64, voters: u64, leader: u64) -> Election {
    let mut core = core_of(me, members(voters, 1));
    link_up(&mut core, (1..=voters).filter(|peer| *peer != me));
    begin(&mut core, 0, 0);
    for peer in (1..=voters).filter(|peer| *peer != me) {
        hear(&mut core, peer, Looking, vote(9, 9, leader), 1);
    }
    let decision = core.decision().expect("all vote alike");
    assert_eq!((decision.vote.leader, decision.round), (id(leader), Round(1)));
    core
}

/// Tells that the decision has become a leadership, if there is one.
fn establish(core: &mut Election, epoch: i64) -> Vec<Action> {
    let decision = core.decision().expect("there is a decision");
    let (leader, round) = (decision.vote.leader, decision.round);
    core.actions_on(Event::Established { leader, round, epoch: Epoch(epoch) })
}

/// What was said: to whom, in which state, for whom, in which round.
fn said(actions: &[Action]) -> Vec<(u64, PeerState, Option<Vote>, i64)> {
    let mut said = Vec::new();
    for action in actions {
        if let Action::Say { to, notification } = action {
            let Notification { state, vote, round, .. } = notification;
            said.push((to.number(), *state, *vote, round.0));
        }
    }
    said
}

/// Who was asked for a sign of life.
fn asked(actions: &[Action]) -> Vec<u64> {
    let mut asked = Vec::new();
    for action in actions {
        if let Action::Ask { to, question } = action {
            assert!(question.is_question());
            assert!(question.vote < Some(Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(0) }));
            asked.push(to.number());
        }
    }
    asked
}

fn decided(actions: &[Action]) -> Option<Decision> {
    let mut decisions = actions.iter().filter_map(|action| match action {
        Action::Decided(decision) => Some(*decision),
        Action::Say { .. }
        | Action::Ask { .. }
        | Action::SetTimer { .. }
        | Action::ClearTimer(_)
        | Action::Reconnect
        | Action::Looking { .. } => None,
    });
    decisions.next()
}

fn decision(standing: Standing, vote: Vote, round: i64) -> Decision {
    Decision { standing, vote, round: Round(round) }
}

fn looking_in(actions: &[Action], round: i64) -> bool {
    actions.contains(&Action::Looking { round: Round(round) })
}

fn armed(actions: &[Action], timer: Timer) -> Option<Duration> {
    let mut armed = actions.iter().filter_map(|action| match action {
        Action::SetTimer { timer: which, after } if *which == timer => Some(*after),
        Action::SetTimer { .. }
        | Action::Say { .. }
        | Action::Ask { .. }
        | Action::ClearTimer(_)
        | Action::Reconnect
        | Action::Looking { .. }
        | Action::Decided(_) => None,
    });
    armed.next()
}

fn cleared(actions: &[Action], timer: Timer) -> bool {
    actions.contains(&Action::ClearTimer(timer))
}
