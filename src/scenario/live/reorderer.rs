//! [`Reorderer`]: puts what the members report into the order of time.
//!
//! Each member's news arrive in order, but those of different members overlap by the time a message takes to get here.
//! So each line waits a moment, too short to be noticed, for others that happened before it.

use std::time::Duration;

use crate::scenario::story::{StoryLine, What};

/// Longer than news are on their way, shorter than a person notices.
const WAIT: Duration = Duration::from_millis(25);

/// Holds each line back for a moment, and passes all on in order.
pub(super) struct Reorderer<'a> {
    tell: &'a mut dyn FnMut(&StoryLine),
    /// In the order of their arrival; few, as each waits only for a moment.
    waiting: Vec<StoryLine>,
}

impl<'a> Reorderer<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(&StoryLine)) -> Self {
        Self { tell, waiting: Vec::new() }
    }

    /// Takes in a line.
    pub(super) fn note(&mut self, line: StoryLine) {
        self.waiting.push(line);
    }

    /// When the first line has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.iter().map(|line| line.at + WAIT).min()
    }

    /// Passes on what has waited long enough.
    pub(super) fn tell_due(&mut self, now: Duration) {
        if self.next_deadline().is_some_and(|due| due <= now) {
            self.tell_until(now.saturating_sub(WAIT));
        }
    }

    /// Passes everything on, but for the ends of leases that are yet to come.
    pub(super) fn tell_all(&mut self, now: Duration) {
        let is_to_come = |what: &What| matches!(what, What::LeaseOver { .. });
        self.waiting.retain(|line| line.at <= now || !is_to_come(&line.what));
        self.tell_until(Duration::MAX);
    }

    fn tell_until(&mut self, until: Duration) {
        // A stable sort: what one member reports for the same instant stays in its order.
        self.waiting.sort_by_key(|line| line.at);
        let due = self.waiting.partition_point(|line| line.at <= until);
        for line in self.waiting.drain(..due) {
            (self.tell)(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use ballotbox_core::ServerId;

    use super::*;
    use crate::{Epoch, scenario::vote_file::Operation};

    #[test]
    fn what_arrives_late_is_told_in_its_place() {
        let ms = Duration::from_millis;
        let mut told = Vec::new();
        let mut tell = |line: &StoryLine| told.push(line.at.as_millis());
        let mut reorderer = Reorderer::new(&mut tell);
        for at in [1, 3, 2, 40] {
            reorderer.note(StoryLine { at: ms(at), what: What::Played(Operation::Heal) });
        }
        assert_eq!(reorderer.next_deadline(), Some(ms(1) + WAIT));
        reorderer.tell_due(ms(3) + WAIT);
        assert_eq!(reorderer.next_deadline(), Some(ms(40) + WAIT));
        reorderer.tell_due(ms(41));
        let over = What::LeaseOver { member: ServerId::new(1).unwrap(), epoch: Epoch(1) };
        reorderer.note(StoryLine { at: ms(60), what: over });
        reorderer.tell_all(ms(39));
        assert_eq!(told, [1, 2, 3, 40]);
    }
}
