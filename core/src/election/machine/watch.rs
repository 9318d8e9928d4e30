//! Watching the leader, once an [`Election`] has ended: is it still there, and does it still lead?
//!
//! | we | what happens | what we do |
//! | --- | --- | --- |
//! | follow or watch a leader | the link to it is lost | wait for the grace, then look again |
//! | | it cannot be reached | look again |
//! | | it says that it looks, or follows another, and this is news | look again |
//! | | it says so of an older round, or over a new link that it leads in one | wait for the grace, then look again |
//! | | it turned to a better candidate of the same round | go on in that round |
//! | watch a leader | it has not said that it leads, or not over its new link | ask it, after a wait that doubles |
//! | | it has said so | ask it again, after the longest wait |
//! | lead | the voters heard over their links, less those who went astray, are no quorum | wait for the grace, then look again |
//! | | they are no quorum even with those whose links may come back | look again |
//!
//! If a quorum goes astray to a better candidate of the same round, a leader goes on in that round, too.
//!
//! A voter goes astray when it says that it looks elsewhere or follows another. It comes back by saying that it follows
//! us, as a joiner does. So a leader that all have left notices even while all links stand, and a leader that is only
//! asked by a joiner stays.
//!
//! Voters say every change to each other. An observer beside real servers hears nothing but answers; and a server that
//! looks answers it with its last decision, as if that were a vote in the new round. So an observer may decide on one that
//! does not lead, and nobody would say so: it asks. Nobody says either that its leader was frozen, and then replaced.
//!
//! All this ends when the decision has become a leadership: from then on its heartbeats decide, on links of their own.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use crate::ServerId;

use super::{Election, State};
use crate::election::{
    Action, Decision, ElectionTiming, Notification, PeerState, Round, Standing, Timer, Vote,
};

/// How a member can be reached. A link alone makes no difference: it may be a stranger's, or lead to a server that hangs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::election) enum Reach {
    /// It was heard over the present link.
    Up,
    /// The link over which it was heard is lost. It may be heard again.
    Lost,
    /// It was tried, and not reached; nothing was heard of it since.
    Away,
}

/// What a settled server knows of its leader, or as leader of its followers.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(in crate::election) struct Watch {
    /// Whether the timer [`Timer::Grace`] runs.
    pub(in crate::election) grace_armed: bool,
    /// Whether the link to the leader was replaced since it last said that it leads. If so, all else it says
    /// comes from after the loss of that link, and is no old news.
    link_replaced: bool,
    /// As observer: the timer [`Timer::Confirm`] runs.
    pub(in crate::election) questions: Option<Questions>,
    /// As leader: the voters whose newest word is that they are not with us.
    astray: BTreeSet<ServerId>,
    /// The decision has become a leadership: nothing is watched here.
    over: bool,
}

/// How an observer asks its leader whether it leads.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(in crate::election) struct Questions {
    /// The present wait.
    wait: Duration,
    /// What the leader said last.
    last: Option<Word>,
}

/// How well a decision stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hold {
    /// The leader, or as leader a quorum, is in reach.
    Firm,
    /// It may come back into reach.
    Shaky,
    /// It will not.
    Lost,
}

/// What the leader says of its leadership.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Word {
    /// It leads, as decided.
    Leads,
    /// It still looks, and elects itself as we did.
    Elects,
    /// It leads, but still names an earlier vote.
    LeadsAlready,
    /// It looks, with a vote from before the decision.
    Stale,
    /// It speaks of an older round.
    Older,
    /// It looks for another leader, follows one, or speaks of a newer round.
    Gone,
}

impl Watch {
    /// Forgets everything: the decision no longer holds.
    pub(super) fn end(&mut self, out: &mut Vec<Action>) {
        self.clear_grace(out);
        if self.questions.is_some() {
            out.push(Action::ClearTimer(Timer::Confirm));
        }
        *self = Self::default();
    }

