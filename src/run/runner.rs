//! [`Runner`]: the actor that runs the work of a node. It holds the leadership as long as anything of the work is left.

use std::{
    convert::Infallible,
    fmt, fs,
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use async_io::Async;
use ballotbox_actors::kit::{
    Actor, Address, Exit, Mailbox, Raced, clock, mailbox, off_thread, spawn,
};
use ballotbox_core::leadership::{Moment, Reading, lease::Clocks as _};
use futures::future::{Either, select};

use super::{
    config::RunConfig,
    guard_process::{GuardError, GuardProcess, next_report},
    health::{Health, HealthConfig},
    order::{Order, Report, Signal, Task},
    reaper::Reaper,
    tree,
    work::{Action, Event, Outcome, Rules, Work, WorkState},
};
use crate::{
    Epoch,
    node::{Change, Ended, LeadError, Leadership, Node, Seat, WorkStatus},
};

/// While what a killed guard has left behind does not die, it is killed again this often.
const KILL_AGAIN: Duration = Duration::from_millis(10);
/// The lease file of a killed guard is given this long to be emptied, even if no lease stands there any more.
const EMPTIED_WITHIN: Duration = Duration::from_secs(1);

/// Why a node cannot run work.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
pub enum RunError {
    /// There is no guard.
    Guard(#[from] GuardError),
    /// The node never leads.
    Lead(#[from] LeadError),
}

/// Where the work of a node is controlled. It ends when this is told to, or by itself; its owner hears of that.
#[derive(Debug)]
pub struct RunningWork(Address<RunnerMsg>);

impl RunningWork {
    /// Passes a signal on.
    pub fn pass(&self, signal: i32) {
        let _ = self.0.tell(RunnerMsg::Pass(signal));
    }

    /// Ends the work with this signal, as the node was asked to stop.
    pub fn stop(&self, signal: i32) {
        let _ = self.0.tell(RunnerMsg::Stop(signal));
    }

    /// Kills the work.
    pub fn stop_now(&self) {
        let _ = self.0.tell(RunnerMsg::StopNow);
    }
}

/// What a runner can be told.
#[derive(Debug)]
pub(super) enum RunnerMsg {
    /// By its owner: pass this signal on to the work.
    Pass(i32),
    /// By its owner: the node was asked to stop, by this signal.
    Stop(i32),
    /// By its owner: it was asked again, so kill the work.
    StopNow,
    /// By a candidate: the node leads, or has ended.
    Leads(Option<Box<Leadership>>),
    /// By the listener to the guard.
    Guard(Report),
    /// The guard has ended.
    GuardGone,
    /// By its health: the work of this epoch does not answer.
    Unwell(Epoch),
    /// A health, or the reaper, has ended.
    HelperEnded,
}

/// What a runner says to its owner.
#[derive(Clone, Debug)]
pub enum RunnerReport {
    /// How things stand with the work, since when.
    State(WorkState, Instant),
    /// It is over, and the runner has ended.
    Over(Exit<Outcome, Infallible>),
}

/// Runs the work of one node.
pub(super) struct Runner<P> {
    config: RunConfig,
    guard: GuardProcess,
    seat: Seat,
    work: Work,
    leadership: Option<Leadership>,
    /// Until when nobody else leads, as the guard knows it.
    known: Reading,
    began: Instant,
    me: Address<RunnerMsg>,
    owner: Address<P>,
    outcome: Option<Outcome>,
    /// What was last told of how things stand.
    published: Option<WorkStatus>,
    /// It looks at the work as long as this is there.
    health: Option<Address<Infallible>>,
    _reaper: Address<Infallible>,
}

impl<P> fmt::Debug for Runner<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

/// Begins to run work whenever this node leads, and tells its owner what becomes of it.
///
/// # Errors
///
/// [`RunError`], when the guard cannot do its work, or the node never leads.
pub async fn run_work<P: From<RunnerReport> + Send + 'static>(
    config: RunConfig,
    guard: GuardProcess,
    node: &Node,
    owner: Address<P>,
) -> Result<RunningWork, RunError> {
    let seat = node.seat()?;
    guard.prepare(&config.lease_file()).await?;
    let (me, orders) = mailbox();
    let mut first_actions = Vec::new();
    let rules = Rules {
        when_it_ends: config.when_it_ends,
        has_prelude: config.before_leading.is_some(),
        stop_within: config.stop_within,
    };
    let work = Work::new(rules, &mut first_actions);
    let listener = Listener { socket: Arc::clone(&guard.socket), runner: me.clone() };
    let (_, nothing) = mailbox();
    spawn(listener, nothing, me.clone(), |_: Exit<(), Infallible>| RunnerMsg::GuardGone);
    let (reaper, closes) = mailbox();
    spawn(Reaper, closes, me.clone(), |_: Exit<(), Infallible>| RunnerMsg::HelperEnded);
    let mut runner = Runner {
        config,
        guard,
        seat,
        work,
        leadership: None,
        known: Reading::default(),
        began: clock::now(),
        me: me.clone(),
        owner: owner.clone(),
        outcome: None,
        published: None,
        health: None,
        _reaper: reaper,
    };
    runner.perform(first_actions);
    runner.publish();
    spawn(runner, orders, owner, |exit| RunnerReport::Over(exit).into());
    Ok(RunningWork(me))
}

impl<P: From<RunnerReport> + Send + 'static> Runner<P> {
    async fn next(&mut self, mailbox: &mut Mailbox<RunnerMsg>) -> Woken {
        let known = self.known;
        let leadership = self.leadership.as_mut();
        let change = async {
            match leadership {
                Some(leadership) => leadership.next_change(known).await,
                None => pending().await,
            }
        };
        let deadline = self.work.next_deadline().map(|at| self.began + at.0);
        let due = async {
            match deadline {
                Some(deadline) => clock::sleep_until(deadline).await,
                None => pending().await,
            }
        };
        match mailbox.race(select(pin!(change), pin!(due))).await {
            Raced::Woken(message) => Woken::Told(message),
            Raced::Done(Either::Left((change, _))) => Woken::Changed(change),
            Raced::Done(Either::Right(_)) => Woken::Due,
        }
    }

    async fn hear(&mut self, message: RunnerMsg) {
        match message {
            RunnerMsg::Pass(signal) => self.decide(Event::Pass(Signal(signal))),
            RunnerMsg::Stop(signal) => self.decide(Event::Stop(Signal(signal))),
            RunnerMsg::StopNow => self.decide(Event::StopNow),
            RunnerMsg::Leads(Some(leadership)) => {
                let epoch = leadership.epoch();
                self.known = leadership.until();
                self.leadership = Some(*leadership);
                self.decide(Event::Leads(epoch));
            }
            RunnerMsg::Guard(report) => self.decide(Event::Guard(report)),
            RunnerMsg::GuardGone => {
                self.end_what_is_left().await;
                self.decide(Event::GuardGone);
            }
            RunnerMsg::Unwell(epoch) => self.decide(Event::Unwell(epoch)),
            RunnerMsg::Leads(None) | RunnerMsg::HelperEnded => {}
        }
    }

    /// The guard was killed, and the kernel has killed the first process of its work. All that this one has started is ours now.
    async fn end_what_is_left(&self) {
        let file = self.config.lease_file();
        // Nobody holds a lease by a file of a guard that is gone. A disk may hang for longer than the lease that stands there.
        let emptied = async {
            let left = clock::reading().left_by_fastest(self.known).unwrap_or_default();
            let written = off_thread(move || fs::write(file, []));
            let _ = clock::within(left.max(EMPTIED_WITHIN), written).await;
        };
        let killed = async {
            while tree::kill_all() > 0 {
                clock::sleep_until(clock::now() + KILL_AGAIN).await;
            }
        };
        futures::join!(emptied, killed);
    }

    fn decide(&mut self, event: Event) {
        let now = Moment(clock::now().saturating_duration_since(self.began));
        let mut actions = Vec::new();
        self.work.handle(event, now, &mut actions);
        self.perform(actions);
        self.publish();
    }

    /// Tells how things stand, if that is different.
    fn publish(&mut self) {
        let status = self.work.status();
        if self.published != Some(status) {
            self.published = Some(status);
            self.seat.tell_work(status);
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Compete => {
                    let candidate = Candidate(self.seat.clone());
                    let (_, nothing) = mailbox();
                    spawn(candidate, nothing, self.me.clone(), |exit| match exit {
                        Exit::Done(leadership) => RunnerMsg::Leads(Some(Box::new(leadership))),
                        Exit::Failed(Ended) | Exit::Panicked(_) => RunnerMsg::Leads(None),
                    });
                }
                Action::Unhealthy => {
                    if let Some(leadership) = &self.leadership {
                        leadership.is_unhealthy();
                    }
                }
                Action::Willing(willing) => self.seat.set_willing(willing),
                Action::Begin { task, epoch } => self.begin(task, epoch),
                Action::Order(order) => self.guard.order(order, &[]),
                Action::GiveUp => self.leadership = None,
                Action::Tell(state) => {
                    if matches!(state, WorkState::Ended { .. }) {
                        self.health = None;
                    }
                    let report = RunnerReport::State(state, clock::now());
                    let _ = self.owner.tell(report.into());
                }
                Action::Finish(outcome) => self.outcome = Some(outcome),
            }
        }
    }

    /// Looks from now on whether the work of this epoch is well.
    fn look_after(&mut self, epoch: Epoch) {
        let config = HealthConfig {
            command: self.config.health.clone().map(Arc::new),
            probe: self.config.directory.join("probe"),
            variables: self.config.variables(),
        };
        let (address, closes) = mailbox();
        let health = Health { config, epoch, user: self.me.clone(), report: RunnerMsg::Unwell };
        spawn(health, closes, self.me.clone(), |_: Exit<(), Infallible>| RunnerMsg::HelperEnded);
        self.health = Some(address);
    }

    fn begin(&mut self, task: Task, epoch: Epoch) {
        if task == Task::Work {
            self.look_after(epoch);
        }
        let stdin = io::stdin();
        let mut descriptors = Vec::new();
        // Without a lock of the work there is no directory, and a node with work has one.
        descriptors.extend(self.leadership.as_ref().and_then(Leadership::work_lock));
        if self.config.stdin && !descriptors.is_empty() {
            descriptors.push(stdin.as_fd());
        }
        let until = self.known;
        self.guard.order(Order::Start { task, epoch, until }, &descriptors);
    }
}

