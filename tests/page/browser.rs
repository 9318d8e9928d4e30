//! [`Browser`]: a Chromium without a window, told over `WebDriver` what to do. Debian's `chromium` and `chromium-driver`.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::common::PATIENCE;

const DRIVER: &str = "chromedriver";

/// What Chromium is started with: no window, nobody else's servers, and as root.
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) width: u32,
    pub(super) dark: bool,
}

/// A browser with one tab. It ends when this is dropped.
pub(super) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    pub(super) fn start() -> Self {
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("expected Debian's chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        // What it says later is read as well, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self { driver, port: port.unwrap(), session: String::new() };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": ARGUMENTS },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": millis(PATIENCE), "pageLoad": millis(PATIENCE) },
        } } });
        let made = browser.post("/session", &wanted);
        made["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        browser
    }

    pub(super) fn open(&self, url: &str) {
        self.tell("url", &json!({ "url": url }));
    }

    /// What this expression is worth on the page.
    pub(super) fn value(&self, expression: &str) -> Value {
        self.tell("execute/sync", &json!({ "script": format!("return {expression}"), "args": [] }))
    }

    /// Waits until a condition holds on the page, and returns when that was, by the clock of the machine.
    pub(super) fn until(&self, condition: &str) -> Duration {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const observer = new MutationObserver(look);
             function look() {{
                 if (!({condition})) return;
                 observer.disconnect();
                 done(Date.now());
             }}
             observer.observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});
             look();"
        );
        let at = self.tell("execute/async", &json!({ "script": script, "args": [] }));
        let at = at.as_u64().unwrap_or_else(|| panic!("{condition}: {at}; {}", self.text("body")));
        Duration::from_millis(at)
    }

    pub(super) fn text(&self, selector: &str) -> String {
        let text = self.value(&format!("document.querySelector('{selector}').innerText"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Types a key, as a person would.
    pub(super) fn press(&self, key: &str) {
        let strokes =
            json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keys = json!([{ "type": "key", "id": "keyboard", "actions": strokes }]);
        self.tell("actions", &json!({ "actions": keys }));
    }

    pub(super) fn look_as(&self, view: View) {
        let scheme = if view.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.command("Emulation.setEmulatedMedia", &json!({ "features": features }));
        let size =
            json!({ "width": view.width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", &size);
    }

    /// A picture of the whole page, as PNG.
    pub(super) fn picture(&self) -> Vec<u8> {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.command("Page.captureScreenshot", &whole);
        base64(taken["data"].as_str().unwrap())
    }

    /// The errors in the console, but for those that an end of the node causes: a connection that was refused, or ended.
    pub(super) fn errors(&self) -> Vec<String> {
        let told = self.tell("se/log", &json!({ "type": "browser" }));
        let errors = told.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE");
        let texts = errors.map(|entry| entry["message"].as_str().unwrap().to_owned());
        texts.filter(|text| !text.contains("net::ERR_")).collect()
    }

    fn command(&self, name: &str, parameters: &Value) -> Value {
        self.tell("goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }

    fn tell(&self, what: &str, body: &Value) -> Value {
        self.post(&format!("/session/{}/{what}", self.session), body)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask("POST", path, &body.to_string()).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{path}: {} {}", value["error"], value["message"]);
        value
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE * 2))?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(said) = line.strip_prefix("content-length:") {
                length = said.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        Ok(body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It takes the browser with it, also when the test has failed.
        let _ = self.ask("DELETE", &format!("/session/{}", self.session), "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<_> = text.bytes().filter(|byte| *byte != b'=').map(value).collect();
    let group = |four: &[u8]| {
        let bits = four.iter().fold(0_u32, |bits, digit| (bits << 6) | u32::from(*digit));
        let bits = bits << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}
