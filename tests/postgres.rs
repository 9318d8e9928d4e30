//! The recipe for a fence in a PostgreSQL database, with a real server: the token is looked at in the transaction of the write.
//!
//! It needs Debian's `postgresql`, and so is run by hand: `cargo test --test real postgres -- --ignored`. `.ci/long` does that. The server runs
//! in a directory of its own, listens at a socket in there, and belongs to the user `postgres` where the test is root.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use ballotbox_actors::kit::clock;

use crate::common::{PATIENCE, patience::InTime};

/// Where Debian keeps the programs of each version.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// The recipe: one row, or the transaction has to be rolled back.
const FENCED: &str = "UPDATE fence SET token = :t, owner = :o \
                      WHERE name = 'account' AND (token < :t OR (token = :t AND owner = :o));\n\
                      \\if :ROW_COUNT\n\
                      INSERT INTO account (token) VALUES (:t);\n\
                      COMMIT;\n\
                      \\echo written\n\
                      \\else\n\
                      ROLLBACK;\n\
                      \\echo refused\n\
                      \\endif\n";

/// What a leader does that trusts in its look.
const UNFENCED: &str = "INSERT INTO account (token) VALUES (:t);\nCOMMIT;\n\\echo written\n";

const TABLES: &str = "CREATE TABLE fence (name text PRIMARY KEY, token bigint NOT NULL, owner bigint NOT NULL);\n\
                      INSERT INTO fence VALUES ('account', 0, 0);\n\
                      CREATE TABLE account (id bigserial PRIMARY KEY, token bigint NOT NULL);\n\
                      \\echo made\n";

/// A server that runs until this is dropped.
struct Server {
    child: Child,
    place: PathBuf,
}

