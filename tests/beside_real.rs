//! Leadership beside real ZooKeeper servers: ours never leads them and its voters follow no epoch, its observers follow
//! a real leader whole, and the two files of epochs mean the same to both.

use std::{fs, path::Path, time::Duration};

use crate::common::{elects, id, patience::InTime, patiently};
use crate::zookeeper::{Client, Ours, Server, Zoo};
use async_std::task::block_on;
use ballotbox::{
    Epoch, Node, Role, Round,
    leadership::Refusal,
    node::{NodeEvent, Status},
};
use ballotbox_actors::kit::clock;
use serde_json::json;

const EVERY_ORDER: [[u64; 3]; 6] =
    [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];

/// A real leader that lasts has to have this many ticks of half a second behind it; more with `BALLOTBOX_TICKS`.
const TICKS: u32 = 8;

#[test]
fn in_every_start_order_two_real_voters_are_in_service_beside_ours_with_the_highest_id() {
    in_every_order_two_real_voters_are_in_service(&[3]);
}

#[test]
#[ignore = "takes a minute"]
fn in_every_start_order_two_real_voters_are_in_service_beside_ours_with_a_lower_id() {
    in_every_order_two_real_voters_are_in_service(&[1, 2]);
}

fn in_every_order_two_real_voters_are_in_service(ours: &[u64]) {
    for (ours, order) in ours.iter().flat_map(|ours| EVERY_ORDER.map(|order| (*ours, order))) {
        let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
        println!("ours is {ours}, starting in the order {order:?}");
        block_on(async {
            let (mut node, mut servers) = (None, Vec::new());
            for number in order {
                if number == ours {
                    node = Some(zoo.node(number).await);
                } else {
                    servers.push(zoo.serve(number));
                    servers.last_mut().unwrap().until_looking();
                }
            }
            let leaders: Vec<_> = servers.iter_mut().map(Server::until_in_service).collect();
            println!("in service with {leaders:?}");
            assert!(leaders[0] == leaders[1] && leaders[0] != ours);
            let node = node.unwrap();
            let status = elects(&mut node.watch(), leaders[0]).await;
            until_beside_real_server(&node).await;
            assert!(status.leader().is_none());
            assert_eq!(told(&node).await, Told { met: 1, led: 0, followed: 0 });
        });
    }
}

#[test]
fn in_every_start_order_two_of_ours_elect_one_real_voter_again_and_again() {
    two_of_ours_elect_one_real_voter(&[1]);
}

#[test]
#[ignore = "takes a minute"]
fn in_every_start_order_two_of_ours_elect_one_real_voter_with_a_higher_id_again_and_again() {
    two_of_ours_elect_one_real_voter(&[2, 3]);
}

fn two_of_ours_elect_one_real_voter(real: &[u64]) {
    for (real, order) in real.iter().flat_map(|real| EVERY_ORDER.map(|order| (*real, order))) {
        let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
        println!("{real} is a real server, starting in the order {order:?}");
        zoo.settings.push("initLimit=2".to_owned());
        block_on(async {
            let (mut nodes, mut server) = (Vec::new(), None);
            for number in order {
                if number == real {
                    let server = server.insert(zoo.serve(number));
                    server.until_looking();
                } else {
                    nodes.push(zoo.node(number).await);
                }
            }
            let mut server = server.unwrap();
            let mut first = Round::default();
            for node in &nodes {
                until_beside_real_server(node).await;
                first = first.max(elects(&mut node.watch(), real).await.election.round);
            }
            // It gives up, as nobody follows it at its quorum port, and is elected again.
            for _ in 0..3 {
                server.until_logged(&format!("About to leave FLE instance: leader={real},"));
            }
            for node in &nodes {
                let again = |status: &Status| {
                    status.elected() == Some(id(real)) && status.election.round > first
                };
                let status = patiently(node.watch().until(again)).await.unwrap();
                println!("elected in round {}, and again in {}", first.0, status.election.round.0);
                assert_eq!(told(node).await, Told { met: 1, led: 0, followed: 0 });
            }
        });
    }
}

