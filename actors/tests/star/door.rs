//! Who comes to a quorum port: learners, members at the wrong port, and strangers.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use async_std::{io::WriteExt, net::TcpStream, task::block_on};
use ballotbox_actors::{Listen, NetworkEvent, RefusedBecause, StarEvent};
use ballotbox_core::{
    leadership::SessionId,
    wire::{PacketKind, PacketStream, Ports},
};
use futures::future::join_all;

use crate::{
    common::{Server, Setup, frame, free_port, greet, greeting, is_closed},
    player::{StarTold, connect, info, ping, read_packet, start, start_as_it_is},
};

/// The reason for which a server has turned somebody away.
async fn refused(server: &mut Server) -> RefusedBecause {
    let refused = |event| match event {
        NetworkEvent::Refused { reason, .. } => Some(reason),
        _ => None,
    };
    server.until(refused).await
}

#[test]
fn one_address_serves_members_that_greet_and_learners_that_come() {
    block_on(async {
        let (mut one, mut star) = start(Setup::new(1).peer_at_nowhere(2));
        let mut learner = connect(one.address(), &info(5, 20).encode()).await;
        let (session, first, from) = star.arrived().await;
        assert_eq!((session, first), (SessionId::Accepted(1), info(5, 20)));
        assert_eq!(from, learner.local_addr().unwrap());
        let mut peer = greet(&one, 2).await;
        let link = one.link_up(2).await;
        peer.write_all(frame("vote").as_bytes()).await.unwrap();
        assert_eq!(one.heard().await, (link, "vote".to_owned()));
        star.address.say(session, vec![ping(7), ping(8)]);
        let mut stream = PacketStream::from_learner();
        assert_eq!(read_packet(&mut learner, &mut stream).await, ping(7));
        assert_eq!(read_packet(&mut learner, &mut stream).await, ping(8));
        one.stop().await;
        star.stop().await;
    });
}

#[test]
fn a_server_whose_id_begins_like_a_packet_is_served_at_a_shared_address_if_it_greets_with_a_version()
 {
    block_on(async {
        for kind in [PacketKind::FOLLOWERINFO, PacketKind::OBSERVERINFO] {
            let number = u64::try_from(kind.0).unwrap() << 32;
            let (mut one, star) = start(Setup::new(1).peer_at_nowhere(number));
            let _peer = greet(&one, number).await;
            one.link_up(number).await;
            one.stop().await;
            star.stop().await;
        }
    });
}

#[test]
fn a_first_packet_may_come_byte_by_byte_and_what_follows_right_behind_it() {
    block_on(async {
        let (one, mut star) = start(Setup::new(1));
        let bytes = [info(5, 20).encode(), ping(1).encode(), ping(2).encode()].concat();
        let mut socket = one.connect().await;
        socket.set_nodelay(true).unwrap();
        for byte in bytes {
            socket.write_all(&[byte]).await.unwrap();
        }
        let (session, first, _) = star.arrived().await;
        assert_eq!(first, info(5, 20));
        assert_eq!(star.heard().await, (session, ping(1)));
        assert_eq!(star.heard().await, (session, ping(2)));
    });
}

#[test]
fn who_is_at_the_wrong_one_of_two_ports_is_turned_away_as_that() {
    block_on(async {
        let mut setup = Setup::new(1).peer_at_nowhere(2);
        let ready = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let quorum = ready.local_addr().unwrap();
        let listen = Listen { endpoint: quorum.into(), ports: Ports::Quorum, ready: Some(ready) };
        setup.config.listen.push(listen);
        let (mut one, mut star) = start_as_it_is(setup, 4);
        let mut learner = connect(one.address(), &info(5, 20).encode()).await;
        let here = Ports::Election;
        assert_eq!(refused(&mut one).await, RefusedBecause::OtherPort { here });
        assert!(is_closed(&mut learner).await);
        let mut peer = connect(quorum, &greeting(2)).await;
        let here = Ports::Quorum;
        assert_eq!(refused(&mut one).await, RefusedBecause::OtherPort { here });
        assert!(is_closed(&mut peer).await);
        let mut browser = connect(quorum, b"GET / HTTP/1.1\r\n\r\n").await;
        let reason = refused(&mut one).await;
        assert!(matches!(reason, RefusedBecause::NoPacket(_)), "{reason:?}");
        assert!(is_closed(&mut browser).await);
        // Each is served at its own.
        let _peer = greet(&one, 2).await;
        one.link_up(2).await;
        let _learner = connect(quorum, &info(5, 20).encode()).await;
        assert_eq!(star.arrived().await.1, info(5, 20));
    });
}

