//! [`Leases`]: what was promised in a run, what has ended, and who works, by what members say and report, and not by what their
//! cores know.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ballotbox_core::leadership::{
    Holder, Incarnation, LeaderWord, LearnerWord, LeaseTerms, Reading, Report, SessionId,
};

use super::rules::{LEASE_GROWS, LEASE_RUNS, LOST_IS_OVER, PROMISES_BIND, WORK_ENDS_FIRST};
use crate::election::Epoch;

/// A rule that was broken, and what more there is to say.
type Broken = (&'static str, String);

/// What the rules about leases need to know.
#[derive(Debug)]
pub(super) struct Leases {
    members: Vec<OfMember>,
    /// Up to which epoch those of a holder have ended, by its own words.
    ended: BTreeMap<Holder, Epoch>,
    /// Any two epochs whose leases ran at one time.
    overlaps: BTreeSet<(Epoch, Epoch)>,
}

#[derive(Clone, Debug, Default)]
struct OfMember {
    /// What it has promised last. It outlives process and machine, and not the disk.
    promise: Option<Promised>,
    /// Work of an earlier life that goes on.
    left_behind: Option<Work>,
    life: Life,
}

/// To give nobody else its word before this is shown by all its clocks.
#[derive(Clone, Copy, Debug)]
struct Promised {
    to: Holder,
    epoch: Epoch,
    until: Reading,
}

/// What is over with a process.
#[derive(Clone, Debug, Default)]
struct Life {
    /// Who leads on which session, and in which epoch.
    leaders: BTreeMap<SessionId, (Holder, Epoch)>,
    /// When pings came that were not answered yet.
    pings: BTreeMap<(SessionId, u64), Reading>,
    /// The epoch in which it reports that it leads, and the newest one in which it does no more.
    leading: Option<Epoch>,
    lost: Epoch,
    /// The lease that its core held last.
    held: Option<(Epoch, Reading)>,
    work: Option<Work>,
}

/// Work that goes on only while its member leads.
#[derive(Clone, Copy, Debug)]
struct Work {
    epoch: Epoch,
    /// It was told to end.
    ends: bool,
    /// Until when it may go on, as far as it knows: the end of its lease.
    until: Option<Reading>,
}

/// Who says something: a member by its place, in one of its lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker {
    pub(super) member: usize,
    pub(super) holder: Holder,
    /// What its clocks show.
    pub(super) now: Reading,
}

impl Leases {
    pub(super) fn new(members: usize) -> Self {
        let members = vec![OfMember::default(); members];
        Self { members, ended: BTreeMap::new(), overlaps: BTreeSet::new() }
    }

    /// A process has ended, and all its work.
    pub(super) fn life_ends(&mut self, member: usize) {
        self.members[member].life = Life::default();
    }

    /// The work of a member, if there is any, outlives the process that ends now. Returns its epoch.
    pub(super) fn leaves_behind(&mut self, member: usize) -> Option<Epoch> {
        let OfMember { left_behind, life, .. } = &mut self.members[member];
        let work = life.work.take()?;
        *left_behind = Some(work);
        Some(work.epoch)
    }

    /// The epoch of the work that earlier lives of a member have left behind.
    pub(super) fn left_behind(&self, member: usize) -> Option<Epoch> {
        self.members[member].left_behind.map(|work| work.epoch)
    }

    /// In which epoch work of a member goes on, in this life or left behind, whose lease still runs by these clocks.
    pub(super) fn work_under_lease(&self, member: usize, now: Reading) -> Option<Epoch> {
        let OfMember { left_behind, life, .. } = &self.members[member];
        let mut works = left_behind.iter().chain(&life.work);
        let is_covered = |work: &&Work| work.until.is_some_and(|until| runs(now, until));
        works.find(is_covered).map(|work| work.epoch)
    }

    /// A disk was lost: what its member has promised is forgotten, and what it has left behind is not known there.
    pub(super) fn is_wiped(&mut self, member: usize) {
        self.members[member].left_behind = None;
        self.members[member].promise = None;
    }

    /// A machine starts anew. What is left of a promise is left by its new clocks, which show nothing yet.
    pub(super) fn reboots(&mut self, member: usize, now: Reading) {
        self.members[member].left_behind = None;
        if let Some(promise) = &mut self.members[member].promise {
            let Reading { boot, raw } = promise.until;
            let left = boot.saturating_sub(now.boot).max(raw.saturating_sub(now.raw));
            promise.until = Reading { boot: left, raw: left };
        }
    }

    /// A leader has said something to a member.
    pub(super) fn hears(
        &mut self,
        member: usize,
        session: SessionId,
        word: &LeaderWord,
        now: Reading,
    ) {
        let life = &mut self.members[member].life;
        if let LeaderWord::Ping { number: Some(number), .. } = word {
            life.pings.insert((session, *number), now);
        }
    }

