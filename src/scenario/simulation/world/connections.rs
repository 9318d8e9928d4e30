//! The part of a [`World`] that sockets and cables play in production.

use std::time::Duration;

use ballotbox_core::links::{Approach, Event as LinkEvent, LinkId};

use super::World;
use crate::{
    election::Notification,
    scenario::simulation::{
        moment::nanos,
        network::{Answer, Connection, End, Half, Purpose, Segment, Side},
        scheduled::Scheduled,
    },
};

/// How long a connection may take to say who it is, as by default in production.
const GREETING: Duration = Duration::from_secs(5);

/// An unanswered attempt to connect is repeated after this, then after twice as long, and so on.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl World {
    pub(super) fn dial(&mut self, member: usize, link: LinkId, approach: Approach) {
        let Some(target) = self.place(link.peer) else { return };
        let purpose = Purpose::Link { attempt: link, approach };
        self.connect((member, self.members[member].life), target, purpose);
    }

    /// Somebody, by its place and life, connects to a member.
    pub(super) fn connect(
        &mut self,
        dialer: (usize, u32),
        target: usize,
        purpose: Purpose,
    ) -> Option<u32> {
        // Names are looked up anew at each attempt.
        let address = self.members[target].known_address(self.now);
        let give_up_at = self.now.after(self.setup.timing.connect);
        let target = (target, address);
        let attempt = Connection::new(dialer, target, purpose, give_up_at);
        let connection = self.network.add(attempt)?;
        let at = self.now.plus(self.delay(dialer.0, target.0));
        self.queue.push(at, Scheduled::ConnectArrived { connection });
        Some(connection)
    }

    pub(super) fn connect_arrived(&mut self, number: u32) {
        let Some(connection) = self.network.connection(number) else { return };
        let (from, to) = (connection.dialer.member, connection.acceptor.member);
        let (give_up_at, tries, address) =
            (connection.give_up_at, connection.tries, connection.address);
        let frozen = self.frozen_at(to, address);
        let impostor = if frozen.is_none() { self.impostor_at(to) } else { None };
        let outside = frozen.map(|(place, _)| place).or(impostor);
        let there = outside.unwrap_or(to);
        let (reset, refuses) = (connection.reset, self.network.refuses(from, there));
        let is_session = matches!(connection.purpose, Purpose::Session { .. });
        if reset || (refuses && !is_session) {
            return self.answer(number, Answer::None);
        }
        let deserted = frozen.is_none() && address != self.members[to].address;
        if refuses || deserted || self.network.drops(from, there) || self.network.drops(there, from)
        {
            let again = self.now.after(ASK_AGAIN.saturating_mul(1 << tries.min(10)));
            if again < give_up_at {
                if let Some(connection) = self.network.connection_mut(number) {
                    connection.tries += 1;
                }
                self.queue.push(again, Scheduled::ConnectArrived { connection: number });
            } else {
                let gave_up =
                    Scheduled::ConnectAnswered { connection: number, answer: Answer::None };
                self.queue.push(give_up_at.max(self.now), gave_up);
            }
            return;
        }
        if let Some(place) = impostor
            && !self.is_believed((from, Side::Dialer), place)
        {
            return self.answer(number, Answer::None);
        }
        let runs = || impostor.is_some() || self.members[to].running.is_some();
        let is_served = frozen.map_or_else(runs, |(_, killed)| !killed);
        if !is_served {
            return self.answer(number, Answer::Refused);
        }
        let life = self.members[to].life;
        if let Some(Connection { acceptor, .. }) = self.network.connection_mut(number) {
            (acceptor.member, acceptor.open, acceptor.life) = (there, true, life);
        }
        self.queue.push(self.now.after(GREETING), Scheduled::GreetingDue { connection: number });
        self.answer(number, Answer::Accepted);
    }

    pub(super) fn greeting_due(&mut self, connection: u32) {
        let end = End { connection, side: Side::Acceptor };
        let is_member = |place: usize| place < self.members.len();
        let waits = |half: &Half| half.open && !half.greeted && is_member(half.member);
        if self.network.half(end).is_some_and(waits) {
            self.close(end);
        }
    }

    fn answer(&mut self, connection: u32, answer: Answer) {
        let Some(Connection { dialer, acceptor, .. }) = self.network.connection(connection) else {
            return;
        };
        let (from, to) = (dialer.member, acceptor.member);
        let at = self.now.plus(self.delay(from, to));
        if let Some(connection) = self.network.connection_mut(connection) {
            // Whatever the acceptor sends comes after its answer.
            connection.acceptor.last_arrival = at;
        }
        self.queue.push(at, Scheduled::ConnectAnswered { connection, answer });
    }

    pub(super) fn connect_answered(&mut self, number: u32, answer: Answer) {
        let accepted = answer == Answer::Accepted;
        if self.connect_answered_outside(number, accepted) {
            return;
        }
        let Some(connection) = self.network.connection_mut(number) else { return };
        let (attempt, approach) = match &connection.purpose {
            Purpose::Link { attempt, approach } => (*attempt, *approach),
            Purpose::Session { session, info } => {
                let (session, info) = (*session, (**info).clone());
                return self.session_answered(number, session, info, answer);
            }
        };
        let member = connection.dialer.member;
        let end = End { connection: number, side: Side::Dialer };
        let alive = self.members[member].running.is_some()
            && self.members[member].life == connection.dialer.life;
        if !alive {
            return self.send(end, Segment::Closed);
        }
        if !accepted || connection.reset {
            return self.link(member, LinkEvent::DialFailed { link: attempt });
        }
        connection.dialer.open = approach == Approach::Connect;
        self.send(end, Segment::Greeting);
        match approach {
            Approach::Connect => {
                self.link(member, LinkEvent::Dialed { link: attempt, socket: end.socket() });
            }
            Approach::Knock => {
                self.send(end, Segment::Closed);
                self.link(member, LinkEvent::Knocked { link: attempt });
            }
        }
    }

    /// Sends something from this end to the other one.
    pub(super) fn send(&mut self, end: End, segment: Segment) {
        let Some(connection) = self.network.connection_mut(end.connection) else { return };
        if connection.reset {
            return;
        }
        let unroutable = connection.unroutable;
        let Some((from, to)) = self.network.halves(end) else { return };
        let (a, b) = (from.member, to.member);
        from.in_flight += 1;
        let expects_answer = !matches!(segment, Segment::Closed);
        let there = unroutable || self.network.drops(a, b);
        let back = self.network.drops(b, a);
        if there || self.network.holds(a, b) {
            if let Some((from, _)) = self.network.halves(end) {
                from.unsent.push_back(segment);
            }
        } else {
            self.schedule(end, segment);
        }
        if expects_answer && (there || back) {
            self.give_up_after(end, self.network.ack_timeout());
        }
    }

    /// Lets something arrive at the other end, after all that was sent before.
    fn schedule(&mut self, end: End, segment: Segment) {
        let Some((here, there)) = self.network.halves(end) else { return };
        let (a, b) = (here.member, there.member);
        let (delay, slowness) = (self.delay(a, b), self.slowness(a, b));
        let now = self.now;
        let Some((from, _)) = self.network.halves(end) else { return };
        let at = now.plus(delay).plus(slowness).max(from.last_arrival);
        from.last_arrival = at;
        self.queue.push(at, Scheduled::SegmentArrived { end: end.other(), segment });
    }

    pub(super) fn segment_arrived(&mut self, end: End, segment: Segment) {
        let Some(connection) = self.network.connection_mut(end.connection) else { return };
        let reset = connection.reset;
        let Some((here, there)) = self.network.halves(end) else { return };
        there.in_flight = there.in_flight.saturating_sub(1);
        let is_end = matches!(segment, Segment::Closed);
        if !is_end && (reset || !there.survives()) {
            return;
        }
        if !here.open {
            if !is_end {
                // Nobody is there to take it, and the system says so.
                self.send(end, Segment::Closed);
            }
            return;
        }
        if !matches!(segment, Segment::KeepAlive) {
            here.unread.push_back(segment);
            self.read(end);
        }
    }

    /// All that has come to this end and was not read is to be looked at.
    pub(super) fn read(&mut self, end: End) {
        let unread = self.network.half(end).map_or(0, |half| half.unread.len());
        self.readable.extend(std::iter::repeat_n(end, unread));
    }

    /// Takes in what came first to this end, unless nobody reads there at present: then it stays unread.
    pub(super) fn take_in(&mut self, end: End) {
        if self.take_in_outside(end) {
            return;
        }
        let Some(connection) = self.network.connection_mut(end.connection) else { return };
        let reset = connection.reset;
        let Some((here, there)) = self.network.halves(end) else { return };
        let (member, from, life, link) = (here.member, there.member, here.life, here.link);
        let given_up = here.given_up;
        let heard_out = link.is_none() && here.candidate.is_some();
        let session = here.session;
        let is_first = matches!(here.unread.front(), Some(Segment::Greeting | Segment::Learner(_)));
        let is_read = link.is_some() || session.is_some() || is_first;
        let listens = self.members[member].life == life && self.members[member].hanging.is_none();
        let held = !reset && !given_up && self.network.holds(member, from);
        if !(is_read || heard_out) || !listens || held {
            return;
        }
        if heard_out {
            return self.hear_candidate(member, end);
        }
        let Some((here, _)) = self.network.halves(end) else { return };
        let Some(segment) = here.unread.pop_front().filter(|_| here.open) else { return };
        let introduces_itself = match &segment {
            Segment::Greeting => true,
            Segment::Learner(_) => session.is_none(),
            Segment::Leader(_)
            | Segment::Frame(_)
            | Segment::Garbage
            | Segment::Closed
            | Segment::KeepAlive => false,
        };
        if introduces_itself && !self.is_believed((member, Side::Acceptor), from) {
            return self.close(end);
        }
        let Some((here, _)) = self.network.halves(end) else { return };
        match (segment, link) {
            (Segment::Learner(word), _) => self.hear_learner(member, end, *word),
            (Segment::Leader(word), _) => self.hear_leader(member, end, *word),
            (Segment::Closed, None) if session.is_some() => self.end_session(member, end),
            (Segment::Greeting, _) => {
                here.greeted = true;
                let from = Some(self.name_of(from));
                self.link(member, LinkEvent::Greeted { from, socket: end.socket() });
            }
            (Segment::Frame(frame), Some(link)) => self.hear(member, end, link, frame),
            (Segment::Garbage, Some(link)) => {
                self.close(end);
                self.forget_link(member, link);
                self.link(member, LinkEvent::LinkDown { link });
            }
            (Segment::Closed, Some(link)) => {
                here.open = false;
                self.forget_link(member, link);
                self.link(member, LinkEvent::LinkDown { link });
            }
            (Segment::Frame(_) | Segment::Garbage | Segment::Closed, None)
            | (Segment::KeepAlive, _) => {}
        }
    }

    /// From now on the first frame of this connection is looked at, and left where it is.
    pub(super) fn hear_out(&mut self, end: End) {
        if let Some((here, _)) = self.network.halves(end) {
            here.candidate = Some(false);
            self.read(end);
        }
    }

    fn hear_candidate(&mut self, member: usize, end: End) {
        let Some((here, _)) = self.network.halves(end) else { return };
        let socket = end.socket();
        match here.unread.front() {
            Some(Segment::Frame(frame)) if Notification::decode(frame.body()).is_ok() => {
                if here.candidate.replace(true) == Some(false) {
                    self.link(member, LinkEvent::CandidateSpoke { socket });
                }
            }
            Some(
                Segment::Frame(_)
                | Segment::Garbage
                | Segment::Closed
                | Segment::Learner(_)
                | Segment::Leader(_),
            ) => self.link(member, LinkEvent::CandidateEnded { socket }),
            Some(Segment::Greeting | Segment::KeepAlive) | None => {}
        }
    }

    pub(super) fn open_link(&mut self, member: usize, link: LinkId, end: End) {
        let Some((here, _)) = self.network.halves(end) else { return };
        here.link = Some(link);
        // The reader of the link begins at once.
        self.read(end);
        if let Some(running) = &mut self.members[member].running {
            running.open.insert(link, end);
        }
    }

    /// This link is no longer open at this member.
    pub(super) fn forget_link(&mut self, member: usize, link: LinkId) -> Option<End> {
        let running = self.members[member].running.as_mut()?;
        running.open.remove(&link)
    }

    pub(super) fn close(&mut self, end: End) {
        let Some((here, _)) = self.network.halves(end) else { return };
        if std::mem::replace(&mut here.open, false) {
            here.unread.clear();
            self.send(end, Segment::Closed);
        }
    }

    pub(super) fn give_up_after(&mut self, end: End, patience: Duration) {
        let at = self.now.after(patience);
        let sooner =
            |half: &Half| half.open && half.give_up_timer.is_none_or(|(already, _)| at < already);
        if !self.network.half(end).is_some_and(sooner) {
            return;
        }
        let number = self.queue.push(at, Scheduled::GiveUp { end });
        if let Some((half, _)) = self.network.halves(end) {
            half.give_up_timer = Some((at, number));
        }
    }

    /// The system gives a connection up. Nobody is told at the other end.
    pub(super) fn give_up(&mut self, end: End, number: u64) {
        let Some((here, _)) = self.network.halves(end) else { return };
        let due = here.open && here.give_up_timer.is_some_and(|(_, armed)| armed == number);
        if !due {
            return;
        }
        here.give_up_timer = None;
        here.unsent.clear();
        here.in_flight = 0;
        here.given_up = true;
        here.unread.push_back(Segment::Closed);
        self.read(end);
    }

    pub(super) fn probe(&mut self, end: End) {
        if self.network.half(end).is_some_and(|half| half.open) {
            self.send(end, Segment::KeepAlive);
        }
    }

    /// The path between these two may be better now: what could not be sent is.
    pub(super) fn release(&mut self, a: usize, b: usize) {
        let dark = self.network.drops(a, b) || self.network.drops(b, a);
        let held = self.network.holds(a, b);
        for end in self.network.ends_between(a, b) {
            if !dark && let Some((here, there)) = self.network.halves(end) {
                here.give_up_timer = None;
                if here.open && !there.open {
                    let idle = nanos(self.network.keep_alive_after());
                    let at = self.now.plus(self.chance_between(a, b).between(0, idle));
                    self.queue.push(at, Scheduled::KeepAlive { end });
                }
            }
            let Some((here, there)) = self.network.halves(end) else { continue };
            let (from, to) = (here.member, there.member);
            if held {
                continue;
            }
            self.read(end);
            if !self.network.drops(from, to)
                && let Some((here, _)) = self.network.halves(end)
            {
                for segment in std::mem::take(&mut here.unsent) {
                    self.schedule(end, segment);
                }
            }
        }
    }

    /// All connections between these two are gone, with what was on them; both ends learn it.
    pub(super) fn reset(&mut self, a: usize, b: usize) {
        for end in self.network.ends_between(a, b) {
            let Some(connection) = self.network.connection_mut(end.connection) else { continue };
            connection.reset = true;
            if let Some((here, _)) = self.network.halves(end) {
                here.unsent.clear();
                let open = here.open;
                let at = self.now.plus(self.delay(a, b));
                if open {
                    self.queue
                        .push(at, Scheduled::SegmentArrived { end, segment: Segment::Closed });
                }
            }
        }
    }

    /// How long something is on its way between these two, in nanoseconds.
    fn delay(&mut self, a: usize, b: usize) -> u64 {
        let (min, max) = self.faults().delay;
        self.chance_between(a, b).between(nanos(min), nanos(max))
    }

    /// How much longer, if it is unlucky.
    pub(super) fn slowness(&mut self, a: usize, b: usize) -> u64 {
        let faults = self.faults();
        let (per_mille, slow) = (faults.slow_percent * 10, nanos(faults.slow));
        let random = self.chance_between(a, b);
        if random.chance(per_mille) { random.between(0, slow) } else { 0 }
    }
}
