//! [`Work`]: the program of a node, as its signals and its output have to do with it.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use ballotbox::{
    Node,
    run::{
        GuardProcess, Outcome, PASSED_ON, RunConfig, RunError, RunnerReport, RunningWork,
        WorkState, run_work,
    },
};
use ballotbox_actors::kit::{
    Exit,
    clock::{self, Late},
};
use futures::future;
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::{
    event::Event,
    output::{Output, ServeMsg},
    signals::Signals,
    work,
};

/// When the node has ended, the work has this long to be gone: by then it was killed long ago.
const PATIENCE: Duration = Duration::from_secs(2);

/// The work of a node, if it has some.
pub(super) struct Work {
    running: Option<RunningWork>,
    /// Something of it is alive.
    is_begun: bool,
    /// The node was asked to stop.
    stops: bool,
    pub(super) outcome: Option<Outcome>,
}

impl Work {
    pub(super) async fn start(
        guarded: Option<(RunConfig, GuardProcess)>,
        node: &Node,
        output: &Output,
    ) -> Result<Self, RunError> {
        let running = match guarded {
            Some((config, guard)) => Some(run_work(config, guard, node, output.address()).await?),
            None => None,
        };
        Ok(Self { running, is_begun: false, stops: false, outcome: None })
    }

    /// Takes a signal in. Returns whether the node is to stop.
    pub(super) fn hear_signal(&mut self, signal: i32, signals: &Signals) -> bool {
        let is_for_work = PASSED_ON.contains(&signal) || (signal == SIGHUP && self.is_begun);
        match &self.running {
            Some(running) if is_for_work => {
                running.pass(signal);
                return false;
            }
            Some(running) if self.stops => {
                signals.let_the_next_end_us();
                running.stop_now();
            }
            Some(running) => running.stop(signal),
            None => {}
        }
        self.stops = true;
        true
    }

    /// Takes in what the runner has to say, and returns what is to be told of it.
    pub(super) fn hear(&mut self, report: RunnerReport) -> Option<(Event, Instant)> {
        match report {
            RunnerReport::State(state, at) => {
                match state {
                    WorkState::Preparing { .. } | WorkState::Running { .. } => self.is_begun = true,
                    WorkState::NotStarted { .. }
                    | WorkState::Unprepared { .. }
                    | WorkState::Ended { .. } => self.is_begun = false,
                    WorkState::Ending
                    | WorkState::Unwell
                    | WorkState::Lingers { .. }
                    | WorkState::Pausing { .. }
                    | WorkState::Failing => {}
                }
                Some((work::said(state), at))
            }
            RunnerReport::Over(exit) => {
                self.running = None;
                match exit {
                    Exit::Done(outcome) => self.outcome = Some(outcome),
                    Exit::Failed(never) => match never {},
                    Exit::Panicked(message) => {
                        let text = format!(
                            "we have a bug, please report it: the runner panicked: {message}"
                        );
                        self.outcome = Some(Outcome::GuardGone);
                        return Some((Event::warning(text), clock::now()));
                    }
                }
                None
            }
        }
    }

    /// Waits until nothing is left of the work, but not for ever: what does not die keeps `work.lock`.
    pub(super) async fn end(&mut self, signals: &mut Signals, output: &mut Output) {
        if let Some(running) = self.running.as_ref().filter(|_| !self.stops) {
            running.stop(SIGTERM);
            self.stops = true;
        }
        let until = clock::now() + PATIENCE;
        while self.running.is_some() {
            let left = until.saturating_duration_since(clock::now());
            let woken = {
                let signal = pin!(async { Ok(signals.next().await) });
                let told = pin!(async { Err(output.reports.next().await) });
                let either = clock::within(left, future::select(signal, told)).await;
                either.map(|either| either.factor_first().0)
            };
            match woken {
                Ok(Ok(signal)) => drop(self.hear_signal(signal, signals)),
                Ok(Err(Some(ServeMsg::Work(report)))) => output.print_work(self.hear(report)),
                Ok(Err(Some(ServeMsg::Stream(message)))) => drop(output.hear(message)),
                Ok(Err(None)) => return,
                Err(Late(_)) => {
                    self.outcome = Some(Outcome::Stopped { killed: true });
                    return;
                }
            }
        }
    }
}
