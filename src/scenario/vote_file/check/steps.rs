//! `steps`: each has to be possible when its time comes.

use std::collections::BTreeSet;

use ballotbox_core::ServerId;

use super::{at_most, cannot_be, ids, known};
use crate::{
    Ensemble,
    scenario::vote_file::{
        MEMBERS_MAX, Operation, STEPS_MAX, Step,
        error::{At, FieldError},
        raw::{Id, Object, RawPair, RawResignation, RawStep, StepTime},
    },
};

/// Walks through the steps, and knows at each who runs, who is paused or hangs, and whose disk is full.
pub(super) struct StepChecker<'a> {
    ensemble: &'a Ensemble,
    leadership: bool,
    running: BTreeSet<ServerId>,
    paused: BTreeSet<ServerId>,
    hanging: BTreeSet<ServerId>,
    full: BTreeSet<ServerId>,
}

impl<'a> StepChecker<'a> {
    pub(super) fn new(ensemble: &'a Ensemble, leadership: bool) -> Self {
        let [running, paused, hanging, full] = <[_; 4]>::default();
        Self { ensemble, leadership, running, paused, hanging, full }
    }

    pub(super) fn read(mut self, raw: &[Object<RawStep>]) -> Result<Vec<Step>, At> {
        at_most(STEPS_MAX, raw.len(), "steps")?;
        if raw.is_empty() {
            return Err(At::new("steps", FieldError::Empty));
        }
        let mut steps = Vec::<Step>::with_capacity(raw.len());
        for (n, Object(raw)) in raw.iter().enumerate() {
            let path = format!("steps[{n}]");
            let StepTime(at) = raw.at_ms;
            if let Some(before) = steps.last().filter(|before| before.at > at) {
                let error = FieldError::OutOfOrder { at, after: before.at };
                return Err(At::new(format!("{path}.at_ms"), error));
            }
            let operation = self.operation(raw, &path)?;
            steps.push(Step { at, operation });
        }
        Ok(steps)
    }

    fn operation(&mut self, raw: &RawStep, path: &str) -> Result<Operation, At> {
        let given = [
            ("start", raw.start.is_some()),
            ("stop", raw.stop.is_some()),
            ("kill", raw.kill.is_some()),
            ("pause", raw.pause.is_some()),
            ("resume", raw.resume.is_some()),
            ("hang", raw.hang.is_some()),
            ("wake", raw.wake.is_some()),
            ("cut", raw.cut.is_some()),
            ("isolate", raw.isolate.is_some()),
            ("block", raw.block.is_some()),
            ("heal", raw.heal.is_some()),
            ("wipe", raw.wipe.is_some()),
            ("fill", raw.fill.is_some()),
            ("free", raw.free.is_some()),
            ("resign", raw.resign.is_some()),
        ];
        let mut given = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        let name = given.next().ok_or_else(|| At::new(path, FieldError::NoDeed))?;
        if let Some(second) = given.next() {
            return Err(At::new(path, FieldError::TwoDeeds { first: name, second }));
        }
        let path = format!("{path}.{name}");
        if let Some(raw) = &raw.start {
            return self.each(raw, &path, Self::starts).map(Operation::Start);
        }
        if let Some(raw) = &raw.stop {
            return self.each(raw, &path, Self::ends).map(Operation::Stop);
        }
        if let Some(raw) = &raw.kill {
            return self.each(raw, &path, Self::ends).map(Operation::Kill);
        }
        if let Some(raw) = &raw.pause {
            return self.each(raw, &path, Self::pauses).map(Operation::Pause);
        }
        if let Some(raw) = &raw.resume {
            return self.each(raw, &path, Self::resumes).map(Operation::Resume);
        }
        if let Some(raw) = &raw.hang {
            return self.each(raw, &path, Self::hangs).map(Operation::Hang);
        }
        if let Some(raw) = &raw.wake {
            return self.each(raw, &path, Self::wakes).map(Operation::Wake);
        }
        if let Some(raw) = &raw.cut {
            return self.pairs(raw, &path).map(Operation::Cut);
        }
        if let Some(raw) = &raw.isolate {
            return self.each(raw, &path, |_, _| Ok(())).map(Operation::Isolate);
        }
        if let Some(raw) = &raw.block {
            return self.pairs(raw, &path).map(Operation::Block);
        }
        if let Some(raw) = &raw.wipe {
            return self.each(raw, &path, Self::is_wiped).map(Operation::Wipe);
        }
        if let Some(raw) = &raw.fill {
            return self.each(raw, &path, Self::fills).map(Operation::Fill);
        }
        if let Some(raw) = &raw.free {
            return self.each(raw, &path, Self::frees).map(Operation::Free);
        }
        if let Some(Object(raw)) = &raw.resign {
            return self.resign(raw, &path);
        }
        match raw.heal {
            Some(true) => Ok(Operation::Heal),
            Some(false) | None => Err(At::new(path, FieldError::HealFalse)),
        }
    }

