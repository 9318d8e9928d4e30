//! [`Output`]: what a node prints, and where.

use std::{
    io,
    time::{Duration, Instant, SystemTime},
};

use ballotbox::{ServerId, run::RunnerReport};
use ballotbox_actors::kit::{Address, Exit, Mailbox, Wake, clock, mailbox};

use super::{
    event::{Event, Line},
    event_filter::Told,
    reader::Reader,
    stream::{Stream, StreamMsg, Which},
};
use crate::cli::{ExitCode, screen::FAINT};

/// A reader that is there has this long to take the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);
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

/// The output of a node.
pub(super) struct Output {
    me: ServerId,
    json: bool,
    began: Instant,
    time_of_day: SystemTime,
    pub(super) stdout: Stream,
    stderr: Stream,
    /// With work, stdout is that of the program.
    pub(super) reader: Option<Reader>,
    has_work: bool,
    address: Address<ServeMsg>,
    pub(super) reports: Mailbox<ServeMsg>,
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
            address,
            reports,
        })
    }

    /// Where what is said to it is told.
    pub(super) fn address(&self) -> Address<ServeMsg> {
        self.address.clone()
    }

    /// The node has just started: what it tells of itself counts from now on, and so does all else.
    pub(super) fn node_has_started(&mut self) {
        (self.began, self.time_of_day) = (clock::now(), clock::time_of_day());
    }

    pub(super) fn now(&self) -> Duration {
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

    pub(super) fn print(&mut self, told: &Told) {
        let time = self.time_of_day(told.at);
        if self.json {
            let line = Line::new(self.me, told.at, time, &told.event);
            // No event has anything that cannot be written as JSON.
            let line = serde_json::to_string(&line).unwrap_or_default();
            return if self.has_work { self.stderr.push(&line) } else { self.stdout.push(&line) };
        }
        let time = clock::rfc3339(time);
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
    pub(super) fn takes_news(&self) -> bool {
        if self.has_work { self.stderr.is_idle() } else { self.stdout.is_idle() }
    }

    pub(super) fn print_work(&mut self, event: Option<(Event, Instant)>) {
        if let Some((event, at)) = event {
            self.print(&Told { at: at.saturating_duration_since(self.began), event });
        }
    }

    pub(super) fn warn(&mut self, text: String) {
        self.print(&Told { at: self.now(), event: Event::warning(text) });
    }

    /// The node has failed: says why, for programs too.
    pub(super) fn failed(&mut self, text: &str) -> ExitCode {
        if self.json {
            self.warn(text.to_owned());
        }
        self.stderr.push(&format!("ballotbox: {text}"));
        ExitCode::Environment
    }

    /// Takes in what became of a stream. Without stderr we go on, without stdout we do not.
    pub(super) fn hear(&mut self, message: StreamMsg) -> io::Result<()> {
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
    pub(super) async fn flush(&mut self) {
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
