//! [`Door`]: who is believed to be whom, as at the doors of nodes.

use ballotbox_core::{
    identity::{CertificateNames, Identities, Naming},
    membership::{Member, Membership},
};

use super::members::{VOTERS, id};

/// The doors of all voters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Door {
    /// Plain text: everybody is who he says he is.
    Open,
    /// TLS, and each voter has a certificate that names it.
    Locked,
}

impl Door {
    /// Whether somebody who is not this voter can be taken for it: a stranger, or another voter.
    pub(crate) fn lets_impostors_in(self, claims: usize) -> bool {
        let strangers_are_let_in = self == Self::Open;
        let mut others = (0..VOTERS).filter(|voter| *voter != claims);
        strangers_are_let_in || others.any(|other| self.believes(other, claims))
    }

    /// Whether one with the certificate of this voter is taken for the other one.
    fn believes(self, owner: usize, claims: usize) -> bool {
        let members = (0..VOTERS).map(|voter| Member::voter(id(voter)));
        let identities = Identities::new(&Membership::new(members).unwrap(), Naming::Strict);
        let uris = [format!("ballotbox:{}", id(owner))].into();
        let certificate = CertificateNames { uris, ..CertificateNames::default() };
        self == Self::Open || identities.prove(Some(id(claims)), &certificate).is_ok()
    }
}

#[test]
fn a_voter_is_believed_to_be_itself_and_nobody_else_once_the_door_is_locked() {
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        assert!(Door::Locked.believes(one, one) && !Door::Locked.believes(one, other));
        assert!(Door::Open.lets_impostors_in(one) && !Door::Locked.lets_impostors_in(one));
    }
}
