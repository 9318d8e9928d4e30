//! Everything the [`Election`](super::Election) can hear of, and everything it can ask for: the whole interface of the
//! core on one screen.

use std::time::Duration;

use crate::ServerId;

use super::{Epoch, History, Notification, Round, Vote};

/// What happened.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Event {
    /// Look for a leader, from now on and whenever the present one is lost, standing on this history.
    Begin {
        /// What we stand on.
        history: History,
    },
    /// A peer said something. The sender is the id of the link, which the network vouches for.
    Heard { from: ServerId, notification: Notification },
    /// There is a new link to this peer: whatever was said before may be lost. The peer counts as being there only once it is
    /// heard.
    LinkUp { peer: ServerId },
    /// The link to this peer is lost.
    LinkDown { peer: ServerId },
    /// Something speaks against the link to this peer. If it is not heard soon, the link will be given up.
    Doubted { peer: ServerId },
    /// An attempt to reach this peer failed: it was refused, or nothing answered. Until it is heard it counts as away.
    Unreachable { peer: ServerId },
    /// A timer that was set has run out. One that was cleared meanwhile is ignored.
    TimerFired(Timer),
    /// What followed the decision for this leader in this round is a leadership: a quorum keeps its epoch. From now on its
    /// heartbeats show whether it lasts. Ignored unless that decision still stands.
    Established {
        leader: ServerId,
        round: Round,
        /// Which epoch it is.
        epoch: Epoch,
    },
    /// What followed the decision for this leader in this round is over, or came to nothing: look again. Ignored unless that
    /// decision still stands.
    LookAgain { leader: ServerId, round: Round },
    /// What followed the decision for this leader in this round is over, and it has said whom to elect next: settle on this vote, in
    /// that round. Ignored unless that decision still stands. It is a hint, as all elections are.
    Nominated {
        leader: ServerId,
        round: Round,
        /// For its successor.
        vote: Vote,
        /// The round after its own.
        next: Round,
    },
    /// We have this epoch on disk as the last that we took part in: our votes for ourselves carry it.
    EpochStored(Epoch),
    /// Do not propose ourselves any more: vote for the best of the others.
    Withdraw,
    /// Propose ourselves again.
    Stand,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Action {
    /// Say this to a peer.
    Say { to: ServerId, notification: Notification },
    /// Ask a peer for a sign of life, beside what is said to it.
    Ask {
        to: ServerId,
        /// The [question](Notification::is_question).
        question: Notification,
    },
    /// Arm a timer; arming it again replaces it.
    SetTimer {
        timer: Timer,
        /// How long from now.
        after: Duration,
    },
    /// Disarm a timer.
    ClearTimer(Timer),
    /// Try all voters without a link again, now.
    Reconnect,
    /// An election has begun, has moved on to a newer round, or goes on in its round, having ended too early.
    Looking {
        /// Its round.
        round: Round,
    },
    /// The election has ended.
    Decided(Decision),
}

/// The timers of an election.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Timer {
    /// Servers that were started together with us have had time to be there, too.
    Startup,
    /// In silence: say the vote again.
    Resend,
    /// With a quorum: no better vote has come.
    Settle,
    /// The leader, or as leader the quorum, has been out of reach too long.
    Grace,
    /// As observer: ask the leader whether it leads.
    Confirm,
}

/// How an election ended, for one server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Decision {
    /// What this server is from now on.
    pub standing: Standing,
    /// The vote that won; its leader is the elected one.
    pub vote: Vote,
    /// The round in which it won.
    pub round: Round,
}

impl Decision {
    /// Whether this is the decision for that leader in that round. Its vote may since have taken on the epoch of the leadership.
    pub fn is_for(&self, leader: ServerId, round: Round) -> bool {
        self.vote.leader == leader && self.round == round
    }
}

/// What an election makes of a server. An election result is a candidacy, not yet leadership.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Standing {
    /// It was elected.
    Leading,
    /// It follows the elected one.
    Following,
    /// It has no vote, and watches the elected one.
    Observing,
}

impl Standing {
    /// What the server `me` is under this leader, which may be itself.
    pub fn under(leader: ServerId, me: ServerId, is_voter: bool) -> Self {
        if leader == me {
            Self::Leading
        } else if is_voter {
            Self::Following
        } else {
            Self::Observing
        }
    }

    /// The standing in one word, as in JSON output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Leading => "leading",
            Self::Following => "following",
            Self::Observing => "observing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs go by the words: README lists them.
    #[test]
    fn each_standing_has_a_word() {
        let standings = [Standing::Leading, Standing::Following, Standing::Observing];
        assert_eq!(standings.map(Standing::word), ["leading", "following", "observing"]);
    }
}
