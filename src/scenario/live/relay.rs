//! [`Relay`]: the cable between two members, which can be cut, and on which bytes can be held back.
//!
//! One relay stands for one direction of dialling: `from` is told its address instead of `to`'s. What it does
//! depends on its [`Condition`]:
//!
//! | condition | new connections | open connections |
//! | --- | --- | --- |
//! | open | accepted, passed on to the target | bytes flow both ways |
//! | open, held | accepted, not passed on yet | nothing moves, not even an end |
//! | not open: the target is down, or blocked | refused | as before: they end when one side does |
//! | cut | refused | closed |
//!
//! Only `elect` uses relays, and only for files with such steps: production code has no switches for faults.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    ops::Range,
    pin::pin,
    time::Duration,
};

use async_io::Async;
use ballotbox_actors::kit::{Actor, Address, Exit, Mailbox, Raced, clock, mailbox, spawn};
use ballotbox_core::UntrustedText;
use futures::{
    future::{self, Either},
    io::{AsyncReadExt, AsyncWriteExt},
};

use super::ports::ReservedPort;

/// A relay passes on at most this many connections at once; more wait to be accepted.
const CONDUITS_MAX: u64 = 64;
/// At most this many bytes are read before they are written: many times a frame of an election.
const BUFFER_BYTES: usize = 4096;
/// The target is in this process: it accepts at once or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The state of a cable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Condition {
    /// It is cut.
    pub(super) cut: bool,
    /// A dialler gets through: the member it leads to is there to accept, and not blocked.
    pub(super) open: bool,
    /// What is on it stays where it is.
    pub(super) held: bool,
}

impl Condition {
    const fn accepts(self) -> bool {
        self.open && !self.cut
    }
}

/// Something is under way as long as copies of this exist: to wait for it is to wait for a mailbox to close.
pub(super) type Token = Address<Infallible>;

/// What a relay can be told.
#[derive(Debug)]
pub(super) enum RelayMsg {
    /// Be in this condition. The token is dropped when that is so.
    Set { condition: Condition, done: Token },
    /// A connection has ended.
    Ended { conduit: u64 },
    /// Close everything and end. (A relay holds its own address, for its connections: its mailbox never closes.)
    Stop,
}

/// Why a relay gave up.
#[derive(Debug, thiserror::Error)]
#[error("the relay at {address} cannot go on: {cause}")]
pub(crate) struct RelayError {
    address: SocketAddr,
    cause: UntrustedText,
}

/// The actor.
#[derive(Debug)]
pub(super) struct Relay {
    port: ReservedPort,
    target: SocketAddr,
    myself: Address<RelayMsg>,
    condition: Condition,
    listener: Option<Async<TcpListener>>,
    /// The connections that are not cut.
    conduits: BTreeMap<u64, Address<Hold>>,
    /// How many there ever were, and how many have not ended.
    accepted: u64,
    alive: u64,
}

impl Relay {
    /// A relay on `port` that leads to `target`, which is not up yet. Its own address comes from the caller.
    pub(super) fn new(port: ReservedPort, target: SocketAddr, myself: Address<RelayMsg>) -> Self {
        Self {
            port,
            target,
            myself,
            condition: Condition { cut: false, open: false, held: false },
            listener: None,
            conduits: BTreeMap::new(),
            accepted: 0,
            alive: 0,
        }
    }

    fn set(&mut self, condition: Condition, done: &Token) -> io::Result<()> {
        self.condition = condition;
        if condition.cut {
            // Their mailboxes close, so they end; what they hold is lost, as on a cable.
            self.conduits.clear();
        }
        for conduit in self.conduits.values() {
            let _ = conduit.tell(Hold { held: condition.held, done: done.clone() });
        }
        if !condition.accepts() {
            self.listener = None;
        } else if self.listener.is_none() {
            self.listener = Some(Async::new(self.port.listen()?)?);
        }
        Ok(())
    }

    fn accepted(&mut self, socket: Async<TcpStream>) {
        let (address, orders) = mailbox();
        let conduit = self.accepted;
        self.accepted += 1;
        self.alive += 1;
        self.conduits.insert(conduit, address);
        let actor = Conduit { near: socket, target: self.target, held: self.condition.held };
        spawn(actor, orders, self.myself.clone(), move |_: Exit<(), io::Error>| RelayMsg::Ended {
            conduit,
        });
    }

