//! [`Serve`]: a node, its signals and its output, until one of them ends it.
//!
//! ```text
//!   Node ── Watch ──► EventFilter ──► Stream ──► a thread a line ──► stdout
//!                       │        └──► Stream ──► a thread a line ──► stderr
//!   signals ──► Serve ──┴──── Reader ◄── nobody reads stdout any more
//!                 └──► Runner, if there is work
//! ```
//!
//! With work, stdout is that of the program, and all of ours goes to stderr. The node ends when nothing is left of the program, and the
//! leadership is given up by then, so that another node leads already.
//!
//! Nothing here ever waits for a reader of our output. While stdout takes nothing, the node is asked for no news: it
//! keeps the last ones and counts the others, so what a slow reader gets is bounded, and ends with how things stand.

use std::{
    io,
    path::Path,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ballotbox::{
    Node, NodeConfig, NodeError, ServerId, UntrustedText,
    node::{Ended, News, Watch},
    run::{
        GuardProcess, Hook, Outcome, PASSED_ON, RunConfig, RunError, RunnerReport, RunningWork,
        WorkState, run_work,
    },
};
use ballotbox_actors::kit::{
    Address, Exit, Mailbox, Raced, Wake,
    clock::{self, Late},
    mailbox,
};
use futures::future::{self, Either};
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::{
    event::{Event, Line, rfc3339},
    event_filter::{EventFilter, Told},
    hooks::Hooks,
    reader::Reader,
    signals::Signals,
    stream::{Stream, StreamMsg, Which},
    work,
};
use crate::cli::{ExitCode, screen::FAINT};

/// A reader that is there has this long to take the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);
/// When the node has ended, the work has this long to be gone: by then it was killed long ago.
const WORK_PATIENCE: Duration = Duration::from_secs(2);
/// The time of day is taken anew when it has moved this far from what it should be.
const CLOCK_MOVED: Duration = Duration::from_millis(5);

/// What the output of a node, and its work, have to say.
#[derive(Debug)]
pub(super) enum ServeMsg {
    Stream(StreamMsg),
    Work(RunnerReport),
}

impl From<StreamMsg> for ServeMsg {
    fn from(message: StreamMsg) -> Self {
        Self::Stream(message)
    }
}

impl From<RunnerReport> for ServeMsg {
    fn from(report: RunnerReport) -> Self {
        Self::Work(report)
    }
}

/// What ends a node.
enum Ending {
    /// A signal.
    Asked,
    /// Its work is over.
    WorkOver,
    /// Something in the node.
    Itself,
    /// Nobody reads what it says any more.
    Unread(io::Error),
}

/// What woke us.
enum Woken {
    Signal(i32),
    News(Result<News, Ended>),
    Told(ServeMsg),
    /// Something went wrong with the hook.
    Hook(String),
    Unread(io::Error),
    /// The filter has held an event back for long enough.
    Due,
}

/// The output of a node.
pub(super) struct Output {
    me: ServerId,
    json: bool,
    began: Instant,
    time_of_day: SystemTime,
    stdout: Stream,
    stderr: Stream,
    /// With work, stdout is that of the program.
    reader: Option<Reader>,
    has_work: bool,
    me_as_owner: Address<ServeMsg>,
    reports: Mailbox<ServeMsg>,
}

/// The work of a node.
struct Work {
    running: Option<RunningWork>,
    /// Something of it is alive.
    is_begun: bool,
    /// The node was asked to stop.
    stops: bool,
    outcome: Option<Outcome>,
}

/// Runs a node until it is asked to end, and tells what happens to it. `warnings` are told first.
pub(super) async fn serve(
    config: NodeConfig,
    hook: Option<Hook>,
    warnings: Vec<String>,
    mut signals: Signals,
    mut output: Output,
    guarded: Option<(RunConfig, GuardProcess)>,
) -> Result<ExitCode, NodeError> {
    let dial = config.network.connect;
    let data_dir = config.data_directory().map(shown_absolute);
    let mut filter = EventFilter::new(config.me, Arc::clone(config.ensemble()), dial, data_dir);
    for text in warnings {
        output.print(&Told { at: Duration::ZERO, event: Event::warning(text) });
    }
    let mut node = Node::launch(config).await?;
    let mut work = match Work::start(guarded, &node, &output).await {
        Ok(work) => work,
        Err(error) => {
            let code = output.failed(&error.to_string());
            let _ = node.stop().await;
            output.flush().await;
            return Ok(code);
        }
    };
    let mut watch = node.watch();
    let mut hooks = Hooks::start(hook, node.watch());
    let ending =
        tell(&mut watch, &mut hooks, &mut filter, &mut signals, &mut output, &mut work).await;
    if matches!(ending, Ending::Asked | Ending::WorkOver) {
        node.begin_stop();
        tell_rest(&mut watch, &mut hooks, &mut filter, &mut signals, &mut output, &mut work).await;
    }
    let outcome = match &ending {
        Ending::Asked | Ending::WorkOver | Ending::Unread(_) => node.stop().await,
        Ending::Itself => node.ended().await,
    };
    work.end(&mut signals, &mut output).await;
    signals.let_the_next_end_us();
    last_run(&mut hooks, &mut output).await;
    let code = match (outcome, ending) {
        (Err(error), _) => output.failed(&error.to_string()),
        (Ok(()), Ending::Unread(error)) => output.failed(&unread(&error)),
        (Ok(()), Ending::Asked | Ending::WorkOver | Ending::Itself) => {
            for told in filter.stopped(output.now()) {
                output.print(&told);
            }
            match work.outcome {
                Some(Outcome::GuardGone) => output.failed(GUARD_GONE),
                Some(outcome) => work::exit_code(outcome),
                None => ExitCode::Done,
            }
        }
    };
    output.flush().await;
    Ok(code)
}

const GUARD_GONE: &str =
    "the guard of the program was killed: the program was ended, and so was the node";

impl Work {
    async fn start(
        guarded: Option<(RunConfig, GuardProcess)>,
        node: &Node,
        output: &Output,
    ) -> Result<Self, RunError> {
        let running = match guarded {
            Some((config, guard)) => {
                Some(run_work(config, guard, node, output.me_as_owner.clone()).await?)
            }
            None => None,
        };
        Ok(Self { running, is_begun: false, stops: false, outcome: None })
    }

    /// Takes a signal in. Returns whether the node is to stop.
    fn hear_signal(&mut self, signal: i32, signals: &Signals) -> bool {
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
    fn hear(&mut self, report: RunnerReport) -> Option<(Event, Instant)> {
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
    async fn end(&mut self, signals: &mut Signals, output: &mut Output) {
        if let Some(running) = self.running.as_ref().filter(|_| !self.stops) {
            running.stop(SIGTERM);
            self.stops = true;
        }
        let until = clock::now() + WORK_PATIENCE;
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

fn unread(error: &io::Error) -> String {
    let what = if error.kind() == io::ErrorKind::BrokenPipe {
        "nobody reads our output any more".to_owned()
    } else {
        format!("cannot write to stdout: {error}")
    };
    format!("{what}, so the node has stopped; lead its stdout to a reader that stays, or to a file")
}

/// The whole path of a directory, as it may be shown.
fn shown_absolute(directory: &Path) -> String {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    UntrustedText::path(&absolute).to_string()
}

/// Tells what still happens while the node ends.
async fn tell_rest(
    watch: &mut Watch,
    hooks: &mut Hooks,
    filter: &mut EventFilter,
    signals: &mut Signals,
    output: &mut Output,
    work: &mut Work,
) {
    loop {
        match next(watch, hooks, filter, signals, output).await {
            Woken::News(Err(Ended)) => return,
            Woken::News(Ok(news)) => {
                for told in filter.tell(news, output.now()) {
                    output.print(&told);
                }
            }
            Woken::Signal(signal) => drop(work.hear_signal(signal, signals)),
            Woken::Told(ServeMsg::Work(report)) => output.print_work(work.hear(report)),
            Woken::Hook(text) => output.warn(text),
            // The node ends, whoever reads that.
            Woken::Told(ServeMsg::Stream(message)) => drop(output.hear(message)),
            Woken::Due => {}
            Woken::Unread(_) => {
                output.stdout.end();
                output.reader = None;
            }
        }
    }
}

/// Waits for the last run of the hook, and writes meanwhile what there is to say. Another signal ends us all the same.
async fn last_run(hooks: &mut Hooks, output: &mut Output) {
    loop {
        match output.reports.race(hooks.next()).await {
            Raced::Done(None) => return,
            Raced::Done(Some(text)) => output.warn(text),
            // Whether the last lines can be written changes nothing any more.
            Raced::Woken(Some(ServeMsg::Stream(message))) => drop(output.hear(message)),
            Raced::Woken(Some(ServeMsg::Work(_))) => {}
            // Nothing can be written.
            Raced::Woken(None) => while hooks.next().await.is_some() {},
        }
    }
}

async fn tell(
    watch: &mut Watch,
    hooks: &mut Hooks,
    filter: &mut EventFilter,
    signals: &mut Signals,
    output: &mut Output,
    work: &mut Work,
) -> Ending {
    loop {
        match next(watch, hooks, filter, signals, output).await {
            Woken::Signal(signal) => {
                if work.hear_signal(signal, signals) {
                    return Ending::Asked;
                }
            }
            Woken::News(Err(Ended)) => return Ending::Itself,
            Woken::News(Ok(news)) => {
                for told in filter.tell(news, output.now()) {
                    output.print(&told);
                }
            }
            Woken::Due => {
                for told in filter.tell_due(output.now()) {
                    output.print(&told);
                }
            }
            Woken::Told(ServeMsg::Work(report)) => {
                output.print_work(work.hear(report));
                if work.outcome.is_some() {
                    return Ending::WorkOver;
                }
            }
            Woken::Hook(text) => output.warn(text),
            Woken::Told(ServeMsg::Stream(message)) => {
                if let Err(error) = output.hear(message) {
                    return Ending::Unread(error);
                }
            }
            Woken::Unread(error) => {
                output.stdout.end();
                return Ending::Unread(error);
            }
        }
    }
}

async fn next(
    watch: &mut Watch,
    hooks: &mut Hooks,
    filter: &EventFilter,
    signals: &mut Signals,
    output: &mut Output,
) -> Woken {
    let due_in = filter.next_due().map(|due| due.saturating_sub(output.now()));
    let takes_news = output.takes_news();
    let news = async {
        match due_in {
            _ if !takes_news => future::pending().await,
            Some(wait) => clock::within(wait, watch.news()).await.map_or(Woken::Due, Woken::News),
            None => Woken::News(watch.news().await),
        }
    };
    let reader = output.reader.as_mut();
    let unread = async {
        match reader {
            Some(reader) => reader.gone().await,
            None => future::pending().await,
        }
    };
    let (signal, unread) = (pin!(signals.next()), pin!(unread));
    let hook = pin!(hooks.warning());
    let other = pin!(output.reports.race(news));
    let other = future::select(hook, other);
    match future::select(signal, future::select(unread, other)).await {
        Either::Left((signal, _)) => Woken::Signal(signal),
        Either::Right((Either::Left((error, _)), _)) => Woken::Unread(error),
        Either::Right((Either::Right((Either::Left((text, _)), _)), _)) => Woken::Hook(text),
        Either::Right((Either::Right((Either::Right((raced, _)), _)), _)) => match raced {
            Raced::Done(woken) => woken,
            Raced::Woken(Some(message)) => Woken::Told(message),
            // The writers hold addresses as long as anything can be written.
            Raced::Woken(None) => Woken::Due,
        },
    }
}

impl Output {
    /// Starts what writes.
    ///
    /// # Errors
    ///
    /// The system gives no descriptor.
    pub(super) fn start(me: ServerId, json: bool, has_work: bool) -> io::Result<Self> {
        let (address, reports) = mailbox::<ServeMsg>();
        Ok(Self {
            me,
            json,
            began: clock::now(),
            time_of_day: clock::time_of_day(),
            stdout: Stream::start(Which::Stdout, address.clone())?,
            stderr: Stream::start(Which::Stderr, address.clone())?,
            reader: if has_work { None } else { Some(Reader::of_stdout()?) },
            has_work,
            me_as_owner: address,
            reports,
        })
    }

    fn now(&self) -> Duration {
        clock::now() - self.began
    }

    /// What the clock on the wall showed, or would have shown as it goes now, at this time after the beginning.
    fn time_of_day(&mut self, at: Duration) -> SystemTime {
        let began = clock::time_of_day() - self.now();
        let moved = began.duration_since(self.time_of_day).unwrap_or_else(|e| e.duration());
        if moved > CLOCK_MOVED {
            self.time_of_day = began;
        }
        self.time_of_day + at
    }

    fn print(&mut self, told: &Told) {
        let time = self.time_of_day(told.at);
        if self.json {
            let line = Line::new(self.me, told.at, time, &told.event);
            // No event has anything that cannot be written as JSON.
            let line = serde_json::to_string(&line).unwrap_or_default();
            return if self.has_work { self.stderr.push(&line) } else { self.stdout.push(&line) };
        }
        let time = rfc3339(time);
        let clock = time.split_once('T').map_or("", |(_, clock)| clock);
        let line = format!("{FAINT}{clock}{FAINT:#}  {}", told.event);
        match told.event {
            _ if self.has_work => self.stderr.push(&line),
            Event::Warning { .. } => self.stderr.push(&line),
            Event::Listening { .. }
            | Event::Looking { .. }
            | Event::Elected { .. }
            | Event::Leading { .. }
            | Event::Following { .. }
            | Event::Retiring { .. }
            | Event::Lost { .. }
            | Event::Work { .. }
            | Event::Link { .. }
            | Event::Missed { .. }
            | Event::Stopped {} => self.stdout.push(&line),
        }
    }

    /// Whether what is told now can be written soon. News wait for stdout; with work, they go to stderr, which takes a number of them at once.
    fn takes_news(&self) -> bool {
        if self.has_work { self.stderr.is_idle() } else { self.stdout.is_idle() }
    }

    fn print_work(&mut self, event: Option<(Event, Instant)>) {
        if let Some((event, at)) = event {
            self.print(&Told { at: at.saturating_duration_since(self.began), event });
        }
    }

    fn warn(&mut self, text: String) {
        self.print(&Told { at: self.now(), event: Event::warning(text) });
    }

    /// The node has failed: says why, for programs too.
    fn failed(&mut self, text: &str) -> ExitCode {
        if self.json {
            self.warn(text.to_owned());
        }
        self.stderr.push(&format!("ballotbox: {text}"));
        ExitCode::Environment
    }

    /// Takes in what became of a stream. Without stderr we go on, without stdout we do not.
    fn hear(&mut self, message: StreamMsg) -> io::Result<()> {
        match message {
            StreamMsg::Written(Which::Stdout) => self.stdout.written(),
            StreamMsg::Written(Which::Stderr) => self.stderr.written(),
            StreamMsg::Ended(Which::Stderr, _) => self.stderr.end(),
            StreamMsg::Ended(Which::Stdout, exit) => {
                self.stdout.end();
                match exit {
                    Exit::Done(()) => {}
                    Exit::Failed(error) => return Err(error),
                    Exit::Panicked(message) => return Err(io::Error::other(message.to_string())),
                }
            }
        }
        Ok(())
    }

    /// Waits until the last lines are written, but not for a reader that takes none.
    async fn flush(&mut self) {
        let until = clock::now() + LAST_LINES;
        while !(self.stdout.is_idle() && self.stderr.is_idle()) {
            match self.reports.next_until(Some(until)).await {
                // Whether the last lines could be written changes nothing any more.
                Wake::Told(ServeMsg::Stream(message)) => drop(self.hear(message)),
                Wake::Told(ServeMsg::Work(_)) => {}
                Wake::Due | Wake::Closed => return,
            }
        }
    }
}
