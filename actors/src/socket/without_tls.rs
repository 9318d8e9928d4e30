//! What stands in the place of TLS where it is not compiled in: types of which there is no value.

use std::{
    convert::Infallible,
    fmt, io,
    net::TcpStream,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_io::Async;
use ballotbox_core::{Endpoint, ServerId, identity::Proof};
use futures::{AsyncRead, AsyncWrite};

/// TLS among members: there is none without the feature `tls`.
#[derive(Clone, Debug)]
pub struct Tls(Infallible);

/// Whom we believe, without being a member: nobody can be recognised without the feature `tls`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trust(Infallible);

/// Why a connection is not secured: none is, without the feature `tls`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsError(Infallible);

#[derive(Debug)]
pub(super) struct Raw(
    #[expect(dead_code, reason = "nobody takes it")] pub(super) Arc<Async<TcpStream>>,
);

#[derive(Debug)]
pub(super) struct Secured(Infallible);

impl fmt::Display for TlsError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl std::error::Error for TlsError {}

impl TlsError {
    pub(crate) const fn kind(&self) -> &'static str {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "as with TLS")]
impl Tls {
    /// Whether we dial in TLS.
    pub fn is_spoken(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn takes_plain(&self) -> bool {
        match self.0 {}
    }

    pub(super) async fn dial(&self, _: Raw, _: Option<ServerId>) -> Result<Secured, TlsError> {
        match self.0 {}
    }

    pub(super) async fn take(&self, _: Raw) -> Result<Secured, TlsError> {
        match self.0 {}
    }

    pub(super) async fn serve(&self, _: Raw) -> Result<Secured, TlsError> {
        match self.0 {}
    }

    pub(super) fn prove(&self, _: &Secured, _: Option<ServerId>) -> Result<Proof, TlsError> {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "as with TLS")]
impl Trust {
    pub(super) async fn dial(&self, _: Raw, _: &Endpoint) -> Result<Secured, TlsError> {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "as with TLS")]
impl Secured {
    pub(super) async fn admitted(&mut self) -> Result<(), TlsError> {
        match self.0 {}
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.0 {}
    }
}

impl AsyncWrite for Secured {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
