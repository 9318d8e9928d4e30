//! Members that let in only members: nodes in this process, over TLS on loopback sockets.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_std::{net::TcpStream, task::block_on};
use ballotbox::{
    Epoch, Node, NodeConfig, Role, ServerId,
    leadership::{Info, LearnerWord, Record},
    network::{NetworkEvent, RefusedBecause, Tls, TlsError},
    node::{NodeEvent, Occurrence, Status},
    probe::{NoAnswer, PROBE_ID, ProbeReport, Target, ask, ask_all},
    tls::TlsStage,
};
use ballotbox_core::wire::{Frame, Greeting, GreetingForm};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
};

use crate::common::{
    Lab, PATIENCE, agreed_on, certificates::Authority, id, patiently, peer::vote_for, refusal,
};

/// What a member is started with, at this stage of the change to TLS.
pub fn member(lab: &mut Lab, authority: &Authority, number: u64, stage: TlsStage) -> NodeConfig {
    let record = Record { recorded: true, ..Record::default() };
    let mut config = lab.config_of_a_steady_one(number, record);
    // The address of all members is in it as well: an id counts for more.
    let issued = authority.issue(&[&format!("ballotbox:{number}"), "127.0.0.1"]);
    config.tls = Some(issued.tls(&config.membership, stage));
    config
}

async fn start_all(
    lab: &mut Lab,
    authority: &Authority,
    stages: impl IntoIterator<Item = (u64, TlsStage)>,
) -> BTreeMap<u64, Node> {
    let mut nodes = BTreeMap::new();
    for (number, stage) in stages {
        let config = member(lab, authority, number, stage);
        nodes.insert(number, Node::start(config).await.unwrap());
    }
    nodes
}

async fn agreed(nodes: &BTreeMap<u64, Node>) -> (ServerId, Epoch) {
    agreed_on(nodes, Status::leader).await
}

/// A connection of somebody who has a certificate, or none.
async fn dial(
    lab: &Lab,
    number: u64,
    client: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(lab.address(number)).await?;
    // Certificates of members name no host, so nobody is asked for by one.
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(client).connect(name, socket).await
}

fn greeting(lab: &Lab, number: u64) -> Vec<u8> {
    let form = GreetingForm::V1(lab.address(number).into());
    Greeting { from: Some(id(number)), form }.encode()
}

#[test]
fn three_members_have_one_leader_over_tls_and_the_next_one_when_it_goes() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        let all = (1..=3).map(|number| (number, TlsStage::Required));
        let mut nodes = start_all(&mut lab, &authority, all).await;
        let (leader, epoch) = agreed(&nodes).await;
        assert_eq!((leader, epoch), (id(3), Epoch(1)));
        nodes.remove(&3).unwrap().stop().await.unwrap();
        let next = |status: &Status| status.leader().filter(|(leader, _)| *leader != id(3));
        let (_, epoch) = agreed_on(&nodes, next).await;
        assert_eq!(epoch, Epoch(2));
    });
}

/// Somebody says this at the port of member 1, which waits for a quorum with nobody, and is turned away.
fn turned_away(say: impl AsyncFnOnce(&Lab, &Authority)) -> RefusedBecause {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        lab.absent(2);
        lab.absent(3);
        let nodes = start_all(&mut lab, &authority, [(1, TlsStage::Required)]).await;
        say(&lab, &authority).await;
        let reason = refusal(&nodes[&1]).await;
        let status = nodes[&1].watch().status().await.unwrap();
        assert_eq!((status.elected(), status.election.links.len()), (None, 0));
        reason
    })
}

#[test]
fn a_stranger_that_speaks_plain_text_as_an_absent_member_is_turned_away() {
    let reason = turned_away(async |lab, _| {
        let mut socket = TcpStream::connect(lab.address(1)).await.unwrap();
        socket.write_all(&greeting(lab, 3)).await.unwrap();
        assert!(!matches!(patiently(socket.read(&mut [0; 64])).await, Ok(1..)));
    });
    assert_eq!(reason, RefusedBecause::PlainText);
}

#[test]
fn a_stranger_without_a_certificate_is_turned_away() {
    let reason = turned_away(async |lab, authority| {
        let client = authority.issue(&["127.0.0.1"]).nameless_client();
        if let Ok(mut stream) = dial(lab, 1, client).await {
            // With TLS 1.3 the refusal comes after the handshake.
            let _ = stream.write_all(&greeting(lab, 3)).await;
            assert!(!matches!(patiently(stream.read(&mut [0; 64])).await, Ok(1..)));
        }
    });
    assert_eq!(reason, RefusedBecause::Tls(TlsError::NoCertificate));
}

