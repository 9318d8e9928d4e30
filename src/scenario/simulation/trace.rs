//! [`Trace`]: what happened, one line an event.
//!
//! | column | |
//! | --- | --- |
//! | 1 | virtual time in milliseconds |
//! | 2 | the member to which it happens; `-` for what happens to all |
//! | 3 | what happens: a [`Verb`] |
//! | 4 | with whom, and details |

mod verb;
mod words;

use std::{
    fmt::{self, Write},
    time::Duration,
};

use ballotbox_core::{
    ServerId,
    leadership::{CannotResign, LeaderWord, LearnerWord, Record, Report, Successor},
    links::LinkId,
    wire::Frame,
};

pub use self::verb::Verb;
use self::words::{Answered, Kept, Reported, Told};
use super::{
    Moment, Violation,
    plan::{Part, StrangerKind},
};
use crate::{
    election::{Decision, Epoch, Notification, PeerState, Round, Timer},
    scenario::vote_file::Operation,
};

/// Lines of text, kept only if asked for.
#[derive(Debug, Default)]
pub(super) struct Trace(Option<String>);

/// What a line tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum TraceEvent<'a> {
    Step(&'a Operation),
    Break(ServerId, ServerId),
    Dark { from: ServerId, to: ServerId },
    Light { from: ServerId, to: ServerId },
    Hangs,
    Suspends,
    Paused,
    Reboots,
    Slews { ppm: i64 },
    Asked { to: Successor, refused: Option<CannotResign> },
    Rests(bool),
    Stuck,
    Free,
    Unwell,
    LeftBehind(Epoch),
    Wakes { backlog: usize },
    Freezes,
    Replaced { names: Duration },
    Ends,
    Stranger { at: ServerId, claims: ServerId, kind: StrangerKind, several: bool },
    Leaves { at: ServerId, claims: ServerId },
    Impostor { comes: bool, at: ServerId, claims: ServerId, really: Option<ServerId>, part: Part },
    Believes { claims: ServerId, really: Option<ServerId> },
    Unmasks { claims: ServerId, really: Option<ServerId> },
    Starts,
    Moves { names: Duration },
    Vanishes,
    Looks(Round),
    Decides(Decision),
    SaysTo(ServerId, &'a Frame),
    Hears(ServerId, &'a Notification),
    PassesOver(LinkId),
    Dials(LinkId),
    KnocksAt(LinkId),
    LinkUp(LinkId),
    LinkDown(LinkId),
    Doubts(LinkId),
    Misses(ServerId),
    CannotDial(ServerId),
    Joins(ServerId),
    Tells(ServerId, &'a LeaderWord),
    Answers(ServerId, &'a LearnerWord),
    Stores(Record),
    Stored(Record),
    StoreFails,
    SyncFails,
    Stalls,
    Flows,
    Reports(&'a Report),
    Works(Epoch),
    WorkEnds(Epoch),
    Overlaps { epoch: Epoch, other: ServerId, theirs: Epoch },
    Stands(bool),
    Timer(Timer),
    Unmet(&'a str),
    Broken(&'a Violation),
}

impl Trace {
    pub(super) fn start(&mut self) {
        self.0.get_or_insert_default();
    }

    pub(super) fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Takes out what was written so far.
    pub(super) fn take(&mut self) -> String {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Writes a line. The event is put into words only if somebody wants to read them.
    pub(super) fn note(&mut self, at: Moment, member: Option<ServerId>, event: TraceEvent<'_>) {
        if let Some(text) = &mut self.0
            && !event.is_heartbeat()
        {
            let at = at.to_string();
            let member = member.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let start = text.len();
            // Writing to a string cannot fail.
            let _ = write!(text, "{at:>10}  {member:>3}  {:<11} {event}", event.verb().word());
            text.truncate(start + text[start..].trim_end().len());
            text.push('\n');
        }
    }
}

impl TraceEvent<'_> {
    /// Whether it only says that somebody is still there: what comes all the time is not written down.
    const fn is_heartbeat(self) -> bool {
        if let Self::Tells(_, word) = self {
            matches!(word, LeaderWord::Ping { .. } | LeaderWord::Waiting { .. })
        } else {
            matches!(self, Self::Answers(_, LearnerWord::Pong { .. }))
        }
    }

    const fn verb(self) -> Verb {
        match self {
            Self::Step(_) => Verb::Step,
            Self::Break(..) => Verb::Break,
            Self::Dark { .. } => Verb::Dark,
            Self::Light { .. } => Verb::Light,
            Self::Hangs => Verb::Hangs,
            Self::Suspends => Verb::Suspends,
            Self::Paused => Verb::Paused,
            Self::Reboots => Verb::Reboots,
            Self::Slews { .. } => Verb::Slews,
            Self::Asked { .. } => Verb::Asked,
            Self::Rests(true) => Verb::Rests,
            Self::Rests(false) => Verb::Rested,
            Self::Stuck => Verb::Stuck,
            Self::Free => Verb::Free,
            Self::Unwell => Verb::Unwell,
            Self::LeftBehind(_) => Verb::LeftBehind,
            Self::Wakes { .. } => Verb::Wakes,
            Self::Freezes => Verb::Freezes,
            Self::Replaced { .. } => Verb::Replaced,
            Self::Ends => Verb::Ends,
            Self::Stranger { .. } => Verb::Stranger,
            Self::Leaves { .. } | Self::Impostor { comes: false, .. } => Verb::Leaves,
            Self::Impostor { comes: true, .. } => Verb::Impostor,
            Self::Believes { .. } => Verb::Believes,
            Self::Unmasks { .. } => Verb::Unmasks,
            Self::Starts => Verb::Starts,
            Self::Moves { .. } => Verb::Moves,
            Self::Vanishes => Verb::Vanishes,
            Self::Looks(_) => Verb::Looks,
            Self::Decides(_) => Verb::Decides,
            Self::SaysTo(..) => Verb::SaysTo,
            Self::Hears(..) => Verb::Hears,
            Self::PassesOver(_) => Verb::PassesOver,
            Self::Dials(_) => Verb::Dials,
            Self::KnocksAt(_) => Verb::KnocksAt,
            Self::LinkUp(_) => Verb::LinkUp,
            Self::LinkDown(_) => Verb::LinkDown,
            Self::Doubts(_) => Verb::Doubts,
            Self::Misses(_) => Verb::Misses,
            Self::CannotDial(_) => Verb::CannotDial,
            Self::Joins(_) => Verb::Joins,
            Self::Tells(..) => Verb::Tells,
            Self::Answers(..) => Verb::Answers,
            Self::Stores(_) => Verb::Stores,
            Self::Stored(_) => Verb::Stored,
            Self::StoreFails => Verb::StoreFails,
            Self::SyncFails => Verb::SyncFails,
            Self::Stalls => Verb::Stalls,
            Self::Flows => Verb::Flows,
            Self::Reports(report) => words::verb_of(report),
            Self::Works(_) => Verb::Works,
            Self::WorkEnds(_) => Verb::WorkEnds,
            Self::Overlaps { .. } => Verb::Overlaps,
            Self::Stands(true) => Verb::Stands,
            Self::Stands(false) => Verb::Withdraws,
            Self::Timer(_) => Verb::Timer,
            Self::Unmet(_) => Verb::Unmet,
            Self::Broken(_) => Verb::Broken,
        }
    }
}

impl fmt::Display for TraceEvent<'_> {
    /// The details.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Hangs
            | Self::Suspends
            | Self::Paused
            | Self::Reboots
            | Self::Freezes
            | Self::Vanishes
            | Self::Stands(_)
            | Self::Rests(_)
            | Self::Stalls
            | Self::Stuck
            | Self::Free
            | Self::Unwell
            | Self::Flows
            | Self::StoreFails
            | Self::SyncFails
            | Self::Asked { to: Successor::Any, refused: None } => Ok(()),
            Self::Asked { to: Successor::To(to), refused: None } => write!(f, "in favour of {to}"),
            Self::Asked { refused: Some(why), .. } => write!(f, "and does not: {why}"),
            Self::Step(operation) => operation.fmt(f),
            Self::Slews { ppm: 0 } => f.write_str("goes as before"),
            Self::Slews { ppm } if ppm > 0 => write!(f, "{ppm} ppm faster"),
            Self::Slews { ppm } => write!(f, "{} ppm slower", ppm.unsigned_abs()),
            Self::Works(epoch) | Self::WorkEnds(epoch) | Self::LeftBehind(epoch) => {
                write!(f, "of epoch {epoch}")
            }
            Self::Overlaps { epoch, other, theirs } => {
                write!(f, "its lease of epoch {epoch}, and that of {other} of epoch {theirs}")
            }
            Self::Break(one, other) => write!(f, "{one}-{other}"),
            Self::Dark { from, to } | Self::Light { from, to } => write!(f, "{from} to {to}"),
            Self::Wakes { backlog } => write!(f, "to {backlog} happenings"),
            Self::Replaced { names } => {
                write!(f, "at another address; names follow after {} ms", names.as_millis())
            }
            Self::Moves { names } => write!(f, "names follow after {} ms", names.as_millis()),
            Self::Ends => f.write_str("its frozen instance"),
            Self::Stranger { at, claims, kind, several } => {
                let times = if several { ", several times at once" } else { "" };
                write!(f, "at {at}, claims to be {claims}, and {}{times}", kind.in_words())
            }
            Self::Leaves { at, claims } => {
                write!(f, "the stranger at {at} that claims to be {claims}")
            }
            Self::Impostor { comes: true, at, claims, really, part } => {
                write!(f, "{} speaks to {at} as {claims}, and {}", Who(really), part.in_words())
            }
            Self::Impostor { comes: false, at, claims, really, .. } => {
                write!(f, "{}, which speaks to {at} as {claims}", Who(really))
            }
            Self::Believes { claims, really } => {
                write!(f, "{}, which speaks as {claims}", Who(really))
            }
            Self::Unmasks { claims, really } => {
                let proof = if really.is_some() { "only its own" } else { "no" };
                write!(f, "{}, which speaks as {claims} and has {proof} certificate", Who(really))
            }
            Self::Starts => f.write_str("without its history"),
            Self::Looks(round) => write!(f, "round {round}"),
            Self::Decides(Decision { standing, vote, round }) => {
                let standing = format!("{standing:?}").to_lowercase();
                write!(f, "{standing} {vote}, round {round}")
            }
            Self::SaysTo(to, frame) => write!(f, "{to}: {}", Said(frame)),
            Self::Hears(from, notification) => write!(f, "{from}: {}", InWords(notification)),
            Self::PassesOver(link) => write!(f, "{link}: an older link"),
            Self::Dials(link)
            | Self::KnocksAt(link)
            | Self::LinkUp(link)
            | Self::LinkDown(link)
            | Self::Doubts(link) => link.fmt(f),
            Self::Misses(peer) | Self::Joins(peer) => peer.fmt(f),
            Self::Tells(to, word) => write!(f, "{to}: {}", Told(word)),
            Self::Answers(to, word) => write!(f, "{to}: {}", Answered(word)),
            Self::Stores(record) | Self::Stored(record) => Kept(record).fmt(f),
            Self::Reports(report) => Reported(report).fmt(f),
            Self::CannotDial(peer) => write!(f, "{peer}, which knocked"),
            Self::Timer(timer) => write!(f, "{timer:?}"),
            Self::Unmet(text) => f.write_str(text),
            Self::Broken(Violation { rule, details, .. }) if details.is_empty() => {
                f.write_str(rule)
            }
            Self::Broken(Violation { rule, details, .. }) => write!(f, "{rule}: {details}"),
        }
    }
}

/// An impostor: a member, or somebody else.
struct Who(Option<ServerId>);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => id.fmt(f),
            None => f.write_str("a stranger"),
        }
    }
}

/// What a frame says.
struct Said<'a>(&'a Frame);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Notification::decode(self.0.body()) {
            Ok(notification) => InWords(&notification).fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

/// A notification in words: `looking, votes 3 (epoch 0, zxid 0x0), round 1`.
struct InWords<'a>(&'a Notification);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_question() {
            return f.write_str("asks for a sign of life");
        }
        let Notification { state, vote, round, .. } = self.0;
        f.write_str(match state {
            PeerState::Looking => "looking, votes ",
            PeerState::Following => "following ",
            PeerState::Leading => "leading ",
            PeerState::Observing => "observing ",
        })?;
        match vote {
            Some(vote) => vote.fmt(f)?,
            None => f.write_str("nobody")?,
        }
        write!(f, ", round {round}")
    }
}
