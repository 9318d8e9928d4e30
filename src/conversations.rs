//! [`Conversations`]: the connections that a server of this node talks on, each an actor of its own, and at most a fixed number of them.

use std::{collections::BTreeMap, convert::Infallible};

use ballotbox_actors::kit::{Address, Mailbox, mailbox};

/// The connections of one server. Too many make the oldest one end.
#[derive(Debug)]
pub(crate) struct Conversations {
    max: usize,
    /// The oldest first. Dropping an address ends the conversation.
    talking: BTreeMap<u64, Address<Infallible>>,
    /// How many have begun.
    begun: u64,
    /// How many have not ended.
    running: usize,
}

impl Conversations {
    /// At most `max` at a time.
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, talking: BTreeMap::new(), begun: 0, running: 0 }
    }

    /// One more: its number, and what it listens to for its end.
    pub(crate) fn begin(&mut self) -> (u64, Mailbox<Infallible>) {
        if self.talking.len() >= self.max {
            self.talking.pop_first();
        }
        self.begun += 1;
        self.running += 1;
        let (address, mailbox) = mailbox();
        self.talking.insert(self.begun, address);
        (self.begun, mailbox)
    }

    /// This one has ended.
    pub(crate) fn ended(&mut self, number: u64) {
        self.running -= 1;
        self.talking.remove(&number);
    }

    /// Whether one that was ended to make room has to be gone before another one begins: so there is never more than one too many.
    pub(crate) const fn is_crowded(&self) -> bool {
        self.running > self.max
    }

    /// Ends all of them.
    pub(crate) fn end_all(&mut self) {
        self.talking.clear();
    }

    /// Whether all have ended.
    pub(crate) const fn is_over(&self) -> bool {
        self.running == 0
    }
}
