//! What a frame costs on its way from one user of the network to another, against plain async-std tasks on sockets.
//!
//! | what | one sample |
//! | --- | --- |
//! | ping-pong | one frame of 200 bytes (4 of length, 196 of body) to a peer and back |
//! | all-to-all | every node says one such frame to every other, and all have heard all: N (N - 1) frames |
//!
//! The baseline is as little as async-std allows: a task a side that reads its stream through a `BufReader` and writes
//! it, a frame with one call; in all-to-all a task a stream that reads into its node's channel. Repetitions of both
//! alternate, so that they see the same machine, and the ratio is that of repetitions side by side.
//!
//! All runs on one runtime thread and one processor, in two processes too: so what is measured is the length of the
//! path, and not how long an idle processor takes to wake. `--all-processors` leaves the choice to the system.

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
#[path = "network/full_stack.rs"]
mod full_stack;
#[path = "network/plain.rs"]
mod plain;
#[path = "network/two_processes.rs"]
mod two_processes;

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

use async_std::task;
use ballotbox_actors::kit::clock;
use common::{Figure, Options, Percentiles, Printer, Unit, median};

/// The body of a frame: with its length it is 200 bytes, as a notification among three voters is.
pub const BODY_LEN: usize = 196;

/// Something that can be measured in rounds, again and again.
pub trait Rounds {
    /// One round, which carries this number; it ends when all of it has arrived.
    fn round(&mut self, number: u64) -> impl Future<Output = ()> + Send;
}

const ALL_PROCESSORS: &str = "--all-processors";

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args().collect();
    match args.iter().position(|arg| arg == ALL_PROCESSORS) {
        Some(index) => drop(args.remove(index)),
        None => {
            if let Some(code) = on_one_processor() {
                return code;
            }
        }
    }
    common::one_runtime_thread();
    if let Some(index) = args.iter().position(|arg| arg == two_processes::ECHO) {
        task::block_on(task::spawn(two_processes::echo(args.split_off(index + 1))));
        return ExitCode::SUCCESS;
    }
    common::run(args.into_iter().skip(1), |options| {
        // A task of its own: what `block_on` itself runs is polled by another thread than all other tasks.
        task::block_on(task::spawn(measure_all(options)));
        Ok(())
    })
}

/// Runs this bench on one processor, if there is a choice and `taskset` to make it.
fn on_one_processor() -> Option<ExitCode> {
    // The first one often serves interrupts.
    let last = common::processors().checked_sub(1).filter(|last| *last > 0)?;
    common::again_under(Command::new("taskset").args(["-c", &last.to_string()]))
}

async fn measure_all(options: Options) {
    let printer = Printer::new(options, "network", Unit::Micros);
    let size = Size {
        repetitions: options.amount(11, 3),
        warm_up: options.amount(2_000, 200),
        samples: options.amount(10_000, 500),
    };
    {
        let mut plain = plain::ping_pong().await;
        let mut ours = full_stack::Mesh::start(2).await.into_ping_pong();
        compare("ping-pong, one process", 2, size, &printer, &mut plain, &mut ours).await;
        ours.stop().await;
    }
    {
        let mut echo = two_processes::Echo::start().await;
        let (plain, ours) = (&mut echo.plain, &mut echo.ours);
        compare("ping-pong, two processes", 2, size, &printer, plain, ours).await;
    }
    for nodes in [3, 5, 9, 15] {
        let mut plain = plain::Mesh::connect(nodes).await;
        let mut ours = full_stack::Mesh::start(nodes).await;
        let frames = nodes * (nodes - 1);
        let size = Size { samples: (size.samples * 4 / frames).max(50), ..size };
        let size = Size { warm_up: (size.warm_up * 4 / frames).max(50), ..size };
        compare("all-to-all round", nodes, size, &printer, &mut plain, &mut ours).await;
        ours.stop().await;
    }
}

#[derive(Clone, Copy, Debug)]
struct Size {
    repetitions: usize,
    warm_up: usize,
    samples: usize,
}

/// Measures both in turns, and prints a line for each.
async fn compare(
    what: &'static str,
    nodes: usize,
    size: Size,
    printer: &Printer,
    plain: &mut impl Rounds,
    ours: &mut impl Rounds,
) {
    let mut number = 0;
    repeat(plain, size.warm_up, &mut number).await;
    repeat(ours, size.warm_up, &mut number).await;
    let (mut of_plain, mut of_ours) = (Vec::new(), Vec::new());
    for repetition in 0..size.repetitions {
        // The first one may find the machine in another state than the second: take turns in that too.
        if repetition % 2 == 0 {
            of_plain.push(repeat(plain, size.samples, &mut number).await);
            of_ours.push(repeat(ours, size.samples, &mut number).await);
        } else {
            of_ours.push(repeat(ours, size.samples, &mut number).await);
            of_plain.push(repeat(plain, size.samples, &mut number).await);
        }
    }
    let ratios = of_ours.iter().zip(&of_plain).map(|(ours, plain)| ours.p50 / plain.p50);
    let ratio = Some(median(ratios.collect()));
    let samples = size.samples;
    let baseline = "plain async-std";
    let figure =
        Figure { what, nodes, subject: baseline, repetitions: of_plain, samples, ratio: None };
    printer.figure(&figure);
    printer.figure(&Figure { subject: "ballotbox", repetitions: of_ours, ratio, ..figure });
}

async fn repeat(subject: &mut impl Rounds, times: usize, number: &mut u64) -> Percentiles {
    let mut samples = Vec::<Duration>::with_capacity(times);
    for _ in 0..times {
        *number += 1;
        let begun = clock::now();
        subject.round(*number).await;
        samples.push(clock::now() - begun);
    }
    Percentiles::of(samples)
}

/// A body that carries a number where a notification has its zxid.
pub fn body(number: u64) -> [u8; BODY_LEN] {
    let mut body = [0; BODY_LEN];
    body[12..20].copy_from_slice(&number.to_be_bytes());
    body
}

/// The number in a body.
pub fn number_of(body: &[u8]) -> u64 {
    u64::from_be_bytes(body[12..20].try_into().expect("eight bytes"))
}
