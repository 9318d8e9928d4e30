//! [`Outcome`]: how a play ended, in one word that means the same over sockets and in virtual time.

use ballotbox_core::ServerId;
use serde::Serialize;

/// How a play ended, in one word.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A member was elected, and everything expected came true.
    Elected,
    /// No member leads, and everything expected came true.
    NoLeader,
    /// Something that was expected did not come true.
    Unmet,
}

impl Outcome {
    /// The outcome, if this member leads in the end and these expectations were met or not.
    pub fn of(leader: Option<ServerId>, met: impl IntoIterator<Item = bool>) -> Self {
        if met.into_iter().any(|met| !met) {
            Self::Unmet
        } else if leader.is_some() {
            Self::Elected
        } else {
            Self::NoLeader
        }
    }

    /// Whether it is what the file asks for. Without a leader it is only if the file expects something: a file that
    /// expects nothing is there to elect a leader.
    pub const fn is_good(self, expectations: usize) -> bool {
        match self {
            Self::Elected => true,
            Self::NoLeader => expectations > 0,
            Self::Unmet => false,
        }
    }

    /// The outcome as in JSON output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Elected => "elected",
            Self::NoLeader => "no-leader",
            Self::Unmet => "unmet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    #[test]
    fn an_expectation_that_failed_outweighs_a_leader() {
        assert_eq!(Outcome::of(Some(id(1)), [true, false]), Outcome::Unmet);
        assert_eq!(Outcome::of(Some(id(1)), [true]), Outcome::Elected);
        assert_eq!(Outcome::of(None, [true]), Outcome::NoLeader);
        assert_eq!(Outcome::of(None, []), Outcome::NoLeader);
    }

    #[test]
    fn no_leader_is_good_only_if_something_was_expected() {
        assert!(Outcome::NoLeader.is_good(1) && !Outcome::NoLeader.is_good(0));
        assert!(Outcome::Elected.is_good(0) && !Outcome::Unmet.is_good(2));
    }
}
