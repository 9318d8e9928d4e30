//! [`Faults`]: what `simulate` may do to an ensemble beyond the steps of its file.

use std::{fmt, time::Duration};

use super::in_millis;

/// Which faults a simulation adds, and how often. Each seed spreads them differently over the time up to
/// [`until`](Self::until); then everything is healed, and everybody runs. What stays is outside of the ensemble:
/// [strangers](Self::strangers) and [frozen](Self::frozen) instances.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Faults {
    /// When the faults end.
    pub until: Duration,
    /// How many members are killed, and started again later.
    pub kills: u16,
    /// How many are stopped in good order, and started again.
    pub stops: u16,
    /// How many are paused, and resumed.
    pub pauses: u16,
    /// How many pairs are cut, and healed.
    pub cuts: u16,
    /// How many members are isolated, and healed.
    pub isolations: u16,
    /// How many times one member cannot dial another for a while.
    pub blocks: u16,
    /// How many times nothing gets through from one member to another, without anybody being told.
    pub one_way_cuts: u16,
    /// How many times nothing gets through from a member to any other, nor back, without anybody being told.
    pub blackouts: u16,
    /// How many connections break, and may be made again at once.
    pub breaks: u16,
    /// How many times a member hangs: it does nothing for a while, and then everything at once.
    pub hangs: u16,
    /// How many times the machine of a member is suspended: the member does nothing, nothing is acknowledged, and its clock stands
    /// still.
    pub suspends: u16,
    /// How many times the host of a member pauses its machine for a while: the member does nothing, and all its clocks stand still. Such
    /// clocks are outside of what leases assume: those that overlap in such a run are counted.
    pub vm_pauses: u16,
    /// How many times the machine of a member starts anew: its process is killed, its clocks begin again, and what it has promised is
    /// forgotten. The member is started later.
    pub reboots: u16,
    /// How many times a time daemon slews the clock of a member that can be slewed, for a while, by at most 8 % either way.
    pub slews: u16,
    /// How many times the one that leads is asked to resign.
    pub resigns: u16,
    /// How many times a member would not lead for a while, as where its work has failed and rests.
    pub rests: u16,
    /// How many times the work of the one that leads does not end for a while, told or killed, as if it waited for a device. Every
    /// second time its leader gives its epoch up just then.
    pub stuck_work: u16,
    /// How many times the work of the one that leads fails its health checks: the epoch is given up in favour of anybody.
    pub unwell_work: u16,
    /// How many strangers connect to a member, greet as another one, and are silent, speak rubbish, or hang up and come again.
    /// Some of them stay beyond [`until`](Self::until), for ever.
    pub strangers: u16,
    /// How many impostors speak valid words in the name of a voter that they are not: strangers, and members that lie. All are gone by
    /// [`until`](Self::until).
    pub impostors: u16,
    /// How many members freeze for good: their system takes what is sent to them, and nobody reads it. They are replaced at
    /// another address. Some of them are killed later.
    pub frozen: u16,
    /// How many members are killed and lose their disk before they are started again. As with
    /// [`wipe_percent`](Self::wipe_percent), the voters that nobody knows at any time are never a quorum if leadership is played.
    pub wipes: u16,
    /// How many times a disk is full for a while: what is to be stored fails.
    pub disk_full: u16,
    /// How many times a disk stalls for a while: what is to be stored waits.
    pub disk_stalls: u16,
    /// How many times a disk fails the next sync: nobody knows what is on it, so its member ends, and is started again later.
    pub disk_errors: u16,
    /// Percentage of kills that close no connection: nobody is told.
    pub vanish_percent: u16,
    /// Percentage of restarts that have lost their disk: they vote with an empty history.
    pub wipe_percent: u16,
    /// Percentage of restarts at another address: what was connected to the old one hears nothing more.
    pub move_percent: u16,
    /// After a move, name look-ups return the old address for this long; nobody answers there.
    pub names: Duration,
    /// How long a frame takes, at least and at most.
    pub delay: (Duration, Duration),
    /// Percentage of frames that take longer.
    pub slow_percent: u16,
    /// At most this much longer.
    pub slow: Duration,
    /// Clocks go at most this much too fast or too slow, in parts per million.
    pub drift_ppm: u32,
    /// Until [`until`](Self::until), timers of leadership fire at most this much late, and some of them early.
    pub timers: Duration,
}