/// What woke a runner.
enum Woken {
    Told(Option<RunnerMsg>),
    Changed(Change),
    Due,
}

impl<P: From<RunnerReport> + Send + 'static> Actor for Runner<P> {
    type Msg = RunnerMsg;
    type Output = Outcome;
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<RunnerMsg>) -> Result<Outcome, Infallible> {
        let outcome = loop {
            if let Some(outcome) = self.outcome {
                break outcome;
            }
            match self.next(&mut mailbox).await {
                Woken::Told(Some(message)) => self.hear(message).await,
                // It has an address of its own mailbox.
                Woken::Told(None) => {}
                Woken::Changed(Change::Extended(until)) => {
                    self.known = until;
                    self.guard.order(Order::Renew { until }, &[]);
                }
                Woken::Changed(Change::MustEnd(cause)) => self.decide(Event::MustEnd(cause)),
                Woken::Due => self.decide(Event::Tick),
            }
        };
        self.guard.end().await;
        Ok(outcome)
    }
}

/// Waits until the node leads.
#[derive(Debug)]
struct Candidate(Seat);

impl Actor for Candidate {
    type Msg = Infallible;
    type Output = Leadership;
    type Error = Ended;

    async fn run(self, _: Mailbox<Infallible>) -> Result<Leadership, Ended> {
        self.0.lead().await
    }
}

/// Listens to the guard, until it ends.
#[derive(Debug)]
struct Listener {
    socket: Arc<Async<OwnedFd>>,
    runner: Address<RunnerMsg>,
}

impl Actor for Listener {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(self, _: Mailbox<Infallible>) -> Result<(), Infallible> {
        while let Some(report) = next_report(&self.socket).await {
            if self.runner.tell(RunnerMsg::Guard(report)).is_err() {
                break;
            }
        }
        Ok(())
    }
}
