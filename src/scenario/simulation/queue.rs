//! [`Queue`]: what is going to happen, in order.
//!
//! Most of what waits in a large ensemble are deadlines that are seconds away, and void when they come. So only what is soon
//! is kept in order; the rest lies in buckets, each of which is put in order when its time comes.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap},
};

use super::Moment;

/// Entries by time; those of the same time in the order in which they were put in.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// What is in the present bucket.
    soon: BinaryHeap<Entry<T>>,
    bucket: u64,
    /// What is in the buckets after it.
    later: BTreeMap<u64, Vec<Entry<T>>>,
    last: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Moment,
    sequence: u64,
    scheduled: T,
}

impl<T> Queue<T> {
    /// How long a bucket is, as a power of two of nanoseconds: 17 ms.
    const BUCKET_BITS: u32 = 24;

    pub(super) fn new() -> Self {
        Self { soon: BinaryHeap::with_capacity(64), bucket: 0, later: BTreeMap::new(), last: 0 }
    }

    /// Puts something in, and says under which number: no other entry ever has it.
    pub(super) fn push(&mut self, at: Moment, scheduled: T) -> u64 {
        self.last += 1;
        let entry = Entry { at, sequence: self.last, scheduled };
        let bucket = at.0 >> Self::BUCKET_BITS;
        if bucket <= self.bucket {
            self.soon.push(entry);
        } else {
            self.later.entry(bucket).or_default().push(entry);
        }
        self.last
    }

    /// Takes out what happens next: when, under which number, and what.
    pub(super) fn pop(&mut self) -> Option<(Moment, u64, T)> {
        if self.soon.is_empty() {
            let (bucket, entries) = self.later.pop_first()?;
            (self.bucket, self.soon) = (bucket, entries.into());
        }
        self.soon.pop().map(|entry| (entry.at, entry.sequence, entry.scheduled))
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<Moment> {
        let first_later = || self.later.values().next()?.iter().map(|entry| entry.at).min();
        self.soon.peek().map(|entry| entry.at).or_else(first_later)
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

    #[test]
    fn what_is_far_away_comes_in_its_place_whenever_it_was_put_in() {
        let second = |second: u64| Moment(second * 1_000_000_000);
        let mut queue = Queue::new();
        queue.push(second(9), 'e');
        queue.push(second(5), 'c');
        assert_eq!(queue.next_at(), Some(second(5)));
        queue.push(second(1), 'a');
        queue.push(second(5), 'd');
        assert_eq!(queue.pop().map(|(_, _, name)| name), Some('a'));
        queue.push(second(2), 'b');
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, _, name)| name).collect();
        assert_eq!(order, "bcde");
    }
}
