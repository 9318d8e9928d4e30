//! [`Member`]: one server of the simulated ensemble, made of the three production cores and a disk.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use ballotbox_core::{
    ServerId,
    leadership::Event as LeadershipEvent,
    links::{Event as LinkEvent, LinkId, LinkTable, Notice, Timer as LinkTimer},
    wire::Frame,
};

use super::{
    Moment,
    account::Account,
    clocks::Clocks,
    disk::Disk,
    network::End,
    scheduled::Scheduled,
    seat::Seat,
    setup::{InitialMember, Setup},
};
use crate::{
    election::{
        Election, Epoch, Event as ElectionEvent, Outgoing, PresentLinks, Timer as ElectionTimer,
    },
    scenario::vote_file::MemberState,
};

/// A member, running or not.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: ServerId,
    /// How often it was started. What was meant for an earlier life does not reach a later one.
    pub(super) life: u32,
    pub(super) disk: Disk,
    /// How often it has moved to another address, when it last did, and for how long its name leads to the one before.
    pub(super) address: u32,
    pub(super) moved_at: Moment,
    pub(super) names: Duration,
    /// It is frozen, under this number, and was not replaced yet.
    pub(super) frozen: Option<usize>,
    /// Its disk has failed, and it was not started again since.
    pub(super) ended_by_disk: bool,
    /// Its machine starts anew, and its member was not started again since.
    pub(super) boots: bool,
    /// It was stopped in good order, and goes on until its work has ended.
    pub(super) stopping: bool,
    /// How much its clock is off, in parts per million.
    pub(super) drift_ppm: i64,
    /// The clocks by which its leases go.
    pub(super) clocks: Clocks,
    /// What it cannot attend to while it hangs, in order; `None` when it does not hang.
    pub(super) hanging: Option<VecDeque<(u64, Scheduled)>>,
    /// Since when its machine is suspended, or paused by its host, if it is: it hangs as well.
    pub(super) suspended: Option<Moment>,
    pub(super) running: Option<Running>,
}

/// A running member: what a process would hold.
#[derive(Debug)]
pub(super) struct Running {
    /// For how long its clock has stood still in this life, in nanoseconds.
    pub(super) slept: u64,
    pub(super) election: Election,
    pub(super) table: LinkTable,
    pub(super) present: PresentLinks,
    pub(super) election_timers: ArmedTimers<ElectionTimer>,
    pub(super) link_timers: ArmedTimers<LinkTimer>,
    /// What is to be said when everything of this instant has been heard.
    pub(super) outgoing: Outgoing<Moment>,
    /// The newest word for each peer since the present link to it.
    pub(super) newest: BTreeMap<ServerId, Frame>,
    /// Frames that were handed to the system, and not yet reported as written.
    pub(super) writing: u32,
    /// The links that are open here, and the connections they are.
    pub(super) open: BTreeMap<LinkId, End>,
    /// Its leadership, if that is played.
    pub(super) seat: Option<Seat>,
    /// Which events of its cores are judged in whole.
    pub(super) election_judged: Cadence,
    pub(super) table_judged: Cadence,
    pub(super) leadership_judged: Cadence,
    /// What it has seen of changes, if that is kept.
    pub(super) account: Option<Account>,
}

/// What the parts of a member tell each other.
#[derive(Debug)]
pub(super) enum Inner {
    Election(ElectionEvent),
    Link(LinkEvent),
    Notified(Notice),
    Leadership(LeadershipEvent),
    /// It leads in this epoch: work begins that goes on only while it does.
    WorkBegins(Epoch),
    /// Its leadership has ended in good order.
    Stopped,
}

impl Member {
    /// The member at this place, which does not run yet.
    pub(super) fn new(place: usize, initial: &InitialMember) -> Self {
        Self {
            id: initial.id,
            life: 0,
            disk: Disk::new(place, initial),
            address: 0,
            moved_at: Moment::default(),
            names: Duration::ZERO,
            frozen: None,
            ended_by_disk: false,
            boots: false,
            stopping: false,
            drift_ppm: 0,
            clocks: Clocks::new(Moment::default(), 0),
            hanging: None,
            suspended: None,
            running: None,
        }
    }

    /// The address that its name leads to: until some time after a move, the old one.
    pub(super) fn known_address(&self, now: Moment) -> u32 {
        let stale = self.address > 0 && now < self.moved_at.after(self.names);
        if stale { self.address - 1 } else { self.address }
    }

