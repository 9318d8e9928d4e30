//! Links between nodes of ours and real ZooKeeper servers: who counts as being there, and that nobody is cut off.
//!
//! A real server that is settled says nothing over a new link by itself. So ours asks it, with a vote of round -1.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "these are tests")]

mod common;
mod zookeeper;

use std::{
    collections::BTreeSet,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use async_std::{future::timeout, task::block_on};
use ballotbox::{
    Epoch, GroupId, Node, Role, Round, ServerId, Vote, Zxid,
    election::{Format, Notification, PeerState},
    node::{NodeEvent, Status, Watch},
};
use ballotbox_actors::Report;
use ballotbox_core::wire::{Frame, FrameBuffer, Greeting, GreetingForm};
use common::{PATIENCE, elects, id, patiently};
use zookeeper::{Server, Zoo, log::Heard};

/// A link of ours over which nothing was said is closed after this.
const SILENCE: Duration = Duration::from_secs(2);

/// Within this to twice this a link in doubt answers, or is closed.
const ANSWER: Duration = Duration::from_secs(1);

/// A link that is to be closed for its silence is closed by then.
const LONGER_THAN_SILENCE: Duration = Duration::from_secs(3);

/// A connection that claims to be a member, and says what the test wants.
struct Claimant {
    claim: u64,
    members: Arc<str>,
    socket: TcpStream,
    buffer: FrameBuffer,
}

impl Claimant {
    fn greet(zoo: &Zoo, number: u64, claim: u64) -> Self {
        let mut socket = TcpStream::connect(zoo.election(number).to_string()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let form = GreetingForm::V1("127.0.0.1:1".parse().unwrap());
        socket.write_all(&Greeting { from: Some(id(claim)), form }.encode()).unwrap();
        let members = zoo.config(number).config_text;
        Self { claim, members, socket, buffer: FrameBuffer::default() }
    }

    /// Votes for a server with an empty history.
    fn vote(&mut self, leader: u64, round: Round) -> std::io::Result<()> {
        self.say(Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(leader) }, round)
    }

    /// Asks as a node of ours does, whose decision is for the one it claims to be.
    fn question(&mut self) {
        let vote = Vote { epoch: Epoch(-1), zxid: Zxid(0), leader: id(self.claim) };
        self.say(vote, Round::OF_A_QUESTION).unwrap();
    }

    fn say(&mut self, vote: Vote, round: Round) -> std::io::Result<()> {
        let config = Arc::clone(&self.members);
        let format = Format::Current { version: Notification::VERSION, config };
        let (state, vote) = (PeerState::Looking, Some(vote));
        let body = Notification { state, vote, round, format }.encode();
        self.socket.write_all(Frame::new(&body).unwrap().as_bytes())
    }

    fn hear(&mut self) -> Notification {
        loop {
            if let Some(frame) = self.buffer.next_frame().unwrap() {
                return Notification::decode(frame.body()).unwrap();
            }
            let count = self.socket.read(self.buffer.room()).unwrap();
            assert!(count > 0, "the server has closed the connection");
            self.buffer.filled(count);
        }
    }

    /// Asks, and passes over what the server still had to say before it answers.
    fn ask(&mut self, is_answer: impl Fn(&Notification) -> bool) -> Notification {
        self.question();
        loop {
            let heard = self.hear();
            if is_answer(&heard) {
                return heard;
            }
        }
    }

    /// Waits until the other end has closed the connection.
    fn until_closed(mut self) {
        loop {
            match self.socket.read(&mut [0; 1024]) {
                Ok(0) => return,
                Ok(_) => {}
                // Closed with bytes that were not read, it is reset.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("it is not closed: {error}"),
            }
        }
    }
}

#[test]
fn a_settled_real_server_answers_a_question_and_nothing_else_changes() {
    let members = [(1, Role::Voter), (2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];
    let Some(zoo) = Zoo::new(members) else { return };
    let (mut one, mut two) = (zoo.serve(1), zoo.serve(2));
    let outcome = one.outcome_with(2);
    assert_eq!(one.until_in_service(), 2);
    for (asked, state) in [(&mut one, PeerState::Following), (&mut two, PeerState::Leading)] {
        for claim in [3, 9] {
            let mut claimant = Claimant::greet(&zoo, asked.number, claim);
            for _ in 0..5 {
                let answer = claimant.ask(|heard| heard.state == state);
                assert_eq!(answer.round.0, outcome.round);
                assert_eq!(answer.vote.unwrap().leader, id(2));
                if claim == 3 {
                    hears_a_question(asked, claim);
                }
            }
        }
        assert_eq!(asked.elections(), 1);
    }
}

#[test]
fn a_looking_real_server_answers_a_question_and_does_not_count_it() {
    let members = [(1, Role::Voter), (2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];
    let Some(zoo) = Zoo::new(members) else { return };
    let mut one = zoo.serve(1);
    one.until_looking();
    for claim in [3, 9] {
        let mut claimant = Claimant::greet(&zoo, 1, claim);
        for _ in 0..5 {
            let answer = claimant.ask(|heard| heard.state == PeerState::Looking);
            assert_eq!((answer.vote.unwrap().leader, answer.round), (id(1), Round(1)));
            if claim == 3 {
                hears_a_question(&mut one, claim);
            }
        }
    }
    assert_eq!(one.elections(), 1);
    // What it was asked has no part in the election that follows.
    let mut two = zoo.serve(2);
    assert_eq!((two.outcome().leader, one.outcome().leader), (2, 2));
}

#[test]
fn a_real_server_that_is_about_to_settle_is_not_held_up_by_a_question() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    let mut one = zoo.serve(1);
    one.until_looking();
    let mut claimant = Claimant::greet(&zoo, 1, 3);
    let round = claimant.hear().round;
    claimant.vote(1, round).unwrap();
    claimant.question();
    hears_a_question(&mut one, 3);
    let sign = one.until("that it settles, or waits", |line| {
        let signs = ["Notification time out", "About to leave FLE"];
        signs.into_iter().find(|sign| line.contains(sign))
    });
    assert_eq!(sign, "About to leave FLE");
}

#[test]
fn links_of_the_lowest_voter_stay_in_every_order_of_restarts() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    every_order(&zoo, 1, [2, 3]);
}

#[test]
fn links_of_a_voter_in_the_middle_stay_in_every_order_of_restarts() {
    let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
    // Without weight it never leads.
    zoo.members().groups.extend([1, 2, 3].map(|member| (id(member), GroupId(1))));
    zoo.members().weights.extend([(1, 1), (2, 0), (3, 1)].map(|(member, w)| (id(member), w)));
    every_order(&zoo, 2, [1, 3]);
}

#[test]
fn links_of_an_observer_stay_in_every_order_of_restarts() {
    let members = [(1, Role::Voter), (2, Role::Observer), (3, Role::Voter), (4, Role::Voter)];
    let Some(zoo) = Zoo::new(members) else { return };
    every_order(&zoo, 2, [1, 3, 4]);
}

#[test]
fn strangers_that_are_silent_or_talk_rubbish_as_the_real_leader_change_nothing() {
    let Some(zoo) = Zoo::new(WITH_TWO_OF_OURS) else { return };
    block_on(async {
        let (mut servers, mut nodes) = settled(&zoo).await;
        let rubbish: [&[u8]; 3] = [&[0xff; 64], b"\0\0\0\x04none", &[0, 0, 0, 40].repeat(11)];
        for (node, watch) in &mut nodes {
            let (me, before) = (node.id().number(), losses(node).await);
            let strangers = rubbish.into_iter().chain([&[] as &[u8]]).map(|bytes| {
                let mut stranger = Claimant::greet(&zoo, me, 3);
                // It may have been refused already.
                let _ = stranger.socket.write_all(bytes);
                stranger
            });
            strangers.collect::<Vec<_>>().into_iter().for_each(Claimant::until_closed);
            assert_eq!(losses(node).await, before);
            elects(watch, 3).await;
        }
        // With the place free, a silent one gets it, and gives it up to the genuine server.
        drop(servers.pop());
        let mut silent = Vec::new();
        for (node, watch) in &mut nodes {
            let gone = watch.until(|status| !status.links.contains(&id(3)));
            patiently(gone).await.unwrap();
            silent.push(Claimant::greet(&zoo, node.id().number(), 3));
        }
        servers.push(zoo.serve(3));
        let leader = servers.last_mut().unwrap().until_in_service();
        let [(voter, voters_watch), (observer, observers_watch)] = &mut nodes[..] else {
            unreachable!("there are two of ours")
        };
        all_there(voters_watch, leader, &others(&zoo, voter.id().number())).await;
        // A real server that looks tells observers its last decision, as a vote: whom they settle on is another matter.
        let linked = others(&zoo, observer.id().number());
        patiently(observers_watch.until(|status| status.links == linked)).await.unwrap();
        silent.into_iter().for_each(Claimant::until_closed);
    });
}

#[test]
fn a_stranger_that_speaks_as_a_healthy_real_server_does_not_get_its_place() {
    let Some(zoo) = Zoo::new(WITH_TWO_OF_OURS) else { return };
    block_on(async {
        let (mut servers, mut nodes) = settled(&zoo).await;
        for (node, watch) in &mut nodes {
            let me = node.id().number();
            for position in 0..servers.len() {
                let claimed = &mut servers[position];
                claimed.pass_over();
                let mut stranger = Claimant::greet(&zoo, me, claimed.number);
                // A lower id is hung up on, and dialled if it is missing.
                let _ = stranger.vote(claimed.number, Round(99));
                until_doubted(watch, claimed.number).await;
                if me == 1 {
                    hears_a_question(claimed, me);
                }
                nobody_is_cut_off(watch, &mut servers).await;
                stranger.until_closed();
            }
            let status = watch.status().await.unwrap();
            assert_eq!((status.elected(), status.round), (Some(id(3)), Round(1)));
            assert_eq!(status.links, others(&zoo, me));
        }
        for server in &mut servers {
            assert_eq!(server.elections(), 1);
        }
    });
}

/// Ours are the lowest voter, and an observer with the highest id.
const WITH_TWO_OF_OURS: [(u64, Role); 4] =
    [(1, Role::Voter), (2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];

/// Servers 2 and 3 are real and settled on 3; ours are with them. The views have told all that happened until then.
async fn settled(zoo: &Zoo) -> (Vec<Server>, Vec<(Node, Watch)>) {
    let mut servers = vec![zoo.serve(2), zoo.serve(3)];
    assert_eq!(servers[0].until_in_service(), 3);
    let mut nodes = Vec::new();
    for number in [1, 9] {
        let mut config = zoo.config(number);
        // A Java machine on a busy one may need a while to answer.
        config.links.answer = ANSWER;
        config.links.answer_to_knock = ANSWER;
        nodes.push(Node::start(config).await.unwrap());
    }
    let mut watched = Vec::new();
    for node in nodes {
        let mut watch = node.watch();
        all_there(&mut watch, 3, &others(zoo, node.id().number())).await;
        watched.push((node, watch));
    }
    (servers, watched)
}

/// Starts ours first, then real servers; restarts ours, the real ones one after the other, and these all at once.
fn every_order<const N: usize>(zoo: &Zoo, ours: u64, real: [u64; N]) {
    let others = others(zoo, ours);
    let start = async || {
        let mut config = zoo.config(ours);
        config.links.silence = SILENCE;
        let node = Node::start(config).await.unwrap();
        let watch = node.watch();
        (node, watch)
    };
    block_on(async {
        let (mut node, mut watch) = start().await;
        let mut servers = real.map(|number| zoo.serve(number));
        let mut leader = 0;
        for server in &mut servers {
            leader = server.until_in_service();
        }
        all_there(&mut watch, leader, &others).await;

        for _ in 0..3 {
            println!("ours comes last");
            node.stop().await.unwrap();
            (node, watch) = start().await;
            // A knock at a real server ends the link that it has, so one may be lost until all have spoken.
            all_there(&mut watch, leader, &others).await;
        }
        nobody_is_cut_off(&mut watch, &mut servers).await;

        for server in &mut servers {
            let number = server.number;
            println!("real server {number} is restarted");
            restart(zoo, server);
            leader = server.until_in_service();
            let lost = all_there(&mut watch, leader, &others).await;
            assert_eq!(lost, BTreeSet::from([id(number)]), "nobody else may be cut off");
        }
        nobody_is_cut_off(&mut watch, &mut servers).await;

        println!("all real servers are restarted at once");
        for server in &mut servers {
            restart(zoo, server);
        }
        for server in &mut servers {
            leader = server.until_in_service();
        }
        assert_eq!(all_there(&mut watch, leader, &others).await, others);
        nobody_is_cut_off(&mut watch, &mut servers).await;
    });
}

/// Kills a server and starts it anew.
fn restart(zoo: &Zoo, server: &mut Server) {
    server.kill();
    *server = zoo.serve(server.number);
}

/// Everybody but this one.
fn others(zoo: &Zoo, me: u64) -> BTreeSet<ServerId> {
    zoo.ids().filter(|other| *other != id(me)).collect()
}

/// Waits until a node is with this leader and has heard all the others, and tells whose links were lost meanwhile.
async fn all_there(
    watch: &mut Watch,
    leader: u64,
    others: &BTreeSet<ServerId>,
) -> BTreeSet<ServerId> {
    let there = |status: &Status| status.elected() == Some(id(leader)) && status.links == *others;
    let mut lost = BTreeSet::new();
    loop {
        let news = timeout(PATIENCE, watch.news()).await;
        let Ok(news) = news else {
            panic!("not with {leader}, or not with all: {:?}", watch.status().await);
        };
        let news = news.unwrap();
        lost.extend(news.events.iter().filter_map(|occurred| lost_in(&occurred.event)));
        if there(&news.status) {
            return lost;
        }
    }
}

/// How often a node has lost a link so far.
async fn losses(node: &Node) -> usize {
    let news = node.watch().news().await.unwrap();
    news.events.iter().filter_map(|occurred| lost_in(&occurred.event)).count()
}

/// Waits until the link to this peer is in doubt.
async fn until_doubted(watch: &mut Watch, peer: u64) {
    let doubts = |event: &NodeEvent| matches!(event, NodeEvent::Network(Report::Doubted { link }) if link.peer == id(peer));
    let doubted = async {
        while !watch.news().await.unwrap().events.iter().any(|told| doubts(&told.event)) {}
    };
    patiently(doubted).await;
}

/// For longer than a silent link is left alone, no link is lost, at neither end.
async fn nobody_is_cut_off(watch: &mut Watch, servers: &mut [Server]) {
    let broken = |server: &mut Server| {
        server.log().iter().filter(|line| line.contains("Connection broken")).count()
    };
    let before: Vec<_> = servers.iter_mut().map(broken).collect();
    let lost = async {
        loop {
            let news = watch.news().await.unwrap();
            let lost = news.events.into_iter().find(|told| lost_in(&told.event).is_some());
            if let Some(lost) = lost {
                return lost;
            }
        }
    };
    if let Ok(lost) = timeout(LONGER_THAN_SILENCE, lost).await {
        panic!("though all are healthy: {lost:?}");
    }
    let after: Vec<_> = servers.iter_mut().map(broken).collect();
    assert_eq!(after, before, "connections that real servers call broken");
}

fn lost_in(event: &NodeEvent) -> Option<ServerId> {
    let NodeEvent::Network(Report::LinkDown { link, .. }) = event else { return None };
    Some(link.peer)
}

/// Waits until a real server logs a question of this voter. Of others it logs nothing.
fn hears_a_question(server: &mut Server, from: u64) {
    server.until("a question", |line| {
        let heard = Heard::parse(line)?;
        (heard.from == from && heard.round == Round::OF_A_QUESTION.0).then_some(())
    });
}
