//! Members for the tests of this module.

use super::{DirectoryId, EnsembleId, Identity, Incarnation, LeaseTerms, Record};
use crate::{ServerId, election::Epoch};

pub(super) fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

/// One of three that know each other.
pub(super) fn identity(number: u64) -> Identity {
    Identity {
        directory: DirectoryId(number),
        incarnation: Incarnation(1),
        new_ensemble: false,
        epoch_floor: Epoch(0),
        ensemble_name: "".into(),
        members: "server.1=h:1:1\nserver.2=h:2:2\nserver.3=h:3:3\nversion=0".into(),
        drawn: EnsembleId(100 + number),
        ended: Epoch(0),
        lease: None,
        drift_ppm: LeaseTerms::DRIFT_PPM,
    }
}

/// A member that is recorded and has been in this epoch.
pub(super) fn record(epoch: i64) -> Record {
    let (accepted, current) = (Epoch(epoch), Epoch(epoch));
    Record { accepted, current, recorded: true, ..Record::default() }
}
