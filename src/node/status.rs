//! [`Status`]: how things stand with one node, as a value.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use ballotbox_actors::kit::clock;
use ballotbox_core::{
    ServerId, UntrustedText,
    leadership::{Incarnation, Leadership, Record, Stage},
};

use super::{Counters, Leader, LeaderStatus, WorkStatus, answers::Answers, deadline::Deadline};
use crate::{Epoch, Round, Standing, Vote};

/// How things stand with one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Whose status this is.
    pub me: ServerId,
    /// Grows with every change: of two, the one with the larger number is the later one.
    pub sequence: u64,
    /// Grows by one with every change of [who leads](Status::leader_status).
    pub leader_sequence: u64,
    /// Since when it has led, followed this leader, or looked for one.
    pub since: Instant,
    /// What its elections have come to.
    pub election: Arc<ElectionStatus>,
    /// What has become of it; `None` where elections are held alone.
    pub leadership: Option<Arc<LeadershipStatus>>,
    /// What has happened to it since it was started, in numbers.
    pub counters: Arc<Counters>,
}

/// The part of a [`Status`] that an election decides.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ElectionStatus {
    /// What the node is doing.
    pub state: NodeState,
    /// Its present vote; the elected one's, once an election has ended. `None` while it votes for nobody.
    pub vote: Option<Vote>,
    /// The round of the present or the last election.
    pub round: Round,
    /// How long the last election took, from looking to decided.
    pub took: Option<Duration>,
    /// The peers there is a link to.
    pub links: BTreeSet<ServerId>,
    /// Who voted for whom in this round, as far as it was heard.
    pub ballots: BTreeMap<ServerId, Vote>,
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum NodeState {
    /// It does not listen yet.
    #[default]
    Starting,
    /// It is looking for a leader.
    Looking,
    /// It has found one.
    Decided(Standing),
}

impl Status {
    /// A node of which nothing is known yet.
    pub(super) fn new(me: ServerId, now: Instant) -> Self {
        Self {
            me,
            sequence: 0,
            leader_sequence: 0,
            since: now,
            election: Arc::default(),
            leadership: None,
            counters: Arc::new(Counters::new(now)),
        }
    }

    /// What lasts: a change of this ends what [`since`](Self::since) is about.
    pub(super) fn gist(&self) -> (Option<NodeState>, Option<(ServerId, Epoch)>, bool) {
        // With leadership, an election alone changes nothing.
        let counts = self.leadership.is_none() || self.state() == NodeState::Starting;
        let is_retiring = self.leadership.as_ref().is_some_and(|leadership| leadership.retiring);
        (counts.then(|| self.state()), self.leader(), is_retiring)
    }

    /// What the node is doing.
    pub fn state(&self) -> NodeState {
        self.election.state
    }

    /// The one that was elected, once an election has ended. It is the leader as far as an election can tell: two nodes
    /// may believe in different ones for a while.
    pub fn elected(&self) -> Option<ServerId> {
        self.election.elected()
    }

    /// Who leads, and in which epoch: this node has led or followed it a moment ago, and nothing speaks against it. `None` while
    /// nobody is established, and where elections are held alone.
    pub fn leader(&self) -> Option<(ServerId, Epoch)> {
        self.leadership.as_ref()?.established
    }

    /// Whether this node leads, by the clocks as they are now: [as its handle says](super::Leadership::is_valid), also if the node was held up and
    /// has not noticed.
    pub fn leads_now(&self) -> bool {
        self.leader_now().is_some_and(|(leader, _)| leader == self.me)
    }

    /// Whether this node follows a leader of which it has heard within the silence, by the clocks as they are now.
    pub fn follows_now(&self) -> bool {
        self.leader_now().is_some_and(|(leader, _)| leader != self.me)
    }

    fn leader_now(&self) -> Option<(ServerId, Epoch)> {
        let until = &self.leadership.as_ref()?.until;
        self.leader().filter(|_| until.left(clock::reading()).is_some())
    }

    /// The same as one value, with whether this node is giving its leadership up, and with the number of its changes.
    pub fn leader_status(&self) -> LeaderStatus {
        LeaderStatus { sequence: self.leader_sequence, leader: self.who_leads() }
    }

    pub(super) fn who_leads(&self) -> Leader {
        let is_retiring = self.leadership.as_ref().is_some_and(|leadership| leadership.retiring);
        match self.leader() {
            None => Leader::Nobody,
            Some((leader, epoch)) if leader == self.me => {
                Leader::Leads { token: epoch.0.cast_unsigned(), retiring: is_retiring }
            }
            Some((id, epoch)) => Leader::Follows { id, token: epoch.0.cast_unsigned() },
        }
    }

