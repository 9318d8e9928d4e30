//! [`Binder`]: the listening sockets of a server, at every address that its own names have.
//!
//! A peer dials whichever address it looks up first, and the order differs between machines and between families; so a
//! server that listens at only one of them may be out of reach. What became of an address decides what comes next:
//!
//! | the system says | then |
//! | --- | --- |
//! | bound | it is kept, also while others are tried again |
//! | no address of this machine, or of no family it has | left out with a warning, if any other can be bound |
//! | in use, not allowed, name not found | all are tried again, with the names looked up anew |

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    time::Duration,
};

use async_io::Async;
use futures::future::join_all;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::Listen;
use crate::socket::{LookupError, resolve};
use ballotbox_core::{Endpoint, UntrustedText, wire::Ports};

/// Looking up our own names may take this long.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// At most this many connections wait to be accepted: a large ensemble that starts at once must not overflow it, as then
/// the kernel lets the rest wait for a second.
const BACKLOG: i32 = 1024;

/// An own address that was left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Elsewhere {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
}

/// An endpoint that cannot be listened on, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BindFailure {
    pub(crate) endpoint: Endpoint,
    pub(crate) cause: UntrustedText,
}

/// A socket that listens, and what is spoken there.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) socket: Async<TcpListener>,
    pub(crate) ports: Ports,
}

/// The sockets so far, and where they are to be.
#[derive(Debug)]
pub(crate) struct Binder {
    wishes: Vec<Wish>,
    /// Sockets that were handed to us, and are not known to the runtime yet.
    handed: Vec<(Wish, TcpListener)>,
    /// The same, once they are.
    ready: Vec<Bound>,
    /// By the address that was asked for: its port may be 0.
    bound: BTreeMap<SocketAddr, Bound>,
}

/// What is to be listened at.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Wish {
    endpoint: Endpoint,
    ports: Ports,
}

impl Binder {
    pub(crate) fn new(listen: Vec<Listen>) -> Self {
        let (mut wishes, mut handed) = (Vec::new(), Vec::new());
        for Listen { endpoint, ports, ready: socket } in listen {
            let wish = Wish { endpoint, ports };
            match socket {
                Some(socket) => {
                    // Its maker may have thought of fewer peers. If this fails, the backlog it has is good enough.
                    let _ = SockRef::from(&socket).listen(BACKLOG);
                    handed.push((wish, socket));
                }
                None => wishes.push(wish),
            }
        }
        // One address for both ports may be given twice, and the socket once.
        for (there, _) in &mut handed {
            wishes.retain(|wish| {
                let is_there = wish.endpoint == there.endpoint && wish.endpoint.port > 0;
                if is_there {
                    there.ports = there.ports.and(wish.ports);
                }
                !is_there
            });
        }
        Self { wishes, handed, ready: Vec::new(), bound: BTreeMap::new() }
    }

    /// Binds what is not bound yet, with the names looked up now. When all is well, returns what was left out.
    ///
    /// # Errors
    ///
    /// One failure for each endpoint that has one, the first in front. What was bound stays so until the next attempt.
    pub(crate) async fn attempt(&mut self) -> Result<Vec<Elsewhere>, Vec<BindFailure>> {
        self.take_over();
        let found = self.wishes.iter().map(|wish| resolve(&wish.endpoint, RESOLVE_LIMIT));
        let found = join_all(found).await;
        let (wanted, mut failures) = wanted(&self.wishes, found);
        self.bound.retain(|address, _| wanted.contains_key(address));
        let mut elsewhere = Vec::new();
        for (address, Wish { endpoint, ports }) in wanted {
            if let Some(bound) = self.bound.get_mut(&address) {
                bound.ports = ports;
                continue;
            }
            match listen_at(address) {
                Ok(socket) => {
                    self.bound.insert(address, Bound { socket, ports });
                }
                Err(error) if is_elsewhere(&error) => {
                    elsewhere.push(Elsewhere { endpoint, address });
                }
                Err(error) => {
                    // A name may have several addresses; one that was configured as such is named already.
                    let is_named = endpoint == Endpoint::from(address);
                    let cause = if is_named {
                        error.into()
                    } else {
                        UntrustedText::new(format_args!("{address}: {error}"))
                    };
                    failures.push(BindFailure { endpoint, cause });
                }
            }
        }
        if failures.is_empty() && self.bound.is_empty() && self.ready.is_empty() {
            failures.extend(elsewhere.drain(..).map(BindFailure::from));
        }
        failures.dedup_by(|next, first| next.endpoint == first.endpoint);
        if failures.is_empty() { Ok(elsewhere) } else { Err(failures) }
    }

    /// Makes the sockets that were handed to us known to the runtime. An address for which that fails is bound anew.
    fn take_over(&mut self) {
        for (wish, socket) in std::mem::take(&mut self.handed) {
            match Async::new(socket) {
                Ok(socket) => self.ready.push(Bound { socket, ports: wish.ports }),
                Err(_) => self.wishes.push(wish),
            }
        }
    }

