//! A whole ensemble of cores, joined by links that keep the order of what is said. Time is a number.
//!
//! News of a link takes its time, too: a server hears that it is there before it hears anything over it, but may hear
//! what was received over the last one after it heard that it is lost.

mod leaderships;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;

pub(super) struct World {
    ensemble: Arc<Ensemble>,
    pub(super) cores: BTreeMap<ServerId, Election>,
    /// What each server stands on, for when it is started again.
    history: BTreeMap<ServerId, (i64, i64)>,
    /// The pairs with a link, smaller id first, and the number of that link.
    linked: BTreeMap<(ServerId, ServerId), u64>,
    /// What is under way, by sender and receiver, each with the number of its link.
    frames: BTreeMap<(ServerId, ServerId), VecDeque<(u64, Notification)>>,
    /// What each server has yet to hear of its links.
    news: BTreeMap<ServerId, VecDeque<(u64, Event)>>,
    /// The newest link that a server has heard of, by peer.
    heard_of: BTreeMap<(ServerId, ServerId), u64>,
    /// How many links there were.
    link_count: u64,
    cut: BTreeSet<(ServerId, ServerId)>,
    timers: BTreeMap<(ServerId, Timer), Duration>,
    pub(super) now: Duration,
    chance: fastrand::Rng,
    /// The newest epoch that there was.
    epoch: i64,
    /// How many notifications were delivered.
    pub(super) delivered: usize,
}

impl World {
    pub(super) fn new(ensemble: Ensemble, seed: u64) -> Self {
        Self {
            ensemble: Arc::new(ensemble),
            cores: BTreeMap::new(),
            history: BTreeMap::new(),
            linked: BTreeMap::new(),
            frames: BTreeMap::new(),
            news: BTreeMap::new(),
            heard_of: BTreeMap::new(),
            link_count: 0,
            cut: BTreeSet::new(),
            timers: BTreeMap::new(),
            now: Duration::ZERO,
            chance: fastrand::Rng::with_seed(seed),
            epoch: 0,
            delivered: 0,
        }
    }

    /// Starts a server on this history.
    pub(super) fn start(&mut self, number: u64, zxid: i64, epoch: i64) {
        self.start_together([(number, zxid, epoch)]);
    }

    /// Starts servers on these histories, none of them before another: they reach each other at the first attempt.
    pub(super) fn start_together(&mut self, servers: impl IntoIterator<Item = (u64, i64, i64)>) {
        let mut started = BTreeSet::new();
        for (number, zxid, epoch) in servers {
            let me = id(number);
            if self.cores.contains_key(&me) {
                self.kill(number);
            }
            self.history.insert(me, (zxid, epoch));
            let ensemble = Arc::clone(&self.ensemble);
            self.cores
                .insert(me, Election::new(me, ensemble, ElectionTiming::default(), "".into()));
            self.tell(me, Event::Begin { history: history(epoch, zxid) });
            started.insert(me);
        }
        for me in &started {
            for other in self.others(*me) {
                if other > *me || !started.contains(&other) {
                    self.connect(*me, other);
                }
            }
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
        self.frames.retain(|(_, to), _| *to != gone);
        self.news.remove(&gone);
        for other in self.others(gone) {
            self.disconnect(gone, other);
            self.break_news(other, 0, Event::Unreachable { peer: gone });
        }
    }

    /// Some of what is under way between the two is lost, and neither reaches the other.
    pub(super) fn cut(&mut self, one: u64, other: u64) {
        let pair = pair(id(one), id(other));
        self.cut.insert(pair);
        self.disconnect(pair.0, pair.1);
        for (me, peer) in [pair, (pair.1, pair.0)] {
            self.break_news(me, 0, Event::Unreachable { peer });
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

    /// Delivers one notification, or one piece of news of a link, if there is any.
    pub(super) fn deliver_one(&mut self) -> bool {
        let waiting = self.news.iter().filter(|(_, queue)| !queue.is_empty());
        let mut choices: Vec<_> = waiting.map(|(me, _)| (*me, None)).collect();
        for ((from, to), queue) in &self.frames {
            let heard_of = self.heard_of.get(&(*to, *from)).copied().unwrap_or_default();
            if queue.front().is_some_and(|(link, _)| *link <= heard_of) {
                choices.push((*to, Some(*from)));
            }
        }
        let Some((me, from)) = self.chance.choice(choices) else { return false };
        match from {
            None => {
                let (link, event) = self.news.get_mut(&me).unwrap().pop_front().unwrap();
                if let Event::LinkUp { peer } = &event {
                    self.heard_of.insert((me, *peer), link);
                }
                self.tell(me, event);
            }
            Some(from) => {
                let (_, notification) =
                    self.frames.get_mut(&(from, me)).unwrap().pop_front().unwrap();
                self.delivered += 1;
                self.tell(me, Event::Heard { from, notification });
            }
        }
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

    /// Lets everything happen for this time, with every message arriving before any timer.
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

    /// One of these, from the seed.
    pub(super) fn one_of(&mut self, numbers: &[u64]) -> u64 {
        self.chance.choice(numbers).copied().unwrap()
    }

    fn tell(&mut self, me: ServerId, event: Event) {
        let Some(core) = self.cores.get_mut(&me) else { return };
        for action in core.actions_on(event) {
            match action {
                Action::Say { to, notification } | Action::Ask { to, question: notification } => {
                    if let Some(link) = self.linked.get(&pair(me, to)) {
                        let frames = self.frames.entry((me, to)).or_default();
                        frames.push_back((*link, notification));
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

    fn break_news(&mut self, me: ServerId, link: u64, event: Event) {
        if self.cores.contains_key(&me) {
            self.news.entry(me).or_default().push_back((link, event));
        }
    }

    /// Servers without a vote have no link to each other.
    fn connect(&mut self, one: ServerId, other: ServerId) {
        if !self.ensemble.is_voter(one) && !self.ensemble.is_voter(other) {
            return;
        }
        let pair = pair(one, other);
        let alive = self.cores.contains_key(&one) && self.cores.contains_key(&other);
        let linked = alive && !self.cut.contains(&pair);
        if linked {
            self.link_count += 1;
            self.linked.insert(pair, self.link_count);
        }
        for (me, peer) in [pair, (pair.1, pair.0)] {
            let event = if linked { Event::LinkUp { peer } } else { Event::Unreachable { peer } };
            self.break_news(me, self.link_count, event);
        }
    }

    fn disconnect(&mut self, one: ServerId, other: ServerId) {
        let pair = pair(one, other);
        if self.linked.remove(&pair).is_none() {
            return;
        }
        for (me, peer) in [pair, (pair.1, pair.0)] {
            if let Some(frames) = self.frames.get_mut(&(peer, me)) {
                frames.truncate(self.chance.usize(..=frames.len()));
            }
            self.break_news(me, self.link_count, Event::LinkDown { peer });
        }
    }

    fn others(&self, me: ServerId) -> Vec<ServerId> {
        self.ensemble.members().map(|(id, _)| id).filter(|id| *id != me).collect()
    }
}

fn pair(one: ServerId, other: ServerId) -> (ServerId, ServerId) {
    (one.min(other), one.max(other))
}
