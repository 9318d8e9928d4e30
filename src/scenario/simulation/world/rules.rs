//! What holds in every simulated ensemble, whatever happens to it.
//!
//! | rule | evaluated |
//! | --- | --- |
//! | those of [elections](crate::election::invariants) | after every event of an election |
//! | those of [link tables](ballotbox_core::links::invariants) | after every event of a link table |
//! | [at most one link to each peer](ONE_LINK), [dialled by the higher id](HIGHER_DIALS) | whenever a link was opened |
//! | [the newest word is heard](NEWEST_WORD) | when all is quiet |
//! | [all agree in time](AGREE_IN_TIME), [and stay](AGREEMENT_LASTS) | when all faults have ended |
//! | [nobody leads without a quorum](NOBODY_LEADS_ALONE) | when all faults but strangers have ended, and no quorum runs |
//! | [one leader a round](ONE_LEADER), [the best vote](BEST_VOTE) | at the end of an election, if nothing was late or lost |
//! | those of [leadership](ballotbox_core::leadership::invariants), with those of [epochs](ballotbox_core::leadership::epochs_invariants) on records, words and epochs | after every event of a leadership; of heartbeats, after every sixteenth |
//! | [an epoch begins once](ONE_BEGINNING), [epochs](EPOCHS_GROW) [grow](LATER_IS_LARGER) | when one begins, over the whole run |
//! | [an epoch is on the disks of a quorum](ON_DISKS) | when it begins |
//! | [each beginning ends once](LOST_ONCE), [nobody goes back](NEVER_BACK) | whenever a member reports that it leads or follows, or does so no more |
//! | [no two leases run at one time](ONE_LEASE) | whenever a leader begins, or its lease is extended, against the cores and clocks of all others; where machines are paused with their clocks, such are counted |
//! | [a promise binds](PROMISES_BIND) | whenever a leader is acknowledged, by what was promised over the whole run |
//! | [who leads holds a lease](LEASE_RUNS), [whose end never moves back](LEASE_GROWS) | after every event of a leadership |
//! | [what is lost is over](LOST_IS_OVER) | whenever a member reports that it leads, or sends a ping |
//! | [no two works](ONE_WORK) | whenever work begins, against that of all others whose lease runs, also where it was left behind |
//! | [work ends first](WORK_ENDS_FIRST) | whenever a member says that epochs of its own have ended |
//!
//! The rules about epochs assume that the voters that have lost their disks, and were not recorded again yet, are never a quorum:
//! no fault wipes more. If the steps of a file do, epochs begin anew. They also assume that nobody is believed who is not the voter that
//! he says he is: where members take plain text, `impostors` break them.
//!
//! In an ensemble of more than sixteen, most events are judged only by what they are about: they change nothing else (a
//! rule of its own). With N members, every N-th event is judged by all that the core holds.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use ballotbox_core::{
    leadership::{LeaseTerms, lease::Clocks as _},
    links::{Generation, LinkId},
};

use super::World;
use crate::{
    election::{Decision, Epoch, Standing},
    scenario::{
        simulation::{
            LeaderlessSpan, Moment, Setup, Violation,
            member::Member,
            network::{End, Half},
            seat::Session,
            setup::InitialMember,
        },
        vote_file::{Operation, Step, join},
    },
};

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
/// With timely messages, the member with the best vote is elected.
pub const BEST_VOTE: &str = "timely messages elect the best vote";
/// An epoch begins at most once, over all members and all their lives.
pub const ONE_BEGINNING: &str = "an epoch begins at most once";
/// An epoch that has begun is on the disks of a quorum, its leader's among them. A disk that was lost since the leader began to
/// hear who is here counts with what was on it: its member may have given its word before.
pub const ON_DISKS: &str = "an epoch that has begun is on the disks of a quorum";
/// The epochs that a member begins grow, over all its lives.
pub const EPOCHS_GROW: &str = "the epochs that a member begins grow";
/// An epoch whose discovery began after another one had begun is larger than that.
pub const LATER_IS_LARGER: &str = "an epoch that is sought after another has begun is larger";
/// A member that reports that it leads or follows reports once that this is over.
pub const LOST_ONCE: &str = "each beginning is reported once, and its end once";
/// No member reports an epoch below one that it has reported in this life, or with its word in an earlier one.
pub const NEVER_BACK: &str = "a member never goes back to an older epoch";

