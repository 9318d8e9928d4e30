//! The part of a [`World`] that the actors around two of the cores play in production: `Elector` and `ConnectionManager`.

use std::time::Duration;

use ballotbox_core::{
    Core, ServerId, Step,
    leadership::Event as LeadershipEvent,
    links::{
        Action as LinkAction, Approach, Event as LinkEvent, LinkId, Notice, Timer as LinkTimer,
        invariants as links,
    },
    wire::Frame,
};

use super::{World, rules};
use crate::{
    election::{
        Action as ElectionAction, Event as ElectionEvent, Notification, SignOfLife,
        Timer as ElectionTimer, invariants,
    },
    scenario::simulation::{
        Moment, Violation,
        member::{Alarm, Armed, Inner, Running},
        moment::nanos,
        network::{End, Segment},
        scheduled::Scheduled,
        trace::TraceEvent,
    },
};

impl World {
    /// Something for one half of a member.
    pub(super) fn attend(&mut self, member: usize, inner: Inner) {
        match inner {
            Inner::Election(event) => self.elect(member, event),
            Inner::Link(event) => self.link(member, event),
            Inner::Notified(notice) => self.heed(member, notice),
            Inner::Leadership(event) => self.lead(member, event),
            Inner::WorkBegins(epoch) => self.work_begins(member, epoch),
            Inner::Stopped => self.has_stopped(member),
        }
    }

    pub(super) fn election_timer(
        &mut self,
        member: usize,
        life: u32,
        timer: ElectionTimer,
        number: u64,
    ) {
        let now = self.now;
        let Some(running) = self.running(member, life) else { return };
        match running.election_timers.take(&timer, number, now, running.slept) {
            Alarm::Void => {}
            Alarm::NotBefore(at) => self.arm_election(member, timer, at),
            Alarm::Over => {
                self.note(member, TraceEvent::Timer(timer));
                self.elect(member, ElectionEvent::TimerFired(timer));
            }
        }
    }

    fn arm_election(&mut self, member: usize, timer: ElectionTimer, at: Moment) {
        let life = self.members[member].life;
        let number = self.queue.push(at, Scheduled::ElectionTimer { member, life, timer });
        if let Some(running) = &mut self.members[member].running {
            let slept = running.slept;
            running.election_timers.set(timer, Armed { number, at, slept });
        }
    }

    pub(super) fn link_timer(&mut self, member: usize, life: u32, timer: LinkTimer, number: u64) {
        let now = self.now;
        let Some(running) = self.running(member, life) else { return };
        match running.link_timers.take(&timer, number, now, running.slept) {
            Alarm::Void => {}
            Alarm::NotBefore(at) => self.arm_link(member, timer, at),
            Alarm::Over => self.link(member, LinkEvent::TimerFired(timer)),
        }
    }

    fn arm_link(&mut self, member: usize, timer: LinkTimer, at: Moment) {
        let life = self.members[member].life;
        let number = self.queue.push(at, Scheduled::LinkTimer { member, life, timer });
        if let Some(running) = &mut self.members[member].running {
            let slept = running.slept;
            running.link_timers.set(timer, Armed { number, at, slept });
        }
    }

    pub(super) fn written(&mut self, member: usize, life: u32, link: LinkId) {
        if let Some(running) = self.running(member, life) {
            running.writing = running.writing.saturating_sub(1);
            self.link(member, LinkEvent::Written { link });
        }
    }

    /// A frame has come over an open link.
    pub(super) fn hear(&mut self, member: usize, end: End, link: LinkId, frame: Frame) {
        let Some(running) = self.members[member].running.as_mut() else { return };
        if !running.present.contains(link) {
            return self.note(member, TraceEvent::PassesOver(link));
        }
        let Ok(notification) = Notification::decode(frame.body()) else { return };
        if running.present.understood(link) != SignOfLife::Known {
            self.told.push_back((member, Inner::Link(LinkEvent::Spoke { link })));
        }
        if let Some((_, theirs)) = self.network.halves(end)
            && !notification.is_question()
        {
            theirs.last_heard = Some(frame);
        }
        let from = link.peer;
        self.note(member, TraceEvent::Hears(from, &notification));
        self.elect(member, ElectionEvent::Heard { from, notification });
    }

