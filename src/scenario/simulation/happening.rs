//! [`Happening`]: everything that waits in the queue of a simulation.

use ballotbox_core::links::{LinkId, Timer as LinkTimer};

use super::{
    network::{Bit, End},
    plan::Mishap,
};
use crate::election::Timer as ElectionTimer;

/// What is going to happen.
#[derive(Debug)]
pub(super) enum Happening {
    Step(usize),
    Mishap(Mishap),
    /// An expectation has to be true from now on.
    Expected,
    ElectionTimer {
        member: usize,
        life: u32,
        timer: ElectionTimer,
    },
    LinkTimer {
        member: usize,
        life: u32,
        timer: LinkTimer,
    },
    /// An attempt to connect reaches its target.
    Asked {
        connection: u32,
    },
    /// Whoever connected has had time enough to say who it is.
    Unintroduced {
        connection: u32,
    },
    /// The answer to it is back.
    Answered {
        connection: u32,
        accepted: bool,
    },
    Arrived {
        end: End,
        bit: Bit,
    },
    Written {
        member: usize,
        life: u32,
        link: LinkId,
    },
    /// What was put off is to be said.
    Speak {
        member: usize,
        life: u32,
    },
    /// A stranger connects, for the first time or again.
    Intruded {
        stranger: usize,
    },
    /// A stranger does what it came for.
    Babbled {
        end: End,
    },
    /// Nothing was acknowledged for too long.
    Impatient {
        end: End,
    },
    ProbeDue {
        end: End,
    },
}
