//! What is said at the quorum port, and what comes of it, in words.

use std::fmt;

use ballotbox_actors::kit::Rounded;
use ballotbox_core::leadership::{GiveUp, HasEnded, Info, LeaderWord, LearnerWord, Record, Report};

use super::Verb;
use crate::scenario::vote_file::join;

/// The verb for what people and programs are told.
pub(super) const fn verb_of(report: &Report) -> Verb {
    match report {
        Report::Leading { .. } => Verb::Leads,
        Report::Following { .. } => Verb::Follows,
        Report::Retiring { .. } => Verb::Retires,
        Report::Lost { .. } => Verb::Lost,
        Report::HandedOver { .. } => Verb::HandsOver,
        Report::Waiting { .. } => Verb::Waits,
        Report::BegunByAll { .. } => Verb::Founds,
        Report::WithoutLease { .. } => Verb::Lacks,
        Report::Bound { .. } => Verb::Awaits,
        Report::TurnedAway { .. } | Report::BesideRealServer { .. } => Verb::TurnsAway,
        Report::GaveUp { .. } | Report::NotEstablished { .. } => Verb::GivesUp,
        Report::Recorded => Verb::Recorded,
    }
}

/// What a leader says.
pub(super) struct Told<'a>(pub(super) &'a LeaderWord);

/// What a learner says.
pub(super) struct Answered<'a>(pub(super) &'a LearnerWord);

/// What a disk keeps.
pub(super) struct Kept(pub(super) Record);

/// What people and programs are told, without the word that says which kind it is.
pub(super) struct Reported<'a>(pub(super) &'a Report);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LeaderWord::Info { epoch, .. } => write!(f, "LEADERINFO epoch {epoch}"),
            LeaderWord::Sync { zxid } => write!(f, "DIFF {zxid}"),
            LeaderWord::NewLeader { epoch, founding: false } => {
                write!(f, "NEWLEADER epoch {epoch}")
            }
            LeaderWord::NewLeader { epoch, founding: true } => {
                write!(f, "NEWLEADER epoch {epoch}, founding")
            }
            LeaderWord::UpToDate => f.write_str("UPTODATE"),
            LeaderWord::Ping { .. } => f.write_str("PING"),
            LeaderWord::Recorded { epoch } => write!(f, "RECORDED epoch {epoch}"),
            LeaderWord::Waiting { missing, .. } => {
                write!(f, "WAITING for {}", join(missing.iter()))
            }
            LeaderWord::Released { epoch, nomination: None } => {
                write!(f, "RELEASED epoch {epoch}")
            }
            LeaderWord::Released { epoch, nomination: Some(nomination) } => {
                write!(f, "RELEASED epoch {epoch}; {nomination}")
            }
            LeaderWord::HasEnded(HasEnded { holder, epoch }) => {
                write!(f, "ENDED epoch {epoch} of {}", holder.leader)
            }
            LeaderWord::Refused { reason } => write!(f, "REFUSED: {reason}"),
            LeaderWord::Other => f.write_str("something"),
        }
    }
}

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LearnerWord::Info(Info { accepted, .. }) => write!(f, "INFO accepted {accepted}"),
            LearnerWord::AckEpoch { current: Some(current), .. } => {
                write!(f, "ACKEPOCH current {current}")
            }
            LearnerWord::AckEpoch { current: None, .. } => {
                f.write_str("ACKEPOCH, not to be counted")
            }
            LearnerWord::Ack { epoch } => write!(f, "ACK epoch {epoch}"),
            LearnerWord::Pong { .. } => f.write_str("PING"),
            LearnerWord::HasEnded { epoch } => write!(f, "ENDED epoch {epoch}"),
            LearnerWord::Other => f.write_str("something"),
        }
    }
}

/// Why nothing has come of an election.
struct Why<'a>(&'a GiveUp);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            GiveUp::Overtaken { epoch } => {
                write!(f, "others have accepted a newer epoch than {epoch}")
            }
            GiveUp::NoEpochLeft => f.write_str("there is no larger epoch"),
            GiveUp::Disk => f.write_str("its record could not be written"),
            GiveUp::OldLeader { epoch, ours } => {
                write!(f, "it proposes epoch {epoch}, and this is epoch {ours}")
            }
            GiveUp::OtherEnsemble { theirs, ours } => {
                write!(f, "it belongs to ensemble {theirs}, and this one to {ours}")
            }
            GiveUp::RealLeader => f.write_str("it is a ZooKeeper server"),
            GiveUp::Refused { reason } => write!(f, "it has refused: {reason}"),
            GiveUp::Misfit => f.write_str("it has said what does not fit"),
            GiveUp::Released { epoch, .. } => write!(f, "it has given epoch {epoch} up"),
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { accepted, current, .. } = self.0;
        if accepted == current {
            write!(f, "epoch {current}")
        } else {
            write!(f, "epoch {current}, accepted {accepted}")
        }
    }
}

impl fmt::Display for Reported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Report::Leading { epoch } => write!(f, "epoch {epoch}"),
            Report::WithoutLease { epoch, missing } => {
                write!(f, "promises of {} for epoch {epoch}", join(missing.iter()))
            }
            Report::Bound { peer, to: Some(to), rest } => {
                write!(f, "{peer}, bound to {to} for {}", Rounded(*rest))
            }
            Report::Bound { peer, to: None, rest } => {
                write!(f, "{peer}, bound for {}", Rounded(*rest))
            }
            Report::Following { leader, epoch, counts } => {
                let counts = if *counts { "" } else { ", and does not count" };
                write!(f, "{leader} in epoch {epoch}{counts}")
            }
            Report::Retiring { epoch, cause } | Report::Lost { epoch, cause } => {
                write!(f, "epoch {epoch}: {cause}")
            }
            Report::HandedOver { epoch, to } => write!(f, "to {to}: epoch {epoch} has ended"),
            Report::Waiting { missing, .. } => write!(f, "for {}", join(missing.iter())),
            Report::BegunByAll { epoch, amnesiacs } => {
                write!(f, "epoch {epoch} with {}", join(amnesiacs.iter()))
            }
            Report::TurnedAway { peer: Some(peer), refusal, .. } => write!(f, "{peer}: {refusal}"),
            Report::TurnedAway { peer: None, refusal, .. } => refusal.fmt(f),
            Report::GaveUp { leader, why } => write!(f, "{leader}: {}", Why(why)),
            Report::NotEstablished { leader } => write!(f, "{leader}: not in time"),
            Report::BesideRealServer { peer } => peer.fmt(f),
            Report::Recorded => Ok(()),
        }
    }
}
