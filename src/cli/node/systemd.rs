//! [`Systemd`]: tells the service manager that has started the node how it is, if one wants to know (`Type=notify`).
//!
//! It is ready when it listens. Its watchdog is fed by the actors: a node whose elector, driver or herald does not answer is started again; one
//! that has no quorum is not.

use std::{convert::Infallible, time::Duration};

use ballotbox::{
    Node,
    node::{Ended, NodeState, Pulse, Status, Watch},
};
use ballotbox_actors::kit::{Actor, Address, Mailbox, Raced, clock, mailbox, off_thread, spawn};
use futures::future::{Either, select};
use sd_notify::NotifyState;

/// The manager takes what it is told within this time, or is not told.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the service manager is told that the node ends. Dropping it ends that as well.
#[derive(Debug)]
pub(super) struct Systemd(Option<Address<ManagerMsg>>);

/// What the [`Manager`] can be told.
#[derive(Debug)]
enum ManagerMsg {
    /// By its owner: the node was asked to stop.
    Stops,
    /// It has ended.
    Ended,
}

/// Tells the service manager.
#[derive(Debug)]
struct Manager {
    watch: Watch,
    pulse: Pulse,
    /// Half of the time after which the manager starts the node again.
    feed_every: Option<Duration>,
    is_ready: bool,
    told: String,
}

impl Systemd {
    /// Begins to tell, if a manager listens.
    pub(super) fn start(node: &Node) -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self(None);
        }
        let (address, orders) = mailbox();
        let manager = Manager {
            watch: node.watch(),
            pulse: node.pulse(),
            feed_every: sd_notify::watchdog_enabled().map(|limit| limit / 2),
            is_ready: false,
            told: String::new(),
        };
        spawn(manager, orders, address.clone(), |_| ManagerMsg::Ended);
        Self(Some(address))
    }

    /// The node was asked to stop.
    pub(super) fn stops(&self) {
        let _ = self.0.as_ref().map(|manager| manager.tell(ManagerMsg::Stops));
    }
}

impl Actor for Manager {
    type Msg = ManagerMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<ManagerMsg>) -> Result<(), Infallible> {
        loop {
            match mailbox.race(self.watch_and_feed()).await {
                Raced::Done(Ended) | Raced::Woken(Some(ManagerMsg::Ended) | None) => return Ok(()),
                Raced::Woken(Some(ManagerMsg::Stops)) => tell("STOPPING=1".to_owned()).await,
            }
        }
    }
}

impl Manager {
    /// Tells how things stand, and that the node runs, until it has ended.
    async fn watch_and_feed(&mut self) -> Ended {
        let Self { watch, pulse, feed_every, is_ready, told } = self;
        let tells = async {
            loop {
                let news = watch.news().await?;
                if let Some(text) = text(&news.status, is_ready, told) {
                    tell(text).await;
                }
            }
        };
        let feeds = async {
            let Some(every) = *feed_every else { return std::future::pending().await };
            loop {
                pulse.beat().await?;
                tell(NotifyState::Watchdog.to_string()).await;
                clock::sleep_until(clock::now() + every).await;
            }
        };
        let ended: Result<Infallible, Ended> =
            match select(std::pin::pin!(tells), std::pin::pin!(feeds)).await {
                Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
            };
        match ended {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }
}

/// What the manager has to be told of this status.
fn text(status: &Status, is_ready: &mut bool, told: &mut String) -> Option<String> {
    let state = match (status.leader(), status.state()) {
        (_, NodeState::Starting) => return None,
        (Some((leader, epoch)), _) if leader == status.me => format!("leads in epoch {epoch}"),
        (Some((leader, epoch)), _) => format!("follows {leader} in epoch {epoch}"),
        (None, NodeState::Looking | NodeState::Decided(_)) => "looks for a leader".to_owned(),
    };
    if *is_ready && *told == state {
        return None;
    }
    told.clone_from(&state);
    let status = NotifyState::Status(&state);
    let was_ready = std::mem::replace(is_ready, true);
    Some(if was_ready { status.to_string() } else { format!("{}\n{status}", NotifyState::Ready) })
}

/// Nothing comes of it if the manager cannot be told.
async fn tell(text: String) {
    let tells = off_thread(move || sd_notify::notify(&[NotifyState::Custom(&text)]));
    let _ = clock::within(PATIENCE, tells).await;
}
