//! What a node is to do, from the file that the command line names.

use std::path::{Path, PathBuf};

use ballotbox::{
    NodeConfig, ServerId,
    leadership::{DirectoryId, LeaseTerms, Record},
    membership::Ensemble,
    node::{Keep, MemoryDisk},
    scenario::vote_file::VoteFile,
    zoo_cfg::ZooCfg,
};

use super::{Lease, NodeArgs};
use crate::cli::{
    Failure, input,
    tls_files::{self, Speaker},
};

/// What the node is told, and what seems wrong with the file that says it.
pub(super) fn read(args: &NodeArgs) -> Result<(NodeConfig, Vec<String>), Failure> {
    let mut warnings = Vec::new();
    let (mut config, leads) = match (&args.config, &args.votes, args.id) {
        (Some(path), _, id) => (of_zoo_cfg(args, path, id, &mut warnings)?, true),
        (None, Some(path), Some(id)) => {
            let file = input::vote_file(path)?;
            (of_vote_file(args, &file, path, id, &mut warnings)?, file.leadership)
        }
        (None, None, _) | (None, _, None) => {
            return Err(Failure::Argument("--id and --votes are needed, or --config".into()));
        }
    };
    warnings.extend(keep(args, &mut config, leads)?);
    lease(args, &mut config, leads)?;
    Ok((config, warnings))
}

fn of_zoo_cfg(
    args: &NodeArgs,
    path: &Path,
    id: Option<ServerId>,
    warnings: &mut Vec<String>,
) -> Result<NodeConfig, Failure> {
    let mut cfg = ZooCfg::read(path)?;
    if let Some(id) = id {
        cfg.identify(id)?;
    }
    if args.data_dir.is_some() {
        let text = "--data-dir cannot be used with --config: the epochs are kept in the dataDir of the file";
        return Err(Failure::Argument(text.into()));
    }
    warnings.extend(cfg.warnings.iter().map(ToString::to_string));
    let tls = args.tls.beside_zoo_cfg(cfg.tls.clone())?;
    let mut config = NodeConfig::from_zoo_cfg(&cfg)?;
    if let Some(settings) = tls {
        let speaker = Speaker { me: config.me, members: &cfg.membership, names: Vec::new() };
        config.tls = tls_files::read_of_zoo_cfg(settings, &speaker, warnings)?;
    }
    Ok(config)
}

fn of_vote_file(
    args: &NodeArgs,
    file: &VoteFile,
    path: &Path,
    id: ServerId,
    warnings: &mut Vec<String>,
) -> Result<NodeConfig, Failure> {
    let mut config = from_votes(file, id);
    if file.leadership {
        let directory = args.data_dir.clone().unwrap_or_else(|| default_directory(id));
        config = config.data_dir(directory);
        if let Some(leadership) = &mut config.leadership {
            leadership.timing = file.timing.leadership;
            leadership.ensemble_name = file.ensemble_name.clone();
            leadership.drift_ppm = file.timing.drift_ppm;
        }
    }
    warnings.extend(two_voters(file.ensemble()));
    if let Some(settings) = args.tls.beside_votes(file, id, path)? {
        let names = file.tls_names().collect();
        let speaker = Speaker { me: id, members: &file.membership, names };
        config.tls = Some(tls_files::read(settings, &speaker, warnings)?);
    }
    Ok(config)
}

/// What seems wrong with an ensemble of two. Of a zoo.cfg this is told with every even number of voters.
fn two_voters(ensemble: &Ensemble) -> Option<String> {
    let weighty = ensemble.voters().filter(|voter| ensemble.may_lead(*voter)).count();
    let text = "with two voters the failure of either one stops both: add a third";
    (weighty == 2).then(|| text.to_owned())
}

/// Where a node keeps its epochs if it is not told.
fn default_directory(id: ServerId) -> PathBuf {
    Path::new("ballotbox-data").join(id.to_string())
}

