//! What holds in every link table, whatever its peers and the network do.
//!
//! Each rule is a function of one [`Step`]. They are evaluated as debug assertions after every event, and by whatever
//! else drives a table: simulation, model checker.

use super::{
    ATTEMPTS_MAX, CANDIDATES_MAX, GUESTS_MAX, LinkTable, Outbox,
    peer::{Dialing, Doubt, Peer, PeerLink},
};
use crate::{
    Rule, ServerId,
    links::{Action, Approach, Event, Generation, LinkId, Notice, SocketId, Timer},
    machine,
};

/// What one event did to a table.
pub type Step<'a> = crate::Step<'a, LinkTable>;

/// All rules, by name.
pub const RULES: [Rule<LinkTable>; 10] = [
    ("a newer link has a higher generation", generations_grow),
    ("every link that comes or goes is told", links_are_told),
    ("the higher id dials, the lower one knocks", higher_dials),
    ("one frame at a time is written on a link", one_frame_at_a_time),
    ("a frame waits only behind another", waits_behind_another),
    ("every connection becomes something or is dropped", sockets_are_accounted_for),
    ("a link in place gives way only when it does not answer", gives_way_to_who_speaks),
    ("a peer without a link is tried, and a higher id until it speaks", unlinked_is_tried),
    ("what a link table keeps is bounded", bounded),
    ("an event changes no peer but the one it is about", changes_whom_it_is_about),
];

