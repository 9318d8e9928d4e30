//! The connection core: which links to open, keep and close. [`LinkTable`] is the only owner of the peer map.
//!
//! Between two servers there is at most one link, and **the higher id dials it**. A lower id that wants to speak first
//! *knocks*: it dials, says who it is and hangs up; the higher id then dials back, at an address from its own
//! configuration, never at one a stranger wrote. So crossing dials cannot make two links, and a knock costs nothing.
//!
//! A greeting is only a claim, and a connection is a peer only once that peer has spoken over it. So neither a greeting nor
//! silence ever takes or holds the place of a link that works:
//!
//! | we are greeted by | while the link is | then |
//! | --- | --- | --- |
//! | a lower id (a knock) | down | we dial it, at once but not more than twice between two waits |
//! | | up | the link is in doubt; if it does not answer, it is closed and the peer dialled |
//! | a higher id | down | the connection becomes the link |
//! | | up | the connection waits as a *candidate*, and its first frame is read |
//! | an id we do not know | | it is a *guest*: it may ask for a few seconds; only a few guests may at a time |
//! | our own id, or none | | it is refused |
//!
//! A candidate that says something valid puts the link in doubt. A link in doubt is asked for a sign of life; what answers
//! within the time keeps its place, and the candidate is dropped; otherwise the candidate becomes the link. Silent
//! candidates are dropped after a moment, and when there are too many, they push out each other only. A link over which its
//! peer never says anything is closed, too; until then we knock at a higher id as if without a link: its end may be
//! a stranger, and the peer may not know that we wait for it. A real server that is knocked at drops its link, so the
//! first link that comes up delays the next knock.
//!
//! A broken link is never revived: the next one has a higher [`Generation`], and what is reported about an older one
//! is ignored. Per peer one frame is being written and at most one waits, the newest. To a peer without a link nothing is
//! kept: on a new link the present state is said anew, so that nothing stale is ever sent.

mod event;
mod table;

pub use event::{Action, Approach, Event, Generation, LinkId, Notice, Refusal, SocketId, Timer};
pub use table::{ATTEMPTS_MAX, CANDIDATES_MAX, GUESTS_MAX, LinkTable, LinkTiming, invariants};
