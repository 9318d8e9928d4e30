//! [`Reporter`]: carries what one member comes to know to the loop that plays the file.

use std::convert::Infallible;

use ballotbox_actors::kit::{Actor, Inlet, Mailbox, Raced};
use ballotbox_core::ServerId;

use crate::node::{News, Watch};

/// What a member has come to know, in one of its lives.
#[derive(Debug)]
pub(super) struct MemberNews {
    pub(super) member: ServerId,
    pub(super) life: u64,
    pub(super) news: News,
}

/// Carries the news of one node to the loop, until the node ends.
#[derive(Debug)]
pub(super) struct Reporter<P> {
    pub(super) member: ServerId,
    pub(super) life: u64,
    pub(super) watch: Watch,
    pub(super) inlet: Inlet<P>,
}

impl<P: From<MemberNews> + Send + 'static> Actor for Reporter<P> {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut orders: Mailbox<Infallible>) -> Result<(), Infallible> {
        while let Raced::Done(Ok(news)) = orders.race(self.watch.news()).await {
            let message = P::from(MemberNews { member: self.member, life: self.life, news });
            if !matches!(orders.race(self.inlet.send(message)).await, Raced::Done(Ok(()))) {
                break;
            }
        }
        Ok(())
    }
}
