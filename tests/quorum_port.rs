//! A leader at its quorum port, from outside: what it says to a learner that says what ours say, and to those that have no place.

use crate::common::{Lab, id, patiently, talk::Talk};
use async_std::task::block_on;
use ballotbox::{
    Epoch, Member, Node, ServerId, Zxid,
    leadership::{
        DirectoryId, Incarnation, Info, LeaderWord, LearnerBlock, LearnerWord, Record, Refusal,
    },
    membership::Role,
    node::NodeEvent,
};
use ballotbox_core::wire::PacketKind;

#[test]
fn a_learner_that_says_what_ours_say_is_led_and_hears_a_block() {
    block_on(async {
        let (lab, node) = one_that_leads().await;
        let mut learner =
            Talk::with_leader(lab.address(1), &introduced(info(2, Role::Observer))).await;
        let LeaderWord::Info { epoch, block: Some(_) } = word(&mut learner).await else { panic!() };
        assert_eq!(epoch, Epoch(1));
        let said = LearnerWord::AckEpoch { current: Some(Epoch(0)), zxid: Zxid(0), bond: None };
        learner.say(&said.to_packet().unwrap().encode()).await;
        learner.until(PacketKind::DIFF).await;
        learner.until(PacketKind::NEWLEADER).await;
        learner.say(&LearnerWord::Ack { epoch }.to_packet().unwrap().encode()).await;
        learner.until(PacketKind::UPTODATE).await;
        learner.say(&LearnerWord::Ack { epoch }.to_packet().unwrap().encode()).await;
        for _ in 0..5 {
            let ping = LeaderWord::from_packet(&learner.until(PacketKind::PING).await).unwrap();
            let LeaderWord::Ping { number, .. } = ping else { panic!() };
            assert!(number.is_some());
            learner
                .say(
                    &LearnerWord::Pong { number, promises: false, stands: false }
                        .to_packet()
                        .unwrap()
                        .encode(),
                )
                .await;
        }
        assert_eq!(node.watch().status().await.unwrap().leader(), Some((id(1), epoch)));
        node.stop().await.unwrap();
        let mut said: Vec<_> =
            learner.until_closed().await.iter().map(|packet| packet.kind).collect();
        said.retain(|kind| *kind != PacketKind::PING);
        let expected =
            [PacketKind::LEADERINFO, PacketKind::DIFF, PacketKind::NEWLEADER, PacketKind::UPTODATE];
        assert_eq!(said, [&expected[..], &[PacketKind::RELEASED]].concat());
    });
}

#[test]
fn who_has_no_place_here_is_told_so_if_it_is_one_of_ours() {
    block_on(async {
        let (lab, node) = one_that_leads().await;
        let cases = [
            (info(77, Role::Voter), Refusal::UnknownId { id: id(77) }),
            (info(1, Role::Voter), Refusal::OurId { id: id(1) }),
            (
                info(2, Role::Voter),
                Refusal::Role { id: id(2), ours: Role::Observer, theirs: Role::Voter },
            ),
        ];
        for (info, expected) in cases {
            let mut learner = Talk::with_leader(lab.address(1), &introduced(info)).await;
            let LeaderWord::Refused { reason } = word(&mut learner).await else { panic!() };
            assert_eq!(reason.to_string(), expected.to_string());
            assert_eq!(learner.next().await, None);
            let events = node.watch().news().await.unwrap().events;
            let told = |event: &NodeEvent| matches!(event, NodeEvent::LearnerTurnedAway { refusal, .. } if *refusal == expected);
            assert!(events.iter().any(|occurrence| told(&occurrence.event)), "{expected}");
        }
        assert!(node.watch().status().await.unwrap().leader().is_some());
    });
}

/// The only voter of its ensemble, which leads; 2 is an observer.
pub async fn one_that_leads() -> (Lab, Node) {
    let mut lab = Lab::new([Member::voter(id(1)), Member::observer(id(2))]);
    lab.absent(2);
    let node = Node::start(lab.config_in_memory(1, Record::default())).await.unwrap();
    patiently(node.watch().until(|status| status.leader().is_some())).await.unwrap();
    (lab, node)
}

pub fn info(number: u64, role: Role) -> Info {
    let block = LearnerBlock {
        directory: DirectoryId(1000 + number),
        incarnation: Incarnation(1),
        recorded: false,
        new_ensemble: false,
        epoch_floor: Epoch(0),
        current: Epoch(0),
        ensemble: None,
        confirmed: false,
        ensemble_name: "".into(),
        members: "".into(),
        ended: Epoch(0),
    };
    Info { id: ServerId::new(number), role, accepted: Epoch(0), block: Some(block) }
}

pub fn introduced(info: Info) -> Vec<u8> {
    LearnerWord::Info(info).to_packet().unwrap().encode()
}

async fn word(leader: &mut Talk) -> LeaderWord {
    LeaderWord::from_packet(&leader.next().await.expect("it was closed")).unwrap()
}
