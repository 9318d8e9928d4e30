//! The recipes for a fence behind HTTP: a conditional put, as object stores have it, and a server that looks at the header
//! `Ballotbox-Token` itself. The server here is as small as can be, and both are played against it.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use ballotbox::fence::{Fence, Refused, Token};

use crate::common::id;

const TOKEN: &str = "ballotbox-token";

/// What is kept under the one path there is: with each write its version is another one.
#[derive(Debug, Default)]
struct Object {
    version: u64,
    /// As the last writer has sent it: the server does not look at it.
    token: String,
    body: String,
}

/// What the server makes of a write.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Every write lands.
    None,
    /// `If-Match` names the version that is there: what object stores can do.
    Condition,
    /// The token in the header is admitted by a fence.
    Token,
}

#[derive(Debug, Default)]
struct Message {
    /// The first line.
    line: String,
    /// The names are in small letters.
    headers: BTreeMap<String, String>,
    body: String,
}

impl Message {
    fn read(from: impl Read) -> io::Result<Self> {
        let mut from = BufReader::new(from);
        let mut message = Self::default();
        from.read_line(&mut message.line)?;
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end_matches(['\r', '\n']).split_once(": ") else {
                break;
            };
            message.headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = message.header("content-length").parse().unwrap_or(0);
        from.take(length).read_to_string(&mut message.body)?;
        Ok(message)
    }

    fn write(&self, mut to: impl Write) -> io::Result<()> {
        let mut text = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        write!(to, "{text}content-length: {}\r\n\r\n{}", self.body.len(), self.body)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn with(mut self, name: &str, value: String) -> Self {
        self.headers.insert(name.to_owned(), value);
        self
    }

    fn status(&self) -> u16 {
        self.line.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

fn message(line: &str, body: &str) -> Message {
    Message { line: line.to_owned(), body: body.to_owned(), ..Message::default() }
}

/// Serves one request after the other, as long as the process runs.
fn serve(rule: Rule) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut object, mut fence) = (Object::default(), Fence::default());
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            let request = Message::read(&connection).unwrap();
            answer(rule, &request, &mut object, &mut fence).write(&connection).unwrap();
        }
    });
    address
}

fn answer(rule: Rule, request: &Message, object: &mut Object, fence: &mut Fence) -> Message {
    if request.line.starts_with("PUT ") {
        let refused = match rule {
            Rule::None => None,
            Rule::Condition => {
                let is_met = request.header("if-match") == format!("\"{}\"", object.version);
                (!is_met).then(|| message("HTTP/1.1 412 Precondition Failed", ""))
            }
            Rule::Token => match request.header(TOKEN).parse() {
                Ok(token) => fence.admit(token).err().map(conflict),
                Err(error) => Some(message("HTTP/1.1 400 Bad Request", &error.to_string())),
            },
        };
        if let Some(refused) = refused {
            return refused;
        }
        object.version += 1;
        request.header(TOKEN).clone_into(&mut object.token);
        object.body.clone_from(&request.body);
    }
    let etag = format!("\"{}\"", object.version);
    message("HTTP/1.1 200 OK", &object.body).with("etag", etag).with(TOKEN, object.token.clone())
}

/// The largest token goes with the refusal, so that nobody has to ask.
fn conflict(refused: Refused) -> Message {
    let largest = refused.highest().map_or_else(String::new, |highest| highest.to_string());
    message("HTTP/1.1 409 Conflict", &refused.to_string()).with(TOKEN, largest)
}

fn send(to: SocketAddr, request: &Message) -> Message {
    let connection = TcpStream::connect(to).unwrap();
    request.write(&connection).unwrap();
    Message::read(&connection).unwrap()
}

fn get(from: SocketAddr) -> Message {
    send(from, &message("GET /account HTTP/1.1", ""))
}

/// A write that is on its way: what its leader has decided upon is not undone.
fn put(token: Token, version: &str, body: &str) -> Message {
    message("PUT /account HTTP/1.1", body)
        .with(TOKEN, token.to_string())
        .with("if-match", version.to_owned())
}

/// The recipe: a leader reads version and token of what is there, and unless a later one was here, prepares a write for that version.
fn prepared(at: SocketAddr, token: Token, body: &str) -> Result<Message, Refused> {
    let found = get(at);
    let highest = found.header(TOKEN).parse().ok();
    Fence::new(highest).admit(token)?;
    Ok(put(token, found.header("etag"), body))
}

fn tokens() -> [Token; 2] {
    [Token::new(7, id(1)), Token::new(8, id(2))]
}

#[test]
fn a_write_that_is_late_lands_without_a_condition() {
    let server = serve(Rule::None);
    let [old, new] = tokens();
    let late = prepared(server, old, "old").unwrap();
    send(server, &prepared(server, new, "new").unwrap());
    assert_eq!(send(server, &late).status(), 200);
    assert_eq!(get(server).body, "old", "the successor's write is gone");
}

#[test]
fn a_conditional_put_on_the_version_read_with_the_token_lets_no_late_write_land() {
    let server = serve(Rule::Condition);
    let [old, new] = tokens();
    let first = send(server, &prepared(server, old, "first").unwrap());
    assert_eq!(first.status(), 200);
    let late = prepared(server, old, "old").unwrap();
    assert_eq!(send(server, &prepared(server, new, "new").unwrap()).status(), 200);
    assert_eq!(send(server, &late).status(), 412);
    // Then it reads again, as one that is refused does, and learns why.
    let refused = prepared(server, old, "old").unwrap_err();
    assert_eq!(refused, Refused::Stale { token: old, highest: new });
    let now = get(server);
    assert_eq!((now.body.as_str(), now.header(TOKEN)), ("new", "8 2"));
    assert_eq!(send(server, &prepared(server, new, "again").unwrap()).status(), 200);
}

/// F2, F6, F7.
#[test]
fn a_server_that_looks_at_the_token_needs_no_condition_and_says_the_largest_when_it_refuses() {
    let server = serve(Rule::Token);
    let [old, new] = tokens();
    assert_eq!(send(server, &put(old, "", "first")).status(), 200);
    let late = put(old, "", "old");
    assert_eq!(send(server, &put(new, "", "new")).status(), 200);
    for (request, told) in [
        (late, "is stale"),
        (put(Token::new(8, id(3)), "", "other"), "is a duplicate"),
        (put(Token::new(u64::MAX, id(3)), "", "absurd"), "is the token of no leader"),
    ] {
        let refusal = send(server, &request);
        assert_eq!((refusal.status(), refusal.header(TOKEN)), (409, "8 2"));
        assert!(refusal.body.contains(told), "{}", refusal.body);
    }
    let without = send(server, &message("PUT /account HTTP/1.1", "none"));
    assert_eq!(without.status(), 400);
    assert_eq!(get(server).body, "new");
}
