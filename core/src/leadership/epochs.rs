//! [`Epochs`]: which epoch a member promises to, and when an epoch has begun. There is no time in it.
//!
//! What it rests on: a voter gives its word for an epoch at most once, on one session, and the word that counts is on its disk
//! before it is said. Any two quorums share a voter. So no epoch begins twice, and one whose discovery starts after another has
//! begun is larger.
//!
//! | state | on | then |
//! | --- | --- | --- |
//! | looking | elected ourselves | discovering, with the learners that have come already |
//! | | elected another | joining: its word is waited for |
//! | discovering | a quorum that remembers has introduced itself, or every voter has | e = 1 + the largest accepted epoch; it is said to all: announcing |
//! | announcing | a quorum that remembers has taken note of e, or every voter has | our own record goes to disk while NEWLEADER is said: synchronising |
//! | synchronising | a quorum has it on disk, ourselves among it (in a founding: every voter) | the epoch has begun: leading |
//! | leading | an amnesiac has come, and a quorum has answered a later ping | it is recorded |
//! | joining | LEADERINFO with a newer epoch than we accepted | it is accepted: our word counts |
//! | | with another one | we follow without counting, or leave |
//! | | NEWLEADER, no work of ours goes on, and we are bound to nobody else | our record goes to disk, then our word is said |
//! | | UPTODATE | following |
//!
//! **Amnesiacs.** A member whose directory is new, or was wiped, may have forgotten its words, so it counts nowhere until an
//! established leader has heard, after its arrival, from a quorum that remembers no newer epoch. Only an epoch in which *every*
//! voter gives both words needs no memory: so a new ensemble begins, and so one member grows to three. That is a founding.
//!
//! **One write.** What a voter has accepted is on its disk only with its word, so a crash may forget it. A voter that confirms an
//! amnesiac may therefore have taken note of the epoch that the amnesiac has forgotten, unless its own word is on its disk,
//! or it can still give it. So a word counts only beside others that were noted when it was given, or when it was confirmed
//! by the answer to a later ping. Who takes note late counts once all others have answered such a ping, and in a founding
//! not at all.

mod account;
mod candidate;
mod disk;
mod ends;
mod handover;
pub mod invariants;
mod learner;
mod likeness;
mod presence;
mod served;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use account::{NotCounted, WordGiven};
pub use likeness::Renaming;

use self::{candidate::Candidacy, learner::Learning, served::Learner};
use super::{
    DirectoryId, EnsembleId, Holder, Incarnation, Info, LeaderWord, LearnerBlock, LearnerWord,
    LeaseTerms, Nomination, Record, SessionId,
};
use crate::{
    Core, ServerId, UntrustedText,
    election::{Epoch, Zxid},
    machine::checked,
    membership::{Ensemble, Role},
};

/// The largest epoch there can be. A real server has 32 bits for an epoch, one of them for the sign, and a real leader proposes one
/// more than the largest that it hears of: one more than this is the last number that is not negative.
pub const EPOCH_MAX: Epoch = Epoch(i32::MAX as i64 - 1);

/// Who we are at the quorum port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Identity {
    /// The directory we run on.
    pub directory: DirectoryId,
    /// How often we were started there.
    pub incarnation: Incarnation,
    /// Whether our operator says that our directory has no past.
    pub new_ensemble: bool,
    /// The epoch above which a new ensemble is to begin; 0 for none.
    pub epoch_floor: Epoch,
    /// The name of our ensemble; empty for none.
    pub ensemble_name: Arc<str>,
    /// Our member list.
    pub members: Arc<str>,
    /// The id that an ensemble gets if we found it: a number drawn at random.
    pub drawn: EnsembleId,
    /// The newest epoch of our earlier lives that has surely ended; 0 if nothing is sure.
    pub ended: Epoch,
    /// The lease that we ask our voters for when we lead.
    pub lease: Option<LeaseTerms>,
    /// By how much we expect clocks to be off, in parts per million.
    pub drift_ppm: u32,
}

/// Which store is meant.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u64);

