//! Links between nodes of ours and real ZooKeeper servers: who counts as being there, and that nobody is cut off.
//!
//! A real server that is settled says nothing over a new link by itself. So ours asks it, with a vote of round -1.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    slice::from_mut,
    sync::Arc,
    time::Duration,
};

use crate::common::{PATIENCE, elects, id, patiently};
use crate::zookeeper::{Server, Zoo, log::Heard};
use async_std::{future::timeout, task::block_on};
use ballotbox::{
    Epoch, GroupId, Node, Role, Round, ServerId, Vote, Zxid,
    election::{Format, Notification, PeerState},
    network::NetworkEvent,
    node::{News, NodeEvent, Status, Watch},
};
use ballotbox_core::wire::{Frame, FrameBuffer, Greeting, GreetingForm};
use futures::future::join_all;

/// A link of ours over which nothing was said is closed after this.
const SILENCE: Duration = Duration::from_secs(2);

/// Within this to twice this a link in doubt answers, or is closed.
const ANSWER: Duration = Duration::from_secs(1);

/// A link that is to be closed for its silence is closed by then.
const LONGER_THAN_SILENCE: Duration = Duration::from_secs(3);

/// At most this often one end may lose its link to a peer before links are at rest. One that is closed for its silence is lost again and
/// again.
const LOSSES_MAX: usize = 5;

/// A connection that claims to be a member, and says what the test wants.
pub struct Claimant {
    claim: u64,
    members: Arc<str>,
    socket: TcpStream,
    buffer: FrameBuffer,
}

impl Claimant {
    pub fn greet(zoo: &Zoo, number: u64, claim: u64) -> Self {
        let mut socket = TcpStream::connect(zoo.election(number).to_string()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let form = GreetingForm::V1("127.0.0.1:1".parse().unwrap());
        socket.write_all(&Greeting { from: Some(id(claim)), form }.encode()).unwrap();
        let members = zoo.config(number).config_text;
        Self { claim, members, socket, buffer: FrameBuffer::default() }
    }

    /// Votes for a server with an empty history.
    pub fn vote(&mut self, leader: u64, round: Round) -> std::io::Result<()> {
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
    // Where its threads are starved, it may wait for the vote for longer than it likes.
    one.until_logged("Adding vote: from=3");
    let sign = one.until("that it settles, or waits", |line| {
        let signs = ["Notification time out", "About to leave FLE"];
        signs.into_iter().find(|sign| line.contains(sign))
    });
    // Held up, it would settle on its own vote, which it says again after the wait.
    assert_eq!(sign, "About to leave FLE");
    if !one.log().iter().any(|line| is_question(line, 3)) {
        hears_a_question(&mut one, 3);
    }
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
    // Where 3 is elected while 1 goes on to another round, 1 joins only after 3 has given up: sooner than by default.
    zoo.settings.push("initLimit=20".to_owned());
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
            let gone = watch.until(|status| !status.election.links.contains(&id(3)));
            patiently(gone).await.unwrap();
            silent.push(Claimant::greet(&zoo, node.id().number(), 3));
        }
        servers.push(zoo.serve(3));
        let leader = servers.last_mut().unwrap().until_in_service();
        for (_, watch) in &mut nodes {
            all_there(&zoo, watch, leader).await;
        }
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
            assert_eq!((status.elected(), status.election.round), (Some(id(3)), Round(1)));
            assert_eq!(status.election.links, others(&zoo, me));
        }
        for server in &mut servers {
            assert_eq!(server.elections(), 1);
        }
    });
}

