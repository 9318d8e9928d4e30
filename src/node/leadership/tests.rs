use std::sync::Arc;

use async_std::task::block_on;

use super::*;

fn tenure() -> (Tenure, Mailbox<DriverMsg>) {
    let (driver, orders) = mailbox();
    (
        Tenure::new(
            ServerId::new(1).unwrap(),
            driver,
            false,
            Some(WorkHold::InMemory(Arc::default())),
        ),
        orders,
    )
}

/// Somebody waits, and gets the handle when it is handed out.
fn waits(tenure: &mut Tenure) -> Mailbox<Leadership> {
    let (reply, handle) = mailbox();
    tenure.wait(reply);
    handle
}

#[test]
fn a_handle_carries_its_end_from_before_anybody_has_it() {
    block_on(async {
        let (mut tenure, _orders) = tenure();
        let mut handle = waits(&mut tenure);
        assert!(tenure.hand_out(Epoch(5)));
        // Who waits has not taken it yet, and asks for no end.
        tenure.lose(LostBecause::QuorumLost);
        let mut leadership = handle.next().await.unwrap();
        assert!(!leadership.is_valid());
        assert_eq!(leadership.lost().await, LostBecause::QuorumLost);
        assert_eq!(leadership.lost().await, LostBecause::QuorumLost);
        let run = leadership.run(async { panic!("the work of an epoch that is over began") });
        assert_eq!(run.await.unwrap_err().cause, LostBecause::QuorumLost);
    });
}

#[test]
fn the_next_epoch_is_handed_out_only_when_the_handle_of_the_last_is_gone() {
    block_on(async {
        let (mut tenure, mut orders) = tenure();
        let mut first = waits(&mut tenure);
        let mut second = waits(&mut tenure);
        assert!(tenure.hand_out(Epoch(5)));
        let leadership = first.next().await.unwrap();
        tenure.lose(LostBecause::Resigned);
        assert!(!tenure.hand_out(Epoch(7)), "work of epoch 5 goes on");
        drop(leadership);
        let told = orders.next().await;
        let Some(DriverMsg::Lead(LeadMsg::Dropped { epoch: Epoch(5) })) = told else {
            panic!("{told:?}")
        };
        assert!(tenure.dropped(Epoch(5)));
        assert!(tenure.hand_out(Epoch(7)));
        let leadership = second.next().await.unwrap();
        assert_eq!(leadership.token(), 7);
        // What is said of the last one changes nothing.
        assert!(!tenure.dropped(Epoch(5)));
        assert!(!tenure.hand_out(Epoch(8)));
    });
}
