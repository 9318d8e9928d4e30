//! Two link tables, and the connections between them.
//!
//! Each side starts when it likes, though it may be greeted before. Of an attempt nothing may come for ever: whoever
//! waits for it must get its link all the same. A write may be reported as done when its link has ended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ballotbox::ServerId;
use ballotbox_actors::{
    links::{Action, Approach, Event, LinkId, LinkTable, LinkTiming, Notice, SocketId, Timer},
    wire::Frame,
};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// What is left open.
#[derive(Clone, Debug)]
struct Pair {
    left: Left,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct State {
    sides: [Side; 2],
    connections: Vec<Connection>,
    left: Left,
}

#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
struct Left {
    /// So many attempts are made, of both sides together.
    dials: u8,
    /// So many of them fail for no reason.
    failures: u8,
    /// So many of them hang for ever.
    hangs: u8,
    /// So many connections are cut.
    cuts: u8,
    /// So often somebody has something new to say.
    words: u8,
}

/// One table, and whoever uses it: what it says is a number that grows.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Side {
    table: LinkTable,
    /// It listens, and may dial.
    started: bool,
    armed: BTreeSet<Timer>,
    /// Links that are open, and the connections they are.
    open: BTreeMap<LinkId, usize>,
    /// Writes that were not reported as done, even of links that have ended since.
    writing: BTreeSet<LinkId>,
    word: u8,
    heard: u8,
    /// Two links were open at once.
    doubled: bool,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Connection {
    dialer: usize,
    attempt: LinkId,
    approach: Approach,
    stage: Stage,
    /// By side, not by who dialled: whether it holds its end, and as which link.
    held: [bool; 2],
    link: [Option<LinkId>; 2],
    /// What is on its way to each side.
    to: [VecDeque<Bit>; 2],
}

/// Of an attempt.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Stage {
    UnderWay,
    /// Nothing will come of it, and nobody is told.
    Hangs,
    /// It was made, or has failed.
    Over,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Bit {
    Greeting,
    Word(u8),
    Gone,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Step {
    Start { side: usize },
    Fire { side: usize, timer: Timer },
    Make { connection: usize },
    Fail { connection: usize },
    Hang { connection: usize },
    Deliver { connection: usize, to: usize },
    Written { side: usize, link: LinkId },
    Cut { connection: usize },
    Say { side: usize },
}

fn id(side: usize) -> ServerId {
    ServerId::new(side as u64 + 1).unwrap()
}

fn frame(word: u8) -> Frame {
    Frame::new(&[word]).unwrap()
}

impl State {
    fn tell(&mut self, side: usize, event: Event) {
        let actions = self.sides[side].table.handle(event);
        let spoken_to = |action: &Action| {
            matches!(action, Action::Notify(Notice::LinkUp(_) | Notice::Doubted(_)))
        };
        let says = actions.iter().any(spoken_to);
        for action in actions {
            self.perform(side, action);
        }
        if says {
            // The user of the network learns of it in a message of its own: after all that was to be done.
            self.say(side);
        }
    }

    fn perform(&mut self, side: usize, action: Action) {
        match action {
            Action::Dial { link, approach } => {
                self.left.dials = self.left.dials.saturating_sub(1);
                self.connections.push(Connection {
                    dialer: side,
                    attempt: link,
                    approach,
                    stage: Stage::UnderWay,
                    held: [false; 2],
                    link: [None; 2],
                    to: [VecDeque::new(), VecDeque::new()],
                });
            }
            Action::OpenLink { link, socket } => {
                let connection = usize::try_from(socket.0).unwrap();
                self.connections[connection].link[side] = Some(link);
                let this = &mut self.sides[side];
                this.open.insert(link, connection);
                this.doubled |= this.open.len() > 1;
            }
            Action::CloseLink { link } => {
                if let Some(connection) = self.sides[side].open.remove(&link) {
                    self.hang_up(side, connection);
                }
            }
            Action::DropSocket(socket) => self.hang_up(side, usize::try_from(socket.0).unwrap()),
            Action::Write { link, frame } => {
                let connection = self.sides[side].open[&link];
                self.sides[side].writing.insert(link);
                self.send(side, connection, Bit::Word(frame.body()[0]));
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

    fn say(&mut self, side: usize) {
        let word = self.sides[side].word;
        self.tell(side, Event::Send { to: id(1 - side), frame: frame(word) });
    }

    fn send(&mut self, side: usize, connection: usize, bit: Bit) {
        // What nobody will read makes no difference.
        if self.connections[connection].held[1 - side] {
            self.connections[connection].to[1 - side].push_back(bit);
        }
    }

    fn hang_up(&mut self, side: usize, connection: usize) {
        if self.let_go(side, connection) {
            self.send(side, connection, Bit::Gone);
        }
    }

    fn let_go(&mut self, side: usize, connection: usize) -> bool {
        let connection = &mut self.connections[connection];
        connection.to[side].clear();
        std::mem::replace(&mut connection.held[side], false)
    }

    fn make(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let (side, attempt, approach) =
            (connection.dialer, connection.attempt, connection.approach);
        connection.stage = Stage::Over;
        connection.held = [true; 2];
        self.send(side, number, Bit::Greeting);
        match approach {
            Approach::Connect => {
                let socket = SocketId(number as u64);
                self.tell(side, Event::Dialed { link: attempt, socket });
            }
            Approach::Knock => {
                self.hang_up(side, number);
                self.tell(side, Event::Knocked { link: attempt });
            }
        }
    }

    /// What was on its way is lost, but for the end. Of a connection that has not greeted nobody hears again.
    fn cut(&mut self, number: usize) {
        for side in 0..2 {
            let to = &mut self.connections[number].to[side];
            let greets = to.front() == Some(&Bit::Greeting);
            to.clear();
            if greets {
                self.let_go(side, number);
            } else if self.connections[number].held[side] {
                self.connections[number].to[side].push_back(Bit::Gone);
            }
        }
    }

    fn deliver(&mut self, number: usize, side: usize) {
        let connection = &mut self.connections[number];
        let Some(bit) = connection.to[side].pop_front() else { return };
        let link = connection.link[side];
        match bit {
            Bit::Greeting => {
                let socket = SocketId(number as u64);
                self.tell(side, Event::Greeted { from: Some(id(1 - side)), socket });
            }
            Bit::Word(word) => self.sides[side].heard = word,
            Bit::Gone => {
                self.let_go(side, number);
                if let Some(link) = link {
                    self.sides[side].open.remove(&link);
                    self.tell(side, Event::LinkDown { link });
                }
            }
        }
    }

    /// A candidate is read only when it has become the link.
    fn is_readable(&self, number: usize, side: usize) -> bool {
        let connection = &self.connections[number];
        connection.to[side].front().is_some_and(|bit| match bit {
            Bit::Greeting => true,
            Bit::Word(_) | Bit::Gone => connection.link[side].is_some(),
        })
    }

    fn is_quiet(&self) -> bool {
        let under_way = |number: usize| {
            self.connections[number].stage == Stage::UnderWay
                || (0..2).any(|side| self.is_readable(number, side))
        };
        !(0..self.connections.len()).any(under_way)
            && self.sides.iter().all(|side| side.writing.is_empty())
    }

    /// What follows if nothing else goes wrong: everything arrives, and timers run out when all is quiet.
    fn in_the_end(&self) -> Self {
        let mut state = self.clone();
        for _ in 0..100 {
            let under_way = |one: &Connection| one.stage == Stage::UnderWay;
            if let Some(number) = state.connections.iter().position(under_way) {
                state.make(number);
            } else if let Some((number, side)) = (0..state.connections.len())
                .flat_map(|number| [(number, 0), (number, 1)])
                .find(|(number, side)| state.is_readable(*number, *side))
            {
                state.deliver(number, side);
            } else if let Some((side, link)) =
                (0..2).find_map(|side| Some((side, *state.sides[side].writing.iter().next()?)))
            {
                state.written(side, link);
            } else if let Some(side) = (0..2).find(|side| !state.sides[*side].started) {
                state.start(side);
            } else if state.is_linked() {
                break;
            } else {
                // Each timer in turn: none starves another.
                for side in 0..2 {
                    for timer in state.sides[side].armed.clone() {
                        state.fire(side, timer);
                    }
                }
            }
        }
        state
    }

    fn start(&mut self, side: usize) {
        self.sides[side].started = true;
        self.tell(side, Event::Start);
    }

    fn fire(&mut self, side: usize, timer: Timer) {
        self.sides[side].armed.remove(&timer);
        self.tell(side, Event::TimerFired(timer));
    }

    fn written(&mut self, side: usize, link: LinkId) {
        self.sides[side].writing.remove(&link);
        self.tell(side, Event::Written { link });
    }

    fn attempts_of(&self, side: usize) -> usize {
        let goes_on = |one: &&Connection| one.dialer == side && one.stage != Stage::Over;
        self.connections.iter().filter(goes_on).count()
    }

    /// Each has a link, to the other's, and heard its newest word.
    fn is_linked(&self) -> bool {
        let ends = [0, 1].map(|side: usize| {
            let link = self.sides[side].table.link(id(1 - side))?;
            self.sides[side].open.get(&link).copied()
        });
        ends[0].is_some() && ends[0] == ends[1] && self.has_heard()
    }

    fn has_heard(&self) -> bool {
        (0..2).all(|side| self.sides[side].heard == self.sides[1 - side].word)
    }
}

impl Model for Pair {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let side = |side: usize| Side {
            table: LinkTable::new(id(side), [id(1 - side)], LinkTiming::default()),
            started: false,
            armed: BTreeSet::new(),
            open: BTreeMap::new(),
            writing: BTreeSet::new(),
            word: 1,
            heard: 0,
            doubled: false,
        };
        vec![State { sides: [side(0), side(1)], connections: Vec::new(), left: self.left }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (side, this) in state.sides.iter().enumerate() {
            if !this.started {
                steps.push(Step::Start { side });
            }
            for timer in &this.armed {
                let dials = matches!(timer, Timer::Redial(_));
                if !dials || state.left.dials > 0 {
                    steps.push(Step::Fire { side, timer: *timer });
                }
            }
            steps.extend(this.writing.iter().map(|link| Step::Written { side, link: *link }));
            if state.left.words > 0 {
                steps.push(Step::Say { side });
            }
        }
        for (connection, one) in state.connections.iter().enumerate() {
            if one.stage == Stage::UnderWay {
                steps.push(Step::Make { connection });
                if state.left.failures > 0 {
                    steps.push(Step::Fail { connection });
                }
                if state.left.hangs > 0 {
                    steps.push(Step::Hang { connection });
                }
            } else if state.left.cuts > 0 && one.held.iter().any(|held| *held) {
                steps.push(Step::Cut { connection });
            }
            let readable = (0..2).filter(|to| state.is_readable(connection, *to));
            steps.extend(readable.map(|to| Step::Deliver { connection, to }));
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Start { side } => state.start(side),
            Step::Fire { side, timer } => state.fire(side, timer),
            Step::Make { connection } => state.make(connection),
            Step::Fail { connection } => {
                state.left.failures -= 1;
                let one = &mut state.connections[connection];
                one.stage = Stage::Over;
                let (side, link) = (one.dialer, one.attempt);
                state.tell(side, Event::DialFailed { link });
            }
            Step::Hang { connection } => {
                state.left.hangs -= 1;
                state.connections[connection].stage = Stage::Hangs;
            }
            Step::Deliver { connection, to } => state.deliver(connection, to),
            Step::Written { side, link } => state.written(side, link),
            Step::Cut { connection } => {
                state.left.cuts -= 1;
                state.cut(connection);
            }
            Step::Say { side } => {
                state.left.words -= 1;
                state.sides[side].word += 1;
                state.say(side);
            }
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("never two links at one side", |_, state: &State| {
                !state.sides.iter().any(|side| side.doubled)
            }),
            Property::always("the higher id dials", |_, state: &State| {
                let open = state.sides.iter().flat_map(|side| side.open.values());
                open.into_iter().all(|connection| state.connections[*connection].dialer == 1)
            }),
            Property::always("what is not linked will be tried", |_, state: &State| {
                (0..2).all(|side| {
                    let this = &state.sides[side];
                    let peer = id(1 - side);
                    let waits = this.armed.contains(&Timer::Redial(peer));
                    let dials = state.attempts_of(side) > 0;
                    !this.started || this.table.link(peer).is_some() || waits || dials
                })
            }),
            Property::always(
                "in the end there is one link, and the newest words were heard",
                |_, state: &State| state.in_the_end().is_linked(),
            ),
            Property::sometimes("they are linked", |_, state: &State| {
                state.is_quiet() && state.is_linked()
            }),
        ];
        if self.left.dials > 2 {
            properties.push(Property::sometimes(
                "there is an attempt beside one that takes long",
                |_, state: &State| (0..2).any(|side| state.attempts_of(side) > 1),
            ));
        }
        properties
    }
}

/// Looks at every state there is, and says how many. There are more than this, unless something cuts them off.
fn check(left: Left, floor: usize) {
    let checker = Pair { left }
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .threads(2)
        .spawn_bfs()
        .join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    println!("{states} states: {left:?}");
    assert!(states > floor, "{states}");
}

#[test]
fn two_tables_always_end_with_one_link_whichever_dials_cross_or_fail() {
    check(Left { dials: 3, failures: 1, ..Left::default() }, 50_000);
}

#[test]
fn an_attempt_that_hangs_for_ever_keeps_nobody_from_the_link() {
    check(Left { dials: 3, failures: 1, hangs: 1, ..Left::default() }, 60_000);
}

#[test]
fn the_newest_word_is_heard_whenever_it_is_said_and_the_link_is_cut() {
    check(Left { dials: 2, cuts: 1, words: 1, ..Left::default() }, 500_000);
}

#[test]
fn a_cut_link_is_replaced_whoever_notices_first() {
    check(Left { dials: 2, failures: 1, cuts: 1, ..Left::default() }, 80_000);
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_more_dials() {
    check(Left { dials: 3, failures: 1, cuts: 1, ..Left::default() }, 1_000_000);
    check(Left { dials: 3, hangs: 1, cuts: 1, ..Left::default() }, 800_000);
}
