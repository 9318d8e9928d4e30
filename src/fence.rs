//! A fence: what only one may write refuses who led before.
//!
//! A leader looks at its clock, and acts. Between the two it may be stopped for as long as it likes: a process that was suspended, a machine that
//! was paused, a request that waits in a queue. Meanwhile another leads and writes, and then the late write lands on top of it. No
//! lease helps against that; but what is written to can. Each leader shows its [`Token`], and what is written to keeps the largest one it
//! has seen and refuses smaller ones.
//!
//! | token, against the largest that was admitted | | |
//! | --- | --- | --- |
//! | larger | remembered, and admitted | who leads now comes for the first time |
//! | equal, of the same owner | admitted | the ordinary case: a leader writes many times |
//! | equal, of another owner | [`Refused::Duplicate`] | an alarm: two led in one epoch, so disks were lost, copied or rolled back |
//! | smaller | [`Refused::Stale`] | somebody led before |
//! | 0, or larger than any epoch can be | [`Refused::Absurd`] | no leader has it; were it remembered, it would lock out all who will ever lead |
//!
//! The order in which they arrive is of no importance, but for the first: who comes late with a smaller one takes nothing from anybody.
//!
//! Looking at the token and acting have to be one step, or the fence has the same gap as the leader. [`Fence`] decides, in memory, for
//! a server that handles one request after the other. [`FileFence`] keeps the largest token in a file, and holds a lock while one acts. Where a
//! database or an object store is written to, that has a step of its own for it: README has the recipes.
//!
//! | file | what it does |
//! | --- | --- |
//! | `token` | [`Token`] |
//! | `kept` | the largest token in a file, which no crash takes back |
//! | `file_fence` | [`FileFence`]: that file with its lock |
//! | `error` | [`FenceError`]: why a file does not let anybody in |

mod error;
mod file_fence;
mod kept;
mod token;

#[doc(hidden)]
pub use self::kept::token_read;
pub use self::{
    error::FenceError,
    file_fence::{FenceGuard, FileFence},
    token::{Token, TokenError},
};
use crate::ServerId;

/// The largest token that was admitted, in memory.
///
/// ```
/// use ballotbox::{ServerId, fence::{Fence, Refused, Token}};
///
/// # fn main() -> Result<(), Refused> {
/// let [one, two] = [1, 2].map(|number| ServerId::new(number).expect("a small number is an id"));
/// let mut fence = Fence::default();
/// fence.admit(Token::new(7, one))?;
/// fence.admit(Token::new(8, two))?;
/// // The first one was stopped, and goes on.
/// let refused = fence.admit(Token::new(7, one)).unwrap_err();
/// assert_eq!(refused.highest(), Some(Token::new(8, two)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fence {
    highest: Option<Token>,
}

/// A token was admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admitted {
    /// It is larger than all before, and is the largest from now on.
    Newer,
    /// It is the largest already.
    Again,
}

/// A token was not admitted. The fence is as it was.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Refused {
    /// Somebody who led later was here: `highest`.
    #[error(
        "token {} is stale: {} was admitted before, and from then on only larger ones are. If the ensemble was begun anew \
         since, its epochs are too small: begin it above that one, with --new-ensemble --epoch-floor {}",
        .token.number(), named(*.highest), .highest.number()
    )]
    Stale { token: Token, highest: Token },
    /// Another one, `owner`, was admitted with the same number.
    #[error(
        "token {} {} is a duplicate: it was admitted {} before. Two leaders with one epoch: data directories of voters \
         were lost, copied or rolled back, or an owner is not what it should be", .token.number(), by(.token.owner()), by(*.owner)
    )]
    Duplicate { token: Token, owner: Option<ServerId> },
    /// No leader can have it.
    #[error(
        "{} is the token of no leader: expected 1 to {}; {}", .token.number(), Token::NUMBER_MAX, largest(*.highest)
    )]
    Absurd { token: Token, highest: Option<Token> },
}

impl Fence {
    /// One that has admitted this token before, or none: for programs that keep it elsewhere.
    pub const fn new(highest: Option<Token>) -> Self {
        Self { highest }
    }

    /// The largest token that was admitted.
    pub const fn highest(&self) -> Option<Token> {
        self.highest
    }

    /// Admits this token, unless it is smaller than one before, or that of another with the same number, or none that a leader can have.
    ///
    /// # Errors
    ///
    /// [`Refused`], with the largest one.
    pub fn admit(&mut self, token: Token) -> Result<Admitted, Refused> {
        if !token.is_possible() {
            return Err(Refused::Absurd { token, highest: self.highest });
        }
        match self.highest {
            Some(highest) if token.number() < highest.number() => {
                Err(Refused::Stale { token, highest })
            }
            Some(highest) if token == highest => Ok(Admitted::Again),
            Some(highest) if token.number() == highest.number() => {
                Err(Refused::Duplicate { token, owner: highest.owner() })
            }
            Some(_) | None => {
                self.highest = Some(token);
                Ok(Admitted::Newer)
            }
        }
    }
}

impl Refused {
    /// The largest token that was admitted, if any was: who is refused need not ask what it would have to beat.
    pub const fn highest(self) -> Option<Token> {
        match self {
            Self::Stale { highest, .. } => Some(highest),
            Self::Duplicate { token, owner } => Some(Token::from_parts(token.number(), owner)),
            Self::Absurd { highest, .. } => highest,
        }
    }
}

/// `7 of member 3`.
fn named(token: Token) -> String {
    format!("{} {}", token.number(), by(token.owner()))
}

fn by(owner: Option<ServerId>) -> String {
    owner.map_or_else(|| "without an owner".to_owned(), |owner| format!("of member {owner}"))
}

fn largest(highest: Option<Token>) -> String {
    highest.map_or_else(
        || "none was admitted yet".to_owned(),
        |highest| format!("the largest that was admitted is {}", named(highest)),
    )
}

#[cfg(test)]
mod tests;
