//! [`Mailbox`] and its two kinds of sending half: [`Address`], which never waits, and [`Inlet`], which does.
//!
//! A mailbox has exactly one reader. It may have two lanes: what is told through an [`Address`] goes before
//! what comes through an [`Inlet`]. Users of an address are bounded by protocol (one report, one credit). Users of an
//! inlet are bounded by its capacity and wait for room, so that the source of the messages feels the back-pressure.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use async_io::Timer;
use flume::r#async::RecvStream;
use futures::{Stream, future};

use super::clock;

/// A mailbox and its first address.
pub fn mailbox<M: 'static>() -> (Address<M>, Mailbox<M>) {
    let (told, lane) = lane(flume::unbounded());
    (Address(told), Mailbox { told: lane, inlet: None, fed: None, alarm: Alarm::default() })
}

/// A mailbox that also has an inlet, with room for `capacity` messages.
pub fn mailbox_with_inlet<M: 'static>(capacity: usize) -> (Address<M>, Inlet<M>, Mailbox<M>) {
    let (address, mut mailbox) = mailbox();
    let (inlet, lane) = lane(flume::bounded(capacity));
    mailbox.inlet = Some(lane);
    (address, Inlet(inlet), mailbox)
}

/// The actor has ended, and does not read the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the actor has ended")]
pub struct Gone;

/// The sending half of a [`Lane`].
struct Half<M> {
    queue: flume::Sender<M>,
    is_closed: Arc<AtomicBool>,
}

impl<M> Half<M> {
    /// Whether a message that was just put into the lane is read, or at least let go. If the reader has gone, it may lie there until
    /// the last sender goes, and an answer to it never comes.
    fn confirm(&self) -> Result<(), Gone> {
        if self.is_closed.load(Ordering::SeqCst) { Err(Gone) } else { Ok(()) }
    }
}

impl<M> Clone for Half<M> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), is_closed: Arc::clone(&self.is_closed) }
    }
}

/// Where an actor is told things. Dropping the last address closes the mailbox, which ends the actor.
pub struct Address<M>(Half<M>);

impl<M> Address<M> {
    /// Puts a message into the mailbox, without ever waiting.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the actor has ended. Often that may be ignored: the one that stopped the actor knows.
    pub fn tell(&self, message: M) -> Result<(), Gone> {
        self.0.queue.send(message).map_err(|_| Gone)
    }

    /// The same with a question, which holds the address of its answer: if this succeeds, the answer comes, or its mailbox closes.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the actor has ended, also if it has answered just before.
    pub fn ask(&self, question: M) -> Result<(), Gone> {
        self.tell(question)?;
        self.0.confirm()
    }

    /// Whether the actor has ended.
    pub fn is_gone(&self) -> bool {
        self.0.queue.is_disconnected()
    }
}

/// Where an actor is fed, by those who can wait until there is room.
pub struct Inlet<M>(Half<M>);

impl<M> Inlet<M> {
    /// Puts a message into the mailbox, waiting for room. If it holds the address of an answer and this succeeds, the answer comes, or
    /// its mailbox closes.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the actor has ended, also if it has read the message just before.
    pub async fn send(&self, message: M) -> Result<(), Gone> {
        // `try_send` first: a full mailbox is the exception, and a future costs more than a push.
        match self.0.queue.try_send(message) {
            Ok(()) => {}
            Err(flume::TrySendError::Disconnected(_)) => return Err(Gone),
            Err(flume::TrySendError::Full(message)) => {
                self.0.queue.send_async(message).await.map_err(|_| Gone)?;
            }
        }
        self.0.confirm()
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> Clone for Inlet<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

impl<M> fmt::Debug for Inlet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inlet")
    }
}

/// What woke an actor that waits for a message or a deadline.
#[derive(Debug, Eq, PartialEq)]
pub enum Wake<M> {
    /// It was told this.
    Told(M),
    /// The deadline it asked for has passed.
    Due,
    /// All its addresses are gone: it should end.
    Closed,
}

/// Which came first, in [`Mailbox::race`].
#[derive(Debug, Eq, PartialEq)]
pub enum Raced<T, M> {
    /// The work was done.
    Done(T),
    /// The mailbox had a message, or closed (`None`); the work is dropped.
    Woken(Option<M>),
}

/// The reading half: owned by one actor, never cloned.
pub struct Mailbox<M: 'static> {
    told: Lane<M>,
    inlet: Option<Lane<M>>,
    /// Taken from the inlet, and overtaken by what was told.
    fed: Option<M>,
    alarm: Alarm,
}

