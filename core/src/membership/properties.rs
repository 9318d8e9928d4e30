//! The syntax of Java's properties files, as far as reading goes (`java.util.Properties.load`).
//!
//! A logical line is a key, a separator (`=`, `:` or a blank) and a value. A backslash at the end of a line joins the
//! next one to it, without that one's leading blanks; before any other character it takes away that character's
//! meaning, or gives it one: `\t`, `\n`, `\r`, `\f` and `\u` with four hexadecimal digits. Lines that begin with `#`
//! or `!` are comments, and cannot be continued. Java reads bytes as ISO-8859-1; we try UTF-8 first.

use std::str::Chars;

use crate::{UntrustedText, membership::java};

/// What counts as blank; a line end is none.
const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// One key with its value, both trimmed as ZooKeeper trims them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The key, without its escapes.
    pub key: String,
    /// The value, as real servers since 3.6 read it.
    pub value: String,
    /// The value before it was trimmed: ZooKeeper does not trim what it says of members.
    pub untrimmed: String,
    /// The line it begins in, from 1.
    pub line: usize,
    /// Whether it is all ASCII as written, so that the character set does not matter.
    pub ascii: bool,
    /// Whether a backslash disappeared, or changed a letter into another character, where no backslash was needed.
    pub backslash: bool,
    /// The first line that a backslash at the end of another joined to it, if that looks like an entry of its own.
    pub swallowed: Option<usize>,
}

/// Why a text is not in the syntax of properties.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {}", Self::what(found))]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// What stands behind the `\u`.
    pub found: UntrustedText,
}

impl SyntaxError {
    /// What is wrong, without the line.
    pub fn what(found: &UntrustedText) -> String {
        format!(
            "`\\u{found}` is not a character: expected \\u and four hexadecimal digits; a backslash begins an escape, so \
             write / or \\\\ in the path of a directory"
        )
    }
}

/// The text of a file, and what was peculiar about its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// With the byte order mark, which Java takes for a part of the first line.
    pub text: String,
    /// Whether the bytes were UTF-8; ISO-8859-1 otherwise.
    pub utf8: bool,
}

impl Source {
    /// The text these bytes are.
    pub fn decode(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self { text: text.to_owned(), utf8: true },
            Err(_) => Self { text: bytes.iter().copied().map(char::from).collect(), utf8: false },
        }
    }
}

/// All entries that can be read, in the order of the text, and what cannot; a key may come more than once.
pub fn parse(text: &str) -> (Vec<Entry>, Vec<SyntaxError>) {
    let (mut read, mut errors) = (Vec::new(), Vec::new());
    for entry in entries(text) {
        match entry {
            Ok(entry) => read.push(entry),
            Err(error) => errors.push(error),
        }
    }
    (read, errors)
}

/// The same entries one by one, for texts of others: only one entry has to be kept at a time.
pub fn entries(text: &str) -> impl Iterator<Item = Result<Entry, SyntaxError>> {
    let mut lines = natural_lines(text);
    std::iter::from_fn(move || next_entry(&mut lines))
}

fn next_entry<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Option<Result<Entry, SyntaxError>> {
    loop {
        let (line, natural) = lines.next()?;
        let mut logical = String::new();
        let mut swallowed = None;
        let mut rest = natural;
        // A line that begins with nothing but a backslash has not begun yet, so it may still be a comment.
        while !(logical.is_empty() && rest.starts_with(['#', '!'])) {
            let joined = continued(rest);
            logical.push_str(joined.unwrap_or(rest));
            match joined.and_then(|_| lines.next()) {
                Some((number, next)) => {
                    let looks = !logical.is_empty() && looks_like_an_entry(next);
                    swallowed = swallowed.or_else(|| looks.then_some(number));
                    rest = next;
                }
                None => break,
            }
        }
        if !logical.is_empty() {
            return Some(entry_of(&logical, line, swallowed));
        }
    }
}

fn entry_of(logical: &str, line: usize, swallowed: Option<usize>) -> Result<Entry, SyntaxError> {
    let (key, value) = split(logical);
    let plain = |text| unescape(text).map_err(|found| SyntaxError { line, found: found.into() });
    let (key, value) = (plain(key)?, plain(value)?);
    Ok(Entry {
        key: java::trim(&key.text).to_owned(),
        value: java::trim(&value.text).to_owned(),
        untrimmed: value.text,
        line,
        ascii: logical.is_ascii(),
        backslash: key.backslash || value.backslash,
        swallowed,
    })
}

