//! What every step of [`Leadership`] keeps to as far as leases go.

use crate::{
    Rule, Step,
    leadership::{Action, Event, LeaderWord, Leadership, LearnerWord, lease::Clocks as _},
};

/// These rules, by name.
pub(super) const RULES: [Rule<Leadership>; 5] = [
    ("who leads with a lease holds one that runs", who_leads_holds_a_lease),
    ("the end of a lease never moves back while its leader leads", a_lease_only_grows),
    ("a promise is told when it outlives us, and not before", promises_outlive),
    ("who is bound to another leader gives no word and begins no epoch", no_word_while_bound),
    (
        "nobody says that an epoch of its own has ended whose lease runs, or whose work goes on",
        what_has_ended_has,
    ),
];

fn who_leads_holds_a_lease(Step { after, .. }: Step<'_, Leadership>) -> bool {
    let has_none = after.timing.lease.is_some() && after.lease.left(after.reading).is_none();
    !has_none || (after.leads_in().is_none() && after.closing.is_none())
}

fn a_lease_only_grows(Step { before, after, .. }: Step<'_, Leadership>) -> bool {
    let epoch_of = |core: &Leadership| core.leads().map(|(epoch, _)| epoch);
    let same = epoch_of(before).is_some() && epoch_of(before) == epoch_of(after);
    let (Some(old), Some(new)) = (before.lease.until(), after.lease.until()) else { return true };
    !same || new == old.later(new) && (after.closing.is_none() || new == old)
}

fn promises_outlive(Step { event, actions, .. }: Step<'_, Leadership>) -> bool {
    let promises = |action: &Action| {
        let Action::Say { word, .. } = action else { return false };
        matches!(word, LearnerWord::Pong { promises: true, .. })
    };
    matches!(event.event, Event::Promised { .. }) || !actions.iter().any(promises)
}

fn no_word_while_bound(Step { before, actions, after, .. }: Step<'_, Leadership>) -> bool {
    let adds_nothing = before.epochs.has_given_its_word();
    let gives = |action: &Action| match action {
        Action::Say { word, .. } => matches!(word, LearnerWord::Ack { .. }) && !adds_nothing,
        Action::Established { leader, .. } => *leader == after.me,
        Action::Dial { .. }
        | Action::Promise { .. }
        | Action::Tell { .. }
        | Action::Close { .. }
        | Action::Store { .. }
        | Action::LookAgain { .. }
        | Action::Nominated { .. }
        | Action::EpochStored(_)
        | Action::Stand(_)
        | Action::Report(_)
        | Action::Stopped => false,
    };
    let is_bound = [before, after].into_iter().all(|core| {
        let (epoch, now) = (after.epochs.epoch(), after.reading);
        let is_withheld = |one| core.lease.withheld_in(epoch, one, now).is_some();
        after.epochs.candidate().is_some_and(is_withheld)
    });
    !is_bound || !actions.iter().any(gives)
}

fn what_has_ended_has(Step { actions, after, .. }: Step<'_, Leadership>) -> bool {
    let ours = |action: &Action| {
        if let Action::Tell { word: LeaderWord::HasEnded(ended), .. } = action {
            (ended.holder == after.epochs.holder()).then_some(ended.epoch)
        } else if let Action::Say { word: LearnerWord::HasEnded { epoch }, .. } = action {
            Some(*epoch)
        } else {
            None
        }
    };
    let ended = actions.iter().filter_map(ours).max();
    let goes_on = after.epochs.work_goes_on() || after.lease.until().is_some();
    ended.is_none_or(|epoch| epoch <= after.epochs.has_ended().epoch && !goes_on)
}
