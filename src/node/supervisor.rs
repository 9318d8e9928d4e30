//! [`Supervisor`]: starts the parts of a node, and ends them together.

use std::convert::Infallible;

use ballotbox_actors::{
    DoormanAddress, Heard, NetworkAddress, NetworkError, NetworkEvent,
    kit::{Actor, Address, Exit, Mailbox, mailbox_with_inlet, spawn},
};

use super::{
    NodeConfig, NodeError, Watch,
    elector::{Elector, ElectorMsg},
    herald::Herald,
};

/// At most this many frames wait for the elector; then receivers wait.
const FRAMES_WAITING_MAX: usize = 64;

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
}

/// Owns the addresses of the elector, and of the network's two parts.
#[derive(Debug)]
pub(super) struct Supervisor {
    doorman: DoormanAddress,
    network: NetworkAddress,
    elector: Address<ElectorMsg>,
}

impl Supervisor {
    pub(super) fn start(mut config: NodeConfig, me: Address<SupervisorMsg>) -> (Self, Watch) {
        // The elector has the only address of the herald, which so ends after it.
        let (herald, questions, mailbox) = mailbox_with_inlet(QUESTIONS_WAITING_MAX);
        spawn(Herald::new(config.me), mailbox, me.clone(), SupervisorMsg::HeraldEnded);
        let (elector, inlet, mailbox) = mailbox_with_inlet(FRAMES_WAITING_MAX);
        let (doorman, network) = ballotbox_actors::start(
            config.network(),
            None,
            elector.clone(),
            inlet,
            me.clone(),
            SupervisorMsg::DoormanEnded,
            SupervisorMsg::MeshEnded,
        );
        let actor = Elector::new(&config, network.clone(), herald);
        spawn(actor, mailbox, me, SupervisorMsg::ElectorEnded);
        (Self { doorman, network, elector }, Watch::new(questions))
    }
}

impl Actor for Supervisor {
    type Msg = SupervisorMsg;
    type Output = ();
    type Error = NodeError;

    async fn run(self, mut mailbox: Mailbox<SupervisorMsg>) -> Result<(), NodeError> {
        let mut outcome = Ok(());
        let (mut doorman_runs, mut mesh_runs) = (true, true);
        let (mut elector_runs, mut herald_runs) = (true, true);
        while doorman_runs || mesh_runs || elector_runs || herald_runs {
            match mailbox.next().await {
                Some(SupervisorMsg::LookAgain) => {
                    let _ = self.elector.tell(ElectorMsg::LookAgain);
                    continue;
                }
                Some(SupervisorMsg::Stop) | None => {}
                Some(SupervisorMsg::DoormanEnded(exit)) => {
                    doorman_runs = false;
                    outcome = outcome.and_then(|()| door_outcome(exit));
                }
                Some(SupervisorMsg::MeshEnded(exit)) => {
                    mesh_runs = false;
                    outcome = outcome.and_then(|()| panic_of("the connection manager", exit));
                }
                Some(SupervisorMsg::ElectorEnded(exit)) => {
                    elector_runs = false;
                    outcome = outcome.and_then(|()| panic_of("the elector", exit));
                }
                Some(SupervisorMsg::HeraldEnded(exit)) => {
                    herald_runs = false;
                    outcome = outcome.and_then(|()| panic_of("the herald", exit));
                }
            }
            // Whatever it was that happened, the node is over: end what still runs.
            self.doorman.stop();
            self.network.stop();
            let _ = self.elector.tell(ElectorMsg::Stop);
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
