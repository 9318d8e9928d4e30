//! Every example is played over real sockets and in virtual time: what it expects comes true in both, and the outcome is
//! the same.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "common/worlds.rs"]
mod worlds;

use std::{fmt::Write, path::Path, time::Duration};

use async_std::task::block_on;
use ballotbox::scenario::{
    live::{self, StoryLine},
    vote_file::VoteFile,
};

use futures::future::join_all;

/// Far beyond what any example takes; only a hang gets there.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn what_every_example_expects_comes_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    assert!(files.len() >= 12, "{files:?}");
    let failed = block_on(async {
        // The runtime keeps a few descriptors from its first use on.
        let first = play(&files[0]).await;
        let before = descriptors();
        // All at once: most of their time is waiting for the next step.
        let others = join_all(files[1..].iter().map(|path| play(path))).await;
        assert_eq!(descriptors(), before, "a play leaves nothing open");
        others.into_iter().chain([first]).flatten().collect::<Vec<_>>()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// How many descriptors this process has open, where the system says so.
fn descriptors() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count)
}

/// The report and the story, if the example did not go as it says.
async fn play(path: &Path) -> Option<String> {
    let mut file = VoteFile::read(path).unwrap();
    // On free ports, as someone may be trying the file with addresses right now.
    let ids: Vec<_> = file.membership.iter().map(|member| member.id).collect();
    for id in ids {
        file.membership.set_election(id, Vec::new());
    }
    assert!(file.title.is_some() && !file.expectations.is_empty(), "{}", path.display());
    let mut story = String::new();
    let mut tell = |line: &StoryLine| {
        let at = line.at.as_secs_f64() * 1e3;
        writeln!(story, "{at:>8.1} ms  {}", line.what).unwrap();
    };
    let report = live::play(&file, DEADLINE, &mut tell).await.unwrap();
    let simulated = worlds::simulated(&file);
    let failed = format!("{}\n{report:?}\n{simulated:?}\n{story}", path.display());
    let same = simulated.iter().all(|ended| *ended == worlds::ended(&report));
    (!report.is_good() || !same).then_some(failed)
}
