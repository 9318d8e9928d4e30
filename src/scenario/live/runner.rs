//! [`play`]: starts the members of a vote file, plays its steps and waits for what is expected.
//!
//! Every member is a [`Node`] of its own, over real sockets; a [`Reporter`] beside each carries what it comes to know
//! to the one loop here, which plays the steps, tells the story and asks the [`Judge`].

mod outcome;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use ballotbox_actors::kit::{
    Address, Exit, Inlet, Mailbox, Wake, clock, mailbox, mailbox_with_inlet, spawn,
};
use ballotbox_core::{ServerId, UntrustedText, leadership::Successor};
use futures::future::{join_all, try_join_all};

use super::{
    cabling::{Cabling, has_last_words},
    disks::Disks,
    error::PlayError,
    last_election::{LastElection, Span},
    relay::RelayError,
    reorderer::Reorderer,
    report::PlayReport,
    reporter::{MemberNews, Reporter},
    seat::Seat,
    wiring::Wiring,
};
#[cfg(feature = "tls")]
use crate::tls::NodeTls;
use crate::{
    Node, NodeConfig, Standing,
    node::{Keep, LeadershipConfig, News, NodeEvent},
    scenario::{
        claim::{Claim, claims, foremost},
        judge::{AfterLastStep, Judge},
        story::{Histories, StoryLine, What, Won},
        vote_file::{MemberState, Operation, VoteFile},
    },
};

/// At most this many news of the members wait for the loop; then their reporters wait.
const NEWS_WAITING_MAX: usize = 256;
/// On loopback it costs nothing to try again soon, and nobody wants to watch a long back-off.
const REDIAL_MAX: Duration = Duration::from_millis(250);
/// The members here do no work that would have to end.
const RESIGNS_WITHIN: Duration = Duration::from_secs(5);

/// Plays a vote file, and tells what happens while it does.
///
/// It ends when all steps were played and everything expected is decided; if nothing is expected, when all running
/// voters agree on a leader that leads; and after `deadline` at the latest. Then nothing of it is left: no task, no
/// socket.
///
/// # Errors
///
/// [`PlayError`], when the members cannot be started or fail.
pub async fn play(
    file: &VoteFile,
    deadline: Duration,
    tell: &mut dyn FnMut(&StoryLine),
) -> Result<PlayReport, PlayError> {
    play_with(file, Keys::default(), deadline, tell).await
}

/// The same, where these members meet over TLS.
///
/// # Errors
///
/// [`PlayError`], when the members cannot be started or fail.
#[cfg(feature = "tls")]
pub async fn play_over_tls(
    file: &VoteFile,
    keys: BTreeMap<ServerId, NodeTls>,
    deadline: Duration,
    tell: &mut dyn FnMut(&StoryLine),
) -> Result<PlayReport, PlayError> {
    play_with(file, keys, deadline, tell).await
}

/// What each member speaks TLS with.
#[cfg(feature = "tls")]
type Keys = BTreeMap<ServerId, NodeTls>;
#[cfg(not(feature = "tls"))]
#[derive(Default)]
struct Keys {}

async fn play_with(
    file: &VoteFile,
    keys: Keys,
    deadline: Duration,
    tell: &mut dyn FnMut(&StoryLine),
) -> Result<PlayReport, PlayError> {
    PlayError::of_steps(file)?;
    let (address, inlet, mut mailbox) = mailbox_with_inlet(NEWS_WAITING_MAX);
    let wiring = Wiring::new(file, &address, RunnerMsg::CableEnded).await?;
    let mut runner = Runner {
        file,
        keys,
        reorderer: Reorderer::new(tell),
        wiring,
        cabling: Cabling::default(),
        judge: Judge::new(&file.expectations, &file.steps, AfterLastStep::OnceIsEnough),
        last_election: LastElection::default(),
        histories: file.histories.iter().copied().collect(),
        seats: BTreeMap::new(),
        disks: Disks::of(file),
        established: BTreeMap::new(),
        lives: 0,
        cables_ended: 0,
        began: clock::now(),
        address,
        inlet,
    };
    let played = runner.play(deadline, &mut mailbox).await;
    runner.reorderer.tell_all(runner.now());
    let report = match played {
        Ok(()) => Ok(runner.report().await),
        Err(error) => Err(error),
    };
    let ended = runner.end(&mut mailbox).await;
    report.and_then(|report| ended.map(|()| report))
}

/// What the loop can be told.
#[derive(Debug)]
enum RunnerMsg {
    News(MemberNews),
    ReporterEnded { member: ServerId, life: u64 },
    CableEnded(Exit<(), RelayError>),
}

