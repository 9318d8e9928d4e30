//! `simulate`: one run, many, and what it saves.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{
    ballotbox, file,
    patience::{Lines, code_of},
    run, text,
};

#[test]
fn simulate_shows_one_run_and_the_same_again_for_the_same_seed() {
    let simulate = |seed| run(&["simulate", "examples/leader-dies.json", "--seed", seed]);
    let output = simulate("7");
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    assert!(shown.contains("DECIDES") && shown.contains("STEP"), "{shown}");
    assert!(output.stderr.is_empty());
    assert_eq!(simulate("7").stdout, output.stdout);
    assert_ne!(simulate("8").stdout, output.stdout);
}

#[test]
fn the_picture_in_the_readme_is_what_the_command_beside_it_draws() {
    const COMMAND: &str = "simulate examples/leader-dies.json --seed 1 --diagram";
    const PICTURE: &str = "examples/leader-dies.svg";
    let readme = std::fs::read_to_string("README.md").unwrap();
    let command = format!("{COMMAND} {PICTURE}");
    assert!(readme.contains(&command) && readme.contains(&format!("]({PICTURE})")), "{command}");
    let drawn = file("readme.svg", "");
    let args: Vec<_> = COMMAND.split(' ').chain([drawn.to_str().unwrap()]).collect();
    assert_eq!(run(&args).status.code(), Some(0));
    let [drawn, kept] =
        [drawn.to_str().unwrap(), PICTURE].map(|p| std::fs::read_to_string(p).unwrap());
    assert!(drawn == kept, "{PICTURE} is older than what it shows: run `ballotbox {command}`");
}

#[test]
fn simulate_draws_every_example_and_always_one_seed() {
    let picture = file("simulated.svg", "");
    let picture = picture.to_str().unwrap();
    let examples = ["examples", "examples/faults"].map(|dir| std::fs::read_dir(dir).unwrap());
    for entry in examples.into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let path = path.to_str().unwrap();
        let output = run(&["simulate", path, "--seed", "3", "--json", "--diagram", picture]);
        assert_eq!(output.status.code(), Some(0), "{path}: {}", text(&output.stderr));
        let drawn = std::fs::read_to_string(picture).unwrap();
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"), "{path}");
        assert!(
            drawn.contains(" leads in epoch ") || path.contains("no-quorum"),
            "{path}: {drawn}"
        );
    }
    let output =
        run(&["simulate", "examples/two-voters.json", "--seeds", "2", "--diagram", picture]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn simulate_reports_many_runs_as_one_object() {
    let output = run(&["simulate", "examples/faults/chaos.json", "--seeds", "50", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["runs"], &report["failed"]), (&json!(50), &json!(0)));
    assert_eq!((&report["well"], &report["first_seed"]), (&json!(50), &json!(0)));
    assert_eq!((&report["failures"], &report["failures_listed"]), (&json!([]), &json!(0)));
    assert!(report["election_ms"]["p99"].as_f64() > Some(0.0), "{report}");
    assert!(output.stderr.is_empty(), "progress is for terminals only");
}

#[test]
fn simulate_names_what_failed_with_the_command_that_shows_it() {
    let unmet =
        r#"{ "members": [{ "id": 1 }, { "id": 2 }], "expect": [{ "by_ms": 90, "leader": 1 }] }"#;
    let path = file("simulate-unmet.json", unmet);
    let path = path.to_str().unwrap();
    let output = run(&["simulate", path, "--seeds", "2"]);
    assert_eq!(output.status.code(), Some(1));
    let group =
        format!("      2  unmet by 90 ms: 1 leads\n         ballotbox simulate {path} --seed 0\n");
    assert!(text(&output.stdout).contains(&group), "{}", text(&output.stdout));
    assert_eq!(run(&["simulate", path, "--seed", "1"]).status.code(), Some(1));
}

#[test]
fn simulate_groups_failures_with_their_number_and_the_lowest_seed() {
    // The second expectation fails sometimes, the third always.
    let unmet = r#"{ "members": [{ "id": 1 }, { "id": 2 }], "faults": { "until_ms": 900, "kills": 1 },
        "expect": [{ "by_ms": 5, "following": [1] }, { "by_ms": 300, "leader": 2 },
                   { "by_ms": 2000, "leader": 1 }] }"#;
    let path = file("simulate-groups.json", unmet);
    let path = path.to_str().unwrap();
    let output = run(&["simulate", path, "--seed", "3", "--seeds", "23", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["failed"], &report["failures_listed"]), (&json!(23), &json!(20)));
    assert_eq!(report["failures"][0]["broken_by"], Value::Null);
    assert_eq!(report["failures"][0]["seed"], 3);
    let output = run(&["simulate", path, "--seed", "3", "--seeds", "23"]);
    let told = text(&output.stdout);
    let counts = told.lines().filter_map(|line| line.trim().split_once("  unmet by "));
    let counts: Vec<u64> = counts.map(|(count, _)| count.parse().unwrap()).collect();
    assert_eq!(counts.iter().sum::<u64>(), 23, "{told}");
    assert!(counts.len() >= 2, "{told}");
    assert_eq!(told.matches("ballotbox simulate ").count(), counts.len(), "one seed each: {told}");
    assert!(told.contains(" --seed 3\n"), "{told}");
}

