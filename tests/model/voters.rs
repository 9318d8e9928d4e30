//! Three voters, and the links between them as each end hears of them.
//!
//! A link is news, frames and news again: that it is up, what the peer says, that it is down. Each end hears that in
//! this order, and when it likes. So one end may speak while the other does not know of the link yet, or go on
//! speaking to one that is gone.
//!
//! Of what is said over a link, one frame is handed over and arrives; at most one waits behind it, the newest, and beside
//! them at most one question. What was handed over when the link broke is heard before that, or lost. The higher id dials:
//! there is no new link before it has heard the end of the old one.
//!
//! A stranger may connect to a voter that has no link to a peer, and claim to be that peer. It is silent, and takes in
//! whatever it is told; in some models it is an impostor, and says what that peer might say. It stays until it leaves, or until the peer itself is there: a voter has one link to each peer.
//!
//! Left out: a voter that hears several things at once and says only the last of what it would have said.

mod leaderships;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use ballotbox::{
    Decision, Election, ElectionTiming, Epoch, History, Standing, Vote, Zxid,
    election::{Action, Event, Format, Notification, Outgoing, PeerState, Timer, invariants},
};

use ballotbox_core::{Core, Step as CoreStep};

use super::{
    members::{VOTERS, ensemble, id, place},
    walks::fingerprint,
};

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct State {
    /// `None`: crashed.
    voters: [Option<Arc<Voter>>; VOTERS],
    /// `inboxes[a][b]`: what a has yet to hear of b and of the link to it, in this order.
    inboxes: [[VecDeque<Bit>; VOTERS]; VOTERS],
    /// The links there are, whether or not both ends have heard of them.
    links: [[bool; VOTERS]; VOTERS],
    /// `strangers[a][b]`: a stranger is linked to a as b.
    strangers: [[bool; VOTERS]; VOTERS],
    pub(super) left: Left,
    /// The epoch that each has on disk.
    epochs: [i64; VOTERS],
    /// How many frames each direction of a link holds: the one handed over, and the one that waits.
    frames: usize,
    broken_rule: Option<&'static str>,
}

/// What may still go wrong.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Left {
    /// A link breaks.
    pub(super) breaks: u8,
    /// Somebody crashes.
    pub(super) crashes: u8,
    /// One that has crashed starts again, before all else has ended.
    pub(super) returns: u8,
    /// A voter without a link to a peer that runs is told that it cannot be reached.
    pub(super) misses: u8,
    /// A voter with a link is told that this seems to be dead.
    pub(super) doubts: u8,
    /// A silent stranger claims to be a peer.
    pub(super) strangers: u8,
    /// A stranger that has done so says something: it is an impostor.
    pub(super) lies: u8,
    /// An elected leader of a quorum becomes the leader of an epoch.
    pub(super) leads: u8,
    /// One that leads or follows in an epoch gives up.
    pub(super) retreats: u8,
    /// Somebody proposes itself no more.
    pub(super) withdrawals: u8,
    /// A timer runs out while something is under way. [`Left::FREE`]: whenever it likes.
    pub(super) hurries: u8,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Voter {
    election: Election,
    armed: BTreeSet<Timer>,
    /// The peers it knows to be out of reach. It is told once, until there is a link.
    away: BTreeSet<usize>,
    /// What its hash is made of: most states differ from the one before in one voter only.
    print: u64,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Bit {
    LinkUp,
    Frame(Notification),
    LinkDown,
}

/// What an impostor says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lie {
    /// That it votes as the one that it speaks to.
    Agrees,
    /// That it was elected.
    Leads,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Hear { voter: usize, peer: usize },
    Lose { voter: usize, peer: usize },
    Fire { voter: usize, timer: Timer },
    Break { a: usize, b: usize },
    Connect { a: usize, b: usize },
    Crash { voter: usize },
    Restart { voter: usize },
    Miss { voter: usize, peer: usize },
    Doubt { voter: usize, peer: usize },
    Claim { voter: usize, peer: usize },
    Leave { voter: usize, peer: usize },
    Lie { voter: usize, peer: usize, lie: Lie },
    Lead { voter: usize },
    Follow { voter: usize },
    GiveUp { voter: usize },
    Withdraw { voter: usize },
}

/// Every voter with every other.
pub(super) fn ends() -> impl Iterator<Item = (usize, usize)> {
    (0..VOTERS).flat_map(|a| (0..VOTERS).map(move |b| (a, b))).filter(|(a, b)| a != b)
}

