//! The events of a node, as lines for people and for programs.

use std::{
    fmt, io,
    time::{Duration, SystemTime},
};

use ballotbox::{
    Decision, Epoch, ServerId,
    network::{ConnectError, DialError, NetworkEvent, Ports, Refusal, RefusedBecause},
    node::{NodeEvent, NodeState, Status},
};
use ballotbox_actors::kit::{Rounded, clock::rfc3339, tenths_of_ms};
use serde::Serialize;

use super::{gate::Kind, remark::remark};

/// One line of `node --json`.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    event: &'static str,
    id: u64,
    at_ms: f64,
    time: String,
    #[serde(flatten)]
    details: &'a Event,
}

/// An event with what belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Event {
    /// The node listens for its peers.
    Listening {
        election: String,
        /// Where it keeps its epochs.
        #[serde(skip_serializing_if = "Option::is_none")]
        data_dir: Option<String>,
        /// Where it tells over HTTP how it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<String>,
    },
    /// It looks for a leader.
    Looking {
        round: i64,
        #[serde(skip_serializing_if = "is_false")]
        again: bool,
    },
    /// An election has ended.
    Elected {
        state: &'static str,
        leader: u64,
        round: i64,
        elapsed_ms: f64,
        #[serde(skip_serializing_if = "is_false")]
        again: bool,
    },
    /// The node leads: a quorum has its epoch on disk.
    Leading {
        epoch: i64,
        lease_ms: u64,
        elapsed_ms: f64,
        #[serde(skip_serializing_if = "is_false")]
        again: bool,
    },
    /// It follows an established leader.
    Following {
        leader: u64,
        epoch: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<&'static str>,
        /// `false` if its word does not count for this leader: it has promised to a newer epoch, or may have forgotten its words.
        #[serde(skip_serializing_if = "is_true")]
        counts: bool,
        #[serde(skip_serializing_if = "is_false")]
        again: bool,
    },
    /// It leads, and gives that up.
    Retiring { epoch: i64 },
    /// It leads or follows no more.
    Lost { epoch: i64, cause: &'static str },
    /// Something has become of the program that runs while the node leads.
    Work {
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
        #[serde(skip)]
        text: String,
    },
    /// A link has come up or gone down.
    Link { peer: u64, up: bool },
    /// Something seems wrong.
    Warning {
        text: String,
        /// The voters that are missing, if that is what is wrong.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        missing: Vec<Missing>,
    },
    /// Events were left out. The lines after this one tell the present state again, beginning with the links.
    Missed { events: u64, links: Vec<u64> },
    /// The node has ended in good order.
    Stopped {},
}

/// A voter that is missing, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Missing {
    pub(super) id: u64,
    pub(super) reason: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_true(flag: &bool) -> bool {
    *flag
}

impl<'a> Line<'a> {
    pub(super) fn new(me: ServerId, at: Duration, time: SystemTime, details: &'a Event) -> Self {
        let event = match details {
            Event::Listening { .. } => "listening",
            Event::Looking { .. } => "looking",
            Event::Elected { .. } => "elected",
            Event::Leading { .. } => "leading",
            Event::Following { .. } => "following",
            Event::Retiring { .. } => "retiring",
            Event::Lost { .. } => "lost",
            Event::Work { .. } => "work",
            Event::Link { .. } => "link",
            Event::Warning { .. } => "warning",
            Event::Missed { .. } => "missed",
            Event::Stopped {} => "stopped",
        };
        Self { event, id: me.number(), at_ms: tenths_of_ms(at), time: rfc3339(time), details }
    }
}

impl Event {
    pub(super) const fn warning(text: String) -> Self {
        Self::Warning { text, missing: Vec::new() }
    }

    /// The same with where epochs are kept and the status is told, if it is the event that says so.
    pub(super) fn place(&mut self, directory: Option<&str>, status_port: Option<&str>) {
        if let Self::Listening { data_dir, status, .. } = self {
            *data_dir = directory.map(str::to_owned);
            *status = status_port.map(str::to_owned);
        }
    }

    /// The same, with how often it was noticed, if it is a warning.
    pub(super) fn times(mut self, times: u64) -> Self {
        if let Self::Warning { text, .. } = &mut self {
            text.push_str(&counted(times));
        }
        self
    }

