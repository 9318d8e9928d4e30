//! The events of a node, as lines for people and for programs.

use std::{fmt, time::Duration};

use ballotbox::{Decision, ServerId, Standing, elect::tenths_of_ms, node::NodeEvent};
use ballotbox_actors::{RefusedBecause, Report, links::Refusal};
use serde::Serialize;

/// What there is to say about something that happened.
pub(super) enum Said {
    /// An event, for stdout.
    Event(Event),
    /// Something seems wrong; for stderr.
    Remark(String),
    /// Nothing.
    Nothing,
}

/// One line of `node --json`.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    event: &'static str,
    id: u64,
    at_ms: f64,
    #[serde(flatten)]
    details: Event,
}

/// An event with what belongs to it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Event {
    /// The node listens for its peers.
    Listening { election: String },
    /// It looks for a leader.
    Looking { round: i64 },
    /// An election has ended.
    Elected { state: &'static str, leader: u64, round: i64, elapsed_ms: f64 },
    /// A link has come up or gone down.
    Link { peer: u64, up: bool },
    /// The node has ended in good order.
    Stopped {},
}

impl Line {
    pub(super) fn new(me: ServerId, at: Duration, details: Event) -> Self {
        let event = match details {
            Event::Listening { .. } => "listening",
            Event::Looking { .. } => "looking",
            Event::Elected { .. } => "elected",
            Event::Link { .. } => "link",
            Event::Stopped {} => "stopped",
        };
        Self { event, id: me.number(), at_ms: tenths_of_ms(at), details }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { election } => write!(f, "listening for elections on {election}"),
            Self::Looking { round } => write!(f, "looking for a leader, round {round}"),
            Self::Elected { state: "leading", round, elapsed_ms, .. } => {
                write!(f, "elected, round {round}, after {elapsed_ms:.1} ms")
            }
            Self::Elected { state, leader, round, elapsed_ms } => {
                write!(f, "{state} {leader}, round {round}, after {elapsed_ms:.1} ms")
            }
            Self::Link { peer, up: true } => write!(f, "linked to {peer}"),
            Self::Link { peer, up: false } => write!(f, "lost the link to {peer}"),
            Self::Stopped {} => f.write_str("stopped"),
        }
    }
}

/// What there is to say about an event.
pub(super) fn said(event: &NodeEvent) -> Said {
    match event {
        NodeEvent::Listening { election } => {
            Said::Event(Event::Listening { election: election.to_string() })
        }
        NodeEvent::Looking { round } => Said::Event(Event::Looking { round: round.0 }),
        NodeEvent::Voted { .. } => Said::Nothing,
        NodeEvent::Elected { decision, took } => Said::Event(elected(decision, *took)),
        NodeEvent::Malformed { from, error, times } => {
            Said::Remark(format!("{from} sent what is no notification: {error} (time {times})"))
        }
        NodeEvent::MembersDiffer { from, problem } => {
            Said::Remark(format!("{from} has another idea of the members: {problem}"))
        }
        NodeEvent::Network(report) => said_of(report),
    }
}

fn elected(decision: &Decision, took: Duration) -> Event {
    let state = match decision.standing {
        Standing::Leading => "leading",
        Standing::Following => "following",
        Standing::Observing => "observing",
    };
    Event::Elected {
        state,
        leader: decision.vote.leader.number(),
        round: decision.round.0,
        elapsed_ms: tenths_of_ms(took),
    }
}

fn said_of(report: &Report) -> Said {
    match report {
        Report::Listening { address } => {
            Said::Event(Event::Listening { election: address.to_string() })
        }
        Report::LinkUp { link } => Said::Event(Event::Link { peer: link.peer.number(), up: true }),
        Report::LinkDown { link, .. } => {
            Said::Event(Event::Link { peer: link.peer.number(), up: false })
        }
        Report::BindFailed { endpoint, cause, retry_after } => Said::Remark(format!(
            "cannot listen on {endpoint}: {cause}; the next attempt is in {retry_after:?}"
        )),
        Report::Unreachable { peer, error } => {
            Said::Remark(format!("{peer} is out of reach: {error}"))
        }
        Report::CannotDialBack { peer, error } => {
            Said::Remark(format!("{peer} asked to be dialled, which failed: {error}"))
        }
        Report::Refused { from, reason, times } => {
            let from = from.map_or_else(String::new, |from| format!(" from {from}"));
            let why = why_refused(reason);
            Said::Remark(format!("a connection{from} was turned away: {why} (time {times})"))
        }
        Report::Heard { .. } | Report::Doubted { .. } => Said::Nothing,
    }
}

fn why_refused(reason: &RefusedBecause) -> String {
    match reason {
        RefusedBecause::Id(Refusal::OwnId) => "it has our own id: another server is configured with \
            it, or an address in the list of members leads back to this one; look at the ids of both \
            (myid, --id)"
            .to_owned(),
        RefusedBecause::Id(Refusal::NoId) => "it has no id".to_owned(),
        RefusedBecause::NoGreeting(error) => format!("what it said is no greeting: {error}"),
        RefusedBecause::Broken(text) => text.to_string(),
        RefusedBecause::Silence => "it said nothing".to_owned(),
        RefusedBecause::Panicked(message) => {
            format!("we have a bug, please report it: the greeter panicked: {message}")
        }
    }
}
