//! [`Supervisor`]: starts the parts of a node, and ends them together.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use ballotbox_actors::{
    DoormanAddress, Heard, NetworkAddress, NetworkConfig, NetworkError, NetworkEvent, StarAddress,
    kit::{Actor, Address, Exit, Mailbox, mailbox, mailbox_with_inlet, spawn},
};

use ballotbox_core::leadership::Leadership;

use super::{
    Desk, LeadershipConfig, LeadershipStatus, NodeConfig, NodeError, Watch,
    config::Kept,
    control::{Control, ControlMsg, ConversationPanicked},
    control_socket::ControlSocket,
    desk::Constants,
    elector::{Elector, ElectorMsg},
    herald::{Herald, HeraldMsg, LastWord},
    leadership::DriverMsg,
    leadership_driver::{LeadershipDriver, Surroundings},
    store::{PromiseMsg, StoreError, StoreMsg},
};

#[cfg(feature = "tls")]
use crate::tls::KeyKeeper;

/// At most this many frames wait for the elector; then receivers wait.
const FRAMES_WAITING_MAX: usize = 64;

/// At most this many packets wait for the driver of leadership; then sessions wait.
const PACKETS_WAITING_MAX: usize = 256;

/// At most this many questions of watches wait for the herald; then the watches wait.
const QUESTIONS_WAITING_MAX: usize = 64;

/// What the supervisor can be told.
#[derive(Debug)]
pub(super) enum SupervisorMsg {
    /// By the handle.
    Stop,
    /// By a bench, through the handle: hold another election, though nothing is wrong with the last one.
    LookAgain,
    /// By its children.
    DoormanEnded(Exit<(), NetworkError>),
    MeshEnded(Exit<(), Infallible>),
    ElectorEnded(Exit<(), Infallible>),
    HeraldEnded(Exit<(), Infallible>),
    StarEnded(Exit<(), Infallible>),
    DriverEnded(Exit<(), Infallible>),
    StoreEnded(Exit<(), StoreError>),
    PromisesEnded(Exit<(), StoreError>),
    ControlEnded(Exit<(), ConversationPanicked>),
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nobody has a certificate"))]
    KeysEnded(Exit<(), Infallible>),
}

/// Owns the addresses of the parts that it ends.
#[derive(Debug)]
pub(super) struct Supervisor {
    doorman: DoormanAddress,
    network: NetworkAddress,
    elector: Address<ElectorMsg>,
    leadership: Option<LeadershipParts>,
    control: Option<Address<ControlMsg>>,
    /// Of the keeper of our certificate, which is told nothing.
    keys: Option<Address<Infallible>>,
    running: BTreeSet<Part>,
}

/// The parts that there are only with leadership.
#[derive(Debug)]
struct LeadershipParts {
    star: StarAddress,
    store: Address<StoreMsg>,
    promises: Address<PromiseMsg>,
    driver: Address<DriverMsg>,
}

/// What a node is made of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Part {
    Doorman,
    Mesh,
    Elector,
    Herald,
    Star,
    Store,
    Promises,
    Driver,
    Control,
    Keys,
}

/// What the handle of a node gets.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) supervisor: Supervisor,
    pub(super) desk: Desk,
}

impl Supervisor {
    pub(super) fn start(
        mut config: NodeConfig,
        mut kept: Option<Kept>,
        me: Address<SupervisorMsg>,
    ) -> Started {
        // The elector and the driver have the only addresses of the herald, which so ends after them.
        let (herald, questions, mailbox) = mailbox_with_inlet(QUESTIONS_WAITING_MAX);
        let last_word = Arc::<LastWord>::default();
        let actor = Herald::new(config.me, kept.is_some(), Arc::clone(&last_word));
        spawn(actor, mailbox, me.clone(), SupervisorMsg::HeraldEnded);
        let watch = Watch::new(questions, last_word);
        let control = kept.as_mut().and_then(|kept| kept.control.take());
        let (elector, inlet, elector_mailbox) = mailbox_with_inlet(FRAMES_WAITING_MAX);
        let network_config = config.network();
        #[cfg(feature = "tls")]
        let tls = network_config.tls.clone();
        let leadership = config.leadership.take().zip(kept).map(|(leadership, kept)| {
            let elector = elector.clone();
            let herald = herald.clone();
            start_leadership(&config, &leadership, kept, &network_config, elector, herald, &me)
        });
        let (doorman, network) = ballotbox_actors::start(
            network_config,
            leadership.as_ref().map(|parts| &parts.star),
            elector.clone(),
            inlet,
            me.clone(),
            SupervisorMsg::DoormanEnded,
            SupervisorMsg::MeshEnded,
        );
        let keys = start_keys(&mut config, &elector, &me);
        let driver = leadership.as_ref().map(|parts| parts.driver.clone());
        let constants = Constants {
            membership: Arc::clone(&config.membership),
            #[cfg(feature = "tls")]
            tls,
        };
        let desk = Desk { watch, elector: elector.clone(), driver, constants };
        let control = control.map(|socket| start_control(socket, desk.clone(), &me));
        let actor = Elector::new(&config, network.clone(), herald, desk.driver.clone());
        spawn(actor, elector_mailbox, me, SupervisorMsg::ElectorEnded);
        let mut running = BTreeSet::from([Part::Doorman, Part::Mesh, Part::Elector, Part::Herald]);
        if leadership.is_some() {
            running.extend([Part::Star, Part::Store, Part::Promises, Part::Driver]);
        }
        if control.is_some() {
            running.insert(Part::Control);
        }
        if keys.is_some() {
            running.insert(Part::Keys);
        }
        let supervisor = Self { doorman, network, elector, leadership, control, keys, running };
        Started { supervisor, desk }
    }

