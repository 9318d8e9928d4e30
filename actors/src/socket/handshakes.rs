//! [`Handshakes`]: which TLS handshake may go on, and when.
//!
//! A handshake costs signatures, and anybody who reaches a port can ask for one. All of them at one server together get at most a fifth
//! of the time of the thread that leads elections, and one in a quiet hour gets it at once: the time that handshakes take is counted,
//! and paid back by waiting.
//!
//! A handshake goes on in steps, one for each time that the other end has said something. Each step takes a turn, and nobody has one
//! before the last one is paid for, so no crowd can run ahead of what it costs. One that says nothing takes no turns.
//!
//! Those who have to wait go in rounds, with one turn for each address: a crowd from one address holds up itself. Those that may be
//! members, by the address that they come from, have seven turns of eight: a crowd of strangers holds up strangers.

use std::{
    collections::VecDeque,
    future::Future,
    net::IpAddr,
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use crate::kit::{Address, mailbox, step, woken};

/// Handshakes take at most one part in this many of the time.
const SHARE: u32 = 5;

/// So much may be taken at once after a while without any: a hundred signatures, more or less.
const SAVED_MAX: Duration = Duration::from_millis(100);

/// A turn counts for no less than this: it has to be asked for, and given.
const TURN_MIN: Duration = Duration::from_micros(50);

/// While members wait, one turn in this many is for strangers: nobody is kept out for ever.
const TURNS_OF_STRANGERS: u64 = 8;

/// The queues and the account of one server. Each connection that is shaking hands has an id, and where it is told that it has a turn.
#[derive(Debug)]
pub struct Handshakes<I, R> {
    members: Queue<I, R>,
    strangers: Queue<I, R>,
    /// How many turns there were.
    turns: u64,
    /// Whose turn it is.
    present: Option<I>,
    /// What may be taken, and what was taken above that.
    saved: Duration,
    owed: Duration,
    as_of: Instant,
}

/// Where one comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The address.
    pub address: IpAddr,
    /// Whether a member may be there.
    pub is_familiar: bool,
}

/// What is next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn<R> {
    /// It is the turn of the one that is told here.
    Of(R),
    /// Somebody has one then.
    NotBefore(Instant),
    /// Nobody has one, until something else happens.
    Nobody,
}

impl<I: Copy + Eq, R> Handshakes<I, R> {
    /// Nobody is there yet, and some time is saved up.
    pub const fn new(now: Instant) -> Self {
        Self {
            members: Queue::new(),
            strangers: Queue::new(),
            turns: 0,
            present: None,
            saved: SAVED_MAX,
            owed: Duration::ZERO,
            as_of: now,
        }
    }

    /// The next step of this one could be taken.
    pub fn ask(&mut self, id: I, from: Origin, reply: R) {
        let queue = if from.is_familiar { &mut self.members } else { &mut self.strangers };
        queue.push(id, from.address, reply);
    }

    /// Whose turn it is. Nobody else has one until it has [had](Self::had) its own, or has [left](Self::leave).
    fn next(&mut self, now: Instant) -> Turn<R> {
        self.earn(now);
        if self.present.is_some() || self.members.is_empty() && self.strangers.is_empty() {
            return Turn::Nobody;
        }
        if !self.owed.is_zero() {
            return Turn::NotBefore(now + self.owed * SHARE);
        }
        let is_of_stranger = (self.turns + 1).is_multiple_of(TURNS_OF_STRANGERS);
        let next = if is_of_stranger {
            self.strangers.pop().or_else(|| self.members.pop())
        } else {
            self.members.pop().or_else(|| self.strangers.pop())
        };
        let Some((id, reply)) = next else { return Turn::Nobody };
        self.turns += 1;
        self.present = Some(id);
        Turn::Of(reply)
    }

    /// This one has had its turn, and that has cost so much.
    pub fn had(&mut self, id: I, cost: Duration, now: Instant) {
        self.earn(now);
        let cost = cost.max(TURN_MIN);
        self.owed += cost.saturating_sub(self.saved);
        self.saved = self.saved.saturating_sub(cost);
        self.pass(id);
    }

