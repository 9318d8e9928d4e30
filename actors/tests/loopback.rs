//! Networks and raw peers on loopback sockets: what they make of each other, and of those who mean no good.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test picks what it waits for"
)]

mod common;

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use async_std::{
    io::{ReadExt, WriteExt},
    net::TcpStream,
    task::block_on,
};
use ballotbox_actors::{
    DialError, GREETINGS_OPEN_MAX, ListenError, NetworkError, NetworkEvent, RefusedBecause,
    kit::Exit,
};
use ballotbox_core::{
    Backoff, Endpoint,
    links::{GUESTS_MAX, Refusal},
    wire::{Frame, Greeting, GreetingError, GreetingForm},
};
use futures::future::join_all;

use common::{
    Server, Setup, frame, free_port, greet, greeting, id, is_closed, raw_peer, read_frame,
};

#[test]
fn two_servers_have_one_link_and_say_things_both_ways() {
    block_on(async {
        let [mut one, mut two] = Server::pair();
        let (at_one, at_two) = (one.link_up(2).await, two.link_up(1).await);
        one.network.send(id(2), frame("from one"));
        two.network.send(id(1), frame("from two"));
        assert_eq!(two.heard().await, (at_two, "from one".to_owned()));
        assert_eq!(one.heard().await, (at_one, "from two".to_owned()));
        one.stop().await;
        two.stop().await;
    });
}

#[test]
fn a_lower_id_that_comes_later_knocks_and_is_dialled_back() {
    block_on(async {
        let (one, mut two) = (Setup::new(1), Setup::new(2));
        // The higher one would not try again for an hour.
        let hour = Duration::from_secs(3600);
        two.config.links.redial = Backoff { min: hour, max: hour, attempts_max: None };
        let (port, reserved) = free_port();
        two.peer(1, port.clone());
        let mut two = two.start();
        two.until(|report| matches!(report, NetworkEvent::Unreachable { .. }).then_some(())).await;
        drop(reserved);
        let mut one = one.at(port).peer_of(&two).start();
        one.link_up(2).await;
        two.link_up(1).await;
    });
}

#[test]
fn a_restarted_peer_is_linked_again() {
    block_on(async {
        let [mut one, mut two] = Server::pair();
        for _ in 0..5 {
            let before = two.link_up(1).await;
            one.link_up(2).await;
            one = one.restart().await;
            let down = two.link_down().await;
            assert_eq!(down, before);
        }
        let after = two.link_up(1).await;
        one.link_up(2).await;
        one.network.send(id(2), frame("again"));
        assert_eq!(two.heard().await, (after, "again".to_owned()));
    });
}

#[test]
fn the_greeting_of_a_dialler_arrives_in_one_piece() {
    block_on(async {
        let (listener, endpoint) = raw_peer().await;
        let mut three = Setup::new(3);
        three.peer(1, endpoint);
        let three = three.start();
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        let count = socket.read(&mut bytes).await.unwrap();
        let form = GreetingForm::V1(three.endpoint.clone());
        assert_eq!(Greeting::decode(&bytes[..count]), Ok(Greeting { from: Some(id(3)), form }));
    });
}

#[test]
fn a_greeting_may_come_byte_by_byte_and_the_frames_right_behind_it() {
    block_on(async {
        let mut one = Setup::new(1).peer_at_nowhere(2).start();
        let mut socket = one.connect().await;
        let mut bytes = greeting(2);
        bytes.extend(frame("first").as_bytes());
        bytes.extend(frame("second").as_bytes());
        for byte in bytes {
            socket.write_all(&[byte]).await.unwrap();
        }
        one.link_up(2).await;
        assert_eq!(one.heard().await.1, "first");
        assert_eq!(one.heard().await.1, "second");
    });
}

