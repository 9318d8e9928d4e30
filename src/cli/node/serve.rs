//! [`Serve`]: a node, its signals and its output, until one of them ends it.
//!
//! ```text
//!   Node ── Watch ──► EventFilter ──► Stream ──► a thread a line ──► stdout
//!                       │        └──► Stream ──► a thread a line ──► stderr
//!   signals ──► Serve ──┴──── Reader ◄── nobody reads stdout any more
//! ```
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
};
use ballotbox_actors::kit::{Exit, Mailbox, Raced, Wake, clock, mailbox};
use futures::future::{self, Either};

use super::{
    event::{Event, Line, rfc3339},
    event_filter::{EventFilter, Told},
    reader::Reader,
    signals::Signals,
    stream::{Stream, StreamMsg, Which},
};
use crate::cli::{ExitCode, screen::FAINT};

/// A reader that is there has this long to take the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);
/// The time of day is taken anew when it has moved this far from what it should be.
const CLOCK_MOVED: Duration = Duration::from_millis(5);

/// What ends a node.
enum Ending {
    /// A signal.
    Asked,
    /// Something in the node.
    Itself,
    /// Nobody reads what it says any more.
    Unread(io::Error),
}

/// What woke us.
enum Woken {
    Signal,
    News(Result<News, Ended>),
    Stream(StreamMsg),
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
    reader: Reader,
    reports: Mailbox<StreamMsg>,
}

/// Runs a node until it is asked to end, and tells what happens to it. `warnings` are told first.
pub(super) async fn serve(
    config: NodeConfig,
    warnings: Vec<String>,
    mut signals: Signals,
    mut output: Output,
) -> Result<ExitCode, NodeError> {
    let dial = config.network.connect;
    let data_dir = config.data_directory().map(shown_absolute);
    let mut filter = EventFilter::new(config.me, Arc::clone(config.ensemble()), dial, data_dir);
    for text in warnings {
        output.print(&Told { at: Duration::ZERO, event: Event::warning(text) });
    }
    let mut node = Node::launch(config).await?;
    let mut watch = node.watch();
    let ending = tell(&mut watch, &mut filter, &mut signals, &mut output).await;
    if matches!(ending, Ending::Asked) {
        node.begin_stop();
        tell_rest(&mut watch, &mut filter, &mut output).await;
    }
    let outcome = match &ending {
        Ending::Asked | Ending::Unread(_) => node.stop().await,
        Ending::Itself => node.ended().await,
    };
    let code = match (outcome, ending) {
        (Err(error), _) => output.failed(&error.to_string()),
        (Ok(()), Ending::Unread(error)) => output.failed(&unread(&error)),
        (Ok(()), Ending::Asked | Ending::Itself) => {
            for told in filter.stopped(output.now()) {
                output.print(&told);
            }
            ExitCode::Done
        }
    };
    output.flush().await;
    Ok(code)
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
async fn tell_rest(watch: &mut Watch, filter: &mut EventFilter, output: &mut Output) {
    while let Ok(news) = watch.news().await {
        for told in filter.tell(news, output.now()) {
            output.print(&told);
        }
    }
}

async fn tell(
    watch: &mut Watch,
    filter: &mut EventFilter,
    signals: &mut Signals,
    output: &mut Output,
) -> Ending {
    loop {
        match next(watch, filter, signals, output).await {
            Woken::Signal => return Ending::Asked,
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
            Woken::Stream(message) => {
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
    filter: &EventFilter,
    signals: &mut Signals,
    output: &mut Output,
) -> Woken {
    let due_in = filter.next_due().map(|due| due.saturating_sub(output.now()));
    let takes_news = output.stdout.is_idle();
    let news = async {
        match due_in {
            _ if !takes_news => future::pending().await,
            Some(wait) => clock::within(wait, watch.news()).await.map_or(Woken::Due, Woken::News),
            None => Woken::News(watch.news().await),
        }
    };
    let signal = pin!(signals.next());
    let unread = pin!(output.reader.gone());
    let other = pin!(output.reports.race(news));
    match future::select(signal, future::select(unread, other)).await {
        Either::Left(_) => Woken::Signal,
        Either::Right((Either::Left((error, _)), _)) => Woken::Unread(error),
        Either::Right((Either::Right((raced, _)), _)) => match raced {
            Raced::Done(woken) => woken,
            Raced::Woken(Some(message)) => Woken::Stream(message),
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
    pub(super) fn start(me: ServerId, json: bool) -> io::Result<Self> {
        let (address, reports) = mailbox();
        Ok(Self {
            me,
            json,
            began: clock::now(),
            time_of_day: clock::time_of_day(),
            stdout: Stream::start(Which::Stdout, address.clone())?,
            stderr: Stream::start(Which::Stderr, address)?,
            reader: Reader::of_stdout()?,
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
            self.stdout.push(&serde_json::to_string(&line).unwrap_or_default());
            return;
        }
        let time = rfc3339(time);
        let clock = time.split_once('T').map_or("", |(_, clock)| clock);
        let line = format!("{FAINT}{clock}{FAINT:#}  {}", told.event);
        match told.event {
            Event::Warning { .. } => self.stderr.push(&line),
            Event::Listening { .. }
            | Event::Looking { .. }
            | Event::Elected { .. }
            | Event::Leading { .. }
            | Event::Following { .. }
            | Event::Retiring { .. }
            | Event::Lost { .. }
            | Event::Link { .. }
            | Event::Missed { .. }
            | Event::Stopped {} => self.stdout.push(&line),
        }
    }

    /// The node has failed: says why, for programs too.
    fn failed(&mut self, text: &str) -> ExitCode {
        if self.json {
            let event = Event::warning(text.to_owned());
            self.print(&Told { at: self.now(), event });
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
                Wake::Told(message) => drop(self.hear(message)),
                Wake::Due | Wake::Closed => return,
            }
        }
    }
}
