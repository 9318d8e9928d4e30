//! [`Cuts`]: which members no longer reach each other, and from which row to which.

use std::collections::{BTreeMap, BTreeSet};

use ballotbox::{ServerId, scenario::vote_file::Operation};

/// The network between two rows in which some links are cut.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CutSpan {
    pub(super) from: usize,
    pub(super) to: usize,
    /// On which side each member is, counted from 0: members on different sides do not reach each other, not even through others.
    pub(super) sides: BTreeMap<ServerId, usize>,
    /// The links that are cut between members of one side.
    pub(super) within: Vec<(ServerId, ServerId)>,
}

impl CutSpan {
    pub(super) fn is_parted(&self) -> bool {
        self.sides.values().any(|side| *side > 0)
    }
}

/// Follows what is cut, row by row.
pub(super) struct Cuts {
    members: Vec<ServerId>,
    cut: BTreeSet<(ServerId, ServerId)>,
    isolated: BTreeSet<ServerId>,
    since: usize,
    spans: Vec<CutSpan>,
}

impl Cuts {
    pub(super) fn new(members: Vec<ServerId>) -> Self {
        let (cut, isolated) = (BTreeSet::new(), BTreeSet::new());
        Self { members, cut, isolated, since: 0, spans: Vec::new() }
    }

    pub(super) fn take(&mut self, row: usize, operation: &Operation) {
        match operation {
            Operation::Cut(pairs) => {
                self.close(row);
                self.cut.extend(pairs.iter().map(|(a, b)| (*a.min(b), *a.max(b))));
            }
            Operation::Isolate(members) => {
                self.close(row);
                self.isolated.extend(members.iter().copied());
            }
            Operation::Heal => {
                self.close(row);
                self.cut.clear();
                self.isolated.clear();
            }
            // Blocked connections that stand stay, and the other side may dial.
            Operation::Block(_)
            | Operation::Start(_)
            | Operation::Stop(_)
            | Operation::Kill(_)
            | Operation::Pause(_)
            | Operation::Resume(_)
            | Operation::Hang(_)
            | Operation::Wake(_)
            | Operation::Wipe(_)
            | Operation::Fill(_)
            | Operation::Free(_)
            | Operation::Resign { .. } => {}
        }
    }

    pub(super) fn finish(mut self, rows: usize) -> Vec<CutSpan> {
        self.close(rows);
        self.spans
    }

    fn close(&mut self, row: usize) {
        let from = std::mem::replace(&mut self.since, row);
        if (self.cut.is_empty() && self.isolated.is_empty()) || from == row {
            return;
        }
        let sides = self.sides();
        let same = |(a, b): &&(ServerId, ServerId)| sides.get(a) == sides.get(b);
        let within = self.cut.iter().filter(same).copied().collect();
        self.spans.push(CutSpan { from, to: row, sides, within });
    }

    fn is_linked(&self, a: ServerId, b: ServerId) -> bool {
        let alone = self.isolated.contains(&a) || self.isolated.contains(&b);
        !alone && !self.cut.contains(&(a.min(b), a.max(b)))
    }

    /// The sides, in the order of their first members.
    fn sides(&self) -> BTreeMap<ServerId, usize> {
        let (mut sides, mut next) = (BTreeMap::new(), 0);
        for first in &self.members {
            if sides.contains_key(first) {
                continue;
            }
            sides.insert(*first, next);
            let mut reached = vec![*first];
            while let Some(one) = reached.pop() {
                for other in &self.members {
                    if !sides.contains_key(other) && self.is_linked(one, *other) {
                        sides.insert(*other, next);
                        reached.push(*other);
                    }
                }
            }
            next += 1;
        }
        sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> Vec<ServerId> {
        numbers.iter().map(|number| ServerId::new(*number).unwrap()).collect()
    }

    fn pair(a: u64, b: u64) -> (ServerId, ServerId) {
        (ServerId::new(a).unwrap(), ServerId::new(b).unwrap())
    }

    #[test]
    fn a_partition_has_sides_until_it_heals_and_a_single_cut_has_not() {
        let mut cuts = Cuts::new(ids(&[1, 2, 3, 4]));
        cuts.take(2, &Operation::Cut(vec![pair(4, 1), pair(4, 2)]));
        cuts.take(4, &Operation::Cut(vec![pair(3, 1), pair(3, 2)]));
        cuts.take(6, &Operation::Heal);
        cuts.take(7, &Operation::Isolate(ids(&[2])));
        let spans = cuts.finish(9);
        let sides = |span: &CutSpan| span.sides.values().copied().collect::<Vec<_>>();
        let all: Vec<_> = spans.iter().map(|span| (span.from, span.to, sides(span))).collect();
        assert_eq!(
            all,
            [(2, 4, vec![0, 0, 0, 0]), (4, 6, vec![0, 0, 1, 1]), (7, 9, vec![0, 1, 0, 0])]
        );
        assert_eq!(spans[0].within, [pair(1, 4), pair(2, 4)]);
        assert!(!spans[0].is_parted() && spans[1].is_parted());
        assert_eq!(spans[1].within, []);
    }
}
