//! What a [`ZooCfg`] means for a [`Node`](crate::Node).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ballotbox_actors::NetworkTiming;
use ballotbox_core::Backoff;

use super::{ZooCfg, ZooCfgError};
use crate::node::NodeConfig;

/// Between two attempts to bind the election port, at first (ZooKeeper's pause) and at most.
const REBIND: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

impl ZooCfg {
    /// The node that takes this server's place in the elections of its ensemble, with an empty history.
    ///
    /// Dead peers are always noticed, whatever `tcpKeepAlive` says.
    ///
    /// # Errors
    ///
    /// [`Problem::MyIdMissing`](super::Problem::MyIdMissing) if it is not known which member this server is.
    pub fn node_config(&self) -> Result<NodeConfig, ZooCfgError> {
        let servers = self.config.servers.iter();
        let election: BTreeMap<_, _> =
            servers.map(|(id, line)| (*id, line.election.clone())).collect();
        let (min, max) = REBIND;
        Ok(NodeConfig {
            config_text: Arc::from(self.config.to_string()),
            timing: self.timing(),
            network: NetworkTiming {
                connect: self.cnx_timeout,
                greeting: self.quorum_cnxn_timeout,
                rebind: Backoff {
                    min,
                    max,
                    attempts_max: self.election_port_bind_retry.map(Into::into),
                },
                ..NetworkTiming::default()
            },
            greet_with_all_addresses: self.multi_address_enabled,
            listen_on_all_interfaces: self.listen_on_all_ips,
            ..NodeConfig::new(self.identified()?, self.ensemble.clone(), election)
        })
    }
}
