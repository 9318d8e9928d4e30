//! Elections in virtual time. A failure names its seed: `ballotbox simulate FILE --seed N` shows what happened.

mod examples;
mod handover;
mod impostors;
mod leases;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use ballotbox::scenario::{
    simulation::{Ending, Run, Setup, World, play, play_with_trace, with_faults_as_steps},
    vote_file::{Operation, VoteFile},
};

/// Three voters, and everything that can go wrong.
const CHAOS: &str = r#"{
    "members": [{ "id": 1 }, { "id": 2, "vote": { "zxid": 5 } }, { "id": 3 }],
    "faults": { "until_ms": 20000, "kills": 4, "stops": 2, "pauses": 3, "cuts": 4, "isolations": 2,
                "blocks": 3, "one_way_cuts": 3, "blackouts": 1, "breaks": 5, "hangs": 3,
                "suspends": 2, "strangers": 3, "frozen": 2, "wipes": 2, "disk_full": 3, "disk_stalls": 3,
                "disk_errors": 2, "vanish_percent": 30, "wipe_percent": 20, "move_percent": 20, "names_ms": 1000,
                "delay_us": [50, 2000], "slow_percent": 2, "slow_ms": 300, "drift_ppm": 1000 } }"#;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The vote file at this place in the project.
fn kept(place: &str) -> VoteFile {
    VoteFile::read(&Path::new(PROJECT).join(place)).unwrap()
}

/// The example of this name, or in a folder of examples.
fn example(name: &str) -> VoteFile {
    kept(&format!("examples/{name}"))
}

fn examples() -> Vec<(String, VoteFile)> {
    let entries = std::fs::read_dir(Path::new(PROJECT).join("examples")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_file = |name: &String| Path::new(name).extension().is_some_and(|one| one == "json");
    let mut names: Vec<_> = names.filter(is_file).collect();
    names.sort();
    assert!(!names.is_empty());
    names.into_iter().map(|name| (name.clone(), example(&name))).collect()
}

fn file(text: &str) -> VoteFile {
    VoteFile::parse("test", text).unwrap()
}

fn setup(file: &VoteFile) -> Arc<Setup> {
    Arc::new(Setup::new(file))
}

fn assert_good(run: &Run) {
    assert!(run.is_good(), "seed {}: {:?}, {:?}", run.seed, run.ending, run.violation);
}

#[test]
fn every_example_ends_as_it_expects_whatever_the_seed() {
    for (name, file) in examples() {
        let setup = setup(&file);
        for seed in 0..50 {
            let run = play(&setup, seed);
            assert!(run.is_good(), "{name}, seed {seed}: {run:?}");
        }
    }
}

#[test]
fn no_rule_breaks_in_chaos_and_all_agree_when_it_is_over() {
    let setup = setup(&file(CHAOS));
    for seed in 0..2000 {
        let run = play(&setup, seed);
        assert_good(&run);
        assert!(run.healed_after.is_some(), "seed {seed}");
    }
}

#[test]
fn no_rule_breaks_in_the_chaos_of_an_election_alone() {
    let without_disks = CHAOS
        .replace(r#""disk_full": 3, "disk_stalls": 3,"#, "")
        .replace(r#""disk_errors": 2,"#, "");
    let alone = without_disks.replacen('{', r#"{ "leadership": false, "#, 1);
    let setup = setup(&file(&alone));
    for seed in 0..500 {
        let run = play(&setup, seed);
        assert_good(&run);
        assert!(run.healed_after.is_some(), "seed {seed}");
    }
}

#[test]
fn all_faults_that_are_asked_for_happen_and_half_of_them_close_to_another() {
    let setup = setup(&file(CHAOS));
    let (mut close, mut all) = (0, 0);
    for seed in 0..100 {
        let world = World::new(&setup, seed);
        let steps = world.steps();
        let count =
            |is: fn(&Operation) -> bool| steps.iter().filter(|step| is(&step.operation)).count();
        // A cut is said again when something else heals; and it may be that no member is free to die.
        assert!(count(|operation| matches!(operation, Operation::Cut(_))) >= 4, "seed {seed}");
        assert!(count(|operation| matches!(operation, Operation::Isolate(_))) >= 2, "seed {seed}");
        assert!(count(|operation| matches!(operation, Operation::Kill(_))) >= 3, "seed {seed}");
        for pair in steps.windows(2) {
            close += usize::from(pair[1].at < pair[0].at + Duration::from_millis(5));
            all += 1;
        }
    }
    assert!(close * 3 > all, "{close} of {all}");
}

/// Three voters, and parties outside of the ensemble.
fn outsiders(faults: &str) -> Arc<Setup> {
    setup(&file(&format!(
        r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}, {{ "id": 3 }}],
              "faults": {{ "until_ms": 10000, "kills": 3, {faults} }} }}"#
    )))
}