#[test]
fn what_is_no_greeting_is_closed_and_the_next_peer_is_served() {
    block_on(async {
        let mut one = Setup::new(1).peer_at_nowhere(2).start();
        let v1 = |id: i64, len: i32, text: &[u8]| {
            let head = [(-65536i64).to_be_bytes(), id.to_be_bytes()].concat();
            [&head[..], &len.to_be_bytes(), text].concat()
        };
        let rubbish: Vec<Vec<u8>> = vec![
            (-65537i64).to_be_bytes().to_vec(),
            i64::MIN.to_be_bytes().to_vec(),
            b"\xff\xff\xff\xfeET / HTTP/1.1\r\n\r\n".to_vec(),
            v1(2, 0, b""),
            v1(2, -1, b""),
            v1(2, 2049, b""),
            v1(2, i32::MAX, b""),
            v1(2, 4, b"host"),
            v1(2, 10, b"host:70000"),
            v1(2, 4, b"\xff\xfe:1"),
            v1(-5, 6, b"host:1"),
        ];
        for bytes in rubbish {
            let mut socket = one.connect().await;
            // It may be closed before all of it is written.
            let _ = socket.write_all(&bytes).await;
            assert!(is_closed(&mut socket).await, "{bytes:?}");
        }
        let refused = |report| match report {
            NetworkEvent::Refused { reason, times: 8, .. } => Some(reason),
            _ => None,
        };
        let reason = one.until(refused).await;
        // The one of the eight that was dealt with last.
        assert!(matches!(reason, RefusedBecause::NoGreeting(_)), "{reason:?}");
        greet(&one, 2).await;
        one.link_up(2).await;
    });
}

#[test]
fn a_greeting_that_does_not_end_is_cut_off() {
    block_on(async {
        let mut setup = Setup::new(1);
        setup.config.timing.greeting = Duration::from_millis(20);
        let one = setup.start();
        for silent in [&greeting(2)[..0], &greeting(2)[..7], &greeting(2)[..25]] {
            let mut socket = one.connect().await;
            socket.write_all(silent).await.unwrap();
            assert!(is_closed(&mut socket).await);
        }
    });
}

#[test]
fn lengths_that_no_frame_has_close_the_link_at_once() {
    block_on(async {
        let mut one = Setup::new(1).peer_at_nowhere(2).start();
        for length in [0, -1, -20, i32::MIN, 512 * 1024 + 1, 1 << 30, i32::MAX] {
            let mut socket = greet(&one, 2).await;
            let up = one.link_up(2).await;
            socket.write_all(&i32::to_be_bytes(length)).await.unwrap();
            assert_eq!(one.link_down().await, up);
            assert!(is_closed(&mut socket).await);
        }
    });
}

#[test]
fn a_frame_that_does_not_end_closes_the_link() {
    block_on(async {
        let mut setup = Setup::new(1).peer_at_nowhere(2);
        setup.config.timing.frame = Duration::from_millis(20);
        let mut one = setup.start();
        let mut socket = greet(&one, 2).await;
        let up = one.link_up(2).await;
        socket.write_all(&frame("whole").as_bytes()[..6]).await.unwrap();
        assert_eq!(one.link_down().await, up);
        assert!(is_closed(&mut socket).await);
    });
}

#[test]
fn a_peer_that_does_not_read_loses_its_link_and_nobody_waits_for_it() {
    block_on(async {
        let mut setup = Setup::new(1).peer_at_nowhere(2).peer_at_nowhere(3);
        setup.config.timing.write = Duration::from_millis(20);
        let mut one = setup.start();
        let _deaf = greet(&one, 2).await;
        let deaf = one.link_up(2).await;
        let mut healthy = greet(&one, 3).await;
        one.link_up(3).await;
        let large = Frame::new(&vec![7; Frame::LEN_MAX]).unwrap();
        // More than the kernel will hold for a peer that does not read.
        let mut flood = async || {
            for _ in 0..64 {
                one.network.send(id(2), large.clone());
                one.network.send(id(3), frame("still served"));
                assert_eq!(read_frame(&mut healthy).await, "still served");
            }
        };
        flood().await;
        assert_eq!(one.link_down().await, deaf);
    });
}

#[test]
fn silent_strangers_do_not_keep_a_peer_waiting() {
    block_on(async {
        let mut one = Setup::new(1).peer_at_nowhere(2).start();
        let silent = join_all((0..GREETINGS_OPEN_MAX + 50).map(|_| one.connect())).await;
        let mut genuine = greet(&one, 2).await;
        one.link_up(2).await;
        one.network.send(id(2), frame("welcome"));
        assert_eq!(read_frame(&mut genuine).await, "welcome");
        drop(silent);
    });
}

