//! What holds in every simulated ensemble, whatever happens to it.
//!
//! | rule | evaluated |
//! | --- | --- |
//! | those of [elections](crate::election::invariants) | whenever an election was told something |
//! | those of [link tables](ballotbox_core::links::invariants) | whenever a link table was told something |
//! | [at most one link to each peer](ONE_LINK), [dialled by the higher id](HIGHER_DIALS) | the same |
//! | [the newest word is heard](NEWEST_WORD) | when all is quiet |
//! | [all agree in time](AGREE_IN_TIME), [and stay](AGREEMENT_LASTS) | when all faults have ended |
//! | [nobody leads without a quorum](NOBODY_LEADS_ALONE) | when all faults but strangers have ended, and no quorum runs |
//! | [one leader a round](ONE_LEADER), [the best vote](BEST_VOTE) | at the end of an election, if nothing was late or lost |

use std::time::Duration;

use ballotbox_core::ServerId;

use super::{
    LeaderlessSpan, Moment, Setup, World, member::Member, network::End, setup::InitialMember,
};
use crate::{
    election::{Decision, Standing},
    scenario::vote_file::{Operation, Step},
};

/// A rule that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Which one.
    pub rule: &'static str,
    /// By whom, if it was one member.
    pub member: Option<ServerId>,
    /// When, since the beginning.
    pub at: Duration,
    /// What more there is to say, if anything.
    pub details: String,
}

impl Violation {
    pub(super) const fn by(member: ServerId, rule: &'static str, at: Duration) -> Self {
        Self { rule, member: Some(member), at, details: String::new() }
    }

    pub(super) const fn of_all(rule: &'static str, at: Duration) -> Self {
        Self { rule, member: None, at, details: String::new() }
    }
}

/// A member has at most one open link to each peer.
pub const ONE_LINK: &str = "at most one link to each peer is open";
/// Every link to a peer was dialled by the higher of its two ids.
pub const HIGHER_DIALS: &str = "the higher id dials";
/// When nothing is on its way, what a member said last to a linked peer was heard there.
pub const NEWEST_WORD: &str = "the newest word is heard";
/// When all faults have ended, all members soon agree on a leader.
pub const AGREE_IN_TIME: &str = "after healing all agree in time";
/// Agreement lasts as long as nothing else happens.
pub const AGREEMENT_LASTS: &str = "an agreement lasts while nothing happens";
/// When all faults have ended and too few run for a quorum, soon nobody believes in a leader, whatever strangers claim.
pub const NOBODY_LEADS_ALONE: &str = "without a quorum nobody leads in the end";
/// With timely messages, there are never two leaders in one round.
pub const ONE_LEADER: &str = "timely messages elect one leader a round";
/// With timely messages, whoever has the best vote is elected.
pub const BEST_VOTE: &str = "timely messages elect the best vote";

/// Nobody waits so long for a link to whoever runs, if nothing is late.
const LINKED_WITHIN: Duration = Duration::from_secs(1);

/// Whether messages are timely in all runs of these steps: the network is quick, and members start and end, but nothing
/// else happens.
pub(super) fn is_timely(setup: &Setup, steps: &[Step]) -> bool {
    let faults = &setup.faults;
    let harmless = |step: &Step| {
        matches!(step.operation, Operation::Start(_) | Operation::Stop(_) | Operation::Kill(_))
    };
    let quick = setup.timing.election.settle >= 20 * faults.delay.1 && faults.drift_ppm <= 100_000;
    quick && faults.are_none() && faults.vanish_percent == 0 && steps.iter().all(harmless)
}

/// With timely messages: whether another leads already in the round in which this one is elected.
pub(super) fn one_leader(world: &World, member: usize, decision: Decision) -> Option<Violation> {
    let leads = |decision: Decision, round| {
        decision.standing == Standing::Leading && decision.round == round
    };
    if !world.timely || !leads(decision, decision.round) {
        return None;
    }
    let (me, others) = (&world.members[member], &world.members);
    let rival = others.iter().filter(|other| other.id != me.id).find(|other| {
        let decided = other.running.as_ref().and_then(|running| running.election.decision());
        decided.is_some_and(|theirs| leads(theirs, decision.round))
    })?;
    let details = format!("{} leads in round {}, too", rival.id, decision.round);
    Some(Violation { details, ..Violation::by(me.id, ONE_LEADER, world.now()) })
}

/// With timely messages: whether the leader has the best vote of those who took part in its election from its begin to its end.
pub(super) fn best_was_elected(world: &World, ended: &LeaderlessSpan) -> Option<Violation> {
    let began = Moment::from(ended.began);
    let first = world.steps.first().map_or(Duration::ZERO, |step| step.at);
    let together = ended.began == first && world.last_start == began;
    let undisturbed = world.last_step <= began;
    let all_were_linked = world.last_start.after(LINKED_WITHIN) <= began;
    if !world.timely || !undisturbed || !(together || all_were_linked) {
        return None;
    }
    let setup = &world.setup;
    let takes_part = |candidate: &&InitialMember| {
        let runs = |member: &Member| member.id == candidate.id && member.running.is_some();
        setup.ensemble.may_lead(candidate.id)
            && candidate.zxid != crate::Zxid::ERASED
            && world.members.iter().any(runs)
    };
    let history = |candidate: &&InitialMember| {
        let member = world.members.iter().find(|member| member.id == candidate.id);
        let wiped = member.is_some_and(|member| member.wiped);
        let (epoch, zxid) = (candidate.epoch, candidate.zxid);
        (if wiped { Default::default() } else { (epoch, zxid) }, candidate.id)
    };
    let best = setup.members.iter().filter(takes_part).max_by_key(history)?;
    let details = format!("{} has a better one than {}", best.id, ended.leader);
    (best.id != ended.leader)
        .then(|| Violation { details, ..Violation::by(ended.leader, BEST_VOTE, world.now()) })
}

