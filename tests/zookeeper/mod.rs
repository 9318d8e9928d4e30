//! Ensembles with real ZooKeeper servers in them, on loopback ports, for tests.
//!
//! The servers are those of Debian's `libzookeeper-java`, or of the jars in the folder that
//! `BALLOTBOX_ZOOKEEPER_JARS` names. Where they are missing, a test says so and passes;
//! `BALLOTBOX_ZOOKEEPER=required` makes it fail instead. `.ci/packages` installs what is needed.
//!
//! Everything is waited for by reading what the servers log. Their files stay where they are when a test fails.

mod client;
pub mod log;
mod ours;
mod process;

use std::{
    collections::BTreeMap,
    env, fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, AtomicU32, Ordering},
    },
};

use ballotbox::{
    Endpoint, Node, NodeConfig, Role, ServerId,
    membership::config_text::{ConfigText, ServerLine},
    tls::{NodeTls, read_material},
    zoo_cfg::ZooCfg,
};

pub use self::{client::Client, ours::Ours, process::Server};
use crate::common::{certificates::Authority, id};

/// What a server needs of Debian's jars.
const DEBIAN_JARS: [&str; 17] = [
    "zookeeper",
    "zookeeper-jute",
    "slf4j-api",
    "slf4j-log4j12",
    "log4j-1.2",
    "netty-buffer",
    "netty-codec",
    "netty-common",
    "netty-handler",
    "netty-resolver",
    "netty-transport",
    "netty-transport-native-epoll",
    "netty-transport-native-unix-common",
    "metrics-core",
    "commons-cli",
    "commons-io",
    "snappy-java",
];

/// Java machines are heavy: one test has its own at a time, so that none waits for the others' start.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An ensemble of real servers and of ours, each started when the test wants it.
#[derive(Debug)]
pub struct Zoo {
    dir: PathBuf,
    class_path: String,
    members: ConfigText,
    clients: BTreeMap<u64, u16>,
    /// Lines for every zoo.cfg.
    pub settings: Vec<String>,
    /// Lines for the zoo.cfg of single members.
    own_settings: BTreeMap<u64, Vec<String>>,
    /// Options for every Java machine.
    pub java_options: Vec<String>,
    /// Makes every node of ours greet with all its addresses.
    pub greet_with_all_addresses: bool,
    _turn: MutexGuard<'static, ()>,
}

impl Zoo {
    /// An ensemble of voters with these ids, or `None` where there are no real servers.
    pub fn voters(numbers: impl IntoIterator<Item = u64>) -> Option<Self> {
        Self::new(numbers.into_iter().map(|number| (number, Role::Voter)))
    }

    /// An ensemble of these members, or `None` where there are no real servers.
    pub fn new(members: impl IntoIterator<Item = (u64, Role)>) -> Option<Self> {
        let class_path = present(class_path())?;
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut zoo = Self {
            dir: fresh_dir(),
            class_path,
            members: ConfigText::default(),
            clients: BTreeMap::new(),
            settings: vec!["tickTime=500".to_owned(), "initLimit=40".to_owned()],
            own_settings: BTreeMap::new(),
            java_options: Vec::new(),
            greet_with_all_addresses: false,
            _turn: turn,
        };
        for (number, role) in members {
            let at = |port| vec![Endpoint { host: "127.0.0.1".to_owned(), port }];
            let (quorum, election) = (at(free_port()), at(free_port()));
            let line = ServerLine { quorum, election, role, client: None, secure_client: None };
            zoo.members.servers.insert(id(number), line);
            zoo.clients.insert(number, free_port());
        }
        Some(zoo)
    }

    /// Gives every member a certificate for the host of all of them, as real servers want it, and for its own id.
    pub fn certify(&mut self, authority: &Authority) {
        let folder = self.dir.join("tls");
        fs::create_dir_all(&folder).unwrap();
        let trusted = folder.join("ca.pem");
        fs::write(&trusted, authority.pem()).unwrap();
        for number in self.clients.keys() {
            let issued = authority.issue(&["127.0.0.1", &format!("ballotbox:{number}")]);
            let (certificate, key) = issued.pem();
            let store = folder.join(format!("{number}.pem"));
            fs::write(&store, key + &certificate).unwrap();
            fs::set_permissions(&store, fs::Permissions::from_mode(0o600)).unwrap();
            let lines = [
                format!("ssl.quorum.keyStore.location={}", store.display()),
                format!("ssl.quorum.trustStore.location={}", trusted.display()),
            ];
            self.own_settings.insert(*number, lines.into());
        }
    }

    /// The member list, for tests that change it before anybody starts.
    pub fn members(&mut self) -> &mut ConfigText {
        &mut self.members
    }

    /// Everybody's id.
    pub fn ids(&self) -> impl Iterator<Item = ServerId> {
        self.members.servers.keys().copied()
    }

    /// Where a member listens for its peers.
    pub fn election(&self, number: u64) -> Endpoint {
        self.members.servers[&id(number)].election[0].clone()
    }

    /// Where a member serves learners once it leads.
    pub fn quorum(&self, number: u64) -> Endpoint {
        self.members.servers[&id(number)].quorum[0].clone()
    }

    /// Starts a real server.
    pub fn serve(&self, number: u64) -> Server {
        self.serve_in(&self.data(number), number)
    }