    /// How things stand, as the event that brought it about; nothing before the node listens.
    pub(super) fn present(status: &Status, is_observer: bool) -> Option<Self> {
        if let Some((leader, epoch)) = status.leader() {
            if leader == status.me {
                let lease = status.leadership.as_ref().and_then(|of| of.lease.as_ref());
                let lease = lease.map(|lease| lease.length);
                return Some(Self::Leading {
                    epoch: epoch.0,
                    lease_ms: lease_ms(lease),
                    elapsed_ms: 0.0,
                    again: true,
                });
            }
            let mut present = following(leader, epoch, is_observer, true);
            if let Self::Following { again, .. } = &mut present {
                *again = true;
            }
            return Some(present);
        }
        let round = status.election.round.0;
        Some(match status.state() {
            NodeState::Starting => return None,
            NodeState::Looking => Self::Looking { round, again: true },
            NodeState::Decided(standing) => Self::Elected {
                state: standing.word(),
                leader: status.elected()?.number(),
                round,
                elapsed_ms: tenths_of_ms(status.election.took.unwrap_or_default()),
                again: true,
            },
        })
    }
}

/// What a browser opens, for addresses with commas between them.
fn urls(addresses: &str) -> String {
    let url = |address: &str| {
        let scheme = if address.starts_with("https://") { "" } else { "http://" };
        format!("{scheme}{address}/")
    };
    addresses.split(", ").map(url).collect::<Vec<_>>().join(" and ")
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { election, data_dir, status } => {
                write!(f, "listening for elections on {election}")?;
                if let Some(data_dir) = data_dir {
                    write!(f, ", epochs are kept in {data_dir}")?;
                }
                if let Some(status) = status {
                    write!(f, ", the status is told on {}", urls(status))?;
                }
                Ok(())
            }
            Self::Looking { round, again: false } => {
                write!(f, "looking for a leader, round {round}")
            }
            Self::Looking { round, again: true } => {
                write!(f, "at present: looking for a leader, round {round}")
            }
            Self::Elected { state, leader, round, elapsed_ms, again } => {
                f.write_str(if *again { "at present: " } else { "" })?;
                match *state {
                    "leading" => f.write_str("elected")?,
                    _ => write!(f, "elected {leader}")?,
                }
                let took = Rounded(Duration::from_secs_f64(elapsed_ms / 1000.0));
                write!(f, ", round {round}, after {took}")
            }
            Self::Leading { epoch, again: true, .. } => {
                write!(f, "at present: leading in epoch {epoch}")
            }
            Self::Leading { epoch, elapsed_ms, .. } => {
                let took = Rounded(Duration::from_secs_f64(elapsed_ms / 1000.0));
                write!(f, "leading in epoch {epoch}, after {took}")
            }
            Self::Following { leader, epoch, counts, again, .. } => {
                f.write_str(if *again { "at present: " } else { "" })?;
                write!(f, "following {leader} in epoch {epoch}")?;
                f.write_str(if *counts { "" } else { ", without counting for it" })
            }
            Self::Retiring { epoch } => write!(f, "giving up epoch {epoch}"),
            Self::Lost { epoch, cause } => write!(f, "epoch {epoch} is over here: {cause}"),
            Self::Work { text, .. } => f.write_str(text),
            Self::Link { peer, up: true } => write!(f, "linked to {peer}"),
            Self::Link { peer, up: false } => write!(f, "lost the link to {peer}"),
            Self::Warning { text, .. } => write!(f, "warning: {text}"),
            Self::Missed { events, links } if links.is_empty() => {
                write!(f, "{events} events were left out; no links")
            }
            Self::Missed { events, links } => {
                let links: Vec<_> = links.iter().map(u64::to_string).collect();
                write!(f, "{events} events were left out; links to {}", links.join(", "))
            }
            Self::Stopped {} => f.write_str("stopped"),
        }
    }
}

/// An event to be told, and how often it may be.
pub(super) enum Said {
    /// Nothing.
    Nothing,
    /// This, always.
    Always(Event),
    /// This, as far as the gate lets it through: outsiders can cause it. With the member it is about, if it is one.
    Limited(Kind, Option<ServerId>, Event),
}

