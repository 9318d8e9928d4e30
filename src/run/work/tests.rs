use super::*;

fn rules(when_it_ends: WhenItEnds) -> Rules {
    Rules { when_it_ends, has_prelude: false, stop_within: Duration::from_secs(1) }
}

/// The leadership is given up, and this member would not lead: first that, so that it does not win the next election.
const REST: [Action; 2] = [Action::Willing(false), Action::GiveUp];
const RESTED: [Action; 2] = [Action::Willing(true), Action::Compete];

struct World(Work);

impl World {
    fn new(rules: Rules) -> Self {
        let mut out = Vec::new();
        let work = Work::new(rules, &mut out);
        assert_eq!(out, [Action::Compete]);
        Self(work)
    }

    fn on(&mut self, event: Event, seconds: u64) -> Vec<Action> {
        let mut out = Vec::new();
        self.0.handle(event, moment(seconds), &mut out);
        out
    }

    /// Work that runs in epoch 3.
    fn running(when_it_ends: WhenItEnds) -> Self {
        let mut world = Self::new(rules(when_it_ends));
        assert_eq!(world.on(Event::Leads(Epoch(3)), 0), [begin(Task::Work)]);
        let out = world.on(Event::Guard(Report::Started { pid: 7 }), 0);
        assert_eq!(out, [Action::Tell(WorkState::Running { pid: 7 })]);
        world
    }

    /// The program ends by itself, and nothing is left of it.
    fn ends(&mut self, code: i32, seconds: u64) -> Vec<Action> {
        let status = Status::Code(code);
        assert_eq!(self.on(Event::Guard(Report::Exited { status }), seconds), []);
        self.on(Event::Guard(Report::Ended { killed: false }), seconds)
    }
}