/// What has happened.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum EpochsEvent {
    /// The election has ended. What went on before is over.
    Elected { leader: ServerId },
    /// The election goes on.
    Unelected,
    /// A learner that may be served has introduced itself.
    Arrived { session: SessionId, peer: ServerId, info: Info },
    /// A learner has said something else.
    LearnerSaid { session: SessionId, word: LearnerWord },
    /// We introduce ourselves to our leader on this session: what was said on another one is void.
    Introduced { session: SessionId },
    /// Our leader has said something.
    LeaderSaid { session: SessionId, word: LeaderWord },
    /// A session is over.
    Ended { session: SessionId },
    /// The record is on disk.
    Stored { ticket: Ticket },
    /// The record could not be written. That may be different the next time.
    StoreFailed { ticket: Ticket },
    /// The record that could not be written is to be tried again.
    StoreAgain,
    /// The learners are to be asked for a sign of life.
    PingDue,
    /// We give our epoch up: the learners need not wait for us. What goes on is over.
    Release {
        /// Who is to lead next.
        nomination: Option<Nomination>,
    },
    /// Whether work of an earlier epoch of ours still goes on: we begin no other one before its end, and none begins by our word.
    WorkGoesOn(bool),
    /// Whether we are bound to somebody else than the one that our word would be for, be it us: it waits until we are free.
    Bound(bool),
    /// We have promised our leader what this ping of it asks for, where that outlives us: it may be told.
    Promised { session: SessionId, number: u64 },
    /// As leader we have promised that to ourselves.
    PromisedOurselves { number: u64 },
}

/// What is to be done, in this order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum EpochsAction {
    /// Say this to a learner.
    Tell { session: SessionId, word: LeaderWord },
    /// Say this to our leader.
    Say { session: SessionId, word: LearnerWord },
    /// End a session.
    Close { session: SessionId },
    /// Put this on disk.
    Store { ticket: Ticket, record: Record },
    /// We lead in this epoch.
    Began { epoch: Epoch },
    /// We follow an established leader.
    Follows {
        leader: ServerId,
        epoch: Epoch,
        /// Whether our word counts there.
        counts: bool,
    },
    /// Nothing can come of this result of the election.
    GiveUp(GiveUp),
    /// The ensemble knows us from now on.
    Recorded,
}

/// Why nothing can come of the result of an election.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum GiveUp {
    /// All voters that are here have answered, and some have promised to a newer epoch: with a larger one it can be had.
    Overtaken { epoch: Epoch },
    /// There is no larger epoch.
    NoEpochLeft,
    /// Our record could not be written.
    Disk,
    /// The leader proposes an epoch before one that we have followed.
    OldLeader { epoch: Epoch, ours: Epoch },
    /// The leader belongs to another ensemble, or those who have come belong to two.
    OtherEnsemble { theirs: EnsembleId, ours: EnsembleId },
    /// The leader is a real server, whose followers keep a history. We are a voter and keep none.
    RealLeader,
    /// The leader has turned us away.
    Refused { reason: UntrustedText },
    /// The leader has said something that does not fit.
    Misfit,
    /// The leader has given its epoch up.
    Released {
        epoch: Epoch,
        /// Who is to lead next, if that leader was one that we have followed in that epoch, and has said so.
        nomination: Option<Nomination>,
    },
}

/// One member's part in the epochs of its ensemble.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Epochs {
    me: ServerId,
    ensemble: Arc<Ensemble>,
    identity: Arc<Identity>,
    /// What we stand on, for real leaders.
    zxid: Zxid,
    /// What is on disk.
    record: Record,
    /// The newest epoch we have promised to. The promise ends with the session, and with us: only a record makes it last.
    accepted: Epoch,
    /// The newest epoch in which we have led, or followed a leader, in this life: we go back to none before it.
    followed: Epoch,
    /// What is on its way to the disk, or could not be written.
    store: Option<Store>,
    last_ticket: Ticket,
    /// Work of an earlier epoch of ours goes on.
    work_goes_on: bool,
    /// We are bound to somebody else than the one that our word would be for.
    bound: bool,
    /// The newest epoch in which we have led in this life.
    led: Epoch,
    /// The newest epoch of ours that has ended, with all work.
    ended: Epoch,
    part: Part,
}

/// A record that is not on disk yet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Store {
    ticket: Ticket,
    record: Record,
    /// It could not be written.
    failed: bool,
}

/// What a member does.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Part {
    /// Nobody is elected. Those who expect us to lead wait, at most one session for each member.
    Looking { early: BTreeMap<SessionId, Learner> },
    /// We are elected.
    Candidate(Candidacy),
    /// Another one is.
    Learner(Learning),
}

