//! What holds in every election, whatever the network does.
//!
//! Each rule is a function of one [`Step`]. They are evaluated as debug assertions after every
//! event, and by whatever else drives an election: tests, simulation, model checker.
//!
//! There is no rule that all servers agree: that needs timely messages.

use super::{Election, State, hearing::ASKERS_MAX, watch::Reach};
use crate::{
    Rule, ServerId,
    election::{Ballot, Decision, Event, PeerState, Standing, tally::Tally},
    machine,
};

/// What one event did to an election.
pub type Step<'a> = crate::Step<'a, Election>;

/// All rules, by name.
pub const RULES: [Rule<Election>; 15] = [
    ("the vote never falls within a round", vote_never_falls),
    ("the round goes back only to join those who settled", round_goes_back_only_to_join),
    ("a server that decides holds a quorum for it", decided_with_a_quorum),
    ("a server that joins has heard the leader say that it leads", joined_only_who_says_it_leads),
    ("nobody votes or decides for one who may not lead", elects_only_who_may_lead),
    ("the standing fits the decision", standing_fits),
    ("nobody is elected who is known to be gone", elects_only_who_may_be_there),
    ("a link alone is nobody", counts_only_who_was_heard),
    ("a server without a vote is not counted", counts_only_voters),
    ("who settles has a quorum, and counts its own vote", settling_has_a_quorum),
    ("observers ask their leader, and nobody else does", observers_ask),
    ("nobody votes for itself or leads after it has withdrawn", withdrawn_do_not_lead),
    ("a leadership ends by what is heard of it", leadership_ends_when_told),
    ("beside the heartbeats of a leadership nothing is watched", heartbeats_are_enough),
    ("what is kept is bounded", bounded),
];