    /// The decision has become a leadership.
    pub(in crate::election) fn leave_to_heartbeats(&mut self, out: &mut Vec<Action>) {
        self.end(out);
        self.over = true;
    }

    pub(in crate::election) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether nothing is known here and no timer runs.
    pub(super) fn is_idle(&self) -> bool {
        *self == Self { over: self.over, ..Self::default() }
    }

    /// As observer: asks the leader after this wait.
    fn ask_after(&mut self, wait: Duration, last: Option<Word>, out: &mut Vec<Action>) {
        self.questions = Some(Questions { wait, last });
        out.push(Action::SetTimer { timer: Timer::Confirm, after: wait });
    }

    fn clear_grace(&mut self, out: &mut Vec<Action>) {
        if self.grace_armed {
            self.grace_armed = false;
            out.push(Action::ClearTimer(Timer::Grace));
        }
    }
}

impl Election {
    pub(super) fn begin_watch(&mut self, decision: Decision, out: &mut Vec<Action>) {
        self.watch.end(out);
        // What it will say over its next link comes from after the loss.
        self.watch.link_replaced = self.reach(decision.vote.leader) == Some(Reach::Lost);
        if decision.standing == Standing::Leading {
            let heard = self.tally.iter().chain(self.established.iter());
            let astray = heard.filter(|(voter, ballot)| {
                *voter != self.me
                    && !self.is_for_us(ballot.state, Some(ballot.vote), ballot.round, decision)
            });
            self.watch.astray = astray.map(|(voter, _)| voter).collect();
        }
        if decision.standing == Standing::Observing {
            let claim = self.established.claim_of(decision.vote.leader);
            let has_said_so = claim.is_some_and(|claim| claim.round == decision.round);
            let ElectionTiming { resend_min, resend_max, .. } = self.timing;
            self.watch.ask_after(if has_said_so { resend_max } else { resend_min }, None, out);
        }
        if self.hold(decision) != Hold::Firm {
            self.arm_grace(out);
        }
    }

    /// As observer: asks the leader whether it leads. Without a link the question is lost; a new one brings the next.
    pub(super) fn ask_leader(&mut self, decision: Decision, out: &mut Vec<Action>) {
        if let Some(Questions { wait, last }) = self.watch.questions {
            out.push(self.ask(decision.vote.leader));
            let longer = wait.saturating_mul(2).min(self.timing.resend_max);
            self.watch.ask_after(longer, last, out);
        }
    }

    /// As observer: after an answer, when to ask again. What the leader says for the first time shows that more may follow.
    fn plan_question(&mut self, word: Word, out: &mut Vec<Action>) {
        let Some(Questions { wait, last }) = self.watch.questions else { return };
        let next = match word {
            Word::Leads => self.timing.resend_max,
            Word::Elects | Word::LeadsAlready | Word::Stale | Word::Older | Word::Gone => {
                if last == Some(word) { wait } else { self.timing.resend_min }
            }
        };
        if next == wait {
            self.watch.questions = Some(Questions { wait, last: Some(word) });
        } else {
            self.watch.ask_after(next, Some(word), out);
        }
    }

    /// As leader: notes whether this voter is with us, and returns whether that leaves us without a quorum.
    pub(super) fn deserts(
        &mut self,
        from: ServerId,
        heard: &Notification,
        decision: Decision,
        out: &mut Vec<Action>,
    ) -> bool {
        let with_us = self.is_for_us(heard.state, heard.vote, heard.round, decision);
        let changed =
            if with_us { self.watch.astray.remove(&from) } else { self.watch.astray.insert(from) };
        if !changed {
            return false;
        }
        match self.hold(decision) {
            Hold::Firm => self.watch.clear_grace(out),
            Hold::Shaky => self.arm_grace(out),
            Hold::Lost => return true,
        }
        false
    }

