//! From what a file says to what it means: every check that needs more than one field.

mod faults;
mod steps;
mod tls;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ballotbox_core::{Endpoint, ServerId, UntrustedText, leadership::LeaseTerms};

use self::steps::StepChecker;
use super::{
    ENSEMBLE_CHARS_MAX, Expectation, ExpectedLeader, FileTiming, MEMBERS_MAX, Operation, STEPS_MAX,
    Step, TITLE_CHARS_MAX, Title, VoteFile,
    error::{At, FieldError},
    join,
    raw::{
        Id, Millis, Object, PositiveMillis, RawEpoch, RawExpectation, RawMember, RawRole,
        RawTiming, RawVoteFile, Whole,
    },
};
use crate::{Ensemble, EnsembleError, GroupId, History, Member, Membership, Role};

pub(super) fn check(mut raw: RawVoteFile) -> Result<VoteFile, At> {
    let title = raw.title.take().map(title).transpose()?;
    let leadership = raw.leadership.unwrap_or(true);
    let ensemble_name = raw.ensemble.take().map(ensemble_name).transpose()?.unwrap_or_default();
    at_most(MEMBERS_MAX, raw.members.len(), "members")?;
    let members = raw.members.iter().enumerate();
    let members: Vec<_> = members
        .map(|(n, Object(raw))| member(raw, &format!("members[{n}]")))
        .collect::<Result<_, _>>()?;
    let (members, histories): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    let membership = Membership::new(members.iter().cloned())
        .map_err(|error| ensemble_error(&members, error))?;
    distinct_addresses(&members)?;
    let ids: Vec<_> = members.iter().map(|member| member.id).collect();
    let new_disks = new_disks(&raw, leadership)?;
    let tls = tls::check(&raw)?;
    let ensemble = membership.ensemble();
    let timing = raw.timing.as_ref().map(timing).transpose()?.unwrap_or_default();
    let steps = match &raw.steps {
        Some(steps) => StepChecker::new(ensemble, leadership).read(steps)?,
        None => vec![Step { at: Duration::ZERO, operation: Operation::Start(ids.clone()) }],
    };
    at_most(STEPS_MAX, raw.expect.len(), "expect")?;
    let expectations = raw.expect.iter().enumerate();
    let expectations = expectations
        .map(|(n, Object(raw))| {
            let path = format!("expect[{n}]");
            if raw.epoch.is_some() && !leadership {
                return Err(At::new(format!("{path}.epoch"), FieldError::WithoutLeadership));
            }
            expectation(ensemble, raw, &path)
        })
        .collect::<Result<_, _>>()?;
    let faults = raw.faults.as_ref();
    let faults = faults.map(|Object(raw)| faults::check(raw, &steps, leadership, &timing));
    let faults = faults.transpose()?;
    let histories = ids.into_iter().zip(histories).collect();
    Ok(VoteFile {
        title,
        membership,
        histories,
        leadership,
        ensemble_name,
        new_disks,
        tls,
        timing,
        steps,
        expectations,
        faults,
    })
}

fn ensemble_name(text: String) -> Result<Arc<str>, At> {
    let is_long = text.chars().nth(ENSEMBLE_CHARS_MAX).is_some();
    if text.is_empty() || is_long || text.chars().any(char::is_control) {
        return Err(At::new("ensemble", FieldError::EnsembleName));
    }
    Ok(text.into())
}

/// The voters whose disks nobody knows.
fn new_disks(raw: &RawVoteFile, leadership: bool) -> Result<BTreeSet<ServerId>, At> {
    let mut new = BTreeSet::new();
    for (n, Object(member)) in raw.members.iter().enumerate().filter(|(_, member)| member.0.new) {
        let Id(id) = member.id;
        let wrong = if !leadership {
            Some(FieldError::WithoutLeadership)
        } else if member.role == RawRole::Observer {
            Some(FieldError::NewObserver { id })
        } else {
            let has_epoch = member.vote.0.epoch != RawEpoch::default();
            has_epoch.then_some(FieldError::NewWithEpoch { id })
        };
        if let Some(error) = wrong {
            return Err(At::new(format!("members[{n}].new"), error));
        }
        new.insert(id);
    }
    Ok(new)
}

fn title(text: String) -> Result<Title, At> {
    if text.chars().any(char::is_control) || text.chars().nth(TITLE_CHARS_MAX).is_some() {
        return Err(At::new("title", FieldError::Title));
    }
    Ok(Title(text))
}

