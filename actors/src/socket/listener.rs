//! [`Listener`]: accepts connections at all addresses of a server. It never reads from a socket.

mod bind;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use futures::future::select_all;

use self::bind::Binder;
pub(crate) use self::bind::{Bound, Elsewhere};
use super::{Connection, connect::is_out_of_descriptors};
use crate::kit::{Actor, Address, Mailbox, Raced, Wake, clock, jittered};
use ballotbox_core::{Backoff, Endpoint, UntrustedText, wire::Ports};

/// After a failure to accept (no descriptors left, say) the listener rests this long, and longer each time.
const ACCEPT_REST: Backoff =
    Backoff { min: Duration::from_millis(5), max: Duration::from_secs(1), attempts_max: None };

/// One address to listen at.
#[derive(Debug)]
pub struct Listen {
    /// Where; its name is looked up at every attempt to bind.
    pub endpoint: Endpoint,
    /// What is spoken there. Of two that lead to one address, both are spoken there.
    pub ports: Ports,
    /// A socket that listens there already, as a service manager may hand over.
    pub ready: Option<TcpListener>,
}

impl From<Endpoint> for Listen {
    /// An election port.
    fn from(endpoint: Endpoint) -> Self {
        Self { endpoint, ports: Ports::Election, ready: None }
    }
}

/// What a [`Listener`] can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ListenerMsg {
    /// This many more connections may be accepted; at first none may.
    Accept(usize),
}

/// Binds, as often as it takes, and accepts a few connections ahead of what its parent deals with.
#[derive(Debug)]
pub(crate) struct Listener<P> {
    pub(crate) listen: Vec<Listen>,
    pub(crate) rebind: Backoff,
    pub(crate) parent: Address<P>,
}

/// What a [`Listener`] has to say.
#[derive(Debug)]
pub(crate) enum ListenerReport {
    /// All addresses that can be bound are bound; nothing is accepted before the parent allows it.
    Listening { addresses: Vec<(SocketAddr, Ports)>, elsewhere: Vec<Elsewhere> },
    /// An endpoint cannot be listened on yet.
    BindFailed { endpoint: Endpoint, cause: UntrustedText, retry_after: Duration },
    /// A connection has come in.
    Accepted { connection: Connection, from: SocketAddr, ports: Ports },
    /// There is a connection, but no descriptor for it.
    NoDescriptors { cause: UntrustedText },
}

/// Why nothing is accepted any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("cannot listen on {endpoint}: {cause} ({attempts} attempts)")]
pub struct ListenError {
    /// Where.
    pub endpoint: Endpoint,
    /// What the system said last.
    pub cause: UntrustedText,
    /// How often it was tried.
    pub attempts: u32,
}

impl<P: From<ListenerReport> + Send + 'static> Actor for Listener<P> {
    type Msg = ListenerMsg;
    type Output = ();
    type Error = ListenError;

    async fn run(self, mut mailbox: Mailbox<ListenerMsg>) -> Result<(), ListenError> {
        let Self { listen, rebind, parent } = self;
        if let Some(sockets) = bind_all(Binder::new(listen), rebind, &parent, &mut mailbox).await? {
            accept(sockets, &parent, &mut mailbox).await;
        }
        Ok(())
    }
}

/// Binds all that can be bound, and tells where that is; `None` when the mailbox closed meanwhile.
async fn bind_all<P: From<ListenerReport>>(
    mut binder: Binder,
    rebind: Backoff,
    parent: &Address<P>,
    mailbox: &mut Mailbox<ListenerMsg>,
) -> Result<Option<Vec<Bound>>, ListenError> {
    for attempts in 1.. {
        let failures = match mailbox.race(binder.attempt()).await {
            Raced::Done(Ok(elsewhere)) => {
                let sockets: Vec<_> = binder.into_sockets();
                let addresses = sockets.iter().filter_map(|bound| {
                    let address = bound.socket.get_ref().local_addr().ok()?;
                    Some((address, bound.ports))
                });
                let addresses = addresses.collect();
                let listening = ListenerReport::Listening { addresses, elsewhere };
                let told = parent.tell(listening.into());
                return Ok(told.is_ok().then_some(sockets));
            }
            Raced::Done(Err(failures)) => failures,
            Raced::Woken(_) => return Ok(None),
        };
        let Some(delay) = rebind.delay(attempts) else {
            return failures.into_iter().next().map_or(Ok(None), |failure| {
                let (endpoint, cause) = (failure.endpoint, failure.cause);
                Err(ListenError { endpoint, cause, attempts })
            });
        };
        let retry_after = jittered(delay);
        for failure in failures {
            let (endpoint, cause) = (failure.endpoint, failure.cause);
            let failed = ListenerReport::BindFailed { endpoint, cause, retry_after };
            let _ = parent.tell(failed.into());
        }
        if rest(mailbox, retry_after).await.is_none() {
            return Ok(None);
        }
    }
    Ok(None)
}

async fn accept<P: From<ListenerReport>>(
    mut sockets: Vec<Bound>,
    parent: &Address<P>,
    mailbox: &mut Mailbox<ListenerMsg>,
) {
    let (mut failures, mut credit) = (0, 0);
    loop {
        if credit == 0 {
            match mailbox.next().await {
                Some(ListenerMsg::Accept(more)) => credit += more,
                None => return,
            }
        }
        match mailbox.race(accept_any(&mut sockets)).await {
            Raced::Done(Ok(accepted)) => {
                (failures, credit) = (0, credit - 1);
                if parent.tell(accepted.into()).is_err() {
                    return;
                }
            }
            // A client that hung up while it waited is no failure of ours, but nothing tells the two apart for sure.
            Raced::Done(Err(error)) => {
                if is_out_of_descriptors(&error) {
                    let cause = error.into();
                    let _ = parent.tell(ListenerReport::NoDescriptors { cause }.into());
                }
                failures += 1;
                let delay = ACCEPT_REST.delay(failures).unwrap_or(ACCEPT_REST.max);
                match rest(mailbox, delay).await {
                    Some(more) => credit += more,
                    None => return,
                }
            }
            Raced::Woken(Some(ListenerMsg::Accept(more))) => credit += more,
            Raced::Woken(None) => return,
        }
    }
}

/// The next connection at any of the sockets.
async fn accept_any(sockets: &mut [Bound]) -> io::Result<ListenerReport> {
    if sockets.is_empty() {
        return std::future::pending().await;
    }
    let accepts = sockets.iter().map(|bound| Box::pin(bound.socket.accept()));
    let (accepted, index, _) = select_all(accepts).await;
    let ports = sockets[index].ports;
    // Behind the others next time: a flood at one address holds up nobody at another.
    sockets[index..].rotate_left(1);
    let (socket, from) = accepted?;
    Ok(ListenerReport::Accepted { connection: Connection::new(socket), from, ports })
}

/// Waits, and says how many more may be accepted; `None` when the mailbox closed meanwhile.
async fn rest(mailbox: &mut Mailbox<ListenerMsg>, delay: Duration) -> Option<usize> {
    let until = clock::now() + delay;
    let mut allowed = 0;
    loop {
        match mailbox.next_until(Some(until)).await {
            Wake::Due => return Some(allowed),
            Wake::Told(ListenerMsg::Accept(more)) => allowed += more,
            Wake::Closed => return None,
        }
    }
}
