//! What answers amount to.

use std::{io, time::Duration};

use ballotbox_actors::socket::ConnectError;

use super::*;
use crate::{
    Endpoint, Epoch, Round, Vote, Zxid,
    election::{Format, Notification, PeerState::*},
};

const LIST: &str = "server.1=127.0.0.1:1:11:participant\nserver.2=127.0.0.1:2:12:participant\n\
                    server.3=127.0.0.1:3:13:participant\nserver.4=127.0.0.1:4:14:observer\nversion=0";

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn target(port: u16) -> Target {
    Target { id: None, endpoints: vec![Endpoint { host: "127.0.0.1".to_owned(), port }] }
}

/// The server at this port says this of that leader.
fn says(
    port: u16,
    state: PeerState,
    leader: u64,
    list: &str,
) -> (Target, Result<Answer, NoAnswer>) {
    let vote = Vote { epoch: Epoch(1), zxid: Zxid(0), leader: id(leader) };
    let format = match list {
        "" => Format::WithoutConfig { version: 1 },
        list => Format::Current { version: 2, config: list.into() },
    };
    let notification = Notification { state, vote: Some(vote), round: Round(1), format };
    let from = ([127, 0, 0, 1], port).into();
    (target(port), Ok(Answer { from, notification, took: Duration::from_millis(1) }))
}

fn is_down(port: u16) -> (Target, Result<Answer, NoAnswer>) {
    let (address, kind) = (([127, 0, 0, 1], port).into(), io::ErrorKind::ConnectionRefused);
    let refused = ConnectError::NotConnected { address, kind, text: "refused".into() };
    (target(port), Err(NoAnswer::NotConnected(refused)))
}

fn report(answers: Vec<(Target, Result<Answer, NoAnswer>)>) -> ProbeReport {
    let (targets, answers): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    ProbeReport::new(&targets, answers, None)
}

#[test]
fn a_quorum_and_the_leaders_own_word_make_a_leader() {
    let all = report(vec![
        says(11, Following, 3, LIST),
        says(12, Following, 3, LIST),
        says(13, Leading, 3, LIST),
        says(14, Observing, 3, LIST),
    ]);
    assert_eq!((all.leader, all.agreement, all.support), (Some(id(3)), true, (3, 3)));
    let ids: Vec<_> = all.servers.iter().map(|reading| reading.id.unwrap().number()).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    let one_down =
        report(vec![is_down(11), says(12, Following, 3, LIST), says(13, Leading, 3, LIST)]);
    assert_eq!((one_down.leader, one_down.agreement), (Some(id(3)), true));
    assert_eq!(one_down.servers[0].id, Some(id(1)), "known by its address");
}

#[test]
fn without_its_own_word_or_without_a_quorum_nobody_leads() {
    let silent =
        report(vec![says(11, Following, 3, LIST), says(12, Following, 3, LIST), is_down(13)]);
    assert_eq!((silent.leader, silent.agreement, silent.support), (None, true, (2, 3)));
    let alone = report(vec![is_down(11), is_down(12), says(13, Leading, 3, LIST)]);
    assert_eq!((alone.leader, alone.support), (None, (1, 3)));
    let observed = report(vec![says(13, Leading, 3, LIST), says(14, Observing, 3, LIST)]);
    assert_eq!(observed.leader, None, "observers do not count");
    let other = report(vec![says(13, Leading, 2, LIST), says(11, Following, 2, LIST)]);
    assert_eq!(other.servers[0].id, Some(id(3)), "its address says more than its word");
    assert_eq!(other.leader, None);
}

#[test]
fn a_leader_that_is_another_than_was_meant_does_not_count() {
    let (mut meant, answer) = says(13, Leading, 2, LIST);
    meant.id = Some(id(3));
    let found = report(vec![(meant, answer), says(11, Following, 2, LIST)]);
    assert_eq!(found.leader, None);
}

#[test]
fn a_server_that_looks_or_follows_another_disagrees() {
    let looking = report(vec![
        says(11, Looking, 3, LIST),
        says(12, Following, 3, LIST),
        says(13, Leading, 3, LIST),
    ]);
    assert_eq!((looking.leader, looking.agreement), (Some(id(3)), false));
    let split = report(vec![
        says(11, Following, 2, LIST),
        says(12, Leading, 2, LIST),
        says(13, Leading, 3, LIST),
    ]);
    assert_eq!((split.leader, split.agreement), (Some(id(2)), false));
    assert!(!report(vec![is_down(11)]).agreement);
}

