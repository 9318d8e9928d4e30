use proptest::prelude::*;

use super::*;

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn token(number: u64, owner: u64) -> Token {
    Token::new(number, id(owner))
}

fn at(number: u64, owner: u64) -> Fence {
    Fence::new(Some(token(number, owner)))
}

#[test]
fn who_leads_writes_many_times_and_who_led_before_never_again() {
    let mut fence = Fence::default();
    assert_eq!(fence.highest(), None);
    assert_eq!(fence.admit(token(3, 1)), Ok(Admitted::Newer));
    assert_eq!(fence.admit(token(3, 1)), Ok(Admitted::Again));
    assert_eq!(fence.admit(token(5, 2)), Ok(Admitted::Newer));
    for number in [3, 4] {
        let (token, highest) = (token(number, 1), token(5, 2));
        assert_eq!(fence.admit(token), Err(Refused::Stale { token, highest }));
    }
    assert_eq!(fence, at(5, 2));
    // The same member leads again, with a larger one.
    assert_eq!(fence.admit(token(6, 1)), Ok(Admitted::Newer));
}

/// F2.
#[test]
fn two_owners_with_one_number_are_an_alarm_and_not_merely_late() {
    let mut fence = at(5, 2);
    let duplicate = token(5, 1);
    let refused = Refused::Duplicate { token: duplicate, owner: Some(id(2)) };
    assert_eq!(fence.admit(duplicate), Err(refused));
    assert_eq!((fence, refused.highest()), (at(5, 2), Some(token(5, 2))));
    assert_eq!(
        refused.to_string(),
        "token 5 of member 1 is a duplicate: it was admitted of member 2 before. Two leaders with one epoch: data \
         directories of voters were lost, copied or rolled back, or an owner is not what it should be"
    );
    // Who names no owner is one owner, and none of those that have a name.
    let nameless = Token::without_owner(5);
    assert!(matches!(fence.admit(nameless), Err(Refused::Duplicate { .. })));
    let mut fence = Fence::new(Some(nameless));
    assert_eq!(fence.admit(nameless), Ok(Admitted::Again));
    let refused = fence.admit(token(5, 1)).unwrap_err();
    assert_eq!(refused, Refused::Duplicate { token: token(5, 1), owner: None });
    assert_eq!(refused.highest(), Some(nameless));
}

/// F6.
#[test]
fn who_is_refused_learns_the_largest_and_what_to_do() {
    let refused = at(41, 3).admit(token(2, 1)).unwrap_err();
    assert_eq!(refused.highest(), Some(token(41, 3)));
    let told = refused.to_string();
    for part in ["token 2 is stale", "41 of member 3 was admitted", "--epoch-floor 41"] {
        assert!(told.contains(part), "{told}");
    }
}

/// F7.
#[test]
fn a_number_that_no_epoch_can_have_locks_nobody_out() {
    for number in [0, Token::NUMBER_MAX + 1, u64::MAX] {
        for (mut fence, told) in [
            (Fence::default(), "none was admitted yet"),
            (at(5, 2), "the largest that was admitted is 5 of member 2"),
        ] {
            let (before, absurd) = (fence, token(number, 2));
            let refused = fence.admit(absurd).unwrap_err();
            assert_eq!(refused, Refused::Absurd { token: absurd, highest: before.highest() });
            assert_eq!((fence, refused.highest()), (before, before.highest()));
            let expected =
                format!("{number} is the token of no leader: expected 1 to 2147483646; {told}");
            assert_eq!(refused.to_string(), expected);
        }
    }
    assert_eq!(Fence::default().admit(token(Token::NUMBER_MAX, 1)), Ok(Admitted::Newer));
}

proptest! {
    /// F4: no matter who comes, and in which order, the one with the largest number is never locked out, and the number never falls.
    #[test]
    fn the_order_of_arrival_locks_nobody_out(arrivals in prop::collection::vec((0_u64..6, 0_u64..3), 0..20)) {
        let mut fence = Fence::default();
        let mut largest = 0;
        for (number, owner) in arrivals {
            let before = fence;
            let admitted = fence.admit(token(number, owner));
            prop_assert!(fence.highest() >= before.highest());
            prop_assert_eq!(admitted.is_ok(), fence.highest() == Some(token(number, owner)));
            // The first with a number has it.
            if number > largest {
                prop_assert_eq!(admitted, Ok(Admitted::Newer));
            }
            prop_assert!(number >= largest || admitted.is_err());
            largest = largest.max(number);
        }
        prop_assert_eq!(fence.highest().map_or(0, Token::number), largest);
    }
}
