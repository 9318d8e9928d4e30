//! [`Work`]: what a node decides about its work. When it begins, why it ends, and what becomes of the leadership then.
//!
//! | phase | begins with | ends with |
//! | --- | --- | --- |
//! | competing | the start; a leadership that was given up | a leadership |
//! | begun | a leadership: the command that has to succeed first, if there is one, and then the work | nothing is left of it |
//! | pausing | the work has ended by itself, and is to begin again | the pause is over; the leadership is |
//! | resting | the work has ended by itself, was not well, or could not begin, and another member is to try: this one would not lead | the pause is over |
//! | over | the work has ended by itself, and is not to begin again; we were asked to stop | |
//!
//! The leadership is given up when nothing is left of the work, and at no other time.

use std::{collections::VecDeque, time::Duration};

use ballotbox_core::{
    Backoff,
    election::Epoch,
    leadership::{LostBecause, Moment},
};

use super::{
    order::{Order, Report, Signal, Status, Task},
    watchdog::TERM,
};
use crate::node::{WorkPhase, WorkStatus};

/// What becomes of the leadership when the work has ended by itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenItEnds {
    /// It is given up, and the node ends with the exit code of the work.
    #[default]
    Stop,
    /// The work begins again, after a pause that gets longer. If it fails again and again, as with `Resign`.
    Restart,
    /// It is given up, and the node competes again.
    Resign,
}

/// Work that has failed this often within [`FAILURES_WITHIN`] is not begun again here.
const FAILURES_MAX: usize = 5;
const FAILURES_WITHIN: Duration = Duration::from_secs(60);
/// The pause before work begins again.
const PAUSE: Backoff =
    Backoff { min: Duration::from_secs(1), max: Duration::from_secs(30), attempts_max: None };
/// The pause after work that was not well.
const RECOVERY: Backoff =
    Backoff { min: Duration::from_secs(2), max: Duration::from_secs(60), attempts_max: None };
/// Work that has run for this long begins again after the shortest pause.
const LASTING: Duration = Duration::from_secs(60);
/// What the exit code of a program says that could not be executed.
const NOT_EXECUTABLE: Status = Status::Code(126);

/// How the work of a node is to be run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Rules {
    pub(super) when_it_ends: WhenItEnds,
    /// A command has to succeed first.
    pub(super) has_prelude: bool,
    /// How long the work may take to end.
    pub(super) stop_within: Duration,
}

/// What a work hears of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Event {
    /// The node leads.
    Leads(Epoch),
    /// The leadership has to be given up.
    MustEnd(LostBecause),
    Guard(Report),
    /// The guard has ended, and nothing is left of what it guarded.
    GuardGone,
    /// A signal that is for the work.
    Pass(Signal),
    /// The node was asked to stop, by this signal.
    Stop(Signal),
    /// It was asked again.
    StopNow,
    /// The work of this epoch, or the disk under it, does not answer.
    Unwell(Epoch),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Action {
    /// Wait until the node leads.
    Compete,
    /// Say whether the node is to lead at all.
    Willing(bool),
    /// Say that the work is not well: the leadership is to be given up for that.
    Unhealthy,
    /// Order the guard to begin this.
    Begin { task: Task, epoch: Epoch },
    /// Order the guard something else.
    Order(Order),
    /// The leadership is not needed any more: no work of it is left.
    GiveUp,
    /// Say how things stand.
    Tell(WorkState),
    /// The work is over.
    Finish(Outcome),
}

/// How things stand with the work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WorkState {
    /// The command that has to succeed first has begun, as this process.
    Preparing {
        /// Its number.
        pid: u32,
    },
    /// That command has failed, with this exit code: the leadership is given up.
    Unprepared {
        /// As a shell tells it.
        code: i32,
    },
    /// The work has begun, as this process.
    Running {
        /// Its number.
        pid: u32,
    },
    /// It could not begin: the number is that of the operating system's error.
    NotStarted {
        /// `None` if it was too late.
        error: Option<i32>,
    },
    /// It does not answer, or the disk does not: it is ended, and the leadership given up.
    Unwell,
    /// It was told to end.
    Ending,
    /// It was killed, and does not die.
    Lingers {
        /// How many processes are left.
        processes: u64,
    },
    /// Nothing is left of it.
    Ended {
        /// The exit code of its first process, as a shell tells it.
        code: i32,
        /// Whether it had to be killed.
        killed: bool,
    },
    /// It begins again after this time.
    Pausing {
        /// How long that is.
        wait: Duration,
    },
    /// It fails again and again: another member may try.
    Failing,
}

