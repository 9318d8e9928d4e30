//! Elections in virtual time: thousands in a second, with every fault a network knows, each repeatable by its seed.
//!
//! A [`World`] holds the production cores, [`Election`](crate::Election), [`LinkTable`](ballotbox_core::links::LinkTable) and
//! [`Leadership`](ballotbox_core::leadership::Leadership), and plays the part of everything around them: actors, sockets,
//! cables, disks, clocks. What is left to chance is drawn from the seed: how long a frame takes, how long a jittered wait is,
//! which faults happen when. So the same file, seed and version give the same run, to the last byte of its trace.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ballotbox::scenario::{simulation::{Setup, play}, vote_file::VoteFile};
//!
//! let file = VoteFile::parse("three", r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }] }"#)?;
//! let setup = Arc::new(Setup::new(&file));
//! for seed in 0..100 {
//!     assert_eq!(play(&setup, seed).leader.map(|leader| leader.number()), Some(3));
//! }
//! # Ok::<(), ballotbox::scenario::vote_file::VoteFileError>(())
//! ```
//!
//! # The trace
//!
//! One line an event, in four columns: virtual time in milliseconds; the member to whom it happens, or `-` for what
//! happens to all; what happens, a [`Verb`]; details. A link, or an attempt at one, is written peer#generation. After a
//! [rule](rules) was found not to hold, nothing happens any more.

mod account;
mod clocks;
mod disk;
mod door;
mod member;
mod moment;
mod network;
mod plan;
mod queue;
mod random;
mod record;
mod run;
mod scheduled;
mod seat;
mod setup;
mod story;
mod trace;
mod violation;
mod world;

use moment::Moment;
pub use plan::with_faults_as_steps;
pub use record::LeaderlessSpan;
pub use run::{Ending, MemberAtEnd, Recording, Run, play, play_watched, play_with_trace};
pub use setup::Setup;
pub use trace::Verb;
pub use violation::Violation;
pub use world::{World, rules};
