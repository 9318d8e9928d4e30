//! [`Doorman`]: every incoming connection passes through it.
//!
//! It listens at all addresses of a server, reads the greeting of each connection, and hands the connection on.
//! Whatever strangers do to the listening ports is limited and counted here, and nowhere else:
//!
//! ```text
//!   Doorman ── Reception, AcceptCredit, Refusals
//!     Listener   │   binds all our addresses; accepts, a few connections ahead
//!     Greeter    │   one per incoming connection, until it has said who it is
//! ```
//!
//! Nothing is accepted before the server listens at all its addresses, and the receiver of the connections knows it
//! by then. A connection goes with a [`Ticket`], by which the doorman learns that the connection was dealt with.

mod credit;
mod greeter;
mod reception;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ballotbox_core::{Backoff, UntrustedText, links::Refusal, wire::Greeting};

pub use self::reception::{GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX};
use self::{
    credit::AcceptCredit,
    greeter::{Greeted, Greeter, GreeterError},
    reception::{GreeterId, Reception},
};
use crate::{
    event::{NetworkEvent, Refusals, RefusedBecause},
    kit::{Actor, Address, Exit, Mailbox, mailbox, spawn},
    socket::{Connection, Elsewhere, Listen, ListenError, Listener, ListenerMsg, ListenerReport},
};

/// What a doorman has to do.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listen: Vec<Listen>,
    pub(crate) rebind: Backoff,
    /// For a greeting to be complete.
    pub(crate) greeting: Duration,
}

/// Owns the door of one server.
#[derive(Debug)]
pub(crate) struct Doorman<U, H> {
    door: Door,
    reception: Reception,
    credit: AcceptCredit,
    refusals: Refusals,
    user: Address<U>,
    /// Where connections are handed on to.
    inside: Address<H>,
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
    // By its children.
    Listener(ListenerReport),
    ListenerEnded { exit: Exit<(), ListenError> },
    GreeterEnded { greeter: GreeterId, exit: Exit<Option<Greeted>, GreeterError> },
}

impl From<ListenerReport> for DoormanMsg {
    fn from(report: ListenerReport) -> Self {
        Self::Listener(report)
    }
}

/// What a [`Doorman`] tells those to whom it hands connections on.
#[derive(Debug)]
pub(crate) enum DoorReport {
    /// We listen at these addresses.
    Open { addresses: Vec<SocketAddr> },
    /// This process may open no more sockets. The receiver of the connections notices that as well, and counts it.
    NoDescriptors { cause: UntrustedText },
    /// A connection has greeted; nothing behind its greeting was read.
    Arrived { greeting: Greeting, connection: Connection, ticket: Ticket },
}

/// Goes with a connection that is handed on. Dropping it says that the connection was dealt with.
#[derive(Debug)]
pub(crate) struct Ticket {
    from: IpAddr,
    doorman: Address<DoormanMsg>,
}

