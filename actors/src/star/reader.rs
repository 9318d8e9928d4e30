//! [`SessionReader`]: reads one session.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use futures::poll;

use super::event::{FirstPacket, StarEvent, StarHeard};
use crate::{
    kit::{Actor, Gone, Inlet, Mailbox, Raced, Rounded, clock, yield_now},
    socket::ReadHalf,
};
use ballotbox_core::{
    UntrustedText,
    leadership::SessionId,
    wire::{PacketStream, QuorumPacket, StreamError},
};

/// At most this many bytes of a learner's packet are kept, behind the first one. A learner of ours has little to say, and
/// anybody can be one.
const LEARNER_PACKET_MAX: usize = 64 * 1024;

/// While a snapshot is passed over, its sender is said to be alive at most this often.
const ALIVE_EVERY: Duration = Duration::from_millis(100);

/// What a [`SessionReader`] can be told.
#[derive(Debug)]
pub(super) enum ReaderMsg {
    /// The session ends for this reason: say so, behind all that was heard.
    End(UntrustedText),
}

/// How a session has begun.
#[derive(Debug)]
pub(super) enum Began {
    /// A learner has come, with this packet.
    Arrived { first: FirstPacket, from: SocketAddr },
    /// We have dialled a leader.
    Dialled,
}

/// Hands everything that comes of a session straight to the user of the star, and waits there for room: so pressure ends
/// in TCP. As all of it goes this way, it comes in order: what a session has begun with first, and why it ended last.
///
/// If the user does not know yet that the session has begun, it is not told that it ends.
#[derive(Debug)]
pub(super) struct SessionReader<U> {
    pub(super) session: SessionId,
    pub(super) half: ReadHalf,
    pub(super) began: Began,
    pub(super) user: Inlet<U>,
    /// For the rest of a packet that has begun, and for the next bytes of a snapshot.
    pub(super) packet_limit: Duration,
}

/// Why a session cannot be read any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
enum ReadError {
    #[error("the other end closed the connection")]
    Closed,
    #[error("cannot read: {cause}")]
    Broken { cause: UntrustedText },
    #[error("the other end sent {0}")]
    Stream(#[from] StreamError),
    #[error("a learner sent a packet of more than {LEARNER_PACKET_MAX} bytes")]
    TooLong,
    #[error("the other end began a packet and did not end it in {}", Rounded(*limit))]
    Stalled { limit: Duration },
}

impl<U: From<StarHeard> + From<StarEvent> + Send + 'static> Actor for SessionReader<U> {
    type Msg = ReaderMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(self, mut mailbox: Mailbox<ReaderMsg>) -> Result<(), Infallible> {
        let Self { session, half, began, user, packet_limit } = self;
        let report = Report { session, user };
        let (stream, packet_max) = match began {
            Began::Arrived { first, from } => {
                let arrived = report.event(StarEvent::Arrived { session, first, from });
                let Raced::Done(Ok(())) = mailbox.race(arrived).await else { return Ok(()) };
                (PacketStream::from_learner(), LEARNER_PACKET_MAX)
            }
            Began::Dialled => (PacketStream::from_leader(), usize::MAX),
        };
        let mut reading = Reading::new(half, stream, packet_max, packet_limit);
        let cause = match mailbox.race(reading.read(&report)).await {
            Raced::Done(Err(error)) => UntrustedText::new(error),
            Raced::Woken(Some(ReaderMsg::End(cause))) => cause,
            // The user has gone, or has closed the session: what was said before may still have to be written, so that the other
            // half is the one that shuts it.
            Raced::Done(Ok(())) | Raced::Woken(None) => return Ok(()),
        };
        reading.half.shut();
        drop(reading);
        report.end(cause, &mut mailbox).await;
        Ok(())
    }
}

/// Where everything goes that comes of a session.
#[derive(Debug)]
struct Report<U> {
    session: SessionId,
    user: Inlet<U>,
}

