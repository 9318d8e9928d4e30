//! What the two ends of a session say to each other, and how it ends.

use std::{net::SocketAddr, time::Duration};

use async_std::{
    io::{ReadExt, WriteExt},
    net::TcpStream,
    task::block_on,
};
use ballotbox_actors::{DialError, NetworkEvent, StarEvent, socket::ConnectError};
use ballotbox_core::{
    leadership::SessionId,
    wire::{PacketKind, PacketStream, QuorumPacket},
};

use crate::{
    common::{Server, Setup, free_port, id, is_closed, raw_peer},
    player::{Star, StarTold, connect, info, ping, read_packet, start},
};

/// The first session that we dial.
const FIRST: SessionId = SessionId::Dialled(1);

/// A leader's server and star, and those of a learner that can dial it.
fn leader_and_learner() -> [(Server, Star); 2] {
    let (one, mut two) = (Setup::new(1), Setup::new(2));
    two.peer(1, one.config.listen[0].endpoint.clone());
    [start(one), start(two)]
}

#[test]
fn a_leader_and_a_learner_say_things_both_ways_and_in_order() {
    block_on(async {
        let [(_one, mut leader), (_two, mut learner)] = leader_and_learner();
        learner.address.dial(FIRST, id(1), info(5, 300));
        assert_eq!(learner.dialled().await, FIRST);
        let (session, first, _) = leader.arrived().await;
        assert_eq!(first, info(5, 300));
        for number in 0..200 {
            leader.address.say(session, vec![ping(2 * number), ping(2 * number + 1)]);
            learner.address.say(FIRST, vec![ping(number)]);
            assert_eq!(learner.heard().await, (FIRST, ping(2 * number)));
            assert_eq!(learner.heard().await, (FIRST, ping(2 * number + 1)));
            assert_eq!(leader.heard().await, (session, ping(number)));
        }
    });
}

#[test]
fn a_last_word_is_heard_before_the_end_and_nothing_after_it() {
    block_on(async {
        let [(_one, mut leader), (_two, mut learner)] = leader_and_learner();
        for number in 1..=20 {
            let dialled = SessionId::Dialled(number);
            learner.address.dial(dialled, id(1), info(5, 20));
            assert_eq!(learner.dialled().await, dialled);
            // What was on its way when the last session was closed may come, and nothing else of it.
            let session = loop {
                match leader.next().await {
                    StarTold::Event(StarEvent::Arrived { session, .. }) => break session,
                    StarTold::Heard(heard) => assert_eq!(heard.packet, ping(1)),
                    other @ StarTold::Event(_) => panic!("{other:?}"),
                }
            };
            // Both at once: the leader neither reads this nor waits.
            learner.address.say(dialled, vec![ping(1)]);
            leader.address.say(session, vec![ping(2), ping(3)]);
            let refused = QuorumPacket::bare(PacketKind::REFUSED, 0);
            leader.address.say(session, vec![refused.clone()]);
            leader.address.close(session);
            let heard = [ping(2), ping(3), refused];
            for packet in heard {
                assert_eq!(learner.heard().await, (dialled, packet));
            }
            assert_eq!(learner.ended().await.0, dialled);
        }
        assert!(learner.has_nothing_to_tell());
    });
}

#[test]
fn a_session_that_was_closed_reports_nothing() {
    block_on(async {
        let (one, mut star) = start(Setup::new(1));
        let mut learner = connect(one.address(), &info(5, 20).encode()).await;
        let (session, ..) = star.arrived().await;
        star.address.close(session);
        star.address.close(session);
        assert!(is_closed(&mut learner).await);
        star.address.say(session, vec![ping(1)]);
        // The next one is the first thing that is told.
        let _next = connect(one.address(), &info(6, 20).encode()).await;
        assert_eq!(star.arrived().await.0, SessionId::Accepted(2));
        one.stop().await;
        star.stop().await;
    });
}

