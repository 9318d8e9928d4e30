//! [`PromiseKeeper`]: the actor that writes promises down, while the member goes on with everything else.

use std::{pin::pin, time::Duration};

use ballotbox_actors::kit::{Actor, Address, Mailbox, Raced, Wake, clock, off_thread};
use ballotbox_core::leadership::{Promise, Reading, Ticket};

use super::{
    END_PATIENCE, StoreError,
    promise_file::{PromiseFile, WorkHold},
};
use crate::files::{FileCause, FileError};

/// While work of an earlier node goes on, it is looked this often whether it has ended.
pub(crate) const WORK_CHECK: Duration = Duration::from_millis(200);

/// What a [`PromiseKeeper`] can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PromiseMsg {
    /// By its user: write this down, and say so. An older one that still waits is not wanted any more.
    Keep { ticket: Ticket, promise: Promise<Reading> },
    /// By the supervisor.
    Stop,
}

/// What a [`PromiseKeeper`] says to its user.
#[derive(Clone, Debug)]
pub(crate) enum PromiseReport {
    /// It outlives this process.
    Kept { ticket: Ticket },
    /// It may be there or not; another attempt may succeed.
    Failed { ticket: Ticket, error: FileError },
    /// The work that an earlier node has left behind has ended.
    WorkHasEnded(WorkHold),
}

/// Keeps the promises of one member. Generic in its user. It ends with an error when another process may use the directory.
#[derive(Debug)]
pub(crate) struct PromiseKeeper<U> {
    file: PromiseFile,
    /// Work of an earlier node goes on.
    waits_for_work: bool,
    user: Address<U>,
}

/// What is done next.
#[derive(Clone, Copy, Debug)]
enum Task {
    Keep(Ticket, Promise<Reading>),
    LookForWork,
}

impl<U: From<PromiseReport>> PromiseKeeper<U> {
    pub(crate) const fn new(file: PromiseFile, waits_for_work: bool, user: Address<U>) -> Self {
        Self { file, waits_for_work, user }
    }

    async fn next_task(&self, mailbox: &mut Mailbox<PromiseMsg>) -> Option<Task> {
        let look_at = self.waits_for_work.then(|| clock::now() + WORK_CHECK);
        match mailbox.next_until(look_at).await {
            Wake::Told(PromiseMsg::Keep { ticket, promise }) => Some(Task::Keep(ticket, promise)),
            Wake::Told(PromiseMsg::Stop) | Wake::Closed => None,
            Wake::Due => Some(Task::LookForWork),
        }
    }

    fn tell(&self, report: PromiseReport) {
        let _ = self.user.tell(report.into());
    }
}

impl<U: From<PromiseReport> + Send + 'static> Actor for PromiseKeeper<U> {
    type Msg = PromiseMsg;
    type Output = ();
    type Error = StoreError;

    async fn run(mut self, mut mailbox: Mailbox<PromiseMsg>) -> Result<(), StoreError> {
        let mut next = None;
        loop {
            let task = match next.take() {
                Some(task) => Some(task),
                None => self.next_task(&mut mailbox).await,
            };
            let Some(task) = task else { return Ok(()) };
            let Self { mut file, waits_for_work, user } = self;
            let work = off_thread(move || {
                let done = perform(&mut file, task);
                (file, done)
            });
            let Some((file, done)) = finished(work, &mut mailbox, &mut next).await else {
                return Ok(());
            };
            self = Self { file, waits_for_work, user };
            match done {
                Done::Kept(ticket, Ok(())) => self.tell(PromiseReport::Kept { ticket }),
                Done::Kept(_, Err(error)) if matches!(error.cause, FileCause::NotOwned(_)) => {
                    return Err(error.into());
                }
                Done::Kept(ticket, Err(error)) => {
                    self.tell(PromiseReport::Failed { ticket, error });
                }
                Done::Looked(None) => {}
                Done::Looked(Some(hold)) => {
                    self.waits_for_work = false;
                    self.tell(PromiseReport::WorkHasEnded(hold));
                }
            }
        }
    }
}

/// What has come of a task.
#[derive(Debug)]
enum Done {
    Kept(Ticket, Result<(), FileError>),
    Looked(Option<WorkHold>),
}

fn perform(file: &mut PromiseFile, task: Task) -> Done {
    match task {
        Task::Keep(ticket, promise) => Done::Kept(ticket, file.keep(&promise)),
        Task::LookForWork => Done::Looked(file.work_has_ended()),
    }
}

/// Waits for the disk, and for an order to end meanwhile: `None` then.
async fn finished<T>(
    work: impl Future<Output = T>,
    mailbox: &mut Mailbox<PromiseMsg>,
    next: &mut Option<Task>,
) -> Option<T> {
    let mut work = pin!(work);
    loop {
        match mailbox.race(work.as_mut()).await {
            Raced::Done(done) => return Some(done),
            Raced::Woken(Some(PromiseMsg::Keep { ticket, promise })) => {
                *next = Some(Task::Keep(ticket, promise));
            }
            Raced::Woken(Some(PromiseMsg::Stop) | None) => {
                let _ = clock::within(END_PATIENCE, work).await;
                return None;
            }
        }
    }
}
