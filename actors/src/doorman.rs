//! [`Doorman`]: every incoming connection passes through it.
//!
//! It listens at all addresses of a server, reads the first word of each connection, and hands the connection on.
//! What strangers do to these ports is limited and counted here, and nowhere else:
//!
//! ```text
//!   Doorman ── Reception (all that wait, and those with long packets), AcceptCredit, Handshakes, Familiar, Refusals
//!     Listener   │   binds all our addresses; accepts, a few connections ahead
//!     Greeter    │   one per incoming connection, until it has said what it comes for
//! ```
//!
//! One address may be both ports of a server, and take plain text and TLS: the [`FirstWord`] tells them apart. A greeting is handed
//! on to the mesh, a learner's packet to the star. At an address that is only one port, what belongs to the other one is turned away
//! as what it is. A node that leads nobody has no star.
//!
//! Nothing is accepted before the server listens at all its addresses, and the receivers of the connections know them
//! by then. A connection goes with a [`Ticket`], by which the doorman learns that the connection was dealt with.

mod arrival;
mod credit;
mod familiar;
mod greeter;
mod reception;
mod refusals;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ballotbox_core::{
    Backoff, ServerId, UntrustedText,
    links::Refusal,
    wire::{FirstWord, Ports},
};

pub(crate) use self::arrival::{Arrival, DoorReport, LearnerReport, PeerBook, Place, Ticket};
pub use self::reception::{GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX};
use self::{
    credit::AcceptCredit,
    familiar::Familiar,
    greeter::{Greeted, Greeter, GreeterError, GreeterReport},
    reception::{GreeterId, Reception},
    refusals::Refusals,
};
use crate::{
    event::{NetworkEvent, RefusedBecause},
    kit::{Actor, Address, Exit, Mailbox, Wake, clock, mailbox, spawn},
    socket::{
        Connection, Elsewhere, Handshakes, Listen, ListenError, Listener, ListenerMsg,
        ListenerReport, Origin, Tls,
    },
};

/// What a doorman has to do.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listen: Vec<Listen>,
    pub(crate) rebind: Backoff,
    /// For a first word to be complete.
    pub(crate) greeting: Duration,
    /// How those who come in are to show who they are.
    pub(crate) tls: Option<Tls>,
}

/// Owns the door of one server.
#[derive(Debug)]
pub(crate) struct Doorman<U, H, L> {
    door: Door,
    reception: Reception,
    /// Those that announce a long packet, as long as that is not whole.
    long: Reception,
    /// How many long packets were handed on and are held.
    long_untaken: usize,
    credit: AcceptCredit,
    handshakes: Handshakes<GreeterId, Address<()>>,
    familiar: Familiar,
    refusals: Refusals,
    user: Address<U>,
    /// Where connections are handed on to that have greeted.
    mesh: Address<H>,
    /// Where learners are handed on to, if they are served at all.
    star: Option<Address<L>>,
    myself: Address<DoormanMsg>,
    listener: Option<Address<ListenerMsg>>,
    greeters: BTreeMap<GreeterId, Address<Infallible>>,
    last_id: u64,
    /// How many children have not ended.
    running: usize,
}

/// Everything a [`Doorman`] can be told.
#[derive(Debug)]
pub(crate) enum DoormanMsg {
    // By its parent.
    Stop,
    // By those to whom connections are handed on.
    Taken,
    Refused { from: IpAddr, refusal: Refusal },
    PlaceFree,
    PeerAt { address: IpAddr, peer: ServerId },
    // By its children.
    Listener(ListenerReport),
    Greeter(GreeterReport),
    ListenerEnded { exit: Exit<(), ListenError> },
    GreeterEnded { greeter: GreeterId, exit: Exit<Option<Greeted>, GreeterError> },
}

impl From<ListenerReport> for DoormanMsg {
    fn from(report: ListenerReport) -> Self {
        Self::Listener(report)
    }
}

