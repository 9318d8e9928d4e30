//! [`ProcessEnsemble`]: the processes, what they say, and what is done to them.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

use super::{
    disk::Disk,
    epochs::Epochs,
    fault::Fault,
    hosts::{ELSEWHERE, Hosts, PORT, address},
    record::{Belief, Record},
    stranger::Stranger,
};

/// An agreement counts that has lasted this long.
const STABLE: Duration = Duration::from_secs(2);

/// At most this many lines of history are shown when something is wrong.
const HISTORY_LINES: usize = 300;

/// At most this many members lose what they have written between two agreements: the rest is a quorum.
const NEW_DISKS_MAX: usize = 2;

/// What the processes do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Play {
    /// They lead and follow.
    Leadership,
    /// They elect one of them, and that is all.
    Election,
}

/// Whom all agree on: who was elected, and where they lead the leader with its epoch.
type Agreement = (u64, Option<i64>);

/// One line that one life of one member has printed; `None` when its output has ended.
#[derive(Debug)]
struct Said {
    member: usize,
    life: u64,
    line: Option<String>,
}

/// A member: a process, most of the time.
#[derive(Debug)]
struct Member {
    process: Option<Child>,
    life: u64,
    paused: bool,
    /// It listens where the others do not know, and are led.
    is_elsewhere: bool,
    /// The one that was there before it, and will never go on.
    frozen: Option<Child>,
    /// Which directory on its disk it keeps its epochs in.
    directory: u64,
    record: Record,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct ProcessEnsemble<'a> {
    hosts: &'a Hosts,
    play: Play,
    members: Vec<Member>,
    /// One for each member.
    disks: Vec<Disk>,
    epochs: Epochs,
    /// Those with a new directory since the last agreement.
    renewed: BTreeSet<usize>,
    strangers: Vec<Stranger>,
    heard: Receiver<Said>,
    say: Sender<Said>,
    elections: u64,
    agreed: Option<Agreement>,
    history: VecDeque<String>,
}

impl<'a> ProcessEnsemble<'a> {
    pub(crate) fn start(hosts: &'a Hosts, play: Play) -> Self {
        let count = super::MEMBERS;
        let (say, heard) = channel();

        let fresh = |member: usize| Member {
            process: None,
            life: 0,
            paused: false,
            is_elsewhere: false,
            frozen: None,
            directory: 0,
            record: Record::new(member as u64 + 1, count as u64),
        };
        let mut ensemble = Self {
            hosts,
            play,
            members: (0..count).map(fresh).collect(),
            disks: (0..count).map(|member| Disk::new(&member.to_string())).collect(),
            epochs: Epochs::default(),
            renewed: BTreeSet::new(),
            strangers: Vec::new(),
            heard,
            say,
            elections: 0,
            agreed: None,
            history: VecDeque::new(),
        };
        for member in 0..count {
            ensemble.start_member(member);
        }
        ensemble
    }

