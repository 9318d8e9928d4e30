//! [`Signals`]: what asks a node to end.

use std::{
    fs, io,
    sync::{Arc, atomic::AtomicBool},
};

use futures::StreamExt;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag,
};

/// SIGINT, SIGTERM and SIGHUP. The first one is for us; the second one ends the process, whatever we do.
pub(super) struct Signals(signal_hook_async_std::Signals);

impl Signals {
    /// Takes the signals over. A SIGHUP that was ignored when we were started, as by `nohup`, stays ignored.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(super) fn new() -> io::Result<Self> {
        let mut signals = vec![SIGINT, SIGTERM];
        if !is_ignored(SIGHUP) {
            signals.push(SIGHUP);
        }
        let asked = Self(signal_hook_async_std::Signals::new(&signals)?);
        let was_asked = Arc::new(AtomicBool::new(false));
        for signal in signals {
            // In this order: the first one finds the flag down, and puts it up.
            flag::register_conditional_default(signal, Arc::clone(&was_asked))?;
            flag::register(signal, Arc::clone(&was_asked))?;
        }
        // Too large a file is then an error of the write, as a full disk is, and not the end of the process.
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(asked)
    }

    /// Waits for the first signal.
    pub(super) async fn next(&mut self) {
        if self.0.next().await.is_none() {
            // Nothing ends the stream but ourselves.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether this process ignores a signal. Where the system does not tell, it is taken not to.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}
