//! [`Queue`]: what is going to happen, in order.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::Moment;

/// Entries by time; those of the same time in the order in which they were put in.
#[derive(Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Entry<T>>,
    last: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Moment,
    sequence: u64,
    scheduled: T,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(64), last: 0 }
    }

    /// Puts something in, and says under which number: no other entry ever has it.
    pub(super) fn push(&mut self, at: Moment, scheduled: T) -> u64 {
        self.last += 1;
        self.heap.push(Entry { at, sequence: self.last, scheduled });
        self.last
    }

    /// Takes out what happens next: when, under which number, and what.
    pub(super) fn pop(&mut self) -> Option<(Moment, u64, T)> {
        self.heap.pop().map(|entry| (entry.at, entry.sequence, entry.scheduled))
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<Moment> {
        self.heap.peek().map(|entry| entry.at)
    }
}

impl<T> Ord for Entry<T> {
    /// The other way round: the heap gives out its largest entry first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_at_the_same_time_what_was_put_in_first() {
        let mut queue = Queue::new();
        for (at, name) in [(5, 'd'), (1, 'a'), (3, 'b'), (3, 'c')] {
            queue.push(Moment(at), name);
        }
        assert_eq!(queue.next_at(), Some(Moment(1)));
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, _, name)| name).collect();
        assert_eq!(order, "abcd");
    }
}
