//! [`ProbeReport`]: what the answers of an ensemble amount to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, NoAnswer, Target};
use crate::{
    Ensemble, ServerId,
    election::PeerState,
    membership::config_text::{ConfigText, ConfigVersion, Difference, ServerLine},
};

/// What is known of one server after it was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// Who was asked.
    pub target: Target,
    /// Which server that is, as far as that can be told.
    pub id: Option<ServerId>,
    /// What it said.
    pub answer: Result<Answer, NoAnswer>,
    /// The version of its member list, if it sent one.
    pub config_version: Option<ConfigVersion>,
    /// In what its member list differs from the one the report goes by.
    pub difference: Option<Difference>,
}

/// What the answers amount to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProbeReport {
    /// The servers, in the order they were asked.
    pub servers: Vec<Reading>,
    /// Who leads: a quorum says so, and so does the leader.
    pub leader: Option<ServerId>,
    /// Whether everybody who answered has settled on the same one.
    pub agreement: bool,
    /// How many of how many voters stand by the leader; the latter is a guess without a member list to go by.
    pub support: (usize, usize),
}

impl Reading {
    /// Whom it has settled on; `None` while it looks, and if it did not answer.
    pub fn settled_on(&self) -> Option<ServerId> {
        let said = &self.answer.as_ref().ok()?.notification;
        said.vote.filter(|_| said.state != PeerState::Looking).map(|vote| vote.leader)
    }
}

impl ProbeReport {
    /// Judges these answers. Without a `list`, a list counts if more than half of the servers asked name its voters,
    /// so that one of several servers alone cannot say who votes. Without such a list, every server asked is taken
    /// for a voter, unless it says that it observes.
    pub fn new(
        targets: &[Target],
        answers: Vec<Result<Answer, NoAnswer>>,
        list: Option<&ConfigText>,
    ) -> Self {
        let sent: Vec<Option<ConfigText>> = answers.iter().map(sent_list).collect();
        let list = list.or_else(|| list_of_most(&sent));
        let ids = identify_all(targets, &answers, list);
        let servers: Vec<_> = targets
            .iter()
            .zip(answers)
            .zip(&sent)
            .zip(ids)
            .map(|(((target, answer), sent), id)| Reading {
                id,
                target: target.clone(),
                config_version: sent.as_ref().map(|sent| sent.version),
                difference: list.zip(sent.as_ref()).and_then(|(list, sent)| list.difference(sent)),
                answer,
            })
            .collect();
        let ensemble = list.and_then(|list| list.ensemble().ok());
        let (leader, support) = leader(&servers, ensemble.as_ref());
        Self { leader, support, agreement: agree(&servers), servers }
    }

    /// Those who answered and have not settled on the leader.
    pub fn dissenters(&self) -> impl Iterator<Item = &Reading> {
        let answered = self.servers.iter().filter(|reading| reading.answer.is_ok());
        answered.filter(|reading| reading.settled_on() != self.leader)
    }
}

fn sent_list(answer: &Result<Answer, NoAnswer>) -> Option<ConfigText> {
    ConfigText::parse(answer.as_ref().ok()?.notification.format.config()?).ok()
}

/// A list with the voters, weights and groups that more than half of the servers asked name: of several the one that
/// most servers send alike, and of those the newest.
fn list_of_most(sent: &[Option<ConfigText>]) -> Option<&ConfigText> {
    let named: Vec<_> = sent.iter().flatten().map(|list| (list, list.ensemble().ok())).collect();
    let is_of_most = |voters: &Option<Ensemble>| {
        voters.is_some()
            && named.iter().filter(|(_, other)| other == voters).count() > sent.len() / 2
    };
    let of_most = named.iter().filter(|(_, voters)| is_of_most(voters)).map(|(list, _)| *list);
    let of_most: Vec<_> = of_most.collect();
    let alike =
        |list: &ConfigText| of_most.iter().filter(|other| other.servers == list.servers).count();
    of_most.iter().copied().max_by_key(|list| (alike(list), list.version))
}

