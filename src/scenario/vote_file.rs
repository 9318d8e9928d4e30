//! [`VoteFile`]: who takes part, with which history, what happens to them, and what should come of it.
//!
//! A vote file is JSON. [`VoteFile::read`] turns it into checked values, and refuses whatever could not be played:
//! behind it, every id is a member, every step is possible, every number is within its limit.
//!
//! | field | meaning |
//! | --- | --- |
//! | `title` | free text, optional |
//! | `leadership` | `false` plays the election alone; otherwise an elected voter leads once a quorum keeps its epoch |
//! | `ensemble` | a name that all members of one ensemble share, optional |
//! | `members[].id` | server id, 0 to 2^63-2, unique |
//! | `members[].role` | `voter` (default) or `observer` |
//! | `members[].weight`, `.group` | hierarchical quorums; a voter of weight 0 never leads |
//! | `members[].vote` | `zxid` (number or hex string) and `epoch` the member votes with; 0 and 0 if left out |
//! | `members[].election`, `.quorum` | `host:port`; a free loopback port if left out |
//! | `members[].new` | `true`: the disk of this voter is new, and nobody knows it; otherwise its ensemble knows it |
//! | `tls` | for all members: `cert`, `key`, `ca` (PEM files, beside the vote file), `stage` (`taken`, `spoken` or `required`), `strict` |
//! | `members[].tls` | the same for one member, and `name`, which its certificate bears |
//! | `timing` | `settle_ms`, `resend_min_ms`, `resend_max_ms`, `grace_ms`, `connect_ms`, `ping_ms`, `silence_ms`, `establish_ms`; all optional |
//! | `steps[]` | `at_ms` and one of `start`, `stop`, `kill`, `pause`, `resume`, `hang`, `wake` (these two for simulations only), `cut`, `isolate`, `block`, `heal`, `wipe`, `fill`, `free`, `resign` |
//! | `expect[]` | by `by_ms` and until the next step: `leader`, `epoch`, `following`, `observing`, `looking` |
//! | `faults` | for simulations only: see [`Faults`] |
//!
//! Without `steps` all members start at 0.

mod check;
mod error;
mod expectation;
mod faults;
mod layout;
mod outcome;
mod raw;
mod tls;

use std::{
    collections::BTreeSet,
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
    time::Duration,
};

use ballotbox_core::{
    ServerId, UntrustedText,
    leadership::{LeadershipTiming, LeaseTerms},
};
use serde::Serialize;

pub use error::{FieldError, VoteFileError};
pub(crate) use expectation::Found;
pub use expectation::{Expectation, ExpectedLeader, MemberState};
pub use faults::Faults;
pub use outcome::Outcome;
pub use tls::{FileTls, MemberTls, NoTlsFiles, TlsFields, TlsFiles};

use crate::{ElectionTiming, Ensemble, History, Member, Membership};

/// Largest vote file, in bytes: room for every member and step allowed.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// At most this many members: `elect` starts them all in one process, and no ensemble has more.
pub const MEMBERS_MAX: usize = 255;
/// At most this many steps, and as many expectations.
pub const STEPS_MAX: usize = 5000;
/// No time in a file is longer than an hour.
pub const TIME_MAX: Duration = Duration::from_secs(3600);
/// A title has at most this many characters: it is one line.
pub const TITLE_CHARS_MAX: usize = 200;
/// The name of an ensemble has at most this many characters.
pub const ENSEMBLE_CHARS_MAX: usize = 100;
/// A path in `tls` has at most this many bytes: no system takes more.
pub const TLS_PATH_BYTES_MAX: usize = 4096;

/// How a text in UTF-16 begins, in both orders of its bytes.
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// A vote file, read and checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VoteFile {
    /// The story in one line.
    pub title: Option<Title>,
    /// The members. One without an election address listens at a free port.
    pub membership: Membership,
    /// What each member votes with, in the order of the file.
    pub histories: Vec<(ServerId, History)>,
    /// Whether an elected voter goes on to lead; if not, the election is played alone.
    pub leadership: bool,
    /// What the ensemble is called; empty if it has no name.
    pub ensemble_name: Arc<str>,
    /// The voters whose disks are new.
    pub new_disks: BTreeSet<ServerId>,
    /// What it says of TLS; `None` for plain text.
    pub tls: Option<FileTls>,
    /// The waits.
    pub timing: FileTiming,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// What should come of it.
    pub expectations: Vec<Expectation>,
    /// What a simulation may add.
    pub faults: Option<Faults>,
}

