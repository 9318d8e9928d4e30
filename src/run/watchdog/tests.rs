use super::*;

const M: Duration = Duration::from_secs(1);
/// The lease of a node: D.
const LEASE: u64 = 2000;

fn at(millis: u64) -> Reading {
    Reading { boot: Duration::from_millis(millis), raw: Duration::from_millis(millis) }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A watchdog and what it has decided.
struct World {
    dog: Watchdog,
    /// What is to be written to the lease file is not.
    disk_hangs: bool,
}

impl World {
    fn new(has_lease: bool) -> Self {
        Self { dog: Watchdog::new(Terms { has_lease, stop_within: M }), disk_hangs: false }
    }

    fn on(&mut self, event: Event, now: u64) -> Vec<Action> {
        let mut out = Vec::new();
        self.dog.handle(event, at(now), &mut out);
        if out.contains(&Action::Show(None)) && !self.disk_hangs {
            self.dog.handle(Event::Hidden, at(now), &mut out);
        }
        out
    }

    fn order(&mut self, order: Order, now: u64) -> Vec<Action> {
        self.on(Event::Order(order), now)
    }

    /// Work that has begun at 0, under a lease of 2 s.
    fn running(has_lease: bool) -> Self {
        let mut world = Self::new(has_lease);
        let out = world.order(start(LEASE), 0);
        let (epoch, before) = (Epoch(7), at(LEASE));
        let shown = Action::Show(Some((epoch, before)));
        assert_eq!(out, [shown, Action::Make { task: Task::Work, epoch, before }]);
        let out = world.on(Event::Made(Ok(42)), 1);
        assert_eq!(out, [Action::Report(Report::Started { pid: 42 })]);
        world
    }
}

fn start(until: u64) -> Order {
    Order::Start { task: Task::Work, epoch: Epoch(7), until: at(until) }
}

fn end(within: u64) -> Order {
    Order::End { signal: Signal(2), within: ms(within) }
}

fn killed() -> Vec<Action> {
    vec![Action::Show(None), Action::Kill]
}

#[test]
fn work_of_a_node_that_does_not_renew_is_told_to_end_and_killed_before_its_lease_is_over() {
    let mut world = World::running(true);
    assert_eq!(world.dog.wait(at(1)), Some(ms(949)));
    assert_eq!(world.on(Event::Tick, 949), []);
    let told = [Action::Signal(TERM), Action::Report(Report::ToldToEnd)];
    assert_eq!(world.on(Event::Tick, 950), told);
    assert_eq!(world.dog.wait(at(950)), Some(ms(1000)));
    assert_eq!(world.on(Event::Tick, 1949), []);
    assert_eq!(world.on(Event::Tick, 1950), killed());
    assert_eq!(world.on(Event::Left(2), 1950), []);
    let exited = Report::Exited { status: Status::Killed(Signal(9)) };
    let out = world.on(Event::Exited(Status::Killed(Signal(9))), 1951);
    assert_eq!(out, [Action::Report(exited), Action::Kill]);
    let ended = [Action::Report(Report::Ended { killed: true })];
    assert_eq!(world.on(Event::Left(0), 1951), ended);
    assert_eq!(world.dog.wait(at(1952)), None);
}

#[test]
fn the_clock_that_is_faster_counts() {
    let mut world = World::running(true);
    let mut out = Vec::new();
    let fast = Reading { boot: ms(100), raw: ms(1950) };
    world.dog.handle(Event::Tick, fast, &mut out);
    assert_eq!(out[0], Action::Signal(TERM));
    assert!(out.contains(&Action::Kill), "{out:?}");
}

#[test]
fn a_renewal_moves_the_deadline_and_is_shown_and_an_older_one_changes_nothing() {
    let mut world = World::running(true);
    for (until, shown) in [(2200, 2200), (2100, 2200)] {
        let out = world.order(Order::Renew { until: at(until) }, 200);
        assert_eq!(out, [Action::Show(Some((Epoch(7), at(shown))))]);
    }
    assert_eq!(world.on(Event::Tick, 1149), []);
    assert_eq!(world.on(Event::Tick, 1150).len(), 2);
}

#[test]
fn work_that_was_told_to_end_has_the_time_that_it_was_given_and_a_second_order_gives_no_more() {
    let mut world = World::running(true);
    assert_eq!(world.order(end(500), 100), [Action::Signal(Signal(2))]);
    assert_eq!(world.order(end(500), 550), []);
    world.order(Order::Renew { until: at(9000) }, 560);
    assert_eq!(world.on(Event::Tick, 599), []);
    assert_eq!(world.on(Event::Tick, 600), killed());
}

#[test]
fn work_that_was_told_to_end_is_killed_before_the_lease_is_over_however_much_time_it_was_given() {
    let mut world = World::running(true);
    world.order(end(5000), 100);
    assert_eq!(world.on(Event::Tick, 1949), []);
    assert_eq!(world.on(Event::Tick, 1950), killed());
}

#[test]
fn work_without_a_lease_is_told_to_end_when_nothing_is_known_and_killed_later() {
    let mut world = World::running(false);
    assert_eq!(world.on(Event::Tick, 1999), []);
    assert_eq!(world.on(Event::Tick, 2000).len(), 2);
    assert_eq!(world.on(Event::Tick, 2999), []);
    assert_eq!(world.on(Event::Tick, 3000), killed());
}

#[test]
fn the_work_of_a_node_that_is_gone_is_killed_at_once_and_the_guard_ends_when_it_is_dead() {
    let mut world = World::running(true);
    assert_eq!(world.on(Event::NodeGone, 5), killed());
    assert_eq!(world.on(Event::Left(1), 5), []);
    let ended = Action::Report(Report::Ended { killed: true });
    assert_eq!(world.on(Event::Left(0), 6), [ended, Action::Exit]);
    assert_eq!(World::new(true).on(Event::NodeGone, 0), [Action::Exit]);
}

#[test]
fn what_a_program_leaves_behind_is_killed_and_nothing_new_begins_before_that() {
    let mut world = World::running(true);
    let out = world.on(Event::Exited(Status::Code(3)), 10);
    let exited = Action::Report(Report::Exited { status: Status::Code(3) });
    assert_eq!(out, [[exited].as_slice(), &killed()].concat());
    let refused = [Action::Report(Report::NotStarted { error: None })];
    assert_eq!(world.order(start(9000), 11), refused);
    assert_eq!(world.on(Event::Left(1), 11), []);
    assert_eq!(world.on(Event::Reaped, 12), [Action::Kill]);
    let ended = [Action::Report(Report::Ended { killed: false })];
    assert_eq!(world.on(Event::Left(0), 12), ended);
    assert_eq!(world.order(start(9000), 13).len(), 2);
}

#[test]
fn what_does_not_die_is_killed_again_and_again_and_reported_once() {
    let mut world = World::running(true);
    assert_eq!(world.order(Order::Kill, 100), killed());
    let mut reports = Vec::new();
    let mut now = 100;
    while now < 3000 {
        now += u64::try_from(world.dog.wait(at(now)).unwrap().as_millis()).unwrap();
        assert_eq!(world.on(Event::Tick, now), [Action::Kill], "{now}");
        reports.extend(world.on(Event::Left(3), now).into_iter().map(|action| (now, action)));
    }
    let [(when, Action::Report(Report::Lingers { processes: 3 }))] = reports[..] else {
        panic!("{reports:?}");
    };
    assert!((1100..1300).contains(&when), "{when}");
}

#[test]
fn nothing_begins_when_it_would_have_to_end_at_once() {
    for (has_lease, now) in [(true, 950), (false, 2000)] {
        let mut world = World::new(has_lease);
        let refused = [Action::Report(Report::NotStarted { error: None })];
        assert_eq!(world.order(start(LEASE), now), refused);
        assert_eq!(world.dog.wait(at(now)), None);
    }
}

#[test]
fn work_that_cannot_be_made_is_reported_with_the_reason() {
    let mut world = World::new(true);
    world.order(start(LEASE), 0);
    let refused = Action::Report(Report::NotStarted { error: Some(11) });
    assert_eq!(world.on(Event::Made(Err(11)), 1), [Action::Show(None), refused]);
    assert_eq!(world.order(start(LEASE), 2).len(), 2, "another attempt");
}

#[test]
fn work_has_not_ended_while_a_lease_file_on_a_disk_that_hangs_still_shows_a_lease() {
    let ended = Action::Report(Report::Ended { killed: true });
    for hidden_at in [None, Some(700)] {
        let mut world = World { disk_hangs: true, ..World::running(true) };
        world.order(Order::Renew { until: at(2100) }, 50);
        assert_eq!(world.order(Order::Kill, 100), killed());
        assert_eq!(world.on(Event::Left(0), 101), []);
        assert_eq!(world.order(Order::Renew { until: at(9000) }, 200), [], "this is not shown");
        assert_eq!(world.dog.wait(at(200)), Some(ms(1900)));
        assert_eq!(world.on(Event::Reaped, 201), []);
        assert_eq!(world.order(end(0), 202), []);
        if let Some(now) = hidden_at {
            assert_eq!(world.on(Event::Hidden, now), [ended]);
        } else {
            assert_eq!(world.on(Event::Tick, 2099), []);
            assert_eq!(world.on(Event::Tick, 2100), [ended]);
        }
        assert_eq!(world.on(Event::NodeGone, 2200), [Action::Exit]);
    }
}

#[test]
fn a_guard_without_its_node_stays_while_a_lease_file_on_a_disk_that_hangs_still_shows_a_lease() {
    let mut world = World { disk_hangs: true, ..World::running(true) };
    assert_eq!(world.on(Event::NodeGone, 100), killed());
    assert_eq!(world.on(Event::Left(0), 101), []);
    let ended = Action::Report(Report::Ended { killed: true });
    assert_eq!(world.on(Event::Tick, LEASE), [ended, Action::Exit]);
}

#[test]
fn work_without_a_lease_has_ended_however_long_its_disk_hangs() {
    let mut world = World { disk_hangs: true, ..World::running(false) };
    world.order(Order::Kill, 100);
    let ended = Action::Report(Report::Ended { killed: true });
    assert_eq!(world.on(Event::Left(0), 101), [ended]);
}

#[test]
fn a_signal_is_passed_on_while_there_is_somebody_to_hear_it() {
    let mut world = World::new(true);
    let pass = Order::Pass { signal: Signal(10) };
    assert_eq!(world.order(pass, 0), []);
    let mut world = World::running(true);
    assert_eq!(world.order(pass, 10), [Action::Signal(Signal(10))]);
    world.order(Order::Kill, 11);
    assert_eq!(world.order(pass, 12), []);
}
