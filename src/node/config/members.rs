//! A configuration in one line: [`NodeConfig::parse`].

use std::sync::Arc;

use ballotbox_core::{
    Endpoint, EndpointError, ServerId, ServerIdError, UntrustedText,
    membership::config_text::ConfigText,
};

use super::{ConfigError, NodeConfig};
use crate::{EnsembleError, Member, Membership, Role};

/// Behind the address of a member without a vote.
const OBSERVER: &str = ":observer";

/// Why a list of members cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum MembersError {
    /// There is no `=` in it.
    #[error(
        "member `{entry}`: expected ID=HOST:PORT, as in 1=10.0.0.1:3888, and :observer behind that of one without a vote"
    )]
    Entry { entry: UntrustedText },
    /// What stands before the `=` is not an id.
    #[error("member `{entry}`: {error}")]
    Id { entry: UntrustedText, error: ServerIdError },
    /// What stands behind it is not an address.
    #[error("member `{entry}`: {error}")]
    Address {
        entry: UntrustedText,
        /// What is wrong with it.
        error: EndpointError,
    },
    /// There is no such id.
    #[error("this member is {me}: expected an id from 0 to {}", ServerId::MAX)]
    Me { me: u64 },
    /// The members are no ensemble.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// The node is not among them.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl NodeConfig {
    /// The member `me` of these: each is `ID=HOST:PORT`, or `ID=HOST:PORT:observer` for one without a vote. The same list goes to each
    /// of them. The one port is for everything: elections, and following.
    ///
    /// ```
    /// use ballotbox::NodeConfig;
    ///
    /// let members = ["1=10.0.0.1:3888", "2=10.0.0.2:3888", "3=10.0.0.3:3888", "4=[::1]:3888:observer"];
    /// let config = NodeConfig::parse(1, members)?.data_dir("/var/lib/ballotbox");
    /// # Ok::<(), ballotbox::node::MembersError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`MembersError`], which names the entry and what was expected there.
    pub fn parse<T: AsRef<str>>(
        me: u64,
        members: impl IntoIterator<Item = T>,
    ) -> Result<Self, MembersError> {
        let me = ServerId::new(me).ok_or(MembersError::Me { me })?;
        let members = members.into_iter().map(|entry| member(entry.as_ref()));
        let members = Membership::new(members.collect::<Result<Vec<_>, _>>()?)?;
        let config = Self::new(me, members).announcing_members();
        config.check()?;
        Ok(config)
    }

    /// Attaches the list of all members to what it says, as real servers do. Without it, nobody can tell that theirs is another one.
    #[must_use]
    pub fn announcing_members(mut self) -> Self {
        let list = ConfigText::of(&with_both_addresses(&self.membership));
        self.config_text = list.map_or_else(|| Arc::from(""), |list| list.to_string().into());
        self
    }
}

fn member(entry: &str) -> Result<Member, MembersError> {
    let shown = || UntrustedText::new(entry);
    let Some((id, place)) = entry.trim().split_once('=') else {
        return Err(MembersError::Entry { entry: shown() });
    };
    let id = id.parse().map_err(|error| MembersError::Id { entry: shown(), error })?;
    let (address, role) = match place.strip_suffix(OBSERVER) {
        Some(address) => (address, Role::Observer),
        None => (place, Role::Voter),
    };
    let address: Endpoint =
        address.parse().map_err(|error| MembersError::Address { entry: shown(), error })?;
    Ok(Member { role, ..Member::voter(id) }.at(address))
}

/// A member without a quorum port of its own is followed at its election address: the list names that twice.
fn with_both_addresses(membership: &Membership) -> Membership {
    let both = membership
        .iter()
        .map(|member| Member { quorum: member.followed_at().to_vec(), ..member.clone() });
    Membership::new(both).unwrap_or_else(|_| membership.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(members: &[&str]) -> String {
        NodeConfig::parse(1, members).unwrap_err().to_string()
    }

    #[test]
    fn members_are_read_with_their_addresses_and_roles() {
        let members = ["1=a:3888", " 2=[::1]:3889", "4=b:1:observer"];
        let config = NodeConfig::parse(2, members).unwrap();
        let id = |number| ServerId::new(number).unwrap();
        assert_eq!((config.me, config.ensemble().voters().count()), (id(2), 2));
        assert_eq!(config.membership.election(id(2)), ["[::1]:3889".parse().unwrap()]);
        assert_eq!(config.membership.get(id(4)).unwrap().role, Role::Observer);
        assert_eq!(
            &*config.config_text,
            "server.1=a:3888:3888:participant\nserver.2=[0:0:0:0:0:0:0:1]:3889:3889:participant\n\
             server.4=b:1:1:observer\nversion=0"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_entry_and_what_was_expected() {
        for (members, parts) in [
            (&["1=a:1", "b:2"][..], ["member `b:2`", "expected ID=HOST:PORT"]),
            (
                &["1=a:1", "x=b:2"],
                ["member `x=b:2`: `x` is no server id", "expected a whole number"],
            ),
            (&["1=a:1", "+2=b:2"], ["`+2` is no server id", "expected a whole number"]),
            (&["=a:1"], ["member `=a:1`", "expected a whole number"]),
            (&["1=a"], ["member `1=a`: `a` has no port", "expected host:port"]),
            (&["1=a:1:obserer"], ["member `1=a:1:obserer`", "expected"]),
            (&["1=a:1", "1=b:1"], ["id 1", "expected every id once"]),
            (&["2=a:1"], ["id 1 is not a member", "the members are 2"]),
            (&["1=a:1:observer"], ["no member is a voter", "expected at least one"]),
            (&[], ["no member is a voter", "expected at least one"]),
        ] {
            let told = error(members);
            assert!(parts.iter().all(|part| told.contains(part)), "{members:?}: {told}");
        }
        let me = NodeConfig::parse(u64::MAX, ["1=a:1"]).unwrap_err();
        assert_eq!(me, MembersError::Me { me: u64::MAX });
    }
}
