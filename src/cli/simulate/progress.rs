//! [`Progress`]: how far it is, for those who look at a terminal.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use ballotbox_actors::kit::clock;

/// A person cannot read faster.
const EVERY: Duration = Duration::from_millis(100);
/// A rate says something only after this time.
const RATE_AFTER: Duration = Duration::from_millis(500);

/// One line on stderr, which is written over, and gone in the end. If stderr is no terminal there is none.
pub(super) struct Progress {
    shows: bool,
    began: Instant,
    told: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let shows = std::io::stderr().is_terminal();
        Self { shows, began: clock::now(), told: None }
    }

    /// Tells it, unless that would be too often. The line is given the time since the beginning.
    pub(super) fn tell(&mut self, line: impl FnOnce(Duration) -> String) {
        if !self.shows {
            return;
        }
        let now = clock::now();
        if now - self.told.unwrap_or(self.began) >= EVERY {
            self.told = Some(now);
            write(&format!("\r{}\x1b[K", line(now - self.began)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told.is_some() {
            write("\r\x1b[K");
        }
    }
}

/// A terminal that cannot be written to is one that nobody looks at.
fn write(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// How far many runs are.
pub(super) fn of_many(runs: u64, asked: u64, failed: u64, elapsed: Duration) -> String {
    let far = format!("{runs} of {asked} runs, {failed} failed, {}", in_words(elapsed));
    if runs == 0 || elapsed < RATE_AFTER {
        return far;
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let (rate, left) = (runs as f64 / elapsed.as_secs_f64(), (asked - runs) as f64);
    let left = Duration::try_from_secs_f64(left / rate).unwrap_or(Duration::MAX);
    let digits = usize::from(rate < 10.0);
    format!("{far}, {rate:.digits$}/s, {} left", in_words(left))
}

/// How far one run is; how long it will take is not known.
pub(super) fn of_one(virtual_time: Duration, messages: u64, elapsed: Duration) -> String {
    let millis = virtual_time.as_secs_f64() * 1e3;
    format!("{millis:.1} ms of virtual time, {messages} messages, {}", in_words(elapsed))
}

/// A time in the two units that matter most.
fn in_words(time: Duration) -> String {
    const YEAR: u64 = 365 * 24 * 3600;
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ 3600..YEAR => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => "more than a year".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn many_runs_are_told_with_their_rate_and_the_time_left() {
        assert_eq!(of_many(0, 9, 0, 70 * SECOND), "0 of 9 runs, 0 failed, 1 min 10 s");
        assert_eq!(of_many(500, 9000, 2, SECOND / 10), "500 of 9000 runs, 2 failed, 0 s");
        assert_eq!(
            of_many(500, 10_000, 2, 5 * SECOND),
            "500 of 10000 runs, 2 failed, 5 s, 100/s, 1 min 35 s left"
        );
        assert_eq!(
            of_many(1, 1000, 0, 10 * SECOND),
            "1 of 1000 runs, 0 failed, 10 s, 0.1/s, 2 h 46 min left"
        );
        let longest = of_many(1, u64::MAX, 0, SECOND);
        assert!(longest.ends_with("more than a year left") && longest.len() < 80, "{longest}");
    }

    #[test]
    fn one_run_is_told_with_its_virtual_time() {
        let told = of_one(Duration::from_micros(12_345), 678, 61 * SECOND);
        assert_eq!(told, "12.3 ms of virtual time, 678 messages, 1 min 1 s");
    }
}