#[test]
fn a_certificate_of_another_authority_is_turned_away() {
    let reason = turned_away(async |lab, authority| {
        // It trusts us, and we do not trust it.
        let other = Authority::new("other").issue(&["ballotbox:3"]);
        let ours = authority.member(1);
        let client = other.client_that_trusts(&ours);
        if let Ok(mut stream) = dial(lab, 1, client).await {
            assert!(!matches!(patiently(stream.read(&mut [0; 64])).await, Ok(1..)));
        }
    });
    assert!(matches!(reason, RefusedBecause::Tls(TlsError::Unbelieved { .. })), "{reason:?}");
}

#[test]
fn a_member_that_speaks_as_another_one_is_turned_away_at_both_ports() {
    let learner = || {
        let info = Info { id: Some(id(3)), role: Role::Voter, accepted: Epoch(9), block: None };
        LearnerWord::Info(info).to_packet().unwrap().encode()
    };
    for is_greeting in [true, false] {
        let reason = turned_away(async |lab, authority| {
            let mut stream = dial(lab, 1, authority.member(2).client()).await.unwrap();
            let word = if is_greeting { greeting(lab, 3) } else { learner() };
            stream.write_all(&word).await.unwrap();
            stream.flush().await.unwrap();
            assert!(!matches!(patiently(stream.read(&mut [0; 64])).await, Ok(1..)));
        });
        let RefusedBecause::Tls(TlsError::NotTheirs(error)) = reason else { panic!("{reason:?}") };
        let text = error.to_string();
        assert!(
            text.starts_with(
                "its certificate is for ballotbox:2 (that is member 2), and not for member 3"
            ),
            "{text}"
        );
    }
}

#[test]
fn a_member_without_tls_names_one_that_has_it() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(2), Authority::new("test"));
        let plain = lab.config_in_memory(1, Record { recorded: true, ..Record::default() });
        let plain = Node::start(plain).await.unwrap();
        let nodes = start_all(&mut lab, &authority, [(2, TlsStage::Required)]).await;
        assert_eq!(refusal(&plain).await, RefusedBecause::SpeaksTls);
        assert_eq!(refusal(&nodes[&2]).await, RefusedBecause::PlainText);
    });
}

#[test]
fn an_ensemble_changes_to_tls_and_back_with_one_restart_of_a_member_at_a_time() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        let plain = |lab: &mut Lab, number| {
            lab.config_of_a_steady_one(number, Record { recorded: true, ..Record::default() })
        };
        let mut nodes = BTreeMap::new();
        for number in 1..=3 {
            nodes.insert(number, Node::start(plain(&mut lab, number)).await.unwrap());
        }
        let (_, mut epoch) = agreed(&nodes).await;
        let there = [Some(TlsStage::Taken), Some(TlsStage::Spoken), Some(TlsStage::Required)];
        let back = [Some(TlsStage::Spoken), Some(TlsStage::Taken), None];
        for stage in there.into_iter().chain(back) {
            for number in 1..=3 {
                nodes.remove(&number).unwrap().stop().await.unwrap();
                // The two others have a leader without it.
                let other =
                    |status: &Status| status.leader().filter(|(leader, _)| *leader != id(number));
                let (_, later) = agreed_on(&nodes, other).await;
                assert!(later >= epoch);
                lab.free_again(number);
                let config = match stage {
                    Some(stage) => member(&mut lab, &authority, number, stage),
                    None => plain(&mut lab, number),
                };
                nodes.insert(number, Node::start(config).await.unwrap());
                (_, epoch) = agreed(&nodes).await;
            }
        }
    });
}

#[test]
fn the_first_bytes_may_come_in_any_pieces() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        lab.absent(2);
        lab.absent(3);
        let node =
            start_all(&mut lab, &authority, [(1, TlsStage::Spoken)]).await.remove(&1).unwrap();
        for is_secured in [true, false] {
            let socket = TcpStream::connect(lab.address(1)).await.unwrap();
            socket.set_nodelay(true).unwrap();
            let slow = OneByOne(socket);
            let word = greeting(&lab, 2);
            let vote = Frame::new(&vote_for(2, 1).encode()).unwrap();
            let word = [&word[..], vote.as_bytes()].concat();
            if is_secured {
                let name = ServerName::try_from("127.0.0.1").unwrap();
                let connector = TlsConnector::from(authority.member(2).client());
                let mut stream = patiently(connector.connect(name, slow)).await.unwrap();
                stream.write_all(&word).await.unwrap();
                stream.flush().await.unwrap();
                until_linked(&node, 2).await;
            } else {
                let mut stream = slow;
                stream.write_all(&word).await.unwrap();
                until_linked(&node, 2).await;
            }
            let unlinked = |status: &Status| !status.election.links.contains(&id(2));
            patiently(node.watch().until(unlinked)).await.unwrap();
        }
    });
}

