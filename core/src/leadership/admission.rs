//! [`Doorkeeper`]: which learners are served.
//!
//! A learner says who it is. It is not believed if it is no member, or belongs to another ensemble, and of two processes
//! that say they are the same member the one is believed that was there first, as long as it answers.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{DirectoryId, EPOCH_MAX, EnsembleId, Identity, Info, Moment, Record, SessionId};
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
    OtherDirectory { id: ServerId, connected: DirectoryId, theirs: DirectoryId },
    /// It is a real server, which ours do not lead.
    RealServer { id: ServerId },
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
                "{id} is connected with data directory {connected}, and this one has {theirs}: two processes have the same id"
            ),
            Self::RealServer { id } => {
                write!(f, "{id} is a ZooKeeper server, which ballotbox does not lead")
            }
        }
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
    directory: DirectoryId,
    heard: Moment,
}

impl Doorkeeper {
    pub(super) fn new(me: ServerId, ensemble: Arc<Ensemble>, identity: Arc<Identity>) -> Self {
        let members = ConfigText::parse(&identity.members).ok();
        let members = members.filter(|list| !list.servers.is_empty()).map(Arc::new);
        Self { me, ensemble, identity, members, guests: BTreeMap::new() }
    }

    /// Lets a learner in, and returns its id.
    pub(super) fn admit(
        &mut self,
        session: SessionId,
        info: &Info,
        record: Record,
        silent_since: Moment,
        at: Moment,
    ) -> Result<ServerId, Refusal> {
        let (peer, directory) = self.check(info, record)?;
        let rival = self.guests.values().find(|guest| {
            guest.peer == peer && guest.directory != directory && guest.heard > silent_since
        });
        if let Some(rival) = rival {
            let connected = rival.directory;
            return Err(Refusal::OtherDirectory { id: peer, connected, theirs: directory });
        }
        self.guests.insert(session, Guest { peer, directory, heard: at });
        Ok(peer)
    }

    fn check(&self, info: &Info, record: Record) -> Result<(ServerId, DirectoryId), Refusal> {
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
        Ok((id, block.directory))
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

    pub(super) fn left(&mut self, session: SessionId) {
        self.guests.remove(&session);
    }

    /// Those of whom nothing has come since then.
    pub(super) fn silent_since(&self, then: Moment) -> Vec<SessionId> {
        let silent = self.guests.iter().filter(|(_, guest)| guest.heard <= then);
        silent.map(|(session, _)| *session).collect()
    }
}
