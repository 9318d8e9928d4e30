//! [`Hook`]: a command that is run whenever its node comes to lead, follows another one, or does no more.
//!
//! ```text
//!   Node ── Watch ──► Hook (HookQueue) ── warnings ──► its owner
//!                       │        ▲
//!                       ▼        │ how it ended
//!                      Runner ── /bin/sh -c COMMAND, one at a time
//! ```
//!
//! It watches as everybody does, so the node waits for it nowhere, and knows no more of it than how many runs there were. It ends when the node has, after
//! a last run. A hook is news: nothing it does excludes anybody. What only one may do needs a token.
//!
//! | file | what it does |
//! | --- | --- |
//! | `state` | what a hook is told of, as the news of a node say it |
//! | `queue` | `HookQueue`: when it runs, with what, and when it is killed |
//! | `runner` | `Runner`: one process, from its start to its end |

mod queue;
mod runner;
mod state;

use std::{
    convert::Infallible,
    ffi::OsString,
    sync::Arc,
    time::{Duration, Instant},
};

use ballotbox_actors::kit::{Actor, Address, Exit, Mailbox, Raced, clock, mailbox, spawn};
use ballotbox_core::{Core, UntrustedText};

use self::{
    queue::{HookAction, HookEvent, HookQueue, HookRun, RunEnd},
    runner::{Runner, RunnerMsg},
    state::Changes,
};
use crate::{
    NodeConfig,
    node::{Ended, News, Watch},
};

/// A process that was killed has this long to die.
const DEATH: Duration = Duration::from_secs(1);

/// A command that is to be run at every change of one node.
#[derive(Clone, Debug)]
pub struct Hook {
    command: Arc<OsString>,
    limit: Duration,
    changes: Changes,
}

/// What a hook has to say to its owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HookReport {
    /// A run has failed, or had to be killed.
    Warning(String),
    /// It has ended, as its node has: nothing is run any more.
    Ended,
}

impl Hook {
    /// The command is run by `/bin/sh -c`, and for at most this time. The configuration is that of the node.
    pub fn new(command: OsString, limit: Duration, node: &NodeConfig) -> Self {
        Self { command: Arc::new(command), limit, changes: Changes::of(node) }
    }

    /// Runs the command from now on, until the node has ended, and once more then.
    pub fn start<P: From<HookReport> + Send + 'static>(self, watch: Watch, parent: Address<P>) {
        let (myself, orders) = mailbox();
        let limit = self.limit;
        let hooks = Hooks {
            hook: self,
            queue: HookQueue::new(limit),
            watch: Some(watch),
            due: None,
            runner: None,
            myself,
            parent: parent.clone(),
        };
        spawn(hooks, orders, parent, |exit| {
            P::from(match exit {
                Exit::Done(()) => HookReport::Ended,
                Exit::Failed(never) => match never {},
                Exit::Panicked(message) => HookReport::Warning(panicked(&message)),
            })
        });
    }
}

fn panicked(message: &UntrustedText) -> String {
    format!("no hook runs any more, as it panicked: {message}; please report this")
}

/// What a [`Hooks`] is told.
#[derive(Debug)]
enum HooksMsg {
    /// By its child.
    RunEnded(Exit<Option<RunEnd>, Infallible>),
}

/// What woke it.
enum Woken {
    News(Result<News, Ended>),
    Due,
}

/// Owns the runs of one hook.
#[derive(Debug)]
struct Hooks<P> {
    hook: Hook,
    queue: HookQueue,
    /// Until the node has ended.
    watch: Option<Watch>,
    /// When the time of what runs is over.
    due: Option<Instant>,
    runner: Option<Address<RunnerMsg>>,
    myself: Address<HooksMsg>,
    parent: Address<P>,
}

impl<P: From<HookReport> + Send + 'static> Actor for Hooks<P> {
    type Msg = HooksMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<HooksMsg>) -> Result<(), Infallible> {
        loop {
            let due = self.due;
            let event = match mailbox.race(next(self.watch.as_mut(), due)).await {
                Raced::Woken(Some(HooksMsg::RunEnded(exit))) => {
                    (self.due, self.runner) = (None, None);
                    HookEvent::Ended(end_of(exit))
                }
                // Cannot be: we have an address ourselves.
                Raced::Woken(None) => return Ok(()),
                Raced::Done(Woken::Due) => {
                    self.due = None;
                    HookEvent::TimedOut
                }
                Raced::Done(Woken::News(Ok(news))) => {
                    HookEvent::Changed(self.hook.changes.read(&news))
                }
                Raced::Done(Woken::News(Err(Ended))) => {
                    self.watch = None;
                    HookEvent::Stop
                }
            };
            for action in self.queue.actions_on(event) {
                match action {
                    HookAction::Run(run) => self.start_run(run),
                    HookAction::Kill => self.kill(),
                    HookAction::Warn(warning) => {
                        let _ = self.parent.tell(HookReport::Warning(warning.to_string()).into());
                    }
                    HookAction::Done => return Ok(()),
                }
            }
            if let (Some(watch), Some(counts)) = (&self.watch, self.queue.take_counts()) {
                watch.count_runs(counts).await;
            }
        }
    }
}

impl<P> Hooks<P> {
    fn start_run(&mut self, run: HookRun) {
        let variables = run.variables(self.hook.changes.me());
        let (address, orders) = mailbox();
        let runner = Runner::new(Arc::clone(&self.hook.command), variables);
        spawn(runner, orders, self.myself.clone(), HooksMsg::RunEnded);
        self.runner = Some(address);
        self.due = clock::now().checked_add(self.hook.limit);
    }

    fn kill(&mut self) {
        if let Some(runner) = &self.runner {
            let _ = runner.tell(RunnerMsg::Kill);
        }
        self.due = clock::now().checked_add(DEATH);
    }
}

/// Waits for news of the node, until then.
async fn next(watch: Option<&mut Watch>, due: Option<Instant>) -> Woken {
    let news = async {
        match watch {
            Some(watch) => Woken::News(watch.news().await),
            None => std::future::pending().await,
        }
    };
    match due {
        Some(due) => {
            let rest = due.saturating_duration_since(clock::now());
            clock::within(rest, news).await.unwrap_or(Woken::Due)
        }
        None => news.await,
    }
}

fn end_of(exit: Exit<Option<RunEnd>, Infallible>) -> RunEnd {
    match exit {
        Exit::Done(Some(end)) => end,
        Exit::Done(None) => RunEnd::Unknown("nobody waited for it".into()),
        Exit::Failed(never) => match never {},
        Exit::Panicked(message) => RunEnd::Unknown(message),
    }
}
