//! A real server's `QuorumPeerConfig` judges every file of `tests/zoo_cfg_corpus`, and what we say of it is compared.
//!
//! `tests/judge/Judge.java` is compiled and reads all files in one Java machine. Compared are the verdict, and where a
//! real server and we take a file: members, roles, ports, groups, weights, version, own id, ticks and waits. Our own
//! findings tell what a real server does with a file, so they are held to the truth even where we decide otherwise; the
//! files on which we do are listed in the corpus' README, with the reasons, and in no other way may we differ.
//!
//! The files' names say what becomes of them here: `good-…` is taken without a word, `warned-…` with a warning,
//! `refused-…` is not taken.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    common::{PATIENCE, patience::InTime},
    zookeeper,
};
use ballotbox::zoo_cfg::{Finding, MemberProblem, Problem, RealServer, ZooCfg, ZooCfgError};

/// What a real server says of a file, word by word; a word may come more than once.
type Facts = BTreeMap<String, BTreeSet<String>>;

/// The corpus has many kinds of files, and shall not lose them.
const FILES_MIN: usize = 150;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zoo_cfg_corpus")
}

fn files() -> Vec<String> {
    let entries = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap());
    let mut files: Vec<_> =
        names.filter(|name| Path::new(name).extension() == Some("cfg".as_ref())).collect();
    files.sort();
    assert!(files.len() >= FILES_MIN, "only {} files", files.len());
    files
}

/// The file as we read it, as if the corpus were the working directory.
fn ours(file: &str) -> Result<ZooCfg, ZooCfgError> {
    let root = corpus();
    ZooCfg::parse(Path::new(file), |path| match fs::read(root.join(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) => Ok(None),
    })
}

