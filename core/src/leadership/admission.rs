//! [`Doorkeeper`]: which learners are served.
//!
//! A learner says who it is. It is not believed if it is no member, or belongs to another ensemble. Two processes may say that
//! they are the same member:
//!
//! | their directories | who is believed, as long as it answers |
//! | --- | --- |
//! | are two | the one that was there first |
//! | are one, and one was started later | the later one: its directory was moved, or copied, while the other one lived |
//! | are one, and were started as often: two copies | the one that comes, as it may be one process whose connection broke; from the fourth that takes the place of one that answered a moment ago, the one that is there |

use std::{collections::BTreeMap, fmt, net::SocketAddr, sync::Arc, time::Duration};

use super::{
    DirectoryId, EPOCH_MAX, EnsembleId, Identity, Incarnation, Info, LearnerBlock, Moment, Record,
    SessionId,
};
use crate::{
    ServerId, UntrustedText,
    election::Epoch,
    membership::{
        Ensemble, Role,
        config_text::{ConfigText, Difference},
    },
};

/// The largest epoch that a learner may bring, unless we have come about as far: a million are left behind it.
const NEAR_THE_END: Epoch = Epoch(EPOCH_MAX.0 - 1_000_000);

/// A process whose session broke may have dialled again before we know of that; hardly this often in a row.
const TAKEOVERS_MAX: u32 = 3;

/// After this many times the silence after which a learner is given up, a takeover is forgotten.
const TAKEOVERS_REMEMBERED: u32 = 10;

/// Why a learner is turned away. `Display` is what it is told.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Refusal {
    /// It says no id that could be a member's.
    NoId,
    /// It is no member.
    UnknownId { id: ServerId },
    /// It says that it is we.
    OurId { id: ServerId },
    /// It has another role here.
    Role { id: ServerId, ours: Role, theirs: Role },
    /// After its epoch there is no other.
    EpochTooLarge { accepted: Epoch },
    /// Its ensemble has another name.
    EnsembleName { ours: Arc<str>, theirs: UntrustedText },
    /// Its directory belongs to another ensemble.
    Ensemble { ours: EnsembleId, theirs: EnsembleId },
    /// It has another member list.
    Members(Difference),
    /// Its member list cannot be read.
    UnreadableMembers { error: UntrustedText },
    /// The same member is connected with another directory, and answers.
    OtherDirectory { id: ServerId, connected: Claimant, theirs: Claimant },
    /// The same member is connected with the same directory, and answers; and it is not the same process.
    SameDirectory { id: ServerId, connected: Claimant, theirs: Claimant },
    /// It is a real server, which ours do not lead.
    RealServer { id: ServerId },
}

/// A process that says it is a member.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Claimant {
    /// The directory it runs on.
    pub directory: DirectoryId,
    /// Which start this was on that directory.
    pub incarnation: Incarnation,
    /// Where it comes from, if that is known.
    pub from: Option<SocketAddr>,
}

/// What refusals are counted by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "they are the kinds of `Refusal`")]
pub enum RefusalKind {
    NoId,
    UnknownId,
    OurId,
    Role,
    EpochTooLarge,
    EnsembleName,
    Ensemble,
    Members,
    UnreadableMembers,
    OtherDirectory,
    SameDirectory,
    RealServer,
}

impl Refusal {
    /// What it is counted by.
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::NoId => RefusalKind::NoId,
            Self::UnknownId { .. } => RefusalKind::UnknownId,
            Self::OurId { .. } => RefusalKind::OurId,
            Self::Role { .. } => RefusalKind::Role,
            Self::EpochTooLarge { .. } => RefusalKind::EpochTooLarge,
            Self::EnsembleName { .. } => RefusalKind::EnsembleName,
            Self::Ensemble { .. } => RefusalKind::Ensemble,
            Self::Members(_) => RefusalKind::Members,
            Self::UnreadableMembers { .. } => RefusalKind::UnreadableMembers,
            Self::OtherDirectory { .. } => RefusalKind::OtherDirectory,
            Self::SameDirectory { .. } => RefusalKind::SameDirectory,
            Self::RealServer { .. } => RefusalKind::RealServer,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoId => f.write_str("a learner without an id"),
            Self::UnknownId { id } => write!(f, "{id} is not in the member list here"),
            Self::OurId { id } => {
                write!(f, "{id} is the id of the leader itself: two processes have it")
            }
            Self::Role { id, ours, theirs } => {
                let (ours, theirs) = (ours.phrase(), theirs.phrase());
                write!(f, "{id} is {ours} in the member list here, and says that it is {theirs}")
            }
            Self::EpochTooLarge { accepted } => {
                write!(
                    f,
                    "accepted epoch {accepted} is too near the largest there can be, {EPOCH_MAX}"
                )
            }
            Self::EnsembleName { ours, theirs } => {
                write!(f, "the ensemble is called \"{ours}\" here, and \"{theirs}\" there")
            }
            Self::Ensemble { ours, theirs } => write!(
                f,
                "its data directory belongs to ensemble {theirs}, and this is ensemble {ours}"
            ),
            Self::Members(difference) => write!(f, "its member list differs: {difference}"),
            Self::UnreadableMembers { error } => {
                write!(f, "its member list cannot be read: {error}")
            }
            Self::OtherDirectory { id, connected, theirs } => write!(
                f,
                "{id} is connected{} with data directory {}, and this one{} has {}: two processes have the same id",
                From(connected.from),
                connected.directory,
                From(theirs.from),
                theirs.directory
            ),
            Self::SameDirectory { id, connected, theirs } => write!(
                f,
                "{id} is connected{} with data directory {} at its start {}, and this one{} has the same directory at start \
                 {}: two processes run on one directory, or on copies of it; stop all but one",
                From(connected.from),
                connected.directory,
                connected.incarnation,
                From(theirs.from),
                theirs.incarnation
            ),
            Self::RealServer { id } => {
                write!(f, "{id} is a ZooKeeper server, which ballotbox does not lead")
            }
        }
    }
}

