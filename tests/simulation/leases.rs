//! Leases in virtual time, under everything that can go wrong with clocks and disks.

use ballotbox::scenario::simulation::Verb;

use super::*;

#[test]
fn no_rule_of_leases_breaks_in_the_faults_of_the_examples() {
    for name in [
        "faults/leases.json",
        "faults/fast-clock.json",
        "faults/stuck-work.json",
        "faults/paused-machines.json",
        "faults/resting-works.json",
    ] {
        let setup = setup(&example(name));
        // The last ones once failed.
        for seed in (0..300).chain([462, 586, 631]) {
            let run = play(&setup, seed);
            assert_good(&run);
            assert!(run.healed_after.is_some(), "{name}, seed {seed}");
            assert!(
                run.overlapping_leases == 0 || name == "faults/paused-machines.json",
                "{run:?}"
            );
        }
    }
}

#[test]
fn leaders_work_while_they_hold_a_lease_and_every_fault_of_leases_happens() {
    let mut told = BTreeSet::new();
    for name in [
        "faults/leases.json",
        "faults/stuck-work.json",
        "faults/paused-machines.json",
        "faults/resting-works.json",
    ] {
        let setup = setup(&example(name));
        for seed in 0..20 {
            let (trace, run) = play_with_trace(&setup, seed);
            assert_eq!(play(&setup, seed), run, "seed {seed}");
            told.extend(trace.lines().filter_map(Verb::of_line).map(Verb::word));
        }
    }
    for verb in [
        "works",
        "work ends",
        "SLEWS",
        "REBOOTS",
        "PAUSED",
        "ASKED",
        "RESTS",
        "hands over",
        "STUCK",
        "FREE",
        "LEFT BEHIND",
        "UNWELL",
    ] {
        assert!(told.contains(verb), "{verb}: {told:?}");
    }
}

#[test]
fn nobody_leads_before_the_promises_to_a_leader_are_over_that_was_killed() {
    // It was pinged last after 800 ms at the earliest, and a promise lasts for 1530 ms.
    let text = r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }], "timing": { "lease_ms": 1500 },
        "steps": [{ "at_ms": 0, "start": [1, 2, 3] }, { "at_ms": 1000, "kill": [3] }, { "at_ms": 2300, "heal": true }],
        "expect": [{ "by_ms": 900, "leader": 3, "epoch": 1, "following": [1, 2] },
                   { "by_ms": 1200, "leader": null, "looking": [1, 2] },
                   { "by_ms": 2700, "leader": 2, "epoch": 2, "following": [1] }] }"#;
    let setup = setup(&file(text));
    (0..100).for_each(|seed| assert_good(&play(&setup, seed)));
}

#[test]
fn a_member_whose_work_rests_gives_its_epoch_up_and_begins_no_other_one() {
    let setup = setup(&example("faults/resting-works.json"));
    let (mut gave_up, mut others_led) = (0, 0);
    for seed in 0..200 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        let (mut resting, mut leads) = (BTreeSet::new(), None);
        for line in trace.lines() {
            let member = line.split_ascii_whitespace().nth(1).unwrap_or_default();
            match Verb::of_line(line) {
                Some(Verb::Rests) => {
                    resting.insert(member);
                    gave_up += usize::from(leads == Some(member));
                }
                Some(Verb::Rested) => drop(resting.remove(member)),
                Some(Verb::Leads) => {
                    assert!(!resting.contains(member), "seed {seed}: {line}");
                    others_led += usize::from(!resting.is_empty());
                    leads = Some(member);
                }
                _ => {}
            }
        }
    }
    assert!(gave_up > 50 && others_led > 50, "{gave_up}, {others_led}");
}