#[test]
fn servers_without_a_member_list_are_counted() {
    let old = |port, state| says(port, state, 3, "");
    let found =
        report(vec![old(11, Following), old(12, Following), old(13, Leading), old(14, Observing)]);
    assert_eq!((found.leader, found.support), (Some(id(3)), (3, 3)));
    assert_eq!(found.servers[0].id, None);
    assert_eq!(found.servers[2].id, Some(id(3)));
    let few = report(vec![is_down(11), is_down(12), old(13, Leading)]);
    assert_eq!(few.leader, None);
}

#[test]
fn another_member_list_stands_out() {
    let newer = LIST.replace("server.2=127.0.0.1:2:12", "server.2=127.0.0.1:2:22");
    let newer = newer.replace("version=0", "version=5");
    let found = report(vec![
        says(11, Following, 3, LIST),
        says(22, Following, 3, &newer),
        says(13, Leading, 3, &newer),
    ]);
    assert!(found.servers[0].difference.is_some());
    assert!(found.servers[1].difference.is_none());
    assert_eq!(found.servers[1].config_version, Some(ConfigVersion(5)));
}

/// A list in which it is alone, newer than any other.
const ALONE: &str = "server.1=127.0.0.1:1:14\nversion=ffff";

#[test]
fn a_server_that_lists_itself_alone_decides_nothing_and_stands_out() {
    let three =
        [says(11, Following, 3, LIST), says(12, Following, 3, LIST), says(13, Leading, 3, LIST)];
    let liar = says(14, Leading, 1, ALONE);
    let found = report(three.iter().cloned().chain([liar.clone()]).collect());
    assert_eq!((found.leader, found.agreement, found.support), (Some(id(3)), false, (3, 3)));
    let differing: Vec<_> = found.servers.iter().map(|r| r.difference.is_some()).collect();
    assert_eq!(differing, [false, false, false, true]);
    let dissenters: Vec<_> = found.dissenters().map(|reading| reading.target.clone()).collect();
    assert_eq!(dissenters, [target(14)]);

    let one_of_three = report(vec![says(12, Following, 3, LIST), three[2].clone(), liar.clone()]);
    assert_eq!((one_of_three.leader, one_of_three.support), (Some(id(3)), (2, 3)));
    let nobody_else = report(vec![is_down(12), is_down(13), liar.clone()]);
    assert_eq!(nobody_else.leader, None, "one of three that were asked");
    let no_honest_quorum = report(vec![is_down(11), is_down(12), three[2].clone(), liar.clone()]);
    assert_eq!(no_honest_quorum.leader, None);
    let two_of_one_mind = report(vec![says(11, Following, 3, LIST), is_down(13), liar]);
    assert_eq!(two_of_one_mind.leader, None);
}

#[test]
fn a_server_cannot_take_the_place_of_another_that_was_asked() {
    // 3 is down, and its followers do not know yet: a fourth says that it is 3.
    let liar = says(14, Leading, 3, LIST);
    let found =
        report(vec![says(11, Following, 3, LIST), says(12, Following, 3, LIST), is_down(13), liar]);
    assert_eq!(found.leader, None);
    // Nor does it count twice under two addresses.
    let twice = report(vec![says(13, Leading, 3, LIST), says(13, Leading, 3, LIST), is_down(11)]);
    assert_eq!(twice.leader, None);
}

#[test]
fn a_newer_list_of_one_server_does_not_move_the_others() {
    let moved = LIST.replace("server.3=127.0.0.1:3:13", "server.3=127.0.0.1:3:14");
    let moved = moved.replace("version=0", "version=ffff");
    let liar = says(14, Leading, 3, &moved);
    let found =
        report(vec![says(11, Following, 3, LIST), says(12, Following, 3, LIST), is_down(13), liar]);
    assert_eq!(found.leader, None);
    let differing: Vec<_> = found.servers.iter().map(|r| r.difference.is_some()).collect();
    assert_eq!(differing, [false, false, false, true]);
}

#[test]
fn servers_that_name_the_same_voters_agree_whatever_the_version() {
    let newer = LIST.replace("version=0", "version=7");
    let found =
        report(vec![says(11, Following, 3, LIST), is_down(12), says(13, Leading, 3, &newer)]);
    assert_eq!((found.leader, found.support), (Some(id(3)), (2, 3)));
}
