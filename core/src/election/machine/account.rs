//! What an [`Election`] says of how it goes, for people: what a vote that was heard beat or lost to, what a decision rests on, and
//! who was not waited for. It is asked, and changes nothing.

use std::cmp::Ordering;

use crate::ServerId;

use super::{Election, State, watch::Reach};
use crate::election::{Ballot, Epoch, Notification, PeerState, Round, Vote};

/// A word of another voter beside our own vote, before it is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weighed {
    /// What the voter is doing.
    pub state: PeerState,
    /// For whom it votes, or whom it has settled on.
    pub vote: Option<Vote>,
    /// In which round.
    pub round: Round,
    /// Whether that round is newer than ours: then we move on to it.
    pub newer_round: bool,
    /// What its vote was compared with: ours, or in a newer round what we begin with there.
    pub ours: Option<Vote>,
    /// What came of that.
    pub verdict: Verdict,
}

/// What a vote is worth beside ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is better, and becomes ours.
    Beats,
    /// It is the same.
    Equals,
    /// Ours is better.
    Loses,
    /// It is of an older round, and is answered.
    OlderRound,
    /// It is the word of a server that has settled already.
    Settled,
    /// It is for nobody.
    ForNobody,
    /// It is not to be counted: for one who may not lead, or a history was erased.
    NotCounted,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grounds {
    /// A quorum votes as we do.
    Votes,
    /// A quorum follows a leader already, which says that it leads.
    Followers,
    /// The leader before has named it.
    Nomination,
}

/// Why an election has ended without the vote of a voter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotWaitedFor {
    /// It cannot be reached: it refuses, or does not answer.
    OutOfReach,
    /// The link to it is lost, and it was not reached again in time.
    LinkLost,
    /// It is there, and has said nothing in this round in time.
    Silent,
    /// Nothing was ever heard of it.
    NeverHeard,
    /// It votes for another one.
    VotesFor(ServerId),
}

impl Election {
    /// What this word is worth that we are about to hear; `None` if nothing is weighed now, or not of this server.
    pub fn weighs(&self, from: ServerId, heard: &Notification) -> Option<Weighed> {
        let looks = matches!(self.state, State::Looking | State::Settling);
        let is_word = from != self.me && self.ensemble.is_voter(from) && !heard.is_question();
        if !looks || !is_word || heard.state == PeerState::Observing {
            return None;
        }
        let newer_round = heard.round > self.round;
        let ours = if newer_round { self.initial_vote() } else { self.vote };
        let verdict = match (heard.state, heard.vote) {
            (PeerState::Following | PeerState::Leading | PeerState::Observing, _) => {
                Verdict::Settled
            }
            (PeerState::Looking, _) if heard.round < self.round => Verdict::OlderRound,
            (PeerState::Looking, None) => Verdict::ForNobody,
            (PeerState::Looking, Some(vote)) => self.verdict_on(vote, ours),
        };
        let Notification { state, vote, round, .. } = *heard;
        Some(Weighed { state, vote, round, newer_round, ours, verdict })
    }

    /// The votes of others that are counted in this round, beside what we begin it with. Some may have been said while we were still
    /// settled.
    pub fn weighed_ballots(&self) -> impl Iterator<Item = (ServerId, Weighed)> {
        let ours = self.initial_vote();
        let others = self
            .tally
            .iter()
            .filter(|(voter, ballot)| *voter != self.me && ballot.state == PeerState::Looking);
        others.map(move |(voter, ballot)| {
            let Ballot { state, vote, round, .. } = *ballot;
            let verdict = self.verdict_on(vote, ours);
            let vote = Some(vote);
            (voter, Weighed { state, vote, round, newer_round: false, ours, verdict })
        })
    }

    /// What we begin every round with: ourselves, if we may lead and stand for it; otherwise nobody.
    pub fn own_vote(&self) -> Option<Vote> {
        self.initial_vote()
    }

    fn verdict_on(&self, vote: Vote, ours: Option<Vote>) -> Verdict {
        if vote.epoch == Epoch::OF_NO_CANDIDATE {
            return Verdict::ForNobody;
        }
        let erased = vote.history().is_erased() || self.is_erased();
        if erased || self.candidacy(vote).is_none() {
            return Verdict::NotCounted;
        }
        match Some(vote).cmp(&ours) {
            Ordering::Greater => Verdict::Beats,
            Ordering::Equal => Verdict::Equals,
            Ordering::Less => Verdict::Loses,
        }
    }

    /// What the decision rests on, as long as it has not become a leadership; `None` if there is none.
    pub fn grounds(&self) -> Option<Grounds> {
        let decision = self.decision()?;
        let state = PeerState::Looking;
        let ballot = Ballot { state, vote: decision.vote, round: decision.round, version: 0 };
        if self.ensemble.is_quorum(&self.tally.supporters(&ballot)) {
            return Some(Grounds::Votes);
        }
        let nothing_heard = self.tally.is_empty() && self.established.is_empty();
        Some(if nothing_heard { Grounds::Nomination } else { Grounds::Followers })
    }

    /// The voters whose votes the decision does not rest on, and why it was taken without them. After a nomination that is nobody, as no
    /// vote was asked for.
    pub fn not_waited_for(&self) -> impl Iterator<Item = (ServerId, NotWaitedFor)> {
        let decision = self.decision().filter(|_| self.grounds() != Some(Grounds::Nomination));
        let voters = decision.into_iter().flat_map(|decision| {
            self.other_voters().map(move |voter| (voter, decision.vote.leader))
        });
        voters.filter_map(|(voter, leader)| {
            let said = self.tally.get(voter).or_else(|| self.established.get(voter));
            let why = match (said, self.reach(voter)) {
                (Some(ballot), _) if ballot.vote.leader == leader => return None,
                (_, Some(Reach::Away)) => NotWaitedFor::OutOfReach,
                (Some(ballot), _) => NotWaitedFor::VotesFor(ballot.vote.leader),
                (None, Some(Reach::Lost)) => NotWaitedFor::LinkLost,
                (None, Some(Reach::Up)) => NotWaitedFor::Silent,
                (None, None) => NotWaitedFor::NeverHeard,
            };
            Some((voter, why))
        })
    }
}
