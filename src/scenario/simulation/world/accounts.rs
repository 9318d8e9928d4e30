//! The chronicles of the members of a [`World`].

use ballotbox_core::ServerId;

use super::World;
use crate::{chronicle::WhyReport, scenario::simulation::account::Account};

impl World {
    /// Keeps from now on how leaders come to lead, as each member sees it that is started.
    pub fn keep_chronicles(&mut self) {
        self.with_chronicles = true;
    }

    pub(super) fn account_of(&self, member: usize) -> Option<Account> {
        let id = self.members[member].id;
        self.with_chronicles.then(|| Account::new(id, self.setup.leadership))
    }

    /// How the last leaders came to lead, as this member has seen it since it was started; if it does not run, or nobody is named, as the
    /// first one has that runs. `None` if that is not kept.
    pub fn why(&self, member: Option<ServerId>) -> Option<WhyReport> {
        let running = |id: ServerId| {
            let account = self.member(id)?.running.as_ref()?.account.as_ref()?;
            Some(account.report())
        };
        member.and_then(running).or_else(|| self.members.iter().find_map(|one| running(one.id)))
    }
}