#[test]
fn an_attempt_that_was_closed_reports_nothing() {
    block_on(async {
        let [(_one, mut leader), (_two, mut learner)] = leader_and_learner();
        for number in 1..=50 {
            learner.address.dial(SessionId::Dialled(number), id(1), info(5, 20));
            learner.address.close(SessionId::Dialled(number));
        }
        let last = SessionId::Dialled(51);
        learner.address.dial(last, id(1), info(9, 20));
        // Some may have reached the leader before they were closed.
        while learner.dialled().await != last {}
        // And some may have come so far that the leader was told.
        loop {
            match leader.next().await {
                StarTold::Event(StarEvent::Arrived { first, .. })
                    if first.packet == info(9, 20) =>
                {
                    break;
                }
                StarTold::Event(StarEvent::Arrived { .. } | StarEvent::Ended { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_dial_that_is_refused_is_told_as_such() {
    block_on(async {
        let (nobody, _reserved) = free_port();
        let mut setup = Setup::new(2).peer_at_nowhere(1);
        setup.config.quorum_peers.insert(id(1), vec![nobody.clone()]);
        let (_two, mut star) = start(setup.peer_at_nowhere(3));
        star.address.dial(FIRST, id(1), info(5, 20));
        let (session, error) = star.dial_failed().await;
        let address: SocketAddr = nobody.to_string().parse().unwrap();
        assert_eq!((session, error.address(), error.is_refused()), (FIRST, Some(address), true));
        // A member without an address, and nobody at all.
        for (number, peer) in [(2, 3), (3, 4)] {
            star.address.dial(SessionId::Dialled(number), id(peer), info(5, 20));
            let (session, error) = star.dial_failed().await;
            assert_eq!((session, error.is_refused()), (SessionId::Dialled(number), false));
            assert_eq!(error, DialError::Connect(ConnectError::NoAddress));
        }
    });
}

#[test]
fn a_dial_that_leads_back_to_us_is_told_as_such() {
    block_on(async {
        let mut setup = Setup::new(2);
        let own = setup.config.listen[0].endpoint.clone();
        setup.config.quorum_peers.insert(id(1), vec![own]);
        let (mut two, mut star) = start(setup);
        two.until(|event| matches!(event, NetworkEvent::Started).then_some(())).await;
        star.address.dial(FIRST, id(1), info(5, 20));
        let error = DialError::Ourselves { address: two.address() };
        assert_eq!(star.dial_failed().await, (FIRST, error));
        // Nobody has come.
        two.stop().await;
        star.stop().await;
    });
}

#[test]
fn a_member_is_dialled_where_it_is_followed_whether_or_not_that_is_its_election_address() {
    block_on(async {
        let (election, at_election) = raw_peer().await;
        let (quorum, at_quorum) = raw_peer().await;
        let mut setup = Setup::new(2);
        // A higher id is only knocked at, over the election network.
        setup.peer(3, at_election.clone());
        setup.peer(4, at_election);
        setup.config.quorum_peers.insert(id(4), vec![at_quorum]);
        let (_two, star) = start(setup);
        star.address.dial(FIRST, id(4), info(4, 20));
        star.address.dial(SessionId::Dialled(2), id(3), info(3, 20));
        let (mut socket, _) = quorum.accept().await.unwrap();
        let mut stream = PacketStream::from_learner();
        assert_eq!(read_packet(&mut socket, &mut stream).await, info(4, 20));
        loop {
            let (mut socket, _) = election.accept().await.unwrap();
            let mut kind = [0; 4];
            socket.read_exact(&mut kind).await.unwrap();
            if kind == PacketKind::FOLLOWERINFO.0.to_be_bytes() {
                break;
            }
        }
    });
}

#[test]
fn what_is_no_packet_ends_a_session_and_so_does_a_long_one_of_a_learner() {
    block_on(async {
        let (one, mut star) = start(Setup::new(1));
        let mut bad = ping(1).encode();
        bad[12..16].copy_from_slice(&(-2_i32).to_be_bytes());
        let long = QuorumPacket { data: Some(vec![7; 1024 * 1024]), ..ping(1) }.encode();
        for (bytes, cause) in [
            (bad, "the other end sent the data of PING: -2 as a length: expected -1 to 2097152"),
            (long, "a learner sent a packet of more than 65536 bytes"),
        ] {
            let mut socket = connect(one.address(), &info(5, 20).encode()).await;
            let (session, ..) = star.arrived().await;
            // It may be closed before all of it is written.
            let _ = socket.write_all(&bytes).await;
            assert_eq!(star.ended().await, (session, cause.to_owned()));
            assert!(is_closed(&mut socket).await);
        }
    });
}

#[test]
fn a_learner_that_does_not_read_is_cut_and_holds_up_nobody() {
    block_on(async {
        let mut setup = Setup::new(1);
        // It is cut for what waits, and not for the time it took.
        setup.config.timing.write = Duration::from_secs(3600);
        let (one, mut star) = start(setup);
        let mut deaf = connect(one.address(), &info(1, 20).encode()).await;
        let (deaf_session, ..) = star.arrived().await;
        let mut healthy = connect(one.address(), &info(2, 20).encode()).await;
        let (session, ..) = star.arrived().await;
        let large = QuorumPacket { data: Some(vec![7; 200 * 1024]), ..ping(1) };
        let mut stream = PacketStream::from_leader();
        let mut ended = None;
        while ended.is_none() {
            star.address.say(deaf_session, vec![large.clone()]);
            star.address.say(session, vec![ping(2)]);
            assert_eq!(read_packet(&mut healthy, &mut stream).await, ping(2));
            if !star.has_nothing_to_tell() {
                ended = Some(star.ended().await);
            }
        }
        let cause = "more than it may leave unread waits for the other end".to_owned();
        assert_eq!(ended, Some((deaf_session, cause)));
        star.address.say(deaf_session, vec![ping(3)]);
        healthy.write_all(&ping(4).encode()).await.unwrap();
        assert_eq!(star.heard().await, (session, ping(4)));
        assert!(is_closed(&mut deaf).await);
    });
}

#[test]
fn a_write_that_takes_too_long_ends_the_session() {
    block_on(async {
        let mut setup = Setup::new(1);
        setup.config.timing.write = Duration::from_millis(20);
        let (one, mut star) = start(setup);
        let mut deaf = connect(one.address(), &info(1, 20).encode()).await;
        let (session, ..) = star.arrived().await;
        // More than any system takes unread.
        let large = QuorumPacket { data: Some(vec![7; 64 * 1024 * 1024]), ..ping(1) };
        star.address.say(session, vec![large]);
        let cause = "the peer took no bytes for 20.0 ms".to_owned();
        assert_eq!(star.ended().await, (session, cause));
        assert!(is_closed(&mut deaf).await);
    });
}

#[test]
fn a_snapshot_is_read_past_in_pieces_and_its_sender_is_alive_meanwhile() {
    block_on(async {
        let (listener, endpoint) = raw_peer().await;
        let mut setup = Setup::new(2).peer_at_nowhere(1);
        setup.config.quorum_peers.insert(id(1), vec![endpoint]);
        let (_two, mut star) = start(setup);
        star.address.dial(FIRST, id(1), info(5, 20));
        assert_eq!(star.dialled().await, FIRST);
        let (mut leader, _) = listener.accept().await.unwrap();
        leader.set_nodelay(true).unwrap();
        let snap = QuorumPacket::bare(PacketKind::SNAP, 5 << 32);
        let bytes = [snap.encode(), snapshot(), ping(1).encode()].concat();
        let (piece, rest) = bytes.split_at(50);
        leader.write_all(piece).await.unwrap();
        let alive = StarTold::Event(StarEvent::Alive { session: FIRST });
        assert_eq!(star.next().await, alive);
        for byte in rest {
            leader.write_all(&[*byte]).await.unwrap();
        }
        loop {
            match star.next().await {
                StarTold::Heard(heard) => {
                    assert_eq!(heard.packet, snap);
                    break;
                }
                other @ StarTold::Event(_) => assert_eq!(other, alive),
            }
        }
        assert_eq!(star.heard().await, (FIRST, ping(1)));
        // One that is not ended in time is no sign of life any more.
        drop(leader);
        assert_eq!(star.ended().await.0, FIRST);
    });
}

#[test]
fn a_snapshot_that_does_not_go_on_ends_the_session() {
    block_on(async {
        let (listener, endpoint) = raw_peer().await;
        let mut setup = Setup::new(2).peer_at_nowhere(1);
        setup.config.quorum_peers.insert(id(1), vec![endpoint]);
        setup.config.timing.frame = Duration::from_millis(20);
        let (_two, mut star) = start(setup);
        star.address.dial(FIRST, id(1), info(5, 20));
        assert_eq!(star.dialled().await, FIRST);
        let (mut leader, _) = listener.accept().await.unwrap();
        let snap = QuorumPacket::bare(PacketKind::SNAP, 5 << 32);
        leader.write_all(&snap.encode()).await.unwrap();
        leader.write_all(&snapshot()[..20]).await.unwrap();
        assert_eq!(star.next().await, StarTold::Event(StarEvent::Alive { session: FIRST }));
        assert_eq!(star.ended().await.0, FIRST);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_stopped_star_leaves_no_socket() {
    block_on(async {
        let (listener, endpoint) = raw_peer().await;
        let mut setup = Setup::new(2).peer_at_nowhere(1);
        setup.config.quorum_peers.insert(id(1), vec![endpoint]);
        // At an address whose queue is full an attempt hangs; two connections fill a queue for one.
        let (nowhere, full) = free_port();
        full.listen(1).unwrap();
        let address: SocketAddr = nowhere.to_string().parse().unwrap();
        let _queue = [TcpStream::connect(address).await, TcpStream::connect(address).await];
        setup.config.quorum_peers.insert(id(3), vec![nowhere]);
        let (two, mut star) = start(setup);
        star.address.dial(FIRST, id(1), info(5, 20));
        assert_eq!(star.dialled().await, FIRST);
        let (mut leader, _) = listener.accept().await.unwrap();
        star.address.dial(SessionId::Dialled(2), id(3), info(5, 20));
        let mut learner = connect(two.address(), &info(1, 20).encode()).await;
        let (session, ..) = star.arrived().await;
        // Nobody reads this.
        let large = QuorumPacket { data: Some(vec![7; 64 * 1024 * 1024]), ..ping(1) };
        star.address.say(session, vec![large]);
        let _half = connect(two.address(), &info(1, 20).encode()[..20]).await;
        let address = two.address();
        two.stop().await;
        star.stop().await;
        assert!(is_closed(&mut leader).await);
        assert!(is_closed(&mut learner).await);
        assert!(TcpStream::connect(address).await.is_err());
    });
}

/// A snapshot with one node, whose data holds what stands at the end of a snapshot.
fn snapshot() -> Vec<u8> {
    let text = |text: &str| {
        [&i32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
    };
    let (sessions, lists) = (1_i32.to_be_bytes(), 0_i32.to_be_bytes());
    let node = [text("/node"), text("BenWasHere"), vec![0; 68]].concat();
    [&sessions[..], &[0; 12], &lists, &node, &text("/"), &text("BenWasHere")].concat()
}
