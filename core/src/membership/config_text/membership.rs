//! From a member list to the [`Membership`] that it means, and back.

use super::{ConfigText, ServerLine};
use crate::membership::{Ensemble, EnsembleError, Member, Membership};

impl ConfigText {
    /// The members that the list names.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        self.servers.iter().map(|(id, line)| Member {
            id: *id,
            role: line.role,
            weight: self.weights.get(id).copied(),
            group: self.groups.get(id).copied(),
            election: line.election.clone(),
            quorum: line.quorum.clone(),
        })
    }

    /// The members with what follows for quorums.
    ///
    /// # Errors
    ///
    /// [`EnsembleError`] if nobody votes or the groups are not consistent.
    pub fn membership(&self) -> Result<Membership, EnsembleError> {
        Membership::new(self.members())
    }

    /// Who votes, and what counts as a quorum.
    ///
    /// # Errors
    ///
    /// As for [`ConfigText::membership`].
    pub fn ensemble(&self) -> Result<Ensemble, EnsembleError> {
        Ensemble::new(self.members())
    }

    /// The list that means these members. `None` unless each of them has both addresses, on the same hosts: that is how
    /// much a list has to say.
    pub fn of(membership: &Membership) -> Option<Self> {
        let mut list = Self::default();
        for member in membership.iter() {
            list.servers.insert(member.id, line(member)?);
            list.weights.extend(member.weight.map(|weight| (member.id, weight)));
            list.groups.extend(member.group.map(|group| (member.id, group)));
        }
        Some(list)
    }
}

fn line(member: &Member) -> Option<ServerLine> {
    let (election, quorum) = (member.election.clone(), member.quorum.clone());
    let hosts = |endpoints: &[crate::Endpoint]| -> Vec<String> {
        endpoints.iter().map(|endpoint| endpoint.host.clone()).collect()
    };
    let complete = !election.is_empty() && hosts(&election) == hosts(&quorum);
    let (role, client, secure_client) = (member.role, None, None);
    complete.then_some(ServerLine { quorum, election, role, client, secure_client })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(text: &str) -> Membership {
        ConfigText::parse(text).unwrap().membership().unwrap()
    }

    #[test]
    fn a_list_and_the_members_it_names_mean_each_other() {
        let text = "server.1=h:2881:3881:participant\nserver.2=[::1]:1:2|10.0.0.1:1:2:participant\n\
                    server.4=h:2884:3884:observer\ngroup.1=1:2\nweight.1=1\nweight.2=3\nversion=0";
        let list = ConfigText::parse(text).unwrap();
        assert_eq!(ConfigText::of(&membership(text)), Some(list));
    }

    #[test]
    fn members_without_both_addresses_on_one_host_are_told_to_nobody() {
        let id = |number| crate::ServerId::new(number).unwrap();
        let endpoint = |text: &str| text.parse::<crate::Endpoint>().unwrap();
        let there =
            Member { quorum: vec![endpoint("h:1")], ..Member::voter(id(1)).at(endpoint("h:2")) };
        let elsewhere = Member { election: vec![endpoint("g:2")], ..there.clone() };
        let nowhere = Member::voter(id(1));
        let told = |member| ConfigText::of(&Membership::new([member]).unwrap()).is_some();
        assert_eq!([there, elsewhere, nowhere].map(told), [true, false, false]);
    }
}