/// Ours are the lowest voter, and an observer with the highest id.
const WITH_TWO_OF_OURS: [(u64, Role); 4] =
    [(1, Role::Voter), (2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];

/// Servers 2 and 3 are real and settled on 3; ours are with them, and links are at rest. The views have told all that happened
/// until then.
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
    let mut watches: Vec<_> = nodes.iter().map(Node::watch).collect();
    at_rest(zoo, &mut watches, &mut servers, 3).await;
    (servers, nodes.into_iter().zip(watches).collect())
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
        all_there(zoo, &mut watch, leader).await;

        for _ in 0..3 {
            println!("ours comes last");
            node.stop().await.unwrap();
            (node, watch) = start().await;
            all_there(zoo, &mut watch, leader).await;
        }
        at_rest(zoo, from_mut(&mut watch), &mut servers, leader).await;

        for position in 0..N {
            let number = servers[position].number;
            println!("real server {number} is restarted");
            restart(zoo, &mut servers[position]);
            leader = servers[position].until_in_service();
            let lost = at_rest(zoo, from_mut(&mut watch), &mut servers, leader).await;
            assert_eq!(lost, BTreeSet::from([id(number)]), "nobody else may be cut off");
        }

        println!("all real servers are restarted at once");
        for server in &mut servers {
            restart(zoo, server);
        }
        for server in &mut servers {
            leader = server.until_in_service();
        }
        assert_eq!(at_rest(zoo, from_mut(&mut watch), &mut servers, leader).await, others);
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
async fn all_there(zoo: &Zoo, watch: &mut Watch, leader: u64) -> Vec<Loss> {
    let mut losses = Vec::new();
    let mut status = watch.status().await.unwrap();
    let others = others(zoo, status.me.number());
    let there =
        |status: &Status| status.elected() == Some(id(leader)) && status.election.links == others;
    while !there(&status) {
        let Ok(news) = timeout(PATIENCE, watch.news()).await else {
            panic!("not with {leader}, or not with all: {status:?}");
        };
        let news = news.unwrap();
        losses.extend(losses_in(&news));
        status = news.status;
    }
    losses
}

/// Waits until all are there and links have come to rest, and tells which of ours were lost until then. They are at rest when
/// for longer than a silent link is left alone none is lost, at neither end.
///
/// A real server at which a lower id knocks gives up the link that it has, and dials back. When all are there, knocks may
/// still wait to be dealt with, those of our former lives among them. So a few links are lost after that, and no more.
async fn at_rest(
    zoo: &Zoo,
    watches: &mut [Watch],
    servers: &mut [Server],
    leader: u64,
) -> BTreeSet<ServerId> {
    let mut times = BTreeMap::<_, usize>::new();
    let rest = async {
        loop {
            let mut losses = Vec::new();
            for watch in &mut *watches {
                losses.extend(all_there(zoo, watch, leader).await);
            }
            let later = losses_soon(watches, servers).await;
            let is_rest = later.is_empty();
            losses.extend(later);
            for Loss { end, peer, how } in losses {
                println!("{end} has lost its link to {peer}: {how}");
                let times = times.entry((end, peer)).or_default();
                *times += 1;
                assert!(*times <= LOSSES_MAX, "{end} loses its link to {peer} again and again");
            }
            if is_rest {
                break;
            }
        }
    };
    patiently(rest).await;
    let real: Vec<_> = servers.iter().map(|server| server.number).collect();
    let ours = times.into_keys().filter(|(end, _)| !real.contains(end));
    ours.map(|(_, peer)| id(peer)).collect()
}

/// How often a node has lost a link so far.
async fn losses(node: &Node) -> usize {
    losses_in(&node.watch().news().await.unwrap()).count()
}

/// Waits until the link to this peer is in doubt.
async fn until_doubted(watch: &mut Watch, peer: u64) {
    let doubts = |event: &NodeEvent| matches!(event, NodeEvent::Network(NetworkEvent::Doubted { link }) if link.peer == id(peer));
    let doubted = async {
        while !watch.news().await.unwrap().events.iter().any(|told| doubts(&told.event)) {}
    };
    patiently(doubted).await;
}

/// Links that were [at rest](at_rest) are that for as long again: what happened in between was no reason to lose one.
async fn nobody_is_cut_off(watch: &mut Watch, servers: &mut [Server]) {
    assert_eq!(losses_soon(from_mut(watch), servers).await, [], "though all are healthy");
}

/// A link that was lost at this end.
#[derive(Debug, Eq, PartialEq)]
struct Loss {
    end: u64,
    peer: u64,
    how: String,
}

/// What is lost, at either end, before a silent link would be closed.
async fn losses_soon(watches: &mut [Watch], servers: &mut [Server]) -> Vec<Loss> {
    let before: Vec<_> = servers.iter_mut().map(|server| server.log().len()).collect();
    let losses = watches.iter_mut().map(async |watch| {
        loop {
            let losses: Vec<_> = losses_in(&watch.news().await.unwrap()).collect();
            if !losses.is_empty() {
                return losses;
            }
        }
    });
    let losses = join_all(losses.map(|losses| timeout(LONGER_THAN_SILENCE, losses))).await;
    let mut losses: Vec<_> = losses.into_iter().filter_map(Result::ok).flatten().collect();
    for (server, before) in servers.iter_mut().zip(before) {
        let end = server.number;
        losses.extend(server.log()[before..].iter().filter_map(|line| broken(end, line)));
    }
    losses
}

/// The links that this node has lost.
fn losses_in(news: &News) -> impl Iterator<Item = Loss> {
    news.events.iter().filter_map(|occurred| {
        let NodeEvent::Network(NetworkEvent::LinkDown { link, cause }) = &occurred.event else {
            return None;
        };
        let (end, peer) = (news.status.me.number(), link.peer.number());
        Some(Loss { end, peer, how: cause.to_string() })
    })
}

/// The loss that this line in the log of a real server tells of, if any.
fn broken(end: u64, line: &str) -> Option<Loss> {
    let (_, rest) = line.split_once("Connection broken")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    Some(Loss { end, peer: digits.unwrap().parse().unwrap(), how: line.to_owned() })
}

/// Waits until a real server logs a question of this voter. Of others it logs nothing.
fn hears_a_question(server: &mut Server, from: u64) {
    server.until("a question", |line| is_question(line, from).then_some(()));
}

fn is_question(line: &str, from: u64) -> bool {
    Heard::parse(line)
        .is_some_and(|heard| heard.from == from && heard.round == Round::OF_A_QUESTION.0)
}
