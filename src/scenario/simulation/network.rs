//! [`Network`]: the connections between members, and what may be wrong with the paths they take.
//!
//! A connection behaves as TCP does: what is sent arrives in order or not at all, and one end learns that the other is
//! gone only if that news can still reach it.
//!
//! The sessions of the quorum port are connections like those of the election port, with one difference: who is cut off, or
//! blocked, is not refused. Nothing answers, as to a learner a refusal means that the process of its leader is gone.
//!
//! | a path is | a dial | what was sent before | what is sent meanwhile |
//! | --- | --- | --- | --- |
//! | fine | gets through, after one round trip | arrives | arrives |
//! | cut | is refused | is lost, and both ends see the connection reset | |
//! | blocked (in one direction of dialling) | is refused | arrives | arrives |
//! | held (a member is paused) | gets through, and is not greeted yet | waits | waits |
//! | to an address that its member has left | as in a black hole | waits, for ever | as in a black hole |
//! | a black hole, in one direction or both | is tried again, until its time is up | arrives | waits; what is not acknowledged in time ends the connection |

use std::{collections::VecDeque, time::Duration};

use ballotbox_actors::Liveness;
use ballotbox_core::{
    leadership::{Info, LeaderWord, LearnerWord, SessionId},
    links::{Approach, LinkId, SocketId},
    wire::Frame,
};

use super::Moment;

/// One end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct End {
    pub(super) connection: u32,
    pub(super) side: Side,
}

/// Which end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Dialer,
    Acceptor,
}

/// What a connection is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// A link of the election port, or a knock.
    Link { attempt: LinkId, approach: Approach },
    /// A session of the quorum port, and how the learner introduces itself.
    Session { session: SessionId, info: Box<Info> },
}

/// Where a member listens. Both may be one address: what is said first tells them apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Port {
    Election,
    Quorum,
}

/// What an attempt to connect has come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    Accepted,
    /// Nobody listens there.
    Refused,
    /// Nothing has answered, or the path has broken meanwhile.
    None,
}

/// What travels over a connection.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    Greeting,
    Frame(Frame),
    /// Bytes that are no frame.
    Garbage,
    /// The other end has closed, or nobody listens there.
    Closed,
    /// The system asks whether the other end of an idle connection is still there.
    KeepAlive,
    /// What a learner says to its leader; the first is its introduction.
    Learner(Box<LearnerWord>),
    /// What a leader says to a learner.
    Leader(Box<LeaderWord>),
}

/// A connection, from the attempt to make it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) purpose: Purpose,
    /// Which of the acceptor's addresses was dialled.
    pub(super) address: u32,
    /// One end has another address now: nothing gets through any more, and neither end is told.
    pub(super) unroutable: bool,
    /// No later than this it must have been made.
    pub(super) give_up_at: Moment,
    /// How often it was tried in vain.
    pub(super) tries: u32,
    /// Nothing arrives any more but the news of that.
    pub(super) reset: bool,
    pub(super) dialer: Half,
    pub(super) acceptor: Half,
}

/// What there is of a connection at one end.
#[derive(Debug)]
pub(super) struct Half {
    /// Who holds this end, by place: a member, in which life of it; or a party outside, behind all members.
    pub(super) member: usize,
    pub(super) life: u32,
    pub(super) open: bool,
    pub(super) link: Option<LinkId>,
    pub(super) session: Option<SessionId>,
    /// The other end has said who it is.
    pub(super) greeted: bool,
    /// It waits here as a candidate, and whether it has spoken.
    pub(super) candidate: Option<bool>,
    /// What has arrived and was not read.
    pub(super) unread: VecDeque<Segment>,
    /// What the path does not let through at present: it is sent later.
    pub(super) unsent: VecDeque<Segment>,
    /// Nothing sent later arrives earlier.
    pub(super) last_arrival: Moment,
    /// How many segments are on their way from here.
    pub(super) in_flight: u32,
    /// After a crash of the sender: how many of them are still delivered.
    pub(super) surviving: Option<u32>,
    /// The system here has given the connection up.
    pub(super) given_up: bool,
    /// While something is not acknowledged: when the system gives up, and the number of that entry in the queue.
    pub(super) give_up_timer: Option<(Moment, u64)>,
    /// The last frame that the election at the other end heard from here.
    pub(super) last_heard: Option<Frame>,
}