#[test]
fn without_a_star_nobody_learns_and_nobody_listens_for_learners() {
    block_on(async {
        let mut setup = Setup::new(1).peer_at_nowhere(2);
        let (quorum, reserved) = free_port();
        drop(reserved);
        setup.config.listen[0].ports = Ports::Both;
        let listen = Listen { endpoint: quorum.clone(), ports: Ports::Quorum, ready: None };
        setup.config.listen.push(listen);
        let mut one = setup.start();
        let mut learner = connect(one.address(), &info(5, 20).encode()).await;
        let here = Ports::Election;
        assert_eq!(refused(&mut one).await, RefusedBecause::OtherPort { here });
        assert!(is_closed(&mut learner).await);
        let quorum: SocketAddr = quorum.to_string().parse().unwrap();
        assert!(TcpStream::connect(quorum).await.is_err());
    });
}

#[test]
fn garbage_is_closed_and_the_next_learner_is_served() {
    block_on(async {
        let (mut one, mut star) = start(Setup::new(1));
        let head = |kind: PacketKind, len: i32| {
            [&kind.0.to_be_bytes()[..], &[0; 8], &len.to_be_bytes()].concat()
        };
        let first = PacketKind::FOLLOWERINFO;
        let authinfo = |count: i32| [head(first, -1), count.to_be_bytes().to_vec()].concat();
        let rubbish = [
            head(first, -2),
            head(first, i32::MIN),
            head(PacketKind::OBSERVERINFO, i32::MAX),
            head(first, 1024 * 1024 + 1),
            authinfo(-2),
            authinfo(65),
            [authinfo(1), (-2_i32).to_be_bytes().to_vec()].concat(),
        ];
        for bytes in &rubbish {
            let mut socket = connect(one.address(), bytes).await;
            assert!(is_closed(&mut socket).await, "{bytes:?}");
        }
        let reason = refused(&mut one).await;
        assert!(matches!(reason, RefusedBecause::NoPacket(_)), "{reason:?}");
        let half = connect(one.address(), &info(5, 20).encode()[..30]).await;
        half.shutdown(std::net::Shutdown::Write).unwrap();
        let broken = |event| match event {
            NetworkEvent::Refused { reason: RefusedBecause::Broken(text), .. } => Some(text),
            _ => None,
        };
        let text = "the connection ended after 30 bytes of a learner's first packet: closed by the \
                    other end";
        assert_eq!(one.until(broken).await, text.into());
        let _learner = connect(one.address(), &info(5, 20).encode()).await;
        assert_eq!(star.arrived().await.1, info(5, 20));
    });
}

#[test]
fn silence_and_half_a_packet_are_cut_off() {
    block_on(async {
        let mut setup = Setup::new(1);
        setup.config.timing.greeting = Duration::from_millis(20);
        setup.config.timing.frame = Duration::from_millis(20);
        let (one, mut star) = start(setup);
        for length in [0, 3, 4, 12, 17, 39] {
            let mut socket = connect(one.address(), &info(5, 20).encode()[..length]).await;
            assert!(is_closed(&mut socket).await);
        }
        // One that has come may be silent: that is for its user to judge. But what it begins it has to end.
        let bytes = [info(5, 20).encode(), ping(1).encode()].concat();
        let mut socket = connect(one.address(), &bytes).await;
        let (session, ..) = star.arrived().await;
        assert_eq!(star.heard().await, (session, ping(1)));
        socket.write_all(&ping(2).encode()[..7]).await.unwrap();
        let cause = "the other end began a packet and did not end it in 20.0 ms";
        assert_eq!(star.ended().await, (session, cause.to_owned()));
        assert!(is_closed(&mut socket).await);
    });
}

#[test]
fn a_long_member_list_comes_with_a_first_packet_and_a_crowd_that_never_ends_its_own_makes_room() {
    block_on(async {
        let (one, mut star) = start(Setup::new(1));
        let long = info(5, 1024 * 1024).encode();
        let half = &long[..long.len() / 2];
        let crowd = (0..40).map(|_| connect(one.address(), half));
        let crowd = join_all(crowd).await;
        let address = one.address();
        let genuine = async_std::task::spawn(async move { connect(address, &long).await });
        assert_eq!(star.arrived().await.1, info(5, 1024 * 1024));
        let _learner = genuine.await;
        // As many as may stay from one address; the others had to make room.
        let closed = crowd.into_iter().map(|mut socket| {
            Box::pin(async move {
                assert!(is_closed(&mut socket).await);
            })
        });
        let mut left: Vec<_> = closed.collect();
        while left.len() > 8 {
            let (.., others) = futures::future::select_all(left).await;
            left = others;
        }
        one.stop().await;
        star.stop().await;
    });
}