    async fn serve(&mut self, mailbox: &mut Mailbox<RelayMsg>) -> io::Result<()> {
        loop {
            let open = self.listener.as_ref();
            let raced = match open.filter(|_| self.alive < CONDUITS_MAX) {
                Some(listener) => mailbox.race(listener.accept()).await,
                None => Raced::Woken(mailbox.next().await),
            };
            match raced {
                Raced::Done(Ok((socket, _))) => self.accepted(socket),
                // The server that knocked has gone again.
                Raced::Done(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Raced::Done(Err(error)) => return Err(error),
                Raced::Woken(Some(RelayMsg::Set { condition, done })) => {
                    self.set(condition, &done)?;
                }
                Raced::Woken(Some(RelayMsg::Ended { conduit })) => {
                    self.conduits.remove(&conduit);
                    self.alive -= 1;
                }
                Raced::Woken(Some(RelayMsg::Stop) | None) => return Ok(()),
            }
        }
    }
}

impl Actor for Relay {
    type Msg = RelayMsg;
    type Output = ();
    type Error = RelayError;

    async fn run(mut self, mut mailbox: Mailbox<RelayMsg>) -> Result<(), RelayError> {
        let served = self.serve(&mut mailbox).await;
        self.listener = None;
        // Closing their mailboxes ends them; a socket is closed when its conduit has said so.
        self.conduits.clear();
        while self.alive > 0 {
            match mailbox.next().await {
                Some(RelayMsg::Ended { .. }) => self.alive -= 1,
                Some(RelayMsg::Set { .. } | RelayMsg::Stop) => {}
                None => break,
            }
        }
        served.map_err(|error| RelayError { address: self.port.address(), cause: error.into() })
    }
}

/// What a connection can be told: whether to hold what it carries.
#[derive(Debug)]
struct Hold {
    held: bool,
    /// Dropped when it does.
    done: Token,
}

/// One connection through a relay. Closing its mailbox cuts it.
#[derive(Debug)]
struct Conduit {
    near: Async<TcpStream>,
    target: SocketAddr,
    held: bool,
}

impl Actor for Conduit {
    type Msg = Hold;
    type Output = ();
    type Error = io::Error;

    async fn run(mut self, mut mailbox: Mailbox<Hold>) -> io::Result<()> {
        let Some(far) = self.reach(&mut mailbox).await? else { return Ok(()) };
        self.near.get_ref().set_nodelay(true)?;
        far.get_ref().set_nodelay(true)?;
        let mut there = Stretch::default();
        let mut back = Stretch::default();
        loop {
            let raced = if self.held {
                Raced::Woken(mailbox.next().await)
            } else {
                mailbox
                    .race(async {
                        let there = pin!(there.carry(&self.near, &far));
                        let back = pin!(back.carry(&far, &self.near));
                        match future::select(there, back).await {
                            Either::Left((end, _)) | Either::Right((end, _)) => end,
                        }
                    })
                    .await
            };
            match raced {
                // One side has ended: so does the other, when its socket is dropped here.
                Raced::Done(end) => return end,
                Raced::Woken(Some(Hold { held, done })) => {
                    self.held = held;
                    drop(done);
                }
                Raced::Woken(None) => return Ok(()),
            }
        }
    }
}

impl Conduit {
    /// Connects to the target, as soon as nothing is held; `None` when cut before.
    async fn reach(&mut self, mailbox: &mut Mailbox<Hold>) -> io::Result<Option<Async<TcpStream>>> {
        while self.held {
            match mailbox.next().await {
                Some(Hold { held, done }) => {
                    self.held = held;
                    drop(done);
                }
                None => return Ok(None),
            }
        }
        // Once begun it is not begun again: the target may have accepted already.
        let connect = clock::within(CONNECT_MAX, Async::<TcpStream>::connect(self.target));
        let mut connect = pin!(connect);
        loop {
            match mailbox.race(connect.as_mut()).await {
                Raced::Done(Ok(connected)) => return connected.map(Some),
                Raced::Done(Err(late)) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, late));
                }
                Raced::Woken(Some(Hold { held, done })) => {
                    self.held = held;
                    drop(done);
                }
                Raced::Woken(None) => return Ok(None),
            }
        }
    }
}

/// One way through a connection, with the bytes that were read and not yet written: carrying can be interrupted at
/// any time without losing one.
struct Stretch {
    buffer: [u8; BUFFER_BYTES],
    pending: Range<usize>,
}

impl Default for Stretch {
    fn default() -> Self {
        Self { buffer: [0; BUFFER_BYTES], pending: 0..0 }
    }
}

