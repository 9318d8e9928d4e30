//! [`Leadership`]: [`Epochs`], and time: heartbeats, deadlines, and when it is over.

mod following;
mod handover;
pub mod invariants;
mod leading;
mod leasing;
mod real_servers;
mod result;
mod sessions;
mod standing;
#[cfg(test)]
mod tests;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::{
    leasing::{Closing, Promising},
    standing::Standing,
};
use super::{
    Action, Epochs, EpochsAction, EpochsEvent, Event, GiveUp, Identity, LeadershipTiming,
    LearnerWord, LostBecause, Moment, Promise, Reading, Record, Report, SessionId, Stage,
    Successor, Ticket, Timed,
    admission::Doorkeeper,
    lease::{Clocks as _, Lease},
};
use crate::{
    Core, ServerId,
    election::{Epoch, Round, Zxid},
    machine::checked,
    membership::Ensemble,
};

/// One member's part in the leadership of its ensemble: told what happened and when, it answers with what is to be done.
///
/// It knows no clock: a moment comes with every event, and [`next_deadline`](Self::next_deadline) says when the next
/// [`Tick`](Event::Tick) is due at the latest. A deadline is a comparison, the tick only a reason to look.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Leadership {
    me: ServerId,
    ensemble: Arc<Ensemble>,
    timing: LeadershipTiming,
    epochs: Epochs,
    door: Doorkeeper,
    lease: Lease<Reading>,
    /// The promise that is on its way to where it outlives us.
    promising: Option<Promising>,
    last_promise: Ticket,
    /// The last one could not be written.
    cannot_promise: bool,
    /// When it was last looked at, and what the clocks showed then.
    now: Moment,
    reading: Reading,
    result: Option<ElectionResult>,
    /// Who was nominated last, in which round: there is less time to establish that.
    nominated: Option<(ServerId, Round)>,
    reign: Reign,
    /// An epoch of ours that is given up, while its work goes on under its lease.
    closing: Option<Closing>,
    /// As learner: the session with the leader, and when it is dialled next.
    dial: Dial,
    /// As candidate and leader.
    beat: Beat,
    /// When what could not be written is tried again.
    store_again_at: Option<Moment>,
    /// Members that are known to be ours, and not real servers.
    ours: BTreeSet<ServerId>,
    standing: Standing,
    review: Review,
    /// The voters that were last said to be missing.
    told_missing: BTreeSet<ServerId>,
    /// The newest epoch that we have led in or followed.
    newest_reported: Epoch,
    /// We end as soon as we do not lead.
    stopping: bool,
    stopped: bool,
}

/// What the election has decided.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct ElectionResult {
    leader: ServerId,
    round: Round,
    /// By then it has to be established.
    until: Moment,
    /// The election is held again at this moment.
    again_at: Option<Moment>,
    /// It comes of a nomination: there is no more time than that.
    nominated: bool,
}

/// Which epoch people and programs believe in.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
enum Reign {
    #[default]
    None,
    /// Our epoch has begun, and nobody is told: we hold no lease of it yet.
    Unleased {
        epoch: Epoch,
        /// The number of the last ping before it began.
        since: u64,
    },
    Leading {
        epoch: Epoch,
        /// It is given up.
        retiring: Option<Retiring>,
    },
    Following {
        leader: ServerId,
        epoch: Epoch,
    },
}

/// How a leader gives its epoch up.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Retiring {
    /// It is over by then at the latest.
    by: Moment,
    /// Who is to lead next.
    to: Successor,
    /// Why. A member that is stopped meanwhile says that instead.
    cause: LostBecause,
}

/// The session of a learner with its leader.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
struct Dial {
    session: Option<SessionId>,
    last: u64,
    failures: u32,
    again_at: Option<Moment>,
    /// When something was last heard of the leader.
    heard: Moment,
    /// After a time in which we did not run ourselves: the leader is not given up before.
    patience: Moment,
    /// When the leader last said that it waits for others.
    waiting: Option<Moment>,
}

