//! The mesh: the network of the election port, in which every two servers have one link.
//!
//! This is ZooKeeper's `QuorumCnxManager`, redone.
//!
//! | piece | what it is |
//! | --- | --- |
//! | `ConnectionManager` | the actor around the link table; starts and supervises the others |
//! | `Candidate` | a connection that claims to be a peer to which there is a link already |
//!
//! Its other children are those of [`socket`](crate::socket): a `Dialer` per attempt, a `Sender` and a `Receiver` per link.

mod candidate;
mod manager;

pub use manager::NetworkAddress;
pub(crate) use manager::start;
