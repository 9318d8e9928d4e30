//! [`look_up`]: asks the system's resolver, on few threads.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
    vec,
};

use crate::kit::{clock, off_thread};

/// At most this many look-ups of this process are under way. A resolver that does not answer keeps its thread for as long as it likes, and
/// each attempt to reach a peer asks anew.
const LOOKUPS_MAX: usize = 500;

/// A look-up for which there is no room is tried again after this time.
const PAUSE: Duration = Duration::from_millis(50);

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// The addresses of a name. Dropping this does not end the look-up, which ends when the resolver gives up.
pub(super) async fn look_up(host: String, port: u16) -> io::Result<vec::IntoIter<SocketAddr>> {
    look_up_among(&LOOKUPS, host, port).await
}

/// The same, as one of those that are counted there.
async fn look_up_among(
    lookups: &'static AtomicUsize,
    host: String,
    port: u16,
) -> io::Result<vec::IntoIter<SocketAddr>> {
    let place = loop {
        match Place::take(lookups) {
            Some(place) => break place,
            None => clock::sleep_until(clock::now() + PAUSE).await,
        }
    };
    off_thread(move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        drop(place);
        addresses
    })
    .await
}

/// Room for one look-up.
struct Place(&'static AtomicUsize);

impl Place {
    fn take(lookups: &'static AtomicUsize) -> Option<Self> {
        let more = |lookups| (lookups < LOOKUPS_MAX).then_some(lookups + 1);
        let taken = lookups.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        // One that is not taken must not be made either: dropping it would give a place back.
        taken.is_ok().then(|| Self(lookups))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use async_std::task::block_on;
    use futures::{pin_mut, poll};

    use super::*;

    #[test]
    fn the_number_of_look_ups_is_limited_and_the_next_one_is_made_when_there_is_room() {
        // Those of other tests begin and end meanwhile, and are not counted here.
        static OURS: AtomicUsize = AtomicUsize::new(0);
        let mut taken: Vec<_> = std::iter::from_fn(|| Place::take(&OURS)).collect();
        assert_eq!(taken.len(), LOOKUPS_MAX);
        assert!(Place::take(&OURS).is_none() && OURS.load(Ordering::Relaxed) == LOOKUPS_MAX);
        block_on(async {
            let looked_up = look_up_among(&OURS, "localhost".to_owned(), 1);
            pin_mut!(looked_up);
            assert!(poll!(looked_up.as_mut()).is_pending());
            taken.clear();
            assert!(looked_up.await.unwrap().all(|address| address.ip().is_loopback()));
        });
    }
}
