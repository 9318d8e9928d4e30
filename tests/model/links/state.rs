//! Two link tables, their users, and the connections between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ballotbox_core::{
    Core,
    links::{Action, Approach, Event, LinkId, LinkTable, LinkTiming, Notice, SocketId, Timer},
    wire::Frame,
};

use super::{faults::Left, judge::Wrong};
use crate::members::id;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct State {
    pub(super) sides: [Side; 2],
    pub(super) connections: Vec<Connection>,
    pub(super) left: Left,
    /// The first thing a table asked for that it must not.
    pub(super) wrong: Option<Wrong>,
}

/// One table, and its user: what it says is a number that grows.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Side {
    pub(super) table: LinkTable,
    /// It listens, and may dial.
    pub(super) started: bool,
    pub(super) armed: BTreeSet<Timer>,
    /// Links that are open, and the connections they are.
    pub(super) open: BTreeMap<LinkId, usize>,
    /// Writes that were not reported as done, even of links that have ended since.
    pub(super) writing: BTreeSet<LinkId>,
    /// The link of which the table wants to know that its peer speaks.
    awaited: Option<LinkId>,
    pub(super) word: u8,
    pub(super) heard: u8,
    /// Two links were open at once.
    pub(super) doubled: bool,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Connection {
    pub(super) dialer: usize,
    pub(super) stage: Stage,
    /// By side, not by who dialled.
    pub(super) ends: [End; 2],
}

/// Of an attempt.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Stage {
    UnderWay {
        attempt: LinkId,
        approach: Approach,
    },
    /// Nothing will come of it, and nobody is told.
    Hangs,
    /// It was made, or has failed.
    Over,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct End {
    pub(super) holder: Holder,
    /// It was not closed.
    pub(super) held: bool,
    pub(super) reading: Reading,
    /// What is on its way to this end.
    pub(super) unread: VecDeque<Bit>,
}

/// Who is at the end of a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Holder {
    Table,
    /// One that was the table of this side, and hangs.
    Frozen,
    /// One that claims to be this side. `speaks`: it has said something that only this side should say.
    Stranger {
        speaks: bool,
    },
}

/// What a table wants of its end.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Reading {
    /// To know who greets it.
    Greeting,
    /// To know whether the first frame is valid. It stays where it is.
    FirstFrame,
    /// Nothing: the first frame was valid.
    Nothing,
    /// Whatever comes.
    Link(LinkId),
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Bit {
    Greeting,
    Word(u8),
    Question,
    /// A frame that is not understood.
    Rubbish,
    Gone,
}

fn frame(bit: Bit) -> Frame {
    match bit {
        Bit::Word(word) => Frame::new(&[word]).unwrap(),
        Bit::Question => Frame::new(b"?!").unwrap(),
        Bit::Greeting | Bit::Rubbish | Bit::Gone => panic!("no table writes that"),
    }
}

fn bit(frame: &Frame) -> Bit {
    match frame.body() {
        [word] => Bit::Word(*word),
        _ => Bit::Question,
    }
}

pub(super) fn socket(connection: usize) -> SocketId {
    SocketId(connection as u64)
}

pub(super) fn number(socket: SocketId) -> usize {
    usize::try_from(socket.0).unwrap()
}

impl Side {
    pub(super) fn new(side: usize, word: u8) -> Self {
        Self {
            table: LinkTable::new(id(side), [id(1 - side)], LinkTiming::default()),
            started: false,
            armed: BTreeSet::new(),
            open: BTreeMap::new(),
            writing: BTreeSet::new(),
            awaited: None,
            word,
            heard: 0,
            doubled: false,
        }
    }
}

impl End {
    pub(super) const fn new(holder: Holder, held: bool) -> Self {
        Self { holder, held, reading: Reading::Greeting, unread: VecDeque::new() }
    }

    pub(super) fn is_readable(&self) -> bool {
        self.unread.front().is_some_and(|bit| match self.reading {
            Reading::Greeting => *bit == Bit::Greeting,
            Reading::FirstFrame | Reading::Link(_) => true,
            Reading::Nothing => false,
        })
    }

    /// It is the end of a link of a table that is there.
    pub(super) fn serves(&self) -> bool {
        let is_link = matches!(self.reading, Reading::Link(_));
        let breaks = self.unread.contains(&Bit::Gone);
        self.held && self.holder == Holder::Table && is_link && !breaks
    }
}

impl State {
    pub(super) fn new(left: Left) -> Self {
        let sides = [Side::new(0, 1), Side::new(1, 1)];
        Self { sides, connections: Vec::new(), left, wrong: None }
    }

