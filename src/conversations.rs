//! [`Conversations`]: the connections that a server of this node talks on, each an actor of its own, and at most a fixed number of them.

use std::{cmp::Reverse, collections::BTreeMap, convert::Infallible, net::IpAddr};

use ballotbox_actors::kit::{Address, Mailbox, mailbox};

/// The connections of one server. Of too many, the oldest one ends that comes from where most come from; those that are
/// [kept](Self::keep) have places of their own.
#[derive(Debug)]
pub(crate) struct Conversations {
    max: usize,
    kept_max: usize,
    /// The oldest first.
    talking: BTreeMap<u64, Talking>,
    kept: BTreeMap<u64, Address<Infallible>>,
    /// How many have begun.
    begun: u64,
    /// How many have not ended.
    running: usize,
}

/// Dropping it ends the conversation.
#[derive(Debug)]
struct Talking {
    address: Address<Infallible>,
    /// Where it comes from, if that makes a difference.
    from: Option<IpAddr>,
}

impl Conversations {
    /// At most `max` at a time, and `kept_max` more that are kept.
    pub(crate) const fn new(max: usize, kept_max: usize) -> Self {
        Self {
            max,
            kept_max,
            talking: BTreeMap::new(),
            kept: BTreeMap::new(),
            begun: 0,
            running: 0,
        }
    }

    /// One more, from there: its number, and what it listens to for its end.
    pub(crate) fn begin(&mut self, from: Option<IpAddr>) -> (u64, Mailbox<Infallible>) {
        if self.talking.len() >= self.max
            && let Some(number) = self.oldest_of_a_crowd()
        {
            self.talking.remove(&number);
        }
        self.begun += 1;
        self.running += 1;
        let (address, mailbox) = mailbox();
        self.talking.insert(self.begun, Talking { address, from });
        (self.begun, mailbox)
    }

    /// The oldest one from where most come from, so that a crowd pushes out itself.
    fn oldest_of_a_crowd(&self) -> Option<u64> {
        let mut crowds = BTreeMap::<Option<IpAddr>, (usize, Reverse<u64>)>::new();
        for (number, talking) in &self.talking {
            crowds.entry(talking.from).or_insert((0, Reverse(*number))).0 += 1;
        }
        crowds.into_values().max().map(|(_, Reverse(oldest))| oldest)
    }

    /// From now on this one makes room for nobody. Returns whether there was a place for it.
    #[cfg_attr(
        not(any(feature = "http", test)),
        expect(dead_code, reason = "only streams are kept")
    )]
    pub(crate) fn keep(&mut self, number: u64) -> bool {
        if self.kept.len() >= self.kept_max {
            return false;
        }
        // One that has just made room is told that there is no place.
        let talking = self.talking.remove(&number);
        talking.map(|talking| self.kept.insert(number, talking.address)).is_some()
    }

    /// This one has ended.
    pub(crate) fn ended(&mut self, number: u64) {
        self.running -= 1;
        self.talking.remove(&number);
        self.kept.remove(&number);
    }

    /// Whether one that was ended to make room has to be gone before another one begins: so there is never more than one too many.
    pub(crate) fn is_crowded(&self) -> bool {
        self.running > self.max + self.kept.len()
    }

    /// Ends all of them.
    pub(crate) fn end_all(&mut self) {
        self.talking.clear();
        self.kept.clear();
    }

    /// Whether all have ended.
    pub(crate) const fn is_over(&self) -> bool {
        self.running == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_ended(mailbox: &mut Mailbox<Infallible>) -> bool {
        let next =
            async_std::task::block_on(async { futures::poll!(std::pin::pin!(mailbox.next())) });
        next.is_ready()
    }

    #[test]
    fn a_crowd_from_one_address_pushes_out_itself() {
        let mut all = Conversations::new(4, 0);
        let [crowd, alone] = ["10.9.9.9", "10.0.0.1"].map(|from| Some(from.parse().unwrap()));
        let (_, mut honest) = all.begin(alone);
        let mut others: Vec<_> = (0..10).map(|_| all.begin(crowd).1).collect();
        assert!(!has_ended(&mut honest));
        let ended: Vec<_> = others.iter_mut().map(has_ended).collect();
        assert_eq!(ended.iter().position(|ended| !ended), Some(7), "the last three are left");
        let (_, mut other) = all.begin(alone);
        assert!(!has_ended(&mut honest) && !has_ended(&mut other) && has_ended(&mut others[7]));
    }

    #[test]
    fn the_oldest_makes_room_and_those_that_are_kept_do_not() {
        let mut all = Conversations::new(2, 1);
        let (first, mut of_first) = all.begin(None);
        let (second, mut of_second) = all.begin(None);
        assert!(all.keep(first));
        assert!(!all.keep(second), "there is one place");
        let (_, mut of_third) = all.begin(None);
        assert!(!all.is_crowded());
        let (fourth, _of_fourth) = all.begin(None);
        assert!(all.is_crowded());
        assert!(has_ended(&mut of_second));
        assert!(!has_ended(&mut of_first) && !has_ended(&mut of_third));
        all.ended(second);
        assert!(!all.is_crowded());
        all.ended(first);
        assert!(all.keep(fourth), "its place is free again");
        all.end_all();
        assert!(has_ended(&mut of_third));
        assert!(!all.is_over());
    }
}