impl Default for Faults {
    /// None, on a quiet local network.
    fn default() -> Self {
        Self {
            until: Duration::ZERO,
            kills: 0,
            stops: 0,
            pauses: 0,
            cuts: 0,
            isolations: 0,
            blocks: 0,
            one_way_cuts: 0,
            blackouts: 0,
            breaks: 0,
            hangs: 0,
            suspends: 0,
            vm_pauses: 0,
            reboots: 0,
            slews: 0,
            resigns: 0,
            rests: 0,
            stuck_work: 0,
            unwell_work: 0,
            strangers: 0,
            impostors: 0,
            frozen: 0,
            wipes: 0,
            disk_full: 0,
            disk_stalls: 0,
            disk_errors: 0,
            vanish_percent: 0,
            wipe_percent: 0,
            move_percent: 0,
            names: Duration::ZERO,
            delay: (Duration::from_micros(50), Duration::from_micros(250)),
            slow_percent: 0,
            slow: Duration::ZERO,
            drift_ppm: 0,
            timers: Duration::ZERO,
        }
    }
}

impl Faults {
    /// The number of faults that a vote file can also have as steps.
    pub fn operations(&self) -> usize {
        let of_members = [self.kills, self.stops, self.pauses, self.wipes, self.disk_full];
        let of_paths = [self.cuts, self.isolations, self.blocks];
        of_members.into_iter().chain(of_paths).map(usize::from).sum()
    }

    /// The same without those that a vote file can have as steps.
    #[must_use]
    pub fn without_operations(&self) -> Self {
        Self {
            kills: 0,
            stops: 0,
            pauses: 0,
            cuts: 0,
            isolations: 0,
            blocks: 0,
            wipes: 0,
            disk_full: 0,
            ..self.clone()
        }
    }

    /// Whether frames arrive in time and nothing is ever lost.
    pub fn are_none(&self) -> bool {
        let timely = self.slow_percent == 0 && self.timers.is_zero();
        timely && self.counts().iter().all(|(_, count)| *count == 0)
    }

    /// Whether a simulation differs from one without any, but for how long it lasts.
    pub fn matter(&self) -> bool {
        *self != Self { until: self.until, ..Self::default() }
    }

    /// How often each fault happens, with the name of its field.
    pub(super) const fn counts(&self) -> [(&'static str, u16); 25] {
        [
            ("kills", self.kills),
            ("stops", self.stops),
            ("pauses", self.pauses),
            ("cuts", self.cuts),
            ("isolations", self.isolations),
            ("blocks", self.blocks),
            ("one_way_cuts", self.one_way_cuts),
            ("blackouts", self.blackouts),
            ("breaks", self.breaks),
            ("hangs", self.hangs),
            ("suspends", self.suspends),
            ("vm_pauses", self.vm_pauses),
            ("reboots", self.reboots),
            ("slews", self.slews),
            ("resigns", self.resigns),
            ("rests", self.rests),
            ("stuck_work", self.stuck_work),
            ("unwell_work", self.unwell_work),
            ("strangers", self.strangers),
            ("impostors", self.impostors),
            ("frozen", self.frozen),
            ("wipes", self.wipes),
            ("disk_full", self.disk_full),
            ("disk_stalls", self.disk_stalls),
            ("disk_errors", self.disk_errors),
        ]
    }
}

impl fmt::Display for Faults {
    /// In one line: `4 kills, 1 cut, until 20000 ms; 20% of restarts without history; frames take 0.05 to 2 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let counted: Vec<_> = counted.map(|(name, count)| in_words(name, count)).collect();
        let mut parts = Vec::new();
        if !counted.is_empty() {
            parts.push(format!("{}, until {} ms", counted.join(", "), in_millis(self.until)));
        }
        for (percent, what) in [
            (self.vanish_percent, "of kills go unnoticed"),
            (self.wipe_percent, "of restarts without history"),
            (self.move_percent, "of restarts at another address"),
        ] {
            if percent > 0 {
                parts.push(format!("{percent}% {what}"));
            }
        }
        if !self.names.is_zero() {
            parts.push(format!("names follow after {} ms", in_millis(self.names)));
        }
        let (min, max) = self.delay;
        parts.push(format!("frames take {} to {} ms", in_millis(min), in_millis(max)));
        if self.slow_percent > 0 {
            let (percent, slow) = (self.slow_percent, in_millis(self.slow));
            parts.push(format!("{percent}% of them up to {slow} ms more"));
        }
        if self.drift_ppm > 0 {
            parts.push(format!("clocks drift by up to {} ppm", self.drift_ppm));
        }
        if !self.timers.is_zero() {
            parts.push(format!("timers are up to {} ms late", in_millis(self.timers)));
        }
        f.write_str(&parts.join("; "))
    }
}

/// `4 one-way cuts`, `1 kill`, `2 frozen`, `1 disk full`.
fn in_words(name: &str, count: u16) -> String {
    let name = name.replace("one_way_", "one-way ").replace('_', " ");
    let one = if count == 1 { name.strip_suffix('s') } else { None };
    format!("{count} {}", one.unwrap_or(&name))
}