/// How the work of a node has ended for good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// By itself, with this exit code.
    Ended {
        /// As a shell tells it.
        code: i32,
    },
    /// The node was asked to stop.
    Stopped {
        /// Whether the work had to be killed.
        killed: bool,
    },
    /// The guard was killed.
    GuardGone,
}

/// Decides about the work of a node.
#[derive(Clone, Debug)]
pub(super) struct Work {
    rules: Rules,
    phase: Phase,
    /// The node was asked to stop.
    stops: bool,
    /// When it has failed lately.
    failures: VecDeque<Moment>,
    /// How often it has ended soon in a row.
    short_runs: u32,
    /// How often it was not well in a row.
    unwell_runs: u32,
    starts: u64,
    kills: u64,
    last_exit: Option<i32>,
}

#[derive(Clone, Debug)]
enum Phase {
    Competing,
    Begun(Run),
    Pausing { epoch: Epoch, until: Moment },
    Resting { until: Moment },
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    task: Task,
    epoch: Epoch,
    since: Moment,
    /// It was told to end.
    is_told: bool,
    is_unwell: bool,
    /// Its first process, while that runs.
    pid: Option<u32>,
    /// It was killed, and does not die.
    lingers: bool,
    status: Option<Status>,
}

impl Run {
    const fn state(self) -> WorkPhase {
        match (self.task, self.pid) {
            _ if self.lingers => WorkPhase::Lingering,
            _ if self.is_told || self.status.is_some() => WorkPhase::Ending,
            (_, None) => WorkPhase::Starting,
            (Task::Prelude, Some(_)) => WorkPhase::Preparing,
            (Task::Work, Some(_)) => WorkPhase::Running,
        }
    }
}

impl Work {
    pub(super) fn new(rules: Rules, out: &mut Vec<Action>) -> Self {
        out.push(Action::Compete);
        let (phase, failures) = (Phase::Competing, VecDeque::new());
        let (short_runs, unwell_runs, starts, kills, last_exit) = (0, 0, 0, 0, None);
        Self {
            rules,
            phase,
            stops: false,
            failures,
            short_runs,
            unwell_runs,
            starts,
            kills,
            last_exit,
        }
    }

    pub(super) fn handle(&mut self, event: Event, now: Moment, out: &mut Vec<Action>) {
        match event {
            Event::Leads(epoch) => self.leads(epoch, now, out),
            Event::MustEnd(_) => match &self.phase {
                Phase::Begun(_) => self.end(TERM, out),
                Phase::Pausing { .. } => self.let_go(out),
                Phase::Competing | Phase::Resting { .. } | Phase::Over => {}
            },
            Event::Guard(report) => self.hear(report, now, out),
            Event::GuardGone => {
                if !matches!(self.phase, Phase::Over) {
                    self.phase = Phase::Over;
                    out.extend([Action::GiveUp, Action::Finish(Outcome::GuardGone)]);
                }
            }
            Event::Pass(signal) => {
                if matches!(self.phase, Phase::Begun(_)) {
                    out.push(Action::Order(Order::Pass { signal }));
                }
            }
            Event::Stop(signal) => {
                self.stops = true;
                match &self.phase {
                    Phase::Begun(_) => self.end(signal, out),
                    Phase::Pausing { .. } => self.let_go(out),
                    Phase::Competing | Phase::Resting { .. } => self.compete(out),
                    Phase::Over => {}
                }
            }
            Event::StopNow => {
                if matches!(self.phase, Phase::Begun(_)) {
                    out.push(Action::Order(Order::Kill));
                }
            }
            Event::Unwell(epoch) => self.unwell(epoch, out),
            Event::Tick => match self.phase {
                Phase::Pausing { epoch, until } if until <= now => {
                    self.begin(Task::Work, epoch, now, out);
                }
                Phase::Resting { until } if until <= now => self.compete(out),
                Phase::Pausing { .. }
                | Phase::Resting { .. }
                | Phase::Competing
                | Phase::Begun(_)
                | Phase::Over => {}
            },
        }
    }