    /// The members of a list, after `happens` to each of them.
    fn each(
        &mut self,
        raw: &[Id],
        path: &str,
        happens: fn(&mut Self, ServerId) -> Result<(), FieldError>,
    ) -> Result<Vec<ServerId>, At> {
        let members = ids(self.ensemble, raw, path)?;
        if members.is_empty() {
            return Err(At::new(path, FieldError::Empty));
        }
        for (n, id) in members.iter().enumerate() {
            happens(self, *id).map_err(|error| At::new(format!("{path}[{n}]"), error))?;
        }
        Ok(members)
    }

    fn pairs(&self, raw: &[RawPair], path: &str) -> Result<Vec<(ServerId, ServerId)>, At> {
        at_most(MEMBERS_MAX * MEMBERS_MAX, raw.len(), path)?;
        let mut pairs = Vec::with_capacity(raw.len());
        for (n, RawPair(Id(a), Id(b))) in raw.iter().enumerate() {
            let path = format!("{path}[{n}]");
            let a = known(self.ensemble, *a, &format!("{path}[0]"))?;
            let b = known(self.ensemble, *b, &format!("{path}[1]"))?;
            if a == b {
                return Err(At::new(path, FieldError::PairedWithItself { id: a }));
            }
            pairs.push((a, b));
        }
        if pairs.is_empty() {
            return Err(At::new(path, FieldError::Empty));
        }
        Ok(pairs)
    }

    fn starts(&mut self, id: ServerId) -> Result<(), FieldError> {
        if self.running.insert(id) { Ok(()) } else { Err(FieldError::Running { id }) }
    }

    fn ends(&mut self, id: ServerId) -> Result<(), FieldError> {
        self.paused.remove(&id);
        self.hanging.remove(&id);
        if self.running.remove(&id) { Ok(()) } else { Err(FieldError::NotRunning { id }) }
    }

    fn pauses(&mut self, id: ServerId) -> Result<(), FieldError> {
        self.is_running(id)?;
        if self.paused.insert(id) { Ok(()) } else { Err(FieldError::Paused { id }) }
    }

    fn hangs(&mut self, id: ServerId) -> Result<(), FieldError> {
        self.is_running(id)?;
        if self.hanging.insert(id) { Ok(()) } else { Err(FieldError::Hanging { id }) }
    }

    fn is_running(&self, id: ServerId) -> Result<(), FieldError> {
        if self.running.contains(&id) { Ok(()) } else { Err(FieldError::NotRunning { id }) }
    }

    fn wakes(&mut self, id: ServerId) -> Result<(), FieldError> {
        if self.hanging.remove(&id) { Ok(()) } else { Err(FieldError::NotHanging { id }) }
    }

    fn is_wiped(&mut self, id: ServerId) -> Result<(), FieldError> {
        if self.running.contains(&id) { Err(FieldError::WipedWhileRunning { id }) } else { Ok(()) }
    }

    fn fills(&mut self, id: ServerId) -> Result<(), FieldError> {
        if !self.leadership {
            Err(FieldError::WithoutLeadership)
        } else if self.full.insert(id) {
            Ok(())
        } else {
            Err(FieldError::Full { id })
        }
    }

    fn frees(&mut self, id: ServerId) -> Result<(), FieldError> {
        if self.full.remove(&id) { Ok(()) } else { Err(FieldError::NotFull { id }) }
    }

    fn resign(&self, raw: &RawResignation, path: &str) -> Result<Operation, At> {
        let RawResignation { id: Id(id), to } = *raw;
        if !self.leadership {
            return Err(At::new(path, FieldError::WithoutLeadership));
        }
        let in_id = format!("{path}.id");
        let id = known(self.ensemble, id, &in_id)?;
        if !self.ensemble.may_lead(id) {
            let who = "a voter of positive weight, as only those lead";
            return Err(At::new(in_id, cannot_be(self.ensemble, id, who)));
        }
        if !self.running.contains(&id) {
            return Err(At::new(in_id, FieldError::NotRunning { id }));
        }
        if self.hanging.contains(&id) {
            return Err(At::new(in_id, FieldError::Hanging { id }));
        }
        let to = to.map(|Id(to)| self.successor(id, to, format!("{path}.to"))).transpose()?;
        Ok(Operation::Resign { member: id, to })
    }

    /// Who is to come after this member. It need not run: then nobody resigns.
    fn successor(&self, id: ServerId, to: ServerId, path: String) -> Result<ServerId, At> {
        let to = known(self.ensemble, to, &path)?;
        if to == id {
            return Err(At::new(path, FieldError::AfterItself { id }));
        }
        if !self.ensemble.may_lead(to) {
            let who = "a voter of positive weight, as only those lead";
            return Err(At::new(path, cannot_be(self.ensemble, to, who)));
        }
        Ok(to)
    }

    fn resumes(&mut self, id: ServerId) -> Result<(), FieldError> {
        if self.paused.remove(&id) { Ok(()) } else { Err(FieldError::NotPaused { id }) }
    }
}