    /// All sockets there are.
    pub(crate) fn into_sockets(self) -> Vec<Bound> {
        self.ready.into_iter().chain(self.bound.into_values()).collect()
    }
}

impl From<Elsewhere> for BindFailure {
    fn from(Elsewhere { endpoint, address }: Elsewhere) -> Self {
        let ip = address.ip();
        let cause = format!(
            "{ip} is no address of this machine: look at this server's own line in the list of members, and at its \
             id (myid, --id)"
        );
        Self { endpoint, cause: cause.into() }
    }
}

/// The addresses to listen at, each once, with the endpoint that led there; and the endpoints that lead nowhere.
fn wanted(
    wishes: &[Wish],
    found: Vec<Result<Vec<SocketAddr>, LookupError>>,
) -> (BTreeMap<SocketAddr, Wish>, Vec<BindFailure>) {
    let (mut wanted, mut failures) = (BTreeMap::new(), Vec::new());
    for (wish, found) in wishes.iter().zip(found) {
        match found {
            Ok(addresses) => {
                for address in addresses.into_iter().map(of_both_families) {
                    add(&mut wanted, address, wish.clone());
                }
            }
            Err(error) => {
                let cause = UntrustedText::new(error);
                failures.push(BindFailure { endpoint: wish.endpoint.clone(), cause });
            }
        }
    }
    // A socket at all addresses would be in the way of another one at the same port.
    let (everywhere, elsewhere): (BTreeMap<_, _>, BTreeMap<_, _>) =
        wanted.into_iter().partition(|(at, _)| at.ip().is_unspecified());
    let mut wanted = everywhere;
    for (at, wish) in elsewhere {
        let everywhere = of_both_families((Ipv4Addr::UNSPECIFIED, at.port()).into());
        let covered = at.port() > 0 && wanted.contains_key(&everywhere);
        add(&mut wanted, if covered { everywhere } else { at }, wish);
    }
    (wanted, failures)
}

/// Adds what is spoken at an address to what is spoken there already.
fn add(wanted: &mut BTreeMap<SocketAddr, Wish>, address: SocketAddr, wish: Wish) {
    let ports = wish.ports;
    let there = wanted.entry(address).or_insert(wish);
    there.ports = there.ports.and(ports);
}

/// The wildcard of either family means all addresses of both, as in Java.
fn of_both_families(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return (Ipv6Addr::UNSPECIFIED, address.port()).into();
    }
    address
}

/// Whether an error says that an address, or its whole family, is not to be had on this machine.
fn is_elsewhere(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT))
}