impl<U: From<StarHeard> + From<StarEvent>> Report<U> {
    async fn event(&self, event: StarEvent) -> Result<(), Gone> {
        self.user.send(U::from(event)).await
    }

    async fn heard(&self, packet: QuorumPacket) -> Result<(), Gone> {
        self.user.send(U::from(StarHeard { session: self.session, packet })).await
    }

    /// Says that the session has ended, unless it is closed before there is room for that.
    async fn end(&self, cause: UntrustedText, mailbox: &mut Mailbox<ReaderMsg>) {
        // What we do ourselves looks to the reader like an end by the other one.
        let cause = match poll!(pin!(mailbox.next())) {
            Poll::Ready(None) => return,
            Poll::Ready(Some(ReaderMsg::End(ours))) => ours,
            Poll::Pending => cause,
        };
        let mut ended = pin!(self.event(StarEvent::Ended { session: self.session, cause }));
        // Another reason to end comes too late.
        while let Raced::Woken(Some(ReaderMsg::End(_))) = mailbox.race(ended.as_mut()).await {}
    }
}

/// A session that is read.
#[derive(Debug)]
struct Reading {
    half: ReadHalf,
    stream: PacketStream,
    /// At most this many bytes are kept of a packet that is not whole.
    packet_max: usize,
    packet_limit: Duration,
    /// When the packet has begun of which a part has come.
    begun_at: Option<Instant>,
    /// When the sender of a snapshot was last said to be alive.
    alive_at: Option<Instant>,
}

impl Reading {
    const fn new(
        half: ReadHalf,
        stream: PacketStream,
        packet_max: usize,
        packet_limit: Duration,
    ) -> Self {
        Self { half, stream, packet_max, packet_limit, begun_at: None, alive_at: None }
    }

    /// Reads until that fails, or until the user has gone.
    async fn read<U>(&mut self, report: &Report<U>) -> Result<(), ReadError>
    where
        U: From<StarHeard> + From<StarEvent>,
    {
        loop {
            while let Some(packet) = self.stream.next_packet()? {
                self.begun_at = None;
                if report.heard(packet).await.is_err() {
                    return Ok(());
                }
            }
            if self.is_to_be_called_alive() {
                let alive = StarEvent::Alive { session: report.session };
                if report.event(alive).await.is_err() {
                    return Ok(());
                }
            }
            if self.stream.is_in_snapshot() {
                // It may be large, and comes as fast as it is read: elections go before it.
                yield_now().await;
            }
            match self.time_left()? {
                None => self.read_some().await?,
                Some(left) => {
                    let limit = self.packet_limit;
                    let read = clock::within(left, self.read_some()).await;
                    read.map_err(|_| ReadError::Stalled { limit })??;
                }
            }
        }
    }

    fn is_to_be_called_alive(&mut self) -> bool {
        if !self.stream.is_in_snapshot() {
            return false;
        }
        let now = clock::now();
        let is_time = self.alive_at.is_none_or(|last| now - last >= ALIVE_EVERY);
        if is_time {
            self.alive_at = Some(now);
        }
        is_time
    }

    /// How long the next bytes may take, if something has begun that has to end.
    fn time_left(&mut self) -> Result<Option<Duration>, ReadError> {
        if self.stream.is_in_snapshot() {
            // However long it is: what counts is that it goes on.
            self.begun_at = None;
            return Ok(Some(self.packet_limit));
        }
        if !self.stream.is_partial() {
            return Ok(None);
        }
        if self.stream.held_len() > self.packet_max {
            return Err(ReadError::TooLong);
        }
        let now = clock::now();
        let begun_at = *self.begun_at.get_or_insert(now);
        Ok(Some(self.packet_limit.saturating_sub(now - begun_at)))
    }

    async fn read_some(&mut self) -> Result<(), ReadError> {
        match self.half.read(self.stream.room()).await {
            Ok(0) => Err(ReadError::Closed),
            Ok(count) => {
                self.stream.filled(count);
                Ok(())
            }
            Err(error) => Err(ReadError::Broken { cause: error.into() }),
        }
    }
}
