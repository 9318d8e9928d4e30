//! What hyper reads, writes and waits with: a socket of async-io, and the one clock.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use async_io::Timer;
use ballotbox_actors::{kit::clock, socket::Connection};
use futures::{AsyncRead, AsyncWrite};
use hyper::rt::{ReadBufCursor, Sleep};

/// What is to be sent has to be taken within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// At most this many bytes are read in one go.
const READ_MAX: usize = 4096;

/// A connection that does not wait for a reader that takes nothing.
#[derive(Debug)]
pub(super) struct Socket {
    connection: Connection,
    /// Runs while something is to be sent and nothing is taken.
    alarm: Option<Timer>,
}

impl Socket {
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection, alarm: None }
    }

    /// What was to be sent, unless it waits, and has waited for too long.
    fn in_time<T>(
        &mut self,
        sent: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            return sent;
        }
        let alarm = self.alarm.get_or_insert_with(|| Timer::at(clock::now() + PATIENCE));
        ready!(Pin::new(alarm).poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl hyper::rt::Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut read = [0; READ_MAX];
        let room = buffer.remaining().min(READ_MAX);
        let connection = Pin::new(&mut self.connection);
        let count = ready!(connection.poll_read(context, &mut read[..room]))?;
        buffer.put_slice(&read[..count]);
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let written = Pin::new(&mut socket.connection).poll_write(context, bytes);
        socket.in_time(written, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let flushed = Pin::new(&mut socket.connection).poll_flush(context);
        // What was written may still be with us, where TLS keeps it.
        if flushed.is_ready() {
            socket.alarm = None;
        }
        socket.in_time(flushed, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let closed = Pin::new(&mut socket.connection).poll_close(context);
        socket.in_time(closed, context)
    }
}

/// The clock by which hyper waits.
#[derive(Debug)]
pub(super) struct Clock;

/// A wait of hyper.
struct Wait(Timer);

impl hyper::rt::Timer for Clock {
    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(clock::now() + wait)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait(Timer::at(deadline)))
    }

    fn now(&self) -> Instant {
        clock::now()
    }
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(|_| ())
    }
}
