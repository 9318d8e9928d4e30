//! [`Connection`]: a connection to another process, whole or in its two halves.
//!
//! A whole one is for one actor at a time, which reads and writes as it likes; dropping it closes it. Once it is split, one
//! actor reads and another writes, and either half can [shut](WriteHalf::shut) both. Nothing outside this folder has the
//! socket itself, and nothing clones a connection. Whether it is secured makes no difference to those who read and write.

use std::{
    future::poll_fn,
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_io::Async;
use ballotbox_core::{Endpoint, ServerId, identity::Proof};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use socket2::{SockRef, TcpKeepalive};

use super::{
    Liveness,
    tls::{Raw, Secured, Tls, TlsError, Trust},
};
use crate::kit::clock;

/// How often a connection that does not answer is probed before it is given up.
const PROBES: u32 = 3;

/// Over TLS, a peer that has let us in says so at once. One that says nothing is taken at its silence after this time.
const ADMISSION: Duration = Duration::from_millis(200);

/// A connection, made by [`connect`](super::connect()) or accepted by a listener.
#[derive(Debug)]
pub struct Connection {
    socket: Arc<Async<TcpStream>>,
    /// What is read and written instead, within TLS.
    secured: Option<Box<Secured>>,
}

impl Connection {
    /// One that was accepted.
    pub fn new(socket: Async<TcpStream>) -> Self {
        Self { socket: Arc::new(socket), secured: None }
    }

    /// Waits for bytes, and says how many have come: none, when the other end has closed.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buffer).await
    }

    /// Writes all of this.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        AsyncWriteExt::write_all(self, bytes).await?;
        self.flush().await
    }

    /// Waits for the first byte, which stays where it is; `None` when the other end has closed without one.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub async fn first_byte(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let count = self.socket.peek(&mut first).await?;
        Ok((count > 0).then_some(first[0]))
    }

    /// Has this member at the other end of a connection that we have made, or nobody, if TLS is what we speak. Without a `peer` that
    /// is anybody whom the authority has let in.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: the other end is not to be believed, or speaks no TLS, or does not want us.
    pub async fn dial(self, tls: Option<&Tls>, peer: Option<ServerId>) -> Result<Self, TlsError> {
        match tls.filter(|tls| tls.is_spoken()) {
            None => Ok(self),
            Some(tls) => {
                // A handshake is large, and most connections are not in one.
                let secured = Box::pin(tls.dial(Raw(Arc::clone(&self.socket)), peer)).await?;
                Ok(Self { secured: Some(Box::new(secured)), ..self })
            }
        }
    }

    /// Has a server at the other end of a connection that we have made which these authorities have let in, at this host.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: the other end is not to be believed, or speaks no TLS.
    pub async fn dial_public(self, trust: &Trust, to: &Endpoint) -> Result<Self, TlsError> {
        let secured = Box::pin(trust.dial(Raw(Arc::clone(&self.socket)), to)).await?;
        Ok(Self { secured: Some(Box::new(secured)), ..self })
    }

    /// Has shown our certificate to one who came to a port that is for everybody.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: the other end speaks no TLS, or does not want us.
    pub async fn serve_public(self, tls: &Tls) -> Result<Self, TlsError> {
        let secured = Box::pin(tls.serve(Raw(Arc::clone(&self.socket)))).await?;
        Ok(Self { secured: Some(Box::new(secured)), ..self })
    }

    /// Has somebody at the other end who has shown a certificate, if one is demanded.
    pub(crate) async fn secure(self, tls: &Tls) -> Result<Self, TlsError> {
        let secured = Box::pin(tls.take(Raw(Arc::clone(&self.socket)))).await?;
        Ok(Self { secured: Some(Box::new(secured)), ..self })
    }

    /// Whether it is more than plain text.
    pub(crate) const fn is_secured(&self) -> bool {
        self.secured.is_some()
    }

    /// Waits a moment for the other end to let us in or to refuse us. Nothing should be said before: one that closes with words unread
    /// takes back what it has said of our certificate.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: the other end does not want us.
    pub async fn admission(&mut self) -> Result<(), TlsError> {
        clock::within(ADMISSION, self.admitted()).await.unwrap_or(Ok(()))
    }

    /// Waits until the other end has let us in, as far as it lets us know.
    pub(crate) async fn admitted(&mut self) -> Result<(), TlsError> {
        match &mut self.secured {
            Some(secured) => secured.admitted().await,
            None => Ok(()),
        }
    }

    /// What the other end has proven of being `claimed`: nothing, over plain text.
    pub(crate) fn prove(
        &self,
        tls: &Tls,
        claimed: Option<ServerId>,
    ) -> Result<Option<Proof>, TlsError> {
        self.secured.as_ref().map(|secured| tls.prove(secured, claimed)).transpose()
    }

    /// Lets small writes leave at once, instead of waiting for an acknowledgement of what left before.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub fn set_nodelay(&self) -> io::Result<()> {
        self.socket.get_ref().set_nodelay(true)
    }

    /// One half for an actor that reads, and one for an actor that writes.
    pub(crate) fn split(self) -> (ReadHalf, WriteHalf) {
        let Self { socket, secured } = self;
        let (reading, writing) = match secured {
            // The system lets one task read and another write the same socket: nothing has to be locked for a frame.
            None => (Reading::Plain { is_drained: false }, None),
            Some(secured) => {
                let (reading, writing) = secured.split();
                (Reading::Secured(reading), Some(writing))
            }
        };
        (ReadHalf { socket: Arc::clone(&socket), reading }, WriteHalf { socket, secured: writing })
    }

    /// Whether this leads to a socket of this machine that listens at `listening`.
    pub(super) fn leads_to(&self, listening: SocketAddr) -> bool {
        let Ok((here, there)) = self.ends() else { return false };
        // A server that listens at all addresses of the machine also listens at those it connects from.
        let is_local = there.ip().is_loopback() || there.ip() == here.ip();
        let same_host =
            there.ip() == listening.ip() || (listening.ip().is_unspecified() && is_local);
        same_host && there.port() == listening.port()
    }

    /// Whether this has met itself: dialling a free port of this host can do that.
    pub(super) fn is_own_end(&self) -> bool {
        self.ends().is_ok_and(|(here, there)| here == there)
    }

    fn ends(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        let socket = self.socket.get_ref();
        Ok((socket.local_addr()?, socket.peer_addr()?))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.secured {
            Some(secured) => Pin::new(secured).poll_read(cx, buffer),
            None => Pin::new(&mut &*self.socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.secured {
            Some(secured) => Pin::new(secured).poll_write(cx, bytes),
            None => Pin::new(&mut &*self.socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.secured {
            Some(secured) => Pin::new(secured).poll_flush(cx),
            None => Pin::new(&mut &*self.socket).poll_flush(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.secured {
            Some(secured) => Pin::new(secured).poll_close(cx),
            None => Pin::new(&mut &*self.socket).poll_close(cx),
        }
    }
}

/// The half that is read.
#[derive(Debug)]
pub(crate) struct ReadHalf {
    socket: Arc<Async<TcpStream>>,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    Plain {
        /// The last read found less than it had room for: the next one would find nothing, unless more has come meanwhile.
        is_drained: bool,
    },
    Secured(futures::io::ReadHalf<Box<Secured>>),
}

impl ReadHalf {
    /// Waits for bytes, and says how many have come: none, when the other end has closed.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_drained = match &mut self.reading {
            Reading::Plain { is_drained } => *is_drained,
            Reading::Secured(secured) => return secured.read(buffer).await,
        };
        if is_drained {
            self.something_may_have_come().await?;
        }
        let count = (&*self.socket).read(buffer).await?;
        self.reading = Reading::Plain { is_drained: count < buffer.len() };
        Ok(count)
    }

    /// Waits until the next read may find something.
    ///
    /// async-io's `readable` does not count what comes in the turn of its reactor in which it began to wait. On a quiet node that is the
    /// turn that brings the bytes, so that all involved would wake up twice for one frame. A read in vain, now and then, costs less.
    async fn something_may_have_come(&self) -> io::Result<()> {
        let mut is_awaited = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut is_awaited, true) {
                return Poll::Ready(Ok(()));
            }
            // An earlier wait may have been over after all: what came of it was read, or the system says it again.
            while let Poll::Ready(remembered) = self.socket.poll_readable(cx) {
                remembered?;
            }
            Poll::Pending
        })
        .await
    }

    /// Ends the connection, for the half that is written as well.
    pub(crate) fn shut(&self) {
        shut(&self.socket);
    }
}

