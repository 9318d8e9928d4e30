//! [`Secured`]: a connection within TLS, whose other end has shown who it is where that was demanded.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    net::TcpStream,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_io::Async;
use ballotbox_core::ServerId;
use futures::{AsyncRead, AsyncWrite};
use futures_rustls::{
    TlsAcceptor, TlsConnector, TlsStream,
    rustls::{ProtocolVersion, ServerConnection, pki_types::ServerName},
};
#[cfg(target_os = "linux")]
use rustix::event::{PollFd, PollFlags, Timespec};

use super::{certificate::Certificate, credentials::Credentials, error::TlsError};
use crate::kit::clock;

/// A socket that somebody else keeps as well, to close it.
#[derive(Debug)]
pub(in crate::socket) struct Raw(pub(in crate::socket) Arc<Async<TcpStream>>);

/// A connection within TLS.
#[derive(Debug)]
pub(in crate::socket) struct Secured {
    stream: TlsStream<Raw>,
    /// What the other end has shown, if anything was demanded.
    theirs: Option<Certificate>,
    /// What we have shown, if anything.
    ours: Option<Certificate>,
    /// The first byte that it has said, if that was read to see whether it says anything.
    first: Option<u8>,
}

/// The handshake of one who has dialled a member, or somebody of whom the id is not known.
pub(super) async fn dialled(
    credentials: &Credentials,
    socket: Raw,
    peer: Option<ServerId>,
) -> Result<Secured, TlsError> {
    // By this name alone a session is found again; it is never sent.
    let name =
        peer.map_or_else(|| "somebody.invalid".to_owned(), |id| format!("member-{id}.invalid"));
    let name = ServerName::try_from(name);
    let name = name.map_err(|error| TlsError::Handshake { text: error.to_string().into() })?;
    let connector = TlsConnector::from(Arc::clone(&credentials.client));
    let stream = connector.connect(name, socket).await;
    Secured::new(stream.map(TlsStream::from), Some(credentials.certificate()))
}

/// The handshake of one who was dialled.
pub(super) async fn taken(credentials: &Credentials, socket: Raw) -> Result<Secured, TlsError> {
    socket.require_presence()?;
    let stream = TlsAcceptor::from(Arc::clone(&credentials.server)).accept(socket).await;
    Secured::new(stream.map(TlsStream::from), Some(credentials.certificate()))
}

/// The handshake of a server that is for everybody: nobody has to show a certificate.
pub(super) async fn served(credentials: &Credentials, socket: Raw) -> Result<Secured, TlsError> {
    socket.require_presence()?;
    let stream = TlsAcceptor::from(Arc::clone(&credentials.public)).accept(socket).await;
    Secured::new(stream.map(TlsStream::from), Some(credentials.certificate()))
}

/// How a handshake goes for one who dials a member and says this, in pieces: whether it may go on, and how much was answered. The
/// fuzzer calls this.
///
/// # Errors
///
/// [`TlsError`], when the connection would be closed.
#[doc(hidden)]
pub fn answered(credentials: &Credentials, said: &[&[u8]]) -> Result<usize, TlsError> {
    let failed = |error: &io::Error| TlsError::of(error, Some(credentials.certificate()));
    let server = ServerConnection::new(Arc::clone(&credentials.server));
    let mut server = server.map_err(|error| failed(&io::Error::other(error)))?;
    let mut answer = Vec::new();
    for piece in said {
        let mut rest = *piece;
        while !rest.is_empty() {
            server.read_tls(&mut rest).map_err(|error| failed(&error))?;
            let processed = server.process_new_packets();
            processed.map_err(|error| failed(&io::Error::other(error)))?;
            while server.wants_write() {
                server.write_tls(&mut answer).map_err(|error| failed(&error))?;
            }
        }
    }
    Ok(answer.len())
}

impl Secured {
    pub(super) fn new(
        stream: io::Result<TlsStream<Raw>>,
        ours: Option<&Certificate>,
    ) -> Result<Self, TlsError> {
        let stream = stream.map_err(|error| TlsError::of(&error, ours))?;
        let (_, state) = stream.get_ref();
        let shown = state.peer_certificates().and_then(|chain| chain.first());
        let theirs = shown.map(|der| Certificate::read(der)).transpose();
        let theirs = theirs.map_err(TlsError::Unreadable)?;
        if let Some(certificate) = &theirs {
            // A session that is resumed may be older than the end of the certificate.
            let validity = certificate.check_validity(clock::time_of_day());
            let certificate = || Box::new(certificate.clone());
            validity.map_err(|fault| TlsError::Unbelieved { fault, certificate: certificate() })?;
        }
        Ok(Self { stream, theirs, ours: ours.cloned(), first: None })
    }

    /// What the other end has shown.
    pub(super) const fn certificate(&self) -> Option<&Certificate> {
        self.theirs.as_ref()
    }

    /// Waits until the other end has looked at our certificate, as far as it lets us know; it may have closed the connection after
    /// that for another reason.
    pub(in crate::socket) async fn admitted(&mut self) -> Result<(), TlsError> {
        let mut first = [0];
        let read = poll_fn(|cx| {
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut first);
            // What was read may have been more than one thing.
            if self.has_word() { Poll::Ready(None) } else { read.map(Some) }
        })
        .await;
        match read {
            None => Ok(()),
            Some(Ok(0)) => Err(TlsError::CutOff),
            Some(Ok(_)) => {
                self.first = Some(first[0]);
                Ok(())
            }
            Some(Err(error)) => Err(TlsError::of(&error, self.ours.as_ref())),
        }
    }

    /// Whether the handshake itself shows that the other end has let us in.
    fn has_word(&self) -> bool {
        match &self.stream {
            TlsStream::Client(stream) => {
                let (_, state) = stream.get_ref();
                // Before 1.3 the handshake ends with the word of the one that was dialled.
                state.protocol_version() != Some(ProtocolVersion::TLSv1_3)
                    || state.tls13_tickets_received() > 0
            }
            TlsStream::Server(_) => true,
        }
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let (Some(first), Some(place)) = (self.first, buffer.first_mut()) {
            *place = first;
            self.first = None;
            return Poll::Ready(Ok(1));
        }
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        Poll::Ready(match read {
            // What is read has a length of its own, or is JSON: an end without a word is no more than an end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(error) if error.get_ref().is_some() => {
                Err(io::Error::new(error.kind(), TlsError::of(&error, self.ours.as_ref())))
            }
            read => read,
        })
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl Raw {
    /// One that has hung up while it waited for its turn is not worth a signature.
    fn require_presence(&self) -> Result<(), TlsError> {
        if self.has_hung_up() { Err(TlsError::CutOff) } else { Ok(()) }
    }

    /// Whether the other end will say nothing more than what has come.
    #[cfg(target_os = "linux")]
    fn has_hung_up(&self) -> bool {
        let ended = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let mut asked = [PollFd::new(self.0.get_ref(), ended)];
        let answered = rustix::event::poll(&mut asked, Some(&Timespec::default()));
        answered.is_ok() && asked[0].revents().intersects(ended)
    }

    /// Other systems do not tell.
    #[cfg(not(target_os = "linux"))]
    const fn has_hung_up(&self) -> bool {
        false
    }
}

impl AsyncRead for Raw {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Raw {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(cx, bytes)
    }

    /// What is written at once has to leave at once: of an alert behind another record there is only one attempt.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write_vectored(cx, pieces)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_close(cx)
    }
}
