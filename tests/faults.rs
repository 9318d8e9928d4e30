//! Five `ballotbox node` processes, each in a network namespace of its own, under seeded faults.
//!
//! The nodes lead and follow, each with a directory that it keeps while its processes come and go. Over all of them and all
//! their lives no epoch is led twice or after a newer one, and a node that leads or follows says exactly once that this is over.
//!
//! An episode begins with everybody agreed. One to three faults happen, are held for a while, and are healed; then all
//! must agree again within [`RECOVERY_MAX`], and stay so: even while strangers still greet them in the name of others, and
//! processes that are stopped for good still have their sockets. Every event that every process prints is checked against
//! the invariants on the way; and those of the cores are debug assertions in the processes themselves.
//!
//! Beside these, half as many episodes are played in which the processes are programs that use the library, lead with a lease, and stamp
//! the clock of the machine while they hold it ([`holder`]). No two leases are ever held at one time, and a newer epoch never before an
//! older one ([`holdings`]). Three of four faults hit the holder.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `BALLOTBOX_EPISODES` | how many episodes | 3 |
//! | `BALLOTBOX_SEED` | which ones | drawn, and printed |
//! | `BALLOTBOX_NETNS=required` | fail where namespaces or mounts are not allowed, instead of leaving something out | |
//!
//! The long run: `BALLOTBOX_EPISODES=200 cargo test --test namespaces faults -- --nocapture`.

pub(crate) mod disk;
mod ensemble;
mod epochs;
mod fault;
mod holder;
mod holdings;
pub(crate) mod hosts;
mod play;
pub(crate) mod process;
mod record;
mod stranger;

use std::{collections::BTreeMap, env, time::Duration};

use ensemble::ProcessEnsemble;
use fault::Fault;
use hosts::Hosts;
use play::Play;

/// After everything is healed, everybody agrees within this: an idle link that died silently is noticed after 8 s, the
/// longest wait to dial again is 5 s, and the rest is grace, settling and room for a slow machine.
const RECOVERY_MAX: Duration = Duration::from_secs(25);

/// In the end everybody is watched this long: longer than it takes to notice a link that died silently. With leases that are as short as
/// those here, a machine that is busy for a moment has another leader.
const CALM: Duration = Duration::from_secs(12);

const MEMBERS: usize = 5;

/// With elections alone a fourth of the episodes is played.
const ELECTION_SHARE: u64 = 4;

/// With leases this share.
const LEASE_SHARE: u64 = 2;

#[test]
fn five_processes_follow_one_leader_again_after_every_fault() {
    let Some(hosts) = Hosts::new(MEMBERS) else { return };
    run(&hosts, Play::Leadership, from_env("BALLOTBOX_EPISODES").unwrap_or(3));
}

/// What is peculiar to it: an election alone decides when somebody is to be elected again.
#[test]
fn five_processes_that_only_elect_agree_again_after_every_fault() {
    let Some(hosts) = Hosts::new(MEMBERS) else { return };
    let episodes = from_env("BALLOTBOX_EPISODES").unwrap_or(3);
    run(&hosts, Play::Election, episodes.div_ceil(ELECTION_SHARE));
}

#[test]
fn five_processes_never_hold_two_leases_at_one_time_whatever_the_fault() {
    let Some(hosts) = Hosts::new(MEMBERS) else { return };
    let episodes = from_env("BALLOTBOX_EPISODES").unwrap_or(3);
    run(&hosts, Play::Leases, episodes.div_ceil(LEASE_SHARE));
}

fn run(hosts: &Hosts, play: Play, episodes: u64) {
    let seed = from_env("BALLOTBOX_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{episodes} episodes of {play:?}, BALLOTBOX_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut ensemble = ProcessEnsemble::start(hosts, play);
    let mut recoveries = vec![ensemble.until_agreed(RECOVERY_MAX)];
    let mut faults_by_kind = BTreeMap::<&str, u64>::new();
    for episode in 1..=episodes {
        ensemble.note(format!("episode {episode} of BALLOTBOX_SEED={seed}"));
        for _ in 0..rng.usize(1..=3) {
            let fault = draw_fault(&mut rng, ensemble.holder());
            *faults_by_kind.entry(fault.kind()).or_default() += 1;
            ensemble.note(format!("fault: {fault:?}"));
            ensemble.begin(fault);
            ensemble.watch_for(draw_hold(&mut rng, play));
        }
        ensemble.note("healed".to_owned());
        ensemble.heal();
        recoveries.push(ensemble.until_agreed(RECOVERY_MAX));
        ensemble.be_left_alone();
    }
    if play != Play::Leases {
        ensemble.assert_undisturbed(CALM);
    }
    let (elections, epochs) = (ensemble.elections(), ensemble.epochs());
    let holdings = ensemble.stop();
    report(episodes, &faults_by_kind, &mut recoveries);
    if play == Play::Leases {
        print!("{holdings}");
    } else {
        println!("elections ended   {elections}");
        println!("epochs begun      {}, of which after a newer one: {}", epochs.0, epochs.1);
    }
}

/// If somebody holds a lease, three of four are about that one.
fn draw_fault(rng: &mut fastrand::Rng, holder: Option<usize>) -> Fault {
    // Drawn in any case: the same seed draws the same.
    let (any, at_holder) = (rng.usize(0..MEMBERS), rng.u8(0..4) > 0);
    let one = holder.filter(|_| at_holder).unwrap_or(any);
    Fault::draw(rng, one, MEMBERS)
}

/// Mostly short; long enough now and then for what is silent to be noticed.
fn draw_hold(rng: &mut fastrand::Rng, play: Play) -> Duration {
    let long = if play == Play::Leases { 2000..4000 } else { 2000..12_000 };
    let millis = if rng.u8(0..10) < 7 { rng.u64(20..1500) } else { rng.u64(long) };
    Duration::from_millis(millis)
}

fn report(episodes: u64, faults: &BTreeMap<&str, u64>, recoveries: &mut [Duration]) {
    recoveries.sort();
    let kinds: Vec<_> = faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("episodes          {episodes}");
    println!("faults            {}", kinds.join(", "));
    println!("median recovery   {:.0?}", recoveries[recoveries.len() / 2]);
    println!("slowest recovery  {:.0?}", recoveries[recoveries.len() - 1]);
}

fn from_env(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}: expected a number")))
}
