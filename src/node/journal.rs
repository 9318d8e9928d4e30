//! [`Journal`]: the last events of a node.

use std::collections::VecDeque;

use super::Occurrence;

/// At most this many events of either lane are kept for readers that ask late.
const EVENTS_MAX: usize = 512;

/// The last events of a node.
///
/// What others do to our ports has a lane of its own, so that no flood of it can push out an election.
#[derive(Debug, Default)]
pub(super) struct Journal {
    own: Lane,
    outside: Lane,
    /// How many events were noted, which is the number of the last one.
    known: u64,
}

impl Journal {
    pub(super) fn note(&mut self, occurrence: Occurrence) {
        self.known += 1;
        let from_outside = occurrence.event.is_from_outside();
        let lane = if from_outside { &mut self.outside } else { &mut self.own };
        lane.note(self.known, occurrence);
    }

    /// How many events were noted.
    pub(super) const fn known(&self) -> u64 {
        self.known
    }

    /// The events after the first `known` ones, the oldest first, and how many more there were.
    pub(super) fn beyond(&self, known: u64) -> (Vec<Occurrence>, u64) {
        let mut events: Vec<_> = self.own.beyond(known).chain(self.outside.beyond(known)).collect();
        events.sort_by_key(|(number, _)| *number);
        let missed = self.known.saturating_sub(known) - events.len() as u64;
        (events.into_iter().map(|(_, occurrence)| occurrence.clone()).collect(), missed)
    }
}

/// The last events of one kind, each with its number among all.
#[derive(Debug, Default)]
struct Lane(VecDeque<(u64, Occurrence)>);

impl Lane {
    fn note(&mut self, number: u64, occurrence: Occurrence) {
        if self.0.len() >= EVENTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((number, occurrence));
    }

    fn beyond(&self, known: u64) -> impl Iterator<Item = (u64, &Occurrence)> {
        let skip = self.0.partition_point(|(number, _)| *number <= known);
        self.0.iter().skip(skip).map(|(number, occurrence)| (*number, occurrence))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballotbox_actors::NetworkEvent;
    use ballotbox_core::{
        ServerId,
        links::{Generation, LinkId},
    };

    use super::*;
    use crate::{Round, node::NodeEvent};

    fn link_up(generation: u64) -> NodeEvent {
        let peer = ServerId::new(2).unwrap();
        let link = LinkId { peer, generation: Generation(generation) };
        NodeEvent::Network(NetworkEvent::LinkUp { link })
    }

    impl Journal {
        fn add(&mut self, event: NodeEvent) {
            self.note(Occurrence { at: Duration::from_millis(self.known()), event });
        }
    }

    #[test]
    fn a_flood_from_outside_pushes_out_no_election_and_is_counted() {
        let mut journal = Journal::default();
        journal.add(NodeEvent::Looking { round: Round(1) });
        for generation in 0..10_000 {
            journal.add(link_up(generation));
        }
        journal.add(NodeEvent::Looking { round: Round(2) });
        let (events, missed) = journal.beyond(0);
        let first = events.first().map(|occurrence| &occurrence.event);
        assert_eq!(first, Some(&NodeEvent::Looking { round: Round(1) }));
        let last = events.last().map(|occurrence| &occurrence.event);
        assert_eq!(last, Some(&NodeEvent::Looking { round: Round(2) }));
        assert_eq!((events.len(), missed), (EVENTS_MAX + 2, 10_000 - EVENTS_MAX as u64));
    }

    #[test]
    fn a_reader_that_asks_in_time_gets_every_event_once_and_in_order() {
        let mut journal = Journal::default();
        let (mut known, mut read) = (0, Vec::new());
        for number in 0..2000 {
            journal.add(if number % 3 == 0 {
                NodeEvent::Looking { round: Round(number) }
            } else {
                link_up(number.unsigned_abs())
            });
            if number % 7 == 0 {
                let (events, missed) = journal.beyond(known);
                assert_eq!(missed, 0);
                known = journal.known();
                read.extend(events);
            }
        }
        assert_eq!(read.len(), 1996);
        assert!(read.windows(2).all(|two| two[0].at <= two[1].at));
        let own = read.iter().filter(|occurrence| !occurrence.event.is_from_outside());
        let rounds = (0..1996).step_by(3).map(|round| NodeEvent::Looking { round: Round(round) });
        assert!(own.map(|occurrence| occurrence.event.clone()).eq(rounds));
    }
}
