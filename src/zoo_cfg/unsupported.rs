//! What a real server can do and we cannot: SASL among servers, oracles, other algorithms.

use super::{Findings, Place, Problem, Settings, settings::int};

const NO_SASL: &str = "the servers would authenticate each other, and ballotbox cannot";
const NO_ORACLE: &str = "an oracle could make a leader without a quorum";

const ENABLED: &str = "quorum.auth.enableSasl";
const BY_LEARNERS: &str = "quorum.auth.learnerRequireSasl";
const BY_SERVERS: &str = "quorum.auth.serverRequireSasl";

/// Refuses what changes who is believed or who can be talked to, and warns of what only prepares it.
pub(super) fn check(settings: &mut Settings, findings: &mut Findings) {
    check_sasl(settings, findings);
    if let Some(entry) = settings.take("oraclePath") {
        let place = settings.at(&entry);
        refuse(place, "oraclePath", &entry.value, NO_ORACLE, "no such line", findings);
    }
    check_algorithm(settings, findings);
}

fn check_sasl(settings: &mut Settings, findings: &mut Findings) {
    let (enabled, enabled_at) = settings.switch_at(ENABLED, findings);
    let (learners, learners_at) = settings.switch_at(BY_LEARNERS, findings);
    let (servers, servers_at) = settings.switch_at(BY_SERVERS, findings);
    for (required, key, place) in
        [(learners, BY_LEARNERS, &learners_at), (servers, BY_SERVERS, &servers_at)]
    {
        if required {
            refuse(place.clone(), key, "true", NO_SASL, "false, or no such line", findings);
        }
    }
    for (wrong, key, needed, place) in [
        (learners && !enabled, BY_LEARNERS, ENABLED, &learners_at),
        (servers && !enabled, BY_SERVERS, ENABLED, &servers_at),
        (servers && !learners, BY_SERVERS, BY_LEARNERS, &servers_at),
    ] {
        if wrong {
            findings.push(place.clone().error_there(Problem::SaslIncomplete { key, needed }));
        }
    }
    if enabled && !learners && !servers {
        findings.push(enabled_at.warning(Problem::SaslNotRequired));
    }
}

fn check_algorithm(settings: &mut Settings, findings: &mut Findings) {
    let Some(entry) = settings.take("electionAlg") else {
        return;
    };
    let place = settings.at(&entry);
    match int(&entry.value) {
        Some(3) => {}
        Some(found) => findings.push(place.error(Problem::ElectionAlg { found })),
        None => findings.push(place.error(super::settings::not_a_number(&entry, 3))),
    }
}

fn refuse(
    place: Place,
    key: &str,
    value: &str,
    why: &'static str,
    expected: &'static str,
    findings: &mut Findings,
) {
    let problem = Problem::Unsupported { key: key.into(), value: value.into(), why, expected };
    findings.push(place.error_here(problem));
}
