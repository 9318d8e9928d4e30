//! [`Handshakes`]: which TLS handshake may go on, and when.
//!
//! A handshake costs signatures, and anybody who reaches a port can ask for one. All of them together get at most a fifth of the
//! time of the thread that leads elections, and one in a quiet hour gets it at once: the time that handshakes take is counted,
//! and paid back by waiting.
//!
//! A handshake goes on in steps, one for each time that the other end has said something. Each step takes a turn, and nobody has one
//! before the last one is paid for, so no crowd can run ahead of what it costs. Those who have to wait go in turns by the address
//! that they come from: a crowd from one address holds up itself. One that says nothing takes no turns.

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

/// A turn counts for no less than this: it has to be asked for, and given.
const TURN_MIN: Duration = Duration::from_micros(50);

/// The queue and the account of one door.
#[derive(Debug)]
pub(super) struct Handshakes {
    waiting: VecDeque<(GreeterId, IpAddr)>,
    /// When the last turn of each address was, by its number, for those that wait.
    turns: BTreeMap<IpAddr, u64>,
    last_turn: u64,
    /// Whose turn it is.
    present: Option<GreeterId>,
    /// What may be taken, and what was taken above that.
    saved: Duration,
    owed: Duration,
    as_of: Instant,
}

/// What is next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// It is the turn of this one.
    Of(GreeterId),
    /// Somebody has one then.
    NotBefore(Instant),
    /// Nobody has one, until something else happens.
    Nobody,
}

impl Handshakes {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            waiting: VecDeque::new(),
            turns: BTreeMap::new(),
            last_turn: 0,
            present: None,
            saved: SAVED_MAX,
            owed: Duration::ZERO,
            as_of: now,
        }
    }

    /// The next step of this one could be taken.
    pub(super) fn ask(&mut self, greeter: GreeterId, from: IpAddr) {
        self.waiting.push_back((greeter, from));
    }

    /// Whose turn it is. Nobody else has one until it has [had](Self::had) its own, or has [left](Self::leave).
    pub(super) fn next(&mut self, now: Instant) -> Turn {
        self.earn(now);
        if self.present.is_some() || self.waiting.is_empty() {
            return Turn::Nobody;
        }
        if !self.owed.is_zero() {
            return Turn::NotBefore(now + self.owed * SHARE);
        }
        let turn_of = |from: &IpAddr| self.turns.get(from).copied().unwrap_or(0);
        let in_turn = self.waiting.iter().enumerate().min_by_key(|(_, (_, from))| turn_of(from));
        let next = in_turn.map(|(index, _)| index).and_then(|index| self.waiting.remove(index));
        let Some((greeter, from)) = next else { return Turn::Nobody };
        self.last_turn += 1;
        self.turns.insert(from, self.last_turn);
        self.forget_turn(from);
        self.present = Some(greeter);
        Turn::Of(greeter)
    }

    /// This one has had its turn, and that has cost so much.
    pub(super) fn had(&mut self, greeter: GreeterId, cost: Duration, now: Instant) {
        self.earn(now);
        let cost = cost.max(TURN_MIN);
        self.owed += cost.saturating_sub(self.saved);
        self.saved = self.saved.saturating_sub(cost);
        self.pass(greeter);
    }

    /// This one takes no more turns.
    pub(super) fn leave(&mut self, greeter: GreeterId) {
        self.pass(greeter);
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == greeter);
        if let Some((_, from)) = place.and_then(|place| self.waiting.remove(place)) {
            self.forget_turn(from);
        }
    }

    /// It is not the turn of this one any more.
    fn pass(&mut self, greeter: GreeterId) {
        self.present = self.present.filter(|present| *present != greeter);
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
    fn one_in_a_quiet_hour_goes_on_at_once() {
        let now = clock::now();
        let mut handshakes = Handshakes::new(now);
        assert_eq!(handshakes.next(now), Turn::Nobody);
        for _ in 0..3 {
            handshakes.ask(GreeterId(1), address(1));
            assert_eq!(handshakes.next(now), Turn::Of(GreeterId(1)));
            assert_eq!(handshakes.next(now), Turn::Nobody);
            handshakes.had(GreeterId(1), COST, now);
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
            handshakes.ask(GreeterId(id), address((id % 200) as u8));
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
            handshakes.ask(GreeterId(1), address(1));
            match handshakes.next(now) {
                Turn::Of(greeter) => {
                    turns += 1;
                    handshakes.had(greeter, Duration::ZERO, now);
                }
                Turn::NotBefore(then) => {
                    now = then;
                    handshakes.leave(GreeterId(1));
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
            handshakes.ask(GreeterId(id), address(1));
        }
        let mut turns = Vec::new();
        for round in 0..6 {
            if round == 2 {
                handshakes.ask(GreeterId(1000), address(2));
                handshakes.ask(GreeterId(1001), address(2));
            }
            now += COST * SHARE * 2;
            let Turn::Of(greeter) = handshakes.next(now) else { panic!("{handshakes:?}") };
            turns.push(greeter.0);
            handshakes.had(greeter, COST, now);
            handshakes.leave(greeter);
        }
        assert_eq!(turns, [0, 1, 1000, 2, 1001, 3]);
    }

    #[test]
    fn nobody_has_a_turn_before_the_last_one_is_paid_for() {
        let now = clock::now();
        let mut handshakes = Handshakes::new(now);
        for number in 0..3 {
            handshakes.ask(GreeterId(number.into()), address(number));
        }
        assert_eq!(handshakes.next(now), Turn::Of(GreeterId(0)));
        handshakes.leave(GreeterId(2));
        assert_eq!(handshakes.next(now), Turn::Nobody, "0 has not had its turn");
        handshakes.had(GreeterId(2), COST, now);
        assert_eq!(handshakes.next(now), Turn::Nobody, "and was not meant");
        handshakes.had(GreeterId(0), SAVED_MAX, now);
        assert_eq!(handshakes.next(now), Turn::NotBefore(now + COST * SHARE));
        let then = now + COST * SHARE;
        assert_eq!(handshakes.next(then), Turn::Of(GreeterId(1)));
        handshakes.ask(GreeterId(3), address(3));
        assert_eq!(handshakes.next(then), Turn::Nobody);
        handshakes.leave(GreeterId(1));
        assert_eq!(handshakes.next(then), Turn::Of(GreeterId(3)), "1 has gone in its turn");
        handshakes.leave(GreeterId(3));
        assert_eq!(handshakes.next(then), Turn::Nobody);
        assert!(handshakes.turns.is_empty(), "{handshakes:?}");
    }
}
