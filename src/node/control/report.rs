//! [`StatusReport`]: how things stand with a node, as it tells other processes.

use std::time::{Duration, Instant};

use ballotbox_actors::kit::clock;
use ballotbox_core::{ServerId, UntrustedText, leadership::Reading, membership::Role};
use serde::{Deserialize, Serialize};

use super::{
    restart::SafeToRestart,
    shown::{shown, shown_if_any},
    tls::TlsReport,
};
use crate::{
    Standing,
    node::{
        Desk, LeadershipStatus, LeaseStatus, NodeState, PromiseStatus, Status, WorkStatus,
        answers::Answers, desk::Constants,
    },
};

/// How things stand with a node, as `ballotbox status --json` prints it. What is not known, or is not there yet, is null.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatusReport {
    /// Its id.
    pub id: u64,
    /// `voter` or `observer`.
    #[serde(deserialize_with = "shown")]
    pub role: String,
    /// `starting`, `looking`, `leading`, `retiring`, `following` or `observing`. To lead and to follow means: in an established epoch.
    #[serde(deserialize_with = "shown")]
    pub state: String,
    /// Another number whenever something has changed.
    pub seq: u64,
    /// For how many milliseconds it has been in this state, under this leader.
    pub since_ms: u64,
    /// Who leads.
    pub leader: Option<LeaderReport>,
    /// Whether this node leads.
    pub leading: bool,
    /// Whether it leads, and has begun to give that up.
    pub retiring: bool,
    /// Who was elected, whether or not that one leads yet.
    pub elected: Option<u64>,
    /// The round of the present or the last election.
    pub round: i64,
    /// The epochs it has given its word for.
    pub epoch: Option<Promised>,
    /// Whether its data directory counts. If not, the others have not yet recorded it.
    pub recorded: Option<bool>,
    /// Whether a real server was met: then this node does not lead, and as a voter follows no epoch.
    pub beside_real_server: bool,
    /// The lease with which it leads, or would; null without one.
    #[serde(default)]
    pub lease: Option<LeaseReport>,
    /// What it has promised to a leader, as long as that binds it.
    #[serde(default)]
    pub promise: Option<PromiseReport>,
    /// The program that it runs while it leads; null if it runs none.
    #[serde(default)]
    pub work: Option<WorkReport>,
    /// All voters, and whether there is a link to them.
    pub voters: Vec<VoterReport>,
    /// Whether it may be restarted now without the ensemble losing its quorum; null from a node of an earlier version.
    #[serde(default)]
    pub safe_to_restart: Option<SafeToRestart>,
    /// What its epochs are kept in.
    pub disk: Option<Disk>,
    /// What it knows of its own time; null without leadership.
    #[serde(default)]
    pub clock: Option<ClockReport>,
    /// How it speaks TLS with other members; null if it speaks and takes plain text alone.
    #[serde(default)]
    pub tls: Option<TlsReport>,
    /// The version of ballotbox that it runs.
    #[serde(deserialize_with = "shown")]
    pub version: String,
}

/// The lease of a node.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeaseReport {
    /// How long a lease is.
    pub length_ms: u64,
    /// How long nobody else can lead; null if it holds none.
    pub remaining_ms: Option<u64>,
    /// The voters that have promised lately, itself among them; nobody while it does not lead.
    pub promises: Vec<u64>,
    /// Whether these are enough: nobody has a quorum without them.
    pub blocking: bool,
}

/// What a node has promised to a leader.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PromiseReport {
    /// Whom; null if that is not known any more.
    pub to: Option<u64>,
    /// In which of its epochs.
    pub epoch: i64,
    /// For how long it helps nobody else.
    pub remaining_ms: u64,
}

