//! [`World`]: an ensemble in virtual time.

mod accounts;
mod connections;
mod cores;
mod impostors;
mod leaderships;
mod leases;
mod operations;
mod outsiders;
mod reigns;
pub mod rules;
mod story;
mod works;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use ballotbox_core::ServerId;

use self::{impostors::Impostors, leases::Leases, outsiders::Outsiders, reigns::Reigns};
use super::{
    Moment, Setup, Violation,
    clocks::Clocks,
    member::{Inner, Member},
    network::{End, Network, Segment},
    plan::{Fault, Plan, forgetful},
    queue::Queue,
    random::Random,
    record::RunRecord,
    scheduled::Scheduled,
    story::Story,
    trace::{Trace, TraceEvent},
};
use crate::{
    History,
    scenario::{
        judge::Verdict,
        vote_file::{Faults, Found, MemberState, Step},
    },
};

/// An ensemble in virtual time: the production cores, and around them everything that their actors, sockets and cables
/// would do, drawn by lot from a seed.
///
/// It goes from one event to the next, and evaluates the [rules] after each. The same setup, seed and version
/// give the same events.
#[derive(Debug)]
pub struct World {
    pub(super) setup: Arc<Setup>,
    pub(super) members: Vec<Member>,
    pub(super) network: Network,
    pub(super) record: RunRecord,
    /// The epochs that have begun.
    reigns: Reigns,
    /// What was promised, and which epochs have ended.
    leases: Leases,
    /// On whose machine work is stuck, by the number of the fault that keeps it from ending.
    sticking: BTreeMap<usize, usize>,
    /// The voters that are new, or lose their disks in one of the steps.
    forgetful: BTreeSet<ServerId>,
    /// What the members voted with when the present leader, or the one to come, was elected.
    histories: Vec<History>,
    pub(super) steps: Vec<Step>,
    outsiders: Outsiders,
    impostors: Impostors,
    /// No message is ever late, and messages are lost only with a member that dies.
    pub(super) timely: bool,
    /// When members were last started, and when a step was last played.
    pub(super) last_start: Moment,
    pub(super) last_step: Moment,
    now: Moment,
    queue: Queue<Scheduled>,
    /// What parts of members have told each other in this instant.
    told: VecDeque<(usize, Inner)>,
    /// Ends at which something has come in this instant, once for each segment: they are read when nothing is told any more,
    /// as in a mailbox.
    readable: VecDeque<End>,
    /// The members that have something to say after all of that was heard.
    speakers: Vec<usize>,
    random: Random,
    trace: Trace,
    story: Story,
    violation: Option<Violation>,
    with_chronicles: bool,
}

impl World {
    /// An ensemble to which nothing has happened yet.
    pub fn new(setup: &Arc<Setup>, seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let initial = setup.members.iter().enumerate();
        let mut members: Vec<_> =
            initial.map(|(place, candidate)| Member::new(place, candidate)).collect();
        let drift = u64::from(setup.faults.drift_ppm);
        for member in &mut members {
            let drawn = random.between(0, 2 * drift);
            member.drift_ppm = drawn.cast_signed() - drift.cast_signed();
            member.clocks = Clocks::new(Moment::default(), member.drift_ppm);
        }
        let Plan { steps, faults, strangers, freezings, impostors } = Plan::new(setup, seed);
        let mut queue = Queue::new();
        for (n, step) in steps.iter().enumerate() {
            queue.push(step.at.into(), Scheduled::Step(n));
        }
        for (at, fault) in faults {
            queue.push(at, Scheduled::Fault(fault));
        }
        for expectation in &setup.expectations {
            queue.push(Moment::from(expectation.by).plus(1), Scheduled::ExpectationDue);
        }
        Self {
            network: Network::new(members.len()),
            record: RunRecord::new(setup, &steps),
            reigns: Reigns::new(members.len()),
            leases: Leases::new(members.len()),
            sticking: BTreeMap::new(),
            forgetful: forgetful(setup, &steps),
            histories: setup.members.iter().map(|member| member.history).collect(),
            setup: Arc::clone(setup),
            members,
            outsiders: Outsiders::new(strangers, freezings),
            impostors: Impostors::new(impostors, seed),
            timely: rules::is_timely(setup, &steps),
            last_start: Moment::default(),
            last_step: Moment::default(),
            steps,
            now: Moment::default(),
            queue,
            told: VecDeque::new(),
            readable: VecDeque::new(),
            speakers: Vec::new(),
            random,
            trace: Trace::default(),
            story: Story::default(),
            violation: None,
            with_chronicles: false,
        }
    }

