//! Who is a member of an ensemble, which members make a quorum, and the text in which real servers write that down.
//!
//! [`Membership`] is all there is to say of them. [`Ensemble`] is what follows for quorums, and what the cores ask.
//! [`config_text`] is the text that members send each other and that a dynamic configuration file holds. It is written as Java
//! [`properties`], with numbers as [`java`] reads them; a [`slip`] is what got into a value by mistake.

pub mod config_text;
mod ensemble;
pub mod java;
mod member;
mod members;
pub mod properties;
pub mod slip;

pub use ensemble::{Ensemble, EnsembleError, QuorumCount};
pub use member::{GroupId, Member, Role};
pub use members::Membership;
