//! `ballotbox check`: is this file good, and what does it say?

mod json;
mod kind;
mod tls;
mod votes;
mod zoo_cfg;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use ballotbox::{
    Ensemble,
    scenario::vote_file::VoteFileError,
    zoo_cfg::{ZooCfg, ZooCfgError},
};
use structopt::StructOpt;

use self::{kind::Kind, votes::Votes};
use super::{
    ExitCode, Failure,
    exit::every_finding,
    input,
    screen::{self, BOLD},
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
    Votes(Result<Box<Votes>, VoteFileError>),
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
            return Self::Votes(Votes::read(path).map(Box::new));
        }
        match Kind::of(path) {
            Kind::ZooCfg => Self::ZooCfg(ZooCfg::read(path).map(|mut cfg| {
                cfg.look_at_tls_files();
                Box::new(cfg)
            })),
            Kind::VoteFile => Self::Votes(Votes::read(path).map(Box::new)),
            Kind::Neither(found) => Self::Neither(kind::neither(path, found)),
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Votes(Err(_)) | Self::ZooCfg(Err(_)) | Self::Neither(_))
    }

    fn warnings(&self) -> Vec<String> {
        let findings = match self {
            Self::Votes(Ok(votes)) => return votes.warnings.clone(),
            Self::Votes(Err(_)) | Self::Neither(_) => return Vec::new(),
            Self::ZooCfg(Ok(cfg)) => &cfg.warnings,
            Self::ZooCfg(Err(error)) => &error.findings.warnings,
        };
        findings.iter().map(ToString::to_string).collect()
    }

    /// What the file says on stdout, or what is wrong with it on stderr.
    fn print(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let text = match self {
            Self::Votes(Ok(votes)) => return votes::print(votes, out),
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
            screen::warn(&warning, true);
        }
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
