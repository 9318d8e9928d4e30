//! Voters with the production [`Leadership`], the work of those that lead, and the sessions between them.
//!
//! Disks answer at once, and all clocks show true time: slow disks are looked at with epochs, and clocks of several
//! paces with leases. What is said on a session arrives in its order, whenever it likes, or not, as the session is over. The elections
//! are played: who looks is told of any leader, and who is nominated is elected by those who hear of that.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use ballotbox_core::{
    Backoff, Core, ServerId,
    election::{Epoch, Round, Zxid},
    leadership::{
        Action, DirectoryId, EnsembleId, Event, Identity, Incarnation, Leadership,
        LeadershipTiming, LeaseTerms, Moment, Promise, Reading, Record, Report, SessionId, Stage,
        Successor, Timed,
        lease::{Bound, Restart},
    },
};

use super::{judge::Book, sessions::Session, weak::Weakness};
use crate::members::{VOTERS, ensemble, id, place};

/// What is broken where a core breaks a rule of its own.
const RULES_OF_THE_CORE: &str = "the rules of the core";

const SECOND: Duration = Duration::from_secs(1);

const MOMENT: Duration = Duration::from_millis(100);

/// A lease, and the promise behind it.
const LEASE: LeaseTerms = LeaseTerms { length: Duration::from_secs(4), drift_ppm: 0 };

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Left {
    /// A leader is asked to give its epoch up.
    pub(super) resigns: u16,
    /// A voter is stopped in good order.
    pub(super) stops: u16,
    /// A voter is told who is elected, or that nobody is any more, though nobody was nominated.
    pub(super) elections: u16,
    /// What a leader has said at the end of an epoch is heard once more, on whatever session there is with it.
    pub(super) repeats: u16,
    /// A session ends by itself.
    pub(super) breaks: u16,
    /// A process is killed, with its work, and starts again.
    pub(super) crashes: u16,
    /// A second passes.
    pub(super) seconds: u16,
    /// A tenth of it does, after which somebody is dialled again.
    pub(super) moments: u16,
}

