//! [`Holdings`]: who held the lease, and when, over all members and all their lives.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::Value;

use super::record::ensure;

/// What the clock showed before and behind a look, in nanoseconds.
type Stamp = [u64; 2];

/// A member in one of its lives.
pub(crate) type Holder = (usize, u64);

/// What one holder has had in one epoch. Within an epoch a lease that is over does not come back: so from the end of the first look that
/// found it to the beginning of the last one it was surely held.
#[derive(Debug)]
struct Holding {
    holder: Holder,
    first: Stamp,
    last: Stamp,
    has_to_end: bool,
}

/// Something that was done to a holder, and when.
#[derive(Clone, Copy, Debug)]
struct Blow {
    kind: &'static str,
    at: u64,
}

/// All leases, by their epochs.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    leases: BTreeMap<i64, Holding>,
    /// What was done to the holders in these epochs.
    blows: BTreeMap<i64, Vec<Blow>>,
}

impl Holdings {
    /// Takes in a line, and says which invariant it breaks, if any. Returns whether it says more than the one before.
    pub(crate) fn read(&mut self, holder: Holder, event: &Value) -> Result<bool, String> {
        ensure(event["failed"].is_null(), "it failed")?;
        if event["started"] == true {
            return Ok(true);
        }
        let epoch = event["epoch"].as_i64().ok_or("no epoch")?;
        if event["lost"].is_string() {
            // It may be lost before it was looked at.
            if let Some(lease) = self.leases.get_mut(&epoch) {
                ensure(lease.holder == holder, "an epoch is lost that another one has held")?;
                lease.has_to_end = true;
            }
            return Ok(true);
        }
        let (Some(before), Some(behind)) = (event["held"][0].as_u64(), event["held"][1].as_u64())
        else {
            return Err("neither held nor lost".to_owned());
        };
        let stamp = [before, behind];
        let is_new = !self.leases.contains_key(&epoch);
        let lease = self.leases.entry(epoch).or_insert(Holding {
            holder,
            first: stamp,
            last: stamp,
            has_to_end: false,
        });
        ensure(lease.holder == holder, "two have held the lease of one epoch")?;
        ensure(is_new || before >= lease.last[1], "its clock goes back")?;
        lease.last = stamp;
        Ok(is_new)
    }

    /// What there is to say against all that was said so far.
    pub(crate) fn judge(&self) -> Result<(), String> {
        let mut before: Option<(i64, &Holding)> = None;
        for (&epoch, lease) in &self.leases {
            if let Some((older, held)) = before
                && held.last[0] > lease.first[1]
            {
                let late = Duration::from_nanos(held.last[0] - lease.first[1]);
                let (one, other) = (Shown(older, held), Shown(epoch, lease));
                return Err(format!("{one} was held {late:.1?} after the next was: {other}"));
            }
            if before.is_none_or(|(_, held)| held.last[0] < lease.last[0]) {
                before = Some((epoch, lease));
            }
        }
        Ok(())
    }

    /// Who holds the newest lease, and its epoch, unless that has to end.
    pub(crate) fn newest(&self) -> Option<(Holder, i64)> {
        let (epoch, lease) = self.leases.last_key_value()?;
        (!lease.has_to_end).then_some((lease.holder, *epoch))
    }

    /// Whether the newest lease was held after this.
    pub(crate) fn was_held_after(&self, nanos: u64) -> bool {
        self.newest().is_some()
            && self.leases.last_key_value().is_some_and(|(_, lease)| lease.last[0] > nanos)
    }

    /// This is done to a member: it is of interest if that holds the newest lease.
    pub(crate) fn struck(&mut self, member: Holder, kind: &'static str, at: u64) {
        if let Some((_, epoch)) = self.newest().filter(|(holder, _)| *holder == member) {
            self.blows.entry(epoch).or_default().push(Blow { kind, at });
        }
    }

    /// How many leases there were.
    pub(crate) fn count(&self) -> usize {
        self.leases.len()
    }

    /// From the end of one lease to the beginning of the next, as long as that can have been; the shortest first.
    fn gaps(&self) -> Vec<Duration> {
        let pairs = self.leases.values().zip(self.leases.values().skip(1));
        let gap = |(one, next): (&Holding, &Holding)| next.first[1].saturating_sub(one.last[0]);
        let mut gaps: Vec<_> = pairs.map(gap).map(Duration::from_nanos).collect();
        gaps.sort();
        gaps
    }

    /// How long it took from what was done to a holder to the next one, the shortest first: where only one thing was done.
    fn waits(&self) -> BTreeMap<&'static str, Vec<Duration>> {
        let mut waits = BTreeMap::<_, Vec<_>>::new();
        for (epoch, blows) in &self.blows {
            let next = self.leases.range(epoch + 1..).next();
            if let ([Blow { kind, at }], Some((_, next))) = (&blows[..], next) {
                let wait = Duration::from_nanos(next.first[1].saturating_sub(*at));
                waits.entry(*kind).or_default().push(wait);
            }
        }
        for waits in waits.values_mut() {
            waits.sort();
        }
        waits
    }
}