    /// Takes note of the end of a part, and returns what it means for the node.
    fn note(&mut self, message: SupervisorMsg) -> Result<(), NodeError> {
        let (part, outcome) = match message {
            SupervisorMsg::Stop | SupervisorMsg::LookAgain => return Ok(()),
            SupervisorMsg::DoormanEnded(exit) => (Part::Doorman, door_outcome(exit)),
            SupervisorMsg::MeshEnded(exit) => {
                (Part::Mesh, panic_of("the connection manager", exit))
            }
            SupervisorMsg::ElectorEnded(exit) => (Part::Elector, panic_of("the elector", exit)),
            SupervisorMsg::HeraldEnded(exit) => (Part::Herald, panic_of("the herald", exit)),
            SupervisorMsg::StarEnded(exit) => (Part::Star, panic_of("the hub", exit)),
            SupervisorMsg::DriverEnded(exit) => {
                (Part::Driver, panic_of("the driver of leadership", exit))
            }
            SupervisorMsg::StoreEnded(exit) => (Part::Store, store_outcome("the store", exit)),
            SupervisorMsg::PromisesEnded(exit) => {
                (Part::Promises, store_outcome("the keeper of promises", exit))
            }
            SupervisorMsg::ControlEnded(exit) => (Part::Control, control_outcome(exit)),
            SupervisorMsg::KeysEnded(exit) => {
                (Part::Keys, panic_of("the keeper of the certificate", exit))
            }
        };
        self.running.remove(&part);
        outcome
    }

    /// Ends what still runs: first the driver, which tells the others that it is over, then the control socket, whose file lies in the
    /// locked directory, then everything else.
    fn end_all(&mut self) {
        self.keys = None;
        if let Some(parts) = &self.leadership {
            let _ = parts.driver.tell(DriverMsg::Stop);
            if self.running.contains(&Part::Driver) {
                return;
            }
        }
        if let Some(control) = &self.control {
            let _ = control.tell(ControlMsg::Stop);
            if self.running.contains(&Part::Control) {
                return;
            }
        }
        if let Some(parts) = &self.leadership {
            parts.star.stop();
            let _ = parts.store.tell(StoreMsg::Stop);
            let _ = parts.promises.tell(PromiseMsg::Stop);
        }
        self.doorman.stop();
        self.network.stop();
        let _ = self.elector.tell(ElectorMsg::Stop);
    }
}

/// Starts what answers other processes of this machine.
fn start_control(
    socket: ControlSocket,
    desk: Desk,
    me: &Address<SupervisorMsg>,
) -> Address<ControlMsg> {
    let (address, orders) = mailbox();
    let control = Control::new(socket, desk, address.clone());
    spawn(control, orders, me.clone(), SupervisorMsg::ControlEnded);
    address
}

/// Starts what looks after our certificate, if we have one.
#[cfg(feature = "tls")]
fn start_keys(
    config: &mut NodeConfig,
    elector: &Address<ElectorMsg>,
    me: &Address<SupervisorMsg>,
) -> Option<Address<Infallible>> {
    let keeper = KeyKeeper::new(config.tls.take()?, elector.clone());
    let (address, mailbox) = mailbox();
    spawn(keeper, mailbox, me.clone(), SupervisorMsg::KeysEnded);
    Some(address)
}

#[cfg(not(feature = "tls"))]
fn start_keys(
    _: &mut NodeConfig,
    _: &Address<ElectorMsg>,
    _: &Address<SupervisorMsg>,
) -> Option<Address<Infallible>> {
    None
}

