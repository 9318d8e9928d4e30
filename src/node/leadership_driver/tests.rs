//! What a driver tells the herald, and when.

use async_std::task::block_on;
use ballotbox_actors::kit::{Exit, mailbox, mailbox_with_inlet, spawn};
use ballotbox_core::{
    UntrustedText,
    leadership::{DirectoryId, Record, Ticket},
};

use super::*;
use crate::node::{
    FileCall, FileCause, FileError, Keep, LeadershipConfig, MemoryDisk, NodeConfig,
    store::{PromiseReport, StoreReport},
};

/// The same record cannot be written, for another reason each time: each of these is an event.
fn store_failed(number: usize) -> DriverMsg {
    let path = UntrustedText::new(number);
    let error = FileError { call: FileCall::Write, path, cause: FileCause::NoSpace };
    DriverMsg::Store(StoreReport::Failed { ticket: Ticket(0), error })
}

/// A driver that is about to run, and what it is told with.
struct Fixture {
    actor: LeadershipDriver,
    driver: Address<DriverMsg>,
    orders: Mailbox<DriverMsg>,
    star: StarAddress,
    told: Mailbox<HeraldMsg>,
    parent: Address<Exit<(), Infallible>>,
    ends: Mailbox<Exit<(), Infallible>>,
}

impl Fixture {
    async fn new() -> Self {
        let mut config = NodeConfig::parse(1, ["1=127.0.0.1:1", "2=127.0.0.1:2"]).unwrap();
        let disk = MemoryDisk::new(DirectoryId(1), Record::default());
        let leadership = LeadershipConfig::new(Keep::InMemory(disk));
        let kept = leadership.open(&config).await.unwrap();
        let identity = leadership.identity(&config, &kept.contents);
        let core = Leadership::new(
            config.me,
            Arc::clone(config.ensemble()),
            identity.into(),
            leadership.timing,
            config.history.zxid,
            kept.contents.record,
            None,
        );
        let (driver, inlet, orders) = mailbox_with_inlet(1);
        let (parent, ends) = mailbox();
        let (user, network) = (driver.clone(), config.network());
        let star = ballotbox_actors::start_star(&network, user, inlet, parent.clone(), |exit| exit);
        let (store, _stored) = mailbox();
        let (promises, _kept) = mailbox();
        let (elector, _ordered) = mailbox();
        let (herald, told) = mailbox();
        let surroundings = Surroundings { star: star.clone(), store, promises, elector, herald };
        let status = LeadershipStatus::default();
        let timing = LeadershipTiming { stop_within: Some(Duration::ZERO), ..leadership.timing };
        let (work, myself) = (kept.contents.bound.work, driver.clone());
        let actor =
            LeadershipDriver::new(core, timing, work, status, Vec::new(), myself, surroundings);
        Self { actor, driver, orders, star, told, parent, ends }
    }

    /// Runs the driver until it has read all that it was told. Returns what it has told the herald.
    async fn run(self) -> Vec<(usize, Arc<LeadershipStatus>)> {
        let Self { actor, driver, orders, star, mut told, parent, mut ends } = self;
        driver.tell(DriverMsg::Stop).unwrap();
        drop(driver);
        spawn(actor, orders, parent, |exit| exit);
        let mut heard = Vec::new();
        while let Some(message) = told.next().await {
            let HeraldMsg::Leadership { events, status, .. } = message else {
                panic!("{message:?}")
            };
            heard.push((events.len(), status));
        }
        star.stop();
        for _ in 0..2 {
            assert_eq!(ends.next().await, Some(Exit::Done(())));
        }
        heard
    }
}

#[test]
fn a_driver_that_always_has_more_to_read_tells_the_herald_meanwhile() {
    block_on(async {
        let fixture = Fixture::new().await;
        // All of it is there before the driver reads anything.
        let sent = 3 * BURST_MAX;
        for number in 0..sent {
            fixture.driver.tell(store_failed(number)).unwrap();
        }
        let heard = fixture.run().await;
        assert!(heard.iter().all(|(events, _)| *events <= BURST_MAX), "{heard:?}");
        assert_eq!(heard.iter().map(|(events, _)| events).sum::<usize>(), sent);
    });
}

#[test]
fn packets_on_sessions_that_are_over_are_counted_and_how_long_the_disk_took_is_kept() {
    block_on(async {
        let fixture = Fixture::new().await;
        let word = LearnerWord::Ack { epoch: crate::Epoch(7) };
        let packet = word.to_packet().unwrap();
        for number in 1..=3 {
            let heard = StarHeard { session: SessionId::Accepted(number), packet: packet.clone() };
            fixture.driver.tell(DriverMsg::Heard(heard)).unwrap();
        }
        let (ticket, took) = (Ticket(1), Duration::from_millis(4));
        let stored = StoreReport::Stored { ticket, took };
        fixture.driver.tell(DriverMsg::Store(stored)).unwrap();
        let heard = fixture.run().await;
        let (_, last) = heard.last().unwrap();
        assert_eq!((last.stale_packets, last.last_write), (3, Some(took)));
        assert_eq!((last.drift_ppm, last.clock_gaps), (10_000, 0));
    });
}

#[test]
fn a_disk_that_hangs_is_told_of_once_by_its_name_and_no_more_when_it_answers() {
    block_on(async {
        let Fixture { mut actor, .. } = Fixture::new().await;
        let at = |secs| Moment(Duration::from_secs(secs));
        actor.status.directory = Some(UntrustedText::new("/srv/1"));
        for ordered in [&mut actor.ordered.record, &mut actor.ordered.promise] {
            ordered.order(Ticket(7), at(10));
        }
        actor.events.clear();
        for secs in [10, 11, 12] {
            actor.look_at_disk(at(secs));
        }
        let hangs = |error: &Option<UntrustedText>| {
            error
                .as_ref()
                .is_some_and(|error| error.to_string().starts_with("/srv/1: the disk hangs"))
        };
        assert!(hangs(&actor.status.disk) && hangs(&actor.status.cannot_promise));
        let told: Vec<_> = actor.events.drain(..).map(|(_, event)| event).collect();
        assert!(
            matches!(told[..], [NodeEvent::CannotStore { .. }, NodeEvent::CannotPromise { .. }]),
            "{told:?}"
        );
        let took = Duration::from_secs(3);
        actor.hear_of_record(StoreReport::Stored { ticket: Ticket(7), took });
        actor.hear_of_promise(PromiseReport::Kept { ticket: Ticket(7) });
        actor.look_at_disk(at(60));
        assert_eq!((&actor.status.disk, &actor.status.cannot_promise), (&None, &None));
    });
}
