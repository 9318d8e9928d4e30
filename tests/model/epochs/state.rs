//! Voters with the production [`Epochs`], their disks, and the sessions between them.
//!
//! A session is a pipe in each direction. Its two ends learn that it is over each at its own time: until then an end goes on
//! reading what was said before, and speaking into the void. A record that is to be stored lands when it likes, also when the
//! session that asked for it is over, and in a crash it lands or does not. A crash forgets all that is not on the disk, a wipe
//! that as well.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use ballotbox_core::{
    Core,
    election::{Epoch, Zxid},
    leadership::{
        DirectoryId, EnsembleId, Epochs, EpochsAction, EpochsEvent, Identity, Incarnation, Record,
        SessionId, Stage, Ticket,
    },
};

use super::{
    bounds::{Left, Start},
    judge::History,
    likeness::Prints,
    sessions::Session,
    weak::{self, Weakness},
};
use crate::members::{id, place, voters};

/// What is broken where a core breaks a rule of its own.
const RULES_OF_THE_CORE: &str = "the rules of the core";

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) voters: Vec<Arc<Voter>>,
    pub(super) sessions: BTreeMap<u64, Arc<Session>>,
    pub(super) history: History,
    pub(super) left: Left,
    pub(super) weakness: Weakness,
    /// The rule that was broken.
    pub(super) broken: Option<&'static str>,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they have nothing to do with each other")]
pub(super) struct Voter {
    pub(super) core: Epochs,
    pub(super) disk: Record,
    /// What is on its way to the disk, the oldest first.
    pub(super) stores: VecDeque<(Ticket, Record)>,
    /// Its operator says that it has no past.
    pub(super) new_ensemble: bool,
    /// The id that an ensemble gets from it.
    drawn: u64,
    /// It was wiped, and is not recorded again.
    pub(super) forgetful: bool,
    /// It was wiped once.
    pub(super) was_wiped: bool,
    /// A record of it was reported as not written, and may be on its disk.
    pub(super) has_failed: bool,
    /// While it is elected: the largest epoch that had begun before.
    pub(super) begun_before: Epoch,
    /// What stands for it where states are compared.
    pub(super) prints: OnceLock<Prints>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The leader of a session hears what its learner says next.
    LeaderHears {
        session: u64,
    },
    LearnerHears {
        session: u64,
    },
    /// The leader of a session hears that it is over.
    LeaderLoses {
        session: u64,
    },
    LearnerLoses {
        session: u64,
    },
    /// This voter is told that it is elected.
    Stand {
        voter: usize,
    },
    /// This voter is told that another one is, and introduces itself there.
    Join {
        voter: usize,
        leader: usize,
    },
    /// This voter introduces itself once more.
    Redial {
        voter: usize,
    },
    Look {
        voter: usize,
    },
    Land {
        voter: usize,
    },
    /// A record is reported as not written. It may be on the disk all the same.
    Fail {
        voter: usize,
        landed: bool,
    },
    StoreAgain {
        voter: usize,
    },
    /// As many of the records on their way as this have landed.
    Crash {
        voter: usize,
        landed: usize,
    },
    Wipe {
        voter: usize,
    },
    Ping {
        voter: usize,
    },
    /// A weakened rule does without this voter.
    Forge {
        leader: usize,
        peer: usize,
    },
}

fn identity(new_ensemble: bool, drawn: u64) -> Arc<Identity> {
    Arc::new(Identity {
        directory: DirectoryId(1),
        incarnation: Incarnation(1),
        new_ensemble,
        epoch_floor: Epoch(0),
        ensemble_name: "".into(),
        members: "".into(),
        drawn: EnsembleId(drawn),
        ended: Epoch(0),
        lease: None,
        drift_ppm: 0,
    })
}