#[test]
fn a_forged_greeting_of_a_lower_id_leaves_the_link_alone_and_never_leads_astray() {
    block_on(async {
        let (listener, endpoint) = raw_peer().await;
        let mut three = Setup::new(3);
        three.peer(1, endpoint);
        let mut three = three.start();
        let (mut genuine, _) = listener.accept().await.unwrap();
        let mut hello = vec![0; three.greeting().len()];
        genuine.read_exact(&mut hello).await.unwrap();
        let up = three.link_up(1).await;
        let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        trap.set_nonblocking(true).unwrap();
        let form = GreetingForm::V1(trap.local_addr().unwrap().into());
        let forged = Greeting { from: Some(id(1)), form }.encode();
        for _ in 0..20 {
            let mut socket = three.connect().await;
            socket.write_all(&forged).await.unwrap();
            assert!(is_closed(&mut socket).await);
        }
        genuine.write_all(frame("unharmed").as_bytes()).await.unwrap();
        assert_eq!(three.heard().await, (up, "unharmed".to_owned()));
        assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn our_own_id_is_turned_away_and_reported() {
    block_on(async {
        let mut one = Setup::new(1).start();
        let mut socket = greet(&one, 1).await;
        assert!(is_closed(&mut socket).await);
        let refused = |report| match report {
            NetworkEvent::Refused { reason, from, .. } => Some((reason, from)),
            _ => None,
        };
        let (reason, from) = one.until(refused).await;
        assert_eq!(reason, RefusedBecause::Id(Refusal::OwnId));
        assert_eq!(from, Some("127.0.0.1".parse().unwrap()));
    });
}

#[test]
fn what_is_wrong_with_a_greeting_is_told_and_hanging_up_without_a_word_is_nothing_to_tell() {
    block_on(async {
        let mut one = Setup::new(1).start();
        let refused = |report| match report {
            NetworkEvent::Refused { reason, .. } => Some(reason),
            _ => None,
        };
        drop(one.connect().await);
        let mut socket = one.connect().await;
        socket.write_all(&greeting(2)[..7]).await.unwrap();
        drop(socket);
        let text = "the connection ended after 7 bytes of a greeting: closed by the other end";
        assert_eq!(one.until(refused).await, RefusedBecause::Broken(text.into()));
        let mut socket = one.connect().await;
        socket.write_all(&(-65537i64).to_be_bytes()).await.unwrap();
        let error = GreetingError::Version { version: -65537 };
        assert_eq!(one.until(refused).await, RefusedBecause::NoGreeting(error));
    });
}

#[test]
fn a_peer_whose_address_leads_back_to_us_is_told_as_such_and_nothing_else_happens() {
    block_on(async {
        // The larger id connects, the smaller one knocks.
        for peer in [1, 3] {
            for listen in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
                let ready = std::net::TcpListener::bind(listen).unwrap();
                let port = ready.local_addr().unwrap().port();
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                let mut setup = Setup::new(2);
                setup.config.listen[0].ready = Some(ready);
                setup.peer(peer, address.into());
                let mut two = setup.start();
                let what_comes = |report| match report {
                    NetworkEvent::Listening { .. } | NetworkEvent::Started => None,
                    other => Some(other),
                };
                let error = DialError::Ourselves { address };
                let expected = NetworkEvent::Unreachable { peer: id(peer), error };
                assert_eq!(two.until(what_comes).await, expected);
                two.stop().await;
            }
        }
    });
}

#[test]
fn strangers_are_heard_a_few_at_a_time() {
    block_on(async {
        let mut one = Setup::new(1).start();
        let mut sockets = Vec::new();
        for stranger in 100..100 + 2 * GUESTS_MAX as u64 {
            sockets.push(greet(&one, stranger).await);
            one.link_up(stranger).await;
        }
        let (gone, staying) = sockets.split_at_mut(GUESTS_MAX);
        for socket in gone {
            assert!(is_closed(socket).await);
        }
        staying[0].write_all(frame("who leads?").as_bytes()).await.unwrap();
        let (link, said) = one.heard().await;
        assert_eq!((link.peer, said.as_str()), (id(100 + GUESTS_MAX as u64), "who leads?"));
        one.network.send(link.peer, frame("nobody yet"));
        assert_eq!(read_frame(&mut staying[0]).await, "nobody yet");
    });
}

#[test]
fn of_several_addresses_the_one_that_answers_is_used() {
    block_on(async {
        let (nowhere, _reserved) = free_port();
        let (listener, endpoint) = raw_peer().await;
        let mut two = Setup::new(2);
        two.config.peers.insert(id(1), vec![nowhere, endpoint]);
        let mut two = two.start();
        let accepted = listener.accept().await;
        assert!(accepted.is_ok());
        two.link_up(1).await;
    });
}

#[test]
#[cfg(target_os = "linux")]
fn zookeeper_2691_an_address_that_does_not_answer_holds_up_no_other() {
    block_on(async {
        // Who connects where the queue is full gets no answer at all; two connections fill a queue for one.
        let (nowhere, full) = free_port();
        full.listen(1).unwrap();
        let address: SocketAddr = nowhere.to_string().parse().unwrap();
        let _queue = [TcpStream::connect(address).await, TcpStream::connect(address).await];
        let (listener, endpoint) = raw_peer().await;
        let mut two = Setup::new(2);
        two.config.timing.connect = Duration::from_secs(3600);
        two.config.peers.insert(id(1), vec![nowhere, endpoint]);
        let mut two = two.start();
        assert!(listener.accept().await.is_ok());
        two.link_up(1).await;
    });
}

#[test]
fn nobody_is_served_at_one_address_before_the_server_listens_at_all_of_them() {
    block_on(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let second = taken.local_addr().unwrap();
        let mut setup = Setup::new(1).peer_at_nowhere(2);
        setup.config.listen.push(Endpoint::from(second).into());
        let ms = Duration::from_millis(1);
        setup.config.timing.rebind = Backoff { min: ms, max: ms, attempts_max: None };
        let mut one = setup.start();
        let _socket = greet(&one, 2).await;
        let what_comes = |report| match report {
            NetworkEvent::BindFailed { .. } => Some("bind failed"),
            NetworkEvent::LinkUp { .. } => Some("link up"),
            NetworkEvent::Listening { address, .. } if address == second => Some("listening"),
            _ => None,
        };
        for _ in 0..20 {
            assert_eq!(one.until(what_comes).await, "bind failed");
        }
        drop(taken);
        let mut last = "bind failed";
        while last == "bind failed" {
            last = one.until(what_comes).await;
        }
        assert_eq!(last, "listening");
        assert_eq!(one.until(what_comes).await, "link up");
    });
}

#[test]
fn an_own_address_of_another_machine_is_told_and_the_others_are_served() {
    block_on(async {
        let mut setup = Setup::new(1).peer_at_nowhere(2);
        // Set aside for documentation: nobody has it.
        let away: Endpoint = "192.0.2.1:3888".parse().unwrap();
        setup.config.listen.insert(0, away.clone().into());
        setup.config.listen.push("127.0.0.1:0".parse::<Endpoint>().unwrap().into());
        let mut one = setup.start();
        let what_comes = |report| match report {
            NetworkEvent::NotHere { endpoint, .. } => Some(Err(endpoint)),
            NetworkEvent::Listening { address, .. } => Some(Ok(address)),
            _ => None,
        };
        assert_eq!(one.until(what_comes).await, Err(away));
        let first = one.until(what_comes).await.unwrap();
        let second = one.until(what_comes).await.unwrap();
        for address in [first, second] {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(&greeting(2)).await.unwrap();
            one.link_up(2).await;
            drop(socket);
            one.link_down().await;
        }
    });
}

#[test]
fn who_listens_on_loopback_only_is_told_so_when_a_peer_is_elsewhere() {
    block_on(async {
        for peer in [1, 3] {
            let mut setup = Setup::new(2);
            setup.config.timing.connect = Duration::from_millis(1);
            setup.peer(peer, "192.0.2.1:3888".parse().unwrap());
            let mut two = setup.start();
            let told = |report| match report {
                NetworkEvent::LoopbackOnly { here, there } => Some((here, there)),
                _ => None,
            };
            let expected = (two.address(), "192.0.2.1:3888".parse().unwrap());
            assert_eq!(two.until(told).await, expected);
        }
    });
}

#[test]
fn a_taken_port_is_reported_and_in_the_end_given_up() {
    block_on(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::from(taken.local_addr().unwrap());
        let mut setup = Setup::new(1).at(endpoint.clone());
        let ms = Duration::from_millis(1);
        setup.config.timing.rebind = Backoff { min: ms, max: ms, attempts_max: Some(3) };
        let mut one = setup.start();
        for _ in 0..2 {
            let failed = |report| match report {
                NetworkEvent::BindFailed { endpoint, .. } => Some(endpoint),
                _ => None,
            };
            assert_eq!(one.until(failed).await, endpoint);
        }
        let Exit::Failed(NetworkError::Listen(ListenError { endpoint: named, attempts, .. })) =
            one.exit().await
        else {
            panic!("it did not give up")
        };
        assert_eq!((named, attempts), (endpoint, 3));
    });
}

#[test]
fn a_stopped_network_leaves_no_socket() {
    block_on(async {
        let mut one = Setup::new(1).peer_at_nowhere(2).start();
        let mut linked = greet(&one, 2).await;
        one.link_up(2).await;
        let mut silent = one.connect().await;
        let address = one.address();
        one.stop().await;
        assert!(is_closed(&mut linked).await);
        assert!(is_closed(&mut silent).await);
        assert!(TcpStream::connect(address).await.is_err());
    });
}