impl From<MemberNews> for RunnerMsg {
    fn from(news: MemberNews) -> Self {
        Self::News(news)
    }
}

/// The state of a play.
struct Runner<'a> {
    file: &'a VoteFile,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there are none"))]
    keys: Keys,
    reorderer: Reorderer<'a>,
    wiring: Wiring,
    cabling: Cabling,
    judge: Judge,
    last_election: LastElection,
    /// What each member stands on.
    histories: Histories,
    /// The members that run.
    seats: BTreeMap<ServerId, Seat>,
    disks: Disks,
    /// How long it took each member that leads or follows, from looking.
    established: BTreeMap<ServerId, Duration>,
    /// How many nodes were started, to tell the news of one life of a member from another's.
    lives: u64,
    cables_ended: usize,
    began: Instant,
    address: Address<RunnerMsg>,
    inlet: Inlet<RunnerMsg>,
}

impl Runner<'_> {
    async fn play(
        &mut self,
        deadline: Duration,
        mailbox: &mut Mailbox<RunnerMsg>,
    ) -> Result<(), PlayError> {
        self.wiring.set(&self.cabling).await;
        self.began = clock::now();
        let mut steps = self.file.steps.iter().peekable();
        loop {
            let now = self.now();
            self.reorderer.tell_due(now);
            if now >= deadline {
                return Ok(());
            }
            if self.judge.next_deadline().is_some_and(|due| due <= now)
                || steps.peek().is_some_and(|step| step.at <= now)
            {
                // News on the way may be older than what is due, so ask.
                self.refresh().await;
                self.look();
            }
            if let Some(step) = steps.next_if(|step| step.at <= now) {
                self.happened(self.now(), What::Played(step.operation.clone()));
                self.perform(&step.operation).await?;
                self.look();
                continue;
            }
            if steps.peek().is_none() && self.is_over() {
                return Ok(());
            }
            let next_step = steps.peek().map(|step| step.at);
            let due = [next_step, self.judge.next_deadline(), self.reorderer.next_deadline()];
            let wake_at = due.into_iter().flatten().fold(deadline, Duration::min);
            match mailbox.next_until(Some(self.began + wake_at)).await {
                Wake::Told(message) => self.hear(message).await?,
                Wake::Due => {}
                Wake::Closed => return Ok(()),
            }
        }
    }

    fn now(&self) -> Duration {
        clock::now() - self.began
    }

    /// Whether nothing is left to wait for, once all steps were played.
    fn is_over(&self) -> bool {
        let decided = if self.file.expectations.is_empty() {
            self.voters_agree()
        } else {
            self.judge.is_done()
        };
        decided && !self.is_being_elected()
    }

    /// Whether a leader is just being elected: a member follows a server that has not said that it leads, or has, but
    /// we have not heard it yet. Without this the outcome would depend on which of the two is heard first.
    fn is_being_elected(&self) -> bool {
        let states = self.states();
        match foremost(&states) {
            Some(claim) => !self.last_election.is_of(claim.leader),
            None => states.iter().any(|(id, state)| {
                let leader = state.leader_of(*id);
                leader.and_then(|leader| states.get(&leader)) == Some(&MemberState::Looking)
            }),
        }
    }

    /// Whether all running voters are a quorum that believes in one leader, which leads. If none runs, nothing can change
    /// any more.
    fn voters_agree(&self) -> bool {
        let states = self.states();
        let ensemble = self.file.ensemble();
        let runs = |(id, state): (&ServerId, &MemberState)| {
            (ensemble.is_voter(*id) && *state != MemberState::Down).then_some(*id)
        };
        let running: BTreeSet<_> = states.iter().filter_map(runs).collect();
        let all_believe = |claim: Claim| claim.is_shared_by(running.iter().copied());
        running.is_empty() || (ensemble.is_quorum(&running) && claims(&states).any(all_believe))
    }

    async fn perform(&mut self, operation: &Operation) -> Result<(), PlayError> {
        self.cabling.apply(operation);
        match operation {
            Operation::Start(members) => self.start(members).await?,
            Operation::Stop(members) | Operation::Kill(members) => {
                // An election has no farewell: from outside, a stop and a kill are sockets that close. Of a lease the end is said,
                // but not by one that is killed.
                let mut meanwhile = self.cabling.clone();
                if matches!(operation, Operation::Kill(_)) && has_last_words(self.file) {
                    meanwhile.apply(&Operation::Isolate(members.clone()));
                }
                if matches!(operation, Operation::Kill(_)) {
                    self.foretell_ends_of_leases(members);
                }
                // Nobody is to be accepted by a cable on behalf of a member that is gone, so cables come first.
                self.wiring.set(&meanwhile).await;
                let seats = members.iter().filter_map(|member| self.seats.remove_entry(member));
                let stopped = join_all(seats.map(|(member, seat)| seat.stop(member))).await;
                self.wiring.set(&self.cabling).await;
                stopped.into_iter().collect::<Result<(), _>>()?;
            }
            Operation::Pause(_)
            | Operation::Resume(_)
            | Operation::Cut(_)
            | Operation::Isolate(_)
            | Operation::Block(_)
            | Operation::Heal => self.wiring.set(&self.cabling).await,
            // Such a file was refused.
            Operation::Hang(_) | Operation::Wake(_) => {}
            Operation::Wipe(members) => self.disks.wipe(members),
            Operation::Fill(members) => self.disks.fill(members, true),
            Operation::Free(members) => self.disks.fill(members, false),
            Operation::Resign { member, to } => {
                if let Some(seat) = self.seats.get(member) {
                    let to = to.map_or(Successor::Any, Successor::To);
                    // Who does not lead, or cannot hand over to that one, stays as it is: what is expected shows that.
                    let _ = seat.node.hand_over(to, RESIGNS_WITHIN).await;
                }
            }
        }
        Ok(())
    }

    /// A lease goes on without the member that holds it: tells when it will be over.
    fn foretell_ends_of_leases(&mut self, killed: &[ServerId]) {
        for member in killed.iter().copied() {
            if let Some((epoch, left)) = self.seats.get(&member).and_then(Seat::lease) {
                self.happened(self.now() + left, What::LeaseOver { member, epoch });
            }
        }
    }

    /// Starts members together: all listen before the first of them looks, so none is refused for being early.
    async fn start(&mut self, members: &[ServerId]) -> Result<(), PlayError> {
        let mut configs = Vec::new();
        for member in members {
            configs.extend(self.config(*member)?);
        }
        self.wiring.set(&self.cabling).await;
        let began = self.began;
        let nodes = configs.into_iter().map(|config| async move {
            let member = config.me;
            // Each at its own time: what it reports counts from here.
            let started = clock::now() - began;
            let node = Node::start(config).await;
            node.map(|node| (node, started)).map_err(|error| PlayError::Node { member, error })
        });
        for (node, started) in try_join_all(nodes).await? {
            self.lives += 1;
            let (member, life) = (node.id(), self.lives);
            let (reporter, orders) = mailbox();
            let actor = Reporter { member, life, watch: node.watch(), inlet: self.inlet.clone() };
            spawn(actor, orders, self.address.clone(), move |_: Exit<(), Infallible>| {
                RunnerMsg::ReporterEnded { member, life }
            });
            let seat = Seat { node, life, started, status: None, _reporter: reporter };
            self.seats.insert(member, seat);
        }
        Ok(())
    }

    fn config(&self, member: ServerId) -> Result<Option<NodeConfig>, PlayError> {
        let Some(history) = self.file.history(member) else { return Ok(None) };
        let mut membership = self.file.membership.clone();
        for (id, addresses) in self.wiring.addresses(member) {
            membership.set_election(id, addresses);
        }
        let mut config = NodeConfig::new(member, membership);
        config.history = self.disks.left_of(history, member);
        config.timing = self.file.timing.election;
        config.network.connect = self.file.timing.connect;
        config.links.redial.max = REDIAL_MAX;
        config.listener = self.wiring.listen(member)?;
        #[cfg(feature = "tls")]
        {
            config.tls = self.keys.get(&member).cloned();
        }
        if self.file.leadership
            && let Some(disk) = self.disks.get(member)
        {
            config.leadership = Some(LeadershipConfig {
                timing: self.file.timing.leadership,
                ensemble_name: Arc::clone(&self.file.ensemble_name),
                drift_ppm: self.file.timing.drift_ppm,
                ..LeadershipConfig::new(Keep::InMemory(disk.clone()))
            });
        }
        Ok(Some(config))
    }

    async fn hear(&mut self, message: RunnerMsg) -> Result<(), PlayError> {
        match message {
            RunnerMsg::News(MemberNews { member, life, news }) => {
                self.hear_news(member, life, news);
            }
            RunnerMsg::ReporterEnded { member, life } => {
                let Some(seat) = self.seats.get_mut(&member) else { return Ok(()) };
                if seat.life == life {
                    // Nobody has stopped it.
                    let ended = seat.node.ended().await;
                    return ended.map_err(|error| PlayError::Node { member, error });
                }
            }
            RunnerMsg::CableEnded(exit) => {
                self.cables_ended += 1;
                return Err(PlayError::CableEnded(UntrustedText::new(exit)));
            }
        }
        Ok(())
    }

    fn hear_news(&mut self, member: ServerId, life: u64, news: News) {
        let Some(seat) = self.seats.get_mut(&member) else { return };
        if seat.life != life {
            return;
        }
        let started = seat.started;
        seat.status = Some(news.status.clone());
        for occurrence in news.events {
            let at = started + occurrence.at;
            match occurrence.event {
                NodeEvent::Looking { round } => self.happened(at, What::Looking { member, round }),
                NodeEvent::Voted { vote } => self.happened(at, What::Voted { member, vote }),
                NodeEvent::Elected { decision, took } => {
                    let leads = decision.standing == Standing::Leading;
                    if self.file.ensemble().is_voter(member) {
                        let span = Span { looked: at.saturating_sub(took), decided: at };
                        self.last_election.note(member, span, leads);
                    }
                    let won = leads.then(|| {
                        let ballots = &news.status.election.ballots;
                        Won::of(self.file.ensemble(), &self.histories, decision.vote, ballots)
                    });
                    self.happened(at, What::Decided { member, decision, won });
                }
                NodeEvent::Leading { epoch, took, .. } => {
                    self.established.insert(member, took);
                    self.happened(at, What::Leads { member, epoch });
                }
                NodeEvent::Following { leader, epoch, took, .. } => {
                    self.established.insert(member, took);
                    self.happened(at, What::Follows { member, leader, epoch });
                }
                NodeEvent::Lost { epoch, cause } => {
                    self.established.remove(&member);
                    self.happened(at, What::Lost { member, epoch, cause });
                }
                NodeEvent::WaitingFor { leader, missing } => {
                    if leader == member {
                        self.happened(at, What::WaitsFor { member, missing });
                    }
                }
                NodeEvent::Retiring { .. }
                | NodeEvent::GaveUp { .. }
                | NodeEvent::NotEstablished { .. }
                | NodeEvent::BegunByAll { .. }
                | NodeEvent::LeaderUnreached { .. }
                | NodeEvent::BesideRealServer { .. }
                | NodeEvent::Recorded
                | NodeEvent::Directory { .. }
                | NodeEvent::CannotStore { .. }
                | NodeEvent::WithoutLease { .. }
                | NodeEvent::Bound { .. }
                | NodeEvent::CannotPromise { .. }
                | NodeEvent::LearnerTurnedAway { .. }
                | NodeEvent::MalformedPacket { .. }
                | NodeEvent::Malformed { .. }
                | NodeEvent::MembersDiffer { .. }
                | NodeEvent::Certificate(_)
                | NodeEvent::Network(_) => {}
            }
        }
        self.look();
    }

    fn happened(&mut self, at: Duration, what: What) {
        self.reorderer.note(StoryLine { at, what });
    }

    /// Lets the judge look at the present states.
    fn look(&mut self) {
        let now = self.now();
        for (n, verdict) in self.judge.look(now, &self.states()) {
            let expectation = self.file.expectations[n].clone();
            self.happened(now, What::Judged { expectation, verdict });
        }
    }

    /// Asks every member how it stands.
    async fn refresh(&mut self) {
        let asked = self.seats.iter().map(|(member, seat)| async {
            seat.node.watch().status().await.ok().map(|status| (*member, status))
        });
        for (member, status) in join_all(asked).await.into_iter().flatten() {
            if let Some(seat) = self.seats.get_mut(&member) {
                seat.status = Some(status);
            }
        }
    }

    /// Stops what still runs, and waits until nothing is left.
    async fn end(mut self, mailbox: &mut Mailbox<RunnerMsg>) -> Result<(), PlayError> {
        let cables = self.wiring.remove_cables();
        let seats = std::mem::take(&mut self.seats).into_iter();
        let stopped = join_all(seats.map(|(member, seat)| seat.stop(member))).await;
        while self.cables_ended < cables {
            match mailbox.next().await {
                Some(RunnerMsg::CableEnded(_)) => self.cables_ended += 1,
                Some(RunnerMsg::News(_) | RunnerMsg::ReporterEnded { .. }) => {}
                None => break,
            }
        }
        stopped.into_iter().collect()
    }
}