    /// Whether a voter that says this elects us, or follows us.
    fn is_for_us(
        &self,
        state: PeerState,
        vote: Option<Vote>,
        round: Round,
        decision: Decision,
    ) -> bool {
        match state {
            PeerState::Looking => vote == Some(decision.vote) && round == decision.round,
            PeerState::Following | PeerState::Leading | PeerState::Observing => {
                vote.is_some_and(|vote| vote.leader == self.me)
            }
        }
    }

    /// As follower or observer: whether this is our leader, saying that it no longer leads.
    ///
    /// A word from an older round may be old news, with newer words behind it on the link; or the leader has started
    /// over, and does not know that it was elected. So we wait for the grace, or until it says something else.
    ///
    /// There is no grace if it says that it leads: a real server says so while it still names the vote of the election
    /// before, and after that it says no more.
    ///
    /// Over a new link there is no old news. One that leads in an older round there has started over and was elected again: who counts
    /// us with the others finds two rounds, and no quorum for either. But a leader that still votes for itself, as it did before, remains
    /// elected: real servers wait before they lead, and may replace the link meanwhile.
    pub(super) fn abdicates(
        &mut self,
        from: ServerId,
        heard: &Notification,
        decision: Decision,
        out: &mut Vec<Action>,
    ) -> bool {
        if from != decision.vote.leader {
            return false;
        }
        let word = self.leaders_word(heard, decision);
        if word == Word::Leads {
            self.watch.link_replaced = false;
        }
        match word {
            Word::Stale | Word::Older if self.watch.link_replaced => return true,
            Word::LeadsAlready if self.watch.link_replaced => self.arm_grace(out),
            Word::Leads | Word::LeadsAlready | Word::Elects => {
                // That its link is there as well is another matter.
                if self.hold(decision) == Hold::Firm {
                    self.watch.clear_grace(out);
                }
            }
            Word::Stale => {}
            Word::Older => self.arm_grace(out),
            Word::Gone => return true,
        }
        self.plan_question(word, out);
        false
    }

    fn leaders_word(&self, heard: &Notification, decision: Decision) -> Word {
        match (heard.round.cmp(&decision.round), heard.state) {
            (Ordering::Less, PeerState::Leading) => Word::LeadsAlready,
            (Ordering::Less, _) => Word::Older,
            (Ordering::Greater, _)
            | (Ordering::Equal, PeerState::Following | PeerState::Observing) => Word::Gone,
            (Ordering::Equal, PeerState::Leading) => Word::Leads,
            (Ordering::Equal, PeerState::Looking) => {
                if heard.vote == Some(decision.vote) {
                    Word::Elects
                } else if self.is_better_late(heard, decision) {
                    Word::Gone
                } else {
                    Word::Stale
                }
            }
        }
    }

    /// Something was heard from this server: if that came over its present link, it is there.
    pub(super) fn note_presence(&mut self, peer: ServerId, out: &mut Vec<Action>) {
        if !self.linked.contains(&peer) {
            // It was received before its link was lost.
            return;
        }
        self.met.insert(peer);
        if self.links.insert(peer, Reach::Up) != Some(Reach::Up)
            && let State::Decided(decision) = self.state
        {
            self.check_links(peer, decision, out);
        }
    }

    /// There is a link. A link alone shows nothing: what is known of the peer does not change until the peer is heard.
    pub(super) fn link_up(&mut self, peer: ServerId, out: &mut Vec<Action>) {
        if !self.ensemble.contains(peer) || peer == self.me {
            return;
        }
        if !self.linked.insert(peer) {
            // The link before this one is over.
            self.link_down(peer, out);
            self.linked.insert(peer);
        }
        let is_voter = self.ensemble.is_voter(peer);
        self.say_again(peer, out);
        match self.state {
            State::Idle => {}
            State::Looking | State::Settling => {
                if !is_voter && self.i_am_voter() {
                    self.askers.insert(peer);
                }
                if is_voter {
                    self.resend = self.timing.resend_min;
                    out.push(Action::SetTimer { timer: Timer::Resend, after: self.resend });
                }
            }
            // A real server that is settled has no reason to speak, unless it is asked.
            State::Decided(decision) => {
                out.push(self.ask(peer));
                if self.watch.questions.is_some() && peer == decision.vote.leader {
                    self.watch.ask_after(self.timing.resend_min, None, out);
                }
            }
        }
    }

