//! [`Watchdog`]: what a guard decides. It ends the work in time, with its node or without.
//!
//! | state | begins with | ends with |
//! | --- | --- | --- |
//! | no work | the start of the guard | [`Order::Start`] |
//! | running | a process was made | its end; [`Order::Kill`]; the node is gone; the time to end is up |
//! | dying | the same | nothing of the work is left |
//! | dead | nothing of the work is left | the lease file shows no lease any more, or only one that is over |
//!
//! Time is what two clocks show, and the faster one counts, as for a [lease](ballotbox_core::leadership::lease). With a lease that runs until `u`,
//! the work is told to end when [`stop_within`](Terms::stop_within) and the slack are left of it, and killed when the slack is, if the node has
//! not renewed it. So a node that is stopped, or hangs, cannot keep its work alive. Without a lease nothing is known after `u`: then the work is told to end, and killed after
//! `stop_within`.

use std::time::Duration;

use ballotbox_core::{
    election::Epoch,
    leadership::{LeaseTerms, Reading, lease::Clocks as _},
};

use super::order::{Order, Report, Signal, Status, Task};

/// SIGTERM, by its number on every Unix.
pub(crate) const TERM: Signal = Signal(15);
/// What is left of killed work is looked for this soon, and then twice as late each time.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(1);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(100);
/// What goes on for this long after it was killed is reported.
const LINGERS: Duration = Duration::from_secs(1);

/// How the work of a node is to be ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Terms {
    /// Whether nobody else leads before what the node says.
    pub(crate) has_lease: bool,
    /// M: how long the work may take to end.
    pub(crate) stop_within: Duration,
}

/// What a watchdog hears of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    Order(Order),
    /// The node has ended, or closed its end of the socket.
    NodeGone,
    /// A process was made, as it had asked for, or could not be.
    Made(Result<u32, i32>),
    /// The process has ended.
    Exited(Status),
    /// Another process of the work has ended.
    Reaped,
    /// So many processes are left of the work.
    Left(usize),
    /// The lease file shows no lease, as was asked for last.
    Hidden,
    /// Time has passed, or may have.
    Tick,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Open the lease file, and empty it; report whether that went well.
    Prepare,
    /// Make a process that begins with the task, unless this is over by then.
    Make {
        task: Task,
        epoch: Epoch,
        before: Reading,
    },
    /// Send this to the group of the process.
    Signal(Signal),
    /// Kill all that is left of the work, and say what is.
    Kill,
    /// Show the work until when it may go on; `None`: not at all.
    Show(Option<(Epoch, Reading)>),
    Report(Report),
    /// Nothing is left to be guarded.
    Exit,
}

