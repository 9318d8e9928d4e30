//! The connection core: which links to open, keep and close. [`LinkTable`] is the only owner of the peer map.
//!
//! Between two servers there is at most one link, and **the higher id dials it**. A lower id that wants to speak first
//! *knocks*: it dials, says who it is and hangs up; the higher id then dials back, at an address from its own
//! configuration, never at one a stranger wrote. So crossing dials cannot make two links, and a knock costs nothing.
//!
//! A greeting is only a claim, so it never touches a link that works:
//!
//! | we are greeted by | while the link is | then |
//! | --- | --- | --- |
//! | a lower id (a knock) | down | we dial it, at once but not more than twice between two waits |
//! | | up | we speak on the link: if it is dead, that shows, and it is replaced |
//! | a higher id | down | the connection becomes the link |
//! | | up | the connection waits as *candidate* while we speak on the link, and takes over if that is dead |
//! | an id we do not know | | it is a *guest*: it may ask for a few seconds, a few at a time |
//! | our own id, or none | | it is refused |
//!
//! A broken link is never revived: the next one has a higher [`Generation`], and what is reported about an older one
//! is ignored. Per peer one frame is being written and at most one waits, the newest. To a peer without a link nothing is
//! kept: on a new link the present state is said anew, so that nothing stale is ever sent.

mod event;
mod table;

pub use event::{Action, Approach, Event, Generation, LinkId, Notice, Refusal, SocketId, Timer};
pub use table::{ATTEMPTS_MAX, GUESTS_MAX, LinkTable, LinkTiming, invariants};
