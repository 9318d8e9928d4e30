//! What every step of [`Leadership`] keeps to. Debug builds and the simulator evaluate it.

mod leases;

use super::{Leadership, Reign};
use crate::{
    Rule, ServerId, Step,
    leadership::{
        Action, EpochsAction, Event, LeaderWord, Report, Stage,
        epochs_invariants::{self, Change},
    },
    machine,
};

/// All rules, by name.
pub const RULES: [Rule<Leadership>; 9] = [
    ("each beginning is reported once, and its end once", reports_pair_up),
    ("the end is told before the others are released", ended_before_released),
    ("who leads has begun the epoch, who follows was told of it", reports_are_true),
    ("epochs that are reported never fall", epochs_never_fall),
    ("an epoch that was given up never leads again", what_is_given_up_never_leads),
    (
        "who comes after a leader is named when its lease is given up, and no work goes on",
        nominates_when_all_has_ended,
    ),
    ("nothing is due that was looked at", nothing_stays_due),
    ("who does not follow an election leads and follows nobody", no_reign_without_a_result),
    ("who does not want to lead does so only while its work goes on", unwilling_do_not_lead),
];

/// The name of the first rule that this step breaks: one of these, or one about its epochs.
pub fn first_broken(step: Step<'_, Leadership>) -> Option<&'static str> {
    first_broken_of_its_own(step).or_else(|| broken_by_epochs(step))
}

/// The name of the first of these rules that this step breaks.
pub(super) fn first_broken_of_its_own(step: Step<'_, Leadership>) -> Option<&'static str> {
    machine::first_broken(&RULES, step).or_else(|| machine::first_broken(&leases::RULES, step))
}

/// The rule about epochs that this step breaks. One event here may be several there, or none.
pub(super) fn broken_by_epochs(
    Step { before, event, actions, after }: Step<'_, Leadership>,
) -> Option<&'static str> {
    let actions: Vec<_> = actions.iter().filter_map(|one| of_epochs(one, before.me)).collect();
    let is_told = matches!(event.event, Event::LeaderSaid { word: LeaderWord::UpToDate, .. });
    let (before, actions, after) = (&before.epochs, &actions[..], &after.epochs);
    epochs_invariants::first_broken_by(Change { before, actions, after, is_told })
}

/// What the epochs have asked for, if this comes from them, and a rule is about it.
fn of_epochs(action: &Action, me: ServerId) -> Option<EpochsAction> {
    match action {
        Action::Say { session, word } => {
            Some(EpochsAction::Say { session: *session, word: word.clone() })
        }
        Action::Store { ticket, record } => {
            Some(EpochsAction::Store { ticket: *ticket, record: *record })
        }
        // With a lease, who leads is told of it later.
        Action::Established { leader, epoch, .. } => {
            (*leader == me).then_some(EpochsAction::Began { epoch: *epoch })
        }
        Action::Dial { .. }
        | Action::Promise { .. }
        | Action::Tell { .. }
        | Action::Close { .. }
        | Action::LookAgain { .. }
        | Action::Nominated { .. }
        | Action::EpochStored(_)
        | Action::Stand(_)
        | Action::Report(_)
        | Action::Stopped => None,
    }
}

fn reports(actions: &[Action]) -> impl Iterator<Item = &Report> {
    actions.iter().filter_map(
        |action| {
            if let Action::Report(report) = action { Some(report) } else { None }
        },
    )
}

fn reports_pair_up(Step { before, actions, after, .. }: Step<'_, Leadership>) -> bool {
    let mut open = before.established();
    for report in reports(actions) {
        match report {
            Report::Leading { epoch } => {
                if open.replace((before.me, *epoch)).is_some() {
                    return false;
                }
            }
            Report::Following { leader, epoch, .. } => {
                if open.replace((*leader, *epoch)).is_some() {
                    return false;
                }
            }
            Report::Lost { epoch, .. } => {
                if open.take().is_none_or(|(_, begun)| begun != *epoch) {
                    return false;
                }
            }
            Report::Retiring { .. }
            | Report::HandedOver { .. }
            | Report::Waiting { .. }
            | Report::BegunByAll { .. }
            | Report::WithoutLease { .. }
            | Report::Bound { .. }
            | Report::TurnedAway { .. }
            | Report::GaveUp { .. }
            | Report::NotEstablished { .. }
            | Report::BesideRealServer { .. }
            | Report::Recorded => {}
        }
    }
    open == after.established()
}

fn ended_before_released(Step { before, actions, after, .. }: Step<'_, Leadership>) -> bool {
    // A member that does not lead may say at any time that it does not; also while its lease runs on, which binds the others all the same.
    let Reign::Leading { .. } = before.reign else { return true };
    if after.closing.is_some() {
        return true;
    }
    let place = |is_meant: fn(&Action) -> bool| actions.iter().position(is_meant);
    let released = place(|action| {
        let Action::Tell { word, .. } = action else { return false };
        matches!(word, LeaderWord::Released { .. })
    });
    let ended = place(|action| matches!(action, Action::Report(Report::Lost { .. })));
    released.is_none_or(|released| ended.is_some_and(|ended| ended < released))
}

fn reports_are_true(Step { after, .. }: Step<'_, Leadership>) -> bool {
    match (after.reign, after.stage()) {
        (Reign::None, _) => true,
        (Reign::Leading { epoch, .. } | Reign::Unleased { epoch, .. }, stage) => {
            stage == Stage::Leading { epoch }
        }
        // It may have lost its session, and be on its way back.
        (Reign::Following { leader, .. }, Stage::Joining { leader: again }) => leader == again,
        (Reign::Following { leader, epoch }, stage) => stage == Stage::Following { leader, epoch },
    }
}

fn epochs_never_fall(Step { before, actions, after, .. }: Step<'_, Leadership>) -> bool {
    let newest = before.newest_reported;
    let told = reports(actions).filter_map(|report| match report {
        Report::Leading { epoch } | Report::Following { epoch, .. } => Some(*epoch),
        Report::Retiring { .. }
        | Report::HandedOver { .. }
        | Report::Lost { .. }
        | Report::Waiting { .. }
        | Report::BegunByAll { .. }
        | Report::WithoutLease { .. }
        | Report::Bound { .. }
        | Report::TurnedAway { .. }
        | Report::GaveUp { .. }
        | Report::NotEstablished { .. }
        | Report::BesideRealServer { .. }
        | Report::Recorded => None,
    });
    let told: Vec<_> = [newest].into_iter().chain(told).collect();
    told.is_sorted() && told.last() == Some(&after.newest_reported)
}

fn what_is_given_up_never_leads(Step { before, actions, .. }: Step<'_, Leadership>) -> bool {
    let over = before.epochs.has_ended().epoch;
    reports(actions).all(|report| !matches!(report, Report::Leading { epoch } if *epoch <= over))
}

fn nominates_when_all_has_ended(Step { before, actions, after, .. }: Step<'_, Leadership>) -> bool {
    let is_one = |action: &Action| {
        let Action::Tell { word, .. } = action else { return false };
        matches!(word, LeaderWord::Released { nomination: Some(_), .. })
    };
    let led = before.leads_in().is_some_and(|epoch| epoch <= after.epochs.has_ended().epoch);
    let over = led && !after.epochs.work_goes_on() && after.lease.until().is_none();
    over || !actions.iter().any(is_one)
}

fn nothing_stays_due(Step { after, .. }: Step<'_, Leadership>) -> bool {
    after.next_deadline().is_none_or(|deadline| deadline > after.now)
}

fn no_reign_without_a_result(Step { after, .. }: Step<'_, Leadership>) -> bool {
    after.reign == Reign::None || after.result.is_some_and(|result| result.again_at.is_none())
}

fn unwilling_do_not_lead(Step { after, .. }: Step<'_, Leadership>) -> bool {
    let leads = matches!(after.reign, Reign::Leading { .. }) && after.epochs.work_goes_on();
    match after.stage() {
        Stage::Looking | Stage::Joining { .. } | Stage::Following { .. } => true,
        Stage::Leading { .. } => leads || !after.standing.unwilling,
        Stage::Discovering | Stage::Announcing { .. } | Stage::Synchronising { .. } => {
            !after.standing.unwilling
        }
    }
}
