//! [`Sender`]: writes to one connection.

use std::{collections::VecDeque, io, pin::pin, time::Duration};

use super::WriteHalf;
use crate::kit::{Actor, Address, Mailbox, Raced, Rounded, clock};
use ballotbox_core::UntrustedText;

/// What a [`Sender`] can be told.
#[derive(Debug)]
pub(crate) enum SenderMsg<B> {
    /// Write this, then say so: that is the credit for more.
    Write(B),
}

/// Writes one thing at a time, each with one call; ends the connection when it ends itself, unless it is stuck. When it is asked to end, it
/// first writes all that it was told before, as long as the system takes it at once.
#[derive(Debug)]
pub(crate) struct Sender<I, B, P> {
    /// What its parent calls the connection.
    id: I,
    half: WriteHalf,
    write_limit: Duration,
    parent: Address<P>,
    /// What it was told while something else was being written.
    waiting: VecDeque<B>,
}

/// The first thing that was not written yet is written on this connection: more may follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Written<I>(pub(crate) I);

/// Why a connection cannot be written.
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

impl<I, B, P> Actor for Sender<I, B, P>
where
    I: Copy + Send + 'static,
    B: AsRef<[u8]> + Send + Sync + 'static,
    P: From<Written<I>> + Send + 'static,
{
    type Msg = SenderMsg<B>;
    type Output = ();
    type Error = SendError;

    async fn run(mut self, mut mailbox: Mailbox<SenderMsg<B>>) -> Result<(), SendError> {
        let outcome = self.write_all(&mut mailbox).await;
        // The reader has the other half: this wakes it, so both halves of a connection end together. When the other end is stuck,
        // the parent ends the reader, as it alone can say why.
        if !matches!(outcome, Err(SendError::Stuck { .. })) {
            self.half.shut();
        }
        outcome
    }
}

impl<I, B, P> Sender<I, B, P>
where
    I: Copy,
    B: AsRef<[u8]>,
    P: From<Written<I>>,
{
    /// One thing is to be written in at most `write_limit`.
    pub(crate) const fn new(
        id: I,
        half: WriteHalf,
        write_limit: Duration,
        parent: Address<P>,
    ) -> Self {
        Self { id, half, write_limit, parent, waiting: VecDeque::new() }
    }

    async fn write_all(&mut self, mailbox: &mut Mailbox<SenderMsg<B>>) -> Result<(), SendError> {
        loop {
            let next = match self.waiting.pop_front() {
                Some(next) => next,
                None => match mailbox.next().await {
                    Some(SenderMsg::Write(next)) => next,
                    None => return Ok(()),
                },
            };
            let is_written = self.write(next.as_ref(), mailbox).await?;
            if !is_written || self.parent.tell(Written(self.id).into()).is_err() {
                return Ok(());
            }
        }
    }

    /// Whether it was written; it was not if the connection is being closed meanwhile.
    async fn write(
        &mut self,
        bytes: &[u8],
        mailbox: &mut Mailbox<SenderMsg<B>>,
    ) -> Result<bool, SendError> {
        // Nearly always the kernel takes it at once.
        let mut write = pin!(clock::within(self.write_limit, self.half.write_all(bytes)));
        loop {
            let written = match mailbox.race(write.as_mut()).await {
                Raced::Done(Ok(written)) => written,
                Raced::Done(Err(clock::Late(limit))) => return Err(SendError::Stuck { limit }),
                Raced::Woken(Some(SenderMsg::Write(next))) => {
                    self.waiting.push_back(next);
                    continue;
                }
                Raced::Woken(None) => return Ok(false),
            };
            let broken = |error: io::Error| SendError::Broken { cause: error.into() };
            return written.map(|()| true).map_err(broken);
        }
    }
}
