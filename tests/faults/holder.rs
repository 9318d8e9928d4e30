//! The holder: a program that uses the library, leads with a lease, and says when it surely held it.
//!
//! The test program is its own holder. [`command`] starts it once more, with nothing to run but
//! [`a_program_that_stamps_the_clock_while_it_leads`], and with [`VARIABLE`], which says which member it is. It speaks on stderr,
//! which the harness leaves alone:
//!
//! | line | meaning |
//! | --- | --- |
//! | `{"started":true}` | its node listens; from now on it ends in good order at SIGTERM |
//! | `{"epoch":7,"held":[T1,T2]}` | the clock showed T1, then the lease was held, and then the clock showed T2 |
//! | `{"epoch":7,"lost":"…"}` | it was told that the work has to end |
//!
//! The clock is `CLOCK_BOOTTIME` in nanoseconds, of which a machine has one, whatever the namespaces of network.

#![allow(clippy::disallowed_methods, reason = "stamping is work, and takes time; here it sleeps")]

use std::{
    convert::Infallible,
    env,
    error::Error,
    io::{self, Write},
    path::Path,
    pin::pin,
    process::Command,
    thread,
    time::Duration,
};

use async_std::{
    future::timeout,
    task::{block_on, sleep},
};
use ballotbox::{Node, NodeConfig, node::Leadership};
use ballotbox_actors::kit::clock;
use futures::future::{Either, select};
use serde_json::{Value, json};
use signal_hook::{consts::SIGTERM, iterator::Signals};

/// In it a process is told that it is a holder, and which.
const VARIABLE: &str = "BALLOTBOX_HOLDER";

/// How long a lease is.
const LEASE: Duration = Duration::from_millis(800);

/// Four of these, and the time to stop, fit in.
const PING: Duration = Duration::from_millis(50);

/// After this time others look for a new leader: long before the lease is over, so that nothing but their promises keeps them from one.
const SILENCE: Duration = Duration::from_millis(300);

/// From one stamp to the next.
const TURN: Duration = Duration::from_millis(1);

/// When it is told that the work has to end, it goes on for one of these parts of the time that it has for that. With the last
/// one the lease may be over first.
const PARTS: [f64; 4] = [0.0, 0.0, 0.5, 1.5];

/// The holder that is this member, on this host, with its data in this directory.
pub(crate) fn command(host: &str, id: u64, directory: &Path, members: &[String]) -> Command {
    let order = json!({ "id": id, "directory": directory, "members": members });
    let mut command = Command::new("ip");
    command.args(["netns", "exec", host]).arg(env::current_exe().unwrap());
    command.args([concat!(module_path!(), "::", "a_program_that_stamps_the_clock_while_it_leads")
        .split_once("::")
        .unwrap()
        .1]);
    command.arg("--exact").env(VARIABLE, order.to_string());
    command
}

/// There is nothing to do unless this process was started as a holder.
#[test]
fn a_program_that_stamps_the_clock_while_it_leads() {
    let Ok(order) = env::var(VARIABLE) else { return };
    let order: Value = serde_json::from_str(&order).unwrap();
    let members = order["members"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap());
    let mut config = NodeConfig::parse(order["id"].as_u64().unwrap(), members)
        .unwrap()
        .data_dir(order["directory"].as_str().unwrap())
        .lease(LEASE);
    let timing = &mut config.leadership.as_mut().unwrap().timing;
    (timing.ping, timing.silence) = (PING, SILENCE);
    if let Err(error) = block_on(take_part(config)) {
        say(&json!({ "failed": error.to_string() }));
        panic!("{error}");
    }
}

async fn take_part(config: NodeConfig) -> Result<(), Box<dyn Error>> {
    let to_end = config.leadership.as_ref().map(|leadership| leadership.timing.stop_within());
    let asked_to_stop = end_of_life();
    let node = Node::start(config).await?;
    say(&json!({ "started": true }));
    while !asked_to_stop.is_disconnected() {
        match select(pin!(node.lead()), asked_to_stop.recv_async()).await {
            Either::Left((Ok(leadership), _)) => {
                stamp(leadership, &node, &asked_to_stop, to_end.unwrap_or_default()).await;
            }
            // If it has ended by itself, it says below why.
            Either::Left((Err(_), _)) | Either::Right(_) => break,
        }
    }
    Ok(node.stop().await?)
}

/// Stamps the clock until the work has to end, and then for a part of the time that there is for that.
async fn stamp(
    mut leadership: Leadership,
    node: &Node,
    asked_to_stop: &flume::Receiver<Infallible>,
    to_end: Duration,
) {
    let mut is_stopping = false;
    let cause = loop {
        say_if_held(&leadership);
        if asked_to_stop.is_disconnected() && !is_stopping {
            is_stopping = true;
            node.begin_stop();
        }
        if let Ok(cause) = timeout(TURN, leadership.lost()).await {
            break cause;
        }
    };
    say(&json!({ "epoch": leadership.epoch().0, "lost": cause.to_string() }));
    let end = clock::now() + to_end.mul_f64(PARTS[fastrand::usize(..PARTS.len())]);
    while clock::now() < end {
        say_if_held(&leadership);
        sleep(TURN).await;
    }
}

fn say_if_held(leadership: &Leadership) {
    let nanos = || u64::try_from(clock::reading().boot.as_nanos()).unwrap();
    let before = nanos();
    if leadership.is_valid() {
        say(&json!({ "epoch": leadership.epoch().0, "held": [before, nanos()] }));
    }
}

/// Whole lines only, whenever this process is killed.
fn say(line: &Value) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Disconnected when this process is asked to end.
fn end_of_life() -> flume::Receiver<Infallible> {
    let (alive, asked) = flume::bounded(0);
    let mut signals = Signals::new([SIGTERM]).unwrap();
    thread::spawn(move || {
        signals.forever().next();
        drop(alive);
    });
    asked
}
