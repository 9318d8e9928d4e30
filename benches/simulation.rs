//! How many runs a second the simulation plays on one core.
//!
//! One sample is one run: a world is made, three voters (or five) start, dial, vote, decide and begin an epoch, every rule is evaluated
//! after every step, and what comes then is watched for three times the silence after which a leader is given up. `chaos` is
//! `examples/faults/chaos.json`.

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

use std::{process::ExitCode, sync::Arc, time::Duration};

use ballotbox::scenario::{
    simulation::{Setup, play},
    vote_file::VoteFile,
};
use ballotbox_actors::kit::clock;
use common::{Figure, Options, Printer, Unit};

fn main() -> ExitCode {
    common::run(std::env::args().skip(1), |options| {
        measure_all(options);
        Ok(())
    })
}

fn measure_all(options: Options) {
    let printer = Printer::new(options, "simulation", Unit::Micros);
    let voters = |count: u64| {
        let members: Vec<_> = (1..=count).map(|id| format!(r#"{{ "id": {id} }}"#)).collect();
        let text = format!(r#"{{ "members": [{}] }}"#, members.join(", "));
        VoteFile::parse("voters", &text).unwrap()
    };
    let runs = options.amount(50_000, 500);
    for (count, nodes) in [(3, 3), (5, 5)] {
        printer.figure(&Figure::single("undisturbed", nodes, measure(&voters(count), runs)));
    }
    let chaos = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/faults/chaos.json");
    let chaos = VoteFile::read(chaos.as_ref()).unwrap();
    let runs = options.amount(2000, 20);
    printer.figure(&Figure::single("chaos", chaos.histories.len(), measure(&chaos, runs)));
}

fn measure(file: &VoteFile, runs: usize) -> Vec<Duration> {
    let setup = Arc::new(Setup::new(file));
    (0..runs as u64)
        .map(|seed| {
            let begun = clock::now();
            let run = play(&setup, seed);
            assert!(run.leader.is_some(), "seed {seed}");
            clock::now() - begun
        })
        .collect()
}