    /// The same, of the word with which a leader of ours says who it is.
    pub(super) fn is_led_by(
        &mut self,
        member: usize,
        session: SessionId,
        to: Holder,
        epoch: Epoch,
    ) {
        self.members[member].life.leaders.insert(session, (to, epoch));
    }

    /// A member says something to its leader. `span` is how long a ping binds it.
    pub(super) fn says(
        &mut self,
        Speaker { member, holder, now }: Speaker,
        session: SessionId,
        word: &LearnerWord,
        span: Duration,
    ) -> Option<Broken> {
        match word {
            LearnerWord::Pong { number: Some(number), promises, .. } => {
                self.answers(member, session, *number, promises.then_some(span));
                None
            }
            LearnerWord::Ack { .. } => self.gives_word(member, session, now),
            LearnerWord::HasEnded { epoch } => self.ends(member, holder, *epoch),
            LearnerWord::Info(_)
            | LearnerWord::AckEpoch { .. }
            | LearnerWord::Pong { number: None, .. }
            | LearnerWord::Other => None,
        }
    }

    /// A leader says something to a learner.
    pub(super) fn tells(&mut self, speaker: Speaker, word: &LeaderWord) -> Option<Broken> {
        let Speaker { member, holder, .. } = speaker;
        match word {
            LeaderWord::HasEnded(ended) if ended.holder == holder => {
                self.ends(member, holder, ended.epoch)
            }
            LeaderWord::Info { block: Some(block), .. } => self.ends(member, holder, block.ended),
            LeaderWord::Ping { epoch, .. } => self.leads_on(member, *epoch),
            LeaderWord::HasEnded(_)
            | LeaderWord::Info { block: None, .. }
            | LeaderWord::Sync { .. }
            | LeaderWord::NewLeader { .. }
            | LeaderWord::UpToDate
            | LeaderWord::Recorded { .. }
            | LeaderWord::Waiting { .. }
            | LeaderWord::Released { .. }
            | LeaderWord::Refused { .. }
            | LeaderWord::Other => None,
        }
    }

    /// A member says that its own epochs up to this one have ended.
    pub(super) fn ends(&mut self, member: usize, holder: Holder, epoch: Epoch) -> Option<Broken> {
        let newest = self.ended.entry(holder).or_default();
        *newest = epoch.max(*newest);
        let OfMember { left_behind, life, .. } = &self.members[member];
        let work = left_behind.iter().chain(&life.work).find(|work| work.epoch <= epoch)?;
        Some((WORK_ENDS_FIRST, format!("that of epoch {} does", work.epoch)))
    }

    /// Up to which epoch those of a holder have ended, by its own words.
    pub(super) fn ended_by(&self, holder: &Holder) -> Option<Epoch> {
        self.ended.get(holder).copied()
    }

    /// A ping is answered, with a promise for this long from its coming on, or without one.
    fn answers(
        &mut self,
        member: usize,
        session: SessionId,
        number: u64,
        promise: Option<Duration>,
    ) {
        let OfMember { promise: promised, life, .. } = &mut self.members[member];
        let came = life.pings.get(&(session, number)).copied();
        life.pings.retain(|(other, older), _| *other != session || *older > number);
        let Some(((to, epoch), (came, span))) =
            life.leaders.get(&session).copied().zip(came.zip(promise))
        else {
            return;
        };
        let mut new = Promised { to, epoch, until: plus(came, span) };
        if let Some(before) = promised.filter(|before| before.to == to) {
            new.epoch = new.epoch.max(before.epoch);
            let (boot, raw) = (before.until.boot, before.until.raw);
            new.until = Reading { boot: new.until.boot.max(boot), raw: new.until.raw.max(raw) };
        }
        *promised = Some(new);
    }

    /// A member acknowledges a leader.
    fn gives_word(&self, member: usize, session: SessionId, now: Reading) -> Option<Broken> {
        let OfMember { promise, life, .. } = &self.members[member];
        let (to, _) = life.leaders.get(&session)?;
        let promise = promise.filter(|promise| promise.to != *to)?;
        let is_over = now.boot >= promise.until.boot && now.raw >= promise.until.raw;
        let details = format!("to {} it is bound for epoch {}", promise.to.leader, promise.epoch);
        (!is_over && !self.is_released(promise)).then_some((PROMISES_BIND, details))
    }

    /// Whether its holder, in that life or a later one on the same directory, has said that all it was for has ended.
    fn is_released(&self, Promised { to, epoch, .. }: Promised) -> bool {
        let newest = Holder { incarnation: Incarnation(u64::MAX), ..to };
        self.ended.range(to..=newest).any(|(_, ended)| *ended >= epoch)
    }