/// No two members hold leases that run at one time: none runs when another member begins to lead.
pub const ONE_LEASE: &str = "no two leases run at one time";
/// No work begins while that of another member goes on under a lease that runs, though its process may be gone.
pub const ONE_WORK: &str = "no work begins beside another one whose lease runs";
/// A voter that has answered a ping with a promise acknowledges no other leader before all its clocks show that the promise is over, or
/// its holder has said that what it was for has ended.
pub const PROMISES_BIND: &str = "who has promised acknowledges nobody else";
/// Who has looked at its clocks leads only with a lease that runs by the faster one.
pub const LEASE_RUNS: &str = "who leads holds a lease that runs by both of its clocks";
/// The end of a lease never moves back in one epoch.
pub const LEASE_GROWS: &str = "the end of a lease never moves back";
/// Who has lost an epoch reports it no more as its leader, and sends no ping of it.
pub const LOST_IS_OVER: &str = "an epoch that is lost is over for its leader";
/// Nobody says that an epoch of its own has ended while its work goes on.
pub const WORK_ENDS_FIRST: &str = "no epoch has ended while its work goes on";

/// Upper bound for linking two running members when nothing is delayed.
const LINKED_WITHIN: Duration = Duration::from_secs(1);

/// Whether messages are timely in all runs of these steps: the network is quick, and members start and end, but nothing
/// else happens.
pub(in crate::scenario::simulation) fn is_timely(setup: &Setup, steps: &[Step]) -> bool {
    let faults = &setup.faults;
    let harmless = |step: &Step| {
        matches!(step.operation, Operation::Start(_) | Operation::Stop(_) | Operation::Kill(_))
    };
    let quick = setup.timing.election.settle >= 20 * faults.delay.1 && faults.drift_ppm <= 100_000;
    quick && faults.are_none() && faults.vanish_percent == 0 && steps.iter().all(harmless)
}

/// With timely messages: whether another leads already in the round in which this one is elected.
pub(in crate::scenario::simulation) fn one_leader(
    world: &World,
    member: usize,
    decision: Decision,
) -> Option<Violation> {
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
pub(in crate::scenario::simulation) fn best_was_elected(
    world: &World,
    ended: &LeaderlessSpan,
) -> Option<Violation> {
    let began = Moment::from(ended.began);
    let first = world.steps.first().map_or(Duration::ZERO, |step| step.at);
    let together = ended.began == first && world.last_start == began;
    let undisturbed = world.last_step <= began;
    let all_were_linked = world.last_start.after(LINKED_WITHIN) <= began;
    // Who has nothing to stand on may win, and not lead.
    let is_known = |member: &Member| {
        !world.setup.leadership
            || member.disk.record.recorded
            || !world.setup.ensemble.is_voter(member.id)
    };
    let all_are_known = world.members.iter().all(is_known);
    if !world.timely || !undisturbed || !(together || all_were_linked) || !all_are_known {
        return None;
    }
    let setup = &world.setup;
    let takes_part = |candidate: &&InitialMember| {
        let runs = |member: &Member| member.id == candidate.id && member.running.is_some();
        setup.ensemble.may_lead(candidate.id)
            && !candidate.history.is_erased()
            && world.members.iter().any(runs)
    };
    let voted_with = setup.members.iter().zip(&world.histories);
    let taking_part = voted_with.filter(|(candidate, _)| takes_part(candidate));
    let (best, _) = taking_part.max_by_key(|(candidate, history)| (**history, candidate.id))?;
    let details = format!("{} has a better one than {}", best.id, ended.leader);
    (best.id != ended.leader)
        .then(|| Violation { details, ..Violation::by(ended.leader, BEST_VOTE, world.now()) })
}

/// Whether the epoch that this member has just begun is on the disks of a quorum.
pub(in crate::scenario::simulation) fn begun_on_disks(
    world: &World,
    member: usize,
    epoch: Epoch,
) -> Option<Violation> {
    let since = world.reigns.sought(member);
    let keep = world.members.iter().filter(|one| one.disk.keeps(epoch, since));
    let keep: BTreeSet<_> = keep.map(|one| one.id).collect();
    let me = world.members[member].id;
    let details = format!("epoch {epoch} is on those of {}", join(keep.iter()));
    let is_kept = world.setup.ensemble.is_quorum(&keep) && keep.contains(&me);
    (!is_kept).then(|| Violation { details, ..Violation::by(me, ON_DISKS, world.now()) })
}

/// The rule that a link breaks which this member has just opened, if it breaks one.
pub(in crate::scenario::simulation) fn broken_by_link(
    world: &World,
    member: usize,
    link: LinkId,
) -> Option<&'static str> {
    let running = world.members[member].running.as_ref()?;
    let [first, last] =
        [0, u64::MAX].map(|number| LinkId { generation: Generation(number), ..link });
    if running.open.range(first..=last).count() > 1 {
        return Some(ONE_LINK);
    }
    let end = running.open.get(&link)?;
    let connection = world.network.connection(end.connection)?;
    let [dialer, acceptor] =
        [&connection.dialer, &connection.acceptor].map(|half| world.name_of(half.member));
    // Guests come as they like.
    let breaks = dialer < acceptor && running.table.peers().any(|peer| peer == link.peer);
    breaks.then_some(HIGHER_DIALS)
}