fn at_most(max: usize, found: usize, path: &str) -> Result<(), At> {
    if found > max {
        return Err(At::new(path, FieldError::TooMany { found, max }));
    }
    Ok(())
}

fn member(raw: &RawMember, path: &str) -> Result<(Member, History), At> {
    let Id(id) = raw.id;
    let role = match raw.role {
        RawRole::Voter => Role::Voter,
        RawRole::Observer => Role::Observer,
    };
    if role == Role::Observer {
        for (given, field) in [(raw.weight, "weight"), (raw.group, "group")] {
            if given.is_some() {
                let error = FieldError::ObserverWeighs { id };
                return Err(At::new(format!("{path}.{field}"), error));
            }
        }
    }
    let member = Member {
        id,
        role,
        weight: raw.weight.map(|Whole(weight)| weight),
        group: raw.group.map(|Whole(group)| GroupId(group)),
        election: endpoint(raw.election.as_deref(), &format!("{path}.election"))?,
        quorum: endpoint(raw.quorum.as_deref(), &format!("{path}.quorum"))?,
    };
    Ok((member, History { epoch: raw.vote.0.epoch.0, zxid: raw.vote.0.zxid.0 }))
}

fn endpoint(text: Option<&str>, path: &str) -> Result<Vec<Endpoint>, At> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let parsed = text.parse::<Endpoint>();
    let endpoint = parsed.map_err(|error| At::new(path, FieldError::Endpoint(error)))?;
    if endpoint.port == 0 {
        return Err(At::new(path, FieldError::PortZero));
    }
    Ok(vec![endpoint])
}

/// The field to blame for what is wrong with the whole.
fn ensemble_error(members: &[Member], error: EnsembleError) -> At {
    let members = || members.iter().enumerate();
    let last = |blamed: &dyn Fn(&Member) -> bool| {
        members().filter(|(_, member)| blamed(member)).last().map(|(n, _)| n)
    };
    let (index, field) = match &error {
        EnsembleError::NoVoter | EnsembleError::NoWeight => (None, ""),
        EnsembleError::DuplicateId { id } => {
            (members().filter(|(_, member)| member.id == *id).nth(1).map(|(n, _)| n), "id")
        }
        EnsembleError::NoGroup { id } => (last(&|member| member.id == *id), "group"),
        EnsembleError::WeightOverflow { group } => {
            (last(&|member| member.group == Some(GroupId(*group))), "weight")
        }
    };
    let path = index.map_or_else(|| "members".to_owned(), |n| format!("members[{n}].{field}"));
    At::new(path, FieldError::Ensemble(error))
}

fn distinct_addresses(members: &[Member]) -> Result<(), At> {
    let mut seen = BTreeMap::new();
    for (n, member) in members.iter().enumerate() {
        for (address, field) in [(&member.election, "election"), (&member.quorum, "quorum")] {
            let Some(address) = address.first() else { continue };
            let path = format!("members[{n}].{field}");
            if let Some(other) = seen.insert(address, path.clone()) {
                let (address, other) = (UntrustedText::new(address), other.into());
                return Err(At::new(path, FieldError::SharedAddress { address, other }));
            }
        }
    }
    Ok(())
}

fn timing(Object(raw): &Object<RawTiming>) -> Result<FileTiming, At> {
    let mut timing = FileTiming::default();
    let set = |field: &mut Duration, given: Option<Duration>| {
        if let Some(given) = given {
            *field = given;
        }
    };
    set(&mut timing.election.settle, raw.settle_ms.map(|Millis(time)| time));
    set(&mut timing.election.grace, raw.grace_ms.map(|Millis(time)| time));
    let min = raw.resend_min_ms.map(|PositiveMillis(time)| time);
    let max = raw.resend_max_ms.map(|PositiveMillis(time)| time);
    set(&mut timing.election.resend_min, min);
    set(&mut timing.election.resend_max, max);
    set(&mut timing.connect, raw.connect_ms.map(|PositiveMillis(time)| time));
    let (min, max) = (timing.election.resend_min, timing.election.resend_max);
    if max < min {
        let error = FieldError::ResendOrder { min_ms: min.as_millis(), max_ms: max.as_millis() };
        return Err(At::new("timing.resend_max_ms", error));
    }
    let leadership = &mut timing.leadership;
    set(&mut leadership.ping, raw.ping_ms.map(|PositiveMillis(time)| time));
    set(&mut leadership.silence, raw.silence_ms.map(|PositiveMillis(time)| time));
    set(&mut leadership.establish, raw.establish_ms.map(|PositiveMillis(time)| time));
    timing.drift_ppm = raw.drift_ppm.map_or(timing.drift_ppm, |drift| drift.0);
    let length = raw.lease_ms.map(|Millis(length)| length).filter(|length| !length.is_zero());
    leadership.lease = length.map(|length| LeaseTerms { length, drift_ppm: timing.drift_ppm });
    if let Some(problem) = leadership.lease_problem() {
        return Err(At::new("timing.lease_ms", FieldError::Lease(problem)));
    }
    let (ping, silence) = (leadership.ping, leadership.silence);
    if silence < 2 * ping {
        let (silence_ms, ping_ms) = (silence.as_millis(), ping.as_millis());
        let error = FieldError::SilenceTooShort { silence_ms, ping_ms };
        return Err(At::new("timing.silence_ms", error));
    }
    Ok(timing)
}

