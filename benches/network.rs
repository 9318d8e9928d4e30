//! What a frame costs on its way from one user of the network to another, against plain async-std tasks on sockets.
//!
//! | what | one sample |
//! | --- | --- |
//! | ping-pong | one frame of 200 bytes (4 of length, 196 of body) to a peer and back |
//! | all-to-all | every node says one such frame to every other, and all have heard all: N (N - 1) frames |
//! | ping-pong, TLS | the first one again, both ends ours: the baseline is plain text |
//! | handshake | one who has a certificate connects, and a node lets it in: TLS 1.3, P-256, both ends show a certificate. A session is resumed; the baseline is a full one |
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
#[path = "network/secured.rs"]
mod secured;
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
        pause: Duration::ZERO,
    };
    {
        let mut plain = plain::ping_pong().await;
        let mut ours = full_stack::Mesh::start(2).await.into_ping_pong();
        let race = Race { what: "ping-pong, one process", nodes: 2, ..Race::OURS };
        compare(race, size, &printer, &mut plain, &mut ours).await;
        ours.stop().await;
    }
    {
        let mut echo = two_processes::Echo::start().await;
        let (plain, ours) = (&mut echo.plain, &mut echo.ours);
        let race = Race { what: "ping-pong, two processes", nodes: 2, ..Race::OURS };
        compare(race, size, &printer, plain, ours).await;
    }
    for nodes in [3, 5, 9, 15] {
        let mut plain = plain::Mesh::connect(nodes).await;
        let mut ours = full_stack::Mesh::start(nodes).await;
        let frames = nodes * (nodes - 1);
        let size = Size { samples: (size.samples * 4 / frames).max(50), ..size };
        let size = Size { warm_up: (size.warm_up * 4 / frames).max(50), ..size };
        let race = Race { what: "all-to-all round", nodes, ..Race::OURS };
        compare(race, size, &printer, &mut plain, &mut ours).await;
        ours.stop().await;
    }
    {
        let mut plain = full_stack::Mesh::start(2).await.into_ping_pong();
        let mut secured = full_stack::Mesh::start_secured(2).await.into_ping_pong();
        let race = Race { what: "ping-pong, TLS", nodes: 2, subjects: ["plain text", "TLS"] };
        compare(race, size, &printer, &mut plain, &mut secured).await;
        plain.stop().await;
        secured.stop().await;
    }
    {
        let (node, address, members) = full_stack::Node::start_secured();
        let mut full = secured::Handshakes::full(address, &members);
        let mut resumed = secured::Handshakes::resumed(address, &members);
        let race = Race { what: "handshake", nodes: 1, subjects: ["full", "resumed"] };
        // Handshakes get a part of the time only: more at once would wait for each other.
        let pause = Duration::from_millis(20);
        let size = Size { warm_up: 10, samples: options.amount(100, 10), pause, ..size };
        compare(race, size, &printer, &mut full, &mut resumed).await;
        node.stop().await;
    }
}

#[derive(Clone, Copy, Debug)]
struct Size {
    repetitions: usize,
    warm_up: usize,
    samples: usize,
    /// Between two samples.
    pause: Duration,
}

/// What is measured against what.
#[derive(Clone, Copy, Debug)]
struct Race {
    what: &'static str,
    nodes: usize,
    /// The baseline first.
    subjects: [&'static str; 2],
}

impl Race {
    const OURS: Self = Self { what: "", nodes: 0, subjects: ["plain async-std", "ballotbox"] };
}

/// Measures both in turns, and prints a line for each.
async fn compare(
    race: Race,
    size: Size,
    printer: &Printer,
    baseline: &mut impl Rounds,
    subject: &mut impl Rounds,
) {
    let Race { what, nodes, subjects } = race;
    let mut number = 0;
    let warm_up = Size { samples: size.warm_up, ..size };
    repeat(baseline, warm_up, &mut number).await;
    repeat(subject, warm_up, &mut number).await;
    let (mut of_baseline, mut of_subject) = (Vec::new(), Vec::new());
    for repetition in 0..size.repetitions {
        // The first one may find the machine in another state than the second: take turns in that too.
        if repetition % 2 == 0 {
            of_baseline.push(repeat(baseline, size, &mut number).await);
            of_subject.push(repeat(subject, size, &mut number).await);
        } else {
            of_subject.push(repeat(subject, size, &mut number).await);
            of_baseline.push(repeat(baseline, size, &mut number).await);
        }
    }
    let ratios = of_subject.iter().zip(&of_baseline).map(|(subject, base)| subject.p50 / base.p50);
    let ratio = Some(median(ratios.collect()));
    let samples = size.samples;
    let [baseline, subject] = subjects;
    let figure =
        Figure { what, nodes, subject: baseline, repetitions: of_baseline, samples, ratio: None };
    printer.figure(&figure);
    printer.figure(&Figure { subject, repetitions: of_subject, ratio, ..figure });
}

async fn repeat(subject: &mut impl Rounds, size: Size, number: &mut u64) -> Percentiles {
    let mut samples = Vec::<Duration>::with_capacity(size.samples);
    for _ in 0..size.samples {
        *number += 1;
        let begun = clock::now();
        subject.round(*number).await;
        samples.push(clock::now() - begun);
        if !size.pause.is_zero() {
            clock::sleep_until(clock::now() + size.pause).await;
        }
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