/// The same, each pair once, the higher id last.
pub(super) fn pairs() -> impl Iterator<Item = (usize, usize)> {
    ends().filter(|(a, b)| a < b)
}

fn timing() -> ElectionTiming {
    let wait = Duration::from_millis(200);
    // No wait grows: else every resend would make a new state.
    ElectionTiming { settle: wait, resend_min: wait, resend_max: wait, grace: wait }
}

impl Left {
    pub(super) const FREE: u8 = u8::MAX;
}

impl Hash for Voter {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.print.hash(hasher);
    }
}

impl Voter {
    fn update_print(&mut self) {
        self.print = fingerprint(&(&self.election, &self.armed, &self.away));
    }
}

impl Bit {
    const fn is_news(&self) -> bool {
        match self {
            Self::LinkUp | Self::LinkDown => true,
            Self::Frame(_) => false,
        }
    }

    fn is_question(&self) -> bool {
        match self {
            Self::LinkUp | Self::LinkDown => false,
            Self::Frame(notification) => notification.is_question(),
        }
    }
}

impl State {
    /// All have begun, and there is no link yet.
    pub(super) fn new(zxids: &[i64; VOTERS], frames: usize, left: Left) -> Self {
        let mut state = Self {
            voters: Default::default(),
            inboxes: Default::default(),
            links: Default::default(),
            strangers: Default::default(),
            left,
            epochs: [0; VOTERS],
            frames,
            broken_rule: None,
        };
        for (voter, zxid) in zxids.iter().enumerate() {
            state.start(voter, *zxid);
        }
        state
    }

    pub(super) fn start(&mut self, voter: usize, zxid: i64) {
        let ensemble = Arc::clone(ensemble());
        let election = Election::new(id(voter), ensemble, timing(), Arc::from(""));
        let (armed, away) = (BTreeSet::new(), BTreeSet::new());
        self.voters[voter] = Some(Arc::new(Voter { election, armed, away, print: 0 }));
        let history = History { epoch: Epoch(self.epochs[voter]), zxid: Zxid(zxid) };
        self.tell(voter, Event::Begin { history });
    }

    fn tell(&mut self, voter: usize, event: Event) {
        let Some(running) = &mut self.voters[voter] else { return };
        let before = Arc::clone(running);
        let running = Arc::make_mut(running);
        let Voter { election, armed, .. } = running;
        // It speaks after each event: with two links nothing is held back, and nothing of it has to be remembered.
        let (mut asked, mut outgoing) = (BTreeMap::new(), Outgoing::default());
        let told = event.clone();
        let actions = election.actions_on(event);
        // In debug builds the core has looked itself.
        if !cfg!(debug_assertions) {
            let (before, event, actions) = (&before.election, &told, &actions[..]);
            let broken =
                invariants::first_broken(CoreStep { before, event, actions, after: election });
            self.broken_rule = self.broken_rule.or(broken);
        }
        for action in actions {
            match action {
                Action::Say { to, notification } => {
                    outgoing.say(to, notification);
                }
                Action::SetTimer { timer, .. } => {
                    armed.insert(timer);
                }
                Action::ClearTimer(timer) => {
                    armed.remove(&timer);
                }
                Action::Ask { to, question } => {
                    asked.insert(place(to), question);
                }
                // Links are made whenever the checker likes.
                Action::Reconnect | Action::Looking { .. } | Action::Decided(_) => {}
            }
        }
        running.update_print();
        // An elector asks at once, and speaks when it has heard what else there is.
        for (to, question) in asked {
            self.send(voter, to, question);
        }
        for (to, frame) in outgoing.take_due(Duration::ZERO, VOTERS - 1) {
            self.send(voter, place(to), Notification::decode(frame.body()).unwrap());
        }
    }

    fn send(&mut self, from: usize, to: usize, notification: Notification) {
        let knows_the_link = !self.inboxes[from][to].iter().any(Bit::is_news);
        if !self.is_linked(from, to) || !knows_the_link {
            return;
        }
        let new = Bit::Frame(notification);
        let room = if new.is_question() { 1 } else { self.frames };
        let inbox = &mut self.inboxes[to][from];
        let under_way = inbox.iter_mut().rev().take_while(|bit| !bit.is_news());
        let mut alike: Vec<_> =
            under_way.filter(|bit| bit.is_question() == new.is_question()).collect();
        if alike.len() == room {
            *alike.swap_remove(0) = new;
        } else {
            inbox.push_back(new);
        }
    }