/// Whether a line looks like a key with a value, of the kind that is joined to a path only by mistake.
fn looks_like_an_entry(line: &str) -> bool {
    let Some((key, _)) = line.split_once('=') else {
        return false;
    };
    let key = key.trim_end_matches(BLANK);
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The lines with their numbers from 1, without their ends and leading blanks.
fn natural_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(end);
        rest = Some(after.strip_prefix("\r\n").unwrap_or_else(|| &after[1..]));
        Some(line)
    });
    lines.enumerate().map(|(index, line)| (index + 1, line.trim_start_matches(BLANK)))
}

/// The line without its last backslash, if that one joins the next line to it.
fn continued(line: &str) -> Option<&str> {
    let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    (backslashes % 2 == 1).then(|| &line[..line.len() - 1])
}

/// Key and value of a logical line, still with their escapes.
fn split(logical: &str) -> (&str, &str) {
    let mut escaped = false;
    let key_end = logical.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || BLANK.contains(&c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = logical.split_at(key_end.unwrap_or(logical.len()));
    let rest = rest.trim_start_matches(BLANK);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(BLANK))
}

/// A text without its escapes.
struct Unescaped {
    text: String,
    /// Whether a backslash stood where nothing needed it.
    backslash: bool,
}

/// The text without escapes, or what stands where a character was announced.
fn unescape(text: &str) -> Result<Unescaped, String> {
    let mut plain = Unescaped { text: String::with_capacity(text.len()), backslash: false };
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.text.push(c);
            continue;
        }
        let Some(escaped) = chars.next() else { break };
        plain.backslash |= escaped.is_alphanumeric() && escaped != 'u';
        plain.text.push(match escaped {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            'u' => escaped_char(&mut chars)?,
            other => other,
        });
    }
    Ok(plain)
}

fn escaped_char(chars: &mut Chars<'_>) -> Result<char, String> {
    let first = code_unit(chars)?;
    let mut ahead = chars.clone();
    let second = match (ahead.next(), ahead.next()) {
        (Some('\\'), Some('u')) if (0xd800..0xdc00).contains(&first) => code_unit(&mut ahead)?,
        _ => 0,
    };
    let units = [first, second];
    match char::decode_utf16(units).next() {
        Some(Ok(c)) => {
            if c.len_utf16() == 2 {
                *chars = ahead;
            }
            Ok(c)
        }
        // Half a character: Java keeps it, but nothing can come of it.
        _ => Ok(char::REPLACEMENT_CHARACTER),
    }
}