/// The half that is written.
#[derive(Debug)]
pub(crate) struct WriteHalf {
    socket: Arc<Async<TcpStream>>,
    secured: Option<futures::io::WriteHalf<Box<Secured>>>,
}

impl WriteHalf {
    /// Writes all of this.
    pub(crate) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.secured {
            Some(secured) => {
                secured.write_all(bytes).await?;
                secured.flush().await
            }
            None => (&*self.socket).write_all(bytes).await,
        }
    }

    /// Lets small frames leave at once, and a peer that has vanished be noticed.
    pub(crate) fn tune(&self, liveness: Liveness) -> io::Result<()> {
        self.socket.get_ref().set_nodelay(true)?;
        let options = SockRef::from(self.socket.get_ref());
        let keepalive = TcpKeepalive::new().with_time(liveness.idle).with_interval(liveness.probe);
        options.set_tcp_keepalive(&keepalive.with_retries(PROBES))?;
        #[cfg(target_os = "linux")]
        options.set_tcp_user_timeout(Some(liveness.unacknowledged))?;
        Ok(())
    }

    /// Ends the connection, for the half that is read as well.
    pub(crate) fn shut(&self) {
        shut(&self.socket);
    }
}

fn shut(socket: &Async<TcpStream>) {
    // It may be closed already, which is what was wanted.
    let _ = socket.get_ref().shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use std::net::TcpListener;

    use async_std::task::block_on;
    use futures::poll;

    use super::*;

    async fn pair() -> (Connection, Connection) {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let near = Async::<TcpStream>::connect(address).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (Connection::new(near), Connection::new(far))
    }

    #[test]
    fn one_half_is_read_while_the_other_is_written() {
        block_on(async {
            let (near, mut far) = pair().await;
            let (mut reader, mut writer) = near.split();
            let mut bytes = [0; 8];
            let mut read = pin!(reader.read(&mut bytes));
            assert!(poll!(read.as_mut()).is_pending());
            writer.write_all(b"there").await.unwrap();
            let mut there = [0; 8];
            assert_eq!(far.read(&mut there).await.unwrap(), 5);
            far.write_all(b"back").await.unwrap();
            assert_eq!(read.await.unwrap(), 4);
        });
    }

    #[test]
    fn a_read_that_was_given_up_while_it_waited_loses_nothing() {
        block_on(async {
            let (near, mut far) = pair().await;
            let (mut reader, _writer) = near.split();
            let mut bytes = [0; 8];
            for word in [b"one", b"two"] {
                far.write_all(word).await.unwrap();
                assert_eq!(reader.read(&mut bytes).await.unwrap(), 3);
                assert!(poll!(pin!(reader.read(&mut bytes))).is_pending());
            }
            let socket = Arc::clone(&reader.socket);
            assert!(poll!(pin!(reader.read(&mut bytes))).is_pending());
            far.write_all(b"three").await.unwrap();
            // What has come wakes the read that is no more.
            socket.readable().await.unwrap();
            assert_eq!(reader.read(&mut bytes).await.unwrap(), 5);
        });
    }

    #[test]
    fn shutting_one_half_ends_the_other_and_the_connection() {
        block_on(async {
            let (near, mut far) = pair().await;
            let (mut reader, writer) = near.split();
            let mut bytes = [0; 8];
            let mut read = pin!(reader.read(&mut bytes));
            assert!(poll!(read.as_mut()).is_pending());
            writer.shut();
            assert_eq!(read.await.unwrap(), 0);
            assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
            let (near, mut far) = pair().await;
            let (reader, mut writer) = near.split();
            reader.shut();
            assert!(writer.write_all(b"late").await.is_err());
            assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
        });
    }
}