#[test]
fn the_report_is_the_same_byte_for_byte_whatever_the_number_of_jobs() {
    let unmet = r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
        "faults": { "until_ms": 900, "kills": 1, "pauses": 1, "slow_percent": 5, "slow_ms": 100 },
        "expect": [{ "by_ms": 400, "leader": 3 }] }"#;
    let path = file("simulate-jobs.json", unmet);
    let path = path.to_str().unwrap();
    for json in [&[][..], &["--json"]] {
        let simulate = |jobs: &[&str]| {
            run(&[&["simulate", path, "--seed", "7", "--seeds", "150"], json, jobs].concat())
        };
        let one = simulate(&["--jobs", "1"]);
        assert_eq!(one.status.code(), Some(1), "{}", text(&one.stdout));
        for jobs in [&[][..], &["--jobs", "2"], &["--jobs", "7"], &["--jobs", "256"]] {
            let output = simulate(jobs);
            assert_eq!(text(&output.stdout), text(&one.stdout), "{jobs:?}");
            assert_eq!(output.status.code(), Some(1));
        }
    }
}

#[test]
fn simulate_reports_the_runs_so_far_when_a_signal_comes() {
    let count = u64::MAX.to_string();
    for signal in ["-INT", "-TERM"] {
        let args = ["simulate", "examples/three-voters.json", "--seeds", &count];
        let mut child = ballotbox(&args).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = Lines::of(child.stdout.take().unwrap());
        // When the title is there, signals are heeded.
        assert_eq!(lines.next().unwrap(), "Three voters: the newest history wins");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let stopped = lines.last().unwrap();
        assert!(stopped.starts_with("Stopped after "), "{stopped}");
        assert!(stopped.contains(&format!(" of {count} runs with ")), "{stopped}");
        assert!(stopped.ends_with(": 0 failed."), "{stopped}");
        assert_eq!(code_of(&mut child, "the simulation"), Some(1), "not all were played");
    }
}

#[test]
fn simulate_tells_of_an_ensemble_that_rightly_has_no_leader() {
    let nobody = r#"{ "members": [{ "id": 1 }, { "id": 2 }],
        "steps": [{ "at_ms": 0, "start": [1] }], "expect": [{ "by_ms": 90, "leader": null }] }"#;
    let path = file("simulate-nobody.json", nobody);
    let path = path.to_str().unwrap();
    let output = run(&["simulate", path, "--seed", "5"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout).lines().last().unwrap();
    assert!(
        told.starts_with("With seed 5, nobody leads, as expected; 0 messages; 1 of 1"),
        "{told}"
    );
    let output = run(&["simulate", path, "--seed", "5", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["outcome"], &report["leader"]), (&json!("no-leader"), &Value::Null));
    let output = run(&["simulate", path, "--seeds", "4", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["well"], &report["elected"]), (&json!(4), &json!(0)), "{report}");
}

#[test]
fn simulate_saves_the_faults_of_a_seed_as_a_vote_file() {
    let saved = file("simulate-saved.json", "");
    let path = saved.to_str().unwrap();
    let chaos = "examples/faults/chaos.json";
    let first = run(&["simulate", chaos, "--seed", "3", "--save", path]);
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(run(&["check", path]).status.code(), Some(0));
    assert_eq!(run(&["simulate", path, "--seed", "3"]).stdout, first.stdout);
    let nowhere = run(&["simulate", chaos, "--save", "/nowhere/saved.json"]);
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(text(&nowhere.stderr).contains("/nowhere/saved.json"));
}

