//! [`Hub`]: the actor that owns all sessions of a star.
//!
//! ```text
//!   Hub ── Seats, Session
//!     Dialer          │   one per attempt to reach a leader
//!     SessionReader   │   one pair per session
//!     Sender          │
//! ```
//!
//! It never waits, and knows no packet's meaning. Closing is dropping addresses. It ends only when all its children have: after
//! its end no task and no socket is left.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr};

use super::{
    event::{FirstPacket, StarEvent, StarHeard},
    message::{StarAddress, StarMsg},
    reader::{Began, SessionReader},
    seats::Seats,
    session::Session,
};
use crate::{
    config::NetworkTiming,
    doorman::{Arrival, LearnerReport},
    kit::{Actor, Address, Exit, Inlet, Mailbox, mailbox, spawn},
    socket::{Connection, DialError, Dialed, Dialer, Liveness, SendError, Sender, Tls},
};
use ballotbox_core::{
    Endpoint, ServerId, UntrustedText, leadership::SessionId, wire::QuorumPacket,
};

/// The star of one server.
#[derive(Clone, Debug)]
pub(crate) struct StarConfig {
    /// Where the quorum ports of the other members are.
    pub(crate) peers: BTreeMap<ServerId, Vec<Endpoint>>,
    pub(crate) tls: Option<Tls>,
    pub(crate) timing: NetworkTiming,
    pub(crate) liveness: Liveness,
}

/// Owns the sessions of one server, and everything that makes them.
#[derive(Debug)]
pub(crate) struct Hub<U> {
    config: StarConfig,
    user: Address<U>,
    inlet: Inlet<U>,
    myself: Address<StarMsg>,
    /// Where we listen: a dial that leads there is none.
    listening: Vec<SocketAddr>,
    seats: Seats,
    dialers: BTreeMap<SessionId, Address<Infallible>>,
    sessions: BTreeMap<SessionId, Session>,
    last_accepted: u64,
    /// How many children have not ended.
    running: usize,
}

/// Starts the star of one server.
///
/// What sessions say comes through `inlet`, what becomes of attempts to dial is told to `user`. When it ends, the parent is
/// told `report(exit)`.
pub(crate) fn start<U, P>(
    config: StarConfig,
    user: Address<U>,
    inlet: Inlet<U>,
    parent: Address<P>,
    report: impl FnOnce(Exit<(), Infallible>) -> P + Send + 'static,
) -> StarAddress
where
    U: From<StarHeard> + From<StarEvent> + Send + 'static,
    P: Send + 'static,
{
    let (address, mailbox) = mailbox();
    let hub = Hub {
        seats: Seats::new(config.peers.len()),
        config,
        user,
        inlet,
        myself: address.clone(),
        listening: Vec::new(),
        dialers: BTreeMap::new(),
        sessions: BTreeMap::new(),
        last_accepted: 0,
        running: 0,
    };
    spawn(hub, mailbox, parent, report);
    StarAddress(address)
}

impl<U: From<StarHeard> + From<StarEvent> + Send + 'static> Actor for Hub<U> {
    type Msg = StarMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<StarMsg>) -> Result<(), Infallible> {
        loop {
            match mailbox.next().await {
                Some(StarMsg::Stop) | None => break,
                Some(message) => self.hear(message),
            }
        }
        self.dialers.clear();
        self.sessions.clear();
        while self.running > 0 {
            match mailbox.next().await {
                Some(message) => self.note_end(&message),
                None => break,
            }
        }
        Ok(())
    }
}