impl Left {
    /// Anything may, as often as it likes.
    pub(super) const FREE: Self = Self {
        resigns: u16::MAX,
        stops: 1,
        elections: u16::MAX,
        repeats: u16::MAX,
        breaks: u16::MAX,
        crashes: u16::MAX,
        seconds: u16::MAX,
        moments: u16::MAX,
    };
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Voter {
    pub(super) core: Leadership,
    pub(super) incarnation: u64,
    disk: Record,
    /// The last promise, where it outlives the process.
    kept: Option<Promise<Reading>>,
    /// The round of the last election that it knows of, and whether its result stands.
    pub(super) round: i64,
    pub(super) is_settled: bool,
    pub(super) work: Option<Work>,
    pub(super) has_stopped: bool,
}

/// What goes on only while a voter leads.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Work {
    pub(super) epoch: Epoch,
    /// It was told to end.
    pub(super) is_told: bool,
    /// Then it is killed: its guard was told how long the lease runs.
    until: Moment,
    /// Its leader was told that it has ended.
    pub(super) is_denied: bool,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct State {
    /// True time.
    pub(super) now: Moment,
    pub(super) voters: [Arc<Voter>; VOTERS],
    /// By learner, and by what it calls them.
    pub(super) sessions: BTreeMap<(usize, u64), Arc<Session>>,
    pub(super) book: Book,
    pub(super) left: Left,
    pub(super) weakness: Weakness,
    /// The rule that was broken.
    pub(super) broken: Option<&'static str>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The leader of a session hears what its learner says next.
    LeaderHears {
        session: (usize, u64),
    },
    LearnerHears {
        session: (usize, u64),
    },
    /// The leader of a session hears that it is over.
    LeaderLoses {
        session: (usize, u64),
    },
    LearnerLoses {
        session: (usize, u64),
    },
    /// A leader is to give its epoch up, in favour of this one or of any that can.
    Resign {
        leader: usize,
        to: Option<usize>,
    },
    Stop {
        voter: usize,
    },
    WorkEnds {
        voter: usize,
    },
    /// A voter that looks is told that this one is elected.
    Elect {
        voter: usize,
        leader: usize,
    },
    /// A voter is told that nobody is.
    Unelect {
        voter: usize,
    },
    /// This voter hears once more how an epoch of its leader has ended.
    Repeat {
        voter: usize,
        epoch: Epoch,
    },
    Crash {
        voter: usize,
    },
    TimePasses,
    Moment,
    /// A weakened rule: the leader is told that its work has ended, and it has not.
    Deny {
        voter: usize,
    },
}

/// Three pings may be lost.
fn timing() -> LeadershipTiming {
    LeadershipTiming {
        ping: SECOND,
        silence: 3 * SECOND,
        redial: Backoff { min: MOMENT, max: MOMENT, attempts_max: None },
        lease: Some(LEASE),
        stop_within: Some(SECOND),
        ..LeadershipTiming::default()
    }
}

/// All clocks show true time.
fn reading(now: Moment) -> Reading {
    Reading { boot: now.0, raw: now.0 }
}

impl Voter {
    fn new(
        voter: usize,
        incarnation: u64,
        disk: Record,
        kept: Option<Promise<Reading>>,
        now: Moment,
    ) -> Self {
        let directory = DirectoryId(voter as u64 + 1);
        let restart = Restart {
            me: id(voter),
            directory,
            current: disk.current,
            longest_promise: disk.longest_promise,
            promise: kept,
            // Who is killed takes its work along.
            work_goes_on: false,
        };
        let Bound { promise, ended } = restart.bound(reading(now));
        let identity = Identity {
            directory,
            incarnation: Incarnation(incarnation),
            new_ensemble: false,
            epoch_floor: Epoch(0),
            ensemble_name: "".into(),
            members: "".into(),
            drawn: EnsembleId(1),
            ended,
            lease: timing().lease,
            drift_ppm: LEASE.drift_ppm,
        };
        let core = Leadership::new(
            id(voter),
            Arc::clone(ensemble()),
            Arc::new(identity),
            timing(),
            Zxid(0),
            disk,
            promise,
        );
        let (round, is_settled, work, has_stopped) = (0, false, None, false);
        Self { core, incarnation, disk, kept, round, is_settled, work, has_stopped }
    }
}

impl State {
    /// The first voter leads the others, who have answered its last ping, and its work goes on. If it leads again, it has handed
    /// over to the second before, and that one to it.
    pub(super) fn led(again: bool, left: Left, weakness: Weakness) -> Self {
        let (recorded, confirmed) = (true, true);
        let ensemble = Some(EnsembleId(1));
        let record = Record { recorded, confirmed, ensemble, ..Record::default() };
        let mut state = Self {
            now: Moment::default(),
            voters: std::array::from_fn(|voter| {
                Arc::new(Voter::new(voter, 1, record, None, Moment::default()))
            }),
            sessions: BTreeMap::new(),
            book: Book::default(),
            left: Left { elections: 3, resigns: 2, seconds: 9, moments: 9, ..Left::default() },
            weakness: Weakness::None,
            broken: None,
        };
        (0..VOTERS).for_each(|voter| state.take(Step::Elect { voter, leader: 0 }));
        state.lead_for_a_while(0, 1);
        if again {
            for (leader, to) in [(0, 1), (1, 0)] {
                state.take(Step::Resign { leader, to: Some(to) });
                state.take(Step::WorkEnds { voter: leader });
                // Who has resigned stands again after two seconds.
                state.lead_for_a_while(to, 3);
            }
        }
        Self { left, weakness, ..state }
    }

    fn lead_for_a_while(&mut self, leader: usize, seconds: u8) {
        self.settle();
        for _ in 0..seconds {
            self.take(Step::TimePasses);
            self.settle();
        }
        let works = self.voters[leader].work.is_some();
        assert!(works && self.all_follow() && self.broken.is_none(), "{:?}", self.broken);
    }

    pub(super) fn voter(&mut self, voter: usize) -> &mut Voter {
        Arc::make_mut(&mut self.voters[voter])
    }

