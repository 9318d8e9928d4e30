//! `ballotbox holds`: whether the node that runs this program still leads.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use ballotbox::{
    leadership::LeaseTerms,
    run::{LEASE_FILE_VARIABLE, LEASE_LENGTH_VARIABLE, LeaseFile},
};
use ballotbox_actors::kit::{Rounded, clock};
use structopt::StructOpt;

use super::{ExitCode, Failure, duration};

/// Tells a program that a node runs whether that node still leads
///
/// For programs run by `ballotbox node --while-leading`: it reads the file that `BALLOTBOX_LEASE_FILE` names, and asks nobody. Exits
/// with 0 if nobody else can lead now, and with 1 if that is not sure, with the reason on stderr. 50 ms are taken off what is left,
/// for the time between looking and having acted.
#[derive(Debug, StructOpt)]
#[structopt(usage = "ballotbox holds [OPTIONS]")]
pub(super) struct HoldsArgs {
    /// Asks whether the lease lasts for this much longer
    #[structopt(long = "for", value_name = "TIME", parse(try_from_str = duration::parse))]
    span: Option<Duration>,
}

pub(super) fn run(args: &HoldsArgs) -> Result<ExitCode, Failure> {
    if env::var_os(LEASE_LENGTH_VARIABLE).is_some_and(|length| length == "0") {
        return Ok(no(
            "the lease is off (--lease off), so nobody knows until when this node leads",
        ));
    }
    let Some(path) = env::var_os(LEASE_FILE_VARIABLE).filter(|path| !path.is_empty()) else {
        let text = format!(
            "{LEASE_FILE_VARIABLE} is not set: `holds` is for programs run by `ballotbox node --while-leading`"
        );
        return Err(Failure::Argument(text.into()));
    };
    Ok(match reason_against(&PathBuf::from(path), args.span) {
        None => ExitCode::Done,
        Some(reason) => no(&reason),
    })
}

fn no(reason: &str) -> ExitCode {
    anstream::eprintln!("ballotbox: {reason}");
    ExitCode::No
}

/// Why the lease does not last for so long, or, if that is not said, for any time.
fn reason_against(path: &Path, span: Option<Duration>) -> Option<String> {
    let lease = match LeaseFile::read(path) {
        Ok(lease) => lease,
        Err(reason) => return Some(reason.to_string()),
    };
    let left = lease.remaining(clock::reading());
    if !left.is_zero() && left >= span.unwrap_or_default() {
        return None;
    }
    let (epoch, left, slack) = (lease.epoch, Rounded(left), Rounded(LeaseTerms::SLACK));
    let expected = span.map_or_else(|| "some".to_owned(), |span| Rounded(span).to_string());
    Some(format!(
        "the lease of epoch {epoch} leaves {left} to act, with {slack} taken off: expected {expected}"
    ))
}
