//! Steps, faults and expectations that cannot be.

use super::*;

#[test]
fn steps_that_cannot_be_played_are_refused() {
    let start = r#"{"at_ms":10,"start":[1,2]}"#;
    let then = |step: &str| with_steps(&format!("{start},{step}"));
    refused_with(&with_steps(""), &["steps: an empty list"]);
    refused_with(&with_steps(r#"{"at_ms":0}"#), &["steps[0]: nothing happens", "isolate"]);
    refused_with(
        &with_steps(r#"{"at_ms":0,"start":[1],"heal":true}"#),
        &["steps[0]: both start and heal"],
    );
    refused_with(&then(r#"{"at_ms":9,"kill":[1]}"#), &["steps[1].at_ms", "9 is before", "10"]);
    refused_with(&then(r#"{"at_ms":10,"start":[3,1]}"#), &["steps[1].start[1]: 1 runs already"]);
    refused_with(&then(r#"{"at_ms":10,"stop":[3]}"#), &["steps[1].stop[0]: 3 does not run"]);
    refused_with(
        &then(r#"{"at_ms":10,"kill":[9]}"#),
        &["steps[1].kill[0]: no member has id 9", "1, 2, 3, 4"],
    );
    refused_with(&then(r#"{"at_ms":10,"kill":[1,1]}"#), &["steps[1].kill[1]: 1 stands here twice"]);
    refused_with(&then(r#"{"at_ms":10,"kill":[]}"#), &["steps[1].kill: an empty list"]);
    refused_with(&then(r#"{"at_ms":10,"pause":[4]}"#), &["steps[1].pause[0]: 4 does not run"]);
    refused_with(&then(r#"{"at_ms":10,"resume":[1]}"#), &["steps[1].resume[0]: 1 is not paused"]);
    refused_with(&then(r#"{"at_ms":10,"hang":[3]}"#), &["steps[1].hang[0]: 3 does not run"]);
    refused_with(&then(r#"{"at_ms":10,"wake":[1]}"#), &["steps[1].wake[0]: 1 does not hang"]);
    let hang = r#"{"at_ms":10,"hang":[1]}"#;
    for (step, path) in [(hang, "hang[0]"), (r#"{"at_ms":10,"resign":{"id":1}}"#, "resign.id")] {
        let told = format!("steps[2].{path}: 1 hangs at this point");
        refused_with(&then(&format!("{hang},{step}")), &[&told]);
    }
    let killed = r#"{"at_ms":10,"kill":[1]},{"at_ms":10,"start":[1]},{"at_ms":10,"wake":[1]}"#;
    refused_with(&then(&format!("{hang},{killed}")), &["steps[4].wake[0]: 1 does not hang"]);
    refused_with(
        &then(r#"{"at_ms":10,"cut":[[1,1]]}"#),
        &["steps[1].cut[0]: 1 is paired with itself"],
    );
    refused_with(
        &then(r#"{"at_ms":10,"cut":[[1,8]]}"#),
        &["steps[1].cut[0][1]: no member has id 8"],
    );
    for (pairs, found) in [("[[1,2,3]]", "length 3"), ("[[]]", "length 0"), ("[1,2]", "`1`")] {
        for operation in ["cut", "block"] {
            let pair = format!("steps[1].{operation}[0]");
            let step = format!(r#"{{"at_ms":10,"{operation}":{pairs}}}"#);
            refused_with(&then(&step), &[&pair, found, "expected a pair of ids, as in [1, 2]"]);
        }
    }
    refused_with(&then(r#"{"at_ms":10,"heal":false}"#), &["steps[1].heal: false: expected true"]);
    let pause = r#"{"at_ms":11,"pause":[1]}"#;
    refused_with(&then(&format!("{pause},{pause}")), &["steps[2].pause[0]: 1 is paused already"]);
    // A kill ends a pause; a member that starts again is not paused.
    let again = r#"{"at_ms":12,"kill":[1]},{"at_ms":12,"start":[1]},{"at_ms":12,"pause":[1]}"#;
    read(&then(&format!("{pause},{again}")));
}

#[test]
fn faults_of_leases_that_cannot_be_meant_are_refused() {
    let with = |rest: &str| format!(r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}], {rest} }}"#);
    let slews = r#""faults": { "until_ms": 9, "slews": 2 }"#;
    refused_with(&with(slews), &["faults.slews: 2 has no effect while timing.lease_ms is missing"]);
    read(&with(&format!(r#""timing": {{ "lease_ms": 1500 }}, {slews}"#)));
    refused_with(&with(r#""faults": { "timers_ms": 7 }"#), &["faults.timers_ms: 7", "until_ms"]);
    for fault in ["timers_ms", "resigns", "rests"] {
        let alone = format!(r#""leadership": false, "faults": {{ "until_ms": 9, "{fault}": 2 }}"#);
        let told = format!("faults.{fault}: without leadership there is no such thing");
        refused_with(&with(&alone), &[&told]);
    }
    let drifts = r#""faults": { "drift_ppm": 10001 }"#;
    refused_with(
        &with(&format!(r#""timing": {{ "lease_ms": 1500 }}, {drifts}"#)),
        &["faults.drift_ppm: 10001, and a lease holds only where clocks are off by at most 10000"],
    );
    read(&with(drifts));
    read(&with(&format!(r#""timing": {{ "lease_ms": 1500, "drift_ppm": 10001 }}, {drifts}"#)));
}

#[test]
fn faults_of_leases_are_written_as_they_were_read() {
    let text = r#"{ "members": [{ "id": 1 }], "timing": { "lease_ms": 1500 },
        "faults": { "until_ms": 9, "vm_pauses": 1, "reboots": 2, "slews": 3, "resigns": 4, "rests": 6, "stuck_work": 1, "unwell_work": 2, "timers_ms": 5 } }"#;
    let file = VoteFile::parse("first", text).unwrap();
    assert_eq!(VoteFile::parse("again", &file.to_json()).unwrap(), file);
    let told = file.faults.unwrap().to_string();
    let expected = "1 vm pause, 2 reboots, 3 slews, 4 resigns, 6 rests, 1 stuck work, 2 unwell work, until 9 ms; frames take 0.050 to 0.250 ms; \
                    timers are up to 5 ms late";
    assert_eq!(told, expected);
}

#[test]
fn faults_that_cannot_happen_are_refused() {
    for kind in [
        "kills",
        "stops",
        "pauses",
        "cuts",
        "isolations",
        "blocks",
        "one_way_cuts",
        "blackouts",
        "breaks",
        "hangs",
        "suspends",
        "vm_pauses",
        "reboots",
        "resigns",
        "rests",
        "strangers",
        "impostors",
        "frozen",
        "disk_errors",
    ] {
        let told = format!("faults.{kind}: 3 has no effect while until_ms is missing or 0");
        for until in ["", r#","until_ms":0"#] {
            let faults = format!(r#"{{"{kind}":3{until}}}"#);
            refused_with(&with_faults(&faults), &[&told, "expected until_ms"]);
        }
        read(&with_faults(&format!(r#"{{"{kind}":3,"until_ms":1}}"#)));
    }
    for (alone, missing) in
        [("slow_percent", "slow_ms"), ("slow_ms", "slow_percent"), ("names_ms", "move_percent")]
    {
        let told = format!("faults.{alone}: 5 has no effect while {missing} is missing or 0");
        refused_with(&with_faults(&format!(r#"{{"{alone}":5}}"#)), &[&told]);
        read(&with_faults(&format!(r#"{{"{alone}":5,"{missing}":5}}"#)));
    }
    // The steps may kill.
    read(&with_faults(r#"{"vanish_percent":1,"wipe_percent":1,"move_percent":1}"#));
}

#[test]
fn expectations_that_cannot_come_true_are_refused() {
    refused_with(&expecting(r#"{"by_ms":5}"#), &["expect[0]: nothing is expected"]);
    refused_with(&expecting(r#"{"by_ms":0,"leader":1}"#), &["expect[0].by_ms: 0"]);
    refused_with(
        &expecting(r#"{"by_ms":5,"leader":4}"#),
        &["expect[0].leader: 4 is an observer", "voter of positive weight"],
    );
    refused_with(
        &expecting(r#"{"by_ms":5,"leader":7}"#),
        &["expect[0].leader: no member has id 7"],
    );
    refused_with(
        &expecting(r#"{"by_ms":5,"following":[1,4]}"#),
        &["expect[0].following[1]: 4 is an observer"],
    );
    refused_with(
        &expecting(r#"{"by_ms":5,"observing":[1]}"#),
        &["expect[0].observing[0]: 1 is a voter"],
    );
    refused_with(
        &expecting(r#"{"by_ms":5,"leader":1,"following":[1]}"#),
        &["expect[0].following[0]: 1 is also expected as leader"],
    );
    refused_with(
        &expecting(r#"{"by_ms":5,"leader":null,"following":[1]}"#),
        &["expect[0].following: 1 cannot be following while leader is null"],
    );
    refused_with(
        r#"{"members":[{"id":1,"group":1},{"id":2,"group":1,"weight":0}],"expect":[{"by_ms":5,"leader":2}]}"#,
        &["expect[0].leader: 2 is a voter of weight 0"],
    );
}

#[test]
fn what_leadership_cannot_play_is_refused() {
    let alone = |rest: &str| format!(r#"{{"leadership":false,"members":[{{"id":1}}],{rest}}}"#);
    let without = "without leadership there is no such thing";
    for (rest, path) in [
        (r#""steps":[{"at_ms":0,"start":[1]},{"at_ms":1,"fill":[1]}]"#, "steps[1].fill[0]"),
        (r#""steps":[{"at_ms":0,"start":[1]},{"at_ms":1,"resign":{"id":1}}]"#, "steps[1].resign"),
        (r#""expect":[{"by_ms":1,"leader":1,"epoch":1}]"#, "expect[0].epoch"),
        (r#""faults":{"until_ms":1,"disk_full":1}"#, "faults.disk_full"),
        (r#""faults":{"until_ms":1,"disk_stalls":1}"#, "faults.disk_stalls"),
    ] {
        refused_with(&alone(rest), &[path, without]);
    }
    let new = r#"{"leadership":false,"members":[{"id":1,"new":true}]}"#;
    refused_with(new, &["members[0].new", without]);
    let new = r#"{"members":[{"id":1,"new":true,"vote":{"epoch":1}}]}"#;
    refused_with(new, &["members[0].new", "expected epoch 0"]);
    let new = r#"{"members":[{"id":1},{"id":2,"role":"observer","new":true}]}"#;
    refused_with(new, &["members[1].new", "2 is an observer and keeps no epochs"]);
    for name in [String::new(), "x".repeat(101), "a\\nb".into()] {
        refused_with(
            &format!(r#"{{"ensemble":"{name}","members":[{{"id":1}}]}}"#),
            &["ensemble", "1 to 100 characters"],
        );
    }
    let hasty = r#"{"members":[{"id":1}],"timing":{"ping_ms":300,"silence_ms":500}}"#;
    refused_with(hasty, &["timing.silence_ms", "500 is less than twice ping_ms, 300"]);
    refused_with(&expecting(r#"{"by_ms":1,"leader":null,"epoch":1}"#), &["expect[0].epoch"]);
    let started = r#"{"at_ms":0,"start":[1,2,4]}"#;
    for (step, path, what) in [
        (r#"{"wipe":[1]}"#, "wipe[0]", "1 runs at this point"),
        (r#"{"free":[1]}"#, "free[0]", "the disk of 1 is not full"),
        (r#"{"fill":[3],"wipe":[3]}"#, "steps[1]", "both wipe and fill"),
        (r#"{"resign":{"id":3}}"#, "resign.id", "3 does not run"),
        (r#"{"resign":{"id":4}}"#, "resign.id", "4 is an observer"),
        (r#"{"resign":{"id":1,"to":9}}"#, "resign.to", "no member has id 9"),
        (r#"{"resign":{"id":1,"to":1}}"#, "resign.to", "1 cannot come after itself"),
        (r#"{"resign":{"id":1,"to":4}}"#, "resign.to", "4 is an observer"),
        (r#"{"resign":{"id":1,"too":2}}"#, "resign", "unknown field `too`"),
    ] {
        let step = step.replacen('{', r#"{"at_ms":1,"#, 1);
        refused_with(&with_steps(&format!("{started},{step}")), &[path, what]);
    }
    let twice = r#"{"at_ms":1,"fill":[1]},{"at_ms":1,"fill":[1]}"#;
    refused_with(&with_steps(&format!("{started},{twice}")), &["full already"]);
}
