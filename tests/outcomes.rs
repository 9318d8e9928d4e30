//! Generated vote files have the same outcome over real sockets and in virtual time, whatever they expect.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "common/worlds.rs"]
mod worlds;

use std::{collections::BTreeSet, time::Duration};

use async_std::task::block_on;
use ballotbox::scenario::{
    live,
    vote_file::{Outcome, VoteFile},
};

use futures::future::join_all;
use serde_json::{Value, json};

/// Generated files, and how many are played at the same time.
const GENERATED: u64 = 48;
const AT_ONCE: usize = 24;
/// Between two steps an election is over.
const BETWEEN_STEPS_MS: u64 = 700;
/// After the last step everything is over, and this is when it is looked at.
const LOOKED_AT_MS: u64 = 1500;

#[test]
fn the_outcome_of_generated_files_is_the_same_over_sockets_and_in_virtual_time() {
    let texts: Vec<_> = (0..GENERATED).map(generated).collect();
    let mut seen = BTreeSet::new();
    for texts in texts.chunks(AT_ONCE) {
        let outcomes = block_on(join_all(texts.iter().map(|text| in_both_worlds(text))));
        seen.extend(outcomes);
    }
    assert_eq!(seen.len(), 3, "every outcome is among them: {seen:?}");
}

/// The outcome in both worlds, which is the same.
async fn in_both_worlds(text: &str) -> Outcome {
    let file = VoteFile::parse("generated", text).unwrap();
    let last = file.steps.last().unwrap().at;
    let deadline = last + Duration::from_millis(2 * LOOKED_AT_MS);
    let report = live::play(&file, deadline, &mut |_| {}).await.unwrap();
    // What is found where something was unmet may still change.
    let told = |(outcome, leader): (Outcome, Option<u64>)| {
        (outcome, leader.filter(|_| outcome != Outcome::Unmet))
    };
    let elected = BTreeSet::from([told(worlds::ended(&report))]);
    let simulated: BTreeSet<_> = worlds::simulated(&file).into_iter().map(told).collect();
    assert_eq!(elected, simulated, "{text}\n{report:?}");
    report.outcome
}

/// Voters and an observer that start, end, and are cut off, and something that is expected of them, or nothing.
fn generated(seed: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    let voters = rng.u64(2..=5);
    let observers = rng.u64(0..=1);
    let mut members: Vec<_> =
        (1..=voters).map(|id| json!({ "id": id, "vote": { "zxid": rng.u8(0..3) } })).collect();
    members.extend((0..observers).map(|n| json!({ "id": voters + 1 + n, "role": "observer" })));
    let all: Vec<_> = (1..=voters + observers).collect();
    let expects = rng.u8(0..4) > 0;
    let mut steps = vec![json!({ "at_ms": 0, "start": all })];
    let (mut down, mut isolated) = (None, false);
    for n in 1..=rng.u64(0..4) {
        let member = rng.u64(1..=voters);
        // What is cut off is told late, so nothing can be said of it if nothing is expected of it.
        let mut step = match (down, isolated, rng.u8(0..3)) {
            (Some(down), _, _) => json!({ "start": [down] }),
            (None, true, _) => json!({ "heal": true }),
            (None, false, 0) if expects => json!({ "isolate": [member] }),
            (None, false, 1) => json!({ "stop": [member] }),
            (None, false, _) => json!({ "kill": [member] }),
        };
        isolated = step.get("isolate").is_some();
        down = (step.get("kill").is_some() || step.get("stop").is_some()).then_some(member);
        step["at_ms"] = json!(n * BETWEEN_STEPS_MS);
        steps.push(step);
    }
    let by = steps.last().unwrap()["at_ms"].as_u64().unwrap() + LOOKED_AT_MS;
    let mut file = json!({ "members": members, "steps": steps });
    if expects {
        let mut expected = json!({ "by_ms": by });
        let some = rng.u64(1..=voters);
        match rng.u8(0..5) {
            0 => expected["leader"] = Value::Null,
            1 => expected["following"] = json!([some]),
            2 => expected["looking"] = json!([some]),
            _ => expected["leader"] = json!(some),
        }
        file["expect"] = json!([expected]);
    }
    file.to_string()
}
