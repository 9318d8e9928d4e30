//! Leadership: an elected voter becomes a leader once a quorum has given its word for a new epoch.
//!
//! An election is an oracle. What makes a leader is discovery and synchronisation on the quorum port, as ZooKeeper has them:
//!
//! ```text
//! learner                              leader
//! FOLLOWERINFO accepted  ───────────▶  a quorum: e = 1 + the largest accepted epoch
//!                        ◀───────────  LEADERINFO e
//! ACKEPOCH               ───────────▶  a quorum that counts
//!                        ◀───────────  DIFF, NEWLEADER e
//! e is on disk, then ACK ───────────▶  a quorum that counts, our own disk among it: the epoch has begun
//!                        ◀───────────  UPTODATE
//! PING                   ◀──────────▶  PING
//! ```
//!
//! A [`LearnerWord`] and a [`LeaderWord`] are what the two sides say to each other, a [`Record`] is what a member keeps on disk.
//! [`Epochs`] decides what is said and stored, and when an epoch has begun; there is no time in it. [`Leadership`] is what a
//! member runs: it adds the time, and decides when it is over.

mod admission;
mod codec;
mod epochs;
mod event;
#[cfg(test)]
mod fixtures;
mod handover;
pub mod lease;
mod machine;
mod record;
mod timing;
mod word;

pub use admission::{Claimant, Refusal, RefusalKind};
pub use codec::WordError;
pub use epochs::{
    EPOCH_MAX, Epochs, EpochsAction, EpochsEvent, GiveUp, Identity, NotCounted, Renaming, Stage,
    Ticket, WordGiven, invariants as epochs_invariants,
};
pub use event::{Action, Event, LostBecause, Report, Timed};
pub use handover::{CannotResign, HANDOVER, Nomination, Successor};
pub use lease::{HasEnded, Holder, LeaseTerms, Promise, Reading};
pub use machine::{Leadership, invariants};
pub use record::{DirectoryId, EnsembleId, Incarnation, Record};
pub use timing::{LeadershipTiming, LeaseProblem, Moment};
pub use word::{Bond, Info, LeaderBlock, LeaderWord, LearnerBlock, LearnerWord, SessionId};