impl From<GreeterReport> for DoormanMsg {
    fn from(report: GreeterReport) -> Self {
        Self::Greeter(report)
    }
}

/// Where a doorman is told to end.
#[derive(Clone, Debug)]
pub struct DoormanAddress(Address<DoormanMsg>);

impl DoormanAddress {
    /// Closes the ports, and the connections that have not greeted yet. The parent is told when nothing is left.
    pub fn stop(&self) {
        let _ = self.0.tell(DoormanMsg::Stop);
    }
}

/// Why the network of a server gave up.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The listener ended though nobody asked it to.
    #[error("the listener ended: {exit}")]
    Listener {
        /// How it ended.
        exit: UntrustedText,
    },
}

/// Starts a doorman that hands connections on to `mesh` and `star`, and tells `user` what happens at the door.
pub(crate) fn start<U, H, L, P>(
    door: Door,
    mesh: Address<H>,
    star: Option<Address<L>>,
    user: Address<U>,
    parent: Address<P>,
    report: impl FnOnce(Exit<(), NetworkError>) -> P + Send + 'static,
) -> DoormanAddress
where
    U: From<NetworkEvent> + Send + 'static,
    H: From<DoorReport> + Send + 'static,
    L: From<LearnerReport> + Send + 'static,
    P: Send + 'static,
{
    let (address, mailbox) = mailbox();
    let doorman = Doorman::new(door, mesh, star, user, address.clone());
    spawn(doorman, mailbox, parent, report);
    DoormanAddress(address)
}

impl<U, H, L> Doorman<U, H, L> {
    fn new(
        door: Door,
        mesh: Address<H>,
        star: Option<Address<L>>,
        user: Address<U>,
        myself: Address<DoormanMsg>,
    ) -> Self {
        Self {
            door,
            reception: Reception::for_greetings(),
            long: Reception::for_long_packets(),
            long_untaken: 0,
            credit: AcceptCredit::default(),
            handshakes: Handshakes::new(clock::now()),
            familiar: Familiar::default(),
            refusals: Refusals::default(),
            user,
            mesh,
            star,
            myself,
            listener: None,
            greeters: BTreeMap::new(),
            last_id: 0,
            running: 0,
        }
    }
}

impl<U, H, L> Actor for Doorman<U, H, L>
where
    U: From<NetworkEvent> + Send + 'static,
    H: From<DoorReport> + Send + 'static,
    L: From<LearnerReport> + Send + 'static,
{
    type Msg = DoormanMsg;
    type Output = ();
    type Error = NetworkError;

    async fn run(mut self, mut mailbox: Mailbox<DoormanMsg>) -> Result<(), NetworkError> {
        self.start_listener();
        let outcome = loop {
            let next_turn = self.handshakes.give_turn(clock::now());
            match mailbox.next_until(next_turn).await {
                Wake::Told(DoormanMsg::Stop) | Wake::Closed => break Ok(()),
                Wake::Told(message) => {
                    if let Err(error) = self.hear(message) {
                        break Err(error);
                    }
                }
                Wake::Due => {}
            }
        };
        self.listener = None;
        self.greeters.clear();
        while self.running > 0 {
            match mailbox.next().await {
                Some(message) => self.note_end(&message),
                None => break,
            }
        }
        outcome
    }
}

