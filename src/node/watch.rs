//! [`Watch`]: how to learn what a node has come to know.
//!
//! A watcher asks: "tell me as soon as you know more than I". The answer holds the present status and the
//! events since the last answer. So nobody is told faster than they can listen, and nothing piles up for a slow reader
//! but the last events, of which a fixed number is kept.

use std::sync::Arc;

use ballotbox_actors::kit::{Inlet, clock, mailbox};

#[cfg(feature = "run")]
use super::HookCounts;
use super::{
    LeaderStatus, News, Status,
    herald::{HeraldMsg, LastWord},
    news::Position,
};
use crate::chronicle::WhyReport;

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
    /// How far who leads was read, once it was. It is read apart from the news.
    leader_read: Option<LeaderRead>,
}

/// How far somebody has read who leads.
#[derive(Clone, Copy, Debug)]
struct LeaderRead {
    known: u64,
    sequence: u64,
}

impl Watch {
    pub(super) fn new(herald: Inlet<HeraldMsg>, last_word: Arc<LastWord>) -> Self {
        Self { herald, last_word, read: Position::default(), leader_read: None }
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

    /// Who leads now, as this node knows it.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has.
    pub async fn leader(&self) -> Result<LeaderStatus, Ended> {
        Ok(self.status().await?.leader_status())
    }

    /// The same for a program without futures: blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`leader`](Self::leader).
    pub fn leader_blocking(&self) -> Result<LeaderStatus, Ended> {
        futures::executor::block_on(self.leader())
    }

    /// Waits until who leads is not what this watch has returned last, and returns it. The first call returns at once.
    ///
    /// A watch that is read slowly gets the newest state, and not those between: [their number](LeaderStatus::sequence) says that there were
    /// some, so an epoch that was lost and followed by another one never goes unnoticed. Nobody waits for a watch.
    ///
    /// ```
    /// # use std::net::TcpListener;
    /// use ballotbox::{Node, NodeConfig, node::Leader};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async_std::task::block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let members = [format!("1={}", listener.local_addr()?)];
    /// # let directory = std::env::temp_dir().join(format!("ballotbox-doc-leader-{}", std::process::id()));
    /// # let config = NodeConfig::parse(1, members)?.data_dir(&directory);
    /// # let config = NodeConfig { listener: Some(listener), ..config };
    /// let node = Node::start(config).await?;
    /// let mut watch = node.watch();
    /// while let Ok(now) = watch.leader_change().await {
    ///     match now.leader {
    ///         Leader::Nobody => println!("{}: nobody leads", now.sequence),
    ///         Leader::Follows { id, token } => println!("{}: {id} leads under token {token}", now.sequence),
    ///         Leader::Leads { token, retiring: false } => {
    ///             println!("{}: this node leads under token {token}", now.sequence);
    /// #           node.begin_stop();
    ///         }
    ///         Leader::Leads { .. } => println!("{}: this node leads, and gives that up", now.sequence),
    ///     }
    /// }
    /// // The node has ended, and the last thing that was told is that nobody leads.
    /// # node.stop().await?;
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has, and what it knew last was returned.
    pub async fn leader_change(&mut self) -> Result<LeaderStatus, Ended> {
        loop {
            let read = self.leader_read;
            let news = match self.ask(read.map(|read| read.known)).await {
                Ok(news) => news,
                Err(Ended) => {
                    self.last_word.beyond(read.map_or(0, |read| read.known)).ok_or(Ended)?
                }
            };
            let now = news.status.leader_status();
            self.leader_read = Some(LeaderRead { known: news.known, sequence: now.sequence });
            if read.is_none_or(|read| read.sequence != now.sequence) {
                return Ok(now);
            }
        }
    }

    /// The same for a program without futures: blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`leader_change`](Self::leader_change).
    pub fn leader_change_blocking(&mut self) -> Result<LeaderStatus, Ended> {
        futures::executor::block_on(self.leader_change())
    }

    /// How things stand now. What has led to that is told no more.
    pub(super) async fn present(&mut self) -> Result<Status, Ended> {
        let news = self.ask(None).await?;
        self.read = news.position();
        Ok(news.status)
    }

    /// How the last leaders came to lead, as this node has seen it.
    ///
    /// # Errors
    ///
    /// [`Ended`], when the node has.
    pub async fn why(&self) -> Result<WhyReport, Ended> {
        let (reply, mut answer) = mailbox();
        self.herald.send(HeraldMsg::AskWhy { reply }).await.map_err(|_| Ended)?;
        let (started, mut report) = answer.next().await.ok_or(Ended)?;
        let lived = clock::now().saturating_duration_since(started);
        report.set_times(clock::time_of_day().checked_sub(lived));
        Ok(report)
    }

    /// Has it counted what has become of runs of a hook. Nobody can read that any more when the node has ended.
    #[cfg(feature = "run")]
    pub(crate) async fn count_runs(&self, counts: HookCounts) {
        let _ = self.herald.send(HeraldMsg::Hook(counts)).await;
    }

    async fn ask(&self, beyond: Option<u64>) -> Result<News, Ended> {
        let (reply, mut answer) = mailbox();
        self.herald.send(HeraldMsg::Ask { beyond, reply }).await.map_err(|_| Ended)?;
        answer.next().await.ok_or(Ended)
    }
}