#[test]
fn a_real_server_is_not_led_by_an_ensemble_of_ours_and_does_not_end_its_leadership() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        // They are recorded with this: two of them are enough from then on.
        let epoch = ours_lead_once(&zoo).await;
        let (two, three) = (zoo.node(2).await, zoo.node(3).await);
        let leader = Some((id(3), Epoch(epoch.0 + 1)));
        patiently(three.watch().until(|status| status.leader() == leader)).await.unwrap();
        patiently(two.watch().until(|status| status.leader() == leader)).await.unwrap();
        let mut one = zoo.serve(1);
        // It follows as far as the election goes, is turned away, and looks again.
        for _ in 0..3 {
            one.until_logged("About to leave FLE instance: leader=3,");
        }
        one.until_looking();
        for node in [&two, &three] {
            assert_eq!(node.watch().status().await.unwrap().leader(), leader);
            assert_eq!(told(node).await.met, 0);
        }
        let turned_away = |event: &NodeEvent| {
            let NodeEvent::LearnerTurnedAway { refusal, .. } = event else { return false };
            *refusal == Refusal::RealServer { id: id(1) }
        };
        assert!(events_of(&three).await.iter().any(turned_away));
        let signs = ["Getting a diff", "Getting a snap"];
        assert!(!one.log().iter().any(|line| signs.iter().any(|sign| line.contains(sign))));
    });
}

#[test]
fn a_member_of_an_ensemble_of_ours_learns_of_two_real_voters_from_their_leader() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        ours_lead_once(&zoo).await;
        let three = zoo.node(3).await;
        let (mut one, mut two) = (zoo.serve(1), zoo.serve(2));
        let start = clock::now();
        let leader = one.until_in_service();
        // It was elected in vain at first, and did not wait for the twenty seconds in which an epoch would have to begin.
        let passed = clock::now() - start;
        println!("in service after {passed:?}");
        assert!(passed < Duration::from_secs(15));
        assert_eq!(two.until_in_service(), leader);
        assert_ne!(leader, 3);
        until_beside_real_server(&three).await;
        let status = elects(&mut three.watch(), leader).await;
        assert_eq!(status.leader(), None);
        assert_eq!(told(&three).await, Told { met: 1, led: 0, followed: 0 });
    });
}

#[test]
fn an_observer_of_ours_follows_real_leaders_one_after_the_other() {
    let members = [(1, Role::Voter), (2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];
    let Some(zoo) = Zoo::new(members) else { return };
    let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
    assert_eq!((two.until_in_service(), three.until_in_service()), (3, 3));
    let mut one = zoo.serve(1);
    assert_eq!(one.until_in_service(), 3);
    one.until_logged("Peer state changed: following - broadcast");
    let mut client = zoo.client(1);
    // What it drops is larger than what it keeps.
    for number in 0..20 {
        client.create(&format!("/{number}"), &vec![b'x'; 100_000]);
    }

    let mut ours = Ours::start(&zoo, 9);
    let following = ours.until("following");
    let expected = json!({ "leader": 3, "epoch": 1, "role": "observer" });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&following[field], value, "{following}");
    }
    three.pass_over();
    write_for(&mut client, ticks());
    assert_eq!(ours.lost(), 0, "it does not answer");
    assert!(!three.log().iter().any(|line| line.contains("GOODBYE")));

    drop(three);
    let lost = ours.until("lost");
    assert_eq!((&lost["epoch"], &lost["cause"]), (&1.into(), &"leader-lost".into()));
    let following = ours.until("following");
    assert_eq!((&following["leader"], &following["epoch"]), (&2.into(), &2.into()));

    // One that is frozen is left, too.
    three = zoo.serve(3);
    assert_eq!(three.until_in_service(), 2);
    two.pause();
    let lost = ours.until("lost");
    assert_eq!((&lost["epoch"], &lost["cause"]), (&2.into(), &"silence".into()));
    let leader = one_that_leads(&mut one, &mut three);
    let following = ours.until("following");
    assert_eq!((&following["leader"], &following["epoch"]), (&leader.into(), &3.into()));
    two.resume();
    assert!(!zoo.our_data(9).join("version-2").exists(), "an observer keeps nothing");
}

#[test]
fn a_directory_of_a_real_server_is_refused_for_a_voter_and_left_alone_by_an_observer() {
    let Some(zoo) = Zoo::new([(1, Role::Voter), (2, Role::Voter), (9, Role::Observer)]) else {
        return;
    };
    let (mut one, mut two, mut nine) = (zoo.serve(1), zoo.serve(2), zoo.serve(9));
    assert_eq!((one.until_in_service(), two.until_in_service()), (2, 2));
    assert_eq!(nine.until_in_service(), 2);
    nine.kill();
    one.kill();
    let file = zoo.data(1).with_file_name("zoo.cfg");
    let output = Ours::command(&file).output_in_time();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("version-2/snapshot."), "{told}");

    let before = contents(&zoo.data(9).join("version-2"));
    assert!(before.iter().any(|(name, _)| name.starts_with("snapshot.")));
    let mut ours = Ours::run(&zoo.data(9).with_file_name("zoo.cfg"));
    let _one = zoo.serve(1);
    let following = ours.until("following");
    assert_eq!((&following["role"], &following["id"]), (&"observer".into(), &9.into()));
    drop(ours);
    assert_eq!(contents(&zoo.data(9).join("version-2")), before);
}

