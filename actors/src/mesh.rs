//! The mesh: the network of the election port, in which every two servers have one link.
//!
//! This is ZooKeeper's `QuorumCnxManager`, redone.
//!
//! | piece | what it is |
//! | --- | --- |
//! | `ConnectionManager` | the actor around the link table; starts and supervises the others |
//! | `Greeter` | reads the greeting of one incoming connection |
//! | `Reception` | how many connections may wait with their greeting |
//! | `Candidate` | a connection that claims to be a peer to which there is a link already |

mod candidate;
mod config;
mod greeter;
mod manager;
mod reception;

pub(crate) use greeter::GreeterError;
pub use {
    config::{NetworkConfig, NetworkTiming},
    manager::{NetworkAddress, NetworkError, start},
    reception::{GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX},
};
