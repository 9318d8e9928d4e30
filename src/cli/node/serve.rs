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

use std::{io, path::Path, pin::pin, sync::Arc, time::Duration};

use ballotbox::{
    Node, NodeConfig, NodeError, UntrustedText,
    node::{Ended, News, Watch},
    run::{GuardProcess, Hook, Outcome, RunConfig},
};
use ballotbox_actors::kit::{Raced, clock};
use futures::{
    FutureExt as _,
    future::{self, Either},
};

use super::{
    event::Event,
    event_filter::{EventFilter, Told},
    hooks::Hooks,
    output::{Output, ServeMsg},
    running::Work,
    signals::Signals,
    status_port::StatusPort,
    systemd::Systemd,
    work,
};
use crate::cli::ExitCode;

const GUARD_GONE: &str =
    "the guard of the program was killed: the program was ended, and so was the node";

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
    /// Something went wrong with the hook, or with the status port.
    Aside(String),
    Unread(io::Error),
    /// The filter has held an event back for long enough.
    Due,
}

/// A node that runs, and all that it has to do with.
struct Serve {
    watch: Watch,
    status_port: StatusPort,
    hooks: Hooks,
    filter: EventFilter,
    signals: Signals,
    output: Output,
    work: Work,
}

/// Runs a node until it is asked to end, and tells what happens to it. `warnings` are told first.
pub(super) async fn serve(
    config: NodeConfig,
    mut status_port: StatusPort,
    hook: Option<Hook>,
    warnings: Vec<String>,
    signals: Signals,
    mut output: Output,
    guarded: Option<(RunConfig, GuardProcess)>,
) -> Result<ExitCode, NodeError> {
    let dial = config.network.connect;
    let data_dir = config.data_directory().map(shown_absolute);
    let filter = EventFilter::new(
        config.me,
        Arc::clone(config.ensemble()),
        dial,
        data_dir,
        status_port.shown(),
    );
    for text in warnings {
        output.print(&Told { at: Duration::ZERO, event: Event::warning(text) });
    }
    let mut node = Node::launch(config).await?;
    output.node_has_started();
    let served = status_port.serve(&node).map_err(|error| format!("the status port: {error}"));
    let begun = Work::start(guarded, &node, &output).await.map_err(|error| error.to_string());
    let work = match served.and(begun) {
        Ok(work) => work,
        Err(error) => {
            let code = output.failed(&error);
            let _ = node.stop().await;
            output.flush().await;
            return Ok(code);
        }
    };
    let (watch, hooks) = (node.watch(), Hooks::start(hook, node.watch()));
    let systemd = Systemd::start(&node);
    let mut serve = Serve { watch, status_port, hooks, filter, signals, output, work };
    let ending = serve.tell().await;
    systemd.stops();
    if matches!(ending, Ending::Asked | Ending::WorkOver) {
        node.begin_stop();
        serve.tell_rest().await;
    }
    let outcome = match &ending {
        Ending::Asked | Ending::WorkOver | Ending::Unread(_) => node.stop().await,
        Ending::Itself => node.ended().await,
    };
    Ok(serve.end(outcome, ending).await)
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

impl Serve {
    /// Tells what happens, until something ends the node.
    async fn tell(&mut self) -> Ending {
        loop {
            let takes_news = self.output.takes_news();
            match self.next(takes_news).await {
                Woken::Signal(signal) => {
                    if self.work.hear_signal(signal, &self.signals) {
                        return Ending::Asked;
                    }
                }
                Woken::News(Err(Ended)) => return Ending::Itself,
                Woken::News(Ok(news)) => self.print_news(news),
                Woken::Due => {
                    for told in self.filter.tell_due(self.output.now()) {
                        self.output.print(&told);
                    }
                }
                Woken::Told(ServeMsg::Work(report)) => {
                    self.output.print_work(self.work.hear(report));
                    if self.work.outcome.is_some() {
                        return Ending::WorkOver;
                    }
                }
                Woken::Aside(text) => self.output.warn(text),
                Woken::Told(ServeMsg::Stream(message)) => {
                    if let Err(error) = self.output.hear(message) {
                        return Ending::Unread(error);
                    }
                }
                Woken::Unread(error) => {
                    self.output.stdout.end();
                    return Ending::Unread(error);
                }
            }
        }
    }

    /// Tells what still happens while the node ends, whether somebody reads that or not.
    async fn tell_rest(&mut self) {
        loop {
            match self.next(true).await {
                Woken::News(Err(Ended)) => return,
                Woken::News(Ok(news)) => self.print_news(news),
                Woken::Signal(signal) => drop(self.work.hear_signal(signal, &self.signals)),
                Woken::Told(ServeMsg::Work(report)) => {
                    self.output.print_work(self.work.hear(report));
                }
                Woken::Aside(text) => self.output.warn(text),
                Woken::Told(ServeMsg::Stream(message)) => drop(self.output.hear(message)),
                Woken::Due => {}
                Woken::Unread(_) => {
                    self.output.stdout.end();
                    self.output.reader = None;
                }
            }
        }
    }

    fn print_news(&mut self, news: News) {
        for told in self.filter.tell(news, self.output.now()) {
            self.output.print(&told);
        }
    }

    async fn next(&mut self, takes_news: bool) -> Woken {
        let Self { watch, status_port, hooks, filter, signals, output, .. } = self;
        let due_in = filter.next_due().map(|due| due.saturating_sub(output.now()));
        let news = async {
            match due_in {
                _ if !takes_news => future::pending().await,
                Some(wait) => {
                    clock::within(wait, watch.news()).await.map_or(Woken::Due, Woken::News)
                }
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
        let (hook, port) = (pin!(hooks.warning()), pin!(status_port.bug()));
        let aside = future::select(hook, port).map(|either| either.factor_first().0);
        let told = pin!(output.reports.race(news));
        let other = future::select(aside, told);
        match future::select(signal, future::select(unread, other)).await {
            Either::Left((signal, _)) => Woken::Signal(signal),
            Either::Right((Either::Left((error, _)), _)) => Woken::Unread(error),
            Either::Right((Either::Right((Either::Left((text, _)), _)), _)) => Woken::Aside(text),
            Either::Right((Either::Right((Either::Right((raced, _)), _)), _)) => match raced {
                Raced::Done(woken) => woken,
                Raced::Woken(Some(message)) => Woken::Told(message),
                // The writers hold addresses as long as anything can be written.
                Raced::Woken(None) => Woken::Due,
            },
        }
    }

    /// The node has ended, with this outcome: waits for the rest, and says how it has.
    async fn end(mut self, outcome: Result<(), NodeError>, ending: Ending) -> ExitCode {
        self.work.end(&mut self.signals, &mut self.output).await;
        self.signals.let_the_next_end_us();
        self.status_port.stop().await;
        self.last_run().await;
        let code = match (outcome, ending) {
            (Err(error), _) => self.output.failed(&error.to_string()),
            (Ok(()), Ending::Unread(error)) => self.output.failed(&unread(&error)),
            (Ok(()), Ending::Asked | Ending::WorkOver | Ending::Itself) => {
                for told in self.filter.stopped(self.output.now()) {
                    self.output.print(&told);
                }
                match self.work.outcome {
                    Some(Outcome::GuardGone) => self.output.failed(GUARD_GONE),
                    Some(outcome) => work::exit_code(outcome),
                    None => ExitCode::Done,
                }
            }
        };
        self.output.flush().await;
        code
    }

    /// Waits for the last run of the hook, and writes meanwhile what there is to say. Another signal ends us all the same.
    async fn last_run(&mut self) {
        let Self { hooks, output, .. } = self;
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
}
