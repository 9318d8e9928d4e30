//! [`diagram`]: a story as a picture, one lane for each member, time downwards.
//!
//! Rows stand for lines of the story, not for equal spans of time: an election of two milliseconds would vanish beside the
//! second before it. The same story always gives the same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use ballotbox::{
    Ensemble, Epoch, ServerId, Standing,
    scenario::{
        live::{StoryLine, Verdict, What},
        vote_file::{MemberState, Operation, VoteFile},
    },
};

/// At most this many rows; later ones are dropped, with a note.
pub(super) const DIAGRAM_ROWS_MAX: usize = 1000;

const TOP: usize = 84;
const LEFT: usize = 110;
const LANE: usize = 64;
const ROW: usize = 24;
/// About what a character takes.
const CHAR: usize = 8;

/// The story as an SVG document.
pub(super) fn diagram(file: &VoteFile, story: &[StoryLine]) -> String {
    let shown = &story[..story.len().min(DIAGRAM_ROWS_MAX)];
    let mut picture = Picture::new(file, shown, story.len() - shown.len());
    let mut lanes = Lanes::new(file.ensemble());
    for (row, line) in shown.iter().enumerate() {
        lanes.take(row, &line.what);
        picture.row(row, line);
    }
    picture.finish(lanes.finish(shown.len()))
}

/// What a lane shows between two rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Look {
    state: MemberState,
    paused: bool,
}

/// A piece of a lane that looks the same from one row to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Piece {
    member: ServerId,
    from: usize,
    to: usize,
    look: Look,
}

/// Follows what each member is, row by row.
struct Lanes<'a> {
    ensemble: &'a Ensemble,
    now: BTreeMap<ServerId, (usize, Look)>,
    pieces: Vec<Piece>,
}

impl<'a> Lanes<'a> {
    const fn new(ensemble: &'a Ensemble) -> Self {
        Self { ensemble, now: BTreeMap::new(), pieces: Vec::new() }
    }

    fn take(&mut self, row: usize, what: &What) {
        match what {
            What::Played(Operation::Start(members)) => {
                for member in members {
                    self.turn(row, *member, |_| Look {
                        state: MemberState::Looking,
                        paused: false,
                    });
                }
            }
            What::Played(Operation::Stop(members) | Operation::Kill(members)) => {
                for member in members {
                    self.turn(row, *member, |_| Look { state: MemberState::Down, paused: false });
                }
            }
            What::Played(operation @ (Operation::Pause(members) | Operation::Resume(members))) => {
                let paused = matches!(operation, Operation::Pause(_));
                for member in members {
                    self.turn(row, *member, |look| Look { paused, ..look });
                }
            }
            What::Played(
                Operation::Hang(_)
                | Operation::Wake(_)
                | Operation::Cut(_)
                | Operation::Isolate(_)
                | Operation::Block(_)
                | Operation::Heal
                | Operation::Wipe(_)
                | Operation::Fill(_)
                | Operation::Free(_)
                | Operation::Resign { .. },
            )
            | What::Voted { .. }
            | What::WaitsFor { .. }
            | What::Judged { .. } => {}
            What::Leads { member, epoch } => {
                self.led(row, *member, *member, *epoch);
            }
            What::Follows { member, leader, epoch } => {
                self.led(row, *member, *leader, *epoch);
            }
            What::Looking { member, .. } | What::Lost { member, .. } => {
                self.turn(row, *member, |look| Look { state: MemberState::Looking, ..look });
            }
            What::Decided { member, decision, .. } => {
                let state = MemberState::under(decision.vote.leader, decision.standing, None);
                self.turn(row, *member, |look| Look { state, ..look });
            }
        }
    }

    /// The member leads, or follows or watches another one.
    fn led(&mut self, row: usize, member: ServerId, leader: ServerId, epoch: Epoch) {
        let standing = Standing::under(leader, member, self.ensemble.is_voter(member));
        let state = MemberState::under(leader, standing, Some(epoch));
        self.turn(row, member, |look| Look { state, ..look });
    }

    fn turn(&mut self, row: usize, member: ServerId, into: impl Fn(Look) -> Look) {
        let down = Look { state: MemberState::Down, paused: false };
        let (from, before) = self.now.get(&member).copied().unwrap_or((row, down));
        self.close(member, from, row, before);
        self.now.insert(member, (row, into(before)));
    }

    fn close(&mut self, member: ServerId, from: usize, to: usize, look: Look) {
        if look.state != MemberState::Down && from < to {
            self.pieces.push(Piece { member, from, to, look });
        }
    }

    fn finish(mut self, rows: usize) -> Vec<Piece> {
        for (member, (from, look)) in std::mem::take(&mut self.now) {
            self.close(member, from, rows, look);
        }
        self.pieces
    }
}

