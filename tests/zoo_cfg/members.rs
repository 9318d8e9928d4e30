//! Members: their lines, their numbers, groups and weights.

use ballotbox::{Role, ServerId};

use super::{PLAIN, accepted, id, refused, refused_with, warnings, with};

#[test]
fn every_part_of_a_server_line_is_taken() {
    let cfg = accepted(
        "dataDir=/data\ninitLimit=5\nsyncLimit=2\nmultiAddress.enabled=true\n\
         server.0=[::1]:2888:3888:PARTICIPANT;2181\n\
         server.1=[2001:db8::1]:2888:3888|10.0.0.1:2889:3889;[::]:2181;10.0.0.1:2281\n\
         server.9223372036854775806=zoo.example:1:2:observer;zoo.example:3\n\
         server.7=zoo7:1:2\n",
    );
    let servers = &cfg.config.servers;
    assert_eq!(servers[&id(0)].client.as_ref().unwrap().to_string(), "0.0.0.0:2181");
    let several = &servers[&id(1)];
    let election: Vec<_> = several.election.iter().map(ToString::to_string).collect();
    assert_eq!(election, ["[2001:db8::1]:3888", "10.0.0.1:3889"]);
    assert_eq!(several.secure_client.as_ref().unwrap().to_string(), "10.0.0.1:2281");
    assert_eq!(servers[&ServerId::MAX].role, Role::Observer);
    assert_eq!(
        cfg.config.to_string(),
        "server.0=[0:0:0:0:0:0:0:1]:2888:3888:participant;0.0.0.0:2181\n\
         server.1=10.0.0.1:2889:3889|[2001:db8:0:0:0:0:0:1]:2888:3888:participant;[0:0:0:0:0:0:0:0]:2181\n\
         server.9223372036854775806=zoo.example:1:2:observer;zoo.example:3\n\
         server.7=zoo7:1:2:participant\n\
         version=0"
    );
}

