//! [`Refusals`]: what is told of those that are turned away.

use std::{collections::BTreeMap, net::IpAddr};

use ballotbox_core::{ServerId, Sparingly};

use super::familiar::Familiar;
use crate::event::{NetworkEvent, RefusedBecause};

/// Counts the connections that were turned away, by the kind of reason: a flood of them makes a handful of events. Those from where a
/// member is are counted by themselves, so that no flood hides what is wrong with a member.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<(&'static str, Option<ServerId>), Sparingly>);

impl Refusals {
    /// Takes note of one, and says what there is to tell about it, if it is time to.
    pub(super) fn note(
        &mut self,
        reason: RefusedBecause,
        from: Option<IpAddr>,
        familiar: &Familiar,
    ) -> Option<NetworkEvent> {
        let peer = from.and_then(|from| familiar.member_at(from));
        let times = self.0.entry((reason.kind(), peer)).or_default().count()?;
        Some(NetworkEvent::Refused { from, peer, reason, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_sparingly_and_hides_neither_other_reasons_nor_a_member() {
        let [stranger, member] = ["10.9.9.9", "10.0.0.2"].map(|text| text.parse().unwrap());
        let mut familiar = Familiar::default();
        familiar.note(member, ServerId::new(2).unwrap());
        let mut refusals = Refusals::default();
        let mut told = |reason, from| refusals.note(reason, Some(from), &familiar).is_some();
        let flood: Vec<_> = (0..1000).map(|_| told(RefusedBecause::PlainText, stranger)).collect();
        assert_eq!(flood.iter().filter(|told| **told).count(), 10);
        assert!(told(RefusedBecause::SpeaksTls, stranger), "it is another reason");
        assert!(told(RefusedBecause::PlainText, member), "it is the first time there");
        assert!(
            told(RefusedBecause::PlainText, member) && !told(RefusedBecause::PlainText, member)
        );
    }
}
