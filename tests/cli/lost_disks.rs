//! The recipe for when a majority of the disks is lost for good: fresh directories, `--new-ensemble --epoch-floor N`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use super::{
    Node, ballotbox, file,
    leaders::{ensemble, start_with},
    patience::InTime,
    text,
};

/// What only one may write, with this token.
fn act(fence: &Path, epoch: i64, owner: &str) -> Output {
    let epoch = epoch.to_string();
    let mut command = ballotbox(&["fence"]);
    command.arg(fence).args(["--token", &epoch, "--owner", owner, "--", "true"]);
    command.output_in_time()
}

/// All three, started with these options, and the epoch when each of them leads or follows.
fn all_led(place: &(PathBuf, PathBuf), options: &[&str]) -> ([Node; 3], i64) {
    let mut nodes = [1, 2, 3].map(|id| start_with(id, (&place.0, &place.1), options));
    let led =
        |event: &serde_json::Value| ["leading", "following"].iter().any(|e| event["event"] == *e);
    let epochs = nodes.each_mut().map(|node| node.until(led)["epoch"].as_i64().unwrap());
    let newest = epochs.into_iter().max().unwrap();
    (nodes, newest)
}

#[test]
fn after_a_majority_of_disks_is_lost_a_new_ensemble_above_the_floor_passes_the_fence() {
    let place = ensemble("lost-disks", 3);
    let fence = file("lost-disks.fence", "");
    for path in [&fence, &fence.with_extension("fence.lock")] {
        let _ = fs::remove_file(path);
    }
    // One that has led for long.
    let (nodes, old) = all_led(&place, &["--new-ensemble", "--epoch-floor", "40"]);
    assert_eq!(act(&fence, old, "3").status.code(), Some(0));
    drop(nodes);
    for lost in ["1", "2"] {
        fs::remove_dir_all(place.1.join(lost)).unwrap();
    }

    // Too low: the fence is closed to all of them, and says what to do.
    let afresh = |name: &str| (place.0.clone(), place.1.join(name));
    let (nodes, low) = all_led(&afresh("low"), &["--new-ensemble"]);
    assert!(low < old, "{low} and {old}");
    let stale = act(&fence, low, "3");
    assert_eq!(stale.status.code(), Some(1));
    let told = text(&stale.stderr);
    assert!(told.contains("is stale") && told.contains(&format!("--epoch-floor {old}")), "{told}");
    drop(nodes);

    let floor = old.to_string();
    let above = ["--new-ensemble", "--epoch-floor", &floor];
    let (_nodes, new) = all_led(&afresh("above"), &above);
    assert!(new > old, "{new} and {old}");
    let admitted = act(&fence, new, "3");
    assert_eq!(admitted.status.code(), Some(0), "{}", text(&admitted.stderr));
    assert_eq!(act(&fence, old, "3").status.code(), Some(1));
}
