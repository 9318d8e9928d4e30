//! [`Actor`], [`spawn`] and [`Exit`]: how an actor starts, and how its parent learns that it ended.

use std::{any::Any, fmt, future::Future, panic::AssertUnwindSafe};

use futures::{FutureExt, future::BoxFuture};

use super::{Address, Mailbox, this_thread::spawn_here};
use ballotbox_core::UntrustedText;

/// Something with a mailbox and a loop of its own.
pub trait Actor: Send + Sized + 'static {
    /// Everything this actor can be told; [`std::convert::Infallible`] if it only listens for its end.
    type Msg: Send + 'static;
    /// The result of its work. An actor that may be asked to end before it has a result uses an `Option`.
    type Output: Send + 'static;
    /// Why it had to give up.
    type Error: std::error::Error + Send + 'static;

    /// Runs until the mailbox closes or the work is done (`Ok`), or until the actor cannot go on (`Err`).
    fn run(
        self,
        mailbox: Mailbox<Self::Msg>,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// How an actor ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exit<T, E> {
    /// It ended by itself, with the result of its work, or was asked to end.
    Done(T),
    /// It could not go on.
    Failed(E),
    /// It has a bug; this is what the panic said.
    Panicked(UntrustedText),
}

impl<T, E: fmt::Display> fmt::Display for Exit<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(_) => f.write_str("stopped"),
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
        }
    }
}

/// Starts an actor. When it ends, for whatever reason, the parent is told `report(exit)`.
///
/// The actor and all it owns is dropped before the report is sent: a parent that hears of the end may count on
/// sockets being closed. If the parent has ended, the report is dropped.
pub fn spawn<A: Actor, P: Send + 'static>(
    actor: A,
    mailbox: Mailbox<A::Msg>,
    parent: Address<P>,
    report: impl FnOnce(Exit<A::Output, A::Error>) -> P + Send + 'static,
) {
    // Of one type for all actors: what a runtime needs for each type of task is compiled once, and is in memory once.
    let life: BoxFuture<'static, ()> = Box::pin(async move {
        let exit = match AssertUnwindSafe(actor.run(mailbox)).catch_unwind().await {
            Ok(Ok(output)) => Exit::Done(output),
            Ok(Err(error)) => Exit::Failed(error),
            Err(panic) => Exit::Panicked(panic_message(panic.as_ref())),
        };
        let _ = parent.tell(report(exit));
    });
    if let Some(life) = spawn_here(life) {
        async_std::task::spawn(life);
    }
}

/// Lets other tasks run first. An actor that has much to do at once calls this, so that urgent tasks do not wait.
pub async fn yield_now() {
    async_std::task::yield_now().await;
}

/// What the panic said. It may quote what came from outside.
fn panic_message(panic: &(dyn Any + Send)) -> UntrustedText {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    UntrustedText::new(text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use async_std::task::block_on;

    use super::*;
    use crate::kit::mailbox;

    #[derive(Debug, Eq, PartialEq, thiserror::Error)]
    #[error("cannot go on")]
    struct CannotGoOn;

    enum Order {
        Work,
        Fail,
        Panic,
    }

    struct Obedient;

    impl Actor for Obedient {
        type Msg = Order;
        type Output = Option<&'static str>;
        type Error = CannotGoOn;

        async fn run(self, mut mailbox: Mailbox<Order>) -> Result<Self::Output, CannotGoOn> {
            match mailbox.next().await {
                Some(Order::Work) => Ok(Some("work")),
                Some(Order::Fail) => Err(CannotGoOn),
                Some(Order::Panic) => panic!("as told"),
                None => Ok(None),
            }
        }
    }

    fn exit_after(order: Option<Order>) -> Exit<Option<&'static str>, CannotGoOn> {
        block_on(async {
            let (parent, mut reports) = mailbox();
            let (address, orders) = mailbox();
            spawn(Obedient, orders, parent, |exit| exit);
            if let Some(order) = order {
                address.tell(order).unwrap();
            }
            drop(address);
            reports.next().await.expect("every end is reported")
        })
    }

    #[test]
    fn an_output_an_end_an_error_and_a_panic_all_reach_the_parent() {
        assert_eq!(exit_after(Some(Order::Work)), Exit::Done(Some("work")));
        assert_eq!(exit_after(None), Exit::Done(None));
        assert_eq!(exit_after(Some(Order::Fail)), Exit::Failed(CannotGoOn));
        assert_eq!(exit_after(Some(Order::Panic)), Exit::Panicked("as told".into()));
    }
}
