//! What follows a decision, in a [`World`]: as much of leadership as an election hears of.
//!
//! A leader that a quorum has decided on, over links, may become the leader of the next epoch; those that have decided on it hear
//! of that, or not yet. Who is linked to no such leader, or as leader to no such quorum, gives up sooner or later.

use super::*;

impl World {
    /// Whether this server leads those that decided on it, or follows one that leads.
    fn is_led(&self, me: ServerId) -> bool {
        let Some(decision) = self.cores[&me].decision() else { return false };
        let (leader, round) = (decision.vote.leader, decision.round);
        if decision.standing == Standing::Leading {
            return self.ensemble.is_quorum(&self.followers(leader, round));
        }
        // Nobody counts on an observer. It follows whatever its leader leads, which may have started over and been elected again.
        let leads = |core: &Election| match core.decision() {
            Some(one) if self.ensemble.is_voter(me) => one.is_for(leader, round),
            Some(one) => one.standing == Standing::Leading,
            None => false,
        };
        self.cores.get(&leader).is_some_and(leads) && self.linked.contains_key(&pair(me, leader))
    }

    /// Who has decided on this leader and is linked to it, and itself.
    fn followers(&self, leader: ServerId, round: Round) -> BTreeSet<ServerId> {
        let decided = self.cores.iter().filter(|(id, core)| {
            let linked = **id == leader || self.linked.contains_key(&pair(**id, leader));
            linked && core.decision().is_some_and(|one| one.is_for(leader, round))
        });
        decided.map(|(id, _)| *id).collect()
    }

    /// Whether everybody leads or follows.
    pub(in crate::election::tests) fn all_are_led(&self) -> bool {
        self.cores.keys().all(|me| self.is_led(*me))
    }

    /// One that has a quorum becomes the leader of the next epoch. Some of its followers hear of it.
    pub(in crate::election::tests) fn establish_some(&mut self) {
        let leads = |me: &ServerId| {
            let decision = self.cores[me].decision();
            let leads = decision.is_some_and(|decision| decision.standing == Standing::Leading);
            leads && self.is_led(*me)
        };
        let leaders: Vec<_> = self.cores.keys().copied().filter(leads).collect();
        let Some(leader) = self.chance.choice(leaders) else { return };
        let Some(decision) = self.cores[&leader].decision() else { return };
        self.epoch += 1;
        let (round, epoch) = (decision.round, Epoch(self.epoch));
        for me in self.followers(leader, round) {
            if me == leader || self.chance.bool() {
                if self.ensemble.is_voter(me) {
                    self.tell(me, Event::EpochStored(epoch));
                    self.history.entry(me).and_modify(|(_, old)| *old = epoch.0);
                }
                self.tell(me, Event::Established { leader, round, epoch });
            }
        }
    }

    /// Of the members of a leadership, those that neither lead nor follow give up.
    pub(in crate::election::tests) fn give_up_lost(&mut self) {
        let members = self.cores.iter().filter(|(_, core)| core.leadership().is_some());
        let lost = members.map(|(me, _)| *me).filter(|me| !self.is_led(*me));
        let mut lost: Vec<_> = lost.collect();
        self.chance.shuffle(&mut lost);
        for me in lost {
            if let Some(decision) = self.cores[&me].decision() {
                let (leader, round) = (decision.vote.leader, decision.round);
                self.tell(me, Event::LookAgain { leader, round });
            }
        }
    }

    pub(in crate::election::tests) fn withdraw(&mut self, number: u64) {
        self.tell(id(number), Event::Withdraw);
    }

    pub(in crate::election::tests) fn stand(&mut self, number: u64) {
        self.tell(id(number), Event::Stand);
    }

    /// Who may lead and wants to.
    pub(in crate::election::tests) fn candidates(&self) -> BTreeSet<u64> {
        let wants =
            |(id, core): &(&ServerId, &Election)| !core.withdrawn && self.ensemble.may_lead(**id);
        self.cores.iter().filter(wants).map(|(id, _)| id.number()).collect()
    }
}