/// Decides when work is told to end, and when it is killed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Watchdog {
    terms: Terms,
    work: Option<Work>,
    node_is_gone: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Work {
    epoch: Epoch,
    until: Reading,
    /// The latest end of a lease that its lease file may show.
    shown: Option<Reading>,
    phase: Phase,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Phase {
    Running,
    /// It was told to end, and is killed then.
    Ending {
        by: Reading,
    },
    /// It was killed, or has ended by itself, and what is left of it is killed.
    Dying {
        look_at: Reading,
        pause: Duration,
        since: Reading,
        reported: bool,
        killed: bool,
    },
    /// Nothing is left of it, and this is reported once nobody can take it for the leader by its lease file: a disk may hang.
    Dead {
        last: Report,
    },
}

impl Watchdog {
    pub(crate) const fn new(terms: Terms) -> Self {
        Self { terms, work: None, node_is_gone: false }
    }

    pub(crate) fn handle(&mut self, event: Event, now: Reading, out: &mut Vec<Action>) {
        match event {
            Event::Order(order) => self.obey(order, now, out),
            Event::NodeGone => {
                self.node_is_gone = true;
                self.kill(now, out);
                if self.work.is_none() {
                    out.push(Action::Exit);
                }
            }
            Event::Made(Ok(pid)) => out.push(Action::Report(Report::Started { pid })),
            Event::Made(Err(error)) => {
                out.push(Action::Show(None));
                self.dead(Report::NotStarted { error: Some(error) }, now, out);
            }
            Event::Exited(status) => {
                out.push(Action::Report(Report::Exited { status }));
                self.reaped(out);
                self.die(false, now, out);
            }
            Event::Reaped => self.reaped(out),
            Event::Left(processes) => self.left(processes, now, out),
            Event::Hidden => {
                if let Some(work) = &mut self.work {
                    work.shown = None;
                }
                self.tick(now, out);
            }
            Event::Tick => self.tick(now, out),
        }
    }

    fn obey(&mut self, order: Order, now: Reading, out: &mut Vec<Action>) {
        match order {
            Order::Prepare => out.push(Action::Prepare),
            Order::Start { task, epoch, until } => self.start(task, epoch, until, now, out),
            Order::Renew { until } => {
                let (is_alive, Some(work)) = (self.is_alive(), &mut self.work) else { return };
                work.until = work.until.later(until);
                if is_alive {
                    work.shown = self.terms.has_lease.then_some(work.until);
                    out.push(Action::Show(Some((work.epoch, work.until))));
                }
            }
            Order::End { signal, within } => self.end(signal, within, now, out),
            Order::Pass { signal } => {
                if self.is_alive() {
                    out.push(Action::Signal(signal));
                }
            }
            Order::Kill => self.kill(now, out),
        }
    }

    fn start(
        &mut self,
        task: Task,
        epoch: Epoch,
        until: Reading,
        now: Reading,
        out: &mut Vec<Action>,
    ) {
        let is_late = self.time_left(until, now).is_none();
        // A node orders the next one when it has heard of the end of the last.
        if is_late || self.work.is_some() || self.node_is_gone {
            out.push(Action::Report(Report::NotStarted { error: None }));
            return;
        }
        let shown = self.terms.has_lease.then_some(until);
        self.work = Some(Work { epoch, until, shown, phase: Phase::Running });
        out.push(Action::Show(Some((epoch, until))));
        out.push(Action::Make { task, epoch, before: until });
    }

    /// How long it takes until work of that deadline is told to end: `None` if that is to be done now.
    fn time_left(&self, until: Reading, now: Reading) -> Option<Duration> {
        let left = now.left_by_fastest(until)?;
        if !self.terms.has_lease {
            return Some(left);
        }
        let needed = self.terms.stop_within.saturating_add(LeaseTerms::SLACK);
        left.checked_sub(needed).filter(|left| !left.is_zero())
    }

    /// How long it takes until work that was told to end is killed: `None` if that is to be done now.
    fn grace_left(&self, by: Reading, until: Reading, now: Reading) -> Option<Duration> {
        let left = now.left_by_fastest(by)?;
        if !self.terms.has_lease {
            return Some(left);
        }
        let leased = now.left_by_fastest(until)?.checked_sub(LeaseTerms::SLACK)?;
        Some(left.min(leased)).filter(|left| !left.is_zero())
    }

    fn is_alive(&self) -> bool {
        self.work.as_ref().is_some_and(|work| match work.phase {
            Phase::Running | Phase::Ending { .. } => true,
            Phase::Dying { .. } | Phase::Dead { .. } => false,
        })
    }

    fn end(&mut self, signal: Signal, within: Duration, now: Reading, out: &mut Vec<Action>) {
        let Some(work) = &mut self.work else { return };
        match work.phase {
            Phase::Running => work.phase = Phase::Ending { by: now.plus(within) },
            // It was told, and has the time that it was given first.
            Phase::Ending { .. } | Phase::Dying { .. } | Phase::Dead { .. } => return,
        }
        out.push(Action::Signal(signal));
        self.tick(now, out);
    }

    fn kill(&mut self, now: Reading, out: &mut Vec<Action>) {
        if self.is_alive() {
            self.die(true, now, out);
        }
    }

    fn die(&mut self, killed: bool, now: Reading, out: &mut Vec<Action>) {
        let (true, Some(work)) = (self.is_alive(), &mut self.work) else { return };
        let look_at = now.plus(LOOK_AGAIN_MIN);
        let pause = LOOK_AGAIN_MIN;
        work.phase = Phase::Dying { look_at, pause, since: now, reported: false, killed };
        out.extend([Action::Show(None), Action::Kill]);
    }

    /// What is dying may be dead now.
    fn reaped(&self, out: &mut Vec<Action>) {
        if matches!(&self.work, Some(Work { phase: Phase::Dying { .. }, .. })) {
            out.push(Action::Kill);
        }
    }

    fn left(&mut self, processes: usize, now: Reading, out: &mut Vec<Action>) {
        let Some(Work { phase: Phase::Dying { since, reported, killed, .. }, .. }) = &mut self.work
        else {
            return;
        };
        if processes == 0 {
            let last = Report::Ended { killed: *killed };
            self.dead(last, now, out);
        } else if !*reported && now.left_by_fastest(since.plus(LINGERS)).is_none() {
            *reported = true;
            let processes = u64::try_from(processes).unwrap_or(u64::MAX);
            out.push(Action::Report(Report::Lingers { processes }));
        }
    }

    /// Nothing is left of the work, or none was begun.
    fn dead(&mut self, last: Report, now: Reading, out: &mut Vec<Action>) {
        if let Some(work) = &mut self.work {
            work.phase = Phase::Dead { last };
        }
        self.tick(now, out);
    }

    fn tick(&mut self, now: Reading, out: &mut Vec<Action>) {
        let Some(work) = &self.work else { return };
        match work.phase {
            Phase::Running => {
                if self.time_left(work.until, now).is_none() {
                    let by = now.plus(self.terms.stop_within);
                    out.extend([Action::Signal(TERM), Action::Report(Report::ToldToEnd)]);
                    if let Some(work) = &mut self.work {
                        work.phase = Phase::Ending { by };
                    }
                    // It may be too late for that already.
                    self.tick(now, out);
                }
            }
            Phase::Ending { by } => {
                if self.grace_left(by, work.until, now).is_none() {
                    self.kill(now, out);
                }
            }
            Phase::Dying { look_at, .. } => {
                if now.left_by_fastest(look_at).is_none() {
                    self.look_again(now);
                    out.push(Action::Kill);
                }
            }
            Phase::Dead { last } => {
                if work.shown.and_then(|until| now.left_by_fastest(until)).is_none() {
                    self.work = None;
                    out.push(Action::Report(last));
                    if self.node_is_gone {
                        out.push(Action::Exit);
                    }
                }
            }
        }
    }

    fn look_again(&mut self, now: Reading) {
        if let Some(Work { phase: Phase::Dying { look_at, pause, .. }, .. }) = &mut self.work {
            *pause = pause.saturating_mul(2).min(LOOK_AGAIN_MAX);
            *look_at = now.plus(*pause);
        }
    }

    /// How long nothing has to be done, if nothing happens: `None` for ever.
    pub(crate) fn wait(&self, now: Reading) -> Option<Duration> {
        let work = self.work.as_ref()?;
        let left = match work.phase {
            Phase::Running => self.time_left(work.until, now),
            Phase::Ending { by } => self.grace_left(by, work.until, now),
            Phase::Dying { look_at, .. } => now.left_by_fastest(look_at),
            Phase::Dead { .. } => work.shown.and_then(|until| now.left_by_fastest(until)),
        };
        Some(left.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
