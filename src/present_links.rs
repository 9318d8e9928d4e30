//! [`PresentLinks`]: what the network's reports mean for an election. The elector and the simulation share it.

use std::collections::BTreeMap;

use ballotbox_actors::{
    Report, ServerId,
    links::{Generation, LinkId},
};

use crate::election::Event;

/// The present link to each peer. What an older one still had to say is not heard any more.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct PresentLinks(BTreeMap<ServerId, Generation>);

impl PresentLinks {
    /// What a report means for the election, if anything.
    pub(crate) fn event_of(&mut self, report: &Report) -> Option<Event> {
        match *report {
            Report::LinkUp { link } => {
                self.0.insert(link.peer, link.generation);
                Some(Event::LinkUp { peer: link.peer })
            }
            Report::LinkDown { link, .. } => {
                self.0.remove(&link.peer);
                Some(Event::LinkDown { peer: link.peer })
            }
            // To the core a link in doubt is one on which nothing was said yet.
            Report::Doubted { link } => Some(Event::LinkUp { peer: link.peer }),
            Report::Unreachable { peer, .. } => Some(Event::Unreachable { peer }),
            Report::Listening { .. }
            | Report::Started
            | Report::BindFailed { .. }
            | Report::NotHere { .. }
            | Report::LoopbackOnly { .. }
            | Report::NoDescriptors { .. }
            | Report::CannotDialBack { .. }
            | Report::Refused { .. }
            | Report::Heard { .. } => None,
        }
    }

    /// Whether this is the present link to its peer, so that its frames are to be heard.
    pub(crate) fn contains(&self, link: LinkId) -> bool {
        self.0.get(&link.peer) == Some(&link.generation)
    }

    /// Whether there is a link to this peer.
    pub(crate) fn reaches(&self, peer: ServerId) -> bool {
        self.0.contains_key(&peer)
    }

    /// How many peers there is a link to.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The peers there is a link to.
    pub(crate) fn peers(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.0.keys().copied()
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
        links.event_of(&Report::LinkUp { link: older });
        assert!(links.contains(older));
        links.event_of(&Report::LinkUp { link: newer });
        assert!(links.contains(newer) && !links.contains(older));
        links.event_of(&Report::LinkDown { link: newer, cause: "".into() });
        assert!(!links.contains(newer) && !links.contains(older));
    }
}