/// Where somebody comes from, if that is known.
struct From(Option<SocketAddr>);

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |from| write!(f, " from {from}"))
    }
}

/// Keeps the door of one member's quorum port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Doorkeeper {
    me: ServerId,
    ensemble: Arc<Ensemble>,
    identity: Arc<Identity>,
    members: Option<Arc<ConfigText>>,
    guests: BTreeMap<SessionId, Guest>,
}

/// A learner that was let in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Guest {
    peer: ServerId,
    claimant: Claimant,
    heard: Moment,
    takeovers: Takeovers,
}

/// How often in a row a session took the place of one of the same process, as it seems, that had answered a moment ago.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
struct Takeovers {
    count: u32,
    /// When the last one was tried.
    last: Moment,
}

impl Takeovers {
    /// The same with one more, now.
    fn one_more(self, silence: Duration, at: Moment) -> Self {
        let is_forgotten = at.since(self.last) > silence * TAKEOVERS_REMEMBERED;
        Self { count: if is_forgotten { 1 } else { self.count.saturating_add(1) }, last: at }
    }
}

impl Doorkeeper {
    pub(super) fn new(me: ServerId, ensemble: Arc<Ensemble>, identity: Arc<Identity>) -> Self {
        let members = ConfigText::parse(&identity.members).ok();
        let members = members.filter(|list| !list.servers.is_empty()).map(Arc::new);
        Self { me, ensemble, identity, members, guests: BTreeMap::new() }
    }

    /// Lets a learner in, and returns its id. A learner of which nothing was heard for as long as `silence` does not answer.
    pub(super) fn admit(
        &mut self,
        session: SessionId,
        info: &Info,
        from: Option<SocketAddr>,
        record: Record,
        silence: Duration,
        at: Moment,
    ) -> Result<ServerId, Refusal> {
        let (id, block) = self.check(info, record)?;
        let (directory, incarnation) = (block.directory, block.incarnation);
        let theirs = Claimant { directory, incarnation, from };
        let silent_since = Moment(at.0.saturating_sub(silence));
        let answers = |guest: &&mut Guest| guest.peer == id && guest.heard > silent_since;
        let mut takeovers = Takeovers::default();
        for guest in self.guests.values_mut().filter(answers) {
            let connected = guest.claimant;
            if connected.directory != directory {
                return Err(Refusal::OtherDirectory { id, connected, theirs });
            }
            if connected.incarnation == incarnation {
                takeovers = guest.takeovers.one_more(silence, at);
                guest.takeovers = takeovers;
            }
            if connected.incarnation > incarnation || takeovers.count > TAKEOVERS_MAX {
                return Err(Refusal::SameDirectory { id, connected, theirs });
            }
        }
        self.guests.insert(session, Guest { peer: id, claimant: theirs, heard: at, takeovers });
        Ok(id)
    }

    fn check<'i>(
        &self,
        info: &'i Info,
        record: Record,
    ) -> Result<(ServerId, &'i LearnerBlock), Refusal> {
        let id = info.id.ok_or(Refusal::NoId)?;
        if id == self.me {
            return Err(Refusal::OurId { id });
        }
        let ours = self.ensemble.role(id).ok_or(Refusal::UnknownId { id })?;
        let block = info.block.as_ref().ok_or(Refusal::RealServer { id })?;
        if info.role != ours {
            return Err(Refusal::Role { id, ours, theirs: info.role });
        }
        // One introduction must not use up all epochs there are.
        let accepted = info.accepted.max(block.epoch_floor);
        if accepted > NEAR_THE_END.max(Epoch(record.accepted.0 + 1)) || accepted >= EPOCH_MAX {
            return Err(Refusal::EpochTooLarge { accepted });
        }
        if block.ensemble_name != self.identity.ensemble_name {
            let theirs = UntrustedText::from(&*block.ensemble_name);
            return Err(Refusal::EnsembleName {
                ours: self.identity.ensemble_name.clone(),
                theirs,
            });
        }
        if let (Some(ours), Some(theirs)) = (record.ensemble, block.ensemble)
            && ours != theirs
            && record.confirmed
            && block.confirmed
        {
            return Err(Refusal::Ensemble { ours, theirs });
        }
        self.compare_members(&block.members)?;
        Ok((id, block))
    }

    fn compare_members(&self, theirs: &str) -> Result<(), Refusal> {
        let Some(ours) = self.members.as_deref().filter(|_| !theirs.is_empty()) else {
            return Ok(());
        };
        if theirs == &*self.identity.members {
            return Ok(());
        }
        let theirs = ConfigText::parse(theirs)
            .map_err(|error| Refusal::UnreadableMembers { error: UntrustedText::new(error) })?;
        ours.difference(&theirs).map_or(Ok(()), |difference| Err(Refusal::Members(difference)))
    }

    /// Something has come from this learner.
    pub(super) fn heard(&mut self, session: SessionId, at: Moment) {
        if let Some(guest) = self.guests.get_mut(&session) {
            guest.heard = at;
        }
    }

    /// Whether this learner was let in, and has not left.
    pub(super) fn serves(&self, session: SessionId) -> bool {
        self.guests.contains_key(&session)
    }

    pub(super) fn left(&mut self, session: SessionId) {
        self.guests.remove(&session);
    }

    /// Those of whom nothing has come since then.
    pub(super) fn silent_since(&self, then: Moment) -> Vec<SessionId> {
        let silent = self.guests.iter().filter(|(_, guest)| guest.heard <= then);
        silent.map(|(session, _)| *session).collect()
    }
}
