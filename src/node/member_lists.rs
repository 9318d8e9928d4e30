//! [`MemberLists`]: whether the others mean the same ensemble as we do.
//!
//! Two ensembles by accident, because one file on one machine differs, is a failure nobody notices. Every notification
//! carries its sender's member list, so we can compare; we never take a list over.

use std::{collections::BTreeMap, fmt, sync::Arc};

use ballotbox_actors::ServerId;

use crate::config_text::{ConfigText, ConfigTextError, Difference};

/// Our list, and the last one heard from each member.
#[derive(Debug, Default)]
pub(crate) struct MemberLists {
    ours: Option<ConfigText>,
    heard: BTreeMap<ServerId, Arc<str>>,
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
    pub(crate) fn new(ours: &str) -> Self {
        let ours = ConfigText::parse(ours).ok().filter(|list| !list.servers.is_empty());
        Self { ours, heard: BTreeMap::new() }
    }

    /// Compares what a member sent; says something only when that changed, and is not the same as ours.
    pub(crate) fn compare(&mut self, from: ServerId, text: &str) -> Option<MemberListProblem> {
        let ours = self.ours.as_ref()?;
        // 3.4 sends no list.
        if text.is_empty() || self.heard.get(&from).is_some_and(|last| **last == *text) {
            return None;
        }
        self.heard.insert(from, text.into());
        match ConfigText::parse(text) {
            Ok(theirs) => ours.difference(&theirs).map(MemberListProblem::Differs),
            Err(error) => Some(MemberListProblem::Unreadable(error)),
        }
    }
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
        let problem = lists.compare(two, "server.1=nonsense");
        assert!(matches!(problem, Some(MemberListProblem::Unreadable(_))), "{problem:?}");
        assert_eq!(lists.compare(two, ""), None);
    }

    #[test]
    fn without_a_list_of_our_own_there_is_nothing_to_compare() {
        assert_eq!(MemberLists::new("").compare(ServerId::new(2).unwrap(), OURS), None);
    }
}