    pub(super) fn state(&self) -> MemberState {
        self.running.as_ref().map_or(MemberState::Down, |running| match &running.seat {
            Some(seat) => seat.state(),
            None => state_of(&running.election),
        })
    }
}

impl Running {
    pub(super) fn new(me: ServerId, setup: &Setup) -> Self {
        let peers = setup.ensemble.peers_of(me);
        let (ensemble, config) = (Arc::clone(&setup.ensemble), Arc::clone(&setup.config_text));
        Self {
            slept: 0,
            election: Election::new(me, ensemble, setup.timing.election, config),
            table: LinkTable::new(me, peers, setup.links),
            present: PresentLinks::default(),
            election_timers: ArmedTimers::default(),
            link_timers: ArmedTimers::default(),
            outgoing: Outgoing::default(),
            newest: BTreeMap::new(),
            writing: 0,
            open: BTreeMap::new(),
            seat: None,
            account: None,
            election_judged: Cadence::new(setup.members.len()),
            table_judged: Cadence::new(setup.members.len()),
            leadership_judged: Cadence::new(setup.members.len()),
        }
    }
}

/// What an election looks like from outside.
pub(super) fn state_of(election: &Election) -> MemberState {
    election.decision().map_or(MemberState::Looking, |decision| {
        MemberState::under(decision.vote.leader, decision.standing, None)
    })
}

/// Which timers are armed. What comes for one under another number than its own is ignored.
#[derive(Debug)]
pub(super) struct ArmedTimers<T>(BTreeMap<T, Armed>);

/// An armed timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Armed {
    /// The number of its end in the queue.
    pub(super) number: u64,
    /// When it ends, unless its clock stands still meanwhile.
    pub(super) at: Moment,
    /// For how long its clock had stood still when it was armed.
    pub(super) slept: u64,
}

/// What it means that the end of a timer has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Alarm {
    /// It was armed anew, or is not armed any more.
    Void,
    /// Its clock has stood still: it is not over before this moment.
    NotBefore(Moment),
    /// It is over, and not armed any more.
    Over,
}

impl<T: Ord> ArmedTimers<T> {
    pub(super) fn set(&mut self, timer: T, armed: Armed) {
        self.0.insert(timer, armed);
    }

    pub(super) fn clear(&mut self, timer: &T) {
        self.0.remove(timer);
    }

    pub(super) fn is_armed(&self, timer: &T) -> bool {
        self.0.contains_key(timer)
    }

    /// Takes in that an end of this timer has come under this number, when its clock has stood still for so long.
    pub(super) fn take(&mut self, timer: &T, number: u64, now: Moment, slept: u64) -> Alarm {
        let Some(armed) = self.0.get(timer).filter(|armed| armed.number == number) else {
            return Alarm::Void;
        };
        let at = armed.at.plus(slept.saturating_sub(armed.slept));
        if at > now {
            return Alarm::NotBefore(at);
        }
        self.0.remove(timer);
        Alarm::Over
    }
}

impl<T> Default for ArmedTimers<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// After which events the rules are evaluated for all that a core holds: in a large ensemble of N members, after every
/// N-th event. After the others they are evaluated for the member that the event is about.
#[derive(Debug)]
pub(super) struct Cadence {
    members: usize,
    events: usize,
}

impl Cadence {
    /// In ensembles up to this size, all events are judged in whole.
    const ALWAYS_UP_TO: usize = 16;

    const fn new(members: usize) -> Self {
        Self { members, events: 0 }
    }

    /// Counts an event: whether it is one that is judged in whole.
    pub(super) const fn is_whole(&mut self) -> bool {
        self.is_nth_whole(1)
    }

    /// The same, where only every n-th of those is judged.
    pub(super) const fn is_nth_whole(&mut self, every: usize) -> bool {
        self.events += 1;
        let members = if self.members <= Self::ALWAYS_UP_TO { 1 } else { self.members };
        self.events.is_multiple_of(members * every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_ends_later_by_as_much_as_its_clock_has_stood_still_since_it_was_armed() {
        let mut timers = ArmedTimers::default();
        timers.set('a', Armed { number: 1, at: Moment(100), slept: 7 });
        assert_eq!(timers.take(&'a', 2, Moment(100), 7), Alarm::Void);
        assert_eq!(timers.take(&'a', 1, Moment(100), 37), Alarm::NotBefore(Moment(130)));
        assert!(timers.is_armed(&'a'));
        assert_eq!(timers.take(&'a', 1, Moment(130), 37), Alarm::Over);
        assert_eq!(timers.take(&'a', 1, Moment(130), 37), Alarm::Void);
    }
}
