//! What is said of the words for an epoch, for people.

use std::time::Duration;

use super::{
    answers::{One, session},
    *,
};
use crate::{
    leadership::{Bond, NotCounted},
    membership::{GroupId, Member},
};

fn words(one: &One) -> Vec<(u64, Option<NotCounted>)> {
    let words = one.core.words().into_iter();
    words.map(|word| (word.peer.number(), word.not_counted)).collect()
}

#[test]
fn each_word_that_does_not_count_says_why() {
    let mut one = One::elected();
    assert_eq!(words(&one), [], "no epoch is proposed");
    one.arrived(1);
    one.arrived(2);
    let waits = Some(NotCounted::NotNoted);
    let ours = (5, Some(NotCounted::NotOnDisk));
    assert_eq!(words(&one), [ours, (1, waits), (2, waits)]);
    // An amnesiac comes, and one that is bound.
    let info = One::of(5, 3, NEW).core.info();
    one.told(EpochsEvent::Arrived { session: session(3), peer: id(3), info });
    one.arrived(4);
    one.noted(1, true);
    one.noted(2, false);
    one.noted(3, true);
    let (to, rest) = (Some(id(1)), Duration::from_millis(700));
    let promise = Some(Bond { to, epoch: Epoch(1), rest });
    one.said(4, LearnerWord::AckEpoch { current: Some(Epoch(1)), zxid: Zxid(0), bond: promise });
    let bound = Some(NotCounted::Bound { to, rest });
    let known = [
        (1, Some(NotCounted::NotOnDisk)),
        (2, Some(NotCounted::PromisedBefore)),
        (3, Some(NotCounted::Amnesiac)),
        (4, bound),
    ];
    assert_eq!(words(&one)[1..], known);
    one.stored();
    assert_eq!(words(&one)[0], (5, None));
    let epoch = one.core.epoch().unwrap();
    for number in [1, 3, 4] {
        one.said(number, LearnerWord::Ack { epoch });
    }
    assert!(matches!(one.core.stage(), Stage::Leading { .. }));
    let begun = [
        (5, None),
        (1, None),
        (2, Some(NotCounted::PromisedBefore)),
        (3, Some(NotCounted::Amnesiac)),
        (4, None),
    ];
    assert_eq!(words(&one), begun);
    one.told(EpochsEvent::Unelected);
    assert_eq!(words(&one), [], "and then it is over");
}

#[test]
fn who_has_no_weight_gives_no_word_that_counts() {
    let voter = |number: u64, weight| Member {
        weight: Some(weight),
        group: Some(GroupId(1)),
        ..Member::voter(id(number))
    };
    let members = [voter(1, 1), voter(2, 0), Member::observer(id(3))];
    let ensemble = Arc::new(Ensemble::new(members).unwrap());
    let core = |number: u64| {
        let identity = Arc::new(identity(number));
        Epochs::new(id(number), Arc::clone(&ensemble), identity, Zxid(0), record(1))
    };
    let mut one = One { core: core(1), asked: vec![] };
    one.told(EpochsEvent::Elected { leader: id(1) });
    for number in [2, 3] {
        let info = core(number).info();
        one.told(EpochsEvent::Arrived { session: session(number), peer: id(number), info });
    }
    let without = [(2, Some(NotCounted::WeightZero)), (3, Some(NotCounted::Observer))];
    assert_eq!(words(&one)[1..], without);
}
