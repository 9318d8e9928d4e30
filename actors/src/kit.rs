//! The actor kit: everything an actor of this workspace stands on, small enough to read in one sitting.
//!
//! An [`Actor`] owns its state and reads one [`Mailbox`]. What may talk to it holds an [`Address`]; dropping
//! the last one asks it to end. [`spawn`] starts it, and when it ends (its work is done, it failed, it panicked) its
//! parent gets a message of the parent's own type: supervision is a message like any other, and nothing is ever
//! restarted silently. An actor that works towards one result ends with it, and has no address of its parent.
//! One that reports again and again holds the address of its parent and is generic in it: `P: From<Report>`.
//!
//! This is also the only place that reads a clock, sleeps, or starts a task.

pub mod clock;
mod jitter;
mod mailbox;
mod off_thread;
mod rounded;
mod steps;
mod task;
mod this_thread;
mod timers;

pub use jitter::jittered;
pub use mailbox::{Address, Gone, Inlet, Mailbox, Raced, Wake, mailbox, mailbox_with_inlet};
pub use off_thread::off_thread;
pub use rounded::{Rounded, tenths_of_ms};
pub use steps::{step, woken};
pub use task::{Actor, Exit, spawn, yield_now};
pub use this_thread::on_this_thread;
pub use timers::Timers;