    /// Starts a real server with this `dataDir`.
    pub fn serve_in(&self, data: &Path, number: u64) -> Server {
        let home = self.dir.join(number.to_string());
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(data).unwrap();
        fs::write(data.join("myid"), format!("{number}\n")).unwrap();
        fs::write(home.join("zoo.cfg"), self.zoo_cfg(number, data)).unwrap();
        fs::write(home.join("log4j.properties"), log::LOG4J).unwrap();
        fs::write(home.join("log4j2.properties"), log::LOG4J2).unwrap();
        let mut java = java();
        java.args(["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]);
        java.arg(format!("-Dlog4j.configuration=file:{}/log4j.properties", home.display()));
        java.arg(format!("-Dlog4j2.configurationFile=file:{}/log4j2.properties", home.display()));
        java.args(["-Dzookeeper.jmx.log4j.disable=true", "-Dzookeeper.admin.enableServer=false"]);
        java.args(&self.java_options).args(["-cp", &self.class_path]);
        java.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(home.join("zoo.cfg"));
        Server::start(number, java.current_dir(&home), &home.join("log.txt"))
    }

    /// What a node of ours is started with, for tests that change it: its zoo.cfg, with a `dataDir` of its own.
    pub fn config(&self, number: u64) -> NodeConfig {
        let cfg = ZooCfg::read(&self.zoo_cfg_file(number)).unwrap();
        let mut config = NodeConfig::from_zoo_cfg(&cfg).unwrap();
        config.tls = cfg.tls.map(|settings| {
            let (material, _) = read_material(&settings).unwrap();
            NodeTls::new(settings, material, &config.membership, []).unwrap()
        });
        config
    }

    /// Starts a node of ours.
    pub async fn node(&self, number: u64) -> Node {
        Node::start(self.config(number)).await.unwrap()
    }

    /// Writes the file that a node of ours is started with. No real server has used its `dataDir`.
    pub fn zoo_cfg_file(&self, number: u64) -> PathBuf {
        let (home, data) = (self.dir.join(format!("ours-{number}")), self.our_data(number));
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("myid"), format!("{number}\n")).unwrap();
        let mut text = self.zoo_cfg(number, &data);
        if self.greet_with_all_addresses {
            text.push_str("multiAddress.enabled=true\n");
        }
        fs::write(home.join("zoo.cfg"), text).unwrap();
        home.join("zoo.cfg")
    }

    /// A session with a real server that serves.
    pub fn client(&self, number: u64) -> Client {
        Client::open(self.clients[&number]).unwrap()
    }

    /// The `dataDir` of a node of ours.
    pub fn our_data(&self, number: u64) -> PathBuf {
        self.dir.join(format!("ours-{number}/data"))
    }

    /// The `dataDir` of a real server.
    pub fn data(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number}/data"))
    }

    fn zoo_cfg(&self, number: u64, data: &Path) -> String {
        let mut lines = vec![
            "syncLimit=4".to_owned(),
            format!("dataDir={}", data.display()),
            "clientPortAddress=127.0.0.1".to_owned(),
            format!("clientPort={}", self.clients[&number]),
            "admin.enableServer=false".to_owned(),
        ];
        lines.extend(self.settings.iter().cloned());
        lines.extend(self.own_settings.get(&number).into_iter().flatten().cloned());
        if self.members.servers[&id(number)].role == Role::Observer {
            lines.push("peerType=observer".to_owned());
        }
        let members = self.members.to_string();
        lines
            .extend(members.lines().filter(|line| !line.starts_with("version")).map(str::to_owned));
        lines.join("\n") + "\n"
    }
}

impl Drop for Zoo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the files of the servers are in {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// What a test needs, if it is here. Where it is not, the test is left out, or fails if real servers are required.
pub fn present<T>(found: Result<T, String>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(why) => {
            let required = env::var("BALLOTBOX_ZOOKEEPER").is_ok_and(|v| v == "required");
            assert!(!required, "BALLOTBOX_ZOOKEEPER=required, but {why}");
            let test = std::thread::current();
            eprintln!("left out: {}: {why}", test.name().unwrap_or("a test"));
            None
        }
    }
}

pub fn java() -> Command {
    Command::new(env::var_os("JAVA").unwrap_or_else(|| "java".into()))
}

/// The jars of a real server, or why there are none.
pub fn class_path() -> Result<String, String> {
    let version = java().arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.map_err(|error| format!("there is no Java to run ZooKeeper with: {error}"))?;
    let jars: Vec<_> = match env::var_os("BALLOTBOX_ZOOKEEPER_JARS") {
        Some(dir) => {
            let entries =
                fs::read_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
            let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            paths.filter(|path| path.extension().is_some_and(|e| e == "jar")).collect()
        }
        None => DEBIAN_JARS.map(|jar| PathBuf::from(format!("/usr/share/java/{jar}.jar"))).into(),
    };
    match jars.iter().find(|jar| !jar.exists()) {
        Some(missing) => Err(format!("there is no ZooKeeper: {} is missing", missing.display())),
        None => Ok(jars.iter().map(|jar| jar.display().to_string()).collect::<Vec<_>>().join(":")),
    }
}

fn fresh_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("zookeeper-{}-{count}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A port nobody listens on, below those the system gives to others: it stays free while a server is down.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    let start = u16::try_from(std::process::id() % 180).unwrap_or_default() * 100;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start + step % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
