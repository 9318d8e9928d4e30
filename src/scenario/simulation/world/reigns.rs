//! [`Reigns`]: the epochs that have begun in a run, over all members and all their lives.

use std::collections::BTreeMap;

use ballotbox_core::{ServerId, leadership::Report};

use super::rules::{EPOCHS_GROW, LATER_IS_LARGER, LOST_ONCE, NEVER_BACK, ONE_BEGINNING};
use crate::{
    election::Epoch,
    scenario::simulation::{Moment, seat::Seat},
};

/// What the rules about epochs need to know.
#[derive(Debug)]
pub(super) struct Reigns {
    /// Every epoch that has begun, and with whom.
    begun: BTreeMap<Epoch, ServerId>,
    members: Vec<OfMember>,
}

#[derive(Clone, Copy, Debug, Default)]
struct OfMember {
    /// When its present discovery began.
    sought: Moment,
    /// The newest epoch that had begun anywhere when its present discovery began.
    floor: Epoch,
    /// The newest epoch that has begun here.
    begun: Epoch,
    /// The newest epoch that it has led in, or followed with its word, on this disk.
    promised: Epoch,
}

impl Reigns {
    pub(super) fn new(members: usize) -> Self {
        Self { begun: BTreeMap::new(), members: vec![OfMember::default(); members] }
    }

    /// A member begins to hear who is here.
    pub(super) fn discovery_begins(&mut self, member: usize, now: Moment) {
        let newest = self.begun.last_key_value().map(|(epoch, _)| *epoch);
        let this = &mut self.members[member];
        (this.sought, this.floor) = (now, newest.unwrap_or_default());
    }

    /// When a member has begun to hear who is here, the last time.
    pub(super) fn sought(&self, member: usize) -> Moment {
        self.members[member].sought
    }

    /// A member has lost its disk: what it has promised is forgotten.
    pub(super) fn is_wiped(&mut self, member: usize) {
        self.members[member] = OfMember::default();
    }

    /// Nobody may remember any promise: epochs begin anew.
    pub(super) fn all_is_forgotten(&mut self) {
        self.begun.clear();
        for member in &mut self.members {
            *member = OfMember { sought: member.sought, ..OfMember::default() };
        }
    }