/// The name of the first rule that this step breaks.
pub fn first_broken(step: Step<'_>) -> Option<&'static str> {
    machine::first_broken(&RULES, step)
}

/// Every link and attempt has a generation of its own, and a later one a higher one.
pub fn generations_grow(step: Step<'_>) -> bool {
    let (last, newest) = (step.before.last_generation, step.after.last_generation);
    // Most events change none of them, and a table may have hundreds.
    if generations(step.after).eq(generations(step.before)) {
        return true;
    }
    let sorted = |table| {
        let mut generations: Vec<_> = generations(table).collect();
        generations.sort_unstable();
        generations
    };
    let (before, after) = (sorted(step.before), sorted(step.after));
    let is_known = |generation| before.binary_search(generation).is_ok();
    let (old, new) = after.split_at(after.partition_point(|generation| *generation <= last));
    old.iter().all(is_known)
        && new.windows(2).all(|pair| pair[0] != pair[1])
        && new.last().is_none_or(|generation| *generation <= newest)
}

/// Each link that is gone is reported as down, each new one as up, and no other link is reported.
pub fn links_are_told(step: Step<'_>) -> bool {
    let is_told = |action: &Notice| matches!(action, Notice::LinkUp(_) | Notice::LinkDown(_));
    if !step.actions.iter().filter_map(notice).any(is_told) {
        return links(step.before).eq(links(step.after));
    }
    let changed = |from: &LinkTable, to: &LinkTable| -> Vec<LinkId> {
        links(from).filter(|link| outbox(to, *link).is_none()).collect()
    };
    let told = |is_about: fn(&Notice) -> Option<LinkId>| -> Vec<LinkId> {
        let mut told: Vec<_> =
            step.actions.iter().filter_map(notice).filter_map(is_about).collect();
        told.sort_unstable();
        told
    };
    let down = told(|notice| if let Notice::LinkDown(link) = notice { Some(*link) } else { None });
    let up = told(|notice| if let Notice::LinkUp(link) = notice { Some(*link) } else { None });
    let (mut gone, mut come) = (changed(step.before, step.after), changed(step.after, step.before));
    gone.sort_unstable();
    come.sort_unstable();
    (gone, come) == (down, up)
}

/// No link is ever made to a higher id.
pub fn higher_dials(step: Step<'_>) -> bool {
    step.actions.iter().all(|action| match action {
        Action::Dial { link, approach: Approach::Connect } => step.after.me > link.peer,
        Action::Dial { link, approach: Approach::Knock } => step.after.me < link.peer,
        Action::OpenLink { .. }
        | Action::CloseLink { .. }
        | Action::HearOut(_)
        | Action::DropSocket(_)
        | Action::Write { .. }
        | Action::SetTimer { .. }
        | Action::ClearTimer(_)
        | Action::Notify(_) => true,
    })
}

/// A frame is handed on only when the one before it was written: so nothing piles up, and the newest waits here.
pub fn one_frame_at_a_time(step: Step<'_>) -> bool {
    let written =
        |action: &Action| if let Action::Write { link, .. } = action { Some(*link) } else { None };
    step.actions.iter().filter_map(written).all(|link| {
        let busy = outbox(step.before, link).is_some_and(|outbox| outbox.writing);
        let was_owed = *step.event == Event::Written { link };
        let once =
            step.actions.iter().filter_map(written).filter(|other| *other == link).count() == 1;
        once && (!busy || was_owed)
    })
}

/// What could be written at once does not wait.
pub fn waits_behind_another(step: Step<'_>) -> bool {
    outboxes(step.after).all(|(_, outbox)| {
        outbox.writing || (outbox.waiting.is_none() && outbox.question.is_none())
    })
}

/// A connection that was handed in, or kept for later, is opened, kept or dropped.
pub fn sockets_are_accounted_for(step: Step<'_>) -> bool {
    let handed_in = match step.event {
        Event::Greeted { socket, .. } | Event::Dialed { socket, .. } => Some(*socket),
        Event::Start
        | Event::Send { .. }
        | Event::Ask { .. }
        | Event::Spoke { .. }
        | Event::CandidateSpoke { .. }
        | Event::CandidateEnded { .. }
        | Event::Reconnect
        | Event::Knocked { .. }
        | Event::DialFailed { .. }
        | Event::Written { .. }
        | Event::LinkDown { .. }
        | Event::TimerFired(_) => None,
    };
    let used = |action: &Action| match action {
        Action::OpenLink { socket, .. } | Action::DropSocket(socket) => Some(*socket),
        Action::Dial { .. }
        | Action::CloseLink { .. }
        | Action::HearOut(_)
        | Action::Write { .. }
        | Action::SetTimer { .. }
        | Action::ClearTimer(_)
        | Action::Notify(_) => None,
    };
    if handed_in.is_none() && !step.actions.iter().any(|action| used(action).is_some()) {
        return candidates(step.before).eq(candidates(step.after));
    }
    let mut held: Vec<_> = candidates(step.before).chain(handed_in).collect();
    let mut settled: Vec<_> =
        candidates(step.after).chain(step.actions.iter().filter_map(used)).collect();
    held.sort_unstable();
    settled.sort_unstable();
    held == settled
}

/// A link that its own end did not report as broken is closed only when nothing was ever said over it, or when it was
/// asked for a sign of life and gave none.
pub fn gives_way_to_who_speaks(step: Step<'_>) -> bool {
    step.before.peers.iter().all(|(id, peer)| {
        let Some(PeerLink { outbox, spoken, doubt, .. }) = &peer.link else { return true };
        let link = LinkId { peer: *id, generation: outbox.generation };
        if step.after.link(*id) == Some(link) || *step.event == (Event::LinkDown { link }) {
            return true;
        }
        let unanswered = *step.event == Event::TimerFired(Timer::Answer(*id));
        let unspoken = *step.event == Event::TimerFired(Timer::Silence(*id));
        (unanswered && *doubt == Doubt::Raised) || (unspoken && !spoken)
    })
}

/// A peer without a link, or a higher id that has not spoken over its link, is being tried, or its timer stays armed.
pub fn unlinked_is_tried(step: Step<'_>) -> bool {
    let cleared_for = |peer: ServerId| {
        let mut last = None;
        for action in step.actions {
            match action {
                Action::SetTimer { timer, .. } if *timer == Timer::Redial(peer) => {
                    last = Some(true);
                }
                Action::ClearTimer(timer) if *timer == Timer::Redial(peer) => last = Some(false),
                Action::SetTimer { .. }
                | Action::ClearTimer(_)
                | Action::Dial { .. }
                | Action::OpenLink { .. }
                | Action::CloseLink { .. }
                | Action::HearOut(_)
                | Action::DropSocket(_)
                | Action::Write { .. }
                | Action::Notify(_) => {}
            }
        }
        last == Some(false)
    };
    step.after.peers.iter().all(|(id, peer)| match &peer.dialing {
        Dialing::Waiting { .. } => !cleared_for(*id),
        Dialing::Trying { attempts, .. } => !attempts.is_empty(),
        Dialing::Resting => {
            peer.link.as_ref().is_some_and(|link| link.spoken || step.after.me > *id)
        }
    })
}

/// The set of peers never changes; guests, attempts and candidates are limited in number.
pub fn bounded(step: Step<'_>) -> bool {
    let LinkTable { me, peers, guests, .. } = step.after;
    guests.len() <= GUESTS_MAX
        && guests.iter().all(|guest| guest.id != *me && !peers.contains_key(&guest.id))
        && peers.keys().eq(step.before.peers.keys())
        && peers.values().all(|peer| peer.attempts().len() <= ATTEMPTS_MAX)
        && peers
            .values()
            .filter_map(|peer| peer.link.as_ref())
            .all(|link| link.rivals.count() <= CANDIDATES_MAX)
}

/// Peers that an event is not [about](Event::about) stay as they are.
pub fn changes_whom_it_is_about(step: Step<'_>) -> bool {
    step.event.about().is_none_or(|about| {
        let is_other = |(id, _): &(&ServerId, &Peer)| **id != about;
        step.before.peers.iter().filter(is_other).eq(step.after.peers.iter().filter(is_other))
    })
}

fn outboxes(table: &LinkTable) -> impl Iterator<Item = (ServerId, &Outbox)> {
    let of_peers = table.peers.iter().filter_map(|(id, peer)| {
        let link = peer.link.as_ref()?;
        Some((*id, &link.outbox))
    });
    of_peers.chain(table.guests.iter().map(|guest| (guest.id, &guest.outbox)))
}

fn outbox(table: &LinkTable, link: LinkId) -> Option<&Outbox> {
    let of_peer = table.peers.get(&link.peer).and_then(|peer| peer.link.as_ref());
    let guest = || table.guests.iter().find(|guest| guest.id == link.peer);
    let found = of_peer.map(|link| &link.outbox).or_else(|| guest().map(|guest| &guest.outbox));
    found.filter(|outbox| outbox.generation == link.generation)
}

fn links(table: &LinkTable) -> impl Iterator<Item = LinkId> + '_ {
    outboxes(table).map(|(peer, outbox)| LinkId { peer, generation: outbox.generation })
}

