use std::time::Duration;

use ballotbox::{
    Decision, Epoch, Round, ServerId, Standing, Vote, Zxid,
    scenario::{
        live::Verdict,
        vote_file::{Expectation, MemberState},
    },
};
use ballotbox_core::leadership::LostBecause;

use super::{
    lanes::{LeaseSpan, Look, Piece},
    shape::font,
    text::width,
    *,
};

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn story(what: impl IntoIterator<Item = What>) -> Vec<StoryLine> {
    let at = |n: usize| Duration::from_millis(40 * (n * n) as u64);
    what.into_iter().enumerate().map(|(n, what)| StoryLine { at: at(n), what }).collect()
}

fn decided(member: u64) -> What {
    let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(2) };
    let standing = if member == 2 { Standing::Leading } else { Standing::Following };
    let decision = Decision { standing, vote, round: Round(1) };
    What::Decided { member: id(member), decision, won: None }
}

fn start(members: &[u64]) -> What {
    What::Played(Operation::Start(members.iter().copied().map(id).collect()))
}

fn file(text: &str) -> VoteFile {
    VoteFile::parse("test", text).unwrap()
}

/// Voters 1 and 2, and the observer 3.
fn three() -> VoteFile {
    file(r#"{"members":[{"id":1},{"id":2},{"id":3,"role":"observer"}]}"#)
}

/// One of everything that can be drawn, for the first two members.
fn everything(a: u64, b: u64) -> Vec<What> {
    let epoch = Epoch(i64::MAX);
    let vote = |leader| Vote { epoch: Epoch(3), zxid: Zxid(7), leader: id(leader) };
    let befalls = |member, effect| What::Befalls { member, text: "<b>&".repeat(90), effect };
    let expectation = Expectation {
        by: Duration::from_secs(1),
        leader: None,
        epoch: None,
        following: vec![],
        observing: vec![],
        looking: vec![id(a)],
    };
    let verdict = Verdict::Unmet { at: Duration::ZERO, found: [(id(a), MemberState::Down)].into() };
    vec![
        start(&[a, b]),
        What::Looking { member: id(a), round: Round(i64::MAX) },
        What::Voted { member: id(a), vote: vote(a) },
        What::Voted { member: id(b), vote: vote(a) },
        decided(a),
        What::Leads { member: id(a), epoch },
        What::Follows { member: id(b), leader: id(a), epoch },
        What::Played(Operation::Pause(vec![id(b)])),
        What::Played(Operation::Resume(vec![id(b)])),
        What::Played(Operation::Cut(vec![(id(a), id(b))])),
        What::Played(Operation::Heal),
        What::Played(Operation::Isolate(vec![id(a)])),
        befalls(Some(id(b)), Effect::StandsStill),
        befalls(Some(id(b)), Effect::GoesOn),
        befalls(None, Effect::Nothing),
        What::Played(Operation::Stop(vec![id(b)])),
        What::Played(Operation::Kill(vec![id(a)])),
        What::LeaseOver { member: id(a), epoch },
        befalls(Some(id(a)), Effect::Starts),
        befalls(Some(id(a)), Effect::Dies),
        What::Judged { expectation, verdict },
    ]
}

/// Ensembles of every kind, each with its first two members.
fn ensembles() -> Vec<(VoteFile, u64, u64)> {
    let many = |count: u64| {
        let members: Vec<_> = (1..=count).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        file(&format!(r#"{{"members":[{}],"timing":{{"lease_ms":2000}}}}"#, members.join(",")))
    };
    let (large, larger) = (9_223_372_036_854_775_805, 9_223_372_036_854_775_806);
    let wide = format!(
        r#"{{"title":"{}","members":[{{"id":{large},"group":1,"weight":1000000}},{{"id":{larger},"group":1}},{{"id":3,"role":"observer"}}]}}"#,
        "選挙WWW ".repeat(25)
    );
    vec![
        (three(), 1, 2),
        (many(2), 1, 2),
        (many(9), 1, 2),
        (many(255), 1, 2),
        (file(&wide), large, larger),
    ]
}

/// The smallest and the largest x, and the same of y.
fn extent(shape: &Shape) -> [i32; 4] {
    match shape {
        Shape::Rect { x, y, width, height, .. } => [*x, *x + *width, *y, *y + *height],
        Shape::Circle { x, y, radius, .. } => {
            [*x - *radius, *x + *radius, *y - *radius, *y + *radius]
        }
        Shape::Path { points, .. } => {
            let (xs, ys) = (points.iter().map(|(x, _)| *x), points.iter().map(|(_, y)| *y));
            let all = [xs.clone().min(), xs.max(), ys.clone().min(), ys.max()];
            all.map(Option::unwrap_or_default)
        }
        Shape::Label(Label { class, x, y, anchor, text, .. }) => {
            let (size, bold) = font(class);
            let wide = width(text, size, bold);
            let x = match anchor {
                Anchor::Start => *x,
                Anchor::Middle => *x - wide / 2,
                Anchor::End => *x - wide,
            };
            [x, x + wide, *y - size, *y + size / 3]
        }
    }
}

/// What overlaps these, of texts that do not lie on a plate of their own.
fn overlaps(shapes: &[Shape], within: [i32; 4]) -> Vec<&Shape> {
    let [left, right, top, bottom] = within;
    let hits = |shape: &&Shape| {
        let [x, to_x, y, to_y] = extent(shape);
        matches!(shape, Shape::Label(_)) && x < right && left < to_x && y < bottom && top < to_y
    };
    shapes.iter().filter(hits).collect()
}

#[test]
fn every_shape_is_inside_the_picture_and_no_text_lies_on_another() {
    for (file, a, b) in ensembles() {
        let Drawn { width, height, shapes, .. } = draw(&file, &story(everything(a, b)));
        for shape in &shapes {
            let [x, to_x, y, to_y] = extent(shape);
            let inside = x >= 0 && to_x <= width && y >= 0 && to_y <= height;
            assert!(inside && x <= to_x && y <= to_y, "{shape:?} in {width} x {height}");
            if let Shape::Label(_) = shape {
                // The lines of the text itself, without what stands above and below them.
                let hit = overlaps(&shapes, [x, to_x, y + 3, to_y - 3]);
                let others = hit.iter().filter(|other| **other != shape);
                assert_eq!(others.count(), 0, "{shape:?} lies on {hit:?}");
            }
        }
    }
}

#[test]
fn the_document_is_made_of_whole_numbers_and_escaped_text() {
    for (file, a, b) in ensembles() {
        let document = diagram(&file, &story(everything(a, b)));
        assert!(document.starts_with("<svg ") && document.ends_with("</svg>\n"));
        assert!(!document.contains("NaN") && !document.contains("<b>"));
        assert!(document.contains("&lt;b&gt;&amp;"));
        let text = document.split_once("</style>").unwrap().1;
        for value in text.split("=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            assert!(!value.contains('.'), "{value}");
        }
    }
}

#[test]
fn an_observer_that_is_led_is_drawn_as_one_and_a_voter_as_a_voter() {
    let file = three();
    let mut lanes = Lanes::new(file.ensemble(), false);
    let epoch = Epoch(4);
    lanes.take(0, &What::Leads { member: id(2), epoch });
    for member in [1, 3].map(id) {
        lanes.take(0, &What::Follows { member, leader: id(2), epoch });
    }
    let (pieces, leases) = lanes.finish(1);
    let states: Vec<_> = pieces.into_iter().map(|piece| piece.look.state).collect();
    let (leader, epoch) = (id(2), Some(epoch));
    assert_eq!(
        states,
        [
            MemberState::Following { leader, epoch },
            MemberState::Leading { epoch },
            MemberState::Observing { leader, epoch },
        ]
    );
    assert_eq!(leases, []);
}

#[test]
fn a_lane_turns_with_what_its_member_is_and_ends_with_it() {
    let file = three();
    let mut lanes = Lanes::new(file.ensemble(), false);
    let story = [
        start(&[1, 2]),
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
        lanes.finish(5).0,
        [
            piece(2, 0, 1, look(MemberState::Looking, false)),
            piece(2, 1, 2, look(MemberState::Leading { epoch: None }, false)),
            piece(2, 2, 3, look(MemberState::Leading { epoch: None }, true)),
            piece(1, 0, 5, look(MemberState::Looking, false)),
        ]
    );
}

#[test]
fn a_lease_outlives_a_leader_that_is_killed_and_ends_with_one_that_is_stopped() {
    let file = three();
    let leases = |story: &[What]| {
        let mut lanes = Lanes::new(file.ensemble(), true);
        for (row, what) in story.iter().enumerate() {
            lanes.take(row, what);
        }
        lanes.finish(9).1
    };
    let (member, epoch) = (id(2), Epoch(1));
    let (leads, over) = (What::Leads { member, epoch }, What::LeaseOver { member, epoch });
    let killed = What::Played(Operation::Kill(vec![member]));
    let stopped = What::Played(Operation::Stop(vec![member]));
    let again = start(&[2]);
    let span = |to, is_over| [LeaseSpan { member, from: 1, to, is_over }];
    let begin = start(&[1, 2]);
    let story = |rest: &[&What]| {
        let all = [&begin, &leads].into_iter().chain(rest.iter().copied());
        leases(&all.cloned().collect::<Vec<_>>())
    };
    assert_eq!(story(&[]), span(9, false));
    assert_eq!(story(&[&killed]), span(9, false));
    assert_eq!(story(&[&killed, &again, &over]), span(4, true));
    assert_eq!(story(&[&stopped]), span(2, true));
    assert_eq!(story(&[&stopped, &again]), span(2, true));
    // Whatever its next life does.
    let follows = What::Follows { member, leader: id(1), epoch: Epoch(2) };
    let lost = What::Lost { member, epoch: Epoch(2), cause: LostBecause::Silence };
    assert_eq!(story(&[&killed, &again, &follows, &lost, &stopped, &over]), span(7, true));
    let lost = What::Lost { member, epoch, cause: LostBecause::Stopped };
    assert_eq!(story(&[&stopped, &decided(1), &lost]), span(4, true));
}

#[test]
fn a_text_is_as_large_as_it_is_measured() {
    for (class, selector) in
        [("title", ".title {"), ("small", ".small {"), ("in", ".in {"), ("plain", "text {")]
    {
        let rule = STYLE.lines().find(|line| line.starts_with(selector)).unwrap();
        let (size, bold) = font(class);
        assert!(rule.contains(&format!(" font-size: {size}px")), "{class}: {rule}");
        assert_eq!(rule.contains("font-weight: bold"), bold, "{class}: {rule}");
    }
    assert_eq!(STYLE.matches("font-size").count(), 4);
}

#[test]
fn the_heads_tell_roles_weights_and_groups() {
    let plain = diagram(&three(), &[]);
    assert!(plain.contains(">observer</text>") && !plain.contains(">weight"), "{plain}");
    assert!(plain.contains("<title>member 1, voter</title>"));
    let sites = file(
        r#"{"members":[{"id":1,"group":1},{"id":2,"group":1,"weight":3},{"id":3,"role":"observer"}]}"#,
    );
    let sites = diagram(&sites, &[]);
    for text in
        [">weight 1<", ">weight 3<", ">group 1<", "<title>member 2, voter, weight 3, group 1<"]
    {
        assert!(sites.contains(text), "{text}: {sites}");
    }
    assert_eq!(sites.matches(">group 1<").count(), 2);
}

#[test]
fn deaths_partitions_and_breaks_are_drawn_and_explained() {
    let document = diagram(&three(), &story(everything(1, 2)));
    for meaning in
        ["dies", "stops in good order", "cut off: A does not reach B", "nothing happens for long"]
    {
        assert!(document.contains(&format!(">{meaning}</text>")), "{meaning}: {document}");
    }
    let plain = diagram(&three(), &story([start(&[1])]));
    assert!(!plain.contains(">dies<") && plain.contains(">starts, or starts again<"));
}

#[test]
fn the_picture_is_told_in_words() {
    let leads = What::Leads { member: id(2), epoch: Epoch(1) };
    let document = diagram(&three(), &story([start(&[1, 2]), leads]));
    let told = "3 members, one column each; time goes down. \
                at 0.0 ms: start 1, 2. at 40.0 ms: 2 leads in epoch 1.";
    assert!(document.contains(&format!("<desc id=\"desc\">{told}</desc>")), "{document}");
    assert!(document.contains("<title id=\"title\">An election</title>"));
    assert!(document.contains("prefers-color-scheme: dark"));
    for (steps, rest) in
        [(TOLD_MAX + 1, "start 1.</desc>"), (TOLD_MAX + 2, "start 1. And 2 more.</desc>")]
    {
        let document = diagram(&three(), &story((0..steps).map(|_| start(&[1]))));
        assert!(document.contains(rest), "{document}");
    }
}

#[test]
fn the_picture_is_well_formed_whatever_the_title_and_stops_at_its_limit() {
    let file = file(r#"{"title":"</svg> & \"1 < 2\"","members":[{"id":1},{"id":2}]}"#);
    let vote = Vote { epoch: Epoch(0), zxid: Zxid(0), leader: id(2) };
    let votes = |count| story((0..count).map(|_| What::Voted { member: id(1), vote }));
    let document = diagram(&file, &votes(ROWS_MAX + 3));
    assert!(document.contains("&lt;/svg&gt; &amp; &quot;1 &lt; 2&quot;"));
    assert_eq!(document.matches("</svg>").count(), 1);
    let is_cut = |document: &str| {
        (document.matches("1 votes for 2").count(), document.contains("… and more: only"))
    };
    assert_eq!(is_cut(&document), (ROWS_MAX, true));
    assert_eq!(is_cut(&diagram(&file, &votes(DIAGRAM_LINES_MAX))), (ROWS_MAX, true));
    assert_eq!(is_cut(&diagram(&file, &votes(ROWS_MAX + 1))), (ROWS_MAX + 1, false));
    // The arrow of a vote points from the voter's lane to the candidate's.
    assert!(document.contains("<path class=\"arrow\" d=\"M156 "), "{}", &document[..2000]);
}
