//! [`Reaper`]: waits for orphans that were left to the node, as to the first process of a container.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use ballotbox_actors::kit::{Actor, Mailbox, Wake, clock};

use super::tree;

/// From one look to the next. Who has started a process waits for its end much sooner.
const EVERY: Duration = Duration::from_secs(5);

/// Looks for them until its mailbox is closed.
#[derive(Debug)]
pub(super) struct Reaper;

impl Actor for Reaper {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(self, mut mailbox: Mailbox<Infallible>) -> Result<(), Infallible> {
        let mut ended = BTreeSet::new();
        loop {
            match mailbox.next_until(Some(clock::now() + EVERY)).await {
                Wake::Due => ended = tree::reap_orphans(&ended),
                Wake::Told(never) => match never {},
                Wake::Closed => return Ok(()),
            }
        }
    }
}
