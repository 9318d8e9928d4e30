//! Three nodes in one process elect a leader, lose it, and elect again.
//!
//! ```sh
//! cargo run --example three_nodes
//! ```

use std::{collections::BTreeMap, error::Error, net::TcpListener};

use async_std::task::block_on;
use ballotbox::{Ensemble, Member, Node, NodeConfig, ServerId};

fn main() -> Result<(), Box<dyn Error>> {
    block_on(async {
        let ids: Vec<ServerId> = (1..=3).filter_map(ServerId::new).collect();
        let ensemble = Ensemble::new(ids.iter().map(|id| Member::voter(*id)))?;

        // Everybody knows where everybody listens. Here those are free loopback ports.
        let mut listeners = BTreeMap::new();
        for id in &ids {
            listeners.insert(*id, TcpListener::bind("127.0.0.1:0")?);
        }
        let mut addresses = BTreeMap::new();
        for (id, listener) in &listeners {
            addresses.insert(*id, vec![listener.local_addr()?.into()]);
        }

        let mut nodes = Vec::new();
        for (id, listener) in listeners {
            let mut config = NodeConfig::new(id, ensemble.clone(), addresses.clone());
            config.listener = Some(listener);
            nodes.push(Node::start(config).await?);
        }
        for node in &nodes {
            let status = node.watch().elected().await?;
            println!("{}: {:?}, elected {:?}", node.id(), status.state(), status.elected());
        }

        let Some(leader) = nodes.pop() else { return Ok(()) };
        let lost = leader.id();
        println!("stopping {lost}");
        leader.stop().await?;
        for node in &nodes {
            let another = |elected: ServerId| elected != lost;
            let status = node.watch().until(|status| status.elected().is_some_and(another)).await?;
            println!("{}: {:?}, elected {:?}", node.id(), status.state(), status.elected());
        }
        for node in nodes {
            node.stop().await?;
        }
        Ok(())
    })
}