impl Ticket {
    /// The connection is turned away.
    pub(crate) fn refuse(self, refusal: Refusal) {
        let _ = self.doorman.tell(DoormanMsg::Refused { from: self.from, refusal });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let _ = self.doorman.tell(DoormanMsg::Taken);
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

/// Starts a doorman that hands connections on to `inside`, and tells `user` what happens at the door.
pub(crate) fn start<U, H, P>(
    door: Door,
    inside: Address<H>,
    user: Address<U>,
    parent: Address<P>,
    report: impl FnOnce(Exit<(), NetworkError>) -> P + Send + 'static,
) -> DoormanAddress
where
    U: From<NetworkEvent> + Send + 'static,
    H: From<DoorReport> + Send + 'static,
    P: Send + 'static,
{
    let (address, mailbox) = mailbox();
    let doorman = Doorman {
        door,
        reception: Reception::default(),
        credit: AcceptCredit::default(),
        refusals: Refusals::default(),
        user,
        inside,
        myself: address.clone(),
        listener: None,
        greeters: BTreeMap::new(),
        last_id: 0,
        running: 0,
    };
    spawn(doorman, mailbox, parent, report);
    DoormanAddress(address)
}

impl<U, H> Actor for Doorman<U, H>
where
    U: From<NetworkEvent> + Send + 'static,
    H: From<DoorReport> + Send + 'static,
{
    type Msg = DoormanMsg;
    type Output = ();
    type Error = NetworkError;

    async fn run(mut self, mut mailbox: Mailbox<DoormanMsg>) -> Result<(), NetworkError> {
        self.start_listener();
        let outcome = loop {
            match mailbox.next().await {
                Some(DoormanMsg::Stop) | None => break Ok(()),
                Some(message) => {
                    if let Err(error) = self.hear(message) {
                        break Err(error);
                    }
                }
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

impl<U, H> Doorman<U, H>
where
    U: From<NetworkEvent> + Send + 'static,
    H: From<DoorReport> + Send + 'static,
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
            DoormanMsg::Listener(report) => self.hear_listener(report),
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
            ListenerReport::Accepted { connection, from } => self.accepted(connection, from.ip()),
            ListenerReport::NoDescriptors { cause } => {
                self.hand_on(DoorReport::NoDescriptors { cause });
            }
        }
    }

    fn open(&mut self, addresses: Vec<SocketAddr>, elsewhere: Vec<Elsewhere>) {
        for Elsewhere { endpoint, address } in elsewhere {
            self.report(NetworkEvent::NotHere { endpoint, address });
        }
        for address in &addresses {
            self.report(NetworkEvent::Listening { address: *address });
        }
        self.hand_on(DoorReport::Open { addresses });
        self.accept(AcceptCredit::AHEAD_MAX);
    }

    fn accepted(&mut self, connection: Connection, from: IpAddr) {
        self.last_id += 1;
        let greeter = GreeterId(self.last_id);
        if let Some(silent) = self.reception.admit(greeter, from, self.credit.untaken()) {
            self.greeters.remove(&silent);
            self.refuse(RefusedBecause::Silence, None);
        }
        self.start_greeter(greeter, connection);
        let more = self.credit.accepted();
        self.accept(more);
    }

    fn greeter_ended(&mut self, greeter: GreeterId, exit: Exit<Option<Greeted>, GreeterError>) {
        // One that had to make room has lost its place, whatever it has read meanwhile.
        let Some(from) = self.reception.leave(greeter) else { return };
        let reason = match exit {
            Exit::Done(Some(Greeted { connection, greeting })) => {
                self.credit.handed_on();
                let ticket = Ticket { from, doorman: self.myself.clone() };
                return self.hand_on(DoorReport::Arrived { greeting, connection, ticket });
            }
            Exit::Done(None) => return,
            Exit::Failed(error) => error.into(),
            Exit::Panicked(message) => RefusedBecause::Panicked(message),
        };
        self.refuse(reason, Some(from));
    }

    fn refuse(&mut self, reason: RefusedBecause, from: Option<IpAddr>) {
        if let Some(event) = self.refusals.note(reason, from) {
            self.report(event);
        }
    }

    fn report(&self, event: NetworkEvent) {
        // A user that has ended will have us stopped.
        let _ = self.user.tell(U::from(event));
    }

    fn hand_on(&self, report: DoorReport) {
        // The same is true of those inside.
        let _ = self.inside.tell(H::from(report));
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

    fn start_greeter(&mut self, id: GreeterId, connection: Connection) {
        let (address, mailbox) = mailbox();
        let greeter = Greeter { connection, limit: self.door.greeting };
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
            | DoormanMsg::Listener(_) => return,
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
mod tests {
    use std::{io::Write, net::TcpStream};

    use async_std::task::block_on;
    use ballotbox_core::{Endpoint, ServerId, wire::GreetingForm};

    use super::*;

    /// A doorman at a free port, what it tells those inside, and its user.
    struct Entrance {
        address: SocketAddr,
        inside: Mailbox<DoorReport>,
        events: Mailbox<NetworkEvent>,
        _doorman: DoormanAddress,
    }

    impl Entrance {
        async fn open() -> Self {
            let listen = "127.0.0.1:0".parse::<Endpoint>().unwrap().into();
            let hour = Duration::from_secs(3600);
            let rebind = Backoff { min: hour, max: hour, attempts_max: Some(1) };
            let door = Door { listen: vec![listen], rebind, greeting: hour };
            let (reports, mut inside) = mailbox();
            let (user, events) = mailbox();
            let (parent, _) = mailbox();
            let doorman = start(door, reports, user, parent, |exit| exit);
            let Some(DoorReport::Open { addresses }) = inside.next().await else {
                panic!("the door did not open")
            };
            Self { address: addresses[0], inside, events, _doorman: doorman }
        }

        fn greet(&self, number: u64) -> TcpStream {
            let form = GreetingForm::V1(self.address.into());
            let greeting = Greeting { from: ServerId::new(number), form };
            let mut socket = TcpStream::connect(self.address).unwrap();
            socket.write_all(&greeting.encode()).unwrap();
            socket
        }

        async fn arrived(&mut self) -> (Option<ServerId>, Ticket) {
            match self.inside.next().await {
                Some(DoorReport::Arrived { greeting, ticket, .. }) => (greeting.from, ticket),
                other => panic!("{other:?} came first"),
            }
        }
    }

    #[test]
    fn those_who_had_to_wait_while_nobody_was_taken_come_in_once_they_are() {
        block_on(async {
            let mut entrance = Entrance::open().await;
            let crowd: Vec<_> = (0..100).map(|number| entrance.greet(number)).collect();
            let mut arrived = Vec::new();
            let mut tickets = Vec::new();
            // As many as may come in while none is dealt with.
            for _ in 0..AcceptCredit::UNTAKEN_MAX {
                let (from, ticket) = entrance.arrived().await;
                arrived.extend(from);
                tickets.push(ticket);
            }
            drop(tickets);
            while arrived.len() < crowd.len() {
                arrived.extend(entrance.arrived().await.0);
            }
            arrived.sort_unstable();
            assert!(arrived.into_iter().map(ServerId::number).eq(0..100));
        });
    }

    #[test]
    fn what_those_inside_refuse_is_counted_with_everything_else_that_is_turned_away() {
        block_on(async {
            let mut entrance = Entrance::open().await;
            let _socket = entrance.greet(1);
            entrance.arrived().await.1.refuse(Refusal::OwnId);
            let listening = entrance.events.next().await;
            assert!(matches!(listening, Some(NetworkEvent::Listening { .. })), "{listening:?}");
            let (from, reason) = (Some(entrance.address.ip()), RefusedBecause::Id(Refusal::OwnId));
            let refused = NetworkEvent::Refused { from, reason, times: 1 };
            assert_eq!(entrance.events.next().await, Some(refused));
        });
    }
}
