//! What commands with `--watch` share: the signals that end them.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use signal_hook_async_std::Signals;

/// The first signal ends the watch; the second one the process, though our output may take nothing.
pub(super) fn signals() -> io::Result<Signals> {
    let wanted = [SIGINT, SIGTERM];
    let signals = Signals::new(wanted)?;
    let was_asked = Arc::new(AtomicBool::new(false));
    for signal in wanted {
        flag::register_conditional_default(signal, Arc::clone(&was_asked))?;
        flag::register(signal, Arc::clone(&was_asked))?;
    }
    Ok(signals)
}
