//! [`diagram`]: a story as a picture, one lane for each member, time downwards.
//!
//! Rows stand for lines of the story, not for equal spans of time: an election of two milliseconds would vanish beside the
//! second before it. The same story always gives the same bytes, whichever world it comes from: real sockets or virtual time.
//!
//! The document needs nothing else: its style is in it, light and dark; its `title` and `desc` say in words what it shows.

mod axis;
mod cuts;
mod head;
mod lanes;
mod legend;
mod picture;
mod shape;
mod text;

use ballotbox::scenario::{
    live::{Effect, StoryLine, What},
    vote_file::{Operation, VoteFile},
};

use ballotbox_core::shown_of;

use self::{
    axis::{Axis, ROW},
    cuts::Cuts,
    lanes::Lanes,
    picture::{LEFT, Picture, story_width},
    shape::{Anchor, Label, Shape},
    text::{escaped, two_lines},
};

/// At most this many rows, and a note that there is more; a single line more has its row in the place of the note.
const ROWS_MAX: usize = 1000;
/// A story needs no more lines than this: of the last one only that it is there can be seen.
pub(super) const DIAGRAM_LINES_MAX: usize = ROWS_MAX + 2;
/// At most this many things are told in the description, and how many more there are.
const TOLD_MAX: usize = 12;

const STYLE: &str = include_str!("diagram/style.css");
const MARGIN: i32 = 16;
const TITLE_LINE: i32 = 22;
/// No picture is narrower.
const WIDTH_MIN: i32 = 480;
/// A picture is made wider for its title, up to here.
const TITLE_MAX: i32 = 960;

/// The story as an SVG document. What is beyond [`DIAGRAM_LINES_MAX`] lines changes nothing.
pub(super) fn diagram(file: &VoteFile, story: &[StoryLine]) -> String {
    let drawn = draw(file, story);
    let Drawn { width, height, title, description, shapes } = &drawn;
    let mut document = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8Z\"/></marker></defs>\n",
        escaped(title),
        escaped(description),
    );
    for shape in shapes {
        shape.write(&mut document);
    }
    document + "</svg>\n"
}

/// A picture, before it becomes text.
struct Drawn {
    width: i32,
    height: i32,
    title: String,
    description: String,
    shapes: Vec<Shape>,
}

fn draw(file: &VoteFile, story: &[StoryLine]) -> Drawn {
    let shown = &story[..shown_of(story.len(), ROWS_MAX)];
    let heads = head::heads(file);
    let column = head::column(&heads);
    let columns = i32::try_from(heads.len()).unwrap_or_default();
    let title = file.title.as_ref().map_or_else(|| "An election".to_owned(), ToString::to_string);

    let width = LEFT + columns * column + 12 + story_width(shown) + MARGIN;
    let for_title = text::width(&title, text::TITLE, false) + 2 * MARGIN;
    let width = width.max(WIDTH_MIN).max(for_title.min(TITLE_MAX));
    let title_lines = two_lines(&title, width - 2 * MARGIN, text::TITLE);
    let heads_at = 16 + TITLE_LINE * i32::try_from(title_lines.len()).unwrap_or_default() + 8;
    let top = heads_at + head::height(&heads) + 18;

    let mut lanes = Lanes::new(file.ensemble(), file.timing.leadership.lease.is_some());
    let mut cuts = Cuts::new(heads.iter().map(|head| head.member).collect());
    for (row, line) in shown.iter().enumerate() {
        lanes.take(row, &line.what);
        if let What::Played(operation) = &line.what {
            cuts.take(row, operation);
        }
    }
    let (pieces, leases) = lanes.finish(shown.len());
    let cuts = cuts.finish(shown.len());

    let axis = Axis::new(top, shown);
    let mut y = axis.end() + ROW;
    let mut picture = Picture::new(heads.iter().map(|head| head.member), column, axis);
    picture.epochs(&pieces);
    picture.lanes(&pieces);
    picture.leases(&leases);
    picture.breaks();
    for (row, line) in shown.iter().enumerate() {
        picture.row(row, line);
    }
    picture.cuts(&cuts);
    for head in &heads {
        if let Some(x) = picture.x(head.member) {
            head::draw(head, x, heads_at, column, &mut picture.shapes);
        }
    }
    let Picture { mut shapes, signs, .. } = picture;
    if story.len() > shown.len() {
        let rest = format!("… and more: only the first {ROWS_MAX} lines are drawn");
        shapes.push(Shape::text("strong", MARGIN, y, rest));
        y += ROW;
    }
    let width = width.max(legend::narrowest(&signs));
    let height = legend::draw(&signs, y + 8, width, &mut shapes) + 8;
    let mut whole = vec![Shape::Rect { class: "bg", x: 0, y: 0, width, height }];
    for (n, line) in (1..).zip(title_lines) {
        let (class, x, y, anchor) = ("title", MARGIN, 8 + n * TITLE_LINE, Anchor::Start);
        let hint = None;
        whole.push(Shape::Label(Label { class, x, y, anchor, text: line, hint }));
    }
    whole.extend(shapes);
    let description = describe(heads.len(), shown);
    Drawn { width, height, title, description, shapes: whole }
}

/// The picture in words: what happened to the members, and who led.
fn describe(members: usize, story: &[StoryLine]) -> String {
    let matters = |line: &&StoryLine| match &line.what {
        What::Played(operation) => !matches!(operation, Operation::Free(_)),
        What::Leads { .. } | What::LeaseOver { .. } => true,
        What::Befalls { effect, .. } => *effect != Effect::Nothing,
        What::Decided { won, .. } => won.is_some(),
        What::Looking { .. }
        | What::Voted { .. }
        | What::Follows { .. }
        | What::Lost { .. }
        | What::WaitsFor { .. }
        | What::Judged { .. } => false,
    };
    let all = story.iter().filter(matters).count();
    let shown = shown_of(all, TOLD_MAX);
    let told = story.iter().filter(matters).take(shown);
    let told: Vec<_> = told
        .map(|line| {
            let what = text::shortened(&line.what.to_string(), 640, text::SIZE, false);
            format!("at {:.1} ms: {what}.", line.at.as_secs_f64() * 1e3)
        })
        .collect();
    let rest = match all - shown {
        0 => String::new(),
        more => format!(" And {more} more."),
    };
    let noun = if members == 1 { "member" } else { "members" };
    format!("{members} {noun}, one column each; time goes down. {}{rest}", told.join(" "))
}

#[cfg(test)]
mod tests;
