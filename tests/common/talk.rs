//! [`Talk`]: an end of a session of the quorum port that a test plays itself.

use async_std::{
    io::{ReadExt, WriteExt},
    net::{TcpListener, TcpStream, ToSocketAddrs},
};
use ballotbox_core::wire::{FirstWord, PacketKind, PacketStream, Ports, QuorumPacket};

use super::patiently;

/// A connection to a quorum port, or from it.
#[derive(Debug)]
pub struct Talk {
    socket: TcpStream,
    stream: PacketStream,
    /// All that has come.
    pub heard: Vec<QuorumPacket>,
}

impl Talk {
    /// Comes to this quorum port, with these words.
    pub async fn with_leader(place: impl ToSocketAddrs, first: &[u8]) -> Self {
        let mut socket = TcpStream::connect(place).await.unwrap();
        socket.write_all(first).await.unwrap();
        Self { socket, stream: PacketStream::from_leader(), heard: Vec::new() }
    }

    /// Waits until a learner comes. Peers of the election come here, too.
    pub async fn with_learner(listener: &TcpListener) -> (Self, Vec<TcpStream>) {
        let mut others = Vec::new();
        loop {
            let (mut socket, _) = patiently(listener.accept()).await.unwrap();
            let mut head = [0; 4];
            patiently(socket.read_exact(&mut head)).await.unwrap();
            if FirstWord::missing(&head, Ports::Quorum).is_ok() {
                let mut stream = PacketStream::from_learner();
                stream.room()[..4].copy_from_slice(&head);
                stream.filled(4);
                return (Self { socket, stream, heard: Vec::new() }, others);
            }
            others.push(socket);
        }
    }

    /// The next packet, or `None` where there is none any more.
    pub async fn next(&mut self) -> Option<QuorumPacket> {
        loop {
            if let Some(packet) = self.stream.next_packet().unwrap() {
                self.heard.push(packet.clone());
                return Some(packet);
            }
            let count = patiently(self.socket.read(self.stream.room())).await.unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.stream.filled(count);
        }
    }

    /// Waits for a packet of this kind.
    pub async fn until(&mut self, kind: PacketKind) -> QuorumPacket {
        loop {
            let packet = self.next().await.expect("the connection was closed");
            if packet.kind == kind {
                return packet;
            }
        }
    }

    /// Waits until the other end has closed the connection, and returns all that has come.
    pub async fn until_closed(mut self) -> Vec<QuorumPacket> {
        while self.next().await.is_some() {}
        self.heard
    }

    /// Says this.
    pub async fn say(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }
}
