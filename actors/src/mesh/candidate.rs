//! [`Candidate`]: a connection that claims to be a peer to which there is a link already.

use std::time::Duration;

use crate::{
    kit::{Actor, Address, Inlet, Mailbox, Raced},
    socket::{Heard, ReadHalf, ReceiveError, Receiver, read_some},
};
use ballotbox_core::{
    links::{LinkId, SocketId},
    wire::FrameBuffer,
};

/// The first frame of a candidate has at most this many bytes: fifty times a common notification.
const FIRST_FRAME_MAX: usize = 64 * 1024;

/// What a [`Candidate`] can be told.
#[derive(Debug)]
pub(crate) enum CandidateMsg {
    /// Its connection is this link from now on.
    Open(LinkId),
}

/// Reads one frame, says whether it is valid, and reads no more until the connection has become the link. Then it is
/// the [`Receiver`] of that link, and hands over the first frame like all others.
#[derive(Debug)]
pub(crate) struct Candidate<U, P> {
    pub(crate) id: SocketId,
    pub(crate) half: ReadHalf,
    pub(crate) user: Inlet<U>,
    pub(crate) frame_limit: Duration,
    pub(crate) understands: fn(&[u8]) -> bool,
    pub(crate) parent: Address<P>,
}

/// A candidate has brought a whole frame, and it is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CandidateSpoke(pub(crate) SocketId);

/// Why a candidate is of no use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CandidateError {
    /// It cannot be read.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// Its first frame is larger than any that a peer begins with.
    #[error("the first frame has more than {FIRST_FRAME_MAX} bytes")]
    TooLong,
    /// Its first frame is none of this protocol.
    #[error("the first frame is no notification")]
    NotUnderstood,
}

impl<U, P> Actor for Candidate<U, P>
where
    U: From<Heard> + Send + 'static,
    P: From<CandidateSpoke> + Send + 'static,
{
    type Msg = CandidateMsg;
    type Output = ();
    type Error = CandidateError;

    async fn run(mut self, mut mailbox: Mailbox<CandidateMsg>) -> Result<(), CandidateError> {
        let mut buffer = FrameBuffer::default();
        let place = self.wait(&mut buffer, &mut mailbox).await;
        let Ok(Some(link)) = place else {
            self.half.shut();
            return place.map(|_| ());
        };
        let Self { half, user, frame_limit, .. } = self;
        let receiver = Receiver { link, half, user, frame_limit };
        Ok(receiver.receive(&mut buffer, &mut mailbox).await?)
    }
}

impl<U, P> Candidate<U, P>
where
    U: From<Heard> + Send + 'static,
    P: From<CandidateSpoke> + Send + 'static,
{
    /// The link that the connection becomes; `None` if it was not needed.
    async fn wait(
        &mut self,
        buffer: &mut FrameBuffer,
        mailbox: &mut Mailbox<CandidateMsg>,
    ) -> Result<Option<LinkId>, CandidateError> {
        let told = match mailbox.race(self.hear_out(buffer)).await {
            Raced::Done(Ok(())) => {
                let _ = self.parent.tell(CandidateSpoke(self.id).into());
                mailbox.next().await
            }
            Raced::Done(Err(error)) => return Err(error),
            Raced::Woken(told) => told,
        };
        Ok(told.map(|CandidateMsg::Open(link)| link))
    }

    /// Waits for a whole frame that a peer may have sent. It stays in the buffer.
    async fn hear_out(&mut self, buffer: &mut FrameBuffer) -> Result<(), CandidateError> {
        loop {
            let first = buffer.first_frame().map_err(ReceiveError::from)?;
            let held = first.as_ref().map_or(buffer.len(), |frame| frame.as_bytes().len());
            if held > FIRST_FRAME_MAX {
                return Err(CandidateError::TooLong);
            }
            match first {
                Some(frame) if (self.understands)(frame.body()) => return Ok(()),
                Some(_) => return Err(CandidateError::NotUnderstood),
                None => read_some(&mut self.half, buffer).await?,
            }
        }
    }
}
