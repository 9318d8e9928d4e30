//! A stream of events: how things stand, at every change. It is a value and no queue, so a reader misses states, but never the last one.

use std::{
    pin::pin,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

use ballotbox_actors::kit::clock;
use bytes::Bytes;
use futures::{Stream, future::select, stream};
use hyper::HeaderMap;

use crate::node::{Desk, Ended, control::StatusReport};

/// Between two events there is at least this time.
const PAUSE: Duration = Duration::from_millis(50);
/// What changes without news is seen after this time. All streams of a process look at the same moments, so that it is woken once for all of them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// If nothing changes, how things stand is told again after this time: so each end learns that the other has gone.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The events of a process are numbered anew: which process it was.
static LIFE: LazyLock<u64> = LazyLock::new(|| {
    let since = clock::time_of_day().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
});

/// The first moment at which a stream might have looked.
static FIRST_LOOK: LazyLock<Instant> = LazyLock::new(clock::now);

/// The next one.
fn next_look() -> Instant {
    let first = *FIRST_LOOK;
    let passed = clock::now().saturating_duration_since(first);
    let looks = passed.as_secs() / LOOK_EVERY.as_secs() + 1;
    first + LOOK_EVERY * u32::try_from(looks).unwrap_or(u32::MAX)
}

/// How far a stream has been read.
struct Reader {
    desk: Desk,
    /// The number of the status that was told last.
    seen: Option<u64>,
    told_at: Option<Instant>,
}

/// The number of the status that the reader has seen, if it was one of this process.
pub(super) fn seen(headers: &HeaderMap) -> Option<u64> {
    let (life, seen) = headers.get("last-event-id")?.to_str().ok()?.split_once('.')?;
    let is_of_ours = life.parse() == Ok(*LIFE);
    seen.parse().ok().filter(|_| is_of_ours)
}

/// The events after the one that was seen. They end with the node.
pub(super) fn stream(desk: Desk, seen: Option<u64>) -> impl Stream<Item = Bytes> + Send {
    let told_at = seen.map(|_| clock::now());
    let reader = Reader { desk, seen, told_at };
    stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await.ok()?;
        Some((event, reader))
    })
}

impl Reader {
    async fn next(&mut self) -> Result<Bytes, Ended> {
        if let Some(told_at) = self.told_at {
            clock::sleep_until(told_at + PAUSE).await;
        }
        loop {
            let status = self.desk.status().await?;
            let now = clock::now();
            let is_due = self.told_at.is_none_or(|told_at| now >= told_at + AGAIN_AFTER);
            if self.seen != Some(status.sequence) || is_due {
                self.seen = Some(status.sequence);
                self.told_at = Some(now);
                let report = StatusReport::of(&self.desk, &status);
                let report = serde_json::to_string(&report).unwrap_or_default();
                let event =
                    format!("event: status\nid: {}.{}\ndata: {report}\n\n", *LIFE, status.sequence);
                return Ok(Bytes::from(event));
            }
            let news = pin!(self.desk.change());
            let _ = select(news, pin!(clock::sleep_until(next_look()))).await;
        }
    }
}
