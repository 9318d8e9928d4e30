//! Nodes that run a program while they lead, each in a network namespace of its own, under seeded faults.
//!
//! The program is a small [`work`] that stamps the clock of the machine about every millisecond, and has a process that hides from it. An
//! episode is one to three faults, three of four at the member whose work runs: node, guard and program are killed, alone and together; the
//! node is frozen, cut off, stopped, without memory or without space. Each is held for a while; then all is healed, until a work runs
//! again. After each episode all [`stamps`] of all members are judged:
//!
//! - no two works ran at one instant, nor one of an older epoch after one of a newer one;
//! - no work ran at or after the end of its lease, as its lease file said it;
//! - no process is left that is not below a node that runs.
//!
//! [`etcd`] does the same to `etcdctl lock`, by hand: that shows what such a lock does not promise.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `BALLOTBOX_EPISODES` | how many episodes, two thirds of them with three members, the rest with five | 3 |
//! | `BALLOTBOX_SEED` | which ones | drawn, and printed |
//!
//! The long run: `BALLOTBOX_EPISODES=200 cargo test --test namespaces works -- --nocapture`. The comparison:
//! `cargo test --test namespaces works::etcd -- --ignored --nocapture`.

mod etcd;
mod fault;
mod processes;
mod stamps;
mod team;
mod work;

use std::{collections::BTreeMap, env, fs, path::PathBuf, time::Duration};

use crate::faults::hosts::Hosts;
use fault::Fault;
use stamps::{Spread, sorted};
use team::{Manner, Team};

/// After everything is healed, a work runs within this: a promise to a leader that is gone, a node that waits after it has failed
/// again and again, and room for a slow machine.
const RECOVERY_MAX: Duration = Duration::from_secs(60);

#[test]
fn of_three_nodes_no_two_run_the_work_at_one_time_whatever_the_fault() {
    let episodes = from_env("BALLOTBOX_EPISODES").unwrap_or(3);
    run(3, episodes - episodes / 3);
}

#[test]
fn of_five_nodes_no_two_run_the_work_at_one_time_whatever_the_fault() {
    let episodes = from_env("BALLOTBOX_EPISODES").unwrap_or(3);
    run(5, episodes / 3);
}

fn run(members: usize, episodes: u64) {
    let Some(hosts) = Hosts::new(members) else { return };
    let seed = from_env("BALLOTBOX_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{episodes} episodes with the works of {members}, BALLOTBOX_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut team = Team::start(&hosts, members, Manner::Hurried, rng.fork());
    let mut recoveries = vec![team.until_worked()];
    let mut faults = BTreeMap::<&str, (u64, u64)>::new();
    for episode in 1..=episodes {
        team.note(format!("episode {episode} of BALLOTBOX_SEED={seed}"));
        for _ in 0..rng.usize(1..=3) {
            let fault = Fault::draw(&mut rng);
            // Drawn in any case: the same seed draws the same.
            let (any, at_worker) = (rng.usize(0..members), rng.u8(0..4) > 0);
            let worker = team.worker().map(|run| run.member);
            let member = worker.filter(|_| at_worker).unwrap_or(any);
            let (all, of_worker) = faults.entry(fault.kind()).or_default();
            *all += 1;
            *of_worker += u64::from(worker == Some(member));
            team.begin(fault, member);
            team.watch_for(draw_hold(&mut rng));
        }
        team.heal();
        recoveries.push(team.until_worked());
        team.judge();
    }
    let runs = team.stop();
    println!("episodes          {episodes}");
    for (kind, (all, of_worker)) in faults {
        println!("  {kind:<37} {all:>3}, at the one whose work ran: {of_worker}");
    }
    let gaps = runs.gaps();
    println!("works             {}", runs.all().count());
    println!("hand-overs        {}, with gaps of {}", gaps.len(), Spread(&gaps));
    println!("left of the lease {}", Spread(&runs.lefts()));
    println!("between stamps    {}", Spread(&runs.pauses()));
    println!("works again after {}", Spread(&sorted(recoveries.into_iter())));
}

/// Mostly about as long as a lease; now and then for longer.
fn draw_hold(rng: &mut fastrand::Rng) -> Duration {
    let millis = if rng.u8(0..10) < 7 { rng.u64(20..1800) } else { rng.u64(1800..4000) };
    Duration::from_millis(millis)
}

/// An empty folder for the stamps of one test.
fn fresh_folder(name: &str) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn from_env(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}: expected a number")))
}
