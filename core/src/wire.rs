//! The two formats of the election port: the greeting that opens a connection, and the frames that follow.
//!
//! The dialler speaks first: one [`Greeting`] says who it is. Then both sides send [`Frame`]s: four bytes of length
//! and a body, which is opaque here. All integers are big endian. Nothing is allocated before its length was checked.

mod frame;
mod greeting;

pub use frame::{Frame, FrameBuffer, FrameError};
pub use greeting::{Greeting, GreetingError, GreetingForm};
