//! Hand-overs in virtual time, undisturbed and disturbed.

use ballotbox::scenario::simulation::Verb;

use super::*;

/// Voters 1 to `count`, of which the last leads and resigns after a second in favour of 1; the rest of the file is `more`.
fn resigning(count: u64, more: &str) -> Arc<Setup> {
    let ids: Vec<_> = (1..=count).map(|id| id.to_string()).collect();
    let members: Vec<_> = ids.iter().map(|id| format!("{{ \"id\": {id} }}")).collect();
    let (members, all) = (members.join(", "), ids.join(", "));
    let text = format!(
        r#"{{ "members": [{members}], {more}, "steps": [
            {{ "at_ms": 0, "start": [{all}] }},
            {{ "at_ms": 1000, "resign": {{ "id": {count}, "to": 1 }} }}],
            "expect": [{{ "by_ms": 1000, "leader": {count}, "epoch": 1 }},
                       {{ "by_ms": 3000, "leader": 1, "epoch": 2, "following": [{count}] }}] }}"#
    );
    setup(&file(&text))
}

/// T6: all are told, so there is no round of votes, however many they are.
#[test]
fn nobody_votes_when_a_leadership_is_handed_over() {
    for (count, lease) in [(3, 0), (3, 2000), (5, 0), (5, 2000), (7, 2000)] {
        let setup = resigning(count, &format!(r#""timing": {{ "lease_ms": {lease} }}"#));
        for seed in 0..40 {
            let (trace, run) = play_with_trace(&setup, seed);
            assert_good(&run);
            let after =
                trace.lines().skip_while(|line| Verb::of_line(line) != Some(Verb::HandsOver));
            let before_it_leads = after.take_while(|line| Verb::of_line(line) != Some(Verb::Leads));
            let said: Vec<_> =
                before_it_leads.filter(|line| Verb::of_line(line) == Some(Verb::SaysTo)).collect();
            assert!(said.is_empty(), "{count} voters, seed {seed}: {said:#?}");
        }
    }
}

/// T3: what is late, or breaks, may cost the successor its turn, and never the ensemble its leader.
#[test]
fn who_is_named_leads_when_everything_is_slow_and_somebody_leads_when_links_break() {
    let slow = r#""faults": { "until_ms": 2000, "delay_us": [50, 20000], "slow_percent": 2, "slow_ms": 100 }"#;
    let good = |setup: &Arc<Setup>| {
        let runs = (0..200).map(|seed| play(setup, seed));
        let runs: Vec<_> =
            runs.inspect(|run| assert!(run.violation.is_none(), "{run:?}")).collect();
        runs.iter().filter(|run| run.is_good()).count()
    };
    let led = good(&resigning(3, slow));
    assert!(led >= 190, "{led} of 200");
    let broken = r#""timing": { "lease_ms": 1500 }, "faults": { "until_ms": 2000, "breaks": 8, "cuts": 2, "hangs": 2 }"#;
    let setup = resigning(3, broken);
    for seed in 0..200 {
        let run = play(&setup, seed);
        assert!(run.violation.is_none() && run.healed_after.is_some(), "{run:?}");
    }
}

/// T9, and T8: wherever the successor dies, another one leads soon, and not the one that has resigned.
#[test]
fn a_successor_that_dies_at_any_step_is_followed_by_one_that_has_not_resigned() {
    for lease in [0, 2000] {
        for dies in 1000..1015 {
            // One step of the hand-over takes a millisecond, so every one of them is hit.
            let text = format!(
                r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}, {{ "id": 3 }}], "timing": {{ "lease_ms": {lease} }},
                    "faults": {{ "until_ms": 2000, "delay_us": [900, 1100] }},
                    "steps": [{{ "at_ms": 0, "start": [1, 2, 3] }}, {{ "at_ms": 1000, "resign": {{ "id": 3, "to": 1 }} }},
                              {{ "at_ms": {dies}, "kill": [1] }}],
                    "expect": [{{ "by_ms": 1000, "leader": 3, "epoch": 1 }},
                               {{ "by_ms": 5500, "leader": 2, "following": [3] }}] }}"#
            );
            let setup = setup(&file(&text));
            (0..20).for_each(|seed| assert_good(&play(&setup, seed)));
        }
    }
}
