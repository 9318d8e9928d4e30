//! [`Election`]: one server's part in the elections of its ensemble.

mod account;
mod excerpt;
mod hearing;
pub mod invariants;
mod leadership;
pub(super) mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub use self::account::{Grounds, NotWaitedFor, Verdict, Weighed};
use self::watch::{Reach, Watch};
use super::{
    Action, Ballot, Decision, Epoch, Event, Format, History, Notification, PeerState, Round,
    Standing, Timer, Vote, tally::Tally,
};
use crate::{
    Core, ServerId,
    election::ElectionTiming,
    machine::checked,
    membership::{Ensemble, Role},
};

/// One server's part in the elections of its ensemble: told what happened, it answers with what is to be done.
///
/// It knows no time and no sockets. Its driver carries out the [actions](Action) in their order, and reports
/// back with [events](Event).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Election {
    pub(super) me: ServerId,
    pub(super) ensemble: Arc<Ensemble>,
    pub(super) timing: ElectionTiming,
    /// The members as text, sent along with each notification.
    pub(super) config_text: Arc<str>,
    /// What we stand on.
    pub(super) history: History,
    /// We do not propose ourselves.
    pub(super) withdrawn: bool,
    pub(super) state: State,
    pub(super) round: Round,
    /// What we vote for in this round, and once settled what we settled on.
    pub(super) vote: Option<Vote>,
    /// The tally of this round, our own vote in it.
    pub(super) tally: Tally,
    /// The tally of those who settled, in whatever round.
    pub(super) established: Tally,
    /// After we settled: the votes of servers that look again already, in a newer round. If we look again too, we begin
    /// with these votes: their senders said them once, and will say them again only after a silence.
    pub(super) early: Tally,
    /// Servers without a vote that know that we look: we say to them how the election ends.
    pub(super) askers: BTreeSet<ServerId>,
    /// How the other members can be reached, as far as we were told.
    pub(super) links: BTreeMap<ServerId, Reach>,
    /// The members to which there is a link. Its other end may be a stranger.
    pub(super) linked: BTreeSet<ServerId>,
    /// The members that were heard in our present life.
    pub(super) met: BTreeSet<ServerId>,
    /// The timer [`Timer::Startup`] runs: a member that was not met and cannot be reached may be starting as well.
    pub(super) starting: bool,
    /// The present wait in silence.
    pub(super) resend: Duration,
    /// What we know of our leader, or as leader of our followers.
    pub(super) watch: Watch,
}

/// Where an election stands.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum State {
    /// It has not begun.
    #[default]
    Idle,
    /// Votes are exchanged.
    Looking,
    /// A quorum votes as we do; a better vote may still come.
    Settling,
    /// It has ended.
    Decided(Decision),
}

impl Core for Election {
    type Event = Event;
    type Action = Action;

    fn handle(&mut self, event: Event, out: &mut Vec<Action>) {
        checked(self, event, out, Self::decide_on, invariants::first_broken);
    }
}

impl Election {
    /// The part of server `me` in an ensemble. The config text goes out with every notification.
    pub fn new(
        me: ServerId,
        ensemble: Arc<Ensemble>,
        timing: ElectionTiming,
        config_text: Arc<str>,
    ) -> Self {
        Self {
            me,
            ensemble,
            timing,
            config_text,
            history: History::default(),
            withdrawn: false,
            state: State::Idle,
            round: Round::default(),
            vote: None,
            tally: Tally::default(),
            established: Tally::default(),
            early: Tally::default(),
            askers: BTreeSet::new(),
            links: BTreeMap::new(),
            linked: BTreeSet::new(),
            met: BTreeSet::new(),
            starting: false,
            resend: timing.resend_min,
            watch: Watch::default(),
        }
    }