/// The rule of links that this member breaks, if it breaks one.
pub(super) fn broken_by_links(world: &World, member: usize) -> Option<&'static str> {
    let me = &world.members[member];
    let running = me.running.as_ref()?;
    if any_twice(running.open.iter().map(|(link, _)| link.peer)) {
        return Some(ONE_LINK);
    }
    for (link, end) in &running.open {
        let connection = world.network.connections.get(end.connection as usize)?;
        let [dialer, acceptor] =
            [&connection.dialer, &connection.acceptor].map(|half| world.name_of(half.member));
        // Guests come as they like.
        if dialer < acceptor && running.table.peers().any(|peer| peer == link.peer) {
            return Some(HIGHER_DIALS);
        }
    }
    None
}

/// Whether an id comes twice. While they are few, looking at all pairs is quicker than any order.
fn any_twice(ids: impl ExactSizeIterator<Item = ServerId> + Clone) -> bool {
    const FEW: usize = 16;
    if ids.len() <= FEW {
        let mut rest = ids;
        while let Some(id) = rest.next() {
            if rest.clone().any(|other| other == id) {
                return true;
            }
        }
        return false;
    }
    let mut sorted: Vec<_> = ids.collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// Whether nothing is under way on any open link.
pub(super) fn all_is_quiet(world: &World) -> bool {
    let quiet = |end: End| {
        let halves = world.network.half(end).zip(world.network.half(end.other()));
        halves.is_none_or(|(here, there)| here.in_flight == 0 && there.unread.is_empty())
    };
    let running =
        world.members.iter().filter_map(|member| Some((member, member.running.as_ref()?)));
    running.clone().all(|(member, running)| {
        member.hanging.is_none() && running.writing == 0 && running.outgoing.is_empty()
    }) && running
        .flat_map(|(_, running)| &running.open)
        .all(|(_, end)| quiet(*end) && quiet(end.other()))
}

/// Whether any two who want a link have one, and the same one.
pub(super) fn all_are_linked(world: &World) -> bool {
    let link_of = |member: &Member, peer| {
        let running = member.running.as_ref()?;
        let link = running.table.link(peer)?;
        let (_, end) = running.open.iter().find(|(open, _)| *open == link)?;
        let connection = world.network.connections.get(end.connection as usize)?;
        (!connection.reset && !connection.unroutable).then_some(*end)
    };
    world.members.iter().all(|member| {
        let Some(running) = &member.running else { return true };
        let mut peers = world.members.iter().filter(|other| {
            other.running.is_some() && running.table.peers().any(|peer| peer == other.id)
        });
        peers.all(|peer| {
            let (here, there) = (link_of(member, peer.id), link_of(peer, member.id));
            here.is_some() && here.map(End::other) == there
        })
    })
}

/// Whether on every link that both ends have, and on which nothing is under way, the last thing said was heard.
pub(super) fn newest_word_heard(world: &World) -> Option<Violation> {
    world.members.iter().find_map(|member| {
        let running = member.running.as_ref()?;
        let quiet = member.hanging.is_none() && running.writing == 0 && running.outgoing.is_empty();
        let lost = |(link, end): &&(ballotbox_core::links::LinkId, End)| {
            let newest = running.newest.iter().find(|(peer, _)| *peer == link.peer);
            let heard = is_calm(world, *end).map(|half| half.last_heard.as_ref());
            heard.is_some_and(|heard| heard != newest.map(|(_, frame)| frame))
        };
        let (link, _) = quiet.then(|| running.open.iter().find(lost)).flatten()?;
        let details = format!("not by {}", link.peer);
        Some(Violation { details, ..Violation::by(member.id, NEWEST_WORD, world.now()) })
    })
}

/// The half at this end, if the connection stands, both ends are links, and nothing is on its way.
fn is_calm(world: &World, end: End) -> Option<&super::network::Half> {
    let connection = world.network.connections.get(end.connection as usize)?;
    let (here, there) = (world.network.half(end)?, world.network.half(end.other())?);
    let their_link = there.link?;
    // A party outside hears nothing.
    let them = world.members.get(there.member)?;
    let heeded = them.running.as_ref()?.present.contains(their_link);
    let calm = !connection.reset
        && here.open
        && there.open
        && heeded
        && them.hanging.is_none()
        && here.in_flight + there.in_flight == 0
        && there.unread.is_empty();
    calm.then_some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_comes_twice_is_found_among_few_and_among_many() {
        for count in [1, 2, 3, 16, 17, 255] {
            let ids: Vec<_> = (0..count).rev().filter_map(ServerId::new).collect();
            assert!(!any_twice(ids.iter().copied()), "{count}");
            for twin in [0, count / 2, count - 1] {
                let twice = ids.iter().copied().chain(ServerId::new(twin)).collect::<Vec<_>>();
                assert!(any_twice(twice.into_iter()), "{twin} of {count}");
            }
        }
    }
}
