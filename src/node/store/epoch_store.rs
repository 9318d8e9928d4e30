//! [`EpochStore`]: the actor that stores what a member must not forget, while the member goes on with everything else.

use std::{pin::pin, time::Duration};

use ballotbox_actors::kit::{Actor, Address, Mailbox, Raced, Wake, clock, off_thread};
use ballotbox_core::leadership::{Record, Ticket};

use super::{directory::EpochDirectory, error::StoreError};
use crate::files::{FileError, Files};

/// An end that was asked for waits at most this long for a disk.
pub(crate) const END_PATIENCE: Duration = Duration::from_secs(1);

/// While nothing is to be stored, it is looked this often whether the directory is still ours.
const OWNED_CHECK: Duration = Duration::from_secs(5);

/// What an [`EpochStore`] can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StoreMsg {
    /// By its user: put this on disk, and say so. While one is being stored at most one waits: an older one that still waited
    /// gets no answer.
    Store { ticket: Ticket, record: Record },
    /// By the supervisor.
    Stop,
}

/// What an [`EpochStore`] says to its user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum StoreReport {
    /// No crash takes it back. The disk took that long.
    Stored { ticket: Ticket, took: Duration },
    /// It may be on disk or not; another attempt may succeed.
    Failed { ticket: Ticket, error: FileError },
}

/// Stores the records of one member. Generic in its user.
///
/// It ends with an error, and says nothing any more, when nobody can know what is on disk, or when another process may use the
/// directory; it also looks whether that is so while it has nothing to store.
#[derive(Debug)]
pub(crate) struct EpochStore<F, U> {
    directory: EpochDirectory<F>,
    user: Address<U>,
    /// How often that is.
    check_every: Duration,
}

/// What is done next.
#[derive(Clone, Copy, Debug)]
enum Task {
    Store(Order),
    /// Look whether the directory is still ours.
    Check,
}

/// Something to store.
type Order = (Ticket, Record);

/// The directory comes back from the thread that has written it.
type Written<F> = (EpochDirectory<F>, Duration, Result<(), StoreError>);

impl<F: Files, U: From<StoreReport>> EpochStore<F, U> {
    pub(crate) const fn new(directory: EpochDirectory<F>, user: Address<U>) -> Self {
        Self { directory, user, check_every: OWNED_CHECK }
    }

    /// Tells the user what came of it.
    fn report(
        &self,
        task: Task,
        took: Duration,
        outcome: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let report = match (task, outcome) {
            (Task::Check, Ok(())) => return Ok(()),
            (Task::Store((ticket, _)), Ok(())) => StoreReport::Stored { ticket, took },
            (task, Err(StoreError::File(error))) if error.may_pass() => match task {
                // The next store fails as well, and says so.
                Task::Check => return Ok(()),
                Task::Store((ticket, _)) => StoreReport::Failed { ticket, error },
            },
            (Task::Check | Task::Store(_), Err(error)) => return Err(error),
        };
        let _ = self.user.tell(report.into());
        Ok(())
    }
}

impl<F, U> Actor for EpochStore<F, U>
where
    F: Files + Send + 'static,
    U: From<StoreReport> + Send + 'static,
{
    type Msg = StoreMsg;
    type Output = ();
    type Error = StoreError;

    async fn run(mut self, mut mailbox: Mailbox<StoreMsg>) -> Result<(), StoreError> {
        let mut next = None;
        loop {
            let task = match next.take() {
                Some(order) => Some(Task::Store(order)),
                None => next_task(self.check_every, &mut mailbox).await,
            };
            let Some(task) = task else { return Ok(()) };
            let Self { mut directory, user, check_every } = self;
            let work = off_thread(move || {
                let began = clock::now();
                let outcome = perform(&mut directory, task);
                (directory, clock::now() - began, outcome)
            });
            let Some((directory, took, outcome)) = written(work, &mut mailbox, &mut next).await
            else {
                return Ok(());
            };
            self = Self { directory, user, check_every };
            self.report(task, took, outcome)?;
        }
    }
}

/// The next thing to do, or `None` at the end.
async fn next_task(check_every: Duration, mailbox: &mut Mailbox<StoreMsg>) -> Option<Task> {
    match mailbox.next_until(Some(clock::now() + check_every)).await {
        Wake::Told(StoreMsg::Store { ticket, record }) => Some(Task::Store((ticket, record))),
        Wake::Told(StoreMsg::Stop) | Wake::Closed => None,
        Wake::Due => Some(Task::Check),
    }
}

fn perform<F: Files>(directory: &mut EpochDirectory<F>, task: Task) -> Result<(), StoreError> {
    match task {
        Task::Store((_, record)) => directory.store(record),
        Task::Check => Ok(directory.confirm_owned()?),
    }
}

/// Waits for the disk, and for an order to end meanwhile: `None` then. The newest of the other orders is the next one.
async fn written<F>(
    work: impl Future<Output = Written<F>>,
    mailbox: &mut Mailbox<StoreMsg>,
    next: &mut Option<Order>,
) -> Option<Written<F>> {
    let mut work = pin!(work);
    loop {
        match mailbox.race(work.as_mut()).await {
            Raced::Done(written) => {
                // What has come while the disk was busy counts as read meanwhile, however late we run.
                while !mailbox.is_empty() {
                    match mailbox.next().await {
                        Some(StoreMsg::Store { ticket, record }) => *next = Some((ticket, record)),
                        Some(StoreMsg::Stop) | None => return None,
                    }
                }
                return Some(written);
            }
            Raced::Woken(Some(StoreMsg::Store { ticket, record })) => {
                *next = Some((ticket, record));
            }
            Raced::Woken(Some(StoreMsg::Stop) | None) => {
                // So that the directory is free for the next node. A disk that hangs is left to its thread.
                let _ = clock::within(END_PATIENCE, work).await;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
