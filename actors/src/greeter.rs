//! [`Greeter`]: reads one incoming greeting.

use std::{convert::Infallible, time::Duration};

use async_std::{io::ReadExt, net::TcpStream};

use crate::{
    UntrustedText,
    kit::{Actor, Address, Mailbox, Raced, Rounded, clock},
    manager::ManagerMsg,
    reception::GreeterId,
    wire::{Greeting, GreetingError},
};

/// Reads just the greeting, in however many pieces it comes, and hands the connection on.
#[derive(Debug)]
pub(crate) struct Greeter {
    pub(crate) id: GreeterId,
    pub(crate) socket: TcpStream,
    pub(crate) limit: Duration,
    pub(crate) manager: Address<ManagerMsg>,
}

/// Why a connection was not greeted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum GreeterError {
    /// It said something else.
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    /// It ended before the greeting did.
    #[error("the connection ended before the greeting: {cause}")]
    Broken {
        /// What the system said.
        cause: UntrustedText,
    },
    /// It took too long.
    #[error("no greeting in {}", Rounded(*limit))]
    Silent {
        /// How long it was given.
        limit: Duration,
    },
}

impl Actor for Greeter {
    type Msg = Infallible;
    type Error = GreeterError;

    async fn run(self, mut mailbox: Mailbox<Infallible>) -> Result<(), GreeterError> {
        match mailbox.race(clock::within(self.limit, self.read())).await {
            Raced::Done(Ok(greeting)) => {
                let greeting = greeting?;
                let Self { id, socket, manager, .. } = self;
                let _ = manager.tell(ManagerMsg::Greeted { greeter: id, socket, greeting });
                Ok(())
            }
            Raced::Done(Err(clock::Late(limit))) => Err(GreeterError::Silent { limit }),
            Raced::Woken(_) => Ok(()),
        }
    }
}

impl Greeter {
    async fn read(&self) -> Result<Greeting, GreeterError> {
        let broken = |error: std::io::Error| GreeterError::Broken { cause: error.into() };
        let mut bytes = Vec::new();
        loop {
            let held = bytes.len();
            match Greeting::missing(&bytes)? {
                0 => return Ok(Greeting::decode(&bytes)?),
                // At most the head and the longest address: `missing` has checked the length.
                missing => bytes.resize(held + missing, 0),
            }
            let mut socket = &self.socket;
            socket.read_exact(&mut bytes[held..]).await.map_err(broken)?;
        }
    }
}
