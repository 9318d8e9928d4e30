//! A node under a service manager: what it tells it, and the unit in `packaging/`.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Node, PATIENCE, ballotbox,
    leaders::{ensemble, leading},
    patience::InTime,
    text,
};

/// A service manager, as far as it listens.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(name: &str) -> Self {
        // A socket has a short path.
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    fn start(&self, name: &str, watchdog_usec: &str) -> Node {
        let (votes, data) = ensemble(name, 1);
        let mut command = ballotbox(&["node", "--json", "--id", "1", "--votes"]);
        command.arg(votes).arg("--data-dir").arg(data);
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", watchdog_usec);
        Node::spawned(&mut command)
    }

    fn hears(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.socket.recv(&mut buffer).unwrap();
        text(&buffer[..length]).trim_end().to_owned()
    }

    fn until(&self, wanted: impl Fn(&str) -> bool) {
        while !wanted(&self.hears()) {}
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[test]
fn a_service_manager_is_told_when_the_node_is_ready_what_it_does_and_that_it_stops() {
    let manager = Manager::new("ballotbox-tells");
    let mut node = manager.start("systemd", "3600000000");
    manager.until(|said| said.lines().any(|line| line == "READY=1"));
    let epoch = leading(&mut node);
    manager.until(|said| said == format!("STATUS=leads in epoch {epoch}"));
    assert_eq!(node.end("-TERM"), Some(0));
    manager.until(|said| said == "STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_as_long_as_the_actors_answer_and_no_longer() {
    let manager = Manager::new("ballotbox-fed");
    let mut node = manager.start("watchdog", "100000");
    leading(&mut node);
    for _ in 0..5 {
        manager.until(|said| said == "WATCHDOG=1");
    }
    let pid = node.child.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    // What it said before that is heard, and then nothing.
    manager.socket.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    while manager.socket.recv(&mut [0; 1024]).is_ok() {}
    assert!(Command::new("kill").args(["-CONT", &pid]).status().unwrap().success());
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    manager.until(|said| said == "WATCHDOG=1");
}

/// The unit as it is, but for the program and the user, which are not there.
#[test]
fn systemd_takes_the_unit_as_it_is() {
    if Command::new("systemd-analyze").arg("--version").run_within(PATIENCE).is_err() {
        assert!(
            std::env::var_os("BALLOTBOX_SYSTEMD").is_none(),
            "systemd-analyze is required, and is not there: expected the package systemd"
        );
        println!("left out: there is no systemd-analyze");
        return;
    }
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/ballotbox@.service");
    let unit = fs::read_to_string(place).unwrap();
    for line in ["Type=notify", "KillMode=mixed", "NotifyAccess=main", "Restart=always"] {
        assert!(unit.lines().any(|given| given == line), "{line}");
    }
    let here = unit
        .replace("/usr/local/bin/ballotbox", env!("CARGO_BIN_EXE_ballotbox"))
        .replace("User=ballotbox\n", "");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unit");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ballotbox@1.service");
    fs::write(&file, here).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output_in_time();
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    let objections = text(&verified.stderr).lines().filter(|line| line.contains("ballotbox@"));
    assert_eq!(objections.collect::<Vec<_>>(), [""; 0]);
}
