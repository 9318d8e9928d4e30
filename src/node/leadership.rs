//! [`Leadership`]: to lead, as a value. Who holds it does what only one may do.
//!
//! Dropping it says that this has ended; only then are the others told that the epoch is over. So nobody can
//! release a leadership while its work still goes on.

use std::{collections::VecDeque, future::Future, task::Poll, time::Duration};
#[cfg(feature = "run")]
use std::{future::poll_fn, os::fd::BorrowedFd, pin::pin};

use ballotbox_actors::{
    StarEvent, StarHeard,
    kit::{Address, Mailbox, clock, mailbox},
};
use ballotbox_core::leadership::{CannotResign, LeaseTerms, LostBecause, Reading, Successor};
use futures::{
    future::{Either, select},
    poll,
};

use super::{
    Ended, WorkStatus,
    deadline::Deadline,
    store::{PromiseReport, StoreReport, WorkHold},
};
use crate::{Epoch, Round, ServerId, fence::Token};

/// At most this many callers wait to lead. The one that has waited longest is told to ask again.
const WAITING_MAX: usize = 64;

/// This node leads, in one epoch. There is at most one of these for a node at any time.
///
/// With a [lease](crate::NodeConfig::lease) nobody else leads as long as [`is_valid`](Self::is_valid) says so: look before you act, and see how
/// much time [`remains`](Self::remaining). Without one it is a hint: a leader that was cut off, or held up, notices that within the silence of its
/// configuration (1 s unless set), and another may lead by then. Either way, give [`token`](Self::token) to what must not be written
/// by two, and let it refuse a smaller one: between looking and acting there is always a moment.
///
/// Dropping it gives the leadership up: it says that all work under it has ended. So nobody can give a leadership up while its work still
/// goes on, but by dropping it too early. Drop it soon when [`lost`](Self::lost) has returned: until then this node begins no other
/// epoch, none begins by its vote, and with a lease nobody leads before that is over. That holds after the end of its node as well, and for the next
/// node on the same directory. It cannot be cloned:
///
/// ```compile_fail
/// # fn of(leadership: ballotbox::node::Leadership) {
/// let another = leadership.clone();
/// # }
/// ```
///
/// Work that [`run`](Self::run) does owns it, so that nothing is left to be misused:
///
/// ```compile_fail
/// # async fn of(leadership: ballotbox::node::Leadership) {
/// leadership.run(async {}).await;
/// leadership.is_valid();
/// # }
/// ```
#[derive(Debug)]
pub struct Leadership {
    me: ServerId,
    epoch: Epoch,
    /// Until when nobody else leads; without a lease, until when a quorum is known to support us.
    valid: Deadline,
    has_lease: bool,
    loss: Mailbox<LostBecause>,
    lost: Option<LostBecause>,
    driver: Address<DriverMsg>,
    /// What others can see who start another node on this directory.
    #[cfg_attr(not(feature = "run"), expect(dead_code, reason = "it is held, not looked at"))]
    work: Option<WorkHold>,
}

/// What becomes of a leadership.
#[cfg(feature = "run")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// Nobody else leads before that.
    Extended(Reading),
    /// The work has to end.
    MustEnd(LostBecause),
}

/// The leadership is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the leadership of epoch {epoch} is over: {cause}")]
pub struct NotLeading {
    /// Which it was.
    pub epoch: Epoch,
    /// Why.
    pub cause: LostBecause,
}

impl Leadership {
    /// The number to give to what must not be written by two: it is larger than that of every leader before. It is the epoch.
    pub const fn token(&self) -> u64 {
        self.epoch.0.cast_unsigned()
    }

    /// The same with the member that leads, for a [`Fence`](crate::fence::Fence): it notices if two ever lead in one epoch.
    pub const fn fencing_token(&self) -> Token {
        Token::of(self.epoch, self.me)
    }

    /// Which epoch this is.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether nobody else leads, by the clocks as they are now: nobody is asked. It is true until the lease is over, also when the leadership is being
    /// given up already. Without a lease: whether a quorum has answered within the silence, which is a hint and no promise.
    pub fn is_valid(&self) -> bool {
        self.valid.left(clock::reading()).is_some()
    }

