//! [`Leadership`]: to lead, as a value. Who holds it does what only one may do.
//!
//! Dropping it says that this has ended; only then are the others told that the epoch is over. So nobody can
//! release a leadership while its work still goes on.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ballotbox_actors::{
    StarEvent, StarHeard,
    kit::{Address, Mailbox, clock, mailbox},
};
use ballotbox_core::leadership::LostBecause;
use futures::future::{Either, select};

use super::{Ended, store::StoreReport};
use crate::{Epoch, Round, ServerId};

/// At most this many callers wait to lead. The one that has waited longest is told to ask again.
const WAITING_MAX: usize = 64;

/// This node leads, in one epoch. There is at most one of these for a node at any time.
///
/// It stays true until [`lost`](Self::lost) says otherwise. There is no lease yet: a leader that was cut off, or held up, notices
/// that within the silence of its configuration (1 s unless set), and another may lead by then. Give [`token`](Self::token) to
/// what must not be written by two, and let it refuse a smaller one.
///
/// Dropping it gives the leadership up: it says that all work under it has ended. Drop it soon when it was lost: until then this
/// node begins no other epoch, and none begins by its vote.
#[derive(Debug)]
pub struct Leadership {
    epoch: Epoch,
    /// Until when a quorum is known to support us.
    valid: Arc<Validity>,
    loss: Mailbox<LostBecause>,
    lost: Option<LostBecause>,
    driver: Address<DriverMsg>,
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

    /// Which epoch this is.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether a quorum has answered within the silence, by the clock as it is now. Without a lease this is a hint, and no promise.
    pub fn is_valid(&self) -> bool {
        self.lost.is_none() && self.valid.holds_at(clock::now())
    }

    /// How long nobody else can lead: `None`, as there is no lease.
    pub const fn remaining(&self) -> Option<Duration> {
        None
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

    /// Waits until the leadership is over, and says why. It may be over already.
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

    /// Does this work as long as we lead: it is dropped when the leadership is over. Returns what came of it, or why it was dropped.
    ///
    /// # Errors
    ///
    /// [`NotLeading`], when the leadership was over first.
    pub async fn run<T>(mut self, work: impl Future<Output = T>) -> Result<T, NotLeading> {
        let epoch = self.epoch;
        let work = std::pin::pin!(work);
        let lost = std::pin::pin!(self.lost());
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

/// Until when a leader is known to have a quorum, for its handle to read without asking.
#[derive(Debug)]
pub(super) struct Validity {
    started: Instant,
    /// In nanoseconds since then; 0 when it is over.
    until: AtomicU64,
}

impl Validity {
    fn new(started: Instant) -> Self {
        Self { started, until: AtomicU64::new(0) }
    }

    fn set(&self, until: Duration) {
        let nanos = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.until.store(nanos, Ordering::Release);
    }

    fn holds_at(&self, now: Instant) -> bool {
        let until = Duration::from_nanos(self.until.load(Ordering::Acquire));
        now.saturating_duration_since(self.started) < until
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
    /// By the elector.
    Looking,
    Elected {
        leader: ServerId,
        round: Round,
    },
    /// By programs that want to lead, or do.
    Lead(LeadMsg),
    /// By the handle of the node: give the leadership up.
    Resign,
    /// By the supervisor.
    Stop,
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
}

/// Who waits to lead, and who does.
#[derive(Debug)]
pub(super) struct Tenure {
    started: Instant,
    driver: Address<DriverMsg>,
    waiting: VecDeque<Address<Leadership>>,
    /// The epoch of the handle that is out.
    held: Option<Epoch>,
    loss: Option<Address<LostBecause>>,
    valid: Arc<Validity>,
    /// Those who asked whether a quorum supports them, with the ping that has to be answered.
    confirming: Vec<(u64, Address<()>)>,
}

impl Tenure {
    pub(super) fn new(started: Instant, driver: Address<DriverMsg>) -> Self {
        Self {
            started,
            driver,
            waiting: VecDeque::new(),
            held: None,
            loss: None,
            valid: Arc::new(Validity::new(started)),
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
            let (loss, report) = mailbox();
            let valid = Arc::clone(&self.valid);
            let driver = self.driver.clone();
            let handle = Leadership { epoch, valid, loss: report, lost: None, driver };
            // The handle of one who does not wait any more says that it was dropped.
            self.held = Some(epoch);
            self.loss = Some(loss);
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

    /// A quorum is known to support us until then.
    pub(super) fn extend(&self, until: Duration) {
        self.valid.set(until);
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

    /// The leadership is over. The next one has a validity of its own.
    pub(super) fn lose(&mut self, cause: LostBecause) {
        self.valid.set(Duration::ZERO);
        self.valid = Arc::new(Validity::new(self.started));
        self.confirming.clear();
        if let Some(loss) = self.loss.take() {
            let _ = loss.tell(cause);
        }
    }
}

/// Waits until this node leads, and takes the leadership.
pub(super) async fn lead(driver: &Address<DriverMsg>) -> Result<Leadership, Ended> {
    loop {
        let (reply, mut answer) = mailbox();
        driver.ask(DriverMsg::Lead(LeadMsg::Wait { reply })).map_err(|_| Ended)?;
        // One that had to make room asks again.
        if let Some(leadership) = answer.next().await {
            return Ok(leadership);
        }
    }
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

impl From<StoreReport> for DriverMsg {
    fn from(report: StoreReport) -> Self {
        Self::Store(report)
    }
}
