//! [`Axis`]: where each row is. Rows stand for lines of the story, so the time between two of them has no length of its own; where it is
//! long, the axis has a break that says how long.

use std::time::Duration;

use ballotbox::scenario::live::StoryLine;

/// The height of a row.
pub(super) const ROW: i32 = 24;
/// What a break takes.
const BREAK: i32 = 26;
/// From here on nothing happens for long.
const LONG: Duration = Duration::from_millis(100);

/// Where nothing happens for long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Break {
    pub(super) y: i32,
    pub(super) lasts: Duration,
}

pub(super) struct Axis {
    /// The middle of each row, and of one more at the end.
    rows: Vec<i32>,
    pub(super) breaks: Vec<Break>,
}

impl Axis {
    pub(super) fn new(top: i32, lines: &[StoryLine]) -> Self {
        let (mut rows, mut breaks) = (Vec::with_capacity(lines.len() + 1), Vec::new());
        let mut y = top;
        for (row, line) in lines.iter().enumerate() {
            let before = row.checked_sub(1).map_or(Duration::ZERO, |before| lines[before].at);
            let lasts = line.at.saturating_sub(before);
            if row > 0 && lasts >= LONG {
                breaks.push(Break { y: y + (BREAK - ROW) / 2, lasts });
                y += BREAK;
            }
            rows.push(y);
            y += ROW;
        }
        rows.push(y);
        Self { rows, breaks }
    }

    /// The middle of a row.
    pub(super) fn y(&self, row: usize) -> i32 {
        self.rows.get(row).or_else(|| self.rows.last()).copied().unwrap_or_default()
    }

    /// Where the last lane ends.
    pub(super) fn end(&self) -> i32 {
        self.rows.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use ballotbox::scenario::{live::What, vote_file::Operation};

    use super::*;

    #[test]
    fn the_axis_breaks_where_nothing_happens_for_long() {
        let line =
            |ms| StoryLine { at: Duration::from_millis(ms), what: What::Played(Operation::Heal) };
        let axis = Axis::new(100, &[line(500), line(599), line(699)]);
        assert_eq!([0, 1, 2, 3].map(|row| axis.y(row)), [100, 124, 174, 198]);
        assert_eq!(axis.breaks, [Break { y: 149, lasts: LONG }]);
        assert_eq!((axis.end(), Axis::new(100, &[]).end()), (198, 100));
    }
}
