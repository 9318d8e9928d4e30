//! [`Stream`]: lines on their way to stdout or stderr.
//!
//! A terminal that was stopped, a pager, a full pipe: a reader can let a write wait for ever. So each line is
//! written by a thread of its own, one after the other, and the process can end and leave that thread behind.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::Arc,
};

use anstream::{AutoStream, ColorChoice};
use ballotbox_actors::kit::{Actor, Address, Exit, Mailbox, mailbox, off_thread, spawn};
use rustix::event::{PollFd, PollFlags, poll};

/// At most this many lines wait for a reader of stderr; of later ones it learns only the number.
const REMARKS_WAITING_MAX: usize = 256;

/// Which stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Which {
    Stdout,
    Stderr,
}

/// What becomes of a stream.
#[derive(Debug)]
pub(super) enum StreamMsg {
    /// A line was written: the next one may follow.
    Written(Which),
    /// Nothing can be written any more.
    Ended(Which, Exit<(), io::Error>),
}

/// Lines that wait to be written.
#[derive(Debug)]
pub(super) struct Stream {
    which: Which,
    waiting: VecDeque<String>,
    /// `None` when nothing can be written any more.
    writer: Option<Address<String>>,
    /// Whether the writer has a line.
    busy: bool,
    left_out: u64,
    colours: bool,
}

impl Stream {
    /// Starts the writer of a stream.
    ///
    /// # Errors
    ///
    /// The system gives no descriptor.
    pub(super) fn start<P: From<StreamMsg> + Send + 'static>(
        which: Which,
        report: Address<P>,
    ) -> io::Result<Self> {
        // Our own descriptors: no lock of the standard library is held while a write waits.
        let (file, colours) = match which {
            Which::Stdout => (own(&io::stdout())?, AutoStream::choice(&io::stdout())),
            Which::Stderr => (own(&io::stderr())?, AutoStream::choice(&io::stderr())),
        };
        let (writer, lines) = mailbox();
        let actor = Writer { which, file: Arc::new(file), user: report.clone() };
        spawn(actor, lines, report, move |exit| StreamMsg::Ended(which, exit).into());
        Ok(Self {
            which,
            waiting: VecDeque::new(),
            writer: Some(writer),
            busy: false,
            left_out: 0,
            colours: colours != ColorChoice::Never,
        })
    }

    /// Puts a line behind those that wait.
    pub(super) fn push(&mut self, line: &str) {
        let full = self.which == Which::Stderr && self.waiting.len() >= REMARKS_WAITING_MAX;
        if self.writer.is_none() {
            return;
        }
        if full {
            self.left_out += 1;
            return;
        }
        let line = if self.colours {
            format!("{line}\n")
        } else {
            format!("{}\n", anstream::adapter::strip_str(line))
        };
        self.waiting.push_back(line);
        self.hand_over();
    }

    /// A line was written.
    pub(super) fn written(&mut self) {
        self.busy = false;
        if self.waiting.is_empty() && self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            self.waiting.push_back(format!("ballotbox: {left_out} warnings were left out here\n"));
        }
        self.hand_over();
    }

    /// Nothing can be written any more: lines that wait are dropped, and so are later ones.
    pub(super) fn end(&mut self) {
        self.writer = None;
        self.waiting.clear();
        self.busy = false;
    }

    /// Whether everything was written, or nothing can be.
    pub(super) fn is_idle(&self) -> bool {
        !self.busy && self.waiting.is_empty()
    }

    fn hand_over(&mut self) {
        let Some(writer) = self.writer.as_ref().filter(|_| !self.busy) else { return };
        if let Some(line) = self.waiting.pop_front() {
            self.busy = writer.tell(line).is_ok();
        }
    }
}

/// Writes one line after the other. Between two of them there is no thread.
#[derive(Debug)]
struct Writer<P> {
    which: Which,
    file: Arc<File>,
    user: Address<P>,
}

impl<P: From<StreamMsg> + Send + 'static> Actor for Writer<P> {
    type Msg = String;
    type Output = ();
    type Error = io::Error;

    async fn run(self, mut lines: Mailbox<String>) -> io::Result<()> {
        while let Some(line) = lines.next().await {
            let file = Arc::clone(&self.file);
            off_thread(move || write(&file, line.as_bytes())).await?;
            if self.user.tell(StreamMsg::Written(self.which).into()).is_err() {
                break;
            }
        }
        Ok(())
    }
}

fn own(stream: &impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

/// Writes all of it, however long that takes.
fn write(mut file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process that shares the stream may have made it so that no write waits.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait_for_room(file)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_for_room(file: &File) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(file, PollFlags::OUT)], None) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
