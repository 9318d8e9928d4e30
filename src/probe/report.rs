//! [`Report`]: what the answers of an ensemble amount to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, NoAnswer, Target};
use crate::{
    Ensemble, ServerId,
    config_text::{ConfigText, ConfigVersion, Difference, ServerLine},
    election::PeerState,
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
pub struct Report {
    /// The servers, in the order they were asked.
    pub servers: Vec<Reading>,
    /// Who leads: a quorum says so, and it does itself.
    pub leader: Option<ServerId>,
    /// Whether everybody who answered has settled on the same one.
    pub agreement: bool,
    /// How many of how many voters stand by the leader; the latter is a guess without any member list.
    pub support: (usize, usize),
}

impl Report {
    /// Judges these answers. Without a member list to go by, the newest that was sent counts; and without any, every
    /// server that was asked is taken for a voter, unless it says that it observes.
    pub fn new(
        targets: &[Target],
        answers: Vec<Result<Answer, NoAnswer>>,
        list: Option<&ConfigText>,
    ) -> Self {
        let sent: Vec<Option<ConfigText>> = answers.iter().map(sent_list).collect();
        let newest = || sent.iter().flatten().max_by_key(|list| list.version);
        let list = list.or_else(newest);
        let servers: Vec<_> = targets
            .iter()
            .zip(answers)
            .zip(&sent)
            .map(|((target, answer), sent)| Reading {
                id: identify(target, &answer, list),
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
}

fn sent_list(answer: &Result<Answer, NoAnswer>) -> Option<ConfigText> {
    ConfigText::parse(answer.as_ref().ok()?.notification.format.config()?).ok()
}

/// Which server answered: the one we meant, the leader that it says itself to be, or the one with that address.
fn identify(
    target: &Target,
    answer: &Result<Answer, NoAnswer>,
    list: Option<&ConfigText>,
) -> Option<ServerId> {
    let leads = || {
        let said = &answer.as_ref().ok()?.notification;
        said.vote.filter(|_| said.state == PeerState::Leading).map(|vote| vote.leader)
    };
    let address = answer.as_ref().ok().map(|answer| answer.from);
    let is_there = |line: &ServerLine| {
        line.election.iter().any(|endpoint| {
            target.endpoints.contains(endpoint)
                || address.is_some_and(|address| {
                    endpoint.port == address.port() && endpoint.host.parse() == Ok(address.ip())
                })
        })
    };
    let listed = || {
        let mut lines = list?.servers.iter();
        lines.find(|(_, line)| is_there(line)).map(|(id, _)| *id)
    };
    target.id.or_else(leads).or_else(listed)
}

/// The leader that a quorum stands by and that says itself that it leads; and how many stand by the one that has most.
fn leader(servers: &[Reading], ensemble: Option<&Ensemble>) -> (Option<ServerId>, (usize, usize)) {
    let mut supporters = BTreeMap::<ServerId, Vec<&Reading>>::new();
    let mut leaders = BTreeSet::new();
    for reading in servers {
        let Ok(answer) = &reading.answer else { continue };
        let (state, vote) = (answer.notification.state, answer.notification.vote);
        let Some(vote) = vote else { continue };
        let stands_by = match state {
            PeerState::Looking | PeerState::Observing => false,
            PeerState::Following => true,
            // Whoever leads names itself; another server than was meant does not count.
            PeerState::Leading => reading.id.is_none_or(|id| id == vote.leader),
        };
        if stands_by {
            supporters.entry(vote.leader).or_default().push(reading);
        }
        if stands_by && state == PeerState::Leading {
            leaders.insert(vote.leader);
        }
    }
    let voters = ensemble.map_or_else(
        || servers.iter().filter(|reading| !observes(reading)).count(),
        |ensemble| ensemble.voters().count(),
    );
    let most = supporters.values().map(Vec::len).max().unwrap_or(0);
    let quorum = |readings: &[&Reading]| {
        let ids: Option<BTreeSet<_>> = readings.iter().map(|reading| reading.id).collect();
        match (ensemble, ids) {
            (Some(ensemble), Some(ids)) => ensemble.is_quorum(&ids),
            // Nobody knows who answers here: all we can do is count.
            _ => readings.len() > voters / 2,
        }
    };
    let leader = leaders.into_iter().find(|leader| quorum(&supporters[leader]));
    (leader, (leader.map_or(most, |leader| supporters[&leader].len()), voters))
}

fn observes(reading: &Reading) -> bool {
    reading.answer.as_ref().is_ok_and(|answer| answer.notification.state == PeerState::Observing)
}

/// Whether at least one server answered, and all that did have settled on the same leader.
fn agree(servers: &[Reading]) -> bool {
    let mut named = BTreeSet::new();
    for answer in servers.iter().filter_map(|reading| reading.answer.as_ref().ok()) {
        let notification = &answer.notification;
        let settled = notification.vote.filter(|_| notification.state != PeerState::Looking);
        named.insert(settled.map(|vote| vote.leader));
    }
    named.len() == 1 && !named.contains(&None)
}

#[cfg(test)]
mod tests;
