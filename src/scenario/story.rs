//! [`StoryLine`]: what a person sees while a vote file is played, in words. Both worlds tell it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use ballotbox_core::{ServerId, leadership::LostBecause};

use crate::{
    Decision, Ensemble, Epoch, History, Round, Standing, Vote, Zxid,
    scenario::{
        judge::Verdict,
        vote_file::{Expectation, Found, Operation, join},
    },
};

/// One thing that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoryLine {
    /// When, since the first step.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum What {
    /// A step of the file was played.
    Played(Operation),
    /// A member looks for a leader.
    Looking {
        member: ServerId,
        /// In which round.
        round: Round,
    },
    /// A member has cast a vote.
    Voted {
        member: ServerId,
        /// For whom, and the history that speaks for it.
        vote: Vote,
    },
    /// A member's election has ended.
    Decided {
        member: ServerId,
        decision: Decision,
        /// If it was elected: by whom, and why.
        won: Option<Won>,
    },
    /// A member leads: a quorum keeps its epoch.
    Leads { member: ServerId, epoch: Epoch },
    /// A member follows or watches a leader.
    Follows { member: ServerId, leader: ServerId, epoch: Epoch },
    /// A member leads or follows no more.
    Lost {
        member: ServerId,
        /// In which epoch it did.
        epoch: Epoch,
        cause: LostBecause,
    },
    /// A new ensemble waits for voters that were never seen.
    WaitsFor {
        /// Who will lead.
        member: ServerId,
        /// Who is missing.
        missing: BTreeSet<ServerId>,
    },
    /// The lease of a leader that does nothing more is over: from now on others may lead.
    LeaseOver { member: ServerId, epoch: Epoch },
    /// In a simulation: a fault, or a rule that was broken.
    Befalls {
        /// Whom; `None` for what happens to all.
        member: Option<ServerId>,
        /// What, in words.
        text: String,
        effect: Effect,
    },
    /// An expectation was met, or not.
    Judged {
        expectation: Expectation,
        /// What became of it.
        verdict: Verdict,
    },
}

/// What a fault makes of the member that it befalls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It goes on as before.
    Nothing,
    /// It does nothing for a while.
    StandsStill,
    /// It goes on.
    GoesOn,
    /// It is gone.
    Dies,
    /// It starts again.
    Starts,
    /// A rule was broken: nothing happens any more.
    Broken,
}

/// Who elected a leader, and what spoke for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Won {
    /// Those who voted for it, itself included.
    pub by: Vec<ServerId>,
    /// What put it before the others among them.
    pub because: Because,
}

/// What put a candidate before the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Because {
    /// The leader before it has named it, so nobody had to vote.
    Named,
    /// Nobody else could lead.
    Alone,
    /// Nobody else took part in so late an epoch.
    Epoch(Epoch),
    /// Its history is the newest.
    Zxid(Zxid),
    /// Its history is as new as any, and its id is the highest of those.
    Id,
    /// A quorum voted for it, whatever else there was: it was elected before all were heard.
    Quorum,
}

impl Won {
    /// Why `winner` won, given the votes cast in its round.
    pub(super) fn of(
        ensemble: &Ensemble,
        histories: &Histories,
        winner: Vote,
        ballots: &BTreeMap<ServerId, Vote>,
    ) -> Self {
        let mut by: BTreeSet<_> = ballots
            .iter()
            .filter(|(_, vote)| vote.leader == winner.leader)
            .map(|(voter, _)| *voter)
            .collect();
        by.insert(winner.leader);
        // Who elects has a vote of its own.
        let because = if ballots.is_empty() {
            Because::Named
        } else {
            because(ensemble, histories, winner.leader, &by)
        };
        Self { by: by.into_iter().collect(), because }
    }
}

/// What each member stands on.
pub(super) type Histories = BTreeMap<ServerId, History>;

