//! [`Handshakes`]: who may begin a TLS handshake, and when.
//!
//! A handshake costs signatures, and anybody who reaches a port can ask for one. All of them together get at most a fifth of the
//! time of the thread that leads elections, and one in a quiet hour gets it at once: the time that handshakes take is counted,
//! and paid back by waiting. Those who have to wait go in turns by the address that they come from, so a crowd from one address
//! holds up itself.
//!
//! One who begins a handshake and goes on no more takes a place, and none of the time. So there are places for a fixed number, and
//! when all are taken, the one that is under way longest gives way to one that waits, once it has had its time.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::{Duration, Instant},
};

use super::reception::GreeterId;

/// Handshakes take at most one part in this many of the time.
const SHARE: u32 = 5;

/// So much may be taken at once after a while without any: a hundred signatures, more or less.
const SAVED_MAX: Duration = Duration::from_millis(100);

/// At most this many handshakes are under way: most of one is waiting for the other end.
const RUNNING_MAX: usize = 64;

/// A handshake has this long before it has to give way. It takes two round trips at most.
const UNDISTURBED: Duration = Duration::from_millis(500);

/// The queue and the account of one door.
#[derive(Debug)]
pub(super) struct Handshakes {
    waiting: VecDeque<(GreeterId, IpAddr)>,
    /// When the last one of each address began, by the number of its turn, for those that wait.
    turns: BTreeMap<IpAddr, u64>,
    last_turn: u64,
    /// Those under way, and when they began, the first one in front.
    running: VecDeque<(GreeterId, Instant)>,
    /// What may be taken, and what was taken above that.
    saved: Duration,
    owed: Duration,
    as_of: Instant,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// This one begins.
    Begin(GreeterId),
    /// This one, which is under way, has to leave; then somebody begins.
    GiveWay(GreeterId),
    /// Somebody does so then.
    NotBefore(Instant),
    /// Nobody, until something else happens.
    Nobody,
}

