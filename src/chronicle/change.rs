//! [`Change`]: how one leader came after another, as a value: for the words that are made of it, and as JSON.

use std::{fmt, time::Duration};

use ballotbox_core::leadership::LostBecause;
use serde::{Deserialize, Serialize};

use super::form::{millis, some_millis, text_if_any, zxid};
/// What one member knows of the last changes, as `ballotbox why --json` prints it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct WhyReport {
    /// The member that tells this.
    pub id: u64,
    /// The last changes, the oldest first.
    pub changes: Vec<Change>,
}

/// From the end of one leader, as far as one member knew, to the beginning of the next one. What is not known, or not there yet,
/// is null.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Change {
    /// Which one it is since the member was started, from 1 on.
    pub number: u64,
    /// When it began, in milliseconds since the member was started, as all times in it.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Duration,
    /// The same by the clock of the machine; null in virtual time.
    #[serde(default, deserialize_with = "text_if_any")]
    pub time: Option<String>,
    /// What has ended with it; null if this member knew no leader before.
    pub ended: Option<End>,
    /// What made somebody the next leader, or would have.
    pub by: Option<By>,
    /// In which round.
    pub round: Option<i64>,
    /// How many elections of this change have come to nothing. All that follows is of the last one.
    pub fruitless: u64,
    /// Why the last of them has.
    #[serde(default, deserialize_with = "text_if_any")]
    pub came_to_nothing: Option<String>,
    /// The votes, in the order in which they were cast here or heard.
    pub votes: Vec<VoteHeard>,
    /// How many more there were.
    pub votes_left_out: u64,
    /// Who was elected, whether or not that one leads; null before.
    pub elected: Option<u64>,
    /// Whether the election ended only after the wait for better votes.
    pub waited: bool,
    /// The voters whose votes the election did not wait for.
    pub not_waited_for: Vec<NotWaitedFor>,
    /// What held up the next leader.
    pub held_up_by: Vec<HeldUp>,
    /// The epoch that was proposed.
    pub epoch: Option<Proposal>,
    /// Who leads since then.
    pub leader: Option<u64>,
    /// How many members are not named, of all lists together.
    pub members_left_out: u64,
    /// When what was done.
    pub steps: Vec<Step>,
}

/// The end of a leader.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct End {
    /// Who it was.
    pub leader: Option<u64>,
    /// In which epoch; null where elections are held alone.
    pub epoch: Option<i64>,
    /// Why it has ended.
    pub cause: Cause,
}

/// What makes somebody a leader.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A quorum has voted for it.
    Election,
    /// A quorum followed it already, and this member came later.
    Joining,
    /// The leader before has named it.
    Nomination,
}

/// Why a leader is one no more, or is looked for again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the sentence of each says it")]
pub enum Cause {
    Resigned,
    Unhealthy,
    QuorumLost,
    LeaseEnded,
    Disk,
    Superseded,
    Stopped,
    LeaderLost,
    Silence,
    OutOfReach,
    LinkLost,
    SaidSo,
    Ordered,
}

/// A vote, and what came of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VoteHeard {
    /// When it was heard.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Duration,
    /// Who said it; the member itself for its own.
    pub from: u64,
    /// What that one was doing.
    pub state: VoterState,
    /// For whom it is, or whom the voter has settled on; null for nobody.
    pub vote: Option<VoteFor>,
    /// In which round.
    pub round: i64,
    /// Whether that was newer than the round of this member, which moved on to it.
    pub newer_round: bool,
    /// What came of it.
    pub result: VoteResult,
    /// What it was compared with: the vote of this member at that moment.
    pub against: Option<VoteFor>,
}

/// For whom a vote is, and the history that speaks for that one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VoteFor {
    /// Whom it elects.
    pub leader: u64,
    /// The epoch in which that one took part last.
    pub epoch: i64,
    /// Its last change.
    #[serde(with = "zxid")]
    pub zxid: i64,
}

/// What a voter is doing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoterState {
    /// It looks for a leader.
    Looking,
    /// It follows one.
    Following,
    /// It was elected.
    Leading,
}

