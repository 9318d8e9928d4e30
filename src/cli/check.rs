//! `ballotbox check`: is this file good, and what does it say?

mod kind;
mod zoo_cfg;

use std::{io::Write, path::PathBuf};

use ballotbox::{
    Ensemble, Role,
    vote_file::{VoteFile, VoteFileMember},
    zoo_cfg::ZooCfg,
};
use structopt::StructOpt;

use self::kind::Kind;
use super::{
    ExitCode, Failure,
    screen::{self, BOLD, Column, FAINT, PLAIN},
};

/// Checks a file, and says what it means
#[derive(Debug, StructOpt)]
pub(super) struct CheckArgs {
    /// A vote file, or the zoo.cfg of a ZooKeeper server
    #[structopt(name = "FILE", parse(from_os_str))]
    file: PathBuf,
}

pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    match Kind::of(&args.file) {
        Kind::ZooCfg => zoo_cfg::print(&ZooCfg::read(&args.file)?, out)?,
        Kind::VoteFile => vote_file(&VoteFile::read(&args.file)?, out)?,
        Kind::Neither(found) => return Err(kind::neither(&args.file, found)),
    }
    Ok(ExitCode::Done)
}

fn vote_file(file: &VoteFile, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(title) = &file.title {
        writeln!(out, "{BOLD}{title}{BOLD:#}\n")?;
    }
    let columns = [
        Column::right("member"),
        Column::left("role"),
        Column::right("weight"),
        Column::right("group"),
        Column::right("epoch"),
        Column::right("zxid"),
        Column::left("election"),
        Column::left("quorum"),
    ];
    let rows: Vec<_> = file.members.iter().map(|member| (PLAIN, member_row(member))).collect();
    screen::table(out, &columns, &rows)?;
    let grouped = file.members.iter().any(|member| member.member.group.is_some());
    writeln!(out, "\n{}", quorum(&file.ensemble, grouped))?;
    writeln!(out, "\n{BOLD}Steps{BOLD:#}")?;
    for step in &file.steps {
        writeln!(out, " {FAINT}{}{FAINT:#}  {}", screen::at(step.at), step.deed)?;
    }
    if !file.expectations.is_empty() {
        writeln!(out, "\n{BOLD}Expected{BOLD:#}")?;
    }
    for expectation in &file.expectations {
        writeln!(out, " {expectation}")?;
    }
    if let Some(faults) = &file.faults {
        writeln!(out, "\n{BOLD}Faults, for simulate only{BOLD:#}\n {faults}")?;
    }
    Ok(())
}

fn member_row(member: &VoteFileMember) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
    let address = |address: &Option<_>| {
        address.as_ref().map_or_else(String::new, ballotbox::Endpoint::to_string)
    };
    let votes = member.member.role == Role::Voter;
    let history = |text: String| if votes { text } else { String::new() };
    vec![
        member.member.id.to_string(),
        role_word(member.member.role).to_owned(),
        number(member.member.weight),
        number(member.member.group.map(|group| group.0)),
        history(member.epoch.to_string()),
        history(member.zxid.to_string()),
        address(&member.election),
        address(&member.quorum),
    ]
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Voter => "voter",
        Role::Observer => "observer",
    }
}

/// What a quorum is, in words.
fn quorum(ensemble: &Ensemble, grouped: bool) -> String {
    if grouped {
        return "A quorum is more than half of the weight in more than half of the groups."
            .to_owned();
    }
    let voters = ensemble.voters().count();
    let enough = voters / 2 + 1;
    let lost = voters - enough;
    format!("A quorum is {enough} of {voters} voters: {lost} may be lost.")
}