    /// The epoch of the elected one's history.
    pub fn epoch(&self) -> Option<Epoch> {
        self.election.vote.map(|vote| vote.epoch)
    }
}

/// The part of a [`Status`] that leadership decides.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LeadershipStatus {
    /// How far it has come.
    pub stage: Option<Stage>,
    /// The leader and its epoch, once they are established, and as long as they are.
    pub established: Option<(ServerId, Epoch)>,
    /// In which of its lives that leader is, if it has said so.
    pub incarnation: Option<Incarnation>,
    /// Until when it is: nobody else leads before, or at least the leader was heard of within the silence.
    pub(crate) until: Deadline,
    /// Whether this node leads, and has begun to give that up.
    pub retiring: bool,
    /// What is on disk.
    pub record: Record,
    /// The newest epoch that was promised to.
    pub accepted: Epoch,
    /// Why the record cannot be written, if it cannot.
    pub disk: Option<UntrustedText>,
    /// How long the disk took to write it the last time.
    pub last_write: Option<Duration>,
    /// Why promises cannot be written, if they cannot: then nobody holds a lease by this member, nor it.
    pub cannot_promise: Option<UntrustedText>,
    /// The lease that it asks for when it leads; `None` where it leads without.
    pub lease: Option<LeaseStatus>,
    /// What it has promised to a leader last, which may be over.
    pub promise: Option<PromiseStatus>,
    /// Whether a real server was met, and no review has found since that there is none: this node does not lead, and as a voter
    /// follows no epoch.
    pub beside_real_server: bool,
    /// How things stand with the program that it runs while it leads; `None` if it runs none.
    pub work: Option<WorkStatus>,
    /// Where the record is; `None` if it is kept in memory.
    pub directory: Option<UntrustedText>,
    /// As leader: of each voter that has come, whether its word does not count, as it may have forgotten others.
    pub amnesia: BTreeMap<ServerId, bool>,
    /// When the voters have answered the pings of this node.
    pub(crate) answers: Answers,
    /// How often the process was held up for longer than half of the silence, or its machine slept for as long.
    pub clock_gaps: u64,
    /// By how much it expects clocks to be off, in parts per million.
    pub drift_ppm: u32,
    /// How many packets have come on sessions that were over for it, and were ignored.
    pub stale_packets: u64,
}

impl LeadershipStatus {
    /// Takes over how things stand with this core.
    pub(super) fn update(&mut self, core: &Leadership, valid: &Deadline, followed: &Deadline) {
        self.stage = Some(core.stage());
        self.established = core.established();
        self.incarnation = core.incarnation_of_leader();
        self.amnesia = core.amnesia();
        let leads = self.established.is_some_and(|(leader, _)| leader == core.me());
        self.until = if leads { valid.clone() } else { followed.clone() };
        self.retiring = core.is_retiring();
        (self.record, self.accepted) = core.promises();
        self.beside_real_server = core.is_beside_real_server();
        self.lease = core.terms().map(|terms| LeaseStatus {
            length: terms.length,
            until: valid.clone(),
            promising: core.promising().unwrap_or_default(),
        });
        self.promise = core.promise().map(|promise| {
            let until = self.promise.take().map(|before| before.until).unwrap_or_default();
            until.set(promise.until);
            PromiseStatus { to: promise.to.map(|to| to.leader), epoch: promise.epoch, until }
        });
    }
}

/// The lease of a node that leads, or would lead with one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeaseStatus {
    /// How long a lease is.
    pub length: Duration,
    until: Deadline,
    /// Who has promised at one of the last pings, itself among them; nobody while it does not lead.
    pub promising: BTreeSet<ServerId>,
}

impl LeaseStatus {
    /// How long nobody else can lead, by the clocks as they are now. `None` if the node holds no lease.
    pub fn left(&self) -> Option<Duration> {
        self.until.left(clock::reading())
    }
}

/// What a voter has promised to a leader.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PromiseStatus {
    /// The leader; `None` if that is not known any more.
    pub to: Option<ServerId>,
    /// In which of its epochs.
    pub epoch: Epoch,
    until: Deadline,
}

impl PromiseStatus {
    /// For how long it is bound to help nobody else, by the clocks as they are now. `None` if that is over.
    pub fn left(&self) -> Option<Duration> {
        self.until.left_by_slowest(clock::reading())
    }
}

impl ElectionStatus {
    fn elected(&self) -> Option<ServerId> {
        match self.state {
            NodeState::Decided(_) => self.vote.map(|vote| vote.leader),
            NodeState::Starting | NodeState::Looking => None,
        }
    }
}
