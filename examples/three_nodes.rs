//! Three nodes in one process elect a leader, lose it, and elect again.
//!
//! ```sh
//! cargo run --example three_nodes
//! ```

use std::{error::Error, net::TcpListener};

use async_std::task::block_on;
use ballotbox::{Member, Membership, Node, NodeConfig, ServerId};

fn main() -> Result<(), Box<dyn Error>> {
    block_on(async {
        // Everybody knows where everybody listens. Here those are free loopback ports.
        let (mut members, mut listeners) = (Vec::new(), Vec::new());
        for id in (1..=3).filter_map(ServerId::new) {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            members.push(Member::voter(id).at(listener.local_addr()?));
            listeners.push((id, listener));
        }
        let membership = Membership::new(members)?;

        let mut nodes = Vec::new();
        for (id, listener) in listeners {
            let mut config = NodeConfig::new(id, membership.clone());
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
