//! Scenarios: a vote file says who takes part, what happens and what should come of it; two worlds play it.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`vote_file`] | the file: members, steps, expectations, faults |
//! | [`live`] | plays it with real nodes over real sockets, each moment once |
//! | [`simulation`] | plays it with the same cores in virtual time, any number of times, each run repeatable by its seed |

mod claim;
mod judge;
pub mod live;
pub mod simulation;
mod story;
pub mod vote_file;