#[test]
fn strangers_come_in_every_manner_and_some_of_them_stay() {
    let setup = outsiders(r#""strangers": 4"#);
    let mut manners = BTreeSet::new();
    let (mut came, mut left) = (0, 0);
    for seed in 0..100 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        let told = |what: &str| trace.lines().filter(|line| line.contains(what)).count();
        assert_eq!(told("  -  STRANGER "), 4, "seed {seed}");
        came += told("  -  STRANGER ");
        left += told("  -  LEAVES ");
        for manner in ["is silent", "nobody understands", "no frame", "comes and goes", "at once"] {
            manners.extend((told(manner) > 0).then_some(manner));
        }
    }
    assert_eq!(manners.len(), 5, "{manners:?}");
    assert!(left * 3 > came && left * 3 < came * 2, "{left} of {came} left");
}

#[test]
fn a_stranger_becomes_a_link_and_never_a_voter() {
    // 3 never runs: whatever is said to it, a stranger hears.
    let text = r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
        "faults": { "until_ms": 2000, "strangers": 6 },
        "steps": [{ "at_ms": 0, "start": [1, 2] }],
        "expect": [{ "by_ms": 1000, "leader": 2, "following": [1] }] }"#;
    let setup = setup(&file(text));
    let mut linked = 0;
    for seed in 0..50 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        linked += usize::from(trace.contains("link up     3#"));
        assert!(!trace.contains("hears       3:"), "seed {seed}");
    }
    assert!(linked > 25, "{linked} of 50");
}

#[test]
fn strangers_alone_are_no_quorum() {
    let text = r#"{ "members": [{ "id": 1, "vote": { "zxid": 5 } }, { "id": 2 }, { "id": 3 }],
        "faults": { "until_ms": 2000, "strangers": 6 },
        "steps": [{ "at_ms": 0, "start": [1, 2, 3] }, { "at_ms": 3000, "kill": [2, 3] }],
        "expect": [{ "by_ms": 5000, "leader": null, "looking": [1] }] }"#;
    let setup = setup(&file(text));
    for seed in 0..100 {
        assert_good(&play(&setup, seed));
    }
}

#[test]
fn members_freeze_and_are_replaced_while_the_others_go_on() {
    let setup = outsiders(r#""frozen": 2"#);
    let (mut frozen, mut killed) = (0, 0);
    for seed in 0..100 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        let told = |what: &str| trace.lines().filter(|line| line.contains(what)).count();
        assert!(told("  REPLACED ") <= told("  FREEZES"), "seed {seed}");
        frozen += told("  FREEZES");
        killed += told("its frozen instance");
    }
    assert!(frozen > 150 && killed > 50 && killed < frozen, "{killed} of {frozen}");
}

#[test]
fn what_is_expected_by_the_time_of_a_step_is_judged_before_that_step() {
    let ending = |leader: u64| {
        let text = format!(
            r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}, {{ "id": 3 }}],
                "steps": [{{ "at_ms": 0, "start": [1, 2, 3] }}, {{ "at_ms": 500, "kill": [3] }}],
                "expect": [{{ "by_ms": 500, "leader": {leader} }}] }}"#
        );
        play(&setup(&file(&text)), 0).ending
    };
    assert_eq!((ending(3), ending(2)), (Ending::Elected, Ending::Unmet));
}