    fn start_member(&mut self, index: usize) {
        let member = &mut self.members[index];
        let votes = votes(index, member.is_elsewhere, self.play);
        fs::write(&votes.0, &votes.1).unwrap();
        member.life += 1;
        member.paused = false;
        self.elections += member.record.elections;
        member.record = Record::new(index as u64 + 1, super::MEMBERS as u64);
        self.epochs.begins(index as u64 + 1, self.renewed.contains(&index));
        let directory = self.disks[index].directory(member.directory);
        let data_dir: &[&OsStr] = match self.play {
            Play::Leadership => &["--data-dir".as_ref(), directory.as_ref()],
            Play::Election => &[],
        };
        let mut process = Command::new("ip")
            .args(["netns", "exec", &self.hosts.namespace(Some(index))])
            .args([env!("CARGO_BIN_EXE_ballotbox"), "node", "--json", "--id"])
            .arg((index + 1).to_string())
            .arg("--votes")
            .arg(&votes.0)
            .args(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (life, say) = (member.life, self.say.clone());
        thread::spawn(move || {
            for line in lines.map_while(Result::ok).map(Some).chain([None]) {
                let _ = say.send(Said { member: index, life, line });
            }
        });
        member.process = Some(process);
    }

    pub(crate) fn note(&mut self, what: String) {
        if self.history.len() >= HISTORY_LINES {
            self.history.pop_front();
        }
        self.history.push_back(what);
    }

    pub(crate) fn begin(&mut self, fault: Fault) {
        for member in fault.holds_up() {
            self.epochs.held_up(member as u64 + 1);
        }
        match fault {
            Fault::Kill(member) => self.kill(member),
            Fault::Terminate(member) => self.terminate(member),
            Fault::Pause(member) => {
                if self.members[member].process.is_some() {
                    self.signal(member, "STOP");
                    self.members[member].paused = true;
                }
            }
            Fault::Isolate(member) => self.hosts.isolate(member),
            Fault::Cut(one, other) => {
                self.hosts.deafen(one, other);
                self.hosts.deafen(other, one);
            }
            Fault::CutOneWay(from, to) => self.hosts.deafen(to, from),
            Fault::Lose(member) => self.hosts.lose(member),
            Fault::Slow(member) => self.hosts.slow(member),
            Fault::Stranger { at, claims, manner } => {
                self.strangers.push(Stranger::start(self.hosts, at, claims, manner));
            }
            Fault::Freeze(member) => self.freeze(member),
            Fault::FillDisk(member) => self.disks[member].fill(),
        }
    }

    /// Those who come in another's name go, and what is frozen dies.
    pub(crate) fn be_left_alone(&mut self) {
        self.strangers.clear();
        for member in &mut self.members {
            if let Some(mut frozen) = member.frozen.take() {
                frozen.kill().unwrap();
                frozen.wait().unwrap();
            }
        }
        for (member, disk) in self.members.iter().zip(&self.disks) {
            for older in (0..member.directory).map(|number| disk.directory(number)) {
                let _ = fs::remove_dir_all(older);
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        for member in 0..self.members.len() {
            self.hosts.heal(member);
            self.disks[member].empty();
            if self.members[member].process.is_none() {
                self.start_member(member);
            } else if self.members[member].paused {
                self.signal(member, "CONT");
                self.members[member].paused = false;
            }
        }
    }

    /// Listens to everybody for this long.
    pub(crate) fn watch_for(&mut self, time: Duration) {
        let end = clock::now() + time;
        while let Some(left) = end.checked_duration_since(clock::now()) {
            let Ok(said) = self.heard.recv_timeout(left) else { return };
            self.take_in(said);
        }
    }

    /// Waits until everybody agrees, and has done so for a while. Says how long it took till then, without that while.
    pub(crate) fn until_agreed(&mut self, limit: Duration) -> Duration {
        let began = clock::now();
        let (mut agreed, mut since) = (self.agreement(), began);
        loop {
            let end = if agreed.is_some() { since + STABLE } else { began + limit };
            let left = end.saturating_duration_since(clock::now());
            if let Ok(said) = self.heard.recv_timeout(left) {
                self.take_in(said);
                let now_agreed = self.agreement();
                if now_agreed != agreed {
                    (agreed, since) = (now_agreed, clock::now());
                }
            } else if agreed.is_some() {
                break;
            }
            if since > began + limit || (agreed.is_none() && left.is_zero()) {
                self.fail(&format!("no agreement that lasts within {limit:?}"));
            }
        }
        self.agreed = agreed;
        self.assert_recorded();
        self.epochs.all_is_well();
        self.renewed.clear();
        let took = since - began;
        self.note(format!("agreed on {agreed:?} after {took:.0?}"));
        took
    }

    /// Since the last agreement nothing went wrong, and for this long nothing will: so nothing may change.
    pub(crate) fn assert_undisturbed(&mut self, time: Duration) {
        self.watch_for(time);
        if self.agreement() != self.agreed {
            self.fail("an agreed leader was disturbed, though nothing had happened");
        }
    }

    /// All count again, and have it on disk: the next fault may take any two of them.
    fn assert_recorded(&mut self) {
        if self.play == Play::Election {
            return;
        }
        for (index, member) in self.members.iter().enumerate() {
            let identity = self.disks[index].directory(member.directory).join("identity");
            let identity = fs::read_to_string(identity).unwrap();
            if identity.contains("\nrecorded no\n") {
                self.fail(&format!("member {} follows, and was not recorded", index + 1));
            }
        }
    }

    /// How many epochs have begun, and how many of them after a newer one.
    pub(crate) fn epochs(&self) -> (usize, u64) {
        self.epochs.count()
    }

    pub(crate) fn elections(&self) -> u64 {
        self.elections + self.members.iter().map(|member| member.record.elections).sum::<u64>()
    }

    /// Ends all processes in good order.
    pub(crate) fn stop(mut self) {
        for member in 0..self.members.len() {
            self.terminate(member);
        }
    }

    fn agreement(&self) -> Option<Agreement> {
        let elected = self.elected()?;
        match self.play {
            Play::Election => Some((elected, None)),
            Play::Leadership => {
                let (leader, epoch) = self.epochs.agreement(self.members.len() as u64)?;
                (leader == elected).then_some((leader, Some(epoch)))
            }
        }
    }

    /// Whom all have elected.
    fn elected(&self) -> Option<u64> {
        let mut elected = None;
        for (index, member) in self.members.iter().enumerate() {
            let Belief::Elected { leader, leads, .. } = member.record.belief else { return None };
            if elected.is_some_and(|elected| elected != leader) {
                return None;
            }
            if leader == index as u64 + 1 && !leads {
                return None;
            }
            elected = Some(leader);
        }
        elected
    }

    fn take_in(&mut self, said: Said) {
        let Said { member, life, line } = said;
        self.note(format!("{}.{life}: {}", member + 1, line.as_deref().unwrap_or("(ended)")));
        let current = &self.members[member];
        let is_present = current.life == life;
        let is_alive = current.process.is_some();
        match line {
            Some(line) => {
                if let Err(broken) = self.read(member, is_present, &line) {
                    self.fail(&format!("member {}: {broken}: {line}", member + 1));
                }
            }
            None if is_present && is_alive => {
                self.fail(&format!("member {} ended though nobody asked it to", member + 1));
            }
            None => {}
        }
    }

    fn read(&mut self, member: usize, is_present: bool, line: &str) -> Result<(), String> {
        let event: Value =
            serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?;
        if is_present {
            self.members[member].record.read(&event)?;
            self.epochs.read(&event)
        } else {
            self.epochs.read_late(&event)
        }
    }

    fn kill(&mut self, member: usize) {
        if let Some(mut process) = self.members[member].process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Where the kernel cannot lead newcomers elsewhere, no other can take the place: then it is a pause. The same where there
    /// is no room for a new directory, or too many are new already.
    fn freeze(&mut self, index: usize) {
        let member = &self.members[index];
        if member.process.is_none() || member.frozen.is_some() {
            return;
        }
        let is_renewed = self.play == Play::Election
            || (!self.disks[index].is_full
                && (self.renewed.contains(&index) || self.renewed.len() < NEW_DISKS_MAX));
        let is_elsewhere = !member.is_elsewhere;
        self.signal(index, "STOP");
        if is_renewed && self.hosts.redirect(index, is_elsewhere) {
            self.renewed.insert(index);
            let member = &mut self.members[index];
            member.directory += 1;
            (member.frozen, member.is_elsewhere) = (member.process.take(), is_elsewhere);
            self.start_member(index);
        } else {
            self.members[index].paused = true;
        }
    }

    fn terminate(&mut self, index: usize) {
        if self.members[index].paused {
            self.signal(index, "CONT");
            self.members[index].paused = false;
        }
        self.signal(index, "TERM");
        let Some(mut process) = self.members[index].process.take() else { return };
        let status = process.wait().unwrap();
        if !status.success() {
            self.fail(&format!("member {} did not stop in good order: {status}", index + 1));
        }
    }

    fn signal(&self, member: usize, signal: &str) {
        if let Some(process) = &self.members[member].process {
            let sent = Command::new("kill")
                .args([format!("-{signal}"), process.id().to_string()])
                .status()
                .unwrap();
            assert!(sent.success());
        }
    }

    fn fail(&mut self, what: &str) -> ! {
        for line in &self.history {
            println!("{line}");
        }
        panic!("{what}");
    }
}

impl Drop for ProcessEnsemble<'_> {
    fn drop(&mut self) {
        self.be_left_alone();
        for member in 0..self.members.len() {
            self.kill(member);
            let _ = fs::remove_file(votes(member, self.members[member].is_elsewhere, self.play).0);
        }
    }
}

/// The vote file of a member: its path, and what is in it. A member that listens elsewhere calls its own address by a name, which
/// may stand for the address that the others have: so their lists do not differ.
fn votes(me: usize, is_elsewhere: bool, play: Play) -> (PathBuf, String) {
    let listed = (0..super::MEMBERS).map(|member| {
        let own_name = is_elsewhere && member == me;
        let host = if own_name { ELSEWHERE.to_owned() } else { address(member).to_string() };
        json!({ "id": member + 1, "election": format!("{host}:{PORT}") })
    });
    let mut file = json!({ "members": listed.collect::<Vec<_>>() });
    if play == Play::Election {
        file["leadership"] = false.into();
    }
    let name = format!("faults-{}-{me}.json", std::process::id());
    (PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name), file.to_string())
}