    fn decide_on(&mut self, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Begin { history } => self.begin(history, out),
            Event::Heard { from, notification } => self.hear(from, &notification, out),
            Event::LinkUp { peer } => self.link_up(peer, out),
            Event::LinkDown { peer } => self.link_down(peer, out),
            Event::Doubted { peer } => self.doubted(peer, out),
            Event::Unreachable { peer } => self.unreachable(peer, out),
            Event::TimerFired(timer) => self.timer_fired(timer, out),
            Event::Established { leader, round, epoch } => {
                self.establish(leader, round, epoch, out);
            }
            Event::LookAgain { leader, round } => self.look_again(leader, round, out),
            Event::Nominated { leader, round, vote, next } => {
                self.settle_on(leader, round, vote, next, out);
            }
            Event::EpochStored(epoch) => self.stand_on(epoch, out),
            Event::Withdraw => self.withdraw(out),
            Event::Stand => self.stand(out),
        }
    }

    /// Where the election stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// How it ended, if it has.
    pub fn decision(&self) -> Option<Decision> {
        match self.state {
            State::Idle | State::Looking | State::Settling => None,
            State::Decided(decision) => Some(decision),
        }
    }

    /// The present round, or once settled the round of the decision.
    pub fn round(&self) -> Round {
        self.round
    }

    /// What this server votes for, or has settled on; `None` for nobody.
    pub fn vote(&self) -> Option<Vote> {
        self.vote
    }

    /// Who voted for whom in this round, this server's own vote included.
    pub fn ballots(&self) -> impl Iterator<Item = (ServerId, &Ballot)> {
        self.tally.iter()
    }

    /// What those said who had settled already, in whatever round.
    pub fn established(&self) -> impl Iterator<Item = (ServerId, &Ballot)> {
        self.established.iter()
    }

    /// The server whose part this is.
    pub fn me(&self) -> ServerId {
        self.me
    }

    fn begin(&mut self, history: History, out: &mut Vec<Action>) {
        self.history = history;
        if self.state == State::Idle {
            self.starting = true;
            out.push(Action::SetTimer { timer: Timer::Startup, after: self.timing.settle });
        }
        self.look(out);
    }

    /// Begins a new election on the history we have.
    pub(super) fn look(&mut self, out: &mut Vec<Action>) {
        let ended = self.decision();
        self.unsettle(out);
        self.watch.end(out);
        self.state = State::Looking;
        self.round = self.round.next();
        self.tally.clear();
        self.established.clear();
        self.resend = self.timing.resend_min;
        let best_heard = self.take_over_early_votes();
        self.choose(self.initial_vote().max(best_heard));
        out.push(Action::Looking { round: self.round });
        self.say_to_voters(out);
        if let Some(decision) = ended {
            self.say_to_former_observers(decision, out);
        }
        out.push(Action::SetTimer { timer: Timer::Resend, after: self.resend });
        self.count(out);
    }

    /// Counts what was said of newer rounds while we were settled, moves on to the newest of them, and returns the best
    /// vote there.
    fn take_over_early_votes(&mut self) -> Option<Vote> {
        let early = std::mem::take(&mut self.early);
        let newest = early.iter().map(|(_, ballot)| ballot.round).max();
        self.round = newest.map_or(self.round, |newest| newest.max(self.round));
        let mut votes = early.iter().filter(|(_, ballot)| ballot.round == self.round);
        if votes.any(|(_, ballot)| self.is_unwanted(ballot.vote)) {
            self.round = self.round.next();
        }
        let mut best = None;
        for (voter, ballot) in early.iter().filter(|(_, ballot)| ballot.round == self.round) {
            self.tally.record(voter, *ballot);
            best = best.max(self.candidacy(ballot.vote));
        }
        best
    }

    /// Goes on with the election of this round: it was ended too early.
    pub(super) fn resume(&mut self, out: &mut Vec<Action>) {
        self.watch.end(out);
        self.state = State::Looking;
        self.resend = self.timing.resend_min;
        self.choose(self.vote);
        out.push(Action::Looking { round: self.round });
    }

    /// Moves on to a newer round, with the better of the vote heard there and our own.
    pub(super) fn join_round(&mut self, round: Round, heard: Option<Vote>, out: &mut Vec<Action>) {
        self.unsettle(out);
        self.round = round;
        self.tally.clear();
        self.choose(self.initial_vote().max(heard));
        out.push(Action::Looking { round });
        self.say_to_voters(out);
    }

    /// Votes for a better candidate than before.
    pub(super) fn adopt(&mut self, vote: Vote, out: &mut Vec<Action>) {
        self.unsettle(out);
        self.choose(Some(vote));
        self.say_to_voters(out);
    }

    /// Looks whether a quorum votes as we do, and settles, waits or goes back to looking accordingly.
    pub(super) fn count(&mut self, out: &mut Vec<Action>) {
        let Some(ours) = self.ballot() else { return };
        let candidate = ours.vote.leader;
        let settled = self.established.get(candidate);
        // A candidate that follows another does not lead, though others may still vote for it.
        let withdrawn = settled.is_some_and(|ballot| ballot.vote.leader != candidate);
        if withdrawn || !self.ensemble.is_quorum(&self.backers(&ours)) {
            return self.unsettle(out);
        }
        let nobody_missing = self
            .other_voters()
            .filter(|voter| self.may_still_vote(*voter))
            .all(|voter| self.tally.get(voter).is_some_and(|theirs| theirs.agrees_with(&ours)));
        if nobody_missing && self.may_be_there(candidate) {
            self.decide(ours.vote, self.round, out);
        } else if self.state == State::Looking {
            self.state = State::Settling;
            out.push(Action::SetTimer { timer: Timer::Settle, after: self.timing.settle });
        }
    }

    /// The voters that vote as we do. If we would lead, those that cannot be reached do not count, whatever they said.
    fn backers(&self, ours: &Ballot) -> BTreeSet<ServerId> {
        let mut backers = self.tally.supporters(ours);
        if ours.vote.leader == self.me {
            backers.retain(|voter| self.may_be_there(*voter));
        }
        backers
    }

    /// Whether no attempt to reach this server has failed since it was last heard.
    pub(super) fn may_be_there(&self, server: ServerId) -> bool {
        server == self.me || self.reach(server) != Some(Reach::Away)
    }

    /// Whether this voter may bring another vote: it may be there, or about to be there, as we have only just started.
    fn may_still_vote(&self, voter: ServerId) -> bool {
        self.may_be_there(voter) || (self.starting && !self.met.contains(&voter))
    }

    /// Ends the election.
    pub(super) fn decide(&mut self, vote: Vote, round: Round, out: &mut Vec<Action>) {
        debug_assert!(self.decision().is_none(), "an election ends once");
        if self.is_unwanted(vote) {
            return self.decline(round, out);
        }
        let standing = Standing::under(vote.leader, self.me, self.i_am_voter());
        let decision = Decision { standing, vote, round };
        if round != self.round {
            self.tally.clear();
        }
        self.state = State::Decided(decision);
        self.round = round;
        self.vote = Some(vote);
        out.push(Action::ClearTimer(Timer::Resend));
        out.push(Action::ClearTimer(Timer::Settle));
        if std::mem::take(&mut self.starting) {
            out.push(Action::ClearTimer(Timer::Startup));
        }
        out.push(Action::Decided(decision));
        for asker in std::mem::take(&mut self.askers) {
            out.push(self.say(asker));
        }
        self.begin_watch(decision, out);
    }

    fn timer_fired(&mut self, timer: Timer, out: &mut Vec<Action>) {
        match (timer, self.state) {
            (Timer::Startup, State::Looking | State::Settling) => {
                self.starting = false;
                self.count(out);
            }
            (Timer::Resend, State::Looking | State::Settling) => {
                self.say_to_voters(out);
                self.resend = self.resend.saturating_mul(2).min(self.timing.resend_max);
                out.push(Action::SetTimer { timer, after: self.resend });
                if self.other_voters().any(|voter| self.reach(voter) != Some(Reach::Up)) {
                    out.push(Action::Reconnect);
                }
            }
            (Timer::Settle, State::Settling) => match self.vote {
                Some(vote) if self.may_be_there(vote.leader) => self.decide(vote, self.round, out),
                // All vote for one that is gone: nobody will take that back in this round.
                Some(_) | None => self.look(out),
            },
            (Timer::Grace, State::Decided(_)) if self.watch.grace_armed => self.look(out),
            (Timer::Confirm, State::Decided(decision)) => self.ask_leader(decision, out),
            // It was cleared when it had fired already.
            (Timer::Startup | Timer::Resend | Timer::Settle | Timer::Grace | Timer::Confirm, _) => {
            }
        }
    }

    /// Our present state, for this server.
    pub(super) fn say(&self, to: ServerId) -> Action {
        let state = match self.state {
            State::Idle | State::Looking | State::Settling => PeerState::Looking,
            State::Decided(decision) => match decision.standing {
                Standing::Leading => PeerState::Leading,
                Standing::Following => PeerState::Following,
                Standing::Observing => PeerState::Observing,
            },
        };
        let format = self.format();
        let vote = self.vote.or_else(|| self.stand_in());
        let notification = Notification { state, vote, round: self.round, format };
        Action::Say { to, notification }
    }

    /// A question to this server: a vote of a round before all rounds, and worse than all votes. A real server that is about
    /// to settle looks for a better vote without regard to its round, and would put that off until it next hears one.
    pub(super) fn ask(&self, to: ServerId) -> Action {
        let (state, round) = (PeerState::Looking, Round::OF_A_QUESTION);
        let vote = self.vote.map(|vote| Vote { epoch: Epoch::OF_NO_CANDIDATE, ..vote });
        let question = Notification { state, vote, round, format: self.format() };
        Action::Ask { to, question }
    }

    /// The form of what we say. An empty member list is never sent: a real server with `standaloneEnabled=false` fails
    /// on it in the one thread that receives, and is deaf from then on (seen with 3.8.0).
    fn format(&self) -> Format {
        if self.config_text.is_empty() {
            return Format::WithoutConfig { version: Format::LAST_WITHOUT_CONFIG };
        }
        Format::Current { version: Notification::VERSION, config: Arc::clone(&self.config_text) }
    }

    pub(super) fn i_am_voter(&self) -> bool {
        self.ensemble.is_voter(self.me)
    }

    pub(super) fn other_voters(&self) -> impl Iterator<Item = ServerId> {
        self.ensemble.voters().filter(|voter| *voter != self.me)
    }

    pub(super) fn reach(&self, peer: ServerId) -> Option<Reach> {
        self.links.get(&peer).copied()
    }

    /// Whether our history was erased. Nobody can tell how much is missing, so we must not help to elect on it, and
    /// only join a leader that was elected without us (ZOOKEEPER-261).
    pub(super) fn is_erased(&self) -> bool {
        self.history.is_erased()
    }

    /// Our own vote as a ballot of this round.
    pub(super) fn ballot(&self) -> Option<Ballot> {
        let vote = self.vote?;
        let state = PeerState::Looking;
        Some(Ballot { state, vote, round: self.round, version: 0 })
    }

    /// What we begin every round with: ourselves, if we may lead and propose ourselves; otherwise nobody.
    pub(super) fn initial_vote(&self) -> Option<Vote> {
        let stands = self.ensemble.may_lead(self.me) && !self.withdrawn;
        stands.then_some(Vote::new(self.history, self.me))
    }

    /// Makes this our vote, and counts it if we have one.
    fn choose(&mut self, vote: Option<Vote>) {
        self.vote = vote;
        let ballot = self.ballot().filter(|_| self.i_am_voter() && !self.is_erased());
        match ballot {
            Some(ballot) => self.tally.record(self.me, ballot),
            None => self.tally.remove(self.me),
        }
    }

    /// Gives up a quorum that a better vote, or a voter's newer word, has overtaken.
    pub(super) fn unsettle(&mut self, out: &mut Vec<Action>) {
        if self.state == State::Settling {
            self.state = State::Looking;
            out.push(Action::ClearTimer(Timer::Settle));
        }
    }

    pub(super) fn say_to_voters(&self, out: &mut Vec<Action>) {
        out.extend(self.other_voters().map(|voter| self.say(voter)));
    }

    /// If we led, says to our observers that we no longer do: no other server says that to them.
    pub(super) fn say_to_former_observers(&mut self, ended: Decision, out: &mut Vec<Action>) {
        if ended.standing != Standing::Leading {
            return;
        }
        let linked = |(id, role)| role == Role::Observer && self.linked.contains(&id);
        let observers: Vec<_> = self.ensemble.members().filter(|member| linked(*member)).collect();
        for (observer, _) in observers {
            out.push(self.say(observer));
            if self.decision().is_none() {
                self.askers.insert(observer);
            }
        }
    }
}