#[test]
fn a_member_that_dies_while_it_speaks_has_said_it_to_some_and_not_to_others() {
    let text = r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
        "faults": { "delay_us": [10000, 10000] },
        "steps": [{ "at_ms": 0, "start": [1, 2, 3] }, { "at_ms": 25, "kill": [3] }],
        "expect": [{ "by_ms": 1000, "leader": 2, "following": [1] }] }"#;
    let setup = setup(&file(text));
    let heard_by = |seed| {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        [1, 2].map(|who| trace.contains(&format!("  {who}  hears       3: looking, votes 3")))
    };
    let outcomes: BTreeSet<_> = (0..100).map(heard_by).collect();
    assert_eq!(outcomes.len(), 4, "all, none, or either: {outcomes:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let setup = setup(&file(CHAOS));
    let trace = |seed| play_with_trace(&setup, seed).0;
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

#[test]
fn a_trace_changes_nothing() {
    let setup = setup(&file(CHAOS));
    assert_eq!(play_with_trace(&setup, 11).1, play(&setup, 11));
}

#[test]
fn a_plan_that_is_written_down_is_read_again_and_plays_the_same() {
    let chaos = file(CHAOS);
    for seed in 0..20 {
        let planned = with_faults_as_steps(&chaos, seed);
        assert!(planned.steps.len() > chaos.steps.len());
        let read = VoteFile::parse("plan", &planned.to_json()).unwrap();
        let (original, replayed) = (setup(&chaos), setup(&read));
        assert_eq!(play_with_trace(&original, seed).0, play_with_trace(&replayed, seed).0);
    }
}

#[test]
fn an_undisturbed_election_takes_a_few_round_trips_and_a_leader_one_write_to_a_disk_more() {
    let members = r#""members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }]"#;
    for (leadership, most) in [("false", 5), ("true", 10)] {
        let text = format!(r#"{{ "leadership": {leadership}, {members} }}"#);
        let setup = setup(&file(&text));
        for seed in 0..200 {
            let run = play(&setup, seed);
            assert_good(&run);
            let [election] = run.elections[..] else { panic!("seed {seed}: {:?}", run.elections) };
            let took = election.took.as_millis();
            assert!(took < most && election.messages < 30, "{seed}: {election:?}");
        }
    }
}

/// The lines of a trace that tell this, without their times.
fn told<'a>(trace: &'a str, what: &'a str) -> impl Iterator<Item = &'a str> {
    trace.lines().filter_map(move |line| line.split_once(what).map(|(_, rest)| rest.trim()))
}

#[test]
fn what_a_member_was_storing_when_it_died_is_there_or_is_not() {
    let setup = setup(&file(
        r#"{ "members": [{ "id": 1 }],
             "steps": [{ "at_ms": 0, "start": [1] }, { "at_ms": 2, "kill": [1] },
                       { "at_ms": 300, "start": [1] }],
             "expect": [{ "by_ms": 1000, "leader": 1 }] }"#,
    ));
    let epochs = |seed| {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        told(&trace, "LEADS").map(str::to_owned).collect::<Vec<_>>()
    };
    // Not there; there, but it had not been told so; there.
    let expected = [vec!["epoch 1"], vec!["epoch 2"], vec!["epoch 1", "epoch 2"]];
    let expected = expected.map(|epochs| epochs.into_iter().map(str::to_owned).collect());
    assert_eq!((0..200).map(epochs).collect::<BTreeSet<Vec<_>>>(), expected.into());
}

#[test]
fn a_leader_that_wakes_knows_first_that_its_epoch_is_over() {
    let setup = setup(&file(
        r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
             "faults": { "until_ms": 10000, "hangs": 6 } }"#,
    ));
    let mut seen = 0;
    for seed in 0..200 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        // Since when each member hangs, whether it leads, and whether what it does next has to be the end of that.
        let (mut hangs, mut leads, mut ends) = ([0.0; 4], [false; 4], [false; 4]);
        for line in trace.lines() {
            let mut columns = line.split_whitespace();
            let at: f64 = columns.next().unwrap().parse().unwrap();
            let Ok(member) = columns.next().unwrap().parse::<usize>() else { continue };
            match columns.next().unwrap() {
                "HANGS" => hangs[member] = at,
                "WAKES" => ends[member] = leads[member] && at - hangs[member] > 1001.0,
                "LEADS" | "FOLLOWS" | "tells" | "answers" | "stores" if ends[member] => {
                    panic!("seed {seed}: {line}");
                }
                "LEADS" => leads[member] = true,
                "LOST" => {
                    seen += usize::from(ends[member]);
                    (leads[member], ends[member]) = (false, false);
                }
                _ => {}
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn a_leader_that_hangs_past_two_successions_says_nothing_more_in_its_epoch_when_it_wakes() {
    let setup = setup(&kept("tests/scenarios/leadership-e14-a-stale-leader.json"));
    for seed in 0..50 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        // Nothing of it was told while it hung: it still believed in its epoch.
        let (_, hung) = trace.split_once("HANGS").unwrap();
        let (hung, awake) = hung.split_once("WAKES").unwrap();
        assert_eq!(hung.matches("    5  ").count(), 1, "but that it wakes; seed {seed}");
        let of_its_epoch = ["LEADS", "FOLLOWS", "LOST", "tells", "answers", "stores"];
        let mut of_it = awake.lines().filter_map(|line| line.get(12..)?.strip_prefix("  5  "));
        let first = of_it.find(|line| of_its_epoch.iter().any(|verb| line.starts_with(verb)));
        assert_eq!(first, Some("LOST        epoch 1: no quorum has answered"), "seed {seed}");
    }
}

#[test]
fn a_leader_whose_machine_was_suspended_believes_in_its_epoch_no_longer_than_a_silence_after_it_wakes()
 {
    let setup = setup(&file(
        r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
             "faults": { "until_ms": 10000, "suspends": 6 } }"#,
    ));
    let (mut seen, mut believed) = (0, 0);
    for seed in 0..200 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        // Since when each member is suspended, whether it leads, and when it has woken with an epoch that is over.
        let (mut since, mut leads, mut woken) = ([0.0; 4], [false; 4], [None; 4]);
        for line in trace.lines() {
            let mut columns = line.split_whitespace();
            let at: f64 = columns.next().unwrap().parse().unwrap();
            let Ok(member) = columns.next().unwrap().parse::<usize>() else { continue };
            match columns.next().unwrap() {
                "SUSPENDS" => (since[member], woken[member]) = (at, None),
                // The others have left it by then.
                "WAKES" if leads[member] && at - since[member] > 1501.0 => {
                    woken[member] = Some(at);
                }
                "LEADS" => leads[member] = true,
                "LOST" => {
                    if let Some(woke) = woken[member].take() {
                        assert!(at - woke <= 1001.0, "seed {seed}: {line}");
                        seen += 1;
                        believed += usize::from(at > woke);
                    }
                    leads[member] = false;
                }
                _ => {}
            }
        }
        assert_eq!(woken, [None; 4], "seed {seed}");
    }
    assert!(seen > 10 && believed == seen, "{believed} of {seen}");
}

