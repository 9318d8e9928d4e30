//! [`Picture`]: puts everything in its place, and knows which signs the legend has to explain.

use std::collections::{BTreeMap, BTreeSet};

use ballotbox::{
    Epoch, ServerId,
    scenario::{
        live::{Effect, StoryLine, Verdict, What},
        vote_file::{MemberState, Operation},
    },
};
use ballotbox_actors::kit::Rounded;

use super::{
    axis::Axis,
    cuts::CutSpan,
    lanes::{LeaseSpan, Piece},
    legend::{self, Sign},
    shape::{Anchor, Label, Shape, font},
    text::{SIZE, SMALL, shortened, width},
};

/// Where the first column begins; before it is the time.
pub(super) const LEFT: i32 = 124;
/// What a line of the story may take; a longer one is shortened.
const STORY_MAX: i32 = 760;
/// How far a lease is from the middle of its lane.
const LEASE_AT: i32 = 18;

/// The picture as it grows. What is drawn later lies above.
pub(super) struct Picture {
    columns: BTreeMap<ServerId, i32>,
    column: i32,
    axis: Axis,
    pub(super) shapes: Vec<Shape>,
    pub(super) signs: BTreeSet<Sign>,
}

impl Picture {
    pub(super) fn new(members: impl Iterator<Item = ServerId>, column: i32, axis: Axis) -> Self {
        let middles = (0..).map(|n: i32| LEFT + column / 2 + n * column);
        let columns = members.zip(middles).collect();
        Self { columns, column, axis, shapes: Vec::new(), signs: BTreeSet::new() }
    }

    /// The middle of the column of this member.
    pub(super) fn x(&self, member: ServerId) -> Option<i32> {
        self.columns.get(&member).copied()
    }

    /// Where the last column ends.
    pub(super) fn right(&self) -> i32 {
        self.columns.values().max().map_or(LEFT, |x| x + self.column / 2)
    }

    /// Below the lanes: which epoch they belong to.
    pub(super) fn epochs(&mut self, pieces: &[Piece]) {
        const CLASSES: [&str; 4] = ["epoch0", "epoch1", "epoch2", "epoch3"];
        for piece in pieces {
            let Some((x, Epoch(epoch))) = self.x(piece.member).zip(piece.look.state.epoch()) else {
                continue;
            };
            let class = usize::try_from(epoch.rem_euclid(4)).unwrap_or_default();
            let (y, end) = (self.axis.y(piece.from), self.axis.y(piece.to));
            let (x, width) = (x - self.column / 2 + 4, self.column - 8);
            self.shapes.push(Shape::Rect { class: CLASSES[class], x, y, width, height: end - y });
            self.signs.insert(Sign::Epoch);
        }
    }

    pub(super) fn lanes(&mut self, pieces: &[Piece]) {
        for Piece { member, from, to, look } in pieces {
            let Some(x) = self.x(*member) else { continue };
            let (sign, class) = match (look.state, look.paused) {
                (MemberState::Down, _) => continue,
                (MemberState::Looking, false) => (Sign::Looking, "looking"),
                (MemberState::Looking, true) => (Sign::Looking, "looking paused"),
                (MemberState::Following { .. }, false) => (Sign::Following, "following"),
                (MemberState::Following { .. }, true) => (Sign::Following, "following paused"),
                (MemberState::Observing { .. }, false) => (Sign::Observing, "observing"),
                (MemberState::Observing { .. }, true) => (Sign::Observing, "observing paused"),
                (MemberState::Leading { epoch: None }, false) => (Sign::Chosen, "chosen"),
                (MemberState::Leading { epoch: None }, true) => (Sign::Chosen, "chosen paused"),
                (MemberState::Leading { epoch: Some(_) }, false) => (Sign::Leading, "leading"),
                (MemberState::Leading { epoch: Some(_) }, true) => {
                    (Sign::Leading, "leading paused")
                }
            };
            self.signs.insert(sign);
            if look.paused {
                self.signs.insert(Sign::Paused);
            }
            let (from, to) = (self.axis.y(*from), self.axis.y(*to));
            self.shapes.push(Shape::line(class, (x, from), (x, to)));
        }
    }