impl Dial {
    /// The id of a session that was never used.
    fn next_session(&mut self) -> SessionId {
        self.last += 1;
        SessionId::Dialled(self.last)
    }
}

/// A voter that has met a real server sees from time to time whether there is one.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
struct Review {
    /// When it does so next.
    at: Option<Moment>,
    /// How often it has since it met one.
    times: u32,
    /// The leader that it has asked last, and the session with it.
    asked: Option<(SessionId, ServerId)>,
}

/// The heartbeats of a leader.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Beat {
    next: Option<Moment>,
    /// When the pings were sent that no quorum has answered yet.
    sent: BTreeMap<u64, (Moment, Reading)>,
    /// The sending of the newest ping that a quorum has answered.
    quorum_heard: Moment,
    /// What the clocks showed then.
    heard_reading: Reading,
}

impl Core for Leadership {
    type Event = Timed;
    type Action = Action;

    fn handle(&mut self, event: Timed, out: &mut Vec<Action>) {
        // Its epochs check themselves.
        checked(self, event, out, Self::decide_on, invariants::first_broken_of_its_own);
    }
}

impl Leadership {
    /// A member that has this record on disk, and is bound by this promise.
    pub fn new(
        me: ServerId,
        ensemble: Arc<Ensemble>,
        identity: Arc<Identity>,
        timing: LeadershipTiming,
        zxid: Zxid,
        record: Record,
        promise: Option<Promise<Reading>>,
    ) -> Self {
        let door = Doorkeeper::new(me, Arc::clone(&ensemble), Arc::clone(&identity));
        let epochs = Epochs::new(me, Arc::clone(&ensemble), identity, zxid, record);
        Self {
            me,
            ensemble,
            timing,
            epochs,
            door,
            lease: Lease::new(promise),
            promising: None,
            last_promise: Ticket::default(),
            cannot_promise: false,
            now: Moment::default(),
            reading: Reading::default(),
            result: None,
            nominated: None,
            reign: Reign::None,
            closing: None,
            dial: Dial::default(),
            beat: Beat::default(),
            store_again_at: None,
            ours: BTreeSet::new(),
            standing: Standing::default(),
            review: Review::default(),
            told_missing: BTreeSet::new(),
            newest_reported: Epoch::default(),
            stopping: false,
            stopped: false,
        }
    }

    fn decide_on(&mut self, Timed { at, reading, event }: Timed, out: &mut Vec<Action>) {
        if self.stopped {
            return;
        }
        if let Event::WorkGoesOn(true) = event {
            // It has begun, whatever the clock shows by now.
            self.work(true, out);
        }
        self.note_the_time(at, reading, out);
        self.check_bond(out);
        match event {
            Event::Elected { leader, round } => self.elected(leader, round, out),
            Event::Unelected => self.unelected(out),
            Event::Arrived { session, info, from } => self.arrived(session, info, from, out),
            Event::LearnerSaid { session, word } => self.learner_said(session, word, out),
            Event::LeaderSaid { session, word } => self.leader_said(session, word, out),
            Event::Alive { session } => self.alive(session),
            Event::DialFailed { session, refused } => self.dial_failed(session, refused, out),
            Event::Ended { session } => self.ended(session, out),
            Event::Stored { ticket } => self.pass(EpochsEvent::Stored { ticket }, out),
            Event::StoreFailed { ticket } => self.pass(EpochsEvent::StoreFailed { ticket }, out),
            Event::Promised { ticket } => self.promised(ticket, out),
            Event::PromiseFailed { ticket } => self.promise_failed(ticket, out),
            Event::WorkGoesOn(false) => self.work(false, out),
            Event::Resign { to, within } => self.resign(to, within, out),
            Event::Unhealthy { within } => {
                self.retire(Successor::Any, within, LostBecause::Unhealthy, out);
            }
            Event::Willing(willing) => self.set_willing(willing, out),
            Event::Stop { within } => {
                self.stopping = true;
                self.retire(Successor::Any, within, LostBecause::Stopped, out);
            }
            Event::Confirm => self.confirm(),
            Event::WorkGoesOn(true) | Event::Tick => {}
        }
        self.end_if_stopping(out);
        if !self.stopped {
            // Who is free now may begin an epoch, and its first ping is due at once.
            self.check_bond(out);
            self.look_at_the_clock(out);
            self.check_bond(out);
            self.end_if_stopping(out);
        }
    }

