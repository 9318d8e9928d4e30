//! [`LearnerWord`] and [`LeaderWord`]: what learners and a leader say to each other at the quorum port.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{DirectoryId, EnsembleId, HasEnded, Incarnation, LeaseTerms, Nomination};
use crate::{
    ServerId, UntrustedText,
    election::{Epoch, Zxid},
    membership::Role,
};

/// One connection between a learner and a leader. No two of one life have the same.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SessionId {
    /// A learner has dialled us.
    Accepted(u64),
    /// We have dialled a leader.
    Dialled(u64),
}

/// What a learner says.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum LearnerWord {
    /// Who it is (FOLLOWERINFO or OBSERVERINFO).
    Info(Info),
    /// It has taken note of the epoch (ACKEPOCH).
    AckEpoch {
        /// Its current epoch; `None` when it had accepted this epoch or a newer one before, and is not to be counted.
        current: Option<Epoch>,
        /// The last change in its history.
        zxid: Zxid,
        /// What it has promised to another leader, and will not break. Said only between ours.
        bond: Option<Bond>,
    },
    /// It has the leader's history and epoch on disk (ACK of NEWLEADER), or has taken note of UPTODATE.
    Ack {
        /// The epoch.
        epoch: Epoch,
    },
    /// The answer to a PING, or a sign of life.
    Pong {
        /// The number of the ping, which only a learner of ours repeats.
        number: Option<u64>,
        /// Whether it has promised the leader to help nobody else for a while.
        promises: bool,
        /// Whether it stands for election, and so may come after the leader.
        stands: bool,
    },
    /// Its own epochs up to this one have ended: nobody need wait for it. Said only between ours.
    HasEnded {
        /// The newest of them.
        epoch: Epoch,
    },
    /// Anything else: a sign of life.
    Other,
}

/// To whom a voter is bound that takes note of the epoch of another one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Bond {
    /// The leader; `None` if the voter does not know any more.
    pub to: Option<ServerId>,
    /// The epoch for which it has promised.
    pub epoch: Epoch,
    /// For how long it is still bound, by its own clock.
    pub rest: Duration,
}

/// How a learner introduces itself.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Info {
    /// Its id, as it says.
    pub id: Option<ServerId>,
    /// Its role, as it says.
    pub role: Role,
    /// Its accepted epoch.
    pub accepted: Epoch,
    /// What only members of ours add.
    pub block: Option<LearnerBlock>,
}

/// What a learner of ours adds to its `LearnerInfo`. A real leader reads past it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LearnerBlock {
    /// The directory it runs on.
    pub directory: DirectoryId,
    /// How often it was started there.
    pub incarnation: Incarnation,
    /// Whether that directory is recorded: it is no amnesiac.
    pub recorded: bool,
    /// Whether its operator says that the directory has no past (`--new-ensemble`).
    pub new_ensemble: bool,
    /// The epoch above which a new ensemble is to begin (`--epoch-floor`); 0 for none.
    pub epoch_floor: Epoch,
    /// The newest epoch whose leader it has acknowledged.
    pub current: Epoch,
    /// The ensemble it belongs to, if it has acknowledged a leader of one.
    pub ensemble: Option<EnsembleId>,
    /// Whether an epoch of that ensemble has begun.
    pub confirmed: bool,
    /// The name of its ensemble (`"ensemble"` of a vote file); empty for none.
    pub ensemble_name: Arc<str>,
    /// Its member list.
    pub members: Arc<str>,
    /// The newest of its own epochs that has ended: no lease of it is held there, and no work of it goes on.
    pub ended: Epoch,
}

/// What a leader says.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum LeaderWord {
    /// The epoch it proposes (LEADERINFO).
    Info {
        /// The epoch.
        epoch: Epoch,
        /// What only a leader of ours adds, and only to a learner of ours.
        block: Option<LeaderBlock>,
    },
    /// Up to where its history goes (DIFF, TRUNC or SNAP, whose stream was read to its end).
    Sync {
        /// The last change in it.
        zxid: Zxid,
    },
    /// The learner has the whole history now (NEWLEADER).
    NewLeader {
        /// The epoch.
        epoch: Epoch,
        /// Every voter gives its word in this epoch, so an amnesiac counts and is recorded with it. Said only between ours.
        founding: bool,
    },
    /// The epoch has begun (UPTODATE).
    UpToDate,
    /// A sign of life, to be answered (PING).
    Ping {
        /// The leader's epoch.
        epoch: Epoch,
        /// Which ping it is. Said only between ours.
        number: Option<u64>,
    },
    /// A quorum remembers no newer epoch than this one: the learner is an amnesiac no more. Said only between ours.
    Recorded {
        /// The epoch.
        epoch: Epoch,
    },
    /// A new ensemble waits for these voters, which have to be seen once. To be answered as a ping. Said only between ours.
    Waiting {
        /// Which ping it is.
        number: u64,
        /// Who is missing.
        missing: BTreeSet<ServerId>,
    },
    /// The epochs of a member have ended. Who is bound to it for one of them is free. Said only between ours.
    HasEnded(HasEnded),
    /// The leader gives this epoch up: nobody need wait for it. Said only between ours.
    Released {
        /// The epoch.
        epoch: Epoch,
        /// Who is to lead next.
        nomination: Option<Nomination>,
    },
    /// The learner is turned away. Said only between ours.
    Refused {
        /// Why, in words for people.
        reason: UntrustedText,
    },
    /// Anything else, such as a proposal or a commit of a real leader: a sign of life.
    Other,
}

/// What a leader of ours adds to LEADERINFO.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LeaderBlock {
    /// The directory it runs on.
    pub directory: DirectoryId,
    /// How often it was started there.
    pub incarnation: Incarnation,
    /// The ensemble it leads.
    pub ensemble: EnsembleId,
    /// The newest of its own epochs that has ended.
    pub ended: Epoch,
    /// The lease that it asks its voters for; `None` for none.
    pub lease: Option<LeaseTerms>,
}
