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
pub(crate) mod hosts;
mod record;
mod stranger;

use std::{collections::BTreeMap, env, time::Duration};

use ensemble::{Play, ProcessEnsemble};
use fault::Fault;
use hosts::Hosts;

/// After everything is healed, everybody agrees within this: an idle link that died silently is noticed after 8 s, the
/// longest wait to dial again is 5 s, and the rest is grace, settling and room for a slow machine.
const RECOVERY_MAX: Duration = Duration::from_secs(25);

/// In the end everybody is watched this long: longer than it takes to notice a link that died silently.
const CALM: Duration = Duration::from_secs(12);

const MEMBERS: usize = 5;

/// With elections alone a fourth of the episodes is played.
const ELECTION_SHARE: u64 = 4;

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

fn run(hosts: &Hosts, play: Play, episodes: u64) {
    let seed = from_env("BALLOTBOX_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{episodes} episodes of {play:?}, BALLOTBOX_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut ensemble = ProcessEnsemble::start(hosts, play);
    let mut recoveries = vec![ensemble.until_agreed(RECOVERY_MAX)];
    let mut faults_by_kind = BTreeMap::<&str, u64>::new();
    for episode in 1..=episodes {
        ensemble.note(format!("episode {episode} of BALLOTBOX_SEED={seed}"));
        for fault in draw_faults(&mut rng) {
            *faults_by_kind.entry(fault.kind()).or_default() += 1;
            ensemble.note(format!("fault: {fault:?}"));
            ensemble.begin(fault);
            ensemble.watch_for(draw_hold(&mut rng));
        }
        ensemble.note("healed".to_owned());
        ensemble.heal();
        recoveries.push(ensemble.until_agreed(RECOVERY_MAX));
        ensemble.be_left_alone();
    }
    ensemble.assert_undisturbed(CALM);
    let (elections, epochs) = (ensemble.elections(), ensemble.epochs());
    ensemble.stop();
    report(episodes, &faults_by_kind, elections, epochs, &mut recoveries);
}

fn draw_faults(rng: &mut fastrand::Rng) -> Vec<Fault> {
    (0..rng.usize(1..=3)).map(|_| Fault::draw(rng, MEMBERS)).collect()
}

/// Mostly short; long enough now and then for what is silent to be noticed.
fn draw_hold(rng: &mut fastrand::Rng) -> Duration {
    let millis = if rng.u8(0..10) < 7 { rng.u64(20..1500) } else { rng.u64(2000..12_000) };
    Duration::from_millis(millis)
}

fn report(
    episodes: u64,
    faults: &BTreeMap<&str, u64>,
    elections: u64,
    (epochs, late): (usize, u64),
    recoveries: &mut [Duration],
) {
    recoveries.sort();
    let kinds: Vec<_> = faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("episodes          {episodes}");
    println!("faults            {}", kinds.join(", "));
    println!("elections ended   {elections}");
    println!("epochs begun      {epochs}, of which after a newer one: {late}");
    println!("median recovery   {:.0?}", recoveries[recoveries.len() / 2]);
    println!("slowest recovery  {:.0?}", recoveries[recoveries.len() - 1]);
}

fn from_env(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}: expected a number")))
}
