//! [`Listener`]: accepts connections at one address. It never reads from a socket.

use std::{io, net::SocketAddr, time::Duration};

use async_std::net::TcpListener;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::{
    Endpoint, UntrustedText,
    kit::{Actor, Address, Backoff, Mailbox, Raced, Wake, clock, jittered},
    manager::{ListenerId, ManagerMsg},
    socket::resolve,
};

/// Looking up our own name may take so long.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// So many connections may wait to be accepted: a large ensemble that starts at once must not overflow it, as then the
/// kernel lets whoever comes wait for a second.
const BACKLOG: i32 = 1024;

/// After a failure to accept (no descriptors left, say) the listener rests this long, and longer each time.
const ACCEPT_REST: Backoff =
    Backoff { min: Duration::from_millis(5), max: Duration::from_secs(1), attempts_max: None };

/// So many connections may be accepted before the manager has dealt with the first of them.
pub(crate) const ACCEPTS_AHEAD_MAX: usize = 16;

/// What a [`Listener`] can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ListenerMsg {
    /// So many more connections may be accepted. To begin with it is none: a server is not to be reached at one
    /// address before it is at all of them.
    Accept(usize),
}

/// Binds, as often as it takes, and accepts a few connections ahead of what the manager deals with.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) id: ListenerId,
    pub(crate) endpoint: Endpoint,
    /// A socket that listens already, for the first time; later ones are bound to the endpoint.
    pub(crate) ready: Option<std::net::TcpListener>,
    pub(crate) rebind: Backoff,
    pub(crate) manager: Address<ManagerMsg>,
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

impl Actor for Listener {
    type Msg = ListenerMsg;
    type Error = ListenError;

    async fn run(mut self, mut mailbox: Mailbox<ListenerMsg>) -> Result<(), ListenError> {
        if let Some(listener) = self.listen(&mut mailbox).await? {
            self.accept(&listener, &mut mailbox).await;
        }
        Ok(())
    }
}

impl Listener {
    /// Binds, resolving the name anew each time; `None` when the mailbox closed meanwhile.
    async fn listen(
        &mut self,
        mailbox: &mut Mailbox<ListenerMsg>,
    ) -> Result<Option<TcpListener>, ListenError> {
        if let Some(ready) = self.ready.take() {
            // Whoever made the socket may have thought of fewer peers. If this fails, theirs is good enough.
            let _ = SockRef::from(&ready).listen(BACKLOG);
            return Ok(Some(TcpListener::from(ready)));
        }
        for attempts in 1.. {
            let cause = match mailbox.race(bind(&self.endpoint)).await {
                Raced::Done(Ok(listener)) => return Ok(Some(listener)),
                Raced::Done(Err(error)) => UntrustedText::from(error),
                Raced::Woken(_) => return Ok(None),
            };
            let Some(delay) = self.rebind.delay(attempts) else {
                let endpoint = self.endpoint.clone();
                return Err(ListenError { endpoint, cause, attempts });
            };
            let retry_after = jittered(delay);
            let failed = ManagerMsg::BindFailed { listener: self.id, cause, retry_after };
            if self.manager.tell(failed).is_err() || rest(mailbox, retry_after).await.is_none() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn accept(&self, listener: &TcpListener, mailbox: &mut Mailbox<ListenerMsg>) {
        let Ok(address) = listener.local_addr() else {
            return;
        };
        if self.manager.tell(ManagerMsg::Listening { address }).is_err() {
            return;
        }
        let (mut failures, mut credit) = (0, 0);
        loop {
            if credit == 0 {
                match mailbox.next().await {
                    Wake::Told(ListenerMsg::Accept(more)) => credit += more,
                    Wake::Due | Wake::Closed => return,
                }
            }
            match mailbox.race(listener.accept()).await {
                Raced::Done(Ok((socket, from))) => {
                    (failures, credit) = (0, credit - 1);
                    let accepted = ManagerMsg::Accepted { listener: self.id, socket, from };
                    if self.manager.tell(accepted).is_err() {
                        return;
                    }
                }
                // Whoever hung up while it waited is no failure of ours, but nothing tells the two apart for sure.
                Raced::Done(Err(_)) => {
                    failures += 1;
                    let delay = ACCEPT_REST.delay(failures).unwrap_or(ACCEPT_REST.max);
                    match rest(mailbox, delay).await {
                        Some(more) => credit += more,
                        None => return,
                    }
                }
                Raced::Woken(Wake::Told(ListenerMsg::Accept(more))) => credit += more,
                Raced::Woken(Wake::Due | Wake::Closed) => return,
            }
        }
    }
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

/// Binds to the first address of the endpoint that allows it.
async fn bind(endpoint: &Endpoint) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in resolve(endpoint, RESOLVE_LIMIT).await.map_err(io::Error::other)? {
        match listen_at(address) {
            Ok(listener) => return Ok(TcpListener::from(listener)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_at(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of our last life may linger; they must not keep us from listening again.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // The wildcard of IPv6 takes in IPv4 as well, as in Java.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