fn generations(table: &LinkTable) -> impl Iterator<Item = Generation> + '_ {
    let attempts = table.peers.values().flat_map(Peer::attempts);
    links(table).map(|link| link.generation).chain(attempts.copied())
}

fn candidates(table: &LinkTable) -> impl Iterator<Item = SocketId> + '_ {
    let links = table.peers.values().filter_map(|peer| peer.link.as_ref());
    links.flat_map(|link| link.rivals.sockets())
}

const fn notice(action: &Action) -> Option<&Notice> {
    match action {
        Action::Notify(notice) => Some(notice),
        Action::Dial { .. }
        | Action::OpenLink { .. }
        | Action::CloseLink { .. }
        | Action::HearOut(_)
        | Action::DropSocket(_)
        | Action::Write { .. }
        | Action::SetTimer { .. }
        | Action::ClearTimer(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Core, links::LinkTiming, wire::Frame};

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    /// Server 5 with a link to 3, generation 2, and none to 8.
    fn table() -> LinkTable {
        let mut table = LinkTable::new(id(5), [id(3), id(8)], LinkTiming::default());
        table.actions_on(Event::Start);
        let attempt = LinkId { peer: id(3), generation: Generation(1) };
        table.actions_on(Event::Dialed { link: attempt, socket: SocketId(1) });
        table
    }

    fn outbox_of_3(table: &mut LinkTable) -> &mut Outbox {
        let link = table.peers.values_mut().next().and_then(|peer| peer.link.as_mut());
        &mut link.expect("3 is linked").outbox
    }

    /// Which rule is broken when this event does that.
    fn broken(
        event: &Event,
        actions: &[Action],
        tamper: impl FnOnce(&mut LinkTable),
    ) -> Option<&'static str> {
        let before = table();
        let mut after = before.clone();
        tamper(&mut after);
        first_broken(Step { before: &before, event, actions, after: &after })
    }

    #[test]
    fn every_rule_finds_the_table_that_breaks_it() {
        let link = LinkId { peer: id(3), generation: Generation(2) };
        let frame = Frame::new(b"vote").unwrap();
        let write = Action::Write { link, frame: frame.clone() };
        let quiet = Event::Reconnect;
        let about_8 = Event::TimerFired(Timer::Steady(id(8)));
        let greeted = Event::Greeted { from: Some(id(8)), socket: SocketId(9) };
        let knock = Action::Dial { link, approach: Approach::Knock };
        let found = [
            broken(&quiet, &[], |table| outbox_of_3(table).generation = Generation(1)),
            broken(&quiet, &[], |table| {
                table.peers.values_mut().for_each(|peer| *peer = Peer::new());
            }),
            broken(&quiet, &[knock], |_| {}),
            broken(&quiet, &[write.clone(), write], |_| {}),
            broken(&quiet, &[], |table| outbox_of_3(table).waiting = Some(frame)),
            broken(&greeted, &[], |_| {}),
            broken(&quiet, &[Action::Notify(Notice::LinkDown(link))], |table| {
                drop(table.actions_on(Event::LinkDown { link }));
            }),
            broken(&quiet, &[Action::ClearTimer(Timer::Redial(id(8)))], |_| {}),
            broken(&quiet, &[], |table| drop(table.peers.remove(&id(8)))),
            broken(&about_8, &[], |table| outbox_of_3(table).writing ^= true),
        ];
        assert_eq!(found, RULES.map(|(name, _)| Some(name)));
    }

    #[test]
    fn two_attempts_that_begin_at_once_are_two_generations() {
        let mut table = LinkTable::new(id(5), [id(3), id(4)], LinkTiming::default());
        let dials = table.actions_on(Event::Start);
        let dials = dials.iter().filter(|action| matches!(action, Action::Dial { .. }));
        assert_eq!(dials.count(), 2);
    }

    #[test]
    fn a_link_that_was_not_in_doubt_gives_way_to_nobody() {
        let link = LinkId { peer: id(3), generation: Generation(2) };
        let unanswered = Event::TimerFired(Timer::Answer(id(3)));
        let found = broken(&unanswered, &[Action::Notify(Notice::LinkDown(link))], |table| {
            drop(table.actions_on(Event::LinkDown { link }));
        });
        assert_eq!(found, Some(RULES[6].0));
    }

    #[test]
    fn a_timer_that_is_cleared_has_to_be_armed_again_itself() {
        let clear = || Action::ClearTimer(Timer::Redial(id(8)));
        let set = |timer| Action::SetTimer { timer, after: LinkTiming::default().knock };
        let again = [clear(), set(Timer::Redial(id(8)))];
        assert_eq!(broken(&Event::Reconnect, &again, |_| {}), None);
        let other = [clear(), set(Timer::Steady(id(8)))];
        let found = broken(&Event::Reconnect, &other, |_| {});
        assert_eq!(found, Some(RULES[7].0));
    }

    #[test]
    fn a_peer_is_no_guest() {
        let mut before = table();
        before.actions_on(Event::Greeted { from: Some(id(77)), socket: SocketId(9) });
        let generation = before.guests[0].outbox.generation;
        let mut after = before.clone();
        after.guests[0].id = id(8);
        let gone = Notice::LinkDown(LinkId { peer: id(77), generation });
        let come = Notice::LinkUp(LinkId { peer: id(8), generation });
        let actions = &[gone, come].map(Action::Notify);
        let event = &Event::Reconnect;
        let found = first_broken(Step { before: &before, event, actions, after: &after });
        assert_eq!(found, Some(RULES[8].0));
    }
}
