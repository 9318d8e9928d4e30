//! [`Conversation`]: one connection to the control socket.

use std::{convert::Infallible, io, os::unix::net::UnixStream, pin::pin, time::Duration};

use async_io::Async;
use ballotbox_actors::kit::{Actor, Mailbox, clock};
use ballotbox_core::{RateLimit, leadership::Successor};
use futures::{
    AsyncReadExt, AsyncWriteExt,
    future::{Either, select},
};

use super::{
    report::{LeaderReport, StatusReport},
    request::{LINE_MAX, Refusal, Request, RequestBuffer, line},
    resignation::Resignation,
};
use crate::node::{Desk, Ended};

/// For a whole request, and for an answer to be taken.
const DEADLINE: Duration = Duration::from_secs(1);

/// Who waits for another status gets the same one after this.
const WAIT: Duration = Duration::from_secs(10);

/// What changes without an event is seen after this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// At most this many answers in any period of this length.
const ANSWERS_MAX: (usize, Duration) = (16, Duration::from_millis(100));

/// Reads requests and answers them, one after another.
#[derive(Debug)]
pub(super) struct Conversation {
    stream: Async<UnixStream>,
    desk: Desk,
    buffer: RequestBuffer,
}

/// Why a conversation ends.
#[derive(Debug)]
enum End {
    /// The other end has gone, or the node has ended.
    Gone,
    /// This is to be said first.
    Refused(Refusal),
}

impl From<Ended> for End {
    fn from(_: Ended) -> Self {
        Self::Gone
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Conversation {
    pub(super) fn new(stream: Async<UnixStream>, desk: Desk) -> Self {
        Self { stream, desk, buffer: RequestBuffer::default() }
    }
}

impl Actor for Conversation {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<Infallible>) -> Result<(), Infallible> {
        mailbox.race(self.converse()).await;
        Ok(())
    }
}

impl Conversation {
    async fn converse(&mut self) {
        let began = clock::now();
        let mut answers = RateLimit::new(ANSWERS_MAX.0, ANSWERS_MAX.1);
        loop {
            while !answers.admit(clock::now() - began) {
                clock::sleep_until(began + answers.next_admitted()).await;
            }
            match self.answer_one().await {
                Ok(()) => {}
                Err(End::Gone) => return,
                Err(End::Refused(refusal)) => {
                    let _ = self.write(&line(&refusal)).await;
                    return;
                }
            }
        }
    }

    async fn answer_one(&mut self) -> Result<(), End> {
        let late = |_| End::Refused(Refusal::new(format!("no whole line within {DEADLINE:?}")));
        let request = clock::within(DEADLINE, self.read_request()).await.map_err(late)??;
        match request {
            Request::Status { seen } => {
                let report = self.status(seen).await?;
                self.write(&line(&report)).await
            }
            Request::Why {} => {
                let report = self.desk.why().await?;
                self.write(&line(&report)).await
            }
            Request::Resign { to, within } => {
                let answer = self.resign(to, within).await?;
                self.write(&line(&answer)).await
            }
        }
    }

    async fn read_request(&mut self) -> Result<Request, End> {
        let mut read = [0; LINE_MAX];
        loop {
            if let Some(request) = self.buffer.next_request().map_err(End::Refused)? {
                return Ok(request);
            }
            match self.stream.read(&mut read[..self.buffer.room()]).await? {
                0 => return Err(End::Gone),
                count => self.buffer.filled(&read[..count]),
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        match clock::within(DEADLINE, self.stream.write_all(bytes)).await {
            Ok(written) => Ok(written?),
            Err(clock::Late(_)) => Err(End::Gone),
        }
    }

    /// Gives the order, and waits for what becomes of it. A further request, or the end of the connection, ends the wait.
    async fn resign(&mut self, to: Successor, within: Duration) -> Result<Resignation, End> {
        let (began, me) = (clock::now(), self.desk.status().await?.me);
        let epoch = match self.desk.resign(to, within).await? {
            Ok(epoch) => epoch,
            Err(why) => return Ok(Resignation::refused(why)),
        };
        let until = began + within;
        loop {
            let status = self.desk.status().await?;
            let now = clock::now();
            let (leader, took) = (LeaderReport::of(&status), now - began);
            if let Some(done) = Resignation::followed_by(me.number(), epoch, leader, took) {
                return Ok(done);
            }
            if now >= until || !self.buffer.is_empty() {
                let leads = status.leader().is_some_and(|(leader, _)| leader == me);
                return Ok(Resignation::not_yet(epoch, leads, took));
            }
            let news = pin!(clock::within(until - now, self.desk.change()));
            let more = pin!(self.stream.readable());
            if let Either::Right((ready, _)) = select(news, more).await {
                ready?;
                return Err(End::Gone);
            }
        }
    }

    /// The status as soon as it is not the one that was seen. A further request, or the end of the connection, ends the wait.
    async fn status(&mut self, seen: Option<u64>) -> Result<StatusReport, End> {
        let mut until = clock::now() + WAIT;
        loop {
            let status = self.desk.status().await?;
            let now = clock::now();
            if seen != Some(status.sequence) || now >= until || !self.buffer.is_empty() {
                return Ok(StatusReport::of(&self.desk, &status));
            }
            let wait = LOOK_EVERY.min(until - now);
            let news = pin!(clock::within(wait, self.desk.change()));
            let more = pin!(self.stream.readable());
            if let Either::Right((ready, _)) = select(news, more).await {
                ready?;
                until = clock::now();
            }
        }
    }
}
