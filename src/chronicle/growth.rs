//! How a [`Change`] grows, of what the cores say.

use std::time::{Duration, SystemTime};

use ballotbox_actors::kit::clock;
use ballotbox_core::{
    ServerId,
    election::{self, Grounds, PeerState, Round, Weighed},
    leadership::{self, GiveUp, LostBecause, WordGiven},
};

use super::{
    Absence, By, Cause, Change, HeldUp, MEMBERS_MAX, NotCounted, NotWaitedFor, Proposal, Stage,
    Step, VOTES_MAX, VoteFor, VoteHeard, VoteResult, VoterState, WhyReport, WordFault,
};
use crate::Epoch;

/// At most this many steps of a change.
const STEPS_MAX: usize = 16;

impl WhyReport {
    /// Says when the changes were, by a machine at which it was so late when the member was started.
    pub(crate) fn set_times(&mut self, started: Option<SystemTime>) {
        for change in &mut self.changes {
            let time = started.and_then(|started| started.checked_add(change.at));
            change.time = time.map(clock::rfc3339);
        }
    }

    /// Counts all times from a moment that was so long before the member was started, and from no clock of a machine.
    pub(crate) fn count_from(&mut self, earlier: Duration) {
        for change in &mut self.changes {
            (change.time, change.at) = (None, change.at + earlier);
            change.votes.iter_mut().for_each(|vote| vote.at += earlier);
            change.steps.iter_mut().for_each(|step| step.at += earlier);
        }
    }
}

impl Change {
    pub(super) fn add_vote(&mut self, vote: VoteHeard) {
        if self.votes.len() < VOTES_MAX {
            self.votes.push(vote);
        } else {
            self.votes_left_out += 1;
        }
    }

    /// Notes when this was done, the last time if it was done again.
    pub(super) fn step(&mut self, what: Stage, at: Duration) {
        self.steps.retain(|step| step.what != what);
        if self.steps.len() < STEPS_MAX {
            let place = self.steps.partition_point(|step| step.at <= at);
            self.steps.insert(place, Step { what, at });
        }
    }

    pub(super) fn set_not_waited_for(&mut self, mut absent: Vec<NotWaitedFor>) {
        self.members_left_out += beyond_max(absent.len());
        absent.truncate(MEMBERS_MAX);
        self.not_waited_for = absent;
    }

    pub(super) fn set_words(&mut self, words: &[WordGiven]) {
        let Some(proposal) = &mut self.epoch else { return };
        let counted = words.iter().filter(|word| word.not_counted.is_none());
        let not_counted = words.iter().filter_map(|word| Some((word.peer, word.not_counted?)));
        proposal.counted = counted.map(|word| word.peer.number()).collect();
        proposal.not_counted = not_counted.map(NotCounted::from).collect();
        proposal.counted.sort_unstable();
        proposal.not_counted.sort_unstable_by_key(|one| one.id);
        self.members_left_out += beyond_max(proposal.counted.len());
        self.members_left_out += beyond_max(proposal.not_counted.len());
        proposal.counted.truncate(MEMBERS_MAX);
        proposal.not_counted.truncate(MEMBERS_MAX);
    }

    pub(super) fn add_held_up(&mut self, held_up: HeldUp) {
        self.held_up_by.retain(|one| (one.id, one.why) != (held_up.id, held_up.why));
        if self.held_up_by.len() < MEMBERS_MAX {
            self.held_up_by.push(held_up);
        } else {
            self.members_left_out += 1;
        }
    }

    /// The election has come to nothing, and the next one begins. Where the leadership has not said why, the election knows.
    pub(super) fn begin_again(&mut self, cause: Option<Cause>, is_given_up: bool) {
        let before = std::mem::take(self);
        let left = || Some(format!("{} was elected, and then left: {}", before.elected?, cause?));
        let said = before.came_to_nothing.clone().filter(|_| is_given_up);
        let is_kept = |step: &Step| matches!(step.what, Stage::Retiring | Stage::Lost);
        *self = Self {
            number: before.number,
            at: before.at,
            time: before.time,
            ended: before.ended,
            fruitless: before.fruitless + 1,
            came_to_nothing: said.or_else(left),
            steps: before.steps.into_iter().filter(is_kept).collect(),
            ..Self::default()
        };
    }
}

/// How many are left out of a list of this length.
fn beyond_max(count: usize) -> u64 {
    count.saturating_sub(MEMBERS_MAX) as u64
}

/// Why nothing has come of the election of this leader.
pub(super) fn given_up(leader: ServerId, why: &GiveUp) -> String {
    match why {
        GiveUp::Overtaken { epoch } => {
            format!("others had promised to epoch {epoch} or a newer one before {leader} asked")
        }
        GiveUp::NoEpochLeft => "there is no larger epoch".to_owned(),
        GiveUp::Disk => format!("{leader} could not write its epoch"),
        GiveUp::OldLeader { epoch, ours } => {
            format!("{leader} proposed epoch {epoch}, and epoch {ours} was followed already")
        }
        GiveUp::OtherEnsemble { theirs, ours } => {
            format!("ensemble {theirs} was met, and ours is {ours}")
        }
        GiveUp::RealLeader => format!("{leader} is a ZooKeeper server"),
        GiveUp::Refused { reason } => format!("{leader} does not let this member in: {reason}"),
        GiveUp::Misfit => format!("{leader} said what does not fit"),
        GiveUp::Released { epoch, .. } => format!("{leader} has given epoch {epoch} up"),
    }
}

