//! [`Peer`]: a member that a test plays itself, on a socket of its own.

use async_std::{
    io::{ReadExt, WriteExt},
    net::TcpStream,
};
use ballotbox::{
    Epoch, Round, Vote, Zxid,
    election::{Format, Notification, PeerState},
};
use ballotbox_core::wire::{Frame, FrameBuffer, Greeting, GreetingForm};
use futures::FutureExt;

use super::{Lab, id, patiently};

/// A raw peer of one node, which claims to be some id.
#[derive(Debug)]
pub struct Peer {
    pub socket: TcpStream,
    pub buffer: FrameBuffer,
}

impl Peer {
    /// Connects to a node, and claims to be this id.
    pub async fn greet(lab: &Lab, node: u64, claim: u64) -> Self {
        let mut socket = TcpStream::connect(lab.address(node)).await.unwrap();
        let form = GreetingForm::V1("127.0.0.1:1".parse().unwrap());
        socket.write_all(&Greeting { from: Some(id(claim)), form }.encode()).await.unwrap();
        Self { socket, buffer: FrameBuffer::default() }
    }

    /// Says this, in a frame.
    pub async fn say(&mut self, body: &[u8]) {
        self.socket.write_all(Frame::new(body).unwrap().as_bytes()).await.unwrap();
    }

    /// Waits until the node says something.
    pub async fn hear(&mut self) -> Notification {
        loop {
            if let Some(frame) = self.buffer.next_frame().unwrap() {
                return Notification::decode(frame.body()).unwrap();
            }
            let count = patiently(self.socket.read(self.buffer.room())).await.unwrap();
            assert!(count > 0, "the node has closed the connection");
            self.buffer.filled(count);
        }
    }

    /// Whether the node keeps this connection. What it said meanwhile is thrown away.
    pub fn is_kept(&mut self) -> bool {
        loop {
            match self.socket.read(&mut [0; 4096]).now_or_never() {
                None => return true,
                Some(Ok(0) | Err(_)) => return false,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Waits until the node has closed this connection.
    pub async fn dropped(mut self) {
        patiently(async { while matches!(self.socket.read(&mut [0; 4096]).await, Ok(1..)) {} })
            .await;
    }
}

/// What a voter says that looks for a leader, and has no history.
pub fn vote_for(leader: u64, round: i64) -> Notification {
    let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(leader) };
    let format = Format::Current { version: Notification::VERSION, config: "".into() };
    Notification { state: PeerState::Looking, vote: Some(vote), round: Round(round), format }
}
