//! One run: its trace, and how it ended.

use std::{io::Write, sync::Arc};

use anstyle::Style;
use ballotbox::scenario::simulation::{
    Ending, MemberAtEnd, Recording, Run, Setup, World, play_watched,
};
use ballotbox_actors::kit::Rounded;
use serde_json::{Value, json};

use super::{
    add_broken, broken, impostors, millis, overlapping, progress, progress::Progress, word,
};
use crate::cli::{
    screen::{self, BAD, Column, GOOD, PLAIN},
    why,
};

/// Shows everything.
pub(super) fn tell(trace: &str, run: &Run, out: &mut dyn Write) -> std::io::Result<()> {
    out.write_all(trace.as_bytes())?;
    writeln!(out)?;
    members(run, out)?;
    writeln!(out, "\n{}", summary(run))?;
    if let Some(impostors) = impostors(run.impostors_believed, run.impostors_unmasked) {
        writeln!(out, "{impostors}.")?;
    }
    if let Some(report) = &run.why {
        writeln!(out)?;
        why::tell(report, out)?;
    }
    Ok(())
}

/// Plays once; on a terminal, stderr shows that it goes on.
pub(super) fn play(setup: &Arc<Setup>, seed: u64, recording: Recording) -> (String, Run) {
    /// To read the clock at every step would take longer than most steps.
    const EVERY: u32 = 64;
    let (mut progress, mut steps) = (Progress::new(), 0_u32);
    play_watched(setup, seed, recording, |world: &World| {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(EVERY) {
            progress.tell(|elapsed| progress::of_one(world.now(), world.messages(), elapsed));
        }
    })
}