/// The document as it grows. Writing to a `String` cannot fail, so its results are let go.
struct Picture {
    lanes: BTreeMap<ServerId, usize>,
    head: String,
    rows: String,
}

impl Picture {
    fn new(file: &VoteFile, shown: &[StoryLine], left_out: usize) -> Self {
        let rows = shown.len();
        let texts = shown.iter().map(|line| line.what.to_string().chars().count());
        let title =
            file.title.as_ref().map_or_else(|| "An election".to_owned(), ToString::to_string);
        let chars = texts.chain([title.chars().count()]).max().unwrap_or_default();
        let ids: BTreeSet<_> = file.ensemble().members().map(|(id, _)| id).collect();
        let lanes: BTreeMap<_, _> =
            ids.into_iter().enumerate().map(|(n, id)| (id, LEFT + LANE / 2 + n * LANE)).collect();
        let width = LEFT + lanes.len() * LANE + 24 + chars * CHAR;
        let height = TOP + (rows + 2) * ROW;
        let mut head = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#555555\"/>\
             </marker></defs>\n"
        );
        let title = escaped(&title);
        let _ = writeln!(head, "<text x=\"16\" y=\"28\" font-size=\"17\">{title}</text>");
        for (id, x) in &lanes {
            let role = if file.ensemble().is_voter(*id) { "" } else { " (observer)" };
            let _ = writeln!(
                head,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" font-weight=\"bold\">{id}\
                 <title>member {id}{role}</title></text>",
                TOP - 18
            );
        }
        let mut rows_text = String::new();
        if left_out > 0 {
            let _ = writeln!(
                rows_text,
                "<text x=\"16\" y=\"{}\">… and {left_out} more</text>",
                TOP + (rows + 1) * ROW
            );
        }
        Self { lanes, head, rows: rows_text }
    }

    fn row(&mut self, row: usize, line: &StoryLine) {
        let y = TOP + row * ROW;
        let text_x = LEFT + self.lanes.len() * LANE + 12;
        let at = line.at.as_secs_f64() * 1e3;
        self.mark(y, &line.what);
        let (color, weight) = match &line.what {
            What::Played(_) => ("#222222", "bold"),
            What::Judged { verdict: Verdict::Met, .. } => ("#777777", "normal"),
            What::Judged { .. } => ("#c0392b", "normal"),
            What::Leads { .. } => ("#2a9d4a", "bold"),
            What::Looking { .. }
            | What::Voted { .. }
            | What::Decided { .. }
            | What::Follows { .. }
            | What::Lost { .. }
            | What::WaitsFor { .. } => ("#222222", "normal"),
        };
        let text = escaped(&line.what.to_string());
        let _ = writeln!(
            self.rows,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#777777\">{at:.1} ms</text>\n\
             <text x=\"{text_x}\" y=\"{}\" fill=\"{color}\" font-weight=\"{weight}\">{text}</text>",
            LEFT - 12,
            y + 4,
            y + 4,
        );
    }

    /// What a row shows on the lanes: a line across for a step, an arrow for a vote, a dot for a decision.
    fn mark(&mut self, y: usize, what: &What) {
        let lane = |member: &ServerId| self.lanes.get(member).copied();
        let mark = match what {
            What::Played(_) => {
                let to = LEFT + self.lanes.len() * LANE + 6;
                format!(
                    "<path d=\"M{LEFT} {y}H{to}\" stroke=\"#bbbbbb\" stroke-dasharray=\"3 3\"/>"
                )
            }
            What::Voted { member, vote } => match (lane(member), lane(&vote.leader)) {
                (Some(from), Some(to)) if from == to => format!(
                    "<circle cx=\"{from}\" cy=\"{y}\" r=\"4\" fill=\"#ffffff\" stroke=\"#555555\"/>"
                ),
                (Some(from), Some(to)) => format!(
                    "<path d=\"M{from} {y}H{to}\" stroke=\"#555555\" marker-end=\"url(#tip)\"/>"
                ),
                (None, _) | (_, None) => return,
            },
            What::Decided { member, won, .. } => {
                let (radius, fill) = if won.is_some() { (7, "#2a9d4a") } else { (5, "#3b7dd8") };
                let Some(x) = lane(member) else { return };
                format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\"/>")
            }
            What::Leads { member, .. } => {
                let Some(x) = lane(member) else { return };
                let (x, y) = (x.saturating_sub(7), y.saturating_sub(7));
                format!("<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" fill=\"#2a9d4a\"/>")
            }
            What::Looking { .. }
            | What::Follows { .. }
            | What::Lost { .. }
            | What::WaitsFor { .. }
            | What::Judged { .. } => return,
        };
        self.rows.push_str(&mark);
        self.rows.push('\n');
    }

    fn finish(self, pieces: Vec<Piece>) -> String {
        let mut document = self.head;
        for Piece { member, from, to, look } in pieces {
            let Some(x) = self.lanes.get(&member) else { continue };
            let (color, width) = match look.state {
                MemberState::Down => continue,
                MemberState::Looking => ("#e0a030", 3),
                MemberState::Following { .. } => ("#3b7dd8", 3),
                MemberState::Observing { .. } => ("#999999", 3),
                MemberState::Leading { .. } => ("#2a9d4a", 7),
            };
            let dashes = if look.paused { " stroke-dasharray=\"2 5\"" } else { "" };
            let (from, to) = (TOP + from * ROW, TOP + to * ROW);
            let _ = writeln!(
                document,
                "<path d=\"M{x} {from}V{to}\" stroke=\"{color}\" stroke-width=\"{width}\"{dashes}/>"
            );
        }
        document + &self.rows + "</svg>\n"
    }
}

