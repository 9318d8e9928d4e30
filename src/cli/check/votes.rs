//! [`Votes`]: a vote file, and what is doubtful about the files of keys and certificates that it names.

use std::{collections::BTreeMap, io::Write, path::Path, time::SystemTime};

use ballotbox::{
    Endpoint, History, Member, Role, ServerId,
    scenario::vote_file::{VoteFile, VoteFileError},
    tls::Certificate,
};
use ballotbox_actors::kit::clock;

use super::{
    super::{
        Failure, input,
        screen::{self, BOLD, Column, FAINT, PLAIN},
        tls_files::{self, Speaker},
    },
    quorum, tls,
};

/// A vote file, and what the files that it names have in them here and now.
pub(super) struct Votes {
    pub(super) file: VoteFile,
    /// The certificates of those members whose files can be read.
    pub(super) certificates: BTreeMap<ServerId, Certificate>,
    /// What is wrong with these files, each thing once.
    pub(super) warnings: Vec<String>,
}

impl Votes {
    pub(super) fn read(path: &Path) -> Result<Self, VoteFileError> {
        let file = input::vote_file(path)?;
        let (certificates, warnings) = look_at_tls_files(&file, path, clock::time_of_day());
        Ok(Self { file, certificates, warnings })
    }
}

/// Reads the files of each member that has any. A member without is told its files by the command line.
fn look_at_tls_files(
    file: &VoteFile,
    path: &Path,
    now: SystemTime,
) -> (BTreeMap<ServerId, Certificate>, Vec<String>) {
    let (mut certificates, mut warnings) = (BTreeMap::new(), Vec::new());
    for (member, _) in file.members() {
        let Ok(Some(settings)) = file.tls_settings(member.id, path, None) else { continue };
        let names = file.tls_names().collect();
        let speaker = Speaker { me: member.id, members: &file.membership, names };
        match tls_files::read(settings, &speaker, &mut warnings) {
            Ok(tls) => {
                warnings.extend(tls.doubt_of_time(now).map(|doubt| doubt.to_string()));
                certificates.insert(member.id, tls.certificate());
            }
            Err(failure) => warnings.push(failure.to_string()),
        }
    }
    // Members may have files in common.
    warnings.sort_unstable();
    warnings.dedup();
    (certificates, warnings)
}

/// What it says, for people.
pub(super) fn print(votes: &Votes, out: &mut dyn Write) -> Result<(), Failure> {
    let Votes { file, warnings, .. } = votes;
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
    let rows: Vec<_> =
        file.members().map(|(member, history)| (PLAIN, member_row(member, history))).collect();
    screen::table(out, &columns, &rows)?;
    let grouped = file.membership.iter().any(|member| member.group.is_some());
    writeln!(out, "\n{}", quorum(file.ensemble(), grouped))?;
    if let Some(tls) = &file.tls {
        tls::of_votes(file, tls, out)?;
    }
    writeln!(out, "\n{BOLD}Steps{BOLD:#}")?;
    for step in &file.steps {
        writeln!(out, " {FAINT}{}{FAINT:#}  {}", screen::at(step.at), step.operation)?;
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
    if !warnings.is_empty() {
        writeln!(out, "\n{BOLD}Warnings{BOLD:#}")?;
    }
    for warning in warnings {
        writeln!(out, " {warning}")?;
    }
    Ok(())
}

fn member_row(member: &Member, history: History) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
    let address =
        |addresses: &[Endpoint]| addresses.first().map_or_else(String::new, Endpoint::to_string);
    let votes = member.role == Role::Voter;
    let of_voters = |text: String| if votes { text } else { String::new() };
    vec![
        member.id.to_string(),
        member.role.word().to_owned(),
        number(member.weight),
        number(member.group.map(|group| group.0)),
        of_voters(history.epoch.to_string()),
        of_voters(history.zxid.to_string()),
        address(&member.election),
        address(&member.quorum),
    ]
}
