//! [`Finding`]: something that is wrong with a zoo.cfg, where, and what a real server makes of it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use ballotbox_core::UntrustedText;

use super::Problem;

/// At most this many errors of one file are told, and this many warnings, and then how many more there are.
pub const FINDINGS_MAX: usize = 100;

/// Where something was found.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; `None` if it is about the file as a whole.
    pub line: Option<usize>,
}

/// What becomes of a file with such a finding here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// It is refused.
    Error,
    /// It is taken.
    Warning,
}

/// What `QuorumPeerConfig` of ZooKeeper 3.8 and 3.9 does with a file for the same reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RealServer {
    /// It refuses the file, and the server does not start.
    Refuses,
    /// It takes the file.
    Takes,
}

/// Something that was found in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What becomes of the file here.
    pub severity: Severity,
    /// What a real server does with it.
    pub real_server: RealServer,
    /// What was found.
    pub problem: Box<Problem>,
}

/// All findings of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Findings {
    /// What makes the file useless, by file and line.
    pub errors: Vec<Finding>,
    /// What should be looked at, by file and line.
    pub warnings: Vec<Finding>,
    /// How many more there are.
    left_out: [usize; 2],
}

/// Why a file is not the configuration of a server we could stand in for: everything that is wrong with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ZooCfgError {
    /// At least one error, and the warnings beside it.
    pub findings: Box<Findings>,
}

impl Place {
    /// A file as a whole.
    pub fn file(file: &Path) -> Self {
        Self { file: file.to_owned(), line: None }
    }

    /// A line of a file.
    pub fn line(file: &Path, line: usize) -> Self {
        Self { file: file.to_owned(), line: Some(line) }
    }

    /// We refuse the file, and so does a real server.
    pub(super) fn error(self, problem: impl Into<Problem>) -> Finding {
        self.found(Severity::Error, RealServer::Refuses, problem.into())
    }

    /// We refuse the file, though a real server takes it.
    pub(super) fn error_here(self, problem: impl Into<Problem>) -> Finding {
        self.found(Severity::Error, RealServer::Takes, problem.into())
    }

    /// We take the file, though a real server refuses it.
    pub(super) fn error_there(self, problem: impl Into<Problem>) -> Finding {
        self.found(Severity::Warning, RealServer::Refuses, problem.into())
    }

    /// We take the file, and so does a real server.
    pub(super) fn warning(self, problem: impl Into<Problem>) -> Finding {
        self.found(Severity::Warning, RealServer::Takes, problem.into())
    }

    fn found(self, severity: Severity, real_server: RealServer, problem: Problem) -> Finding {
        Finding { place: self, severity, real_server, problem: Box::new(problem) }
    }
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        let [errors_left_out, warnings_left_out] = &mut self.left_out;
        let (list, left_out) = match finding.severity {
            Severity::Error => (&mut self.errors, errors_left_out),
            Severity::Warning => (&mut self.warnings, warnings_left_out),
        };
        // One more stands where it would be said that there is one more.
        if list.len() <= FINDINGS_MAX {
            list.push(finding);
        } else {
            *left_out += 1;
        }
    }

    /// Whether lines could not be read: what is missing may stand there.
    pub(super) fn has_syntax_errors(&self) -> bool {
        self.errors.iter().any(|error| matches!(*error.problem, Problem::Syntax(_)))
    }

    /// Puts all in order, and says how many were left out.
    pub(super) fn finish(&mut self) {
        let [errors, warnings] = std::mem::take(&mut self.left_out);
        for (list, left_out) in [(&mut self.errors, errors), (&mut self.warnings, warnings)] {
            list.sort_by(|one, other| one.place.cmp(&other.place));
            if let Some(last) = list.last_mut().filter(|_| left_out > 0) {
                last.place.line = None;
                *last.problem = Problem::More { count: left_out + 1 };
            }
        }
    }

    /// Errors and warnings together, by file and line.
    pub fn all(&self) -> Vec<&Finding> {
        let mut all: Vec<_> = self.errors.iter().chain(&self.warnings).collect();
        all.sort_by(|one, other| one.place.cmp(&other.place));
        all
    }
}

impl Finding {
    /// What was found, without the place.
    pub fn text(&self) -> String {
        match (self.severity, self.real_server) {
            (Severity::Warning, RealServer::Refuses) => {
                format!("{}; a real server refuses the file for it", self.problem)
            }
            (Severity::Error, _) | (Severity::Warning, RealServer::Takes) => {
                self.problem.to_string()
            }
        }
    }
}

impl From<Finding> for ZooCfgError {
    fn from(finding: Finding) -> Self {
        let mut findings = Box::<Findings>::default();
        findings.push(finding);
        Self { findings }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text())
    }
}

impl std::error::Error for Finding {}

impl fmt::Display for ZooCfgError {
    /// The first error, and how many there are beside it: one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut errors = self.findings.errors.iter();
        if let Some(first) = errors.next() {
            first.fmt(f)?;
        }
        match errors.len() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for ZooCfgError {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = UntrustedText::path(&self.file);
        match self.line {
            Some(line) => write!(f, "{file}:{line}"),
            None => file.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_finding_more_than_are_told_is_told_and_of_several_the_number() {
        let found = |count: usize| {
            let mut findings = Findings::default();
            for line in (1..=count).rev() {
                findings.push(Place::line(Path::new("zoo.cfg"), line).error(Problem::NoFile));
            }
            findings.finish();
            let last = findings.errors.last().unwrap().to_string();
            (findings.errors.len(), last)
        };
        assert_eq!(found(100), (100, "zoo.cfg:100: there is no such file".to_owned()));
        assert_eq!(found(101), (101, "zoo.cfg:101: there is no such file".to_owned()));
        assert_eq!(found(103), (101, "zoo.cfg: and 3 more".to_owned()));
    }
}
