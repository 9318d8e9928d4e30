//! [`Source`]: where the status comes from, again and again.

use std::{path::Path, time::Duration};

use ballotbox::{
    http::{
        AskError, StatusUrl,
        client::{self, Events},
    },
    node::control::{ControlError, StatusReport, ask_status},
};
use ballotbox_actors::kit::clock;

use crate::cli::{Failure, place::Place};

/// Before a watcher that the node has sent away asks again.
const PAUSE: Duration = Duration::from_millis(100);

/// The node that is asked.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Directory(&'a Path),
    Url {
        url: StatusUrl,
        /// What it tells at each change, once that was asked for.
        events: Option<Events>,
    },
}

impl<'a> Source<'a> {
    pub(super) fn of(place: Place<'a>) -> Self {
        match place {
            Place::Directory(directory) => Self::Directory(directory),
            Place::Url(url) => Self::Url { url, events: None },
        }
    }

    /// How things stand.
    pub(super) async fn now(&self) -> Result<StatusReport, Failure> {
        Ok(match self {
            Self::Directory(directory) => ask_status(directory, None).await?,
            Self::Url { url, .. } => client::ask_status(url).await?,
        })
    }

    /// The same, of a node that was there a moment ago.
    pub(super) async fn present(&self) -> Result<StatusReport, Failure> {
        Ok(match self {
            Self::Directory(directory) => ask_again(directory, None).await?,
            Self::Url { url, .. } => client::ask_status(url).await?,
        })
    }

    /// How things stand as soon as that is not what was seen, or after some seconds.
    pub(super) async fn change(&mut self, seen: u64) -> Result<StatusReport, Failure> {
        let (url, events) = match self {
            Self::Directory(directory) => return Ok(ask_again(directory, Some(seen)).await?),
            Self::Url { url, events } => (&*url, events),
        };
        loop {
            let Some(stream) = events else {
                *events = Some(Events::open(url).await?);
                continue;
            };
            match stream.next().await {
                Ok(report) if report.seq == seen => {}
                // A node ends its streams when it ends, and when it needs the place: then the next attempt tells.
                Err(AskError::Closed { .. }) => {
                    *events = None;
                    clock::sleep_until(clock::now() + PAUSE).await;
                }
                told => return Ok(told?),
            }
        }
    }
}

async fn ask_again(directory: &Path, seen: Option<u64>) -> Result<StatusReport, ControlError> {
    loop {
        match ask_status(directory, seen).await {
            // The node has given the place to another caller, or has just ended. At once we would take it from the next one.
            Err(ControlError::Closed { .. }) => clock::sleep_until(clock::now() + PAUSE).await,
            // It was there a moment ago.
            Err(ControlError::NobodyRuns { path }) => return Err(ControlError::HasEnded { path }),
            answer => return answer,
        }
    }
}