#[test]
fn simulate_never_saves_over_the_file_it_plays() {
    let content = r#"{ "members": [{ "id": 1 }] }"#;
    let played = file("simulate-onto-itself.json", content);
    let folder = played.parent().unwrap();
    let detour = folder.join("..").join(folder.file_name().unwrap());
    let detour = detour.join("simulate-onto-itself.json");
    let output = run(&["simulate", played.to_str().unwrap(), "--save", detour.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("--save") && told.contains("expected another"), "{told}");
    assert_eq!(std::fs::read_to_string(&played).unwrap(), content);
}

#[test]
fn simulate_plays_a_number_of_seeds_from_any_seed_on() {
    let chaos = "examples/faults/chaos.json";
    let simulate = |seed, seeds| {
        let output = run(&["simulate", chaos, "--seed", seed, "--seeds", seeds, "--json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (both, first, second) = (simulate("3", "4"), simulate("3", "2"), simulate("5", "2"));
    assert_eq!((&both["runs"], &both["first_seed"]), (&json!(4), &json!(3)));
    let elections = |report: &Value| report["elections"].as_u64().unwrap();
    assert_eq!(elections(&both), elections(&first) + elections(&second));
    let max = u64::MAX.to_string();
    assert_eq!(simulate(&max, "1")["runs"], 1);
    let told = run(&["simulate", chaos, "--seed", "3", "--seeds", "2"]);
    let told = text(&told.stdout);
    assert!(told.contains("All 2 runs, seeds 3 to 4, ended well"), "{told}");
}

#[test]
fn simulate_says_that_impostors_were_turned_away_or_believed_and_what_keeps_them_out() {
    // Neither reads the files of the certificates: there are none.
    let locked = "examples/faults/impostors.json";
    assert_eq!(run(&["check", locked]).status.code(), Some(0));
    let output = run(&["simulate", locked, "--seeds", "20"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("\nImpostors were turned away "), "{output:?}");
    let in_plain_text = r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
        "faults": { "until_ms": 4000, "impostors": 6, "cuts": 3 } }"#;
    let open = file("simulate-impostors.json", in_plain_text);
    let output = run(&["simulate", open.to_str().unwrap(), "--seeds", "100"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let told = text(&output.stdout);
    assert!(told.contains("broken: an epoch that has begun is on the disks of a quorum"), "{told}");
    assert!(told.contains("\nImpostors were believed "), "{told}");
    assert!(told.contains("With `tls` in the file, members turn them away.\n"), "{told}");
    let output = run(&["simulate", open.to_str().unwrap(), "--seeds", "100", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["impostors_believed"].as_u64() > Some(0), "{report}");
    assert_eq!(report["impostors_unmasked"], 0);
}

#[test]
fn simulate_refuses_seeds_that_are_none() {
    let chaos = "examples/faults/chaos.json";
    let max = u64::MAX.to_string();
    for (args, named) in [
        (&["--seeds", "0"][..], "`0` is no number of seeds: expected a whole number from 1"),
        (&["--seeds", "many"], "`many` is no number of seeds"),
        (&["--seed", "x"], "`x` is no seed: expected a whole number from 0"),
        (&["--seed", &max, "--seeds", "2"], "2 seeds from 18446744073709551615 on: expected"),
        (&["--seeds", "2", "--save", "x"], "--save"),
        (
            &["--seeds", "2", "--jobs", "0"],
            "`0` is no number of jobs: expected a whole number from 1",
        ),
        (&["--seeds", "2", "--jobs", "257"], "`257` is no number of jobs"),
        (&["--jobs", "2"], "--seeds"),
    ] {
        let output = run(&[&["simulate", chaos], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(named), "{}", text(&output.stderr));
    }
}

#[test]
fn the_help_of_simulate_explains_every_word_of_a_trace() {
    let help = run(&["simulate", "--help"]);
    let legend = text(&help.stdout).split_once("THE TRACE:").unwrap().1;
    for seed in ["0", "1", "2"] {
        let output = run(&["simulate", "examples/faults/chaos.json", "--seed", seed]);
        let (trace, _) = text(&output.stdout).split_once("\n\n member").unwrap();
        // Below the title: the time, the member, and then the word.
        for line in trace.lines().skip(2) {
            let word = line.get(17..).unwrap();
            let word = word.get(..11).unwrap_or(word).trim_end();
            assert!(legend.contains(word), "`{word}` is not explained: {line}");
        }
    }
    assert!(legend.contains("peer#generation"), "{legend}");
}