/// What there is to say about an event.
pub(super) fn said(event: &NodeEvent, is_observer: bool) -> Said {
    match event {
        NodeEvent::Looking { round } => {
            Said::Always(Event::Looking { round: round.0, again: false })
        }
        NodeEvent::Voted { .. } | NodeEvent::Recorded => Said::Nothing,
        NodeEvent::Elected { decision, took } => Said::Always(elected(decision, *took)),
        NodeEvent::Leading { epoch, took, lease } => Said::Always(Event::Leading {
            epoch: epoch.0,
            lease_ms: lease_ms(*lease),
            elapsed_ms: tenths_of_ms(*took),
            again: false,
        }),
        NodeEvent::Following { leader, epoch, counts, .. } => {
            Said::Always(following(*leader, *epoch, is_observer, *counts))
        }
        NodeEvent::Retiring { epoch, .. } => Said::Always(Event::Retiring { epoch: epoch.0 }),
        NodeEvent::Lost { epoch, cause } => {
            Said::Always(Event::Lost { epoch: epoch.0, cause: cause.word() })
        }
        NodeEvent::WaitingFor { .. }
        | NodeEvent::GaveUp { .. }
        | NodeEvent::NotEstablished { .. }
        | NodeEvent::BegunByAll { .. }
        | NodeEvent::BesideRealServer { .. }
        | NodeEvent::Directory { .. }
        | NodeEvent::WithoutLease { .. }
        | NodeEvent::CannotPromise { .. }
        | NodeEvent::CannotStore { .. } => Said::Always(Event::warning(remark(event))),
        NodeEvent::Bound { peer, .. } => {
            Said::Limited(Kind::Remark("bound"), Some(*peer), Event::warning(remark(event)))
        }
        NodeEvent::LeaderUnreached { leader, times, .. } => {
            let text = remark(event) + &counted(*times);
            Said::Limited(Kind::Counted("leader unreached"), Some(*leader), Event::warning(text))
        }
        NodeEvent::LearnerTurnedAway { peer, times, .. } => {
            let text = remark(event) + &counted(*times);
            Said::Limited(Kind::Counted("turned away"), *peer, Event::warning(text))
        }
        NodeEvent::MalformedPacket { times, .. } => {
            let text = remark(event) + &counted(*times);
            Said::Limited(Kind::Counted("malformed packet"), None, Event::warning(text))
        }
        NodeEvent::Malformed { from, error, times } => {
            let count = counted(*times);
            let text = format!("{from} sent what is no notification: {error}{count}");
            Said::Limited(Kind::Counted("malformed"), Some(*from), Event::warning(text))
        }
        NodeEvent::MembersDiffer { from, problem } => {
            let text = format!("{from} has another idea of the members: {problem}");
            Said::Limited(Kind::Remark("members differ"), Some(*from), Event::warning(text))
        }
        NodeEvent::Certificate(news) => Said::Always(Event::warning(news.to_string())),
        NodeEvent::Network(event) => said_of(event),
    }
}

