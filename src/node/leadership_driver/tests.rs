//! What a driver tells the herald, and when.

use async_std::task::block_on;
use ballotbox_actors::kit::{Exit, mailbox, mailbox_with_inlet, spawn};
use ballotbox_core::leadership::{DirectoryId, Record, Ticket};

use super::*;
use crate::node::{FileCall, FileCause, FileError, Keep, LeadershipConfig, MemoryDisk, NodeConfig};

/// The same record cannot be written, for another reason each time: each of these is an event.
fn store_failed(number: usize) -> DriverMsg {
    let path = UntrustedText::new(number);
    let error = FileError { call: FileCall::Write, path, cause: FileCause::NoSpace };
    DriverMsg::Store(StoreReport::Failed { ticket: Ticket(0), error })
}

#[test]
fn a_driver_that_always_has_more_to_read_tells_the_herald_meanwhile() {
    block_on(async {
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
        let (parent, mut ends) = mailbox();
        let (user, network) = (driver.clone(), config.network());
        let star = ballotbox_actors::start_star(&network, user, inlet, parent.clone(), |exit| exit);
        let (store, _stored) = mailbox();
        let (promises, _kept) = mailbox();
        let (elector, _ordered) = mailbox();
        let (herald, mut told) = mailbox();

        // All of it is there before the driver reads anything.
        let sent = 3 * BURST_MAX;
        for number in 0..sent {
            driver.tell(store_failed(number)).unwrap();
        }
        driver.tell(DriverMsg::Stop).unwrap();
        let surroundings = Surroundings { star: star.clone(), store, promises, elector, herald };
        let status = LeadershipStatus::default();
        let timing = LeadershipTiming { stop_within: Some(Duration::ZERO), ..leadership.timing };
        let work = kept.contents.bound.work;
        let remarks = Vec::new();
        let actor =
            LeadershipDriver::new(core, timing, work, status, remarks, driver, surroundings);
        spawn(actor, orders, parent, |exit| exit);

        let mut heard = 0;
        while let Some(message) = told.next().await {
            let HeraldMsg::Leadership { events, .. } = message else { panic!("{message:?}") };
            assert!(events.len() <= BURST_MAX, "{} at one time", events.len());
            heard += events.len();
        }
        assert_eq!(heard, sent);
        star.stop();
        for _ in 0..2 {
            assert_eq!(ends.next().await, Some(Exit::Done(())));
        }
    });
}