#[test]
fn every_file_is_taken_as_its_name_says() {
    let mut wrong = Vec::new();
    for file in files() {
        let ours = ours(&file);
        let found = match &ours {
            Ok(cfg) if cfg.warnings.is_empty() => "good",
            Ok(_) => "warned",
            Err(_) => "refused",
        };
        if !file.starts_with(found) {
            wrong.push(format!("{file} is {found}{}", told(&ours)));
        }
        for finding in findings(&ours) {
            let told = finding.to_string();
            assert!(!told.contains(['\n', '\r', '\u{feff}', '\u{200b}', '\u{a0}']), "{told:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_real_server_says_what_we_say_it_does() {
    let Some(judged) = judged() else { return };
    let files = files();
    assert_eq!(judged.keys().collect::<Vec<_>>(), files.iter().collect::<Vec<_>>());
    let mut differences = Differences::listed();
    let mut wrong = Vec::new();
    for (file, theirs) in &judged {
        let ours = ours(file);
        let verdict = theirs["verdict"].first().unwrap().as_str();
        if !differences.depends_on_the_version(file) && said(&ours) != verdict {
            let told = told(&ours);
            let why = theirs.get("why");
            wrong.push(format!("{file}: we say {}, it is {verdict} {why:?}{told}", said(&ours)));
        }
        if let Err(why) = differences.check(file, ours.is_ok(), verdict != "refused") {
            wrong.push(format!("{file}: {why}"));
        }
        if let (Ok(cfg), true) = (&ours, verdict != "refused") {
            for (word, expected) in facts(cfg) {
                let found = &theirs[word];
                if *found != expected {
                    wrong.push(format!("{file}: {word}: ours {expected:?}, theirs {found:?}"));
                }
            }
        }
    }
    wrong.extend(differences.unused());
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// What our findings say that a real server does with the file.
fn said(ours: &Result<ZooCfg, ZooCfgError>) -> &'static str {
    let all = findings(ours);
    let alone = |problem: &Problem| {
        matches!(
            problem,
            Problem::Members(MemberProblem::NoServer { .. } | MemberProblem::OneVoter { .. })
        )
    };
    if all.iter().any(|finding| finding.real_server == RealServer::Refuses) {
        "refused"
    } else if all.iter().any(|finding| alone(&finding.problem)) {
        "alone"
    } else if ours.as_ref().is_ok_and(|cfg| cfg.identified().is_err()) {
        "no-id"
    } else {
        "ensemble"
    }
}

fn findings(ours: &Result<ZooCfg, ZooCfgError>) -> Vec<&Finding> {
    match ours {
        Ok(cfg) => cfg.warnings.iter().collect(),
        Err(error) => error.findings.all(),
    }
}

fn told(ours: &Result<ZooCfg, ZooCfgError>) -> String {
    let lines: Vec<_> = findings(ours).iter().map(|finding| format!("\n    {finding}")).collect();
    lines.concat()
}

/// What both sides know of a file that they take.
fn facts(cfg: &ZooCfg) -> Vec<(&'static str, BTreeSet<String>)> {
    let one = |value: &dyn ToString| BTreeSet::from([value.to_string()]);
    let millis = |time: std::time::Duration| one(&time.as_millis());
    let me = cfg.me.map_or_else(|| "-1".to_owned(), |me| me.to_string());
    let ticks = cfg.tick_time.saturating_mul(cfg.sync_limit);
    let mut facts = vec![
        ("me", BTreeSet::from([me])),
        ("list", cfg.config.to_string().lines().map(as_java_shows).collect()),
        ("tickTime", millis(cfg.tick_time)),
        ("quorumListenOnAllIPs", one(&cfg.listen_on_all_ips)),
        ("multiAddress.enabled", one(&cfg.multi_address_enabled)),
        ("standaloneEnabled", one(&cfg.standalone_enabled)),
        ("reconfigEnabled", one(&cfg.reconfig_enabled)),
        ("fastleader.minNotificationInterval", millis(cfg.min_notification_interval)),
        ("fastleader.maxNotificationInterval", millis(cfg.max_notification_interval)),
        ("tcpKeepAlive", one(&cfg.tcp_keep_alive)),
    ];
    let alone = cfg.standalone_enabled && cfg.membership.ensemble().voters().count() == 1;
    if !alone {
        facts.push(("initLimit", one(&cfg.init_limit)));
        facts.push(("syncLimit", one(&cfg.sync_limit)));
    }
    if cfg.quorum_cnxn_timeout != ticks {
        facts.push(("quorumCnxnTimeoutMs", millis(cfg.quorum_cnxn_timeout)));
    }
    // A negative number is told to the user, and means three.
    if cfg.election_port_bind_retry.is_none_or(|attempts| attempts.get() != 3) {
        let attempts = cfg.election_port_bind_retry.map_or(0, NonZeroU32::get);
        facts.push(("electionPortBindRetry", one(&attempts)));
    }
    facts
}

/// A text as Java reads it, byte by byte, and as the judge prints it.
fn as_java_shows(text: &str) -> String {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'\\';
    let shown =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("\\u{byte:04x}") };
    text.bytes().map(shown).collect()
}

/// What a real server makes of every file of the corpus, or `None` where there is none, or no compiler of Java.
fn judged() -> Option<BTreeMap<String, Facts>> {
    let class_path = zookeeper::present(zookeeper::class_path())?;
    zookeeper::present(compiler())?;
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("judge-{}", std::process::id()));
    // A server writes beside its file, so it gets a copy.
    let copy = dir.join("corpus");
    copy_folder(&corpus(), &copy);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/Judge.java");
    let compiled = javac()
        .args(["-cp", &class_path, "-d"])
        .arg(&dir)
        .arg(source)
        .run_within(10 * PATIENCE)
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    // No name is looked up anywhere else.
    let hosts = dir.join("hosts");
    fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    let mut java = zookeeper::java();
    java.args(["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]);
    java.arg(format!("-Djdk.net.hosts.file={}", hosts.display()));
    java.args(["-cp", &format!("{}:{class_path}", dir.display()), "Judge"]).current_dir(&copy);
    let output = java.run_within(10 * PATIENCE).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(&dir).unwrap();
    let mut judged = BTreeMap::<String, Facts>::new();
    for line in told.lines() {
        let [file, word, value] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
            panic!("not a line of the judge: {line}");
        };
        let facts = judged.entry(file.to_owned()).or_default();
        facts.entry(word.to_owned()).or_default().insert(value.to_owned());
    }
    Some(judged)
}

fn javac() -> Command {
    Command::new(env::var_os("JAVAC").unwrap_or_else(|| "javac".into()))
}

fn compiler() -> Result<(), String> {
    let version = javac().arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.map(|_| ()).map_err(|error| format!("there is no compiler of Java: {error}"))
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The tables of the corpus' README: rows with a reason and names of files, which may end in a star.
struct Differences {
    /// Taken here, refused there.
    taken: Vec<Pattern>,
    /// Refused here, taken there.
    refused: Vec<Pattern>,
    /// 3.8 and 3.9 differ.
    versions: Vec<Pattern>,
}

struct Pattern {
    text: String,
    used: bool,
}

impl Pattern {
    fn fits(&self, file: &str) -> bool {
        let name = file.strip_suffix(".cfg").unwrap_or(file);
        match self.text.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == self.text,
        }
    }
}

impl Differences {
    fn listed() -> Self {
        let readme = fs::read_to_string(corpus().join("README.md")).unwrap();
        let table = |title: &str| {
            let (_, section) = readme.split_once(title).unwrap();
            let section = section.split("\n## ").next().unwrap();
            let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
            let names = rows.flat_map(|row| {
                let cells: Vec<_> = row.split('|').collect();
                let names = cells[2].split('`').skip(1).step_by(2).map(str::to_owned);
                names.collect::<Vec<_>>()
            });
            names.map(|text| Pattern { text, used: false }).collect()
        };
        Self {
            taken: table("## Taken here, refused by a real server"),
            refused: table("## Refused here, taken by a real server"),
            versions: table("## Where 3.8 and 3.9 differ"),
        }
    }

    fn depends_on_the_version(&mut self, file: &str) -> bool {
        // The gate has the version that the findings go by.
        env::var_os("BALLOTBOX_ZOOKEEPER_JARS").is_some()
            && self.versions.iter().any(|pattern| pattern.fits(file))
    }

    fn check(&mut self, file: &str, ours: bool, theirs: bool) -> Result<(), &'static str> {
        let depends = self.depends_on_the_version(file);
        let mut listed = |patterns: fn(&mut Self) -> &mut Vec<Pattern>| {
            let mut fits = patterns(self).iter_mut().filter(|pattern| pattern.fits(file));
            fits.next().map(|pattern| pattern.used = true).is_some()
        };
        let (taken, refused) = (listed(|it| &mut it.taken), listed(|it| &mut it.refused));
        match (ours, theirs) {
            _ if depends => Ok(()),
            (true, false) if !taken => Err("taken here, refused there, and not listed"),
            (false, true) if !refused => Err("refused here, taken there, and not listed"),
            (true, false) if refused => Err("listed as refused here"),
            (false, true) if taken => Err("listed as taken here"),
            (true, true) | (false, false) if taken || refused => Err("listed, but no difference"),
            _ => Ok(()),
        }
    }

    fn unused(&self) -> Vec<String> {
        let all = self.taken.iter().chain(&self.refused);
        let unused = all.filter(|pattern| !pattern.used);
        unused.map(|pattern| format!("`{}` is listed and fits nothing", pattern.text)).collect()
    }
}
