//! What a leader election decides, as pure state machines. Nothing here opens a socket, reads a clock, starts a task or
//! draws a number, and no dependency could: what happened comes in as an event, and what is to be done goes out as actions.
//! The packages above carry them out; the simulator and the model checker carry them out in their own worlds.
//!
//! | module | what it decides or describes |
//! | --- | --- |
//! | [`links`] | which connections to open, keep and close: the core behind the election network |
//! | [`election`] | whom to vote for, when that is decided, when to look again |
//! | [`leadership`] | when an elected voter leads, in which epoch, and when that is over |
//! | [`membership`] | who is a member, what makes a quorum, and the text that says so |
//! | [`identity`] | whose certificate a certificate is: who may speak as whom |
//! | [`wire`] | the bytes of both ports: greetings and frames, packets and snapshots |
//!
//! Everything that decides is a [`Core`]. The rest are small values that all of them share: ids, addresses, text from outside, waits.

mod backoff;
pub mod election;
mod endpoint;
pub mod identity;
pub mod leadership;
pub mod links;
mod machine;
pub mod membership;
mod server_id;
mod shown_of;
mod sparingly;
mod untrusted_text;
mod whole_number;
pub mod wire;

pub use backoff::Backoff;
pub use endpoint::{Endpoint, EndpointError};
pub use machine::{Core, Rule, Step};
pub use server_id::{ServerId, ServerIdError};
pub use shown_of::shown_of;
pub use sparingly::{RateLimit, Sparingly};
pub use untrusted_text::UntrustedText;
pub use whole_number::whole_number;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeIsTrue;
