//! [`Random`]: the only source of chance in a simulation.

/// Numbers that depend on the seed alone (SplitMix64): written out here, so that no update of a library changes them.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A stream of numbers of its own for every seed and purpose.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.0 = random.next();
        random
    }

    /// Any number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `min` to `max`, both included; `min` if they are the wrong way round.
    pub(super) fn between(&mut self, min: u64, max: u64) -> u64 {
        let span = u128::from(max.saturating_sub(min)) + 1;
        // The high half of the product: even enough, and without a division.
        let offset = (u128::from(self.next()) * span) >> 64;
        min + u64::try_from(offset).unwrap_or(0)
    }

    /// True in `per_mille` of a thousand cases.
    pub(super) fn chance(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.between(0, 999) < u64::from(per_mille)
    }

    /// One of these positions: 0 up to `count`, not included.
    pub(super) fn index(&mut self, count: usize) -> usize {
        let last = u64::try_from(count).unwrap_or(u64::MAX).saturating_sub(1);
        usize::try_from(self.between(0, last)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_a_purpose_others() {
        let numbers = |seed, purpose| {
            let mut random = Random::new(seed, purpose);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(numbers(7, 1), numbers(7, 1));
        assert_ne!(numbers(7, 1), numbers(7, 2));
        assert_ne!(numbers(7, 1), numbers(8, 1));
    }

    #[test]
    fn numbers_stay_between_their_bounds_and_reach_both() {
        let mut random = Random::new(1, 0);
        let drawn: std::collections::BTreeSet<_> =
            (0..1000).map(|_| random.between(3, 6)).collect();
        assert_eq!(drawn, [3, 4, 5, 6].into());
        assert_eq!(random.between(5, 5), 5);
        assert!(random.between(0, u64::MAX) > 0 && random.index(1) == 0);
        assert!(!random.chance(0) && random.chance(1000));
    }
}
