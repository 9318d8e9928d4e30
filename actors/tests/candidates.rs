//! Who gets the place of a link, on loopback sockets: nobody who is silent, and nobody while the link answers.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test picks what it waits for"
)]
#![allow(dead_code, reason = "the helpers serve other tests, too")]

mod common;

use std::time::Duration;

use async_std::{io::WriteExt, net::TcpStream, task::block_on};
use ballotbox_actors::{Heard, NetworkEvent};
use ballotbox_core::links::{CANDIDATES_MAX, LinkId};
use futures::future::join_all;

use common::{Server, Setup, Told, frame, greet, id, is_closed, raw_peer, read_frame};

/// Server 1, which understands what begins with `vote`, with a peer 2 that never answers where it is dialled.
fn one() -> Server {
    let mut setup = Setup::new(1).peer_at_nowhere(2);
    setup.config.understands = |body| body.starts_with(b"vote");
    // A candidate that is dropped is dropped by a rule, and not for the time it took.
    setup.config.links.candidate = Duration::from_secs(3600);
    setup.start()
}

async fn say(socket: &mut TcpStream, text: &str) {
    socket.write_all(frame(text).as_bytes()).await.unwrap();
}

async fn doubted(server: &mut Server) -> LinkId {
    let doubted = |report| match report {
        NetworkEvent::Doubted { link } => Some(link),
        _ => None,
    };
    server.until(doubted).await
}

/// A link that its genuine peer has made, and has spoken over.
async fn linked(one: &mut Server) -> (TcpStream, LinkId) {
    let mut genuine = greet(one, 2).await;
    let up = one.link_up(2).await;
    say(&mut genuine, "vote for 2").await;
    assert_eq!(one.heard().await, (up, "vote for 2".to_owned()));
    one.network.spoke(up);
    (genuine, up)
}

#[test]
fn a_link_that_answers_keeps_its_place_whatever_a_stranger_says() {
    block_on(async {
        let mut one = one();
        let (mut genuine, up) = linked(&mut one).await;
        let mut forged = greet(&one, 2).await;
        say(&mut forged, "vote forged").await;
        assert_eq!(doubted(&mut one).await, up);
        one.network.ask(id(2), frame("are you there?"));
        assert_eq!(read_frame(&mut genuine).await, "are you there?");
        one.network.spoke(up);
        assert!(is_closed(&mut forged).await);
        // For a moment the link needs no more proof.
        let mut forged = greet(&one, 2).await;
        say(&mut forged, "vote forged").await;
        assert!(is_closed(&mut forged).await);
        say(&mut genuine, "vote genuine").await;
        assert_eq!(one.heard().await, (up, "vote genuine".to_owned()));
        one.stop().await;
    });
}

#[test]
fn a_silent_link_gives_way_to_a_peer_that_speaks_and_its_first_word_is_heard() {
    block_on(async {
        let mut one = one();
        let mut stranger = greet(&one, 2).await;
        let silent = one.link_up(2).await;
        let mut genuine = greet(&one, 2).await;
        for byte in frame("vote for 2").as_bytes() {
            genuine.write_all(&[*byte]).await.unwrap();
        }
        say(&mut genuine, "vote for 3").await;
        assert_eq!(doubted(&mut one).await, silent);
        assert_eq!(one.link_down().await, silent);
        let up = one.link_up(2).await;
        assert_eq!(one.heard().await, (up, "vote for 2".to_owned()));
        assert_eq!(one.heard().await, (up, "vote for 3".to_owned()));
        one.network.send(id(2), frame("vote for 3, too"));
        assert_eq!(read_frame(&mut genuine).await, "vote for 3, too");
        assert!(is_closed(&mut stranger).await);
        one.stop().await;
    });
}

