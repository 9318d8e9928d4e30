//! A process that is stopped for good, and its replacement with the same id: the one that speaks is the member. The
//! kernel of the frozen one goes on to acknowledge what it is sent, as that of a paused machine behind a proxy does.

use std::{
    collections::BTreeMap,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

use super::{Node, PATIENCE, file};

const VOTERS: u64 = 3;

/// In the place of an id, for the port of the replacement.
const ELSEWHERE: u64 = VOTERS + 1;

#[test]
fn a_frozen_leader_gives_way_to_its_replacement_whether_its_id_is_higher_or_lower() {
    for frozen in 1..=VOTERS {
        let ports = free_ports();
        let place = MovingPlace::new(ports[&frozen]);
        let votes = |me: u64, port: u16| votes(me, port, frozen, place.address, &ports);
        let mut before = Node::start(frozen, &votes(frozen, ports[&frozen]));
        before.until(|event| event["event"] == "listening");
        let mut members = Vec::new();
        for id in (1..=VOTERS).filter(|id| *id != frozen) {
            members.push(Belief::of(Node::start(id, &votes(id, ports[&id]))));
        }
        agree(&mut members, frozen, |member| member.elected == Some(frozen));
        signal(&before, "-STOP");

        for member in &mut members {
            member.lost = false;
        }
        let port = ports[&ELSEWHERE];
        place.moves_to(port);
        let mut after = Belief::of(Node::start(frozen, &votes(frozen, port)));
        // It has no link to itself.
        (after.lost, after.linked) = (true, true);
        members.push(after);
        agree(&mut members, frozen, |member| member.lost && member.linked);
        // It was there all the time.
        signal(&before, "-CONT");
    }
}

/// A vote file as this member has it, which listens at this port. One member is elsewhere for the others.
fn votes(
    me: u64,
    port: u16,
    moving: u64,
    place: SocketAddr,
    ports: &BTreeMap<u64, u16>,
) -> PathBuf {
    let member = |id: u64| {
        let election = match id {
            _ if id == me => SocketAddr::from(([127, 0, 0, 1], port)),
            _ if id == moving => place,
            _ => SocketAddr::from(([127, 0, 0, 1], ports[&id])),
        };
        json!({ "id": id, "election": election.to_string(), "vote": { "zxid": u64::from(id == moving) } })
    };
    let members: Vec<_> = (1..=VOTERS).map(member).collect();
    let name = format!("frozen-{moving}-{me}-{port}.json");
    file(&name, &json!({ "members": members, "leadership": false }).to_string())
}

/// Ports that were free a moment ago.
fn free_ports() -> BTreeMap<u64, u16> {
    let free = (1..=ELSEWHERE).map(|id| (id, TcpListener::bind("127.0.0.1:0").unwrap()));
    let free: Vec<_> = free.collect();
    free.iter().map(|(id, listener)| (*id, listener.local_addr().unwrap().port())).collect()
}

fn signal(node: &Node, signal: &str) {
    let pid = node.child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

/// A member, and what it takes the state of things to be.
struct Belief {
    node: Node,
    elected: Option<u64>,
    /// It has lost a link.
    lost: bool,
    /// There is a link to the one that is frozen, or to its replacement.
    linked: bool,
}

impl Belief {
    fn of(node: Node) -> Self {
        Self { node, elected: None, lost: false, linked: false }
    }

    fn take_in(&mut self, event: &Value, frozen: u64) {
        match event["event"].as_str() {
            Some("elected") => self.elected = event["leader"].as_u64(),
            Some("looking") => self.elected = None,
            Some("link") if event["peer"] == frozen => {
                self.linked = event["up"] == true;
                self.lost |= !self.linked;
            }
            _ => {}
        }
    }
}

/// Waits until all of these have elected the same one, and are as wished for.
fn agree(members: &mut [Belief], frozen: u64, wished: impl Fn(&Belief) -> bool) {
    let give_up = clock::now() + PATIENCE;
    let agreed = |members: &[Belief]| {
        members.iter().all(|member| {
            member.elected.is_some() && member.elected == members[0].elected && wished(member)
        })
    };
    while !agreed(members) {
        assert!(clock::now() < give_up, "no agreement");
        for member in &mut *members {
            while let Ok(line) = member.node.lines.recv_timeout(Duration::from_millis(1)) {
                member.take_in(&serde_json::from_str(&line).unwrap(), frozen);
            }
        }
    }
}

/// An address behind which a server moves: who connects reaches the one that is there now, and old connections stay.
struct MovingPlace {
    address: SocketAddr,
    port: Arc<AtomicU16>,
}

impl MovingPlace {
    fn new(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place =
            Self { address: listener.local_addr().unwrap(), port: Arc::new(AtomicU16::new(port)) };
        let port = Arc::clone(&place.port);
        // It ends with the process of the test.
        thread::spawn(move || {
            for caller in listener.incoming() {
                let there = ("127.0.0.1", port.load(Ordering::SeqCst));
                if let (Ok(caller), Ok(server)) = (caller, TcpStream::connect(there)) {
                    join(&caller, &server);
                }
            }
        });
        place
    }

    fn moves_to(&self, port: u16) {
        self.port.store(port, Ordering::SeqCst);
    }
}

/// Passes on what either side says, until it ends.
fn join(one: &TcpStream, other: &TcpStream) {
    for (from, to) in [(one, other), (other, one)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
