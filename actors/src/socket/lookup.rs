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
    let place = loop {
        match Place::take() {
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
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let more = |lookups| (lookups < LOOKUPS_MAX).then_some(lookups + 1);
        let taken = LOOKUPS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok().then_some(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        LOOKUPS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use async_std::task::block_on;
    use futures::{pin_mut, poll};

    use super::*;

    #[test]
    fn the_number_of_look_ups_is_limited_and_the_next_one_is_made_when_there_is_room() {
        // Other tests may have one under way.
        let mut taken: Vec<_> = std::iter::from_fn(Place::take).collect();
        assert!((1..=LOOKUPS_MAX).contains(&taken.len()));
        block_on(async {
            let looked_up = look_up("localhost".to_owned(), 1);
            pin_mut!(looked_up);
            assert!(poll!(looked_up.as_mut()).is_pending());
            taken.clear();
            assert!(looked_up.await.unwrap().all(|address| address.ip().is_loopback()));
        });
    }
}