/// What was measured.
impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gaps = self.gaps();
        writeln!(f, "leases held       {}", self.count())?;
        writeln!(f, "hand-overs        {}, with gaps of {}", gaps.len(), Spread(&gaps))?;
        for (kind, waits) in self.waits() {
            writeln!(f, "after {kind:<17} {}: {}", waits.len(), Spread(&waits))?;
        }
        Ok(())
    }
}

/// The shortest, the median and the longest of these, which are sorted.
struct Spread<'a>(&'a [Duration]);

impl fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, .., last] = self.0 else { return write!(f, "{:.1?}", self.0) };
        write!(f, "{first:.1?} to {last:.1?}, median {:.1?}", self.0[self.0.len() / 2])
    }
}

/// A lease, to be shown.
struct Shown<'a>(i64, &'a Holding);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(epoch, Holding { holder: (member, life), first, last, .. }) = self;
        write!(f, "epoch {epoch} of {}.{life} from {} to {}", member + 1, first[1], last[0])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn held(member: usize, epoch: i64, times: Stamp) -> (Holder, Value) {
        ((member, 1), json!({ "epoch": epoch, "held": times }))
    }

    fn first_broken(lines: &[(Holder, Value)]) -> Option<String> {
        let mut holdings = Holdings::default();
        let broken = lines.iter().find_map(|(holder, line)| holdings.read(*holder, line).err());
        broken.or_else(|| holdings.judge().err())
    }

    #[test]
    fn what_breaks_an_invariant_is_found() {
        let lost = ((0, 1), json!({ "epoch": 1, "lost": "stopped" }));
        for (lines, broken) in [
            (vec![held(0, 1, [1, 2]), held(0, 1, [5, 6]), held(1, 2, [7, 8])], None),
            // One may have ended, and the other begun, between the clocks.
            (vec![held(0, 1, [1, 2]), held(0, 1, [5, 6]), held(1, 2, [4, 6])], None),
            (
                vec![held(0, 1, [1, 2]), held(0, 1, [5, 6]), held(1, 2, [3, 4])],
                Some("after the next was"),
            ),
            // What was said late is judged all the same.
            (
                vec![held(1, 2, [3, 4]), held(0, 1, [1, 2]), held(0, 1, [5, 6])],
                Some("after the next was"),
            ),
            // Epochs that fall with time, and do not overlap.
            (vec![held(0, 2, [1, 2]), held(1, 1, [5, 6])], Some("after the next was")),
            // The one before the last has ended late.
            (
                vec![
                    held(0, 1, [1, 2]),
                    held(0, 1, [9, 10]),
                    held(1, 2, [10, 11]),
                    held(1, 2, [12, 13]),
                    held(0, 1, [20, 21]),
                    held(2, 3, [14, 15]),
                ],
                Some("after the next was"),
            ),
            (vec![held(0, 1, [1, 2]), held(1, 1, [5, 6])], Some("two have held")),
            (vec![held(0, 1, [4, 5]), held(0, 1, [1, 2])], Some("goes back")),
            (vec![held(1, 1, [4, 5]), lost.clone()], Some("another one has held")),
            (vec![held(0, 1, [4, 5]), lost, held(0, 1, [6, 7])], None),
        ] {
            let found = first_broken(&lines);
            let as_expected = match (&found, broken) {
                (Some(found), Some(broken)) => found.contains(broken),
                (found, broken) => found.is_none() && broken.is_none(),
            };
            assert!(as_expected, "{lines:?}: {found:?}");
        }
    }

    #[test]
    fn gaps_are_from_the_last_look_at_one_lease_to_the_first_at_the_next() {
        let mut holdings = Holdings::default();
        let mut says = |(holder, line)| holdings.read(holder, &line).unwrap();
        assert!(says(held(0, 1, [1, 2])), "it is held from now on");
        assert!(!says(held(0, 1, [5, 6])), "it still is");
        holdings.struck((1, 1), "isolations", 6);
        holdings.struck((0, 1), "kills", 6);
        holdings.read((1, 1), &held(1, 3, [9, 10]).1).unwrap();
        assert_eq!(holdings.gaps(), [Duration::from_nanos(5)]);
        assert_eq!(holdings.waits(), [("kills", vec![Duration::from_nanos(4)])].into());
        assert_eq!(holdings.newest(), Some(((1, 1), 3)));
        assert!(holdings.was_held_after(8) && !holdings.was_held_after(9));
    }
}