#[test]
fn a_bad_server_line_is_refused_naming_line_and_server() {
    for (line, expected) in [
        ("server.4=h:2888", "server 4: `h:2888` has no election port"),
        ("server.4=h", "server 4: `h` has no ports"),
        ("server.4=h:2888:2888", "server 4: `h:2888:2888` has quorum and election port 2888"),
        ("server.4=h:2888:70000", "server 4: `70000` in `h:2888:70000` is not a port"),
        ("server.4=::1:2888:3888", "an IPv6 address in brackets"),
        ("server.4=[::1:2888:3888", "no closing bracket"),
        ("server.4=h:1:2:leader", "`leader` is not a role"),
        (
            "server.4=a:1:2|b:1:2",
            "server 4 has 2 addresses: expected one, or multiAddress.enabled=true",
        ),
        ("server.-1=h:1:2", "-1 is out of range"),
        ("server.x=h:1:2", "`server.x` has no valid number"),
        ("server.=h:1:2", "`server.` has no valid number"),
        ("server.9223372036854775807=h:1:2", "a number from 0 to 9223372036854775806"),
        ("server.03=h:1:2", "`server.03` repeats an earlier line in other digits"),
    ] {
        let error = refused_with(line);
        assert!(error.starts_with("zoo.cfg:10: ") && error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn addresses_that_are_shared_are_warned_of_in_whatever_form() {
    for (lines, expected) in [
        (
            "server.4=[::1]:1:2\nserver.5=[0:0::1]:2:3",
            "zoo.cfg:11: the quorum address [0:0::1]:2 of server 5 is the election address of server 4",
        ),
        (
            "server.4=h:1:2\nserver.5=H:3:2",
            "zoo.cfg:11: the election address H:2 of server 5 is that of server 4 as well",
        ),
        (
            "server.4=h:1:2\nserver.5=H:1:3",
            "zoo.cfg:11: the quorum address H:1 of server 5 is that of server 4 as well: it works",
        ),
    ] {
        let warned = warnings(&with(lines));
        assert!(warned.len() == 1 && warned[0].starts_with(expected), "{warned:?}");
    }
    assert_eq!(warnings(&with("server.4=h:1:2\nserver.5=h:3:4")), <[&str; 0]>::default());
}

#[test]
fn numbers_of_voters_that_tolerate_no_more_failures_are_warned_of() {
    assert_eq!(
        warnings(&with("server.4=zoo4:2888:3888")),
        ["zoo.cfg: 4 participants outlive no more failures than 3 would"]
    );
    let two =
        accepted(&PLAIN.replace("server.3=zoo3:2888:3888", "server.3=zoo3:2888:3888:observer"));
    assert!(warnings(&two)[0].contains("two participants"));
}

#[test]
fn a_lone_server_is_a_quorum_of_one_and_warned_of() {
    let text = "dataDir=/data\nserver.0=h:1:2\n";
    let cfg = accepted(text);
    assert!(cfg.membership.ensemble().is_quorum(&[id(0)].into()));
    assert!(warnings(&cfg)[0].contains("server 0 is the only participant"));
    let error = refused(&format!("{text}standaloneEnabled=false"));
    assert!(error.contains("initLimit is not set"), "{error}");
    let cfg = accepted(&format!("{text}standaloneEnabled=false\ninitLimit=1\nsyncLimit=1"));
    assert_eq!(cfg.warnings, []);
}

#[test]
fn observers_need_participants() {
    let error = refused("dataDir=/data\nserver.1=a:1:2:observer\nserver.2=b:1:2:observer");
    assert!(error.contains("all 2 servers are observers"), "{error}");
    let beside_one =
        "dataDir=/data\ninitLimit=1\nsyncLimit=1\nserver.1=a:1:2\nserver.2=b:1:2:observer\n";
    assert!(refused(beside_one).contains("server 1 is the only participant"));
    assert_eq!(
        accepted(&format!("{beside_one}standaloneEnabled=false"))
            .membership
            .ensemble()
            .members()
            .count(),
        2
    );
}

#[test]
fn groups_and_weights_make_a_hierarchical_quorum() {
    let cfg = with(
        "group.1=1:2\ngroup.2 = 3\nweight.1=0\nweight.3=2\nserver.4=o:1:2:observer\nweight.4=9",
    );
    assert!(cfg.membership.ensemble().is_quorum(&[id(2), id(3)].into()));
    assert!(!cfg.membership.ensemble().is_quorum(&[id(1), id(3)].into()));
    assert!(!cfg.membership.ensemble().may_lead(id(1)));
    assert_eq!(
        warnings(&cfg),
        ["zoo.cfg:15: the weight of server 4 has no effect: it is not a participant"]
    );
}

#[test]
fn groups_that_do_not_fit_are_refused() {
    for (lines, expected) in [
        ("group.1=1:2", "zoo.cfg: voter 3 is in no group"),
        ("weight.1=1", "is in no group"),
        ("group.1=1:2:3\ngroup.2=3", "zoo.cfg:11: server 3 is in group 1 and in group 2"),
        ("group.1=1:2:3:4", "zoo.cfg:10: group 1 names server 4, which is not a participant"),
        ("group.1=1:2:3:4\nserver.4=o:1:2:observer", "names server 4, which is not a participant"),
        ("group.1=1:x", "zoo.cfg:10: group 1 names `x`, which is no server id"),
        ("group.1=", "names ``"),
        ("group=1:2:3", "zoo.cfg:10: `group` has no valid number: expected group.N"),
        ("group.-1=1:2:3", "zoo.cfg:10: -1 is out of range"),
        ("group.1=1:2:3\nweight.1=-1", "zoo.cfg:11: -1 is out of range"),
        ("weight.x=1", "`weight.x` has no valid number"),
        ("group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0", "every voter has weight 0"),
    ] {
        let error = refused_with(lines);
        assert!(error.contains(expected), "{lines:?}: {error}");
    }
}

#[test]
fn of_a_server_set_twice_the_last_line_counts_and_is_warned_of() {
    let cfg = with("server.1=other:2888:3888");
    assert_eq!(cfg.config.servers[&id(1)].election[0].host, "other");
    assert_eq!(
        warnings(&cfg),
        ["zoo.cfg:10: server.1 was set in line 7 already: the last one counts"]
    );
}
