//! [`Faults`]: what `simulate` may do to an ensemble beyond the steps of its file.

use std::time::Duration;

/// Which faults a simulation adds, and how often. Each seed spreads them differently over the time up to
/// [`until`](Self::until); then everything is healed, and everybody runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Faults {
    /// When the faults end.
    pub until: Duration,
    /// So many members are killed, and started again later.
    pub kills: u16,
    /// So many are stopped in good order, and started again.
    pub stops: u16,
    /// So many are paused, and resumed.
    pub pauses: u16,
    /// So many pairs are cut, and healed.
    pub cuts: u16,
    /// So many members are isolated, and healed.
    pub isolations: u16,
    /// So many times one member cannot dial another for a while.
    pub blocks: u16,
    /// So many times nothing gets through from one member to another, without anybody being told.
    pub one_way_cuts: u16,
    /// So many times nothing gets through from a member to any other, nor back, without anybody being told.
    pub blackouts: u16,
    /// So many connections break, and may be made again at once.
    pub breaks: u16,
    /// So many times a member hangs: it does nothing for a while, and then everything at once.
    pub hangs: u16,
    /// So many of a hundred that are killed vanish without a trace: nobody is told.
    pub vanish_percent: u16,
    /// So many of a hundred that start again have lost their disk: they vote with an empty history.
    pub wipe_percent: u16,
    /// So many of a hundred that start again have another address: what was connected to the old one hears nothing more.
    pub move_percent: u16,
    /// So long names lead to the old address of one that has moved, where nobody answers.
    pub names: Duration,
    /// How long a frame takes, at least and at most.
    pub delay: (Duration, Duration),
    /// So many frames of a hundred take longer.
    pub slow_percent: u16,
    /// So much longer at most.
    pub slow: Duration,
    /// Clocks go so much too fast or too slow at most, in parts per million.
    pub drift_ppm: u32,
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
            vanish_percent: 0,
            wipe_percent: 0,
            move_percent: 0,
            names: Duration::ZERO,
            delay: (Duration::from_micros(50), Duration::from_micros(250)),
            slow_percent: 0,
            slow: Duration::ZERO,
            drift_ppm: 0,
        }
    }
}

impl Faults {
    /// How many faults there are that a vote file can also say as steps.
    pub fn deeds(&self) -> usize {
        [self.kills, self.stops, self.pauses, self.cuts, self.isolations, self.blocks]
            .into_iter()
            .map(usize::from)
            .sum()
    }

    /// The same without what steps can say.
    #[must_use]
    pub fn without_deeds(&self) -> Self {
        Self { kills: 0, stops: 0, pauses: 0, cuts: 0, isolations: 0, blocks: 0, ..self.clone() }
    }

    /// Whether frames arrive in time and nothing is ever lost.
    pub fn are_none(&self) -> bool {
        let counts =
            [self.one_way_cuts, self.blackouts, self.breaks, self.hangs, self.slow_percent];
        self.deeds() == 0 && counts.iter().all(|count| *count == 0)
    }
}