#[test]
fn an_hour_on_a_network_with_late_messages_changes_no_leader() {
    let setup = setup(&file(
        r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
             "faults": { "delay_us": [50, 2000], "slow_percent": 2, "slow_ms": 300, "drift_ppm": 1000 },
             "expect": [{ "by_ms": 1000, "following": [1] },
                        { "by_ms": 3600000, "epoch": 1, "following": [1, 2] }] }"#,
    ));
    for seed in 0..3 {
        let run = play(&setup, seed);
        assert_good(&run);
        assert_eq!(run.elections.len(), 1, "seed {seed}");
        assert!(run.time >= Duration::from_secs(3600), "seed {seed}");
    }
}

#[test]
fn disks_fill_and_stall_and_are_lost_but_never_so_many_that_all_is_forgotten() {
    let setup = setup(&file(
        r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
             "faults": { "until_ms": 10000, "kills": 2, "wipes": 4, "disk_full": 3, "disk_stalls": 3 } }"#,
    ));
    let (mut wiped, mut failed, mut recorded) = (0, 0, 0);
    for seed in 0..100 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        wiped += told(&trace, "STEP        wipe").count();
        failed += told(&trace, "store fails").count();
        recorded += told(&trace, "recorded").count();
        assert_eq!(told(&trace, "STALLS").count(), 3, "seed {seed}");
    }
    assert!(wiped > 200 && failed > 20 && recorded > 50, "{wiped} {failed} {recorded}");
}