#[test]
fn a_long_first_packet_takes_a_place_until_its_user_has_dealt_with_it_and_there_are_sixteen() {
    block_on(async {
        let (one, mut star) = start(Setup::new(1));
        let long = info(5, 100 * 1024);
        let bytes = long.encode();
        let mut learners = Vec::new();
        let mut kept = Vec::new();
        for _ in 0..16 {
            learners.push(connect(one.address(), &bytes).await);
            kept.push(star.arrived_with_place().await);
        }
        assert!(kept.iter().all(|first| first.packet == long));
        let mut one_too_many = connect(one.address(), &bytes).await;
        assert!(is_closed(&mut one_too_many).await);
        // A short one needs none.
        learners.push(connect(one.address(), &info(6, 20).encode()).await);
        assert_eq!(star.arrived().await.1, info(6, 20));
        kept.pop();
        learners.push(connect(one.address(), &bytes).await);
        assert_eq!(star.arrived().await.1, long);
        one.stop().await;
        star.stop().await;
    });
}

#[test]
fn a_user_that_does_not_listen_stops_the_learners_and_no_member() {
    block_on(async {
        let mut setup = Setup::new(1).peer_at_nowhere(2);
        setup.config.listen[0].ports = Ports::Both;
        let (mut one, mut star) = start_as_it_is(setup, 4);
        let first = &info(5, 20).encode();
        let crowd = (0..30).map(|_| connect(one.address(), first));
        let mut crowd = join_all(crowd).await;
        for learner in &mut crowd {
            learner.write_all(&ping(1).encode()).await.unwrap();
        }
        let mut peer = greet(&one, 2).await;
        let link = one.link_up(2).await;
        peer.write_all(frame("vote").as_bytes()).await.unwrap();
        assert_eq!(one.heard().await, (link, "vote".to_owned()));
        // Now it listens, and nothing is lost.
        let (mut arrived, mut heard) = (0, 0);
        while (arrived, heard) != (30, 30) {
            match star.next().await {
                StarTold::Event(StarEvent::Arrived { .. }) => arrived += 1,
                StarTold::Heard(_) => heard += 1,
                other @ StarTold::Event(_) => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_flood_of_learners_pushes_out_only_itself() {
    block_on(async {
        let (one, mut star) = start(Setup::new(1));
        let mut led = connect(one.address(), &info(1, 20).encode()).await;
        let (session, ..) = star.arrived().await;
        star.address.say(session, vec![ping(1)]);
        let address = one.address();
        let flood = async_std::task::spawn(async move {
            let mut sockets = Vec::new();
            for number in 0..1000 {
                // Some say something else, some nothing, some half of it.
                let bytes = info(2, 20).encode();
                let bytes: &[u8] = match number % 10 {
                    0 => &[],
                    1 => &bytes[..17],
                    2 => b"GET / HTTP/1.1\r\n\r\n",
                    _ => &bytes,
                };
                sockets.push(connect(address, bytes).await);
                // More would cost more descriptors than a test should need.
                if sockets.len() > 200 {
                    sockets.remove(0);
                }
            }
            sockets.push(connect(address, &info(3, 20).encode()).await);
            sockets
        });
        let (mut is_over, mut open) = (false, BTreeSet::new());
        while !is_over {
            match star.next().await {
                StarTold::Event(StarEvent::Arrived { session, first, .. }) => {
                    is_over = first.packet == info(3, 20);
                    assert!(open.insert(session));
                }
                StarTold::Event(StarEvent::Ended { session, .. }) => {
                    assert!(open.remove(&session));
                }
                other => panic!("{other:?}"),
            }
        }
        let _sockets = flood.await;
        star.address.say(session, vec![ping(2)]);
        let mut stream = PacketStream::from_leader();
        assert_eq!(read_packet(&mut led, &mut stream).await, ping(1));
        assert_eq!(read_packet(&mut led, &mut stream).await, ping(2));
        one.stop().await;
        star.stop().await;
    });
}
