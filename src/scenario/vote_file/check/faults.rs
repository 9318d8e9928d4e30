//! `faults`: ranges were checked with the types, what is left is how the fields fit together.

use std::time::Duration;

use super::super::{
    Faults, FileTiming, STEPS_MAX, Step,
    error::{At, FieldError},
    raw::RawFaults,
};

/// A fault begins, and ends: with a `heal`, after which what still parts members is said again.
const STEPS_PER_FAULT: usize = 5;

pub(super) fn check(
    raw: &RawFaults,
    steps: &[Step],
    leadership: bool,
    timing: &FileTiming,
) -> Result<Faults, At> {
    let faults = Faults::from(raw);
    let of_leadership = [
        ("disk_full", faults.disk_full > 0),
        ("disk_stalls", faults.disk_stalls > 0),
        ("disk_errors", faults.disk_errors > 0),
        ("resigns", faults.resigns > 0),
        ("rests", faults.rests > 0),
        ("timers_ms", !faults.timers.is_zero()),
    ];
    if let Some((field, _)) =
        of_leadership.into_iter().find(|(_, is_there)| *is_there && !leadership)
    {
        return Err(At::new(format!("faults.{field}"), FieldError::WithoutLeadership));
    }
    delay(&faults)?;
    all_have_an_effect(&faults, timing)?;
    let (found, assumed) = (faults.drift_ppm, timing.drift_ppm);
    if timing.leadership.lease.is_some() && found > assumed {
        return Err(At::new("faults.drift_ppm", FieldError::DriftBeyondLease { found, assumed }));
    }
    let last = steps.last().map_or(Duration::ZERO, |step| step.at);
    if faults.operations() > 0 && faults.until < last {
        let error = FieldError::FaultsTooEarly {
            until_ms: faults.until.as_millis(),
            last_ms: last.as_millis(),
        };
        return Err(At::new("faults.until_ms", error));
    }
    let found = steps.len() + faults.operations() * STEPS_PER_FAULT;
    if found > STEPS_MAX {
        return Err(At::new("faults", FieldError::TooManyFaults { found }));
    }
    Ok(faults)
}

fn delay(faults: &Faults) -> Result<(), At> {
    let (min, max) = faults.delay;
    if max < min {
        return Err(At::new("faults.delay_us", FieldError::DelayOrder));
    }
    if min.is_zero() {
        return Err(At::new("faults.delay_us[0]", FieldError::DelayZero));
    }
    Ok(())
}

/// The author of a file that asks for a fault that cannot happen would believe that it was withstood.
fn all_have_an_effect(faults: &Faults, timing: &FileTiming) -> Result<(), At> {
    let needs = |field: &str, found: u128, missing: &'static str, is_there: bool| {
        if found == 0 || is_there {
            return Ok(());
        }
        Err(At::new(format!("faults.{field}"), FieldError::NoEffect { found, missing }))
    };
    for (field, count) in faults.counts() {
        needs(field, count.into(), "until_ms", !faults.until.is_zero())?;
    }
    let timers = faults.timers.as_millis();
    needs("timers_ms", timers, "until_ms", !faults.until.is_zero())?;
    let has_lease = timing.leadership.lease.is_some();
    for (field, count) in [
        ("slews", faults.slews),
        ("stuck_work", faults.stuck_work),
        ("unwell_work", faults.unwell_work),
    ] {
        needs(field, count.into(), "timing.lease_ms", has_lease)?;
    }
    let (slow, names) = (faults.slow.as_millis(), faults.names.as_millis());
    needs("slow_percent", faults.slow_percent.into(), "slow_ms", slow > 0)?;
    needs("slow_ms", slow, "slow_percent", faults.slow_percent > 0)?;
    needs("names_ms", names, "move_percent", faults.move_percent > 0)
}
