//! [`Epochs`]: what all members say of epochs, over all their lives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::record::ensure;

/// Whom a member says it follows, or that it leads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Reign {
    #[default]
    None,
    Leading {
        epoch: i64,
    },
    Following {
        leader: u64,
        epoch: i64,
    },
}

/// The present life of a member.
#[derive(Debug, Default)]
struct Life {
    reign: Reign,
    /// The newest epoch that it has led in or followed, in all lives on this disk.
    newest: i64,
}

/// Checks every word about epochs.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    lives: BTreeMap<u64, Life>,
    /// Which node leads in an epoch.
    leaders: BTreeMap<i64, u64>,
    /// When each epoch began, as its leader says.
    begun: BTreeMap<i64, String>,
    /// Those for whom the world has stood still, or who could not be heard.
    held_up: BTreeSet<u64>,
    /// Epochs that began after a newer one: without a lease, one that is held up may say so late.
    late: u64,
}

impl Epochs {
    /// Another life of this member begins, on another disk if `is_new` says so.
    pub(crate) fn begins(&mut self, id: u64, is_new: bool) {
        let life = self.lives.entry(id).or_default();
        life.reign = Reign::None;
        if is_new {
            life.newest = 0;
        }
    }

    pub(crate) fn held_up(&mut self, id: u64) {
        self.held_up.insert(id);
    }

    pub(crate) fn all_is_well(&mut self) {
        self.held_up.clear();
    }

    /// How many epochs have begun, and how many of them after a newer one.
    pub(crate) fn count(&self) -> (usize, u64) {
        (self.begun.len(), self.late)
    }

    /// The leader of these members and its epoch, if they agree.
    pub(crate) fn agreement(&self, members: u64) -> Option<(u64, i64)> {
        let reigns = (1..=members).map(|id| self.lives.get(&id).map(|life| (id, life.reign)));
        let agreed = reigns.map(|member| match member? {
            (id, Reign::Leading { epoch }) => Some((id, epoch)),
            (id, Reign::Following { leader, epoch }) if leader != id => Some((leader, epoch)),
            (_, Reign::Following { .. } | Reign::None) => None,
        });
        let agreed: Option<BTreeSet<_>> = agreed.collect();
        let mut agreed = agreed?.into_iter();
        let leader = agreed.next()?;
        agreed.next().is_none().then_some(leader)
    }

    /// Takes in what a member says in its present life, and says which invariant that breaks, if any.
    pub(crate) fn read(&mut self, event: &Value) -> Result<(), String> {
        let id = event["id"].as_u64().ok_or("an event has no id")?;
        let present = self.lives.entry(id).or_default().reign;
        let epoch = || event["epoch"].as_i64().ok_or("no epoch");
        let name = event["event"].as_str().unwrap_or_default();
        let next = match name {
            "leading" => Reign::Leading { epoch: epoch()? },
            "following" => {
                let leader = event["leader"].as_u64().ok_or("following nobody")?;
                Reign::Following { leader, epoch: epoch()? }
            }
            "retiring" => {
                let leads = present == Reign::Leading { epoch: epoch()? };
                return ensure(leads, "it retires and does not lead");
            }
            "lost" => return self.lost(id, present, epoch()?, event["cause"].as_str()),
            "stopped" => return ensure(present == Reign::None, "stopped, and nothing was lost"),
            _ => return Ok(()),
        };
        if event["again"] == true {
            return ensure(next == present, "what it says again is not what it said");
        }
        ensure(present == Reign::None, "two epochs, and none was lost in between")?;
        self.lives.entry(id).or_default().reign = next;
        self.begins_reign(id, next, event["time"].as_str().unwrap_or_default())
    }

    /// The same, said in a life that is over: only what holds for all time is looked at.
    pub(crate) fn read_late(&mut self, event: &Value) -> Result<(), String> {
        let (id, epoch) = (event["id"].as_u64(), event["epoch"].as_i64());
        match (id, epoch, event["event"].as_str()) {
            (Some(id), Some(epoch), Some("leading")) if event["again"] != true => {
                self.began(id, epoch, event["time"].as_str().unwrap_or_default())
            }
            _ => Ok(()),
        }
    }