/// How far a member has come.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Stage {
    /// Nobody is elected.
    Looking,
    /// We are elected, and hear who is here.
    Discovering,
    /// We have proposed an epoch.
    Announcing { epoch: Epoch },
    /// A quorum has taken note of it, and puts it on disk.
    Synchronising { epoch: Epoch },
    /// It has begun.
    Leading { epoch: Epoch },
    /// Another one is elected, and has not begun an epoch with us yet.
    Joining { leader: ServerId },
    /// We follow it.
    Following { leader: ServerId, epoch: Epoch },
}

impl Core for Epochs {
    type Event = EpochsEvent;
    type Action = EpochsAction;

    fn handle(&mut self, event: EpochsEvent, out: &mut Vec<EpochsAction>) {
        checked(self, event, out, Self::decide_on, invariants::first_broken);
    }
}

impl Epochs {
    /// A member that has this record on disk.
    pub fn new(
        me: ServerId,
        ensemble: Arc<Ensemble>,
        identity: Arc<Identity>,
        zxid: Zxid,
        record: Record,
    ) -> Self {
        let ended = identity.ended;
        Self {
            me,
            ensemble,
            identity,
            zxid,
            record,
            accepted: record.accepted,
            followed: Epoch(0),
            store: None,
            last_ticket: Ticket::default(),
            work_goes_on: false,
            bound: false,
            led: Epoch(0),
            ended,
            part: Part::Looking { early: BTreeMap::new() },
        }
    }

    fn decide_on(&mut self, event: EpochsEvent, out: &mut Vec<EpochsAction>) {
        match event {
            EpochsEvent::Elected { leader } => self.elected(leader, out),
            EpochsEvent::Unelected => self.look(out),
            EpochsEvent::Arrived { session, peer, info } => self.arrived(session, peer, &info, out),
            EpochsEvent::LearnerSaid { session, word } => self.learner_said(session, &word, out),
            EpochsEvent::Introduced { session } => self.introduced(session, out),
            EpochsEvent::LeaderSaid { session, word } => self.leader_said(session, word, out),
            EpochsEvent::Ended { session } => self.ended(session, out),
            EpochsEvent::Stored { ticket } => self.stored(ticket, out),
            EpochsEvent::StoreFailed { ticket } => self.store_failed(ticket, out),
            EpochsEvent::StoreAgain => self.store_again(out),
            EpochsEvent::PingDue => self.ping(out),
            EpochsEvent::Release { nomination } => {
                self.release(nomination, out);
                self.look(out);
            }
            EpochsEvent::WorkGoesOn(goes_on) => {
                self.work_goes_on = goes_on;
                self.give_withheld_word(out);
            }
            EpochsEvent::Bound(bound) => {
                self.bound = bound;
                self.give_withheld_word(out);
            }
            EpochsEvent::Promised { session, number } => self.promised(session, number, out),
            EpochsEvent::PromisedOurselves { number } => {
                if let Part::Candidate(candidacy) = &mut self.part {
                    candidacy.promised = candidacy.promised.max(number);
                }
            }
        }
        self.note_what_has_ended(out);
    }

    /// What is on disk.
    pub const fn record(&self) -> Record {
        self.record
    }

    /// The newest epoch we have promised to.
    pub const fn accepted(&self) -> Epoch {
        self.accepted
    }

    /// Whether work of an epoch of ours goes on, which goes on only while we lead.
    pub const fn work_goes_on(&self) -> bool {
        self.work_goes_on
    }

    /// By how much we expect clocks to be off, in parts per million.
    pub fn drift_ppm(&self) -> u32 {
        self.identity.drift_ppm
    }

    /// Who is the learner on this session, in which of its lives.
    pub fn learner(&self, session: SessionId) -> Option<Holder> {
        let Part::Candidate(candidacy) = &self.part else { return None };
        candidacy.learners.get(&session).map(|learner| learner.ended.holder)
    }

    /// Whether we are bound to somebody else than the one that our word would be for.
    pub const fn is_bound(&self) -> bool {
        self.bound
    }

    /// Who would lead by our word, if that is known: the leader that we join or follow, or we.
    pub fn candidate(&self) -> Option<Holder> {
        match &self.part {
            Part::Looking { .. } => None,
            Part::Candidate(_) => Some(self.holder()),
            Part::Learner(learning) => learning.holder(),
        }
    }