impl<M> Mailbox<M> {
    /// Waits for the next message; `None` when all addresses are gone: the actor should end.
    pub async fn next(&mut self) -> Option<M> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same, but no longer than until `deadline`.
    ///
    /// The deadline is looked at first: a busy mailbox cannot hold up a timer.
    pub async fn next_until(&mut self, deadline: Option<Instant>) -> Wake<M> {
        poll_fn(|cx| {
            if deadline.is_some_and(|deadline| deadline <= clock::now()) {
                return Poll::Ready(Wake::Due);
            }
            if let Poll::Ready(next) = self.poll_next(cx) {
                return Poll::Ready(next.map_or(Wake::Closed, Wake::Told));
            }
            match deadline {
                Some(deadline) => self.alarm.poll(deadline, cx).map(|()| Wake::Due),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        if let Poll::Ready(told) = self.told.poll(cx) {
            return Poll::Ready(told);
        }
        let Some(fed) = self.take_fed(cx) else { return Poll::Pending };
        // What was told before this was fed may have come between the two looks.
        let Poll::Ready(Some(told)) = self.told.poll(cx) else { return Poll::Ready(Some(fed)) };
        self.fed = Some(fed);
        Poll::Ready(Some(told))
    }

    fn take_fed(&mut self, cx: &mut Context<'_>) -> Option<M> {
        if let Some(fed) = self.fed.take() {
            return Some(fed);
        }
        match self.inlet.as_mut()?.poll(cx) {
            Poll::Ready(Some(fed)) => Some(fed),
            Poll::Ready(None) => {
                self.inlet = None;
                None
            }
            Poll::Pending => None,
        }
    }

    /// Whether nothing waits to be read just now.
    pub fn is_empty(&self) -> bool {
        self.fed.is_none()
            && self.told.queue.is_empty()
            && self.inlet.as_ref().is_none_or(|lane| lane.queue.is_empty())
    }

    /// Works, unless a message comes first or the mailbox closes. Work that is done at once wins.
    pub async fn race<F: Future>(&mut self, work: F) -> Raced<F::Output, M> {
        match future::select(pin!(work), pin!(self.next())).await {
            future::Either::Left((output, _)) => Raced::Done(output),
            future::Either::Right((woken, _)) => Raced::Woken(woken),
        }
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

/// One flume channel, read as a stream: unlike a future made for each message, a stream sees the channel close.
struct Lane<M: 'static> {
    stream: RecvStream<'static, M>,
    queue: flume::Receiver<M>,
    is_closed: Arc<AtomicBool>,
}

/// Both ends of a lane.
fn lane<M>((sender, queue): (flume::Sender<M>, flume::Receiver<M>)) -> (Half<M>, Lane<M>) {
    let is_closed = Arc::<AtomicBool>::default();
    let lane =
        Lane { stream: queue.clone().into_stream(), queue, is_closed: Arc::clone(&is_closed) };
    (Half { queue: sender, is_closed }, lane)
}

impl<M> Lane<M> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl<M> Drop for Lane<M> {
    /// flume keeps queued messages until the last sender goes; they may hold sockets, or the address of an answer, so let them go now.
    /// What comes after that finds the lane closed.
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::SeqCst);
        drop(self.queue.drain());
    }
}

/// One timer, kept. To set it anew wakes the thread that waits for all timers; to let it ring in vain wakes ours as well. So it is set
/// anew when it would ring too late, or when it would ring early and be set then for a longer time than is left until that.
#[derive(Default)]
struct Alarm {
    timer: Option<Timer>,
    rings_at: Option<Instant>,
}

impl Alarm {
    fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.rings_at.is_none_or(|rings_at| is_to_be_moved(rings_at, deadline)) {
                self.timer.get_or_insert_with(Timer::never).set_at(deadline);
                self.rings_at = Some(deadline);
            }
            let Some(timer) = &mut self.timer else {
                return Poll::Pending;
            };
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.rings_at = None;
            if deadline <= clock::now() {
                return Poll::Ready(());
            }
        }
    }
}