fn code_unit(chars: &mut Chars<'_>) -> Result<u16, String> {
    let digits: String = chars.by_ref().take(4).collect();
    let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match u16::from_str_radix(&digits, 16) {
        Ok(unit) if plain => Ok(unit),
        _ => Err(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let (entries, errors) = parse(text);
        assert_eq!(errors, [], "{text:?}");
        entries.into_iter().map(|e| (e.key, e.value)).collect()
    }

    fn pair(text: &str) -> (String, String) {
        let mut pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{text:?}: {pairs:?}");
        pairs.remove(0)
    }

    #[test]
    fn keys_end_at_an_equals_sign_a_colon_or_a_blank() {
        for text in ["k=v", "k:v", "k v", "k\tv", "  k  =  v  ", "k : v", "\u{c}k=\tv"] {
            assert_eq!(pair(text), ("k".into(), "v".into()), "{text:?}");
        }
        assert_eq!(pair("k==v"), ("k".into(), "=v".into()));
        assert_eq!(pair("k = = v"), ("k".into(), "= v".into()));
        assert_eq!(pair("k"), ("k".into(), String::new()));
        assert_eq!(pair("=v"), (String::new(), "v".into()));
        assert_eq!(pair("server.1=h:1:2"), ("server.1".into(), "h:1:2".into()));
    }

    #[test]
    fn comments_and_blank_lines_count_as_lines_only() {
        let (entries, _) = parse("# a\\\n! b=c\n\n  # d\r\n\t\nk=v#x\r\rl=w");
        let lines: Vec<_> = entries.iter().map(|e| (e.line, e.value.as_str())).collect();
        assert_eq!(lines, [(6, "v#x"), (8, "w")]);
    }

    #[test]
    fn a_backslash_at_the_end_joins_lines_whatever_their_ends() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("k=a\\{end}   b\\{end}#c{end}l=w");
            assert_eq!(pairs(&text), [("k".into(), "ab#c".into()), ("l".into(), "w".into())]);
        }
        assert_eq!(pair("k=a\\\\\n"), ("k".into(), "a\\".into()));
        assert_eq!(pair("k=a\\"), ("k".into(), "a".into()));
        assert_eq!(pairs("\\\n\nk=v"), [("k".into(), "v".into())]);
        assert_eq!(pairs("\\\n#a=b\\\nk=v"), [("k".into(), "v".into())]);
        assert_eq!(parse("k=a\\\nb\nl=c").0[1].line, 3);
    }

    #[test]
    fn escapes_are_taken_away() {
        assert_eq!(pair(r"a\=b\:c\ d=\#v\!"), ("a=b:c d".into(), "#v!".into()));
        assert_eq!(pair(r"k=a\tb\nc\rd\fe\xf"), ("k".into(), "a\tb\nc\rd\u{c}exf".into()));
        assert_eq!(pair(r"k=\u0041\u00fc\uD83D\uDE00"), ("k".into(), "Aü😀".into()));
        assert_eq!(pair(r"k=\\u0041"), ("k".into(), r"\u0041".into()));
    }

    #[test]
    fn bad_escapes_are_told_with_their_lines_and_the_rest_is_read() {
        for text in [r"\u12", r"\u12g4", r"\u+123", r"\u", r"\ud800\u12"] {
            let (entries, errors) = parse(&format!("a=b\nk={text}\nc=d\n{text}=e"));
            let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
            assert_eq!((entries.len(), lines), (2, vec![2, 4]), "{text}");
        }
        let error = parse(r"dataDir=C:\users").1.remove(0).to_string();
        assert!(error.starts_with(r"line 1: `\users` is not a character"), "{error}");
        assert!(error.contains(r"write / or \\ in the path"), "{error}");
    }

    #[test]
    fn half_a_character_is_kept_as_one_that_cannot_be_shown() {
        for text in [r"\ud800", r"\udc00", r"\ud800x"] {
            assert!(pair(&format!("k={text}")).1.starts_with('\u{fffd}'), "{text}");
        }
        assert_eq!(pair(r"k=\ud800\u0041").1, "\u{fffd}A");
    }

    #[test]
    fn backslashes_that_nothing_needed_are_noted() {
        let noted = |text: &str| parse(text).0[0].backslash;
        for text in [r"k=D:\zk", r"k=D:\temp", r"a\b=c", r"k=\1"] {
            assert!(noted(text), "{text}");
        }
        for text in [r"k=D:\\zk", r"k=a\:b\=c\ d\#\!", r"k=\u0041", "k=a\\\n  b", r"k=v"] {
            assert!(!noted(text), "{text}");
        }
    }

    #[test]
    fn a_line_that_was_joined_by_mistake_is_noted() {
        let noted = |text: &str| parse(text).0[0].swallowed;
        assert_eq!(noted("dataDir=D:\\\\zk\\\\\nclientPort=2181"), None, "two backslashes are one");
        assert_eq!(noted("dataDir=D:/zk\\\n  clientPort = 2181"), Some(2));
        assert_eq!(noted("server.1=h:1:2\\\nserver.2=h:3:4\\\nserver.3=h:5:6"), Some(2));
        assert_eq!(noted("k=a\\\n  b"), None);
        assert_eq!(noted("k=-Da=1 \\\n-Db=2"), None);
        assert_eq!(noted("k=a\\\nb/c=d"), None);
        assert_eq!(noted("\\\nk=a"), None);
    }

    #[test]
    fn values_are_kept_untrimmed_as_well() {
        let (entries, _) = parse("k = \\ a \t\n");
        assert_eq!((entries[0].value.as_str(), entries[0].untrimmed.as_str()), ("a", " a \t"));
    }

    #[test]
    fn bytes_are_utf8_or_else_latin_1_and_a_byte_order_mark_is_part_of_the_first_line() {
        let source = Source::decode(b"\xef\xbb\xbfk=\xc3\xbc");
        assert!(source.utf8);
        assert_eq!(pair(&source.text), ("\u{feff}k".into(), "ü".into()));
        let source = Source::decode(b"k=\xfc");
        assert!(!source.utf8);
        assert_eq!(pair(&source.text), ("k".into(), "ü".into()));
    }
}
