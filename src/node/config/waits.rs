//! [`check`]: whether every wait can be meant.
//!
//! With a wait of zero a repetition is a loop without rest, and with a deadline of zero nothing is ever done in
//! time; a wait of centuries overflows when it is added to a moment.

use std::time::Duration;

use ballotbox_actors::{Liveness, NetworkTiming};
use ballotbox_core::{
    leadership::{LeadershipTiming, LeaseProblem, LeaseTerms},
    links::LinkTiming,
};

use super::{ConfigError, Keep, LeadershipConfig, NodeConfig};
use crate::ElectionTiming;

/// The longest wait of a real server: milliseconds in a Java `int`.
const MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// What waits for something, or is done again.
const SOME: Duration = Duration::from_millis(1);

/// The kernel counts these in seconds, in 15 bits.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(32_767));

/// Checks every wait of a node.
///
/// # Errors
///
/// [`ConfigError::Wait`] or [`ConfigError::WaitOrder`], with the first field that is wrong.
pub(super) fn check(config: &NodeConfig) -> Result<(), ConfigError> {
    // Named one by one, so that a new one does not compile until it is checked.
    let ElectionTiming { settle, resend_min, resend_max, grace } = config.timing;
    let NetworkTiming { connect, greeting, write, frame, rebind } = config.network;
    let LinkTiming {
        redial,
        overdue,
        knock,
        dial_back,
        steady,
        answer,
        answer_to_knock,
        silence,
        candidate,
        guest,
    } = config.links;
    let Liveness { unacknowledged, idle, probe } = config.liveness;
    let some = (SOME, MAX);
    let any = (Duration::ZERO, MAX);
    for (field, found, (min, max)) in [
        ("timing.settle", settle, any),
        ("timing.resend_min", resend_min, some),
        ("timing.resend_max", resend_max, some),
        ("timing.grace", grace, any),
        ("network.connect", connect, some),
        ("network.greeting", greeting, some),
        ("network.write", write, some),
        ("network.frame", frame, some),
        ("network.rebind.min", rebind.min, some),
        ("network.rebind.max", rebind.max, some),
        ("links.redial.min", redial.min, some),
        ("links.redial.max", redial.max, some),
        ("links.overdue", overdue, any),
        ("links.knock", knock, any),
        ("links.dial_back", dial_back, some),
        ("links.steady", steady, any),
        ("links.answer", answer, some),
        ("links.answer_to_knock", answer_to_knock, some),
        ("links.silence", silence, some),
        ("links.candidate", candidate, some),
        ("links.guest", guest, some),
        ("liveness.unacknowledged", unacknowledged, some),
        ("liveness.idle", idle, KEEPALIVE),
        ("liveness.probe", probe, KEEPALIVE),
    ] {
        if found < min || found > max {
            return Err(ConfigError::Wait { field, found, min, max });
        }
    }
    check_leadership(config)?;
    for (fields, min, max) in [
        (("timing.resend_min", "timing.resend_max"), resend_min, resend_max),
        (("network.rebind.min", "network.rebind.max"), rebind.min, rebind.max),
        (("links.redial.min", "links.redial.max"), redial.min, redial.max),
    ] {
        if min > max {
            return Err(ConfigError::WaitOrder { fields, min, max });
        }
    }
    Ok(())
}

/// The waits of leadership, if there is one.
fn check_leadership(config: &NodeConfig) -> Result<(), ConfigError> {
    let Some(leadership) = &config.leadership else { return Ok(()) };
    let LeadershipTiming {
        ping,
        silence,
        establish,
        redial,
        holdoff,
        retry,
        review,
        lease: _,
        stop_within: _,
    } = leadership.timing;
    for (field, found, min) in [
        ("leadership.ping", ping, SOME),
        // A ping that is lost is no silence.
        ("leadership.silence", silence, ping.saturating_mul(2)),
        ("leadership.establish", establish, SOME),
        ("leadership.redial.min", redial.min, SOME),
        ("leadership.redial.max", redial.max, redial.min),
        ("leadership.holdoff", holdoff, Duration::ZERO),
        ("leadership.retry", retry, SOME),
        ("leadership.review.min", review.min, SOME),
        ("leadership.review.max", review.max, review.min),
        ("leadership.stop_within", leadership.timing.stop_within(), Duration::ZERO),
    ] {
        if found < min || found > MAX {
            return Err(ConfigError::Wait { field, found, min, max: MAX });
        }
    }
    check_lease(leadership)
}