/// The program that a node runs while it leads.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct WorkReport {
    /// `waiting`, `starting`, `preparing`, `running`, `ending`, `lingering`, `pausing`, `resting` or `over`.
    #[serde(deserialize_with = "shown")]
    pub state: String,
    /// Its first process, or that of the command before it, while it runs.
    pub pid: Option<u32>,
    /// How often it has begun.
    pub starts: u64,
    /// How often it had to be killed.
    #[serde(default)]
    pub kills: u64,
    /// The exit code that it last ended with; null if it never has.
    pub last_exit: Option<i32>,
}

/// Who leads.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeaderReport {
    /// Its id.
    pub id: u64,
    /// The number to give to what must not be written by two.
    pub token: u64,
    /// In which epoch.
    pub epoch: i64,
    /// Which start this is on its data directory; null if it has not said so.
    #[serde(default)]
    pub incarnation: Option<u64>,
}

/// What a node knows of its own time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClockReport {
    /// How often the process was held up for longer than half of the silence, or its machine slept for as long.
    pub gaps: u64,
    /// By how much it expects clocks to be off, in parts per million.
    pub r: u32,
}

/// The epochs that a node has given its word for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Promised {
    /// The newest one that it has promised to.
    pub accepted: i64,
    /// The newest one that it has led or followed in.
    pub current: i64,
}

/// A voter, as a node sees it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VoterReport {
    /// Its id.
    pub id: u64,
    /// Whether there is a link to it; null for the node itself.
    pub link: Option<bool>,
    /// How long ago it has answered a ping of this node; null if this node does not lead, or it has not, and for the node itself.
    #[serde(default)]
    pub answered_ms: Option<u64>,
    /// Whether it has promised lately what the lease of this node rests on; null if this node does not lead, or leads without a lease, and for a
    /// voter that has not come.
    #[serde(default)]
    pub keeps_promises: Option<bool>,
    /// Whether its word does not count yet, as it may have forgotten others; null if this node does not lead, and for a voter that has not come.
    #[serde(default)]
    pub amnesiac: Option<bool>,
}

/// What the epochs of a node are kept in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Disk {
    /// `ok` or `failing`.
    #[serde(deserialize_with = "shown")]
    pub state: String,
    /// How long it took to write them the last time; null if they were not written since the node was started.
    #[serde(default)]
    pub last_write_ms: Option<u64>,
    /// Why it fails, if it does.
    #[serde(default, deserialize_with = "shown_if_any")]
    pub error: Option<String>,
    /// Where it is; null in memory.
    #[serde(default, deserialize_with = "shown_if_any")]
    pub directory: Option<String>,
}

impl LeaderReport {
    pub(super) fn of(status: &Status) -> Option<Self> {
        let (leader, epoch) = status.leader()?;
        let incarnation = status.leadership.as_ref().and_then(|of| of.incarnation);
        Some(Self {
            id: leader.number(),
            token: epoch.0.cast_unsigned(),
            epoch: epoch.0,
            incarnation: incarnation.map(|start| start.0),
        })
    }
}

impl StatusReport {
    /// How things stand with the node of this desk, which has this status.
    pub(crate) fn of(desk: &Desk, status: &Status) -> Self {
        Self::new(status, desk.constants(), clock::now())
    }

