//! Member lists as real servers tell them, and as we do.
use std::collections::{BTreeMap, BTreeSet};

use ballotbox::{
    Endpoint, GroupId, Role, ServerId,
    membership::config_text::{ConfigText, ConfigVersion, ServerLine},
};
use proptest::{collection, option, prelude::*};
use serde_json::Value;

#[test]
fn every_recorded_member_list_is_read_and_told_again() {
    let recorded = recorded(include_str!("vectors/3.8.0.json"));
    assert!(recorded.len() >= 5, "only {} different lists", recorded.len());
    for text in &recorded {
        let read = ConfigText::parse(text).unwrap();
        let told = ConfigText { servers: read.servers.clone(), ..ConfigText::default() };
        assert_eq!(told.to_string(), *text);
        assert_eq!(read.difference(&ConfigText::parse(&told.to_string()).unwrap()), None);
        assert!(read.ensemble().unwrap().voters().count() >= 3);
    }
}

#[test]
fn a_list_of_3_8_with_names_and_literals_is_told_as_configured() {
    let recorded = recorded(include_str!("vectors/3.8.0.json"));
    for host in ["localhost:23101", "[0:0:0:0:0:0:0:1]:23101", "127.0.0.1:23151:23201|127.0.0.1"] {
        assert!(recorded.iter().any(|text| text.contains(host)), "{host} was recorded");
    }
}

fn recorded(recording: &str) -> BTreeSet<String> {
    let recording: Value = serde_json::from_str(recording).unwrap();
    let scenarios = recording["scenarios"].as_array().unwrap();
    let frames = scenarios.iter().flat_map(|scenario| scenario["frames"].as_array().unwrap());
    let texts = frames.filter_map(|frame| frame["decoded"]["config"].as_str());
    texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,3})?",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
    ]
}

fn server_line() -> impl Strategy<Value = ServerLine> {
    let address = (host(), 1..=u16::MAX, 1..=u16::MAX)
        .prop_filter("quorum and election port differ", |(_, quorum, election)| quorum != election);
    let client = option::of((host(), 1..=u16::MAX));
    (collection::vec(address, 1..4), any::<bool>(), client).prop_map(
        |(addresses, voter, client)| {
            let endpoint = |host: &str, port| Endpoint { host: host.to_owned(), port };
            ServerLine {
                quorum: addresses.iter().map(|(host, port, _)| endpoint(host, *port)).collect(),
                election: addresses.iter().map(|(host, _, port)| endpoint(host, *port)).collect(),
                role: if voter { Role::Voter } else { Role::Observer },
                client: client.map(|(host, port)| Endpoint { host, port }),
                secure_client: None,
            }
        },
    )
}

fn server_id() -> impl Strategy<Value = ServerId> {
    prop_oneof![0..20_u64, 0..=ServerId::MAX.number()].prop_map(|n| ServerId::new(n).unwrap())
}

fn config() -> impl Strategy<Value = ConfigText> {
    let servers = collection::btree_map(server_id(), server_line(), 1..20);
    let groups = prop_oneof![Just(0), 1..4_u64];
    let weights = collection::vec(option::of(0..=i64::MAX.unsigned_abs()), 20);
    (servers, groups, weights, 0..=i64::MAX).prop_map(|(servers, groups, weights, version)| {
        let voters: Vec<_> =
            servers.iter().filter(|(_, line)| line.is_voter()).map(|(id, _)| *id).collect();
        let grouped = voters.iter().filter(|_| groups > 0).zip(0_u64..);
        let weighed = voters.iter().filter(|_| groups > 0).zip(&weights);
        ConfigText {
            groups: grouped.map(|(id, n)| (*id, GroupId(n % groups))).collect(),
            weights: weighed.filter_map(|(id, weight)| weight.map(|w| (*id, w))).collect(),
            servers,
            version: ConfigVersion(version),
        }
    })
}

proptest! {
    #[test]
    fn a_list_that_was_told_means_the_same(config in config()) {
        let told = config.to_string();
        let read = ConfigText::parse(&told).unwrap();
        prop_assert_eq!(config.difference(&read), None);
        prop_assert_eq!(read.difference(&config), None);
        prop_assert_eq!(read.to_string(), told);
    }

    #[test]
    fn lines_in_any_order_mean_the_same(config in config(), seed in any::<u64>()) {
        let told = config.to_string();
        let mut lines: Vec<&str> = told.lines().collect();
        lines.sort_by_key(|line| line.bytes().fold(seed, |hash, b| {
            (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        }));
        prop_assert_eq!(ConfigText::parse(&lines.join("\n")).unwrap(), ConfigText::parse(&told).unwrap());
    }

    #[test]
    fn a_changed_election_port_is_a_difference(config in config(), pick in any::<prop::sample::Index>()) {
        let mut changed = config.clone();
        let ids: Vec<ServerId> = changed.servers.keys().copied().collect();
        let id = ids[pick.index(ids.len())];
        let line = changed.servers.get_mut(&id).unwrap();
        line.election[0].port ^= 1;
        let told = config.difference(&changed).unwrap().to_string();
        prop_assert!(told.contains(&format!("server {id} election address: ours ")), "{}", told);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = ConfigText::parse(&text);
        let _ = text.parse::<ServerLine>();
    }

    #[test]
    fn no_text_that_looks_like_a_list_makes_the_parser_panic(
        lines in collection::vec("(server|group|weight|version)[.=0-9a-f\\\\:;|\\[\\]h-]{0,30}", 0..8)
    ) {
        if let Ok(read) = ConfigText::parse(&lines.join("\n")) {
            let again = ConfigText::parse(&read.to_string()).unwrap();
            prop_assert_eq!(read.difference(&again), None);
        }
    }
}

#[test]
fn weights_of_observers_make_no_difference() {
    let ours = ConfigText::parse("server.1=a:1:2\nserver.2=b:1:2:observer\ngroup.1=1").unwrap();
    let theirs =
        ConfigText { weights: BTreeMap::from([(ServerId::new(2).unwrap(), 7)]), ..ours.clone() };
    assert_eq!(ours.difference(&theirs), None);
}
