//! The heads of the columns: who a member is, and what it counts for.

use ballotbox::{ServerId, scenario::vote_file::VoteFile};

use super::{
    shape::{Anchor, Label, Shape},
    text::{SIZE, SMALL, shortened, width},
};

/// A line of a head.
const LINE: i32 = 15;
/// No column is narrower.
const COLUMN_MIN: i32 = 64;
/// No column is wider: what is longer is shortened.
const COLUMN_MAX: i32 = 112;

/// A column: its member, and what stands below its id.
pub(super) struct Head {
    pub(super) member: ServerId,
    below: Vec<String>,
    hint: String,
}

/// The heads, by id.
pub(super) fn heads(file: &VoteFile) -> Vec<Head> {
    let mut members: Vec<_> = file.members().map(|(member, _)| member).collect();
    members.sort_by_key(|member| member.id);
    let (mut some_weigh, mut some_have_groups) = (false, false);
    for member in &members {
        some_weigh |= member.weight.is_some_and(|weight| weight != 1);
        some_have_groups |= member.group.is_some();
    }
    let head = |member: &&ballotbox::Member| {
        let mut below = Vec::new();
        let is_voter = file.ensemble().is_voter(member.id);
        if !is_voter {
            below.push("observer".to_owned());
        } else if some_weigh {
            below.push(format!("weight {}", member.weight.unwrap_or(1)));
        }
        if let Some(group) = member.group.filter(|_| some_have_groups && is_voter) {
            below.push(format!("group {}", group.0));
        }
        let role = if is_voter { "voter" } else { "observer" };
        let parts = below.iter().filter(|part| *part != role).map(|part| format!(", {part}"));
        let hint = format!("member {}, {role}{}", member.id, parts.collect::<String>());
        Head { member: member.id, below, hint }
    };
    members.iter().map(head).collect()
}

/// How many pixels all heads take from top to bottom.
pub(super) fn height(heads: &[Head]) -> i32 {
    let lines = heads.iter().map(|head| head.below.len()).max().unwrap_or_default();
    LINE * i32::try_from(lines).unwrap_or_default() + 18
}

/// How wide a column is, the same for all.
pub(super) fn column(heads: &[Head]) -> i32 {
    let below = |head: &Head| head.below.iter().map(|text| width(text, SMALL, false)).max();
    let widths = heads.iter().map(|head| {
        let id = width(&head.member.to_string(), SIZE, true);
        id.max(below(head).unwrap_or_default()) + 10
    });
    widths.max().unwrap_or_default().clamp(COLUMN_MIN, COLUMN_MAX)
}

/// Draws a head around this x, from this y on.
pub(super) fn draw(head: &Head, x: i32, top: i32, column: i32, shapes: &mut Vec<Shape>) {
    let id = shortened(&head.member.to_string(), column - 6, SIZE, true);
    let (y, hint) = (top + 13, Some(head.hint.clone()));
    let anchor = Anchor::Middle;
    shapes.push(Shape::Label(Label { class: "strong", x, y, anchor, text: id, hint }));
    for (n, text) in (1..).zip(&head.below) {
        let text = shortened(text, column - 6, SMALL, false);
        shapes.push(Shape::centred("small faint", x, y + n * LINE, text));
    }
}
