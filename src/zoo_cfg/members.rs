//! [`Members`]: the lines about members, and the rules that go beyond one line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ballotbox_actors::{Endpoint, ServerId};

use super::{Caveat, Place, Problem, Warning, ZooCfgError};
use crate::{
    config_text::{ConfigText, ServerLine},
    ensemble::{Ensemble, GroupId},
    properties::Entry,
};

/// The members of a file, with the lines they stand in.
pub(super) struct Members {
    pub(super) config: ConfigText,
    file: PathBuf,
    lines: BTreeMap<String, usize>,
}

impl Members {
    pub(super) fn new(file: &Path, entries: Vec<Entry>) -> Result<Self, ZooCfgError> {
        let mut config = ConfigText::default();
        let mut lines = BTreeMap::new();
        for entry in entries {
            config.apply(&entry).map_err(|error| Place::line(file, entry.line).error(error))?;
            lines.insert(entry.key, entry.line);
        }
        Ok(Self { config, file: file.to_owned(), lines })
    }

    /// Checks what one line alone cannot tell, and makes an ensemble of the members.
    pub(super) fn check(
        &self,
        several_addresses: bool,
        standalone: bool,
        warnings: &mut Vec<Warning>,
    ) -> Result<Ensemble, ZooCfgError> {
        for (id, line) in &self.config.servers {
            self.check_server(*id, line, several_addresses)?;
        }
        self.check_addresses()?;
        self.check_groups(warnings)?;
        self.check_numbers(standalone, warnings)?;
        let ensemble = self.config.ensemble();
        ensemble.map_err(|error| Place::file(&self.file).error(error))
    }

    fn check_server(
        &self,
        id: ServerId,
        line: &ServerLine,
        several_addresses: bool,
    ) -> Result<(), ZooCfgError> {
        let place = || self.at("server", id.number());
        let count = line.election.len();
        if count > 1 && !several_addresses {
            return Err(place().error(Problem::SeveralAddresses { id, count }));
        }
        for (quorum, election) in line.quorum.iter().zip(&line.election) {
            let port = election.port;
            if quorum.port == port {
                return Err(place().error(Problem::EqualPorts { id, port }));
            }
            if quorum.port == 0 || port == 0 {
                return Err(place().error(Problem::PortZero { id }));
            }
        }
        Ok(())
    }

    /// No two servers, and no two ports of one server, at the same address.
    fn check_addresses(&self) -> Result<(), ZooCfgError> {
        let mut owners = BTreeMap::new();
        for (id, line) in &self.config.servers {
            for endpoint in line.quorum.iter().chain(&line.election) {
                if let Some(other) = owners.insert(place_to_listen(endpoint), *id) {
                    let problem =
                        Problem::AddressTaken { endpoint: endpoint.clone(), id: *id, other };
                    return Err(self.at("server", id.number()).error(problem));
                }
            }
        }
        Ok(())
    }

    fn check_groups(&self, warnings: &mut Vec<Warning>) -> Result<(), ZooCfgError> {
        let is_voter = |id| self.config.servers.get(id).is_some_and(ServerLine::is_voter);
        for (id, GroupId(group)) in &self.config.groups {
            if !is_voter(id) {
                let problem = Problem::GroupOfNonVoter { group: *group, id: *id };
                return Err(self.at("group", *group).error(problem));
            }
        }
        for id in self.config.weights.keys().filter(|id| !is_voter(id)) {
            let place = self.at("weight", id.number());
            warnings.push(place.warn(Caveat::WeightOfNonVoter { id: *id }));
        }
        Ok(())
    }

    fn check_numbers(
        &self,
        standalone: bool,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), ZooCfgError> {
        let whole = Place::file(&self.file);
        let servers = &self.config.servers;
        let mut voters = servers.iter().filter(|(_, line)| line.is_voter());
        let flat = self.config.groups.is_empty();
        let caveat = match (voters.next(), voters.count()) {
            (None, _) if servers.is_empty() => return Err(whole.error(Problem::NoServer)),
            (None, _) => {
                let count = servers.len();
                return Err(whole.error(Problem::ObserversAlone { count }));
            }
            (Some((id, _)), 0) if standalone && servers.len() > 1 => {
                return Err(whole.error(Problem::ObserversBesideOne { id: *id }));
            }
            (Some((id, _)), 0) if standalone => Caveat::OneVoter { id: *id },
            (Some(_), 1) => Caveat::TwoVoters,
            (Some(_), others) if others % 2 == 1 && flat => {
                Caveat::EvenVoters { voters: others + 1 }
            }
            _ => return Ok(()),
        };
        warnings.push(whole.warn(caveat));
        Ok(())
    }

    /// The line about this number; the file as a whole if it was written in other digits.
    fn at(&self, kind: &str, number: u64) -> Place {
        Place {
            file: self.file.clone(),
            line: self.lines.get(&format!("{kind}.{number}")).copied(),
        }
    }
}

/// The address without the freedom there is in writing it.
fn place_to_listen(endpoint: &Endpoint) -> (String, u16) {
    let host = match ServerLine::literal(&endpoint.host) {
        Some(address) => address.to_string(),
        None => endpoint.host.to_ascii_lowercase(),
    };
    (host, endpoint.port)
}