impl Stretch {
    /// Carries bytes until `from` ends.
    async fn carry(&mut self, from: &Async<TcpStream>, to: &Async<TcpStream>) -> io::Result<()> {
        let (mut from, mut to) = (from, to);
        loop {
            while !self.pending.is_empty() {
                match to.write(&self.buffer[self.pending.clone()]).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    written => self.pending.start += written,
                }
            }
            let read = from.read(&mut self.buffer).await?;
            if read == 0 {
                return Ok(());
            }
            self.pending = 0..read;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use async_std::task::block_on;

    use super::*;

    const FLOWING: Condition = Condition { cut: false, open: true, held: false };
    const CUT: Condition = Condition { cut: true, ..FLOWING };
    const HELD: Condition = Condition { held: true, ..FLOWING };
    const CLOSED: Condition = Condition { open: false, ..FLOWING };

    /// A relay, the member it leads to, and who waits for its end.
    struct Cable {
        relay: Address<RelayMsg>,
        address: SocketAddr,
        target: TcpListener,
        parent: Mailbox<Exit<(), RelayError>>,
    }

    impl Cable {
        fn new(condition: Condition) -> Self {
            let target = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = ReservedPort::free().unwrap();
            let address = port.address();
            let (relay, orders) = mailbox();
            let (reports, parent) = mailbox();
            let actor = Relay::new(port, target.local_addr().unwrap(), relay.clone());
            spawn(actor, orders, reports, |exit| exit);
            let cable = Self { relay, address, target, parent };
            cable.set(condition);
            cable
        }

        fn set(&self, condition: Condition) {
            let (done, mut dones) = mailbox();
            self.relay.tell(RelayMsg::Set { condition, done }).unwrap();
            assert_eq!(block_on(dones.next()), None);
        }

        /// A connection through the relay, and its other end.
        fn connect(&self) -> (TcpStream, TcpStream) {
            let near = TcpStream::connect(self.address).unwrap();
            (near, self.target.accept().unwrap().0)
        }

        fn refuses(&self) -> bool {
            let connected = TcpStream::connect(self.address);
            connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        }
    }

    fn read(mut socket: &TcpStream, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        socket.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn has_ended(mut socket: &TcpStream) -> bool {
        matches!(socket.read(&mut [0]), Ok(0) | Err(_))
    }

    /// Whether there is nothing to read, not even an end.
    fn is_silent(socket: &TcpStream) -> bool {
        socket.set_nonblocking(true).unwrap();
        let found = socket.peek(&mut [0]);
        socket.set_nonblocking(false).unwrap();
        found.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[test]
    fn bytes_flow_both_ways_and_the_end_of_one_side_is_the_end_of_the_other() {
        let cable = Cable::new(FLOWING);
        let (mut near, mut far) = cable.connect();
        near.write_all(b"there").unwrap();
        assert_eq!(read(&far, 5), b"there");
        let long = vec![7; 3 * BUFFER_BYTES];
        far.write_all(&long).unwrap();
        assert_eq!(read(&near, long.len()), long);
        far.write_all(b"last words").unwrap();
        drop(far);
        assert_eq!(read(&near, 10), b"last words");
        assert!(has_ended(&near));
    }

    #[test]
    fn a_cut_closes_what_is_open_and_refuses_what_comes_until_it_heals() {
        let cable = Cable::new(FLOWING);
        let (near, far) = cable.connect();
        cable.set(CUT);
        assert!(has_ended(&near) && has_ended(&far));
        assert!(cable.refuses());
        cable.set(FLOWING);
        cable.connect();
    }

    #[test]
    fn what_is_closed_refuses_who_comes_and_leaves_who_is_through_alone() {
        let cable = Cable::new(FLOWING);
        let (mut near, far) = cable.connect();
        cable.set(CLOSED);
        assert!(cable.refuses());
        near.write_all(b"x").unwrap();
        assert_eq!(read(&far, 1), b"x");
        drop(far);
        assert!(has_ended(&near));
    }

    #[test]
    fn what_is_held_arrives_when_it_is_let_go_and_nothing_is_lost() {
        let cable = Cable::new(FLOWING);
        let (mut near, far) = cable.connect();
        cable.set(HELD);
        near.write_all(b"held").unwrap();
        let mut late = TcpStream::connect(cable.address).unwrap();
        late.write_all(b"late").unwrap();
        drop(near);
        assert!(is_silent(&far));
        cable.set(FLOWING);
        assert_eq!(read(&far, 4), b"held");
        assert!(has_ended(&far));
        let (late_far, _) = cable.target.accept().unwrap();
        assert_eq!(read(&late_far, 4), b"late");
    }

    #[test]
    fn a_stopped_relay_leaves_nothing_open_and_gives_its_port_back() {
        let mut cable = Cable::new(FLOWING);
        let (near, far) = cable.connect();
        cable.relay.tell(RelayMsg::Stop).unwrap();
        let Some(Exit::Done(())) = block_on(cable.parent.next()) else {
            panic!("the relay did not stop");
        };
        assert!(has_ended(&near) && has_ended(&far));
        assert!(ReservedPort::at(cable.address).is_ok());
    }
}
