//! Work that only one of several processes may do at a time, done by the one that leads.
//!
//! ```sh
//! cargo run --example only_one                            # three members in this process
//! cargo run --example only_one 1 DIR 1=h1:3888 2=h2:3888 3=h3:3888    # member 1 of these, with its data in DIR
//! ```

#![allow(clippy::disallowed_methods, reason = "work takes time; here it sleeps instead")]

use std::{env, error::Error, io, net::TcpListener, time::Duration};

use async_std::task;
use ballotbox::{Node, NodeConfig};
use futures::future::select_all;

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let args: Vec<String> = env::args().skip(1).collect();
    match &args[..] {
        [] => task::block_on(three_members()),
        [me, directory, members @ ..] => {
            let config = NodeConfig::parse(me.parse()?, members)?.data_dir(directory);
            task::block_on(one_member(config))
        }
        [_] => Err("expected nothing, or an id, a directory, and the members".into()),
    }
}

/// Leads, works, and waits to lead again, until the process is ended.
async fn one_member(config: NodeConfig) -> Done {
    let node = Node::start(config).await?;
    loop {
        let leadership = node.lead().await?;
        println!("{}: leads, token {}", node.id(), leadership.token());
        let work = work(leadership.token(), u64::MAX);
        // Dropped, wherever it is, when the leadership is over.
        match leadership.run(work).await {
            Ok(done) => done?,
            Err(lost) => println!("{}: {lost}", node.id()),
        }
    }
}

/// What only one may do. What must not be written by two takes the token, and refuses one smaller than it has seen.
async fn work(token: u64, steps: u64) -> io::Result<()> {
    for step in 1..=steps {
        println!("  step {step} under token {token}");
        task::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Three in one process: one of them leads and works, until its node is stopped; then another does.
async fn three_members() -> Done {
    let free: Vec<_> =
        (0..3).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    let addresses: Vec<_> = free.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
    let members: Vec<_> = (1..).zip(addresses).map(|(id, at)| format!("{id}={at}")).collect();

    let directory = env::temp_dir().join(format!("only-one-{}", std::process::id()));
    let mut nodes = Vec::new();
    for (id, listener) in (1..).zip(free) {
        let data = directory.join(id.to_string());
        let mut config = NodeConfig::parse(id, &members)?.data_dir(data);
        config.listener = Some(listener);
        nodes.push(Node::start(config).await?);
    }
    for _ in 0..2 {
        let all_wait = nodes.iter().map(|node| Box::pin(node.lead()));
        let (leadership, which, _) = select_all(all_wait).await;
        let leadership = leadership?;
        let node = nodes.remove(which);
        println!("{}: leads, token {}", node.id(), leadership.token());
        let token = leadership.token();
        leadership.run(work(token, 3)).await??;
        println!("{}: stops", node.id());
        node.stop().await?;
    }
    for node in nodes {
        node.stop().await?;
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