#[test]
fn rubbish_puts_no_link_in_doubt() {
    block_on(async {
        let mut one = one();
        let (mut genuine, up) = linked(&mut one).await;
        let too_long = frame(&"vote".repeat(20_000));
        let rubbish = [b"\0\0\0\x04none".to_vec(), vec![0xff; 64], too_long.as_bytes().to_vec()];
        for bytes in rubbish {
            let mut forged = greet(&one, 2).await;
            // It may be closed before all of it is written.
            let _ = forged.write_all(&bytes).await;
            assert!(is_closed(&mut forged).await);
        }
        let hung_up = greet(&one, 2).await;
        drop(hung_up);
        say(&mut genuine, "vote on").await;
        // Nothing else was reported meanwhile.
        let vote_on = Heard { link: up, frame: frame("vote on") };
        assert_eq!(one.next().await, Told::Heard(vote_on));
        one.stop().await;
    });
}

#[test]
fn a_crowd_that_is_silent_cannot_push_out_one_that_speaks() {
    block_on(async {
        let mut one = one();
        let (_frozen, up) = linked(&mut one).await;
        let mut genuine = greet(&one, 2).await;
        say(&mut genuine, "vote for 2").await;
        assert_eq!(doubted(&mut one).await, up);
        let crowd: Vec<_> = join_all((0..4 * CANDIDATES_MAX).map(|_| greet(&one, 2))).await;
        assert_eq!(one.link_down().await, up);
        let next = one.link_up(2).await;
        assert_eq!(one.heard().await, (next, "vote for 2".to_owned()));
        drop(crowd);
        one.stop().await;
    });
}

#[test]
fn of_silent_candidates_only_a_few_are_kept() {
    block_on(async {
        let mut one = one();
        let (_genuine, _) = linked(&mut one).await;
        let mut crowd = Vec::new();
        for _ in 0..2 * CANDIDATES_MAX {
            crowd.push(greet(&one, 2).await);
        }
        // Which of them came last is the listener's affair.
        let closed = crowd.iter_mut().map(|socket| Box::pin(is_closed(socket)));
        let (mut left, mut closed) = (closed.collect::<Vec<_>>(), 0);
        while closed < CANDIDATES_MAX {
            let (was_closed, _, others) = futures::future::select_all(left).await;
            assert!(was_closed);
            (left, closed) = (others, closed + 1);
        }
        one.stop().await;
    });
}

#[test]
fn when_the_link_breaks_a_candidate_that_was_not_heard_yet_becomes_the_link() {
    block_on(async {
        let mut one = one();
        let (genuine, up) = linked(&mut one).await;
        let mut again = greet(&one, 2).await;
        again.write_all(&frame("vote again").as_bytes()[..6]).await.unwrap();
        drop(genuine);
        assert_eq!(one.link_down().await, up);
        let next = one.link_up(2).await;
        again.write_all(&frame("vote again").as_bytes()[6..]).await.unwrap();
        assert_eq!(one.heard().await, (next, "vote again".to_owned()));
        one.stop().await;
    });
}

#[test]
fn a_lower_id_that_knocks_and_does_not_answer_is_dialled_anew() {
    block_on(async {
        let (listener, endpoint) = raw_peer().await;
        let mut three = Setup::new(3);
        three.peer(1, endpoint);
        let mut three = three.start();
        let (frozen, _) = listener.accept().await.unwrap();
        let up = three.link_up(1).await;
        three.network.spoke(up);
        drop(greet(&three, 1).await);
        assert_eq!(doubted(&mut three).await, up);
        assert_eq!(three.link_down().await, up);
        listener.accept().await.unwrap();
        three.link_up(1).await;
        drop(frozen);
        three.stop().await;
    });
}

#[test]
fn a_link_over_which_nothing_is_said_is_closed() {
    block_on(async {
        let mut setup = Setup::new(1).peer_at_nowhere(2);
        setup.config.links.silence = Duration::from_millis(20);
        let mut one = setup.start();
        let mut silent = greet(&one, 2).await;
        let up = one.link_up(2).await;
        assert_eq!(one.link_down().await, up);
        assert!(is_closed(&mut silent).await);
        one.stop().await;
    });
}