    fn running(&mut self, member: usize, life: u32) -> Option<&mut Running> {
        let member = &mut self.members[member];
        member.running.as_mut().filter(|_| member.life == life)
    }

    fn elect(&mut self, member: usize, event: ElectionEvent) {
        let (id, now) = (self.members[member].id, self.now());
        let Some(running) = &mut self.members[member].running else { return };
        let about = event.about().filter(|_| !running.election_judged.is_whole());
        let (election, told) = (&mut running.election, event.clone());
        let before = about.map_or_else(|| election.clone(), |server| election.excerpt(server));
        let actions = match &mut running.account {
            Some(account) => account.elect(election, event, now),
            None => election.actions_on(event),
        };
        let step = Step { before: &before, event: &told, actions: &actions, after: election };
        let broken = match about {
            Some(server) => invariants::first_broken_about(step, server),
            None => invariants::first_broken(step),
        };
        if let Some(rule) = broken {
            self.break_rule(Violation::by(id, rule, self.now()));
        }
        for action in actions {
            self.perform_election(member, action);
        }
        self.tell_vote(member);
        self.look_at(member);
    }

    fn perform_election(&mut self, member: usize, action: ElectionAction) {
        match action {
            ElectionAction::Say { to, notification } => self.put_off(member, to, notification),
            ElectionAction::Ask { to, question } => {
                if let Some(frame) = question.to_frame() {
                    self.told.push_back((member, Inner::Link(LinkEvent::Ask { to, frame })));
                }
            }
            ElectionAction::SetTimer { timer, after } => {
                self.arm_election(member, timer, self.now.plus(self.drifted(member, after)));
            }
            ElectionAction::ClearTimer(timer) => {
                if let Some(running) = &mut self.members[member].running {
                    running.election_timers.clear(&timer);
                }
            }
            ElectionAction::Reconnect => {
                self.told.push_back((member, Inner::Link(LinkEvent::Reconnect)));
            }
            ElectionAction::Looking { round } => {
                self.note(member, TraceEvent::Looks(round));
                self.tell_leadership(member, LeadershipEvent::Unelected);
            }
            ElectionAction::Decided(decision) => {
                self.note(member, TraceEvent::Decides(decision));
                self.tell_decision(member, decision);
                if let Some(violation) = rules::one_leader(self, member, decision) {
                    self.break_rule(violation);
                }
                let (leader, round) = (decision.vote.leader, decision.round);
                self.tell_leadership(member, LeadershipEvent::Elected { leader, round });
            }
        }
    }

    fn tell_leadership(&mut self, member: usize, event: LeadershipEvent) {
        if self.setup.leadership {
            self.told.push_back((member, Inner::Leadership(event)));
        }
    }

    /// Keeps a word until everything of this instant has been heard. Without a link nobody hears it; with a new one it is
    /// said again.
    fn put_off(&mut self, member: usize, to: ServerId, notification: Notification) {
        let Some(running) = &mut self.members[member].running else { return };
        if !running.present.reaches(to) {
            return;
        }
        running.outgoing.say(to, notification);
        if !self.speakers.contains(&member) {
            self.speakers.push(member);
        }
    }

    /// Says to the peers what is to be said, if it is time.
    pub(super) fn speak(&mut self, member: usize) {
        let life = self.members[member].life;
        let Some(running) = &mut self.members[member].running else { return };
        for (to, frame) in running.outgoing.take_due(self.now, running.present.count()) {
            running.newest.insert(to, frame.clone());
            self.told.push_back((member, Inner::Link(LinkEvent::Send { to, frame })));
        }
        // What was not due still waits.
        if let Some(moment) = running.outgoing.not_before() {
            self.queue.push(moment, Scheduled::Speak { member, life });
        }
    }

    fn heed(&mut self, member: usize, notice: Notice) {
        let Some(running) = &mut self.members[member].running else { return };
        if let Notice::LinkUp(link) = notice {
            running.newest.remove(&link.peer);
        }
        if let Some(event) = running.present.event_of(notice) {
            self.elect(member, event);
        }
    }

