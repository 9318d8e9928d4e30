//! The page of a node in a real browser, with a real ensemble of three processes.
//!
//! It needs Debian's `chromium` and `chromium-driver`, and so is run by hand: `cargo test --test real page -- --ignored`. `.ci/long` does that. The
//! pictures stay in the directory that `BALLOTBOX_SCREENSHOTS` names, or in `target/tmp/page`.

mod browser;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::{Duration, SystemTime},
};

use ballotbox_actors::kit::clock;
use serde_json::{Value, json};

use self::browser::{Browser, View};
use crate::common::PATIENCE;

/// A fail-over is seen within this time.
const SOON: Duration = Duration::from_secs(1);

const DESKTOP: View = View { name: "light", width: 1100, dark: false };
const DARK: View = View { name: "dark", width: 1100, dark: true };
const PHONE: View = View { name: "360", width: 360, dark: false };
const DARK_PHONE: View = View { name: "360-dark", width: 360, dark: true };

/// A node with a status port.
struct Node {
    child: Child,
    /// What it says, and when.
    events: Receiver<(Duration, Value)>,
    port: String,
}

impl Node {
    /// Starts it with its status at this port.
    fn start(id: u64, place: &Path, port: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ballotbox"))
            .args(["node", "--json", "--id", &id.to_string(), "--lease", "2s", "--votes"])
            .arg(place.join("votes.json"))
            .arg("--data-dir")
            .arg(place.join(id.to_string()))
            .args(["--status", port])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        let (say, events) = mpsc::channel();
        std::thread::spawn(move || {
            let timed = |line: std::io::Result<String>| {
                let at = clock::time_of_day().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                say.send((at, serde_json::from_str(&line.unwrap()).unwrap()))
            };
            printed.lines().try_for_each(timed)
        });
        let mut node = Self { child, events, port: String::new() };
        let (_, listening) = node.until(|event| event["event"] == "listening");
        listening["status"].as_str().unwrap().clone_into(&mut node.port);
        node
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> (Duration, Value) {
        loop {
            let (at, event) = self.events.recv_timeout(PATIENCE).expect("it says nothing more");
            if wanted(&event) {
                return (at, event);
            }
        }
    }

    /// Waits until it knows of a leader, and returns which one that is, and when it said so.
    fn led(&mut self, id: u64) -> (u64, Duration) {
        let is_led = |event: &Value| event["event"] == "leading" || event["event"] == "following";
        let (at, event) = self.until(is_led);
        (event["leader"].as_u64().unwrap_or(id), at)
    }

    fn url(&self) -> String {
        format!("http://{}/", self.port)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A place with a vote file of three voters.
fn three(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}"));
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    let free = [0; 3].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let addresses = free.iter().map(|free| free.local_addr().unwrap().to_string());
    let members: Vec<_> =
        (1..).zip(addresses).map(|(id, at)| json!({ "id": id, "election": at })).collect();
    // The page is not to be blamed for a machine that is busy with other tests.
    let votes = json!({ "timing": { "silence_ms": 5000 }, "members": members });
    fs::write(place.join("votes.json"), votes.to_string()).unwrap();
    place
}

fn start(id: u64, place: &Path) -> Node {
    Node::start(id, place, "127.0.0.1:0")
}

/// Keeps a picture for people, and looks at what a program can see: contrast, and that nothing is wider than the screen.
fn look(browser: &Browser, name: &str, view: View) {
    browser.look_as(view);
    let wide = browser.value("document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(wide <= u64::from(view.width), "{name} is {wide} pixels wide at {}", view.width);
    let faint = browser.value(FAINT);
    assert_eq!(faint, json!([]), "{name}, {}", view.name);
    let folder = env::var_os("BALLOTBOX_SCREENSHOTS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("page"), PathBuf::from);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}-{}.png", view.name)), browser.picture()).unwrap();
}

/// The texts whose contrast to what is behind them is less than AA asks for: 4.5 to 1.
const FAINT: &str = "(() => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => {
        const [r, g, b] = numbers(color).map((n) => n / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (node) => {
        for (; node; node = node.parentElement) {
            const color = getComputedStyle(node).backgroundColor;
            if ((numbers(color)[3] ?? 1) > 0) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
        const node = texts.currentNode.parentElement;
        const { width, height } = node.getBoundingClientRect();
        if (texts.currentNode.textContent.trim() === '' || width * height < 4) continue;
        const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) found.push(`${texts.currentNode.textContent}: ${contrast.toFixed(2)}`);
    }
    return found;
})()";

