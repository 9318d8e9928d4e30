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
    let shown = |clock| {
        let time = clock_gettime(clock);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Duration::from_secs(seconds)
            + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
    };
    Reading { boot: shown(BOOT), raw: shown(RAW) }
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
