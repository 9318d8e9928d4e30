//! `faults`, as written.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Bounded, Millis, TwoOf, whole_millis};
use crate::scenario::vote_file::Faults;

/// `faults` of a vote file. What is left out does not happen.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario::vote_file) struct RawFaults {
    until_ms: Millis,
    #[serde(skip_serializing_if = "Count::is_none")]
    kills: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    stops: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    pauses: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    cuts: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    isolations: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    blocks: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    one_way_cuts: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    blackouts: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    breaks: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    hangs: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    suspends: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    vm_pauses: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    reboots: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    slews: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    resigns: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    rests: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    stuck_work: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    unwell_work: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    strangers: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    impostors: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    frozen: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    wipes: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    disk_full: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    disk_stalls: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    disk_errors: Count,
    #[serde(skip_serializing_if = "Percent::is_none")]
    vanish_percent: Percent,
    #[serde(skip_serializing_if = "Percent::is_none")]
    wipe_percent: Percent,
    #[serde(skip_serializing_if = "Percent::is_none")]
    move_percent: Percent,
    #[serde(skip_serializing_if = "Option::is_none")]
    names_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_us: Option<Delays>,
    #[serde(skip_serializing_if = "Percent::is_none")]
    slow_percent: Percent,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Drift::is_none")]
    drift_ppm: Drift,
    #[serde(skip_serializing_if = "Option::is_none")]
    timers_ms: Option<Millis>,
}

/// How often something happens: few enough that all of it fits into one list of steps.
const COUNT_MAX: u64 = 100;
/// A second: more than any network takes that elections are held on.
const MICROS_MAX: u64 = 1_000_000;
/// A clock may be a tenth too fast.
const DRIFT_MAX: u64 = 100_000;

macro_rules! whole_number {
    ($(#[$doc:meta])* $name:ident($number:ty), $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
        #[serde(transparent)]
        pub(in crate::scenario::vote_file) struct $name(
            pub(in crate::scenario::vote_file) $number,
        );

        impl $name {
            #[allow(dead_code, clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
            const fn is_none(&self) -> bool {
                self.0 == 0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
                let number = json.deserialize_any(Bounded::new($what, 0, $max))?;
                Ok(Self(<$number>::try_from(number).unwrap_or(<$number>::MAX)))
            }
        }
    };
}

whole_number!(
    /// How often.
    Count(u16), "how often", COUNT_MAX
);
whole_number!(
    /// How many of a hundred.
    Percent(u16), "a percentage", 100
);
whole_number!(
    /// Millionths of a second.
    Micros(u64), "microseconds", MICROS_MAX
);
whole_number!(
    /// Parts per million.
    Drift(u32), "parts per million", DRIFT_MAX
);

/// The shortest and the longest delay.
#[derive(Clone, Copy, Debug, Serialize)]
struct Delays(Micros, Micros);

impl<'de> Deserialize<'de> for Delays {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let delays = TwoOf::new("[shortest, longest] in microseconds, as in [50, 250]");
        json.deserialize_any(delays).map(|(shortest, longest)| Self(shortest, longest))
    }
}

impl From<&RawFaults> for Faults {
    fn from(raw: &RawFaults) -> Self {
        let micros = |Micros(micros): Micros| Duration::from_micros(micros);
        let default = Self::default();
        Self {
            until: raw.until_ms.0,
            kills: raw.kills.0,
            stops: raw.stops.0,
            pauses: raw.pauses.0,
            cuts: raw.cuts.0,
            isolations: raw.isolations.0,
            blocks: raw.blocks.0,
            one_way_cuts: raw.one_way_cuts.0,
            blackouts: raw.blackouts.0,
            breaks: raw.breaks.0,
            hangs: raw.hangs.0,
            suspends: raw.suspends.0,
            vm_pauses: raw.vm_pauses.0,
            reboots: raw.reboots.0,
            slews: raw.slews.0,
            resigns: raw.resigns.0,
            rests: raw.rests.0,
            stuck_work: raw.stuck_work.0,
            unwell_work: raw.unwell_work.0,
            strangers: raw.strangers.0,
            impostors: raw.impostors.0,
            frozen: raw.frozen.0,
            wipes: raw.wipes.0,
            disk_full: raw.disk_full.0,
            disk_stalls: raw.disk_stalls.0,
            disk_errors: raw.disk_errors.0,
            vanish_percent: raw.vanish_percent.0,
            wipe_percent: raw.wipe_percent.0,
            move_percent: raw.move_percent.0,
            names: raw.names_ms.map_or(default.names, |Millis(names)| names),
            delay: raw
                .delay_us
                .map_or(default.delay, |Delays(min, max)| (micros(min), micros(max))),
            slow_percent: raw.slow_percent.0,
            slow: raw.slow_ms.map_or(default.slow, |Millis(slow)| slow),
            drift_ppm: raw.drift_ppm.0,
            timers: raw.timers_ms.map_or(default.timers, |Millis(timers)| timers),
        }
    }
}

impl From<&Faults> for RawFaults {
    fn from(faults: &Faults) -> Self {
        let micros = |time: Duration| Micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        let (min, max) = faults.delay;
        Self {
            until_ms: Millis(faults.until),
            kills: Count(faults.kills),
            stops: Count(faults.stops),
            pauses: Count(faults.pauses),
            cuts: Count(faults.cuts),
            isolations: Count(faults.isolations),
            blocks: Count(faults.blocks),
            one_way_cuts: Count(faults.one_way_cuts),
            blackouts: Count(faults.blackouts),
            breaks: Count(faults.breaks),
            hangs: Count(faults.hangs),
            suspends: Count(faults.suspends),
            vm_pauses: Count(faults.vm_pauses),
            reboots: Count(faults.reboots),
            slews: Count(faults.slews),
            resigns: Count(faults.resigns),
            rests: Count(faults.rests),
            stuck_work: Count(faults.stuck_work),
            unwell_work: Count(faults.unwell_work),
            strangers: Count(faults.strangers),
            impostors: Count(faults.impostors),
            frozen: Count(faults.frozen),
            wipes: Count(faults.wipes),
            disk_full: Count(faults.disk_full),
            disk_stalls: Count(faults.disk_stalls),
            disk_errors: Count(faults.disk_errors),
            vanish_percent: Percent(faults.vanish_percent),
            wipe_percent: Percent(faults.wipe_percent),
            move_percent: Percent(faults.move_percent),
            names_ms: (whole_millis(faults.names) > 0).then_some(Millis(faults.names)),
            delay_us: (faults.delay != Faults::default().delay)
                .then(|| Delays(micros(min), micros(max))),
            slow_percent: Percent(faults.slow_percent),
            slow_ms: (whole_millis(faults.slow) > 0).then_some(Millis(faults.slow)),
            drift_ppm: Drift(faults.drift_ppm),
            timers_ms: (whole_millis(faults.timers) > 0).then_some(Millis(faults.timers)),
        }
    }
}
