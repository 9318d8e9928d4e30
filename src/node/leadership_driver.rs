//! [`LeadershipDriver`]: the actor around the [`Leadership`].
//!
//! It turns what the star, the store and the elector report into events of the core, and the core's actions into packets,
//! stores, orders for the elector and news for the herald. Programs that wait to lead wait here.

mod disk;
mod measures;
mod words;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use ballotbox_actors::{
    DialError, StarAddress, StarEvent, StarHeard,
    kit::{Actor, Address, Mailbox, Wake, clock},
};
use ballotbox_core::{
    Sparingly,
    leadership::{
        Action, CannotResign, Event, LeaderWord, Leadership, LeadershipTiming, LearnerWord, Moment,
        RefusalKind, Report, SessionId, Stage, Successor, Timed, WordError, lease::Clocks as _,
    },
    wire::QuorumPacket,
};

use self::{
    disk::Ordered,
    measures::Measures,
    words::{Words, add},
};
use super::{
    LeadershipStatus, NodeEvent, StoreRemark,
    answers::Answers,
    deadline::Deadline,
    elector::{BURST_MAX, ElectorMsg},
    herald::HeraldMsg,
    leadership::{DriverMsg, LeadMsg, Order, Tenure},
    store::{PromiseMsg, StoreMsg, WorkHold},
};
use crate::chronicle::{self, Note};

/// Work that is killed at the last moment has this long to be gone, and to be known to be.
const DYING: Duration = Duration::from_millis(250);

/// Runs the leadership of one node.
#[derive(Debug)]
pub(super) struct LeadershipDriver {
    core: Leadership,
    started: Instant,
    star: StarAddress,
    store: Address<StoreMsg>,
    promises: Address<PromiseMsg>,
    elector: Address<ElectorMsg>,
    herald: Address<HeraldMsg>,
    /// Those who wait to lead, and the one that does.
    tenure: Tenure,
    timing: LeadershipTiming,
    /// Words that were no words, of the leader, and of all learners together.
    malformed: BTreeMap<bool, Sparingly>,
    turned_away: BTreeMap<RefusalKind, Sparingly>,
    /// Attempts to reach a leader that have failed.
    unreached: Sparingly,
    events: Vec<(Instant, NodeEvent)>,
    /// What was not told to the chronicle yet.
    notes: Vec<(Instant, Note)>,
    /// What the herald was last told.
    told: Arc<LeadershipStatus>,
    status: LeadershipStatus,
    looking_since: Option<Instant>,
    /// Until when the leader that we follow is not given up.
    followed: Deadline,
    measures: Measures,
    ordered: Ordered,
}

/// The others that a driver talks to.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) star: StarAddress,
    pub(super) store: Address<StoreMsg>,
    pub(super) promises: Address<PromiseMsg>,
    pub(super) elector: Address<ElectorMsg>,
    pub(super) herald: Address<HeraldMsg>,
}

impl LeadershipDriver {
    pub(super) fn new(
        core: Leadership,
        timing: LeadershipTiming,
        work: Option<WorkHold>,
        mut status: LeadershipStatus,
        remarks: Vec<StoreRemark>,
        myself: Address<DriverMsg>,
        surroundings: Surroundings,
    ) -> Self {
        let Surroundings { star, store, promises, elector, herald } = surroundings;
        let started = clock::now();
        status.answers = Answers::of(core.ensemble().voters().filter(|voter| *voter != core.me()));
        status.drift_ppm = core.epochs().drift_ppm();
        let measures = Measures::new(status.answers.clone());
        let tenure = Tenure::new(core.me(), myself, timing.lease.is_some(), work);
        Self {
            core,
            started,
            star,
            store,
            promises,
            elector,
            herald,
            tenure,
            timing,
            malformed: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            unreached: Sparingly::default(),
            events: remarks
                .into_iter()
                .map(|remark| (started, NodeEvent::Directory { remark }))
                .collect(),
            notes: Vec::new(),
            told: Arc::default(),
            status,
            looking_since: None,
            followed: Deadline::default(),
            measures,
            ordered: Ordered::default(),
        }
    }
}

