//! Data directories that a node cannot use, or may use no longer.

use std::{
    collections::BTreeMap,
    env, fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::mpsc::RecvTimeoutError,
};

use serde_json::{Value, json};

use super::{
    Node, PATIENCE, ballotbox, file,
    leaders::{ensemble, following, leading, start},
    patience::{InTime, code_of},
    run, text,
};

/// All that lies in a directory, but for the lock: who looks at a directory takes it first.
fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found.extend(content(&path));
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            found.insert(path, target.into_os_string().into_encoded_bytes());
        } else if kind.is_file() && !path.ends_with("lock") {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// The node has not started, has said so in one line, and that line says this.
fn refused(output: &Output, code: i32, told: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}: {stderr}");
    assert!(output.stdout.is_empty(), "{told}: {}", text(&output.stdout));
    assert_eq!(stderr.lines().count(), 1, "{told}: {stderr}");
    assert!(stderr.starts_with("ballotbox: ") && stderr.contains(told), "{told}: {stderr}");
}

fn change(directory: &Path, name: &str, change: impl FnOnce(String) -> String) {
    let path = directory.join(name);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, change(text)).unwrap();
}

/// What is done to a directory.
type Spoil = fn(&Path);

#[test]
fn a_directory_that_is_not_as_its_member_left_it_is_refused_with_one_line_and_left_as_it_is() {
    let place = ensemble("spoilt", 1);
    let mut node = start(1, &place);
    leading(&mut node);
    assert_eq!(node.end("-TERM"), Some(0));
    let good = content(&place.1.join("1"));
    assert_eq!(good.len(), 5, "{good:?}");

    let cases: [(&str, Spoil, &str); 13] = [
        ("torn-epoch", |dir| change(dir, "acceptedEpoch", |_| String::new()), "holds no epoch"),
        ("wrong-epoch", |dir| change(dir, "currentEpoch", |_| "-1\n".into()), "holds no epoch"),
        ("no-accepted", |dir| fs::remove_file(dir.join("acceptedEpoch")).unwrap(), "is missing"),
        ("no-current", |dir| fs::remove_file(dir.join("currentEpoch")).unwrap(), "is missing"),
        (
            "accepted-below",
            |dir| change(dir, "acceptedEpoch", |_| "0\n".into()),
            "expected at least 1",
        ),
        ("torn", |dir| change(dir, "identity", |text| text[..text.len() / 2].into()), "it is torn"),
        ("empty", |dir| change(dir, "identity", |_| String::new()), "it is torn"),
        (
            "damaged",
            |dir| change(dir, "identity", |text| text.replace("incarnation 1", "incarnation 2")),
            "its checksum is",
        ),
        (
            "later",
            |dir| change(dir, "identity", |text| text.replace("identity 1", "identity 2")),
            "it has version \"2\"",
        ),
        ("foreign", |dir| change(dir, "identity", |_| "id=1\n".into()), "it begins with"),
        ("large", |dir| change(dir, "identity", |text| text.repeat(100)), "larger than 4096 bytes"),
        (
            "link",
            |dir| {
                fs::rename(dir.join("identity"), dir.join("elsewhere")).unwrap();
                symlink("elsewhere", dir.join("identity")).unwrap();
            },
            "symbolic link",
        ),
        (
            "real",
            |dir| fs::write(dir.join("log.100000001"), [0; 16]).unwrap(),
            "data of a ZooKeeper server",
        ),
    ];
    for (name, spoil, told) in cases {
        let directory = place.1.join(name);
        fs::create_dir_all(&directory).unwrap();
        for (path, bytes) in &good {
            fs::write(directory.join(path.file_name().unwrap()), bytes).unwrap();
        }
        spoil(&directory);
        let before = content(&directory);
        let (votes, path) = (place.0.to_str().unwrap(), directory.to_str().unwrap());
        let output = run(&["node", "--id", "1", "--votes", votes, "--data-dir", path]);
        refused(&output, 2, told);
        assert!(text(&output.stderr).contains(path), "{name}: {}", text(&output.stderr));
        assert_eq!(content(&directory), before, "{name}");
    }
}

