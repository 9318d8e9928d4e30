//! Tests with one network namespace a node. They come one after the other, and nothing else runs beside them.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "these are tests")]

mod containers;
mod faults;
mod leading_hosts;
mod netns;
#[path = "common/patience.rs"]
mod patience;
mod works;
