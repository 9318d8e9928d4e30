//! [`Greeter`]: reads the first word of one incoming connection: a greeting, or the first packet of a learner.

use std::time::Duration;

use super::reception::GreeterId;
use crate::{
    event::RefusedBecause,
    kit::{Actor, Address, Mailbox, Raced, Rounded, clock},
    socket::{Connection, Ports},
};
use ballotbox_core::{
    UntrustedText,
    wire::{Greeting, GreetingError, Opening, PacketError, QuorumPacket},
};

/// A first packet of at most this many bytes takes no place among the long ones. Learners of real servers send 40 bytes, and
/// ours add their member list.
const SHORT_PACKET_MAX: usize = 64 * 1024;

/// No first word is shorter.
const SHORTEST: usize = 8;

/// Reads just the first word, in however many pieces it comes.
#[derive(Debug)]
pub(crate) struct Greeter<P> {
    pub(crate) id: GreeterId,
    pub(crate) connection: Connection,
    /// What is spoken where it came in.
    pub(crate) ports: Ports,
    pub(crate) limit: Duration,
    pub(crate) parent: Address<P>,
}

/// A first packet is so long that only a few may be held at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LongPacket(pub(crate) GreeterId);

/// A connection that has said what it comes for, and from which nothing behind that was read.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) first: FirstWord,
}

/// How a connection begins.
#[derive(Debug)]
pub(crate) enum FirstWord {
    /// At an election port.
    Greeting(Greeting),
    /// At a quorum port: a learner says who it is.
    Packet(QuorumPacket),
}

/// Why a connection was not greeted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum GreeterError {
    /// It said something else than a greeting.
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    /// It said something else than a learner's first packet.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// It spoke as at the other port.
    #[error("the first word is not one of this port")]
    OtherPort {
        /// Which port this is.
        here: Ports,
    },
    /// It ended within the first word.
    #[error("the connection ended after {read} bytes of {what}: {text}")]
    Broken {
        /// How many had come.
        read: usize,
        /// What they were the beginning of.
        what: &'static str,
        /// What the system said.
        text: UntrustedText,
    },
    /// It took too long.
    #[error("no first word in {}", Rounded(*limit))]
    Silent {
        /// How long it was given.
        limit: Duration,
    },
}

impl From<GreeterError> for RefusedBecause {
    fn from(error: GreeterError) -> Self {
        match error {
            GreeterError::Greeting(error) => Self::NoGreeting(error),
            GreeterError::Packet(error) => Self::NoPacket(error),
            GreeterError::OtherPort { here } => Self::OtherPort { here },
            GreeterError::Broken { .. } => Self::Broken(UntrustedText::new(error)),
            GreeterError::Silent { .. } => Self::Silence,
        }
    }
}

impl<P: From<LongPacket> + Send + 'static> Actor for Greeter<P> {
    type Msg = std::convert::Infallible;
    /// `None` when somebody hung up without a word, as health checks do, or when it was asked to end.
    type Output = Option<Greeted>;
    type Error = GreeterError;

    async fn run(
        mut self,
        mut mailbox: Mailbox<Self::Msg>,
    ) -> Result<Option<Greeted>, GreeterError> {
        let first = match mailbox.race(clock::within(self.limit, self.read())).await {
            Raced::Done(Ok(read)) => read?,
            Raced::Done(Err(clock::Late(limit))) => return Err(GreeterError::Silent { limit }),
            Raced::Woken(_) => None,
        };
        Ok(first.map(|first| Greeted { connection: self.connection, first }))
    }
}

impl<P: From<LongPacket>> Greeter<P> {
    /// The first word, or `None` from someone who hangs up without one.
    async fn read(&mut self) -> Result<Option<FirstWord>, GreeterError> {
        let mut bytes = Vec::new();
        let mut is_long = false;
        loop {
            let held = bytes.len();
            // This grows with what has come, and not with what was announced.
            match missing(&bytes, self.ports)? {
                0 => return Ok(Some(first_word(&bytes)?)),
                missing => bytes.resize(held + missing, 0),
            }
            if bytes.len() > SHORT_PACKET_MAX && !is_long {
                is_long = true;
                let _ = self.parent.tell(LongPacket(self.id).into());
            }
            let text = match self.connection.read(&mut bytes[held..]).await {
                Ok(0) => UntrustedText::from("closed by the other end"),
                Ok(count) => {
                    bytes.truncate(held + count);
                    continue;
                }
                Err(error) => error.into(),
            };
            bytes.truncate(held);
            if held == 0 {
                return Ok(None);
            }
            let what = match Opening::of(&bytes) {
                Some(Opening::Learner) => "a learner's first packet",
                Some(Opening::Greeting) | None => "a greeting",
            };
            return Err(GreeterError::Broken { read: held, what, text });
        }
    }
}

/// How many more bytes belong to the first word that begins with these.
fn missing(bytes: &[u8], ports: Ports) -> Result<usize, GreeterError> {
    match Opening::of(bytes) {
        None => Ok(SHORTEST - bytes.len()),
        Some(Opening::Learner) if ports.has_quorum() => Ok(QuorumPacket::missing(bytes)?),
        Some(Opening::Greeting) if ports.has_election() => Ok(Greeting::missing(bytes)?),
        Some(Opening::Learner) => Err(GreeterError::OtherPort { here: ports }),
        Some(Opening::Greeting) if may_be_a_greeting(bytes) => {
            Err(GreeterError::OtherPort { here: ports })
        }
        Some(Opening::Greeting) => Ok(QuorumPacket::missing(bytes)?),
    }
}

/// Whether these bytes are a version of a greeting, or the high half of any id that people give.
fn may_be_a_greeting(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff; 4]) || bytes.starts_with(&[0; 4])
}

fn first_word(bytes: &[u8]) -> Result<FirstWord, GreeterError> {
    Ok(match Opening::of(bytes) {
        Some(Opening::Learner) => FirstWord::Packet(QuorumPacket::decode(bytes)?),
        Some(Opening::Greeting) | None => FirstWord::Greeting(Greeting::decode(bytes)?),
    })
}