fn listen_at(address: SocketAddr) -> io::Result<Async<TcpListener>> {
    match bind(address) {
        // A machine without IPv6 has a wildcard as well.
        Err(error) if address.ip().is_unspecified() && is_elsewhere(&error) => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
    .and_then(Async::new)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of our last life may linger; they must not keep us from listening again.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Whatever the machine's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use async_std::task::block_on;

    use super::*;

    fn wishes(texts: &[&str]) -> Vec<Wish> {
        let wish = |text: &&str| Wish { endpoint: text.parse().unwrap(), ports: Ports::Election };
        texts.iter().map(wish).collect()
    }

    fn binder(texts: &[String]) -> Binder {
        let listen = texts.iter().map(|text| text.parse::<Endpoint>().unwrap().into());
        Binder::new(listen.collect())
    }

    fn attempt(binder: &mut Binder) -> Result<Vec<Elsewhere>, Vec<BindFailure>> {
        block_on(binder.attempt())
    }

    /// A port that is taken at this address.
    fn taken(host: &str) -> (TcpListener, u16) {
        let socket = TcpListener::bind((host, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        (socket, port)
    }

    fn reaches(host: &str, port: u16) -> bool {
        std::net::TcpStream::connect((host, port)).is_ok()
    }

    #[test]
    fn a_name_of_both_families_is_listened_at_in_both_and_each_address_once() {
        let both = || Ok(["[::1]:7", "127.0.0.1:7", "[::1]:7"].map(|a| a.parse().unwrap()).into());
        let wishes = wishes(&["one.test:7", "uno.test:7"]);
        let (wanted, failures) = wanted(&wishes, vec![both(), both()]);
        let addresses: Vec<_> = wanted.keys().map(ToString::to_string).collect();
        assert_eq!((addresses, failures), (vec!["127.0.0.1:7".into(), "[::1]:7".into()], vec![]));
    }

    #[test]
    fn a_wildcard_takes_in_both_families_and_every_other_address_at_its_port() {
        let found = |text: &str| Ok(vec![text.parse().unwrap()]);
        let texts = ["0.0.0.0:7", "10.0.0.1:7", "10.0.0.1:8", "[::]:7"];
        let (wanted, _) = wanted(&wishes(&texts), texts.map(found).into());
        let addresses: Vec<_> = wanted.keys().map(ToString::to_string).collect();
        assert_eq!(addresses, ["10.0.0.1:8", "[::]:7"]);
    }

    #[test]
    fn two_ports_at_one_address_are_one_socket_at_which_both_are_spoken() {
        let found = |text: &str| Ok(vec![text.parse().unwrap()]);
        let mut wishes = wishes(&["one.test:7", "uno.test:7", "one.test:8", "0.0.0.0:9", "x:9"]);
        for quorum in [1, 2, 4] {
            wishes[quorum].ports = Ports::Quorum;
        }
        let texts = ["10.0.0.1:7", "10.0.0.1:7", "10.0.0.1:8", "0.0.0.0:9", "10.0.0.1:9"];
        let (wanted, _) = wanted(&wishes, texts.map(found).into());
        let ports: Vec<_> = wanted.iter().map(|(at, wish)| (at.to_string(), wish.ports)).collect();
        let (both, quorum) = (Ports::Both, Ports::Quorum);
        let expected = [("10.0.0.1:7", both), ("10.0.0.1:8", quorum), ("[::]:9", both)];
        assert_eq!(ports, expected.map(|(at, ports)| (at.to_owned(), ports)));
        // A socket that was handed over serves both as well.
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::from(socket.local_addr().unwrap());
        let election =
            Listen { endpoint: endpoint.clone(), ports: Ports::Election, ready: Some(socket) };
        let quorum = Listen { endpoint, ports: Ports::Quorum, ready: None };
        let mut binder = Binder::new(vec![quorum, election]);
        assert_eq!(attempt(&mut binder), Ok(vec![]));
        let sockets = binder.into_sockets();
        assert_eq!(sockets.iter().map(|bound| bound.ports).collect::<Vec<_>>(), [Ports::Both]);
    }

    #[test]
    fn the_wildcard_of_either_family_is_reached_over_both() {
        for wildcard in ["0.0.0.0:0", "[::]:0"] {
            let mut binder = binder(&[wildcard.to_owned()]);
            assert_eq!(attempt(&mut binder), Ok(vec![]));
            let sockets = binder.into_sockets();
            let port = sockets[0].socket.get_ref().local_addr().unwrap().port();
            assert!(reaches("127.0.0.1", port), "{wildcard}");
            let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
            assert_eq!(reaches("::1", port), has_ipv6, "{wildcard}");
        }
    }

    #[test]
    fn an_address_of_another_machine_is_left_out_if_there_is_any_other() {
        // Set aside for documentation: nobody has them.
        let away = ["192.0.2.1:7".to_owned(), "[2001:db8::1]:7".to_owned()];
        let mut binder = binder(&[away[0].clone(), "127.0.0.1:0".to_owned(), away[1].clone()]);
        let left_out = attempt(&mut binder).unwrap();
        let addresses: Vec<_> = left_out.iter().map(|left| left.address.to_string()).collect();
        assert_eq!(addresses, away);
        assert_eq!(binder.into_sockets().len(), 1);
    }

    #[test]
    fn only_addresses_of_other_machines_are_a_failure_that_says_where_to_look() {
        let mut binder = binder(&["192.0.2.1:7".to_owned()]);
        let failures = attempt(&mut binder).unwrap_err();
        assert_eq!(failures.len(), 1);
        let cause = failures[0].cause.to_string();
        assert!(cause.starts_with("192.0.2.1 is no address of this machine"), "{cause}");
        assert!(cause.contains("myid"), "{cause}");
    }

    #[test]
    fn one_address_in_use_is_a_failure_though_others_are_bound_and_they_are_kept_meanwhile() {
        let (first, first_port) = taken("127.0.0.1");
        let (second, second_port) = taken("127.0.0.1");
        let texts = [first_port, second_port].map(|port| format!("127.0.0.1:{port}"));
        drop(first);
        let mut binder = binder(&texts);
        for _ in 0..3 {
            let failures = attempt(&mut binder).unwrap_err();
            assert_eq!(failures.len(), 1);
            assert_eq!(failures[0].endpoint.to_string(), texts[1]);
            let cause = failures[0].cause.to_string();
            assert!(cause.contains("already in use"), "{cause}");
            assert!(reaches("127.0.0.1", first_port));
        }
        drop(second);
        assert_eq!(attempt(&mut binder), Ok(vec![]));
        assert_eq!(binder.into_sockets().len(), 2);
    }

    #[test]
    fn a_name_that_leads_nowhere_is_a_failure_though_others_are_bound() {
        let mut binder = binder(&["127.0.0.1:0".to_owned(), "no-such-host.invalid:1".to_owned()]);
        let failures = attempt(&mut binder).unwrap_err();
        assert_eq!(failures[0].endpoint.host, "no-such-host.invalid");
        let cause = failures[0].cause.to_string();
        assert!(cause.contains("could not be looked up"), "{cause}");
    }
}
