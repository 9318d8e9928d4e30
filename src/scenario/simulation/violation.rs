//! [`Violation`]: that something did not hold, which always must.

use std::time::Duration;

use ballotbox_core::ServerId;

/// A rule that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Which one.
    pub rule: &'static str,
    /// By whom, if it was one member.
    pub member: Option<ServerId>,
    /// When, since the beginning.
    pub at: Duration,
    /// What more there is to say, if anything.
    pub details: String,
}

impl Violation {
    pub(super) const fn by(member: ServerId, rule: &'static str, at: Duration) -> Self {
        Self { rule, member: Some(member), at, details: String::new() }
    }

    pub(super) const fn of_all(rule: &'static str, at: Duration) -> Self {
        Self { rule, member: None, at, details: String::new() }
    }
}