    /// The link to this peer may be dead: only an answer shows that it is not.
    pub(super) fn doubted(&mut self, peer: ServerId, out: &mut Vec<Action>) {
        if !self.ensemble.contains(peer) || peer == self.me || self.state == State::Idle {
            return;
        }
        self.say_again(peer, out);
        out.push(self.ask(peer));
    }

    /// What was said before may be lost. Observers say nothing to each other.
    fn say_again(&self, peer: ServerId, out: &mut Vec<Action>) {
        let is_heard = self.ensemble.is_voter(peer) || self.i_am_voter();
        if self.state != State::Idle && is_heard {
            out.push(self.say(peer));
        }
    }

    pub(super) fn link_down(&mut self, peer: ServerId, out: &mut Vec<Action>) {
        self.askers.remove(&peer);
        // What it said may no longer hold; with a new link it will say it again.
        self.established.remove(peer);
        self.early.remove(peer);
        self.linked.remove(&peer);
        if self.reach(peer) != Some(Reach::Up) {
            return;
        }
        self.links.insert(peer, Reach::Lost);
        match self.state {
            State::Idle | State::Looking | State::Settling => {}
            State::Decided(decision) => {
                self.watch.link_replaced |= !self.watch.over && peer == decision.vote.leader;
                self.check_links(peer, decision, out);
            }
        }
    }

    pub(super) fn unreachable(&mut self, peer: ServerId, out: &mut Vec<Action>) {
        if !self.ensemble.contains(peer) || peer == self.me {
            return;
        }
        self.links.insert(peer, Reach::Away);
        match self.state {
            State::Idle => {}
            State::Looking | State::Settling => self.count(out),
            State::Decided(decision) => self.check_links(peer, decision, out),
        }
    }

    /// Looks whether our decision still stands, now that the link to this peer has changed.
    fn check_links(&mut self, peer: ServerId, decision: Decision, out: &mut Vec<Action>) {
        match decision.standing {
            _ if self.watch.over => {}
            Standing::Leading => self.uphold(decision, out),
            Standing::Following | Standing::Observing => {
                if peer == decision.vote.leader {
                    self.uphold(decision, out);
                }
            }
        }
    }

    fn uphold(&mut self, decision: Decision, out: &mut Vec<Action>) {
        match self.hold(decision) {
            Hold::Firm => self.watch.clear_grace(out),
            Hold::Shaky => self.arm_grace(out),
            Hold::Lost => self.look(out),
        }
    }

    fn hold(&self, decision: Decision) -> Hold {
        let (firm, lost) = match decision.standing {
            Standing::Leading => {
                let quorum_of = |reached: &dyn Fn(Option<Reach>) -> bool| {
                    let loyal = self.other_voters().filter(|voter| {
                        !self.watch.astray.contains(voter) && reached(self.reach(*voter))
                    });
                    self.ensemble.is_quorum(&loyal.chain([self.me]).collect())
                };
                let firm = quorum_of(&|reach| reach == Some(Reach::Up));
                (firm, !firm && !quorum_of(&|reach| reach != Some(Reach::Away)))
            }
            Standing::Following | Standing::Observing => {
                let reach = self.reach(decision.vote.leader);
                (reach == Some(Reach::Up), reach == Some(Reach::Away))
            }
        };
        match (firm, lost) {
            (true, _) => Hold::Firm,
            (false, false) => Hold::Shaky,
            (false, true) => Hold::Lost,
        }
    }

    fn arm_grace(&mut self, out: &mut Vec<Action>) {
        if !self.watch.grace_armed {
            self.watch.grace_armed = true;
            out.push(Action::SetTimer { timer: Timer::Grace, after: self.timing.grace });
        }
    }
}
