//! The election network: actors that carry frames of bytes between server ids, and know nothing of votes.
//!
//! This is ZooKeeper's `QuorumCnxManager`, redone. [`start`] gives a server its network; from then on it says with
//! [`NetworkAddress::send`] what peers should hear, and hears in [`Report`]s what they say and which links come and go.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`kit`] | actors, mailboxes, timers: the ground everything stands on |
//! | [`socket`] | names to addresses, and addresses to connections |
//! | the rest | the actors: `ConnectionManager`, and the `Listener`, `Greeter`, `Dialer`, `Sender`, `Receiver` it supervises |

mod candidate;
mod config;
mod dialer;
mod greeter;
pub mod kit;
mod listener;
mod manager;
mod receiver;
mod reception;
mod report;
mod sender;
pub mod socket;

pub use config::{Listen, NetworkConfig, NetworkTiming};
pub use dialer::DialError;
pub use listener::ListenError;
pub use manager::{NetworkAddress, NetworkError, start};
pub use reception::{GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX};
pub use report::{RefusedBecause, Report};
pub use socket::Liveness;
