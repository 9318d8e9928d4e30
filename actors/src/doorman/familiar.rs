//! [`Familiar`]: the addresses at which members are, as far as we know.
//!
//! Strangers come from anywhere, and members from where they were before, or from where we look for them. In a flood that tells most of
//! the one from most of the other, before anybody has shown a certificate. It is no proof, and lets nobody in.

use std::{collections::VecDeque, net::IpAddr};

/// At most this many addresses: what was noted longest ago is forgotten.
const ADDRESSES_MAX: usize = 256;

/// The addresses at which members are, the one noted last at the end.
#[derive(Debug, Default)]
pub(crate) struct Familiar(VecDeque<IpAddr>);

impl Familiar {
    /// A member is there, or is looked for there.
    pub(crate) fn note(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        self.0.retain(|known| *known != address);
        self.0.push_back(address);
        if self.0.len() > ADDRESSES_MAX {
            self.0.pop_front();
        }
    }

    /// Whether one was noted there.
    pub(crate) fn knows(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
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
        let mut familiar = Familiar::default();
        for number in 0..ADDRESSES_MAX {
            familiar.note(address(number));
        }
        familiar.note(address(0));
        familiar.note(address(ADDRESSES_MAX));
        assert!(familiar.knows(address(0)) && familiar.knows(address(ADDRESSES_MAX)));
        assert!(!familiar.knows(address(1)) && familiar.knows(address(2)));
        let IpAddr::V4(mapped) = address(2) else { unreachable!("it is one of version 4") };
        assert!(familiar.knows(mapped.to_ipv6_mapped().into()));
    }
}
