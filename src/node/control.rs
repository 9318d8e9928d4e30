//! `Control`: answers those who ask this node, at a Unix socket in its data directory.
//!
//! ```text
//!   {"request":"status"}                     ►
//!                                            ◄  {"id":1,"role":"voter","state":"following", …}
//!   {"request":"status","seen":7}            ►  answered when `seq` is no longer 7, or after 10 s
//!   {"request":"why"}                        ►
//!                                            ◄  {"id":1,"changes":[{"number":1,"at_ms":0.4, …}]}
//!   {"request":"resign","within_ms":5000}   ►  at once if it cannot, else when another one leads, or after that time
//!                                            ◄  {"resigned":true,"epoch":3,"leader":{"id":2,"token":4,"epoch":4}, …}
//!   anything else                            ►
//!                                            ◄  {"error":"…"}, and the end of the connection
//! ```
//!
//! One line a request, one line an answer. Only the user that the node runs as may connect. Whatever that user's programs do
//! here, the node goes on: it is the herald that is asked, and everything is limited below.
//!
//! | file | what it does |
//! | --- | --- |
//! | `conversation` | one connection |
//! | `request` | what can be asked, and how it is read |
//! | `report` | [`StatusReport`]: the answer |
//! | `restart` | [`SafeToRestart`]: whether this node may be restarted now |
//! | `tls` | [`TlsReport`]: how it speaks TLS with other members |
//! | `shown` | texts in an answer that may be shown |
//! | `resignation` | [`Resignation`]: the answer to an order to resign |
//! | `ask` | [`ask_status()`], [`ask_why()`] and [`ask_to_resign()`]: the other end, for the command line |

mod ask;
mod conversation;
mod report;
mod request;
mod resignation;
mod restart;
mod shown;
mod tls;

use std::{
    convert::Infallible,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use async_io::Async;
use ballotbox_actors::kit::{Actor, Address, Exit, Mailbox, Raced, clock, spawn, yield_now};
use ballotbox_core::{RateLimit, UntrustedText};

use self::conversation::Conversation;
#[doc(hidden)]
pub use self::{ask::answer_read, request::requests_read};
pub use self::{
    ask::{ControlError, ask_status, ask_to_resign, ask_why},
    report::{
        ClockReport, Disk, LeaderReport, LeaseReport, PromiseReport, Promised, StatusReport,
        VoterReport, WorkReport,
    },
    request::RESIGN_WITHIN_MAX,
    resignation::Resignation,
    restart::SafeToRestart,
    tls::TlsReport,
};
use super::{Desk, config::CONVERSATIONS_MAX, control_socket::ControlSocket};
use crate::conversations::Conversations;

/// At most this many connections are accepted in any period of this length.
const ACCEPTED_MAX: (usize, Duration) = (64, Duration::from_millis(64));

/// After a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What a [`Control`] can be told.
#[derive(Debug)]
pub(super) enum ControlMsg {
    /// By its parent.
    Stop,
    /// By its children.
    ConversationEnded { number: u64, exit: Exit<(), Infallible> },
}

/// Owns the control socket of one node.
#[derive(Debug)]
pub(super) struct Control {
    /// Until it ends.
    socket: Option<ControlSocket>,
    desk: Desk,
    myself: Address<ControlMsg>,
    started: Instant,
    accepted: RateLimit,
    conversations: Conversations,
}

/// A conversation has a bug; this is what the panic said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ConversationPanicked(pub(super) UntrustedText);

impl Control {
    pub(super) fn new(socket: ControlSocket, desk: Desk, myself: Address<ControlMsg>) -> Self {
        Self {
            socket: Some(socket),
            desk,
            myself,
            started: clock::now(),
            accepted: RateLimit::new(ACCEPTED_MAX.0, ACCEPTED_MAX.1),
            conversations: Conversations::new(CONVERSATIONS_MAX, 0),
        }
    }
}

impl Actor for Control {
    type Msg = ControlMsg;
    type Output = ();
    type Error = ConversationPanicked;

    async fn run(mut self, mut mailbox: Mailbox<ControlMsg>) -> Result<(), ConversationPanicked> {
        let mut outcome = self.serve(&mut mailbox).await;
        // First nobody finds us any more: so a caller that is sent away and comes back learns that we have ended.
        if let Some(socket) = self.socket.take() {
            socket.close().await;
        }
        self.conversations.end_all();
        while !self.conversations.is_over() {
            match mailbox.next().await {
                Some(ControlMsg::ConversationEnded { number, exit }) => {
                    let ended = self.ended(number, exit);
                    outcome = outcome.and(ended);
                }
                Some(ControlMsg::Stop) => {}
                None => break,
            }
        }
        outcome
    }
}

impl Control {
    /// Answers until it is told to stop.
    async fn serve(
        &mut self,
        mailbox: &mut Mailbox<ControlMsg>,
    ) -> Result<(), ConversationPanicked> {
        loop {
            let told = if self.conversations.is_crowded() {
                mailbox.next().await
            } else {
                match mailbox.race(self.accept()).await {
                    Raced::Woken(told) => told,
                    Raced::Done(stream) => {
                        self.begin(stream);
                        yield_now().await;
                        continue;
                    }
                }
            };
            match told {
                Some(ControlMsg::ConversationEnded { number, exit }) => self.ended(number, exit)?,
                Some(ControlMsg::Stop) | None => return Ok(()),
            }
        }
    }

    async fn accept(&mut self) -> Async<UnixStream> {
        loop {
            while !self.accepted.admit(clock::now() - self.started) {
                clock::sleep_until(self.started + self.accepted.next_admitted()).await;
            }
            let Some(socket) = &self.socket else { return std::future::pending().await };
            match socket.accept().await {
                Ok(stream) => return stream,
                // We have no descriptor left, or the other end has gone.
                Err(_) => clock::sleep_until(clock::now() + PAUSE).await,
            }
        }
    }

    fn begin(&mut self, stream: Async<UnixStream>) {
        let (number, mailbox) = self.conversations.begin(None);
        let conversation = Conversation::new(stream, self.desk.clone());
        let report = move |exit| ControlMsg::ConversationEnded { number, exit };
        spawn(conversation, mailbox, self.myself.clone(), report);
    }

    fn ended(
        &mut self,
        number: u64,
        exit: Exit<(), Infallible>,
    ) -> Result<(), ConversationPanicked> {
        self.conversations.ended(number);
        match exit {
            Exit::Done(()) => Ok(()),
            Exit::Failed(never) => match never {},
            Exit::Panicked(message) => Err(ConversationPanicked(message)),
        }
    }
}