#[test]
fn a_file_in_the_place_of_the_directory_is_told_and_left_as_it_is() {
    let place = ensemble("no-directory", 1);
    let path = file("no-directory.file", "mine");
    let shown = path.to_str().unwrap();
    let votes = place.0.to_str().unwrap();
    let output = run(&["node", "--id", "1", "--votes", votes, "--data-dir", shown]);
    refused(&output, 3, shown);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn the_data_of_a_real_server_is_refused_for_a_voter_and_left_as_it_is() {
    let data = file("real-server.cfg", "").with_extension("data");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(data.join("version-2")).unwrap();
    fs::write(data.join("myid"), "1\n").unwrap();
    fs::write(data.join("version-2/acceptedEpoch"), "3").unwrap();
    fs::write(data.join("version-2/snapshot.0"), [0; 16]).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shown = data.to_str().unwrap();
    let text = format!(
        "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={shown}\nclientPort=2181\n\
         server.1=127.0.0.1:2881:{}\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n",
        free.port()
    );
    let config = file("real-server.cfg", &text);
    let before = content(&data);
    refused(&run(&["node", "--config", config.to_str().unwrap()]), 2, "data of a ZooKeeper server");
    assert_eq!(content(&data), before);
}

/// Waits until a node has ended by itself, and returns its exit code and what it has told of its epochs since.
fn ended(mut node: Node) -> (Option<i32>, Vec<Value>) {
    let mut told = Vec::new();
    loop {
        match node.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["event"] == "lost" {
                    told.push(event["cause"].clone());
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("the node goes on"),
        }
    }
    (code_of(&mut node.child, "the node"), told)
}

#[test]
fn a_node_whose_lock_was_removed_or_replaced_leaves_though_it_has_nothing_to_store() {
    let place = ensemble("lock", 3);
    let [mut first, mut second, mut third] = [1, 2, 3].map(|id| start(id, &place));
    let epoch = leading(&mut third);
    assert_eq!((following(&mut first, 3), following(&mut second, 3)), (epoch, epoch));
    let lock = |id: &str| place.1.join(id).join("lock");
    fs::remove_file(lock("1")).unwrap();
    fs::remove_file(lock("2")).unwrap();
    fs::write(lock("2"), "1\n").unwrap();
    for node in [first, second] {
        assert_eq!(ended(node), (Some(3), vec![json!("stopped")]));
    }
    let lost = third.until(|event| event["event"] == "lost");
    assert_eq!(lost["cause"], "quorum-lost");
    // The directories are as good as before.
    let mut first = start(1, &place);
    assert!(following(&mut first, 3) > epoch);
}

/// The user and the group of nobody.
const NOBODY: u32 = 65534;

/// A place in which nobody can run a node, or `None` where a test cannot be nobody.
struct Commons(PathBuf);

impl Commons {
    fn new(name: &str) -> Option<Self> {
        let place = env::temp_dir().join(format!("ballotbox-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        let commons = Self(place);
        let built = env!("CARGO_BIN_EXE_ballotbox");
        let binary = commons.binary();
        fs::hard_link(built, &binary).or_else(|_| fs::copy(built, &binary).map(|_| ())).unwrap();
        if commons
            .as_nobody(&["--version"])
            .run_within(PATIENCE)
            .is_ok_and(|output| output.status.success())
        {
            return Some(commons);
        }
        let required = env::var("BALLOTBOX_NETNS").is_ok_and(|value| value == "required");
        assert!(!required, "it is required here to run a node as nobody");
        eprintln!("left out: {name}: a test cannot be nobody here");
        None
    }

    fn binary(&self) -> PathBuf {
        self.0.join("ballotbox")
    }

    /// The vote file, and a directory of its own for each of these members, which belongs to nobody.
    fn ensemble(&self, name: &str, count: u64) -> (PathBuf, PathBuf) {
        let (votes, _) = ensemble(name, count);
        let (here, data) = (self.0.join("votes.json"), self.0.join("data"));
        fs::copy(votes, &here).unwrap();
        for id in 1..=count {
            let directory = data.join(id.to_string());
            fs::create_dir_all(&directory).unwrap();
            chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        (here, data)
    }

    fn as_nobody(&self, args: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(self.binary());
        command.args(args).current_dir(&self.0);
        command
    }
}

impl Drop for Commons {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn allow(directory: &Path, mode: u32) {
    fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_directory_that_the_user_may_not_open_is_told_in_one_line() {
    let Some(commons) = Commons::new("forbidden") else { return };
    let (votes, data) = commons.ensemble("forbidden", 1);
    let directory = data.join("1");
    allow(&directory, 0);
    let (votes, shown) = (votes.to_str().unwrap(), directory.to_str().unwrap());
    let args = ["node", "--id", "1", "--votes", votes, "--data-dir", shown];
    let output = commons.as_nobody(&args).output_in_time();
    refused(&output, 3, "this user may not");
    assert!(text(&output.stderr).contains(shown), "{}", text(&output.stderr));
    assert_eq!(content(&directory), BTreeMap::new());
}

#[test]
fn a_voter_that_may_not_write_any_more_gives_no_word_until_it_may() {
    let Some(commons) = Commons::new("no-rights") else { return };
    let place = commons.ensemble("no-rights", 3);
    let directory = place.1.join("1");
    let (votes, shown) = (place.0.to_str().unwrap(), directory.to_str().unwrap());
    let args = ["node", "--json", "--id", "1", "--votes", votes, "--data-dir", shown];
    let mut first = Node::spawned(&mut commons.as_nobody(&args));
    let (mut second, mut third) = (start(2, &place), start(3, &place));
    let epoch = leading(&mut third);
    assert_eq!((following(&mut first, 3), following(&mut second, 3)), (epoch, epoch));
    allow(&directory, 0);
    assert_eq!(third.end("-TERM"), Some(0));
    let cannot = |event: &Value| {
        assert_ne!(event["event"], "following", "it gives a word that it cannot keep");
        let text = event["text"].as_str().unwrap_or_default();
        text.contains("cannot write the epochs") && text.contains("this user may not")
    };
    first.until(cannot);
    let status = ballotbox(&["status", "--json", "--data-dir", shown]).output_in_time();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&status["leader"], &status["disk"]["state"]), (&Value::Null, &json!("failing")));
    allow(&directory, 0o700);
    let next = leading(&mut second);
    assert!(next > epoch);
    assert_eq!(following(&mut first, 2), next);
}
