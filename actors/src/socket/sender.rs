//! [`Sender`]: writes the frames of one link.

use std::{io, time::Duration};

use super::WriteHalf;
use crate::kit::{Actor, Address, Mailbox, Raced, Rounded, clock};
use ballotbox_core::{UntrustedText, links::LinkId, wire::Frame};

/// What a [`Sender`] can be told.
#[derive(Debug)]
pub(crate) enum SenderMsg {
    /// Write this, then say so: that is the credit for the next one.
    Write(Frame),
}

/// Writes one frame at a time, each with one call; ends the connection when it ends itself.
#[derive(Debug)]
pub(crate) struct Sender<P> {
    pub(crate) link: LinkId,
    pub(crate) half: WriteHalf,
    pub(crate) write_limit: Duration,
    pub(crate) parent: Address<P>,
}

/// A frame was written on this link: the next one may follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Written(pub(crate) LinkId);

/// Why a link cannot be written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SendError {
    /// The connection broke.
    #[error("cannot write: {cause}")]
    Broken {
        /// What the system said.
        cause: UntrustedText,
    },
    /// The peer does not read.
    #[error("the peer took no bytes for {}", Rounded(*limit))]
    Stuck {
        /// How long it was given.
        limit: Duration,
    },
}

impl<P: From<Written> + Send + 'static> Actor for Sender<P> {
    type Msg = SenderMsg;
    type Output = ();
    type Error = SendError;

    async fn run(mut self, mut mailbox: Mailbox<SenderMsg>) -> Result<(), SendError> {
        let mut outcome = Ok(());
        while let Some(SenderMsg::Write(frame)) = mailbox.next().await {
            match self.write(&frame, &mut mailbox).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            if self.parent.tell(Written(self.link).into()).is_err() {
                break;
            }
        }
        // The receiver reads the other half: this wakes it, so both halves of a link end together.
        self.half.shut();
        outcome
    }
}

impl<P: From<Written> + Send + 'static> Sender<P> {
    /// Whether the frame was written; it was not if the link is being closed meanwhile.
    async fn write(
        &mut self,
        frame: &Frame,
        mailbox: &mut Mailbox<SenderMsg>,
    ) -> Result<bool, SendError> {
        // Nearly always the kernel takes it at once.
        let write = clock::within(self.write_limit, self.half.write_all(frame.as_bytes()));
        let written = match mailbox.race(write).await {
            Raced::Done(Ok(written)) => written,
            Raced::Done(Err(clock::Late(limit))) => return Err(SendError::Stuck { limit }),
            Raced::Woken(_) => return Ok(false),
        };
        written.map(|()| true).map_err(|error: io::Error| SendError::Broken { cause: error.into() })
    }
}
