//! The formats of the two ports. All integers are big endian, and nothing is allocated before its length was checked.
//!
//! On the election port the dialler speaks first: one [`Greeting`] says who it is. Then both sides send [`Frame`]s: four bytes
//! of length and a body, which is opaque here.
//!
//! On the quorum port both sides send [`QuorumPacket`]s, the learner first. They have no length before them; a [`PacketStream`]
//! cuts a connection into them, and reads past the snapshot that a leader may send between two of them.
//!
//! A [`FirstWord`] is what a connection is opened with, where one port serves for both and for TLS as well.

mod buffer;
mod first_word;
mod frame;
mod greeting;
mod jute;
mod packet;
mod packet_kind;
mod snapshot;
mod stream;

pub use first_word::{FirstWord, FirstWordError, Ports, Taken};
pub use frame::{Frame, FrameBuffer, FrameError};
pub use greeting::{Greeting, GreetingError, GreetingForm};
pub use jute::JuteError;
pub(crate) use jute::{JuteReader, put_buffer};

pub use packet::{PacketError, PacketPart, QuorumPacket};
pub use packet_kind::PacketKind;
pub use snapshot::{SnapshotError, SnapshotPart, SnapshotReader};
pub use stream::{PacketStream, StreamError};
