//! [`Elector`]: the actor around the [`Election`].
//!
//! It turns what the network reports into events of the core and the core's actions into frames, timers and events for
//! the herald. It also listens only to the present link of each peer: frames of an older link are ignored.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use ballotbox_actors::{
    Heard, NetworkAddress, NetworkEvent,
    kit::{Actor, Address, Mailbox, Timers, Wake, clock},
};
use ballotbox_core::{ServerId, Sparingly, leadership::Nomination, links::LinkId, wire::Frame};

use super::{
    ElectionStatus, NodeConfig, NodeEvent, NodeState, herald::HeraldMsg, leadership::DriverMsg,
    member_lists::MemberLists,
};
use crate::{
    Ensemble, Epoch, History, Round, Vote,
    chronicle::{BallotLog, Note},
    election::{
        Action, Election, Event, Notification, Outgoing, PresentLinks, SignOfLife, State, Timer,
    },
    tls::CertificateNews,
};

/// After at most this many messages in one go an elector, or a driver of leadership, tells what came of them, though more of
/// them wait.
pub(super) const BURST_MAX: usize = 256;

/// What an [`Elector`] can be told.
#[derive(Debug)]
pub(super) enum ElectorMsg {
    /// By the network: a frame has come.
    Heard(Heard),
    /// By the network: anything else.
    Network(NetworkEvent),
    /// By the driver of leadership: what was decided in this round is established.
    Established { leader: ServerId, round: Round, epoch: Epoch },
    /// By the same: it is over, and its leader may be gone.
    LookAgain { leader: ServerId, round: Round, gone: bool },
    /// By the same: it is over, and its leader has said who is to be elected next.
    Nominated { leader: ServerId, round: Round, nomination: Nomination },
    /// By the same: the newest epoch that is on disk.
    EpochStored(Epoch),
    /// By the same: whether we stand for election.
    Stand(bool),
    /// By a bench, through the supervisor: hold another election, though nothing is wrong with the last one.
    BeginAgain,
    /// By the keeper of our certificate.
    Certificate(CertificateNews),
    /// By the desk: say that it runs.
    Answer { reply: Address<()> },
    /// By the supervisor.
    Stop,
}

impl From<CertificateNews> for ElectorMsg {
    fn from(news: CertificateNews) -> Self {
        Self::Certificate(news)
    }
}

/// Runs the election of one node.
#[derive(Debug)]
pub(super) struct Elector {
    core: Election,
    ensemble: Arc<Ensemble>,
    member_lists: MemberLists,
    history: History,
    timers: Timers<Timer>,
    network: NetworkAddress,
    links: PresentLinks,
    /// Frames that were no notification, by the member that sent them; those of all strangers are counted together.
    malformed: BTreeMap<Option<ServerId>, Sparingly>,
    /// What is to be said when the present burst has been heard.
    outgoing: Outgoing<Instant>,
    is_voter: bool,
    /// The last vote that was noted.
    voted: Option<Vote>,
    herald: Address<HeraldMsg>,
    /// Who makes a leadership of what is decided here, if that is wanted.
    leadership: Option<Address<DriverMsg>>,
    /// What has happened and was not told to the herald yet.
    events: Vec<(Instant, NodeEvent)>,
    ballots: BallotLog,
    /// What was not told to its chronicle yet.
    notes: Vec<(Instant, Note)>,
    /// What the herald was last told of the status.
    told: Arc<ElectionStatus>,
    looking_since: Option<Instant>,
    election_took: Option<Duration>,
}

impl Elector {
    pub(super) fn new(
        config: &NodeConfig,
        network: NetworkAddress,
        herald: Address<HeraldMsg>,
        leadership: Option<Address<DriverMsg>>,
    ) -> Self {
        let core = Election::new(
            config.me,
            Arc::clone(config.ensemble()),
            config.timing,
            Arc::clone(&config.config_text),
        );
        Self {
            core,
            ensemble: Arc::clone(config.ensemble()),
            member_lists: MemberLists::new(&config.config_text),
            history: config.history,
            timers: Timers::new(),
            network,
            links: PresentLinks::default(),
            malformed: BTreeMap::new(),
            outgoing: Outgoing::default(),
            is_voter: config.ensemble().is_voter(config.me),
            voted: None,
            herald,
            leadership,
            events: Vec::new(),
            ballots: BallotLog::default(),
            notes: Vec::new(),
            told: Arc::default(),
            looking_since: None,
            election_took: None,
        }
    }
}

