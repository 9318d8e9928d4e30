//! TLS beside real servers: who takes whom, and a rolling change.

use std::collections::BTreeMap;

use async_std::task::block_on;
use ballotbox::{
    Node, Role,
    network::RefusedBecause,
    node::Status,
    probe::{NoAnswer, Target, ask},
};

use crate::{
    common::{PATIENCE, certificates::Authority, elects, id, patiently, refusal},
    zookeeper::{Server, Zoo},
};

const PLAIN: [&str; 0] = [];
const TAKEN: [&str; 2] = ["sslQuorum=false", "portUnification=true"];
const SPOKEN: [&str; 2] = ["sslQuorum=true", "portUnification=true"];
const REQUIRED: [&str; 1] = ["sslQuorum=true"];

fn set(zoo: &mut Zoo, stage: &[&str]) {
    zoo.settings.retain(|line| !line.starts_with("sslQuorum") && !line.starts_with("portUnif"));
    zoo.settings.extend(stage.iter().map(|line| (*line).to_owned()));
}

#[test]
fn ours_elects_with_real_voters_over_tls() {
    let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
    zoo.certify(&Authority::new("test"));
    set(&mut zoo, &REQUIRED);
    // A real server that is to speak 1.3 alone has to be told a cipher suite of it, too.
    let newest = ["enabledProtocols=TLSv1.3", "ciphersuites=TLS_AES_128_GCM_SHA256"];
    for versions in [&[][..], &["enabledProtocols=TLSv1.2"], &newest] {
        zoo.settings.retain(|line| !line.starts_with("ssl.quorum."));
        zoo.settings.extend(versions.iter().map(|line| format!("ssl.quorum.{line}")));
        for ours in [1, 3] {
            let real: Vec<_> = [1, 2, 3].into_iter().filter(|number| *number != ours).collect();
            block_on(async {
                let mut servers: Vec<_> = real.iter().map(|number| zoo.serve(*number)).collect();
                let node = zoo.node(ours).await;
                let leaders: Vec<_> = servers.iter_mut().map(Server::until_in_service).collect();
                println!("{versions:?}, ours is {ours}: {leaders:?} lead");
                elects(&mut node.watch(), leaders[0]).await;
                let linked = |status: &Status| {
                    real.iter().all(|number| status.election.links.contains(&id(*number)))
                };
                patiently(node.watch().until(linked)).await.unwrap();
            });
        }
    }
}

#[test]
fn an_observer_of_ours_follows_a_real_leader_over_tls() {
    let members = [(1, Role::Voter), (2, Role::Voter), (9, Role::Observer)];
    let Some(mut zoo) = Zoo::new(members) else { return };
    zoo.certify(&Authority::new("test"));
    set(&mut zoo, &REQUIRED);
    block_on(async {
        let mut servers = [zoo.serve(1), zoo.serve(2)];
        let leaders = servers.each_mut().map(Server::until_in_service);
        let node = zoo.node(9).await;
        let follows =
            |status: &Status| status.leader().is_some_and(|(leader, _)| leader == id(leaders[0]));
        patiently(node.watch().until(follows)).await.unwrap();
    });
}

#[test]
fn real_servers_and_ours_change_to_tls_and_back_one_restart_at_a_time_and_keep_a_leader() {
    let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
    zoo.certify(&Authority::new("test"));
    block_on(async {
        let (mut servers, mut ours): (BTreeMap<u64, Server>, Option<Node>) = Default::default();
        let stages = [&PLAIN[..], &TAKEN, &SPOKEN, &REQUIRED, &SPOKEN, &TAKEN, &PLAIN];
        for (round, stage) in stages.into_iter().enumerate() {
            set(&mut zoo, stage);
            for number in [1, 2] {
                servers.remove(&number);
                let mut server = zoo.serve(number);
                if round > 0 {
                    let leader = server.until_in_service();
                    println!("{stage:?}: server {number} is in service with {leader}");
                }
                servers.insert(number, server);
                if round == 0 && number == 2 {
                    for server in servers.values_mut() {
                        server.until_in_service();
                    }
                }
            }
            if let Some(node) = ours.take() {
                node.stop().await.unwrap();
            }
            let node = zoo.node(3).await;
            let linked = |status: &Status| {
                status.elected().is_some()
                    && [1, 2].iter().all(|number| status.election.links.contains(&id(*number)))
            };
            patiently(node.watch().until(linked)).await.unwrap();
            ours = Some(node);
        }
    });
}

#[test]
fn a_real_server_that_speaks_plain_text_is_named() {
    let Some(mut zoo) = Zoo::voters([1, 2]) else { return };
    zoo.certify(&Authority::new("test"));
    let mut server = zoo.serve(1);
    set(&mut zoo, &REQUIRED);
    block_on(async {
        let node = zoo.node(2).await;
        assert_eq!(refusal(&node).await, RefusedBecause::PlainText);
        server.until_looking();
    });
}

#[test]
fn a_probe_asks_real_servers_over_tls_as_the_zoo_cfg_of_a_member_says() {
    let Some(mut zoo) = Zoo::voters([1, 2]) else { return };
    zoo.certify(&Authority::new("test"));
    set(&mut zoo, &REQUIRED);
    let mut servers = [zoo.serve(1), zoo.serve(2)];
    for server in &mut servers {
        server.until_in_service();
    }
    let config = zoo.zoo_cfg_file(1);
    let mut probe = std::process::Command::new(env!("CARGO_BIN_EXE_ballotbox"));
    let told = probe.args(["probe", "--json", "--config"]).arg(&config).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["leader"], &told["agreement"]), (&2.into(), &true.into()), "{told}");
    let target = Target { id: None, endpoints: vec![zoo.election(1)] };
    let asked = block_on(ask(&target, None, PATIENCE));
    assert_eq!(asked.unwrap_err(), NoAnswer::WantsTls);
}