fn members(run: &Run, out: &mut dyn Write) -> std::io::Result<()> {
    let columns = [
        Column::right("member"),
        Column::left("state"),
        Column::right("leader"),
        Column::right("round"),
        Column::left("vote"),
    ];
    let rows: Vec<_> = run
        .members
        .iter()
        .map(|(id, member)| {
            let leads = Some(*id) == run.leader;
            let cells = vec![
                id.to_string(),
                member.state.word().to_owned(),
                or_empty(member.state.leader_of(*id)),
                or_empty(member.round),
                or_empty(member.vote),
            ];
            (if leads { GOOD } else { PLAIN }, cells)
        })
        .collect();
    screen::table(out, &columns, &rows)
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn summary(run: &Run) -> String {
    let (style, ended) = ended(run);
    let met = run.expectations.iter().filter(|(_, met)| *met).count();
    let expectations = match run.expectations.len() {
        0 => String::new(),
        all => format!("; {met} of {all} expectations came true"),
    };
    let elections: Vec<_> =
        run.elections.iter().map(|election| Rounded(election.took).to_string()).collect();
    let took = match &elections[..] {
        [] => String::new(),
        all => format!("; without a leader for {}", all.join(", ")),
    };
    let overlaps = match run.overlapping_leases {
        0 => String::new(),
        count => format!("; {}", overlapping(count)),
    };
    // The time is more than an election takes: the members that agree are watched for a while.
    format!(
        "With seed {}, {style}{ended}{style:#}{took}; {} messages{overlaps}{expectations}. Watched until {} ms.",
        run.seed,
        run.messages,
        millis(run.time)
    )
}

/// How it ended, in the middle of a sentence.
fn ended(run: &Run) -> (Style, String) {
    match run.ending {
        Ending::Elected => {
            (GOOD, run.leader.map_or_else(String::new, |leader| format!("{leader} leads")))
        }
        Ending::NoLeader if run.is_good() => (GOOD, "nobody leads, as expected".to_owned()),
        Ending::NoLeader => (BAD, "nobody leads in the end".to_owned()),
        Ending::Unmet => (BAD, "not everything went as expected".to_owned()),
        Ending::Broken => {
            let how = run.violation.as_ref().map_or_else(|| "broken".to_owned(), broken);
            (BAD, format!("a rule was {how}"))
        }
    }
}

/// The run as one object.
pub(super) fn to_json(run: &Run) -> Value {
    let member = |(id, member): (&ballotbox::ServerId, &MemberAtEnd)| {
        json!({
            "id": id.number(),
            "role": member.role.word(),
            "state": member.state.word(),
            "leader": member.state.leader_of(*id).map(ballotbox::ServerId::number),
            "round": member.round.map(|round| round.0),
            "zxid": member.vote.map(|vote| vote.zxid.to_string()),
            "epoch": member.vote.map(|vote| vote.epoch.0),
        })
    };
    let elections = run.elections.iter().map(|election| {
        json!({
            "began_ms": millis(election.began),
            "took_ms": millis(election.took),
            "leader": election.leader.number(),
            "messages": election.messages,
        })
    });
    let expectations = run.expectations.iter().map(|(by, met)| {
        json!({ "by_ms": u64::try_from(by.as_millis()).unwrap_or(u64::MAX), "met": met })
    });
    let mut object = json!({
        "outcome": word(run.ending),
        "seed": run.seed,
        "leader": run.leader.map(ballotbox::ServerId::number),
        "elapsed_ms": millis(run.time),
        "messages": run.messages,
        "healed_ms": run.healed_after.map(millis),
        "overlapping_leases": run.overlapping_leases,
        "impostors_believed": run.impostors_believed,
        "impostors_unmasked": run.impostors_unmasked,
        "elections": elections.collect::<Vec<_>>(),
        "members": run.members.iter().map(member).collect::<Vec<_>>(),
        "expectations": expectations.collect::<Vec<_>>(),
    });
    if let Some(report) = &run.why {
        object["why"] = json!(report);
    }
    add_broken(&mut object, run.violation.as_ref());
    object
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballotbox::{ServerId, scenario::simulation::Violation};

    use super::*;

    fn run(ending: Ending) -> Run {
        Run {
            seed: 7,
            ending,
            violation: None,
            leader: None,
            elections: Vec::new(),
            messages: 25,
            time: Duration::from_micros(20_049_500),
            healed_after: None,
            expectations: Vec::new(),
            overlapping_leases: 0,
            impostors_believed: 0,
            impostors_unmasked: 0,
            members: std::collections::BTreeMap::new(),
            why: None,
            story: Vec::new(),
        }
    }

    fn plain(run: &Run) -> String {
        anstream::adapter::strip_str(&summary(run)).to_string()
    }

    #[test]
    fn the_summary_names_the_rule_that_was_broken_by_whom_and_when() {
        let mut run = run(Ending::Broken);
        let at = Duration::from_micros(1_203_400);
        let details = "not by 2".to_owned();
        run.violation =
            Some(Violation { rule: "all is well", member: ServerId::new(3), at, details });
        let told = "With seed 7, a rule was broken by 3 at 1203.4 ms: all is well (not by 2); \
                    25 messages. Watched until 20049.5 ms.";
        assert_eq!(plain(&run), told);
        let object = to_json(&run);
        assert_eq!(object["broken_rule"], "all is well");
        assert_eq!(object["broken_by"], 3);
        assert_eq!(object["broken_at_ms"], 1203.4);
        assert_eq!(object["broken_details"], "not by 2");
    }

    #[test]
    fn leases_that_overlap_are_told_if_there_are_any() {
        let mut run = run(Ending::Elected);
        assert!(!plain(&run).contains("overlap"));
        assert_eq!(to_json(&run)["overlapping_leases"], 0);
        run.overlapping_leases = 1;
        assert!(plain(&run).contains("25 messages; 1 overlap of leases, as clocks were paused."));
        run.overlapping_leases = 2;
        assert!(plain(&run).contains("25 messages; 2 overlaps of leases, as clocks were paused."));
        assert_eq!(to_json(&run)["overlapping_leases"], 2);
    }

    #[test]
    fn what_all_of_them_break_is_broken_by_nobody_and_without_details() {
        let mut run = run(Ending::Broken);
        let (at, details) = (Duration::from_millis(5), String::new());
        run.violation = Some(Violation { rule: "all agree", member: None, at, details });
        assert!(plain(&run).starts_with("With seed 7, a rule was broken at 5 ms: all agree; 25"));
        assert_eq!(to_json(&run)["broken_by"], Value::Null);
    }

    #[test]
    fn the_summary_is_a_sentence_however_it_ended() {
        let mut run = run(Ending::NoLeader);
        run.expectations = vec![(Duration::from_millis(9), true)];
        assert!(
            plain(&run).starts_with("With seed 7, nobody leads, as expected; 25 messages; 1 of 1")
        );
        let object = to_json(&run);
        for field in ["broken_rule", "broken_by", "broken_at_ms", "broken_details"] {
            assert_eq!(object[field], Value::Null);
        }
        (run.ending, run.leader) = (Ending::Elected, ServerId::new(3));
        assert!(plain(&run).starts_with("With seed 7, 3 leads; 25 messages"));
        run.ending = Ending::Unmet;
        assert!(plain(&run).starts_with("With seed 7, not everything went as expected; 25"));
        (run.ending, run.leader) = (Ending::NoLeader, None);
        run.expectations.clear();
        assert!(plain(&run).starts_with("With seed 7, nobody leads in the end; 25"));
    }
}
