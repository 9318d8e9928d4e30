//! Work of which each step is taken by itself, as far as it goes without waiting.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use super::clock;

/// Does as much of this as can be done at once, and says how much processor time that has taken. Where it has to wait for
/// something, that [wakes](woken) us.
pub async fn step<F: Future>(mut work: Pin<&mut F>) -> (Poll<F::Output>, Duration) {
    poll_fn(|cx| {
        let began = clock::of_this_thread();
        let went_on = work.as_mut().poll(cx);
        Poll::Ready((went_on, clock::of_this_thread().saturating_sub(began)))
    })
    .await
}

/// Waits until something wakes us: what a [`step`] waits for, or anything else.
pub async fn woken() {
    let mut is_awaited = false;
    poll_fn(
        |_| {
            if std::mem::replace(&mut is_awaited, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
    .await;
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use async_std::task::block_on;

    use super::*;
    use crate::kit::{mailbox, yield_now};

    #[test]
    fn work_goes_on_by_a_step_whenever_it_is_woken() {
        block_on(async {
            let (address, mut words) = mailbox();
            let (steps, mut taken) = mailbox();
            let worker = async_std::task::spawn(async move {
                let mut work = pin!(async {
                    let (one, two) = (words.next().await, words.next().await);
                    [one, two]
                });
                loop {
                    if let (Poll::Ready(done), _) = step(work.as_mut()).await {
                        return done;
                    }
                    steps.tell(()).unwrap();
                    woken().await;
                }
            });
            for word in ["one", "two"] {
                taken.next().await.unwrap();
                for _ in 0..10 {
                    yield_now().await;
                }
                assert!(taken.is_empty(), "nothing has woken it");
                address.tell(word).unwrap();
            }
            assert_eq!(worker.await, [Some("one"), Some("two")]);
        });
    }
}