impl<U: From<StarHeard> + From<StarEvent> + Send + 'static> Hub<U> {
    fn hear(&mut self, message: StarMsg) {
        self.note_end(&message);
        match message {
            StarMsg::Dial { session, peer, first } => self.dial(session, peer, &first),
            StarMsg::Say { session, packets } => self.say(session, &packets),
            StarMsg::Close { session } => {
                self.forget(session);
            }
            // `run` looks for it first.
            StarMsg::Stop => {}
            StarMsg::Door(LearnerReport::Open { addresses }) => self.listening = addresses,
            StarMsg::Door(LearnerReport::Arrived(arrival)) => self.arrived(arrival),
            StarMsg::DialerEnded { session, exit } => self.dialer_ended(session, exit),
            StarMsg::Written { session } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.written();
                }
            }
            StarMsg::SenderEnded { session, exit } => self.sender_ended(session, &exit),
            StarMsg::ReaderEnded { session, exit } => self.reader_ended(session, exit),
        }
    }

    fn dial(&mut self, session: SessionId, peer: ServerId, first: &QuorumPacket) {
        let is_known = self.dialers.contains_key(&session) || self.sessions.contains_key(&session);
        if is_known || matches!(session, SessionId::Accepted(_)) {
            return;
        }
        let (address, mailbox) = mailbox();
        let dialer = Dialer {
            peer,
            tls: self.config.tls.clone(),
            endpoints: self.config.peers.get(&peer).cloned().unwrap_or_default(),
            greeting: first.encode(),
            listening: self.listening.clone(),
            limit: self.config.timing.connect,
        };
        spawn(dialer, mailbox, self.myself.clone(), move |exit| StarMsg::DialerEnded {
            session,
            exit,
        });
        self.dialers.insert(session, address);
        self.running += 1;
    }

    fn dialer_ended(&mut self, session: SessionId, exit: Exit<Option<Dialed>, DialError>) {
        // One that was closed meanwhile is nobody's concern.
        if self.dialers.remove(&session).is_none() {
            return;
        }
        let error = match exit {
            Exit::Done(Some(Dialed { connection, .. })) => {
                self.report(StarEvent::Dialled { session });
                return self.open(session, connection, Began::Dialled);
            }
            Exit::Done(None) => return,
            Exit::Failed(error) => error,
            Exit::Panicked(message) => DialError::Panicked { message },
        };
        self.report(StarEvent::DialFailed { session, error });
    }

    fn arrived(&mut self, arrival: Arrival<QuorumPacket>) {
        let Arrival { first, connection, from, ticket: _, place } = arrival;
        self.last_accepted += 1;
        let session = SessionId::Accepted(self.last_accepted);
        if let Some(leaving) = self.seats.admit(session, from.ip())
            && let Some(leaving) = self.sessions.get_mut(&leaving)
        {
            leaving.end("it made room for another learner".into());
        }
        let first = FirstPacket::new(first, place);
        self.open(session, connection, Began::Arrived { first, from });
    }

    fn open(&mut self, session: SessionId, connection: Connection, began: Began) {
        let (half, writer) = connection.split();
        // This fails only on a broken connection, which the first read reports.
        let _ = writer.tune(self.config.liveness);
        let sender = Sender::new(session, writer, self.config.timing.write, self.myself.clone());
        let (sender_address, words) = mailbox();
        spawn(sender, words, self.myself.clone(), move |exit| StarMsg::SenderEnded {
            session,
            exit,
        });
        let reader = SessionReader {
            session,
            half,
            began,
            user: self.inlet.clone(),
            packet_limit: self.config.timing.frame,
        };
        let (reader_address, orders) = mailbox();
        spawn(reader, orders, self.myself.clone(), move |exit| StarMsg::ReaderEnded {
            session,
            exit,
        });
        self.sessions.insert(session, Session::new(reader_address, sender_address));
        self.running += 2;
    }

    fn say(&mut self, session: SessionId, packets: &[QuorumPacket]) {
        let Some(open) = self.sessions.get_mut(&session) else { return };
        self.seats.said(session);
        let bytes: Vec<_> = packets.iter().flat_map(QuorumPacket::encode).collect();
        if !bytes.is_empty() {
            open.say(bytes);
        }
    }

    fn sender_ended(&mut self, session: SessionId, exit: &Exit<(), SendError>) {
        let Some(open) = self.sessions.get_mut(&session) else { return };
        match exit {
            // What broke a connection is what its reader says, which may have something left to read.
            Exit::Done(()) | Exit::Failed(SendError::Broken { .. }) => {}
            Exit::Failed(SendError::Stuck { .. }) | Exit::Panicked(_) => {
                open.end(UntrustedText::new(exit));
            }
        }
    }

    fn reader_ended(&mut self, session: SessionId, exit: Exit<(), Infallible>) {
        let was_open = self.forget(session);
        match exit {
            Exit::Failed(never) => match never {},
            Exit::Panicked(message) if was_open => {
                let cause = UntrustedText::new(format_args!("its reader panicked: {message}"));
                self.report(StarEvent::Ended { session, cause });
            }
            // It has said so itself, if there was anything to say.
            Exit::Done(()) | Exit::Panicked(_) => {}
        }
    }

    /// Whether there was such a session.
    fn forget(&mut self, session: SessionId) -> bool {
        self.seats.leave(session);
        self.dialers.remove(&session);
        self.sessions.remove(&session).is_some()
    }

    fn report(&self, event: StarEvent) {
        // A user that has ended will have us stopped.
        let _ = self.user.tell(U::from(event));
    }

    /// Keeps count of the children that have ended.
    fn note_end(&mut self, message: &StarMsg) {
        match message {
            StarMsg::DialerEnded { .. }
            | StarMsg::SenderEnded { .. }
            | StarMsg::ReaderEnded { .. } => self.running -= 1,
            StarMsg::Dial { .. }
            | StarMsg::Say { .. }
            | StarMsg::Close { .. }
            | StarMsg::Stop
            | StarMsg::Door(_)
            | StarMsg::Written { .. } => {}
        }
    }
}