/// The network between the members: all connections there ever were, and what is wrong with the paths at present.
#[derive(Debug)]
pub(super) struct Network {
    members: usize,
    connections: Vec<Connection>,
    paused: Vec<bool>,
    isolated: Vec<bool>,
    vanished: Vec<bool>,
    cut: Vec<bool>,
    blocked: Vec<bool>,
    /// How many faults let what is sent on a path vanish.
    black_holes: Vec<u16>,
    liveness: Liveness,
}

impl Network {
    pub(super) fn new(members: usize) -> Self {
        Self {
            members,
            connections: Vec::new(),
            paused: vec![false; members],
            isolated: vec![false; members],
            vanished: vec![false; members],
            cut: vec![false; members * members],
            blocked: vec![false; members * members],
            black_holes: vec![0; members * members],
            liveness: Liveness::default(),
        }
    }

    /// Takes in an attempt to connect, and gives it a number; `None` if none is left.
    pub(super) fn add(&mut self, connection: Connection) -> Option<u32> {
        let number = u32::try_from(self.connections.len()).ok()?;
        self.connections.push(connection);
        Some(number)
    }

    pub(super) fn connection(&self, number: u32) -> Option<&Connection> {
        self.connections.get(number as usize)
    }

    pub(super) fn connection_mut(&mut self, number: u32) -> Option<&mut Connection> {
        self.connections.get_mut(number as usize)
    }

    /// This end of the connection and the other one.
    pub(super) fn halves(&mut self, end: End) -> Option<(&mut Half, &mut Half)> {
        let connection = self.connection_mut(end.connection)?;
        Some(match end.side {
            Side::Dialer => (&mut connection.dialer, &mut connection.acceptor),
            Side::Acceptor => (&mut connection.acceptor, &mut connection.dialer),
        })
    }

    pub(super) fn half(&self, end: End) -> Option<&Half> {
        let connection = self.connection(end.connection)?;
        Some(match end.side {
            Side::Dialer => &connection.dialer,
            Side::Acceptor => &connection.acceptor,
        })
    }

    /// The ends of connections that the party at this place holds.
    pub(super) fn held_by(&self, place: usize) -> Vec<End> {
        let ends = (0u32..).zip(&self.connections).flat_map(|(connection, both)| {
            let halves = [(Side::Dialer, &both.dialer), (Side::Acceptor, &both.acceptor)];
            halves.map(|(side, half)| (End { connection, side }, half))
        });
        let held = ends.filter(|(_, half)| half.open && half.member == place);
        held.map(|(end, _)| end).collect()
    }

    /// Both ends of all connections between these two that are not over.
    pub(super) fn ends_between(&self, a: usize, b: usize) -> Vec<End> {
        let between = (0u32..).zip(&self.connections).filter(|(_, connection)| {
            let ends = (connection.dialer.member, connection.acceptor.member);
            !connection.reset && !connection.unroutable && (ends == (a, b) || ends == (b, a))
        });
        let both = |connection| [Side::Dialer, Side::Acceptor].map(|side| End { connection, side });
        between.flat_map(|(connection, _)| both(connection)).collect()
    }

    /// What is connected to this member was connected to an address that it has left.
    pub(super) fn make_unroutable(&mut self, member: usize) {
        for connection in &mut self.connections {
            if [connection.dialer.member, connection.acceptor.member].contains(&member) {
                connection.unroutable = true;
            }
        }
    }

    /// The party at another place holds from now on what a member held in this life.
    pub(super) fn hand_over(&mut self, member: usize, life: u32, place: usize) {
        for connection in &mut self.connections {
            for half in [&mut connection.dialer, &mut connection.acceptor] {
                if half.member == member && half.life == life {
                    half.member = place;
                }
            }
        }
    }

    /// Whether `to` refuses connections from `from`.
    pub(super) fn refuses(&self, from: usize, to: usize) -> bool {
        let way = self.way(from, to);
        let is = |flags: &[bool]| way.is_some_and(|way| flags[way]);
        has(&self.isolated, from) || has(&self.isolated, to) || is(&self.cut) || is(&self.blocked)
    }