impl Actor for Elector {
    type Msg = ElectorMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<ElectorMsg>) -> Result<(), Infallible> {
        let mut burst = 0;
        loop {
            match mailbox.next_until(self.next_deadline()).await {
                Wake::Told(ElectorMsg::Answer { reply }) => drop(reply.tell(())),
                Wake::Told(ElectorMsg::Heard(Heard { link, frame })) => {
                    self.hear_frame(link, &frame);
                }
                Wake::Told(ElectorMsg::Network(event)) => self.hear(event),
                Wake::Told(ElectorMsg::Established { leader, round, epoch }) => {
                    self.decide(Event::Established { leader, round, epoch });
                }
                Wake::Told(ElectorMsg::LookAgain { leader, round, gone }) => {
                    if gone {
                        self.decide(Event::Unreachable { peer: leader });
                    }
                    self.decide(Event::LookAgain { leader, round });
                }
                Wake::Told(ElectorMsg::Nominated { leader, round, nomination }) => {
                    let Nomination { vote, round: next } = nomination;
                    self.decide(Event::Nominated { leader, round, vote, next });
                }
                Wake::Told(ElectorMsg::EpochStored(epoch)) => {
                    self.history.epoch = epoch;
                    self.decide(Event::EpochStored(epoch));
                }
                Wake::Told(ElectorMsg::Stand(true)) => self.decide(Event::Stand),
                Wake::Told(ElectorMsg::Stand(false)) => self.decide(Event::Withdraw),
                Wake::Told(ElectorMsg::Certificate(news)) => {
                    self.note(NodeEvent::Certificate(news));
                }
                Wake::Told(ElectorMsg::BeginAgain) => self.decide(self.beginning()),
                Wake::Told(ElectorMsg::Stop) | Wake::Closed => return Ok(()),
                Wake::Due => {
                    while let Some(timer) = self.timers.pop_due(clock::now()) {
                        self.decide(Event::TimerFired(timer));
                    }
                    // What was put off may be due, too.
                    burst = BURST_MAX;
                }
            }
            burst += 1;
            if burst >= BURST_MAX || mailbox.is_empty() {
                burst = 0;
                self.speak();
            }
        }
    }
}

impl Elector {
    fn hear(&mut self, happened: NetworkEvent) {
        let is_news = self.is_news(&happened);
        let event = if happened == NetworkEvent::Started {
            Some(self.beginning())
        } else {
            happened.notice().and_then(|notice| self.links.event_of(notice))
        };
        if is_news {
            self.note(NodeEvent::Network(happened));
        }
        if let Some(event) = event {
            self.decide(event);
        }
    }

    /// A link over which nothing was said is none yet: it is news when its peer has spoken, and when it is lost after that.
    /// Strangers come and go, ask and are answered: that is no news either.
    fn is_news(&self, event: &NetworkEvent) -> bool {
        match event {
            NetworkEvent::LinkUp { .. } => false,
            NetworkEvent::LinkDown { link, .. } => {
                self.ensemble.contains(link.peer) && self.links.has_spoken(*link)
            }
            NetworkEvent::Doubted { link } => self.ensemble.contains(link.peer),
            NetworkEvent::Listening { .. }
            | NetworkEvent::Started
            | NetworkEvent::BindFailed { .. }
            | NetworkEvent::NotHere { .. }
            | NetworkEvent::LoopbackOnly { .. }
            | NetworkEvent::NoDescriptors { .. }
            | NetworkEvent::Unreachable { .. }
            | NetworkEvent::CannotDialBack { .. }
            | NetworkEvent::Refused { .. } => true,
        }
    }

    fn beginning(&self) -> Event {
        Event::Begin { history: self.history }
    }

    fn hear_frame(&mut self, link: LinkId, frame: &Frame) {
        let from = link.peer;
        if !self.links.contains(link) {
            return;
        }
        match Notification::decode(frame.body()) {
            Ok(notification) => {
                self.note_sign_of_life(link);
                self.compare_members(from, &notification);
                self.decide(Event::Heard { from, notification });
            }
            Err(error) => {
                let sender = Some(from).filter(|from| self.ensemble.contains(*from));
                if let Some(times) = self.malformed.entry(sender).or_default().count() {
                    self.note(NodeEvent::Malformed { from, error, times });
                }
            }
        }
    }