impl Actor for LeadershipDriver {
    type Msg = DriverMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<DriverMsg>) -> Result<(), Infallible> {
        if self.tenure.work_goes_on() {
            self.decide(Event::WorkGoesOn(true));
        }
        self.tell_herald();
        let mut burst = 0;
        while !self.core.has_stopped() {
            match mailbox.next_until(self.deadline()).await {
                Wake::Told(message) => self.hear(message),
                Wake::Closed => self.decide(Event::Stop { within: Duration::ZERO }),
                Wake::Due => self.decide(Event::Tick),
            }
            burst += 1;
            if burst >= BURST_MAX || mailbox.is_empty() {
                burst = 0;
                self.tell_herald();
            }
        }
        self.tell_herald();
        Ok(())
    }
}

impl LeadershipDriver {
    fn hear(&mut self, message: DriverMsg) {
        match message {
            DriverMsg::Heard(StarHeard { session, packet }) => self.hear_packet(session, &packet),
            DriverMsg::Star(event) => self.hear_star(event),
            DriverMsg::Store(report) => self.hear_of_record(report),
            DriverMsg::Promises(report) => self.hear_of_promise(report),
            DriverMsg::Looking => {
                self.looking_since.get_or_insert_with(clock::now);
                self.decide(Event::Unelected);
            }
            DriverMsg::Elected { leader, round } => self.decide(Event::Elected { leader, round }),
            DriverMsg::Lead(message) => self.hear_program(message),
            DriverMsg::Resign(order) => self.resign(order),
            DriverMsg::Answer { reply } => drop(reply.tell(())),
            DriverMsg::Stop => {
                self.decide(Event::Stop { within: self.end_within() });
            }
        }
    }

    fn hear_star(&mut self, event: StarEvent) {
        match event {
            StarEvent::Arrived { session, first, from } => {
                match LearnerWord::from_packet(&first.packet) {
                    Ok(LearnerWord::Info(info)) => {
                        self.decide(Event::Arrived { session, info, from: Some(from) });
                    }
                    Ok(
                        LearnerWord::AckEpoch { .. }
                        | LearnerWord::Ack { .. }
                        | LearnerWord::Pong { .. }
                        | LearnerWord::HasEnded { .. }
                        | LearnerWord::Other,
                    ) => self.star.close(session),
                    Err(error) => {
                        self.note_malformed(session, error);
                        self.star.close(session);
                    }
                }
            }
            // Our introduction was said with the dial.
            StarEvent::Dialled { .. } => {}
            StarEvent::DialFailed { session, error } => {
                let refused = error.is_refused();
                // Of one of ours that is gone the election says so, too.
                if !refused || self.core.is_refused_for_long() {
                    self.note_unreached(&error);
                }
                self.decide(Event::DialFailed { session, refused });
            }
            StarEvent::Alive { session } => self.decide(Event::Alive { session }),
            StarEvent::Ended { session, .. } => self.decide(Event::Ended { session }),
        }
    }

    fn hear_packet(&mut self, session: SessionId, packet: &QuorumPacket) {
        let event = match session {
            SessionId::Accepted(_) => {
                LearnerWord::from_packet(packet).map(|word| Event::LearnerSaid { session, word })
            }
            SessionId::Dialled(_) => {
                LeaderWord::from_packet(packet).map(|word| Event::LeaderSaid { session, word })
            }
        };
        match event {
            Ok(event) => self.decide(event),
            Err(error) => {
                self.note_malformed(session, error);
                self.star.close(session);
                self.decide(Event::Ended { session });
            }
        }
    }

