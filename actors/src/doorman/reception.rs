//! [`Reception`]: how many connections may wait with their first word, and which has to go when there are too many.
//!
//! A stranger can open connections and say nothing. Each costs one socket, until its deadline; there is room for a fixed
//! number, and for half of it from one address. A connection that comes when there is no room takes the place of the one that
//! has been silent longest, from the same address if that one has too many. So a flood pushes out only itself,
//! while a genuine peer, which greets as soon as it connects, has greeted before it could be pushed out. Where all room is taken
//! by those that are not dealt with, nobody waits who could make room, and the one that comes has to go.
//!
//! The same holds for those that announce a long first packet: a member list of ours can be half a megabyte long, and one that
//! comes from a stranger must not be kept 256 times.

use std::{collections::VecDeque, net::SocketAddr};

/// At most this many connections wait with their greeting.
pub const GREETINGS_OPEN_MAX: usize = 256;

/// At most this many of them are from one address.
pub const GREETINGS_PER_ADDRESS_MAX: usize = 128;

/// At most this many long first packets are held at a time.
const LONG_PACKETS_MAX: usize = 16;

/// At most this many of them are from one address.
const LONG_PACKETS_PER_ADDRESS_MAX: usize = 8;

/// One connection that has not greeted yet.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct GreeterId(pub(crate) u64);

/// Those who wait, the one waiting longest in front.
#[derive(Debug)]
pub(crate) struct Reception {
    max: usize,
    per_address_max: usize,
    waiting: VecDeque<(GreeterId, SocketAddr)>,
}

impl Reception {
    /// With room for those who have not greeted yet.
    pub(crate) const fn for_greetings() -> Self {
        Self::new(GREETINGS_OPEN_MAX, GREETINGS_PER_ADDRESS_MAX)
    }

    /// With room for those of them that announce a long packet.
    pub(crate) const fn for_long_packets() -> Self {
        Self::new(LONG_PACKETS_MAX, LONG_PACKETS_PER_ADDRESS_MAX)
    }

    const fn new(max: usize, per_address_max: usize) -> Self {
        Self { max, per_address_max, waiting: VecDeque::new() }
    }

    /// Lets one in, and says which has to go for it, from where, or that it has to go itself. Those that were handed on and are not dealt with
    /// take room as well.
    pub(crate) fn admit(
        &mut self,
        id: GreeterId,
        from: SocketAddr,
        untaken: usize,
    ) -> Option<(GreeterId, SocketAddr)> {
        self.waiting.push_back((id, from));
        let is_of_it = |(_, other): &(GreeterId, SocketAddr)| other.ip() == from.ip();
        let of_this_address = self.waiting.iter().filter(|waiting| is_of_it(waiting)).count();
        let leaving = if of_this_address > self.per_address_max {
            self.waiting.iter().position(is_of_it)
        } else {
            (self.waiting.len() + untaken > self.max).then_some(0)
        };
        leaving.and_then(|index| self.waiting.remove(index))
    }

    /// Where one that waits came from.
    pub(crate) fn address_of(&self, id: GreeterId) -> Option<SocketAddr> {
        self.waiting.iter().find(|(waiting, _)| *waiting == id).map(|(_, address)| *address)
    }

    /// This one waits no longer. Returns where it came from, unless it was gone already.
    pub(crate) fn leave(&mut self, id: GreeterId) -> Option<SocketAddr> {
        let index = self.waiting.iter().position(|(waiting, _)| *waiting == id)?;
        self.waiting.remove(index).map(|(_, address)| address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> SocketAddr {
        (Ipv4Addr::new(10, 0, 0, last), u16::from(last) + 1000).into()
    }

    fn admit(
        reception: &mut Reception,
        id: GreeterId,
        from: SocketAddr,
        untaken: usize,
    ) -> Option<GreeterId> {
        reception.admit(id, from, untaken).map(|(leaving, _)| leaving)
    }

    #[test]
    fn a_flood_from_one_address_pushes_out_itself() {
        let mut reception = Reception::for_greetings();
        assert_eq!(admit(&mut reception, GreeterId(0), address(1), 0), None);
        for id in 1..=1000 {
            let left = admit(&mut reception, GreeterId(id), address(2), 0);
            let limit = GREETINGS_PER_ADDRESS_MAX as u64;
            assert_eq!(left, (id > limit).then(|| GreeterId(id - limit)));
        }
        assert_eq!(reception.leave(GreeterId(0)), Some(address(1)));
        assert_eq!(reception.leave(GreeterId(0)), None);
    }

    #[test]
    fn a_flood_from_many_addresses_pushes_out_the_longest_silent() {
        let mut reception = Reception::for_greetings();
        for id in 0..1000 {
            let left = admit(&mut reception, GreeterId(id), address((id % 200) as u8), 0);
            let limit = GREETINGS_OPEN_MAX as u64;
            assert_eq!(left, (id >= limit).then(|| GreeterId(id - limit)));
        }
    }

    #[test]
    fn those_that_have_greeted_and_are_not_dealt_with_take_room_as_well() {
        let mut reception = Reception::for_greetings();
        let room = GREETINGS_PER_ADDRESS_MAX as u64 / 2;
        let untaken = GREETINGS_OPEN_MAX - GREETINGS_PER_ADDRESS_MAX / 2;
        for id in 0..1000 {
            let left = admit(&mut reception, GreeterId(id), address(1), untaken);
            assert_eq!(left, (id >= room).then(|| GreeterId(id - room)));
        }
    }

    #[test]
    fn where_nobody_waits_who_could_make_room_the_one_that_comes_has_to_go() {
        for mut reception in [Reception::for_greetings(), Reception::for_long_packets()] {
            let (one, two) = (GreeterId(1), GreeterId(2));
            let max = reception.max;
            for untaken in [max, max + 1] {
                assert_eq!(admit(&mut reception, one, address(1), untaken), Some(one));
                assert_eq!(reception.address_of(one), None);
            }
            assert_eq!(admit(&mut reception, one, address(1), max - 1), None);
            assert_eq!(admit(&mut reception, two, address(2), max - 1), Some(one));
        }
    }
}
