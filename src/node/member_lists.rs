//! [`MemberLists`]: whether the others mean the same ensemble as we do.
//!
//! If one file on one machine differs, there may be two ensembles by accident, and nobody notices. Every notification
//! carries its sender's member list, so we can compare; we never take a list over.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use ballotbox_core::ServerId;

use crate::membership::config_text::{ConfigText, ConfigTextError, Difference};

/// Our list, and what was found out about the last one of each member. Nothing of what a member sends is kept but that.
#[derive(Debug, Default)]
pub(super) struct MemberLists {
    ours: Option<ConfigText>,
    heard: BTreeMap<ServerId, Heard>,
}

/// A list that was heard, without the list.
#[derive(Debug)]
struct Heard {
    /// Shows whether a text equals the last one. A sender that makes two texts with one digest hides its own list only.
    digest: u64,
    told: Option<MemberListProblem>,
}

/// What is wrong with a member list, seen from ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MemberListProblem {
    /// It means another ensemble.
    Differs(Difference),
    /// It cannot be read.
    Unreadable(ConfigTextError),
}

impl fmt::Display for MemberListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(difference) => difference.fmt(f),
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

impl MemberLists {
    /// To be compared with this list of ours. Without one there is nothing to compare.
    pub(super) fn new(ours: &str) -> Self {
        let ours = ConfigText::parse(ours).ok().filter(|list| !list.servers.is_empty());
        Self { ours, heard: BTreeMap::new() }
    }

    /// Compares what a member sent. Returns what is wrong with it, unless that is what was wrong with its last list.
    pub(super) fn compare(&mut self, from: ServerId, text: &str) -> Option<MemberListProblem> {
        let ours = self.ours.as_ref()?;
        let digest = digest(text);
        let last = self.heard.get(&from);
        // 3.4 sends no list.
        if text.is_empty() || last.is_some_and(|last| last.digest == digest) {
            return None;
        }
        let problem = match ConfigText::parse(text) {
            Ok(theirs) => ours.difference(&theirs).map(MemberListProblem::Differs),
            Err(error) => Some(MemberListProblem::Unreadable(error)),
        };
        let is_news = last.is_none_or(|last| last.told != problem);
        self.heard.insert(from, Heard { digest, told: problem.clone() });
        problem.filter(|_| is_news)
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "server.1=10.0.0.1:2888:3888:participant\n\
                        server.2=10.0.0.2:2888:3888:participant\nversion=0";

    #[test]
    fn a_difference_is_told_once_and_again_when_it_changes() {
        let two = ServerId::new(2).unwrap();
        let mut lists = MemberLists::new(OURS);
        assert_eq!(lists.compare(two, OURS), None);
        let moved = OURS.replace("10.0.0.2:2888:3888", "10.0.0.2:2888:4888");
        let told = lists.compare(two, &moved).unwrap().to_string();
        assert!(told.contains("3888") && told.contains("4888"), "{told}");
        assert_eq!(lists.compare(two, &moved), None);
        let with_a_comment = format!("# the same in other words\n{moved}");
        assert_eq!(lists.compare(two, &with_a_comment), None);
        let problem = lists.compare(two, "server.1=nonsense");
        assert!(matches!(problem, Some(MemberListProblem::Unreadable(_))), "{problem:?}");
        assert_eq!(lists.compare(two, ""), None);
        assert_eq!(lists.compare(two, OURS), None);
        assert!(lists.compare(two, &moved).is_some(), "it was in order in between");
    }

    #[test]
    fn no_list_decides_how_much_is_kept_or_told() {
        let two = ServerId::new(2).unwrap();
        let mut lists = MemberLists::new(OURS);
        let long = "A".repeat(500_000);
        for text in [
            format!("server.{long}=h:1:2"),
            format!("server.2={long}:1:2"),
            format!("server.2=h:1:2:{long}"),
            format!("server.2={}", vec!["h:1:2"; 80_000].join("|")),
            format!("server.2=h:1:2\ngroup.1={}", vec!["7"; 200_000].join(":")),
            format!("server.2=h:1:2\nweight.2={long}"),
            format!("server.2=h:1:2\nversion={long}"),
            format!("{long}=\\u{long}"),
        ] {
            let told = lists.compare(two, &text).unwrap().to_string();
            assert!(told.len() < 1000, "{} bytes of {}", told.len(), &text[..20]);
            let kept = format!("{:?}", lists.heard);
            assert!(kept.len() < 1000, "{} bytes of {}", kept.len(), &text[..20]);
        }
    }

    #[test]
    fn without_a_list_of_our_own_there_is_nothing_to_compare() {
        assert_eq!(MemberLists::new("").compare(ServerId::new(2).unwrap(), OURS), None);
    }
}