fn lease_ms(lease: Option<Duration>) -> u64 {
    u64::try_from(lease.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

fn following(leader: ServerId, epoch: Epoch, is_observer: bool, counts: bool) -> Event {
    let (leader, epoch, role) = (leader.number(), epoch.0, is_observer.then_some("observer"));
    // An observer's word counts for no leader: there is nothing to say about it.
    let counts = is_observer || counts;
    Event::Following { leader, epoch, role, counts, again: false }
}

fn elected(decision: &Decision, took: Duration) -> Event {
    Event::Elected {
        state: decision.standing.word(),
        leader: decision.vote.leader.number(),
        round: decision.round.0,
        elapsed_ms: tenths_of_ms(took),
        again: false,
    }
}

fn said_of(event: &NetworkEvent) -> Said {
    match event {
        NetworkEvent::Listening { address, ports: Ports::Election | Ports::Both } => {
            Said::Always(Event::Listening {
                election: address.to_string(),
                data_dir: None,
                status: None,
            })
        }
        NetworkEvent::LinkUp { link } => {
            let event = Event::Link { peer: link.peer.number(), up: true };
            Said::Limited(Kind::LinkUp, Some(link.peer), event)
        }
        NetworkEvent::LinkDown { link, .. } => {
            let event = Event::Link { peer: link.peer.number(), up: false };
            Said::Limited(Kind::LinkDown, Some(link.peer), event)
        }
        NetworkEvent::BindFailed { endpoint, cause, retry_after } => {
            Said::Always(Event::warning(format!(
                "cannot listen on {endpoint}: {cause}; the next attempt is in {}",
                Rounded(*retry_after)
            )))
        }
        NetworkEvent::NotHere { endpoint, address } => Said::Always(Event::warning(format!(
            "{address}, one of the addresses to listen at ({endpoint}), is no address of this machine: left out; \
             a peer that looks it up first cannot reach us"
        ))),
        NetworkEvent::LoopbackOnly { here, there } => Said::Always(Event::warning(format!(
            "we listen at {here} only, where no other machine can reach us, and a peer is at {there}: let our own \
             name in the list of members lead to the address that the others use (/etc/hosts, DNS), or listen \
             everywhere (0.0.0.0, or quorumListenOnAllIPs=true)"
        ))),
        NetworkEvent::NoDescriptors { cause, times } => {
            let count = counted(*times);
            let text = format!(
                "no more files and sockets can be opened: {cause}{count}; raise the limit (ulimit -n)"
            );
            Said::Limited(Kind::Counted("descriptors"), None, Event::warning(text))
        }
        NetworkEvent::Unreachable { peer, error } => {
            let text = format!("{peer} is out of reach: {error}");
            Said::Limited(Kind::Remark("unreachable"), Some(*peer), Event::warning(text))
        }
        NetworkEvent::CannotDialBack { peer, error } => {
            let text = format!("{peer} asked to be dialled, which failed: {error}");
            Said::Limited(Kind::Counted("dial back"), Some(*peer), Event::warning(text))
        }
        NetworkEvent::Refused { from, peer, reason, times } => {
            let from = from.map_or_else(String::new, |from| format!(" from {from}"));
            let why = why_refused(reason);
            let count = counted(*times);
            let text = format!("a connection{from} was turned away: {why}{count}");
            Said::Limited(Kind::Counted(reason.kind()), *peer, Event::warning(text))
        }
        NetworkEvent::Listening { ports: Ports::Quorum, .. }
        | NetworkEvent::Started
        | NetworkEvent::Doubted { .. } => Said::Nothing,
    }
}

/// How often something was noticed by now, behind what is said of it: nothing at the first time.
fn counted(times: u64) -> String {
    if times > 1 { format!(" (time {times})") } else { String::new() }
}

/// Why a peer could not be reached, in a few words.
pub(super) fn why_unreachable(error: &DialError) -> String {
    let words = match error {
        DialError::Connect(error) => return why_not_connected(error),
        DialError::Ourselves { .. } => "its address leads back to us",
        DialError::Tls { error, .. } => return error.to_string(),
        DialError::NoHandshake { .. } => "no TLS handshake",
        DialError::NotGreeted { .. } => "it broke the connection off",
        DialError::Panicked { .. } => "unknown",
    };
    words.to_owned()
}

fn why_not_connected(error: &ConnectError) -> String {
    match error {
        ConnectError::NoAddress => "no address known".to_owned(),
        ConnectError::Lookup(error) if error.kind == io::ErrorKind::TimedOut => {
            "no answer from a name server".to_owned()
        }
        ConnectError::Lookup(_) => "name not found".to_owned(),
        ConnectError::NotConnected { text, .. } => {
            // The system's words, without their number.
            text.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
        }
        ConnectError::NoAnswer { limit, .. } => format!("no answer in {}", Rounded(*limit)),
        ConnectError::NoDescriptors { .. } => "this process may open no more sockets".to_owned(),
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
        RefusedBecause::NoPacket(error) => {
            format!("what it said is no learner's first packet: {error}")
        }
        RefusedBecause::OtherPort { here: Ports::Election } => "it wants to follow a leader, and this \
            is an election port: look at its list of members, where the two ports may be swapped"
            .to_owned(),
        RefusedBecause::OtherPort { here: Ports::Quorum | Ports::Both } => "it greets for an election, \
            and this is a quorum port: look at its list of members, where the two ports may be swapped"
            .to_owned(),
        RefusedBecause::Broken(text) => text.to_string(),
        RefusedBecause::PlainText => "it speaks plain text, and this node takes only TLS: give it a certificate, or have this node \
            take both for a while"
            .to_owned(),
        RefusedBecause::SpeaksTls => "it speaks TLS, and this node has no certificate: give it one (`tls` in a vote file, \
            `--tls-cert`, or sslQuorum and a key store in zoo.cfg)"
            .to_owned(),
        RefusedBecause::Tls(error) => error.to_string(),
        RefusedBecause::Silence => "it has not said in time who it is".to_owned(),
        RefusedBecause::NoRoom => "it had to make room, as more connections come than can be dealt with".to_owned(),
        RefusedBecause::Panicked(message) => {
            format!("we have a bug, please report it: the greeter panicked: {message}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noticed_for_the_first_time_is_not_counted() {
        assert_eq!([1, 2, 4].map(counted), ["", " (time 2)", " (time 4)"]);
    }

    #[test]
    fn a_browser_can_open_what_is_told() {
        assert_eq!(urls("127.0.0.1:80, [::1]:80"), "http://127.0.0.1:80/ and http://[::1]:80/");
        assert_eq!(urls("https://127.0.0.1:80"), "https://127.0.0.1:80/");
    }
}