fn known(ensemble: &Ensemble, id: ServerId, path: &str) -> Result<ServerId, At> {
    if ensemble.contains(id) {
        return Ok(id);
    }
    let known = join(ensemble.members().map(|(id, _)| id)).into();
    Err(At::new(path, FieldError::UnknownId { id, known }))
}

/// Ids of members, each once.
fn ids(ensemble: &Ensemble, raw: &[Id], path: &str) -> Result<Vec<ServerId>, At> {
    let mut seen = BTreeSet::new();
    let mut members = Vec::with_capacity(raw.len().min(MEMBERS_MAX));
    for (n, Id(id)) in raw.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let id = known(ensemble, *id, &path)?;
        if !seen.insert(id) {
            return Err(At::new(path, FieldError::Repeated { id }));
        }
        members.push(id);
    }
    Ok(members)
}

fn expectation(ensemble: &Ensemble, raw: &RawExpectation, path: &str) -> Result<Expectation, At> {
    let Millis(by) = raw.by_ms;
    if by.is_zero() {
        return Err(At::new(format!("{path}.by_ms"), FieldError::ByZero));
    }
    let mut states = BTreeMap::new();
    let mut list = |raw: &[Id], state: &'static str, may: &dyn Fn(ServerId) -> bool, who| {
        let path = format!("{path}.{state}");
        let members = ids(ensemble, raw, &path)?;
        for (n, id) in members.iter().enumerate() {
            let at = |error| At::new(format!("{path}[{n}]"), error);
            if !may(*id) {
                return Err(at(cannot_be(ensemble, *id, who)));
            }
            if let Some(other) = states.insert(*id, state) {
                return Err(at(FieldError::TwoStates { id: *id, other }));
            }
        }
        Ok(members)
    };
    let leader = match raw.leader {
        None => None,
        Some(leader) => Some(match leader.0 {
            None => ExpectedLeader::Nobody,
            Some(id) => {
                let who = "a voter of positive weight, as only those lead";
                // A list of one, so that the same checks apply.
                let checked = list(&[id], "leader", &|id| ensemble.may_lead(id), who);
                checked.map_err(|at| At::new(format!("{path}.leader"), at.error))?;
                ExpectedLeader::Member(id.0)
            }
        }),
    };
    let voter = |id| ensemble.is_voter(id);
    let following = list(&raw.following, "following", &voter, "a voter")?;
    let observer = |id| !ensemble.is_voter(id);
    let observing = list(&raw.observing, "observing", &observer, "an observer")?;
    let looking = list(&raw.looking, "looking", &|_| true, "a member")?;
    let epoch = raw.epoch.map(|RawEpoch(epoch)| epoch);
    let lists = [&following, &observing, &looking];
    if leader.is_none() && epoch.is_none() && lists.into_iter().all(Vec::is_empty) {
        return Err(At::new(path, FieldError::NothingExpected));
    }
    if leader == Some(ExpectedLeader::Nobody) {
        if epoch.is_some() {
            return Err(At::new(format!("{path}.epoch"), FieldError::EpochOfNobody));
        }
        for (members, state) in [(&following, "following"), (&observing, "observing")] {
            if let Some(id) = members.first().copied() {
                let path = format!("{path}.{state}");
                return Err(At::new(path, FieldError::NobodyToFollow { id, state }));
            }
        }
    }
    Ok(Expectation { by, leader, epoch, following, observing, looking })
}

fn cannot_be(ensemble: &Ensemble, id: ServerId, expected: &'static str) -> FieldError {
    let found = if !ensemble.is_voter(id) {
        "an observer"
    } else if ensemble.may_lead(id) {
        "a voter"
    } else {
        "a voter of weight 0"
    };
    FieldError::CannotBe { id, found, expected }
}