/// Starts the parts that make a leadership of the results of elections.
fn start_leadership(
    config: &NodeConfig,
    leadership: &LeadershipConfig,
    kept: Kept,
    network: &NetworkConfig,
    elector: Address<ElectorMsg>,
    herald: Address<HeraldMsg>,
    me: &Address<SupervisorMsg>,
) -> LeadershipParts {
    let (driver, inlet, mailbox) = mailbox_with_inlet(PACKETS_WAITING_MAX);
    let (user, parent) = (driver.clone(), me.clone());
    let star = ballotbox_actors::start_star(network, user, inlet, parent, SupervisorMsg::StarEnded);
    let identity = Arc::new(leadership.identity(config, &kept.contents));
    let zxid = config.history.zxid;
    let (ensemble, timing) = (Arc::clone(config.ensemble()), leadership.timing);
    let (record, bound) = (kept.contents.record, kept.contents.bound.clone());
    let core = Leadership::new(config.me, ensemble, identity, timing, zxid, record, bound.promise);
    let status = LeadershipStatus { directory: kept.path.clone(), ..LeadershipStatus::default() };
    let remarks = kept.remarks.clone();
    let (user, parent) = (driver.clone(), me.clone());
    let (store, promises) =
        kept.start(user, parent, SupervisorMsg::StoreEnded, SupervisorMsg::PromisesEnded);
    let (star_address, store_address) = (star.clone(), store.clone());
    let surroundings = Surroundings {
        star: star_address,
        store: store_address,
        promises: promises.clone(),
        elector,
        herald,
    };
    let (myself, work) = (driver.clone(), bound.work);
    let actor = LeadershipDriver::new(core, timing, work, status, remarks, myself, surroundings);
    spawn(actor, mailbox, me.clone(), SupervisorMsg::DriverEnded);
    LeadershipParts { star, store, promises, driver }
}

impl Actor for Supervisor {
    type Msg = SupervisorMsg;
    type Output = ();
    type Error = NodeError;

    async fn run(mut self, mut mailbox: Mailbox<SupervisorMsg>) -> Result<(), NodeError> {
        let mut outcome = Ok(());
        while !self.running.is_empty() {
            match mailbox.next().await {
                Some(SupervisorMsg::LookAgain) => {
                    let _ = self.elector.tell(ElectorMsg::BeginAgain);
                    continue;
                }
                Some(message) => {
                    let noted = self.note(message);
                    outcome = outcome.and(noted);
                }
                None => {}
            }
            // Whatever it was that happened, the node is over.
            self.end_all();
        }
        outcome
    }
}

fn door_outcome(exit: Exit<(), NetworkError>) -> Result<(), NodeError> {
    match exit {
        Exit::Done(()) => Ok(()),
        Exit::Failed(error) => Err(error.into()),
        Exit::Panicked(message) => Err(NodeError::Panicked { actor: "the doorman", message }),
    }
}

fn store_outcome(actor: &'static str, exit: Exit<(), StoreError>) -> Result<(), NodeError> {
    match exit {
        Exit::Done(()) => Ok(()),
        Exit::Failed(error) => Err(error.into()),
        Exit::Panicked(message) => Err(NodeError::Panicked { actor, message }),
    }
}

fn control_outcome(exit: Exit<(), ConversationPanicked>) -> Result<(), NodeError> {
    match exit {
        Exit::Done(()) => Ok(()),
        Exit::Failed(ConversationPanicked(message)) | Exit::Panicked(message) => {
            Err(NodeError::Panicked { actor: "the control socket", message })
        }
    }
}

fn panic_of(actor: &'static str, exit: Exit<(), Infallible>) -> Result<(), NodeError> {
    match exit {
        Exit::Done(()) => Ok(()),
        Exit::Failed(never) => match never {},
        Exit::Panicked(message) => Err(NodeError::Panicked { actor, message }),
    }
}

/// What the end of the supervisor means for the node.
pub(super) fn outcome_of(exit: &Exit<(), NodeError>) -> Result<(), NodeError> {
    match exit {
        Exit::Done(()) => Ok(()),
        Exit::Failed(error) => Err(error.clone()),
        Exit::Panicked(message) => {
            Err(NodeError::Panicked { actor: "the supervisor", message: message.clone() })
        }
    }
}

impl From<Heard> for ElectorMsg {
    fn from(heard: Heard) -> Self {
        Self::Heard(heard)
    }
}

impl From<NetworkEvent> for ElectorMsg {
    fn from(event: NetworkEvent) -> Self {
        Self::Network(event)
    }
}
