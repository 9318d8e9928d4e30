//! The model checker on the production cores: every order of events of a small ensemble.
//!
//! | model | what is free | what must hold |
//! | --- | --- | --- |
//! | three voters, timely | in which order each end hears of its links and over them | nobody but the best is elected; all agree |
//! | three voters, told to speak again | that, and when one is told | the same |
//! | three voters, a peer seems out of reach | that, and whom one cannot reach before there is a link | the invariants; in the end all agree |
//! | three voters, hasty | the order once all are linked, and some timers that run out early, or all of them | the same; two leaders in one round *are* found |
//! | three voters, a link breaks, one crashes | that as well, and what is lost | the same; a lost leader is replaced |
//! | three voters, silent strangers | when they come as whom, and leave | the same; nobody leads or follows for their sake |
//! | three voters, an impostor, TLS | that, as whom it comes, what it says | the same; nobody leads for its sake |
//! | three voters, an impostor, plain text | that | one that leads alone *is* found |
//! | three voters, leaderships | when one begins, who hears of it and gives up when; a crash, a broken link | the same; all may follow in one epoch |
//! | three voters, one withdraws | who, and when | the same; it is not elected |
//! | two link tables | when they start, dials that cross, fail or hang, cuts, timers, late reports | never two links for good, never none, no newest frame lost |
//! | two link tables, strangers, frozen instances | that, who greets as whom and what it says, when a side freezes and begins anew | the same, though they stay; a link that works is never closed |
//! | epochs of three voters | who is elected by whom, when words arrive and records land, what is lost; a crash, a wipe, a broken session | no epoch begins twice, the next is larger, words are on disks; in the end one begins and nobody is an amnesiac |
//! | epochs of three and five, at random | that, as often as it likes; disks that fail, two wipes | the same |
//! | epochs by weakened rules | that | one that begins twice *is* found |
//! | epochs of three voters, an impostor, TLS | as whom it introduces itself, whose leader hears its words when | no epoch begins twice |
//! | epochs of three voters, an impostor, plain text | that | one that begins twice *is* found |
//! | leases of three voters | when words, pings and answers arrive, who loses its epoch, when work ends and who hears of it; time, by fast and slow clocks; a crash, a restart of a machine | no two leases run at one time, none when a newer epoch begins, no word is given against a promise |
//! | leases by weakened rules | that | two at one time *are* found |
//! | hand-overs of three voters | who resigns or is stopped, for whom, when its work ends, who hears of it and when; what was said once more; a vote between, a crash, a broken session, time | no two works go on at one time, an epoch is over before that is said, no other nomination is followed, one that was given up is never led in again; in the end all follow one |
//! | the same at random | that, as often as it likes | the same |
//! | hand-overs by weakened rules | that | two works at one time, and a stale nomination that is followed, *are* found |
//!
//! What grows without end is bounded: rounds, faults, dials, timers that run out early. Three limits come of it:
//!
//! - A direction of a link holds two frames, as in production: one handed over, one behind it. Where all timers are free,
//!   or a voter that crashed starts again, and in some models with strangers, it holds one, the newest: there would be too
//!   many states.
//! - Where all timers are free, nothing breaks, and only the first round is looked at.
//! - Who crashes while all are still looking starts again only when all else has ended, but in the larger models.
//!
//! The larger models take minutes: `cargo test --test model -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "model/checks.rs"]
mod checks;
#[path = "model/door.rs"]
mod door;
#[path = "model/election.rs"]
mod election;
#[path = "model/epochs.rs"]
mod epochs;
#[path = "model/handover.rs"]
mod handover;
#[path = "model/lease.rs"]
mod lease;
#[path = "model/links.rs"]
mod links;
#[path = "model/members.rs"]
mod members;
#[path = "model/random_walks.rs"]
mod random_walks;
#[path = "model/the_end.rs"]
mod the_end;
#[path = "model/voters.rs"]
mod voters;
#[path = "model/walks.rs"]
mod walks;
