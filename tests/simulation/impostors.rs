//! Impostors, who say valid words in the name of voters: with TLS they change nothing, and without it they do harm.

use std::collections::BTreeSet;

use ballotbox::scenario::simulation::{Ending, play, play_with_trace};

use super::{assert_good, example, setup, told};

/// The example, and the same with these other fields.
fn impostors(
    change: impl FnOnce(&mut serde_json::Value),
) -> ballotbox::scenario::vote_file::VoteFile {
    let mut file = serde_json::from_str(&example("faults/impostors.json").to_json()).unwrap();
    change(&mut file);
    super::file(&file.to_string())
}

/// The same without TLS.
fn in_plain_text() -> ballotbox::scenario::vote_file::VoteFile {
    impostors(|file| {
        file.as_object_mut().unwrap().remove("tls");
        for member in file["members"].as_array_mut().unwrap() {
            member.as_object_mut().unwrap().remove("tls");
        }
    })
}

#[test]
fn with_tls_all_impostors_are_turned_away_and_no_rule_breaks() {
    let setup = setup(&example("faults/impostors.json"));
    let (mut unmasked, mut reasons) = (0, BTreeSet::new());
    for seed in 0..300 {
        let (trace, run) = play_with_trace(&setup, seed);
        assert_good(&run);
        assert_eq!(run.impostors_believed, 0, "seed {seed}");
        assert_eq!(told(&trace, "  UNMASKS ").count() as u64, run.impostors_unmasked);
        unmasked += run.impostors_unmasked;
        for reason in ["and has no certificate", "and has only its own certificate"] {
            reasons.extend(trace.contains(reason).then_some(reason));
        }
    }
    assert!(unmasked > 300 && reasons.len() == 2, "{unmasked}, {reasons:?}");
}

#[test]
fn members_behind_tls_live_the_same_lives_with_impostors_as_without() {
    let alone = setup(&impostors(|file| file["faults"]["impostors"] = 0.into()));
    let visited = setup(&example("faults/impostors.json"));
    let mut compared = 0;
    for seed in 0..300 {
        let (with, run) = play_with_trace(&visited, seed);
        // One that has the address of a member that is gone keeps others from hearing that nobody is there.
        if told(&with, "  IMPOSTOR ").any(|who| who.ends_with("and leads")) {
            continue;
        }
        let of_members = |line: &&str| {
            !["  IMPOSTOR ", "  LEAVES ", "  UNMASKS "].iter().any(|verb| line.contains(verb))
        };
        let with: Vec<_> = with.lines().filter(of_members).collect();
        let (without, _) = play_with_trace(&alone, seed);
        assert_eq!(with, without.lines().collect::<Vec<_>>(), "seed {seed}");
        compared += usize::from(run.impostors_unmasked > 0);
    }
    assert!(compared > 5, "{compared}");
}

#[test]
fn in_plain_text_impostors_are_believed_and_rules_break() {
    let setup = setup(&in_plain_text());
    let mut broken = BTreeSet::new();
    for seed in 0..300 {
        let run = play(&setup, seed);
        assert_eq!(run.impostors_unmasked, 0, "seed {seed}");
        if run.ending == Ending::Broken {
            assert!(run.impostors_believed > 0, "seed {seed}: {:?}", run.violation);
            broken.extend(run.violation.map(|violation| violation.rule));
        }
    }
    let on_disks = "an epoch that has begun is on the disks of a quorum";
    assert!(broken.contains(on_disks), "{broken:?}");
}

#[test]
fn an_ensemble_that_has_not_come_to_tls_alone_takes_impostors_in_plain_text() {
    for stage in ["taken", "spoken"] {
        let setup = setup(&impostors(|file| file["tls"]["stage"] = stage.into()));
        let believed: u64 = (0..20).map(|seed| play(&setup, seed).impostors_believed).sum();
        assert!(believed > 0, "{stage}");
    }
}
