//! [`Run`]: one vote file, played once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ballotbox_core::ServerId;

use super::{
    LeaderlessSpan, Setup, Violation, World,
    member::Member,
    plan::{NAMES_LAG, forgetful},
    rules::{self, AGREE_IN_TIME, AGREEMENT_LASTS, NOBODY_LEADS_ALONE},
};
use crate::{
    Role,
    chronicle::WhyReport,
    election::{Round, Timer, Vote},
    scenario::{
        claim::foremost,
        story::StoryLine,
        vote_file::{MemberState, Operation, Outcome},
    },
};

/// How long an ensemble is watched after it agrees, to see that it stays so: longer than any wait of a node that could
/// yet end.
const CALM: Duration = Duration::from_secs(20);

/// How a run ended: an [`Outcome`], or with a broken rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// A member leads, and everything expected was so.
    Elected,
    /// No member leads, and everything expected was so.
    NoLeader,
    /// Something expected was not so.
    Unmet,
    /// A rule was broken.
    Broken,
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Elected => Self::Elected,
            Outcome::NoLeader => Self::NoLeader,
            Outcome::Unmet => Self::Unmet,
        }
    }
}

impl Ending {
    /// The outcome, unless a rule was broken: then what came of it means nothing.
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Elected => Some(Outcome::Elected),
            Self::NoLeader => Some(Outcome::NoLeader),
            Self::Unmet => Some(Outcome::Unmet),
            Self::Broken => None,
        }
    }
}

/// What came of one run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub ending: Ending,
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
    /// The member that leads at the end.
    pub leader: Option<ServerId>,
    /// The elections: from when no leader had a quorum until one had.
    pub elections: Vec<LeaderlessSpan>,
    /// How many frames were written.
    pub messages: u64,
    /// How long it took, in virtual time.
    pub time: Duration,
    /// From the end of all faults until all agreed, if there were faults.
    pub healed_after: Option<Duration>,
    /// By when something was expected, and whether it was so.
    pub expectations: Vec<(Duration, bool)>,
    /// How often two leases ran at one time, for which the clocks of paused machines are to blame.
    pub overlapping_leases: u64,
    /// How often an impostor was taken for the voter that it said it is.
    pub impostors_believed: u64,
    /// How often one was turned away.
    pub impostors_unmasked: u64,
    /// What the members were in the end.
    pub members: BTreeMap<ServerId, MemberAtEnd>,
    /// How the last leaders came to lead, as the one that leads in the end has seen it, or else the first member that runs; `None` if that was
    /// not kept.
    pub why: Option<WhyReport>,
    /// What happened, as people are told it; empty if that was not kept.
    pub story: Vec<StoryLine>,
}

/// What is kept of a run beside how it ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recording {
    /// What happens, line by line.
    pub trace: bool,
    /// How leaders came to lead.
    pub why: bool,
    /// What happens as people are told it: at most this many lines.
    pub story: usize,
}

impl Run {
    /// Whether everything went as it should: no rule was broken, and what was expected came true, or, if nothing was, a
    /// member was elected.
    pub fn is_good(&self) -> bool {
        self.ending.outcome().is_some_and(|outcome| outcome.is_good(self.expectations.len()))
    }
}

/// What became of one member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemberAtEnd {
    /// Its part.
    pub role: Role,
    /// What it was.
    pub state: MemberState,
    /// Its round, if it ran.
    pub round: Option<Round>,
    /// Its vote, or what it had settled on, if it ran.
    pub vote: Option<Vote>,
}

/// Plays a vote file with this seed.
pub fn play(setup: &Arc<Setup>, seed: u64) -> Run {
    let (_, run) = play_watched(setup, seed, Recording::default(), |_| {});
    run
}

/// The same, and writes down what happens.
pub fn play_with_trace(setup: &Arc<Setup>, seed: u64) -> (String, Run) {
    play_watched(setup, seed, Recording { trace: true, ..Recording::default() }, |_| {})
}

/// The same, with what is to be kept, as without that the trace is empty; after each step the world can be looked at, as long runs go on
/// for minutes.
pub fn play_watched(
    setup: &Arc<Setup>,
    seed: u64,
    recording: Recording,
    watch: impl FnMut(&World),
) -> (String, Run) {
    let mut world = World::new(setup, seed);
    if recording.trace {
        world.start_trace();
    }
    if recording.why {
        world.keep_chronicles();
    }
    world.keep_story(recording.story);
    finish(&mut world, seed, watch)
}

