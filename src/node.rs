//! [`Node`]: one server taking part in elections.
//!
//! ```text
//!        Node ── the handle; dropping it stops everything
//!          │
//!      Supervisor ── starts those below, stops all when one ends
//!       /   │   \
//!      /    │   the network (ballotbox-actors): Doorman, ConnectionManager, Hub
//!     │     │
//!  Elector ◄──► LeadershipDriver ──► EpochStore ── what must not be forgotten
//!       \      /   │
//!        Herald    Leadership ── handed to a program that waits to lead
//!          │
//!          answers every Watch, one of which is that of Control ── a Unix socket in the data directory
//! ```
//!
//! Several nodes can live in one process; none of them shares anything with another. What a node has come to know is a
//! [`Status`], a value that can be looked at and waited for with [`Node::watch`], not an event that one can miss.

mod answers;
mod config;
pub mod control;
mod control_socket;
mod counters;
mod deadline;
mod desk;
mod elector;
mod herald;
mod journal;
mod leader;
mod leadership;
mod leadership_driver;
mod member_lists;
mod memory_disk;
mod news;
mod status;
mod store;
mod supervisor;
mod watch;
mod work_status;

use std::time::Duration;

use ballotbox_actors::{
    NetworkError,
    kit::{Address, Mailbox, mailbox, spawn},
};
use ballotbox_core::{
    UntrustedText,
    leadership::{CannotResign, Successor},
};

pub(crate) use self::desk::Desk;
pub use self::desk::Pulse;
#[cfg(feature = "run")]
pub(crate) use self::leadership::Change;
#[doc(hidden)]
pub use self::store::reopened;
#[cfg(feature = "run")]
pub(crate) use self::store::{Boot, LockFile, process};
pub use self::{
    config::{ConfigError, Keep, LeadershipConfig, MembersError, NodeConfig},
    counters::{Counters, HookCounts, Times},
    leader::{Leader, LeaderStatus},
    leadership::{Leadership, NotLeading},
    member_lists::MemberListProblem,
    memory_disk::MemoryDisk,
    news::{News, NodeEvent, Occurrence},
    status::{ElectionStatus, LeadershipStatus, LeaseStatus, NodeState, PromiseStatus, Status},
    store::{EpochTextError, HeldBy, OpenError, StoreError, StoreRemark, WorkHolder},
    watch::{Ended, Watch},
    work_status::{WorkPhase, WorkStatus},
};
use self::{
    leadership::{DriverMsg, LeadMsg, Order},
    supervisor::{Supervisor, SupervisorMsg},
};
pub use crate::files::{FileCall, FileCause, FileError, TextError};
use crate::{Epoch, ServerId};

/// A running node. It stops when this is dropped; [`Node::stop`] also waits until nothing is left of it.
#[derive(Debug)]
pub struct Node {
    me: ServerId,
    supervisor: Address<SupervisorMsg>,
    outcome: Mailbox<Result<(), NodeError>>,
    desk: Desk,
    may_lead: bool,
}

/// Where the leaderships of a node are waited for. It does not keep the node running.
#[derive(Clone, Debug)]
pub(crate) struct Seat(Address<DriverMsg>);

impl Seat {
    /// Waits until the node leads, and takes the leadership.
    pub(crate) async fn lead(&self) -> Result<Leadership, Ended> {
        leadership::lead(&self.0).await
    }

    /// Publishes how things stand with the program of the node.
    #[cfg(feature = "run")]
    pub(crate) fn tell_work(&self, status: WorkStatus) {
        let _ = self.0.tell(DriverMsg::Lead(LeadMsg::Work(status)));
    }

    /// Says whether the node is to lead at all.
    #[cfg(feature = "run")]
    pub(crate) fn set_willing(&self, willing: bool) {
        let _ = self.0.tell(DriverMsg::Lead(LeadMsg::Willing(willing)));
    }
}

/// Why this node will not lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LeadError {
    /// It has ended.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// It has no vote that weighs anything.
    #[error("{me} never leads: it is an observer, or its vote weighs 0")]
    NeverLeads {
        /// Who it is.
        me: ServerId,
    },
    /// It was started without a leadership.
    #[error(
        "this node holds elections alone: to lead, give its configuration a data directory (NodeConfig::data_dir)"
    )]
    ElectionsAlone,
}

/// Why this node does not hand its leadership over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResignError {
    /// It has ended.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// It does not lead, or that member cannot come next.
    #[error(transparent)]
    Cannot(#[from] CannotResign),
    /// It was started without a leadership.
    #[error("this node holds elections alone, and never leads")]
    ElectionsAlone,
}

/// Why a node could not start, or had to end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum NodeError {
    /// The configuration does not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network gave up.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Its data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its data directory can no longer be used: what was written may be lost, so the node says no more.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An actor of the node has a bug.
    #[error("{actor} panicked: {message}; please report this")]
    Panicked { actor: &'static str, message: UntrustedText },
    /// It ended in good order, though nobody had asked it to.
    #[error("the node has ended before it was asked to")]
    Ended,
}

