//! [`Resignation`]: what has become of an order to resign.

use std::{fmt, time::Duration};

use ballotbox_actors::kit::tenths_of_ms;
use ballotbox_core::UntrustedText;
use serde::{Deserialize, Serialize};

use super::{report::LeaderReport, shown::shown_if_any};
use crate::Epoch;

/// What has become of an order to resign, as `ballotbox resign --json` prints it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Resignation {
    /// Whether another one is established.
    pub resigned: bool,
    /// The epoch that is given up; null if none is.
    pub epoch: Option<i64>,
    /// Who leads now; null if that is nobody, or the order was refused.
    pub leader: Option<LeaderReport>,
    /// How long it took, in milliseconds.
    pub elapsed_ms: f64,
    /// Why no other one is established; null if one is.
    #[serde(default, deserialize_with = "shown_if_any")]
    pub reason: Option<String>,
}

impl Resignation {
    /// Nothing is given up.
    pub(crate) fn refused(why: impl fmt::Display) -> Self {
        let reason = Some(UntrustedText::new(why).to_string());
        Self { resigned: false, epoch: None, leader: None, elapsed_ms: 0.0, reason }
    }

    /// A later epoch has begun, if this is its leader.
    pub(crate) fn followed_by(
        me: u64,
        given_up: Epoch,
        leader: Option<LeaderReport>,
        took: Duration,
    ) -> Option<Self> {
        let leader = leader.filter(|leader| leader.epoch > given_up.0)?;
        let resigned = leader.id != me;
        let again =
            format!("{me} leads again, in epoch {}: nobody else has taken over", leader.epoch);
        Some(Self {
            resigned,
            epoch: Some(given_up.0),
            leader: Some(leader),
            elapsed_ms: tenths_of_ms(took),
            reason: (!resigned).then_some(again),
        })
    }

    /// Nobody leads in a later epoch, and no more time is left.
    pub(crate) fn not_yet(epoch: Epoch, work_goes_on: bool, took: Duration) -> Self {
        let reason = if work_goes_on {
            format!("the work of epoch {epoch} was told to end, and has not yet")
        } else {
            format!("epoch {epoch} is given up, and nobody leads in a later one yet")
        };
        Self {
            resigned: false,
            epoch: Some(epoch.0),
            leader: None,
            elapsed_ms: tenths_of_ms(took),
            reason: Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_done_when_another_one_leads_and_has_a_reason_otherwise() {
        let took = Duration::from_micros(4180);
        let next = |id| LeaderReport { id, token: 7, epoch: 7, incarnation: Some(1) };
        let followed = |leader| Resignation::followed_by(3, Epoch(6), leader, took);
        let done = followed(Some(next(2))).unwrap();
        assert_eq!((done.resigned, done.reason.as_deref()), (true, None));
        assert!((done.elapsed_ms - 4.2).abs() < f64::EPSILON);
        let again = followed(Some(next(3))).unwrap();
        assert!(!again.resigned && again.reason.unwrap().starts_with("3 leads again, in epoch 7"));
        let still = LeaderReport { token: 6, epoch: 6, ..next(3) };
        assert_eq!((followed(Some(still)), followed(None)), (None, None));
        let refused = Resignation::refused("a\u{1b}[2Jb");
        assert!(!refused.resigned && !refused.reason.unwrap().contains('\u{1b}'));
        let late = Resignation::not_yet(Epoch(6), true, took);
        assert!(late.reason.unwrap().contains("has not yet"));
        let late = Resignation::not_yet(Epoch(6), false, took);
        assert!(late.reason.unwrap().contains("nobody leads"));
    }
}
