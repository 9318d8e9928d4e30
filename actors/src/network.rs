//! [`start`] and [`start_star`]: the network of one server, from its parts.

use std::convert::Infallible;

use crate::{
    config::NetworkConfig,
    doorman::{self, Door, DoormanAddress, NetworkError},
    event::NetworkEvent,
    kit::{Address, Exit, Inlet},
    mesh::{self, NetworkAddress},
    socket::{Heard, Listen},
    star::{self, StarAddress, StarConfig, StarEvent, StarHeard},
};
use ballotbox_core::wire::Ports;

/// Starts the network of one server: its mesh, and the doorman that hands connections on to it, and learners to the star, if
/// there is one. Without a star nobody listens at a quorum port.
///
/// Frames come through `inlet`, every [`NetworkEvent`] is told to `user`. The mesh ends when it is
/// [stopped](NetworkAddress::stop), the doorman when it is [stopped](DoormanAddress::stop) or gives up. The parent is told of
/// each end, and has to stop the other parts.
pub fn start<U, P>(
    mut config: NetworkConfig,
    star: Option<&StarAddress>,
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
    let mut listen = std::mem::take(&mut config.listen);
    if star.is_none() {
        listen.retain_mut(has_election);
    }
    let (rebind, greeting) = (config.timing.rebind, config.timing.greeting);
    let door = Door { listen, rebind, greeting, tls: config.tls.clone() };
    let network = mesh::start(config, user.clone(), inlet, parent.clone(), mesh_ended);
    let star = star.map(StarAddress::inside);
    let doorman = doorman::start(door, network.inside(), star, user, parent, doorman_ended);
    (doorman, network)
}

/// Starts the star of one server, at which learners follow a leader. It is to be given to [`start`], with the same configuration.
///
/// What sessions say comes through `inlet`: [`StarHeard`] and most [`StarEvent`]s. Only what becomes of attempts to dial is told
/// to `user`. The star ends when it is [stopped](StarAddress::stop), and the parent is told of it.
pub fn start_star<U, P>(
    config: &NetworkConfig,
    user: Address<U>,
    inlet: Inlet<U>,
    parent: Address<P>,
    star_ended: impl FnOnce(Exit<(), Infallible>) -> P + Send + 'static,
) -> StarAddress
where
    U: From<StarHeard> + From<StarEvent> + Send + 'static,
    P: Send + 'static,
{
    let peers = config.quorum_peers.clone();
    let (tls, timing, liveness) = (config.tls.clone(), config.timing, config.liveness);
    let config = StarConfig { peers, tls, timing, liveness };
    star::start(config, user, inlet, parent, star_ended)
}

/// Leaves the election port of an address, if it is one.
fn has_election(listen: &mut Listen) -> bool {
    let is_one = listen.ports.has_election();
    listen.ports = Ports::Election;
    is_one
}
