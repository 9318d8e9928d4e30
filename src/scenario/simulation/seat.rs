//! [`Seat`]: a member's part in leadership, and what its driver keeps beside the core.

use std::{collections::BTreeMap, sync::Arc};

use ballotbox_core::{
    ServerId,
    leadership::{Leadership, Moment as LocalMoment, Promise, Reading, SessionId, Stage},
};

use super::{Moment, disk::Disk, network::End, setup::Setup};
use crate::{
    election::{Epoch, Standing},
    scenario::vote_file::MemberState,
};

/// At most this many pings of a leader have no answer of a quorum while nothing is wrong, as words take up to a few hundred milliseconds.
const PINGS_UNDER_WAY: u64 = 2;

/// The leadership of a running member.
#[derive(Debug)]
pub(super) struct Seat {
    me: ServerId,
    is_voter: bool,
    pub(super) core: Leadership,
    /// When this life began.
    began: Moment,
    drift_ppm: i64,
    /// For how long its clock has stood still, in nanoseconds.
    slept: u64,
    /// When it is to look at the clock, and the number in the queue of what wakes it then, or a little late.
    pub(super) wakes: Option<(Moment, u64)>,
    /// Its sessions.
    pub(super) sessions: BTreeMap<SessionId, Session>,
    last_accepted: u64,
    /// The epoch that it has reported, and not taken back.
    pub(super) open: Option<Epoch>,
    /// The newest epoch that it has reported.
    pub(super) reported: Epoch,
}

/// A connection of the quorum port, at one end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) end: End,
    /// When something was last heard on it.
    pub(super) heard: Moment,
}

/// A million parts.
const MILLION: i128 = 1_000_000;

impl Seat {
    pub(super) fn new(
        me: ServerId,
        setup: &Setup,
        disk: &Disk,
        promise: Option<Promise<Reading>>,
        began: Moment,
        drift_ppm: i64,
    ) -> Self {
        let ensemble = Arc::clone(&setup.ensemble);
        let is_voter = ensemble.is_voter(me);
        let (identity, timing) = (Arc::new(disk.identity(setup)), setup.timing.leadership);
        let zxid = disk.history().zxid;
        Self {
            me,
            is_voter,
            core: Leadership::new(me, ensemble, identity, timing, zxid, disk.record, promise),
            began,
            drift_ppm,
            slept: 0,
            wakes: None,
            sessions: BTreeMap::new(),
            last_accepted: 0,
            open: None,
            reported: Epoch::default(),
        }
    }

    /// A number for a session that a learner has begun.
    pub(super) const fn next_accepted(&mut self) -> SessionId {
        self.last_accepted += 1;
        SessionId::Accepted(self.last_accepted)
    }

    /// Its clock has stood still for this long.
    pub(super) const fn sleeps(&mut self, nanos: u64) {
        self.slept += nanos;
    }

    /// The present moment by its own clock, which does not stand still now.
    pub(super) fn local(&self, now: Moment) -> LocalMoment {
        let awake = self.began.plus(self.slept);
        let lived = i128::try_from(now.since(awake).as_nanos()).unwrap_or(i128::MAX);
        let local = lived * MILLION / (MILLION + i128::from(self.drift_ppm));
        LocalMoment(std::time::Duration::from_nanos(u64::try_from(local).unwrap_or(u64::MAX)))
    }

    /// When its clock shows this moment: by then [`local`](Self::local) is no less.
    pub(super) fn global(&self, moment: LocalMoment) -> Moment {
        let local = i128::try_from(moment.0.as_nanos()).unwrap_or(i128::MAX);
        let rate = MILLION + i128::from(self.drift_ppm);
        let lived = (local * rate + MILLION - 1) / MILLION;
        self.began.plus(self.slept).plus(u64::try_from(lived).unwrap_or(u64::MAX))
    }

    /// Whether it leads, and a quorum has answered lately, or follows. One that believes in a leader, and is on its way back to it, does
    /// neither.
    pub(super) fn is_connected(&self) -> bool {
        match self.core.stage() {
            Stage::Following { .. } => true,
            Stage::Leading { .. } => {
                let (sent, answered) = self.core.pings();
                answered + PINGS_UNDER_WAY >= sent
            }
            Stage::Looking
            | Stage::Discovering
            | Stage::Announcing { .. }
            | Stage::Synchronising { .. }
            | Stage::Joining { .. } => false,
        }
    }

    /// What it looks like from outside.
    pub(super) fn state(&self) -> MemberState {
        match self.core.established() {
            None => MemberState::Looking,
            Some((leader, epoch)) => {
                let standing = Standing::under(leader, self.me, self.is_voter);
                MemberState::under(leader, standing, Some(epoch))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::vote_file::VoteFile;

    #[test]
    fn a_deadline_is_never_looked_at_too_early_however_a_clock_drifts_or_stood_still() {
        let file = VoteFile::parse("one", r#"{ "members": [{ "id": 1 }] }"#).unwrap();
        let setup = Setup::new(&file);
        let disk = Disk::new(0, &setup.members[0]);
        for drift in [-100_000, -999, -1, 0, 1, 7, 100_000] {
            let mut seat =
                Seat::new(setup.members[0].id, &setup, &disk, None, Moment(12_345), drift);
            seat.sleeps(777);
            for nanos in [0, 1, 2, 999, 1_000_001, 3_333_333_333] {
                let deadline = LocalMoment(Duration::from_nanos(nanos));
                let found = seat.local(seat.global(deadline));
                assert!(found >= deadline, "{drift}: {found:?} for {deadline:?}");
                assert!(found <= deadline.plus(Duration::from_nanos(2)), "{drift}: {found:?}");
            }
        }
    }
}