    fn leads(&mut self, epoch: Epoch, now: Moment, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Competing => {
                let task = if self.rules.has_prelude { Task::Prelude } else { Task::Work };
                self.begin(task, epoch, now, out);
            }
            // It came too late.
            Phase::Over => out.push(Action::GiveUp),
            Phase::Begun(_) | Phase::Pausing { .. } | Phase::Resting { .. } => {}
        }
    }

    fn begin(&mut self, task: Task, epoch: Epoch, now: Moment, out: &mut Vec<Action>) {
        self.phase = Phase::Begun(Run {
            task,
            epoch,
            since: now,
            is_told: false,
            is_unwell: false,
            pid: None,
            lingers: false,
            status: None,
        });
        out.push(Action::Begin { task, epoch });
    }

    fn end(&mut self, signal: Signal, out: &mut Vec<Action>) {
        let within = self.rules.stop_within;
        if let Phase::Begun(run) = &mut self.phase
            && !run.is_told
        {
            run.is_told = true;
            out.push(Action::Order(Order::End { signal, within }));
            out.push(Action::Tell(WorkState::Ending));
        }
    }

    fn unwell(&mut self, epoch: Epoch, out: &mut Vec<Action>) {
        if let Phase::Begun(run) = &mut self.phase
            && run.epoch == epoch
            && !run.is_told
        {
            run.is_unwell = true;
            out.extend([Action::Tell(WorkState::Unwell), Action::Unhealthy]);
            self.end(TERM, out);
        }
    }

    fn hear(&mut self, report: Report, now: Moment, out: &mut Vec<Action>) {
        let Phase::Begun(run) = &mut self.phase else { return };
        match report {
            Report::Ready | Report::NotReady { .. } => {}
            Report::Started { pid } => {
                run.pid = Some(pid);
                self.starts += u64::from(run.task == Task::Work);
                out.push(Action::Tell(match run.task {
                    Task::Prelude => WorkState::Preparing { pid },
                    Task::Work => WorkState::Running { pid },
                }));
            }
            Report::NotStarted { error } => {
                out.push(Action::Tell(WorkState::NotStarted { error }));
                run.status = Some(NOT_EXECUTABLE);
                run.is_told |= error.is_none();
                self.ended(false, now, out);
            }
            Report::ToldToEnd => {
                if !run.is_told {
                    run.is_told = true;
                    out.push(Action::Tell(WorkState::Ending));
                }
            }
            Report::Exited { status } => (run.pid, run.status) = (None, Some(status)),
            Report::Lingers { processes } => {
                run.lingers = true;
                out.push(Action::Tell(WorkState::Lingers { processes }));
            }
            Report::Ended { killed } => self.ended(killed, now, out),
        }
    }

    /// Nothing is left of what was begun.
    fn ended(&mut self, killed: bool, now: Moment, out: &mut Vec<Action>) {
        let Phase::Begun(run) = self.phase else { return };
        let code = run.status.map_or(0, Status::code);
        if run.task == Task::Work {
            self.last_exit = Some(code);
            self.kills += u64::from(killed);
            out.push(Action::Tell(WorkState::Ended { code, killed }));
        }
        if self.stops {
            self.phase = Phase::Over;
            return out.extend([Action::GiveUp, Action::Finish(Outcome::Stopped { killed })]);
        }
        self.unwell_runs = if run.is_unwell { self.unwell_runs.saturating_add(1) } else { 0 };
        match run.task {
            _ if run.is_unwell => {
                let pause = RECOVERY.delay(self.unwell_runs).unwrap_or(RECOVERY.max);
                self.rest(pause, now, out);
            }
            _ if run.is_told => self.let_go(out),
            Task::Prelude if code == 0 => self.begin(Task::Work, run.epoch, now, out),
            Task::Prelude => {
                out.push(Action::Tell(WorkState::Unprepared { code }));
                let pause = self.pause_after(run, now);
                self.rest(pause, now, out);
            }
            Task::Work => self.ended_by_itself(run, code, now, out),
        }
    }

    fn ended_by_itself(&mut self, run: Run, code: i32, now: Moment, out: &mut Vec<Action>) {
        let wait = self.pause_after(run, now);
        let fails = code != 0 && self.fails_again_and_again(now);
        match self.rules.when_it_ends {
            WhenItEnds::Stop => {
                self.phase = Phase::Over;
                out.extend([Action::GiveUp, Action::Finish(Outcome::Ended { code })]);
            }
            WhenItEnds::Resign => self.rest(wait, now, out),
            WhenItEnds::Restart if fails => {
                out.push(Action::Tell(WorkState::Failing));
                self.rest(wait, now, out);
            }
            WhenItEnds::Restart => {
                self.phase = Phase::Pausing { epoch: run.epoch, until: now.plus(wait) };
                out.push(Action::Tell(WorkState::Pausing { wait }));
            }
        }
    }

    /// How long nothing begins here after work that has ended: longer if it did so soon, time and again.
    fn pause_after(&mut self, run: Run, now: Moment) -> Duration {
        let is_short = now.since(run.since) < LASTING;
        self.short_runs = if is_short { self.short_runs.saturating_add(1) } else { 1 };
        PAUSE.delay(self.short_runs).unwrap_or(PAUSE.max)
    }

    fn fails_again_and_again(&mut self, now: Moment) -> bool {
        self.failures.retain(|at| now.since(*at) < FAILURES_WITHIN);
        self.failures.push_back(now);
        let is_too_often = self.failures.len() >= FAILURES_MAX;
        if is_too_often {
            self.failures.clear();
        }
        is_too_often
    }

    /// The leadership is given up, and this member would not lead before that time is over: another one is to.
    fn rest(&mut self, wait: Duration, now: Moment, out: &mut Vec<Action>) {
        out.extend([Action::Willing(false), Action::GiveUp]);
        self.phase = Phase::Resting { until: now.plus(wait) };
    }

    /// The leadership is given up.
    fn let_go(&mut self, out: &mut Vec<Action>) {
        out.push(Action::GiveUp);
        self.compete(out);
    }

    /// Another leadership is asked for, unless we stop.
    fn compete(&mut self, out: &mut Vec<Action>) {
        if self.stops {
            self.phase = Phase::Over;
            out.push(Action::Finish(Outcome::Stopped { killed: false }));
        } else {
            let has_rested = matches!(self.phase, Phase::Resting { .. });
            out.extend(has_rested.then_some(Action::Willing(true)));
            out.push(Action::Compete);
            self.phase = Phase::Competing;
        }
    }

    /// How things stand, as a value.
    pub(super) fn status(&self) -> WorkStatus {
        let (state, pid) = match self.phase {
            Phase::Competing => (WorkPhase::Waiting, None),
            Phase::Begun(run) => (run.state(), run.pid),
            Phase::Pausing { .. } => (WorkPhase::Pausing, None),
            Phase::Resting { .. } => (WorkPhase::Resting, None),
            Phase::Over => (WorkPhase::Over, None),
        };
        let (starts, kills) = (self.starts, self.kills);
        WorkStatus { state, pid, starts, kills, last_exit: self.last_exit }
    }

    /// When something has to be done, if nothing happens.
    pub(super) const fn next_deadline(&self) -> Option<Moment> {
        match self.phase {
            Phase::Pausing { until, .. } | Phase::Resting { until } => Some(until),
            Phase::Competing | Phase::Begun(_) | Phase::Over => None,
        }
    }
}

#[cfg(test)]
mod tests;
