//! What hyper reads, writes and waits with: a socket of async-io, and the one clock.

use std::{
    future::Future,
    io,
    net::TcpStream,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use async_io::{Async, Timer};
use ballotbox_actors::kit::clock;
use futures::{AsyncRead, AsyncWrite};
use hyper::rt::{ReadBufCursor, Sleep};

/// What is to be sent has to be taken within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// At most this many bytes are read in one go.
const READ_MAX: usize = 4096;

/// A connection that does not wait for a reader that takes nothing.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Arc<Async<TcpStream>>,
    /// Runs while something is to be sent and nothing is taken.
    alarm: Option<Timer>,
}

impl Socket {
    pub(super) const fn new(stream: Arc<Async<TcpStream>>) -> Self {
        Self { stream, alarm: None }
    }
}

impl hyper::rt::Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut read = [0; READ_MAX];
        let room = buffer.remaining().min(READ_MAX);
        let mut stream = &*self.stream;
        let count = ready!(Pin::new(&mut stream).poll_read(context, &mut read[..room]))?;
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
        let written = Pin::new(&mut &*socket.stream).poll_write(context, bytes);
        if written.is_ready() {
            socket.alarm = None;
            return written;
        }
        let alarm = socket.alarm.get_or_insert_with(|| Timer::at(clock::now() + PATIENCE));
        ready!(Pin::new(alarm).poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.get_mut().stream).poll_close(context)
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
