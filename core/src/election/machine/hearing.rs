//! What an [`Election`] makes of what it hears.

use crate::ServerId;

use super::{Election, State};
use crate::election::{
    Action, Ballot, Decision, Notification, PeerState, Round, Standing, Timer, Vote, tally::Tally,
};

/// How many strangers that ask during an election are remembered, to be told how it ends. Our own observers always
/// are.
pub(super) const ASKERS_MAX: usize = 256;

impl Election {
    pub(super) fn hear(&mut self, from: ServerId, heard: &Notification, out: &mut Vec<Action>) {
        if from == self.me {
            return;
        }
        self.note_presence(from, out);
        match self.state {
            State::Idle => {}
            _ if heard.is_question() => out.push(self.say(from)),
            _ if !self.ensemble.is_voter(from) => self.answer_outsider(from, heard.state, out),
            State::Looking | State::Settling => self.weigh(from, heard, out),
            State::Decided(decision) => self.hear_settled(from, heard, decision, out),
        }
    }

    /// Answers one without a vote at once, whatever it says; it is never counted.
    fn answer_outsider(&mut self, from: ServerId, state: PeerState, out: &mut Vec<Action>) {
        if !self.i_am_voter() && self.ensemble.contains(from) {
            // Two observers would answer each other for ever (ZOOKEEPER-1807).
            return;
        }
        if self.decision().is_none() {
            let room = self.askers.len() < ASKERS_MAX || self.ensemble.contains(from);
            let is_new = room && self.askers.insert(from);
            if state != PeerState::Looking && !is_new {
                // A settled observer of ZooKeeper answers every server that looks: once is enough, or we go round in circles.
                return;
            }
        }
        out.push(self.say(from));
    }

    /// A voter's word while we look.
    fn weigh(&mut self, from: ServerId, heard: &Notification, out: &mut Vec<Action>) {
        // The silence is over, and begins anew.
        out.push(Action::SetTimer { timer: Timer::Resend, after: self.resend });
        match heard.state {
            PeerState::Looking => self.weigh_vote(from, heard, out),
            PeerState::Following | PeerState::Leading => self.weigh_settled(from, heard, out),
            PeerState::Observing => {}
        }
    }

    fn weigh_vote(&mut self, from: ServerId, heard: &Notification, out: &mut Vec<Action>) {
        let was_settled = self.established.get(from).is_some();
        if heard.round < self.round {
            if self.i_am_voter() {
                out.push(self.say(from));
            }
        } else if let Some(vote) = self.countable(heard) {
            if self.is_unwanted(vote) {
                self.decline(heard.round, out);
            }
            let candidate = self.candidacy(vote);
            if heard.round > self.round {
                self.join_round(heard.round, candidate, out);
            } else if candidate > self.vote {
                self.adopt(vote, out);
            }
        }
        self.record(from, heard);
        if was_settled && heard.round == self.round && heard.vote < self.vote && self.i_am_voter() {
            // It was still settled when it heard our vote, and has begun to look only now.
            out.push(self.say(from));
        }
        self.count(out);
    }

    fn weigh_settled(&mut self, from: ServerId, heard: &Notification, out: &mut Vec<Action>) {
        let Some(ballot) = self.record(from, heard) else { return self.count(out) };
        let mut won = self.won(&self.established, &ballot);
        if heard.round == self.round {
            won = self.won(&self.tally, &ballot).or(won);
        }
        let Some((vote, round)) = won else { return self.count(out) };
        let last_said = (self.vote, self.round);
        self.decide(vote, round, out);
        let joins = self.decision().is_some() && last_said != (Some(vote), round);
        if joins && self.i_am_voter() {
            // Our last vote was another: nobody shall go on counting on it, and the leader may count on us.
            self.say_to_voters(out);
        }
    }

    /// Keeps this as the voter's newest word, in the tallies where it belongs; what it said before no longer counts.
    fn record(&mut self, from: ServerId, heard: &Notification) -> Option<Ballot> {
        let countable = self.countable(heard);
        let (state, round, version) = (heard.state, heard.round, heard.format.version());
        // Of those who look, the version of what they say makes no difference.
        let version = if state == PeerState::Looking { 0 } else { version };
        let ballot = countable.map(|vote| Ballot { state, vote, round, version });
        match ballot.filter(|_| round == self.round) {
            Some(ballot) => self.tally.record(from, Ballot { version: 0, ..ballot }),
            None => self.tally.remove(from),
        }
        match ballot.filter(|_| round > self.round && state == PeerState::Looking) {
            Some(ballot) => self.early.record(from, ballot),
            None => self.early.remove(from),
        }
        match ballot.filter(|_| state != PeerState::Looking) {
            Some(ballot) => self.established.record(from, ballot),
            None => self.established.remove(from),
        }
        ballot
    }

    /// The vote, if it is for a voter. If the sender looks, neither the vote's history nor ours may be erased
    /// (ZOOKEEPER-261).
    fn countable(&self, heard: &Notification) -> Option<Vote> {
        let vote = heard.vote.filter(|vote| self.ensemble.is_voter(vote.leader))?;
        let erased = vote.history().is_erased() || self.is_erased();
        (heard.state != PeerState::Looking || !erased).then_some(vote)
    }

    /// The vote and round that these settled servers together with `ballot` stand for, if they are a quorum and their
    /// leader has said itself that it leads. Its own word on vote and round is the one to take over.
    fn won(&self, settled: &Tally, ballot: &Ballot) -> Option<(Vote, Round)> {
        let leader = ballot.vote.leader;
        let claim = if leader == self.me {
            // An older round's leader has since looked again: it no longer leads (ZOOKEEPER-1514).
            Some(ballot).filter(|ballot| ballot.round == self.round)
        } else {
            settled.claim_of(leader)
        }?;
        let may_lead = self.ensemble.may_lead(leader) && self.may_be_there(leader);
        // Where some have restated their votes, two may both agree with the leader and not with each other.
        let supported = |by: &Ballot| self.ensemble.is_quorum(&settled.supporters(by));
        let wins = may_lead && (supported(ballot) || supported(claim));
        wins.then_some((claim.vote, claim.round))
    }

    /// A voter's word after we settled.
    fn hear_settled(
        &mut self,
        from: ServerId,
        heard: &Notification,
        decision: Decision,
        out: &mut Vec<Action>,
    ) {
        if heard.state == PeerState::Observing {
            return;
        }
        self.record(from, heard);
        let lost = !self.watch.is_over()
            && match decision.standing {
                Standing::Leading => self.deserts(from, heard, decision, out),
                Standing::Following | Standing::Observing => {
                    self.abdicates(from, heard, decision, out)
                }
            };
        if lost {
            // Where others look in a newer round already, nobody goes on in this one.
            if self.is_better_late(heard, decision) && self.early.is_empty() {
                self.resume(out);
                self.weigh(from, heard, out);
                self.say_to_former_observers(decision, out);
            } else {
                self.look(out);
                // The votes heard while settled may have decided already, this one among them.
                if self.decision().is_none() {
                    self.weigh(from, heard, out);
                }
            }
            return;
        }
        // An observer's answer carries no weight, and would itself be answered.
        if heard.state == PeerState::Looking && decision.standing != Standing::Observing {
            out.push(self.say(from));
        }
    }

    /// Whether this is the better vote that settling waits for, but it came after the decision.
    pub(super) fn is_better_late(&self, heard: &Notification, decision: Decision) -> bool {
        heard.state == PeerState::Looking
            && heard.round == decision.round
            && heard.vote.filter(|vote| self.ensemble.may_lead(vote.leader)) > Some(decision.vote)
    }
}
