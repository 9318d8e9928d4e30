//! A whole ensemble of cores, joined by links that keep the order of what is said. Time is a number.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;

pub(super) struct World {
    ensemble: Arc<Ensemble>,
    pub(super) cores: BTreeMap<ServerId, Election>,
    /// What each server stands on, for when it is started again.
    history: BTreeMap<ServerId, (i64, i64)>,
    /// What is under way, by sender and receiver. There is a queue where there is a link.
    links: BTreeMap<(ServerId, ServerId), VecDeque<Notification>>,
    cut: BTreeSet<(ServerId, ServerId)>,
    timers: BTreeMap<(ServerId, Timer), Duration>,
    pub(super) now: Duration,
    chance: fastrand::Rng,
    /// How many notifications were delivered.
    pub(super) delivered: usize,
}

impl World {
    pub(super) fn new(ensemble: Ensemble, seed: u64) -> Self {
        Self {
            ensemble: Arc::new(ensemble),
            cores: BTreeMap::new(),
            history: BTreeMap::new(),
            links: BTreeMap::new(),
            cut: BTreeSet::new(),
            timers: BTreeMap::new(),
            now: Duration::ZERO,
            chance: fastrand::Rng::with_seed(seed),
            delivered: 0,
        }
    }

    /// Starts a server on this history, and tells whoever tries to reach it how that went.
    pub(super) fn start(&mut self, number: u64, zxid: i64, epoch: i64) {
        let me = id(number);
        self.history.insert(me, (zxid, epoch));
        let ensemble = Arc::clone(&self.ensemble);
        self.cores.insert(me, Election::new(me, ensemble, Timing::default(), "".into()));
        self.tell(me, Event::Begin { zxid: Zxid(zxid), epoch: Epoch(epoch) });
        for other in self.others(me) {
            self.connect(me, other);
        }
    }

    pub(super) fn restart(&mut self, number: u64) {
        let (zxid, epoch) = self.history[&id(number)];
        self.start(number, zxid, epoch);
    }

    /// The process is gone. Those linked to it notice, and fail to reach it.
    pub(super) fn kill(&mut self, number: u64) {
        let gone = id(number);
        self.cores.remove(&gone);
        self.timers.retain(|(owner, _), _| *owner != gone);
        for other in self.others(gone) {
            self.disconnect(gone, other);
            self.tell(other, Event::Unreachable { peer: gone });
        }
    }

    /// What is under way between the two is lost, and neither reaches the other.
    pub(super) fn cut(&mut self, one: u64, other: u64) {
        let pair = pair(id(one), id(other));
        self.cut.insert(pair);
        self.disconnect(pair.0, pair.1);
        for (me, peer) in [pair, (pair.1, pair.0)] {
            self.tell(me, Event::Unreachable { peer });
        }
    }

    /// Loses the link between the two for a moment.
    pub(super) fn flap(&mut self, one: u64, other: u64) {
        self.disconnect(id(one), id(other));
        self.connect(id(one), id(other));
    }

    pub(super) fn heal(&mut self) {
        for (one, other) in std::mem::take(&mut self.cut) {
            self.connect(one, other);
        }
    }

    /// Delivers all that is under way, in some order, until nothing is.
    pub(super) fn deliver_all(&mut self) {
        let mut bound = 100_000;
        while self.deliver_one() {
            bound -= 1;
            assert!(bound > 0, "the servers talk for ever:\n{}", self.summary());
        }
    }

    /// Delivers one notification from one of the links, if there is any.
    pub(super) fn deliver_one(&mut self) -> bool {
        let busy: Vec<_> = self
            .links
            .iter()
            .filter(|(_, queue)| !queue.is_empty())
            .map(|(link, _)| *link)
            .collect();
        let Some((from, to)) = self.chance.choice(busy) else { return false };
        let queue = self.links.get_mut(&(from, to)).expect("it is one of the links");
        let notification = queue.pop_front().expect("it is not empty");
        self.delivered += 1;
        self.tell(to, Event::Heard { from, notification });
        true
    }

