//! `ballotbox check`: is this file good, and what does it say?

mod json;
mod kind;
mod tls;
mod zoo_cfg;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use ballotbox::{
    Endpoint, Ensemble, History, Member, Role,
    scenario::vote_file::{VoteFile, VoteFileError},
    zoo_cfg::{Finding, ZooCfg, ZooCfgError},
};
use structopt::StructOpt;

use self::kind::Kind;
use super::{
    ExitCode, Failure,
    exit::every_finding,
    input,
    screen::{self, BOLD, Column, FAINT, PLAIN},
};

/// Checks files, and says what they mean
///
/// Exits with 2 if a file cannot be used. Everything that is wrong with a zoo.cfg is said at once, also what only a real
/// server would refuse.
#[derive(Debug, StructOpt)]
pub(super) struct CheckArgs {
    /// Vote files, or the zoo.cfg of ZooKeeper servers; `-` is a vote file on stdin
    #[structopt(name = "FILE", parse(from_os_str), required = true)]
    files: Vec<PathBuf>,
    /// Exits with 1 if there is any warning
    #[structopt(long)]
    strict: bool,
    /// Prints JSON
    #[structopt(long)]
    json: bool,
}

/// A file that was read, as far as it could be.
enum Checked {
    Votes(Result<Box<VoteFile>, VoteFileError>),
    ZooCfg(Result<Box<ZooCfg>, ZooCfgError>),
    Neither(Failure),
}

pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let files: Vec<_> =
        args.files.iter().map(|path| (path.as_path(), Checked::read(path))).collect();
    if args.json {
        json::print(&files, out)?;
    }
    for (index, (path, checked)) in files.iter().enumerate() {
        if args.json {
            checked.tell_warnings();
        } else {
            if files.len() > 1 {
                let before = if index > 0 { "\n" } else { "" };
                writeln!(out, "{before}{BOLD}{}{BOLD:#}", input::name(path))?;
            }
            checked.print(out)?;
        }
    }
    let warned = files.iter().any(|(_, checked)| !checked.warnings().is_empty());
    Ok(if files.iter().any(|(_, checked)| checked.is_refused()) {
        ExitCode::Usage
    } else if args.strict && warned {
        ExitCode::No
    } else {
        ExitCode::Done
    })
}

impl Checked {
    fn read(path: &Path) -> Self {
        if input::is_stdin(path) {
            // A zoo.cfg names other files, which it is beside.
            return Self::Votes(input::vote_file(path).map(Box::new));
        }
        match Kind::of(path) {
            Kind::ZooCfg => Self::ZooCfg(ZooCfg::read(path).map(|mut cfg| {
                cfg.look_at_tls_files();
                Box::new(cfg)
            })),
            Kind::VoteFile => Self::Votes(VoteFile::read(path).map(Box::new)),
            Kind::Neither(found) => Self::Neither(kind::neither(path, found)),
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Votes(Err(_)) | Self::ZooCfg(Err(_)) | Self::Neither(_))
    }

    fn warnings(&self) -> &[Finding] {
        match self {
            Self::Votes(_) | Self::Neither(_) => &[],
            Self::ZooCfg(Ok(cfg)) => &cfg.warnings,
            Self::ZooCfg(Err(error)) => &error.findings.warnings,
        }
    }

    /// What the file says on stdout, or what is wrong with it on stderr.
    fn print(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let text = match self {
            Self::Votes(Ok(file)) => return vote_file(file, out),
            Self::ZooCfg(Ok(cfg)) => return zoo_cfg::print(cfg, out),
            Self::Votes(Err(error)) => error.to_string(),
            Self::ZooCfg(Err(error)) => every_finding(error),
            Self::Neither(failure) => failure.to_string(),
        };
        // Both streams may be the same terminal.
        out.flush()?;
        anstream::eprintln!("ballotbox: {text}");
        Ok(())
    }

    fn tell_warnings(&self) {
        for warning in self.warnings() {
            screen::warn(&warning.to_string(), true);
        }
    }
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
