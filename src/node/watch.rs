//! [`Watch`]: how to learn what a node has come to know.
//!
//! A watcher asks: "tell me as soon as you know more than I". The answer holds the present status and the
//! events since the last answer. So nobody is told faster than they can listen, and nothing piles up for a slow reader
//! but the last events, of which a fixed number is kept.

use std::sync::Arc;

use ballotbox_actors::kit::{Inlet, mailbox};

use super::{
    News, Status,
    herald::{HeraldMsg, LastWord},
    news::Position,
};

/// The node has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the node has ended")]
pub struct Ended;

/// A view of what a node knows. A clone reads all later news for itself, from the position of this one on.
#[derive(Clone, Debug)]
pub struct Watch {
    herald: Inlet<HeraldMsg>,
    last_word: Arc<LastWord>,
    read: Position,
}

impl Watch {
    pub(super) fn new(herald: Inlet<HeraldMsg>, last_word: Arc<LastWord>) -> Self {
        Self { herald, last_word, read: Position::default() }
    }

    /// How things stand now.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has.
    pub async fn status(&self) -> Result<Status, Ended> {
        Ok(self.ask(None).await?.status)
    }

    /// Waits until something happened that this watch has not told yet.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has, and all that happened before was told.
    pub async fn news(&mut self) -> Result<News, Ended> {
        let known = self.read.known;
        let news = match self.ask(Some(known)).await {
            Ok(news) => news,
            Err(Ended) => self.last_word.beyond(known).ok_or(Ended)?,
        };
        debug_assert_eq!(news.first_broken(self.read), None, "{news:?} after {:?}", self.read);
        self.read = news.position();
        Ok(news)
    }

    /// Waits until the status is as wished for. It may be so already.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has before that.
    pub async fn until(
        &mut self,
        wished: impl Fn(&Status) -> bool + Send,
    ) -> Result<Status, Ended> {
        let mut status = self.status().await?;
        while !wished(&status) {
            status = self.news().await?.status;
        }
        Ok(status)
    }

    /// Waits until an election has ended, if none has yet.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has before that.
    pub async fn elected(&mut self) -> Result<Status, Ended> {
        self.until(|status| status.elected().is_some()).await
    }

    /// How things stand now. What has led to that is told no more.
    pub(super) async fn present(&mut self) -> Result<Status, Ended> {
        let news = self.ask(None).await?;
        self.read = news.position();
        Ok(news.status)
    }

    async fn ask(&self, beyond: Option<u64>) -> Result<News, Ended> {
        let (reply, mut answer) = mailbox();
        self.herald.send(HeraldMsg::Ask { beyond, reply }).await.map_err(|_| Ended)?;
        answer.next().await.ok_or(Ended)
    }
}