    /// This one takes no more turns.
    pub fn leave(&mut self, id: I) {
        self.pass(id);
        self.members.remove(id);
        self.strangers.remove(id);
    }

    /// It is not the turn of this one any more.
    fn pass(&mut self, id: I) {
        self.present = self.present.filter(|present| *present != id);
    }

    fn earn(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.as_of) / SHARE;
        self.as_of = self.as_of.max(now);
        let left = earned.saturating_sub(self.owed);
        self.owed = self.owed.saturating_sub(earned);
        self.saved = (self.saved + left).min(SAVED_MAX);
    }
}

impl<I: Copy + Eq> Handshakes<I, Address<()>> {
    /// Tells the one whose turn it is, and says from when on somebody has the next one, if that is known.
    pub fn give_turn(&mut self, now: Instant) -> Option<Instant> {
        match self.next(now) {
            Turn::Of(reply) => {
                // One that has ended leaves.
                let _ = reply.tell(());
                None
            }
            Turn::NotBefore(then) => Some(then),
            Turn::Nobody => None,
        }
    }
}

/// Those who wait, in rounds: in each one every address has one turn.
#[derive(Debug)]
struct Queue<I, R> {
    waiting: VecDeque<Waiting<I, R>>,
    /// The one that is under way.
    round: u64,
}

/// One that could go on.
#[derive(Debug)]
struct Waiting<I, R> {
    id: I,
    from: IpAddr,
    /// In which it has its turn.
    round: u64,
    reply: R,
}