    /// How long nobody else can lead, less 50 ms for the time between looking and having acted; zero when that is over. `None` without a
    /// lease.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.valid.left(clock::reading()).unwrap_or_default();
        self.has_lease.then(|| left.saturating_sub(LeaseTerms::SLACK))
    }

    /// Asks a quorum whether it still supports this leadership. When this returns, it did so after the call.
    ///
    /// # Errors
    ///
    /// [`NotLeading`], when it is over.
    pub async fn confirm(&mut self) -> Result<(), NotLeading> {
        let (reply, mut answer) = mailbox();
        let epoch = self.epoch;
        let asked = self.driver.ask(DriverMsg::Lead(LeadMsg::Confirm { epoch, reply }));
        let answer = if asked.is_ok() { answer.next().await } else { None };
        match answer {
            Some(()) => Ok(()),
            None => Err(NotLeading { epoch, cause: self.lost().await }),
        }
    }

    /// The same for a program without futures: blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`confirm`](Self::confirm).
    pub fn confirm_blocking(&mut self) -> Result<(), NotLeading> {
        futures::executor::block_on(self.confirm())
    }

    /// Asks this node to hand its leadership over: as soon as this value is dropped, the successor leads, without an election if it can.
    /// [`lost`](Self::lost) returns at once from then on, and [`is_valid`](Self::is_valid) stays as it is until the end. If this value is
    /// not dropped within that time, the epoch is over all the same.
    ///
    /// Returns when that has begun; [watch](crate::Node::watch) to see who leads.
    ///
    /// # Errors
    ///
    /// [`CannotResign`], when this leadership is over already, or the member named cannot come next. Then everything stays as it is.
    pub async fn resign(&self, to: Successor, within: Duration) -> Result<(), CannotResign> {
        let (epoch, within) = (Some(self.epoch), Some(within));
        let over = CannotResign::HasLost { epoch: self.epoch };
        resign(&self.driver, to, within, epoch).await.unwrap_or(Err(over)).map(drop)
    }

    /// The same for a program without futures: blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`resign`](Self::resign).
    pub fn resign_blocking(&self, to: Successor, within: Duration) -> Result<(), CannotResign> {
        futures::executor::block_on(self.resign(to, within))
    }

    /// Says that the work is not well: the leadership is to be given up, and it has to end.
    #[cfg(feature = "run")]
    pub(crate) fn is_unhealthy(&self) {
        let _ = self.driver.tell(DriverMsg::Lead(LeadMsg::Unhealthy { epoch: self.epoch }));
    }

    /// Waits until the work has to end, and says why. It may have to already.
    ///
    /// With a lease there is time left to end it then: when the leadership is given up in good order, as long as that takes, up to what was said;
    /// when the lease was not renewed, the [time to stop](ballotbox_core::leadership::LeadershipTiming::stop_within). Without a lease
    /// another one may lead already.
    pub async fn lost(&mut self) -> LostBecause {
        if let Some(cause) = self.lost {
            return cause;
        }
        let cause = self.loss.next().await.unwrap_or(LostBecause::Stopped);
        self.lost = Some(cause);
        cause
    }

    /// The same for a program without futures: blocks the thread.
    pub fn lost_blocking(&mut self) -> LostBecause {
        futures::executor::block_on(self.lost())
    }

    /// Waits until nobody else can lead for longer than until `known`, or, once, until the work has to end. That may come first, and the other
    /// again after it, as a lease is renewed while it is given up.
    #[cfg(feature = "run")]
    pub(crate) async fn next_change(&mut self, known: Reading) -> Change {
        poll_fn(|context| {
            if self.lost.is_none()
                && let Poll::Ready(cause) = pin!(self.loss.next()).poll(context)
            {
                let cause = cause.unwrap_or(LostBecause::Stopped);
                self.lost = Some(cause);
                return Poll::Ready(Change::MustEnd(cause));
            }
            self.valid.poll_moved(known, context).map(Change::Extended)
        })
        .await
    }

    /// Until when nobody else leads, or, without a lease, until when a quorum is known to support us.
    #[cfg(feature = "run")]
    pub(crate) fn until(&self) -> Reading {
        self.valid.until()
    }

    /// The lock by which others see that work goes on, to be inherited by that work.
    #[cfg(feature = "run")]
    pub(crate) fn work_lock(&self) -> Option<BorrowedFd<'_>> {
        self.work.as_ref().and_then(WorkHold::as_fd)
    }

    /// Does this work as long as we lead: it is dropped when it has to end, and then the leadership is. Returns what came of it, or why it was dropped.
    ///
    /// # Errors
    ///
    /// [`NotLeading`], when the leadership was over first.
    pub async fn run<T>(mut self, work: impl Future<Output = T>) -> Result<T, NotLeading> {
        let epoch = self.epoch;
        let work = std::pin::pin!(work);
        let mut lost = std::pin::pin!(self.lost());
        // What is over already is not begun.
        if let Poll::Ready(cause) = poll!(lost.as_mut()) {
            return Err(NotLeading { epoch, cause });
        }
        match select(work, lost).await {
            Either::Left((result, _)) => Ok(result),
            Either::Right((cause, _)) => Err(NotLeading { epoch, cause }),
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        let _ = self.driver.tell(DriverMsg::Lead(LeadMsg::Dropped { epoch: self.epoch }));
    }
}

