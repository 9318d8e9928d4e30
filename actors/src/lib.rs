//! The election network: actors that carry frames of bytes between server ids, and know nothing of votes.
//!
//! This is ZooKeeper's `QuorumCnxManager`, redone. [`start`] gives a server its network; from then on it says with
//! [`NetworkAddress::send`] what peers should hear, and learns what they say ([`Heard`]) and which links come and go ([`NetworkEvent`]).
//!
//! | module | what it is |
//! | --- | --- |
//! | [`kit`] | actors, mailboxes, timers: the ground everything stands on |
//! | [`socket`] | names to addresses, and addresses to connections |
//! | the rest | the actors: `ConnectionManager`, and the `Listener`, `Greeter`, `Dialer`, `Sender`, `Receiver` it supervises |

mod candidate;
mod config;
mod dialer;
mod event;
mod greeter;
pub mod kit;
mod listener;
mod manager;
mod receiver;
mod reception;
mod sender;
pub mod socket;

pub use config::{Listen, NetworkConfig, NetworkTiming};
pub use dialer::DialError;
pub use event::{NetworkEvent, RefusedBecause};
pub use listener::ListenError;
pub use manager::{NetworkAddress, NetworkError, start};
pub use receiver::Heard;
pub use reception::{GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX};
pub use socket::Liveness;
