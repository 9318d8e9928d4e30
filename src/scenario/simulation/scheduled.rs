//! [`Scheduled`]: everything that waits in the queue of a simulation.

use ballotbox_core::links::{LinkId, Timer as LinkTimer};

use super::{
    network::{Answer, End, Port, Segment},
    plan::Fault,
};
use crate::election::{Epoch, Timer as ElectionTimer};

/// What is going to happen. Members, strangers and connections are named by their place or number.
#[derive(Debug)]
pub(super) enum Scheduled {
    Step(usize),
    Fault(Fault),
    /// An expectation has to be true from now on.
    ExpectationDue,
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
    ConnectArrived {
        connection: u32,
    },
    /// The answer to it is back at the dialer.
    ConnectAnswered {
        connection: u32,
        answer: Answer,
    },
    /// The acceptor closes the connection, if it was not greeted.
    GreetingDue {
        connection: u32,
    },
    SegmentArrived {
        end: End,
        segment: Segment,
    },
    /// The system has taken over a frame.
    FrameWritten {
        member: usize,
        life: u32,
        link: LinkId,
    },
    /// The notifications that were put off are to be sent.
    Speak {
        member: usize,
        life: u32,
    },
    /// The leadership of a member looks at the clock.
    LeadershipDue {
        member: usize,
        life: u32,
    },
    /// The work of an epoch that is given up ends, unless the clock of its member has stood still for longer than this meanwhile.
    WorkEnds {
        member: usize,
        life: u32,
        epoch: Epoch,
        slept: u64,
    },
    /// What the disk of a member is writing is written, or it cannot be.
    DiskDone {
        member: usize,
        life: u32,
    },
    /// What a member is promising is written.
    PromiseKept {
        member: usize,
        life: u32,
    },
    StrangerConnects {
        stranger: usize,
    },
    /// A stranger does what it came for.
    StrangerActs {
        end: End,
    },
    /// An impostor tries this port of its target once more.
    ImpostorReturns {
        impostor: usize,
        port: Port,
    },
    /// An impostor says something on this connection.
    ImpostorSpeaks {
        end: End,
    },
    /// The system gives up a connection on which nothing was acknowledged for too long.
    GiveUp {
        end: End,
    },
    /// The system sends a keep-alive probe.
    KeepAlive {
        end: End,
    },
}