    pub(super) fn tell(&mut self, side: usize, event: Event) {
        let told = event.clone();
        let actions = self.sides[side].table.actions_on(event);
        self.wrong = self.wrong.or_else(|| self.judge(side, &told, &actions));
        let notices: Vec<_> = actions.iter().filter_map(notice).collect();
        for action in actions {
            self.perform(side, action);
        }
        // The user of the network learns of it in messages of their own: after all that was to be done.
        for notice in notices {
            self.inform(side, notice);
        }
    }

    fn perform(&mut self, side: usize, action: Action) {
        match action {
            Action::Dial { link, approach } => {
                self.left.dials = self.left.dials.saturating_sub(1);
                let stage = Stage::UnderWay { attempt: link, approach };
                let ends = [Holder::Table; 2].map(|holder| End::new(holder, false));
                self.connections.push(Connection { dialer: side, stage, ends });
            }
            Action::OpenLink { link, socket } => {
                self.connections[number(socket)].ends[side].reading = Reading::Link(link);
                let this = &mut self.sides[side];
                this.open.insert(link, number(socket));
                this.doubled |= this.open.len() > 1;
            }
            Action::CloseLink { link } => {
                if let Some(connection) = self.sides[side].open.remove(&link) {
                    self.hang_up(side, connection);
                }
            }
            Action::HearOut(socket) => {
                self.connections[number(socket)].ends[side].reading = Reading::FirstFrame;
            }
            Action::DropSocket(socket) => self.hang_up(side, number(socket)),
            Action::Write { link, frame } => {
                let connection = self.sides[side].open[&link];
                self.sides[side].writing.insert(link);
                self.send(side, connection, bit(&frame));
            }
            Action::SetTimer { timer, .. } => {
                self.sides[side].armed.insert(timer);
            }
            Action::ClearTimer(timer) => {
                self.sides[side].armed.remove(&timer);
            }
            Action::Notify(_) => {}
        }
    }

    /// What the user makes of a notice, by the rules of `PresentLinks`.
    fn inform(&mut self, side: usize, notice: Notice) {
        let awaited = &mut self.sides[side].awaited;
        match notice {
            Notice::LinkUp(link) => {
                *awaited = Some(link);
                self.say(side);
            }
            Notice::Doubted(link) => {
                *awaited = Some(link);
                // An elector asks at once, and speaks when it has heard what else there is.
                self.tell(side, Event::Ask { to: id(1 - side), frame: frame(Bit::Question) });
                self.say(side);
            }
            Notice::LinkDown(link) => *awaited = awaited.filter(|other| *other != link),
            Notice::Unreachable(_) | Notice::CannotDialBack(_) | Notice::Refused { .. } => {}
        }
    }

    pub(super) fn say(&mut self, side: usize) {
        let word = Bit::Word(self.sides[side].word);
        self.tell(side, Event::Send { to: id(1 - side), frame: frame(word) });
    }

    /// What nobody will read makes no difference.
    fn send(&mut self, side: usize, connection: usize, bit: Bit) {
        let there = &mut self.connections[connection].ends[1 - side];
        let is_read = there.held && there.holder == Holder::Table;
        if is_read && !there.unread.contains(&Bit::Gone) {
            there.unread.push_back(bit);
        }
    }

    pub(super) fn hang_up(&mut self, side: usize, connection: usize) {
        if self.let_go(side, connection) {
            self.send(side, connection, Bit::Gone);
        }
    }

    pub(super) fn let_go(&mut self, side: usize, connection: usize) -> bool {
        let gone = End::new(Holder::Table, false);
        std::mem::replace(&mut self.connections[connection].ends[side], gone).held
    }

    pub(super) fn make(&mut self, connection: usize) {
        let Connection { dialer, stage, ends } = &mut self.connections[connection];
        let Stage::UnderWay { attempt, approach } = std::mem::replace(stage, Stage::Over) else {
            return;
        };
        let side = *dialer;
        for end in ends {
            end.held = true;
        }
        self.send(side, connection, Bit::Greeting);
        match approach {
            Approach::Connect => {
                let socket = socket(connection);
                self.tell(side, Event::Dialed { link: attempt, socket });
            }
            Approach::Knock => {
                self.hang_up(side, connection);
                self.tell(side, Event::Knocked { link: attempt });
            }
        }
    }

    pub(super) fn deliver(&mut self, connection: usize, side: usize) {
        let end = &mut self.connections[connection].ends[side];
        match end.reading {
            Reading::Greeting => {
                end.unread.pop_front();
                let (from, socket) = (Some(id(1 - side)), socket(connection));
                self.tell(side, Event::Greeted { from, socket });
            }
            Reading::FirstFrame => self.hear_out(connection, side),
            Reading::Nothing => {}
            Reading::Link(link) => {
                if let Some(bit) = end.unread.pop_front() {
                    self.read(connection, side, link, bit);
                }
            }
        }
    }