/// What the driver of leadership can be told.
#[derive(Debug)]
pub(super) enum DriverMsg {
    /// By the star.
    Heard(StarHeard),
    Star(StarEvent),
    /// By the store.
    Store(StoreReport),
    /// By the keeper of promises.
    Promises(PromiseReport),
    /// By the elector.
    Looking,
    Elected {
        leader: ServerId,
        round: Round,
    },
    /// By programs that want to lead, or do.
    Lead(LeadMsg),
    /// By those who may say so: give the leadership up.
    Resign(Order),
    /// By the desk: say that it runs.
    Answer {
        reply: Address<()>,
    },
    /// By the supervisor.
    Stop,
}

/// An order to give the leadership up.
#[derive(Debug)]
pub(super) struct Order {
    /// Who is to lead next.
    pub(super) to: Successor,
    /// How long the work may take to end; `None` for what is configured.
    pub(super) within: Option<Duration>,
    /// Only in this epoch.
    pub(super) epoch: Option<Epoch>,
    /// Which epoch is given up, or why none is.
    pub(super) reply: Option<Address<Result<Epoch, CannotResign>>>,
}

/// What programs that want to lead, or do, tell the driver.
#[derive(Debug)]
pub(super) enum LeadMsg {
    /// Somebody waits to lead.
    Wait { reply: Address<Leadership> },
    /// It wants to know whether a quorum still supports it.
    Confirm { epoch: Epoch, reply: Address<()> },
    /// Its work has ended.
    Dropped { epoch: Epoch },
    /// Its work is not well.
    #[cfg_attr(not(feature = "run"), expect(dead_code, reason = "nothing else looks at it"))]
    Unhealthy { epoch: Epoch },
    /// Whether the node is to lead at all.
    Willing(bool),
    /// How things stand with the program that the node runs: to be told.
    #[cfg_attr(not(feature = "run"), expect(dead_code, reason = "nothing else runs programs"))]
    Work(WorkStatus),
}

/// Who waits to lead, and who does.
#[derive(Debug)]
pub(super) struct Tenure {
    me: ServerId,
    driver: Address<DriverMsg>,
    waiting: VecDeque<Address<Leadership>>,
    /// The epoch of the handle that is out.
    held: Option<Epoch>,
    loss: Option<Address<LostBecause>>,
    valid: Deadline,
    has_lease: bool,
    /// That no work of an earlier node goes on here.
    work: Option<WorkHold>,
    /// Those who asked whether a quorum supports them, with the ping that has to be answered.
    confirming: Vec<(u64, Address<()>)>,
}

impl Tenure {
    pub(super) fn new(
        me: ServerId,
        driver: Address<DriverMsg>,
        has_lease: bool,
        work: Option<WorkHold>,
    ) -> Self {
        Self {
            me,
            driver,
            waiting: VecDeque::new(),
            held: None,
            loss: None,
            valid: Deadline::default(),
            has_lease,
            work,
            confirming: Vec::new(),
        }
    }

    pub(super) fn wait(&mut self, reply: Address<Leadership>) {
        self.waiting.retain(|waiting| !waiting.is_gone());
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(reply);
    }

