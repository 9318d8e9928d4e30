//! Tests beside real servers: ZooKeeper, a database, a load balancer.
//!
//! They are one program, so that a changed line is linked once. Where there are no servers, they say so and pass.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "these are tests")]

mod balancer;
mod beside_real;
mod common;
mod interop;
mod interop_links;
mod page;
mod postgres;
mod probe;
mod real_sessions;
mod real_tls;
mod zoo_cfg_judge;
mod zookeeper;