impl VoteFor {
    pub(super) const fn of(vote: &election::Vote) -> Self {
        Self { leader: vote.leader.number(), epoch: vote.epoch.0, zxid: vote.zxid.0 }
    }
}

impl VoteHeard {
    pub(super) fn own(at: Duration, me: ServerId, vote: &election::Vote, round: Round) -> Self {
        Self {
            at,
            from: me.number(),
            state: VoterState::Looking,
            vote: Some(VoteFor::of(vote)),
            round: round.0,
            newer_round: false,
            result: VoteResult::Own,
            against: None,
        }
    }

    pub(super) fn of(at: Duration, from: ServerId, weighed: &Weighed) -> Self {
        Self {
            at,
            from: from.number(),
            state: match weighed.state {
                PeerState::Looking => VoterState::Looking,
                PeerState::Following | PeerState::Observing => VoterState::Following,
                PeerState::Leading => VoterState::Leading,
            },
            vote: weighed.vote.as_ref().map(VoteFor::of),
            round: weighed.round.0,
            newer_round: weighed.newer_round,
            result: weighed.verdict.into(),
            against: weighed.ours.as_ref().map(VoteFor::of),
        }
    }
}

impl From<election::Verdict> for VoteResult {
    fn from(verdict: election::Verdict) -> Self {
        match verdict {
            election::Verdict::Beats => Self::Beats,
            election::Verdict::Equals => Self::Equals,
            election::Verdict::Loses => Self::Loses,
            election::Verdict::OlderRound => Self::OlderRound,
            election::Verdict::Settled => Self::Settled,
            election::Verdict::ForNobody => Self::ForNobody,
            election::Verdict::NotCounted => Self::NotCounted,
        }
    }
}

impl From<Grounds> for By {
    fn from(grounds: Grounds) -> Self {
        match grounds {
            Grounds::Votes => Self::Election,
            Grounds::Followers => Self::Joining,
            Grounds::Nomination => Self::Nomination,
        }
    }
}

impl From<LostBecause> for Cause {
    fn from(cause: LostBecause) -> Self {
        match cause {
            LostBecause::Resigned => Self::Resigned,
            LostBecause::Unhealthy => Self::Unhealthy,
            LostBecause::QuorumLost => Self::QuorumLost,
            LostBecause::LeaseEnded => Self::LeaseEnded,
            LostBecause::Disk => Self::Disk,
            LostBecause::Superseded => Self::Superseded,
            LostBecause::Stopped => Self::Stopped,
            LostBecause::LeaderLost => Self::LeaderLost,
            LostBecause::Silence => Self::Silence,
        }
    }
}

impl From<(ServerId, election::NotWaitedFor)> for NotWaitedFor {
    fn from((id, why): (ServerId, election::NotWaitedFor)) -> Self {
        let (why, votes_for) = match why {
            election::NotWaitedFor::OutOfReach => (Absence::OutOfReach, None),
            election::NotWaitedFor::LinkLost => (Absence::LinkLost, None),
            election::NotWaitedFor::Silent => (Absence::Silent, None),
            election::NotWaitedFor::NeverHeard => (Absence::NeverHeard, None),
            election::NotWaitedFor::VotesFor(other) => {
                (Absence::VotesForAnother, Some(other.number()))
            }
        };
        Self { id: id.number(), why, votes_for }
    }
}

impl From<(ServerId, leadership::NotCounted)> for NotCounted {
    fn from((id, why): (ServerId, leadership::NotCounted)) -> Self {
        let (why, to, rest) = match why {
            leadership::NotCounted::Observer => (WordFault::Observer, None, None),
            leadership::NotCounted::WeightZero => (WordFault::WeightZero, None, None),
            leadership::NotCounted::PromisedBefore => (WordFault::PromisedBefore, None, None),
            leadership::NotCounted::Amnesiac => (WordFault::Amnesiac, None, None),
            leadership::NotCounted::NotNoted => (WordFault::NotNoted, None, None),
            leadership::NotCounted::Bound { to, rest } => (WordFault::Bound, to, Some(rest)),
            leadership::NotCounted::Withheld => (WordFault::Withheld, None, None),
            leadership::NotCounted::NotOnDisk => (WordFault::NotOnDisk, None, None),
        };
        Self { id: id.number(), why, to: to.map(ServerId::number), rest }
    }
}

impl Proposal {
    pub(super) const fn new(by: ServerId, epoch: Epoch) -> Self {
        Self {
            proposed_by: by.number(),
            value: epoch.0,
            counted: Vec::new(),
            not_counted: Vec::new(),
        }
    }
}