impl Handshakes {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            waiting: VecDeque::new(),
            turns: BTreeMap::new(),
            last_turn: 0,
            running: VecDeque::new(),
            saved: SAVED_MAX,
            owed: Duration::ZERO,
            as_of: now,
        }
    }

    /// Somebody wants one.
    pub(super) fn ask(&mut self, greeter: GreeterId, from: IpAddr) {
        self.waiting.push_back((greeter, from));
    }

    /// Whose turn it is. One that begins is counted until it [ends](Self::end).
    pub(super) fn next(&mut self, now: Instant) -> Turn {
        self.earn(now);
        if self.waiting.is_empty() {
            return Turn::Nobody;
        }
        if !self.owed.is_zero() {
            return Turn::NotBefore(now + self.owed * SHARE);
        }
        if let Some((longest, began)) = self.running.front()
            && self.running.len() >= RUNNING_MAX
        {
            let ends = *began + UNDISTURBED;
            return if now < ends { Turn::NotBefore(ends) } else { Turn::GiveWay(*longest) };
        }
        let turn_of = |from: &IpAddr| self.turns.get(from).copied().unwrap_or(0);
        let in_turn = self.waiting.iter().enumerate().min_by_key(|(_, (_, from))| turn_of(from));
        let next = in_turn.map(|(index, _)| index).and_then(|index| self.waiting.remove(index));
        let Some((greeter, from)) = next else { return Turn::Nobody };
        self.last_turn += 1;
        self.turns.insert(from, self.last_turn);
        self.forget_turn(from);
        self.running.push_back((greeter, now));
        Turn::Begin(greeter)
    }

    /// This has cost so much; the greeter goes on, or has ended.
    pub(super) fn spent(&mut self, cost: Duration, now: Instant) {
        self.earn(now);
        self.owed += cost.saturating_sub(self.saved);
        self.saved = self.saved.saturating_sub(cost);
    }

    /// This one waits no more, and is not under way any more.
    pub(super) fn end(&mut self, greeter: GreeterId) {
        self.running.retain(|(running, _)| *running != greeter);
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == greeter);
        if let Some((_, from)) = place.and_then(|place| self.waiting.remove(place)) {
            self.forget_turn(from);
        }
    }

    fn earn(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.as_of) / SHARE;
        self.as_of = self.as_of.max(now);
        let left = earned.saturating_sub(self.owed);
        self.owed = self.owed.saturating_sub(earned);
        self.saved = (self.saved + left).min(SAVED_MAX);
    }

    /// Only those that wait have a turn to remember, so that this does not grow.
    fn forget_turn(&mut self, address: IpAddr) {
        if !self.waiting.iter().any(|(_, from)| *from == address) {
            self.turns.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::kit::clock;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    const COST: Duration = Duration::from_millis(2);

    #[test]
    fn one_in_a_quiet_hour_begins_at_once() {
        let now = clock::now();
        let mut handshakes = Handshakes::new(now);
        assert_eq!(handshakes.next(now), Turn::Nobody);
        handshakes.ask(GreeterId(1), address(1));
        assert_eq!(handshakes.next(now), Turn::Begin(GreeterId(1)));
        assert_eq!(handshakes.next(now), Turn::Nobody);
    }

    #[test]
    fn a_flood_gets_a_fifth_of_the_time() {
        let start = clock::now();
        let (mut handshakes, mut now, mut spent) = (Handshakes::new(start), start, Duration::ZERO);
        let second = Duration::from_secs(1);
        let mut id = 0;
        while now < start + second * 10 {
            id += 1;
            handshakes.ask(GreeterId(id), address((id % 200) as u8));
            match handshakes.next(now) {
                Turn::Begin(greeter) => {
                    now += COST;
                    spent += COST;
                    handshakes.spent(COST, now);
                    handshakes.end(greeter);
                }
                Turn::NotBefore(then) => now = then,
                turn @ (Turn::GiveWay(_) | Turn::Nobody) => {
                    unreachable!("{turn:?}: somebody waits")
                }
            }
        }
        assert!(spent >= second * 2 && spent <= second * 2 + SAVED_MAX + COST * 2, "{spent:?}");
    }

    #[test]
    fn a_crowd_from_one_address_holds_up_itself() {
        let mut now = clock::now();
        let mut handshakes = Handshakes::new(now);
        handshakes.spent(SAVED_MAX, now);
        for id in 0..100 {
            handshakes.ask(GreeterId(id), address(1));
        }
        let mut begun = Vec::new();
        for round in 0..6 {
            if round == 2 {
                handshakes.ask(GreeterId(1000), address(2));
                handshakes.ask(GreeterId(1001), address(2));
            }
            now += COST * SHARE * 2;
            let Turn::Begin(greeter) = handshakes.next(now) else { panic!("{handshakes:?}") };
            begun.push(greeter.0);
            handshakes.spent(COST, now);
            handshakes.end(greeter);
        }
        assert_eq!(begun, [0, 1, 1000, 2, 1001, 3]);
    }

    #[test]
    fn those_that_go_on_no_more_give_way_once_they_have_had_their_time() {
        let mut now = clock::now();
        let mut handshakes = Handshakes::new(now);
        let tick = Duration::from_millis(1);
        let ends = now + UNDISTURBED;
        for id in 0..RUNNING_MAX as u64 {
            handshakes.ask(GreeterId(id), address(1));
            assert_eq!(handshakes.next(now), Turn::Begin(GreeterId(id)));
            now += tick;
        }
        assert_eq!(handshakes.next(now), Turn::Nobody, "nobody waits");
        handshakes.ask(GreeterId(100), address(1));
        handshakes.ask(GreeterId(101), address(2));
        assert_eq!(handshakes.next(now), Turn::NotBefore(ends));
        assert_eq!(handshakes.next(ends), Turn::GiveWay(GreeterId(0)));
        handshakes.end(GreeterId(0));
        assert_eq!(handshakes.next(ends), Turn::Begin(GreeterId(100)));
        assert_eq!(handshakes.next(ends), Turn::NotBefore(ends + tick));
        assert_eq!(handshakes.next(ends + tick), Turn::GiveWay(GreeterId(1)));
        handshakes.end(GreeterId(1));
        assert_eq!(handshakes.next(ends + tick), Turn::Begin(GreeterId(101)));
        assert_eq!(handshakes.next(ends + UNDISTURBED), Turn::Nobody, "nobody waits");
    }

    #[test]
    fn those_that_are_under_way_are_limited_and_those_that_leave_make_room() {
        let now = clock::now();
        let mut handshakes = Handshakes::new(now);
        for id in 0..=RUNNING_MAX as u64 {
            handshakes.ask(GreeterId(id), address(1));
        }
        for id in 0..RUNNING_MAX as u64 {
            assert_eq!(handshakes.next(now), Turn::Begin(GreeterId(id)));
        }
        assert_eq!(handshakes.next(now), Turn::NotBefore(now + UNDISTURBED));
        handshakes.end(GreeterId(7));
        assert_eq!(handshakes.next(now), Turn::Begin(GreeterId(RUNNING_MAX as u64)));
        handshakes.ask(GreeterId(900), address(1));
        handshakes.end(GreeterId(900));
        handshakes.end(GreeterId(8));
        assert_eq!(handshakes.next(now), Turn::Nobody, "it has gone");
        assert!(handshakes.turns.is_empty(), "{handshakes:?}");
    }
}