    fn new(status: &Status, constants: &Constants, now: Instant) -> Self {
        let me = status.me;
        let leadership = status.leadership.as_deref();
        let role = constants.role(me);
        let since = now.saturating_duration_since(status.since);
        let seen = LeadersView::of(status);
        let voter = |id: ServerId| VoterReport {
            id: id.number(),
            link: (id != me).then(|| status.election.links.contains(&id)),
            answered_ms: seen.and_then(|seen| seen.answers.age(id, seen.now)).map(whole_ms),
            keeps_promises: seen.and_then(|seen| seen.keeps_promises(id)),
            amnesiac: seen.and_then(|seen| seen.amnesiac(id)),
        };
        Self {
            id: me.number(),
            role: role.word().to_owned(),
            state: state(status, role).to_owned(),
            seq: status.sequence,
            since_ms: whole_ms(since),
            leader: LeaderReport::of(status),
            leading: status.leader().is_some_and(|(leader, _)| leader == me),
            retiring: leadership.is_some_and(|leadership| leadership.retiring),
            elected: status.elected().map(ServerId::number),
            round: status.election.round.0,
            epoch: leadership.map(|leadership| Promised {
                accepted: leadership.accepted.0,
                current: leadership.record.current.0,
            }),
            recorded: leadership.map(|leadership| leadership.record.recorded),
            beside_real_server: leadership.is_some_and(|of| of.beside_real_server),
            lease: leadership.and_then(|of| Some(lease(of.lease.as_ref()?, constants))),
            promise: leadership.and_then(|of| promise(of.promise.as_ref()?)),
            work: leadership.and_then(|of| of.work).map(WorkReport::new),
            voters: constants.membership.ensemble().voters().map(voter).collect(),
            safe_to_restart: Some(SafeToRestart::of(status, constants.membership.ensemble())),
            disk: leadership.map(Disk::new),
            clock: leadership.map(|of| ClockReport { gaps: of.clock_gaps, r: of.drift_ppm }),
            tls: TlsReport::of(constants),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// What a leader knows of the voters.
#[derive(Clone, Copy)]
struct LeadersView<'a> {
    me: ServerId,
    now: Reading,
    answers: &'a Answers,
    leadership: &'a LeadershipStatus,
}

impl<'a> LeadersView<'a> {
    /// That of the node, if it leads.
    fn of(status: &'a Status) -> Option<Self> {
        let leadership = status.leadership.as_deref()?;
        let (me, answers) = (status.me, &leadership.answers);
        let leads = leadership.established.is_some_and(|(leader, _)| leader == me);
        leads.then(|| Self { me, now: clock::reading(), answers, leadership })
    }

    fn amnesiac(self, voter: ServerId) -> Option<bool> {
        let own = (voter == self.me).then_some(!self.leadership.record.recorded);
        own.or_else(|| self.leadership.amnesia.get(&voter).copied())
    }

    fn keeps_promises(self, voter: ServerId) -> Option<bool> {
        // Of one that has not come nothing is known.
        self.amnesiac(voter)?;
        Some(self.leadership.lease.as_ref()?.promising.contains(&voter))
    }
}

fn lease(lease: &LeaseStatus, constants: &Constants) -> LeaseReport {
    LeaseReport {
        length_ms: whole_ms(lease.length),
        remaining_ms: lease.left().map(whole_ms),
        promises: lease.promising.iter().map(|voter| voter.number()).collect(),
        blocking: constants.membership.ensemble().is_blocking(&lease.promising),
    }
}

fn promise(promise: &PromiseStatus) -> Option<PromiseReport> {
    Some(PromiseReport {
        to: promise.to.map(ServerId::number),
        epoch: promise.epoch.0,
        remaining_ms: whole_ms(promise.left()?),
    })
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl WorkReport {
    fn new(work: WorkStatus) -> Self {
        let WorkStatus { state, pid, starts, kills, last_exit } = work;
        Self { state: state.word().to_owned(), pid, starts, kills, last_exit }
    }
}

impl Disk {
    fn new(leadership: &LeadershipStatus) -> Self {
        let error = leadership.disk.as_ref().or(leadership.cannot_promise.as_ref());
        let state = if error.is_some() { "failing" } else { "ok" };
        Self {
            state: state.to_owned(),
            last_write_ms: leadership.last_write.map(whole_ms),
            error: error.map(UntrustedText::to_string),
            directory: leadership.directory.as_ref().map(UntrustedText::to_string),
        }
    }
}

fn state(status: &Status, role: Role) -> &'static str {
    let leadership = status.leadership.as_deref();
    match (status.leader(), status.state()) {
        _ if leadership.is_some_and(|leadership| leadership.retiring) => "retiring",
        (Some((leader, _)), _) => Standing::under(leader, status.me, role == Role::Voter).word(),
        (None, NodeState::Starting) => "starting",
        (None, NodeState::Looking | NodeState::Decided(_)) => "looking",
    }
}