    /// The epoch that we have proposed, or of which our leader has told us.
    pub fn epoch(&self) -> Option<Epoch> {
        match &self.part {
            Part::Looking { .. } => None,
            Part::Candidate(candidacy) => candidacy.epoch(),
            Part::Learner(learning) => learning.epoch(),
        }
    }

    /// Whether our word for the epoch of our leader is said already: what we say when it tells us that it has begun adds nothing to it.
    pub(crate) fn has_given_its_word(&self) -> bool {
        matches!(&self.part, Part::Learner(learning) if learning.has_given_its_word())
    }

    /// Whether a record could not be written, and is still wanted.
    pub fn is_unable_to_store(&self) -> bool {
        self.store.is_some_and(|store| store.failed)
    }

    /// How far we have come.
    pub fn stage(&self) -> Stage {
        match &self.part {
            Part::Looking { .. } => Stage::Looking,
            Part::Candidate(candidacy) => candidacy.stage(),
            Part::Learner(learning) => learning.stage(),
        }
    }

    /// How we introduce ourselves to a leader.
    pub fn info(&self) -> Info {
        let role = if self.i_am_voter() { Role::Voter } else { Role::Observer };
        let block = Some(self.own_block());
        Info { id: Some(self.me), role, accepted: self.accepted, block }
    }

    fn own_block(&self) -> LearnerBlock {
        let identity = &self.identity;
        LearnerBlock {
            directory: identity.directory,
            incarnation: identity.incarnation,
            recorded: self.record.recorded,
            new_ensemble: identity.new_ensemble,
            epoch_floor: identity.epoch_floor,
            current: self.record.current,
            ensemble: self.record.ensemble,
            confirmed: self.record.confirmed,
            ensemble_name: Arc::clone(&identity.ensemble_name),
            members: Arc::clone(&identity.members),
            ended: self.ended,
        }
    }

    fn elected(&mut self, leader: ServerId, out: &mut Vec<EpochsAction>) {
        self.look(out);
        let Part::Looking { early } = &mut self.part else { return };
        let early = std::mem::take(early);
        if leader == self.me {
            self.stand(early, out);
        } else {
            // Those who wait for us to lead are mistaken.
            out.extend(early.into_keys().map(|session| EpochsAction::Close { session }));
            self.part = Part::Learner(Learning::new(leader));
        }
    }

    /// Ends whatever goes on, and every session with it. Those who wait for us to lead go on waiting.
    fn look(&mut self, out: &mut Vec<EpochsAction>) {
        if matches!(self.part, Part::Looking { .. }) {
            return;
        }
        let looking = Part::Looking { early: BTreeMap::new() };
        let sessions: Vec<_> = match std::mem::replace(&mut self.part, looking) {
            Part::Looking { .. } => return,
            Part::Candidate(candidacy) => candidacy.sessions().collect(),
            Part::Learner(learning) => learning.session().into_iter().collect(),
        };
        out.extend(sessions.into_iter().map(|session| EpochsAction::Close { session }));
        self.drop_failed_store();
    }

    fn arrived(
        &mut self,
        session: SessionId,
        peer: ServerId,
        info: &Info,
        out: &mut Vec<EpochsAction>,
    ) {
        let newest = self.accepted;
        match &mut self.part {
            Part::Looking { early } => {
                served::take_in(early, session, Learner::new(peer, info), out);
                // It may have followed us in an epoch that is over.
                let word = LeaderWord::Released { epoch: newest, nomination: None };
                out.push(EpochsAction::Tell { session, word });
            }
            Part::Candidate(_) => self.serve(session, Learner::new(peer, info), out),
            Part::Learner(_) => out.push(EpochsAction::Close { session }),
        }
    }

    fn ended(&mut self, session: SessionId, out: &mut Vec<EpochsAction>) {
        match &mut self.part {
            Part::Looking { early } => {
                early.remove(&session);
            }
            Part::Candidate(_) => self.learner_left(session, out),
            Part::Learner(learning) => {
                if learning.leave(session) {
                    self.drop_failed_store();
                }
            }
        }
    }

    /// The result of the election is void.
    fn give_up(&mut self, why: GiveUp, out: &mut Vec<EpochsAction>) {
        self.look(out);
        out.push(EpochsAction::GiveUp(why));
    }

    fn i_am_voter(&self) -> bool {
        self.ensemble.is_voter(self.me)
    }
}
