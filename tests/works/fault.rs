//! [`Fault`]: what is done to a member that runs work.

/// Something that happens to one member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// SIGSTOP for the node, until all is healed.
    Freeze,
    /// SIGKILL for these, at one time.
    Kill(&'static [Victim]),
    /// SIGKILL for the node, and another one is started on its directory at once.
    Restart,
    /// Nothing gets in or out, and nobody is told.
    Isolate,
    /// Node and guard get no more memory than they have.
    NoMoreMemory,
    /// The node is killed, and begins again with so little address space, in KiB, as `ulimit -v` gives it.
    LittleMemory(u32),
    /// Nothing more can be written.
    FillDisk,
    /// The node is asked to end (SIGTERM).
    Terminate,
}

/// Whom a member consists of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Victim {
    Node,
    Guard,
    Program,
}

/// A node needs about a tenth of the most, and its guard less.
const MEMORY_KIB: std::ops::Range<u32> = 2_000..400_000;

impl Fault {
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        use Victim::{Guard, Node, Program};
        match rng.u8(0..15) {
            0..=2 => Self::Freeze,
            3 => Self::Kill(&[Node]),
            4 => Self::Kill(&[Guard]),
            5 => Self::Kill(&[Program]),
            6 => Self::Kill(&[Node, Guard]),
            7 => Self::Kill(&[Node, Guard, Program]),
            8 => Self::Restart,
            9 | 10 => Self::Isolate,
            11 => Self::NoMoreMemory,
            12 => {
                // As many draws below a tenth of the most as above.
                let doublings = f64::from(MEMORY_KIB.end / MEMORY_KIB.start).log2();
                let factor = (rng.f64() * doublings).exp2();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is between the bounds"
                )]
                Self::LittleMemory((f64::from(MEMORY_KIB.start) * factor) as u32)
            }
            13 => Self::FillDisk,
            _ => Self::Terminate,
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Freeze => "frozen nodes",
            Self::Kill([Victim::Node]) => "killed nodes",
            Self::Kill([Victim::Guard]) => "killed guards",
            Self::Kill([Victim::Program]) => "killed programs",
            Self::Kill([_, _]) => "killed nodes with their guards",
            Self::Kill(_) => "killed nodes with guards and programs",
            Self::Restart => "restarts",
            Self::Isolate => "isolations",
            Self::NoMoreMemory => "memory that does not grow",
            Self::LittleMemory(_) => "starts with little memory",
            Self::FillDisk => "full disks",
            Self::Terminate => "orderly stops",
        }
    }
}
