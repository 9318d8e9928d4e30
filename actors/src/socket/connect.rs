//! [`resolve`] and [`connect`]: from what an operator wrote to a connection, each with a deadline.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
    vec,
};

use async_io::Async;
use futures::{StreamExt, stream::FuturesUnordered};

use super::{Connection, lookup::look_up};
use crate::kit::{Rounded, clock};
use ballotbox_core::{Endpoint, UntrustedText};

/// At most this many addresses are tried at once, whatever the resolver says.
const ADDRESSES_MAX: usize = 16;

/// Why a name could not be turned into an address. It says nothing about the server of that name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the name {host} could not be looked up: {text}")]
pub struct LookupError {
    /// The name.
    pub host: UntrustedText,
    /// [`io::ErrorKind::TimedOut`] when no name server answered in time.
    pub kind: io::ErrorKind,
    /// What the resolver said.
    pub text: UntrustedText,
}

/// Why there is no connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum ConnectError {
    /// There is nothing to connect to.
    #[error("no address of it is known")]
    NoAddress,
    /// The name has no address, or nobody could say which.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// An address was tried, and the system said no.
    #[error("cannot connect to {address}: {text}")]
    NotConnected {
        address: SocketAddr,
        /// [`io::ErrorKind::ConnectionRefused`] when a system is there, and no server.
        kind: io::ErrorKind,
        /// What the system said.
        text: UntrustedText,
    },
    /// An address was tried, and nothing came back.
    #[error("no answer from {address} in {}", Rounded(*limit))]
    NoAnswer {
        address: SocketAddr,
        /// How long all attempts together were given.
        limit: Duration,
    },
    /// The fault is ours: this process may open no more sockets.
    #[error(
        "this process may open no more files and sockets ({text}): raise its limit (ulimit -n)"
    )]
    NoDescriptors {
        /// What the system said.
        text: UntrustedText,
    },
}

impl ConnectError {
    /// What kind of failure this is, in the system's terms.
    pub const fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NoAddress => io::ErrorKind::NotFound,
            Self::Lookup(error) => error.kind,
            Self::NotConnected { kind, .. } => *kind,
            Self::NoAnswer { .. } => io::ErrorKind::TimedOut,
            Self::NoDescriptors { .. } => io::ErrorKind::Other,
        }
    }

    /// The address that was tried, if it came that far.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::NotConnected { address, .. } | Self::NoAnswer { address, .. } => Some(*address),
            Self::NoAddress | Self::Lookup(_) | Self::NoDescriptors { .. } => None,
        }
    }

    /// How much it tells about the peer: of several failures the one with the most is reported.
    fn weight(&self) -> u8 {
        match self {
            Self::NoAddress => 0,
            Self::Lookup(_) => 1,
            // Such as a machine without IPv6, when the name has addresses of both families.
            Self::NotConnected { kind, .. } if *kind != io::ErrorKind::ConnectionRefused => 2,
            Self::NoAnswer { .. } => 3,
            Self::NotConnected { .. } => 4,
            Self::NoDescriptors { .. } => 5,
        }
    }

    fn of(address: SocketAddr, error: &io::Error) -> Self {
        let text = words(error);
        if is_out_of_descriptors(error) {
            return Self::NoDescriptors { text };
        }
        Self::NotConnected { address, kind: error.kind(), text }
    }
}

/// The addresses of one endpoint, looked up now: names move. A literal needs no resolver, and so no thread.
///
/// # Errors
///
/// [`LookupError`], also when the resolver takes longer than `limit`. Its thread ends when it gives up itself.
pub async fn resolve(endpoint: &Endpoint, limit: Duration) -> Result<Vec<SocketAddr>, LookupError> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, endpoint.port)]);
    }
    let looked_up = look_up(endpoint.host.clone(), endpoint.port);
    answer(&endpoint.host, looked_up, limit).await
}

/// What comes of a look-up.
async fn answer(
    host: &str,
    looked_up: impl Future<Output = io::Result<vec::IntoIter<SocketAddr>>>,
    limit: Duration,
) -> Result<Vec<SocketAddr>, LookupError> {
    let failed = |kind, text| LookupError { host: host.into(), kind, text };
    match clock::within(limit, looked_up).await {
        Ok(Ok(addresses)) if addresses.len() == 0 => {
            Err(failed(io::ErrorKind::NotFound, "it has no address".into()))
        }
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => Err(failed(error.kind(), words(&error))),
        Err(clock::Late(limit)) => {
            let text = format!("the name service did not answer in {}", Rounded(limit));
            Err(failed(io::ErrorKind::TimedOut, text.into()))
        }
    }
}

/// Connects to whichever address of these answers first. No name and no address holds up another one.
///
/// # Errors
///
/// [`ConnectError`], the most telling one of all attempts, after `limit` at the latest.
pub async fn connect(
    endpoints: &[Endpoint],
    limit: Duration,
) -> Result<(Connection, SocketAddr), ConnectError> {
    let deadline = Deadline { began: clock::now(), limit };
    let each = (ADDRESSES_MAX / endpoints.len().max(1)).max(1);
    let endpoints = endpoints.iter().take(ADDRESSES_MAX);
    first_of(endpoints.map(|endpoint| reach(endpoint, each, deadline))).await
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    began: Instant,
    limit: Duration,
}

