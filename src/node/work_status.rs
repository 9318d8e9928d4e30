//! [`WorkStatus`]: how things stand with the program of a node, as a value.

/// How things stand with the program that runs only while a node leads. Its runner owns this, and publishes it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WorkStatus {
    /// What it does.
    pub state: WorkPhase,
    /// Its first process, or that of the command before it, while it runs.
    pub pid: Option<u32>,
    /// How often it has begun.
    pub starts: u64,
    /// How often it had to be killed.
    pub kills: u64,
    /// The exit code that it last ended with, as a shell tells it.
    pub last_exit: Option<i32>,
}

/// What the program of a node does.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum WorkPhase {
    /// It does not run, as the node does not lead.
    #[default]
    Waiting,
    /// The node leads, and the program is about to begin, or the command before it is.
    Starting,
    /// The command that has to succeed first runs.
    Preparing,
    /// It runs.
    Running,
    /// It was told to end, or its first process has ended, and something of it is left.
    Ending,
    /// It was killed, and does not die.
    Lingering,
    /// It begins again soon, in the same leadership.
    Pausing,
    /// It has failed: the node would not lead for a while, and another one may try.
    Resting,
    /// It is over, and does not begin again.
    Over,
}

impl WorkPhase {
    /// The word for it, in output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Ending => "ending",
            Self::Lingering => "lingering",
            Self::Pausing => "pausing",
            Self::Resting => "resting",
            Self::Over => "over",
        }
    }
}