/// The name of the first rule that this step breaks.
pub fn first_broken(step: Step<'_>) -> Option<&'static str> {
    machine::first_broken(&RULES, step)
}

/// The same for a step by an event that is [about](super::Event::about) this server. Of the election before, an
/// [excerpt](Election::excerpt) is enough.
pub fn first_broken_about(step: Step<'_>, server: ServerId) -> Option<&'static str> {
    if step.before.state != step.after.state {
        return first_broken(step);
    }
    let excerpt = step.after.excerpt(server);
    // An excerpt holds no quorum: what it seems to break is looked at in whole.
    let breaks =
        |(_, keeps): &&Rule<Election>| !keeps(Step { after: &excerpt, ..step }) && !keeps(step);
    RULES.iter().find(breaks).map(|(name, _)| *name)
}

/// Within a round, a server that looks only ever turns to a better vote. (A new election in the largest possible round
/// cannot have a larger round: it begins again in the same one.)
pub fn vote_never_falls(Step { before, after, .. }: Step<'_>) -> bool {
    let same_round = before.round == after.round && before.round.next() != before.round;
    !(same_round && looks(before) && looks(after)) || after.vote >= before.vote
}

/// The round never falls, except to that of an established leader.
pub fn round_goes_back_only_to_join(Step { before, after, .. }: Step<'_>) -> bool {
    after.round >= before.round || fresh_decision(before, after).is_some()
}

/// At the moment of a decision, a quorum votes for just that in the tally of the round, or has settled on that leader; or the
/// leader before has nominated it.
pub fn decided_with_a_quorum(Step { before, event, after, .. }: Step<'_>) -> bool {
    fresh_decision(before, after).is_none_or(|decision| {
        nominated(before, event, decision)
            || voted_for(after, decision)
            || settled_on(&after.tally, after, decision)
            || settled_on(&after.established, after, decision)
    })
}

/// Without a quorum of equal votes, a leader is joined only on its own word. A server joins its own followers only in the
/// round in which it looks.
pub fn joined_only_who_says_it_leads(Step { before, event, after, .. }: Step<'_>) -> bool {
    fresh_decision(before, after).is_none_or(|decision| {
        let leader = decision.vote.leader;
        let spoke = |tally: &Tally| tally.claim_of(leader).is_some();
        let own_round = leader == after.me && decision.round >= before.round;
        nominated(before, event, decision)
            || voted_for(after, decision)
            || own_round
            || spoke(&after.tally)
            || spoke(&after.established)
    })
}

/// A vote, and a decision, is for a voter with some weight.
pub fn elects_only_who_may_lead(Step { after, .. }: Step<'_>) -> bool {
    after.vote.is_none_or(|vote| after.ensemble.may_lead(vote.leader))
}

/// At the moment of a decision, no attempt to reach the elected server has failed since it was last heard.
pub fn elects_only_who_may_be_there(Step { before, after, .. }: Step<'_>) -> bool {
    fresh_decision(before, after).is_none_or(|decision| after.may_be_there(decision.vote.leader))
}

/// A link, or its end, changes what is known of a peer only if the peer was heard over it: all that count as being there
/// have a link, and were heard.
pub fn counts_only_who_was_heard(Step { after, .. }: Step<'_>) -> bool {
    let mut there = after.links.iter().filter(|(_, reach)| **reach == Reach::Up);
    there.all(|(id, _)| after.linked.contains(id) && after.met.contains(id))
}

/// A server leads exactly if it elected itself, and only voters follow.
pub fn standing_fits(Step { after, .. }: Step<'_>) -> bool {
    after.decision().is_none_or(|decision| {
        let fits = match decision.standing {
            Standing::Leading => decision.vote.leader == after.me,
            Standing::Following => decision.vote.leader != after.me && after.i_am_voter(),
            Standing::Observing => !after.i_am_voter(),
        };
        fits && after.round == decision.round && after.vote == Some(decision.vote)
    })
}

/// No tally holds a vote of a server that is no voter, nor a vote for such a server.
pub fn counts_only_voters(Step { after, .. }: Step<'_>) -> bool {
    let kept = [&after.tally, &after.established, &after.early];
    let mut ballots = kept.into_iter().flat_map(Tally::iter);
    ballots.all(|(id, ballot)| {
        after.ensemble.is_voter(id) && after.ensemble.is_voter(ballot.vote.leader)
    })
}

/// A server settles with a quorum of votes equal to its own, and leaves that state when it loses it.
pub fn settling_has_a_quorum(Step { after, .. }: Step<'_>) -> bool {
    let settling = after.state == State::Settling;
    let quorum = || after.ballot().is_some_and(|ours| quorum_for(&after.tally, after, &ours));
    let own = after.tally.get(after.me).is_none_or(|ballot| Some(ballot.vote) == after.vote);
    !settling || (own && quorum())
}

/// An observer that has decided is going to ask its leader whether it leads, until that is a leadership.
pub fn observers_ask(Step { after, .. }: Step<'_>) -> bool {
    let observes =
        |decision: Decision| decision.standing == Standing::Observing && !after.watch.is_over();
    after.watch.questions.is_some() == after.decision().is_some_and(observes)
}

/// A server that has withdrawn neither votes for itself nor elects itself. (In the largest round there is, it may have a vote for
/// itself from before.)
pub fn withdrawn_do_not_lead(Step { before, after, .. }: Step<'_>) -> bool {
    let votes = looks(after) && after.round.next() > after.round;
    let own = after.vote.is_some_and(|vote| vote.leader == after.me);
    !(after.withdrawn && own && (votes || fresh_decision(before, after).is_some()))
}

/// Neither links nor the words of others end a decision that has become a leadership, or change it.
pub fn leadership_ends_when_told(Step { before, event, after, .. }: Step<'_>) -> bool {
    let told = match event {
        Event::Begin { .. }
        | Event::LookAgain { .. }
        | Event::Established { .. }
        | Event::Nominated { .. } => true,
        Event::Heard { .. }
        | Event::LinkUp { .. }
        | Event::LinkDown { .. }
        | Event::Doubted { .. }
        | Event::Unreachable { .. }
        | Event::TimerFired(_)
        | Event::EpochStored(_)
        | Event::Withdraw
        | Event::Stand => false,
    };
    told || !before.watch.is_over() || (after.watch.is_over() && after.state == before.state)
}

/// A decision that has become a leadership is no longer watched, and only a decision becomes one.
pub fn heartbeats_are_enough(Step { after, .. }: Step<'_>) -> bool {
    !after.watch.is_over() || (after.decision().is_some() && after.watch.is_idle())
}

/// Only members are watched, and only a limited number of strangers is remembered.
pub fn bounded(Step { after, .. }: Step<'_>) -> bool {
    let strangers = after.askers.iter().filter(|id| !after.ensemble.contains(**id));
    let mut watched = after.links.keys().chain(&after.linked).chain(&after.met);
    strangers.count() <= ASKERS_MAX && watched.all(|id| after.ensemble.contains(*id))
}

fn looks(election: &Election) -> bool {
    matches!(election.state, State::Looking | State::Settling)
}

/// The decision, if this step took it.
fn fresh_decision(before: &Election, after: &Election) -> Option<Decision> {
    after.decision().filter(|decision| {
        let same = |old: Decision| old.is_for(decision.vote.leader, decision.round);
        !before.decision().is_some_and(same)
    })
}

/// Whether the leader that was elected before has said, when its leadership was over, that this is the next decision.
fn nominated(before: &Election, event: &Event, decision: Decision) -> bool {
    let Event::Nominated { leader, round, vote, next } = event else { return false };
    let ended = before.decision().is_some_and(|before| before.is_for(*leader, *round));
    ended && next > round && decision.vote == *vote && decision.round == *next
}

fn voted_for(after: &Election, decision: Decision) -> bool {
    let state = PeerState::Looking;
    let ballot = Ballot { state, vote: decision.vote, round: decision.round, version: 0 };
    quorum_for(&after.tally, after, &ballot)
}

fn quorum_for(tally: &Tally, after: &Election, ballot: &Ballot) -> bool {
    after.ensemble.is_quorum(&tally.supporters(ballot))
}

/// Whether one of those who settled on this leader has a quorum of equal ballots.
fn settled_on(tally: &Tally, after: &Election, decision: Decision) -> bool {
    let settled = tally.iter().map(|(_, ballot)| *ballot).filter(|ballot| {
        ballot.state != PeerState::Looking && ballot.vote.leader == decision.vote.leader
    });
    // In the tally of a round the version was forgotten: the server heard last may have had one.
    let as_heard =
        settled.flat_map(|ballot| [ballot, Ballot { version: ballot.version.max(1), ..ballot }]);
    as_heard.into_iter().any(|ballot| quorum_for(tally, after, &ballot))
}
