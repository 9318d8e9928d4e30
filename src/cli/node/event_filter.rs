//! [`EventFilter`]: which of its events a node prints.
//!
//! A plain value: each input comes with its moment, so a test of an hour's flood takes a second.

use std::{sync::Arc, time::Duration};

use ballotbox::{
    Ensemble, ServerId,
    node::{News, Occurrence, Status},
};

use super::{
    absence::Absence,
    event::{self, Event, Said},
    gate::{Gate, Verdict},
};

/// An event to be printed, and when it happened, since the node was started.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) at: Duration,
    pub(super) event: Event,
}

/// Chooses what is printed: everything about elections, of the rest as much as can be read, and which members are missing.
#[derive(Debug)]
pub(super) struct EventFilter {
    gate: Gate,
    absence: Absence,
    status: Option<Status>,
    is_observer: bool,
    /// Where the epochs are kept, if that is on disk.
    data_dir: Option<String>,
    status_port: Option<String>,
}

impl EventFilter {
    /// For member `me`; a dial takes at most `dial`.
    pub(super) fn new(
        me: ServerId,
        ensemble: Arc<Ensemble>,
        dial: Duration,
        data_dir: Option<String>,
        status_port: Option<String>,
    ) -> Self {
        let is_observer = !ensemble.is_voter(me);
        let absence = Absence::new(me, ensemble, dial);
        Self { gate: Gate::new(), absence, status: None, is_observer, data_dir, status_port }
    }

    /// What is told of news that came at this moment.
    pub(super) fn tell(&mut self, news: News, now: Duration) -> Vec<Told> {
        let News { status, events, missed, .. } = news;
        let mut told = Vec::new();
        if missed > 0 {
            // What is missing was before all that is left.
            let at = events.first().map_or(now, |first| first.at);
            told.push(Told { at, event: missed_event(missed, &status) });
        }
        for occurrence in &events {
            self.absence.hear(occurrence);
            told.extend(self.event(occurrence));
        }
        self.absence.look(&status, now);
        if missed > 0 {
            let present = Event::present(&status, self.is_observer);
            told.extend(present.map(|event| Told { at: now, event }));
        }
        self.status = Some(status);
        told
    }

    fn event(&mut self, occurrence: &Occurrence) -> Option<Told> {
        let at = occurrence.at;
        match event::said(&occurrence.event, self.is_observer) {
            Said::Nothing => None,
            Said::Always(mut event) => {
                event.place(self.data_dir.as_deref(), self.status_port.as_deref());
                Some(Told { at, event })
            }
            Said::Limited(kind, about, event) => match self.gate.admit(at, kind, about) {
                Verdict::Told => Some(Told { at, event }),
                Verdict::ToldAgain(times) => Some(Told { at, event: event.times(times) }),
                Verdict::NotTold => None,
            },
        }
    }

    /// When there will be something to tell though nothing happens.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.gate.next_due().into_iter().chain(self.absence.next_due()).min()
    }

    /// What is to be told at this moment though nothing happened: who is missing, and what was held back.
    pub(super) fn tell_due(&mut self, now: Duration) -> Vec<Told> {
        let told = |event| Told { at: now, event };
        let mut due: Vec<_> = self.absence.tell_due(now).map(told).into_iter().collect();
        if self.gate.next_due().is_some_and(|due| due <= now) {
            due.extend(self.held_back(now));
            let present = self.status.as_ref();
            let present = present.and_then(|status| Event::present(status, self.is_observer));
            due.extend(present.map(told));
        }
        due
    }

    /// The end: what is still held back, and that it is the end.
    pub(super) fn stopped(&mut self, now: Duration) -> Vec<Told> {
        let stopped = Told { at: now, event: Event::Stopped {} };
        self.held_back(now).into_iter().chain([stopped]).collect()
    }

    fn held_back(&mut self, now: Duration) -> Option<Told> {
        let events = self.gate.take_held_back();
        let status = self.status.as_ref().filter(|_| events > 0)?;
        Some(Told { at: now, event: missed_event(events, status) })
    }
}