fn because(
    ensemble: &Ensemble,
    histories: &Histories,
    winner: ServerId,
    by: &BTreeSet<ServerId>,
) -> Because {
    let others = by.iter().filter(|id| **id != winner && ensemble.may_lead(**id));
    let best = others.filter_map(|id| histories.get(id).map(|history| (*history, *id))).max();
    let Some(own) = histories.get(&winner).copied() else { return Because::Quorum };
    match best {
        None => Because::Alone,
        Some((history, _)) if own.epoch > history.epoch => Because::Epoch(own.epoch),
        Some((history, _)) if own > history => Because::Zxid(own.zxid),
        Some((history, id)) if own == history && winner > id => Because::Id,
        Some(_) => Because::Quorum,
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Played(operation) => operation.fmt(f),
            Self::Looking { member, round } => {
                write!(f, "{member} looks for a leader, round {round}")
            }
            Self::Voted { member, vote } => {
                let own = vote.leader == *member;
                let candidate = if own { "itself".to_owned() } else { vote.leader.to_string() };
                write!(f, "{member} votes for {candidate}")?;
                if vote.history() == History::default() {
                    return Ok(());
                }
                write!(f, " ({})", vote.history())
            }
            Self::Decided { member, decision, won } => {
                let (leader, round) = (decision.vote.leader, decision.round);
                match (decision.standing, won) {
                    (Standing::Leading, Some(won)) => {
                        write!(f, "{member} is elected in round {round} {won}")
                    }
                    (Standing::Leading, None) => write!(f, "{member} is elected in round {round}"),
                    (Standing::Following, _) => write!(f, "{member} joins in electing {leader}"),
                    (Standing::Observing, _) => {
                        write!(f, "{member} learns that {leader} is elected")
                    }
                }
            }
            Self::Leads { member, epoch } => write!(f, "{member} leads in epoch {epoch}"),
            Self::Follows { member, leader, epoch } => {
                write!(f, "{member} follows {leader} in epoch {epoch}")
            }
            Self::Lost { member, epoch, cause } => {
                write!(f, "epoch {epoch} is over for {member}: {cause}")
            }
            Self::WaitsFor { member, missing } => write!(
                f,
                "{member} leads as soon as {} was seen once: the ensemble is new",
                join(missing.iter())
            ),
            Self::LeaseOver { member, epoch } => {
                write!(f, "the lease of {member} in epoch {epoch} is over")
            }
            Self::Befalls { member: Some(member), text, .. } => write!(f, "{member} {text}"),
            Self::Befalls { member: None, text, .. } => f.write_str(text),
            Self::Judged { expectation, verdict } => match verdict {
                Verdict::Met => write!(f, "as expected {expectation}"),
                Verdict::Unmet { found, .. } => {
                    write!(f, "not as expected {expectation}; found: {}", Found(found))
                }
                Verdict::Pending | Verdict::Holding => write!(f, "expected {expectation}"),
            },
        }
    }
}

impl fmt::Display for Won {
    /// `by 1, 2, 3: its history is the newest (zxid 0x100000005)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.because == Because::Named {
            return self.because.fmt(f);
        }
        write!(f, "by {}: {}", join(self.by.iter()), self.because)
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("by the word of the leader before it"),
            Self::Alone => f.write_str("no other of them could lead"),
            Self::Epoch(epoch) => write!(f, "its history is of the latest epoch ({epoch})"),
            Self::Zxid(zxid) => write!(f, "its history is the newest (zxid {zxid})"),
            Self::Id => f.write_str("its id is the highest among the newest histories"),
            Self::Quorum => f.write_str("they are a quorum"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::vote_file::VoteFile;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    /// Why the winner won, among these (id, epoch, zxid, weight) who all voted for it.
    fn why(winner: u64, members: &[(u64, i64, i64, u64)]) -> Because {
        let members: Vec<_> = members
            .iter()
            .map(|(id, epoch, zxid, weight)| {
                format!(
                    r#"{{"id":{id},"group":1,"weight":{weight},"vote":{{"epoch":{epoch},"zxid":{zxid}}}}}"#
                )
            })
            .collect();
        let text = format!(r#"{{"members":[{}]}}"#, members.join(","));
        let file = VoteFile::parse("test", &text).unwrap();
        let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(winner) };
        let ballots = file.ensemble().members().map(|(id, _)| (id, vote)).collect();
        let histories = file.histories.iter().copied().collect();
        Won::of(file.ensemble(), &histories, vote, &ballots).because
    }

    #[test]
    fn a_winner_is_explained_by_what_put_it_before_the_others() {
        assert_eq!(why(1, &[(1, 2, 1, 1), (2, 1, 9, 1)]), Because::Epoch(Epoch(2)));
        assert_eq!(why(1, &[(1, 1, 9, 1), (2, 1, 8, 1)]), Because::Zxid(Zxid(9)));
        assert_eq!(why(2, &[(1, 1, 9, 1), (2, 1, 9, 1)]), Because::Id);
        assert_eq!(why(1, &[(1, 1, 1, 1), (2, 1, 9, 0)]), Because::Alone);
        assert_eq!(why(1, &[(1, 1, 1, 1), (2, 1, 9, 1)]), Because::Quorum);
        let file = VoteFile::parse("test", r#"{"members":[{"id":1},{"id":2}]}"#).unwrap();
        let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(1) };
        let won = Won::of(file.ensemble(), &BTreeMap::new(), vote, &BTreeMap::new());
        assert_eq!(won.to_string(), "by the word of the leader before it");
    }

    #[test]
    fn the_story_is_told_in_plain_words() {
        let won = Won { by: vec![id(1), id(2)], because: Because::Zxid(Zxid(0x1_0000_0005)) };
        let vote = Vote { epoch: Epoch(1), zxid: Zxid(0x1_0000_0005), leader: id(2) };
        let decision = Decision { standing: Standing::Leading, vote, round: Round(1) };
        let elected = What::Decided { member: id(2), decision, won: Some(won) };
        assert_eq!(
            elected.to_string(),
            "2 is elected in round 1 by 1, 2: its history is the newest (zxid 0x100000005)"
        );
        let voted = What::Voted { member: id(1), vote };
        assert_eq!(voted.to_string(), "1 votes for 2 (epoch 1, zxid 0x100000005)");
    }
}
