//! [`jittered`]: what keeps actors that wait for the same thing from coming back in the same instant.

use std::time::Duration;

/// A random wait between half of `delay` and `delay`.
pub fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_half_and_whole() {
        let delay = Duration::from_millis(100);
        for _ in 0..1000 {
            let wait = jittered(delay);
            assert!(wait >= delay / 2 && wait <= delay, "{wait:?}");
        }
    }
}
