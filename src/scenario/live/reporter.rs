//! [`Reporter`]: carries what one member comes to know to the loop that plays the file.

use std::convert::Infallible;

use ballotbox_actors::kit::{Actor, Inlet, Mailbox, Raced};
use ballotbox_core::ServerId;

use super::runner::RunnerMsg;
use crate::node::Watch;

/// Carries the news of one node to the loop, until the node ends.
#[derive(Debug)]
pub(super) struct Reporter {
    pub(super) member: ServerId,
    pub(super) life: u64,
    pub(super) watch: Watch,
    pub(super) inlet: Inlet<RunnerMsg>,
}

impl Actor for Reporter {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut orders: Mailbox<Infallible>) -> Result<(), Infallible> {
        while let Raced::Done(Ok(news)) = orders.race(self.watch.news()).await {
            let message = RunnerMsg::News { member: self.member, life: self.life, news };
            if !matches!(orders.race(self.inlet.send(message)).await, Raced::Done(Ok(()))) {
                break;
            }
        }
        Ok(())
    }
}
