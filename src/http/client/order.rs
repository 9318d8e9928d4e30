//! [`ask_to_resign()`]: has a node give its leadership up.

use std::time::{Duration, Instant};

use ballotbox_actors::kit::clock;
use ballotbox_core::leadership::Successor;

use super::{AskError, Request, StatusUrl, ask, ask_status, refused, understood};
use crate::{
    Epoch,
    http::{
        AdminToken,
        answer::{Accepted, Because},
    },
    node::control::Resignation,
};

/// How often it is looked what has become of an order. A stream of events would tell it sooner, but others may have all of those.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks this node to give its leadership up, in favour of this successor. Its work may take so long to end, and so long the answer.
/// From another machine it takes the token of the node.
///
/// # Errors
///
/// [`AskError`], when no node answers, or does not take orders from here.
pub async fn ask_to_resign(
    url: &StatusUrl,
    to: Successor,
    within: Duration,
    token: Option<&AdminToken>,
) -> Result<Resignation, AskError> {
    let began = clock::now();
    let to = match to {
        Successor::Any => String::new(),
        Successor::To(id) => format!("to={id}&"),
    };
    let path = format!("/resign?{to}within_ms={}", within.as_millis());
    // It is asked once: whether an order was heard whose answer is missing, nobody knows.
    let (code, body) = ask(url, &Request { method: "POST", path: &path, token }).await?;
    match code {
        202 => {
            let accepted: Accepted = understood(url, &body)?;
            becomes(url, Epoch(accepted.epoch), began, began + within).await
        }
        409 => understood(url, &body).map(|Because { reason }| Resignation::refused(reason)),
        code => Err(refused(url, code, &body)),
    }
}

/// What has become of this epoch, as soon as that is known.
async fn becomes(
    url: &StatusUrl,
    epoch: Epoch,
    began: Instant,
    until: Instant,
) -> Result<Resignation, AskError> {
    loop {
        let report = ask_status(url).await?;
        let now = clock::now();
        let took = now - began;
        if let Some(done) = Resignation::followed_by(report.id, epoch, report.leader, took) {
            return Ok(done);
        }
        if now >= until {
            return Ok(Resignation::not_yet(epoch, report.leading, took));
        }
        clock::sleep_until(until.min(now + LOOK_EVERY)).await;
    }
}
