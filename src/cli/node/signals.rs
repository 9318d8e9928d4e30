//! [`Signals`]: what asks a node to end, and what is for its work.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ballotbox::run::{PASSED_ON, is_ignored};
use futures::StreamExt;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ},
    flag,
};

/// Those that ask for an end. Of a node the first one is for us, and the second one ends the process, whatever we do; of a node with work, the second
/// one kills the work, and the third one ends the process.
const ASKING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The signals of a node.
pub(super) struct Signals {
    signals: signal_hook_async_std::Signals,
    /// From now on the next one ends the process.
    next_ends_us: Arc<AtomicBool>,
}

impl Signals {
    /// Takes the signals over, for a node with work or without. A SIGHUP that was ignored when we were started, as by `nohup`, stays ignored.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(super) fn new(has_work: bool) -> io::Result<Self> {
        let is_taken = |signal: &i32| *signal != SIGHUP || !is_ignored(SIGHUP);
        let mut asking: Vec<_> = ASKING.into_iter().filter(is_taken).collect();
        let mut taken = asking.clone();
        if has_work {
            asking.push(SIGQUIT);
            taken.push(SIGQUIT);
            taken.extend(PASSED_ON);
        }
        let signals = signal_hook_async_std::Signals::new(&taken)?;
        let next_ends_us = Arc::new(AtomicBool::new(false));
        for signal in asking {
            // In this order: the first one finds the flag down, and puts it up.
            flag::register_conditional_default(signal, Arc::clone(&next_ends_us))?;
            if !has_work {
                flag::register(signal, Arc::clone(&next_ends_us))?;
            }
        }
        // Too large a file is then an error of the write, as a full disk is, and not the end of the process.
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(Self { signals, next_ends_us })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> i32 {
        match self.signals.next().await {
            Some(signal) => signal,
            // Nothing ends the stream but ourselves.
            None => std::future::pending().await,
        }
    }

    /// From now on, the next one that asks for an end ends the process.
    pub(super) fn let_the_next_end_us(&self) {
        self.next_ends_us.store(true, Ordering::SeqCst);
    }
}