    /// When it has to look at the clock next.
    pub fn next_deadline(&self) -> Option<Moment> {
        if self.stopped {
            return None;
        }
        let result =
            self.result.and_then(|result| result.again_at.or_else(|| self.establish_by(result)));
        let of_learner = [self.dial.again_at, self.looks_after_leader_at()];
        let of_leader = [self.beat.next, self.quorum_silent_at(), self.retires_by()];
        let of_lease = [self.lease_due_at(), self.free_at()];
        let others = [result, self.store_again_at, self.standing.held_off_until, self.review.at];
        let of_all = of_learner.into_iter().chain(of_leader).chain(of_lease).chain(others);
        of_all.flatten().min()
    }

    /// Time has passed. A leader that was held up for too long has lost its epoch, whatever it hears now.
    fn note_the_time(&mut self, at: Moment, reading: Reading, out: &mut Vec<Action>) {
        let was = self.now;
        self.now = was.max(at);
        self.reading = self.reading.later(reading);
        self.check_lease(out);
        // We did not run for so long that what the leader said may not have been read.
        if self.now.since(was) > self.timing.silence / 2 {
            self.dial.patience = self.now.plus(self.timing.ping);
        }
        if self.quorum_silent_at().is_some_and(|silent| silent <= self.now) {
            self.lose(LostBecause::QuorumLost, out);
            self.look_again(false, out);
        }
    }

    fn look_at_the_clock(&mut self, out: &mut Vec<Action>) {
        let due = |deadline: Option<Moment>| deadline.is_some_and(|at| at <= self.now);
        let (hold_off, retires) = (due(self.standing.held_off_until), due(self.retires_by()));
        let (redial, silent) = (due(self.dial.again_at), due(self.leader_silent_at()));
        let (beat, store) = (due(self.beat.next), due(self.store_again_at));
        if due(self.review.at) {
            self.review(out);
        }
        if hold_off {
            self.standing.held_off_until = None;
            self.tell_standing(out);
        }
        if retires {
            self.finish_retiring(out);
        }
        if silent {
            self.lose(LostBecause::Silence, out);
            self.look_again(true, out);
        } else if redial {
            self.dial_leader(out);
        }
        if beat {
            self.beat(out);
        }
        if store {
            self.store_again_at = None;
            self.pass(EpochsEvent::StoreAgain, out);
        }
        self.check_result(out);
    }

    /// Takes back what was reported, if anything was.
    fn lose(&mut self, cause: LostBecause, out: &mut Vec<Action>) {
        match std::mem::take(&mut self.reign) {
            Reign::None => return,
            Reign::Unleased { .. } => self.lease.give_up(),
            Reign::Following { epoch, .. } => {
                out.push(Action::Report(Report::Lost { epoch, cause }));
            }
            Reign::Leading { epoch, retiring } => {
                let goes_on = self.epochs.work_goes_on() && self.lease.left(self.reading).is_some();
                if goes_on {
                    // Nobody else leads before the lease is over: the work has that long to end.
                    if retiring.is_none() {
                        out.push(Action::Report(Report::Retiring { epoch, cause }));
                    }
                    let by = retiring.map(|retiring| retiring.by);
                    self.closing = Some(Closing { epoch, cause, by });
                } else {
                    self.end(epoch, cause, out);
                }
            }
        }
        self.tell_standing(out);
    }

