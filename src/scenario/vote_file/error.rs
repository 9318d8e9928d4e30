//! [`VoteFileError`]: what is wrong with a vote file, where, and what was expected instead.

use std::{io, time::Duration};

use ballotbox_core::{EndpointError, ServerId, UntrustedText, leadership::LeaseProblem};

use super::{
    ENSEMBLE_CHARS_MAX, FILE_BYTES_MAX, STEPS_MAX, TITLE_CHARS_MAX, TLS_PATH_BYTES_MAX, in_millis,
};
use crate::{EnsembleError, tls::CertificateNameError};

/// Why a vote file was refused. The text is one line.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum VoteFileError {
    /// It could not be read at all.
    #[error("{file}: {cause}{}", if_another_file_helps(*kind))]
    Unreadable {
        file: UntrustedText,
        /// What the system said.
        cause: UntrustedText,
        /// The same for programs.
        kind: io::ErrorKind,
    },
    /// It is too large to be a vote file.
    #[error("{file}: more than {FILE_BYTES_MAX} bytes: expected a smaller file")]
    TooLarge { file: UntrustedText },
    /// It is text in another encoding.
    #[error(
        "{file}: this is UTF-16: expected a vote file in JSON, in UTF-8; save it in that encoding"
    )]
    Utf16 { file: UntrustedText },
    /// It is not text.
    #[error("{file}: not UTF-8 from byte {at} on: expected a vote file in JSON")]
    NotUtf8 {
        file: UntrustedText,
        /// The first byte that is wrong, counted from 0.
        at: usize,
    },
    /// It is not JSON, or a field has the wrong type or name.
    #[error("{file}, line {line}, column {column}{}: {what}", in_field(path))]
    Json {
        file: UntrustedText,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// The field, as in `members[1].vote.zxid`; empty for the whole.
        path: UntrustedText,
        /// What was found and what was expected.
        what: UntrustedText,
    },
    /// A field has a value that cannot be.
    #[error("{file}, {path}: {error}")]
    Field {
        file: UntrustedText,
        /// The field, as in `steps[0].kill[1]`.
        path: UntrustedText,
        /// What is wrong with it.
        error: FieldError,
    },
}