async fn until_linked(node: &Node, number: u64) {
    let mut watch = node.watch();
    loop {
        let news = patiently(watch.news()).await.unwrap();
        let is_up = |told: &Occurrence| matches!(&told.event, NodeEvent::Network(NetworkEvent::LinkUp { link }) if link.peer == id(number));
        if news.events.iter().any(is_up) {
            return;
        }
    }
}

/// Writes one byte at a time.
#[derive(Debug)]
struct OneByOne(TcpStream);

impl AsyncRead for OneByOne {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for OneByOne {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let first = bytes.len().min(1);
        Pin::new(&mut self.0).poll_write(cx, &bytes[..first])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// A server of the ensemble, to be asked as the one with this id, if any.
fn target(lab: &Lab, number: u64, id: Option<ServerId>) -> Target {
    Target { id, endpoints: vec![lab.address(number).into()] }
}

#[test]
fn a_probe_with_a_certificate_is_let_in_over_tls_and_its_question_counts_nowhere() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        let all = (1..=3).map(|number| (number, TlsStage::Required));
        let nodes = start_all(&mut lab, &authority, all).await;
        let (leader, _) = agreed(&nodes).await;
        let member = authority.member(1);
        let known: Vec<_> = (1..=3).map(|number| target(&lab, number, Some(id(number)))).collect();
        let unknown: Vec<_> = (1..=3).map(|number| target(&lab, number, None)).collect();
        let among = member.tls(lab.membership(), TlsStage::Spoken);
        let of_anybody = member.tls_without_members();
        for (targets, tls) in [(known, among), (unknown, of_anybody)] {
            for _ in 0..10 {
                let answers = ask_all(&targets, Some(tls.connections()), PATIENCE).await;
                let report = ProbeReport::new(&targets, answers, None);
                assert_eq!((report.leader, report.agreement), (Some(leader), true), "{report:?}");
            }
        }
        for node in nodes.values() {
            let status = node.watch().status().await.unwrap();
            assert_eq!(status.elected(), Some(leader));
            assert!(!status.election.ballots.contains_key(&PROBE_ID));
        }
    });
}

#[test]
fn a_probe_believes_only_the_member_that_it_asks_and_is_told_who_does_not_believe_it() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        lab.absent(3);
        let stages = [(1, TlsStage::Required), (2, TlsStage::Spoken)];
        let _nodes = start_all(&mut lab, &authority, stages).await;
        let refused = async |number, claimed: Option<u64>, tls: Option<&Tls>| {
            ask(&target(&lab, number, claimed.map(id)), tls, PATIENCE).await.unwrap_err()
        };
        let ours = authority.issue(&["ballotbox:1"]).tls(lab.membership(), TlsStage::Required);
        // The address of all members is in its certificate as well, but an id counts for more.
        let text = refused(1, Some(2), Some(ours.connections())).await.to_string();
        assert!(text.contains("ballotbox:1") && text.contains("not for member 2"), "{text}");
        let other = Authority::new("other").member(1).tls_without_members();
        let error = refused(1, None, Some(other.connections())).await;
        let NoAnswer::NotSecured(TlsError::Unbelieved { .. }) = error else { panic!("{error}") };
        let (error, kind) = (refused(1, None, None).await, "wants-tls");
        assert_eq!((error.kind(), error), (kind, NoAnswer::WantsTls));
        // One that takes both is asked in either.
        for tls in [None, Some(ours.connections())] {
            ask(&target(&lab, 2, Some(id(2))), tls, PATIENCE).await.unwrap();
        }
    });
}

#[test]
fn a_probe_whose_certificate_nobody_believes_is_told_so() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        lab.absent(2);
        lab.absent(3);
        let _nodes = start_all(&mut lab, &authority, [(1, TlsStage::Required)]).await;
        // It trusts us, and we do not trust it.
        let other = Authority::new("other").member(1).that_trusts(&authority.member(1));
        let asked = ask(&target(&lab, 1, None), Some(other.connections()), PATIENCE).await;
        let NoAnswer::NotSecured(TlsError::Refused { .. }) = asked.clone().unwrap_err() else {
            panic!("{asked:?}")
        };
    });
}

#[test]
fn a_member_without_tls_is_named_by_a_probe_that_speaks_it() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        let plain = lab.start(1).await;
        let tls = authority.member(2).tls_without_members();
        let error = ask(&target(&lab, 1, None), Some(tls.connections()), PATIENCE).await;
        assert_eq!(error.unwrap_err(), NoAnswer::NotSecured(TlsError::CutOff));
        plain.stop().await.unwrap();
    });
}
