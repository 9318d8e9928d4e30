//! [`Token`]: what a leader shows to what only one may write.

use std::{fmt, str::FromStr};

use ballotbox_core::{
    ServerId, UntrustedText, election::Epoch, leadership::EPOCH_MAX, whole_number,
};

/// What a leader shows to what only one may write: the number of its epoch, and which member it is.
///
/// Who leads later has the larger number, so tokens are ordered by it; the owner only tells equal numbers apart. As text it is `NUMBER OWNER`,
/// as in the header `Ballotbox-Token: 42 3`.
///
/// A program gets it from what it holds while it leads, [`Leadership::fencing_token`](crate::node::Leadership::fencing_token). On the other side of a
/// wire it is made from what arrived there. Nobody keeps one for later: a [`Fence`](super::Fence) refuses it then.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Token {
    number: u64,
    owner: Option<ServerId>,
}

impl Token {
    /// The largest number a token can have, which is the largest epoch there is. The smallest is 1.
    pub const NUMBER_MAX: u64 = EPOCH_MAX.0.cast_unsigned();

    /// The token with this number, of this member. A number that no epoch has is one all the same: a [`Fence`](super::Fence) refuses it.
    pub const fn new(number: u64, owner: ServerId) -> Self {
        Self { number, owner: Some(owner) }
    }

    /// A token that names no owner. Those with one number pass for tokens of the same, nameless owner; so where two leaders have one number, as some
    /// disk was lost, nobody notices.
    pub const fn without_owner(number: u64) -> Self {
        Self { number, owner: None }
    }

    pub(super) const fn from_parts(number: u64, owner: Option<ServerId>) -> Self {
        Self { number, owner }
    }

    /// The token of a member that leads in this epoch.
    pub(crate) const fn of(epoch: Epoch, leader: ServerId) -> Self {
        Self::new(epoch.0.cast_unsigned(), leader)
    }

    /// The number, which is the epoch.
    pub const fn number(self) -> u64 {
        self.number
    }

    /// The member that leads, if it is named.
    pub const fn owner(self) -> Option<ServerId> {
        self.owner
    }

    /// Whether an epoch can have this number.
    pub const fn is_possible(self) -> bool {
        1 <= self.number && self.number <= Self::NUMBER_MAX
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Some(owner) => write!(f, "{} {owner}", self.number),
            None => self.number.fmt(f),
        }
    }
}

/// Why a text is no [`Token`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no token: expected its number and the id of the member that leads, as in `42 3`")]
pub struct TokenError(UntrustedText);

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let token = match text.split_once(' ') {
            Some((number, owner)) => {
                whole_number(number).zip(owner.parse().ok()).map(|(n, owner)| Self::new(n, owner))
            }
            None => whole_number(text).map(Self::without_owner),
        };
        token.ok_or_else(|| TokenError(UntrustedText::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u64, owner: u64) -> Token {
        Token::new(number, ServerId::new(owner).unwrap())
    }

    #[test]
    fn a_token_is_its_number_and_its_owner_and_reads_back() {
        for token in [token(42, 3), token(1, 0), Token::without_owner(7), token(u64::MAX, 1)] {
            assert_eq!(token.to_string().parse(), Ok(token));
        }
        assert_eq!(token(42, 3).to_string(), "42 3");
        assert_eq!(Token::of(Epoch(42), token(42, 3).owner().unwrap()), token(42, 3));
    }

    #[test]
    fn what_is_no_token_is_refused_with_what_was_found() {
        for text in
            ["", " ", "3 ", " 3", "3 4 5", "3  4", "-3 4", "3 x", "99999999999999999999 1", "3\t4"]
        {
            let error = text.parse::<Token>().unwrap_err().to_string();
            assert!(error.contains("is no token: expected its number"), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_number_orders_tokens_and_the_owner_only_those_with_one_number() {
        assert!(token(2, 1) > token(1, 9) && token(2, 2) > token(2, 1));
    }

    #[test]
    fn only_what_an_epoch_can_be_is_possible() {
        let is_possible = |number| Token::without_owner(number).is_possible();
        assert_eq!([0, 1, Token::NUMBER_MAX].map(is_possible), [false, true, true]);
        assert_eq!([Token::NUMBER_MAX + 1, u64::MAX].map(is_possible), [false, false]);
    }
}