    fn begins_reign(&mut self, id: u64, next: Reign, time: &str) -> Result<(), String> {
        let life = self.lives.entry(id).or_default();
        let epoch = match next {
            Reign::Leading { epoch } => {
                ensure(epoch > life.newest, "it leads in an epoch that it knew before")?;
                life.newest = epoch;
                return self.began(id, epoch, time);
            }
            Reign::Following { leader, epoch } => {
                ensure(leader != id, "it follows itself")?;
                self.has_one_leader(epoch, leader)?;
                epoch
            }
            Reign::None => return Ok(()),
        };
        let life = self.lives.entry(id).or_default();
        ensure(epoch >= life.newest, "it follows an older epoch than before")?;
        life.newest = epoch;
        Ok(())
    }

    fn began(&mut self, id: u64, epoch: i64, time: &str) -> Result<(), String> {
        self.has_one_leader(epoch, id)?;
        ensure(!self.begun.contains_key(&epoch), "an epoch has begun twice")?;
        let older = self.begun.range(..epoch).next_back();
        let newer = self.begun.range(epoch..).next();
        let is_late = newer.is_some_and(|(_, began)| **began < *time);
        let was_late = older.is_some_and(|(_, began)| **began > *time);
        if is_late || was_late {
            let excused = self.held_up.contains(&id) || was_late && !self.held_up.is_empty();
            ensure(excused, "epochs have fallen")?;
            self.late += 1;
        }
        self.begun.insert(epoch, time.to_owned());
        Ok(())
    }

    fn has_one_leader(&mut self, epoch: i64, leader: u64) -> Result<(), String> {
        let known = *self.leaders.entry(epoch).or_insert(leader);
        ensure(known == leader, "an epoch has two leaders")
    }

    fn lost(
        &mut self,
        id: u64,
        present: Reign,
        epoch: i64,
        cause: Option<&str>,
    ) -> Result<(), String> {
        let (was, causes): (_, &[_]) = match present {
            Reign::Leading { epoch } => {
                (Some(epoch), &["resigned", "quorum-lost", "superseded", "stopped"])
            }
            Reign::Following { epoch, .. } => {
                (Some(epoch), &["leader-lost", "silence", "superseded", "stopped"])
            }
            Reign::None => (None, &[]),
        };
        ensure(was == Some(epoch), "an epoch is lost that it was not in")?;
        ensure(cause.is_some_and(|cause| causes.contains(&cause)), "no cause of its role")?;
        self.lives.entry(id).or_default().reign = Reign::None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a member says, at this time.
    fn said(time: &str, id: u64, event: &str, epoch: i64) -> Value {
        let (leader, cause) = (3, if id == 3 { "quorum-lost" } else { "silence" });
        json!({ "time": time, "id": id, "event": event, "epoch": epoch, "leader": leader, "cause": cause })
    }

    fn first_broken(words: &[Value]) -> Option<String> {
        let mut epochs = Epochs::default();
        words.iter().find_map(|word| epochs.read(word).err())
    }

    #[test]
    fn what_breaks_an_invariant_is_found() {
        let leads = said("1", 3, "leading", 5);
        let lost = said("2", 3, "lost", 5);
        for (words, broken) in [
            (vec![leads.clone(), said("1", 1, "following", 5), lost.clone()], None),
            (vec![leads.clone(), said("2", 3, "leading", 6)], Some("none was lost")),
            (vec![leads.clone(), lost.clone(), lost.clone()], Some("it was not in")),
            (vec![leads.clone(), lost.clone(), said("3", 3, "leading", 5)], Some("knew before")),
            (vec![leads.clone(), said("3", 2, "leading", 5)], Some("two leaders")),
            (vec![leads.clone(), said("3", 2, "leading", 4)], Some("have fallen")),
            (vec![said("3", 2, "leading", 4), leads.clone()], Some("have fallen")),
            (
                vec![
                    said("1", 1, "following", 5),
                    said("2", 1, "lost", 5),
                    said("3", 1, "following", 4),
                ],
                Some("an older epoch"),
            ),
            (vec![leads.clone(), said("2", 3, "stopped", 5)], Some("nothing was lost")),
            (vec![leads, said("2", 3, "retiring", 4)], Some("does not lead")),
        ] {
            let found = first_broken(&words);
            let as_expected = match (&found, broken) {
                (Some(found), Some(broken)) => found.contains(broken),
                (found, broken) => found.is_none() && broken.is_none(),
            };
            assert!(as_expected, "{words:?}: {found:?}");
        }
    }
}
