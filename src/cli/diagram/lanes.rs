//! [`Lanes`]: what each member is from one row to another, and which leases run.

use std::collections::BTreeMap;

use ballotbox::{
    Ensemble, Epoch, ServerId, Standing,
    scenario::{
        live::{Effect, What},
        vote_file::{MemberState, Operation},
    },
};

/// What a lane shows between two rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Look {
    pub(super) state: MemberState,
    pub(super) paused: bool,
}

/// A piece of a lane that looks the same from one row to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Piece {
    pub(super) member: ServerId,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) look: Look,
}

/// A lease, and when it is over, if it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct LeaseSpan {
    pub(super) member: ServerId,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) is_over: bool,
}

/// Follows what each member is, row by row.
pub(super) struct Lanes<'a> {
    ensemble: &'a Ensemble,
    with_leases: bool,
    now: BTreeMap<ServerId, (usize, Look)>,
    pieces: Vec<Piece>,
    running: BTreeMap<ServerId, Running>,
    leases: Vec<LeaseSpan>,
}

/// A lease that runs.
struct Running {
    from: usize,
    /// Where its holder was stopped in good order. It leads until it says that it does no more; if it says nothing, up to there.
    stopped: Option<usize>,
    /// Its holder has died: only its end is told, and what a later life of that member does says nothing of it.
    is_orphan: bool,
}

const DOWN: Look = Look { state: MemberState::Down, paused: false };

impl<'a> Lanes<'a> {
    pub(super) fn new(ensemble: &'a Ensemble, with_leases: bool) -> Self {
        let (now, running) = (BTreeMap::new(), BTreeMap::new());
        Self { ensemble, with_leases, now, pieces: Vec::new(), running, leases: Vec::new() }
    }

    pub(super) fn take(&mut self, row: usize, what: &What) {
        match what {
            What::Played(operation) => self.play(row, operation),
            What::Voted { .. } | What::WaitsFor { .. } | What::Judged { .. } => {}
            What::Leads { member, epoch } => {
                self.led(row, *member, *member, *epoch);
                self.end_lease(row, *member);
                if self.with_leases {
                    self.running
                        .insert(*member, Running { from: row, stopped: None, is_orphan: false });
                }
            }
            What::Follows { member, leader, epoch } => self.led(row, *member, *leader, *epoch),
            What::Lost { member, .. } => {
                let lease = self.running.get(member).filter(|lease| !lease.is_orphan);
                let stopped = lease.is_some_and(|lease| lease.stopped.is_some());
                if lease.is_some() {
                    self.end_lease(row, *member);
                }
                let state = if stopped { MemberState::Down } else { MemberState::Looking };
                self.turn_if_up(row, *member, state);
            }
            What::LeaseOver { member, .. } => self.end_lease(row, *member),
            What::Looking { member, .. } => self.turn_if_up(row, *member, MemberState::Looking),
            What::Decided { member, decision, .. } => {
                let state = MemberState::under(decision.vote.leader, decision.standing, None);
                self.turn_if_up(row, *member, state);
            }
            What::Befalls { member, effect, .. } => {
                if let Some(member) = member {
                    self.befall(row, *member, *effect);
                }
            }
        }
    }

    fn play(&mut self, row: usize, operation: &Operation) {
        match operation {
            Operation::Start(members) => {
                for member in members {
                    self.befall(row, *member, Effect::Starts);
                }
            }
            Operation::Stop(members) => {
                for member in members {
                    match self.running.get_mut(member) {
                        Some(lease) if !lease.is_orphan => lease.stopped = Some(row),
                        Some(_) | None => self.turn(row, *member, |_| DOWN),
                    }
                }
            }
            Operation::Kill(members) => {
                for member in members {
                    self.befall(row, *member, Effect::Dies);
                }
            }
            Operation::Pause(members) | Operation::Resume(members) => {
                let paused = matches!(operation, Operation::Pause(_));
                for member in members {
                    self.turn(row, *member, |look| Look { paused, ..look });
                }
            }
            // Who hangs says so itself.
            Operation::Hang(_)
            | Operation::Wake(_)
            | Operation::Cut(_)
            | Operation::Isolate(_)
            | Operation::Block(_)
            | Operation::Heal
            | Operation::Wipe(_)
            | Operation::Fill(_)
            | Operation::Free(_)
            | Operation::Resign { .. } => {}
        }
    }

    fn befall(&mut self, row: usize, member: ServerId, effect: Effect) {
        match effect {
            Effect::Nothing | Effect::Broken => {}
            Effect::StandsStill => self.turn(row, member, |look| Look { paused: true, ..look }),
            Effect::GoesOn => self.turn(row, member, |look| Look { paused: false, ..look }),
            Effect::Dies => {
                if let Some(lease) = self.running.get_mut(&member) {
                    (lease.stopped, lease.is_orphan) = (None, true);
                }
                self.turn(row, member, |_| DOWN);
            }
            Effect::Starts => {
                self.end_if_stopped(member);
                self.turn(row, member, |_| Look { state: MemberState::Looking, paused: false });
            }
        }
    }

    /// The member leads, or follows or watches another one.
    fn led(&mut self, row: usize, member: ServerId, leader: ServerId, epoch: Epoch) {
        let standing = Standing::under(leader, member, self.ensemble.is_voter(member));
        let state = MemberState::under(leader, standing, Some(epoch));
        self.turn(row, member, |look| Look { state, ..look });
    }

    /// What a member says that was told to stop changes nothing any more.
    fn turn_if_up(&mut self, row: usize, member: ServerId, state: MemberState) {
        let is_up = self.now.get(&member).is_some_and(|(_, look)| look.state != MemberState::Down);
        if is_up {
            self.turn(row, member, |look| Look { state, ..look });
        }
    }

    fn turn(&mut self, row: usize, member: ServerId, into: impl Fn(Look) -> Look) {
        let (from, before) = self.now.get(&member).copied().unwrap_or((row, DOWN));
        let after = into(before);
        if after != before {
            self.close(member, from, row, before);
            self.now.insert(member, (row, after));
        }
    }

    fn close(&mut self, member: ServerId, from: usize, to: usize, look: Look) {
        if look.state != MemberState::Down && from < to {
            self.pieces.push(Piece { member, from, to, look });
        }
    }

    fn end_lease(&mut self, row: usize, member: ServerId) {
        if let Some(Running { from, .. }) = self.running.remove(&member) {
            self.leases.push(LeaseSpan { member, from, to: row, is_over: true });
        }
    }

    /// A member that was stopped has said nothing more.
    fn end_if_stopped(&mut self, member: ServerId) {
        if let Some(row) = self.running.get(&member).and_then(|lease| lease.stopped) {
            self.end_lease(row, member);
            self.turn(row, member, |_| DOWN);
        }
    }

    /// All pieces and leases, up to the end of the picture.
    pub(super) fn finish(mut self, rows: usize) -> (Vec<Piece>, Vec<LeaseSpan>) {
        for member in self.running.keys().copied().collect::<Vec<_>>() {
            self.end_if_stopped(member);
        }
        for (member, (from, look)) in std::mem::take(&mut self.now) {
            self.close(member, from, rows, look);
        }
        for (member, Running { from, .. }) in std::mem::take(&mut self.running) {
            self.leases.push(LeaseSpan { member, from, to: rows, is_over: false });
        }
        (self.pieces, self.leases)
    }
}
