//! Settings: what is taken, what is refused, what has no effect.

use std::{num::NonZeroU32, path::Path, time::Duration};

use ballotbox::{Role, membership::config_text::ConfigVersion, zoo_cfg::Problem};

use super::{PLAIN, accepted, id, parse_files, refused, refused_with, warnings, with};

#[test]
fn a_plain_file_is_read_with_the_defaults_of_zookeeper() {
    let cfg = accepted(PLAIN);
    assert_eq!(cfg.membership.ensemble().voters().collect::<Vec<_>>(), [id(1), id(2), id(3)]);
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
    let text = "  tickTime : 1000\r\n! no = comment \\\r\ninitLimit 7\r\nsyncLimit\t=\t4  \r\n\
                data\\\r\n   Dir = /da\\\r\n\tta\\u0020x\r\n\
                server.1 = zoo1\\:2888\\:3888 \r\nserver.2=zoo2:2888:\\\r\n  3888:observer\rserver.3=zoo3:1:2";
    let cfg = accepted(text);
    assert_eq!(cfg.tick_time, Duration::from_secs(1));
    assert_eq!((cfg.init_limit, cfg.sync_limit), (7, 4));
    assert_eq!(cfg.data_dir, Path::new("/data x"));
    assert_eq!(cfg.config.servers[&id(1)].to_string(), "zoo1:2888:3888:participant");
    assert_eq!(cfg.config.servers[&id(2)].to_string(), "zoo2:2888:3888:observer");
}

#[test]
fn bytes_are_utf8_or_else_latin_1() {
    let utf8 = with("dataDir=/d\u{fc}");
    assert_eq!(utf8.data_dir, Path::new("/dü"));
    assert_eq!(
        warnings(&utf8),
        [
            "zoo.cfg:10: it is read as UTF-8 here, and as ISO-8859-1 by ZooKeeper",
            "zoo.cfg:10: dataDir was set in line 5 already: the last one counts",
        ]
    );
    let latin1 = [PLAIN.as_bytes(), b"dataDir=/d\xfc"].concat();
    let latin1 = parse_files(&[("zoo.cfg", &latin1)]).unwrap();
    assert_eq!(latin1.data_dir, Path::new("/dü"));
    assert_eq!(latin1.warnings.len(), 1);
    let zero = parse_files(&[("zoo.cfg", b"k\0=v")]).unwrap_err();
    assert_eq!(*zero.findings.errors[0].problem, Problem::NotText);
    assert!(refused_with("k=\\u00g0").starts_with("zoo.cfg:10: `\\u00g0` is not a character"));
}

#[test]
fn what_changes_safety_or_identity_is_refused_never_ignored() {
    for (line, expected) in [
        ("sslQuorum=true", "TLS among the servers needs ssl.quorum.keyStore.location and ssl."),
        ("quorum.auth.serverRequireSasl=true", "expected false, or no such line"),
        ("quorum.auth.learnerRequireSasl=TRUE", "learnerRequireSasl=true is not supported"),
        ("oraclePath=/oracle", "without a quorum"),
        ("electionAlg=0", "expected 3, FastLeaderElection"),
        ("electionAlg=", "electionAlg is ``"),
    ] {
        let error = refused_with(line);
        assert!(error.starts_with("zoo.cfg:10: ") && error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn switches_are_true_or_false_and_nothing_else() {
    for key in [
        "quorumListenOnAllIPs",
        "standaloneEnabled",
        "reconfigEnabled",
        "multiAddress.enabled",
        "sslQuorum",
        "portUnification",
        "quorum.auth.enableSasl",
    ] {
        let error = refused_with(&format!("{key}=yes"));
        assert_eq!(error, format!("zoo.cfg:10: {key} is `yes`: expected true or false"));
    }
    for key in ["syncEnabled", "localSessionsEnabled", "jvm.pause.monitor"] {
        assert_eq!(
            warnings(&with(&format!("{key}=yes"))),
            [format!(
                "zoo.cfg:10: {key} is `yes`: expected true or false; a real server refuses the file for it"
            )]
        );
    }
    for key in ["tcpKeepAlive", "kerberos.canonicalizeHostNames", "audit.enable"] {
        assert_eq!(
            warnings(&with(&format!("{key}=yes"))),
            [format!("zoo.cfg:10: {key} is `yes`, and everything but true is taken for false")]
        );
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (line, expected) in [
        ("tickTime=0", "tickTime is 0: expected a number from 1 to 2147483647"),
        ("initLimit=-1", "initLimit is -1"),
        ("syncLimit=five", "syncLimit is `five`"),
        ("cnxTimeout=0", "cnxTimeout is 0"),
        (
            "fastleader.minNotificationInterval=70000",
            "more than fastleader.maxNotificationInterval, 60000 ms",
        ),
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
