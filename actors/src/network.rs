//! [`start`]: the network of one server, from its parts.

use std::convert::Infallible;

use crate::{
    config::NetworkConfig,
    doorman::{self, Door, DoormanAddress, NetworkError},
    event::NetworkEvent,
    kit::{Address, Exit, Inlet},
    mesh::{self, NetworkAddress},
    socket::Heard,
};

/// Starts the network of one server: its mesh, and the doorman that hands connections on to it.
///
/// Frames come through `inlet`, every [`NetworkEvent`] is told to `user`. The mesh ends when it is
/// [stopped](NetworkAddress::stop), the doorman when it is [stopped](DoormanAddress::stop) or gives up. The parent is told of
/// each end, and has to stop the other part.
pub fn start<U, P>(
    mut config: NetworkConfig,
    user: Address<U>,
    inlet: Inlet<U>,
    parent: Address<P>,
    doorman_ended: impl FnOnce(Exit<(), NetworkError>) -> P + Send + 'static,
    mesh_ended: impl FnOnce(Exit<(), Infallible>) -> P + Send + 'static,
) -> (DoormanAddress, NetworkAddress)
where
    U: From<Heard> + From<NetworkEvent> + Send + 'static,
    P: Send + 'static,
{
    let door = Door {
        listen: std::mem::take(&mut config.listen),
        rebind: config.timing.rebind,
        greeting: config.timing.greeting,
    };
    let network = mesh::start(config, user.clone(), inlet, parent.clone(), mesh_ended);
    let doorman = doorman::start(door, network.inside(), user, parent, doorman_ended);
    (doorman, network)
}
