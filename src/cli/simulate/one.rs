//! One run: its trace, and how it ended.

use std::{io::Write, sync::Arc};

use ballotbox::{
    Role,
    simulation::{Ending, MemberAtEnd, Run, Setup, play as play_once, play_with_trace},
};
use serde_json::{Value, json};

use super::{millis, word};
use crate::cli::screen::{self, BAD, Column, GOOD, PLAIN};

/// Plays once and shows everything; whether it ended well.
pub(super) fn play(setup: &Arc<Setup>, seed: u64, out: &mut dyn Write) -> std::io::Result<bool> {
    let (trace, run) = play_with_trace(setup, seed);
    out.write_all(trace.as_bytes())?;
    writeln!(out)?;
    members(&run, out)?;
    writeln!(out, "\n{}", summary(&run))?;
    Ok(run.ending == Ending::Elected)
}

/// Plays once and prints one JSON object; whether it ended well.
pub(super) fn play_silently(
    setup: &Arc<Setup>,
    seed: u64,
    out: &mut dyn Write,
) -> std::io::Result<bool> {
    let run = play_once(setup, seed);
    writeln!(out, "{}", to_json(&run))?;
    Ok(run.ending == Ending::Elected)
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
    let (style, ended) = match run.ending {
        Ending::Elected => (
            GOOD,
            run.leader.map_or_else(
                || "Nobody leads, as expected".to_owned(),
                |leader| format!("{leader} leads"),
            ),
        ),
        Ending::NoLeader => (BAD, "Nobody was elected".to_owned()),
        Ending::Unmet => (BAD, "Not everything went as expected".to_owned()),
        Ending::Broken => (BAD, "A rule was broken".to_owned()),
    };
    let met = run.expectations.iter().filter(|(_, met)| *met).count();
    let expectations = match run.expectations.len() {
        0 => String::new(),
        all => format!("; {met} of {all} expectations came true"),
    };
    let elections: Vec<_> =
        run.elections.iter().map(|election| format!("{} ms", millis(election.took))).collect();
    let took = match &elections[..] {
        [] => String::new(),
        all => format!("; without a leader for {}", all.join(", ")),
    };
    format!(
        "{style}{ended}{style:#} with seed {} after {} ms{took}; {} messages{expectations}.",
        run.seed,
        millis(run.time),
        run.messages
    )
}

fn to_json(run: &Run) -> Value {
    let member = |(id, member): (&ballotbox::ServerId, &MemberAtEnd)| {
        json!({
            "id": id.number(),
            "role": match member.role { Role::Voter => "voter", Role::Observer => "observer" },
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
    json!({
        "outcome": word(run.ending),
        "seed": run.seed,
        "leader": run.leader.map(ballotbox::ServerId::number),
        "elapsed_ms": millis(run.time),
        "messages": run.messages,
        "broken_rule": run.violation.as_ref().map(|violation| violation.rule),
        "healed_ms": run.healed_after.map(millis),
        "elections": elections.collect::<Vec<_>>(),
        "members": run.members.iter().map(member).collect::<Vec<_>>(),
        "expectations": expectations.collect::<Vec<_>>(),
    })
}