    fn note_sign_of_life(&mut self, link: LinkId) {
        let sign = self.links.understood(link);
        if sign != SignOfLife::Known {
            self.network.spoke(link);
        }
        if sign == SignOfLife::First && self.ensemble.contains(link.peer) {
            self.note(NodeEvent::Network(NetworkEvent::LinkUp { link }));
        }
    }

    fn compare_members(&mut self, from: ServerId, heard: &Notification) {
        // What strangers believe is their own business, and older servers send no list.
        let Some(config) = heard.format.config() else { return };
        if !self.ensemble.contains(from) {
            return;
        }
        if let Some(problem) = self.member_lists.compare(from, config) {
            self.note(NodeEvent::MembersDiffer { from, problem });
        }
    }

    fn decide(&mut self, event: Event) {
        let mut notes = Vec::new();
        let actions = self.ballots.elect(&mut self.core, event, &mut notes);
        if !notes.is_empty() {
            let now = clock::now();
            self.notes.extend(notes.into_iter().map(|note| (now, note)));
        }
        for action in actions {
            self.perform(action);
        }
        self.note_vote();
    }

    fn note_vote(&mut self) {
        // What was decided is said with the epoch that came of it: that is no other vote.
        let is_restated = |vote: &Vote| {
            self.core.decision().is_some()
                && self.voted.is_some_and(|voted| voted.leader == vote.leader)
        };
        if !self.is_voter || self.core.vote().as_ref().is_some_and(is_restated) {
            return;
        }
        if let Some(vote) = self.core.vote().filter(|vote| self.voted != Some(*vote)) {
            self.voted = Some(vote);
            self.note(NodeEvent::Voted { vote });
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            // Without a link nobody hears it; with a new one it is said again.
            Action::Say { to, .. } if !self.links.reaches(to) => {}
            Action::Say { to, notification } => {
                self.outgoing.say(to, notification);
            }
            Action::Ask { to, question } => {
                if let Some(frame) = question.to_frame() {
                    self.network.ask(to, frame);
                }
            }
            Action::SetTimer { timer, after } => self.timers.set(timer, clock::now() + after),
            Action::ClearTimer(timer) => self.timers.clear(&timer),
            Action::Reconnect => self.network.reconnect(),
            Action::Looking { round } => {
                self.looking_since.get_or_insert_with(clock::now);
                self.voted = None;
                self.note(NodeEvent::Looking { round });
                self.tell_leadership(DriverMsg::Looking);
            }
            Action::Decided(decision) => {
                let since = self.looking_since.take();
                let took = since.map(|since| clock::now() - since).unwrap_or_default();
                self.election_took = Some(took);
                self.note_vote();
                self.note(NodeEvent::Elected { decision, took });
                let (leader, round) = (decision.vote.leader, decision.round);
                self.tell_leadership(DriverMsg::Elected { leader, round });
            }
        }
    }

    fn tell_leadership(&self, message: DriverMsg) {
        if let Some(leadership) = &self.leadership {
            let _ = leadership.tell(message);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline().into_iter().chain(self.outgoing.not_before()).min()
    }

    /// Says to the peers what is to be said, and to the herald what has happened.
    fn speak(&mut self) {
        for (to, frame) in self.outgoing.take_due(clock::now(), self.links.count()) {
            self.network.send(to, frame);
        }
        let status = self.status();
        if !self.events.is_empty() || !self.notes.is_empty() || status != *self.told {
            self.told = Arc::new(status);
            let events = std::mem::take(&mut self.events);
            let notes = std::mem::take(&mut self.notes);
            let status = Arc::clone(&self.told);
            let _ = self.herald.tell(HeraldMsg::Election { events, notes, status });
        }
    }

    fn note(&mut self, event: NodeEvent) {
        self.events.push((clock::now(), event));
    }

    fn status(&self) -> ElectionStatus {
        let state = match self.core.state() {
            State::Idle => NodeState::Starting,
            State::Looking | State::Settling => NodeState::Looking,
            State::Decided(decision) => NodeState::Decided(decision.standing),
        };
        ElectionStatus {
            state,
            vote: self.core.vote(),
            round: self.core.round(),
            took: self.election_took,
            links: self.links.peers().filter(|id| self.ensemble.contains(*id)).collect(),
            ballots: self.core.ballots().map(|(voter, ballot)| (voter, ballot.vote)).collect(),
        }
    }
}
