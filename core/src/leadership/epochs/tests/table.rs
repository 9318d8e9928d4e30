//! An ensemble of [`Epochs`] whose words are carried by hand.

use std::collections::{BTreeSet, VecDeque};

use super::super::*;
use crate::{
    leadership::fixtures::{id, identity},
    membership::Member,
};

/// Something on its way.
#[derive(Clone, Debug)]
pub(super) enum Mail {
    ToLeader { session: SessionId, word: LearnerWord },
    ToLearner { session: SessionId, word: LeaderWord },
}

/// One member of a test.
pub(super) struct Seat {
    pub(super) core: Epochs,
    pub(super) began: Vec<Epoch>,
    /// What it said of amnesiacs when its last epoch began.
    pub(super) amnesiacs: Option<BTreeSet<ServerId>>,
    pub(super) follows: Vec<(ServerId, Epoch, bool)>,
    pub(super) gave_up: Vec<GiveUp>,
    /// Stores that were asked for and are not reported.
    pub(super) stores: VecDeque<Ticket>,
    pub(super) recorded: bool,
}

/// An ensemble: sessions are pairs of a learner and a leader.
pub(super) struct Table {
    pub(super) ensemble: Arc<Ensemble>,
    pub(super) seats: BTreeMap<ServerId, Seat>,
    pub(super) mail: VecDeque<(ServerId, Mail)>,
    /// Leader's session to learner.
    pub(super) sessions: BTreeMap<SessionId, (ServerId, ServerId)>,
    last_session: u64,
    /// Stores are done at once.
    pub(super) fast_disks: bool,
    /// Nobody hears that the other end of a session is gone.
    pub(super) unnoticed: bool,
}

impl Table {
    /// Voters 1 to `count`, with these records.
    pub(super) fn of(records: &[Record]) -> Self {
        let count = records.len() as u64;
        let members = (1..=count).map(|number| Member::voter(id(number)));
        let ensemble = Arc::new(Ensemble::new(members).unwrap());
        let mut table = Self {
            ensemble,
            seats: BTreeMap::new(),
            mail: VecDeque::new(),
            sessions: BTreeMap::new(),
            last_session: 0,
            fast_disks: true,
            unnoticed: false,
        };
        for (number, record) in (1..).zip(records) {
            table.seat(number, identity(number), *record);
        }
        table
    }

    pub(super) fn seat(&mut self, number: u64, identity: Identity, record: Record) {
        let core = Epochs::new(id(number), self.ensemble.clone(), identity.into(), Zxid(0), record);
        let seat = Seat {
            core,
            began: vec![],
            amnesiacs: None,
            follows: vec![],
            gave_up: vec![],
            stores: VecDeque::new(),
            recorded: false,
        };
        self.seats.insert(id(number), seat);
    }

    pub(super) fn tell(&mut self, number: u64, event: EpochsEvent) {
        let me = id(number);
        let actions = self.seats.get_mut(&me).unwrap().core.actions_on(event);
        for action in actions {
            self.perform(me, action);
        }
    }

    fn perform(&mut self, me: ServerId, action: EpochsAction) {
        let seat = self.seats.get_mut(&me).unwrap();
        match action {
            EpochsAction::Tell { session, word } => {
                if let Some((learner, _)) = self.sessions.get(&session) {
                    self.mail.push_back((*learner, Mail::ToLearner { session, word }));
                }
            }
            EpochsAction::Say { session, word } => {
                if let Some((_, leader)) = self.sessions.get(&session) {
                    self.mail.push_back((*leader, Mail::ToLeader { session, word }));
                }
            }
            EpochsAction::Close { session } => {
                if let Some((learner, leader)) = self.sessions.remove(&session) {
                    let other = if me == learner { leader } else { learner };
                    self.notice_end(other, session);
                }
            }
            EpochsAction::Store { ticket, .. } => seat.stores.push_back(ticket),
            EpochsAction::Began { epoch } => {
                seat.began.push(epoch);
                seat.amnesiacs = seat.core.quorum_of_amnesiacs();
            }
            EpochsAction::Follows { leader, epoch, counts } => {
                seat.follows.push((leader, epoch, counts));
            }
            EpochsAction::GiveUp(why) => seat.gave_up.push(why),
            EpochsAction::Recorded => seat.recorded = true,
        }
    }

