//! [`Greeter`]: reads the first word of one incoming connection: a greeting, or the first packet of a learner. Over TLS it first
//! has the other end show who it is, and then looks whether that is who it says it is.

use std::{convert::Infallible, pin::pin, time::Duration};

use super::reception::GreeterId;
use crate::{
    event::RefusedBecause,
    kit::{Actor, Address, Mailbox, Raced, Rounded, clock},
    socket::{Connection, Tls, TlsError, in_turns},
};
use ballotbox_core::{
    ServerId, UntrustedText,
    identity::Proof,
    leadership::LearnerWord,
    wire::{FirstWord, FirstWordError, Ports, Taken},
};

/// A first packet of at most this many bytes takes no place among the long ones. Learners of real servers send 40 bytes, and
/// ours add their member list.
const SHORT_PACKET_MAX: usize = 64 * 1024;

/// Reads just the first word, in however many pieces it comes.
#[derive(Debug)]
pub(crate) struct Greeter<P> {
    pub(crate) id: GreeterId,
    pub(crate) connection: Connection,
    /// What is spoken where it came in.
    pub(crate) ports: Ports,
    pub(crate) tls: Option<Tls>,
    pub(crate) limit: Duration,
    pub(crate) parent: Address<P>,
}

/// What a [`Greeter`] has to say.
#[derive(Debug)]
pub(crate) enum GreeterReport {
    /// The first packet is so long that only a few may be held at a time.
    LongPacket(GreeterId),
    /// The handshake could go on.
    WantsTurn(GreeterId, Address<()>),
    /// It has gone on by one step, which has taken so much of the thread's time.
    HadTurn(GreeterId, Duration),
}

/// A connection that has said what it comes for, and from which nothing behind that was read.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) first: FirstWord,
    /// Which member it has proven to be.
    pub(crate) proven: Option<ServerId>,
}

/// Why a connection was not greeted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum GreeterError {
    /// It does not begin as it has to.
    #[error(transparent)]
    Word(#[from] FirstWordError),
    /// It is not secured.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
            GreeterError::Word(FirstWordError::Greeting(error)) => Self::NoGreeting(error),
            GreeterError::Word(FirstWordError::Packet(error)) => Self::NoPacket(error),
            GreeterError::Word(FirstWordError::OtherPort { here }) => Self::OtherPort { here },
            GreeterError::Word(FirstWordError::PlainText) => Self::PlainText,
            GreeterError::Word(FirstWordError::SpeaksTls) => Self::SpeaksTls,
            GreeterError::Broken { .. } => Self::Broken(UntrustedText::new(error)),
            GreeterError::Silent { .. } => Self::Silence,
            GreeterError::Tls(error) => Self::Tls(error),
        }
    }
}

impl<P: From<GreeterReport> + Send + 'static> Actor for Greeter<P> {
    type Msg = Infallible;
    /// `None` when somebody hung up without a word, as health checks do, or when it was asked to end.
    type Output = Option<Greeted>;
    type Error = GreeterError;

    async fn run(
        mut self,
        mut mailbox: Mailbox<Infallible>,
    ) -> Result<Option<Greeted>, GreeterError> {
        let deadline = clock::now() + self.limit;
        let limit = self.limit;
        let left = || deadline.saturating_duration_since(clock::now());
        let silent = |_| GreeterError::Silent { limit };
        let first = match mailbox.race(clock::within(limit, self.connection.first_byte())).await {
            Raced::Done(first) => first.map_err(silent)?,
            Raced::Woken(_) => return Ok(None),
        };
        let Ok(Some(first)) = first else { return Ok(None) };
        if let Some(tls) = self.tls_for(first)? {
            match mailbox.race(clock::within(left(), Box::pin(self.secured(&tls)))).await {
                Raced::Done(secured) => match secured.map_err(silent)?? {
                    Some(secured) => self = secured,
                    None => return Ok(None),
                },
                Raced::Woken(_) => return Ok(None),
            }
        }
        let first = match mailbox.race(clock::within(left(), self.read())).await {
            Raced::Done(read) => read.map_err(silent)??,
            Raced::Woken(_) => None,
        };
        first.map(|first| self.greeted(first)).transpose()
    }
}

impl<P: From<GreeterReport>> Greeter<P> {
    /// What a connection that begins with this byte is secured with, if it is.
    fn tls_for(&self, first: u8) -> Result<Option<Tls>, FirstWordError> {
        let taken = match &self.tls {
            None => Taken::PlainText,
            Some(tls) if tls.takes_plain() => Taken::Either,
            Some(_) => Taken::Tls,
        };
        Ok(if taken.is_tls(first)? { self.tls.clone() } else { None })
    }

    /// With the other end having shown who it is; `None` when nobody gives turns any more.
    async fn secured(self, tls: &Tls) -> Result<Option<Self>, TlsError> {
        let Self { id, connection, ports, tls: of_door, limit, parent } = self;
        // A doorman that has ended ends us as well.
        let ask = |reply| {
            let _ = parent.ask(GreeterReport::WantsTurn(id, reply).into());
        };
        let had = |cost| {
            let _ = parent.tell(GreeterReport::HadTurn(id, cost).into());
        };
        let secured = in_turns(pin!(connection.secure(tls)), ask, had).await.transpose()?;
        Ok(secured.map(|connection| Self { id, connection, ports, tls: of_door, limit, parent }))
    }

    /// One that has said who it is, if it may say so.
    fn greeted(self, first: FirstWord) -> Result<Greeted, GreeterError> {
        let claimed = claimed_by(&first);
        let proof = match &self.tls {
            Some(tls) => self.connection.prove(tls, claimed)?,
            None => None,
        };
        let proven = match proof {
            Some(Proof::Sole | Proof::Shared(_)) => claimed,
            Some(Proof::LetIn) | None => None,
        };
        Ok(Greeted { connection: self.connection, first, proven })
    }

    /// The first word, or `None` from someone who hangs up without one.
    async fn read(&mut self) -> Result<Option<FirstWord>, GreeterError> {
        let mut bytes = Vec::new();
        let mut is_long = false;
        loop {
            let held = bytes.len();
            let missing = if self.connection.is_secured() {
                FirstWord::missing(&bytes, self.ports)?
            } else {
                FirstWord::missing_in_plain_text(&bytes, self.ports)?
            };
            if missing == 0 {
                return Ok(Some(FirstWord::decode(&bytes)?));
            }
            // This grows with what has come, and not with what was announced.
            bytes.resize(held + missing, 0);
            if bytes.len() > SHORT_PACKET_MAX && !is_long {
                is_long = true;
                let _ = self.parent.tell(GreeterReport::LongPacket(self.id).into());
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
            let what = FirstWord::name_of(&bytes);
            return Err(GreeterError::Broken { read: held, what, text });
        }
    }
}

/// Who a first word says that it comes from.
fn claimed_by(first: &FirstWord) -> Option<ServerId> {
    match first {
        FirstWord::Greeting(greeting) => greeting.from,
        // One that makes no sense is turned away by those to whom it is handed on.
        FirstWord::Packet(packet) => match LearnerWord::from_packet(packet) {
            Ok(LearnerWord::Info(info)) => info.id,
            Ok(_) | Err(_) => None,
        },
    }
}