#[test]
fn the_epochs_go_from_ours_to_real_servers_and_back() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    let epoch = block_on(ours_lead_once(&zoo));
    for number in [1, 2, 3] {
        assert_eq!(epochs_in(&zoo.our_data(number)), (epoch.0, epoch.0));
    }
    let mut servers = [1, 2, 3].map(|number| zoo.serve_in(&zoo.our_data(number), number));
    let leaders = servers.each_mut().map(Server::until_in_service);
    for server in servers.iter_mut().filter(|server| server.number != leaders[2]) {
        // It may still be about to say that it has it on disk.
        server.until_logged("Peer state changed: following - broadcast");
    }
    drop(servers);
    let (next, _) = epochs_in(&zoo.our_data(1));
    assert!(next > epoch.0);
    for number in [1, 2, 3] {
        assert_eq!(epochs_in(&zoo.our_data(number)), (next, next));
    }

    // The epochs alone, as real servers without data would leave them; one of ours knows nothing else, either.
    for number in [1, 2, 3] {
        let directory = zoo.our_data(number).join("version-2");
        for (name, _) in contents(&directory) {
            if name.starts_with("snapshot.") || name.starts_with("log.") {
                fs::remove_file(directory.join(name)).unwrap();
            }
        }
    }
    fs::remove_dir_all(zoo.our_data(1).join("ballotbox")).unwrap();
    assert_eq!(block_on(ours_lead_once(&zoo)), Epoch(next + 1));
}

/// Starts three of ours, waits until all are with their leader, stops them, and returns its epoch.
async fn ours_lead_once(zoo: &Zoo) -> Epoch {
    let nodes = [zoo.node(1).await, zoo.node(2).await, zoo.node(3).await];
    let mut newest = Epoch(0);
    loop {
        let mut led = Vec::new();
        for node in &nodes {
            let until = |status: &Status| {
                let counts = status.leadership.as_ref().is_some_and(|one| one.record.recorded);
                counts && status.leader().is_some_and(|(_, epoch)| epoch >= newest)
            };
            led.push(patiently(node.watch().until(until)).await.unwrap().leader().unwrap().1);
        }
        newest = led.iter().copied().max().unwrap();
        if led.iter().all(|epoch| *epoch == newest) {
            break;
        }
    }
    for node in nodes {
        node.stop().await.unwrap();
    }
    newest
}

/// The two epochs that are kept below this `dataDir`: accepted, and current.
pub fn epochs_in(data: &Path) -> (i64, i64) {
    let read = |name| fs::read_to_string(data.join("version-2").join(name)).unwrap();
    (read("acceptedEpoch").parse().unwrap(), read("currentEpoch").parse().unwrap())
}

/// The files of a folder, by name.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    let mut files: Vec<_> = files.map(read).collect();
    files.sort();
    files
}

/// What a node has told of leadership.
#[derive(Debug, Eq, PartialEq)]
struct Told {
    met: usize,
    led: usize,
    followed: usize,
}

async fn told(node: &Node) -> Told {
    let mut told = Told { met: 0, led: 0, followed: 0 };
    for event in events_of(node).await {
        if let NodeEvent::BesideRealServer { .. } = event {
            told.met += 1;
        } else if let NodeEvent::Leading { .. } = event {
            told.led += 1;
        } else if let NodeEvent::Following { .. } = event {
            told.followed += 1;
        }
    }
    told
}

pub async fn events_of(node: &Node) -> Vec<NodeEvent> {
    let news = node.watch().news().await.unwrap();
    news.events.into_iter().map(|occurrence| occurrence.event).collect()
}

async fn until_beside_real_server(node: &Node) {
    let met = |status: &Status| {
        status.leadership.as_ref().is_some_and(|leadership| leadership.beside_real_server)
    };
    patiently(node.watch().until(met)).await.unwrap();
}

/// Writes for this long without a pause.
fn write_for(client: &mut Client, time: Duration) {
    let start = clock::now();
    let mut writes = 0_u32;
    while clock::now() - start < time {
        client.set("/0", &writes.to_be_bytes());
        writes += 1;
    }
    println!("{writes} writes in {:?}", clock::now() - start);
    assert!(writes > 0);
}

fn ticks() -> Duration {
    let ticks = std::env::var("BALLOTBOX_TICKS").ok().and_then(|ticks| ticks.parse().ok());
    Duration::from_millis(500) * ticks.unwrap_or(TICKS)
}

/// Waits until one of these serves the other, and returns which leads.
fn one_that_leads(one: &mut Server, other: &mut Server) -> u64 {
    one.pass_over();
    let leader = one.until_in_service();
    assert!([one.number, other.number].contains(&leader));
    leader
}
