//! What may happen next, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use ballotbox_core::leadership::{
    Holder,
    lease::{Bound, Lease, Restart},
};

use super::{
    clock::{Tick, ticks},
    state::{Candidacy, Numbered, Role, State},
    weak::{Weakness, epoch},
};
use crate::members::{VOTERS, ensemble, id};

/// What happens next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// All clocks go on, each at its pace.
    TimePasses,
    /// This voter stands for a new epoch.
    Stand {
        voter: usize,
    },
    /// This voter takes note of an epoch that somebody stands for.
    Join {
        voter: usize,
        epoch: usize,
    },
    /// It gives its word for the epoch that it has taken note of.
    GiveWord {
        voter: usize,
    },
    /// The candidate hears it.
    HearWord {
        epoch: usize,
        voter: usize,
    },
    Ping {
        leader: usize,
    },
    /// A ping arrives, and is answered with a promise: the answer is on its way.
    Promise {
        answer: Numbered,
    },
    /// The answer arrives.
    Grant {
        answer: Numbered,
    },
    /// A leader gives its epoch up. Work goes on as long as the lease runs, or less.
    Lose {
        leader: usize,
    },
    WorkEnds {
        leader: usize,
    },
    /// A voter hears what another one says of the end of its epochs, no matter who passes that on.
    HearEnd {
        voter: usize,
        of: usize,
    },
    /// Its process is killed, and starts again. Work that it has begun may go on.
    Crash {
        voter: usize,
        work_goes_on: bool,
    },
    Reboot {
        voter: usize,
    },
}

impl State {
    /// Every step that is possible.
    pub(super) fn steps(&self, steps: &mut Vec<Step>) {
        if self.broken.is_some() || (!self.rules.to_the_end && self.is_settled()) {
            return;
        }
        steps.push(Step::TimePasses);
        steps.extend(
            self.words.iter().map(|(epoch, voter)| Step::HearWord { epoch: *epoch, voter: *voter }),
        );
        steps.extend(self.answers.iter().map(|answer| Step::Grant { answer: *answer }));
        for voter in 0..VOTERS {
            self.steps_of(voter, steps);
            self.faults_of(voter, steps);
        }
    }

    /// Whether no more than one epoch is left in which a lease may run, now or ever.
    fn is_settled(&self) -> bool {
        let open = (1..=self.holders.len()).filter(|epoch| !self.is_over(*epoch));
        self.left.epochs == 0 && open.count() < 2
    }

    fn steps_of(&self, voter: usize, steps: &mut Vec<Step>) {
        let this = &self.voters[voter];
        if this.leads().is_some() {
            steps.push(Step::Lose { leader: voter });
            let has_just_sent =
                |one: &Candidacy| one.sent.values().any(|sent| *sent == self.clock(voter));
            if !this.candidacy().is_some_and(has_just_sent) {
                steps.push(Step::Ping { leader: voter });
            }
        } else {
            self.elections_of(voter, steps);
        }
        if self.owes_word(voter).is_some_and(|epoch| !self.withholds(voter, epoch)) {
            steps.push(Step::GiveWord { voter });
        }
        if this.closing.is_some() {
            steps.push(Step::WorkEnds { leader: voter });
        }
        steps.extend(self.answers_of(voter).map(|answer| Step::Promise { answer }));
        let frees = |of: &usize| {
            let promise = this.lease.promise();
            let ended = self.end_of(*of);
            promise.zip(ended).is_some_and(|(promise, ended)| ended.frees(&promise))
        };
        steps.extend((0..VOTERS).filter(frees).map(|of| Step::HearEnd { voter, of }));
    }

    /// What this voter may answer its leader now.
    fn answers_of(&self, voter: usize) -> impl Iterator<Item = Numbered> {
        let this = &self.voters[voter];
        let epoch = match this.role {
            Role::Learner { epoch, said: true } if epoch == this.accepted => Some(epoch),
            Role::Looking | Role::Learner { .. } | Role::Candidate(_) => None,
        };
        let leader = epoch.and_then(|epoch| self.candidate(epoch));
        let pings = leader.and_then(|leader| self.voters[leader].candidacy());
        let answers = pings
            .into_iter()
            .flat_map(move |one| one.sent.keys().map(move |number| (one.epoch, *number, voter)));
        answers.filter(|answer| !self.answers.contains(answer))
    }

