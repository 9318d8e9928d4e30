//! [`Greeter`]: reads the first word of one incoming connection: a greeting, or the first packet of a learner. Over TLS it first
//! has the other end show who it is, and then looks whether that is who it says it is.

use std::{
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use super::reception::GreeterId;
use crate::{
    event::RefusedBecause,
    kit::{Actor, Address, Mailbox, Raced, Rounded, Wake, clock, step, woken},
    socket::{Connection, Tls, TlsError},
};
use ballotbox_core::{
    UntrustedText,
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

/// What a [`Greeter`] can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GreeterMsg {
    /// Its handshake may go on by one step.
    Turn,
}

/// What a [`Greeter`] has to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GreeterReport {
    /// The first packet is so long that only a few may be held at a time.
    LongPacket(GreeterId),
    /// The handshake could go on.
    WantsTurn(GreeterId),
    /// It has gone on by one step, which has taken so much of the thread's time.
    HadTurn(GreeterId, Duration),
}

/// A connection that has said what it comes for, and from which nothing behind that was read.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) first: FirstWord,
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
    type Msg = GreeterMsg;
    /// `None` when somebody hung up without a word, as health checks do, or when it was asked to end.
    type Output = Option<Greeted>;
    type Error = GreeterError;

    async fn run(
        mut self,
        mut mailbox: Mailbox<GreeterMsg>,
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
            match self.secured(&tls, deadline, &mut mailbox).await? {
                Some(secured) => self = secured,
                None => return Ok(None),
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
        let Some(tls) = &self.tls else { return Ok(None) };
        let taken = if tls.takes_plain() { Taken::Either } else { Taken::Tls };
        Ok(taken.is_tls(first)?.then(|| tls.clone()))
    }

    /// With the other end having shown who it is; `None` when it was asked to end. Each step of the handshake takes a turn.
    async fn secured(
        self,
        tls: &Tls,
        deadline: Instant,
        mailbox: &mut Mailbox<GreeterMsg>,
    ) -> Result<Option<Self>, GreeterError> {
        let Self { id, connection, ports, tls: of_door, limit, parent } = self;
        let tell = |report: GreeterReport| parent.tell(report.into());
        let mut handshake = pin!(connection.secure(tls));
        let connection = loop {
            let _ = tell(GreeterReport::WantsTurn(id));
            match mailbox.next_until(Some(deadline)).await {
                Wake::Told(GreeterMsg::Turn) => {}
                Wake::Due => return Err(GreeterError::Silent { limit }),
                Wake::Closed => return Ok(None),
            }
            let (went_on, cost) = step(handshake.as_mut()).await;
            let _ = tell(GreeterReport::HadTurn(id, cost));
            if let Poll::Ready(secured) = went_on {
                break secured?;
            }
            let left = deadline.saturating_duration_since(clock::now());
            match mailbox.race(clock::within(left, woken())).await {
                Raced::Done(Ok(())) => {}
                Raced::Done(Err(_)) => return Err(GreeterError::Silent { limit }),
                Raced::Woken(_) => return Ok(None),
            }
        };
        Ok(Some(Self { id, connection, ports, tls: of_door, limit, parent }))
    }

    /// One that has said who it is, if it may say so.
    fn greeted(self, first: FirstWord) -> Result<Greeted, GreeterError> {
        if let Some(tls) = &self.tls {
            self.connection.prove(tls, first.claims())?;
        }
        Ok(Greeted { connection: self.connection, first })
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
