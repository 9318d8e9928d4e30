//! [`Order`] and [`Report`]: what a node tells the guard of its work, and what that tells the node.
//!
//! Each is one datagram of a socket pair that nobody else has an end of, of the same program: a few numbers of 8 bytes, the first of which
//! says what it is.

use std::time::Duration;

use ballotbox_core::{election::Epoch, leadership::Reading};

/// How long each message is.
pub(crate) const LEN: usize = 8 * 6;

/// What a guard is told by its node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// The directory is ours: empty the lease file there.
    Prepare,
    /// Begin this. The lock of the work comes with it.
    Start { task: Task, epoch: Epoch, until: Reading },
    /// Nobody else leads before that.
    Renew { until: Reading },
    /// End the work with this signal, and kill it if it goes on after this time.
    End { signal: Signal, within: Duration },
    /// Pass this signal on.
    Pass { signal: Signal },
    /// Kill the work.
    Kill,
}

/// What a guard tells its node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Report {
    /// It is prepared.
    Ready,
    /// It cannot write the lease file: the number is that of the operating system's error.
    NotReady { error: i32 },
    /// A process has begun with the task.
    Started { pid: u32 },
    /// None could be made: the number is that of the operating system's error; `None` if it was too late to begin.
    NotStarted { error: Option<i32> },
    /// The lease was not renewed in time, so the work was told to end.
    ToldToEnd,
    /// The process has ended. What it has started may go on, and is killed now.
    Exited { status: Status },
    /// It was killed, and still goes on: so many processes are left.
    Lingers { processes: u64 },
    /// Nothing is left of the work.
    Ended { killed: bool },
}

/// What is run under a leadership.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Task {
    /// The command that has to succeed first.
    Prelude,
    /// The work itself.
    Work,
}

/// A signal, by its number.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Signal(pub(crate) i32);

/// How a process has ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Status {
    /// With this code.
    Code(i32),
    /// By this signal.
    Killed(Signal),
}

impl Status {
    /// The exit code by which a shell would tell it.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Killed(Signal(number)) => 128 + number,
        }
    }
}

impl Order {
    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        match self {
            Self::Start { task, epoch, until } => {
                let task = u64::from(task == Task::Work);
                let [boot, raw] = until.to_nanos();
                bytes(1, [task, epoch.0.cast_unsigned(), boot, raw, 0])
            }
            Self::Renew { until } => {
                let [boot, raw] = until.to_nanos();
                bytes(2, [boot, raw, 0, 0, 0])
            }
            Self::End { signal, within } => bytes(3, [number(signal.0), nanos(within), 0, 0, 0]),
            Self::Pass { signal } => bytes(4, [number(signal.0), 0, 0, 0, 0]),
            Self::Kill => bytes(5, [0; 5]),
            Self::Prepare => bytes(6, [0; 5]),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let [what, a, b, c, d, _] = fields(bytes)?;
        Some(match what {
            1 => {
                let task = if a == 0 { Task::Prelude } else { Task::Work };
                Self::Start {
                    task,
                    epoch: Epoch(b.cast_signed()),
                    until: Reading::from_nanos([c, d]),
                }
            }
            2 => Self::Renew { until: Reading::from_nanos([a, b]) },
            3 => Self::End { signal: Signal(signed(a)?), within: span(b) },
            4 => Self::Pass { signal: Signal(signed(a)?) },
            5 => Self::Kill,
            6 => Self::Prepare,
            _ => return None,
        })
    }
}

impl Report {
    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        match self {
            Self::Ready => bytes(1, [0; 5]),
            Self::Started { pid } => bytes(2, [u64::from(pid), 0, 0, 0, 0]),
            Self::NotStarted { error } => {
                bytes(3, [u64::from(error.is_some()), number(error.unwrap_or(0)), 0, 0, 0])
            }
            Self::ToldToEnd => bytes(4, [0; 5]),
            Self::Exited { status: Status::Code(code) } => bytes(5, [0, number(code), 0, 0, 0]),
            Self::Exited { status: Status::Killed(signal) } => {
                bytes(5, [1, number(signal.0), 0, 0, 0])
            }
            Self::Lingers { processes } => bytes(6, [processes, 0, 0, 0, 0]),
            Self::NotReady { error } => bytes(8, [number(error), 0, 0, 0, 0]),
            Self::Ended { killed } => bytes(7, [u64::from(killed), 0, 0, 0, 0]),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let [what, a, b, ..] = fields(bytes)?;
        Some(match what {
            1 => Self::Ready,
            2 => Self::Started { pid: u32::try_from(a).ok()? },
            3 => Self::NotStarted { error: if a == 0 { None } else { Some(signed(b)?) } },
            4 => Self::ToldToEnd,
            5 if a == 0 => Self::Exited { status: Status::Code(signed(b)?) },
            5 => Self::Exited { status: Status::Killed(Signal(signed(b)?)) },
            6 => Self::Lingers { processes: a },
            7 => Self::Ended { killed: a != 0 },
            8 => Self::NotReady { error: signed(a)? },
            _ => return None,
        })
    }
}

fn bytes(what: u64, rest: [u64; 5]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    for (place, field) in bytes.chunks_exact_mut(8).zip([what].into_iter().chain(rest)) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    bytes
}

fn fields(bytes: &[u8]) -> Option<[u64; 6]> {
    let bytes: &[u8; LEN] = bytes.try_into().ok()?;
    let mut fields = [0; 6];
    for (field, place) in fields.iter_mut().zip(bytes.chunks_exact(8)) {
        *field = u64::from_be_bytes(place.try_into().ok()?);
    }
    Some(fields)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

const fn span(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

fn number(signed: i32) -> u64 {
    u64::from(signed.cast_unsigned())
}

fn signed(number: u64) -> Option<i32> {
    u32::try_from(number).ok().map(u32::cast_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(boot: u64, raw: u64) -> Reading {
        Reading::from_nanos([boot, raw])
    }

    #[test]
    fn what_was_sent_is_what_arrives() {
        let epoch = Epoch(7);
        let orders = [
            Order::Start { task: Task::Prelude, epoch, until: reading(1, 2) },
            Order::Start { task: Task::Work, epoch, until: reading(u64::MAX, 0) },
            Order::Renew { until: reading(3, 4) },
            Order::End { signal: Signal(15), within: span(9) },
            Order::Pass { signal: Signal(-1) },
            Order::Kill,
            Order::Prepare,
        ];
        assert!(orders.into_iter().all(|order| Order::parse(&order.to_bytes()) == Some(order)));
        let reports = [
            Report::Ready,
            Report::NotReady { error: 13 },
            Report::Started { pid: u32::MAX },
            Report::NotStarted { error: None },
            Report::NotStarted { error: Some(11) },
            Report::ToldToEnd,
            Report::Exited { status: Status::Code(-7) },
            Report::Exited { status: Status::Killed(Signal(9)) },
            Report::Lingers { processes: 3 },
            Report::Ended { killed: true },
            Report::Ended { killed: false },
        ];
        assert!(reports.into_iter().all(|one| Report::parse(&one.to_bytes()) == Some(one)));
    }

    #[test]
    fn what_is_no_message_is_none() {
        assert_eq!(Order::parse(&[0; LEN]), None);
        assert_eq!(Report::parse(&[0xff; LEN]), None);
        assert_eq!(Order::parse(&Order::Kill.to_bytes()[1..]), None);
    }

    #[test]
    fn a_code_is_what_a_shell_would_show() {
        assert_eq!((Status::Code(7).code(), Status::Killed(Signal(9)).code()), (7, 137));
    }
}
