//! Sockets: how one is connected, and what each is set to, so that a dead peer is noticed without the operator's help.

mod connect;

use std::{
    io,
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use async_std::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

pub(crate) use self::connect::is_out_of_descriptors;
pub use self::connect::{ConnectError, LookupError, connect, resolve};

/// How soon the kernel gives up a connection whose other end has vanished.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Liveness {
    /// Written bytes may stay unacknowledged so long (`TCP_USER_TIMEOUT`).
    pub unacknowledged: Duration,
    /// An idle connection is probed after so long.
    pub idle: Duration,
    /// Unanswered probes are repeated this often, three times.
    pub probe: Duration,
}

impl Default for Liveness {
    fn default() -> Self {
        Self {
            unacknowledged: Duration::from_secs(2),
            idle: Duration::from_secs(5),
            probe: Duration::from_secs(1),
        }
    }
}

const PROBES: u32 = 3;

/// Sets up a connection, accepted or dialled: small frames leave at once, and a vanished peer is noticed.
pub(crate) fn tune(socket: &TcpStream, liveness: Liveness) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let options = SockRef::from(socket);
    let keepalive = TcpKeepalive::new().with_time(liveness.idle).with_interval(liveness.probe);
    options.set_tcp_keepalive(&keepalive.with_retries(PROBES))?;
    #[cfg(target_os = "linux")]
    options.set_tcp_user_timeout(Some(liveness.unacknowledged))?;
    Ok(())
}

/// Ends a connection for both directions and for whoever else reads or writes it.
pub(crate) fn shut(socket: &TcpStream) {
    // It may be closed already, which is what was wanted.
    let _ = socket.shutdown(Shutdown::Both);
}

/// Whether a connection leads to a socket of this machine that listens at `listening`.
pub(crate) fn leads_to(socket: &TcpStream, listening: SocketAddr) -> bool {
    let (Ok(here), Ok(there)) = (socket.local_addr(), socket.peer_addr()) else { return false };
    // Who listens at all addresses of the machine does so at those it connects from.
    let is_local = there.ip().is_loopback() || there.ip() == here.ip();
    let same_host = there.ip() == listening.ip() || (listening.ip().is_unspecified() && is_local);
    same_host && there.port() == listening.port()
}

/// Whether a connection has met itself: dialling a free port of this host can do that.
pub(crate) fn is_own_end(socket: &TcpStream) -> bool {
    let ends = || -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((socket.local_addr()?, socket.peer_addr()?))
    };
    ends().is_ok_and(|(here, there)| here == there)
}
