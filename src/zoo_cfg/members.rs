//! [`Members`]: the lines about members, and the rules that go beyond one line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Findings, MemberProblem, Place};
use crate::{
    GroupId, Membership,
    membership::config_text::{ConfigText, ServerLine},
};
use ballotbox_core::{Endpoint, ServerId, membership::properties::Entry};

/// The members of a file, with the lines they stand in.
pub(super) struct Members {
    pub(super) config: ConfigText,
    file: PathBuf,
    lines: BTreeMap<(&'static str, u64), usize>,
    /// Whether every line could be read; the rules beyond one line would only repeat what is wrong otherwise.
    complete: bool,
}

impl Members {
    /// The members in these lines, as far as they can be read.
    pub(super) fn new(file: &Path, entries: Vec<Entry>, findings: &mut Findings) -> Self {
        let mut members = Self {
            config: ConfigText::default(),
            file: file.to_owned(),
            lines: BTreeMap::new(),
            complete: true,
        };
        for entry in entries {
            members.apply(&entry, findings);
        }
        members
    }

    fn apply(&mut self, entry: &Entry, findings: &mut Findings) {
        let place = || Place::line(&self.file, entry.line);
        let mut odd = Vec::new();
        if let Err(error) = self.config.apply(entry, &mut odd) {
            self.complete = false;
            findings.push(if error.refused_by_real_servers() {
                place().error(MemberProblem::from(error))
            } else {
                place().error_here(MemberProblem::from(error))
            });
        }
        for oddity in odd {
            let refused = oddity.refused_by_real_servers();
            let problem = MemberProblem::Odd { key: entry.key.as_str().into(), oddity };
            findings.push(if refused {
                place().error_there(problem)
            } else {
                place().warning(problem)
            });
        }
        for kind in ["server", "group", "weight"] {
            let number = entry.key.strip_prefix(kind).and_then(|rest| rest.split_once('.'));
            if let Some(number) = number.and_then(|(_, digits)| digits.parse().ok()) {
                self.lines.insert((kind, number), entry.line);
            }
        }
    }

    /// Checks what one line alone cannot tell, and makes a membership of the members.
    pub(super) fn check(
        &self,
        several_addresses: bool,
        standalone: bool,
        look_alikes: &[usize],
        findings: &mut Findings,
    ) -> Option<Membership> {
        for (id, line) in &self.config.servers {
            self.check_several(*id, line, several_addresses, findings);
        }
        self.check_addresses(findings);
        if !self.complete {
            return None;
        }
        if !self.check_numbers(standalone, look_alikes, findings) {
            return None;
        }
        self.check_groups(findings);
        match self.config.membership() {
            Ok(membership) => Some(membership),
            Err(error) => {
                let place = Place::file(&self.file);
                let there = error.refused_by_real_servers();
                let problem = MemberProblem::from(error);
                findings.push(if there { place.error(problem) } else { place.error_here(problem) });
                None
            }
        }
    }

    fn check_several(
        &self,
        id: ServerId,
        line: &ServerLine,
        several_addresses: bool,
        findings: &mut Findings,
    ) {
        let count = line.election.len();
        if count < 2 {
            return;
        }
        let place = self.at("server", id.number());
        findings.push(if several_addresses {
            place.error_there(MemberProblem::SeveralAddressesHere { id, count })
        } else {
            place.error(MemberProblem::SeveralAddresses { id, count })
        });
    }

    /// Who shares an address with whom: election addresses cannot be shared, quorum addresses can, as only the leader
    /// uses its own.
    fn check_addresses(&self, findings: &mut Findings) {
        let mut election = BTreeMap::new();
        for (id, line) in &self.config.servers {
            for endpoint in line.election.iter().filter(|endpoint| endpoint.port > 0) {
                if let Some(other) = election.insert(place_to_listen(endpoint), *id)
                    && other != *id
                {
                    let (id, endpoint) = (*id, endpoint.clone());
                    let problem = MemberProblem::ElectionAddressTaken { endpoint, id, other };
                    findings.push(self.at("server", id.number()).warning(problem));
                }
            }
        }
        let mut quorum = BTreeMap::new();
        for (id, line) in &self.config.servers {
            for endpoint in line.quorum.iter().filter(|endpoint| endpoint.port > 0) {
                let place = place_to_listen(endpoint);
                let (id, endpoint) = (*id, endpoint.clone());
                let problem = match (election.get(&place), quorum.insert(place, id)) {
                    (Some(other), _) if *other != id => {
                        MemberProblem::QuorumAddressTaken { endpoint, id, other: *other }
                    }
                    (_, Some(other)) if other != id => {
                        MemberProblem::QuorumAddressShared { endpoint, id, other }
                    }
                    _ => continue,
                };
                findings.push(self.at("server", id.number()).warning(problem));
            }
        }
    }

    fn check_groups(&self, findings: &mut Findings) {
        let is_voter = |id| self.config.servers.get(id).is_some_and(ServerLine::is_voter);
        for (id, GroupId(group)) in self.config.groups.iter().filter(|(id, _)| !is_voter(id)) {
            let place = self.at("group", *group);
            let problem = MemberProblem::GroupOfNonVoter { group: *group, id: *id };
            // With a weight of its own a real server counts it, though it never votes.
            findings.push(if self.config.weights.contains_key(id) {
                place.error_here(problem)
            } else {
                place.error(problem)
            });
        }
        for id in self.config.weights.keys().filter(|id| !is_voter(id)) {
            let place = self.at("weight", id.number());
            findings.push(place.warning(MemberProblem::WeightOfNonVoter { id: *id }));
        }
    }

    /// Whether there are enough members for an ensemble.
    fn check_numbers(
        &self,
        standalone: bool,
        look_alikes: &[usize],
        findings: &mut Findings,
    ) -> bool {
        let whole = Place::file(&self.file);
        let servers = &self.config.servers;
        let mut voters = servers.iter().filter(|(_, line)| line.is_voter());
        let flat = self.config.groups.is_empty();
        let finding = match (voters.next(), voters.count()) {
            (None, _) if servers.is_empty() => {
                let problem = MemberProblem::NoServer { lines: look_alikes.to_vec() };
                if standalone { whole.error_here(problem) } else { whole.error(problem) }
            }
            (None, _) => whole.error(MemberProblem::ObserversAlone { count: servers.len() }),
            (Some((id, _)), 0) if standalone && servers.len() > 1 => {
                whole.error(MemberProblem::ObserversBesideOne { id: *id })
            }
            (Some((id, _)), 0) if standalone => whole.warning(MemberProblem::OneVoter { id: *id }),
            (Some(_), 1) => whole.warning(MemberProblem::TwoVoters),
            (Some(_), others) if others % 2 == 1 && flat => {
                whole.warning(MemberProblem::EvenVoters { voters: others + 1 })
            }
            _ => return true,
        };
        let good = finding.severity == super::Severity::Warning;
        findings.push(finding);
        good
    }

    /// The line about this number; the file as a whole if it was written in other digits.
    pub(super) fn at(&self, kind: &'static str, number: u64) -> Place {
        Place { file: self.file.clone(), line: self.lines.get(&(kind, number)).copied() }
    }
}

/// The address without the freedom there is in writing it.
pub(super) fn place_to_listen(endpoint: &Endpoint) -> (String, u16) {
    let host = match ServerLine::literal(&endpoint.host) {
        Some(address) => address.to_string(),
        None => endpoint.host.to_ascii_lowercase(),
    };
    (host, endpoint.port)
}