    /// Moves on to the next timer and fires it, unless it lies behind `until`.
    pub(super) fn fire_next(&mut self, until: Duration) -> bool {
        let next = self.timers.iter().min_by_key(|(_, due)| **due).map(|(key, due)| (*key, *due));
        let Some(((owner, timer), due)) = next.filter(|(_, due)| *due <= until) else {
            return false;
        };
        self.timers.remove(&(owner, timer));
        self.now = self.now.max(due);
        self.tell(owner, Event::TimerFired(timer));
        true
    }

    /// Lets everything happen for so long, with every message arriving before any timer.
    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        self.deliver_all();
        while self.fire_next(until) {
            self.deliver_all();
        }
        self.now = until;
    }

    /// Whom all running servers agree on, if the one says that it leads and all others that they follow or watch.
    pub(super) fn agreed(&self) -> Option<u64> {
        let mut decisions = self.cores.iter().map(|(id, core)| (*id, core.decision()));
        let leader = self.cores.values().next()?.decision()?.vote.leader;
        let agree = decisions.all(|(id, decision)| {
            decision.is_some_and(|decision| {
                let leads = decision.standing == Standing::Leading;
                decision.vote.leader == leader && leads == (id == leader)
            })
        });
        (agree && self.cores.contains_key(&leader)).then(|| leader.number())
    }

    /// One line for each running server.
    pub(super) fn summary(&self) -> String {
        let line = |(id, core): (&ServerId, &Election)| {
            let vote = core.vote().map_or_else(|| "nobody".into(), |vote| vote.to_string());
            format!("{id}: {:?} in round {} for {vote}\n", core.state(), core.round())
        };
        self.cores.iter().map(line).collect()
    }

    pub(super) fn running(&self) -> BTreeSet<ServerId> {
        self.cores.keys().copied().collect()
    }

    /// A number below this, from the seed.
    pub(super) fn any(&mut self, below: u64) -> u64 {
        self.chance.u64(..below)
    }

    fn tell(&mut self, me: ServerId, event: Event) {
        let Some(core) = self.cores.get_mut(&me) else { return };
        for action in core.handle(event) {
            match action {
                Action::Say { to, notification } => {
                    if let Some(queue) = self.links.get_mut(&(me, to)) {
                        queue.push_back(notification);
                    }
                }
                Action::SetTimer { timer, after } => {
                    self.timers.insert((me, timer), self.now + after);
                }
                Action::ClearTimer(timer) => {
                    self.timers.remove(&(me, timer));
                }
                Action::Reconnect | Action::Looking { .. } | Action::Decided(_) => {}
            }
        }
    }

    /// Servers without a vote have no link to each other.
    fn connect(&mut self, one: ServerId, other: ServerId) {
        let wanted = self.ensemble.is_voter(one) || self.ensemble.is_voter(other);
        let alive = self.cores.contains_key(&one) && self.cores.contains_key(&other);
        if !wanted {
            return;
        }
        for (me, peer) in [(one, other), (other, one)] {
            if alive && !self.cut.contains(&pair(one, other)) {
                self.links.insert((me, peer), VecDeque::new());
            } else {
                self.tell(me, Event::Unreachable { peer });
            }
        }
        for (me, peer) in [(one, other), (other, one)] {
            if self.links.contains_key(&(me, peer)) {
                self.tell(me, Event::LinkUp { peer });
            }
        }
    }

    fn disconnect(&mut self, one: ServerId, other: ServerId) {
        for (me, peer) in [(one, other), (other, one)] {
            if self.links.remove(&(me, peer)).is_some() {
                self.tell(me, Event::LinkDown { peer });
            }
        }
    }

    fn others(&self, me: ServerId) -> Vec<ServerId> {
        self.ensemble.members().map(|(id, _)| id).filter(|id| *id != me).collect()
    }
}

fn pair(one: ServerId, other: ServerId) -> (ServerId, ServerId) {
    (one.min(other), one.max(other))
}
