//! What the configuration file of a real server means for a node.

use std::{sync::Arc, time::Duration};

use ballotbox_actors::NetworkTiming;
use ballotbox_core::{
    Backoff,
    leadership::{DirectoryId, LeadershipTiming, Record},
};

use super::{Keep, LeadershipConfig, NodeConfig};
use crate::node::memory_disk::MemoryDisk;
use crate::{
    tls::TlsStage,
    zoo_cfg::{ZooCfg, ZooCfgError},
};

/// Between two attempts to bind the election port, at first (ZooKeeper's pause) and at most.
const REBIND: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

impl NodeConfig {
    /// The node that takes the place of a real server in the elections of its ensemble, with an empty history.
    ///
    /// Dead peers are always noticed, whatever `tcpKeepAlive` says. Where [`ZooCfg::tls`] asks for TLS, the files with keys are not read
    /// here: the node starts when a `NodeTls` of these settings is given to it.
    ///
    /// # Errors
    ///
    /// [`Problem::MyIdMissing`](crate::zoo_cfg::Problem::MyIdMissing) if the file does not tell which member this server is.
    pub fn from_zoo_cfg(cfg: &ZooCfg) -> Result<Self, ZooCfgError> {
        let (min, max) = REBIND;
        Ok(Self {
            config_text: Arc::from(cfg.config.to_string()),
            timing: cfg.timing(),
            network: NetworkTiming {
                connect: cfg.cnx_timeout,
                greeting: cfg.quorum_cnxn_timeout,
                rebind: Backoff {
                    min,
                    max,
                    attempts_max: cfg.election_port_bind_retry.map(Into::into),
                },
                ..NetworkTiming::default()
            },
            greet_with_all_addresses: cfg.multi_address_enabled,
            listen_on_all_interfaces: cfg.listen_on_all_ips,
            requires_tls: cfg.tls.as_ref().is_some_and(|tls| tls.stage != TlsStage::Taken),
            leadership: Some(leadership(cfg)),
            ..Self::new(cfg.identified()?, cfg.membership.clone())
        })
    }
}

/// The epochs are where a real server has them, and the waits are its own. An observer promises nothing, so it keeps nothing:
/// what it finds there may be a real server's.
fn leadership(cfg: &ZooCfg) -> LeadershipConfig {
    let defaults = LeadershipTiming::default();
    let timing = LeadershipTiming {
        ping: (cfg.tick_time / 2).max(Duration::from_millis(1)),
        silence: cfg.tick_time.saturating_mul(cfg.sync_limit),
        establish: cfg.tick_time.saturating_mul(cfg.init_limit),
        ..defaults
    };
    let is_voter = cfg.me.is_some_and(|me| cfg.membership.ensemble().is_voter(me));
    let keep = if is_voter {
        Keep::InZooKeepersDirectory(cfg.data_dir.clone())
    } else {
        Keep::InMemory(MemoryDisk::new(DirectoryId(0), Record::default()))
    };
    LeadershipConfig { timing, ..LeadershipConfig::new(keep) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_observer_keeps_nothing_where_a_real_server_may_have_its_data() {
        let text = "tickTime=500\ninitLimit=10\nsyncLimit=4\ndataDir=/data\n\
                    server.1=h:1:2\nserver.2=h:3:4\nserver.9=h:5:6:observer\n";
        let mut cfg = ZooCfg::parse(Path::new("zoo.cfg"), |path| {
            Ok((path == Path::new("zoo.cfg")).then(|| text.into()))
        })
        .unwrap();
        let mut leadership = |id: u64| {
            cfg.identify(crate::ServerId::new(id).unwrap()).unwrap();
            NodeConfig::from_zoo_cfg(&cfg).unwrap().leadership.unwrap()
        };
        let timing = leadership(1).timing;
        assert_eq!(
            (timing.silence, timing.establish),
            (Duration::from_secs(2), Duration::from_secs(5))
        );
        assert!(
            matches!(leadership(1).keep, Keep::InZooKeepersDirectory(path) if path == Path::new("/data"))
        );
        assert!(matches!(leadership(9).keep, Keep::InMemory(_)));
    }
}