    fn hear_program(&mut self, message: LeadMsg) {
        match message {
            LeadMsg::Wait { reply } => {
                self.tenure.wait(reply);
                // First of all, whether it is over by now.
                self.decide(Event::Tick);
                self.hand_out();
            }
            LeadMsg::Confirm { epoch, reply } => {
                if self.core.leads_in() == Some(epoch) {
                    let (pings, _) = self.core.pings();
                    self.tenure.confirm(pings + 1, reply);
                    self.decide(Event::Confirm);
                }
            }
            LeadMsg::Dropped { epoch } => {
                if self.tenure.dropped(epoch) {
                    self.decide(Event::WorkGoesOn(false));
                    if self.core.leads_in() == Some(epoch) {
                        let (to, within) = (Successor::Any, Duration::ZERO);
                        self.decide(Event::Resign { to, within });
                    }
                }
            }
            LeadMsg::Unhealthy { epoch } => {
                if self.core.leads_in() == Some(epoch) {
                    self.decide(Event::Unhealthy { within: self.end_within() });
                }
            }
            LeadMsg::Willing(willing) => self.decide(Event::Willing(willing)),
            LeadMsg::Work(work) => self.status.work = Some(work),
        }
    }

    /// Somebody asks us to give our epoch up: that is answered at once, whatever we do.
    fn resign(&mut self, Order { to, within, epoch, reply }: Order) {
        // First of all, whether it is over by now.
        self.decide(Event::Tick);
        let led = self.core.leads_in();
        let refused = match (epoch.filter(|epoch| led != Some(*epoch)), led) {
            (Some(epoch), _) => Err(CannotResign::HasLost { epoch }),
            (None, led) => match self.core.cannot_resign(to) {
                Some(why) => Err(why),
                None => led.ok_or(CannotResign::NobodyLeads),
            },
        };
        if let Some(reply) = reply {
            let _ = reply.tell(refused);
        }
        if refused.is_ok() {
            let within = within.unwrap_or_else(|| self.end_within());
            self.decide(Event::Resign { to, within });
        }
    }

    /// How long work may take to end that nothing hurries, and to be known to have.
    fn end_within(&self) -> Duration {
        self.timing.end_within() + DYING
    }