/// Which servers answered: those we meant, those that are listed with their address, or the leaders they say they are.
/// A word alone does not make a server the one that is listed with the address of another server asked.
fn identify_all(
    targets: &[Target],
    answers: &[Result<Answer, NoAnswer>],
    list: Option<&ConfigText>,
) -> Vec<Option<ServerId>> {
    let meant_or_listed =
        |(target, answer): (&Target, _)| target.id.or_else(|| listed(target, answer, list));
    let known: Vec<_> = targets.iter().zip(answers).map(meant_or_listed).collect();
    let claimed = |answer: &Result<Answer, NoAnswer>| {
        let said = &answer.as_ref().ok()?.notification;
        let leads = said.vote.filter(|_| said.state == PeerState::Leading).map(|vote| vote.leader);
        leads.filter(|leader| !known.contains(&Some(*leader)))
    };
    known.iter().zip(answers).map(|(id, answer)| id.or_else(|| claimed(answer))).collect()
}

/// The server that is listed with the address that was asked, or that answered.
fn listed(
    target: &Target,
    answer: &Result<Answer, NoAnswer>,
    list: Option<&ConfigText>,
) -> Option<ServerId> {
    let address = answer.as_ref().ok().map(|answer| answer.from);
    let is_there = |line: &ServerLine| {
        line.election.iter().any(|endpoint| {
            target.endpoints.contains(endpoint)
                || address.is_some_and(|address| {
                    endpoint.port == address.port() && endpoint.host.parse() == Ok(address.ip())
                })
        })
    };
    let mut lines = list?.servers.iter();
    lines.find(|(_, line)| is_there(line)).map(|(id, _)| *id)
}

/// The leader that a quorum stands by and that says itself that it leads; and how many stand by the one that has most.
fn leader(servers: &[Reading], ensemble: Option<&Ensemble>) -> (Option<ServerId>, (usize, usize)) {
    let mut supporters = BTreeMap::<ServerId, Vec<&Reading>>::new();
    let mut leaders = BTreeSet::new();
    for reading in servers {
        let Ok(answer) = &reading.answer else { continue };
        let state = answer.notification.state;
        let Some(leader) = reading.settled_on() else { continue };
        let stands_by = match state {
            PeerState::Looking | PeerState::Observing => false,
            PeerState::Following => true,
            // A leader names itself; a server that names another does not count, nor does one whose name is taken.
            PeerState::Leading => match ensemble {
                Some(_) => reading.id == Some(leader),
                None => reading.id.is_none_or(|id| id == leader),
            },
        };
        if stands_by {
            supporters.entry(leader).or_default().push(reading);
        }
        if stands_by && state == PeerState::Leading {
            leaders.insert(leader);
        }
    }
    let voters = ensemble.map_or_else(
        || servers.iter().filter(|reading| !observes(reading)).count(),
        |ensemble| ensemble.voters().count(),
    );
    let most = supporters.values().map(Vec::len).max().unwrap_or(0);
    let quorum = |readings: &[&Reading]| {
        let Some(ensemble) = ensemble else { return readings.len() > voters / 2 };
        let ids: BTreeSet<_> = readings.iter().filter_map(|reading| reading.id).collect();
        let unknown = readings.iter().filter(|reading| reading.id.is_none()).count();
        if unknown == 0 {
            return ensemble.is_quorum(&ids);
        }
        // Nobody knows who answers here, and all we can do is count: each as a voter that is not known otherwise.
        let is_known = |voter| servers.iter().any(|reading| reading.id == Some(voter));
        let not_known = ensemble.voters().filter(|voter| !is_known(*voter)).count();
        let known = ids.iter().filter(|id| ensemble.is_voter(**id)).count();
        known + unknown.min(not_known) > voters / 2
    };
    let leader = leaders.into_iter().find(|leader| quorum(&supporters[leader]));
    (leader, (leader.map_or(most, |leader| supporters[&leader].len()), voters))
}

fn observes(reading: &Reading) -> bool {
    reading.answer.as_ref().is_ok_and(|answer| answer.notification.state == PeerState::Observing)
}

/// Whether at least one server answered, and all that did have settled on the same leader.
fn agree(servers: &[Reading]) -> bool {
    let answered = servers.iter().filter(|reading| reading.answer.is_ok());
    let named: BTreeSet<_> = answered.map(Reading::settled_on).collect();
    named.len() == 1 && !named.contains(&None)
}

#[cfg(test)]
mod tests;
