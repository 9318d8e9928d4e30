//! Leader election among a handful of processes, with nothing else to run.
//!
//! ballotbox is ZooKeeper's election network and algorithm, redone: [`Node::start`] makes a process take part in the
//! elections of an [`Ensemble`], wire compatible with real ZooKeeper servers, and [`Node::watch`] says what has come of
//! them.
//!
//! ```
//! use std::net::TcpListener;
//!
//! use ballotbox::{Member, Membership, Node, NodeConfig, ServerId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # async_std::task::block_on(async {
//! let me = ServerId::new(1).ok_or("not an id")?;
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let members = Membership::new([Member::voter(me).at(listener.local_addr()?)])?;
//!
//! let mut config = NodeConfig::new(me, members);
//! config.listener = Some(listener);
//! let node = Node::start(config).await?;
//! let status = node.watch().elected().await?;
//! assert_eq!(status.elected(), Some(me));
//! node.stop().await?;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! An election is an oracle, not consensus: for a while two nodes may each believe that they were elected. Do not let an
//! election result alone guard what only one may do.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`node`] | one member, running: the actors and what one can know of them |
//! | [`network`] | what a node's network is set to, and what it has to tell |
//! | [`election`] | the pure core that decides, and the notifications it is about |
//! | [`membership`] | who is a member, what makes a quorum, and the text in which real servers write it down |
//! | [`zoo_cfg`] | reads the configuration file of a real server |
//! | [`probe`] | asks the servers of a running ensemble whom they have elected |
//! | [`scenario`] | vote files, which are situations to play, and the two worlds that play them: real sockets and virtual time |
//!
//! Two packages lie below. [`ballotbox_core`] decides: `election` and `membership` are its modules. [`ballotbox_actors`] is
//! the election network.
//!
//! If you come from ZooKeeper, you will look for these:
//!
//! | there | here |
//! | --- | --- |
//! | `sid`, `myid` | [`ServerId`] |
//! | `peerEpoch`, `proposedEpoch` | [`Epoch`] |
//! | `electionEpoch`, `logicalclock` | [`Round`] |
//! | `totalOrderPredicate` | the order of [`Vote`] |
//! | `recvset`, `outofelection` | [`Election::ballots`], [`Election::established`] |
//! | `lookForLeader` | [`Election`] |
//! | `finalizeWait`, `notTimeout` | [`ElectionTiming::settle`], [`ElectionTiming::resend_min`] |
//! | `QuorumCnxManager` | [`ballotbox_actors`], [`LinkTable`](ballotbox_core::links::LinkTable) |
//! | `SendWorker` and `RecvWorker` | a link |

pub mod network;
pub mod node;
pub mod probe;
pub mod scenario;
pub mod zoo_cfg;

pub use ballotbox_core::{
    Endpoint, EndpointError, ServerId, UntrustedText,
    election::{
        self, Decision, Election, ElectionTiming, Epoch, History, Round, Standing, Vote, Zxid,
    },
    leadership,
    membership::{self, Ensemble, EnsembleError, GroupId, Member, Membership, QuorumCount, Role},
};
pub use node::{Node, NodeConfig, NodeError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeIsTrue;