    /// Takes in what a member reports. Returns the rule that this breaks, if it breaks one, and what more there is to say.
    pub(super) fn take(
        &mut self,
        member: usize,
        id: ServerId,
        seat: &mut Seat,
        report: &Report,
    ) -> Option<(&'static str, String)> {
        match report {
            Report::Leading { epoch } => {
                self.begins(member, id, *epoch).or_else(|| self.is_told(member, seat, *epoch, true))
            }
            Report::Following { epoch, counts, .. } => self.is_told(member, seat, *epoch, *counts),
            Report::Lost { epoch, .. } => {
                let details = format!("epoch {epoch} is lost, {:?} was reported", seat.open);
                (seat.open.take() != Some(*epoch)).then_some((LOST_ONCE, details))
            }
            Report::Retiring { .. }
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

    fn begins(
        &mut self,
        member: usize,
        id: ServerId,
        epoch: Epoch,
    ) -> Option<(&'static str, String)> {
        if let Some(other) = self.begun.insert(epoch, id) {
            return Some((ONE_BEGINNING, format!("epoch {epoch} had begun with {other}")));
        }
        let this = &mut self.members[member];
        let before = std::mem::replace(&mut this.begun, epoch);
        if before >= epoch {
            return Some((EPOCHS_GROW, format!("{epoch} after {before}")));
        }
        let floor = this.floor;
        (floor >= epoch).then(|| (LATER_IS_LARGER, format!("{epoch}, and {floor} had begun")))
    }

    /// A member says that it leads or follows in this epoch, and whether its word counts there.
    fn is_told(
        &mut self,
        member: usize,
        seat: &mut Seat,
        epoch: Epoch,
        counts: bool,
    ) -> Option<(&'static str, String)> {
        if let Some(open) = seat.open.replace(epoch) {
            return Some((LOST_ONCE, format!("epoch {epoch} is reported beside {open}")));
        }
        let promised = &mut self.members[member].promised;
        let newest = seat.reported.max(*promised);
        seat.reported = seat.reported.max(epoch);
        if counts {
            *promised = (*promised).max(epoch);
        }
        (epoch < newest).then(|| (NEVER_BACK, format!("{epoch} after {newest}")))
    }
}

#[cfg(test)]
mod tests {
    use ballotbox_core::leadership::LostBecause;

    use super::*;
    use crate::scenario::{
        simulation::{Setup, disk::Disk},
        vote_file::VoteFile,
    };

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    /// A member that has just started.
    fn seat() -> Seat {
        let file = VoteFile::parse("one", r#"{ "members": [{ "id": 1 }, { "id": 2 }] }"#).unwrap();
        let setup = Setup::new(&file);
        Seat::new(id(1), &setup, &Disk::new(0, &setup.members[0]), None, Moment::default(), 0)
    }

    fn leads(epoch: i64) -> Report {
        Report::Leading { epoch: Epoch(epoch) }
    }

    fn follows(epoch: i64, counts: bool) -> Report {
        Report::Following { leader: id(2), epoch: Epoch(epoch), counts }
    }

    fn lost(epoch: i64) -> Report {
        Report::Lost { epoch: Epoch(epoch), cause: LostBecause::Silence }
    }

    /// The rule that the last of these reports breaks; those before it break none.
    fn broken(reigns: &mut Reigns, member: usize, reports: &[Report]) -> Option<&'static str> {
        let mut seat = seat();
        let (last, before) = reports.split_last().unwrap();
        for report in before {
            assert_eq!(reigns.take(member, id(1), &mut seat, report), None, "{report:?}");
        }
        reigns.take(member, id(1), &mut seat, last).map(|(rule, _)| rule)
    }

    #[test]
    fn an_epoch_begins_once_over_all_members_and_lives_unless_all_is_forgotten() {
        let mut reigns = Reigns::new(2);
        assert_eq!(broken(&mut reigns, 0, &[leads(3)]), None);
        assert_eq!(broken(&mut reigns, 1, &[leads(3)]), Some(ONE_BEGINNING));
        assert_eq!(broken(&mut reigns, 0, &[leads(2)]), Some(EPOCHS_GROW));
        reigns.all_is_forgotten();
        assert_eq!(broken(&mut reigns, 1, &[leads(3)]), None);
    }

    #[test]
    fn an_epoch_is_larger_than_those_that_had_begun_when_it_was_sought() {
        let mut reigns = Reigns::new(3);
        reigns.discovery_begins(0, Moment::default());
        assert_eq!(broken(&mut reigns, 1, &[leads(5)]), None);
        // Sought before 5 began.
        assert_eq!(broken(&mut reigns, 0, &[leads(4)]), None);
        reigns.discovery_begins(2, Moment::default());
        assert_eq!(broken(&mut reigns, 2, &[leads(3)]), Some(LATER_IS_LARGER));
    }

    #[test]
    fn each_beginning_is_lost_once_before_the_next() {
        let broken = |reports: &[Report]| broken(&mut Reigns::new(1), 0, reports);
        assert_eq!(broken(&[follows(1, true), lost(1), follows(2, true), lost(2)]), None);
        assert_eq!(broken(&[follows(1, true), follows(2, true)]), Some(LOST_ONCE));
        assert_eq!(broken(&[follows(1, true), lost(1), lost(1)]), Some(LOST_ONCE));
        assert_eq!(broken(&[follows(1, true), lost(2)]), Some(LOST_ONCE));
        assert_eq!(broken(&[lost(1)]), Some(LOST_ONCE));
    }

    #[test]
    fn nobody_goes_back_to_an_older_epoch_but_over_a_restart_if_its_word_did_not_count() {
        let mut reigns = Reigns::new(1);
        let back = [follows(4, false), lost(4), follows(3, false)];
        assert_eq!(broken(&mut reigns, 0, &back), Some(NEVER_BACK));
        assert_eq!(broken(&mut reigns, 0, &[follows(2, true)]), None);
        assert_eq!(broken(&mut reigns, 0, &[follows(1, false)]), Some(NEVER_BACK));
        reigns.is_wiped(0);
        assert_eq!(broken(&mut reigns, 0, &[follows(1, false)]), None);
    }
}
