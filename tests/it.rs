//! Tests within this process: cores in virtual time, nodes on loopback sockets, files and bytes.
//!
//! They are one program, so that a changed line is linked once.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "these are tests")]

mod common;
mod config_text;
mod corpus;
mod fence_http;
mod golden;
mod golden_quorum;
mod handing_over;
mod holding;
mod leaders;
mod leases;
mod nodes;
mod on_tokio;
mod quorum_port;
mod quorum_strangers;
mod recorded_sessions;
mod scenarios;
mod secured;
mod secured_strangers;
mod simulation;
mod strangers;
mod structure;
mod tls;
mod vote_files;
mod wire;
mod zoo_cfg;
