//! Everything that [`Leadership`](super::Leadership) can hear of, and everything that it can ask for.

use std::{collections::BTreeSet, fmt, net::SocketAddr, time::Duration};

use crate::{
    ServerId,
    election::{Epoch, Round},
};

use super::{
    GiveUp, Info, LeaderWord, LearnerWord, Moment, Nomination, Promise, Reading, Record, Refusal,
    SessionId, Successor, Ticket,
};

/// What has happened, and when it was looked at.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Timed {
    /// When.
    pub at: Moment,
    /// What the clocks showed by which leases go.
    pub reading: Reading,
    /// What.
    pub event: Event,
}

/// What has happened.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Event {
    /// The election has ended in this round.
    Elected { leader: ServerId, round: Round },
    /// The election goes on.
    Unelected,
    /// A connection has begun with this introduction.
    Arrived {
        session: SessionId,
        info: Info,
        /// Where it comes from, if that is known.
        from: Option<SocketAddr>,
    },
    /// A learner has said something else.
    LearnerSaid { session: SessionId, word: LearnerWord },
    /// The leader has said something.
    LeaderSaid { session: SessionId, word: LeaderWord },
    /// Bytes have come that are no whole word yet.
    Alive { session: SessionId },
    /// The leader was not reached.
    DialFailed {
        session: SessionId,
        /// Nobody listens there: its process is gone.
        refused: bool,
    },
    /// A session is over.
    Ended { session: SessionId },
    /// A record is on disk.
    Stored { ticket: Ticket },
    /// A record could not be written. That may be different the next time.
    StoreFailed { ticket: Ticket },
    /// A promise is where it outlives this process, though perhaps not the machine.
    Promised { ticket: Ticket },
    /// A promise could not be written. That may be different the next time.
    PromiseFailed { ticket: Ticket },
    /// Work has begun that goes on only while we lead, or has ended.
    WorkGoesOn(bool),
    /// Ask for a sign of life now: somebody wants to know whether a quorum still supports us.
    Confirm,
    /// We are to give our epoch up, as soon as the work has ended, and within this time in any case. Ignored if
    /// [that cannot be](super::Leadership::cannot_resign).
    Resign { to: Successor, within: Duration },
    /// What we do while we lead is not well, or the disk under it: we are to give our epoch up, as by a [`Resign`](Self::Resign) in favour of any member that can.
    Unhealthy { within: Duration },
    /// Whether the application would lead from now on; at first it would. As long as it would not, we vote, follow and promise like any other, and do not
    /// lead: we begin no epoch, and give ours up as soon as no work of it goes on.
    Willing(bool),
    /// We are to end in good order, within this time.
    Stop { within: Duration },
    /// It is [time](super::Leadership::next_deadline) to look at the clock.
    Tick,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Action {
    /// Dial the leader, and introduce us.
    Dial { session: SessionId, leader: ServerId, info: Info },
    /// Say this to a learner.
    Tell { session: SessionId, word: LeaderWord },
    /// Say this to the leader.
    Say { session: SessionId, word: LearnerWord },
    /// End a session, once what was said on it is written.
    Close { session: SessionId },
    /// Put this on disk.
    Store { ticket: Ticket, record: Record },
    /// Put this where it outlives this process. Its tickets have nothing to do with those of records. What was promised before is of no use any
    /// more.
    Promise { ticket: Ticket, promise: Promise<Reading> },
    /// To the election: what was decided in this round is established.
    Established { leader: ServerId, round: Round, epoch: Epoch },
    /// To the election: what was decided in this round is over.
    LookAgain {
        leader: ServerId,
        round: Round,
        /// The leader is out of reach: its process is gone, or it was silent for too long.
        gone: bool,
    },
    /// To the election: what was decided in this round is over, and this is to be decided next, without a vote.
    Nominated { leader: ServerId, round: Round, nomination: Nomination },
    /// To the election: this is the newest epoch that our disk knows.
    EpochStored(Epoch),
    /// To the election: whether we stand for it.
    Stand(bool),
    /// Tell whom it concerns.
    Report(Report),
    /// We have ended in good order.
    Stopped,
}

