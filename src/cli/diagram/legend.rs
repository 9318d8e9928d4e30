//! The legend: what was drawn in this picture, and what it means.

use std::collections::BTreeSet;

use super::{
    shape::{Ends, Shape},
    text::{SIZE, SMALL, width},
};

/// What a legend can explain, in its order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Sign {
    Looking,
    Following,
    Observing,
    Chosen,
    Leading,
    Paused,
    Starts,
    Dies,
    Stops,
    OwnVote,
    Vote,
    Joined,
    Elected,
    Learned,
    Follows,
    Leads,
    Epoch,
    Lease,
    LeaseEnd,
    Parted,
    Cut,
    Break,
}

impl Sign {
    const fn meaning(self) -> &'static str {
        match self {
            Self::Looking => "looks for a leader",
            Self::Following => "has elected or follows a leader",
            Self::Observing => "watches a leader, without a vote",
            Self::Chosen => "is elected, and does not lead yet",
            Self::Leading => "leads",
            Self::Paused => "stands still, or is paused",
            Self::Starts => "starts, or starts again",
            Self::Dies => "dies",
            Self::Stops => "stops in good order",
            Self::OwnVote => "votes for itself",
            Self::Vote => "votes for another",
            Self::Joined => "joins in electing",
            Self::Elected => "is elected",
            Self::Learned => "learns who is elected",
            Self::Follows => "follows, from here on, in this epoch",
            Self::Leads => "leads, from here on, in this epoch",
            Self::Epoch => "one epoch, one colour",
            Self::Lease => "holds a lease: nobody else leads",
            Self::LeaseEnd => "the lease is over",
            Self::Parted => "cut off: A does not reach B",
            Self::Cut => "a link is cut",
            Self::Break => "nothing happens for long",
        }
    }

    /// A sample, at most 28 wide, around this point.
    pub(super) fn sample(self, x: i32, y: i32) -> Vec<Shape> {
        let lane = |class| vec![Shape::line(class, (x - 12, y), (x + 12, y))];
        let dot = |class, radius| vec![Shape::Circle { class, x, y, radius }];
        match self {
            Self::Looking => lane("looking"),
            Self::Following => lane("following"),
            Self::Observing => lane("observing"),
            Self::Chosen => lane("chosen"),
            Self::Leading => lane("leading"),
            Self::Paused => lane("following paused"),
            Self::Starts => vec![start(x, y)],
            Self::Dies => death(x, y),
            Self::Stops => vec![stop(x, y)],
            Self::OwnVote => dot("own", 4),
            Self::Vote => vec![arrow((x - 12, y), x + 12)],
            Self::Joined => dot("joined", 5),
            Self::Elected => dot("elected", 7),
            Self::Learned => dot("learned", 5),
            Self::Follows => badge("joined", x, y, "1"),
            Self::Leads => badge("elected", x, y, "1"),
            Self::Epoch => [("epoch0", -14), ("epoch1", 0)]
                .map(|(class, dx)| Shape::Rect {
                    class,
                    x: x + dx,
                    y: y - 8,
                    width: 14,
                    height: 16,
                })
                .to_vec(),
            Self::Lease => vec![lease(x, y - 8, y + 8)],
            Self::LeaseEnd => vec![lease(x, y - 8, y), lease_end(x, y)],
            Self::Parted => {
                let mut wall = badge("side", x - 6, y, "A");
                wall.push(Shape::line("wall", (x + 9, y - 9), (x + 9, y + 9)));
                wall
            }
            Self::Cut => cut((x - 12, y - 5), x + 12, 8),
            Self::Break => vec![zigzag(x - 12, x + 12, y)],
        }
    }
}

pub(super) fn start(x: i32, y: i32) -> Shape {
    let points = vec![(x - 7, y - 5), (x + 7, y - 5), (x, y + 7)];
    Shape::Path { class: "start", points, ends: Ends::Closed }
}

