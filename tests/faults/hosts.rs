//! [`Hosts`]: one network namespace a member, joined by a bridge; and what can be done to their network.

use std::{
    env, fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::patience::{InTime, PATIENCE};

/// Where every member listens, as far as the others know.
pub(crate) const PORT: u16 = 3888;

/// What every member calls the second address of its own host. Nobody else knows that address.
pub(crate) const ELSEWHERE: &str = "elsewhere";

/// Where strangers live, in the namespace of the bridge.
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 200);

/// The namespaces are named after this process, and two ensembles at a time would be in each other's way.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The namespaces of one test. They go when this is dropped.
#[derive(Debug)]
pub(crate) struct Hosts {
    _turn: MutexGuard<'static, ()>,
    prefix: String,
    members: usize,
    can_delay: bool,
    can_redirect: bool,
}

impl Hosts {
    /// Namespaces for this number of members, or `None` where they are not allowed.
    pub(crate) fn new(members: usize) -> Option<Self> {
        match Self::made(members) {
            Ok(hosts) => Some(hosts),
            Err(why) => {
                leave_out(&why);
                None
            }
        }
    }

    fn made(members: usize) -> Result<Self, String> {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = format!("ballotbox-{}", std::process::id());
        let mut hosts =
            Self { _turn: turn, prefix, members, can_delay: false, can_redirect: false };
        hosts.build()?;
        hosts.can_redirect = (0..members).all(|member| hosts.prepare_redirects(member).is_ok());
        let attempt = hosts.tc(0, "add dev eth0 root netem delay 1ms");
        hosts.can_delay = attempt.is_ok();
        let _ = hosts.tc(0, "del dev eth0 root");
        Ok(hosts)
    }

    fn build(&self) -> Result<(), String> {
        let bridge = self.namespace(None);
        sh(&format!("ip netns add {bridge}"))?;
        sh(&format!("ip -n {bridge} link add br0 type bridge"))?;
        sh(&format!("ip -n {bridge} addr add {STRANGER}/24 dev br0"))?;
        sh(&format!("ip -n {bridge} link set br0 up"))?;
        for member in 0..self.members {
            let host = self.namespace(Some(member));
            sh(&format!("ip netns add {host}"))?;
            sh(&format!(
                "ip -n {bridge} link add v{member} type veth peer name eth0 netns {host}"
            ))?;
            sh(&format!("ip -n {bridge} link set v{member} master br0 up"))?;
            sh(&format!("ip -n {host} addr add {}/24 dev eth0", address(member)))?;
            sh(&format!("ip -n {host} addr add {}/32 dev eth0", elsewhere(member)))?;
            self.name_elsewhere(member).map_err(|error| format!("names for {host}: {error}"))?;
            sh(&format!("ip -n {host} link set eth0 up"))?;
            sh(&format!("ip -n {host} link set lo up"))?;
            self.nft(member, "add table inet faults")?;
            for hook in ["input", "output"] {
                let chain = format!("add chain inet faults {hook}");
                self.nft(member, &format!("{chain} {{ type filter hook {hook} priority 0; }}"))?;
            }
        }
        Ok(())
    }

    /// Processes in a namespace see this file as `/etc/hosts`.
    fn name_elsewhere(&self, member: usize) -> std::io::Result<()> {
        let folder = self.names(member);
        fs::create_dir_all(&folder)?;
        let names = format!("127.0.0.1 localhost\n{} {ELSEWHERE}\n", elsewhere(member));
        fs::write(folder.join("hosts"), names)
    }

