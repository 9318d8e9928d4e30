//! [`Story`]: a run as it is told to people, in the same lines as a play over sockets. Pictures are drawn from it.

use std::{collections::BTreeMap, time::Duration};

use ballotbox_core::{ServerId, leadership::Report};

use super::{Moment, trace::TraceEvent};
use crate::{
    election::{Epoch, Vote},
    scenario::story::{Effect, StoryLine, What},
};

/// Lines, kept only if asked for.
#[derive(Debug, Default)]
pub(super) struct Story {
    lines: Vec<StoryLine>,
    /// At most this many are kept, the first ones.
    lines_max: usize,
    /// What each member has voted for last, in which of its lives.
    voted: BTreeMap<ServerId, (u32, Vote)>,
}

impl Story {
    pub(super) const fn keep(&mut self, lines_max: usize) {
        self.lines_max = lines_max;
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.lines_max > 0
    }

    /// What has happened until then, in order.
    pub(super) fn take(&mut self, now: Duration) -> Vec<StoryLine> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.retain(|line| line.at <= now);
        // A stable sort: what happens in one instant stays in its order.
        lines.sort_by_key(|line| line.at);
        lines
    }

    pub(super) fn tell(&mut self, at: Duration, what: What) {
        if self.lines.len() < self.lines_max {
            self.lines.push(StoryLine { at, what });
        }
    }

    /// Takes in what the trace tells, if people want to know it.
    pub(super) fn note(&mut self, now: Moment, member: Option<ServerId>, event: TraceEvent<'_>) {
        if !self.is_kept() {
            return;
        }
        if let (Some(id), TraceEvent::Wakes { .. }) = (member, event) {
            // Its lease goes on as well.
            self.take_back_end_of_lease(now, id);
        }
        // Impostors come again and again, and are told of once.
        let is_at_the_door =
            matches!(event, TraceEvent::Believes { .. } | TraceEvent::Unmasks { .. });
        let is_known = |what: &What| self.lines.iter().any(|line| line.what == *what);
        if let Some(what) = what(member, event).filter(|what| !is_at_the_door || !is_known(what)) {
            self.tell(now.since_start(), what);
        }
    }

    /// A member votes so; told if that is news.
    pub(super) fn votes(&mut self, now: Moment, member: ServerId, life: u32, vote: Vote) {
        if self.voted.insert(member, (life, vote)) != Some((life, vote)) {
            self.tell(now.since_start(), What::Voted { member, vote });
        }
    }

    /// A leader does nothing more, and its lease goes on for this long, whatever was foretold of it before.
    pub(super) fn lease_ends(
        &mut self,
        now: Moment,
        member: ServerId,
        epoch: Epoch,
        left: Duration,
    ) {
        self.take_back_end_of_lease(now, member);
        let over = What::LeaseOver { member, epoch };
        if !self.lines.iter().any(|line| line.what == over) {
            self.tell(now.since_start().saturating_add(left), over);
        }
    }

    /// A member says that its epochs up to this one have ended: so have their leases, and not only when it was foretold.
    pub(super) fn epochs_have_ended(&mut self, now: Moment, of: ServerId, last: Epoch) {
        let at = now.since_start();
        for line in self.lines.iter_mut().filter(|line| line.at > at) {
            if let What::LeaseOver { member, epoch } = line.what
                && member == of
                && epoch <= last
            {
                line.at = at;
            }
        }
    }

    fn take_back_end_of_lease(&mut self, now: Moment, of: ServerId) {
        let is_of = |what: &What| matches!(what, What::LeaseOver { member, .. } if *member == of);
        self.lines.retain(|line| line.at <= now.since_start() || !is_of(&line.what));
    }
}

