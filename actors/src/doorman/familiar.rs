//! [`Familiar`]: the addresses at which members are, as far as we know.
//!
//! Strangers come from anywhere, and members from where they were before, or from where we look for them. In a flood that tells most of
//! the one from most of the other, before anybody has shown a certificate. It is no proof, and lets nobody in.

use std::{collections::VecDeque, net::IpAddr};

use ballotbox_core::ServerId;

/// At most this many addresses: what was noted longest ago is forgotten.
const ADDRESSES_MAX: usize = 256;

/// The addresses at which members are, the one noted last at the end.
#[derive(Debug, Default)]
pub(crate) struct Familiar(VecDeque<(IpAddr, ServerId)>);

impl Familiar {
    /// This member is there, or is looked for there.
    pub(crate) fn note(&mut self, address: IpAddr, member: ServerId) {
        let address = address.to_canonical();
        self.0.retain(|(known, _)| *known != address);
        self.0.push_back((address, member));
        if self.0.len() > ADDRESSES_MAX {
            self.0.pop_front();
        }
    }

    /// Who was noted there last.
    pub(crate) fn member_at(&self, address: IpAddr) -> Option<ServerId> {
        let address = address.to_canonical();
        self.0.iter().find(|(known, _)| *known == address).map(|(_, member)| *member)
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
        assert_eq!(familiar.member_at(address(0)), Some(two));
        assert_eq!(familiar.member_at(address(1)), None);
        assert_eq!(familiar.member_at(address(ADDRESSES_MAX)), Some(one));
        let IpAddr::V4(mapped) = address(2) else { unreachable!("it is one of version 4") };
        assert_eq!(familiar.member_at(mapped.to_ipv6_mapped().into()), Some(one));
    }
}
