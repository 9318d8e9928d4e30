//! [`Disks`]: what the members of a play have stored, and which of them have lost it.

use std::collections::{BTreeMap, BTreeSet};

use ballotbox_core::{
    ServerId,
    leadership::{DirectoryId, Record},
};

use crate::{History, node::MemoryDisk, scenario::vote_file::VoteFile};

/// One disk for each member. They outlive the nodes.
#[derive(Debug)]
pub(super) struct Disks {
    disks: BTreeMap<ServerId, MemoryDisk>,
    wiped: BTreeSet<ServerId>,
}

impl Disks {
    /// The disks of all members: their ensemble knows them, unless they are new.
    pub(super) fn of(file: &VoteFile) -> Self {
        let disk = |member| {
            let epoch = file.history(member).unwrap_or_default().epoch;
            let recorded = !file.new_disks.contains(&member);
            let record = Record { accepted: epoch, current: epoch, recorded, ..Record::default() };
            // Far enough from each other for a wiped one to get the next number.
            MemoryDisk::new(DirectoryId(member.number().wrapping_mul(1 << 20)), record)
        };
        let disks = file.members().map(|(member, _)| (member.id, disk(member.id)));
        Self { disks: disks.collect(), wiped: BTreeSet::new() }
    }

    /// The disk of a member.
    pub(super) fn get(&self, member: ServerId) -> Option<&MemoryDisk> {
        self.disks.get(&member)
    }

    /// What is left of the history that a member had when the play began.
    pub(super) fn left_of(&self, history: History, member: ServerId) -> History {
        if self.wiped.contains(&member) { History::default() } else { history }
    }

    /// These members lose everything.
    pub(super) fn wipe(&mut self, members: &[ServerId]) {
        self.wiped.extend(members);
        self.those_of(members).for_each(MemoryDisk::wipe);
    }

    /// From now on these members can store nothing more, or can again.
    pub(super) fn fill(&self, members: &[ServerId], is_full: bool) {
        self.those_of(members).for_each(|disk| disk.fill(is_full));
    }

    fn those_of(&self, members: &[ServerId]) -> impl Iterator<Item = &MemoryDisk> {
        members.iter().filter_map(|member| self.disks.get(member))
    }
}