    fn tell_id(&mut self, me: ServerId, event: EpochsEvent) {
        self.tell(me.number(), event);
    }

    /// This member is told that the leader is elected, and introduces itself.
    pub(super) fn join(&mut self, number: u64, leader: u64) {
        self.tell(number, EpochsEvent::Elected { leader: id(leader) });
        self.introduce(number, leader);
    }

    pub(super) fn introduce(&mut self, number: u64, leader: u64) {
        self.last_session += 1;
        let session = SessionId::Accepted(self.last_session);
        self.sessions.insert(session, (id(number), id(leader)));
        let info = self.seats[&id(number)].core.info();
        self.tell(number, EpochsEvent::Introduced { session });
        self.tell(leader, EpochsEvent::Arrived { session, peer: id(number), info });
    }

    pub(super) fn lead(&mut self, number: u64) {
        self.tell(number, EpochsEvent::Elected { leader: id(number) });
    }

    /// Carries words and serves disks until nothing is left to do.
    pub(super) fn settle(&mut self) {
        while self.go_on() {}
    }

    /// Serves one disk, or carries one word, if there is any.
    pub(super) fn go_on(&mut self) -> bool {
        if self.fast_disks {
            let mut seats = self.seats.iter_mut();
            let waiting =
                seats.find_map(|(me, seat)| seat.stores.pop_front().map(|ticket| (*me, ticket)));
            if let Some((me, ticket)) = waiting {
                self.tell_id(me, EpochsEvent::Stored { ticket });
                return true;
            }
        }
        let Some((to, mail)) = self.mail.pop_front() else { return false };
        let (session, event) = match mail {
            Mail::ToLeader { session, word } => {
                (session, EpochsEvent::LearnerSaid { session, word })
            }
            Mail::ToLearner { session, word } => {
                (session, EpochsEvent::LeaderSaid { session, word })
            }
        };
        if self.sessions.contains_key(&session) {
            self.tell_id(to, event);
        }
        true
    }

    /// The member's process dies; it begins again with what is on its disk.
    pub(super) fn crash(&mut self, number: u64) {
        let record = self.seats[&id(number)].core.record();
        self.begin_again(number, record);
    }

    pub(super) fn begin_again(&mut self, number: u64, record: Record) {
        let me = id(number);
        let broken: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, (learner, leader))| *learner == me || *leader == me)
            .map(|(session, ends)| (*session, *ends))
            .collect();
        self.seat(number, identity(number), record);
        for (session, (learner, leader)) in broken {
            self.sessions.remove(&session);
            let other = if learner == me { leader } else { learner };
            self.notice_end(other, session);
        }
    }

    fn notice_end(&mut self, me: ServerId, session: SessionId) {
        if !self.unnoticed {
            self.tell_id(me, EpochsEvent::Ended { session });
        }
    }

    /// The oldest record that waits at this member is on its disk.
    pub(super) fn land(&mut self, number: u64) {
        let ticket = self.seats.get_mut(&id(number)).unwrap().stores.pop_front().unwrap();
        self.tell(number, EpochsEvent::Stored { ticket });
    }

    pub(super) fn began(&self, number: u64) -> &[Epoch] {
        &self.seats[&id(number)].began
    }

    pub(super) fn stage(&self, number: u64) -> Stage {
        self.seats[&id(number)].core.stage()
    }

    pub(super) fn follows(&self, number: u64) -> Option<(u64, i64, bool)> {
        let last = self.seats[&id(number)].follows.last();
        last.map(|(leader, epoch, counts)| (leader.number(), epoch.0, *counts))
    }
}

pub(super) const NEW: Record = Record {
    accepted: Epoch(0),
    current: Epoch(0),
    recorded: false,
    ensemble: None,
    confirmed: false,
    longest_promise: std::time::Duration::ZERO,
};
