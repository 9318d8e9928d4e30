//! [`Receiver`]: reads the frames of one link.

use std::{convert::Infallible, time::Duration};

use super::ReadHalf;
use crate::kit::{Actor, Inlet, Mailbox, Raced, Rounded, clock};
use ballotbox_core::{
    UntrustedText,
    links::LinkId,
    wire::{Frame, FrameBuffer, FrameError},
};

/// Hands every frame straight to the user of the network, and waits there for room: so pressure ends in TCP.
#[derive(Debug)]
pub(crate) struct Receiver<U> {
    pub(crate) link: LinkId,
    pub(crate) half: ReadHalf,
    pub(crate) user: Inlet<U>,
    pub(crate) frame_limit: Duration,
}

/// A frame that has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    /// Over this link; its peer is the sender.
    pub link: LinkId,
    /// What was said.
    pub frame: Frame,
}

/// Why a link cannot be read any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// The peer has closed the connection.
    #[error("the peer closed the connection")]
    Closed,
    /// The connection broke.
    #[error("cannot read: {cause}")]
    Broken {
        /// What the system said.
        cause: UntrustedText,
    },
    /// What came is no frame.
    #[error("the peer sent {0}")]
    Frame(#[from] FrameError),
    /// A frame began and did not end.
    #[error("the peer began a frame and did not end it in {}", Rounded(*limit))]
    Stalled {
        /// How long it was given.
        limit: Duration,
    },
}

impl<U: From<Heard> + Send + 'static> Actor for Receiver<U> {
    type Msg = Infallible;
    type Output = ();
    type Error = ReceiveError;

    async fn run(self, mut mailbox: Mailbox<Infallible>) -> Result<(), ReceiveError> {
        self.receive(&mut FrameBuffer::default(), &mut mailbox).await
    }
}

impl<U: From<Heard>> Receiver<U> {
    /// Hands on what is in the buffer, and all that comes, until the mailbox has something or closes. Then the connection
    /// is over.
    pub(crate) async fn receive<M>(
        mut self,
        buffer: &mut FrameBuffer,
        mailbox: &mut Mailbox<M>,
    ) -> Result<(), ReceiveError> {
        let outcome = match mailbox.race(self.read(buffer)).await {
            Raced::Done(outcome) => outcome,
            Raced::Woken(_) => Ok(()),
        };
        self.half.shut();
        outcome
    }

    async fn read(&mut self, buffer: &mut FrameBuffer) -> Result<(), ReceiveError> {
        loop {
            while let Some(frame) = buffer.next_frame()? {
                let heard = Heard { link: self.link, frame };
                if self.user.send(U::from(heard)).await.is_err() {
                    return Ok(());
                }
            }
            if buffer.is_partial() {
                let whole = clock::within(self.frame_limit, self.read_whole(buffer)).await;
                whole.map_err(|clock::Late(limit)| ReceiveError::Stalled { limit })??;
            } else {
                read_some(&mut self.half, buffer).await?;
            }
        }
    }

    /// Reads until the frame that has begun is whole.
    async fn read_whole(&mut self, buffer: &mut FrameBuffer) -> Result<(), ReceiveError> {
        while !buffer.has_frame()? {
            read_some(&mut self.half, buffer).await?;
        }
        Ok(())
    }
}

/// Waits for more bytes of a connection.
pub(crate) async fn read_some(
    half: &mut ReadHalf,
    buffer: &mut FrameBuffer,
) -> Result<(), ReceiveError> {
    match half.read(buffer.room()).await {
        Ok(0) => Err(ReceiveError::Closed),
        Ok(count) => {
            buffer.filled(count);
            Ok(())
        }
        Err(error) => Err(ReceiveError::Broken { cause: error.into() }),
    }
}
