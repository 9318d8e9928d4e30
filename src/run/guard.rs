//! The guard: a process that ends the work of its node in time, whatever becomes of the node.
//!
//! It is started with the node, from the same binary, so that neither a replaced binary nor a lack of memory can keep it from being there
//! when it is needed. All that it starts is started by its first thread, as it is killed by the kernel when that thread ends. It waits for orders, for
//! the end of children and for deadlines, and does what its [`Watchdog`] decides. It waits for no disk: a second thread [writes its lease file](LeaseWriter).

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use ballotbox_actors::kit::clock;
use ballotbox_core::{election::Epoch, leadership::Reading};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, FdFlags, fcntl_setfd},
    process::{getpid, set_child_subreaper},
    thread::set_name,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use signal_hook::{consts, flag, low_level::pipe};

use super::{
    lease_file::LeaseFile,
    lease_writer::{LeaseWriter, Shown},
    order::{Order, Report, Task},
    shim,
    signals::is_ignored,
    socket,
    tree::Tree,
    watchdog::{Action, Event, Terms, Watchdog},
};

/// The name that its process goes by.
pub(super) const NAME: &str = "ballotbox-guard";
/// This process, even when its file was replaced.
pub(super) const OURSELVES: &str = "/proc/self/exe";
/// A longer wait is cut, as the timer goes by one of two clocks.
const WAIT_AT_ONCE: Duration = Duration::from_millis(20);

/// What a guard has to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct GuardArgs {
    pub(super) terms: Terms,
    pub(super) lease_file: PathBuf,
    /// What has to succeed before the work begins: a command for the shell.
    pub(super) prelude: Option<OsString>,
    /// The file of the program.
    pub(super) program: PathBuf,
    /// Its arguments, with the name that it goes by first.
    pub(super) arguments: Vec<OsString>,
}

impl GuardArgs {
    /// As arguments of a process.
    pub(super) fn to_args(&self) -> Vec<OsString> {
        let lease = if self.terms.has_lease { "lease" } else { "no-lease" };
        let (has_prelude, prelude) = match &self.prelude {
            Some(prelude) => ("prelude", prelude.clone()),
            None => ("no-prelude", OsString::new()),
        };
        let stop_within = self.terms.stop_within.as_nanos().to_string();
        let mut args = vec![lease.into(), stop_within.into(), self.lease_file.clone().into()];
        args.extend([has_prelude.into(), prelude, self.program.clone().into()]);
        args.extend(self.arguments.iter().cloned());
        args
    }

    /// From the arguments of this process, without its name.
    pub(super) fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let has_lease = args.next()? == "lease";
        let stop_within = Duration::from_nanos(args.next()?.to_str()?.parse().ok()?);
        let lease_file = args.next()?.into();
        let has_prelude = args.next()? == "prelude";
        let prelude = Some(args.next()?).filter(|_| has_prelude);
        let program = args.next()?.into();
        let terms = Terms { has_lease, stop_within };
        Some(Self { terms, lease_file, prelude, program, arguments: args.collect() })
    }
}