impl<U, H, L> Doorman<U, H, L>
where
    U: From<NetworkEvent> + Send + 'static,
    H: From<DoorReport> + Send + 'static,
    L: From<LearnerReport> + Send + 'static,
{
    fn hear(&mut self, message: DoormanMsg) -> Result<(), NetworkError> {
        self.note_end(&message);
        match message {
            // `run` looks for it first.
            DoormanMsg::Stop => {}
            DoormanMsg::Taken => {
                let more = self.credit.taken();
                self.accept(more);
            }
            DoormanMsg::Refused { from, refusal } => {
                self.refuse(RefusedBecause::Id(refusal), Some(from));
            }
            DoormanMsg::PlaceFree => self.long_untaken = self.long_untaken.saturating_sub(1),
            DoormanMsg::PeerAt { address, peer } => self.familiar.note(address, peer),
            DoormanMsg::Listener(report) => self.hear_listener(report),
            DoormanMsg::Greeter(report) => self.hear_greeter(report),
            DoormanMsg::ListenerEnded { exit } => return Err(listener_error(exit)),
            DoormanMsg::GreeterEnded { greeter, exit } => self.greeter_ended(greeter, exit),
        }
        Ok(())
    }

    fn hear_listener(&mut self, report: ListenerReport) {
        match report {
            ListenerReport::Listening { addresses, elsewhere } => self.open(addresses, elsewhere),
            ListenerReport::BindFailed { endpoint, cause, retry_after } => {
                self.report(NetworkEvent::BindFailed { endpoint, cause, retry_after });
            }
            ListenerReport::Accepted { connection, from, ports } => {
                self.accepted(connection, from, ports);
            }
            ListenerReport::NoDescriptors { cause } => {
                self.tell_mesh(DoorReport::NoDescriptors { cause });
            }
        }
    }

    fn hear_greeter(&mut self, report: GreeterReport) {
        match report {
            GreeterReport::LongPacket(greeter) => self.long_packet(greeter),
            GreeterReport::WantsTurn(greeter, reply) => {
                if let Some(from) = self.reception.address_of(greeter) {
                    let address = from.ip();
                    let is_familiar = self.familiar.knows(address);
                    self.handshakes.ask(greeter, Origin { address, is_familiar }, reply);
                }
            }
            GreeterReport::HadTurn(greeter, cost) => {
                self.handshakes.had(greeter, cost, clock::now());
            }
        }
    }

    fn open(&mut self, addresses: Vec<(SocketAddr, Ports)>, elsewhere: Vec<Elsewhere>) {
        for Elsewhere { endpoint, address } in elsewhere {
            self.report(NetworkEvent::NotHere { endpoint, address });
        }
        for (address, ports) in &addresses {
            self.report(NetworkEvent::Listening { address: *address, ports: *ports });
        }
        let addresses: Vec<_> = addresses.into_iter().map(|(address, _)| address).collect();
        // The star first: who hears from the mesh that we listen may dial over the star at once.
        self.tell_star(LearnerReport::Open { addresses: addresses.clone() });
        let peers = PeerBook::new(self.myself.clone());
        self.tell_mesh(DoorReport::Open { addresses, peers });
        self.accept(AcceptCredit::AHEAD_MAX);
    }

    fn accepted(&mut self, connection: Connection, from: SocketAddr, ports: Ports) {
        self.last_id += 1;
        let greeter = GreeterId(self.last_id);
        let leaving = self.reception.admit(greeter, from, self.credit.untaken());
        self.start_greeter(greeter, connection, ports);
        if let Some((leaving, from)) = leaving {
            self.turn_out(leaving, from);
        }
        let more = self.credit.accepted();
        self.accept(more);
    }

    fn long_packet(&mut self, greeter: GreeterId) {
        let Some(from) = self.reception.address_of(greeter) else { return };
        if let Some((leaving, from)) = self.long.admit(greeter, from, self.long_untaken) {
            self.reception.leave(leaving);
            self.turn_out(leaving, from);
        }
    }

    /// One that took longest makes room, or one for which there is none.
    fn turn_out(&mut self, leaving: GreeterId, from: SocketAddr) {
        self.long.leave(leaving);
        self.handshakes.leave(leaving);
        self.greeters.remove(&leaving);
        self.refuse(RefusedBecause::NoRoom, Some(from.ip()));
    }

    fn greeter_ended(&mut self, greeter: GreeterId, exit: Exit<Option<Greeted>, GreeterError>) {
        let is_long = self.long.leave(greeter).is_some();
        self.handshakes.leave(greeter);
        // One that had to make room has lost its place, whatever it has read meanwhile.
        let Some(from) = self.reception.leave(greeter) else { return };
        let reason = match exit {
            Exit::Done(Some(word)) => return self.hand_on(word, from, is_long),
            Exit::Done(None) => return,
            Exit::Failed(error) => error.into(),
            Exit::Panicked(message) => RefusedBecause::Panicked(message),
        };
        self.refuse(reason, Some(from.ip()));
    }

    fn hand_on(&mut self, word: Greeted, from: SocketAddr, is_long: bool) {
        let Greeted { connection, first, proven } = word;
        if let Some(member) = proven {
            self.familiar.note(from.ip(), member);
        }
        self.credit.handed_on();
        let ticket = Ticket::new(from.ip(), self.myself.clone());
        match first {
            FirstWord::Greeting(first) => {
                self.tell_mesh(DoorReport::Arrived(Arrival {
                    first,
                    connection,
                    from,
                    ticket,
                    place: None,
                }));
            }
            FirstWord::Packet(first) => {
                let place = is_long.then(|| Place::new(self.myself.clone()));
                self.long_untaken += usize::from(is_long);
                self.tell_star(LearnerReport::Arrived(Arrival {
                    first,
                    connection,
                    from,
                    ticket,
                    place,
                }));
            }
        }
    }

    fn refuse(&mut self, reason: RefusedBecause, from: Option<IpAddr>) {
        if let Some(event) = self.refusals.note(reason, from, &self.familiar) {
            self.report(event);
        }
    }

    fn report(&self, event: NetworkEvent) {
        // A user that has ended will have us stopped.
        let _ = self.user.tell(U::from(event));
    }

    fn tell_mesh(&self, report: DoorReport) {
        // The same is true of those inside.
        let _ = self.mesh.tell(H::from(report));
    }

    fn tell_star(&self, report: LearnerReport) {
        if let Some(star) = &self.star {
            let _ = star.tell(L::from(report));
        }
    }

    fn accept(&self, more: usize) {
        if more > 0
            && let Some(listener) = &self.listener
        {
            let _ = listener.tell(ListenerMsg::Accept(more));
        }
    }

    fn start_listener(&mut self) {
        let (address, mailbox) = mailbox();
        let listener = Listener {
            listen: std::mem::take(&mut self.door.listen),
            rebind: self.door.rebind,
            parent: self.myself.clone(),
        };
        spawn(listener, mailbox, self.myself.clone(), |exit| DoormanMsg::ListenerEnded { exit });
        self.listener = Some(address);
        self.running += 1;
    }

    fn start_greeter(&mut self, id: GreeterId, connection: Connection, ports: Ports) {
        let (address, mailbox) = mailbox();
        let (tls, limit) = (self.door.tls.clone(), self.door.greeting);
        let parent = self.myself.clone();
        let greeter = Greeter { id, connection, ports, tls, limit, parent };
        spawn(greeter, mailbox, self.myself.clone(), move |exit| DoormanMsg::GreeterEnded {
            greeter: id,
            exit,
        });
        self.greeters.insert(id, address);
        self.running += 1;
    }

    /// Keeps count of the children that have ended.
    fn note_end(&mut self, message: &DoormanMsg) {
        match message {
            DoormanMsg::ListenerEnded { .. } => self.listener = None,
            DoormanMsg::GreeterEnded { greeter, .. } => {
                self.greeters.remove(greeter);
            }
            DoormanMsg::Stop
            | DoormanMsg::Taken
            | DoormanMsg::Refused { .. }
            | DoormanMsg::PlaceFree
            | DoormanMsg::PeerAt { .. }
            | DoormanMsg::Listener(_)
            | DoormanMsg::Greeter(_) => return,
        }
        self.running -= 1;
    }
}

fn listener_error(exit: Exit<(), ListenError>) -> NetworkError {
    match exit {
        Exit::Failed(error) => error.into(),
        Exit::Done(()) | Exit::Panicked(_) => {
            NetworkError::Listener { exit: UntrustedText::new(exit) }
        }
    }
}

#[cfg(test)]
mod tests;