    pub(super) fn leases(&mut self, leases: &[LeaseSpan]) {
        for LeaseSpan { member, from, to, is_over } in leases {
            let Some(x) = self.x(*member).map(|x| x + LEASE_AT) else { continue };
            let (from, to) = (self.axis.y(*from), self.axis.y(*to));
            self.shapes.push(legend::lease(x, from, to));
            self.signs.insert(Sign::Lease);
            if *is_over {
                self.shapes.push(legend::lease_end(x, to));
                self.signs.insert(Sign::LeaseEnd);
            }
        }
    }

    /// Walls between columns that do not reach each other, and what is cut besides.
    pub(super) fn cuts(&mut self, spans: &[CutSpan]) {
        for span in spans {
            let (from, to) = (self.axis.y(span.from), self.axis.y(span.to));
            let columns: Vec<_> = self.columns.iter().map(|(id, x)| (*id, *x)).collect();
            for pair in columns.windows(2) {
                let [(left, x), (right, _)] = pair else { continue };
                if span.sides.get(left) != span.sides.get(right) {
                    let x = x + self.column / 2;
                    self.shapes.push(Shape::line("wall", (x, from), (x, to)));
                }
            }
            if span.is_parted() {
                self.signs.insert(Sign::Parted);
                for (id, x) in columns {
                    let side = side(span.sides.get(&id).copied().unwrap_or_default());
                    self.shapes.extend(legend::badge("side", x, from, &side));
                }
            }
            for (n, (a, b)) in (0..).zip(&span.within) {
                let Some((a, b)) = self.x(*a).zip(self.x(*b)) else { continue };
                // As long as it is cut, a dotted line goes along with both lanes.
                for x in [a, b] {
                    self.shapes.push(Shape::line("cut", (x - 10, from), (x - 10, to)));
                }
                self.shapes.extend(legend::cut((a, from), b, 8 + n % 3 * 4));
                self.signs.insert(Sign::Cut);
            }
        }
    }

    pub(super) fn breaks(&mut self) {
        let (from, to) = (LEFT, self.right());
        for at in std::mem::take(&mut self.axis.breaks) {
            self.signs.insert(Sign::Break);
            self.shapes.push(legend::zigzag(from, to, at.y));
            let (class, anchor) = ("small faint", Anchor::End);
            let (text, hint) = (format!("… {}", Rounded(at.lasts)), None);
            let label = Label { class, x: LEFT - 12, y: at.y + 4, anchor, text, hint };
            self.shapes.push(Shape::Label(label));
        }
    }

    /// A line of the story: its time, its mark and its words.
    pub(super) fn row(&mut self, row: usize, line: &StoryLine) {
        let y = self.axis.y(row);
        self.mark(y, &line.what);
        let class = class(&line.what);
        let at = format!("{:.1} ms", line.at.as_secs_f64() * 1e3);
        let (x, y, anchor, hint) = (LEFT - 12, y + 4, Anchor::End, None);
        self.shapes.push(Shape::Label(Label { class: "faint", x, y, anchor, text: at, hint }));
        let whole = line.what.to_string();
        let text = shortened(&whole, STORY_MAX, SIZE, font(class).1);
        let (x, anchor, hint) =
            (self.right() + 12, Anchor::Start, (text != whole).then_some(whole));
        self.shapes.push(Shape::Label(Label { class, x, y, anchor, text, hint }));
    }

