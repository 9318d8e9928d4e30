//! The files beside zoo.cfg: the dynamic one, what is proposed, and myid; and what a node makes of all of them.

use std::{io, path::Path, time::Duration};

use ballotbox::{
    NodeConfig,
    membership::config_text::ConfigVersion,
    zoo_cfg::{FILE_LEN_MAX, Problem, ZooCfg, ZooCfgError},
};

use super::{PLAIN, accepted, errors, id, parse_files, refused, warnings};

const DYNAMIC: &str = "server.1=a:1:2;2181\nserver.2=b:1:2;2181\nserver.3=c:1:2;2181\n";

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

#[test]
fn members_may_stand_in_a_file_whose_suffix_is_their_version() {
    for (name, version) in [
        ("/etc/zoo.cfg.dynamic.10000001a", 0x1_0000_001a),
        ("/etc/zoo.cfg.dynamic", 0),
        ("/etc/zoo.d/members", 0),
    ] {
        let cfg = with_dynamic("", name, DYNAMIC, None).unwrap();
        assert_eq!(cfg.config.version, ConfigVersion(version), "{name}");
        assert_eq!(cfg.membership.ensemble().voters().count(), 3);
    }
}

#[test]
fn main_and_dynamic_file_keep_to_themselves() {
    let refused = |main: &str, dynamic: &str, next: Option<&str>| {
        errors(&with_dynamic(main, "dyn.5", dynamic, next).unwrap_err())
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
        refused("", "tickTime=1", None).contains("dyn.5:1: tickTime stands in the dynamic file")
    );
    assert!(refused("", "version=5", None).contains("dyn.5:1: version stands in the dynamic file"));
    assert!(refused("", "server.1=h", None).starts_with("dyn.5:1: server 1: `h` has no ports"));
    let next = format!("{DYNAMIC}version=6");
    let warned = warnings(&with_dynamic("", "dyn.5", DYNAMIC, Some(&next)).unwrap());
    let expected = "zoo.cfg.dynamic.next: a member list of version 6 is proposed and not committed";
    assert!(warned.len() == 1 && warned[0].starts_with(expected), "{warned:?}");
    let warned = warnings(&with_dynamic("", "dyn.5", DYNAMIC, Some("server.1=h")).unwrap());
    assert!(warned[0].contains("cannot be read: line 1: server 1: `h` has no ports"), "{warned:?}");
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
    for text in ["2", "2\n", " 2 \r\nmore", "002", "+2"] {
        assert_eq!(with_my_id("", text).unwrap().identified(), Ok(id(2)), "{text:?}");
    }
    let missing = accepted(PLAIN).identified().unwrap_err();
    assert_eq!(
        missing.to_string(),
        "/data/myid: there is no such file: expected the id of this server in it, one of 1, 2, 3"
    );
    for text in ["", "two", "-1", "2 3", "9223372036854775807"] {
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
    assert!(cfg.membership.ensemble().may_lead(id(2)));
    assert_eq!(
        warnings(&cfg),
        [
            "zoo.cfg:10: peerType says observer, the line of server 2 says participant: the line counts"
        ]
    );
    let observer = "server.4=o:1:2:observer\npeerType=participant";
    let cfg = with_my_id(observer, "4").unwrap();
    assert!(!cfg.membership.ensemble().is_voter(id(4)) && cfg.warnings.len() == 1);
    let agreeing = with_my_id("server.4=o:1:2:observer\npeerType=Observer", "4").unwrap();
    assert_eq!(agreeing.warnings, []);
}

#[test]
fn a_file_beyond_the_limit_is_refused_and_so_is_one_that_cannot_be_read() {
    let long = vec![b'#'; FILE_LEN_MAX + 1];
    assert_eq!(
        *parse_files(&[("zoo.cfg", &long)]).unwrap_err().findings.errors[0].problem,
        Problem::TooLong
    );
    let many: String =
        (1..=256).map(|n| format!("server.{n}=h{n}:1:2\n")).collect::<Vec<_>>().concat();
    assert!(refused(&many).contains("zoo.cfg:256: more than 255"));
    let denied =
        ZooCfg::parse(Path::new("zoo.cfg"), |_| Err(io::ErrorKind::PermissionDenied.into()));
    assert_eq!(denied.unwrap_err().to_string(), "zoo.cfg: it cannot be read: permission denied");
}

#[test]
fn a_node_takes_the_place_of_the_server() {
    let lines =
        "server.4=[::1]:1:2\nquorumListenOnAllIPs=true\nelectionPortBindRetry=0\ncnxTimeout=70";
    let config = NodeConfig::from_zoo_cfg(&with_my_id(lines, "2").unwrap()).unwrap();
    assert_eq!(config.me, id(2));
    assert_eq!(config.membership.election(id(4))[0].to_string(), "[::1]:2");
    assert_eq!(config.network.connect, Duration::from_millis(70));
    assert_eq!(config.network.greeting, Duration::from_secs(10));
    assert_eq!(config.network.rebind.attempts_max, None);
    assert!(config.listen_on_all_interfaces && !config.greet_with_all_addresses);
    let told = "server.4=[0:0:0:0:0:0:0:1]:1:2:participant\nversion=0";
    assert!(config.config_text.ends_with(told), "{}", config.config_text);
    assert!(NodeConfig::from_zoo_cfg(&accepted(PLAIN)).is_err(), "without an id there is no node");
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