    pub(super) fn connect(&mut self, a: usize, b: usize) {
        self.expel(a, b);
        self.expel(b, a);
        self.set_linked(a, b, true);
        self.inboxes[a][b].push_back(Bit::LinkUp);
        self.inboxes[b][a].push_back(Bit::LinkUp);
    }

    pub(super) fn disconnect(&mut self, a: usize, b: usize) {
        if self.is_linked(a, b) {
            self.set_linked(a, b, false);
            self.inboxes[a][b].push_back(Bit::LinkDown);
            self.inboxes[b][a].push_back(Bit::LinkDown);
        }
    }

    fn set_linked(&mut self, a: usize, b: usize, linked: bool) {
        self.links[a][b] = linked;
        self.links[b][a] = linked;
    }

    /// A stranger connects to this voter as that peer.
    pub(super) fn claim(&mut self, voter: usize, peer: usize) {
        self.strangers[voter][peer] = true;
        self.inboxes[voter][peer].push_back(Bit::LinkUp);
    }

    /// The stranger is gone: it leaves, or the peer itself is there.
    pub(super) fn expel(&mut self, voter: usize, peer: usize) {
        if std::mem::take(&mut self.strangers[voter][peer]) {
            self.inboxes[voter][peer].push_back(Bit::LinkDown);
        }
    }

