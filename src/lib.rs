//! Leader election among a handful of processes, with nothing else to run.
//!
//! [`Node::start`] makes a process one member of an ensemble. [`Node::lead`] waits until this member leads, and gives a
//! [`Leadership`](node::Leadership): the process that holds it does what only one may do.
//!
//! ```
//! # use std::net::TcpListener;
//! use ballotbox::{Node, NodeConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # async_std::task::block_on(async {
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let members = [format!("1={}", listener.local_addr()?)];
//! # let directory = std::env::temp_dir().join(format!("ballotbox-doc-lead-{}", std::process::id()));
//! // members: ["1=10.0.0.1:3888", "2=10.0.0.2:3888", "3=10.0.0.3:3888"], the same list for each of them
//! let config = NodeConfig::parse(1, members)?.data_dir(&directory);
//! # let config = NodeConfig { listener: Some(listener), ..config };
//! let node = Node::start(config).await?;
//! let leadership = node.lead().await?;
//! let token = leadership.token();
//! // The work is dropped, wherever it is, when the leadership is over. When it ends, another member may lead.
//! let result = leadership.run(async move { format!("done under token {token}") }).await?;
//! # assert_eq!(result, "done under token 1");
//! node.stop().await?;
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! A leader leads in an epoch that a quorum of the voters has on disk. The epoch is its [token](node::Leadership::token): larger than that
//! of every leader before. With a [lease](NodeConfig::lease) it also knows [until when](node::Leadership::remaining) nobody else can lead; the
//! module [`leadership::lease`] has the rule, what it assumes, and why it holds. Without one, a leader that is cut off learns it within
//! the silence of its configuration (1 s unless set), and another may lead by then. Either way, give the token to what must not be written by two,
//! and let it refuse a smaller one.
//! The handle needs no runtime of its own: it can be awaited in async-std, tokio or any other. A program without futures blocks:
//!
//! ```
//! # use std::net::TcpListener;
//! use ballotbox::{Node, NodeConfig, leadership::LostBecause};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let members = [format!("1={}", listener.local_addr()?)];
//! # let directory = std::env::temp_dir().join(format!("ballotbox-doc-block-{}", std::process::id()));
//! # let config = NodeConfig::parse(1, members)?.data_dir(&directory);
//! # let config = NodeConfig { listener: Some(listener), ..config };
//! let node = Node::start_blocking(config)?;
//! let mut leadership = node.lead_blocking()?;
//! leadership.confirm_blocking()?;
//! let work = std::thread::spawn(move || leadership.lost_blocking());
//! // Waits for the work, but at most a second.
//! node.stop_blocking()?;
//! assert_eq!(work.join().map_err(|_| "panicked")?, LostBecause::Stopped);
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok(())
//! # }
//! ```
//!
//! Below that lies ZooKeeper's election network and algorithm, redone and wire compatible with real servers. A node without a
//! [data directory](NodeConfig::data_dir) holds elections alone, among ours or among real servers, and [`Node::watch`] says what has
//! come of them:
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
//! election result alone guard what only one may do: that is what a leadership is for.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`node`] | one member, running: the actors and what one can know of them |
//! | [`chronicle`] | how each of the last leaders came to lead, in words and as values |
//! | [`fence`] | how what only one may write refuses who led before |
//! | [`network`] | what a node's network is set to, and what it has to tell |
//! | [`election`] | the pure core that decides, and the notifications it is about |
//! | [`membership`] | who is a member, what makes a quorum, and the text in which real servers write it down |
//! | [`zoo_cfg`] | reads the configuration file of a real server |
//! | `run` | with the feature `run`: a program that runs only while a node leads, and the lease file that tells it so |
//! | `http` | with the feature `http`: status, metrics and a page, for load balancers, monitoring and people |
//! | [`probe`] | asks the servers of a running ensemble whom they have elected |
//! | `run` | what a node runs as it comes to lead or does no more: commands at every change (feature `run`) |
//! | [`tls`] | what operators ask for so that members let in only members; with the feature `tls`: reads its files |
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

pub mod chronicle;
mod conversations;
pub mod fence;
mod files;
#[cfg(feature = "http")]
pub mod http;
pub mod network;
pub mod node;
pub mod probe;
#[cfg(feature = "run")]
pub mod run;
pub mod scenario;
#[cfg(test)]
mod scratch;
pub mod tls;
pub mod zoo_cfg;

pub use ballotbox_core::{
    Endpoint, EndpointError, ServerId, ServerIdError, UntrustedText,
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
