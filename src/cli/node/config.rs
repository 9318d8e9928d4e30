//! What a node is to do, from the file that the command line names.

use ballotbox::{
    NodeConfig, ServerId, membership::config_text::ConfigText, scenario::vote_file::VoteFile,
    zoo_cfg::ZooCfg,
};

use super::NodeArgs;
use crate::cli::Failure;

/// What the node is told, and what seems wrong with the file that says it.
pub(super) fn read(args: &NodeArgs) -> Result<(NodeConfig, Vec<String>), Failure> {
    match (&args.config, &args.votes, args.id) {
        (Some(path), _, id) => {
            let mut cfg = ZooCfg::read(path)?;
            if let Some(id) = id {
                cfg.identify(id)?;
            }
            let warnings = cfg.warnings.iter().map(ToString::to_string).collect();
            Ok((NodeConfig::from_zoo_cfg(&cfg)?, warnings))
        }
        (None, Some(path), Some(id)) => Ok((from_votes(&VoteFile::read(path)?, id), Vec::new())),
        (None, None, _) | (None, _, None) => {
            Err(Failure::Argument("--id and --votes are needed, or --config".into()))
        }
    }
}

/// The node that takes the place of member `me`. Steps and expectations do not concern it.
///
/// Where the file says too little for a node (`me` is no member, or a member has no election address), the node
/// will refuse to start, and say so.
fn from_votes(file: &VoteFile, me: ServerId) -> NodeConfig {
    let mut config = NodeConfig::new(me, file.membership.clone());
    config.history = file.history(me).unwrap_or_default();
    let list = ConfigText::of(&file.membership);
    config.config_text = list.map_or_else(String::new, |list| list.to_string()).into();
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
        assert!(config.config_text.is_empty(), "without quorum ports there is nothing to compare");
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