impl<I: Copy + Eq, R> Queue<I, R> {
    const fn new() -> Self {
        Self { waiting: VecDeque::new(), round: 0 }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn push(&mut self, id: I, from: IpAddr, reply: R) {
        let of_address = self.waiting.iter().filter(|waiting| waiting.from == from);
        let last = of_address.map(|waiting| waiting.round).max().unwrap_or(0);
        let round = last.max(self.round) + 1;
        self.waiting.push_back(Waiting { id, from, round, reply });
    }

    fn pop(&mut self) -> Option<(I, R)> {
        let first = self.waiting.iter().enumerate().min_by_key(|(_, waiting)| waiting.round);
        let index = first.map(|(index, _)| index)?;
        let Waiting { id, round, reply, .. } = self.waiting.remove(index)?;
        self.round = round;
        Some((id, reply))
    }

    fn remove(&mut self, id: I) {
        self.waiting.retain(|waiting| waiting.id != id);
    }
}

/// Does this in turns, with a step in each. A turn is asked for with the address where it is to be given, and its cost is told when it
/// was had. `None`, when there are no turns any more.
pub async fn in_turns<F: Future>(
    mut work: Pin<&mut F>,
    ask: impl Fn(Address<()>),
    had: impl Fn(Duration),
) -> Option<F::Output> {
    loop {
        let (reply, mut turn) = mailbox();
        ask(reply);
        turn.next().await?;
        let (went_on, cost) = step(work.as_mut()).await;
        had(cost);
        if let Poll::Ready(output) = went_on {
            return Some(output);
        }
        woken().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        net::Ipv4Addr,
        pin::pin,
    };

    use async_std::task::block_on;
    use futures::poll;

    use super::*;
    use crate::kit::clock;

    fn address(last: u8) -> Origin {
        Origin { address: Ipv4Addr::new(10, 0, 0, last).into(), is_familiar: false }
    }

    /// In the tests, one is told by its number.
    fn ask(handshakes: &mut Handshakes<u64, u64>, number: u64, from: Origin) {
        handshakes.ask(number, from, number);
    }

    const COST: Duration = Duration::from_millis(2);

    #[test]
    fn one_in_a_quiet_hour_goes_on_at_once() {
        let now = clock::now();
        let mut handshakes = Handshakes::new(now);
        assert_eq!(handshakes.next(now), Turn::Nobody);
        for _ in 0..3 {
            ask(&mut handshakes, 1, address(1));
            assert_eq!(handshakes.next(now), Turn::Of(1));
            assert_eq!(handshakes.next(now), Turn::Nobody);
            handshakes.had(1, COST, now);
        }
    }

    #[test]
    fn a_flood_gets_a_fifth_of_the_time() {
        let start = clock::now();
        let (mut handshakes, mut now, mut spent) = (Handshakes::new(start), start, Duration::ZERO);
        let second = Duration::from_secs(1);
        let mut id = 0;
        while now < start + second * 10 {
            id += 1;
            ask(&mut handshakes, id, address((id % 200) as u8));
            match handshakes.next(now) {
                Turn::Of(greeter) => {
                    now += COST;
                    spent += COST;
                    handshakes.had(greeter, COST, now);
                    handshakes.leave(greeter);
                }
                Turn::NotBefore(then) => now = then,
                Turn::Nobody => unreachable!("somebody waits"),
            }
        }
        assert!(spent >= second * 2 && spent <= second * 2 + SAVED_MAX + COST * 2, "{spent:?}");
    }

    #[test]
    fn those_that_trickle_pay_for_their_turns_though_the_steps_cost_nothing() {
        let start = clock::now();
        let (mut handshakes, mut now, mut turns) = (Handshakes::new(start), start, 0);
        while now < start + Duration::from_secs(1) {
            ask(&mut handshakes, 1, address(1));
            match handshakes.next(now) {
                Turn::Of(greeter) => {
                    turns += 1;
                    handshakes.had(greeter, Duration::ZERO, now);
                }
                Turn::NotBefore(then) => {
                    now = then;
                    handshakes.leave(1);
                }
                Turn::Nobody => unreachable!("somebody waits"),
            }
        }
        assert!((6_000..6_010).contains(&turns), "{turns}: 2,000 saved up, and 4,000 in a second");
    }

    #[test]
    fn a_crowd_from_one_address_holds_up_itself() {
        let mut now = clock::now();
        let mut handshakes = Handshakes::new(now);
        for id in 0..100 {
            ask(&mut handshakes, id, address(1));
        }
        let mut turns = Vec::new();
        for round in 0..6 {
            if round == 2 {
                ask(&mut handshakes, 1000, address(2));
                ask(&mut handshakes, 1001, address(2));
            }
            now += COST * SHARE * 2;
            let Turn::Of(greeter) = handshakes.next(now) else { panic!("{handshakes:?}") };
            turns.push(greeter);
            handshakes.had(greeter, COST, now);
            handshakes.leave(greeter);
        }
        assert_eq!(turns, [0, 1, 2, 1000, 3, 1001]);
    }

    #[test]
    fn one_of_two_from_an_address_is_not_held_up_by_all_that_come_after_it() {
        let mut now = clock::now();
        let mut handshakes = Handshakes::new(now);
        for stranger in 1..=20 {
            ask(&mut handshakes, u64::from(stranger), address(stranger));
        }
        ask(&mut handshakes, 100, address(100));
        ask(&mut handshakes, 101, address(100));
        let mut newcomer = 200;
        for turns in 1.. {
            now += COST * SHARE * 2;
            let Turn::Of(number) = handshakes.next(now) else { panic!("{handshakes:?}") };
            handshakes.had(number, COST, now);
            newcomer += 1;
            ask(&mut handshakes, u64::from(newcomer), address(newcomer));
            if number == 101 {
                assert!(
                    turns <= 43,
                    "{turns}: after those who were there, and one round of others"
                );
                return;
            }
            assert!(newcomer < 255, "it has no turn");
        }
    }

    #[test]
    fn those_that_may_be_members_go_before_a_crowd_from_many_addresses() {
        let mut now = clock::now();
        let mut handshakes = Handshakes::new(now);
        for stranger in 1..=200 {
            ask(&mut handshakes, u64::from(stranger), address(stranger));
        }
        let member = Origin { is_familiar: true, ..address(250) };
        let mut turns = Vec::new();
        for step in 0..16 {
            ask(&mut handshakes, 1000 + step, member);
            now += COST * SHARE * 2;
            let Turn::Of(number) = handshakes.next(now) else { panic!("{handshakes:?}") };
            turns.push(number);
            handshakes.had(number, COST, now);
        }
        let of_strangers: Vec<_> = turns.iter().filter(|number| **number < 1000).collect();
        assert_eq!(of_strangers, [&1, &2], "{turns:?}");
        assert_eq!(turns[..3], [1000, 1001, 1002]);
    }

    #[test]
    fn one_that_has_left_is_not_counted_for_its_address() {
        let mut now = clock::now();
        let mut handshakes = Handshakes::new(now);
        for id in 0..100 {
            ask(&mut handshakes, id, address(1));
        }
        for id in 1..100 {
            handshakes.leave(id);
        }
        ask(&mut handshakes, 200, address(1));
        for id in 300..350 {
            ask(&mut handshakes, id, address(2));
        }
        let turns = [(); 4].map(|()| {
            now += COST * SHARE * 2;
            let Turn::Of(number) = handshakes.next(now) else { panic!("{handshakes:?}") };
            handshakes.had(number, COST, now);
            number
        });
        assert_eq!(turns, [0, 300, 200, 301]);
    }

    #[test]
    fn work_takes_its_steps_in_turns_until_there_are_none() {
        block_on(async {
            let (said, mut heard) = mailbox::<&str>();
            let mut work = pin!(async { heard.next().await });
            let replies = RefCell::new(VecDeque::new());
            let costs = Cell::new(0);
            let mut turns = pin!(in_turns(
                work.as_mut(),
                |reply| replies.borrow_mut().push_back(reply),
                |_| {
                    costs.set(costs.get() + 1);
                }
            ));
            assert!(poll!(turns.as_mut()).is_pending());
            assert_eq!(costs.get(), 0, "it has no turn yet");
            replies.borrow_mut().pop_front().unwrap().tell(()).unwrap();
            assert!(poll!(turns.as_mut()).is_pending());
            assert_eq!((costs.get(), replies.borrow().len()), (1, 0), "nothing has woken it");
            said.tell("word").unwrap();
            assert!(poll!(turns.as_mut()).is_pending());
            replies.borrow_mut().pop_front().unwrap().tell(()).unwrap();
            assert_eq!(poll!(turns.as_mut()), Poll::Ready(Some(Some("word"))));
            let mut never = pin!(std::future::pending::<()>());
            assert_eq!(in_turns(never.as_mut(), drop, |_| {}).await, None);
        });
    }

    #[test]
    fn nobody_has_a_turn_before_the_last_one_is_paid_for() {
        let now = clock::now();
        let mut handshakes = Handshakes::new(now);
        for number in 0..3 {
            ask(&mut handshakes, number.into(), address(number));
        }
        assert_eq!(handshakes.next(now), Turn::Of(0));
        handshakes.leave(2);
        assert_eq!(handshakes.next(now), Turn::Nobody, "0 has not had its turn");
        handshakes.had(2, COST, now);
        assert_eq!(handshakes.next(now), Turn::Nobody, "and was not meant");
        handshakes.had(0, SAVED_MAX, now);
        assert_eq!(handshakes.next(now), Turn::NotBefore(now + COST * SHARE));
        let then = now + COST * SHARE;
        assert_eq!(handshakes.next(then), Turn::Of(1));
        ask(&mut handshakes, 3, address(3));
        assert_eq!(handshakes.next(then), Turn::Nobody);
        handshakes.leave(1);
        assert_eq!(handshakes.next(then), Turn::Of(3), "1 has gone in its turn");
        handshakes.leave(3);
        assert_eq!(handshakes.next(then), Turn::Nobody);
    }
}
