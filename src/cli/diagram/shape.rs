//! [`Shape`]: what a picture consists of. How a shape looks is the matter of its class in the style sheet.

use std::fmt::Write;

use super::text::{SIZE, SMALL, TITLE, escaped};

/// One thing that is drawn. Places are in pixels from the upper left corner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    Rect {
        class: &'static str,
        x: i32,
        y: i32,
        width: i32,
        height: i32,
    },
    Circle {
        class: &'static str,
        x: i32,
        y: i32,
        radius: i32,
    },
    /// Straight lines from one point to the next.
    Path {
        class: &'static str,
        points: Vec<(i32, i32)>,
        ends: Ends,
    },
    Label(Label),
}

/// How a path ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ends {
    /// Where its last point is.
    Open,
    /// Where it began.
    Closed,
    /// With the tip of an arrow.
    Arrow,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Label {
    pub(super) class: &'static str,
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) anchor: Anchor,
    pub(super) text: String,
    /// What a pointer that rests there is told.
    pub(super) hint: Option<String>,
}

/// Which part of a text is at its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The size of a text of this class, and whether it is bold: as in the style sheet.
pub(super) fn font(class: &str) -> (i32, bool) {
    let has = |name| class.split(' ').any(|one| one == name);
    let size = if has("title") {
        TITLE
    } else if has("small") || has("in") {
        SMALL
    } else {
        SIZE
    };
    (size, has("strong") || has("good") || has("in"))
}

impl Shape {
    pub(super) fn text(class: &'static str, x: i32, y: i32, text: impl Into<String>) -> Self {
        let (text, hint) = (text.into(), None);
        Self::Label(Label { class, x, y, anchor: Anchor::Start, text, hint })
    }

    pub(super) fn centred(class: &'static str, x: i32, y: i32, text: impl Into<String>) -> Self {
        let (text, hint) = (text.into(), None);
        Self::Label(Label { class, x, y, anchor: Anchor::Middle, text, hint })
    }

    pub(super) fn line(class: &'static str, from: (i32, i32), to: (i32, i32)) -> Self {
        Self::Path { class, points: vec![from, to], ends: Ends::Open }
    }

    /// Writes it as an element. Writing to a string cannot fail.
    pub(super) fn write(&self, out: &mut String) {
        let _ = match self {
            Self::Rect { class, x, y, width, height } => writeln!(
                out,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
            ),
            Self::Circle { class, x, y, radius } => {
                writeln!(out, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>")
            }
            Self::Path { class, points, ends } => {
                let points: Vec<_> = points.iter().map(|(x, y)| format!("{x} {y}")).collect();
                let end = match ends {
                    Ends::Open => "\"",
                    Ends::Closed => "Z\"",
                    Ends::Arrow => "\" marker-end=\"url(#tip)\"",
                };
                writeln!(out, "<path class=\"{class}\" d=\"M{}{end}/>", points.join("L"))
            }
            Self::Label(Label { class, x, y, anchor, text, hint }) => {
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let hint = hint.as_ref().map(|hint| format!("<title>{}</title>", escaped(hint)));
                let (text, hint) = (escaped(text), hint.unwrap_or_default());
                writeln!(
                    out,
                    "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}>{text}{hint}</text>"
                )
            }
        };
    }
}
