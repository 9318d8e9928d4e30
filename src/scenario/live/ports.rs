//! [`ReservedPort`]: a loopback port that is ours whether or not anybody listens on it.
//!
//! A socket that is bound but does not listen keeps a port from everybody else, and every connection is refused.
//! To open the port, a second socket is bound beside the first and listens; closing that one refuses again. So a
//! member can go down and come back without losing its address, and nobody else can answer in its place.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted: every member of a large ensemble at once.
const BACKLOG: i32 = 256;

/// A port that is held, and refuses connections until someone listens.
#[derive(Debug)]
pub(crate) struct ReservedPort {
    address: SocketAddr,
    /// Never read: it holds the port.
    _holder: Socket,
}

impl ReservedPort {
    /// Reserves a free port on the loopback interface.
    pub(crate) fn free() -> io::Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Reserves this port.
    pub(crate) fn at(address: SocketAddr) -> io::Result<Self> {
        let holder = bound(address)?;
        let bound = holder.local_addr()?.as_socket();
        Ok(Self { address: bound.unwrap_or(address), _holder: holder })
    }

    /// The address that is reserved.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens on the port, until the listener is dropped. Only one can at a time.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = bound(self.address)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    }
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_reserved_port_refuses_until_someone_listens_and_again_after() {
        let port = ReservedPort::free().unwrap();
        for _ in 0..3 {
            let refused = TcpStream::connect(port.address()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let listener = port.listen().unwrap();
            let connected = TcpStream::connect(port.address()).unwrap();
            drop(listener);
            drop(connected);
        }
    }

    #[test]
    fn a_port_that_others_listen_on_cannot_be_reserved() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let refused = ReservedPort::at(taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn nobody_else_can_listen_while_a_member_does() {
        let port = ReservedPort::free().unwrap();
        let _listener = port.listen().unwrap();
        assert!(port.listen().is_err());
    }
}