pub(super) fn death(x: i32, y: i32) -> Vec<Shape> {
    vec![
        Shape::line("dead", (x - 7, y - 7), (x + 7, y + 7)),
        Shape::line("dead", (x - 7, y + 7), (x + 7, y - 7)),
    ]
}

pub(super) fn stop(x: i32, y: i32) -> Shape {
    Shape::line("line stop", (x - 9, y), (x + 9, y))
}

pub(super) fn arrow(from: (i32, i32), to: i32) -> Shape {
    Shape::Path { class: "arrow", points: vec![from, (to, from.1)], ends: Ends::Arrow }
}

/// A little text in a box.
pub(super) fn badge(class: &'static str, x: i32, y: i32, text: &str) -> Vec<Shape> {
    let wide = (width(text, SMALL, true) + 8).max(16);
    let plate = Shape::Rect { class, x: x - wide / 2, y: y - 8, width: wide, height: 16 };
    vec![plate, Shape::centred("in", x, y + 4, text)]
}

pub(super) fn lease(x: i32, from: i32, to: i32) -> Shape {
    Shape::Rect { class: "lease", x: x - 3, y: from, width: 6, height: to - from }
}

pub(super) fn lease_end(x: i32, y: i32) -> Shape {
    Shape::Rect { class: "lease", x: x - 8, y: y - 2, width: 16, height: 4 }
}

/// A bracket below two lanes, with a cross in its middle.
pub(super) fn cut((from, y): (i32, i32), to: i32, depth: i32) -> Vec<Shape> {
    let (middle, low) = (i32::midpoint(from, to), y + depth);
    let points = vec![(from, y), (from, low), (to, low), (to, y)];
    let bracket = Shape::Path { class: "cut", points, ends: Ends::Open };
    let [one, other] =
        [4, -4].map(|d| Shape::line("dead", (middle - 4, low - d), (middle + 4, low + d)));
    vec![bracket, one, other]
}

/// A torn strip across the lanes.
pub(super) fn zigzag(from: i32, to: i32, y: i32) -> Shape {
    const TOOTH: i32 = 8;
    let places = (0..).map(|n| (from + n * TOOTH, if n % 2 == 0 { -2 } else { 2 }));
    let teeth: Vec<_> = places.take_while(|(x, _)| *x <= to).collect();
    let upper = teeth.iter().map(|(x, dy)| (*x, y - 3 + dy));
    let lower = teeth.iter().rev().map(|(x, dy)| (*x, y + 3 + dy));
    Shape::Path { class: "gap", points: upper.chain(lower).collect(), ends: Ends::Closed }
}

const LEFT: i32 = 16;
const SAMPLE: i32 = 40;
const LINE: i32 = 24;

/// Draws the legend, and returns where it ends.
pub(super) fn draw(signs: &BTreeSet<Sign>, top: i32, room: i32, shapes: &mut Vec<Shape>) -> i32 {
    let column = column(signs);
    let columns = usize::try_from((room - LEFT) / column).unwrap_or_default().max(1);
    let lines = signs.len().div_ceil(columns);
    let (mut x, mut y) = (LEFT, top);
    for (n, sign) in signs.iter().enumerate() {
        if n > 0 && n % lines == 0 {
            (x, y) = (x + column, top);
        }
        shapes.extend(sign.sample(x + 14, y));
        shapes.push(Shape::text("faint", x + SAMPLE, y + 4, sign.meaning()));
        y += LINE;
    }
    top + LINE * i32::try_from(lines).unwrap_or_default()
}

/// The narrowest picture in which the legend is not cut off.
pub(super) fn narrowest(signs: &BTreeSet<Sign>) -> i32 {
    LEFT + column(signs)
}

/// How wide a column is.
fn column(signs: &BTreeSet<Sign>) -> i32 {
    let meanings = signs.iter().map(|sign| width(sign.meaning(), SIZE, false));
    SAMPLE + meanings.max().unwrap_or_default() + 16
}