    /// A member reports something.
    pub(super) fn reports(&mut self, member: usize, report: &Report) -> Option<Broken> {
        let life = &mut self.members[member].life;
        match report {
            Report::Leading { epoch } => {
                life.leading = Some(*epoch);
                self.leads_on(member, *epoch)
            }
            Report::Lost { epoch, .. } => {
                if life.leading.take_if(|leading| leading == epoch).is_some() {
                    life.lost = *epoch;
                }
                None
            }
            Report::Following { .. }
            | Report::Retiring { .. }
            | Report::HandedOver { .. }
            | Report::Waiting { .. }
            | Report::BegunByAll { .. }
            | Report::WithoutLease { .. }
            | Report::Bound { .. }
            | Report::TurnedAway { .. }
            | Report::GaveUp { .. }
            | Report::NotEstablished { .. }
            | Report::BesideRealServer { .. }
            | Report::Recorded => None,
        }
    }

    /// A member leads, or asks for signs of life as a leader.
    fn leads_on(&self, member: usize, epoch: Epoch) -> Option<Broken> {
        let lost = self.members[member].life.lost;
        (epoch <= lost).then(|| (LOST_IS_OVER, format!("epoch {epoch}, and {lost} was lost")))
    }

    /// What lease the core of a member holds now, when it has looked at these clocks. Returns whether it is a new one or one that was
    /// extended, or the rule that this breaks.
    pub(super) fn holds(
        &mut self,
        member: usize,
        held: Option<(Epoch, Reading)>,
        now: Reading,
    ) -> Result<bool, Broken> {
        let life = &mut self.members[member].life;
        let before = std::mem::replace(&mut life.held, held);
        let Some((epoch, until)) = held else { return Ok(false) };
        if let Some(work) = life.work.as_mut().filter(|work| work.epoch == epoch) {
            work.until = Some(until);
        }
        if !runs(now, until) {
            return Err((LEASE_RUNS, format!("that of epoch {epoch} was over at {until:?}")));
        }
        if let Some((_, old)) = before.filter(|(old, _)| *old == epoch)
            && (until.boot < old.boot || until.raw < old.raw)
        {
            return Err((LEASE_GROWS, format!("epoch {epoch}: {until:?} after {old:?}")));
        }
        Ok(before != held)
    }

    /// The leases of these two epochs run at one time. Returns whether that is news.
    pub(super) fn overlap(&mut self, one: Epoch, other: Epoch) -> bool {
        self.overlaps.insert((one.min(other), one.max(other)))
    }

    /// How many did.
    pub(super) fn overlaps(&self) -> u64 {
        u64::try_from(self.overlaps.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn work_begins(&mut self, member: usize, epoch: Epoch) {
        let life = &mut self.members[member].life;
        let held = life.held.filter(|(held, _)| *held == epoch);
        let until = held.map(|(_, until)| until);
        life.work = Some(Work { epoch, ends: false, until });
    }

    /// The work of this epoch is told to end. Returns whether it goes on, and was not told before.
    pub(super) fn work_is_told(&mut self, member: usize, epoch: Epoch) -> bool {
        let work = self.members[member].life.work.as_mut();
        let work = work.filter(|work| work.epoch == epoch);
        work.is_some_and(|work| !std::mem::replace(&mut work.ends, true))
    }

    /// The epoch of the work of a member that was told to end, or that an earlier life has left behind.
    pub(super) fn work_that_ends(&self, member: usize) -> Option<Epoch> {
        let OfMember { left_behind, life, .. } = &self.members[member];
        let mut works = left_behind.iter().chain(life.work.iter().filter(|work| work.ends));
        works.next().map(|work| work.epoch)
    }

    /// All work of a member has ended, that of earlier lives as well.
    pub(super) fn work_ends(&mut self, member: usize) {
        let OfMember { left_behind, life, .. } = &mut self.members[member];
        (*left_behind, life.work) = (None, None);
    }
}

/// For how long a ping binds who answers it: D·(1+r)/(1-r).
pub(super) fn promise_span(LeaseTerms { length, drift_ppm }: LeaseTerms) -> Duration {
    let (million, drift) = (1_000_000, u128::from(drift_ppm));
    let nanos = (length.as_nanos() * (million + drift)).div_ceil(million - drift);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Whether a lease still runs: none of its leader's clocks shows its end.
pub(super) fn runs(now: Reading, until: Reading) -> bool {
    now.boot < until.boot && now.raw < until.raw
}

fn plus(reading: Reading, span: Duration) -> Reading {
    Reading { boot: reading.boot + span, raw: reading.raw + span }
}
