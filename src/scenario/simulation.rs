//! Elections in virtual time: thousands in a second, with every fault a network knows, each repeatable by its seed.
//!
//! A [`World`] holds the production cores, [`Election`](crate::Election) and
//! [`LinkTable`](ballotbox_core::links::LinkTable), and plays the part of everything around them: actors, sockets,
//! cables, clocks. What is left to chance is drawn from the seed: how long a frame takes, how long a jittered wait is,
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
//! happens to all; what happens; details. Words in capitals are what matters most.
//!
//! | what | details |
//! | --- | --- |
//! | `STEP` | a step of the file, or one that its faults added |
//! | `BREAK`, `DARK`, `LIGHT` | connections between two break; from one to the other nothing gets through; it does again |
//! | `HANGS`, `WAKES` | the member does nothing; it goes on |
//! | `STRANGER`, `LEAVES` | somebody from outside claims to be a member, until it leaves, if it does |
//! | `FREEZES`, `REPLACED`, `ENDS` | the member does nothing any more, and stays connected; another instance starts; the frozen one is killed |
//! | `starts`, `moves`, `vanishes` | without its history; to another address; without anybody being told |
//! | `looks`, `DECIDES` | the round of the election; how it ended |
//! | `says to`, `hears` | the peer, and what was said |
//! | `passes over` | a frame of a link that was replaced |
//! | `dials`, `knocks at` | the attempt, as peer and generation |
//! | `link up`, `link down`, `doubts` | the link, as peer and generation |
//! | `misses`, `cannot dial` | a peer that cannot be reached |
//! | `timer` | a timer of the election |
//! | `UNMET` | something that the file expects, and what was found instead |
//! | `BROKEN` | a [rule](rules) that does not hold: nothing happens after that |

mod member;
mod moment;
mod network;
mod plan;
mod queue;
mod random;
mod record;
pub mod rules;
mod run;
mod scheduled;
mod setup;
mod trace;
mod world;

use moment::Moment;
pub use plan::with_faults_as_steps;
pub use record::LeaderlessSpan;
pub use rules::Violation;
pub use run::{Ending, MemberAtEnd, Run, play, play_watched, play_with_trace};
pub use setup::Setup;
pub use world::World;
