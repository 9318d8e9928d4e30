//! [`Cabling`]: which cables a vote file needs, and the condition of each after each step.
//!
//! A cable is an ordered pair: the member that dials, and the one that it dials. Only cables that a step touches are made;
//! all other members connect directly.

use std::collections::BTreeSet;

use ballotbox_core::ServerId;

use super::relay::Condition;
use crate::scenario::vote_file::{Operation, VoteFile};

/// The member that dials, and the one that it dials.
pub(super) type Pair = (ServerId, ServerId);

/// What is wrong at present: a pure value that takes in operations, and gives the condition of any cable.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Cabling {
    up: BTreeSet<ServerId>,
    paused: BTreeSet<ServerId>,
    isolated: BTreeSet<ServerId>,
    /// Each pair with the smaller id first: a cut goes both ways.
    cut: BTreeSet<Pair>,
    /// The first of each pair cannot dial the second.
    blocked: BTreeSet<Pair>,
}

impl Cabling {
    /// Takes in what a step does.
    pub(super) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Start(members) => self.up.extend(members),
            Operation::Stop(members) | Operation::Kill(members) => {
                for member in members {
                    self.up.remove(member);
                    self.paused.remove(member);
                }
            }
            Operation::Pause(members) => self.paused.extend(members),
            Operation::Resume(members) => self.paused.retain(|member| !members.contains(member)),
            Operation::Cut(pairs) => self.cut.extend(pairs.iter().copied().map(ordered)),
            Operation::Isolate(members) => self.isolated.extend(members),
            Operation::Block(pairs) => self.blocked.extend(pairs),
            Operation::Heal => {
                self.cut.clear();
                self.isolated.clear();
                self.blocked.clear();
            }
            Operation::Hang(_)
            | Operation::Wake(_)
            | Operation::Wipe(_)
            | Operation::Fill(_)
            | Operation::Free(_)
            | Operation::Resign { .. } => {}
        }
    }

    /// The condition of a cable.
    pub(super) fn condition(&self, (from, to): Pair) -> Condition {
        let either =
            |members: &BTreeSet<ServerId>| members.contains(&from) || members.contains(&to);
        Condition {
            cut: either(&self.isolated) || self.cut.contains(&ordered((from, to))),
            open: self.up.contains(&to) && !self.blocked.contains(&(from, to)),
            held: either(&self.paused),
        }
    }
}

/// The cables that the steps of a file touch.
pub(super) fn cables(file: &VoteFile) -> BTreeSet<Pair> {
    let others_of = |member: ServerId| {
        let others = file.ensemble().members().map(|(other, _)| other);
        others.filter(move |other| *other != member)
    };
    let all_of = |members: &[ServerId]| -> Vec<Pair> {
        let of_one = |member: &ServerId| {
            let member = *member;
            others_of(member).flat_map(move |other| both(member, other)).collect::<Vec<_>>()
        };
        members.iter().flat_map(of_one).collect()
    };
    let mut pairs = BTreeSet::new();
    for step in &file.steps {
        match &step.operation {
            Operation::Cut(cut) => {
                pairs.extend(cut.iter().flat_map(|(a, b)| both(*a, *b)));
            }
            Operation::Isolate(members) | Operation::Pause(members) => {
                pairs.extend(all_of(members));
            }
            Operation::Kill(members) if has_last_words(file) => pairs.extend(all_of(members)),
            Operation::Block(blocked) => pairs.extend(blocked),
            Operation::Start(_)
            | Operation::Stop(_)
            | Operation::Kill(_)
            | Operation::Resume(_)
            | Operation::Hang(_)
            | Operation::Wake(_)
            | Operation::Heal
            | Operation::Wipe(_)
            | Operation::Fill(_)
            | Operation::Free(_)
            | Operation::Resign { .. } => {}
        }
    }
    pairs
}

/// Whether a member that ends in good order says something that one that is killed does not: that its lease is over.
pub(super) const fn has_last_words(file: &VoteFile) -> bool {
    file.leadership && file.timing.leadership.lease.is_some()
}

fn both(a: ServerId, b: ServerId) -> [Pair; 2] {
    [(a, b), (b, a)]
}

fn ordered((a, b): Pair) -> Pair {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Condition = Condition { cut: false, open: true, held: false };

    const CLOSED: Condition = Condition { open: false, ..FINE };

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn pair(from: u64, to: u64) -> Pair {
        (id(from), id(to))
    }

    fn cabling(operations: &[Operation]) -> Cabling {
        let mut cabling = Cabling::default();
        cabling.apply(&Operation::Start(vec![id(1), id(2), id(3)]));
        for operation in operations {
            cabling.apply(operation);
        }
        cabling
    }

    #[test]
    fn a_cut_goes_both_ways_and_ends_with_healing() {
        let mut cabling = cabling(&[Operation::Cut(vec![pair(2, 1)])]);
        assert!(cabling.condition(pair(1, 2)).cut && cabling.condition(pair(2, 1)).cut);
        assert_eq!(cabling.condition(pair(1, 3)), FINE);
        cabling.apply(&Operation::Heal);
        assert_eq!(cabling.condition(pair(1, 2)), FINE);
    }

    #[test]
    fn isolated_members_are_cut_off_from_each_other_too() {
        let cabling = cabling(&[Operation::Isolate(vec![id(1), id(2)])]);
        assert!(cabling.condition(pair(1, 2)).cut && cabling.condition(pair(3, 1)).cut);
    }

    #[test]
    fn a_block_goes_one_way_and_ends_with_healing() {
        let mut cabling = cabling(&[Operation::Block(vec![pair(2, 1)])]);
        assert_eq!(cabling.condition(pair(2, 1)), CLOSED);
        assert_eq!(cabling.condition(pair(1, 2)), FINE);
        cabling.apply(&Operation::Heal);
        assert_eq!(cabling.condition(pair(2, 1)), FINE);
    }

    #[test]
    fn a_pause_holds_until_it_is_resumed_or_the_member_dies_and_healing_does_not_end_it() {
        let mut cabling = cabling(&[Operation::Pause(vec![id(1), id(2)]), Operation::Heal]);
        assert!(cabling.condition(pair(1, 3)).held && cabling.condition(pair(3, 1)).held);
        cabling.apply(&Operation::Resume(vec![id(1)]));
        assert_eq!(cabling.condition(pair(1, 3)), FINE);
        cabling.apply(&Operation::Kill(vec![id(2)]));
        assert_eq!(cabling.condition(pair(3, 2)), CLOSED);
        assert_eq!(cabling.condition(pair(2, 3)), FINE);
    }

    #[test]
    fn only_cables_that_some_step_touches_are_made() {
        let read = |steps: &str| {
            let members = r#"[{"id":1},{"id":2},{"id":3}]"#;
            let start = r#"{"at_ms":0,"start":[1,2,3]}"#;
            let text = format!(r#"{{"members":{members},"steps":[{start}{steps}]}}"#);
            cables(&VoteFile::parse("steps", &text).unwrap())
        };
        assert_eq!(read(r#",{"at_ms":1,"kill":[1]}"#), [].into());
        assert_eq!(read(r#",{"at_ms":1,"cut":[[1,3]]}"#), [pair(1, 3), pair(3, 1)].into());
        assert_eq!(read(r#",{"at_ms":1,"block":[[3,1]]}"#), [pair(3, 1)].into());
        assert_eq!(
            read(r#",{"at_ms":1,"pause":[2]}"#),
            [pair(1, 2), pair(2, 1), pair(2, 3), pair(3, 2)].into()
        );
    }
}
