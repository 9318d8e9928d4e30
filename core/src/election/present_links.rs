//! [`PresentLinks`]: what the notices of the link table mean for an election.

use std::collections::BTreeMap;

use super::Event;
use crate::{
    ServerId,
    links::{Generation, LinkId, Notice},
};

/// The present link to each peer. Frames of an older link are ignored.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct PresentLinks(BTreeMap<ServerId, PresentLink>);

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct PresentLink {
    generation: Generation,
    /// Something that was understood has come over it.
    spoken: bool,
    /// The network waits for a sign of life.
    awaited: bool,
}

/// What a frame that was understood shows about its link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignOfLife {
    /// The first one: the peer is there.
    First,
    /// The peer is still there, which was in doubt.
    Awaited,
    /// Nothing new.
    Known,
}

impl PresentLinks {
    /// What a notice means for the election, if anything.
    pub fn event_of(&mut self, notice: Notice) -> Option<Event> {
        match notice {
            Notice::LinkUp(LinkId { peer, generation }) => {
                self.0.insert(peer, PresentLink { generation, spoken: false, awaited: true });
                Some(Event::LinkUp { peer })
            }
            Notice::LinkDown(LinkId { peer, .. }) => {
                self.0.remove(&peer);
                Some(Event::LinkDown { peer })
            }
            Notice::Doubted(LinkId { peer, .. }) => {
                self.0.get_mut(&peer)?.awaited = true;
                Some(Event::Doubted { peer })
            }
            Notice::Unreachable(peer) => Some(Event::Unreachable { peer }),
            Notice::CannotDialBack(_) | Notice::Refused { .. } => None,
        }
    }

    /// Takes note that a frame of this link was understood. Unless that is nothing new, the network is to be told.
    pub fn understood(&mut self, link: LinkId) -> SignOfLife {
        let Some(present) = self.0.get_mut(&link.peer) else { return SignOfLife::Known };
        let first = !std::mem::replace(&mut present.spoken, true);
        let awaited = std::mem::take(&mut present.awaited);
        match (first, awaited) {
            (true, _) => SignOfLife::First,
            (false, true) => SignOfLife::Awaited,
            (false, false) => SignOfLife::Known,
        }
    }

    /// Whether this is the present link to its peer, so that its frames are to be heard.
    pub fn contains(&self, link: LinkId) -> bool {
        self.0.get(&link.peer).is_some_and(|present| present.generation == link.generation)
    }

    /// Whether something that was understood has come over this link, which is the present one.
    pub fn has_spoken(&self, link: LinkId) -> bool {
        self.contains(link) && self.0.get(&link.peer).is_some_and(|present| present.spoken)
    }

    /// Whether there is a link to this peer.
    pub fn reaches(&self, peer: ServerId) -> bool {
        self.0.contains_key(&peer)
    }

    /// How many peers there is a link to.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The peers that have spoken over the present link to them.
    pub fn peers(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.0.iter().filter(|(_, present)| present.spoken).map(|(peer, _)| *peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_an_older_link_is_not_heard_once_there_is_a_newer_one() {
        let peer = ServerId::new(2).unwrap();
        let [older, newer] = [1, 2].map(|n| LinkId { peer, generation: Generation(n) });
        let mut links = PresentLinks::default();
        links.event_of(Notice::LinkUp(older));
        assert!(links.contains(older));
        links.event_of(Notice::LinkUp(newer));
        assert!(links.contains(newer) && !links.contains(older));
        assert_eq!((links.reaches(peer), links.count()), (true, 1));
        let other = LinkId { peer: ServerId::new(3).unwrap(), ..newer };
        links.event_of(Notice::LinkUp(other));
        assert_eq!((links.reaches(other.peer), links.count()), (true, 2));
        links.event_of(Notice::LinkDown(newer));
        assert!(!links.contains(newer) && !links.contains(older));
        assert_eq!((links.reaches(peer), links.count()), (false, 1));
    }

    #[test]
    fn the_network_is_told_of_the_first_word_and_of_the_first_after_each_doubt() {
        let link = LinkId { peer: ServerId::new(2).unwrap(), generation: Generation(1) };
        let mut links = PresentLinks::default();
        links.event_of(Notice::LinkUp(link));
        assert_eq!(
            (links.peers().count(), links.has_spoken(link)),
            (0, false),
            "silence is nobody"
        );
        assert_eq!(links.understood(link), SignOfLife::First);
        assert_eq!((links.peers().count(), links.has_spoken(link)), (1, true));
        assert_eq!(links.understood(link), SignOfLife::Known);
        links.event_of(Notice::Doubted(link));
        assert_eq!(links.understood(link), SignOfLife::Awaited);
        assert_eq!(links.understood(link), SignOfLife::Known);
    }
}
