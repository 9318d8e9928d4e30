//! [`Seat`]: a member that runs.

use std::{convert::Infallible, time::Duration};

use ballotbox_actors::kit::{Address, clock};
use ballotbox_core::ServerId;

use super::error::{PlayError, STOP_MAX};
use crate::{Epoch, Node, node::Status};

/// A member that runs.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) node: Node,
    pub(super) life: u64,
    pub(super) started: Duration,
    pub(super) status: Option<Status>,
    /// Its reporter ends when this is dropped.
    pub(super) _reporter: Address<Infallible>,
}

impl Seat {
    /// The epoch for which it holds a lease, and how long nobody else can lead.
    pub(super) fn lease(&self) -> Option<(Epoch, Duration)> {
        let status = self.status.as_ref()?;
        let (_, epoch) = status.leader().filter(|(leader, _)| *leader == self.node.id())?;
        Some((epoch, status.leadership.as_ref()?.lease.as_ref()?.left()?))
    }

    /// Stops its node.
    pub(super) async fn stop(self, member: ServerId) -> Result<(), PlayError> {
        match clock::within(STOP_MAX, self.node.stop()).await {
            Ok(stopped) => stopped.map_err(|error| PlayError::Node { member, error }),
            Err(_) => Err(PlayError::Stuck { member }),
        }
    }
}
