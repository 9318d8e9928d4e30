//! [`Seats`]: how many learners there may be at a time, and which has to go when there are too many.
//!
//! A peer is a learner if its first packet says so, so strangers can be learners. The user of the star closes those that it
//! does not want; until then each takes a seat. When a learner comes and there is no seat, the one to which nothing was ever said
//! makes room, the one waiting longest first; and if there is none, the one to which nothing was said for the longest time. One
//! address never has all seats. So a flood pushes out only itself, while a learner that is led hears a ping a few times
//! a second, and keeps its seat.

use std::{collections::BTreeMap, net::IpAddr};

use ballotbox_core::leadership::SessionId;

/// At most this many learners are there beside one for each other member.
pub const LEARNERS_SPARE_MAX: usize = 64;

/// At most this many of these are from one address.
const SPARE_PER_ADDRESS_MAX: usize = LEARNERS_SPARE_MAX / 2;

/// The learners there are.
#[derive(Debug)]
pub(super) struct Seats {
    max: usize,
    per_address_max: usize,
    taken: BTreeMap<SessionId, Seat>,
    /// How often something was said.
    words: u64,
}

#[derive(Debug)]
struct Seat {
    from: IpAddr,
    /// Which word was the last one said to it, if any was.
    last_word: Option<u64>,
}

impl Seats {
    /// For a server with this many other members.
    pub(super) const fn new(members: usize) -> Self {
        Self {
            max: members + LEARNERS_SPARE_MAX,
            per_address_max: members + SPARE_PER_ADDRESS_MAX,
            taken: BTreeMap::new(),
            words: 0,
        }
    }

    /// Gives a learner a seat, and says which has to leave for it. A session has a higher number than those before it.
    pub(super) fn admit(&mut self, session: SessionId, from: IpAddr) -> Option<SessionId> {
        let of_this_address = self.taken.values().filter(|seat| seat.from == from).count();
        let leaving = if of_this_address >= self.per_address_max {
            self.least(|seat| seat.from == from)
        } else if self.taken.len() >= self.max {
            self.least(|_| true)
        } else {
            None
        };
        if let Some(leaving) = leaving {
            self.taken.remove(&leaving);
        }
        self.taken.insert(session, Seat { from, last_word: None });
        leaving
    }

    /// Something is said to this learner.
    pub(super) fn said(&mut self, session: SessionId) {
        self.words += 1;
        if let Some(seat) = self.taken.get_mut(&session) {
            seat.last_word = Some(self.words);
        }
    }

    /// This learner has gone.
    pub(super) fn leave(&mut self, session: SessionId) {
        self.taken.remove(&session);
    }

    fn least(&self, among: impl Fn(&Seat) -> bool) -> Option<SessionId> {
        let seats = self.taken.iter().filter(|(_, seat)| among(seat));
        seats.min_by_key(|(session, seat)| (seat.last_word, **session)).map(|(session, _)| *session)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: usize) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, u8::try_from(last % 200).unwrap()).into()
    }

    fn session(number: usize) -> SessionId {
        SessionId::Accepted(number as u64)
    }

    #[test]
    fn a_flood_from_one_address_pushes_out_itself_and_no_learner_to_which_something_was_said() {
        let mut seats = Seats::new(3);
        let room = 3 + SPARE_PER_ADDRESS_MAX;
        assert_eq!(seats.admit(session(0), address(1)), None);
        assert_eq!(seats.admit(session(1), address(2)), None);
        seats.said(session(1));
        for number in 2..1000 {
            let leaving = seats.admit(session(number), address(2));
            // The first of the flood that makes room is not the one that is led.
            assert_eq!(leaving, (number > room).then(|| session(number - room + 1)));
        }
    }

    #[test]
    fn a_flood_from_many_addresses_pushes_out_itself() {
        let mut seats = Seats::new(3);
        assert_eq!(seats.admit(session(0), address(0)), None);
        seats.said(session(0));
        for number in 1..1000 {
            let leaving = seats.admit(session(number), address(number));
            let room = 3 + LEARNERS_SPARE_MAX;
            assert_eq!(leaving, (number >= room).then(|| session(number - room + 1)));
        }
    }

    #[test]
    fn among_learners_that_were_all_answered_the_one_to_which_nothing_was_said_longest_makes_room()
    {
        let mut seats = Seats::new(0);
        for number in 0..LEARNERS_SPARE_MAX {
            assert_eq!(seats.admit(session(number), address(number)), None);
            seats.said(session(number));
        }
        seats.said(session(0));
        assert_eq!(seats.admit(session(LEARNERS_SPARE_MAX), address(100)), Some(session(1)));
        seats.leave(session(2));
        assert_eq!(seats.admit(session(LEARNERS_SPARE_MAX + 1), address(101)), None);
    }
}
