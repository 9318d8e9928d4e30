//! [`ConnectionManager`]: the actor around [`LinkTable`]. It starts and supervises all the others of the mesh.
//!
//! ```text
//!                 ConnectionManager ── LinkTable, the connections that wait for a decision
//!   Dialer            │   one per attempt to reach a peer
//!   Candidate         │   one per connection that would replace a link, until that is decided
//!   Sender, Receiver  │   one pair per link
//! ```
//!
//! Incoming connections are handed on by the doorman, with their greeting read. Every child reports its own end as a
//! message; the core decides what follows. Closing is dropping an address. The manager ends only when all its children
//! have: after its end no task and no socket is left.

mod children;
mod message;

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr};

use self::children::Children;
pub(crate) use self::message::ManagerMsg;
pub use self::message::NetworkAddress;
use super::candidate::CandidateError;
use crate::{
    config::NetworkConfig,
    doorman::{Arrival, DoorReport, PeerBook, Ticket},
    event::NetworkEvent,
    kit::{Actor, Address, Exit, Inlet, Mailbox, Timers, Wake, clock, jittered, mailbox, spawn},
    socket::{ConnectError, Connection, DialError, Dialed, Heard},
};
use ballotbox_core::{
    Core, ServerId, Sparingly, UntrustedText,
    links::{Action, Approach, Event, LinkId, LinkTable, Notice, SocketId, Timer},
};

/// Owns the links of one server, and everything that makes them.
#[derive(Debug)]
pub(crate) struct ConnectionManager<U> {
    core: LinkTable,
    timers: Timers<Timer>,
    parked: BTreeMap<SocketId, Parked>,
    children: Children<U>,
    user: Address<U>,
    /// Where the doorman is told at which addresses peers are, once it has opened.
    peers: Option<PeerBook>,
    no_descriptors: Sparingly,
    /// Whether it was told that no other machine can reach us.
    told_loopback_only: bool,
    /// Why a link ends, until that is told.
    ending: Option<(LinkId, UntrustedText)>,
    /// Why a peer was not reached, until that is told.
    unreached: Option<(ServerId, DialError)>,
    last_id: u64,
}

/// A connection that waits for a decision.
#[derive(Debug)]
struct Parked {
    connection: Connection,
    /// Given back once it is decided. A connection that we dialled has none.
    ticket: Option<Ticket>,
}

/// Starts the mesh of one server. It dials once the doorman has told it that the server listens.
///
/// Frames come through `inlet`, every [`NetworkEvent`] is told to `user`. When it ends, the parent is told `report(exit)`.
pub(crate) fn start<U, P>(
    config: NetworkConfig,
    user: Address<U>,
    inlet: Inlet<U>,
    parent: Address<P>,
    report: impl FnOnce(Exit<(), Infallible>) -> P + Send + 'static,
) -> NetworkAddress
where
    U: From<Heard> + From<NetworkEvent> + Send + 'static,
    P: Send + 'static,
{
    let (address, mailbox) = mailbox();
    let core = LinkTable::new(config.me, config.peers.keys().copied(), config.links);
    let manager = ConnectionManager {
        core,
        timers: Timers::new(),
        parked: BTreeMap::new(),
        children: Children::new(config, inlet, address.clone()),
        user,
        peers: None,
        no_descriptors: Sparingly::default(),
        told_loopback_only: false,
        ending: None,
        unreached: None,
        last_id: 0,
    };
    spawn(manager, mailbox, parent, report);
    NetworkAddress(address)
}

impl<U: From<Heard> + From<NetworkEvent> + Send + 'static> Actor for ConnectionManager<U> {
    type Msg = ManagerMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<ManagerMsg>) -> Result<(), Infallible> {
        loop {
            match mailbox.next_until(self.timers.next_deadline()).await {
                Wake::Told(ManagerMsg::Stop) | Wake::Closed => break,
                Wake::Told(message) => self.hear(message),
                Wake::Due => {
                    while let Some(timer) = self.timers.pop_due(clock::now()) {
                        self.timer_fired(timer);
                    }
                }
            }
        }
        self.parked.clear();
        self.children.end_all();
        while self.children.are_left() {
            match mailbox.next().await {
                Some(message) => self.children.note_end(&message),
                None => break,
            }
        }
        Ok(())
    }
}