fn is_to_be_moved(rings_at: Instant, deadline: Instant) -> bool {
    let until_it_rings = || rings_at.saturating_duration_since(clock::now());
    rings_at > deadline || (rings_at < deadline && deadline - rings_at > until_it_rings())
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Waker, time::Duration};

    use async_std::task::block_on;

    use super::*;

    #[test]
    fn what_is_told_goes_before_what_is_fed_and_closing_comes_last() {
        block_on(async {
            let (address, inlet, mut mailbox) = mailbox_with_inlet(2);
            inlet.send("fed").await.unwrap();
            address.tell("told").unwrap();
            drop(inlet);
            assert_eq!(mailbox.next().await, Some("told"));
            assert_eq!(mailbox.next().await, Some("fed"));
            drop(address);
            assert_eq!(mailbox.next().await, None);
        });
    }

    #[test]
    fn a_question_that_meets_the_end_of_its_reader_is_answered_by_a_closed_mailbox_or_refused() {
        for _ in 0..5_000 {
            let (address, inlet, reader) = mailbox_with_inlet::<Address<()>>(2);
            let reader = std::thread::spawn(move || drop(reader));
            block_on(async {
                for _ in 0..4 {
                    let (reply, mut answer) = mailbox();
                    if address.ask(reply).is_ok() {
                        let answer = clock::within(Duration::from_secs(60), answer.next()).await;
                        assert_eq!(answer, Ok(None));
                    }
                    let (reply, mut answer) = mailbox();
                    if inlet.send(reply).await.is_ok() {
                        let answer = clock::within(Duration::from_secs(60), answer.next()).await;
                        assert_eq!(answer, Ok(None));
                    }
                }
            });
            reader.join().unwrap();
        }
    }

    #[test]
    fn what_was_told_before_something_was_fed_is_read_before_it_whichever_thread_does_it() {
        const TIMES: u32 = 20_000;
        let (address, inlet, mut mailbox) = mailbox_with_inlet(1);
        let (read, all_read) = flume::bounded(1);
        let speaker = std::thread::spawn(move || {
            for number in 0..TIMES {
                address.tell(2 * number).unwrap();
                block_on(inlet.send(2 * number + 1)).unwrap();
                all_read.recv().unwrap();
            }
        });
        block_on(async {
            // It looks again and again without pause, to look while the other thread is between the two.
            for expected in 0..2 * TIMES {
                let number = loop {
                    if let Poll::Ready(next) = futures::poll!(pin!(mailbox.next())) {
                        break next;
                    }
                };
                assert_eq!(number, Some(expected));
                if expected % 2 == 1 {
                    read.send(()).unwrap();
                }
            }
        });
        speaker.join().unwrap();
    }

    #[test]
    fn a_full_inlet_waits_for_room() {
        block_on(async {
            let (_address, inlet, mut mailbox) = mailbox_with_inlet(1);
            inlet.send(1).await.unwrap();
            let mut second = pin!(inlet.send(2));
            assert!(futures::poll!(second.as_mut()).is_pending());
            assert_eq!(mailbox.next().await, Some(1));
            second.await.unwrap();
            assert_eq!(mailbox.next().await, Some(2));
        });
    }

    #[test]
    fn a_busy_mailbox_does_not_hold_up_a_deadline() {
        block_on(async {
            let (address, mut mailbox) = mailbox();
            address.tell(()).unwrap();
            assert_eq!(mailbox.next_until(Some(clock::now())).await, Wake::Due);
            let later = clock::now() + Duration::from_secs(3600);
            assert_eq!(mailbox.next_until(Some(later)).await, Wake::Told(()));
            // An alarm set for later is brought forward.
            let soon = clock::now() + Duration::from_millis(1);
            assert_eq!(mailbox.next_until(Some(soon)).await, Wake::Due);
            assert!(clock::now() >= soon);
        });
    }

    #[test]
    fn an_alarm_is_put_off_only_by_more_than_it_has_left() {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut alarm, hour) = (Alarm::default(), Duration::from_secs(3600));
        let first = clock::now() + hour;
        let mut rings_at = |deadline| {
            assert!(alarm.poll(deadline, &mut cx).is_pending());
            alarm.rings_at.unwrap()
        };
        assert_eq!(rings_at(first), first);
        assert_eq!(rings_at(first + hour / 2), first);
        assert_eq!(rings_at(first + 2 * hour), first + 2 * hour);
        assert_eq!(rings_at(first + hour), first + hour);
    }

    #[test]
    fn a_mailbox_that_goes_drops_what_it_holds_and_says_so_to_those_who_tell() {
        let (address, mailbox) = mailbox();
        let message = Arc::new(());
        address.tell(Arc::clone(&message)).unwrap();
        drop(mailbox);
        assert_eq!(Arc::strong_count(&message), 1);
        assert!(address.is_gone());
        assert!(address.tell(message).is_err());
    }

    #[test]
    fn closing_ends_a_race() {
        block_on(async {
            let (address, mut mailbox) = mailbox::<()>();
            assert_eq!(mailbox.race(future::ready(7)).await, Raced::Done(7));
            drop(address);
            assert_eq!(mailbox.race(future::pending::<()>()).await, Raced::Woken(None));
        });
    }
}