    /// Voters are alike before the first epoch: the first voter stands for it.
    fn elections_of(&self, voter: usize, steps: &mut Vec<Step>) {
        let this = &self.voters[voter];
        if self.left.epochs > 0 && (voter == 0 || !self.holders.is_empty()) {
            steps.push(Step::Stand { voter });
        }
        for epoch in 1..=self.holders.len() {
            let is_there = self.candidate(epoch).is_some_and(|leader| leader != voter);
            let is_new = epoch > this.accepted || (epoch == this.accepted && epoch == this.word);
            let is_joined =
                matches!(this.role, Role::Learner { epoch: noted, .. } if noted == epoch);
            if is_there && is_new && !is_joined {
                steps.push(Step::Join { voter, epoch });
            }
        }
    }

    fn faults_of(&self, voter: usize, steps: &mut Vec<Step>) {
        if self.left.crashes > 0 {
            if self.has_something_to_lose(voter) {
                steps.push(Step::Crash { voter, work_goes_on: false });
            }
            if self.holds_lease(voter) {
                steps.push(Step::Crash { voter, work_goes_on: true });
            }
        }
        if self.left.reboots > 0 && self.has_something_to_lose(voter) {
            steps.push(Step::Reboot { voter });
        }
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::TimePasses => self.time_passes(),
            Step::Stand { voter } => self.stand(voter),
            Step::Join { voter, epoch } => {
                let this = &mut self.voters[voter];
                this.accepted = epoch;
                this.role = Role::Learner { epoch, said: false };
            }
            Step::GiveWord { voter } => self.give_word(voter),
            Step::HearWord { epoch, voter } => {
                self.words.remove(&(epoch, voter));
                let leader = self.candidate(epoch);
                let one = leader.and_then(|leader| self.voters[leader].candidacy_mut());
                if let Some(one) = one {
                    one.words.insert(voter);
                }
            }
            Step::Ping { leader } => self.ping(leader),
            Step::Promise { answer } => {
                let (epoch, _, voter) = answer;
                self.bind(voter, epoch);
                self.answers.insert(answer);
            }
            Step::Grant { answer } => self.grant(answer),
            Step::Lose { leader } => self.lose(leader),
            Step::WorkEnds { leader } => {
                if let Some(epoch) = self.voters[leader].closing {
                    self.end(leader, epoch);
                }
            }
            Step::HearEnd { voter, of } => {
                if let Some(ended) = self.end_of(of) {
                    self.voters[voter].lease.hear(ended);
                }
            }
            Step::Crash { voter, work_goes_on } => self.crash(voter, work_goes_on),
            Step::Reboot { voter } => self.reboot(voter),
        }
        (0..VOTERS).for_each(|voter| self.begin(voter));
        self.tidy_up();
        self.judge_leases();
    }

    fn time_passes(&mut self) {
        self.time += 1;
        for voter in 0..VOTERS {
            let this = &self.voters[voter];
            if this.lease.until().is_none() || self.holds_lease(voter) {
                continue;
            }
            // Whatever comes next, a lease is compared with the clock before.
            let (leased, leads) = (this.leased(), this.leads().is_some());
            if leads {
                self.voters[voter].role = Role::Looking;
            }
            if let Some(epoch) = leased {
                self.end(voter, epoch);
            }
        }
    }

    /// Its own word is where it outlives it at once, and counts when the epoch begins: until then it is no use to anybody.
    fn stand(&mut self, voter: usize) {
        self.left.epochs -= 1;
        self.holders.push(self.holder(voter));
        let epoch = self.holders.len();
        self.voters[voter].accepted = epoch;
        self.voters[voter].role = Role::Candidate(Candidacy {
            epoch,
            words: BTreeSet::from([voter]),
            leads: false,
            pings: 0,
            sent: BTreeMap::new(),
            promised: [0; VOTERS],
        });
        self.keep_word(voter, epoch);
    }

    fn give_word(&mut self, voter: usize) {
        let Some(epoch) = self.owes_word(voter) else { return };
        self.judge_word(voter, epoch);
        self.words.insert((epoch, voter));
        self.keep_word(voter, epoch);
        if let Role::Learner { said, .. } = &mut self.voters[voter].role {
            *said = true;
        }
    }

    fn keep_word(&mut self, voter: usize, epoch: usize) {
        let longest = self.rules.promise(epoch);
        let this = &mut self.voters[voter];
        this.word = epoch;
        this.longest = this.longest.max(longest);
    }

    /// With the words of a quorum, its own among them, an epoch begins as soon as nothing speaks against that.
    fn begin(&mut self, leader: usize) {
        let Some(one) = self.voters[leader].candidacy().filter(|one| !one.leads) else { return };
        let epoch = one.epoch;
        let ids = one.words.iter().map(|voter| id(*voter)).collect();
        if !ensemble().is_quorum(&ids) || self.withholds(leader, epoch) {
            return;
        }
        self.judge_word(leader, epoch);
        self.judge_beginning(epoch);
        let (now, length) = (self.clock(leader), self.rules.length(epoch));
        let this = &mut self.voters[leader];
        if let Role::Candidate(one) = &mut this.role {
            one.leads = true;
        }
        this.lease.begin(ticks(length));
        if self.rules.is(Weakness::WordsAreTakenForPromises) {
            this.lease.sent(0, now);
            this.lease.granted(0);
        }
    }

    fn ping(&mut self, leader: usize) {
        let (now, rounds) = (self.clock(leader), self.rules.rounds);
        let this = &mut self.voters[leader];
        let Role::Candidate(one) = &mut this.role else { return };
        one.pings += 1;
        let (number, epoch) = (one.pings, one.epoch);
        one.sent.insert(number, now);
        if one.sent.len() > rounds {
            one.sent.pop_first();
        }
        one.promised[leader] = number;
        this.lease.sent(number, now);
        if !self.rules.is(Weakness::OwnWordIsFree) {
            self.bind(leader, epoch);
        }
    }

    fn grant(&mut self, (epoch, number, voter): Numbered) {
        self.answers.remove(&(epoch, number, voter));
        let Some(leader) = self.candidate(epoch) else { return };
        let now = self.clock(leader);
        let from_answer = self.rules.is(Weakness::CountedFromTheAnswer);
        let this = &mut self.voters[leader];
        let before = this.lease.until();
        let Role::Candidate(one) = &mut this.role else { return };
        one.promised[voter] = one.promised[voter].max(number);
        let has_promised = |number: u64| {
            let bound = |voter: &usize| *voter == leader || one.promised[*voter] >= number;
            let bound = (0..VOTERS).filter(bound).map(id).collect();
            one.promised[leader] >= number && ensemble().is_blocking(&bound)
        };
        let newest = one.promised.into_iter().filter(|number| has_promised(*number)).max();
        let Some(newest) = newest.filter(|newest| *newest > 0) else { return };
        one.sent = one.sent.split_off(&(newest + 1));
        if from_answer {
            this.lease.sent(newest, now);
        }
        this.lease.granted(newest);
        self.judge_renewal(leader, before);
    }

    fn lose(&mut self, leader: usize) {
        let Some(epoch) = self.voters[leader].leads() else { return };
        self.voters[leader].role = Role::Looking;
        if self.holds_lease(leader) {
            self.voters[leader].closing = Some(epoch);
        } else {
            self.end(leader, epoch);
        }
    }

    /// What the next life finds: as the store of a node does.
    fn crash(&mut self, voter: usize, work_goes_on: bool) {
        self.left.crashes -= 1;
        let now = self.clock(voter);
        let runs = self.holds_lease(voter).then(|| self.voters[voter].lease.until()).flatten();
        let led = self.voters[voter].leased();
        if work_goes_on {
            self.voters[voter].left_behind = led.zip(runs);
        }
        let works = self.has_left_behind(voter) && !self.rules.is(Weakness::EndedThoughWorkGoesOn);
        self.begin_again(voter);
        let Bound { promise, ended } = self.restart(voter, works).bound(now);
        let this = &mut self.voters[voter];
        if ended > epoch(0) {
            this.ended = Some((this.incarnation, this.word));
        }
        let is_forgotten = self.rules.is(Weakness::ForgottenByACrash);
        this.lease = Lease::new(promise.filter(|_| !is_forgotten));
    }

    fn reboot(&mut self, voter: usize) {
        self.left.reboots -= 1;
        let now = self.clock(voter);
        self.begin_again(voter);
        let is_forgotten = self.rules.is(Weakness::ForgottenByAReboot);
        let this = &mut self.voters[voter];
        (this.kept, this.left_behind) = (None, None);
        let Bound { promise, .. } = self.restart(voter, false).bound(now);
        self.voters[voter].lease = Lease::new(promise.filter(|_| !is_forgotten));
    }

    /// What the next life of this voter finds.
    fn restart(&self, voter: usize, work_goes_on: bool) -> Restart<Tick> {
        let (this, Holder { leader: me, directory, .. }) =
            (&self.voters[voter], self.holder(voter));
        Restart {
            me,
            directory,
            current: epoch(this.word),
            longest_promise: ticks(this.longest),
            promise: this.kept,
            work_goes_on,
        }
    }

    /// All that is not on a disk is forgotten.
    fn begin_again(&mut self, voter: usize) {
        let this = &mut self.voters[voter];
        this.incarnation += 1;
        this.accepted = this.word;
        this.role = Role::Looking;
        this.closing = None;
    }
}