fn shows(selector: &str, text: &str) -> String {
    format!("document.querySelector('{selector}').textContent.includes('{text}')")
}

#[test]
#[ignore = "needs Chromium"]
fn a_fail_over_is_seen_within_a_second_and_a_node_that_was_started_again_is_heard_again() {
    let place = three("fail-over");
    let mut nodes: Vec<_> = (1..=3).map(|id| start(id, &place)).collect();
    let led: Vec<_> = nodes.iter_mut().zip(1..).map(|(node, id)| node.led(id).0).collect();
    let first = led[0];
    assert_eq!(led, [first; 3]);
    // The page is that of a follower; which one, is all the same.
    let watched = if first == 1 { 2 } else { 1 };
    let browser = Browser::start();
    browser.look_as(DESKTOP);
    let at = |id: u64| usize::try_from(id - 1).unwrap();
    browser.open(&nodes[at(watched)].url());
    browser.until(&shows("#lead", &format!("{first} leads")));
    browser.until(&shows("#lamp-answer", "Yes"));
    assert_eq!(browser.text("#live-text"), "live");

    nodes[at(first)].child.kill().unwrap();
    // The page is watched at the same time as the node, so neither waits for the other.
    let seen = std::thread::scope(|scope| {
        let page = scope.spawn(|| {
            let other = format!(
                "/^[123] leads$/.test(document.querySelector('#lead').textContent) && !{}",
                shows("#lead", &first.to_string())
            );
            browser.until(&other)
        });
        let (second, told_at) = nodes[at(watched)].led(watched);
        assert_ne!(second, first);
        let late = page.join().unwrap().saturating_sub(told_at);
        println!("seen {late:?} after the node has said so");
        assert!(late <= SOON, "{late:?}");
        second
    });
    browser.until(&shows("#lead", &format!("{seen} leads")));
    browser.until(&shows("#lamp-answer", "Not now"));
    for change in [format!("{first} led in epoch "), format!("{seen} leads with token ")] {
        browser.until(&shows("#changes", &change));
    }
    for view in [DESKTOP, DARK, PHONE] {
        look(&browser, "after-a-fail-over", view);
    }

    let url = nodes[at(watched)].port.clone();
    nodes[at(watched)].child.kill().unwrap();
    browser.until(&shows("#lead", "No answer"));
    assert!(browser.text("#live-text").starts_with("no answer since "));
    assert_eq!(browser.text("#lamp-answer"), "Not known");
    for view in [DESKTOP, DARK, PHONE] {
        look(&browser, "the-node-is-gone", view);
    }
    nodes[at(first)] = start(first, &place);
    nodes[at(watched)] = Node::start(watched, &place, &url);
    browser.until("/^[123] leads$/.test(document.querySelector('#lead').textContent)");
    browser.until(&shows("#changes", "The node was started again."));
    browser.until(&shows("#live-text", "live"));
    // What was before it was started again is not forgotten.
    browser.until(&shows("#changes", &format!("{seen} leads with token ")));
    look(&browser, "started-again", DESKTOP);
    assert_eq!(browser.errors(), [""; 0]);
}

/// From now on the test answers the page: what it asks waits in `streams` and in `questions`, and is counted where a change is noticed.
const ANSWERED_BY_HAND: &str = "(() => {
    const { report, life } = known;
    window.streams = [];
    window.questions = [];
    const count = () => document.body.dataset.asked = `${streams.length} ${questions.length}`;
    window.EventSource = class {
        static CLOSED = 2;
        constructor() { streams.push(this); count(); }
        addEventListener(name, hear) { this.hear = hear; }
        close() { this.readyState = 2; }
        refuse() { this.close(); this.onerror(); }
        say(report) { this.hear({ data: JSON.stringify(report), lastEventId: `${life}.${report.seq}` }); }
    };
    window.fetch = (path) => new Promise((answer, fail) => {
        if (path !== 'status') return;
        questions.push({ fail, answer: (report) => answer({ ok: true, json: async () => report }) });
        count();
    });
    window.led = (id, seq) => ({ ...report, seq: report.seq + seq, leader: { id, token: id, epoch: id, incarnation: null } });
    ask();
})()";