/// Text that cannot end an element or an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballotbox::{Decision, Round, Vote, Zxid};

    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn story(what: impl IntoIterator<Item = What>) -> Vec<StoryLine> {
        let at = |n: usize| Duration::from_micros(100 * n as u64);
        what.into_iter().enumerate().map(|(n, what)| StoryLine { at: at(n), what }).collect()
    }

    fn decided(member: u64) -> What {
        let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(2) };
        let standing = if member == 2 { Standing::Leading } else { Standing::Following };
        let decision = Decision { standing, vote, round: Round(1) };
        What::Decided { member: id(member), decision, took: Duration::ZERO, won: None }
    }

    /// Voters 1 and 2, and the observer 3.
    fn three() -> VoteFile {
        let text = r#"{"members":[{"id":1},{"id":2},{"id":3,"role":"observer"}]}"#;
        VoteFile::parse("test", text).unwrap()
    }

    #[test]
    fn an_observer_that_is_led_is_drawn_as_one_and_a_voter_as_a_voter() {
        let file = three();
        let mut lanes = Lanes::new(file.ensemble());
        let epoch = Epoch(4);
        lanes.take(0, &What::Leads { member: id(2), epoch });
        for member in [1, 3].map(id) {
            lanes.take(0, &What::Follows { member, leader: id(2), epoch });
        }
        let states: Vec<_> = lanes.finish(1).into_iter().map(|piece| piece.look.state).collect();
        let (leader, epoch) = (id(2), Some(epoch));
        assert_eq!(
            states,
            [
                MemberState::Following { leader, epoch },
                MemberState::Leading { epoch },
                MemberState::Observing { leader, epoch },
            ]
        );
    }

    #[test]
    fn a_lane_turns_with_what_its_member_is_and_ends_with_it() {
        let file = three();
        let mut lanes = Lanes::new(file.ensemble());
        let story = [
            What::Played(Operation::Start(vec![id(1), id(2)])),
            decided(2),
            What::Played(Operation::Pause(vec![id(2)])),
            What::Played(Operation::Kill(vec![id(2)])),
        ];
        for (row, what) in story.iter().enumerate() {
            lanes.take(row, what);
        }
        let look = |state, paused| Look { state, paused };
        let piece = |member, from, to, look| Piece { member: id(member), from, to, look };
        assert_eq!(
            lanes.finish(5),
            [
                piece(2, 0, 1, look(MemberState::Looking, false)),
                piece(2, 1, 2, look(MemberState::Leading { epoch: None }, false)),
                piece(2, 2, 3, look(MemberState::Leading { epoch: None }, true)),
                piece(1, 0, 5, look(MemberState::Looking, false)),
            ]
        );
    }

    #[test]
    fn the_picture_is_well_formed_whatever_the_title_and_stops_at_its_limit() {
        let text = r#"{"title":"</svg> & \"1 < 2\"","members":[{"id":1},{"id":2}]}"#;
        let file = VoteFile::parse("test", text).unwrap();
        let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(2) };
        let many = (0..DIAGRAM_ROWS_MAX + 3).map(|_| What::Voted { member: id(1), vote });
        let picture = diagram(&file, &story(many));
        assert!(picture.contains("&lt;/svg&gt; &amp; &quot;1 &lt; 2&quot;"));
        assert_eq!(picture.matches("</svg>").count(), 1);
        assert_eq!(picture.matches("1 votes for 2").count(), DIAGRAM_ROWS_MAX);
        assert!(picture.contains("… and 3 more"));
        // The arrow of a vote points from the voter's lane to the candidate's.
        assert!(picture.contains("<path d=\"M142 84H206\""), "{}", &picture[..2000]);
    }
}