    /// Writes down from now on what happens.
    pub fn start_trace(&mut self) {
        self.trace.start();
    }

    /// What was written down so far, one line an event; it is not kept.
    pub fn take_trace(&mut self) -> String {
        self.trace.take()
    }

    /// What was written down and not taken yet.
    pub fn trace(&self) -> &str {
        self.trace.text()
    }

    /// Goes on to the next event; `false` if there is none, or none before `end`.
    pub fn step(&mut self, end: Duration) -> bool {
        if self.violation.is_some() || self.queue.next_at().is_none_or(|at| at > end.into()) {
            return false;
        }
        let Some((at, number, scheduled)) = self.queue.pop() else { return false };
        self.now = at;
        self.happen(number, scheduled);
        self.finish_instant();
        true
    }

    /// Plays all that happens up to `end`, and lets the time until then pass.
    pub fn play_until(&mut self, end: Duration) {
        while self.step(end) {}
        if self.violation.is_none() {
            self.now = self.now.max(end.into());
        }
    }

    /// The present time, since the beginning.
    pub fn now(&self) -> Duration {
        self.now.since_start()
    }

    /// What every member is.
    pub fn states(&self) -> BTreeMap<ServerId, MemberState> {
        self.record.states().clone()
    }

    /// What happens from outside in this world: the steps of the file, and those that its faults add for this seed.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The rule that was broken, if one was: nothing happens after that.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// How often two leases ran at one time, for which the clocks of paused machines are to blame: of each two epochs, once.
    pub fn overlapping_leases(&self) -> u64 {
        self.leases.overlaps()
    }

    /// How many frames were written.
    pub fn messages(&self) -> u64 {
        self.record.messages()
    }

    /// The rule that says that what a server said last was heard, evaluated when all is quiet.
    pub(super) fn check_quiet(&mut self) {
        if let Some(violation) = rules::newest_word_heard(self) {
            self.break_rule(violation);
        }
    }

    /// Judges the states that there were until now.
    pub(super) fn judge(&mut self) {
        let decided = self.record.judge_until(self.now);
        self.note_judged(&decided);
    }

    /// Judges the states that a step finds.
    fn judge_before_step(&mut self) {
        let decided = self.record.judge_before_step(self.now);
        self.note_judged(&decided);
    }

    fn note_judged(&mut self, decided: &[(usize, Verdict)]) {
        for (n, verdict) in decided {
            if let Verdict::Unmet { found, .. } = verdict {
                let unmet = format!("{}; found: {}", self.setup.expectations[*n], Found(found));
                self.note_of_all(TraceEvent::Unmet(&unmet));
            }
        }
        self.tell_judged(decided);
    }

    pub(super) fn break_rule(&mut self, violation: Violation) {
        self.write_down(violation.member, TraceEvent::Broken(&violation));
        self.violation.get_or_insert(violation);
    }

    /// Writes down what happens to a member.
    fn note(&mut self, member: usize, event: TraceEvent<'_>) {
        self.write_down(Some(self.members[member].id), event);
    }

    /// Writes down what happens to all.
    fn note_of_all(&mut self, event: TraceEvent<'_>) {
        self.write_down(None, event);
    }

    fn write_down(&mut self, member: Option<ServerId>, event: TraceEvent<'_>) {
        self.trace.note(self.now, member, event);
        self.story.note(self.now, member, event);
    }