    fn names(&self, member: usize) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.namespace(Some(member)))
    }

    pub(crate) fn namespace(&self, member: Option<usize>) -> String {
        let name = member.map_or_else(|| "net".to_owned(), |member| member.to_string());
        format!("{}-{name}", self.prefix)
    }

    /// This member gets nothing from that one.
    pub(crate) fn deafen(&self, member: usize, to: usize) {
        self.drop_when(member, "input", &format!("ip saddr {}", address(to)));
    }

    /// This member is cut off.
    pub(crate) fn isolate(&self, member: usize) {
        self.drop_when(member, "input", "iif eth0");
        self.drop_when(member, "output", "oif eth0");
    }

    /// Who sends something to the port of this member is told that nothing is there. What it has dialled itself stays.
    pub(crate) fn close_port(&self, member: usize) {
        let condition = format!("iif eth0 tcp dport {PORT} reject with tcp reset");
        self.nft(member, &format!("add rule inet faults input {condition}")).unwrap();
    }

    /// The cable of this member is pulled out, or put in again: its kernel is told, those of the others are not.
    pub(crate) fn plug(&self, member: usize, is_in: bool) {
        let (bridge, state) = (self.namespace(None), if is_in { "up" } else { "down" });
        sh(&format!("ip -n {bridge} link set v{member} {state}")).unwrap();
    }

    /// A third of what comes in is lost.
    pub(crate) fn lose(&self, member: usize) {
        self.drop_when(member, "input", "iif eth0 numgen random mod 3 == 0");
    }

    /// What goes out takes long: by delay, or where the kernel has none by a narrow line.
    pub(crate) fn slow(&self, member: usize) {
        let how = if self.can_delay {
            "netem delay 100ms 50ms"
        } else {
            "tbf rate 32kbit burst 1600 latency 2s"
        };
        self.tc(member, &format!("replace dev eth0 root {how}")).unwrap();
    }

    /// From now on, who connects to this member reaches [`ELSEWHERE`] on its host, or its first address again; connections that
    /// are there stay where they are. `false` if the kernel cannot do that.
    pub(crate) fn redirect(&self, member: usize, is_elsewhere: bool) -> bool {
        if self.can_redirect {
            let place = if is_elsewhere { elsewhere(member) } else { address(member) };
            self.nft(member, "flush chain ip moved input").unwrap();
            let rule = format!("add rule ip moved input tcp dport {PORT} dnat to {place}");
            self.nft(member, &rule).unwrap();
        }
        self.can_redirect
    }

    /// The kernel has to know of all connections before it can tell the new ones from the old.
    fn prepare_redirects(&self, member: usize) -> Result<(), String> {
        self.nft(member, "add table ip moved")?;
        self.nft(member, "add chain ip moved input { type nat hook prerouting priority -100; }")?;
        let nowhere =
            format!("add rule ip moved input tcp dport {PORT} dnat to {}", address(member));
        self.nft(member, &nowhere)
    }

    /// All is well again with the network of this member.
    pub(crate) fn heal(&self, member: usize) {
        for hook in ["input", "output"] {
            self.nft(member, &format!("flush chain inet faults {hook}")).unwrap();
        }
        // There may be no queue to delete.
        let _ = self.tc(member, "del dev eth0 root");
    }

    fn drop_when(&self, member: usize, hook: &str, condition: &str) {
        self.nft(member, &format!("add rule inet faults {hook} {condition} drop")).unwrap();
    }

    fn nft(&self, member: usize, command: &str) -> Result<(), String> {
        let host = self.namespace(Some(member));
        run(Command::new("ip").args(["netns", "exec", &host, "nft", command]))
    }

    fn tc(&self, member: usize, command: &str) -> Result<(), String> {
        sh(&format!("tc -n {} qdisc {command}", self.namespace(Some(member))))
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for member in 0..self.members {
            let _ = fs::remove_dir_all(self.names(member));
        }
        for member in (0..self.members).map(Some).chain([None]) {
            let _ = sh(&format!("ip netns del {}", self.namespace(member)));
        }
    }
}

/// Tells what this test leaves out here, and why; panics if nothing may be left out.
pub(crate) fn leave_out(why: &str) {
    let required = env::var("BALLOTBOX_NETNS").is_ok_and(|value| value == "required");
    assert!(!required, "BALLOTBOX_NETNS=required, but {why}");
    let test = thread::current();
    eprintln!("left out: {}: {why}", test.name().unwrap_or("a test"));
}

/// Where a member lives, inside the namespaces.
pub(crate) fn address(member: usize) -> Ipv4Addr {
    let last = u8::try_from(member + 1).unwrap();
    Ipv4Addr::new(10, 77, 0, last)
}

/// Where another process of this member can listen at the same port.
fn elsewhere(member: usize) -> Ipv4Addr {
    let [_, _, _, last] = address(member).octets();
    Ipv4Addr::new(10, 77, 1, last)
}

fn sh(command: &str) -> Result<(), String> {
    let mut words = command.split(' ');
    run(Command::new(words.next().unwrap()).args(words))
}

/// Waits for a command. If it fails, its words say why.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.run_within(PATIENCE);
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
