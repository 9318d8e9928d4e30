//! Playing a vote file: a whole ensemble in one process, over real sockets.
//!
//! [`play`] starts every member as a node of its own, plays the steps, tells what happens, and reports how it ended.
//!
//! ```text
//!   play ── the loop: steps, story, judge
//!     │
//!     ├── Node (one per running member) ── Reporter, which carries its news to the loop
//!     └── Relay (one per cable that some step may cut or hold) ── Conduit, one per connection through it
//! ```
//!
//! Members that no step parts from each other connect directly. A file without faults has no relays at all.

mod cabling;
mod descriptors;
mod disks;
mod error;
mod last_election;
mod ports;
mod relay;
mod reorderer;
mod report;
mod reporter;
mod runner;
mod seat;
mod wiring;

#[cfg(feature = "tls")]
pub use self::runner::play_over_tls;
pub use self::{
    descriptors::descriptors_needed,
    error::PlayError,
    report::{ExpectationReport, MemberReport, PlayReport},
    runner::play,
};
pub use super::{
    judge::Verdict,
    story::{Because, Effect, StoryLine, What, Won},
};