    /// If we lead, and somebody waits to, it begins its work.
    fn hand_out(&mut self) {
        if self.core.is_retiring() {
            return;
        }
        if let Some((epoch, until)) = self.core.leads() {
            self.tenure.extend(until);
            if self.tenure.hand_out(epoch) {
                self.decide(Event::WorkGoesOn(true));
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment(clock::now().saturating_duration_since(self.started))
    }

    fn decide(&mut self, event: Event) {
        let now = clock::now();
        let at = Moment(now.saturating_duration_since(self.started));
        let reading = clock::reading();
        self.measure(&event, at, reading);
        self.look_at_disk(at);
        let mut notes = Vec::new();
        let timed = Timed { at, reading, event };
        let actions = chronicle::lead(&mut self.core, timed, &mut notes);
        self.notes.extend(notes.into_iter().map(|note| (now, note)));
        let mut words = Vec::new();
        for action in actions {
            self.perform(action, &mut words);
        }
        self.say(&mut words);
        if let Some((_, until)) = self.core.leads() {
            self.tenure.extend(until);
            self.tenure.answered(self.core.pings().1);
        }
        match self.core.leader_silent_at() {
            Some(silent) => self.followed.set(reading.plus(silent.since(at))),
            None => self.followed.end(),
        }
    }

    fn perform(&mut self, action: Action, words: &mut Words) {
        match action {
            Action::Dial { session, leader, info } => {
                if let Some(first) = LearnerWord::Info(info).to_packet() {
                    self.star.dial(session, leader, first);
                }
            }
            Action::Tell { session, word } => {
                self.measures.note_said(&word);
                add(words, session, word.to_packet());
            }
            Action::Say { session, word } => add(words, session, word.to_packet()),
            Action::Close { session } => {
                self.say(words);
                self.star.close(session);
            }
            Action::Store { ticket, record } => {
                self.ordered.record.order(ticket, self.moment());
                let _ = self.store.tell(StoreMsg::Store { ticket, record });
            }
            Action::Promise { ticket, promise } => {
                self.ordered.promise.order(ticket, self.moment());
                let _ = self.promises.tell(PromiseMsg::Keep { ticket, promise });
            }
            Action::Established { leader, round, epoch } => {
                self.order(ElectorMsg::Established { leader, round, epoch });
            }
            Action::LookAgain { leader, round, gone } => {
                self.order(ElectorMsg::LookAgain { leader, round, gone });
            }
            Action::Nominated { leader, round, nomination } => {
                self.order(ElectorMsg::Nominated { leader, round, nomination });
            }
            Action::EpochStored(epoch) => self.order(ElectorMsg::EpochStored(epoch)),
            Action::Stand(stands) => self.order(ElectorMsg::Stand(stands)),
            Action::Report(report) => self.report(report),
            Action::Stopped => {}
        }
    }

    /// Sends what was said on each session with one write.
    fn say(&self, words: &mut Words) {
        for (session, packets) in words.drain(..) {
            self.star.say(session, packets);
        }
    }

    fn order(&self, order: ElectorMsg) {
        let _ = self.elector.tell(order);
    }

    fn report(&mut self, report: Report) {
        let event = match report {
            Report::Leading { epoch } => {
                let (took, lease) = (self.took(), self.timing.lease.map(|lease| lease.length));
                self.note(NodeEvent::Leading { epoch, took, lease });
                return self.hand_out();
            }
            Report::Following { leader, epoch, counts } => {
                let took = self.took();
                NodeEvent::Following { leader, epoch, counts, took }
            }
            Report::Retiring { epoch, cause } => {
                self.tenure.end_work(cause);
                NodeEvent::Retiring { epoch, cause }
            }
            Report::WithoutLease { epoch, missing } => NodeEvent::WithoutLease { epoch, missing },
            Report::Bound { peer, to, rest } => NodeEvent::Bound { peer, to, rest },
            // The others tell whom they elect.
            Report::HandedOver { .. } => return,
            Report::Lost { epoch, cause } => {
                self.tenure.lose(cause);
                self.measures.forget_answers();
                self.looking_since = Some(clock::now());
                NodeEvent::Lost { epoch, cause }
            }
            Report::Waiting { leader, missing } => NodeEvent::WaitingFor { leader, missing },
            Report::TurnedAway { peer, from, refusal } => {
                let Some(times) = self.turned_away.entry(refusal.kind()).or_default().count()
                else {
                    return;
                };
                NodeEvent::LearnerTurnedAway { peer, from, refusal, times }
            }
            Report::GaveUp { leader, why } => NodeEvent::GaveUp { leader, why },
            Report::BegunByAll { epoch, amnesiacs } => NodeEvent::BegunByAll { epoch, amnesiacs },
            Report::NotEstablished { leader } => NodeEvent::NotEstablished { leader },
            Report::BesideRealServer { peer } => NodeEvent::BesideRealServer { peer },
            Report::Recorded => NodeEvent::Recorded,
        };
        self.note(event);
    }

    /// How long it took, since we began to look.
    fn took(&mut self) -> Duration {
        let since = self.looking_since.take();
        since.map(|since| clock::now().saturating_duration_since(since)).unwrap_or_default()
    }

    fn note_malformed(&mut self, session: SessionId, error: WordError) {
        let from_leader = matches!(session, SessionId::Dialled(_));
        if let Some(times) = self.malformed.entry(from_leader).or_default().count() {
            self.note(NodeEvent::MalformedPacket { from_leader, error, times });
        }
    }

    fn note_unreached(&mut self, error: &DialError) {
        let Stage::Joining { leader } = self.core.stage() else { return };
        if let Some(times) = self.unreached.count() {
            let error = error.clone();
            self.note(NodeEvent::LeaderUnreached { leader, error, times });
        }
    }

    fn note(&mut self, event: NodeEvent) {
        self.events.push((clock::now(), event));
    }

    fn deadline(&self) -> Option<Instant> {
        self.core.next_deadline().map(|at| self.started + at.0)
    }

    fn tell_herald(&mut self) {
        self.status.update(&self.core, self.tenure.valid(), &self.followed);
        if !self.events.is_empty() || !self.notes.is_empty() || self.status != *self.told {
            self.told = Arc::new(self.status.clone());
            let events = std::mem::take(&mut self.events);
            let notes = std::mem::take(&mut self.notes);
            let status = Arc::clone(&self.told);
            let _ = self.herald.tell(HeraldMsg::Leadership { events, notes, status });
        }
    }
}

#[cfg(test)]
mod tests;