    pub(super) fn link(&mut self, member: usize, event: LinkEvent) {
        let Some(running) = &mut self.members[member].running else { return };
        let about = event.about().filter(|_| !running.table_judged.is_whole());
        let (table, told) = (&mut running.table, event.clone());
        let before = about.map_or_else(|| table.clone(), |peer| table.excerpt(peer));
        let actions = table.actions_on(event);
        let excerpt = about.map(|peer| table.excerpt(peer));
        let after = excerpt.as_ref().unwrap_or(table);
        let step = Step { before: &before, event: &told, actions: &actions, after };
        if let Some(rule) = links::first_broken(step) {
            self.break_rule(Violation::by(self.members[member].id, rule, self.now()));
        }
        let opened = |action: &LinkAction| {
            if let LinkAction::OpenLink { link, .. } = action { Some(*link) } else { None }
        };
        let opened: Vec<_> = actions.iter().filter_map(opened).collect();
        for action in actions {
            self.perform_link(member, action);
        }
        for link in opened {
            if let Some(rule) = rules::broken_by_link(self, member, link) {
                self.break_rule(Violation::by(self.members[member].id, rule, self.now()));
            }
        }
    }

    fn perform_link(&mut self, member: usize, action: LinkAction) {
        match action {
            LinkAction::Dial { link, approach } => {
                let event = match approach {
                    Approach::Connect => TraceEvent::Dials(link),
                    Approach::Knock => TraceEvent::KnocksAt(link),
                };
                self.note(member, event);
                self.dial(member, link, approach);
            }
            LinkAction::OpenLink { link, socket } => {
                self.open_link(member, link, End::of_socket(socket));
            }
            LinkAction::CloseLink { link } => {
                if let Some(end) = self.forget_link(member, link) {
                    self.close(end);
                }
            }
            LinkAction::HearOut(socket) => self.hear_out(End::of_socket(socket)),
            LinkAction::DropSocket(socket) => self.close(End::of_socket(socket)),
            LinkAction::Write { link, frame } => self.write(member, link, frame),
            LinkAction::SetTimer { timer, after } => {
                let jittered = self.random.between(500_000, 1_000_000);
                let after = self.drifted(member, after) / 1_000_000 * jittered;
                self.arm_link(member, timer, self.now.plus(after));
            }
            LinkAction::ClearTimer(timer) => {
                if let Some(running) = &mut self.members[member].running {
                    running.link_timers.clear(&timer);
                }
            }
            LinkAction::Notify(notice) => self.notify(member, notice),
        }
    }

    fn notify(&mut self, member: usize, notice: Notice) {
        let event = match notice {
            Notice::LinkUp(link) => TraceEvent::LinkUp(link),
            Notice::LinkDown(link) => TraceEvent::LinkDown(link),
            Notice::Doubted(link) => TraceEvent::Doubts(link),
            Notice::Unreachable(peer) => TraceEvent::Misses(peer),
            Notice::CannotDialBack(peer) => TraceEvent::CannotDial(peer),
            Notice::Refused { .. } => return,
        };
        self.note(member, event);
        self.told.push_back((member, Inner::Notified(notice)));
    }

    /// Hands a frame to the system.
    fn write(&mut self, member: usize, link: LinkId, frame: Frame) {
        let Some(running) = &mut self.members[member].running else { return };
        let Some(end) = running.open.get(&link).copied() else { return };
        running.writing += 1;
        self.record.count_message();
        self.note(member, TraceEvent::SaysTo(link.peer, &frame));
        self.send(end, Segment::Frame(frame));
        let life = self.members[member].life;
        let there = self.network.half(end.other()).map_or(member, |half| half.member);
        let after = self.slowness(member, there);
        self.queue.push(self.now.plus(after), Scheduled::FrameWritten { member, life, link });
    }

    /// A wait in nanoseconds by the member's own clock.
    pub(super) fn drifted(&self, member: usize, after: Duration) -> u64 {
        let wait = nanos(after);
        let drift = self.members[member].drift_ppm;
        wait.saturating_add_signed((wait / 1_000_000).cast_signed().saturating_mul(drift))
    }
}
