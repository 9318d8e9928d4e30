//! A real server's zoo.cfg: what is taken from it, what is refused, and with which words.
#![allow(clippy::unwrap_used, reason = "what is tested here is known to be there")]
use std::{collections::BTreeMap, io, num::NonZeroU32, path::Path, time::Duration};

use ballotbox::{
    Role, ServerId,
    config_text::{ConfigText, ConfigVersion},
    zoo_cfg::{FILE_LEN_MAX, Problem, ZooCfg, ZooCfgError},
};
use proptest::{collection, prelude::*};

/// Three servers, and nothing out of the ordinary.
const PLAIN: &str = "\
# The ensemble of the web shop
tickTime=2000
initLimit=10
syncLimit=5
dataDir=/data
clientPort=2181
server.1=zoo1:2888:3888
server.2=zoo2:2888:3888
server.3=zoo3:2888:3888
";

fn parse_files(files: &[(&str, &[u8])]) -> Result<ZooCfg, ZooCfgError> {
    let files: BTreeMap<_, _> =
        files.iter().map(|(path, bytes)| (Path::new(*path), *bytes)).collect();
    ZooCfg::parse(Path::new("zoo.cfg"), |path| Ok(files.get(path).map(|bytes| bytes.to_vec())))
}

fn parse(text: &str) -> Result<ZooCfg, ZooCfgError> {
    parse_files(&[("zoo.cfg", text.as_bytes())])
}