    /// The epoch that this voter leads in, unless it is over.
    pub(super) fn leads(&self, voter: usize) -> Option<Epoch> {
        self.voters[voter].core.leads_in()
    }

    /// Whether this voter has been elected, and believes it.
    pub(super) fn is_elected(&self, voter: usize) -> bool {
        match self.voters[voter].core.stage() {
            Stage::Discovering
            | Stage::Announcing { .. }
            | Stage::Synchronising { .. }
            | Stage::Leading { .. } => true,
            Stage::Looking | Stage::Joining { .. } | Stage::Following { .. } => false,
        }
    }

    /// Whether one leads, and all others follow it.
    pub(super) fn all_follow(&self) -> bool {
        let mut running = self.voters.iter().filter(|voter| !voter.has_stopped);
        let first = running.next().and_then(|voter| voter.core.established());
        let leads = first.is_some_and(|(leader, epoch)| self.leads(place(leader)) == Some(epoch));
        leads && running.all(|voter| voter.core.established() == first)
    }

    /// Takes a step. One that is not possible changes nothing.
    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::LeaderHears { session } => self.leader_hears(session),
            Step::LearnerHears { session } => self.learner_hears(session),
            Step::LeaderLoses { session } => self.leader_loses(session),
            Step::LearnerLoses { session } => self.learner_loses(session),
            Step::Resign { leader, to } => {
                self.left.resigns -= 1;
                let to = to.map_or(Successor::Any, |to| Successor::To(id(to)));
                self.tell(leader, Event::Resign { to, within: SECOND });
            }
            Step::Stop { voter } => {
                self.left.stops -= 1;
                self.tell(voter, Event::Stop { within: SECOND });
            }
            Step::WorkEnds { voter } => self.work_ends(voter),
            Step::Elect { voter, leader } => {
                self.left.elections -= 1;
                let round = self.voters[voter].round + 1;
                self.elect(voter, id(leader), round);
            }
            Step::Unelect { voter } => {
                self.left.elections -= 1;
                self.voter(voter).is_settled = false;
                self.tell(voter, Event::Unelected);
            }
            Step::Repeat { voter, epoch } => {
                self.left.repeats -= 1;
                self.repeat(voter, epoch);
            }
            Step::Crash { voter } => {
                self.left.crashes -= 1;
                self.crash(voter);
            }
            Step::TimePasses => {
                self.left.seconds -= 1;
                self.time_passes(SECOND);
            }
            Step::Moment => {
                self.left.moments -= 1;
                self.time_passes(MOMENT);
            }
            Step::Deny { voter } => {
                if let Some(work) = &mut self.voter(voter).work {
                    work.is_denied = true;
                }
                self.tell(voter, Event::WorkGoesOn(false));
            }
        }
        self.judge_works();
        self.sessions.retain(|_, session| !(session.learner_left && session.leader_left));
    }

    fn elect(&mut self, voter: usize, leader: ServerId, round: i64) {
        let this = self.voter(voter);
        (this.round, this.is_settled) = (round, true);
        self.tell(voter, Event::Elected { leader, round: Round(round) });
    }

    fn work_ends(&mut self, voter: usize) {
        let work = self.voter(voter).work.take();
        if work.is_some_and(|work| !work.is_denied) {
            self.tell(voter, Event::WorkGoesOn(false));
        }
    }

    /// Work is killed when its lease is over; whatever its leader does comes after that.
    fn time_passes(&mut self, span: Duration) {
        self.now = self.now.plus(span);
        for voter in 0..VOTERS {
            if self.voters[voter].work.is_some_and(|work| work.until <= self.now) {
                self.work_ends(voter);
            }
        }
        (0..VOTERS).for_each(|voter| self.tell(voter, Event::Tick));
    }

    /// Whether somebody is dialled again in a moment.
    pub(super) fn has_a_moment_to_wait(&self) -> bool {
        let soon = self.now.plus(MOMENT);
        let deadlines = self.voters.iter().filter_map(|voter| voter.core.next_deadline());
        deadlines.min().is_some_and(|deadline| deadline <= soon)
    }

    fn crash(&mut self, voter: usize) {
        let Voter { incarnation, disk, kept, .. } = *self.voters[voter];
        self.book.forget(voter);
        *self.voter(voter) = Voter::new(voter, incarnation + 1, disk, kept, self.now);
        self.leave_all(voter);
    }

    /// Tells a voter something, and carries out what it wants.
    pub(super) fn tell(&mut self, voter: usize, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            if self.voters[voter].has_stopped {
                return;
            }
            let (at, reading) = (self.now, reading(self.now));
            let core = &mut self.voter(voter).core;
            let timed = Timed { at, reading, event };
            // Debug builds judge every step of a core, and panic.
            let Ok(actions) = catch_unwind(AssertUnwindSafe(|| core.actions_on(timed))) else {
                self.broken = Some(RULES_OF_THE_CORE);
                return;
            };
            let followed = self.book.believes(voter);
            for action in actions {
                events.extend(self.perform(voter, followed, action));
            }
            self.tell_guard(voter);
        }
    }

    /// What the voter hears of it at once, if anything.
    fn perform(
        &mut self,
        voter: usize,
        believed: Option<(usize, Epoch)>,
        action: Action,
    ) -> Option<Event> {
        match action {
            Action::Dial { session, leader, info } => {
                self.judge_end(voter, info.block.as_ref().map(|block| block.ended));
                return self.dial(voter, session, place(leader), info);
            }
            Action::Tell { session, word } => {
                self.judge_leader_word(voter, &word);
                self.leader_says(voter, session, word);
            }
            Action::Say { session: SessionId::Dialled(number), word } => {
                self.judge_learner_word(voter, &word);
                self.learner_says((voter, number), word);
            }
            Action::Say { session: SessionId::Accepted(_), .. } => {
                self.broken = Some("a word goes to a session of the other kind");
            }
            Action::Close { session } => self.close(voter, session),
            Action::Store { ticket, record } => {
                self.voter(voter).disk = record;
                return Some(Event::Stored { ticket });
            }
            Action::Promise { ticket, promise } => {
                self.voter(voter).kept = Some(promise);
                return Some(Event::Promised { ticket });
            }
            Action::LookAgain { .. } => self.voter(voter).is_settled = false,
            Action::Nominated { leader, nomination, .. } => {
                self.judge_nomination(place(leader), believed, nomination);
                let (leader, round) = (nomination.vote.leader, nomination.round);
                let this = self.voter(voter);
                (this.round, this.is_settled) = (round.0, true);
                return Some(Event::Elected { leader, round });
            }
            Action::Report(report) => return self.hear_report(voter, &report),
            Action::Stopped => self.stopped(voter),
            Action::Established { .. } | Action::EpochStored(_) | Action::Stand(_) => {}
        }
        None
    }

    /// Work begins when its voter leads, and is told to end when it gives that up or has lost it.
    fn hear_report(&mut self, voter: usize, report: &Report) -> Option<Event> {
        self.judge_report(voter, report);
        if let Report::Leading { epoch } = *report {
            let (is_told, is_denied, until) = (false, false, Moment(Duration::MAX));
            self.voter(voter).work = Some(Work { epoch, is_told, until, is_denied });
            return Some(Event::WorkGoesOn(true));
        }
        if let Report::Retiring { epoch, .. } | Report::Lost { epoch, .. } = *report
            && let Some(work) = &mut self.voter(voter).work
        {
            work.is_told |= work.epoch == epoch;
        }
        None
    }

    /// The guard of work kills it at the end of the lease, as far as that is known by now.
    fn tell_guard(&mut self, voter: usize) {
        if let Some((epoch, until)) = self.voters[voter].core.leads()
            && let Some(work) = &mut self.voter(voter).work
            && work.epoch == epoch
        {
            work.until = Moment(until.boot);
        }
    }

    fn stopped(&mut self, voter: usize) {
        let this = self.voter(voter);
        (this.has_stopped, this.is_settled) = (true, false);
        self.leave_all(voter);
    }
}