/// What people are told of an event. Votes, decisions, leases and reboots are told by those who know more of them.
fn what(member: Option<ServerId>, event: TraceEvent<'_>) -> Option<What> {
    let befalls = |effect, text: &str| {
        let text = text.to_owned();
        Some(What::Befalls { member, text, effect })
    };
    let suffers = |text: &str| befalls(Effect::Nothing, text);
    match event {
        TraceEvent::Step(operation) => Some(What::Played(operation.clone())),
        TraceEvent::Looks(round) => Some(What::Looking { member: member?, round }),
        TraceEvent::Reports(report) => told(member?, report),
        TraceEvent::Hangs => befalls(Effect::StandsStill, "hangs"),
        TraceEvent::Suspends => befalls(Effect::StandsStill, "sleeps, with its machine"),
        TraceEvent::Paused => {
            befalls(Effect::StandsStill, "is paused by the host of its machine, clocks and all")
        }
        TraceEvent::Wakes { .. } => befalls(Effect::GoesOn, "goes on"),
        TraceEvent::Freezes => befalls(Effect::Dies, "freezes, and stays connected"),
        TraceEvent::Vanishes => befalls(Effect::Dies, "vanishes: nobody is told that it is killed"),
        TraceEvent::SyncFails => befalls(Effect::Dies, "ends, as its disk has failed"),
        TraceEvent::Replaced { .. } => {
            befalls(Effect::Starts, "is replaced by another instance, elsewhere")
        }
        TraceEvent::Broken(violation) => {
            befalls(Effect::Broken, &format!("broken: {}", violation.rule))
        }
        TraceEvent::Break(one, other) => {
            suffers(&format!("the connections between {one} and {other} break"))
        }
        TraceEvent::Dark { from, to } => {
            suffers(&format!("nothing gets through from {from} to {to}"))
        }
        TraceEvent::Light { from, to } => {
            suffers(&format!("it gets through again from {from} to {to}"))
        }
        TraceEvent::Ends => suffers("has its frozen instance killed"),
        TraceEvent::Stranger { .. } => suffers(&format!("a stranger comes: {event}")),
        TraceEvent::Impostor { comes: true, .. } => suffers(&format!("an impostor comes: {event}")),
        TraceEvent::Leaves { .. } | TraceEvent::Impostor { comes: false, .. } => {
            suffers(&format!("gone: {event}"))
        }
        TraceEvent::Believes { .. } => suffers(&format!("believes {event}")),
        TraceEvent::Unmasks { .. } => suffers(&format!("turns away {event}")),
        TraceEvent::Starts => suffers("starts without its history"),
        TraceEvent::Moves { .. } => suffers("has another address from now on"),
        TraceEvent::StoreFails => suffers("cannot store its record, as the disk is full"),
        TraceEvent::Stalls => suffers("has a disk that takes nothing in"),
        TraceEvent::Flows => suffers("has a disk that works again"),
        TraceEvent::Overlaps { .. } => suffers(&format!("holds one of two leases: {event}")),
        TraceEvent::Stuck => suffers("has work that does not end for a while, told or killed"),
        TraceEvent::Free => suffers("has work that can end again"),
        TraceEvent::Unwell => suffers("has work that fails its health checks"),
        TraceEvent::LeftBehind(_) => suffers("is gone, and its work goes on"),
        TraceEvent::Rests(true) => suffers("would not lead for a while, as its work has failed"),
        TraceEvent::Rests(false) => suffers("would lead again"),
        TraceEvent::Asked { refused: Some(_), .. } => {
            suffers(&format!("is asked to resign, {event}"))
        }
        TraceEvent::Asked { refused: None, .. }
        | TraceEvent::Reboots
        | TraceEvent::Slews { .. }
        | TraceEvent::Decides(_)
        | TraceEvent::SaysTo(..)
        | TraceEvent::Hears(..)
        | TraceEvent::PassesOver(_)
        | TraceEvent::Dials(_)
        | TraceEvent::KnocksAt(_)
        | TraceEvent::LinkUp(_)
        | TraceEvent::LinkDown(_)
        | TraceEvent::Doubts(_)
        | TraceEvent::Misses(_)
        | TraceEvent::CannotDial(_)
        | TraceEvent::Joins(_)
        | TraceEvent::Tells(..)
        | TraceEvent::Answers(..)
        | TraceEvent::Stores(_)
        | TraceEvent::Stored(_)
        | TraceEvent::Works(_)
        | TraceEvent::WorkEnds(_)
        | TraceEvent::Stands(_)
        | TraceEvent::Timer(_)
        | TraceEvent::Unmet(_) => None,
    }
}

