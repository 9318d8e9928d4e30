//! Leaders, learners and strangers at the quorum port, on loopback sockets.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test picks what it waits for"
)]
#![allow(dead_code, reason = "the helpers serve other tests, too")]

#[path = "../common/mod.rs"]
mod common;
mod door;
mod player;
mod sessions;