/// The title of a vote file: one line, not longer than [`TITLE_CHARS_MAX`]. `Display` escapes what cannot be seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Title(String);

impl Title {
    /// The title as it stands in the file, to be written into another one; not to be shown.
    pub fn as_written(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its length was checked: all of it is shown.
        UntrustedText::shortened(&self.0, usize::MAX).fmt(f)
    }
}

/// The waits a vote file may set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileTiming {
    /// The waits of the election.
    pub election: ElectionTiming,
    /// How long an attempt to connect may take.
    pub connect: Duration,
    /// The waits of leadership.
    pub leadership: LeadershipTiming,
    /// By how much clocks may be off, in parts per million: how much longer promises are than leases.
    pub drift_ppm: u32,
}

impl Default for FileTiming {
    /// ZooKeeper's, where it has them.
    fn default() -> Self {
        Self {
            election: ElectionTiming::default(),
            connect: Duration::from_secs(5),
            leadership: LeadershipTiming::default(),
            drift_ppm: LeaseTerms::DRIFT_PPM,
        }
    }
}

/// One thing that happens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// When, since the beginning.
    pub at: Duration,
    /// What is done.
    pub operation: Operation,
}

/// What a step does. Every list names each member once, and is not empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    /// These members start, for the first time or again.
    Start(Vec<ServerId>),
    /// They end in good order.
    Stop(Vec<ServerId>),
    /// They end without a word: their sockets just close.
    Kill(Vec<ServerId>),
    /// Nothing reaches them and nothing leaves them, yet their connections stay.
    Pause(Vec<ServerId>),
    /// What was held back by a pause flows again.
    Resume(Vec<ServerId>),
    /// These members do nothing, while their systems take in what is sent to them. For simulations only.
    Hang(Vec<ServerId>),
    /// They go on, with all that has come meanwhile.
    Wake(Vec<ServerId>),
    /// Each of these pairs loses its connection, both ways, and gets no new one.
    Cut(Vec<(ServerId, ServerId)>),
    /// Each of these members is cut off from all others.
    Isolate(Vec<ServerId>),
    /// The first of each of these pairs can no longer dial the second, as behind a firewall. Connections that stand stay.
    Block(Vec<(ServerId, ServerId)>),
    /// All cuts, isolations and blocks end; pauses do not.
    Heal,
    /// These members lose their disks while they do not run.
    Wipe(Vec<ServerId>),
    /// Their disks are full: nothing more can be stored.
    Fill(Vec<ServerId>),
    /// There is room on their disks again.
    Free(Vec<ServerId>),
    /// This member gives its epoch up, if it leads; in favour of the other one, if one is named and can lead.
    Resign {
        /// Which one.
        member: ServerId,
        /// Who is to lead next; `None` for any member that can.
        to: Option<ServerId>,
    },
}

impl VoteFile {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    ///
    /// [`VoteFileError`], one line that names the file, the field, what was found and what was expected.
    pub fn read(path: &Path) -> Result<Self, VoteFileError> {
        Self::read_to_end(UntrustedText::path(path), File::open(path))
    }

    /// Reads and checks what comes from there; `name` stands for the file in errors.
    ///
    /// # Errors
    ///
    /// As for [`VoteFile::read`].
    pub fn read_from(name: &str, source: impl Read) -> Result<Self, VoteFileError> {
        Self::read_to_end(name.into(), Ok(source))
    }

