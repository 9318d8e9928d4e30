//! [`HookQueue`]: when the hook runs, with what, and when it is killed.
//!
//! ```text
//!             Run                 TimedOut: Kill           TimedOut again
//!    Idle ───────────► Running ──────────────────► Killed ────────────────► Stuck
//!     ▲                   │                           │                       │
//!     └───────────────────┴──────── Ended ────────────┴───────────────────────┘
//! ```
//!
//! At most one run at a time, so runs never overlap and never overtake each other. What changes while one goes on is
//! only counted: the next run is about the newest state. So the last run is about the last state, however quickly it
//! came. A run ends by itself or by its time-out; no change ends it.

use std::time::Duration;

use ballotbox_core::{Core, ServerId, UntrustedText};

use super::state::{Change, State};
use crate::{leadership::LostBecause, node::HookCounts};

/// What a [`HookQueue`] is told.
#[derive(Clone, Debug)]
pub(super) enum HookEvent {
    /// The node has become this, the oldest first, or is it still.
    Changed(Vec<Change>),
    /// The run that was under way has ended.
    Ended(RunEnd),
    /// The time of the run that is under way is over; after [`HookAction::Kill`], that which it has to die.
    TimedOut,
    /// The node has ended.
    Stop,
}

/// What a [`HookQueue`] asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum HookAction {
    /// Run it, and take the time.
    Run(HookRun),
    /// Kill what runs, and take the time.
    Kill,
    /// Tell this.
    Warn(HookWarning),
    /// No run follows any more.
    Done,
}

/// How a run has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum RunEnd {
    Exited(i32),
    Signalled(i32),
    /// There is no process.
    NotStarted(UntrustedText),
    /// The system does not say.
    Unknown(UntrustedText),
}

/// What a run is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct HookRun {
    pub(super) state: State,
    /// What the run before was about.
    pub(super) previous: Option<State>,
    /// Why the last leadership since the run before is over, if one is.
    pub(super) cause: Option<LostBecause>,
    /// The number of the change.
    pub(super) sequence: u64,
    /// How many changes have had no run since the one before.
    pub(super) skipped: u64,
}

/// Something went wrong with a run.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum HookWarning {
    #[error("the hook failed at change {} ({}): {end} (failure {failures})", .run.sequence, .run.state.word())]
    Failed { run: HookRun, end: RunEnd, failures: u64 },
    #[error(
        "the hook had not ended {limit:?} after change {} ({}), and was killed with its process group: make it faster, or \
         --hook-timeout longer (failure {failures})",
        .run.sequence, .run.state.word()
    )]
    Killed { run: HookRun, limit: Duration, failures: u64 },
    #[error(
        "the hook of change {} ({}) was killed and does not die, as it waits for a disk or a device: no other one runs \
         before it is gone",
        .run.sequence, .run.state.word()
    )]
    DoesNotDie { run: HookRun },
}

impl std::fmt::Display for RunEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(127) => {
                f.write_str("exit code 127, which sh gives when it finds no such command")
            }
            Self::Exited(126) => {
                f.write_str("exit code 126, which sh gives when it may not execute the command")
            }
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::NotStarted(cause) => write!(f, "/bin/sh cannot be started: {cause}"),
            Self::Unknown(cause) => write!(f, "how it ended is not known: {cause}"),
        }
    }
}

/// What goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Idle,
    Running(HookRun),
    Killed(HookRun),
    /// Killed, and not gone.
    Stuck(HookRun),
}

/// Decides when the hook runs.
#[derive(Clone, Debug)]
pub(super) struct HookQueue {
    /// The time of a run, for what is said about it.
    limit: Duration,
    state: State,
    /// How often the state has changed since it was settled for the first time, that time included.
    sequence: u64,
    /// The state and the number of the newest run.
    told: Option<(State, u64)>,
    /// Why the last leadership since that run is over.
    cause: Option<LostBecause>,
    stage: Stage,
    failures: u64,
    /// What has become of its runs, and was not taken yet.
    counts: HookCounts,
}

impl HookQueue {
    /// For runs of at most this length.
    pub(super) const fn new(limit: Duration) -> Self {
        Self {
            limit,
            state: State::Looking,
            sequence: 0,
            told: None,
            cause: None,
            stage: Stage::Idle,
            failures: 0,
            counts: HookCounts { succeeded: 0, failed: 0, killed: 0, skipped: 0 },
        }
    }

