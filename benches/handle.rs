//! What a program pays to know that it still leads: one call of a method of [`Leadership`](ballotbox::node::Leadership), with a lease.
//!
//! | what | one sample |
//! | --- | --- |
//! | `is_valid()` | a thousand calls, by a thousand |
//! | `remaining()` | the same |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a bench that goes wrong may panic"
)]

mod common;

use std::{hint::black_box, net::TcpListener, process::ExitCode, time::Duration};

use ballotbox::{
    Node, NodeConfig,
    leadership::{DirectoryId, Record},
    node::{Keep, Leadership, LeadershipConfig, MemoryDisk},
};
use ballotbox_actors::kit::clock;
use common::{Options, Percentiles};
use serde_json::json;

/// As many calls are one sample.
const CALLS: u32 = 1000;

fn main() -> ExitCode {
    common::run(std::env::args().skip(1), |options| {
        measure(options);
        Ok(())
    })
}

fn measure(options: Options) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let member = format!("1={}", listener.local_addr().unwrap());
    let mut config = NodeConfig::parse(1, [member]).unwrap();
    let disk = MemoryDisk::new(DirectoryId(1), Record { recorded: true, ..Record::default() });
    config.leadership = Some(LeadershipConfig::new(Keep::InMemory(disk)));
    config.listener = Some(listener);
    let node = Node::start_blocking(config.lease(Duration::from_secs(2))).unwrap();
    let leadership = node.lead_blocking().unwrap();
    let samples = options.amount(2000, 20);
    print(options, "is_valid()", sample(samples, || leadership.is_valid()));
    print(options, "remaining()", sample(samples, || remaining(&leadership)));
    drop(leadership);
    node.stop_blocking().unwrap();
}

fn remaining(leadership: &Leadership) -> Duration {
    leadership.remaining().expect("it has a lease")
}

fn sample<T>(samples: usize, call: impl Fn() -> T) -> Vec<Duration> {
    let once = |_| {
        let begun = clock::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        (clock::now() - begun) / CALLS
    };
    (0..samples).map(once).collect()
}

fn print(options: Options, what: &str, samples: Vec<Duration>) {
    let Percentiles { p50, p90, p99 } = Percentiles::of(samples);
    // From microseconds.
    let [p50, p90, p99] = [p50, p90, p99].map(|micros| micros * 1e3);
    if options.json {
        let nanos = json!({ "p50": p50, "p90": p90, "p99": p99 });
        let line = json!({ "bench": "handle", "what": what, "ns": nanos });
        return common::println(&line.to_string());
    }
    common::println(&format!("{what}: {p50:.0} ns (p90 {p90:.0}, p99 {p99:.0})"));
}