impl Node {
    /// Starts a node; it is listening, and looking for a leader, when this returns.
    ///
    /// # Errors
    ///
    /// [`NodeError`], when the configuration is not consistent, its data directory cannot be used, or the election address
    /// cannot be listened on.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let mut node = Self::launch(config).await?;
        match node.watch().until(|status| status.state() != NodeState::Starting).await {
            Ok(_) => Ok(node),
            Err(Ended) => Err(node.ended().await.err().unwrap_or(NodeError::Ended)),
        }
    }

    /// The same for a program without futures: blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`Node::start`].
    pub fn start_blocking(config: NodeConfig) -> Result<Self, NodeError> {
        futures::executor::block_on(Self::start(config))
    }

    /// Starts a node without waiting until it listens: its [news](Watch::news) tell how that goes.
    ///
    /// # Errors
    ///
    /// [`NodeError`], when the configuration is not consistent, or its data directory cannot be used.
    pub async fn launch(mut config: NodeConfig) -> Result<Self, NodeError> {
        config.check()?;
        let (me, may_lead) = (config.me, config.ensemble().may_lead(config.me));
        let kept = match &config.leadership {
            Some(leadership) => Some(leadership.open(&config).await?),
            None => None,
        };
        if let Some(kept) = &kept {
            // What it has on disk counts, and not what it would have begun with.
            config.history.epoch = kept.contents.record.current;
        }
        let (supervisor, orders) = mailbox();
        let (report, outcome) = mailbox();
        let started = Supervisor::start(config, kept, supervisor.clone());
        spawn(started.supervisor, orders, report, |exit| supervisor::outcome_of(&exit));
        Ok(Self { me, supervisor, outcome, desk: started.desk, may_lead })
    }

    /// Waits until this node leads, and takes the leadership. Of several that wait, the one that has waited longest gets it; when
    /// it is dropped, this node gives its epoch up, and another one leads.
    ///
    /// # Errors
    ///
    /// [`LeadError`], when the node has ended, or holds elections alone.
    pub async fn lead(&self) -> Result<Leadership, LeadError> {
        Ok(self.seat()?.lead().await?)
    }

    /// Where leaderships of this node are waited for.
    pub(crate) fn seat(&self) -> Result<Seat, LeadError> {
        let driver = self.desk.driver.clone().ok_or(LeadError::ElectionsAlone)?;
        if self.may_lead { Ok(Seat(driver)) } else { Err(LeadError::NeverLeads { me: self.me }) }
    }

    /// The same for a program without futures: blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`Node::lead`].
    pub fn lead_blocking(&self) -> Result<Leadership, LeadError> {
        futures::executor::block_on(self.lead())
    }

    /// Gives up the leadership, if this node leads: it is over as soon as its work has ended, and another node leads then. What
    /// becomes of it, the [news](Watch::news) tell. [`hand_over`](Self::hand_over) names who is next, and says why not.
    pub fn resign(&self) {
        if let Some(driver) = &self.desk.driver {
            let order = Order { to: Successor::Any, within: None, epoch: None, reply: None };
            let _ = driver.tell(DriverMsg::Resign(order));
        }
    }

    /// Hands the leadership over, if this node leads: its work has this long to end, and as soon as it has, the successor leads, without an
    /// election if it can. Returns which epoch is given up, when that has begun.
    ///
    /// # Errors
    ///
    /// [`ResignError`], when it does not lead, or the member named cannot come next. Then everything stays as it is.
    pub async fn hand_over(&self, to: Successor, within: Duration) -> Result<Epoch, ResignError> {
        self.desk.resign(to, within).await?
    }

    /// What tells whether its actors run.
    pub fn pulse(&self) -> Pulse {
        Pulse(self.desk.clone())
    }

    /// Where questions about this node are answered.
    #[cfg(feature = "http")]
    pub(crate) fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Says whether this node is to lead at all; at first it is. As long as it is not, it votes and follows, and does not stand for election: say so when
    /// your work fails here, and another node is to try. If it leads, its epoch is given up when its [`Leadership`] is dropped, or at once if nobody
    /// holds it. Where no other node can be elected, nobody leads until this one is willing again.
    pub fn set_willing(&self, willing: bool) {
        if let Some(driver) = &self.desk.driver {
            let _ = driver.tell(DriverMsg::Lead(LeadMsg::Willing(willing)));
        }
    }

    /// Whose node this is.
    pub const fn id(&self) -> ServerId {
        self.me
    }

    /// A view of what the node knows.
    pub fn watch(&self) -> Watch {
        self.desk.watch.clone()
    }

    /// Holds another election, though nothing is wrong with the last one: the benches measure what that takes.
    #[doc(hidden)]
    pub fn look_again(&self) {
        let _ = self.supervisor.tell(SupervisorMsg::LookAgain);
    }

    /// Waits until the node has ended, for whatever reason.
    ///
    /// # Errors
    ///
    /// [`NodeError`], when it did not end because it was asked to.
    pub async fn ended(&mut self) -> Result<(), NodeError> {
        self.outcome.next().await.unwrap_or(Ok(()))
    }

    /// Asks the node to stop, and does not wait for it: its [watches](Watch) tell what still happens until it has ended.
    pub fn begin_stop(&self) {
        let _ = self.supervisor.tell(SupervisorMsg::Stop);
    }

    /// Stops the node. When this returns, no task, socket or file descriptor of it is left.
    ///
    /// # Errors
    ///
    /// [`NodeError`], when the node had already ended because something failed.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.begin_stop();
        self.ended().await
    }

    /// The same for a program without futures: blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`Node::stop`].
    pub fn stop_blocking(self) -> Result<(), NodeError> {
        futures::executor::block_on(self.stop())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.begin_stop();
    }
}
