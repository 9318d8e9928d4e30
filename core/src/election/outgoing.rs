//! [`Outgoing`]: what an election says, on its way to the links. Only the newest word to a peer counts, and a server with
//! many links does not speak all the time.
//!
//! The elector, the simulation and the model checker all speak through this.

use std::{collections::BTreeMap, ops::Add, time::Duration};

use super::Notification;
use crate::{ServerId, wire::Frame};

/// Up to this many links, nothing is ever held back.
const UNPACED_MAX: usize = 16;

/// No word is held back longer.
const PACE_MAX: Duration = Duration::from_millis(100);

/// The words that wait to be said, one for each peer. It reads no clock: a moment `M` comes in with each question.
#[derive(Clone, Debug)]
pub struct Outgoing<M> {
    unsaid: BTreeMap<ServerId, Notification>,
    /// Nothing is said before that.
    not_before: Option<M>,
    /// What was said last: to say it to several peers, one frame is enough.
    last: Option<(Notification, Frame)>,
}

impl<M> Default for Outgoing<M> {
    fn default() -> Self {
        Self { unsaid: BTreeMap::new(), not_before: None, last: None }
    }
}

impl<M: Copy + Ord + Add<Duration, Output = M>> Outgoing<M> {
    /// Keeps this word for a peer, in place of an older one.
    pub fn say(&mut self, to: ServerId, notification: Notification) {
        self.unsaid.insert(to, notification);
    }

    /// Whether no word waits.
    pub fn is_empty(&self) -> bool {
        self.unsaid.is_empty()
    }

    /// The moment before which nothing will be said. `None`: nothing waits, or it can be said at once.
    pub fn not_before(&self) -> Option<M> {
        self.not_before.filter(|_| !self.is_empty())
    }

    /// Takes out what is to be said now, in the order of the peers, by a server with this number of links.
    pub fn take_due(&mut self, now: M, links: usize) -> Vec<(ServerId, Frame)> {
        if self.is_empty() || self.not_before.is_some_and(|moment| moment > now) {
            return Vec::new();
        }
        self.not_before = pace(links).map(|wait| now + wait);
        let unsaid = std::mem::take(&mut self.unsaid).into_iter();
        unsaid.filter_map(|(to, word)| Some((to, self.frame_of(word)?))).collect()
    }

    fn frame_of(&mut self, word: Notification) -> Option<Frame> {
        let same = self.last.take().filter(|(last, _)| *last == word);
        let frame = same.map(|(_, frame)| frame).or_else(|| word.to_frame())?;
        self.last = Some((word, frame.clone()));
        Some(frame)
    }
}

/// How long a server with this number of links waits between two words to its peers.
///
/// In a large ensemble that begins at once everybody hears of ever better candidates, and every change of mind goes to
/// everybody: the votes grow with the square of the voters, most out of date on arrival. So the wait grows likewise.
fn pace(links: usize) -> Option<Duration> {
    let squared = u32::try_from(links.saturating_mul(links)).unwrap_or(u32::MAX);
    let wait = Duration::from_micros(10).saturating_mul(squared);
    (links > UNPACED_MAX).then_some(wait.min(PACE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::election::{Format, PeerState, Round};

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn word(round: i64) -> Notification {
        let format = Format::WithoutConfig { version: Format::LAST_WITHOUT_CONFIG };
        Notification { state: PeerState::Looking, vote: None, round: Round(round), format }
    }

    fn heard(said: &[(ServerId, Frame)]) -> Vec<(u64, i64)> {
        let round = |frame: &Frame| Notification::decode(frame.body()).unwrap().round.0;
        said.iter().map(|(to, frame)| (to.number(), round(frame))).collect()
    }

    #[test]
    fn only_the_newest_word_to_a_peer_is_said_and_each_once() {
        let mut outgoing = Outgoing::default();
        for (to, round) in [(3, 1), (1, 1), (3, 2), (2, 1), (3, 3)] {
            outgoing.say(id(to), word(round));
        }
        let said = outgoing.take_due(Duration::ZERO, 3);
        assert_eq!(heard(&said), [(1, 1), (2, 1), (3, 3)]);
        assert!(outgoing.is_empty() && outgoing.take_due(Duration::ZERO, 3).is_empty());
    }

    #[test]
    fn few_links_are_never_made_to_wait() {
        let mut outgoing = Outgoing::default();
        for round in 0..10 {
            outgoing.say(id(1), word(round));
            assert_eq!(outgoing.not_before(), None);
            assert_eq!(outgoing.take_due(Duration::ZERO, UNPACED_MAX).len(), 1);
        }
    }

    #[test]
    fn many_links_wait_between_two_words_and_then_hear_the_newest() {
        let (now, mut outgoing) = (Duration::from_secs(1), Outgoing::default());
        outgoing.say(id(1), word(1));
        assert_eq!(outgoing.take_due(now, 20).len(), 1);
        assert_eq!(outgoing.not_before(), None, "nothing waits");
        outgoing.say(id(1), word(2));
        outgoing.say(id(1), word(3));
        assert!(outgoing.take_due(now, 20).is_empty());
        let next = outgoing.not_before().unwrap();
        assert_eq!(next, now + Duration::from_millis(4));
        assert!(outgoing.take_due(now + Duration::from_micros(3999), 20).is_empty());
        assert_eq!(heard(&outgoing.take_due(next, 20)), [(1, 3)]);
    }

    #[test]
    fn the_wait_grows_with_the_square_of_the_links_up_to_a_limit() {
        assert_eq!([pace(0), pace(16)], [None, None]);
        assert_eq!(pace(17), Some(Duration::from_micros(2890)));
        assert_eq!([pace(100), pace(usize::MAX)], [Some(PACE_MAX); 2]);
    }
}