fn moment(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn begin(task: Task) -> Action {
    Action::Begin { task, epoch: Epoch(3) }
}

fn end(signal: Signal) -> [Action; 2] {
    let within = Duration::from_secs(1);
    [Action::Order(Order::End { signal, within }), Action::Tell(WorkState::Ending)]
}

fn ended(code: i32, killed: bool) -> Action {
    Action::Tell(WorkState::Ended { code, killed })
}

#[test]
fn a_node_whose_work_has_ended_by_itself_ends_with_its_code_or_competes_again() {
    let mut world = World::running(WhenItEnds::Stop);
    let finish = Action::Finish(Outcome::Ended { code: 5 });
    assert_eq!(world.ends(5, 1), [ended(5, false), Action::GiveUp, finish]);
    assert_eq!(world.on(Event::Leads(Epoch(4)), 2), [Action::GiveUp], "it came too late");

    let mut world = World::running(WhenItEnds::Resign);
    assert_eq!(world.ends(0, 1), [[ended(0, false)].as_slice(), &REST].concat());
    assert_eq!(world.0.next_deadline(), Some(moment(2)));
    assert_eq!(world.on(Event::Tick, 1), []);
    assert_eq!(world.on(Event::Tick, 2), RESTED);
}

#[test]
fn the_leadership_is_given_up_when_nothing_is_left_of_the_work_and_no_sooner() {
    let mut world = World::running(WhenItEnds::Stop);
    let out = world.on(Event::MustEnd(LostBecause::QuorumLost), 1);
    assert_eq!(out, end(TERM));
    assert_eq!(world.on(Event::MustEnd(LostBecause::LeaseEnded), 1), [], "it was told already");
    let status = Status::Code(0);
    assert_eq!(world.on(Event::Guard(Report::Exited { status }), 2), []);
    let out = world.on(Event::Guard(Report::Lingers { processes: 1 }), 3);
    assert_eq!(out, [Action::Tell(WorkState::Lingers { processes: 1 })]);
    let out = world.on(Event::Guard(Report::Ended { killed: true }), 9);
    assert_eq!(out, [ended(0, true), Action::GiveUp, Action::Compete]);
}

#[test]
fn work_that_its_guard_has_told_to_end_is_not_told_again() {
    let mut world = World::running(WhenItEnds::Stop);
    let out = world.on(Event::Guard(Report::ToldToEnd), 1);
    assert_eq!(out, [Action::Tell(WorkState::Ending)]);
    assert_eq!(world.on(Event::MustEnd(LostBecause::LeaseEnded), 1), []);
    let out = world.on(Event::Guard(Report::Ended { killed: false }), 2);
    assert_eq!(out[1..], [Action::GiveUp, Action::Compete], "it did not end by itself");
}

#[test]
fn a_node_that_is_asked_to_stop_passes_the_signal_on_and_says_whether_it_had_to_kill() {
    for killed in [false, true] {
        let mut world = World::running(WhenItEnds::Restart);
        assert_eq!(world.on(Event::Stop(Signal(2)), 1), end(Signal(2)));
        assert_eq!(world.on(Event::MustEnd(LostBecause::Stopped), 1), []);
        assert_eq!(world.on(Event::StopNow, 1), [Action::Order(Order::Kill)]);
        let out = world.on(Event::Guard(Report::Ended { killed }), 2);
        let finish = Action::Finish(Outcome::Stopped { killed });
        assert_eq!(out, [ended(0, killed), Action::GiveUp, finish]);
    }
    let mut world = World::new(rules(WhenItEnds::Stop));
    let finish = [Action::Finish(Outcome::Stopped { killed: false })];
    assert_eq!(world.on(Event::Stop(TERM), 1), finish);
}

#[test]
fn work_begins_again_after_a_pause_that_gets_longer_and_moves_on_when_it_fails_again_and_again() {
    let mut world = World::running(WhenItEnds::Restart);
    let mut now = 0;
    for pause in [1, 2, 4, 8] {
        let wait = Duration::from_secs(pause);
        let out = world.ends(1, now);
        assert_eq!(out, [ended(1, false), Action::Tell(WorkState::Pausing { wait })]);
        assert_eq!(world.on(Event::Tick, now + pause - 1), []);
        now += pause;
        assert_eq!(world.on(Event::Tick, now), [begin(Task::Work)]);
    }
    let failing = Action::Tell(WorkState::Failing);
    assert_eq!(world.ends(1, now), [[ended(1, false), failing].as_slice(), &REST].concat());
    assert_eq!(world.on(Event::Tick, now + 16), RESTED);
}

#[test]
fn work_that_lasts_begins_again_after_a_second_and_success_is_no_failure() {
    let mut world = World::running(WhenItEnds::Restart);
    let mut now = 0;
    for _ in 0..20 {
        now += LASTING.as_secs();
        let wait = Duration::from_secs(1);
        let out = world.ends(1, now);
        assert_eq!(out[1], Action::Tell(WorkState::Pausing { wait }));
        now += 1;
        world.on(Event::Tick, now);
    }
    let mut world = World::running(WhenItEnds::Restart);
    for now in 0..20 {
        let out = world.ends(0, now);
        assert!(matches!(out[1], Action::Tell(WorkState::Pausing { .. })), "{out:?}");
        world.on(Event::Tick, now + 30);
    }
}

#[test]
fn a_leadership_that_ends_in_a_pause_is_given_up_at_once() {
    let mut world = World::running(WhenItEnds::Restart);
    world.ends(1, 0);
    let out = world.on(Event::MustEnd(LostBecause::Superseded), 0);
    assert_eq!(out, [Action::GiveUp, Action::Compete]);
    let mut world = World::running(WhenItEnds::Restart);
    world.ends(1, 0);
    let finish = Action::Finish(Outcome::Stopped { killed: false });
    assert_eq!(world.on(Event::Stop(TERM), 0), [Action::GiveUp, finish]);
}

#[test]
fn the_work_begins_when_the_command_before_it_has_succeeded() {
    let with_prelude = Rules { has_prelude: true, ..rules(WhenItEnds::Stop) };
    let mut world = World::new(with_prelude);
    assert_eq!(world.on(Event::Leads(Epoch(3)), 0), [begin(Task::Prelude)]);
    let out = world.on(Event::Guard(Report::Started { pid: 9 }), 0);
    assert_eq!(out, [Action::Tell(WorkState::Preparing { pid: 9 })]);
    assert_eq!(world.ends(0, 1), [begin(Task::Work)]);

    let mut world = World::new(with_prelude);
    world.on(Event::Leads(Epoch(3)), 0);
    let unprepared = Action::Tell(WorkState::Unprepared { code: 4 });
    assert_eq!(world.ends(4, 1), [[unprepared].as_slice(), &REST].concat());
    assert_eq!(world.on(Event::Tick, 2), RESTED);

    let mut world = World::new(with_prelude);
    world.on(Event::Leads(Epoch(3)), 0);
    assert_eq!(world.on(Event::MustEnd(LostBecause::Superseded), 1), end(TERM));
    assert_eq!(world.ends(0, 1), [Action::GiveUp, Action::Compete], "it is too late for the work");
}

#[test]
fn a_program_that_cannot_begin_ends_the_node_as_one_that_has_ended() {
    let mut world = World::new(rules(WhenItEnds::Stop));
    world.on(Event::Leads(Epoch(3)), 0);
    let error = Some(12);
    let out = world.on(Event::Guard(Report::NotStarted { error }), 0);
    let finish = Action::Finish(Outcome::Ended { code: 126 });
    let not_started = Action::Tell(WorkState::NotStarted { error });
    assert_eq!(out, [not_started, ended(126, false), Action::GiveUp, finish]);
    // When it was too late, there is another time.
    let mut world = World::new(rules(WhenItEnds::Stop));
    world.on(Event::Leads(Epoch(3)), 0);
    let out = world.on(Event::Guard(Report::NotStarted { error: None }), 0);
    assert_eq!(out[2..], [Action::GiveUp, Action::Compete]);
}

#[test]
fn without_its_guard_a_node_ends() {
    let mut world = World::running(WhenItEnds::Restart);
    let finish = Action::Finish(Outcome::GuardGone);
    assert_eq!(world.on(Event::GuardGone, 1), [Action::GiveUp, finish]);
    assert_eq!(world.on(Event::GuardGone, 1), []);
}

#[test]
fn a_signal_is_for_work_that_is_there() {
    let mut world = World::new(rules(WhenItEnds::Stop));
    assert_eq!(world.on(Event::Pass(Signal(10)), 0), []);
    let mut world = World::running(WhenItEnds::Stop);
    let order = Order::Pass { signal: Signal(10) };
    assert_eq!(world.on(Event::Pass(Signal(10)), 0), [Action::Order(order)]);
}

#[test]
fn work_that_is_not_well_is_ended_and_another_member_has_longer_and_longer_to_try() {
    let mut world = World::new(rules(WhenItEnds::Restart));
    let mut now = 0;
    for pause in [2, 4, 8, 16, 32, 60, 60] {
        world.on(Event::Leads(Epoch(3)), now);
        assert_eq!(world.on(Event::Unwell(Epoch(2)), now), [], "that was another epoch");
        let out = world.on(Event::Unwell(Epoch(3)), now);
        let unwell = [Action::Tell(WorkState::Unwell), Action::Unhealthy];
        assert_eq!(out, [unwell, end(TERM)].concat());
        assert_eq!(
            world.on(Event::MustEnd(LostBecause::Unhealthy), now),
            [],
            "it was told already"
        );
        assert_eq!(world.on(Event::Unwell(Epoch(3)), now), []);
        assert_eq!(world.ends(143, now), [[ended(143, false)].as_slice(), &REST].concat());
        assert_eq!(world.on(Event::Tick, now + pause - 1), []);
        now += pause;
        assert_eq!(world.on(Event::Tick, now), RESTED);
    }
    world.on(Event::Leads(Epoch(3)), now);
    world.on(Event::MustEnd(LostBecause::Superseded), now);
    world.ends(0, now);
    world.on(Event::Leads(Epoch(3)), now);
    world.on(Event::Unwell(Epoch(3)), now);
    world.ends(0, now);
    assert_eq!(world.on(Event::Tick, now + 2), RESTED, "it was well meanwhile");
}

#[test]
fn a_node_that_rests_and_is_asked_to_stop_does_not_become_willing_again() {
    let mut world = World::running(WhenItEnds::Resign);
    world.ends(1, 0);
    assert_eq!(world.on(Event::Leads(Epoch(4)), 0), [], "nobody waits to lead");
    let finish = Action::Finish(Outcome::Stopped { killed: false });
    assert_eq!(world.on(Event::Stop(TERM), 0), [finish]);
}

#[test]
fn how_things_stand_is_a_value_that_follows_every_step() {
    let mut world = World::new(Rules { has_prelude: true, ..rules(WhenItEnds::Restart) });
    let mut stands = |event: Event, seconds| {
        world.on(event, seconds);
        let WorkStatus { state, pid, starts, last_exit, .. } = world.0.status();
        (state, pid, starts, last_exit)
    };
    let started = |pid| Event::Guard(Report::Started { pid });
    let exited = |code| Event::Guard(Report::Exited { status: Status::Code(code) });
    let gone = Event::Guard(Report::Ended { killed: false });
    assert_eq!(stands(Event::Tick, 0), (WorkPhase::Waiting, None, 0, None));
    assert_eq!(stands(Event::Leads(Epoch(3)), 0), (WorkPhase::Starting, None, 0, None));
    assert_eq!(stands(started(7), 0), (WorkPhase::Preparing, Some(7), 0, None));
    assert_eq!(stands(exited(0), 0), (WorkPhase::Ending, None, 0, None));
    assert_eq!(stands(gone, 0), (WorkPhase::Starting, None, 0, None), "that was not the program");
    assert_eq!(stands(started(8), 0), (WorkPhase::Running, Some(8), 1, None));
    assert_eq!(stands(exited(4), 1), (WorkPhase::Ending, None, 1, None), "something is left");
    assert_eq!(stands(gone, 1), (WorkPhase::Pausing, None, 1, Some(4)));
    assert_eq!(stands(Event::Tick, 9), (WorkPhase::Starting, None, 1, Some(4)));
    assert_eq!(stands(started(9), 9), (WorkPhase::Running, Some(9), 2, Some(4)));
    assert_eq!(stands(Event::Unwell(Epoch(3)), 9), (WorkPhase::Ending, Some(9), 2, Some(4)));
    let lingers = Event::Guard(Report::Lingers { processes: 2 });
    assert_eq!(stands(lingers, 9), (WorkPhase::Lingering, Some(9), 2, Some(4)));
    assert_eq!(stands(exited(0), 9).0, WorkPhase::Lingering);
    assert_eq!(stands(gone, 10), (WorkPhase::Resting, None, 2, Some(0)));
    assert_eq!(stands(Event::Tick, 12).0, WorkPhase::Waiting);
    assert_eq!(stands(Event::Stop(TERM), 12), (WorkPhase::Over, None, 2, Some(0)));
}