fn finish(world: &mut World, seed: u64, mut watch: impl FnMut(&World)) -> (String, Run) {
    let schedule = Schedule::of(world);
    let end = schedule.last.max(schedule.last_expectation);
    while world.step(end) {
        watch(world);
    }
    world.play_until(end);
    let mut healed_after = None;
    if world.violation().is_none() && !schedule.expects_disagreement {
        healed_after = settle_down(world, &schedule, &mut watch);
    }
    if world.violation().is_none() && schedule.leaderless {
        give_up_hope(world, &schedule);
    }
    if world.violation().is_none() {
        world.check_quiet();
    }
    let run = report(world, seed, healed_after);
    (world.take_trace(), run)
}

/// Waits until all agree, and then some more. Returns how long it took until all agreed.
fn settle_down(
    world: &mut World,
    schedule: &Schedule,
    watch: &mut impl FnMut(&World),
) -> Option<Duration> {
    let begin = world.now().max(schedule.last);
    let limit = begin + schedule.patience;
    while !is_settled(world) && world.step(limit) {
        watch(world);
    }
    if !is_settled(world) {
        if schedule.fair && world.violation().is_none() {
            let at = world.now();
            world.break_rule(Violation::of_all(AGREE_IN_TIME, at));
        }
        return None;
    }
    let leader = world.record.agreement();
    let settled = world.now().max(begin);
    let end = settled + calm(&world.setup);
    while world.step(end) {
        watch(world);
        if schedule.fair && world.record.agreement() != leader {
            let at = world.now();
            world.break_rule(Violation::of_all(AGREEMENT_LASTS, at));
        }
    }
    world.play_until(end);
    (!world.setup.faults.are_none()).then(|| settled.saturating_sub(schedule.last))
}

/// How long to watch: without faults no wait is left but that for the next heartbeat.
fn calm(setup: &Setup) -> Duration {
    if setup.leadership && setup.faults.are_none() {
        return 3 * setup.timing.leadership.silence;
    }
    CALM
}

/// Waits until nobody can believe in a leader any more.
fn give_up_hope(world: &mut World, schedule: &Schedule) {
    let limit = schedule.last + schedule.patience;
    world.play_until(limit);
    let believer = world.record.states().iter().find(|(id, state)| state.leader_of(**id).is_some());
    if let Some(id) = believer.map(|(id, _)| *id) {
        let at = world.now();
        world.break_rule(Violation::by(id, NOBODY_LEADS_ALONE, at));
    }
}

/// Whether all who run agree and do not doubt it, have the links and sessions they want, and nothing is under way: otherwise
/// an agreement may yet be called in doubt.
fn is_settled(world: &World) -> bool {
    let doubts = |member: &Member| {
        let running = member.running.as_ref();
        running.is_some_and(|running| {
            let seat = running.seat.as_ref();
            let retires = seat.is_some_and(|seat| seat.core.is_retiring());
            retires || running.election_timers.is_armed(&Timer::Grace)
        })
    };
    world.record.agreement().is_some()
        && !world.members.iter().any(doubts)
        && rules::all_is_quiet(world)
        && rules::all_are_linked(world)
        && rules::all_are_served(world)
        && rules::leases_are_renewed(world)
}

/// When what is over.
struct Schedule {
    /// The last step and the last fault.
    last: Duration,
    last_expectation: Duration,
    /// In the end nothing is wrong, and enough members run.
    fair: bool,
    /// Nothing is wrong but that strangers are there, and too few members run.
    leaderless: bool,
    /// The file expects that not all agree in the end: there is nothing to wait for.
    expects_disagreement: bool,
    patience: Duration,
}