    /// However an epoch in which we led has ended: nothing holds the end up any more.
    fn end_if_stopping(&mut self, out: &mut Vec<Action>) {
        let leads = self.leads_in().is_some() || self.closing.is_some();
        if !self.stopping || self.stopped || leads {
            return;
        }
        self.lose(LostBecause::Stopped, out);
        self.forget_result(out);
        self.stopped = true;
        out.push(Action::Stopped);
    }

    /// Lets the epochs take something in, and does what they ask for.
    fn pass(&mut self, event: EpochsEvent, out: &mut Vec<Action>) {
        let waited = self.epochs.stage() == Stage::Discovering;
        let current = self.epochs.record().current;
        let actions = self.epochs.actions_on(event);
        if waited && self.epochs.stage() != Stage::Discovering {
            self.begin_to_establish();
        }
        if self.epochs.record().current > current {
            out.push(Action::EpochStored(self.epochs.record().current));
        }
        for action in actions {
            match action {
                EpochsAction::Tell { session, word } => out.push(Action::Tell { session, word }),
                EpochsAction::Say { session, mut word } => {
                    match &mut word {
                        LearnerWord::AckEpoch { bond, .. } => *bond = self.bond(),
                        LearnerWord::Pong { stands, .. } => *stands = !self.standing.withdrawn,
                        LearnerWord::Info(_)
                        | LearnerWord::Ack { .. }
                        | LearnerWord::HasEnded { .. }
                        | LearnerWord::Other => {}
                    }
                    out.push(Action::Say { session, word });
                }
                EpochsAction::Close { session } => {
                    self.door.left(session);
                    out.push(Action::Close { session });
                }
                EpochsAction::Store { ticket, record } => {
                    out.push(Action::Store { ticket, record });
                }
                EpochsAction::Began { epoch } => self.began(epoch, out),
                EpochsAction::Follows { leader, epoch, counts } => {
                    self.follows(leader, epoch, counts, out);
                }
                EpochsAction::GiveUp(why) => self.gave_up(why, out),
                EpochsAction::Recorded => {
                    let Record { current, longest_promise, .. } = self.epochs.record();
                    self.lease.bind_to_forgotten(current, longest_promise, self.reading);
                    out.push(Action::Report(Report::Recorded));
                }
            }
        }
        if self.epochs.is_unable_to_store() {
            let retry = self.now.plus(self.timing.retry);
            self.store_again_at.get_or_insert(retry);
        }
    }

    /// Nothing has come of the result of the election.
    fn gave_up(&mut self, why: GiveUp, out: &mut Vec<Action>) {
        let Some(result) = self.result else { return };
        let (at_once, cause) = match &why {
            GiveUp::Released { nomination: Some(nomination), .. } => {
                self.lose(LostBecause::LeaderLost, out);
                return self.settle_on(*nomination, out);
            }
            GiveUp::Overtaken { .. } => (true, LostBecause::Superseded),
            // A leader that cannot write does not stand any more: others lead as soon as it looks.
            GiveUp::Disk | GiveUp::Released { .. } => (true, LostBecause::LeaderLost),
            GiveUp::RealLeader => {
                return self.met_real_server(result.leader, out);
            }
            GiveUp::NoEpochLeft
            | GiveUp::OldLeader { .. }
            | GiveUp::OtherEnsemble { .. }
            | GiveUp::Refused { .. }
            | GiveUp::Misfit => (false, LostBecause::LeaderLost),
        };
        let cannot_lead = why == GiveUp::Disk;
        if !matches!(why, GiveUp::Released { .. }) {
            out.push(Action::Report(Report::GaveUp { leader: result.leader, why }));
        }
        self.lose(cause, out);
        if cannot_lead {
            self.hold_off(out);
        }
        if at_once { self.look_again(false, out) } else { self.look_later(out) }
    }
}
