//! [`Familiar`]: the addresses at which members are, as far as we know.
//!
//! Strangers come from anywhere, and members from where they were before, or from where we look for them. In a flood that tells most of
//! the one from most of the other, before anybody has shown a certificate. It is no proof, and lets nobody in.

use std::{collections::VecDeque, net::IpAddr};

use ballotbox_core::ServerId;

/// At most this many addresses: what was noted longest ago is forgotten.
const ADDRESSES_MAX: usize = 256;

/// The addresses at which members are, the one noted last at the end. Where several are, it is not known which one comes from there.
#[derive(Debug, Default)]
pub(super) struct Familiar(VecDeque<(IpAddr, Option<ServerId>)>);

impl Familiar {
    /// This member is there, or is looked for there.
    pub(super) fn note(&mut self, address: IpAddr, member: ServerId) {
        let address = address.to_canonical();
        let known = self.0.iter().position(|(known, _)| *known == address);
        let known = known.and_then(|index| self.0.remove(index)).map(|(_, member)| member);
        let is_alone = known.is_none_or(|known| known == Some(member));
        self.0.push_back((address, is_alone.then_some(member)));
        if self.0.len() > ADDRESSES_MAX {
            self.0.pop_front();
        }
    }

    /// Whether any was noted there.
    pub(super) fn knows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(known, _)| *known == address)
    }

    /// The only one that was noted there.
    pub(super) fn member_at(&self, address: IpAddr) -> Option<ServerId> {
        let address = address.to_canonical();
        self.0.iter().find(|(known, _)| *known == address).and_then(|(_, member)| *member)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_was_noted_longest_ago_is_forgotten() {
        let address = |number: usize| {
            IpAddr::from(Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap()))
        };
        let [one, two] = [1, 2].map(|number| ServerId::new(number).unwrap());
        let mut familiar = Familiar::default();
        for number in 0..ADDRESSES_MAX {
            familiar.note(address(number), one);
        }
        familiar.note(address(0), two);
        familiar.note(address(ADDRESSES_MAX), one);
        assert_eq!((familiar.knows(address(0)), familiar.member_at(address(0))), (true, None));
        familiar.note(address(0), two);
        assert_eq!(familiar.member_at(address(0)), None, "two are there");
        assert!(!familiar.knows(address(1)));
        assert_eq!(familiar.member_at(address(ADDRESSES_MAX)), Some(one));
        let IpAddr::V4(mapped) = address(2) else { unreachable!("it is one of version 4") };
        assert_eq!(familiar.member_at(mapped.to_ipv6_mapped().into()), Some(one));
    }
}
