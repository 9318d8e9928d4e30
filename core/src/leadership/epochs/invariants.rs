//! What every step of [`Epochs`] keeps to. Debug builds and the model checker evaluate it; the simulator evaluates what holds
//! over all that one event of a leadership does to its epochs.

use super::{Epochs, EpochsAction, EpochsEvent, Part, Stage};
use crate::{
    Rule, Step,
    leadership::{LeaderWord, LearnerWord, Record, SessionId},
    machine,
};

/// A rule about any number of steps.
type RuleOfChanges = (&'static str, fn(Change<'_>) -> bool);

/// What one or several events have done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) before: &'a Epochs,
    pub(crate) actions: &'a [EpochsAction],
    pub(crate) after: &'a Epochs,
    /// A leader has said that its epoch has begun. The answer to that is no word: it only says that this was heard.
    pub(crate) is_told: bool,
}

/// The rules about one step, by name.
const RULES: [Rule<Epochs>; 2] = [
    ("a member that follows was told that the epoch has begun", following_is_told),
    ("nothing is said on a session that is not open", only_open_sessions),
];

/// The rules about changes, by name.
pub(crate) const RULES_OF_CHANGES: [RuleOfChanges; 6] = [
    (
        "no promise and no record ever falls, and nothing is acknowledged that was not accepted",
        nothing_falls,
    ),
    ("what is put on disk is newer than what is there, and recorded", a_record_only_grows),
    ("the word of a voter that counts is on disk before it is said", a_word_is_on_disk),
    (
        "an epoch begins once, is on our disk by then, and only while no earlier work goes on",
        a_beginning_is_durable,
    ),
    (
        "nobody leads by the word of a voter whose work goes on, or that is bound to somebody else",
        no_word_while_withheld,
    ),
    ("an epoch is proposed once, and is newer than all that we had accepted", a_proposal_is_new),
];

/// The name of the first rule that this step breaks.
pub fn first_broken(step: Step<'_, Epochs>) -> Option<&'static str> {
    let Step { before, event, actions, after } = step;
    let is_told = matches!(event, EpochsEvent::LeaderSaid { word: LeaderWord::UpToDate, .. });
    let of_changes = first_broken_by(Change { before, actions, after, is_told });
    of_changes.or_else(|| machine::first_broken(&RULES, step))
}

/// The first rule that this change breaks, if it breaks any.
pub(crate) fn first_broken_by(change: Change<'_>) -> Option<&'static str> {
    RULES_OF_CHANGES.iter().find(|(_, keeps)| !keeps(change)).map(|(rule, _)| *rule)
}

fn nothing_falls(Change { before, after, .. }: Change<'_>) -> bool {
    let (old, new) = (before.record, after.record);
    let kept = !old.confirmed || new.confirmed && old.ensemble == new.ensemble;
    after.accepted >= before.accepted
        && new.accepted >= old.accepted
        && new.current >= old.current
        && new.recorded >= old.recorded
        && new.accepted >= new.current
        && after.accepted >= new.accepted
        && new.longest_promise >= old.longest_promise
        && after.ended >= before.ended
        && kept
}

fn a_record_only_grows(Change { actions, after, .. }: Change<'_>) -> bool {
    let records = actions.iter().filter_map(|action| {
        if let EpochsAction::Store { record, .. } = action { Some(record) } else { None }
    });
    let on_disk = after.record;
    let grows = |record: &Record| {
        record.recorded
            && record.accepted >= on_disk.accepted
            && record.current >= on_disk.current
            && record.accepted >= record.current
            && record.accepted <= after.accepted
            && record.longest_promise >= on_disk.longest_promise
    };
    records.into_iter().all(grows)
}

fn a_word_is_on_disk(Change { before, actions, after, is_told }: Change<'_>) -> bool {
    if is_told || !after.ensemble.is_voter(after.me) {
        return true;
    }
    said(actions).all(|(_, word)| match word {
        // One that does not count needs no disk: its voter has accepted a newer epoch, or is an amnesiac.
        LearnerWord::Ack { epoch } => {
            let counts = after.record.recorded && after.accepted == *epoch;
            !counts || after.record.current == *epoch
        }
        LearnerWord::AckEpoch { current, .. } => {
            current.is_none() || after.accepted > before.accepted
        }
        LearnerWord::Info(_)
        | LearnerWord::Pong { .. }
        | LearnerWord::HasEnded { .. }
        | LearnerWord::Other => true,
    })
}

fn no_word_while_withheld(Change { before, actions, after, .. }: Change<'_>) -> bool {
    let says_it = said(actions).any(|(_, word)| matches!(word, LearnerWord::Ack { .. }));
    !after.withholds_its_word() || !says_it || before.has_given_its_word()
}

fn a_beginning_is_durable(Change { before, actions, after, .. }: Change<'_>) -> bool {
    let began = actions.iter().filter_map(|action| {
        if let EpochsAction::Began { epoch } = action { Some(*epoch) } else { None }
    });
    let began: Vec<_> = began.collect();
    let [epoch] = began[..] else { return began.is_empty() };
    let was_leading = matches!(before.stage(), Stage::Leading { .. });
    let on_disk = after.record;
    !was_leading && on_disk.current == epoch && on_disk.recorded && !after.withholds_its_word()
}

fn a_proposal_is_new(Change { before, after, .. }: Change<'_>) -> bool {
    let proposed = |epochs: &Epochs| match epochs.stage() {
        Stage::Announcing { epoch } | Stage::Synchronising { epoch } | Stage::Leading { epoch } => {
            Some(epoch)
        }
        Stage::Looking | Stage::Discovering | Stage::Joining { .. } | Stage::Following { .. } => {
            None
        }
    };
    match (proposed(before), proposed(after)) {
        (_, None) => true,
        (None, Some(new)) => new > before.accepted && after.accepted == new,
        // It stays the same, unless we were elected anew meanwhile.
        (Some(old), Some(new)) => new >= old,
    }
}

fn following_is_told(Step { before, actions, after, .. }: Step<'_, Epochs>) -> bool {
    let follows = |epochs: &Epochs| matches!(epochs.stage(), Stage::Following { .. });
    let told = actions.iter().any(|action| matches!(action, EpochsAction::Follows { .. }));
    told == (follows(after) && !follows(before))
}

fn only_open_sessions(Step { actions, after, .. }: Step<'_, Epochs>) -> bool {
    let is_open = |session| match &after.part {
        Part::Looking { early } => early.contains_key(&session),
        Part::Candidate(candidacy) => candidacy.sessions().any(|served| served == session),
        Part::Learner(learning) => learning.session() == Some(session),
    };
    let told = actions.iter().filter_map(|action| {
        if let EpochsAction::Tell { session, .. } = action { Some(*session) } else { None }
    });
    // Who gives up closes what it has said something on.
    let closed = |session| actions.contains(&EpochsAction::Close { session });
    let said = said(actions).map(|(session, _)| session);
    told.chain(said).all(|session| is_open(session) || closed(session))
}

/// What we said to our leader.
fn said(actions: &[EpochsAction]) -> impl Iterator<Item = (SessionId, &LearnerWord)> {
    actions.iter().filter_map(|action| {
        if let EpochsAction::Say { session, word } = action { Some((*session, word)) } else { None }
    })
}
