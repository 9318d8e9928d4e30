//! [`Teller`]: puts what the members report into the order of time.
//!
//! Each member's news arrive in order, but those of different members overlap by the time a message takes to get here.
//! So each line waits a moment, too short to be noticed, for others that happened before it.

use std::time::Duration;

use super::story::Happening;

/// Longer than news are on their way, shorter than a person notices.
const WAIT: Duration = Duration::from_millis(25);

/// Tells a story in order.
pub(super) struct Teller<'a> {
    tell: &'a mut dyn FnMut(&Happening),
    /// In the order of their arrival; few, as they wait so shortly.
    waiting: Vec<Happening>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(&Happening)) -> Self {
        Self { tell, waiting: Vec::new() }
    }

    /// Takes in what has happened.
    pub(super) fn note(&mut self, happening: Happening) {
        self.waiting.push(happening);
    }

    /// When something has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.iter().map(|happening| happening.at + WAIT).min()
    }

    /// Tells what has waited long enough.
    pub(super) fn tell_due(&mut self, now: Duration) {
        if self.next_deadline().is_some_and(|due| due <= now) {
            self.tell_until(now.saturating_sub(WAIT));
        }
    }

    /// Tells everything.
    pub(super) fn tell_all(&mut self) {
        self.tell_until(Duration::MAX);
    }

    fn tell_until(&mut self, until: Duration) {
        // A stable sort: what one member reports for the same instant stays in its order.
        self.waiting.sort_by_key(|happening| happening.at);
        let due = self.waiting.partition_point(|happening| happening.at <= until);
        for happening in self.waiting.drain(..due) {
            (self.tell)(&happening);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{live::What, vote_file::Operation};

    #[test]
    fn what_arrives_late_is_told_in_its_place() {
        let ms = Duration::from_millis;
        let mut told = Vec::new();
        let mut tell = |happening: &Happening| told.push(happening.at.as_millis());
        let mut teller = Teller::new(&mut tell);
        for at in [1, 3, 2, 40] {
            teller.note(Happening { at: ms(at), what: What::Played(Operation::Heal) });
        }
        assert_eq!(teller.next_deadline(), Some(ms(1) + WAIT));
        teller.tell_due(ms(3) + WAIT);
        assert_eq!(teller.next_deadline(), Some(ms(40) + WAIT));
        teller.tell_due(ms(41));
        teller.tell_all();
        assert_eq!(told, [1, 2, 3, 40]);
    }
}