impl Schedule {
    fn of(world: &World) -> Self {
        let setup = &world.setup;
        let steps = world.steps();
        let last_step = steps.last().map_or(Duration::ZERO, |step| step.at);
        let mut running = BTreeSet::new();
        let mut started = BTreeSet::new();
        let (mut paused, mut hanging) = (BTreeSet::new(), BTreeSet::new());
        let mut full = BTreeSet::new();
        let mut cut = false;
        for step in steps {
            match &step.operation {
                Operation::Start(ids) => {
                    running.extend(ids.iter().copied());
                    started.extend(ids.iter().copied());
                }
                Operation::Stop(ids) | Operation::Kill(ids) => {
                    running.retain(|id| !ids.contains(id));
                    paused.retain(|id| !ids.contains(id));
                    hanging.retain(|id| !ids.contains(id));
                }
                Operation::Pause(ids) => paused.extend(ids.iter().copied()),
                Operation::Resume(ids) => paused.retain(|id| !ids.contains(id)),
                Operation::Hang(ids) => hanging.extend(ids.iter().copied()),
                Operation::Wake(ids) => hanging.retain(|id| !ids.contains(id)),
                Operation::Cut(_) | Operation::Isolate(_) | Operation::Block(_) => cut = true,
                Operation::Heal => cut = false,
                Operation::Fill(ids) => full.extend(ids.iter().copied()),
                Operation::Free(ids) => full.retain(|id| !ids.contains(id)),
                Operation::Wipe(_) | Operation::Resign { .. } => {}
            }
        }
        // Who follows a frozen instance leaves it for its replacement: without one it has no reason to.
        let all_replaced = setup.faults.frozen == 0 || running == started;
        let healed = !cut && paused.is_empty() && hanging.is_empty() && full.is_empty();
        let quorum_runs = setup.ensemble.is_quorum(&running);
        // Where too few are known to remember, all voters are needed: a new ensemble begins with all of them.
        let remembering = running.difference(&forgetful(setup, steps)).copied().collect();
        let all_run = setup.ensemble.voters().all(|voter| running.contains(&voter));
        let may_begin = !setup.leadership || all_run || setup.ensemble.is_quorum(&remembering);
        let fair = healed && all_replaced && quorum_runs && may_begin;
        let only_strangers = setup.faults.strangers > 0 && setup.faults.frozen == 0;
        let links = setup.links;
        let election = setup.timing.election;
        let patience = setup.timing.connect
            + links.redial.max
            + world.network.idle_patience()
            + world.network.ack_timeout()
            + election.grace
            + election.settle
            + setup.faults.names
            + election.resend_min
            + 20 * (setup.faults.slow + setup.faults.delay.1)
            + outsiders(setup)
            + establishing(setup)
            + Duration::from_secs(1);
        let by = setup.expectations.iter().map(|expectation| expectation.by);
        Self {
            last: last_step.max(setup.faults.until),
            last_expectation: by.max().unwrap_or_default() + Duration::from_millis(1),
            fair,
            leaderless: healed && only_strangers && !quorum_runs,
            expects_disagreement: !fair && !setup.expectations.is_empty(),
            patience,
        }
    }
}

/// What it may cost that a leader is lost unnoticed, elected again, and does not get its epoch at once, nor before promises to the
/// last one are over, and its work.
fn establishing(setup: &Setup) -> Duration {
    if !setup.leadership {
        return Duration::ZERO;
    }
    let timing = setup.timing.leadership;
    let leases = timing.lease.map(|lease| lease.promise() + timing.stop_within());
    timing.silence
        + 2 * timing.establish()
        + timing.holdoff
        + timing.retry
        + leases.unwrap_or_default()
}

/// What parties outside may cost that stay when all else is well: a link to one is silent, a candidate that is silent waits
/// beside the right one, the link in place has to answer, and a name leads to a frozen instance for a while.
fn outsiders(setup: &Setup) -> Duration {
    if setup.faults.strangers == 0 && setup.faults.frozen == 0 {
        return Duration::ZERO;
    }
    let links = setup.links;
    let names = if setup.faults.frozen > 0 { NAMES_LAG } else { Duration::ZERO };
    links.silence + links.candidate + 2 * links.answer + names
}

fn report(world: &mut World, seed: u64, healed_after: Option<Duration>) -> Run {
    world.judge();
    let leader = foremost(world.record.states()).map(|claim| claim.leader);
    let story = world.take_story();
    let setup = &world.setup;
    let expectations = world.record.expectations();
    let ending = match world.violation() {
        Some(_) => Ending::Broken,
        None => Outcome::of(leader, expectations.iter().map(|(_, met)| *met)).into(),
    };
    let roles: BTreeMap<_, _> = setup.ensemble.members().collect();
    let at_end = |member: &Member| {
        let election = member.running.as_ref().map(|running| &running.election);
        let end = MemberAtEnd {
            role: roles.get(&member.id).copied().unwrap_or_default(),
            state: world.record.state(member.id),
            round: election.map(crate::Election::round),
            vote: election.and_then(crate::Election::vote),
        };
        (member.id, end)
    };
    Run {
        seed,
        ending,
        violation: world.violation().cloned(),
        leader,
        elections: world.record.elections().to_vec(),
        messages: world.messages(),
        time: world.now(),
        healed_after,
        expectations,
        overlapping_leases: world.overlapping_leases(),
        impostors_believed: world.impostors_believed(),
        impostors_unmasked: world.impostors_unmasked(),
        members: world.members.iter().map(at_end).collect(),
        why: world.why(leader),
        story,
    }
}