/// What people are told of a report.
fn told(member: ServerId, report: &Report) -> Option<What> {
    match report {
        Report::Leading { epoch } => Some(What::Leads { member, epoch: *epoch }),
        Report::Following { leader, epoch, .. } => {
            Some(What::Follows { member, leader: *leader, epoch: *epoch })
        }
        Report::Lost { epoch, cause } => Some(What::Lost { member, epoch: *epoch, cause: *cause }),
        Report::Waiting { leader, missing } => {
            (*leader == member).then(|| What::WaitsFor { member, missing: missing.clone() })
        }
        Report::Retiring { .. }
        | Report::HandedOver { .. }
        | Report::BegunByAll { .. }
        | Report::WithoutLease { .. }
        | Report::Bound { .. }
        | Report::TurnedAway { .. }
        | Report::GaveUp { .. }
        | Report::NotEstablished { .. }
        | Report::BesideRealServer { .. }
        | Report::Recorded => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::scenario::{
        simulation::{Recording, Setup, play_watched},
        vote_file::VoteFile,
    };

    /// What people are told of three members that begin with these fields, with the first seed.
    fn story(fields: &str) -> Vec<StoryLine> {
        let text = format!(r#"{{"members":[{{"id":1}},{{"id":2}},{{"id":3}}],{fields}}}"#);
        let setup = Arc::new(Setup::new(&VoteFile::parse("test", &text).unwrap()));
        let recording = Recording { story: 1000, ..Recording::default() };
        let (_, run) = play_watched(&setup, 1, recording, |_| {});
        assert!(run.story.is_sorted_by_key(|line| line.at));
        run.story
    }

    fn told(fields: &str) -> Vec<(Duration, String)> {
        story(fields).into_iter().map(|line| (line.at, line.what.to_string())).collect()
    }

    /// Whether the members that end so start again so; once at least.
    fn ends_and_starts(story: &[StoryLine], end: &str, start: &str) {
        let mut down = BTreeSet::new();
        let mut started = 0;
        for line in story {
            let What::Befalls { member: Some(member), text, effect } = &line.what else { continue };
            if text == end && *effect == Effect::Dies {
                down.insert(*member);
            } else if text == start {
                assert_eq!(*effect, Effect::Starts);
                assert!(down.remove(member), "{member} was not down: {story:#?}");
                started += 1;
            }
        }
        assert!(started > 0, "{story:#?}");
        assert_eq!(down, BTreeSet::new(), "{story:#?}");
    }

    fn when(story: &[(Duration, String)], what: &str) -> Option<Duration> {
        story.iter().find(|(_, text)| text == what).map(|(at, _)| *at)
    }

    #[test]
    fn a_run_is_told_like_a_play_over_sockets() {
        let story = told(
            r#""steps":[{"at_ms":0,"start":[1,2,3]},{"at_ms":1000,"kill":[3]}],
               "expect":[{"by_ms":900,"leader":3},{"by_ms":2000,"leader":2}]"#,
        );
        let mut last = Duration::ZERO;
        for what in [
            "start 1, 2, 3",
            "1 looks for a leader, round 1",
            "1 votes for itself",
            "1 votes for 3",
            "3 is elected in round 1 by 1, 2, 3: its id is the highest among the newest histories",
            "3 leads in epoch 1",
            "as expected by 900 ms: 3 leads",
            "kill 3",
            "2 leads in epoch 2",
            "as expected by 2000 ms: 2 leads",
        ] {
            let at = when(&story, what);
            assert!(at >= Some(last), "{what}: {story:#?}");
            last = at.unwrap();
        }
        assert!(!story.iter().any(|(_, text)| text.contains("lease")), "{story:#?}");
    }

    #[test]
    fn the_lease_of_a_killed_leader_is_over_before_the_next_one_leads_and_not_after_its_length() {
        let story = told(
            r#""timing":{"lease_ms":1500},
               "steps":[{"at_ms":0,"start":[1,2,3]},{"at_ms":1000,"kill":[3]}]"#,
        );
        let over = when(&story, "the lease of 3 in epoch 1 is over").unwrap();
        let killed = Duration::from_secs(1);
        assert!(over > killed && over <= killed + Duration::from_millis(1500), "{story:#?}");
        assert!(when(&story, "2 leads in epoch 2") > Some(over), "{story:#?}");
    }

    #[test]
    fn an_impostor_that_comes_again_and_again_is_told_of_once() {
        let impostors = r#""faults":{"until_ms":4000,"impostors":1}"#;
        let tls = r#""tls":{"cert":"no.pem","key":"no.pem","ca":"no.pem"}"#;
        for (fields, what) in
            [(impostors.to_owned(), " believes "), (format!("{tls},{impostors}"), " turns away ")]
        {
            let story = told(&fields);
            let lines = story.iter().filter(|(_, text)| text.contains(what));
            assert_eq!(lines.count(), 1, "{story:#?}");
        }
    }

    #[test]
    fn a_lease_that_goes_on_after_a_hang_is_not_told_to_be_over() {
        let hang = |wake: u64| {
            told(&format!(
                r#""timing":{{"lease_ms":1500}},"steps":[{{"at_ms":0,"start":[1,2,3]}},
                   {{"at_ms":1000,"hang":[3]}},{{"at_ms":{wake},"wake":[3]}}]"#
            ))
        };
        let over = "the lease of 3 in epoch 1 is over";
        assert_eq!(when(&hang(1050), over), None);
        let story = hang(6000);
        assert!(when(&story, "3 hangs") < when(&story, over), "{story:#?}");
        assert!(when(&story, over) < when(&story, "3 goes on"), "{story:#?}");
    }

    #[test]
    fn a_reboot_ends_a_life_and_the_next_one_begins_when_the_machine_is_up() {
        let story = story(
            r#""steps":[{"at_ms":0,"start":[1,2,3]}],
               "faults":{"until_ms":4000,"reboots":3}"#,
        );
        ends_and_starts(
            &story,
            "is on a machine that starts anew",
            "starts, as its machine is up again",
        );
    }

    #[test]
    fn a_reboot_of_a_machine_on_which_nothing_runs_ends_no_life() {
        let story = story(
            r#""steps":[{"at_ms":0,"start":[1]}],
               "faults":{"until_ms":4000,"reboots":9}"#,
        );
        let of_the_others = |line: &&StoryLine| {
            let What::Befalls { member, text, .. } = &line.what else { return false };
            text.contains("anew") && *member != ServerId::new(1)
        };
        let reboots: Vec<_> = story.iter().filter(of_the_others).collect();
        assert!(!reboots.is_empty(), "{story:#?}");
        for line in reboots {
            assert!(matches!(line.what, What::Befalls { effect: Effect::Nothing, .. }), "{line:?}");
        }
    }

    #[test]
    fn a_life_that_a_disk_has_ended_is_followed_by_one_when_that_is_mended() {
        let story = story(
            r#""steps":[{"at_ms":0,"start":[1,2,3]},{"at_ms":1000,"kill":[3]},{"at_ms":2000,"start":[3]}],
               "faults":{"until_ms":4000,"disk_errors":6}"#,
        );
        ends_and_starts(&story, "ends, as its disk has failed", "starts, as its disk works again");
    }

    #[test]
    fn a_lease_is_over_when_the_next_life_of_its_holder_says_so_and_not_when_it_was_foretold() {
        for ends in [
            r#"{"at_ms":1010,"kill":[3]}"#,
            r#"{"at_ms":1000,"hang":[3]},{"at_ms":1010,"kill":[3]}"#,
        ] {
            let story = told(&format!(
                r#""timing":{{"lease_ms":10000}},
                   "steps":[{{"at_ms":0,"start":[1,2,3]}},{ends},{{"at_ms":1020,"start":[3]}},
                   {{"at_ms":15000,"heal":true}}]"#
            ));
            let over = when(&story, "the lease of 3 in epoch 1 is over");
            assert!(over >= when(&story, "start 3"), "{story:#?}");
            assert!(over <= when(&story, "2 leads in epoch 2"), "{story:#?}");
        }
    }

    #[test]
    fn a_lease_that_is_over_while_its_holder_hangs_is_not_over_again_when_that_is_killed() {
        let story = told(
            r#""timing":{"lease_ms":1500},"steps":[{"at_ms":0,"start":[1,2,3]},
               {"at_ms":1000,"hang":[3]},{"at_ms":6000,"kill":[3]}]"#,
        );
        let over = story.iter().filter(|(_, text)| text == "the lease of 3 in epoch 1 is over");
        assert_eq!(over.count(), 1, "{story:#?}");
    }
}