#[test]
fn a_member_whose_disk_fails_a_sync_says_nothing_more_in_that_life() {
    let setup = setup(&file(
        r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
             "faults": { "until_ms": 10000, "kills": 4, "disk_errors": 6 } }"#,
    ));
    let mut failed = 0;
    for seed in 0..100 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        let mut silent = [false; 4];
        for line in trace.lines() {
            let Some((member, what)) =
                line.get(12..).and_then(|line| line.trim_start().split_once("  "))
            else {
                continue;
            };
            let Ok(member) = member.trim().parse::<usize>() else { continue };
            let of_a_life = ["says to", "tells", "answers", "stores", "LEADS", "FOLLOWS"];
            let speaks = of_a_life.iter().any(|verb| what.starts_with(verb));
            assert!(!(silent[member] && speaks), "seed {seed}: {line}");
            if what.starts_with("sync fails") {
                (failed, silent[member]) = (failed + 1, true);
            } else if what.starts_with("looks") {
                silent[member] = false;
            }
        }
    }
    assert!(failed > 20, "{failed}");
}

#[test]
fn a_leader_that_is_killed_and_one_that_resigns_are_followed_by_larger_epochs() {
    let text = |step: &str| {
        format!(
            r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}, {{ "id": 3 }}],
                "steps": [{{ "at_ms": 0, "start": [1, 2, 3] }}, {{ "at_ms": 500, {step} }}],
                "expect": [{{ "by_ms": 500, "leader": 3, "epoch": 1, "following": [1, 2] }},
                           {{ "by_ms": 600, "leader": 2, "epoch": 2, "following": [1] }}] }}"#
        )
    };
    for step in [r#""kill": [3]"#, r#""stop": [3]"#, r#""resign": { "id": 3 }"#] {
        let setup = setup(&file(&text(step)));
        for seed in 0..50 {
            let run = play(&setup, seed);
            assert!(run.is_good(), "{step}, seed {seed}: {run:?}");
        }
    }
}

#[test]
fn when_all_disks_are_lost_at_once_epochs_begin_anew() {
    let setup = setup(&file(
        r#"{ "ensemble": "a", "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
             "steps": [{ "at_ms": 0, "start": [1, 2, 3] }, { "at_ms": 500, "kill": [1, 2, 3] },
                       { "at_ms": 600, "wipe": [1, 2, 3] }, { "at_ms": 700, "start": [1, 2, 3] }],
             "expect": [{ "by_ms": 500, "leader": 3, "epoch": 1, "following": [1, 2] },
                        { "by_ms": 2000, "leader": 3, "epoch": 1, "following": [1, 2] }] }"#,
    ));
    for seed in 0..50 {
        assert_good(&play(&setup, seed));
    }
}

#[test]
fn a_joiner_a_flapping_member_and_a_healed_minority_never_move_an_established_leader() {
    let setup = setup(&file(
        r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }, { "id": 4 }, { "id": 9, "vote": { "zxid": 7 } }],
             "steps": [
               { "at_ms": 0, "start": [1, 2, 3, 4] },
               { "at_ms": 500, "start": [9] },
               { "at_ms": 900, "kill": [9] },
               { "at_ms": 1000, "start": [9] },
               { "at_ms": 1500, "cut": [[9, 1], [9, 2], [9, 3], [9, 4]] },
               { "at_ms": 4000, "heal": true } ],
             "expect": [
               { "by_ms": 400, "leader": 4, "following": [1, 2, 3] },
               { "by_ms": 500, "leader": 4, "following": [1, 2, 3] },
               { "by_ms": 900, "leader": 4, "following": [1, 2, 3] },
               { "by_ms": 1000, "leader": 4, "following": [1, 2, 3] },
               { "by_ms": 1500, "leader": 4, "following": [1, 2, 3] },
               { "by_ms": 4000, "leader": 4, "following": [1, 2, 3] },
               { "by_ms": 10000, "leader": 4, "following": [1, 2, 3, 9] } ] }"#,
    ));
    for seed in 0..100 {
        let run = play(&setup, seed);
        assert_good(&run);
        assert_eq!(run.elections.len(), 1, "seed {seed}");
    }
}
