//! [`off_thread`]: work that blocks, where it holds up nobody.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::clock;

/// Work for which the system has no thread is tried again after this time.
const PAUSE: Duration = Duration::from_millis(50);
/// A thread that has done its work waits so long for more: a member with a lease writes a promise every 200 ms.
const LINGER: Duration = Duration::from_millis(500);

type Work = Box<dyn FnOnce() + Send>;

/// Where a thread that has nothing to do waits. It holds nothing: work is handed to the thread that waits, or to a new one.
static HANDED: LazyLock<(flume::Sender<Work>, flume::Receiver<Work>)> =
    LazyLock::new(|| flume::bounded(0));
/// Whether a thread waits there. One is enough: more would wake up for little.
static IS_AWAITED: AtomicBool = AtomicBool::new(false);

/// Does work that blocks, such as asking the system's resolver or waiting for a disk, on a thread that has nothing else to do. When
/// nobody waits for it any more, what has begun is done all the same. A panic of the work is one of the task that waits.
///
/// This is not async-std's `spawn_blocking`: the threads of its pool never end, and each wakes up twice a second to look for work, of
/// which a node has none for hours.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = flume::bounded(1);
    let work: Work = Box::new(move || {
        let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
    });
    if let Err(refused) = HANDED.0.try_send(work) {
        start(refused.into_inner()).await;
    }
    match outcome.recv_async().await {
        Ok(Ok(output)) => output,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(flume::RecvError::Disconnected) => unreachable!("a thread says what came of its work"),
    }
}

/// Has a new thread do this, and then what is handed to it.
async fn start(work: Work) {
    let (first, taken) = flume::bounded(1);
    // There is room for one.
    let _ = first.send(work);
    let attempt = || {
        let taken = taken.clone();
        thread::Builder::new().name("off-thread".to_owned()).spawn(move || {
            let mut next = taken.try_recv().ok();
            while let Some(work) = next {
                work();
                next = more();
            }
        })
    };
    // The work stays where it is until a thread takes it.
    while attempt().is_err() {
        clock::sleep_until(clock::now() + PAUSE).await;
    }
}

/// Waits a while for more work, if no other thread does.
fn more() -> Option<Work> {
    if IS_AWAITED.swap(true, Ordering::AcqRel) {
        return None;
    }
    let more = HANDED.1.recv_timeout(LINGER).ok();
    IS_AWAITED.store(false, Ordering::Release);
    more
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use async_std::task::block_on;
    use futures::FutureExt;

    use super::*;

    #[test]
    fn what_comes_of_the_work_is_returned_and_a_panic_is_one_of_the_task_that_waits() {
        assert_eq!(block_on(off_thread(|| 7)), 7);
        let panicked = block_on(AssertUnwindSafe(off_thread(|| panic!("as told"))).catch_unwind());
        let panic: Result<(), _> = panicked;
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"as told"));
    }

    #[test]
    fn work_that_nobody_waits_for_any_more_is_still_done() {
        let (go, gone) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel();
        let work = off_thread(move || {
            let _ = gone.recv();
            done.send(()).unwrap();
        });
        assert_eq!(block_on(async { work.now_or_never() }), None);
        drop(go);
        is_done.recv().unwrap();
    }
}
