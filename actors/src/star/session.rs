//! [`Session`]: what the hub keeps of one session.

use std::collections::VecDeque;

use super::reader::ReaderMsg;
use crate::{kit::Address, socket::SenderMsg};
use ballotbox_core::UntrustedText;

/// While something is being written, at most this many bytes wait behind it.
const BYTES_WAITING_MAX: usize = 256 * 1024;

/// While something is being written, at most this many words wait behind it.
const WORDS_WAITING_MAX: usize = 64;

/// The two actors of an open session, and what was said over it and is not written yet.
///
/// Dropping it asks both actors to end, and nothing is reported of the session any more.
#[derive(Debug)]
pub(super) struct Session {
    /// Dropped first: when the sender shuts the connection, the reader knows that it was us.
    reader: Address<ReaderMsg>,
    /// None once the session is ending.
    sender: Option<Address<SenderMsg<Vec<u8>>>>,
    unwritten: Unwritten,
}

impl Session {
    pub(super) fn new(reader: Address<ReaderMsg>, sender: Address<SenderMsg<Vec<u8>>>) -> Self {
        Self { reader, sender: Some(sender), unwritten: Unwritten::default() }
    }

    /// Has this written. A learner or leader that does not read holds up nobody: when too much waits, its session ends.
    pub(super) fn say(&mut self, bytes: Vec<u8>) {
        let Some(sender) = &self.sender else { return };
        if self.unwritten.add(bytes.len()) {
            // A sender that has ended has shut the connection: its reader notices.
            let _ = sender.tell(SenderMsg::Write(bytes));
        } else {
            self.end("more than it may leave unread waits for the other end".into());
        }
    }

    /// The first word that was not written yet is written.
    pub(super) fn written(&mut self) {
        self.unwritten.written();
    }

    /// Ends the session, with a report. The reader makes it, so that it comes behind all that was heard.
    pub(super) fn end(&mut self, cause: UntrustedText) {
        // The reader knows why before the sender shuts the connection.
        if let Some(_sender) = self.sender.take() {
            let _ = self.reader.tell(ReaderMsg::End(cause));
        }
    }
}

/// How much of what a sender was told it has not written.
#[derive(Debug, Default)]
struct Unwritten {
    /// The sizes, the one that is being written first.
    sizes: VecDeque<usize>,
    /// The sum of all but the first.
    bytes_waiting: usize,
}

impl Unwritten {
    /// Adds one, if there is room. There always is for the first, however long it is.
    fn add(&mut self, size: usize) -> bool {
        if !self.sizes.is_empty() {
            if self.sizes.len() > WORDS_WAITING_MAX || self.bytes_waiting + size > BYTES_WAITING_MAX
            {
                return false;
            }
            self.bytes_waiting += size;
        }
        self.sizes.push_back(size);
        true
    }

    /// The first one is written.
    fn written(&mut self) {
        self.sizes.pop_front();
        self.bytes_waiting -= self.sizes.front().copied().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_word_may_be_written_and_short_ones_may_wait_behind_it_up_to_a_number() {
        let mut unwritten = Unwritten::default();
        assert!(unwritten.add(10 * BYTES_WAITING_MAX));
        for _ in 0..WORDS_WAITING_MAX {
            assert!(unwritten.add(20));
        }
        assert!(!unwritten.add(20));
        unwritten.written();
        assert!(unwritten.add(20));
    }

    #[test]
    fn long_words_may_wait_up_to_a_number_of_bytes_and_room_comes_back_when_they_are_written() {
        let mut unwritten = Unwritten::default();
        for _ in 0..100 {
            assert!(unwritten.add(BYTES_WAITING_MAX));
            assert!(unwritten.add(BYTES_WAITING_MAX));
            assert!(!unwritten.add(1));
            unwritten.written();
            assert!(unwritten.add(1));
            unwritten.written();
            unwritten.written();
        }
        assert_eq!((unwritten.sizes.len(), unwritten.bytes_waiting), (0, 0));
    }
}