    /// What has become of its runs since this was last taken, if anything has.
    pub(super) fn take_counts(&mut self) -> Option<HookCounts> {
        Some(std::mem::take(&mut self.counts)).filter(|counts| *counts != HookCounts::default())
    }

    /// Before it is settled for the first time, that it looks is no change.
    fn change(&mut self, Change { state, cause }: Change) {
        if self.state == State::Stopped || self.state == state {
            return;
        }
        self.state = state;
        self.sequence += 1;
        self.cause = cause.or(self.cause);
    }

    /// Begins the next run, if there is something to tell and nothing runs.
    fn go_on(&mut self, out: &mut Vec<HookAction>) {
        let (previous, before) = self.told.unzip();
        let before = before.unwrap_or(0);
        match self.stage {
            Stage::Idle if self.sequence > before => {
                let run = HookRun {
                    state: self.state,
                    previous,
                    cause: self.cause.take(),
                    sequence: self.sequence,
                    skipped: self.sequence - before - 1,
                };
                self.counts.skipped += run.skipped;
                self.told = Some((run.state, run.sequence));
                self.stage = Stage::Running(run);
                out.push(HookAction::Run(run));
            }
            // Nothing overlaps with what does not die.
            Stage::Idle | Stage::Stuck(_) if self.state == State::Stopped => {
                out.push(HookAction::Done);
            }
            Stage::Idle | Stage::Running(_) | Stage::Killed(_) | Stage::Stuck(_) => {}
        }
    }

    fn ended(&mut self, end: RunEnd, out: &mut Vec<HookAction>) {
        let stage = std::mem::replace(&mut self.stage, Stage::Idle);
        let warning = match (stage, end) {
            // What did not die was told of.
            (Stage::Idle | Stage::Stuck(_), _) => return,
            // It may have ended just before it was killed.
            (Stage::Running(_) | Stage::Killed(_), RunEnd::Exited(0)) => {
                self.counts.succeeded += 1;
                return;
            }
            (Stage::Killed(run), RunEnd::Signalled(_)) => {
                self.counts.killed += 1;
                HookWarning::Killed { run, limit: self.limit, failures: self.failures + 1 }
            }
            (Stage::Running(run) | Stage::Killed(run), end) => {
                self.counts.failed += 1;
                HookWarning::Failed { run, end, failures: self.failures + 1 }
            }
        };
        self.failures += 1;
        out.push(HookAction::Warn(warning));
    }

    fn timed_out(&mut self, out: &mut Vec<HookAction>) {
        match self.stage {
            Stage::Running(run) => {
                self.stage = Stage::Killed(run);
                out.push(HookAction::Kill);
            }
            Stage::Killed(run) => {
                self.stage = Stage::Stuck(run);
                self.failures += 1;
                self.counts.killed += 1;
                out.push(HookAction::Warn(HookWarning::DoesNotDie { run }));
            }
            Stage::Idle | Stage::Stuck(_) => {}
        }
    }
}

impl Core for HookQueue {
    type Event = HookEvent;
    type Action = HookAction;

    fn handle(&mut self, event: HookEvent, out: &mut Vec<HookAction>) {
        match event {
            HookEvent::Changed(changes) => {
                for change in changes {
                    self.change(change);
                }
            }
            HookEvent::Ended(end) => self.ended(end, out),
            HookEvent::TimedOut => self.timed_out(out),
            HookEvent::Stop => self.change(Change { state: State::Stopped, cause: None }),
        }
        self.go_on(out);
    }
}

impl HookRun {
    /// What a hook of this member finds in its environment. What there is not is empty.
    pub(super) fn variables(&self, me: ServerId) -> [(&'static str, String); 9] {
        let text = |number: Option<String>| number.unwrap_or_default();
        let leader = self.state.leader(me).map(|leader| leader.to_string());
        let epoch = self.state.epoch().map(|epoch| epoch.0.to_string());
        [
            ("BALLOTBOX_ID", me.to_string()),
            ("BALLOTBOX_STATE", self.state.word().to_owned()),
            ("BALLOTBOX_PREVIOUS", self.previous.map_or("", State::word).to_owned()),
            ("BALLOTBOX_LEADER", text(leader)),
            ("BALLOTBOX_EPOCH", text(epoch.clone())),
            ("BALLOTBOX_TOKEN", text(epoch)),
            ("BALLOTBOX_CAUSE", self.cause.map_or("", LostBecause::word).to_owned()),
            ("BALLOTBOX_SEQ", self.sequence.to_string()),
            ("BALLOTBOX_SKIPPED", self.skipped.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests;
