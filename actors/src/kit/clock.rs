//! The one clock, monotonic. The time of day is there only to be shown.

use std::{
    future::Future,
    pin::pin,
    task::Poll,
    time::{Duration, Instant, SystemTime},
};

use async_io::Timer;
use ballotbox_core::leadership::Reading;
use futures::poll;
use rustix::time::{ClockId, clock_gettime};

use super::Rounded;

/// The present instant.
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// What the two clocks show by which leases go.
pub fn reading() -> Reading {
    Reading { boot: since_beginning(BOOT), raw: since_beginning(RAW) }
}

/// How much processor time this thread has had. What it waits for others does not count.
pub fn of_this_thread() -> Duration {
    since_beginning(ClockId::ThreadCPUTime)
}

fn since_beginning(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(target_os = "linux")]
const BOOT: ClockId = ClockId::Boottime;
#[cfg(target_os = "linux")]
const RAW: ClockId = ClockId::MonotonicRaw;
/// Other systems have one clock that is neither set nor stopped.
#[cfg(not(target_os = "linux"))]
const BOOT: ClockId = ClockId::Monotonic;
#[cfg(not(target_os = "linux"))]
const RAW: ClockId = ClockId::Monotonic;

/// The time of day, to be shown to people. It may jump: nothing is decided by it.
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// A time of day in UTC, as `2026-11-25T13:55:21.123Z`. A clock that is out of all bounds is shown at their edge.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(within_bounds(time)).to_string()
}

/// The same without fractions of a second.
pub fn rfc3339_seconds(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(within_bounds(time)).to_string()
}

/// The time of day that such a text stands for, if it is one.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

fn within_bounds(time: SystemTime) -> SystemTime {
    const YEAR_9999_ENDS: Duration = Duration::from_millis(253_402_300_799_999);
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since.min(YEAR_9999_ENDS)
}

/// Waits until then.
pub async fn sleep_until(deadline: Instant) {
    Timer::at(deadline).await;
}

/// The work took longer than it was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not done after {}", Rounded(*.0))]
pub struct Late(pub Duration);

/// Gives `work` this long; when it takes longer it is dropped.
///
/// # Errors
///
/// [`Late`] when the time was up first.
pub async fn within<F: Future>(limit: Duration, work: F) -> Result<F::Output, Late> {
    let mut work = pin!(work);
    // What is done at once needs no timer: arming one wakes the thread that polls for all of them.
    match poll!(work.as_mut()) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => async_std::future::timeout(limit, work).await.map_err(|_| Late(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_shown_within_its_bounds() {
        let shown = |millis| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(shown(7), "1970-01-01T00:00:00.007Z");
        assert_eq!(shown(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(shown(1_000_000_000_000_000), "9999-12-31T23:59:59.999Z");
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(rfc3339(before), "1970-01-01T00:00:00.000Z");
        let late = SystemTime::UNIX_EPOCH + Duration::from_millis(951_782_400_999);
        assert_eq!(rfc3339_seconds(late), "2000-02-29T00:00:00Z");
        assert_eq!(parse_rfc3339("2000-02-29T00:00:00.999Z"), Some(late));
        assert_eq!(parse_rfc3339("2000-02-30T00:00:00Z"), None);
    }
}