    fn read_to_end(
        file: UntrustedText,
        source: io::Result<impl Read>,
    ) -> Result<Self, VoteFileError> {
        let mut bytes = Vec::new();
        let read = source
            .and_then(|source| source.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            let kind = error.kind();
            return Err(VoteFileError::Unreadable { file, cause: error.into(), kind });
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse_text(file, text),
            Err(_) if UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark)) => {
                Err(VoteFileError::Utf16 { file })
            }
            Err(_) if bytes.len() > FILE_BYTES_MAX => Err(VoteFileError::TooLarge { file }),
            Err(error) => Err(VoteFileError::NotUtf8 { file, at: error.valid_up_to() }),
        }
    }

    /// Checks `text`; `name` stands for the file in errors. A byte order mark at the beginning is passed over.
    ///
    /// # Errors
    ///
    /// As for [`VoteFile::read`].
    pub fn parse(name: &str, text: &str) -> Result<Self, VoteFileError> {
        Self::parse_text(name.into(), text)
    }

    fn parse_text(file: UntrustedText, text: &str) -> Result<Self, VoteFileError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(VoteFileError::TooLarge { file });
        }
        let raw = raw::read(&file, text.strip_prefix('\u{feff}').unwrap_or(text))?;
        check::check(raw).map_err(|error| error.in_file(file))
    }

    /// The file as JSON text, one member, step and expectation a line, such that reading it gives the same values.
    #[allow(
        clippy::missing_panics_doc,
        reason = "there is nothing in a vote file that JSON cannot hold"
    )]
    pub fn to_json(&self) -> String {
        let raw = raw::RawVoteFile::from(self);
        let mut text = Vec::new();
        let mut json = serde_json::Serializer::with_formatter(&mut text, layout::Layout::default());
        raw.serialize(&mut json).expect("plain values and string keys always serialise");
        String::from_utf8(text).expect("JSON is UTF-8")
    }

    /// The members and what each votes with, in the order of the file.
    pub fn members(&self) -> impl Iterator<Item = (&Member, History)> {
        let member =
            |(id, history): &(ServerId, History)| Some((self.membership.get(*id)?, *history));
        self.histories.iter().filter_map(member)
    }

    /// Who votes, and what counts as a quorum.
    pub const fn ensemble(&self) -> &Arc<Ensemble> {
        self.membership.ensemble()
    }

    /// What this member votes with, if it is one.
    pub fn history(&self, id: ServerId) -> Option<History> {
        self.histories.iter().find(|(member, _)| *member == id).map(|(_, history)| *history)
    }

    /// Until when an expectation has to stay true: the next step at or after its time, if there is one.
    pub fn window_end(&self, expectation: &Expectation) -> Option<Duration> {
        window_end(&self.steps, expectation)
    }
}

impl fmt::Display for Operation {
    /// As a phrase: `start 1, 2, 3`, `cut 1-2, 1-3`, `heal`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |ids: &[ServerId]| join(ids.iter());
        match self {
            Self::Start(members) => write!(f, "start {}", ids(members)),
            Self::Stop(members) => write!(f, "stop {}", ids(members)),
            Self::Kill(members) => write!(f, "kill {}", ids(members)),
            Self::Pause(members) => write!(f, "pause {}", ids(members)),
            Self::Resume(members) => write!(f, "resume {}", ids(members)),
            Self::Hang(members) => write!(f, "hang {}", ids(members)),
            Self::Wake(members) => write!(f, "wake {}", ids(members)),
            Self::Cut(pairs) => {
                write!(f, "cut {}", join(pairs.iter().map(|(a, b)| format!("{a}-{b}"))))
            }
            Self::Isolate(members) => write!(f, "isolate {}", ids(members)),
            Self::Block(pairs) => {
                write!(
                    f,
                    "block {}",
                    join(pairs.iter().map(|(from, to)| format!("{from} to {to}")))
                )
            }
            Self::Heal => f.write_str("heal"),
            Self::Wipe(members) => write!(f, "wipe {}", ids(members)),
            Self::Fill(members) => write!(f, "fill the disks of {}", ids(members)),
            Self::Free(members) => write!(f, "free the disks of {}", ids(members)),
            Self::Resign { member, to: None } => write!(f, "resign {member}"),
            Self::Resign { member, to: Some(to) } => write!(f, "resign {member} to {to}"),
        }
    }
}

/// The next of these steps at or after the time of an expectation, if there is one.
pub(crate) fn window_end(steps: &[Step], expectation: &Expectation) -> Option<Duration> {
    steps.iter().map(|step| step.at).find(|at| *at >= expectation.by)
}

/// A time in milliseconds, with as many decimals as it takes to name the microsecond: `12`, `12.345`.
pub(crate) fn in_millis(time: Duration) -> String {
    let micros = time.as_micros();
    match micros % 1000 {
        0 => format!("{}", micros / 1000),
        rest => format!("{}.{rest:03}", micros / 1000),
    }
}

/// The items, with commas between them.
pub(crate) fn join(items: impl Iterator<Item = impl fmt::Display>) -> String {
    let texts: Vec<_> = items.map(|item| item.to_string()).collect();
    texts.join(", ")
}
