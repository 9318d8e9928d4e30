//! [`ProcessEnsemble`]: the processes, what they say, and what is done to them.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, mem,
    path::PathBuf,
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use ballotbox_actors::kit::clock;
use serde_json::Value;

use super::{
    disk::Disk,
    epochs::Epochs,
    fault::Fault,
    holdings::{Holder, Holdings},
    hosts::Hosts,
    play::{Play, Seat},
    process::{Process, Said},
    record::{Belief, Record},
    stranger::Stranger,
};

/// An agreement counts that has lasted this long.
const STABLE: Duration = Duration::from_secs(2);

/// At most this many lines of history are shown when something is wrong.
const HISTORY_LINES: usize = 300;

/// At most this many members lose what they have written between two agreements: the rest is a quorum.
const NEW_DISKS_MAX: usize = 2;

/// Whom all agree on: who was elected, and where they lead the leader with its epoch.
type Agreement = (u64, Option<i64>);

/// A member: a process, most of the time.
#[derive(Debug)]
struct Member {
    process: Option<Process>,
    life: u64,
    paused: bool,
    /// Its present life has said something: what it is asked to do from now on it does.
    has_spoken: bool,
    /// It listens where the others do not know, and are led.
    is_elsewhere: bool,
    /// The one that was there before it, and will never go on.
    frozen: Option<Process>,
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
    holdings: Holdings,
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
            has_spoken: false,
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
            holdings: Holdings::default(),
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
        let votes = votes(index);
        let member = &mut self.members[index];
        member.life += 1;
        member.paused = false;
        member.has_spoken = false;
        self.elections += member.record.elections;
        member.record = Record::new(index as u64 + 1, super::MEMBERS as u64);
        self.epochs.begins(index as u64 + 1, self.renewed.contains(&index));
        let seat = Seat {
            member: index,
            host: self.hosts.namespace(Some(index)),
            is_elsewhere: member.is_elsewhere,
            directory: self.disks[index].directory(member.directory),
            votes,
        };
        let (command, voice) = self.play.command(&seat);
        let life = (index, member.life);
        member.process = Some(Process::start(command, voice, life, self.say.clone()));
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
        if let Some(member) = fault.member()
            && self.members[member].process.is_some()
        {
            let life = self.members[member].life;
            self.holdings.struck((member, life), fault.kind(), now());
        }
        match fault {
            Fault::Kill(member) => self.kill(member),
            Fault::Restart(member) => {
                self.kill(member);
                if !self.disks[member].is_full {
                    self.start_member(member);
                }
            }
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
            if let Some(frozen) = member.frozen.take() {
                frozen.kill();
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
        match self.play {
            Play::Leadership => self.assert_recorded(),
            Play::Leases => self.until_held_and_recorded(limit),
            Play::Election => {}
        }
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
        if let Some(index) = self.unrecorded() {
            self.fail(&format!("member {} follows, and was not recorded", index + 1));
        }
    }

    fn unrecorded(&self) -> Option<usize> {
        let is_recorded = |(index, member): (usize, &Member)| {
            let identity = self.disks[index].directory(member.directory).join("identity");
            !fs::read_to_string(identity).unwrap().contains("\nrecorded no\n")
        };
        self.members.iter().enumerate().position(|member| !is_recorded(member))
    }

    /// Holders say nothing of followers. So it is waited until all count, and the lease was held since: then what was said is judged.
    fn until_held_and_recorded(&mut self, limit: Duration) {
        let (agreed, end) = (now(), clock::now() + limit);
        while !self.holdings.was_held_after(agreed) || self.unrecorded().is_some() {
            let left = end.saturating_duration_since(clock::now());
            match self.heard.recv_timeout(left) {
                Ok(said) if !left.is_zero() => self.take_in(said),
                _ => self.fail("a lease is not held, or a member was not recorded"),
            }
        }
        if let Err(broken) = self.holdings.judge() {
            self.fail(&broken);
        }
    }

    /// Who holds the newest lease.
    pub(crate) fn holder(&self) -> Option<usize> {
        self.holdings.newest().map(|((member, _), _)| member)
    }

    /// How many epochs have begun, and how many of them after a newer one.
    pub(crate) fn epochs(&self) -> (usize, u64) {
        self.epochs.count()
    }

    pub(crate) fn elections(&self) -> u64 {
        self.elections + self.members.iter().map(|member| member.record.elections).sum::<u64>()
    }

    /// Ends all processes in good order. Returns what they have held.
    pub(crate) fn stop(mut self) -> Holdings {
        for member in 0..self.members.len() {
            self.terminate(member);
        }
        mem::take(&mut self.holdings)
    }

    fn agreement(&self) -> Option<Agreement> {
        match self.play {
            Play::Election => Some((self.elected()?, None)),
            Play::Leadership => {
                let (leader, epoch) = self.epochs.agreement(self.members.len() as u64)?;
                (leader == self.elected()?).then_some((leader, Some(epoch)))
            }
            Play::Leases => {
                let ((index, life), epoch) = self.holdings.newest()?;
                let holder = &self.members[index];
                let lives = holder.life == life && holder.process.is_some();
                lives.then_some((index as u64 + 1, Some(epoch)))
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
        let current = &mut self.members[member];
        let is_present = current.life == life;
        let is_alive = current.process.is_some();
        current.has_spoken |= is_present;
        let read = match &line {
            Some(line) => self.read((member, life), is_present, line),
            None if is_present && is_alive => Err("it ended though nobody asked it to".to_owned()),
            None => Ok(true),
        };
        if read != Ok(false) {
            self.note(format!("{}.{life}: {}", member + 1, line.as_deref().unwrap_or("(ended)")));
        }
        if let Err(broken) = read {
            let line = line.unwrap_or_default();
            self.fail(&format!("member {}: {broken}: {line}", member + 1));
        }
    }

    /// Returns whether there is something new in a line.
    fn read(&mut self, who: Holder, is_present: bool, line: &str) -> Result<bool, String> {
        let event: Value =
            serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?;
        if self.play == Play::Leases {
            return self.holdings.read(who, &event);
        }
        if is_present {
            self.members[who.0].record.read(&event)?;
            self.epochs.read(&event)?;
        } else {
            self.epochs.read_late(&event)?;
        }
        Ok(true)
    }

    fn kill(&mut self, member: usize) {
        if let Some(process) = self.members[member].process.take() {
            process.kill();
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
        self.until_spoken(index);
        self.signal(index, "TERM");
        let Some(process) = self.members[index].process.take() else { return };
        let status = process.ended();
        if !status.success() {
            self.fail(&format!("member {} did not stop in good order: {status}", index + 1));
        }
    }

    /// One that has just been started may not listen to what it is asked yet.
    fn until_spoken(&mut self, index: usize) {
        while self.members[index].process.is_some() && !self.members[index].has_spoken {
            match self.heard.recv_timeout(super::RECOVERY_MAX) {
                Ok(said) => self.take_in(said),
                Err(_) => self.fail(&format!("member {} says nothing", index + 1)),
            }
        }
    }

    fn signal(&self, member: usize, signal: &str) {
        if let Some(process) = &self.members[member].process {
            process.signal(signal);
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
            let _ = fs::remove_file(votes(member));
        }
    }
}

/// Where the vote file of a member is.
fn votes(index: usize) -> PathBuf {
    let name = format!("faults-{}-{index}.json", std::process::id());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// What the clock shows by which holders go, in nanoseconds.
fn now() -> u64 {
    u64::try_from(clock::reading().boot.as_nanos()).unwrap()
}