    fn hear_out(&mut self, connection: usize, side: usize) {
        let end = &mut self.connections[connection].ends[side];
        let socket = socket(connection);
        match end.unread.front() {
            Some(Bit::Word(_) | Bit::Question) => {
                end.reading = Reading::Nothing;
                self.tell(side, Event::CandidateSpoke { socket });
            }
            Some(Bit::Greeting | Bit::Rubbish | Bit::Gone) | None => {
                self.tell(side, Event::CandidateEnded { socket });
            }
        }
    }

    fn read(&mut self, connection: usize, side: usize, link: LinkId, bit: Bit) {
        match bit {
            Bit::Word(word) => {
                self.sides[side].heard = word;
                self.understood(side, link);
            }
            Bit::Question => {
                self.understood(side, link);
                self.say(side);
            }
            Bit::Greeting | Bit::Rubbish => {}
            Bit::Gone => {
                self.let_go(side, connection);
                self.sides[side].open.remove(&link);
                self.tell(side, Event::LinkDown { link });
            }
        }
    }

    fn understood(&mut self, side: usize, link: LinkId) {
        if self.sides[side].awaited.take_if(|awaited| *awaited == link).is_some() {
            self.tell(side, Event::Spoke { link });
        }
    }

    pub(super) fn start(&mut self, side: usize) {
        self.sides[side].started = true;
        self.tell(side, Event::Start);
    }

    pub(super) fn fire(&mut self, side: usize, timer: Timer) {
        if self.sides[side].armed.remove(&timer) {
            self.tell(side, Event::TimerFired(timer));
        }
    }

    pub(super) fn written(&mut self, side: usize, link: LinkId) {
        self.sides[side].writing.remove(&link);
        self.tell(side, Event::Written { link });
    }

    /// The connection that a timer is about, if it is one for which there is more time than a round trip takes.
    fn is_about(&self, side: usize, timer: Timer) -> Option<usize> {
        match timer {
            Timer::Redial(_) | Timer::Guest(_) => None,
            Timer::Candidate(socket) => Some(number(socket)),
            Timer::Steady(peer) | Timer::Answer(peer) | Timer::Silence(peer) => {
                self.sides[side].open.get(&self.sides[side].table.link(peer)?).copied()
            }
        }
    }

    /// Whether this timer runs out before all was said that could have been.
    pub(super) fn is_early(&self, side: usize, timer: Timer) -> bool {
        self.is_about(side, timer).is_some_and(|connection| !self.is_calm(connection))
    }

    /// Nothing moves on this connection.
    fn is_calm(&self, connection: usize) -> bool {
        let moves = |(end, side): (&End, &Side)| match end.reading {
            Reading::Link(link) => end.is_readable() || side.writing.contains(&link),
            Reading::Greeting | Reading::FirstFrame | Reading::Nothing => end.is_readable(),
        };
        !self.connections[connection].ends.iter().zip(&self.sides).any(moves)
    }

    pub(super) fn is_quiet(&self) -> bool {
        let moves = |one: &Connection| {
            matches!(one.stage, Stage::UnderWay { .. }) || one.ends.iter().any(End::is_readable)
        };
        !self.connections.iter().any(moves) && self.sides.iter().all(|side| side.writing.is_empty())
    }

    pub(super) fn attempts_of(&self, side: usize) -> usize {
        let goes_on = |one: &&Connection| one.dialer == side && one.stage != Stage::Over;
        self.connections.iter().filter(goes_on).count()
    }

    /// Each has a link, to the other's, and heard its newest word.
    pub(super) fn is_linked(&self) -> bool {
        let ends = [0, 1].map(|side: usize| {
            let link = self.sides[side].table.link(id(1 - side))?;
            self.sides[side].open.get(&link).copied()
        });
        let has_heard = |side: usize| self.sides[side].heard == self.sides[1 - side].word;
        ends[0].is_some() && ends[0] == ends[1] && has_heard(0) && has_heard(1)
    }

    /// Whether one of the links is to such a one.
    pub(super) fn is_link_to(&self, holder: Holder) -> bool {
        let open = |side: usize| self.sides[side].open.values().map(move |number| (side, *number));
        (0..2).flat_map(open).any(|(side, number)| {
            let there = &self.connections[number].ends[1 - side];
            there.held && there.holder == holder
        })
    }
}

fn notice(action: &Action) -> Option<Notice> {
    if let Action::Notify(notice) = action { Some(*notice) } else { None }
}