fn accepted(text: &str) -> ZooCfg {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The plain file with more lines at its end, the first of them line 10.
fn with(lines: &str) -> ZooCfg {
    accepted(&format!("{PLAIN}{lines}"))
}

fn refused(text: &str) -> String {
    parse(text).expect_err("it should be refused").to_string()
}

fn refused_with(lines: &str) -> String {
    refused(&format!("{PLAIN}{lines}"))
}

fn warnings(cfg: &ZooCfg) -> Vec<String> {
    cfg.warnings.iter().map(ToString::to_string).collect()
}

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

#[test]
fn a_plain_file_is_read_with_the_defaults_of_zookeeper() {
    let cfg = accepted(PLAIN);
    assert_eq!(cfg.ensemble.voters().collect::<Vec<_>>(), [id(1), id(2), id(3)]);
    assert_eq!(cfg.config.servers[&id(2)].election[0].to_string(), "zoo2:3888");
    assert_eq!(cfg.config.servers[&id(2)].quorum[0].to_string(), "zoo2:2888");
    assert_eq!(cfg.config.version, ConfigVersion(0));
    assert_eq!(cfg.tick_time, Duration::from_secs(2));
    assert_eq!((cfg.init_limit, cfg.sync_limit), (10, 5));
    assert_eq!(cfg.cnx_timeout, Duration::from_secs(5));
    assert_eq!(cfg.quorum_cnxn_timeout, Duration::from_secs(10));
    assert_eq!(cfg.election_port_bind_retry, NonZeroU32::new(3));
    assert_eq!(cfg.timing().resend_min, Duration::from_millis(200));
    assert_eq!(cfg.timing().resend_max, Duration::from_secs(60));
    assert!(!cfg.tcp_keep_alive && !cfg.listen_on_all_ips && !cfg.multi_address_enabled);
    assert!(cfg.standalone_enabled && !cfg.reconfig_enabled);
    assert_eq!(warnings(&cfg), <[&str; 0]>::default());
    assert_eq!(cfg.me, None);
    let ignored: Vec<_> = cfg.ignored.iter().map(|i| (i.key.clone(), i.line)).collect();
    assert_eq!(ignored, [("clientPort".into(), 6)]);
}

#[test]
fn every_setting_about_elections_is_taken() {
    let cfg = with(
        "cnxTimeout=100\nquorumCnxnTimeoutMs=200\nelectionPortBindRetry=7\ntcpKeepAlive=True\n\
         fastleader.minNotificationInterval=300\nfastleader.maxNotificationInterval=400\n\
         quorumListenOnAllIPs=true\nmultiAddress.enabled=TRUE\nstandaloneEnabled=false\n\
         reconfigEnabled=true\nelectionAlg=3\nsslQuorum=false\nportUnification=false\n\
         quorum.auth.enableSasl=false\nquorum.auth.learnerRequireSasl=false\n\
         quorum.auth.serverRequireSasl=false\npeerType=observer\nversion=1f\n",
    );
    assert_eq!(cfg.cnx_timeout, Duration::from_millis(100));
    assert_eq!(cfg.quorum_cnxn_timeout, Duration::from_millis(200));
    assert_eq!(cfg.election_port_bind_retry, NonZeroU32::new(7));
    assert!(cfg.tcp_keep_alive && cfg.listen_on_all_ips && cfg.multi_address_enabled);
    assert!(!cfg.standalone_enabled && cfg.reconfig_enabled);
    assert_eq!(cfg.timing().resend_min, Duration::from_millis(300));
    assert_eq!(cfg.timing().resend_max, Duration::from_millis(400));
    assert_eq!(cfg.peer_type, Some(Role::Observer));
    assert_eq!(cfg.config.version, ConfigVersion(0x1f));
    assert_eq!(cfg.ignored.len(), 1, "{:?}", cfg.ignored);
    assert_eq!(accepted(&PLAIN.replace("tickTime=2000\n", "")).tick_time, Duration::from_secs(3));
}

#[test]
fn the_syntax_is_that_of_java_properties() {
    let text = "\u{feff}  tickTime : 1000\r\n! no = comment \\\r\ninitLimit 7\r\nsyncLimit\t=\t4  \r\n\
                data\\\r\n   Dir = /da\\\r\n\tta\\u0020x\r\n\
                server.1 = zoo1\\:2888\\:3888 \r\nserver.2=zoo2:2888:\\\r\n  3888:observer\rserver.3=zoo3:1:2";
    let cfg = accepted(text);
    assert_eq!(cfg.tick_time, Duration::from_secs(1));
    assert_eq!((cfg.init_limit, cfg.sync_limit), (7, 4));
    assert_eq!(cfg.data_dir, Path::new("/data x"));
    assert_eq!(cfg.config.servers[&id(1)].to_string(), "zoo1:2888:3888:participant");
    assert_eq!(cfg.config.servers[&id(2)].to_string(), "zoo2:2888:3888:observer");
    assert_eq!(
        warnings(&cfg)[1..],
        [
            "zoo.cfg:1: it begins with a byte order mark, which ZooKeeper takes for a part of the first line"
        ]
    );
}

#[test]
fn bytes_are_utf8_or_else_latin_1() {
    let utf8 = with("dataDir=/d\u{fc}");
    assert_eq!(utf8.data_dir, Path::new("/dü"));
    assert_eq!(
        warnings(&utf8),
        [
            "zoo.cfg:10: it is read as UTF-8, ZooKeeper reads ISO-8859-1",
            "zoo.cfg:10: dataDir was set in line 5 already: the last one counts",
        ]
    );
    let latin1 = [PLAIN.as_bytes(), b"dataDir=/d\xfc"].concat();
    let latin1 = parse_files(&[("zoo.cfg", &latin1)]).unwrap();
    assert_eq!(latin1.data_dir, Path::new("/dü"));
    assert_eq!(latin1.warnings.len(), 1);
    let zero = parse_files(&[("zoo.cfg", b"k\0=v")]).unwrap_err();
    assert_eq!(*zero.problem, Problem::NotText);
    assert!(refused_with("k=\\u00g0").starts_with("zoo.cfg:10: `\\u00g0` is not a character"));
}

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
        ("server.4=h:2888:2888", "server 4 has quorum and election port 2888"),
        ("server.4=h:2888:0", "server 4 has port 0"),
        ("server.4=h:2888:70000", "server 4: `70000` in `h:70000` is not a port"),
        ("server.4=::1:2888:3888", "an IPv6 address in brackets"),
        ("server.4=[::1:2888:3888", "no closing bracket"),
        ("server.4=h:1:2:leader", "`leader` is not a role"),
        (
            "server.4=a:1:2|b:1:2",
            "server 4 has 2 addresses: expected one, or multiAddress.enabled=true",
        ),
        ("server.-1=h:1:2", "`server.-1` has no valid number: expected server.N"),
        ("server.x=h:1:2", "`server.x` has no valid number"),
        ("server.=h:1:2", "`server.` has no valid number"),
        ("server.9223372036854775807=h:1:2", "N from 0 to 9223372036854775806"),
        ("server.03=h:1:2", "`server.03` repeats an earlier line in other digits"),
        ("server.4=zoo3:3888:2888", "server 4 is taken by server 3 already"),
        ("server.4=ZOO3:2888:4", "ZOO3:2888 of server 4 is taken by server 3"),
    ] {
        let error = refused_with(line);
        assert!(error.starts_with("zoo.cfg:10: ") && error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn an_address_is_the_same_in_whatever_form() {
    let taken = refused_with("server.4=[::1]:1:2\nserver.5=[0:0::1]:2:3");
    assert!(
        taken.starts_with("zoo.cfg:11: [0:0::1]:2 of server 5 is taken by server 4"),
        "{taken}"
    );
}

#[test]
fn what_changes_safety_or_identity_is_refused_never_ignored() {
    for (line, expected) in [
        ("sslQuorum=true", "sslQuorum=true is not supported: the servers would use TLS"),
        ("portUnification=true", "portUnification=true is not supported"),
        ("quorum.auth.enableSasl=true", "the servers would authenticate each other"),
        ("quorum.auth.serverRequireSasl=true", "expected false, or no such line"),
        ("quorum.auth.learnerRequireSasl=TRUE", "learnerRequireSasl=TRUE is not supported"),
        ("ssl.quorum.context.supplier.class=a.B", "a Java class"),
        ("oraclePath=/oracle", "without a quorum"),
        ("electionAlg=0", "expected 3, FastLeaderElection"),
        ("electionAlg=", "electionAlg= is not supported"),
    ] {
        let error = refused_with(line);
        assert!(error.starts_with("zoo.cfg:10: ") && error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn switches_are_true_or_false_and_nothing_else() {
    for key in [
        "tcpKeepAlive",
        "quorumListenOnAllIPs",
        "standaloneEnabled",
        "reconfigEnabled",
        "multiAddress.enabled",
        "sslQuorum",
        "quorum.auth.enableSasl",
        "kerberos.canonicalizeHostNames",
        "syncEnabled",
    ] {
        let error = refused_with(&format!("{key}=yes"));
        assert_eq!(error, format!("zoo.cfg:10: {key} is `yes`: expected true or false"));
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (line, expected) in [
        ("tickTime=0", "tickTime is `0`: expected a number from 1 to 2147483647"),
        ("initLimit=-1", "initLimit is `-1`"),
        ("syncLimit=five", "syncLimit is `five`"),
        ("cnxTimeout=0", "cnxTimeout is `0`"),
        ("cnxTimeout=99999999999", "cnxTimeout is `99999999999`"),
        ("electionPortBindRetry=", "electionPortBindRetry is ``"),
        (
            "fastleader.minNotificationInterval=70000",
            "more than fastleader.maxNotificationInterval, 60000 ms",
        ),
        ("peerType=leader", "peerType is `leader`: expected participant or observer"),
        ("version=xyz", "the version is `xyz`"),
    ] {
        let error = refused_with(line);
        assert!(error.starts_with("zoo.cfg:10: ") && error.contains(expected), "{line}: {error}");
    }
    assert_eq!(with("quorumCnxnTimeoutMs=-1").quorum_cnxn_timeout, Duration::from_secs(10));
}

#[test]
fn bind_attempts_may_be_endless_and_are_three_if_negative() {
    assert_eq!(with("electionPortBindRetry=0").election_port_bind_retry, None);
    let cfg = with("electionPortBindRetry=-1");
    assert_eq!(cfg.election_port_bind_retry, NonZeroU32::new(3));
    assert_eq!(
        warnings(&cfg),
        [
            "zoo.cfg:10: electionPortBindRetry is -1: using 3, as ZooKeeper does; 0 means without end"
        ]
    );
}

#[test]
fn what_is_needed_and_missing_is_named() {
    for key in ["dataDir", "initLimit", "syncLimit"] {
        let text: String =
            PLAIN.lines().filter(|line| !line.starts_with(key)).flat_map(|l| [l, "\n"]).collect();
        assert!(refused(&text).starts_with(&format!("zoo.cfg: {key} is not set")), "{key}");
    }
    assert_eq!(parse_files(&[]).unwrap_err().to_string(), "zoo.cfg: there is no such file");
    assert!(refused("dataDir=/data").starts_with("zoo.cfg: there is no server"));
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
    assert!(cfg.ensemble.is_quorum(&[id(0)].into()));
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
        accepted(&format!("{beside_one}standaloneEnabled=false")).ensemble.members().count(),
        2
    );
}

#[test]
fn groups_and_weights_make_a_hierarchical_quorum() {
    let cfg = with(
        "group.1=1:2\ngroup.2 = 3\nweight.1=0\nweight.3=2\nserver.4=o:1:2:observer\nweight.4=9",
    );
    assert!(cfg.ensemble.is_quorum(&[id(2), id(3)].into()));
    assert!(!cfg.ensemble.is_quorum(&[id(1), id(3)].into()));
    assert!(!cfg.ensemble.may_lead(id(1)));
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
        ("groups.1=1:2:3", "`groups.1` has no valid number"),
        ("group.-1=1:2:3", "`group.-1` has no valid number"),
        ("group.1=1:2:3\nweight.1=-1", "zoo.cfg:11: the weight of server 1 is `-1`"),
        ("weight.x=1", "`weight.x` has no valid number"),
        ("group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0", "every voter has weight 0"),
    ] {
        let error = refused_with(lines);
        assert!(error.contains(expected), "{lines:?}: {error}");
    }
}

#[test]
fn keys_without_effect_are_listed_once_by_line() {
    let cfg =
        with("maxClientCnxns=60\nautopurge.purgeInterval=1\nmaxClientCnxns=70\nserver1=h:1:2");
    let ignored: Vec<_> = cfg.ignored.iter().map(|i| (i.key.clone(), i.line)).collect();
    assert_eq!(
        ignored,
        [
            ("clientPort".into(), 6),
            ("autopurge.purgeInterval".into(), 11),
            ("maxClientCnxns".into(), 12),
            ("server1".into(), 13)
        ]
    );
    assert_eq!(
        warnings(&cfg),
        [
            "zoo.cfg:12: maxClientCnxns was set in line 10 already: the last one counts",
            "zoo.cfg:13: `server1` looks like a server and is ignored: a server is server.N",
        ]
    );
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

/// The plain file without members, pointing to a dynamic one.
fn with_dynamic(
    main: &str,
    name: &str,
    dynamic: &str,
    next: Option<&str>,
) -> Result<ZooCfg, ZooCfgError> {
    let main = format!("dataDir=/data\ninitLimit=5\nsyncLimit=2\ndynamicConfigFile={name}\n{main}");
    let mut files = vec![("zoo.cfg", main.as_bytes()), (name, dynamic.as_bytes())];
    files.extend(next.map(|text| ("zoo.cfg.dynamic.next", text.as_bytes())));
    parse_files(&files)
}

const DYNAMIC: &str = "server.1=a:1:2;2181\nserver.2=b:1:2;2181\nserver.3=c:1:2;2181\n";

#[test]
fn members_may_stand_in_a_file_whose_suffix_is_their_version() {
    for (name, version) in [
        ("/etc/zoo.cfg.dynamic.10000001a", 0x1_0000_001a),
        ("/etc/zoo.cfg.dynamic", 0),
        ("/etc/zoo.d/members", 0),
    ] {
        let cfg = with_dynamic("", name, DYNAMIC, None).unwrap();
        assert_eq!(cfg.config.version, ConfigVersion(version), "{name}");
        assert_eq!(cfg.ensemble.voters().count(), 3);
    }
}

#[test]
fn main_and_dynamic_file_keep_to_themselves() {
    let refused = |main: &str, dynamic: &str, next: Option<&str>| {
        with_dynamic(main, "dyn.5", dynamic, next).unwrap_err().to_string()
    };
    for key in ["server.1", "group.1", "weight.1"] {
        assert_eq!(
            refused(&format!("{key}=1"), DYNAMIC, None),
            format!(
                "zoo.cfg:5: {key} stands beside dynamicConfigFile: expected it in the dynamic file"
            )
        );
    }
    assert!(
        refused("", "tickTime=1", None).starts_with("dyn.5:1: tickTime stands in the dynamic file")
    );
    assert!(
        refused("", "version=5", None).starts_with("dyn.5:1: version stands in the dynamic file")
    );
    assert!(refused("", "server.1=h", None).starts_with("dyn.5:1: server 1: `h` has no ports"));
    let next = format!("{DYNAMIC}version=6");
    let error = refused("", DYNAMIC, Some(&next));
    assert!(
        error.starts_with("zoo.cfg.dynamic.next: a member list of version 6 is proposed"),
        "{error}"
    );
    assert!(with_dynamic("", "dyn.6", DYNAMIC, Some(&next)).is_ok());
    let missing = parse_files(&[("zoo.cfg", b"dataDir=/d\ndynamicConfigFile=dyn")]).unwrap_err();
    assert_eq!(missing.to_string(), "dyn: there is no such file");
}

fn with_my_id(lines: &str, my_id: &str) -> Result<ZooCfg, ZooCfgError> {
    let main = format!("{PLAIN}{lines}");
    parse_files(&[("zoo.cfg", main.as_bytes()), ("/data/myid", my_id.as_bytes())])
}

#[test]
fn the_id_of_this_server_comes_from_myid() {
    for text in ["2", "2\n", " 2 \r\nmore", "002"] {
        assert_eq!(with_my_id("", text).unwrap().identified(), Ok(id(2)), "{text:?}");
    }
    let missing = accepted(PLAIN).identified().unwrap_err();
    assert_eq!(
        missing.to_string(),
        "/data/myid: there is no such file: expected the id of this server in it, one of 1, 2, 3"
    );
    for text in ["", "two", "-1", "+2", "2 3", "9223372036854775807"] {
        let error = with_my_id("", text).unwrap_err().to_string();
        let expected =
            format!("/data/myid:1: `{text}` is not a server id: expected one of 1, 2, 3");
        assert_eq!(error, expected);
    }
    assert_eq!(
        with_my_id("", "4").unwrap_err().to_string(),
        "/data/myid:1: server 4 is not in the member list: expected one of 1, 2, 3"
    );
}

#[test]
fn the_id_may_be_said_instead() {
    let mut cfg = accepted(PLAIN);
    cfg.identify(id(3)).unwrap();
    assert_eq!(cfg.me, Some(id(3)));
    let error = cfg.identify(id(9)).unwrap_err().to_string();
    assert_eq!(error, "zoo.cfg: server 9 is not in the member list: expected one of 1, 2, 3");
    assert_eq!(cfg.me, Some(id(3)), "a refused id changes nothing");
}

#[test]
fn the_server_line_wins_over_the_peer_type() {
    let cfg = with_my_id("peerType=observer", "2").unwrap();
    assert!(cfg.ensemble.may_lead(id(2)));
    assert_eq!(
        warnings(&cfg),
        [
            "zoo.cfg:10: peerType says observer, the line of server 2 says participant: the line counts"
        ]
    );
    let observer = "server.4=o:1:2:observer\npeerType=participant";
    let cfg = with_my_id(observer, "4").unwrap();
    assert!(!cfg.ensemble.is_voter(id(4)) && cfg.warnings.len() == 1);
    let agreeing = with_my_id("server.4=o:1:2:observer\npeerType=Observer", "4").unwrap();
    assert_eq!(agreeing.warnings, []);
}

#[test]
fn a_file_beyond_the_limit_is_refused_and_so_is_one_that_cannot_be_read() {
    let long = vec![b'#'; FILE_LEN_MAX + 1];
    assert_eq!(*parse_files(&[("zoo.cfg", &long)]).unwrap_err().problem, Problem::TooLong);
    let many: String =
        (1..=256).map(|n| format!("server.{n}=h{n}:1:2\n")).collect::<Vec<_>>().concat();
    assert!(refused(&many).starts_with("zoo.cfg:256: more than 255"));
    let denied =
        ZooCfg::parse(Path::new("zoo.cfg"), |_| Err(io::ErrorKind::PermissionDenied.into()));
    assert_eq!(denied.unwrap_err().to_string(), "zoo.cfg: it cannot be read: permission denied");
}

#[test]
fn a_node_takes_the_place_of_the_server() {
    let lines =
        "server.4=[::1]:1:2\nquorumListenOnAllIPs=true\nelectionPortBindRetry=0\ncnxTimeout=70";
    let config = with_my_id(lines, "2").unwrap().node_config().unwrap();
    assert_eq!(config.me, id(2));
    assert_eq!(config.election[&id(4)][0].to_string(), "[::1]:2");
    assert_eq!(config.network.connect, Duration::from_millis(70));
    assert_eq!(config.network.greeting, Duration::from_secs(10));
    assert_eq!(config.network.rebind.attempts_max, None);
    assert!(config.listen_on_all_interfaces && !config.greet_with_all_addresses);
    let told = "server.4=[0:0:0:0:0:0:0:1]:1:2:participant\nversion=0";
    assert!(config.config_text.ends_with(told), "{}", config.config_text);
    assert!(accepted(PLAIN).node_config().is_err(), "without an id there is no node");
}

fn check(path: &Path) -> std::process::Output {
    let mut ballotbox = std::process::Command::new(env!("CARGO_BIN_EXE_ballotbox"));
    ballotbox.arg("check").arg(path).output().unwrap()
}

#[test]
fn the_command_checks_a_zoo_cfg_by_name_or_by_content() {
    let dir = std::env::temp_dir().join(format!("ballotbox-check-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for name in ["zoo.cfg", "zoo_sample"] {
        let path = dir.join(name);
        std::fs::write(&path, format!("{PLAIN}server.4=zoo4:2888:3888\n")).unwrap();
        let output = check(&path);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        for expected in
            ["zoo3:3888", "3 of 4 voters", "clientPort (line 6)", "4 participants outlive"]
        {
            assert!(text.contains(expected), "{name}: {expected} in {text}");
        }
        std::fs::write(&path, format!("{PLAIN}sslQuorum=true\n")).unwrap();
        let output = check(&path);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text.contains(&format!("{name}:10: sslQuorum=true is not supported")), "{text}");
    }
    let votes = dir.join("votes");
    std::fs::write(&votes, "\n { \"members\": [] }").unwrap();
    let text = String::from_utf8(check(&votes).stderr).unwrap();
    assert!(text.contains("members") && !text.contains("server.N"), "{text}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn files_are_read_from_the_disk() {
    let dir = std::env::temp_dir().join(format!("ballotbox-zoo-cfg-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let main = dir.join("zoo.cfg");
    let dynamic = dir.join("zoo.cfg.dynamic.a");
    let text = format!(
        "dataDir={0}\ninitLimit=5\nsyncLimit=2\ndynamicConfigFile={1}\n",
        dir.display(),
        dynamic.display()
    );
    std::fs::write(&main, text).unwrap();
    std::fs::write(dynamic, DYNAMIC).unwrap();
    std::fs::write(dir.join("myid"), "3\n").unwrap();
    let cfg = ZooCfg::read(&main).unwrap();
    assert_eq!((cfg.me, cfg.config.version), (Some(id(3)), ConfigVersion(10)));
    std::fs::remove_file(dir.join("myid")).unwrap();
    assert_eq!(ZooCfg::read(&main).unwrap().me, None);
    let error = ZooCfg::read(&dir).unwrap_err().to_string();
    assert!(error.contains("it cannot be read"), "{error}");
    std::fs::remove_dir_all(dir).unwrap();
}

/// A key or a value as a file has to hold it.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            ' ' | ':' | '=' | '#' | '!' | '\\' => format!("\\{c}"),
            _ if c.is_ascii() => c.to_string(),
            _ => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("\\u{unit:04X}"))
                .collect::<Vec<_>>()
                .concat(),
        })
        .collect()
}

proptest! {
    #[test]
    fn whatever_is_escaped_comes_back(
        key in "[a-z]\\PC{0,20}[a-z]",
        value in "/[^\\x00]{0,40}/",
        separator in "[ \\t]{0,2}[=: ][ \\t]{0,2}",
        end in "\n|\r|\r\n",
    ) {
        prop_assume!(!["server", "group", "weight"].iter().any(|word| key.starts_with(word)));
        let text = format!("{PLAIN}{}{separator}x{end}dataDir={}{end}", escaped(&key), escaped(&value));
        let cfg = accepted(&text);
        prop_assert_eq!(cfg.data_dir.to_str().unwrap(), value);
        prop_assert!(cfg.ignored.iter().any(|ignored| ignored.key == key.as_str().into()), "{:?}", cfg.ignored);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_files(&[("zoo.cfg", &bytes)]);
        let _ = parse_files(&[("zoo.cfg", PLAIN.as_bytes()), ("/data/myid", &bytes)]);
    }

    #[test]
    fn no_lines_make_the_parser_panic(
        lines in collection::vec("(server\\.|group\\.|weight\\.|tickTime|version|peerType|electionPortBindRetry)[0-9]{0,3}[=: ][a-z0-9:;|\\[\\]\\\\-]{0,20}", 0..8)
    ) {
        let _ = parse(&format!("{PLAIN}{}", lines.join("\n")));
    }

    #[test]
    fn the_text_of_an_ensemble_is_read_back(
        voters in 3..20_u64,
        observers in 0..5_u64,
        version in 0..=i64::MAX,
    ) {
        let lines: Vec<_> = (0..voters + observers)
            .map(|n| {
                let role = if n < voters { "participant" } else { "observer" };
                format!("server.{n}=10.0.0.{n}:2888:3888:{role}")
            })
            .collect();
        let text = format!("dataDir=/d\ninitLimit=5\nsyncLimit=2\n{}\nversion={version:x}", lines.join("\n"));
        let cfg = accepted(&text);
        let told = ConfigText::parse(&cfg.config.to_string()).unwrap();
        prop_assert_eq!(&told, &cfg.config);
        prop_assert_eq!(cfg.ensemble.voters().count() as u64, voters);
        prop_assert_eq!(told.version, ConfigVersion(version));
    }
}

#[test]
fn a_message_is_one_line_whatever_the_values_hold() {
    let text = "dataDir=/a\\nb\ninitLimit=1\nsyncLimit=1\nserver.1=h:1:2\nserver.2=h:3:4\n";
    let error = ZooCfg::parse(Path::new("zoo.cfg"), |_| Ok(Some(text.into()))).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains(r"/a\nb") && !shown.contains('\n'), "{shown}");
}