    fn happen(&mut self, number: u64, scheduled: Scheduled) {
        if let Some(member) = self.meant_for(&scheduled)
            && let Some(backlog) = self.members.get_mut(member).and_then(|one| one.hanging.as_mut())
        {
            backlog.push_back((number, scheduled));
            return;
        }
        match scheduled {
            Scheduled::Step(n) => self.play(n),
            Scheduled::Fault(fault) => self.inject(fault),
            Scheduled::ExpectationDue => self.judge(),
            Scheduled::ElectionTimer { member, life, timer } => {
                self.election_timer(member, life, timer, number);
            }
            Scheduled::LinkTimer { member, life, timer } => {
                self.link_timer(member, life, timer, number);
            }
            Scheduled::ConnectArrived { connection } => self.connect_arrived(connection),
            Scheduled::GreetingDue { connection } => self.greeting_due(connection),
            Scheduled::ConnectAnswered { connection, answer } => {
                self.connect_answered(connection, answer);
            }
            Scheduled::SegmentArrived { end, segment } => self.segment_arrived(end, segment),
            Scheduled::FrameWritten { member, life, link } => self.written(member, life, link),
            Scheduled::Speak { member, life } => {
                if self.members[member].life == life {
                    self.speakers.push(member);
                }
            }
            Scheduled::LeadershipDue { member, life } => {
                self.leadership_due(member, life, number);
            }
            Scheduled::WorkEnds { member, life, epoch, slept } => {
                self.work_ends(member, life, epoch, slept);
            }
            Scheduled::DiskDone { member, life } => self.disk_done(member, life),
            Scheduled::PromiseKept { member, life } => self.promise_kept(member, life),
            Scheduled::StrangerConnects { stranger } => self.stranger_connects(stranger),
            Scheduled::StrangerActs { end } => self.stranger_acts(end),
            Scheduled::ImpostorReturns { impostor, port } => self.impostor_returns(impostor, port),
            Scheduled::ImpostorSpeaks { end } => self.impostor_speaks(end),
            Scheduled::GiveUp { end } => self.give_up(end, number),
            Scheduled::KeepAlive { end } => self.probe(end),
        }
    }

    /// Lets the members do all that follows at once from what has just happened.
    fn finish_instant(&mut self) {
        loop {
            while let Some((member, inner)) = self.told.pop_front() {
                self.attend(member, inner);
            }
            // Frames wait for the elector, everything else goes to the manager: a link may be replaced before what came
            // over it is heard.
            let is_frame = |end: &End| {
                let half = self.network.half(*end);
                half.is_some_and(|half| matches!(half.unread.front(), Some(Segment::Frame(_))))
            };
            let for_manager = self.readable.iter().position(|end| !is_frame(end));
            if let Some(end) = self.readable.remove(for_manager.unwrap_or(0)) {
                self.take_in(end);
            } else if let Some(member) = self.speakers.pop() {
                self.speak(member);
            } else {
                return;
            }
        }
    }

    /// Who has to be awake for this. What the system does for a process goes on while it hangs.
    fn meant_for(&self, scheduled: &Scheduled) -> Option<usize> {
        match scheduled {
            Scheduled::ElectionTimer { member, .. }
            | Scheduled::LinkTimer { member, .. }
            | Scheduled::FrameWritten { member, .. }
            | Scheduled::LeadershipDue { member, .. }
            | Scheduled::WorkEnds { member, .. }
            | Scheduled::DiskDone { member, .. }
            | Scheduled::PromiseKept { member, .. }
            | Scheduled::Fault(Fault::Rest(member) | Fault::Rested(member))
            | Scheduled::Speak { member, .. } => Some(*member),
            Scheduled::ConnectAnswered { connection, .. } => {
                let connection = self.network.connection(*connection)?;
                Some(connection.dialer.member)
            }
            Scheduled::GreetingDue { connection } => {
                let connection = self.network.connection(*connection)?;
                Some(connection.acceptor.member)
            }
            Scheduled::Step(_)
            | Scheduled::Fault(_)
            | Scheduled::ExpectationDue
            | Scheduled::ConnectArrived { .. }
            | Scheduled::SegmentArrived { .. }
            | Scheduled::StrangerConnects { .. }
            | Scheduled::StrangerActs { .. }
            | Scheduled::ImpostorReturns { .. }
            | Scheduled::ImpostorSpeaks { .. }
            | Scheduled::GiveUp { .. }
            | Scheduled::KeepAlive { .. } => None,
        }
    }

    fn faults(&self) -> &Faults {
        &self.setup.faults
    }

    pub(super) fn member(&self, id: ServerId) -> Option<&Member> {
        self.members.get(self.place(id)?)
    }

    fn place(&self, id: ServerId) -> Option<usize> {
        self.members.binary_search_by_key(&id, |member| member.id).ok()
    }

    /// What every member would vote with now.
    fn remember_histories(&mut self) {
        self.histories = self.members.iter().map(|member| member.disk.history()).collect();
    }

    /// A member's state may have changed: takes note of it.
    fn look_at(&mut self, member: usize) {
        let (id, state) = (self.members[member].id, self.members[member].state());
        if state != self.record.state(id) {
            self.judge();
            let was_established = self.record.is_established();
            let ended = self.record.note(self.now, id, state);
            if was_established && !self.record.is_established() {
                self.remember_histories();
            }
            if let Some(violation) = ended.and_then(|ended| rules::best_was_elected(self, &ended)) {
                self.break_rule(violation);
            }
        }
    }
}
