//! [`Node`]: one server taking part in elections.
//!
//! ```text
//!        Node ── the handle; dropping it stops everything
//!          │
//!      Supervisor ── starts those below, stops all when one ends
//!       /       \
//!   Elector   the network (ballotbox-actors): Doorman, ConnectionManager
//!      │
//!   Herald ── answers every Watch
//! ```
//!
//! Several nodes can live in one process; none of them shares anything with another. What a node has come to know is a
//! [`Status`], a value that can be looked at and waited for with [`Node::watch`], not an event that one can miss.

mod config;
mod elector;
mod herald;
mod journal;
mod member_lists;
mod news;
mod status;
#[allow(dead_code, reason = "the node does not store its epochs yet")]
mod store;
mod supervisor;
mod watch;

use ballotbox_actors::{
    NetworkError,
    kit::{Address, Mailbox, mailbox, spawn},
};
use ballotbox_core::UntrustedText;

#[doc(hidden)]
pub use self::store::reopened;
use self::supervisor::{Supervisor, SupervisorMsg};
pub use self::{
    config::{ConfigError, NodeConfig},
    member_lists::MemberListProblem,
    news::{News, NodeEvent, Occurrence},
    status::{ElectionStatus, NodeState, Status},
    store::{
        EpochTextError, FileCall, FileCause, FileError, IdentityError, OpenError, StoreRemark,
    },
    watch::{Ended, Watch},
};
use crate::ServerId;

/// A running node. It stops when this is dropped; [`Node::stop`] also waits until nothing is left of it.
#[derive(Debug)]
pub struct Node {
    me: ServerId,
    supervisor: Address<SupervisorMsg>,
    outcome: Mailbox<Result<(), NodeError>>,
    watch: Watch,
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
    /// [`NodeError`], when the configuration is not consistent or the election address cannot be listened on.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let mut node = Self::launch(config)?;
        match node.watch().until(|status| status.state() != NodeState::Starting).await {
            Ok(_) => Ok(node),
            Err(Ended) => Err(node.ended().await.err().unwrap_or(NodeError::Ended)),
        }
    }

    /// Starts a node without waiting until it listens: its [news](Watch::news) tell how that goes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when the configuration is not consistent.
    pub fn launch(config: NodeConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let me = config.me;
        let (supervisor, orders) = mailbox();
        let (report, outcome) = mailbox();
        let (actor, watch) = Supervisor::start(config, supervisor.clone());
        spawn(actor, orders, report, |exit| supervisor::outcome_of(&exit));
        Ok(Self { me, supervisor, outcome, watch })
    }

    /// Whose node this is.
    pub const fn id(&self) -> ServerId {
        self.me
    }

    /// A view of what the node knows.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
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

    /// Stops the node. When this returns, no task, socket or file descriptor of it is left.
    ///
    /// # Errors
    ///
    /// [`NodeError`], when the node had already ended because something failed.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        let _ = self.supervisor.tell(SupervisorMsg::Stop);
        self.ended().await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.supervisor.tell(SupervisorMsg::Stop);
    }
}
