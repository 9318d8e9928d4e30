//! Three `ballotbox node` processes with one vote file, as an operator has them; times are seen from outside.
//!
//! | what | one sample |
//! | --- | --- |
//! | start to leading | new directories: from the first spawn till one of the three tells that it leads, its epoch on a quorum of disks |
//! | start to all established | from the first spawn till the last of the three has told in which epoch it leads or follows |
//! | kill -9 of the leader | from the signal till one of the others tells that it leads in the next epoch |
//! | it comes back | the killed one, with the highest id, is spawned again: till it tells whom it follows |
//! | lowest follower comes back | the follower with the lowest id is killed, and spawned at once: till it tells whom it follows |
//! | orderly stop of the leader | from SIGTERM till one of the others tells that it leads |
//! | hand-over | `ballotbox resign --to` the lowest: from when the leader tells that its epoch is over till the one named tells that it leads |
//! | leader frozen | from SIGSTOP till one of the others tells that it leads |
//! | lease: kill -9, it comes back at once, orderly stop | the first, the same with the killed one spawned at once, and the third of these, with leases of 2 s |
//! | kill -9 of the leader, it comes back: plain text, TLS | the third and the fourth, ensembles of both kinds taken in turns in one run. The ratio is that of the medians |
//! | kill -9 of the next leader | in these, when the killed one has come back: who follows it now dials one that was spawned anew |
//! | idle node | of the three with a leader, the one with the most of each, over ten seconds |
//! | two files on disk | what one member writes for an epoch: two files of one byte, each synced and renamed, and their directory |
//!
//! At the first kill all have run since they first dialled each other, so sessions of TLS can be resumed. At the second one the next
//! to lead has forgotten all sessions, and shakes hands in full.
//!
//! A node tells by a line of `--json` on its stdout. Resident memory is `VmRSS`, with the pages of the program file that
//! were touched; processor time is the sum over its threads of what `/proc/PID/task/TID/schedstat` counts.

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
mod ensemble;

use std::{fs, path::Path, process::ExitCode, thread, time::Duration};

use ballotbox_actors::kit::clock;
use common::{Figure, Options, Printer, Unit};
use ensemble::{Ensemble, print_idle};

/// Leases, where there are any.
const LEASES: [&str; 2] = ["--lease", "2s"];

fn main() -> ExitCode {
    common::run(std::env::args().skip(1), |options| {
        measure(options);
        Ok(())
    })
}

fn measure(options: Options) {
    let printer = Printer::new(options, "processes", Unit::Millis);
    let [mut led, mut started, mut killed, mut back, mut lowest_back] = [const { Vec::new() }; 5];
    let [mut stopped, mut frozen, mut handed_over] = [const { Vec::new() }; 3];
    for _ in 0..options.amount(30, 3) {
        let mut ensemble = Ensemble::new(&[]);
        let (leading, all) = ensemble.start_all();
        led.push(leading);
        started.push(all);
        handed_over.push(ensemble.hand_over(3, 1));
        // It has not answered a ping of the new leader yet: that is waited for.
        ensemble.hand_over(1, 3);
        killed.push(ensemble.lose_leader(3, "-KILL"));
        back.push(ensemble.start_again(3));
        ensemble.end(1);
        lowest_back.push(ensemble.start_again(1));
        stopped.push(ensemble.lose_leader(2, "-TERM"));
        ensemble.start_again(2);
        // Who was stopped in good order has named either of the others.
        frozen.push(ensemble.lose_leader(ensemble.leader, "-STOP"));
    }
    printer.figure(&Figure::single("start to leading", 3, led));
    printer.figure(&Figure::single("start to all established", 3, started));
    printer.figure(&Figure::single("kill -9 of the leader", 3, killed));
    printer.figure(&Figure::single("it comes back", 3, back));
    printer.figure(&Figure::single("lowest follower comes back", 3, lowest_back));
    printer.figure(&Figure::single("orderly stop of the leader", 3, stopped));
    printer.figure(&Figure::single("hand-over", 3, handed_over));
    printer.figure(&Figure::single("leader frozen", 3, frozen));
    printer.figure(&Figure::single("two files on disk", 1, disk(options.amount(200, 20))));
    measure_leases(options, &printer);
    measure_tls(options, &printer);
    let window = Duration::from_secs(if options.quick { 2 } else { 10 });
    for (name, more) in [("idle node", &[][..]), ("idle node with a lease", &LEASES)] {
        let mut ensemble = Ensemble::new(more);
        ensemble.start_all();
        print_idle(options, "processes", name, &ensemble.idle(window));
    }
}