#[test]
#[ignore = "needs Chromium"]
fn what_comes_late_does_not_override_what_was_said_since() {
    let place = three("late");
    let node = start(1, &place);
    let browser = Browser::start();
    browser.open(&node.url());
    browser.until(&shows("#lead", "Nobody leads"));
    browser.value(ANSWERED_BY_HAND);
    // All that was answered is heard before the next turn of the page.
    let happens = |what: &str| {
        drop(browser.value(&format!("({what}, new Promise((done) => setTimeout(done)))")));
    };
    let has_asked = |streams: usize, asked: usize| {
        browser.until(&format!("document.body.dataset.asked === '{streams} {asked}'"));
    };
    let lead = || (browser.text("#lead"), browser.text("#live-text"));
    let shown = |leader: u64| (format!("{leader} leads"), "live".to_owned());

    happens("streams[0].refuse()");
    has_asked(2, 1);
    happens("streams[1].say(led(2, 2))");
    assert_eq!(lead(), shown(2));
    happens("questions[0].answer(led(3, 1))");
    assert_eq!(lead(), shown(2), "an answer that is late");

    happens("streams[1].refuse()");
    has_asked(3, 2);
    happens("streams[2].say(led(2, 2))");
    happens("questions[1].fail(new Error('late'))");
    assert_eq!(lead(), shown(2), "a failure that is late");

    happens("streams[2].refuse()");
    has_asked(4, 3);
    happens("streams[3].refuse()");
    has_asked(5, 4);
    happens("questions[3].answer(led(3, 4))");
    assert_eq!(lead(), shown(3));
    happens("questions[2].answer(led(2, 3))");
    assert_eq!(lead(), shown(3), "the earlier answer of two");
    happens("streams[4].say(led(2, 3))");
    assert_eq!(lead(), shown(3), "an event that is older than an answer");
    happens("streams[4].say(led(1, 5))");
    assert_eq!(lead(), shown(1));
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_can_be_read_on_any_screen_and_without_a_mouse() {
    let place = three("views");
    let browser = Browser::start();
    let mut nodes = vec![start(1, &place)];
    browser.open(&nodes[0].url());
    browser.until(&shows("#lead", "Nobody leads"));
    assert_eq!(browser.text("#lamp-answer"), "Not now");
    for view in [DESKTOP, DARK, PHONE] {
        look(&browser, "nobody-leads", view);
    }
    nodes.extend([2, 3].map(|id| start(id, &place)));
    let led: Vec<_> = nodes.iter_mut().zip(1..).map(|(node, id)| node.led(id).0).collect();
    let leader = led[0];
    // One follower is like the other.
    for id in [leader, leader % 3 + 1] {
        let node = &nodes[usize::try_from(id - 1).unwrap()];
        browser.open(&node.url());
        browser.until(&shows("#lead", &format!("{leader} leads")));
        browser.until("document.querySelectorAll('#members [data-state=up]').length === 2");
        let name = if id == leader { "leader" } else { "follower" };
        for view in [DESKTOP, DARK, PHONE, DARK_PHONE] {
            look(&browser, name, view);
        }
        let until = browser.text("#lead-until");
        let expected =
            if id == leader { "Nobody else can lead before " } else { "has promised to " };
        assert!(until.contains(expected), "{until}");
        assert!(browser.text("#lamp-why").contains("2 of 3 voters"));
        assert_eq!(browser.value("document.querySelectorAll('h1').length"), 1);
        without_a_mouse(&browser);
        look(&browser, &format!("{name}-why"), PHONE);
    }
    assert_eq!(browser.errors(), [""; 0]);
}

/// Tab goes to all that can be opened or followed, in their order, and shows where it is; Enter opens.
fn without_a_mouse(browser: &Browser) {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    let goals = "document.querySelectorAll('summary, a[href]')";
    let count = browser.value(&format!("{goals}.length")).as_u64().unwrap();
    assert!(count > 1);
    for goal in 0..count {
        browser.press(TAB);
        assert_eq!(browser.value(&format!("document.activeElement === {goals}[{goal}]")), true);
        let outline = browser.value("getComputedStyle(document.activeElement).outlineStyle");
        assert_eq!(outline, "solid");
        if goal == 0 {
            browser.press(ENTER);
            browser.until("document.querySelector('details').open");
        }
    }
}
