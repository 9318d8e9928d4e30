//! The election: who is to lead, decided by votes.
//!
//! [`Election`] is ZooKeeper's FastLeaderElection as a pure core: it is told what happened, an [`Event`], and answers
//! with what is to be done, [`Action`]s. What servers tell each other is a [`Notification`].
//!
//! Every server votes for the best candidate it has heard of, itself to begin with, and says so to all voters whenever
//! that changes. A vote is better with the newer epoch, then the newer zxid, then the larger id. Votes count within
//! a round; a server that hears of a newer round moves on to it.
//!
//! | state | on | then |
//! | --- | --- | --- |
//! | idle | `Begin` | next round, vote for itself, say so: looking |
//! | looking | a newer round | take it over, with the better of the vote heard and its own |
//! | | a better vote of this round | adopt it, say so |
//! | | an older round | answer, so that the other moves on |
//! | | a quorum votes alike | settling |
//! | | silence | say the vote again, after a wait that doubles |
//! | settling | a better vote, or the quorum falls apart | looking |
//! | | the settle timer, or nobody is left who could bring a better vote | decided |
//! | | the settle timer, and the candidate cannot be reached | next round: looking |
//! | looking or settling | a quorum follows one leader, and that one says it leads | decided, in their round |
//! | decided | a vote of a server that looks | answer with the decision |
//! | | as observer: silence | ask the leader, after a wait that doubles; once it has said that it leads, after the longest |
//! | | the leader, or as leader the quorum, is gone | next round: looking |
//! | | the leader, or as leader the quorum, turned to a better candidate of this round | adopt it, go on: looking |
//! | | it has become a leadership with an epoch | restate the vote with that epoch; watch links and words no more |
//! | | that leadership is over, or came to nothing | next round: looking |
//! | looking or settling | we withdraw, and vote for ourselves | next round, voting for nobody: looking |
//! | | we have withdrawn, and another votes for us | the round after that one, voting for nobody: looking |
//! | | we stand again, or have a newer epoch on disk, and are better than our vote | vote for ourselves, say so |
//!
//! What differs from ZooKeeper, and stays compatible with it:
//!
//! - The settle timer is armed once, when the quorum is reached. ZooKeeper restarts it per arrival: a chatty peer can
//!   hold up an election. Here nobody waits for the timer once every other voter votes alike or cannot be reached.
//! - Whatever arrives while settling is counted, not thrown away. Votes heard after the decision are kept too, for when
//!   the election goes on or the next one begins.
//! - The newest word of each voter counts, and no older one: a voter that looks again supports nobody by what it said
//!   before, and a candidate that follows another is not elected.
//! - A voter that joins a leader, having voted otherwise, says so to all voters. So nobody goes on counting on its
//!   vote, and the leader knows its followers.
//! - A voter that was still settled when our vote arrived gets it again when it starts looking.
//! - Observers ask, and do not answer. A decided observer asks its leader whether it leads: real servers say nothing
//!   unasked, and their last decision while they look. A leader that looks again says so, and the result, to observers.
//!
//! - A voter may withdraw: it elects others, and does not lead. It says its rounds by a vote that loses against all others, as a
//!   vote for nobody is not heard.
//! - Votes of settled servers agree within a round though some were restated with the epoch of the leadership and others not yet.
//!
//! After its decision a server notices a lost leader by its links and by what peers say, until the decision has become a
//! leadership: that has heartbeats.
//!
//! An election is an oracle, not consensus: with messages late or lost, two servers may both be elected for a while.
//! [`invariants`] says what always holds.

mod event;
mod machine;
mod notification;
mod outgoing;
mod present_links;
mod tally;
mod timing;
mod vote;

#[cfg(test)]
mod tests;

pub use event::{Action, Decision, Event, Standing, Timer};
pub use machine::{Election, Grounds, NotWaitedFor, State, Verdict, Weighed, invariants};
pub use notification::{DecodeError, Format, Notification, PeerState};
pub use outgoing::Outgoing;
pub use present_links::{PresentLinks, SignOfLife};
pub use tally::Ballot;
pub use timing::ElectionTiming;
pub use vote::{Epoch, History, Round, Vote, Zxid};