/// What people and programs are told.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Report {
    /// We lead.
    Leading { epoch: Epoch },
    /// We follow an established leader.
    Following {
        leader: ServerId,
        epoch: Epoch,
        /// Whether our word counts there.
        counts: bool,
    },
    /// We have begun to give our epoch up: the work has to end. With a lease nobody else leads before it has, or the lease is over.
    Retiring { epoch: Epoch, cause: LostBecause },
    /// Our epoch is over, and this member is to lead next.
    HandedOver { epoch: Epoch, to: ServerId },
    /// We lead or follow no more. Said once for each [`Leading`](Self::Leading) and each [`Following`](Self::Following).
    Lost { epoch: Epoch, cause: LostBecause },
    /// A new ensemble begins when these voters were seen once.
    Waiting { leader: ServerId, missing: BTreeSet<ServerId> },
    /// All voters have begun this epoch of ours, and these, a quorum, came without memory while others had followed a leader
    /// before: they are new, or their disks were lost.
    BegunByAll { epoch: Epoch, amnesiacs: BTreeSet<ServerId> },
    /// Our epoch has begun, and we do not lead in it yet, as these voters do not promise what a lease needs.
    WithoutLease { epoch: Epoch, missing: BTreeSet<ServerId> },
    /// This voter gives us its word only when its promise to the last leader is over.
    Bound {
        peer: ServerId,
        /// Who that is, if it is known any more.
        to: Option<ServerId>,
        rest: Duration,
    },
    /// A learner was turned away.
    TurnedAway {
        /// Who it says that it is.
        peer: Option<ServerId>,
        from: Option<SocketAddr>,
        refusal: Refusal,
    },
    /// Nothing has come of the election of this leader.
    GaveUp { leader: ServerId, why: GiveUp },
    /// It was not established in time.
    NotEstablished { leader: ServerId },
    /// This member is a real server: until a review finds none, we do not stand for election, and our voters stay off the quorum
    /// port.
    BesideRealServer { peer: ServerId },
    /// Our directory is recorded from now on.
    Recorded,
}

/// Why a leadership is over, for its leader or for a follower.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LostBecause {
    /// As leader: it has resigned.
    Resigned,
    /// As leader: its work was not well.
    Unhealthy,
    /// As leader: no quorum has answered for too long.
    QuorumLost,
    /// As leader: too few voters have renewed the lease.
    LeaseEnded,
    /// As leader: our own promise could not be written, and so the lease was not renewed.
    Disk,
    /// Another leader, or another epoch, has taken its place.
    Superseded,
    /// The member was stopped.
    Stopped,
    /// As follower: the leader has given its epoch up, or its process is gone.
    LeaderLost,
    /// As follower: nothing was heard of the leader for too long.
    Silence,
}

impl LostBecause {
    /// Why a leader may lead no more.
    pub const OF_LEADERS: [Self; 7] = [
        Self::Resigned,
        Self::Unhealthy,
        Self::QuorumLost,
        Self::LeaseEnded,
        Self::Disk,
        Self::Superseded,
        Self::Stopped,
    ];

    /// The word for it, in output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Resigned => "resigned",
            Self::Unhealthy => "unhealthy",
            Self::QuorumLost => "quorum-lost",
            Self::LeaseEnded => "lease-ended",
            Self::Disk => "disk",
            Self::Superseded => "superseded",
            Self::Stopped => "stopped",
            Self::LeaderLost => "leader-lost",
            Self::Silence => "silence",
        }
    }
}

impl fmt::Display for LostBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resigned => "it has resigned",
            Self::Unhealthy => "its work was not well",
            Self::QuorumLost => "no quorum has answered",
            Self::LeaseEnded => "its lease was not renewed",
            Self::Disk => "its disk takes no promise, so its lease was not renewed",
            Self::Superseded => "another leader or epoch has taken its place",
            Self::Stopped => "it was stopped",
            Self::LeaderLost => "the leader is gone",
            Self::Silence => "nothing was heard of the leader",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs go by the words: README lists them.
    #[test]
    fn each_cause_has_a_word_for_programs_and_a_sentence_for_people() {
        let told = [
            (LostBecause::Resigned, "resigned", "it has resigned"),
            (LostBecause::Unhealthy, "unhealthy", "its work was not well"),
            (LostBecause::QuorumLost, "quorum-lost", "no quorum has answered"),
            (LostBecause::LeaseEnded, "lease-ended", "its lease was not renewed"),
            (LostBecause::Disk, "disk", "its disk takes no promise, so its lease was not renewed"),
            (LostBecause::Superseded, "superseded", "another leader or epoch has taken its place"),
            (LostBecause::Stopped, "stopped", "it was stopped"),
            (LostBecause::LeaderLost, "leader-lost", "the leader is gone"),
            (LostBecause::Silence, "silence", "nothing was heard of the leader"),
        ];
        for (cause, word, sentence) in told {
            assert_eq!((cause.word(), cause.to_string().as_str()), (word, sentence));
        }
    }
}
