//! [`Clocks`]: what the two clocks of a member's machine show by which leases go.

use std::time::Duration;

use ballotbox_core::leadership::Reading;

use super::Moment;

/// A million parts.
const MILLION: i128 = 1_000_000;

/// The clocks of one machine.
#[derive(Clone, Debug)]
pub(super) struct Clocks {
    /// It goes on while the machine sleeps, and may be slewed.
    boot: Clock,
    /// It is not slewed, and stops while the machine sleeps.
    raw: Clock,
    /// How much both are too slow, in parts per million.
    drift_ppm: i64,
    /// How much faster than that the one goes that is slewed.
    slew_ppm: i64,
    halt: Halt,
    /// How often the machine was started.
    pub(super) boots: u64,
}

/// Why clocks of a machine stand still.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Halt {
    /// None does.
    No,
    /// It sleeps.
    Asleep,
    /// Its host has paused it.
    Paused,
}

/// A clock that goes at one rate since a moment.
#[derive(Clone, Copy, Debug)]
struct Clock {
    since: Moment,
    shown: Duration,
    /// Parts that it shows of a million that pass.
    rate: i128,
}

impl Clock {
    const fn new(since: Moment, rate: i128) -> Self {
        Self { since, shown: Duration::ZERO, rate }
    }

    fn shows(&self, now: Moment) -> Duration {
        let passed = i128::try_from(now.since(self.since).as_nanos()).unwrap_or(i128::MAX);
        let nanos = u64::try_from(passed.saturating_mul(self.rate) / MILLION).unwrap_or(u64::MAX);
        self.shown + Duration::from_nanos(nanos)
    }

    /// From now on it goes at this rate.
    fn go(&mut self, now: Moment, rate: i128) {
        *self = Self { since: now, shown: self.shows(now), rate };
    }
}

impl Clocks {
    /// Those of a machine that starts now.
    pub(super) fn new(now: Moment, drift_ppm: i64) -> Self {
        let clock = Clock::new(now, Self::rate(drift_ppm));
        Self { boot: clock, raw: clock, drift_ppm, slew_ppm: 0, halt: Halt::No, boots: 0 }
    }

    /// What they show.
    pub(super) fn read(&self, now: Moment) -> Reading {
        Reading { boot: self.boot.shows(now), raw: self.raw.shows(now) }
    }

    /// The machine starts anew: its clocks begin again.
    pub(super) fn reboot(&mut self, now: Moment) {
        let boots = self.boots + 1;
        *self = Self { boots, ..Self::new(now, self.drift_ppm) };
    }

    /// A time daemon lets the clock that can be slewed go this much faster, or as before with 0.
    pub(super) fn slew(&mut self, now: Moment, ppm: i64) {
        self.slew_ppm = ppm;
        self.go(now, self.halt);
    }

    /// The machine sleeps.
    pub(super) fn sleep(&mut self, now: Moment) {
        self.go(now, Halt::Asleep);
    }

    /// The host has paused the machine: its clocks stand still.
    pub(super) fn pause(&mut self, now: Moment) {
        self.go(now, Halt::Paused);
    }

    /// The machine goes on.
    pub(super) fn wake(&mut self, now: Moment) {
        self.go(now, Halt::No);
    }

    fn rate(drift_ppm: i64) -> i128 {
        MILLION - i128::from(drift_ppm)
    }

    fn go(&mut self, now: Moment, halt: Halt) {
        let raw = Self::rate(self.drift_ppm);
        let boot = raw + i128::from(self.slew_ppm);
        let (boot, raw) = match halt {
            Halt::No => (boot, raw),
            Halt::Asleep => (boot, 0),
            Halt::Paused => (0, 0),
        };
        self.halt = halt;
        self.boot.go(now, boot);
        self.raw.go(now, raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn shown(clocks: &Clocks, second: u64) -> (u128, u128) {
        let Reading { boot, raw } = clocks.read(Moment(second * SECOND));
        (boot.as_millis(), raw.as_millis())
    }

    #[test]
    fn one_clock_sleeps_and_the_other_is_slewed_and_both_are_off() {
        let at = |second: u64| Moment(second * SECOND);
        let mut clocks = Clocks::new(at(1), 10_000);
        assert_eq!(shown(&clocks, 2), (990, 990));
        clocks.sleep(at(2));
        assert_eq!(shown(&clocks, 3), (1980, 990));
        clocks.wake(at(3));
        clocks.slew(at(3), 80_000);
        assert_eq!(shown(&clocks, 4), (3050, 1980));
        clocks.slew(at(4), 0);
        clocks.pause(at(5));
        assert_eq!(shown(&clocks, 9), (4040, 2970));
        // Whatever a daemon does meanwhile, it is done when they go on.
        clocks.slew(at(7), -80_000);
        assert_eq!(shown(&clocks, 9), (4040, 2970));
        clocks.wake(at(9));
        assert_eq!(shown(&clocks, 10), (4950, 3960));
        clocks.reboot(at(10));
        assert_eq!((shown(&clocks, 11), clocks.boots), ((990, 990), 1));
    }
}
