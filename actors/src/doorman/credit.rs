//! [`AcceptCredit`]: how many more connections the listener may accept.
//!
//! The listener may accept a few at first, and one more for each that has come in. While too many connections that were
//! handed on are not dealt with, it may accept no more: the rest waits in the system's backlog, as if we were busy.

/// The credit of one listener.
#[derive(Debug, Default)]
pub(super) struct AcceptCredit {
    /// Connections that were handed on, and not dealt with yet.
    untaken: usize,
    /// Credit that was held back.
    owed: usize,
}

impl AcceptCredit {
    /// At most this many connections are accepted before the doorman has dealt with the first of them.
    pub(super) const AHEAD_MAX: usize = 16;

    /// While this many connections were handed on and not dealt with, no more are accepted.
    pub(super) const UNTAKEN_MAX: usize = 64;

    /// How many connections were handed on, and are not dealt with.
    pub(super) const fn untaken(&self) -> usize {
        self.untaken
    }

    /// A connection has come in. Returns how many more may be accepted.
    pub(super) const fn accepted(&mut self) -> usize {
        self.owed += 1;
        self.due()
    }

    /// A connection was handed on.
    pub(super) const fn handed_on(&mut self) {
        self.untaken += 1;
    }

    /// One that was handed on was dealt with. Returns how many more may be accepted.
    pub(super) const fn taken(&mut self) -> usize {
        self.untaken = self.untaken.saturating_sub(1);
        self.due()
    }

    const fn due(&mut self) -> usize {
        if self.untaken < Self::UNTAKEN_MAX { std::mem::replace(&mut self.owed, 0) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_stops_when_those_inside_are_behind_and_goes_on_when_they_are_not() {
        let mut credit = AcceptCredit::default();
        let (mut allowed, mut accepted) = (AcceptCredit::AHEAD_MAX, 0);
        // All that comes is handed on, and nobody takes it.
        while allowed > 0 {
            allowed = allowed - 1 + credit.accepted();
            credit.handed_on();
            accepted += 1;
        }
        assert_eq!(accepted, AcceptCredit::UNTAKEN_MAX + AcceptCredit::AHEAD_MAX);
        for _ in 0..accepted {
            allowed += credit.taken();
        }
        assert_eq!(allowed, AcceptCredit::AHEAD_MAX);
    }

    #[test]
    fn those_who_say_nothing_cost_no_credit() {
        let mut credit = AcceptCredit::default();
        assert!((0..10_000).all(|_| credit.accepted() == 1));
    }
}