    fn mark(&mut self, y: i32, what: &What) {
        match what {
            What::Played(operation) => self.mark_step(y, operation),
            What::Voted { member, vote } if *member == vote.leader => {
                self.put(*member, Sign::OwnVote, |x| {
                    vec![Shape::Circle { class: "own", x, y, radius: 4 }]
                });
            }
            What::Voted { member, vote } => {
                if let Some(to) = self.x(vote.leader) {
                    self.put(*member, Sign::Vote, |x| vec![legend::arrow((x, y), to)]);
                }
            }
            What::Decided { member, decision, .. } => {
                let (sign, class, radius) = match decision.standing {
                    ballotbox::Standing::Leading => (Sign::Elected, "elected", 7),
                    ballotbox::Standing::Following => (Sign::Joined, "joined", 5),
                    ballotbox::Standing::Observing => (Sign::Learned, "learned", 5),
                };
                self.put(*member, sign, |x| vec![Shape::Circle { class, x, y, radius }]);
            }
            What::Leads { member, epoch } => {
                self.put_epoch(*member, *epoch, y, Sign::Leads, "elected");
            }
            What::Follows { member, epoch, .. } => {
                self.put_epoch(*member, *epoch, y, Sign::Follows, "joined");
            }
            What::Befalls { member: Some(member), effect, .. } => {
                self.mark_fault(y, *member, *effect);
            }
            What::Looking { .. }
            | What::Lost { .. }
            | What::LeaseOver { .. }
            | What::WaitsFor { .. }
            | What::Befalls { member: None, .. }
            | What::Judged { .. } => {}
        }
    }

    fn mark_step(&mut self, y: i32, operation: &Operation) {
        let to = self.right() + 6;
        self.shapes.push(Shape::line("step", (LEFT, y), (to, y)));
        match operation {
            Operation::Start(members) => {
                for member in members {
                    self.put(*member, Sign::Starts, |x| vec![legend::start(x, y)]);
                }
            }
            Operation::Kill(members) => {
                for member in members {
                    self.put(*member, Sign::Dies, |x| legend::death(x, y));
                }
            }
            Operation::Stop(members) => {
                for member in members {
                    self.put(*member, Sign::Stops, |x| vec![legend::stop(x, y)]);
                }
            }
            Operation::Pause(_)
            | Operation::Resume(_)
            | Operation::Hang(_)
            | Operation::Wake(_)
            | Operation::Cut(_)
            | Operation::Isolate(_)
            | Operation::Block(_)
            | Operation::Heal
            | Operation::Wipe(_)
            | Operation::Fill(_)
            | Operation::Free(_)
            | Operation::Resign { .. } => {}
        }
    }

    fn mark_fault(&mut self, y: i32, member: ServerId, effect: Effect) {
        match effect {
            Effect::Dies => self.put(member, Sign::Dies, |x| legend::death(x, y)),
            Effect::Starts => self.put(member, Sign::Starts, |x| vec![legend::start(x, y)]),
            Effect::Nothing | Effect::StandsStill | Effect::GoesOn | Effect::Broken => {}
        }
    }

    fn put_epoch(
        &mut self,
        member: ServerId,
        epoch: Epoch,
        y: i32,
        sign: Sign,
        class: &'static str,
    ) {
        let text = shortened(&epoch.to_string(), self.column - 16, SMALL, true);
        self.put(member, sign, |x| legend::badge(class, x, y, &text));
    }

    /// Draws a mark on the lane of a member.
    fn put(&mut self, member: ServerId, sign: Sign, mark: impl FnOnce(i32) -> Vec<Shape>) {
        if let Some(x) = self.x(member) {
            self.shapes.extend(mark(x));
            self.signs.insert(sign);
        }
    }
}

/// How the words of a line look.
const fn class(what: &What) -> &'static str {
    match what {
        What::Played(_) => "strong",
        What::Judged { verdict: Verdict::Met, .. } => "faint",
        What::Judged { .. } | What::Befalls { effect: Effect::Broken, .. } => "bad",
        What::Leads { .. } => "good",
        What::Looking { .. }
        | What::Voted { .. }
        | What::Decided { .. }
        | What::Follows { .. }
        | What::Lost { .. }
        | What::LeaseOver { .. }
        | What::Befalls { .. }
        | What::WaitsFor { .. } => "plain",
    }
}

/// The widest line of the story, as it is drawn.
pub(super) fn story_width(lines: &[StoryLine]) -> i32 {
    let widths = lines.iter().map(|line| {
        let (_, bold) = font(class(&line.what));
        width(&line.what.to_string(), SIZE, bold)
    });
    widths.max().unwrap_or_default().min(STORY_MAX)
}

/// What a side of a partition is called.
fn side(number: usize) -> String {
    let letter = u8::try_from(number).ok().filter(|number| *number < 26);
    letter.map_or_else(|| number.to_string(), |letter| char::from(b'A' + letter).to_string())
}
