//! [`Fault`]: what can go wrong.

use super::stranger::Manner;

/// Something that happens to one member, or between two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The process dies at once (SIGKILL).
    Kill(usize),
    /// The same, and another one is started on its directory at once.
    Restart(usize),
    /// The process is asked to end (SIGTERM).
    Terminate(usize),
    /// The process stops, its sockets stay (SIGSTOP).
    Pause(usize),
    /// Nothing gets in or out, and nobody is told.
    Isolate(usize),
    /// Nothing passes between these two.
    Cut(usize, usize),
    /// Nothing passes from the first to the second.
    CutOneWay(usize, usize),
    /// A third of what comes in is lost.
    Lose(usize),
    /// What goes out takes long.
    Slow(usize),
    /// Somebody comes to the first in the name of the second, again and again. It stays until all have agreed.
    Stranger { at: usize, claims: usize, manner: Manner },
    /// The process stops and never goes on, its sockets stay; another takes its place, on a new disk. It is there until all
    /// have agreed.
    Freeze(usize),
    /// Nothing more can be written.
    FillDisk(usize),
}

impl Fault {
    /// What happens to this one of the members.
    pub(crate) fn draw(rng: &mut fastrand::Rng, one: usize, members: usize) -> Self {
        let other = (one + rng.usize(1..members)) % members;
        match rng.u8(0..14) {
            0 => Self::Kill(one),
            1 => Self::Terminate(one),
            2 => Self::Pause(one),
            3 => Self::Isolate(one),
            4 => Self::Cut(one, other),
            5 => Self::CutOneWay(one, other),
            6 => Self::Lose(one),
            7 => Self::Slow(one),
            8 | 9 => Self::Stranger { at: one, claims: other, manner: Manner::draw(rng) },
            10 => Self::FillDisk(one),
            11 => Self::Restart(one),
            _ => Self::Freeze(one),
        }
    }

    /// Whose process, host or disk it is about, if it is about one.
    pub(crate) fn member(self) -> Option<usize> {
        match self {
            Self::Kill(one)
            | Self::Restart(one)
            | Self::Terminate(one)
            | Self::Pause(one)
            | Self::Isolate(one)
            | Self::Lose(one)
            | Self::Slow(one)
            | Self::Freeze(one)
            | Self::FillDisk(one) => Some(one),
            Self::Cut(..) | Self::CutOneWay(..) | Self::Stranger { .. } => None,
        }
    }

    /// Those who may do late what they were about to do.
    pub(crate) fn holds_up(self) -> Vec<usize> {
        match self {
            Self::Pause(one)
            | Self::Freeze(one)
            | Self::Isolate(one)
            | Self::Lose(one)
            | Self::Slow(one)
            | Self::FillDisk(one) => vec![one],
            Self::Cut(one, other) | Self::CutOneWay(one, other) => vec![one, other],
            Self::Kill(_) | Self::Restart(_) | Self::Terminate(_) | Self::Stranger { .. } => vec![],
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Kill(_) => "kills",
            Self::Restart(_) => "restarts",
            Self::Terminate(_) => "orderly stops",
            Self::Pause(_) => "pauses",
            Self::Isolate(_) => "isolations",
            Self::Cut(..) => "cuts",
            Self::CutOneWay(..) => "one-way cuts",
            Self::Lose(_) => "lossy links",
            Self::Slow(_) => "slow links",
            Self::Stranger { manner: Manner::Silent, .. } => "silent strangers",
            Self::Stranger { manner: Manner::Rubbish, .. } => "strangers with rubbish",
            Self::Stranger { manner: Manner::RealServer, .. } => "strangers as real servers",
            Self::Freeze(_) => "frozen processes",
            Self::FillDisk(_) => "full disks",
        }
    }
}
