//! What a status port costs a node: at rest with viewers and scrapes, and while its port is flooded.
//!
//! | what | one sample |
//! | --- | --- |
//! | idle node with viewers | 20 streams of events and a scrape every 5 s at each of three nodes: the one with the most of each |
//! | kill -9 of the leader | from the signal till one of the others tells that it leads in the next epoch |
//! | the same, flooded | at each of the others, 1,000 connections are opened again and again, and 8 others ask for the metrics without a pause |
//!
//! The two fail-overs are taken in turn, in one run. After the flood, what the nodes use is told again: nothing has grown.

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

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use common::{Figure, Options, Printer, Unit};
use ensemble::{Ensemble, print_idle};

const VIEWERS: usize = 20;
const SCRAPE_EVERY: Duration = Duration::from_secs(5);
const CROWD: usize = 1000;
const ASKING: usize = 8;

fn main() -> ExitCode {
    common::run(std::env::args().skip(1), |options| {
        measure(options);
        Ok(())
    })
}

fn measure(options: Options) {
    let printer = Printer::new(options, "status", Unit::Millis);
    let window = Duration::from_secs(if options.quick { 2 } else { 10 });
    let mut ensemble = Ensemble::with_status(&[]);
    ensemble.start_all();
    print_idle(options, "status", "idle node with a status port", &ensemble.idle(window));
    let mut guests = Guests::default();
    for (_, port) in ensemble.status_ports() {
        guests.view(port);
    }
    print_idle(options, "status", "with 20 viewers and scrapes", &ensemble.idle(window));
    drop(guests);
    let (mut calm, mut flooded) = (Vec::new(), Vec::new());
    for _ in 0..options.amount(20, 2) {
        calm.push(fail_over(&mut ensemble));
        let mut guests = Guests::default();
        let leader = ensemble.leader;
        for (_, port) in ensemble.status_ports().filter(|(id, _)| *id != leader) {
            guests.flood(port);
        }
        // The flood is there when somebody was answered.
        while guests.answered.load(Ordering::Relaxed) < 100 {
            thread::park_timeout(Duration::from_millis(10));
        }
        flooded.push(fail_over(&mut ensemble));
    }
    printer.figure(&Figure::single("kill -9 of the leader", 3, calm));
    printer.figure(&Figure::single("the same, flooded", 3, flooded));
    print_idle(options, "status", "idle node after the floods", &ensemble.idle(window));
}

/// How long it takes till another one leads; then the ensemble is whole again.
fn fail_over(ensemble: &mut Ensemble) -> Duration {
    let leader = ensemble.leader;
    let took = ensemble.lose_leader(leader, "-KILL");
    ensemble.start_again(leader);
    took
}

/// Those who ask at status ports, until this is dropped.
#[derive(Default)]
struct Guests {
    end: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Guests {
    /// People who look at the page, and a monitor.
    fn view(&mut self, port: SocketAddr) {
        for _ in 0..VIEWERS {
            let mut stream = ask(port, "/events").unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            self.until_the_end(move |_| drop(stream.read(&mut [0; 4096])));
        }
        self.until_the_end(move |_| {
            let _ = ask(port, "/metrics").map(|mut stream| stream.read(&mut [0; 16_384]));
            thread::park_timeout(SCRAPE_EVERY);
        });
    }

    /// Strangers.
    fn flood(&mut self, port: SocketAddr) {
        self.until_the_end(move |_| {
            let crowd: Vec<_> = (0..CROWD).map(|_| TcpStream::connect(port)).collect();
            drop(crowd);
        });
        for _ in 0..ASKING {
            self.until_the_end(move |answered| {
                let Ok(mut stream) = ask(port, "/metrics") else { return };
                while stream.read(&mut [0; 16_384]).is_ok_and(|count| count > 0) {
                    answered.fetch_add(1, Ordering::Relaxed);
                    if request(&mut stream, "/metrics").is_err() {
                        return;
                    }
                }
            });
        }
    }

    fn until_the_end(&mut self, mut act: impl FnMut(&AtomicU64) + Send + 'static) {
        let (end, answered) = (Arc::clone(&self.end), Arc::clone(&self.answered));
        self.threads.push(thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                act(&answered);
            }
        }));
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for guest in self.threads.drain(..) {
            guest.thread().unpark();
            let _ = guest.join();
        }
    }
}

fn ask(port: SocketAddr, path: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(port)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    request(&mut stream, path)?;
    Ok(stream)
}

fn request(stream: &mut TcpStream, path: &str) -> std::io::Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
}