    pub(super) fn holds(&self, a: usize, b: usize) -> bool {
        has(&self.paused, a) || has(&self.paused, b)
    }

    /// Whether what `from` sends vanishes before it reaches `to`.
    pub(super) fn drops(&self, from: usize, to: usize) -> bool {
        let is_black_hole = self.way(from, to).is_some_and(|way| self.black_holes[way] > 0);
        has(&self.vanished, from) || has(&self.vanished, to) || is_black_hole
    }

    /// The path from one member to another. Those from and to parties outside are always fine.
    fn way(&self, from: usize, to: usize) -> Option<usize> {
        (from < self.members && to < self.members).then(|| from * self.members + to)
    }

    pub(super) fn set_cut(&mut self, a: usize, b: usize) {
        self.cut[a * self.members + b] = true;
        self.cut[b * self.members + a] = true;
    }

    pub(super) fn isolate(&mut self, member: usize) {
        self.isolated[member] = true;
    }

    pub(super) fn block(&mut self, from: usize, to: usize) {
        self.blocked[from * self.members + to] = true;
    }

    pub(super) fn heal(&mut self) {
        self.cut.fill(false);
        self.blocked.fill(false);
        self.isolated.fill(false);
    }

    pub(super) fn set_paused(&mut self, member: usize, paused: bool) {
        self.paused[member] = paused;
    }

    pub(super) fn set_vanished(&mut self, member: usize, vanished: bool) {
        self.vanished[member] = vanished;
    }

    pub(super) fn blackhole(&mut self, from: usize, to: usize) {
        self.black_holes[from * self.members + to] += 1;
    }

    pub(super) fn restore(&mut self, from: usize, to: usize) {
        let faults = &mut self.black_holes[from * self.members + to];
        *faults = faults.saturating_sub(1);
    }

    /// How long the system waits for an acknowledgement.
    pub(super) const fn ack_timeout(&self) -> Duration {
        self.liveness.unacknowledged
    }

    /// After how long without traffic the system sends a keep-alive probe.
    pub(super) const fn keep_alive_after(&self) -> Duration {
        self.liveness.idle
    }

    /// How long the system keeps an idle connection whose other end has vanished.
    pub(super) fn idle_patience(&self) -> Duration {
        self.liveness.idle + 3 * self.liveness.probe
    }
}

/// Whether this party has that fault. Parties outside have none.
fn has(flags: &[bool], place: usize) -> bool {
    flags.get(place).copied().unwrap_or_default()
}

impl Connection {
    pub(super) fn new(
        dialer: (usize, u32),
        acceptor: (usize, u32),
        purpose: Purpose,
        give_up_at: Moment,
    ) -> Self {
        let (member, life) = dialer;
        let (acceptor, address) = acceptor;
        Self {
            purpose,
            address,
            unroutable: false,
            give_up_at,
            tries: 0,
            reset: false,
            dialer: Half::new(member, life),
            acceptor: Half::new(acceptor, 0),
        }
    }
}

impl Half {
    fn new(member: usize, life: u32) -> Self {
        Self {
            member,
            life,
            open: false,
            link: None,
            session: None,
            greeted: false,
            candidate: None,
            unread: VecDeque::new(),
            unsent: VecDeque::new(),
            last_arrival: Moment::default(),
            in_flight: 0,
            surviving: None,
            given_up: false,
            give_up_timer: None,
            last_heard: None,
        }
    }
}

impl Half {
    /// Whether the segment that has just come from here was sent before its sender died.
    pub(super) const fn survives(&mut self) -> bool {
        match &mut self.surviving {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }
}

impl End {
    pub(super) const fn other(self) -> Self {
        let side = match self.side {
            Side::Dialer => Side::Acceptor,
            Side::Acceptor => Side::Dialer,
        };
        Self { connection: self.connection, side }
    }

    /// The number a link table knows this end by.
    pub(super) fn socket(self) -> SocketId {
        SocketId(u64::from(self.connection) * 2 + u64::from(self.side == Side::Acceptor))
    }

    pub(super) fn of_socket(socket: SocketId) -> Self {
        let side = if socket.0.is_multiple_of(2) { Side::Dialer } else { Side::Acceptor };
        Self { connection: u32::try_from(socket.0 / 2).unwrap_or(u32::MAX), side }
    }
}