impl Server {
    fn start(name: &str) -> Self {
        let place = env::temp_dir().join(format!("ballotbox-pg-{}-{name}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        if let Some((user, group)) = other_user() {
            chown(&place, Some(user), Some(group)).unwrap();
        }
        let data = place.join("data");
        let made = as_its_user("initdb")
            .args(["--auth=trust", "--username=test", "--no-sync", "-D"])
            .arg(&data)
            .current_dir(&place)
            .output_in_time();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut child = as_its_user("postgres")
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-D"])
            .arg(&data)
            .arg("-k")
            .arg(&place)
            .current_dir(&place)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut lines = said.lines().map_while(Result::ok);
        let is_ready = lines.any(|line| line.contains("ready to accept connections"));
        // What it says later is read as well, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        let server = Self { child, place };
        assert!(is_ready, "the server has not started");
        server
    }

    /// A session whose transactions belong to this token.
    fn session(&self, token: u64, owner: u64) -> Session {
        let mut child = Command::new("psql")
            .args([
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--username=test",
                "-h",
            ])
            .arg(&self.place)
            .args(["-v", "ON_ERROR_STOP=1", "-v"])
            .arg(format!("t={token}"))
            .arg("-v")
            .arg(format!("o={owner}"))
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, told) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Session { child, input, told: BufReader::new(told) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // INT: a fast shutdown, which takes its other processes with it.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// The user that the server runs as, where the test is root: then it refuses to run as that.
fn other_user() -> Option<(u32, u32)> {
    let is_root = rustix::process::getuid().is_root();
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let ids = line.map(|line| line.split(':').skip(2).take(2).map(|id| id.parse().unwrap()));
    let ids: Vec<u32> = ids.into_iter().flatten().collect();
    is_root.then(|| (ids[0], ids[1]))
}

fn as_its_user(program: &str) -> Command {
    let program = newest(Path::new(PROGRAMS)).join("bin").join(program);
    let Some((user, group)) = other_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups"]);
    command.arg(program);
    command
}

fn newest(folder: &Path) -> PathBuf {
    let versions = fs::read_dir(folder).expect("expected Debian's postgresql");
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.map(|entry| entry.unwrap().path()).max_by_key(version).unwrap()
}

/// A `psql` that is told line after line.
struct Session {
    child: Child,
    input: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Session {
    fn tell(&mut self, what: &str) {
        self.input.write_all(what.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, what: &str) -> String {
        self.tell(what);
        self.line()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rows that came behind one with a larger token.
const STALE: &str = "SELECT count(*) FROM account a WHERE EXISTS \
                     (SELECT FROM account b WHERE b.id < a.id AND b.token > a.token);\n";

/// A leader looks, and begins; another leads and writes; then the first one writes. Returns what became of that, and how many rows are stale.
fn late_write(server: &Server, act: &str) -> (String, String) {
    let (mut old, mut new) = (server.session(7, 1), server.session(8, 2));
    assert_eq!(old.ask(&format!("BEGIN;\n{act}")), "written");
    assert_eq!(old.ask("BEGIN;\nSELECT 'looked';\n"), "looked");
    assert_eq!(new.ask(&format!("BEGIN;\n{act}")), "written");
    (old.ask(act), new.ask(STALE))
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_late_write_to_a_real_database_is_refused_in_its_own_transaction() {
    let server = Server::start("late");
    let mut owner = server.session(0, 0);
    assert_eq!(owner.ask(TABLES), "made");
    assert_eq!(late_write(&server, FENCED), ("refused".to_owned(), "0".to_owned()));
    assert_eq!(owner.ask("SELECT string_agg(token::text, ' ' ORDER BY id) FROM account;\n"), "7 8");
    // F2: the same number, and another owner.
    assert_eq!(server.session(8, 3).ask(&format!("BEGIN;\n{FENCED}")), "refused");
    assert_eq!(owner.ask("SELECT token, owner FROM fence;\n"), "8|2");
    // Without the fence the same shows a stale row: so the test can fail.
    owner.tell("TRUNCATE account;\n");
    assert_eq!(late_write(&server, UNFENCED), ("written".to_owned(), "1".to_owned()));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn of_two_that_write_at_one_time_the_later_leader_waits_and_the_earlier_one_is_refused_from_then_on()
 {
    let server = Server::start("both");
    let mut owner = server.session(0, 0);
    assert_eq!(owner.ask(TABLES), "made");
    let (mut old, mut new) = (server.session(7, 1), server.session(8, 2));
    let (update, rest) = FENCED.split_once('\n').unwrap();
    // The first one is inside: it has passed the fence, and not written yet.
    assert_eq!(old.ask(&format!("BEGIN;\n{update}\n\\echo :ROW_COUNT\n")), "1");
    new.tell(&format!("BEGIN;\n{FENCED}"));
    let is_waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock';\n";
    let until = clock::now() + PATIENCE;
    while owner.ask(is_waiting) != "1" {
        assert!(clock::now() < until, "the second one does not wait");
    }
    assert_eq!(old.ask(&format!("\\set ROW_COUNT 1\n{rest}")), "written");
    assert_eq!(new.line(), "written");
    assert_eq!(old.ask(&format!("BEGIN;\n{FENCED}")), "refused");
    assert_eq!(owner.ask(STALE), "0");
    assert_eq!(owner.ask("SELECT string_agg(token::text, ' ' ORDER BY id) FROM account;\n"), "7 8");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn two_writers_that_hammer_leave_no_stale_row() {
    const WRITES: usize = 300;
    let server = Server::start("hammer");
    assert_eq!(server.session(0, 0).ask(TABLES), "made");
    let write = |token: u64| {
        let mut session = server.session(token, token);
        move || {
            let done = (0..WRITES).map(|_| session.ask(&format!("BEGIN;\n{FENCED}")));
            done.filter(|done| done == "written").count()
        }
    };
    let writers = [7, 8].map(|token| std::thread::spawn(write(token)));
    let [old, new] = writers.map(|writer| writer.join().unwrap());
    println!("{old} and {new} of {WRITES} each were written");
    assert_eq!(new, WRITES);
    let mut owner = server.session(0, 0);
    assert_eq!(owner.ask(STALE), "0");
    assert_eq!(owner.ask("SELECT count(*) FROM account;\n"), (old + new).to_string());
}
