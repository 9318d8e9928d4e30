//! How voters begin, and what may happen to them.

use ballotbox_core::{
    election::Epoch,
    leadership::{EnsembleId, Record},
};

/// What may still happen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Left {
    /// A voter is told who is elected.
    pub(super) elections: u16,
    /// A voter crashes and starts again.
    pub(super) crashes: u16,
    /// The same, and its disk is empty then.
    pub(super) wipes: u16,
    /// A session ends by itself.
    pub(super) breaks: u16,
    /// A leader asks for a sign of life.
    pub(super) pings: u16,
    /// A record cannot be written.
    pub(super) failures: u16,
    /// The largest epoch that is looked at.
    pub(super) epochs: i64,
}

impl Left {
    /// Nothing goes wrong.
    pub(super) const CALM: Self = Self {
        elections: u16::MAX,
        crashes: 0,
        wipes: 0,
        breaks: 0,
        pings: u16::MAX,
        failures: 0,
        epochs: i64::MAX,
    };

    /// Anything may.
    pub(super) const FREE: Self =
        Self { crashes: u16::MAX, breaks: u16::MAX, failures: u16::MAX, ..Self::CALM };
}

/// How a voter begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Start {
    pub(super) record: Record,
    pub(super) new_ensemble: bool,
    /// The id that an ensemble gets from it.
    pub(super) drawn: u64,
}

impl Start {
    /// With an empty directory.
    pub(super) fn new() -> Self {
        Self { record: Record::default(), new_ensemble: false, drawn: 1 }
    }

    /// The same, and its operator says so.
    pub(super) fn told() -> Self {
        Self { new_ensemble: true, ..Self::new() }
    }

    /// As a member of an ensemble that had this epoch.
    pub(super) fn recorded(epoch: i64) -> Self {
        let (accepted, current) = (Epoch(epoch), Epoch(epoch));
        let ensemble = Some(EnsembleId(1));
        let (recorded, confirmed) = (true, true);
        let record =
            Record { accepted, current, recorded, ensemble, confirmed, ..Record::default() };
        Self { record, ..Self::new() }
    }
}