/// The lease, if there is to be one.
fn check_lease(leadership: &LeadershipConfig) -> Result<(), ConfigError> {
    if matches!(leadership.keep, Keep::Nowhere) {
        return Err(ConfigError::LeaseWithoutDirectory);
    }
    if leadership.drift_ppm > LeaseTerms::DRIFT_PPM_MAX {
        return Err(LeaseProblem::Drift { drift_ppm: leadership.drift_ppm }.into());
    }
    leadership.timing.lease_problem().map_or(Ok(()), |problem| Err(problem.into()))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::{
        Endpoint, Member, Membership, ServerId,
        node::{Keep, LeadershipConfig},
    };

    /// Changes one wait of a configuration.
    type Set = fn(&mut NodeConfig, Duration);

    /// Every wait by its name, and whether it may be zero.
    const WAITS: [(&str, bool, Set); 24] = [
        ("timing.settle", true, |c, to| c.timing.settle = to),
        ("timing.resend_min", false, |c, to| c.timing.resend_min = to),
        ("timing.resend_max", false, |c, to| c.timing.resend_max = to),
        ("timing.grace", true, |c, to| c.timing.grace = to),
        ("network.connect", false, |c, to| c.network.connect = to),
        ("network.greeting", false, |c, to| c.network.greeting = to),
        ("network.write", false, |c, to| c.network.write = to),
        ("network.frame", false, |c, to| c.network.frame = to),
        ("network.rebind.min", false, |c, to| c.network.rebind.min = to),
        ("network.rebind.max", false, |c, to| c.network.rebind.max = to),
        ("links.redial.min", false, |c, to| c.links.redial.min = to),
        ("links.redial.max", false, |c, to| c.links.redial.max = to),
        ("links.overdue", true, |c, to| c.links.overdue = to),
        ("links.knock", true, |c, to| c.links.knock = to),
        ("links.dial_back", false, |c, to| c.links.dial_back = to),
        ("links.steady", true, |c, to| c.links.steady = to),
        ("links.answer", false, |c, to| c.links.answer = to),
        ("links.answer_to_knock", false, |c, to| c.links.answer_to_knock = to),
        ("links.silence", false, |c, to| c.links.silence = to),
        ("links.candidate", false, |c, to| c.links.candidate = to),
        ("links.guest", false, |c, to| c.links.guest = to),
        ("liveness.unacknowledged", false, |c, to| c.liveness.unacknowledged = to),
        ("liveness.idle", false, |c, to| c.liveness.idle = to),
        ("liveness.probe", false, |c, to| c.liveness.probe = to),
    ];

    fn config() -> NodeConfig {
        let me = ServerId::new(1).unwrap();
        let endpoint: Endpoint = "h:1".parse().unwrap();
        NodeConfig::new(me, Membership::new([Member::voter(me).at(endpoint)]).unwrap())
    }

    fn with(set: Set, to: Duration) -> Result<(), ConfigError> {
        let mut config = config();
        set(&mut config, to);
        config.check()
    }

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(config().check(), Ok(()));
    }

    #[test]
    fn a_wait_that_cannot_be_meant_is_refused_with_the_name_of_its_field() {
        for (name, may_be_zero, set) in WAITS {
            let refused = |to| match with(set, to) {
                Err(ConfigError::Wait { field, found, .. }) => (field, found) == (name, to),
                Ok(()) | Err(_) => false,
            };
            assert!(refused(Duration::MAX), "{name}");
            assert!(refused(MAX + Duration::from_nanos(1)), "{name}");
            assert_eq!(refused(Duration::ZERO), !may_be_zero, "{name}");
            if may_be_zero {
                assert_eq!(with(set, Duration::ZERO), Ok(()), "{name}");
            }
        }
    }

    #[test]
    fn the_shortest_wait_is_not_above_the_longest() {
        for pair in [1, 8, 10].map(|at| &WAITS[at..at + 2]) {
            let [(min, _, set_min), (max, _, set_max)] = pair else { unreachable!() };
            let mut config = config();
            set_min(&mut config, Duration::from_millis(2));
            set_max(&mut config, Duration::from_millis(1));
            let error = config.check().unwrap_err();
            assert!(matches!(error, ConfigError::WaitOrder { .. }));
            let expected = format!("{min} is 2ms, above {max} of 1ms: expected at most that");
            assert_eq!(error.to_string(), expected);
        }
    }

    /// Changes one wait of a leadership.
    type SetOfLeadership = fn(&mut LeadershipConfig, Duration);

    /// Every wait of a leadership by its name, and the shortest that it may be beside the others' defaults.
    const OF_LEADERSHIP: [(&str, Duration, SetOfLeadership); 8] = [
        ("leadership.ping", SOME, |c, to| c.timing.ping = to),
        ("leadership.silence", Duration::from_millis(400), |c, to| c.timing.silence = to),
        ("leadership.establish", SOME, |c, to| c.timing.establish = to),
        ("leadership.redial.min", SOME, |c, to| c.timing.redial.min = to),
        ("leadership.redial.max", Duration::from_millis(1), |c, to| {
            (c.timing.redial.min, c.timing.redial.max) = (SOME, to);
        }),
        ("leadership.holdoff", Duration::ZERO, |c, to| c.timing.holdoff = to),
        ("leadership.retry", SOME, |c, to| c.timing.retry = to),
        ("leadership.stop_within", Duration::ZERO, |c, to| c.timing.stop_within = Some(to)),
    ];

    fn with_leadership(set: SetOfLeadership, to: Duration) -> Result<(), ConfigError> {
        let mut config = config();
        let mut leadership = LeadershipConfig::new(Keep::InDirectory("data".into()));
        set(&mut leadership, to);
        config.leadership = Some(leadership);
        config.check()
    }

    #[test]
    fn a_wait_of_a_leadership_that_cannot_be_meant_is_refused_with_the_name_of_its_field() {
        assert_eq!(with_leadership(|_, _| (), SOME), Ok(()));
        let tick = Duration::from_nanos(1);
        for (name, shortest, set) in OF_LEADERSHIP {
            assert_eq!(with_leadership(set, shortest), Ok(()), "{name}");
            let too_short = shortest.checked_sub(tick);
            for found in too_short.into_iter().chain([MAX + tick, Duration::MAX]) {
                let Err(ConfigError::Wait { field, found: told, .. }) = with_leadership(set, found)
                else {
                    panic!("{name}: {found:?}");
                };
                assert_eq!((field, told), (name, found));
            }
        }
    }

    #[test]
    fn a_silence_of_a_leadership_is_at_least_two_pings_long() {
        let longer = |ping: &mut LeadershipConfig, to| ping.timing.ping = to;
        let silence = LeadershipConfig::new(Keep::InDirectory("data".into())).timing.silence;
        assert_eq!(with_leadership(longer, silence / 2), Ok(()));
        let error = with_leadership(longer, silence / 2 + SOME).unwrap_err();
        assert!(matches!(error, ConfigError::Wait { field: "leadership.silence", .. }), "{error}");
    }

    #[test]
    fn the_message_says_what_was_found_and_expected() {
        let error = with(WAITS[1].2, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "timing.resend_min is 0ns: expected 1ms to 2147483.647s");
    }
}
