//! Leaders among strangers at their quorum port: whatever one says there in a member's name, the leader leads on.

use async_std::{
    io::{ReadExt, WriteExt},
    net::TcpStream,
    task::block_on,
};
use ballotbox::{
    Epoch, Node, Role,
    leadership::{DirectoryId, EnsembleId, Incarnation, Info, LearnerBlock, LearnerWord, Record},
};

use crate::common::{Lab, id, patiently};

/// As many come with the same words.
const CROWD: usize = 8;

/// An ensemble of ours that has led before.
const ENSEMBLE: EnsembleId = EnsembleId(7);

/// Starts a member that was here before.
async fn start(lab: &mut Lab, number: u64) -> Node {
    let record =
        Record { recorded: true, ensemble: Some(ENSEMBLE), confirmed: true, ..Record::default() };
    Node::start(lab.config_in_memory(number, record)).await.unwrap()
}

/// The introduction of a learner, of ours if it has a directory.
fn info(number: u64, role: Role, directory: Option<u64>) -> Vec<u8> {
    let block = |directory| LearnerBlock {
        directory: DirectoryId(directory),
        incarnation: Incarnation(1),
        recorded: true,
        new_ensemble: false,
        epoch_floor: Epoch(0),
        current: Epoch(0),
        ensemble: Some(ENSEMBLE),
        confirmed: true,
        ensemble_name: "".into(),
        members: "".into(),
        ended: Epoch(0),
    };
    let block = directory.map(block);
    let info = Info { id: Some(id(number)), role, accepted: Epoch(0), block };
    LearnerWord::Info(info).to_packet().unwrap().encode()
}

/// A packet that begins as an introduction does, and announces this much data.
fn announced(len: i32) -> Vec<u8> {
    [&11i32.to_be_bytes()[..], &0i64.to_be_bytes(), &len.to_be_bytes(), b"rubbish", &[0xff; 4]]
        .concat()
}

async fn connect(lab: &Lab, words: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(lab.address(3)).await.unwrap();
    socket.write_all(words).await.unwrap();
    socket
}

/// Waits until the node has closed this connection, whatever it says before.
async fn dropped(mut socket: TcpStream) {
    patiently(async { while matches!(socket.read(&mut [0; 4096]).await, Ok(1..)) {} }).await;
}

#[test]
fn a_leader_leads_on_whatever_strangers_say_at_its_quorum_port() {
    block_on(async {
        let mut lab = Lab::voters(3);
        // 1 is absent, and was never seen by these.
        lab.absent(1);
        let three = start(&mut lab, 3).await;
        let _two = start(&mut lab, 2).await;
        let mut leadership = patiently(three.lead()).await.unwrap();
        let token = leadership.token();
        // A learner like this may be let in. It never reads, and stays.
        let mut silent = Vec::new();
        for _ in 0..CROWD {
            silent.push(connect(&lab, &info(1, Role::Voter, Some(1))).await);
        }
        for words in [
            info(1, Role::Voter, None),
            info(1, Role::Observer, None),
            info(2, Role::Voter, None),
            info(2, Role::Voter, Some(99)),
            info(3, Role::Voter, Some(3)),
            info(77, Role::Voter, Some(77)),
            announced(7),
            announced(-2),
            announced(i32::MAX),
        ] {
            for _ in 0..CROWD {
                dropped(connect(&lab, &words).await).await;
            }
        }
        patiently(leadership.confirm()).await.unwrap();
        assert!(leadership.is_valid());
        assert_eq!(leadership.token(), token);
        let status = patiently(three.watch().status()).await.unwrap();
        assert!(!status.leadership.unwrap().beside_real_server);
    });
}
