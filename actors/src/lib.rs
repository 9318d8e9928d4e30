//! The network: actors that carry frames of bytes between server ids, and packets between a leader and its learners. They know
//! nothing of votes and epochs.
//!
//! [`start`] gives a server its network. From then on the server sends frames with [`NetworkAddress::send`], and
//! receives those of its peers ([`Heard`]) and the news of links that come and go ([`NetworkEvent`]).
//!
//! | module | what it is |
//! | --- | --- |
//! | [`kit`] | actors, mailboxes, timers: everything else is built on them |
//! | [`socket`] | connections, and the actors that make, accept, read and write them: `Dialer`, `Listener`, `Sender`, `Receiver` |
//! | `doorman` | incoming connections: `Doorman`, which owns the `Listener` and a `Greeter` per incoming connection |
//! | `mesh` | the election port, on which every two servers have one link: `ConnectionManager` and what it supervises |
//! | `star` | the quorum port, at which learners follow a leader: `Hub` and what it supervises |

mod config;
mod doorman;
mod event;
pub mod kit;
mod mesh;
mod network;
pub mod socket;
mod star;

pub use config::{NetworkConfig, NetworkTiming};
pub use doorman::{DoormanAddress, GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX, NetworkError};
pub use event::{NetworkEvent, RefusedBecause};
pub use mesh::NetworkAddress;
pub use network::{start, start_star};
pub use socket::{DialError, Heard, Listen, ListenError, Liveness, Tls, TlsError};
pub use star::{FirstPacket, LEARNERS_SPARE_MAX, StarAddress, StarEvent, StarHeard};