/// What is wrong with a field.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum FieldError {
    /// The members are no ensemble.
    #[error(transparent)]
    Ensemble(EnsembleError),
    /// An address is none.
    #[error(transparent)]
    Endpoint(EndpointError),
    /// An address has port 0.
    #[error("port 0: expected 1 to 65535, or no address at all for a free port")]
    PortZero,
    /// Two members, or two purposes, share an address.
    #[error("{address} is also {other}: expected every address once")]
    SharedAddress {
        address: UntrustedText,
        /// The other field.
        other: UntrustedText,
    },
    /// An observer has a weight or a group.
    #[error("{id} is an observer and never votes: expected no weight and no group")]
    ObserverWeighs {
        /// The observer.
        id: ServerId,
    },
    /// A list is too long.
    #[error("{found} entries: expected at most {max}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// A list has nothing in it.
    #[error("an empty list: expected at least one entry")]
    Empty,
    /// A title is no line of text.
    #[error(
        "expected one line of at most {TITLE_CHARS_MAX} characters, without control characters"
    )]
    Title,
    /// The name of an ensemble is none.
    #[error("expected a name of 1 to {ENSEMBLE_CHARS_MAX} characters, without control characters")]
    EnsembleName,
    /// A voter with a new disk has an epoch.
    #[error("{id} has a new disk, and the epoch of its vote lies on its disk: expected epoch 0")]
    NewWithEpoch { id: ServerId },
    /// An observer has a new disk.
    #[error("{id} is an observer and keeps no epochs: expected no \"new\" here")]
    NewObserver { id: ServerId },
    /// A path in `tls` is none.
    #[error("expected the path of a PEM file, of 1 to {TLS_PATH_BYTES_MAX} bytes")]
    TlsPath,
    /// Of the three files for TLS a member has some and not all.
    #[error(
        "member {id} has {given} and no {missing}: expected cert, key and ca, each here or in the tls of all members"
    )]
    TlsIncomplete {
        id: ServerId,
        /// One that is not there.
        missing: &'static str,
        /// One that is there.
        given: &'static str,
    },
    /// The name in a certificate is none.
    #[error(transparent)]
    CertificateName(CertificateNameError),
    /// Two members have one name in their certificates.
    #[error(
        "{name} is also the name of {other}, so each could pass for the other: expected a name of its own"
    )]
    SharedCertificateName {
        name: UntrustedText,
        /// The other member.
        other: ServerId,
    },
    /// Silence is noticed sooner than a sign of life is due.
    #[error("{silence_ms} is less than twice ping_ms, {ping_ms}: expected at least as much")]
    SilenceTooShort {
        /// `silence_ms`.
        silence_ms: u128,
        /// `ping_ms`.
        ping_ms: u128,
    },
    /// A lease cannot be meant so.
    #[error(transparent)]
    Lease(LeaseProblem),
    /// Something concerns leadership, and that is not played.
    #[error(
        "without leadership there is no such thing: expected no \"leadership\": false, or not this"
    )]
    WithoutLeadership,
    /// A leader is to resign in favour of itself.
    #[error("{id} cannot come after itself: expected another member")]
    AfterItself { id: ServerId },
    /// A disk is filled that is full.
    #[error("the disk of {id} is full already: expected a member whose disk has room")]
    Full { id: ServerId },
    /// A disk is freed that is not full.
    #[error(
        "the disk of {id} is not full at this point: expected a member whose disk an earlier step has filled"
    )]
    NotFull { id: ServerId },
    /// The disk of a member that runs is wiped.
    #[error(
        "{id} runs at this point: expected a member that was never started, or was stopped or killed"
    )]
    WipedWhileRunning { id: ServerId },
    /// An epoch is expected although nobody should lead.
    #[error("an epoch cannot be expected while leader is null")]
    EpochOfNobody,
    /// The longest wait is shorter than the shortest.
    #[error("{max_ms} is less than resend_min_ms, {min_ms}: expected at least as much")]
    ResendOrder {
        /// `resend_min_ms`.
        min_ms: u128,
        /// `resend_max_ms`.
        max_ms: u128,
    },
    /// The longest delay is shorter than the shortest.
    #[error("expected the shortest delay, then the longest")]
    DelayOrder,
    /// The shortest delay is none.
    #[error("0: expected at least 1, as without any delay time stands still")]
    DelayZero,
    /// A fault is asked for that cannot happen.
    #[error("{found} has no effect while {missing} is missing or 0: expected {missing}, too")]
    NoEffect {
        found: u128,
        /// The field it needs.
        missing: &'static str,
    },
    /// Clocks are to be off by more than leases assume.
    #[error(
        "{found}, and a lease holds only where clocks are off by at most {assumed}: expected at most that, or a larger timing.drift_ppm"
    )]
    DriftBeyondLease {
        found: u32,
        /// `timing.drift_ppm`.
        assumed: u32,
    },
    /// Faults end before the steps of the file do, after which they would begin.
    #[error("{until_ms} is before the last step, at {last_ms}: faults begin after the last step")]
    FaultsTooEarly {
        /// `until_ms`.
        until_ms: u128,
        /// The time of the last step.
        last_ms: u128,
    },
    /// The faults of a simulation would make more steps than a file may have.
    #[error("with {found} steps of the file and of these faults: expected at most {STEPS_MAX}")]
    TooManyFaults {
        /// How many steps there could be.
        found: usize,
    },
    /// An id is no member's.
    #[error("no member has id {id}: expected one of {known}")]
    UnknownId {
        id: ServerId,
        /// The ids there are.
        known: UntrustedText,
    },
    /// A list names a member twice.
    #[error("{id} stands here twice: expected every member once")]
    Repeated { id: ServerId },
    /// A step says when, but not what.
    #[error(
        "nothing happens: expected one of start, stop, kill, pause, resume, hang, wake, cut, isolate, block, heal, wipe, fill, free or resign"
    )]
    NoDeed,
    /// A step says several things.
    #[error("both {first} and {second}: expected one; two steps may have the same at_ms")]
    TwoDeeds {
        /// The one.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A step is earlier than the one before it.
    #[error("{} is before the step above it, {}: expected steps in the order of time", in_millis(*at), in_millis(*after))]
    OutOfOrder {
        /// When it is.
        at: Duration,
        /// When the step above it is.
        after: Duration,
    },
    /// A member is started that runs.
    #[error(
        "{id} runs already: expected a member that was never started, or was stopped or killed"
    )]
    Running { id: ServerId },
    /// Something happens to a member that does not run.
    #[error("{id} does not run at this point: expected a member that an earlier step has started")]
    NotRunning { id: ServerId },
    /// A member is paused that is paused.
    #[error("{id} is paused already: expected a member that runs freely")]
    Paused { id: ServerId },
    /// A member is resumed that is not paused.
    #[error("{id} is not paused at this point: expected a member that an earlier step has paused")]
    NotPaused { id: ServerId },
    /// Something happens to a member that would have to act, and hangs.
    #[error("{id} hangs at this point: expected a member that runs freely")]
    Hanging { id: ServerId },
    /// A member is woken that does not hang.
    #[error("{id} does not hang at this point: expected a member that an earlier step hangs")]
    NotHanging { id: ServerId },
    /// A member is paired with itself.
    #[error("{id} is paired with itself: expected two different members")]
    PairedWithItself { id: ServerId },
    /// `heal` is false.
    #[error("false: expected true, or no heal at all")]
    HealFalse,
    /// An expectation is for the very beginning.
    #[error("0: expected at least 1, as nothing has happened at 0")]
    ByZero,
    /// An expectation expects nothing.
    #[error("nothing is expected: expected one of leader, epoch, following, observing or looking")]
    NothingExpected,
    /// A member cannot get into this state.
    #[error("{id} is {found}: expected {expected}")]
    CannotBe {
        id: ServerId,
        /// What it is.
        found: &'static str,
        /// What it would have to be.
        expected: &'static str,
    },
    /// A member is expected in two states at once.
    #[error("{id} is also expected as {other}: expected every member in one state")]
    TwoStates {
        id: ServerId,
        /// The other state.
        other: &'static str,
    },
    /// A state is expected although nobody should lead.
    #[error("{id} cannot be {state} while leader is null: expected no such list beside it")]
    NobodyToFollow { id: ServerId, state: &'static str },
}

/// A field and what is wrong with it, before the file's name is known.
#[derive(Debug)]
pub(super) struct At {
    pub(super) path: UntrustedText,
    pub(super) error: FieldError,
}

impl At {
    pub(super) fn new(path: impl Into<UntrustedText>, error: FieldError) -> Self {
        Self { path: path.into(), error }
    }

    pub(super) fn in_file(self, file: UntrustedText) -> VoteFileError {
        VoteFileError::Field { file, path: self.path, error: self.error }
    }
}

fn in_field(path: &UntrustedText) -> String {
    if path.is_empty() { String::new() } else { format!(", {path}") }
}

/// What to expect instead, if the path leads to nothing or to something else; any other trouble has another remedy.
fn if_another_file_helps(kind: io::ErrorKind) -> &'static str {
    let wrong_path = [io::ErrorKind::NotFound, io::ErrorKind::IsADirectory];
    if wrong_path.contains(&kind) { ": expected a vote file in JSON" } else { "" }
}