/// Guards the work of the node at the other end of our stdin, until both are gone.
pub(super) fn main(args: GuardArgs) -> ExitCode {
    match Guard::new(args).and_then(Guard::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "ballotbox: the guard of the work has failed: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Guard {
    args: GuardArgs,
    watchdog: Watchdog,
    /// From when the directory is ours.
    lease_file: Option<LeaseWriter>,
    stdin: io::Stdin,
    timer: OwnedFd,
    /// A byte for each time that children have ended.
    children: UnixStream,
    tree: Option<Tree>,
    /// Held by the work and all that it starts.
    lock: Option<OwnedFd>,
    /// What the work reads.
    input: Option<OwnedFd>,
    node_is_gone: bool,
    is_over: bool,
}

impl Guard {
    fn new(args: GuardArgs) -> io::Result<Self> {
        // The name that `ps` and `top` show: that of our file would be `exe`.
        let _ = set_name(c"ballotbox-guard");
        set_child_subreaper(Some(getpid()))?;
        let (children, told) = UnixStream::pair()?;
        children.set_nonblocking(true)?;
        pipe::register(consts::SIGCHLD, told)?;
        ignore_signals()?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        let watchdog = Watchdog::new(args.terms);
        let (stdin, tree, lock, input) = (io::stdin(), None, None, None);
        Ok(Self {
            args,
            watchdog,
            lease_file: None,
            stdin,
            timer,
            children,
            tree,
            lock,
            input,
            node_is_gone: false,
            is_over: false,
        })
    }

    fn run(mut self) -> io::Result<()> {
        while !self.is_over {
            self.wait()?;
            // Orders come first: if we were held up ourselves, the lease may have been renewed meanwhile.
            while !self.is_over {
                let Some(event) = self.next_order() else { break };
                self.handle(event);
            }
            self.hear_of_children();
            if self.lease_file.as_mut().is_some_and(LeaseWriter::hear) {
                self.handle(Event::Hidden);
            }
            self.handle(Event::Tick);
        }
        Ok(())
    }

    /// Waits until something happens, or has to.
    fn wait(&self) -> io::Result<()> {
        let wait = self.watchdog.wait(clock::reading());
        // The other clock may be faster than the one of the timer.
        let cut = |wait: Duration| if wait > WAIT_AT_ONCE { wait * 7 / 8 } else { wait };
        // Zero would disarm the timer.
        let at_once = Duration::from_nanos(1);
        let wait = wait.map_or(Duration::ZERO, |wait| cut(wait).max(at_once));
        let it_value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let flags = TimerfdTimerFlags::empty();
        timerfd_settime(&self.timer, flags, &Itimerspec { it_interval, it_value })?;
        let mut ready = vec![
            PollFd::from_borrowed_fd(self.timer.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.children.as_fd(), PollFlags::IN),
        ];
        ready.extend(self.lease_file.iter().map(|file| PollFd::new(file, PollFlags::IN)));
        if !self.node_is_gone {
            ready.push(PollFd::from_borrowed_fd(self.stdin.as_fd(), PollFlags::IN));
        }
        match poll(&mut ready, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next order, if there is one, or that there will be no more.
    fn next_order(&mut self) -> Option<Event> {
        while !self.node_is_gone {
            match socket::receive(&self.stdin) {
                Ok(Some(arrived)) => {
                    let Some(order) = Order::parse(&arrived.message) else { continue };
                    if matches!(order, Order::Start { .. }) && self.tree.is_none() {
                        let mut descriptors = arrived.descriptors.into_iter();
                        (self.lock, self.input) = (descriptors.next(), descriptors.next());
                        // It becomes the stdin of the work, which has no use for a second one.
                        let _ =
                            self.input.as_ref().map(|input| fcntl_setfd(input, FdFlags::CLOEXEC));
                    }
                    return Some(Event::Order(order));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(None) | Err(_) => self.node_is_gone = true,
            }
            if self.node_is_gone {
                return Some(Event::NodeGone);
            }
        }
        None
    }

    fn hear_of_children(&mut self) {
        let mut bytes = [0; 64];
        let mut has_heard = false;
        while self.children.read(&mut bytes).is_ok_and(|read| read > 0) {
            has_heard = true;
        }
        if !has_heard {
            return;
        }
        let Some(tree) = &mut self.tree else { return };
        tree.reap();
        match tree.has_exited() {
            Some(status) => self.handle(Event::Exited(status)),
            None => self.handle(Event::Reaped),
        }
    }

    fn handle(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            self.watchdog.handle(event, clock::reading(), &mut actions);
            events.extend(actions.into_iter().filter_map(|action| self.perform(action)));
        }
    }

    /// Does what was decided, and returns what has come of it.
    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Prepare => self.prepare(),
            Action::Make { task, epoch, before } => {
                return Some(Event::Made(self.make(task, epoch, before)));
            }
            Action::Signal(signal) => {
                if let Some(tree) = &self.tree {
                    tree.signal(signal);
                }
            }
            Action::Kill => {
                let Some(tree) = &mut self.tree else { return Some(Event::Left(0)) };
                let left = tree.kill();
                if left == 0 {
                    (self.tree, self.lock, self.input) = (None, None, None);
                }
                return Some(Event::Left(left));
            }
            Action::Show(held) => self.show(held),
            Action::Report(report) => self.report(report),
            Action::Exit => self.is_over = true,
        }
        None
    }

    fn prepare(&mut self) {
        match LeaseFile::create(&self.args.lease_file).and_then(LeaseWriter::start) {
            Ok(file) => {
                self.lease_file = Some(file);
                self.report(Report::Ready);
            }
            Err(error) => {
                self.report(Report::NotReady { error: error.raw_os_error().unwrap_or(0) });
            }
        }
    }

    fn show(&mut self, shown: Shown) {
        // Without a lease it was emptied, and stays so.
        if let Some(file) = self.lease_file.as_mut().filter(|_| self.args.terms.has_lease) {
            file.show(shown);
        }
    }

    fn make(&mut self, task: Task, epoch: Epoch, before: Reading) -> Result<u32, i32> {
        let GuardArgs { prelude, program, arguments, .. } = &self.args;
        let shell = ["sh".into(), "-c".into(), prelude.clone().unwrap_or_default()];
        let (file, arguments): (&OsStr, &[OsString]) = match task {
            Task::Prelude => (OsStr::new("/bin/sh"), &shell),
            Task::Work => (program.as_os_str(), arguments),
        };
        let mut command = Command::new(OURSELVES);
        command.arg0(shim::NAME).args(shim::args(getpid(), before, file, arguments));
        command.process_group(0).env("BALLOTBOX_EPOCH", epoch.0.to_string());
        command.stdin(match (&self.input, task) {
            (Some(input), Task::Work) => {
                input.try_clone().map_or_else(|_| Stdio::null(), Stdio::from)
            }
            (Some(_) | None, _) => Stdio::null(),
        });
        match command.spawn() {
            Ok(child) => {
                self.tree = Some(Tree::of(&child));
                Ok(child.id())
            }
            Err(error) => {
                (self.lock, self.input) = (None, None);
                Err(error.raw_os_error().unwrap_or(0))
            }
        }
    }

    /// A node that takes no reports is gone, or hangs: then deadlines are all that counts.
    fn report(&self, report: Report) {
        let _ = socket::send(&self.stdin, report.to_bytes(), &[]);
    }
}

/// Signals are for the node, and for the work; a terminal or a supervisor may send them to us, too.
fn ignore_signals() -> io::Result<()> {
    use consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
    for signal in [SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2] {
        // The work inherits what is ignored, and no handler: `nohup` is meant for it, too.
        if signal != SIGHUP || !is_ignored(SIGHUP) {
            flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
    }
    Ok(())
}
