//! The star: the network of the quorum port, at which learners follow a leader.
//!
//! A node may be either end of it, and for a moment both: learners dial it when it leads, and it dials a leader when it
//! follows. Which of these connections mean anything is not decided here. Each is a *session*, named by a [`SessionId`] that is
//! never used again:
//!
//! | session | begins | its first packet |
//! | --- | --- | --- |
//! | [`SessionId::Accepted`] | a learner comes through the doorman: [`StarEvent::Arrived`] | is the learner's, and comes with the event |
//! | [`SessionId::Dialled`] | [`StarAddress::dial`] reaches a leader: [`StarEvent::Dialled`] | is ours, and was given with the call |
//!
//! Everything that a session says comes through one inlet, in the order in which it was said, and [`StarEvent::Ended`] comes last.
//!
//! | piece | what it is |
//! | --- | --- |
//! | `Hub` | the actor that owns all sessions; starts and supervises the others |
//! | `Seats` | how many learners there may be, and which has to go when there are too many |
//! | `Session` | what the hub keeps of one: its two actors, and what is not written yet |
//! | `SessionReader` | the actor that reads one session, and waits until its user takes what came |
//!
//! Its other children are those of [`socket`](crate::socket): a `Dialer` per attempt, a `Sender` per session.

mod event;
mod hub;
mod message;
mod reader;
mod seats;
mod session;

pub(crate) use self::hub::{StarConfig, start};
pub use self::{
    event::{FirstPacket, StarEvent, StarHeard},
    message::StarAddress,
    seats::LEARNERS_SPARE_MAX,
};
#[cfg(doc)]
use ballotbox_core::leadership::SessionId;