    /// We lead in this epoch: gives the handle to the first that waits, if one does. Returns whether.
    pub(super) fn hand_out(&mut self, epoch: Epoch) -> bool {
        if self.held.is_some() {
            return false;
        }
        while let Some(reply) = self.waiting.pop_front() {
            let (teller, loss) = mailbox();
            let (valid, driver) = (self.valid.clone(), self.driver.clone());
            let (has_lease, work) = (self.has_lease, self.work.clone());
            let handle =
                Leadership { me: self.me, epoch, valid, has_lease, loss, lost: None, driver, work };
            // The handle of one who does not wait any more says that it was dropped.
            self.held = Some(epoch);
            self.loss = Some(teller);
            if reply.tell(handle).is_ok() {
                return true;
            }
            self.held = None;
        }
        false
    }

    /// The work under this epoch has ended. Returns whether it was the one that is held.
    pub(super) fn dropped(&mut self, epoch: Epoch) -> bool {
        self.held.take_if(|held| *held == epoch).is_some()
    }

    /// Nobody else leads before that; without a lease, a quorum is known to support us until then.
    pub(super) fn extend(&self, until: Reading) {
        self.valid.set(until);
    }

    /// Until when that is.
    pub(super) const fn valid(&self) -> &Deadline {
        &self.valid
    }

    /// Whether some work goes on: of ours, or of an earlier node.
    pub(super) const fn work_goes_on(&self) -> bool {
        self.held.is_some() || self.work.is_none()
    }

    /// The work of an earlier node has ended.
    pub(super) fn has_the_work(&mut self, hold: WorkHold) {
        self.work = Some(hold);
    }

    pub(super) fn confirm(&mut self, ping: u64, reply: Address<()>) {
        self.confirming.retain(|(_, reply)| !reply.is_gone());
        self.confirming.push((ping, reply));
    }

    /// A quorum has answered this ping.
    pub(super) fn answered(&mut self, ping: u64) {
        self.confirming.retain(|(waited, reply)| {
            let is_answered = *waited <= ping;
            if is_answered {
                let _ = reply.tell(());
            }
            !is_answered
        });
    }

    /// The work has to end. Nobody else leads meanwhile, as far as that is known.
    pub(super) fn end_work(&mut self, cause: LostBecause) {
        if let Some(loss) = self.loss.take() {
            let _ = loss.tell(cause);
        }
    }

    /// The leadership is over. The next one has a deadline of its own.
    pub(super) fn lose(&mut self, cause: LostBecause) {
        self.valid.end();
        self.valid = Deadline::default();
        self.confirming.clear();
        self.end_work(cause);
    }
}

/// Waits until this node leads, and takes the leadership.
pub(super) async fn lead(driver: &Address<DriverMsg>) -> Result<Leadership, Ended> {
    loop {
        let (reply, mut answer) = mailbox();
        driver.ask(DriverMsg::Lead(LeadMsg::Wait { reply })).map_err(|_| Ended)?;
        // One that had to make room asks again, and so does one that was handed a leadership too late.
        if let Some(leadership) = answer.next().await.filter(Leadership::is_valid) {
            return Ok(leadership);
        }
    }
}

/// Asks to give the leadership up. Returns which epoch that is.
pub(super) async fn resign(
    driver: &Address<DriverMsg>,
    to: Successor,
    within: Option<Duration>,
    epoch: Option<Epoch>,
) -> Result<Result<Epoch, CannotResign>, Ended> {
    let (reply, mut answer) = mailbox();
    let order = Order { to, within, epoch, reply: Some(reply) };
    driver.ask(DriverMsg::Resign(order)).map_err(|_| Ended)?;
    answer.next().await.ok_or(Ended)
}

impl From<StarHeard> for DriverMsg {
    fn from(heard: StarHeard) -> Self {
        Self::Heard(heard)
    }
}

impl From<StarEvent> for DriverMsg {
    fn from(event: StarEvent) -> Self {
        Self::Star(event)
    }
}

impl From<PromiseReport> for DriverMsg {
    fn from(report: PromiseReport) -> Self {
        Self::Promises(report)
    }
}

impl From<StoreReport> for DriverMsg {
    fn from(report: StoreReport) -> Self {
        Self::Store(report)
    }
}

#[cfg(test)]
mod tests;
