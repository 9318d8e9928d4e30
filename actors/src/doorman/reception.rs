//! [`Reception`]: how many connections may wait with their greeting, and which has to go when there are too many.
//!
//! A stranger can open connections and say nothing. Each costs one socket, until its deadline; there is room for a fixed
//! number, and for half of it from one address. A connection that comes when there is no room takes the place of the one that
//! has been silent longest, from the same address if that one has too many. So a flood pushes out only itself,
//! while a genuine peer, which greets as soon as it connects, has greeted before it could be pushed out.

use std::{collections::VecDeque, net::IpAddr};

/// At most this many connections wait with their greeting.
pub const GREETINGS_OPEN_MAX: usize = 256;

/// At most this many of them are from one address.
pub const GREETINGS_PER_ADDRESS_MAX: usize = 128;

/// One connection that has not greeted yet.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct GreeterId(pub(crate) u64);

/// Those who have not greeted yet, the one waiting longest in front.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    waiting: VecDeque<(GreeterId, IpAddr)>,
}

impl Reception {
    /// Lets one in, and says who has to go for it. Those that have greeted and are not dealt with take room as well.
    pub(crate) fn admit(
        &mut self,
        id: GreeterId,
        from: IpAddr,
        untaken: usize,
    ) -> Option<GreeterId> {
        let of_this_address = self.waiting.iter().filter(|(_, address)| *address == from).count();
        let leaving = if of_this_address >= GREETINGS_PER_ADDRESS_MAX {
            self.waiting.iter().position(|(_, address)| *address == from)
        } else {
            (self.waiting.len() + untaken >= GREETINGS_OPEN_MAX).then_some(0)
        };
        let left = leaving.and_then(|index| self.waiting.remove(index));
        self.waiting.push_back((id, from));
        left.map(|(id, _)| id)
    }

    /// This one waits no longer. Returns where it came from, unless it was gone already.
    pub(crate) fn leave(&mut self, id: GreeterId) -> Option<IpAddr> {
        let index = self.waiting.iter().position(|(waiting, _)| *waiting == id)?;
        self.waiting.remove(index).map(|(_, address)| address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn a_flood_from_one_address_pushes_out_itself() {
        let mut reception = Reception::default();
        assert_eq!(reception.admit(GreeterId(0), address(1), 0), None);
        for id in 1..=1000 {
            let left = reception.admit(GreeterId(id), address(2), 0);
            let limit = GREETINGS_PER_ADDRESS_MAX as u64;
            assert_eq!(left, (id > limit).then(|| GreeterId(id - limit)));
        }
        assert_eq!(reception.leave(GreeterId(0)), Some(address(1)));
        assert_eq!(reception.leave(GreeterId(0)), None);
    }

    #[test]
    fn a_flood_from_many_addresses_pushes_out_the_longest_silent() {
        let mut reception = Reception::default();
        for id in 0..1000 {
            let left = reception.admit(GreeterId(id), address((id % 200) as u8), 0);
            let limit = GREETINGS_OPEN_MAX as u64;
            assert_eq!(left, (id >= limit).then(|| GreeterId(id - limit)));
        }
    }

    #[test]
    fn those_that_have_greeted_and_are_not_dealt_with_take_room_as_well() {
        let mut reception = Reception::default();
        let room = GREETINGS_PER_ADDRESS_MAX as u64 / 2;
        let untaken = GREETINGS_OPEN_MAX - GREETINGS_PER_ADDRESS_MAX / 2;
        for id in 0..1000 {
            let left = reception.admit(GreeterId(id), address(1), untaken);
            assert_eq!(left, (id >= room).then(|| GreeterId(id - room)));
        }
    }
}
