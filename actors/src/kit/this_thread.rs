//! [`on_this_thread`]: a program and its actors on one thread.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use async_executor::LocalExecutor;
use futures::{
    executor::block_on,
    future::{BoxFuture, Either, select},
};

use super::clock;

/// After this time without a wake-up, little happens: a quiet node wakes up for each ping, every 200 ms.
const CALM: Duration = Duration::from_millis(100);
/// Much happens when there are more than [`MANY`] wake-ups within this time.
const SHORT: Duration = Duration::from_millis(50);
/// A ping of a leader of five and the answers are at most this many wake-ups.
const MANY: u32 = 5;

thread_local! {
    /// What runs the actors that are started on this thread; without it, the threads of async-std do.
    static HERE: RefCell<Option<Rc<LocalExecutor<'static>>>> = const { RefCell::new(None) };
}

/// Runs this program, and with it all actors that are started on this thread meanwhile, and so all that these start, on this thread.
/// What is left of them when the program is done is dropped.
///
/// This is for a process that is one node: to wake another thread for each word that its actors say to each other costs more than the
/// word. It is the executor that async-std is made of, without its threads; sockets and timers are the same.
///
/// While much happens, as in an election, this thread waits for sockets itself; else that of async-io does, which costs less.
pub fn on_this_thread<F: Future + 'static>(program: F) -> F::Output
where
    F::Output: 'static,
{
    let executor = Rc::new(LocalExecutor::new());
    let _before = Before(HERE.replace(Some(Rc::clone(&executor))));
    // A task as all others are: it is not looked at whenever one of them has something to do.
    let program = executor.spawn(program);
    let mut run = pin!(executor.run(program));
    loop {
        // It waits for sockets and timers itself: nothing is handed over. But the thread of async-io looks again and again meanwhile
        // whether it has to do so, and it often does so first.
        if let Either::Left((output, _)) = async_io::block_on(select(run.as_mut(), calm())) {
            return output;
        }
        // It only sleeps, until the thread of async-io wakes it.
        if let Either::Left((output, _)) = block_on(select(run.as_mut(), bustle())) {
            return output;
        }
    }
}

/// Ends at the first wake-up after nothing has happened for a while.
fn calm() -> impl Future<Output = ()> + Unpin {
    let mut last = clock::now();
    poll_fn(move |_| {
        let before = std::mem::replace(&mut last, clock::now());
        if last - before > CALM { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// Ends when there have been many wake-ups in a short time.
fn bustle() -> impl Future<Output = ()> + Unpin {
    let (mut since, mut wakes) = (clock::now(), 0);
    poll_fn(move |_| {
        let now = clock::now();
        if now - since > SHORT {
            (since, wakes) = (now, 0);
        }
        wakes += 1;
        if wakes > MANY { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// Has this run on this thread, if that is where actors run; gives it back if not.
pub(super) fn spawn_here(life: BoxFuture<'static, ()>) -> Option<BoxFuture<'static, ()>> {
    match HERE.with_borrow(Clone::clone) {
        Some(executor) => {
            executor.spawn(life).detach();
            None
        }
        None => Some(life),
    }
}

/// What ran the actors of this thread before; it does so again afterwards, also when the program panics.
struct Before(Option<Rc<LocalExecutor<'static>>>);

impl Drop for Before {
    fn drop(&mut self) {
        HERE.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        thread::{self, ThreadId},
        time::Duration,
    };

    use super::*;
    use crate::kit::{Actor, Exit, Mailbox, Wake, mailbox, off_thread, spawn, yield_now};

    /// Says where it runs, and where another actor does that it starts.
    struct Parent;

    impl Actor for Parent {
        type Msg = Infallible;
        type Output = [ThreadId; 2];
        type Error = Infallible;

        async fn run(self, _: Mailbox<Infallible>) -> Result<Self::Output, Infallible> {
            let (me, mut ends) = mailbox();
            let (_child, orders) = mailbox();
            spawn(Child, orders, me, |exit| exit);
            let Some(Exit::Done(of_child)) = ends.next().await else { panic!("it ends") };
            Ok([thread::current().id(), of_child])
        }
    }

    struct Child;

    impl Actor for Child {
        type Msg = Infallible;
        type Output = ThreadId;
        type Error = Infallible;

        async fn run(self, _: Mailbox<Infallible>) -> Result<ThreadId, Infallible> {
            yield_now().await;
            Ok(thread::current().id())
        }
    }

    async fn threads() -> [ThreadId; 2] {
        let (me, mut ends) = mailbox();
        let (_parent, orders) = mailbox();
        spawn(Parent, orders, me, |exit| exit);
        let Some(Exit::Done(threads)) = ends.next().await else { panic!("it ends") };
        threads
    }

    #[test]
    fn actors_of_a_program_on_one_thread_run_there_and_so_do_those_that_they_start() {
        let here = thread::current().id();
        assert_eq!(on_this_thread(threads()), [here; 2]);
        // Afterwards they run where they always do.
        assert!(!block_on(threads()).contains(&here));
    }

    #[test]
    fn a_program_on_one_thread_waits_for_moments_and_for_other_threads() {
        const MOMENT: Duration = Duration::from_millis(5);
        on_this_thread(async {
            let began = clock::now();
            clock::sleep_until(began + MOMENT).await;
            assert!(clock::now() >= began + MOMENT);
            let late = clock::within(MOMENT, std::future::pending::<()>()).await;
            assert_eq!(late, Err(clock::Late(MOMENT)));
            assert_eq!(clock::within(Duration::MAX, off_thread(|| 7)).await, Ok(7));

            let (address, mut mailbox) = mailbox::<()>();
            let deadline = clock::now() + MOMENT;
            assert_eq!(mailbox.next_until(Some(deadline)).await, Wake::Due);
            assert!(clock::now() >= deadline);
            drop(address);
            assert_eq!(mailbox.next().await, None);
        });
    }

    #[test]
    fn a_program_goes_on_while_much_happens_and_while_little_does() {
        let woken = on_this_thread(async {
            let mut woken = 0;
            for _ in 0..2 {
                for _ in 0..3 * MANY {
                    woken += off_thread(|| 1).await;
                }
                clock::sleep_until(clock::now() + 2 * CALM).await;
            }
            woken
        });
        assert_eq!(woken, 6 * MANY);
    }

    #[test]
    fn a_panic_of_the_program_leaves_the_thread_as_it_was() {
        let program = || on_this_thread(async { panic!("as told") });
        let panicked: Result<(), _> = thread::spawn(move || {
            let outcome = std::panic::catch_unwind(program);
            assert!(!block_on(threads()).contains(&thread::current().id()));
            outcome
        })
        .join()
        .unwrap();
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"as told"));
    }
}