    /// The impostor that is linked to this voter as that peer says something in the round that the voter is in.
    pub(super) fn lie_to(&mut self, voter: usize, peer: usize, lie: Lie) {
        let Some(running) = &self.voters[voter] else { return };
        let (vote, round) = (running.election.vote(), running.election.round());
        let peers = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(peer) };
        let (state, vote) = match lie {
            Lie::Agrees => (PeerState::Looking, vote),
            Lie::Leads => (PeerState::Leading, Some(peers)),
        };
        let format = Format::Current { version: Notification::VERSION, config: Arc::from("") };
        let lie = Bit::Frame(Notification { state, vote, round, format });
        self.inboxes[voter][peer].push_back(lie);
    }

    pub(super) fn crash(&mut self, voter: usize) {
        self.voters[voter] = None;
        for other in (0..VOTERS).filter(|other| *other != voter) {
            self.disconnect(voter, other);
            self.strangers[voter][other] = false;
            self.inboxes[voter][other].clear();
        }
    }

    pub(super) fn hear(&mut self, voter: usize, peer: usize) {
        let event = match self.inboxes[voter][peer].pop_front() {
            Some(Bit::LinkUp) => {
                if let Some(voter) = &mut self.voters[voter] {
                    Arc::make_mut(voter).away.remove(&peer);
                }
                Event::LinkUp { peer: id(peer) }
            }
            Some(Bit::LinkDown) => Event::LinkDown { peer: id(peer) },
            Some(Bit::Frame(notification)) => Event::Heard { from: id(peer), notification },
            None => return,
        };
        self.tell(voter, event);
    }

    /// What was under way when the link broke does not arrive.
    pub(super) fn lose(&mut self, voter: usize, peer: usize) {
        let inbox = &mut self.inboxes[voter][peer];
        let frames = inbox.iter().take_while(|bit| !bit.is_news()).count();
        inbox.drain(..frames);
    }

    pub(super) fn fire(&mut self, voter: usize, timer: Timer) {
        if let Some(running) = &mut self.voters[voter]
            && Arc::make_mut(running).armed.remove(&timer)
        {
            self.tell(voter, Event::TimerFired(timer));
        }
    }

    pub(super) fn miss(&mut self, voter: usize, peer: usize) {
        if let Some(running) = &mut self.voters[voter] {
            Arc::make_mut(running).away.insert(peer);
        }
        self.tell(voter, Event::Unreachable { peer: id(peer) });
    }

    pub(super) fn doubt(&mut self, voter: usize, peer: usize) {
        self.tell(voter, Event::Doubted { peer: id(peer) });
    }

    pub(super) fn runs(&self, voter: usize) -> bool {
        self.voters[voter].is_some()
    }

    pub(super) fn is_linked(&self, a: usize, b: usize) -> bool {
        self.links[a][b]
    }

    pub(super) fn is_claimed(&self, voter: usize, peer: usize) -> bool {
        self.strangers[voter][peer]
    }

    /// Whether this voter runs, and a stranger would find the place of that peer free.
    pub(super) fn may_claim(&self, voter: usize, peer: usize) -> bool {
        self.runs(voter) && !self.is_linked(voter, peer) && !self.is_claimed(voter, peer)
    }

    /// Whether an impostor is linked to this voter as that peer, and nothing of what it has said is under way.
    pub(super) fn may_lie_to(&self, voter: usize, peer: usize) -> bool {
        self.is_claimed(voter, peer) && self.inboxes[voter][peer].is_empty()
    }

    pub(super) fn may_hear(&self, voter: usize, peer: usize) -> bool {
        !self.inboxes[voter][peer].is_empty()
    }

    /// Whether frames come first, and then the end of their link.
    pub(super) fn may_lose(&self, voter: usize, peer: usize) -> bool {
        let inbox = &self.inboxes[voter][peer];
        let frame_first = inbox.front().is_some_and(|bit| !bit.is_news());
        frame_first && inbox.iter().find(|bit| bit.is_news()) == Some(&Bit::LinkDown)
    }

    /// Whether both run, and the higher id, which dials, knows that there is no link.
    pub(super) fn may_connect(&self, lower: usize, higher: usize) -> bool {
        let runs = self.runs(lower) && self.runs(higher);
        let noticed = !self.inboxes[higher][lower].contains(&Bit::LinkDown);
        runs && noticed && !self.is_linked(lower, higher)
    }

    /// Whether this voter knows of a link to that peer, or a stranger's. What it has yet to hear comes later.
    pub(super) fn knows_link(&self, voter: usize, peer: usize) -> bool {
        match self.inboxes[voter][peer].iter().find(|bit| bit.is_news()) {
            Some(Bit::LinkDown) => true,
            Some(Bit::LinkUp) => false,
            Some(Bit::Frame(_)) | None => {
                self.is_linked(voter, peer) || self.is_claimed(voter, peer)
            }
        }
    }

    /// Whether this voter could be told that the peer is out of reach, and does not know it.
    pub(super) fn may_miss(&self, voter: usize, peer: usize) -> bool {
        let is_news = |voter: &Arc<Voter>| !voter.away.contains(&peer);
        self.voters[voter].as_ref().is_some_and(is_news) && !self.knows_link(voter, peer)
    }

    pub(super) fn armed(&self) -> Vec<(usize, Timer)> {
        let running = self.voters.iter().enumerate();
        let running = running.filter_map(|(place, voter)| Some((place, voter.as_ref()?)));
        running
            .flat_map(|(place, voter)| voter.armed.iter().map(move |one| (place, *one)))
            .collect()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.inboxes.iter().flatten().all(VecDeque::is_empty)
    }

    pub(super) fn broken_rule(&self) -> Option<&'static str> {
        self.broken_rule
    }

    fn elections(&self) -> impl Iterator<Item = &Election> {
        self.voters.iter().flatten().map(|voter| &voter.election)
    }

    pub(super) fn decisions(&self) -> impl Iterator<Item = Option<Decision>> + '_ {
        self.elections().map(Election::decision)
    }

    pub(super) fn newest_round(&self) -> i64 {
        self.elections().map(|election| election.round().0).max().unwrap_or_default()
    }

    /// All that run have the same leader, and it runs and leads; or there are too few, and nobody has one.
    pub(super) fn is_right(&self) -> bool {
        let running = self.voters.iter().flatten().count();
        if running > VOTERS / 2 {
            self.all_agree()
        } else {
            self.decisions().all(|decision| decision.is_none())
        }
    }

    /// All that run have the same leader, and it runs and leads.
    pub(super) fn all_agree(&self) -> bool {
        let leaders: BTreeSet<_> =
            self.decisions().map(|decision| decision.map(|one| one.vote.leader)).collect();
        let mut decisions = self.decisions().flatten();
        leaders.len() == 1 && decisions.any(|one| one.standing == Standing::Leading)
    }

    pub(super) fn nobody_settles(&self) -> bool {
        !self.armed().iter().any(|(_, timer)| *timer == Timer::Settle)
    }

    pub(super) fn two_lead_one_round(&self) -> bool {
        let leading = self.decisions().flatten().filter(|one| one.standing == Standing::Leading);
        let rounds: Vec<_> = leading.map(|decision| decision.round).collect();
        rounds.iter().enumerate().any(|(index, round)| rounds[index + 1..].contains(round))
    }
}