impl State {
    pub(super) fn new(starts: &[Start], left: Left, weakness: Weakness) -> Self {
        let ensemble = voters(starts.len());
        let voter = |(voter, start): (usize, &Start)| {
            let Start { record, new_ensemble, drawn } = *start;
            let who = identity(new_ensemble, drawn);
            let core = Epochs::new(id(voter), ensemble.clone(), who, Zxid(0), record);
            Arc::new(Voter {
                core,
                disk: record,
                stores: VecDeque::new(),
                new_ensemble,
                drawn,
                forgetful: false,
                was_wiped: false,
                has_failed: false,
                begun_before: Epoch(0),
                prints: OnceLock::new(),
            })
        };
        Self {
            voters: starts.iter().enumerate().map(voter).collect(),
            sessions: BTreeMap::new(),
            history: History::default(),
            left,
            weakness,
            broken: None,
        }
    }

    pub(super) fn quorum(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    pub(super) fn voter(&mut self, voter: usize) -> &mut Voter {
        let voter = Arc::make_mut(&mut self.voters[voter]);
        voter.prints = OnceLock::new();
        voter
    }

    pub(super) fn stage(&self, voter: usize) -> Stage {
        self.voters[voter].core.stage()
    }

    pub(super) fn is_candidate(&self, voter: usize) -> bool {
        match self.stage(voter) {
            Stage::Discovering
            | Stage::Announcing { .. }
            | Stage::Synchronising { .. }
            | Stage::Leading { .. } => true,
            Stage::Looking | Stage::Joining { .. } | Stage::Following { .. } => false,
        }
    }

    /// Takes a step. One that is not possible changes nothing.
    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::LeaderHears { session } => self.leader_hears(session),
            Step::LearnerHears { session } => self.learner_hears(session),
            Step::LeaderLoses { session } => self.leader_loses(session),
            Step::LearnerLoses { session } => self.learner_loses(session),
            Step::Stand { voter } => {
                self.left.elections -= 1;
                self.voter(voter).begun_before = self.history.newest();
                self.tell(voter, EpochsEvent::Elected { leader: id(voter) });
            }
            Step::Join { voter, leader } => {
                self.left.elections -= 1;
                self.tell(voter, EpochsEvent::Elected { leader: id(leader) });
                self.introduce(voter, leader);
            }
            Step::Redial { voter } => {
                if let Stage::Joining { leader } = self.stage(voter) {
                    self.introduce(voter, place(leader));
                }
            }
            Step::Look { voter } => self.tell(voter, EpochsEvent::Unelected),
            Step::Land { voter } => {
                if let Some(ticket) = self.land(voter) {
                    self.tell(voter, EpochsEvent::Stored { ticket });
                    self.remember(voter);
                }
                if let Some(number) = self.session_of(voter)
                    && let Some(session) = self.session(number)
                {
                    session.storing = false;
                }
            }
            Step::Fail { voter, landed } => self.fail(voter, landed),
            Step::StoreAgain { voter } => self.tell(voter, EpochsEvent::StoreAgain),
            Step::Crash { voter, landed } => {
                self.left.crashes -= 1;
                self.crash(voter, landed);
            }
            Step::Wipe { voter } => {
                self.left.wipes -= 1;
                self.wipe(voter);
            }
            Step::Ping { voter } => {
                self.left.pings -= 1;
                self.tell(voter, EpochsEvent::PingDue);
            }
            Step::Forge { leader, peer } => {
                if let Some(number) = self.free_number(peer, leader) {
                    let session = Arc::new(weak::introduction(self, leader, peer));
                    self.sessions.insert(number, session);
                    self.leader_hears(number);
                }
            }
        }
        self.tidy_up();
    }

    /// What is over for both sides is forgotten, and so is what matters only while a voter is elected.
    fn tidy_up(&mut self) {
        self.sessions.retain(|_, session| !(session.learner_left && session.leader_left));
        for voter in 0..self.voters.len() {
            if !self.is_candidate(voter) && self.voters[voter].begun_before != Epoch(0) {
                self.voter(voter).begun_before = Epoch(0);
            }
        }
    }

    pub(super) fn tell(&mut self, voter: usize, event: EpochsEvent) {
        let core = &mut self.voter(voter).core;
        // Debug builds judge every step of a core, and panic.
        let Ok(actions) = catch_unwind(AssertUnwindSafe(|| core.actions_on(event))) else {
            self.broken = Some(RULES_OF_THE_CORE);
            return;
        };
        for action in actions {
            self.perform(voter, action);
        }
    }

    fn perform(&mut self, voter: usize, action: EpochsAction) {
        match action {
            EpochsAction::Tell { session: SessionId::Accepted(number), word } => {
                let Some(session) = self.sessions.get(&number) else { return };
                let forged = weak::answer(self, session, &word);
                let Some(session) = self.session(number) else { return };
                session.to_leader.extend(forged);
                if !session.learner_left {
                    session.to_learner.push_back(word);
                }
            }
            EpochsAction::Say { session: SessionId::Dialled(number), word } => {
                if let Some(session) = self.session(number)
                    && !session.leader_left
                {
                    session.to_leader.push_back(word);
                }
            }
            EpochsAction::Tell { .. } | EpochsAction::Say { .. } => {
                self.broken = Some("a word goes to a session of the other kind");
            }
            EpochsAction::Close { session: SessionId::Accepted(number) } => {
                self.leader_leaves(number);
            }
            EpochsAction::Close { session: SessionId::Dialled(number) } => {
                self.learner_leaves(number);
            }
            EpochsAction::Store { ticket, record } => {
                self.voter(voter).stores.push_back((ticket, record));
            }
            EpochsAction::Began { epoch } => self.judge_beginning(voter, epoch),
            EpochsAction::Follows { leader, epoch, counts } => {
                self.judge_following(place(leader), epoch);
                weak::follows(self, voter, epoch, counts);
            }
            EpochsAction::GiveUp(_) | EpochsAction::Recorded => {}
        }
    }

    /// The oldest record on its way is on the disk now.
    fn land(&mut self, voter: usize) -> Option<Ticket> {
        let (ticket, record) = self.voter(voter).stores.pop_front()?;
        self.judge_disk(voter, record);
        let voter = self.voter(voter);
        voter.disk = record;
        Some(ticket)
    }

    fn fail(&mut self, voter: usize, landed: bool) {
        self.left.failures -= 1;
        self.voter(voter).has_failed = true;
        let ticket = if landed {
            self.land(voter)
        } else {
            self.voter(voter).stores.pop_front().map(|(ticket, _)| ticket)
        };
        if let Some(ticket) = ticket {
            self.tell(voter, EpochsEvent::StoreFailed { ticket });
        }
    }

    fn crash(&mut self, voter: usize, landed: usize) {
        for _ in 0..landed {
            self.land(voter);
        }
        let disk = self.voters[voter].disk;
        self.begin_again(voter, disk);
    }

    fn wipe(&mut self, voter: usize) {
        let record = weak::wiped(self.weakness);
        let wiped = self.voter(voter);
        wiped.disk = record;
        wiped.was_wiped = true;
        wiped.new_ensemble = false;
        self.begin_again(voter, record);
        self.voter(voter).forgetful = true;
    }

    /// One that was wiped is recorded again as soon as it knows that it is: not by a write that was reported as failed.
    fn remember(&mut self, voter: usize) {
        let this = self.voter(voter);
        this.forgetful &= !this.core.record().recorded;
    }

    fn begin_again(&mut self, voter: usize, record: Record) {
        let ensemble = voters(self.voters.len());
        let this = self.voter(voter);
        this.stores.clear();
        this.has_failed = false;
        let who = identity(this.new_ensemble, this.drawn);
        this.core = Epochs::new(id(voter), ensemble, who, Zxid(0), record);
        self.remember(voter);
        let numbers: Vec<_> = self.sessions.keys().copied().collect();
        for number in numbers {
            let session = &self.sessions[&number];
            let (is_learner, is_leader) = (session.learner == voter, session.leader == voter);
            if is_learner {
                self.learner_leaves(number);
            }
            if is_leader {
                self.leader_leaves(number);
            }
        }
    }

    /// Whether this voter may lose its disk: those that were wiped, and are not recorded again, never hold a quorum.
    pub(super) fn may_be_wiped(&self, voter: usize) -> bool {
        let others = self.voters.iter().enumerate().filter(|(other, _)| *other != voter);
        let forgetful = others.filter(|(_, other)| other.forgetful).count();
        forgetful + 1 < self.quorum() && self.voters[voter].disk != Record::default()
    }
}