impl<U: From<Heard> + From<NetworkEvent> + Send + 'static> ConnectionManager<U> {
    fn hear(&mut self, message: ManagerMsg) {
        self.children.note_end(&message);
        match message {
            ManagerMsg::Send { to, frame } => self.decide(Event::Send { to, frame }),
            ManagerMsg::Ask { to, frame } => self.decide(Event::Ask { to, frame }),
            ManagerMsg::Spoke { link } => self.decide(Event::Spoke { link }),
            ManagerMsg::Reconnect => self.decide(Event::Reconnect),
            // `run` looks for it first.
            ManagerMsg::Stop => {}
            ManagerMsg::Door(DoorReport::Open { addresses, peers }) => {
                self.peers = Some(peers);
                self.begin(addresses);
            }
            ManagerMsg::Door(DoorReport::NoDescriptors { cause }) => self.out_of_descriptors(cause),
            ManagerMsg::Door(DoorReport::Arrived(Arrival {
                first, connection, ticket, ..
            })) => {
                let socket = self.park(Parked { connection, ticket: Some(ticket) });
                self.decide(Event::Greeted { from: first.from, socket });
            }
            ManagerMsg::CandidateSpoke { socket } => {
                self.decide(Event::CandidateSpoke { socket });
            }
            ManagerMsg::CandidateEnded { socket, exit } => self.candidate_ended(socket, &exit),
            ManagerMsg::DialerEnded { link, approach, exit } => {
                self.dialer_ended(link, approach, exit);
            }
            ManagerMsg::Written { link } => self.decide(Event::Written { link }),
            ManagerMsg::SenderEnded { link, exit } => {
                self.link_ended(link, UntrustedText::new(exit));
            }
            ManagerMsg::ReceiverEnded { link, exit } => {
                self.link_ended(link, UntrustedText::new(exit));
            }
        }
    }

    /// We listen: nobody is dialled before we can be dialled back.
    fn begin(&mut self, addresses: Vec<SocketAddr>) {
        self.children.set_listening(addresses);
        self.report(NetworkEvent::Started);
        self.decide(Event::Start);
    }

    /// This peer is at this address, whether or not it answers there.
    fn note_peer_at(&mut self, there: SocketAddr, peer: ServerId) {
        if let Some(peers) = &self.peers {
            peers.note(there.ip(), peer);
        }
        if self.told_loopback_only || there.ip().is_loopback() {
            return;
        }
        if let Some(here) = self.children.listening_only_on_loopback() {
            self.told_loopback_only = true;
            self.report(NetworkEvent::LoopbackOnly { here, there });
        }
    }

    fn out_of_descriptors(&mut self, cause: UntrustedText) {
        if let Some(times) = self.no_descriptors.count() {
            self.report(NetworkEvent::NoDescriptors { cause, times });
        }
    }

    fn dialer_ended(
        &mut self,
        link: LinkId,
        approach: Approach,
        exit: Exit<Option<Dialed>, DialError>,
    ) {
        let error = match exit {
            Exit::Done(Some(dialed)) => return self.dialed(link, approach, dialed),
            Exit::Done(None) => return,
            Exit::Failed(error) => error,
            Exit::Panicked(message) => DialError::Panicked { message },
        };
        if let Some(address) = error.address()
            && !matches!(error, DialError::Ourselves { .. })
        {
            self.note_peer_at(address, link.peer);
        }
        if let DialError::Connect(ConnectError::NoDescriptors { text }) = error {
            // It says nothing about the peer, and is told as what it is.
            self.out_of_descriptors(text);
        } else {
            self.unreached = Some((link.peer, error));
        }
        self.decide(Event::DialFailed { link });
        self.unreached = None;
    }

    fn dialed(&mut self, link: LinkId, approach: Approach, Dialed { connection, address }: Dialed) {
        self.note_peer_at(address, link.peer);
        match approach {
            Approach::Connect => {
                let socket = self.park(Parked { connection, ticket: None });
                self.decide(Event::Dialed { link, socket });
            }
            Approach::Knock => {
                // Hanging up is part of a knock.
                drop(connection);
                self.decide(Event::Knocked { link });
            }
        }
    }

    fn candidate_ended(&mut self, socket: SocketId, exit: &Exit<(), CandidateError>) {
        match self.children.link_of(socket) {
            Some(link) => self.link_ended(link, exit.to_string().into()),
            None => self.decide(Event::CandidateEnded { socket }),
        }
    }

    fn timer_fired(&mut self, timer: Timer) {
        let (peer, cause) = match timer {
            Timer::Answer(peer) => {
                (peer, "no answer over it, while the peer asked for another link")
            }
            Timer::Silence(peer) => (peer, "the peer has said nothing over it"),
            Timer::Redial(_) | Timer::Steady(_) | Timer::Candidate(_) | Timer::Guest(_) => {
                return self.decide(Event::TimerFired(timer));
            }
        };
        self.ending = self.core.link(peer).map(|link| (link, cause.into()));
        self.decide(Event::TimerFired(timer));
        self.ending = None;
    }

    fn link_ended(&mut self, link: LinkId, cause: UntrustedText) {
        // The first half to end names the cause; the second one finds the link closed.
        if self.children.close_link(link) {
            self.ending = Some((link, cause));
            self.decide(Event::LinkDown { link });
            self.ending = None;
        }
    }

    fn decide(&mut self, event: Event) {
        for action in self.core.actions_on(event) {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Dial { link, approach } => self.children.start_dialer(link, approach),
            Action::OpenLink { link, socket } => {
                if !self.children.open_candidate(link, socket)
                    && let Some(Parked { connection, .. }) = self.parked.remove(&socket)
                {
                    self.children.open_link(link, connection);
                }
            }
            Action::HearOut(id) => {
                if let Some(Parked { connection, .. }) = self.parked.remove(&id) {
                    self.children.start_candidate(id, connection);
                }
            }
            Action::CloseLink { link } => {
                self.children.close_link(link);
            }
            Action::DropSocket(socket) => {
                self.parked.remove(&socket);
                self.children.end_candidate(socket);
            }
            Action::Write { link, frame } => self.children.write(link, frame),
            Action::SetTimer { timer, after } => {
                self.timers.set(timer, clock::now() + jittered(after));
            }
            Action::ClearTimer(timer) => self.timers.clear(&timer),
            Action::Notify(notice) => self.notify(notice),
        }
    }

    fn notify(&mut self, notice: Notice) {
        match notice {
            Notice::LinkUp(link) => self.report(NetworkEvent::LinkUp { link }),
            Notice::LinkDown(link) => {
                let cause = self.ending.take_if(|(ending, _)| *ending == link);
                let cause = cause.map_or_else(|| "closed by us".into(), |(_, cause)| cause);
                self.report(NetworkEvent::LinkDown { link, cause });
            }
            Notice::Doubted(link) => self.report(NetworkEvent::Doubted { link }),
            Notice::Unreachable(peer) => {
                if let Some(error) = self.why_unreached(peer) {
                    self.report(NetworkEvent::Unreachable { peer, error });
                }
            }
            Notice::CannotDialBack(peer) => {
                if let Some(error) = self.why_unreached(peer) {
                    self.report(NetworkEvent::CannotDialBack { peer, error });
                }
            }
            Notice::Refused { socket, refusal } => {
                let parked = self.parked.get_mut(&socket);
                if let Some(ticket) = parked.and_then(|parked| parked.ticket.take()) {
                    ticket.refuse(refusal);
                }
            }
        }
    }

    /// Why the attempt that is being decided about has failed; `None` if that was not the peer's fault.
    fn why_unreached(&self, peer: ServerId) -> Option<DialError> {
        let unreached = self.unreached.as_ref().filter(|(unreached, _)| *unreached == peer);
        unreached.map(|(_, error)| error.clone())
    }

    fn report(&self, event: NetworkEvent) {
        // A user that has ended will have us stopped.
        let _ = self.user.tell(U::from(event));
    }

    fn park(&mut self, parked: Parked) -> SocketId {
        self.last_id += 1;
        let id = SocketId(self.last_id);
        self.parked.insert(id, parked);
        id
    }
}