fn missed_event(events: u64, status: &Status) -> Event {
    Event::Missed {
        events,
        links: status.election.links.iter().map(|peer| peer.number()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, io, time::SystemTime};

    use ballotbox::{
        Decision, Epoch, Member, Round, Standing, Vote, Zxid,
        network::{ConnectError, DialError, LookupError, NetworkEvent, RefusedBecause, TlsError},
        node::{ElectionStatus, NodeEvent, NodeState},
    };
    use ballotbox_actors::kit::clock;
    use ballotbox_core::links::{Generation, LinkId, Refusal};

    use super::{super::event::Line, *};

    const HOUR: Duration = Duration::from_secs(3600);

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn filter() -> EventFilter {
        let ensemble = Ensemble::new((1..=5).map(|n| Member::voter(id(n)))).unwrap();
        EventFilter::new(id(1), Arc::new(ensemble), Duration::from_secs(5), None, None)
    }

    fn vote(leader: u64) -> Vote {
        Vote { leader: id(leader), epoch: Epoch(0), zxid: Zxid(0) }
    }

    /// Following 4, linked to 2 and 4.
    fn following() -> Status {
        let election = ElectionStatus {
            state: NodeState::Decided(Standing::Following),
            vote: Some(vote(4)),
            round: Round(7),
            took: Some(Duration::from_millis(12)),
            links: BTreeSet::from([id(2), id(4)]),
            ..ElectionStatus::default()
        };
        Status {
            me: id(1),
            sequence: 1,
            leader_sequence: 0,
            since: clock::now(),
            election: Arc::new(election),
            leadership: None,
            counters: Arc::default(),
        }
    }

    fn news(missed: u64, events: Vec<Occurrence>) -> News {
        News { known: 0, status: following(), events, missed }
    }

    fn at(at: Duration, event: NodeEvent) -> Occurrence {
        Occurrence { at, event }
    }

    fn link(peer: u64, up: bool) -> NodeEvent {
        let link = LinkId { peer: id(peer), generation: Generation(1) };
        NodeEvent::Network(if up {
            NetworkEvent::LinkUp { link }
        } else {
            NetworkEvent::LinkDown { link, cause: "it ended".into() }
        })
    }

    /// How often something happens in the hour: a hundred times a second.
    const TIMES: u64 = 360_000;

    /// An hour in which things happen, each time with its number; returns the lines.
    fn an_hour_of(mut happens: impl FnMut(u64) -> Vec<NodeEvent>) -> Vec<Told> {
        let mut filter = filter();
        let mut told = Vec::new();
        for tenth in 0..TIMES / 10 {
            let now = Duration::from_millis(tenth * 100);
            let numbers = tenth * 10..(tenth + 1) * 10;
            let events = numbers.flat_map(&mut happens).map(|event| at(now, event)).collect();
            told.extend(filter.tell(news(0, events), now));
            if filter.next_due().is_some_and(|due| due <= now) {
                told.extend(filter.tell_due(now));
            }
        }
        told.extend(filter.stopped(HOUR));
        told
    }

    fn bytes(told: &[Told]) -> (usize, usize) {
        let json = |told: &Told| {
            let line = Line::new(id(1), told.at, SystemTime::UNIX_EPOCH, &told.event);
            serde_json::to_string(&line).unwrap().len() + 1
        };
        let text = |told: &Told| "13:55:21.123Z  \n".len() + told.event.to_string().len();
        (told.iter().map(json).sum(), told.iter().map(text).sum())
    }

    fn missed(told: &[Told]) -> u64 {
        told.iter()
            .map(|told| if let Event::Missed { events, .. } = told.event { events } else { 0 })
            .sum()
    }

    #[test]
    fn an_hour_of_links_that_flap_is_a_few_kilobytes_and_every_link_is_told_or_counted() {
        let told = an_hour_of(|number| vec![link(3 + number / 2 % 3, number % 2 == 0)]);
        let (json, text) = bytes(&told);
        assert!(json < 60_000 && text < 60_000, "{json} and {text} bytes");
        let links = told.iter().filter(|told| matches!(told.event, Event::Link { .. })).count();
        assert_eq!(links as u64 + missed(&told), TIMES);
    }

    #[test]
    fn an_hour_of_everything_that_outsiders_can_do_is_below_a_hundred_kilobytes() {
        let mut refused = 0_u64;
        let told = an_hour_of(|number| {
            refused += 1;
            let peer = id(2 + number % 4);
            let mut events = vec![link(peer.number(), number % 2 == 0)];
            // As long as it can be.
            let text = || "x".repeat(1000).into();
            let kind = io::ErrorKind::NotFound;
            let lookup = || LookupError { host: text(), kind, text: text() };
            let long = || DialError::Connect(ConnectError::Lookup(lookup()));
            events.push(NodeEvent::Network(NetworkEvent::Unreachable { peer, error: long() }));
            // The next two come as they are noticed: the first, second, fourth, eighth … time.
            if refused.is_power_of_two() {
                for reason in [
                    RefusedBecause::Id(Refusal::OwnId),
                    RefusedBecause::Id(Refusal::NoId),
                    RefusedBecause::Broken(text()),
                    RefusedBecause::PlainText,
                    RefusedBecause::SpeaksTls,
                    RefusedBecause::Tls(TlsError::NoCertificate),
                    RefusedBecause::Tls(TlsError::CutOff),
                    RefusedBecause::Tls(TlsError::Handshake { text: text() }),
                    RefusedBecause::Silence,
                    RefusedBecause::NoRoom,
                    RefusedBecause::Panicked(text()),
                ] {
                    for peer in [None, Some(peer)] {
                        let (from, reason, times) = (None, reason.clone(), refused);
                        let refused = NetworkEvent::Refused { from, peer, reason, times };
                        events.push(NodeEvent::Network(refused));
                    }
                }
                let error = long();
                events.push(NodeEvent::Network(NetworkEvent::CannotDialBack { peer, error }));
            }
            events
        });
        let (json, text) = bytes(&told);
        assert!(json < 100_000 && text < 100_000, "{json} and {text} bytes");
    }

    #[test]
    fn a_flood_of_strangers_hides_no_member_that_is_turned_away() {
        let refused = |reason, peer, times| {
            let from = None;
            at(HOUR, NodeEvent::Network(NetworkEvent::Refused { from, peer, reason, times }))
        };
        let mut filter = filter();
        let flood = (0..10).map(|n| refused(RefusedBecause::PlainText, None, 1 << n));
        assert_eq!(filter.tell(news(0, flood.collect()), HOUR).len(), 1 + 2);
        let of_member = refused(RefusedBecause::PlainText, Some(id(3)), 1);
        let other = refused(RefusedBecause::SpeaksTls, None, 1);
        assert_eq!(filter.tell(news(0, vec![of_member, other]), HOUR).len(), 2);
    }

    #[test]
    fn no_minute_of_a_flood_has_more_than_ten_lines_but_the_first() {
        let told = an_hour_of(|number| {
            let peer = id(2 + number % 4);
            let unreachable = NetworkEvent::Unreachable {
                peer,
                error: DialError::Panicked { message: "why not".into() },
            };
            vec![link(peer.number(), number % 2 == 0), NodeEvent::Network(unreachable)]
        });
        let minute = Duration::from_secs(60);
        let later: Vec<_> = told.iter().map(|told| told.at).filter(|at| *at >= minute).collect();
        let most = later
            .iter()
            .map(|from| later.iter().filter(|at| **at >= *from && **at < *from + minute).count());
        assert!(most.max() <= Some(10));
    }

    #[test]
    fn elections_are_told_in_full_in_the_middle_of_a_flood() {
        let mut round = 0;
        let told = an_hour_of(|number| {
            let mut events = vec![link(5, number % 2 == 0)];
            if number % 100 == 0 {
                round += 1;
                events.push(NodeEvent::Looking { round: Round(round) });
                let (standing, vote) = (Standing::Following, vote(4));
                let decision = Decision { standing, vote, round: Round(round) };
                events.push(NodeEvent::Elected { decision, took: Duration::ZERO });
            }
            events
        });
        let count =
            |wanted: fn(&Event) -> bool| told.iter().filter(|told| wanted(&told.event)).count();
        assert_eq!(count(|event| matches!(event, Event::Looking { again: false, .. })), 3600);
        assert_eq!(count(|event| matches!(event, Event::Elected { again: false, .. })), 3600);
    }

    #[test]
    fn after_what_was_missed_comes_how_things_stand() {
        let mut filter = filter();
        let now = Duration::from_secs(9);
        let told = filter.tell(news(88, vec![at(Duration::from_secs(3), link(2, true))]), now);
        let events: Vec<_> = told.iter().map(|told| told.event.to_string()).collect();
        assert_eq!(
            events,
            [
                "88 events were left out; links to 2, 4",
                "linked to 2",
                "at present: elected 4, round 7, after 12.0 ms",
            ]
        );
        assert!(told.windows(2).all(|two| two[0].at <= two[1].at));
    }

    #[test]
    fn what_is_held_back_is_told_after_a_minute_though_nothing_else_happens() {
        let mut filter = filter();
        let flaps = (0..100).map(|n| at(Duration::from_millis(n), link(3, n % 2 == 0))).collect();
        let told = filter.tell(news(0, flaps), Duration::from_millis(100));
        let due = filter.next_due().unwrap();
        assert!(due > Duration::from_secs(59));
        assert!(filter.tell_due(Duration::from_secs(59)).is_empty());
        let later = filter.tell_due(due);
        assert_eq!(told.len() as u64 + missed(&later), 100);
        assert!(matches!(
            later.last(),
            Some(Told { event: Event::Elected { again: true, .. }, .. })
        ));
        assert_eq!(filter.next_due(), None);
    }
}