/// The same ends of a leader, with leases. The promises to one that is killed last a fiftieth longer than its lease.
fn measure_leases(options: Options, printer: &Printer) {
    let [mut killed, mut back, mut stopped, mut handed_over] = [const { Vec::new() }; 4];
    for _ in 0..options.amount(20, 2) {
        let mut ensemble = Ensemble::new(&LEASES);
        ensemble.start_all();
        handed_over.push(ensemble.hand_over(3, 1));
        ensemble.hand_over(1, 3);
        killed.push(ensemble.lose_leader(3, "-KILL"));
        ensemble.start_again(3);
        stopped.push(ensemble.lose_leader(2, "-TERM"));
        ensemble.start_again(2);
        back.push(ensemble.replace_leader(ensemble.leader));
    }
    printer.figure(&Figure::single("lease: kill -9 of the leader", 3, killed));
    printer.figure(&Figure::single("lease: it comes back at once", 3, back));
    printer.figure(&Figure::single("lease: orderly stop of the leader", 3, stopped));
    printer.figure(&Figure::single("lease: hand-over", 3, handed_over));
}

/// Makes ensembles of one kind.
type New = fn(&[&'static str]) -> Ensemble;

/// What TLS adds to a fail-over: both kinds of ensembles see the same machine.
fn measure_tls(options: Options, printer: &Printer) {
    let kinds: [(_, New); 2] = [("plain text", Ensemble::new), ("TLS", Ensemble::secured)];
    let [mut killed, mut back, mut again] = [const { [const { Vec::new() }; 2] }; 3];
    for round in 0..options.amount(60, 3) {
        for turn in 0..kinds.len() {
            // The first one may find the machine in another state than the second: take turns in that too.
            let kind = (round + turn) % kinds.len();
            let (_, three) = kinds[kind];
            let mut ensemble = three(&[]);
            ensemble.start_all();
            ensemble.hand_over(3, 1);
            ensemble.hand_over(1, 3);
            killed[kind].push(ensemble.lose_leader(3, "-KILL"));
            back[kind].push(ensemble.start_again(3));
            // It follows already, and the other follower may still be dialling it.
            thread::park_timeout(Duration::from_millis(200));
            again[kind].push(ensemble.lose_leader(2, "-KILL"));
        }
    }
    let rows = [
        ("kill -9 of the leader", killed),
        ("it comes back", back),
        ("kill -9 of the next leader", again),
    ];
    for (what, samples) in rows {
        let figures = samples.map(|samples| Figure::single(what, 3, samples));
        let [plain, secured] = figures.each_ref().map(|figure| figure.repetitions[0].p50);
        let ratios = [None, Some(secured / plain)];
        for ((figure, ratio), (subject, _)) in figures.into_iter().zip(ratios).zip(kinds) {
            printer.figure(&Figure { subject, ratio, ..figure });
        }
    }
}

/// How long the disk takes for what a member writes for an epoch.
fn disk(times: usize) -> Vec<Duration> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("two-files");
    let _ = fs::create_dir_all(&place);
    let once = |number: usize| {
        let begun = clock::now();
        for name in ["accepted", "current"] {
            let new = place.join(format!("{name}.tmp"));
            fs::write(&new, number.to_string()).unwrap();
            fs::File::open(&new).unwrap().sync_all().unwrap();
        }
        for name in ["accepted", "current"] {
            fs::rename(place.join(format!("{name}.tmp")), place.join(name)).unwrap();
        }
        fs::File::open(&place).unwrap().sync_all().unwrap();
        clock::now() - begun
    };
    (0..times).map(once).collect()
}
