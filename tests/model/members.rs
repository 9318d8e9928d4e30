//! Members by their places, as all models call them.

use std::sync::{Arc, OnceLock};

use ballotbox_core::{
    ServerId,
    membership::{Ensemble, Member},
};

/// How many voters most models have.
pub(crate) const VOTERS: usize = 3;

pub(crate) fn id(place: usize) -> ServerId {
    ServerId::new(place as u64 + 1).unwrap()
}

pub(crate) fn place(id: ServerId) -> usize {
    usize::try_from(id.number() - 1).unwrap()
}

/// An ensemble of voters.
pub(crate) fn voters(count: usize) -> Arc<Ensemble> {
    Arc::new(Ensemble::new((0..count).map(|place| Member::voter(id(place)))).unwrap())
}

/// The ensemble of most models.
pub(crate) fn ensemble() -> &'static Arc<Ensemble> {
    static ENSEMBLE: OnceLock<Arc<Ensemble>> = OnceLock::new();
    ENSEMBLE.get_or_init(|| voters(VOTERS))
}