impl Deadline {
    fn left(self) -> Duration {
        self.limit.saturating_sub(clock::now() - self.began)
    }
}

async fn reach(
    endpoint: &Endpoint,
    addresses_max: usize,
    deadline: Deadline,
) -> Result<(Connection, SocketAddr), ConnectError> {
    let addresses = resolve(endpoint, deadline.limit).await?;
    let addresses = addresses.into_iter().take(addresses_max);
    first_of(addresses.map(|address| connect_to(address, deadline))).await
}

async fn connect_to(
    address: SocketAddr,
    deadline: Deadline,
) -> Result<(Connection, SocketAddr), ConnectError> {
    let connected = clock::within(deadline.left(), Async::<TcpStream>::connect(address)).await;
    match connected.map(|connected| connected.map(Connection::new)) {
        Ok(Ok(connection)) if connection.is_own_end() => {
            Err(ConnectError::of(address, &io::ErrorKind::ConnectionRefused.into()))
        }
        Ok(Ok(connection)) => Ok((connection, address)),
        Ok(Err(error)) => Err(ConnectError::of(address, &error)),
        Err(_) => Err(ConnectError::NoAnswer { address, limit: deadline.limit }),
    }
}

/// The first success, or the most telling failure of all.
async fn first_of<T>(
    attempts: impl Iterator<Item = impl Future<Output = Result<T, ConnectError>>>,
) -> Result<T, ConnectError> {
    let mut attempts: FuturesUnordered<_> = attempts.collect();
    let mut failure = ConnectError::NoAddress;
    while let Some(result) = attempts.next().await {
        match result {
            Ok(connected) => return Ok(connected),
            Err(error) if error.weight() > failure.weight() => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

/// Whether an error says that this process, or the system, may open nothing more.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

/// What the system said, without the numbers and prefixes that only its developers need.
fn words(error: &io::Error) -> UntrustedText {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return UntrustedText::new(error.kind());
    }
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    text.split(" (os error").next().unwrap_or(text).into()
}

#[cfg(test)]
mod tests {
    use async_std::task::block_on;

    use super::*;

    /// At most this long is waited for anything.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    /// A port of this machine where nobody listens, and what keeps others from taking it.
    fn refusing() -> (Endpoint, socket2::Socket) {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (address.into(), socket)
    }

    #[test]
    fn a_refused_connection_says_where_and_keeps_its_kind() {
        let (refusing, _reserved) = refusing();
        let error = block_on(connect(std::slice::from_ref(&refusing), PATIENCE)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(error.to_string(), format!("cannot connect to {refusing}: connection refused"));
    }

    #[test]
    fn an_address_that_does_not_answer_is_not_called_a_name() {
        // Connections that find the queue full get no answer at all.
        let (endpoint, full) = refusing();
        full.listen(1).unwrap();
        let address: SocketAddr = endpoint.to_string().parse().unwrap();
        let limit = Duration::from_millis(1);
        let error = block_on(async {
            let mut queue = Vec::new();
            loop {
                match connect(std::slice::from_ref(&endpoint), limit).await {
                    Ok(connected) => queue.push(connected),
                    Err(error) => return error,
                }
            }
        });
        assert_eq!(error, ConnectError::NoAnswer { address, limit });
        assert_eq!(error.to_string(), format!("no answer from {address} in 1.0 ms"));
    }

    #[test]
    fn a_name_that_leads_nowhere_is_told_as_such_and_holds_up_no_other_address() {
        let nameless = endpoint("no-such-host.invalid:3888");
        let error = block_on(resolve(&nameless, PATIENCE)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("the name no-such-host.invalid could not be looked up"), "{text}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let both = [nameless, address.into()];
        assert_eq!(block_on(connect(&both, PATIENCE)).unwrap().1, address);
    }

    #[test]
    fn a_name_that_is_not_answered_in_time_is_not_called_a_silent_server() {
        let error = block_on(answer("one.test", std::future::pending(), Duration::from_millis(1)));
        let error = error.unwrap_err();
        assert_eq!(error.kind, io::ErrorKind::TimedOut);
        let expected =
            "the name one.test could not be looked up: the name service did not answer in 1.0 ms";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn of_several_failures_the_most_telling_one_is_reported() {
        let (refusing, _reserved) = refusing();
        let endpoints = [endpoint("no-such-host.invalid:1"), refusing];
        for endpoints in [endpoints.clone(), {
            let [a, b] = endpoints;
            [b, a]
        }] {
            let error = block_on(connect(&endpoints, PATIENCE)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
        }
        assert_eq!(block_on(connect(&[], PATIENCE)).unwrap_err(), ConnectError::NoAddress);
    }

    #[test]
    fn a_process_without_descriptors_does_not_blame_the_peer() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = ConnectError::of(address, &rustix::io::Errno::MFILE.into());
        let ConnectError::NoDescriptors { text } = &error else { panic!("{error}") };
        assert_eq!(text.to_string(), "Too many open files");
    }
}
