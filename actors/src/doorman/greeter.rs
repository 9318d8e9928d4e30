//! [`Greeter`]: reads one incoming greeting.

use std::{convert::Infallible, time::Duration};

use crate::{
    event::RefusedBecause,
    kit::{Actor, Mailbox, Raced, Rounded, clock},
    socket::Connection,
};
use ballotbox_core::{
    UntrustedText,
    wire::{Greeting, GreetingError},
};

/// Reads just the greeting, in however many pieces it comes.
#[derive(Debug)]
pub(crate) struct Greeter {
    pub(crate) connection: Connection,
    pub(crate) limit: Duration,
}

/// A connection that has greeted, and from which nothing behind the greeting was read.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) greeting: Greeting,
}

/// Why a connection was not greeted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum GreeterError {
    /// It said something else.
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    /// It ended within the greeting.
    #[error("the connection ended after {read} bytes of a greeting: {text}")]
    Broken {
        /// How many had come.
        read: usize,
        /// What the system said.
        text: UntrustedText,
    },
    /// It took too long.
    #[error("no greeting in {}", Rounded(*limit))]
    Silent {
        /// How long it was given.
        limit: Duration,
    },
}

impl From<GreeterError> for RefusedBecause {
    fn from(error: GreeterError) -> Self {
        match error {
            GreeterError::Greeting(error) => Self::NoGreeting(error),
            GreeterError::Broken { .. } => Self::Broken(UntrustedText::new(error)),
            GreeterError::Silent { .. } => Self::Silence,
        }
    }
}

impl Actor for Greeter {
    type Msg = Infallible;
    /// `None` when somebody hung up without a word, as health checks do, or when it was asked to end.
    type Output = Option<Greeted>;
    type Error = GreeterError;

    async fn run(
        mut self,
        mut mailbox: Mailbox<Infallible>,
    ) -> Result<Option<Greeted>, GreeterError> {
        let greeting = match mailbox.race(clock::within(self.limit, self.read())).await {
            Raced::Done(Ok(read)) => read?,
            Raced::Done(Err(clock::Late(limit))) => return Err(GreeterError::Silent { limit }),
            Raced::Woken(_) => None,
        };
        Ok(greeting.map(|greeting| Greeted { connection: self.connection, greeting }))
    }
}

impl Greeter {
    /// The greeting, or `None` from someone who hangs up without a word.
    async fn read(&mut self) -> Result<Option<Greeting>, GreeterError> {
        let mut bytes = Vec::new();
        loop {
            let held = bytes.len();
            match Greeting::missing(&bytes)? {
                0 => return Ok(Some(Greeting::decode(&bytes)?)),
                // At most the head and the longest address: `missing` has checked the length.
                missing => bytes.resize(held + missing, 0),
            }
            let text = match self.connection.read(&mut bytes[held..]).await {
                Ok(0) => UntrustedText::from("closed by the other end"),
                Ok(count) => {
                    bytes.truncate(held + count);
                    continue;
                }
                Err(error) => error.into(),
            };
            if held == 0 {
                return Ok(None);
            }
            return Err(GreeterError::Broken { read: held, text });
        }
    }
}
