//! What people get wrong, and the words for it.

use std::path::Path;

use ballotbox::zoo_cfg::ZooCfg;

use super::{PLAIN, accepted, refused, refused_with, warnings, with};

/// The only warning that these lines bring.
fn warned(lines: &str) -> String {
    let mut warned = warnings(&with(lines));
    assert_eq!(warned.len(), 1, "{lines}: {warned:?}");
    warned.remove(0)
}

#[test]
fn values_that_hold_what_does_not_belong_there_are_warned_of() {
    for (line, expected) in [
        ("dataLogDir=/log # own disk", "`#` begins a comment only at the beginning of a line"),
        ("dataLogDir=\"/log\"", "quotes have no meaning here"),
        ("dataLogDir={{ log_dir }}", "`{{ log_dir }}` looks like a variable"),
        ("dataLogDir=/log/$ID", "`$ID` looks like a variable"),
        ("dataLogDir=/log\u{200b}", r"`/log\u{200b}`: it holds the invisible character `\u{200b}`"),
        ("dataLogDir=D:\\zk\\log", "is read as `D:zklog`: a single backslash begins an escape"),
        ("dataLogDir=D:/zk\\\nmaxCnxns=1", "goes on in line 11, because a backslash"),
        ("secureClientPort=${PORT}", "expected a whole number up to 65535; `${PORT}` looks like"),
        ("snapCount=\"10\"", "no number, so its default counts; quotes have no meaning"),
        ("cnxTimeout=5s", "a real server takes the file and dies of it later"),
        ("tickTime\u{a0}=2000", r"the key `tickTime\u{a0}` holds an invisible character"),
        ("${x}=2000", "the key `${x}` was not filled in"),
        ("ssl.keyStore.password=${PASSWORD}", "ssl.keyStore.password is `…`: `${PASSWORD}` looks"),
    ] {
        let warned = warned(line);
        assert!(warned.starts_with("zoo.cfg:10: ") && warned.contains(expected), "{warned}");
    }
}

#[test]
fn passwords_are_not_shown_and_may_hold_anything() {
    let lines = "ssl.keyStore.password=\"pa$word #1\" %x% <y>\nssl.trustStore.password=\\qa";
    let warned = warned(lines);
    assert!(warned.contains("ssl.trustStore.password is read as `…`"), "{warned}");
}

#[test]
fn keys_that_are_nearly_right_bring_the_right_one_to_mind() {
    for (line, meant) in [
        ("ClientPort=2181", "clientPort"),
        ("zookeeper.snapCount=1000", "snapCount"),
        ("ZOO_TICK_TIME=2000", "tickTime"),
        ("synclimit=2", "syncLimit"),
        ("Group.1=1:2:3", "group.1"),
        ("export clientPort=2181", "clientPort"),
        ("ssl.quorum.keystore.location=/keys", "ssl.quorum.keyStore.location"),
    ] {
        let warned = warned(line);
        assert!(warned.ends_with(&format!("did you mean {meant}?")), "{line}: {warned}");
    }
    for line in ["com.example.plugin=1", "authProvider.corporate=a.B", "metricsProvider.x=1"] {
        assert_eq!(warnings(&with(line)), <[&str; 0]>::default());
    }
}

#[test]
fn lines_that_look_like_servers_are_named_when_there_is_none() {
    for key in ["server-", "Server.", "server", "SERVER_", "zookeeper.server.", "sever.", "node"] {
        let lines = [1, 2, 3].map(|n| format!("{key}{n}=zk{n}:2888:3888\n")).concat();
        let error = refused(&format!("dataDir=/d\n{lines}"));
        assert!(error.starts_with("zoo.cfg: there is no server"), "{error}");
        assert!(error.contains("lines 2, 3, 4 look like servers and are ignored"), "{error}");
    }
    let error = refused("dataDir=/d\nservers=zk1:2888:3888,zk2:2888:3888\n");
    assert!(error.contains("line 2 look"), "{error}");
}

#[test]
fn servers_that_are_written_as_elsewhere_are_refused_with_the_way_to_write_them() {
    for (line, expected) in [
        ("server.4=zk4:2888:3888::4", "ends in an id, as in ZOO_SERVERS of Bitnami's image"),
        ("server.4=zk4:2888:3888,server.5=zk5:2888:3888", "holds several servers"),
        ("server.4=zk4:2888:3888 zk5:2888:3888", "holds several servers"),
        ("server.4=zk4:2888:3888 # rack", "`#` begins a comment only at the beginning of a line"),
        ("server.4=zk4:2888:3888\u{200b}", r"invisible character `\u{200b}`"),
        ("server.4\u{200b}=zk4:2888:3888", r"`server.4\u{200b}`"),
        ("\u{feff}server.4=zk4:2888:3888", "byte order mark"),
    ] {
        let error = refused_with(line);
        assert!(error.starts_with("zoo.cfg:10: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_byte_order_mark_belongs_to_the_first_key_as_for_java() {
    let cfg = accepted(&format!("\u{feff}{PLAIN}"));
    assert!(warnings(&cfg)[0].starts_with("zoo.cfg:1: it begins with a byte order mark"));
    let error = refused(&format!("\u{feff}dataDir=/d\n{}", PLAIN.replace("dataDir=/data\n", "")));
    assert_eq!(error, "zoo.cfg: dataDir is not set: it holds the id of this server");
}

#[test]
fn utf_16_is_named() {
    let bytes: Vec<u8> = PLAIN.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for begin in [&b"\xff\xfe"[..], b""] {
        let bytes = [begin, &bytes].concat();
        let error = super::parse_files(&[("zoo.cfg", &bytes)]).unwrap_err().to_string();
        assert!(error.starts_with("zoo.cfg: it is in UTF-16"), "{error}");
    }
}

#[test]
fn waits_that_look_like_seconds_are_warned_of() {
    for (line, expected) in [
        (
            "maxSessionTimeout=60\nminSessionTimeout=4",
            "maxSessionTimeout is 60 ms: if seconds are meant, write 60000",
        ),
        ("cnxTimeout=5", "cnxTimeout is 5 ms: if seconds are meant, write 5000"),
    ] {
        assert!(warnings(&with(line)).concat().contains(expected), "{line}");
    }
    assert_eq!(warnings(&with("cnxTimeout=100")), <[&str; 0]>::default());
}

#[test]
fn client_ports_that_contradict_each_other_are_warned_of() {
    let cfg = with("server.1=zoo1:2888:3888;2281");
    let told = "zoo.cfg:6: clients are to come to 0.0.0.0:2181 by this line, and to 0.0.0.0:2281 by the line of server 1";
    assert!(warnings(&cfg).iter().any(|warning| warning.starts_with(told)), "{:?}", warnings(&cfg));
    for (line, expected) in [
        ("secureClientPort=2181", "port 2181 is for clients, and for clients over TLS as well"),
        (
            "secureClientPortAddress=::1",
            "secureClientPortAddress is set and secureClientPort is not",
        ),
        ("clientPortAddress=*", "clientPortAddress is `*`: expected an address or the name of one"),
    ] {
        let warned = warned(line);
        assert!(warned.contains(expected), "{warned}");
    }
}

#[test]
fn a_message_is_one_line_whatever_the_values_hold() {
    let text = "dataDir=/a\\nb\ninitLimit=1\nsyncLimit=1\nserver.1=h:1:2\nserver.2=h:3:4\n";
    let error = ZooCfg::parse(Path::new("zoo.cfg"), |_| Ok(Some(text.into()))).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains(r"/a\nb") && !shown.contains('\n'), "{shown}");
}
