//! [`Children`]: the actors a manager has started, by what they are for.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr};

use super::ManagerMsg;
use crate::{
    config::NetworkConfig,
    kit::{Address, Inlet, mailbox, spawn},
    mesh::candidate::{Candidate, CandidateMsg},
    socket::{Connection, Dialer, Heard, Receiver, Sender, SenderMsg, WriteHalf},
};
use ballotbox_core::{
    links::{Approach, LinkId, SocketId},
    wire::Frame,
};

/// The two actors of a link. The receiver of one that was a candidate is that candidate.
#[derive(Debug)]
struct OpenLink {
    sender: Address<SenderMsg<Frame>>,
    receiver: LinkReader,
}

#[derive(Debug)]
enum LinkReader {
    Receiver { _address: Address<Infallible> },
    Candidate { _address: Address<CandidateMsg>, socket: SocketId },
}

/// A connection that is heard out.
#[derive(Debug)]
struct WaitingCandidate {
    address: Address<CandidateMsg>,
    writer: WriteHalf,
}

/// The addresses of all children. Dropping one asks the child to end; its report says when it has.
#[derive(Debug)]
pub(super) struct Children<U> {
    config: NetworkConfig,
    greeting: Vec<u8>,
    inlet: Inlet<U>,
    manager: Address<ManagerMsg>,
    /// Where we listen.
    listening: Vec<SocketAddr>,
    dialers: BTreeMap<LinkId, Address<Infallible>>,
    candidates: BTreeMap<SocketId, WaitingCandidate>,
    links: BTreeMap<LinkId, OpenLink>,
    running: usize,
}

impl<U: From<Heard> + Send + 'static> Children<U> {
    pub(super) fn new(
        config: NetworkConfig,
        inlet: Inlet<U>,
        manager: Address<ManagerMsg>,
    ) -> Self {
        Self {
            greeting: config.greeting.encode(),
            config,
            inlet,
            manager,
            listening: Vec::new(),
            dialers: BTreeMap::new(),
            candidates: BTreeMap::new(),
            links: BTreeMap::new(),
            running: 0,
        }
    }

    /// Where we listen: a dial that leads there is none.
    pub(super) fn set_listening(&mut self, listening: Vec<SocketAddr>) {
        self.listening = listening;
    }

    /// Where we listen, if no other machine can reach us there.
    pub(super) fn listening_only_on_loopback(&self) -> Option<SocketAddr> {
        let only = self.listening.iter().all(|address| address.ip().is_loopback());
        self.listening.first().copied().filter(|_| only)
    }

    pub(super) fn start_dialer(&mut self, link: LinkId, approach: Approach) {
        let (address, mailbox) = mailbox();
        let dialer = Dialer {
            peer: link.peer,
            tls: self.config.tls.clone(),
            endpoints: self.config.peers.get(&link.peer).cloned().unwrap_or_default(),
            greeting: self.greeting.clone(),
            listening: self.listening.clone(),
            limit: self.config.timing.connect,
        };
        spawn(dialer, mailbox, self.manager.clone(), move |exit| ManagerMsg::DialerEnded {
            link,
            approach,
            exit,
        });
        self.dialers.insert(link, address);
        self.running += 1;
    }

    /// Reads the first frame of a connection that may become a link.
    pub(super) fn start_candidate(&mut self, id: SocketId, connection: Connection) {
        let (half, writer) = connection.split();
        let (address, mailbox) = mailbox();
        let candidate = Candidate {
            id,
            half,
            user: self.inlet.clone(),
            frame_limit: self.config.timing.frame,
            understands: self.config.understands,
            parent: self.manager.clone(),
        };
        spawn(candidate, mailbox, self.manager.clone(), move |exit| ManagerMsg::CandidateEnded {
            socket: id,
            exit,
        });
        self.candidates.insert(id, WaitingCandidate { address, writer });
        self.running += 1;
    }

    pub(super) fn end_candidate(&mut self, id: SocketId) {
        self.candidates.remove(&id);
    }

    /// Makes a candidate the receiver of a link; `false` if there is none of that number.
    pub(super) fn open_candidate(&mut self, link: LinkId, id: SocketId) -> bool {
        let Some(WaitingCandidate { address, writer }) = self.candidates.remove(&id) else {
            return false;
        };
        let sender = self.start_sender(link, writer);
        // One that has ended has reported so: that report is on its way, and ends the link.
        let _ = address.tell(CandidateMsg::Open(link));
        let receiver = LinkReader::Candidate { _address: address, socket: id };
        self.links.insert(link, OpenLink { sender, receiver });
        true
    }

    pub(super) fn open_link(&mut self, link: LinkId, connection: Connection) {
        let (half, writer) = connection.split();
        let sender = self.start_sender(link, writer);
        let (address, silence) = mailbox();
        let receiver = Receiver {
            link,
            half,
            user: self.inlet.clone(),
            frame_limit: self.config.timing.frame,
        };
        spawn(receiver, silence, self.manager.clone(), move |exit| ManagerMsg::ReceiverEnded {
            link,
            exit,
        });
        self.running += 1;
        let receiver = LinkReader::Receiver { _address: address };
        self.links.insert(link, OpenLink { sender, receiver });
    }

    fn start_sender(&mut self, link: LinkId, half: WriteHalf) -> Address<SenderMsg<Frame>> {
        // This fails only on a broken connection, which the first read reports.
        let _ = half.tune(self.config.liveness);
        let (address, frames) = mailbox();
        let sender = Sender::new(link, half, self.config.timing.write, self.manager.clone());
        spawn(sender, frames, self.manager.clone(), move |exit| ManagerMsg::SenderEnded {
            link,
            exit,
        });
        self.running += 1;
        address
    }

    /// The link that this candidate has become.
    pub(super) fn link_of(&self, candidate: SocketId) -> Option<LinkId> {
        self.links.iter().find_map(|(link, open)| match open.receiver {
            LinkReader::Candidate { socket, .. } => (socket == candidate).then_some(*link),
            LinkReader::Receiver { .. } => None,
        })
    }

    pub(super) fn write(&self, link: LinkId, frame: Frame) {
        // A sender that has ended has reported so: that report is on its way.
        if let Some(open) = self.links.get(&link) {
            let _ = open.sender.tell(SenderMsg::Write(frame));
        }
    }

    /// Asks both halves of a link to end; `false` if it was closed already.
    pub(super) fn close_link(&mut self, link: LinkId) -> bool {
        self.links.remove(&link).is_some()
    }

    /// Keeps count of the children that have ended.
    pub(super) fn note_end(&mut self, message: &ManagerMsg) {
        match message {
            ManagerMsg::DialerEnded { link, .. } => {
                self.dialers.remove(link);
            }
            ManagerMsg::CandidateEnded { socket, .. } => {
                self.candidates.remove(socket);
            }
            ManagerMsg::SenderEnded { .. } | ManagerMsg::ReceiverEnded { .. } => {}
            ManagerMsg::Send { .. }
            | ManagerMsg::Ask { .. }
            | ManagerMsg::Spoke { .. }
            | ManagerMsg::CandidateSpoke { .. }
            | ManagerMsg::Reconnect
            | ManagerMsg::Stop
            | ManagerMsg::Door(_)
            | ManagerMsg::Written { .. } => return,
        }
        self.running -= 1;
    }

    pub(super) const fn are_left(&self) -> bool {
        self.running > 0
    }

    /// Asks all of them to end.
    pub(super) fn end_all(&mut self) {
        self.dialers.clear();
        self.candidates.clear();
        self.links.clear();
    }
}