/// Makes of the options what they mean for where the epochs are kept, and says which of them means nothing.
fn keep(args: &NodeArgs, config: &mut NodeConfig, leads: bool) -> Result<Option<String>, Failure> {
    let is_voter = config.ensemble().is_voter(config.me);
    let given = |option: &str| {
        let text = format!(
            "{option} has no meaning here: the vote file says \"leadership\": false, so nothing is kept"
        );
        Err(Failure::Argument(text.into()))
    };
    match leads {
        false if args.data_dir.is_some() => return given("--data-dir"),
        false if args.new_ensemble => return given("--new-ensemble"),
        true if args.no_data_dir && is_voter => {
            let me = config.me;
            let expected = if args.config.is_some() {
                "the role of an observer, or no such option: then the epochs are kept in the dataDir of the file"
            } else {
                "a data directory (--data-dir), the role of an observer, or \"leadership\": false in the vote file"
            };
            let text = format!(
                "--no-data-dir, and {me} is a voter: it could be elected and never lead. Expected {expected}"
            );
            return Err(Failure::Argument(text.into()));
        }
        true | false => {}
    }
    if let Some(leadership) = &mut config.leadership {
        // Who has no vote promises nothing.
        if !is_voter {
            leadership.keep = Keep::InMemory(MemoryDisk::new(DirectoryId(0), Record::default()));
        }
        leadership.new_ensemble = args.new_ensemble;
        leadership.epoch_floor = args.epoch_floor.unwrap_or_default();
    }
    let is_observer = config.ensemble().contains(config.me) && !is_voter;
    Ok((is_observer && args.data_dir.is_some()).then(|| {
        let me = config.me;
        format!("{me} is an observer, which keeps nothing: --data-dir is not used, and `ballotbox status` does not reach it")
    }))
}

/// Makes of `--lease` what it means. Who can never lead asks for none, whatever the vote file says for all.
fn lease(args: &NodeArgs, config: &mut NodeConfig, leads: bool) -> Result<(), Failure> {
    let (me, may_lead) = (config.me, config.ensemble().may_lead(config.me));
    let refused = |why: &str| {
        let text = format!("--lease has no meaning here: {why}. Expected a voter that can lead");
        Err(Failure::Argument(text.into()))
    };
    match args.lease {
        Some(_) if !leads => {
            return refused("the vote file says \"leadership\": false, so nobody leads");
        }
        Some(Lease::For(_)) if !may_lead => {
            return refused(&format!("{me} is an observer, or its vote weighs nothing"));
        }
        Some(_) | None => {}
    }
    let Some(leadership) = &mut config.leadership else { return Ok(()) };
    let drift_ppm = leadership.drift_ppm;
    match args.lease {
        Some(Lease::For(length)) => {
            leadership.timing.lease = Some(LeaseTerms { length, drift_ppm });
            if let Some(problem) = leadership.timing.lease_problem() {
                return Err(Failure::Argument(format!("--lease: {problem}").into()));
            }
        }
        Some(Lease::Off) => leadership.timing.lease = None,
        None => {
            let by_default = args.work.lease(drift_ppm);
            leadership.timing.lease = leadership.timing.lease.or(by_default);
        }
    }
    if args.work.while_leading && may_lead {
        leadership.timing.stop_within = args.work.stop_within;
        if let Some(problem) = leadership.timing.lease_problem() {
            return Err(Failure::Argument(format!("--while-leading: {problem}").into()));
        }
    }
    Ok(())
}

/// The node that takes the place of member `me`. Steps and expectations do not concern it.
///
/// Where the file says too little for a node (`me` is no member, or a member has no election address), the node
/// will refuse to start, and say so.
fn from_votes(file: &VoteFile, me: ServerId) -> NodeConfig {
    let mut config = NodeConfig::new(me, file.membership.clone()).announcing_members();
    config.history = file.history(me).unwrap_or_default();
    config.timing = file.timing.election;
    config.network.connect = file.timing.connect;
    config
}

#[cfg(test)]
mod tests {
    use ballotbox::{Epoch, History, Zxid};

    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn file(members: &str) -> VoteFile {
        VoteFile::parse("test", &format!(r#"{{"members":[{members}]}}"#)).unwrap()
    }

    #[test]
    fn a_node_takes_over_the_vote_and_the_addresses_of_its_member() {
        let file = file(
            r#"{"id":1,"election":"h:3881","vote":{"zxid":7,"epoch":2}},{"id":2,"election":"h:3882"}"#,
        );
        let config = from_votes(&file, id(1));
        assert_eq!(config.history, History { epoch: Epoch(2), zxid: Zxid(7) });
        assert_eq!(config.membership.election(id(2)), ["h:3882".parse().unwrap()]);
        let twice = "server.1=h:3881:3881:participant\nserver.2=h:3882:3882:participant\nversion=0";
        assert_eq!(&*config.config_text, twice);
    }

    #[test]
    fn members_are_told_to_others_when_both_addresses_are_known() {
        let file = file(
            r#"{"id":1,"election":"h:3881","quorum":"h:2881"},
               {"id":4,"election":"h:3884","quorum":"h:2884","role":"observer"}"#,
        );
        assert_eq!(
            &*from_votes(&file, id(1)).config_text,
            "server.1=h:2881:3881:participant\nserver.4=h:2884:3884:observer\nversion=0"
        );
    }
}
