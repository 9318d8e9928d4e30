//! The election: who is to lead, decided by votes.
//!
//! [`Election`](self) is ZooKeeper's FastLeaderElection as a pure core: it is told what happened and answers with what
//! is to be done. What servers tell each other is a [`Notification`].

mod event;
mod notification;
mod vote;

pub use event::{Action, Decision, Event, Standing, Timer};
pub use notification::{DecodeError, Format, Notification, PeerState};
pub use vote::{Epoch, Round, Vote, Zxid};
