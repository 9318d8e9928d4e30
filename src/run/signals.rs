//! Signals of a node with work: what is passed on, and what is ignored.

use std::fs;

use signal_hook::consts::{SIGUSR1, SIGUSR2, SIGWINCH};

/// Signals that only concern the work.
pub const PASSED_ON: [i32; 3] = [SIGUSR1, SIGUSR2, SIGWINCH];

/// Whether this process ignores a signal, as one that was started by `nohup` ignores SIGHUP. Where the system does not tell, it is taken not to.
pub fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}