/// What came of a vote.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoteResult {
    /// It is the first vote of this member in its round.
    Own,
    /// It was better than ours, which changed to it.
    Beats,
    /// It was the same as ours.
    Equals,
    /// Ours was better.
    Loses,
    /// It was of an older round, and answered.
    OlderRound,
    /// It was the word of one that had settled already.
    Settled,
    /// It was for nobody.
    ForNobody,
    /// It was not counted: for one who may not lead, or a history was erased.
    NotCounted,
}

/// A voter whose vote was not waited for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NotWaitedFor {
    /// Who.
    pub id: u64,
    /// Why not.
    pub why: Absence,
    /// For whom it voted instead, if it did.
    pub votes_for: Option<u64>,
}

/// Why a vote is not waited for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the sentence of each says it")]
pub enum Absence {
    OutOfReach,
    LinkLost,
    Silent,
    NeverHeard,
    VotesForAnother,
}

/// Somebody for whom the next leader had to wait.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct HeldUp {
    /// Who.
    pub id: u64,
    /// Why.
    pub why: Wait,
    /// To whom it was bound, if that is why.
    pub to: Option<u64>,
    /// For how long at the most, if that is known.
    #[serde(rename = "for_ms", with = "some_millis")]
    pub rest: Option<Duration>,
}

/// Why somebody was waited for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// A new ensemble begins when all its voters were seen once.
    NotSeen,
    /// It was bound to another leader.
    Bound,
    /// It did not promise what a lease needs.
    DoesNotPromise,
}

/// An epoch that was proposed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Proposal {
    /// By whom.
    pub proposed_by: u64,
    /// Which.
    pub value: i64,
    /// Whose words count, as the one that proposed it knows; empty at others.
    pub counted: Vec<u64>,
    /// Whose words do not.
    pub not_counted: Vec<NotCounted>,
}

/// A member whose word does not count for an epoch.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NotCounted {
    /// Who.
    pub id: u64,
    /// Why.
    pub why: WordFault,
    /// To whom it was bound, if that is why.
    pub to: Option<u64>,
    /// For how long, when it said so.
    #[serde(rename = "for_ms", with = "some_millis")]
    pub rest: Option<Duration>,
}

/// Why a word does not count.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the sentence of each says it")]
pub enum WordFault {
    Observer,
    WeightZero,
    PromisedBefore,
    Amnesiac,
    NotNoted,
    Bound,
    Withheld,
    NotOnDisk,
    CountsNowhere,
}

/// Something that was done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Step {
    /// What.
    pub what: Stage,
    /// When.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Duration,
}

/// The steps from one leader to the next.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The leader before has begun to give its epoch up.
    Retiring,
    /// It leads no more.
    Lost,
    /// A leader is looked for.
    Looking,
    /// The election has ended.
    Elected,
    /// An epoch is proposed.
    Proposed,
    /// A quorum has taken note of it.
    Noted,
    /// A quorum has it on disk: it has begun.
    Begun,
    /// This member leads.
    Leading,
    /// This member follows.
    Following,
}

impl Change {
    /// Whether it is over: somebody leads.
    pub const fn is_over(&self) -> bool {
        self.leader.is_some()
    }

    /// When something was done last in it.
    pub fn last_at(&self) -> Duration {
        self.steps.iter().map(|step| step.at).max().unwrap_or(self.at)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_leadership = match self {
            Self::Resigned => LostBecause::Resigned,
            Self::Unhealthy => LostBecause::Unhealthy,
            Self::QuorumLost => LostBecause::QuorumLost,
            Self::LeaseEnded => LostBecause::LeaseEnded,
            Self::Disk => LostBecause::Disk,
            Self::Superseded => LostBecause::Superseded,
            Self::Stopped => LostBecause::Stopped,
            Self::LeaderLost => LostBecause::LeaderLost,
            Self::Silence => LostBecause::Silence,
            Self::OutOfReach => return f.write_str("it cannot be reached"),
            Self::LinkLost => return f.write_str("its links were lost for too long"),
            Self::SaidSo => return f.write_str("what others say shows that it was left"),
            Self::Ordered => return f.write_str("another election was asked for"),
        };
        of_leadership.fmt(f)
    }
}
