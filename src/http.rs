//! A node's status over HTTP: for load balancers, for monitoring, for people.
//!
//! Nothing listens unless a [`StatusServer`] is started. Whatever is done at its port, the node goes on: answers are made from what
//! the herald knows, at the moment of the request, and everything a stranger can cause is limited.
//!
//! | path | 200 if | else |
//! | --- | --- | --- |
//! | `/leader`, `/primary` | this node leads, by its clocks at that moment | 503 |
//! | `/follower`, `/replica` | it follows a leader of which it has heard within the silence | 503 |
//! | `/ready` | one of the two | 503 |
//! | `/alive` | its actors answer, whatever the others do | no answer |
//! | `/status` | always: [`StatusReport`](crate::node::control::StatusReport), as JSON | |
//! | `/why` | always: [`WhyReport`](crate::chronicle::WhyReport), as JSON: how the last leaders came to lead | |
//! | `/events` | always: the same, at every change, as server-sent events | |
//! | `/metrics` | always: the text that Prometheus reads | |
//! | `/` | always: a page for people | |
//! | `POST /resign?to=ID&within_ms=TIME` | 202 from this machine, or with the token; 409 if it cannot, with the reason | 403 |
//!
//! Where [`StatusConfig::tls`] is given, all of it is said within TLS: the certificate of the node is shown to everybody, and nobody needs one. What
//! comes in plain text is answered with 400.
//!
//! GET, HEAD and OPTIONS give the same codes. A code says nothing but that: 200 is yes, 503 is no.
//!
//! | limit | |
//! | --- | --- |
//! | connections | [`CONNECTIONS_MAX`]: of those from where most come, the oldest one makes room, but not for less than a stream of events |
//! | streams of events | [`STREAMS_MAX`]; one more is answered with 503 |
//! | a request | 8 KiB, 32 headers, within 5 s |
//! | requests | 64 within 64 ms; more of them wait |
//! | TLS handshakes, where the port speaks TLS | a fifth of the thread's time, each within 5 s |
//! | an answer, an event | taken within 5 s, or the connection ends |
//!
//! | file | what it does |
//! | --- | --- |
//! | `server` | [`StatusServer`]: owns the sockets that listen, and the connections |
//! | `message` | what server and connections say to each other |
//! | `connection` | one connection, with hyper |
//! | `socket` | what hyper reads, writes and waits with |
//! | `route` | which question a request asks, and who may ask it |
//! | `answer` | the answers |
//! | `events` | a stream of events |
//! | `metrics` | the text for Prometheus |
//! | `page` | the page for people |
//! | `token` | [`AdminToken`]: what allows orders from other machines |
//! | [`client`] | the other end, for the command line |

mod answer;
pub mod client;
mod connection;
mod events;
mod message;
mod metrics;
mod page;
mod route;
mod server;
mod socket;
mod token;

pub use self::{
    client::{AskError, StatusUrl, StatusUrlError},
    server::{CONNECTIONS_MAX, STREAMS_MAX, StatusConfig, StatusServer},
    token::{AdminToken, TokenError},
};