/// Whether nothing is under way on any open link.
pub(in crate::scenario::simulation) fn all_is_quiet(world: &World) -> bool {
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
pub(in crate::scenario::simulation) fn all_are_linked(world: &World) -> bool {
    let link_of = |member: &Member, peer| {
        let running = member.running.as_ref()?;
        let link = running.table.link(peer)?;
        let end = running.open.get(&link)?;
        let connection = world.network.connection(end.connection)?;
        (!connection.reset && !connection.unroutable).then_some(*end)
    };
    world.members.iter().all(|member| {
        let Some(running) = &member.running else { return true };
        let others = running.table.peers().filter_map(|peer| world.member(peer));
        others.filter(|other| other.running.is_some()).all(|peer| {
            let (here, there) = (link_of(member, peer.id), link_of(peer, member.id));
            here.is_some() && here.map(End::other) == there
        })
    })
}

/// Whether all who follow have a session with their leader, and something was heard on every session lately.
pub(in crate::scenario::simulation) fn all_are_served(world: &World) -> bool {
    let silence = world.setup.timing.leadership.silence;
    let lately = Moment::from(world.now().saturating_sub(silence / 2));
    let is_made = |session: &Session| {
        let halves = world.network.half(session.end).zip(world.network.half(session.end.other()));
        halves.is_some_and(|(here, there)| here.session.is_some() && there.session.is_some())
    };
    let seats = world.members.iter().filter_map(|member| member.running.as_ref()?.seat.as_ref());
    seats.into_iter().all(|seat| {
        let mut sessions = seat.sessions.values();
        seat.is_connected() && sessions.all(|one| one.heard >= lately && is_made(one))
    })
}

/// Whether the lease of everybody who leads with one rests on one of the last two pings.
pub(in crate::scenario::simulation) fn leases_are_renewed(world: &World) -> bool {
    let timing = world.setup.timing.leadership;
    let Some(LeaseTerms { length, .. }) = timing.lease else { return true };
    let lately = length.saturating_sub(2 * timing.ping);
    world.members.iter().all(|member| {
        let seat = member.running.as_ref().and_then(|running| running.seat.as_ref());
        let held = seat.and_then(|seat| seat.core.leads());
        held.is_none_or(|(_, until)| {
            let left = member.clocks.read(world.now).left_by_fastest(until);
            left.is_some_and(|left| left >= lately)
        })
    })
}

/// Whether on every link that both ends have, and on which nothing is under way, the last thing said was heard.
pub(in crate::scenario::simulation) fn newest_word_heard(world: &World) -> Option<Violation> {
    world.members.iter().find_map(|member| {
        let running = member.running.as_ref()?;
        let quiet = member.hanging.is_none() && running.writing == 0 && running.outgoing.is_empty();
        let lost = |(link, end): &(&LinkId, &End)| {
            let newest = running.newest.get(&link.peer);
            let heard = is_calm(world, **end).map(|half| half.last_heard.as_ref());
            heard.is_some_and(|heard| heard != newest)
        };
        let (link, _) = quiet.then(|| running.open.iter().find(lost)).flatten()?;
        let details = format!("not by {}", link.peer);
        Some(Violation { details, ..Violation::by(member.id, NEWEST_WORD, world.now()) })
    })
}

/// The half at this end, if the connection stands, both ends are links, and nothing is on its way.
fn is_calm(world: &World, end: End) -> Option<&Half> {
    let connection = world.network.connection(end.connection)?;
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
