//! What goes wrong between two link tables, and what else is left open.

use std::collections::VecDeque;

use ballotbox_core::links::{CANDIDATES_MAX, Event};

use super::state::{Bit, Connection, End, Holder, Side, Stage, State, socket};
use crate::members::id;

/// What is left open.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Left {
    /// At most this many attempts are made, of both sides together.
    pub(super) dials: u8,
    /// At most this many of them fail for no reason.
    pub(super) failures: u8,
    /// At most this many of them hang for ever.
    pub(super) hangs: u8,
    /// At most this many connections are cut.
    pub(super) cuts: u8,
    /// At most this often somebody has something new to say.
    pub(super) words: u8,
    /// At most this many strangers greet one side as the other.
    pub(super) strangers: u8,
    /// At most this often more of them do so at once than may wait, and are silent.
    pub(super) crowds: u8,
    /// At most this often one side freezes for good, and another instance of it begins.
    pub(super) frozen: u8,
    /// At most this many timers run out although what they wait for is under way.
    pub(super) hurries: u8,
}

/// What a stranger does behind its greeting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    /// Nothing, for ever.
    Silent,
    /// It sends something that is not understood.
    Rubbish,
    /// It sends what the one should say who it claims to be, and stays.
    Speaks,
    HangsUp,
}

impl Manner {
    /// What makes a difference to this side: a lower id only knocks.
    pub(super) const fn towards(side: usize) -> &'static [Self] {
        if side == 0 {
            &[Self::Silent, Self::Rubbish, Self::Speaks, Self::HangsUp]
        } else {
            &[Self::HangsUp]
        }
    }
}

impl State {
    /// Somebody connects to this side, and claims to be the other one.
    pub(super) fn greet(&mut self, side: usize, manner: Manner) {
        let mut end = End::new(Holder::Table, true);
        end.unread = match manner {
            Manner::Silent => VecDeque::from([Bit::Greeting]),
            Manner::Rubbish => VecDeque::from([Bit::Greeting, Bit::Rubbish]),
            Manner::Speaks => VecDeque::from([Bit::Greeting, Bit::Word(0)]),
            Manner::HangsUp => VecDeque::from([Bit::Greeting, Bit::Gone]),
        };
        let speaks = manner == Manner::Speaks;
        let stranger = End::new(Holder::Stranger { speaks }, manner != Manner::HangsUp);
        let ends = if side == 0 { [end, stranger] } else { [stranger, end] };
        self.connections.push(Connection { dialer: 1 - side, stage: Stage::Over, ends });
    }

    /// Silent strangers greet the lower side, more than may wait, and are all noticed at once.
    pub(super) fn crowd(&mut self) {
        for _ in 0..=CANDIDATES_MAX {
            let connection = self.connections.len();
            self.greet(0, Manner::Silent);
            self.connections[connection].ends[0].unread.clear();
            let socket = socket(connection);
            self.tell(0, Event::Greeted { from: Some(id(1)), socket });
        }
    }

    /// All strangers leave who have said what others should say.
    pub(super) fn speakers_leave(&mut self) {
        for (connection, side) in self.speakers() {
            self.hang_up(side, connection);
        }
    }

    pub(super) fn speakers(&self) -> Vec<(usize, usize)> {
        let ends = (0..self.connections.len()).flat_map(|number| [(number, 0), (number, 1)]);
        let speaks = |(number, side): &(usize, usize)| {
            let end = &self.connections[*number].ends[*side];
            end.held && end.holder == Holder::Stranger { speaks: true }
        };
        ends.filter(speaks).collect()
    }

    /// This side reads and says no more, but closes nothing, and a new instance of it begins. A side that was dialling it
    /// reaches the old one.
    pub(super) fn freeze(&mut self, side: usize) {
        for Connection { dialer, stage, ends } in &mut self.connections {
            let (end, reaches_it) = (&mut ends[side], *dialer != side);
            match *stage {
                Stage::UnderWay { .. } if reaches_it => end.holder = Holder::Frozen,
                Stage::UnderWay { .. } | Stage::Hangs if !reaches_it => *stage = Stage::Over,
                Stage::Over if end.held => *end = End::new(Holder::Frozen, true),
                Stage::UnderWay { .. } | Stage::Hangs | Stage::Over => {}
            }
        }
        let word = self.sides[side].word + 1;
        self.sides[side] = Side::new(side, word);
    }

    pub(super) fn fail(&mut self, connection: usize) {
        let Connection { dialer, stage, .. } = &mut self.connections[connection];
        let side = *dialer;
        if let Stage::UnderWay { attempt: link, .. } = std::mem::replace(stage, Stage::Over) {
            self.tell(side, Event::DialFailed { link });
        }
    }

    /// What was on its way is lost, but for the end. Of a connection that has not greeted nobody hears again.
    pub(super) fn cut(&mut self, connection: usize) {
        for side in 0..2 {
            let end = &mut self.connections[connection].ends[side];
            let greets = end.unread.front() == Some(&Bit::Greeting);
            end.unread.clear();
            if greets {
                self.let_go(side, connection);
            } else if end.held && end.holder == Holder::Table {
                end.unread.push_back(Bit::Gone);
            }
        }
    }
}
