//! The election network: actors that carry frames of bytes between server ids, and know nothing of votes.
//!
//! This is ZooKeeper's `QuorumCnxManager`, redone. [`start`] gives a server its network; from then on it says with
//! [`NetworkAddress::send`] what peers should hear, and hears in [`Report`]s what they say and which links come and go.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`kit`] | actors, mailboxes, timers: the ground everything stands on |
//! | [`wire`] | the bytes: greetings and frames |
//! | [`links`] | the core that decides which links to open, keep and close |
//! | [`socket`] | names to addresses, and addresses to connections |
//! | the rest | the actors: `ConnectionManager`, and the `Listener`, `Greeter`, `Dialer`, `Sender`, `Receiver` it supervises |

mod candidate;
mod config;
mod dialer;
mod endpoint;
mod greeter;
pub mod kit;
pub mod links;
mod listener;
mod manager;
mod receiver;
mod reception;
mod report;
mod sender;
mod server_id;
pub mod socket;
mod untrusted_text;
pub mod wire;

pub use config::{Listen, NetworkConfig, NetworkTiming};
pub use dialer::DialError;
pub use endpoint::{Endpoint, EndpointError};
pub use listener::ListenError;
pub use manager::{NetworkAddress, NetworkError, start};
pub use reception::{GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX};
pub use report::{RefusedBecause, Report};
pub use server_id::ServerId;
pub use socket::Liveness;
pub use untrusted_text::UntrustedText;
