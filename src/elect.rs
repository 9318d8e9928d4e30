//! Playing a vote file: a whole ensemble in one process, over real sockets.

mod faults;
mod ports;
mod relay;
