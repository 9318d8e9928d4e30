//! [`Desk`]: where other processes' questions about one node are answered, and their orders taken.

use std::{sync::Arc, time::Duration};

use ballotbox_actors::kit::{Address, mailbox};
#[cfg(feature = "tls")]
use ballotbox_actors::socket::tls::Tls;
use ballotbox_core::{ServerId, leadership::Successor, membership::Role};

use super::{
    Ended, ResignError, Status, Watch,
    elector::ElectorMsg,
    leadership::{self, DriverMsg},
};
use crate::{Epoch, Membership, chronicle::WhyReport};

/// What answers about one node are made from. It does not keep the node running.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(super) watch: Watch,
    pub(super) elector: Address<ElectorMsg>,
    pub(super) driver: Option<Address<DriverMsg>>,
    pub(super) constants: Constants,
}

/// What is not changed by what is told to a node while it runs.
#[derive(Clone, Debug)]
pub(super) struct Constants {
    pub(super) membership: Arc<Membership>,
    /// Its certificate may be another one at each question.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
}

impl Constants {
    pub(super) fn role(&self, id: ServerId) -> Role {
        self.membership.get(id).map_or(Role::Observer, |member| member.role)
    }
}

/// Whether the actors of a node run. It does not keep the node running.
#[derive(Clone, Debug)]
pub struct Pulse(pub(super) Desk);

impl Pulse {
    /// Waits until the elector, the driver of leadership and the herald of the node have said that they run: that takes as long as what they have
    /// to do before. Neither the other members nor the disk have to do with it, so this is the question for who would start the node again if it
    /// does not answer.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has.
    pub async fn beat(&mut self) -> Result<(), Ended> {
        self.0.answer().await.map(|_| ())
    }
}

impl Desk {
    /// How things stand now.
    pub(crate) async fn status(&mut self) -> Result<Status, Ended> {
        self.watch.present().await
    }

    pub(super) const fn constants(&self) -> &Constants {
        &self.constants
    }

    /// How the last leaders came to lead.
    pub(crate) async fn why(&self) -> Result<WhyReport, Ended> {
        self.watch.why().await
    }

    /// Waits until something has happened since the last status.
    pub(crate) async fn change(&mut self) -> Result<(), Ended> {
        self.watch.news().await.map(|_| ())
    }

    /// How things stand, once the elector and the driver of leadership have said that they run; with that, the herald does, too.
    pub(crate) async fn answer(&mut self) -> Result<Status, Ended> {
        let (reply, mut answers) = mailbox();
        let said = self.elector.tell(ElectorMsg::Answer { reply: reply.clone() });
        said.map_err(|_| Ended)?;
        let mut expected = 1;
        if let Some(driver) = &self.driver {
            driver.tell(DriverMsg::Answer { reply: reply.clone() }).map_err(|_| Ended)?;
            expected += 1;
        }
        drop(reply);
        for _ in 0..expected {
            answers.next().await.ok_or(Ended)?;
        }
        self.status().await
    }

    /// Has the leadership given up: which epoch that is, or why not, is known at once.
    pub(crate) async fn resign(
        &self,
        to: Successor,
        within: Duration,
    ) -> Result<Result<Epoch, ResignError>, Ended> {
        let Some(driver) = &self.driver else { return Ok(Err(ResignError::ElectionsAlone)) };
        let asked = leadership::resign(driver, to, Some(within), None).await?;
        Ok(asked.map_err(ResignError::from))
    }
}
